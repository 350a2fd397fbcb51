// The error function and its kin, the normal distribution, and the gamma function's logarithm and logarithmic
// derivative, of Vec<float> and Vec<double>. Errors as in vec_exp.h.
#pragma once
#include "vec_trig.h"

namespace tx::TX_ISA {

// ---- Error function -------------------------------------------------------------------------------------------

// erfc(z) for z >= 0, given z^2 = q + q_low to more than one number's precision: exp(-z^2) times an approximation of
// exp(z^2) erfc(z).
TX_INLINE Vec<float> erfc_positive(Vec<float> z, Vec<float> q, Vec<float> q_low) {  // relative error 2^-26
  auto top = polynomial(z, 1.f, 1.23929322f, 0.732531428f, 0.229661763f, 0.0328899287f);
  auto bottom = polynomial(z, 1.f, 2.36767292f, 2.40415478f, 1.32709992f, 0.407090902f, 0.0582951941f);
  auto y = exp_bounded(-q) * (top / bottom);
  return fma(-y, q_low, y);
}
TX_INLINE Vec<double> erfc_positive(Vec<double> z, Vec<double> q, Vec<double> q_low) {  // 2^-54
  using V = Vec<double>;
  V d = z + V(4), r = V(1) / d, taken = d - V(4), n = taken - V(4);
  V u = n * r, ud = u * d;  // n / d, which triples an error: rounded only once
  u = u + ((n - ud) - product_error(u, d, ud)) * r;
  q_low = fma(V(16) * (r * r), z - taken, q_low);  // for taking z as `taken`: minus the logarithmic derivative
  V p = polynomial(u, 1.0959956610004911, -0.97654872908088186, 0.77320870226524641, -0.54085383131324061,
                   0.33085158787764041, -0.17401093724014205, 0.076381514916116999, -0.026370053331948924,
                   0.0061120555870181042, -0.00028095897458446358, -0.00045505227490517122, 0.00017681355700429604,
                   -3.6366445908786974e-06, -1.8863838568504558e-05, 4.6975638830046147e-06, 1.4314280319560077e-06,
                   -8.4981126367587129e-07, -8.6217778869734767e-08, 1.2547097240446578e-07, 9.605606455432629e-09,
                   -1.4256192505096624e-08, -2.8990811708861444e-09);
  V y = exp_bounded(-q) * (p * r);
  return fma(-y, q_low, y);
}
template <class T> TX_INLINE Vec<T> erfc_positive(Vec<T> z) {
  z = min(Vec<T>(sizeof(T) == 4 ? T(11) : T(28)), z);  // where it has long become 0
  Vec<T> q = z * z;
  return erfc_positive(z, q, product_error(z, z, q));
}

// 2.0 ULP. 1 - exp(-g) with g = -log(erfc(|x|)), close to a polynomial; error of the approximation 2^-26
TX_INLINE Vec<float> erf(Vec<float> x) {
  auto ax = min(Vec<float>(4), abs(x));
  auto p = polynomial(ax, 0.128379166f, 0.636619568f, 0.102776296f, -0.0191477705f, -0.00016963738f, 0.00167583919f,
                      -0.000637465797f, 0.00011889312f, -9.39180791e-06f);
  return copysign(expm1_negative(-fma(ax, p, ax)), x);
}

// 1.5 ULP. A polynomial below 1, relative error 2^-56; above it 1 - erfc(x).
TX_INLINE Vec<double> erf(Vec<double> x) {
  using V = Vec<double>;
  V ax = abs(x), z = x * x;
  V p = polynomial(z, 0.12837916709551256, -0.37612638903183448, 0.1128379167094225, -0.026866170642873874,
                   0.0052239776045128472, -0.00085483258633605624, 0.00012055291842261423, -1.4924682453341388e-05,
                   1.6446797117361041e-06, -1.6203962663211338e-07, 1.3701565205829553e-08, -7.7630821315791106e-10);
  return where(ax < V(1), fma(x, p, x), copysign(V(1) - erfc_positive(ax), x));
}

// 5.5 ULP for floats, 5.0 for doubles
template <class T> TX_INLINE Vec<T> erfc(Vec<T> x) {
  Vec<T> y = erfc_positive(abs(x));
  return where(x < Vec<T>(0), Vec<T>(2) - y, y);
}

// 7.5 ULP, in both tails: the probability that a standard normal variable is below x.
template <class T> TX_INLINE Vec<T> normal_cdf(Vec<T> x) {
  constexpr T half = T(0.5), root_half = T(0.70710678118654752440);
  Vec<T> ax = min(Vec<T>(sizeof(T) == 4 ? T(15) : T(39)), abs(x)), h = ax * Vec<T>(half), q = ax * h;
  Vec<T> tail = Vec<T>(half) * erfc_positive(ax * Vec<T>(root_half), q, product_error(ax, h, q));
  return where(x < Vec<T>(0), tail, Vec<T>(1) - tail);
}

// 7.5 ULP, in both tails while the result is normal. x times the above, written for few operations.
template <class T> TX_INLINE Vec<T> gelu(Vec<T> x) {
  Vec<T> ax = min(Vec<T>(sizeof(T) == 4 ? T(15) : T(39)), abs(x)), h = ax * Vec<T>(T(0.5)), q = ax * h;
  Vec<T> y = erfc_positive(ax * Vec<T>(T(0.70710678118654752440)), q, product_error(ax, h, q));
  return fma(-h, y, max(Vec<T>(0), x));
}

// The density of a standard normal variable at x.
template <class T> TX_INLINE Vec<T> normal_pdf(Vec<T> x) {
  Vec<T> q = abs(x) * (abs(x) * Vec<T>(T(0.5)));
  return Vec<T>(T(0.39894228040143267794)) * exp(-q);
}

// 4.5 ULP for floats, 5.5 for doubles. An approximation in w = -log(1 - x^2), good to 2^-15, and Halley's method, which triples the digits.
template <class T> TX_INLINE Vec<T> erfinv(Vec<T> x) {
  Vec<T> ax = abs(x), above = Vec<T>(1) - ax;
  Vec<T> w = -log(above * (Vec<T>(1) + ax));
  Vec<T> u = sqrt(w + Vec<T>(2)) - Vec<T>(T(3.8296057803857466));
  Vec<T> y = ax * polynomial(u, T(3.3948138709212254), T(1.0848367448222791), T(-0.018410409513309908),
                             T(0.0025015630997387282), T(-0.0019438754342447333), T(0.0019271065277612072),
                             T(0.0013390475374739277), T(-0.001492520471142809), T(-2.3951525255982224e-05),
                             T(0.00021547336866493364), T(-6.6053277014212105e-06), T(-1.0567765814903958e-05));
#pragma GCC unroll 1
  for (int step = 0; step < (sizeof(T) == 4 ? 1 : 2); step++) {
    Vec<T> error = where(ax < Vec<T>(T(0.5)), erf(y) - ax, above - erfc(y));
    Vec<T> delta = error / (Vec<T>(T(1.12837916709551257390)) * exp(-y * y));
    y = y - delta / fma(y, delta, Vec<T>(1));
  }
  y = where(ax < Vec<T>(1), y, where(ax == Vec<T>(1), Vec<T>(kInfinity<T>), Vec<T>(kNaN<T>)));
  return where(x == Vec<T>(0), x, copysign(y, x));  // keeps -0
}

// ---- Gamma function -------------------------------------------------------------------------------------------

// x minus the nearest integer, exact: what the reflection formulas for negative x need.
TX_INLINE Vec<double> fraction(Vec<double> x) { return x - round(x); }

// log |gamma(x)|. For floats 2.0 ULP: in double, upwards by products until Stirling's series holds. For doubles as
// precise as the C library, which it is.
TX_INLINE Vec<double> lgamma_of_float(Vec<double> x) {
  using V = Vec<double>;
  auto negative = x < V(0.5);
  V y = where(negative, V(1) - x, x), product(1);
  for (int step = 0; step < 8; step++) {
    auto low = y < V(8);
    product = where(low, product * y, product);
    y = where(low, y + V(1), y);
  }
  V r = V(1) / y;
  V series =
      r * polynomial(r * r, 1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156);
  V value = ((y - V(0.5)) * log(y) - y) + (V(0.91893853320467274178) + series) - log(product);
  V f = fraction(x), reflected = V(1.14472988584940017414) - log(abs(sin(V(kPi) * f))) - value;  // log(pi)
  value = where(negative, where(f == V(0), V(kInfinity<double>), reflected), value);
  return where(abs(x) == V(kInfinity<double>), V(kInfinity<double>), value);
}
TX_INLINE Vec<float> lgamma(Vec<float> x) {
  Halves h = widen(x);
  return narrow({lgamma_of_float(h.low), lgamma_of_float(h.high)});
}
TX_INLINE Vec<double> lgamma(Vec<double> x) {
  return each_lane(x, [](double s) {
    int sign;
    return __builtin_lgamma_r(s, &sign);
  });
}

// The derivative of log(gamma(x)). Absolute error 4 ULP of max(1, |digamma(x)|), and for floats 1 ULP: there is a zero at
// 1.4616 and one between any two poles. Upwards by 1/x until the asymptotic series holds; pi / tan(pi x) below 0.
TX_INLINE Vec<double> digamma(Vec<double> x) {
  using V = Vec<double>;
  auto negative = x < V(0);
  V y = where(negative, V(1) - x, x), sum(0);
  for (int step = 0; step < 10; step++) {
    auto low = y < V(10);
    sum = where(low, sum - V(1) / y, sum);
    y = where(low, y + V(1), y);
  }
  V r = V(1) / y, z = r * r;
  V series = z * polynomial(z, -1.0 / 12, 1.0 / 120, -1.0 / 252, 1.0 / 240, -1.0 / 132, 691.0 / 32760, -1.0 / 12);
  V value = sum + (log(y) - V(0.5) * r + series);
  V f = fraction(x), reflected = value - V(kPi) / tan(V(kPi) * f);
  value = where(negative, where(f == V(0), V(kNaN<double>), reflected), value);
  return where(x == V(0), copysign(V(kInfinity<double>), -x), where(x == V(kInfinity<double>), x, value));
}
TX_INLINE Vec<float> digamma(Vec<float> x) {
  Halves h = widen(x);
  return narrow({digamma(h.low), digamma(h.high)});
}

}  // namespace tx::TX_ISA
