// pow of Vec<float> and Vec<double>.
#pragma once
#include "vec_exp.h"

namespace tx::TX_ISA {

// ---- Floats as doubles ----------------------------------------------------------------------------------------

struct Halves {
  Vec<double> low, high;
};
TX_INLINE Halves widen(Vec<float> x) {
#if defined(__AVX512F__)
  __m512 r = x.v;
  return {(Raw<double>)_mm512_cvtps_pd(_mm512_castps512_ps256(r)),
          (Raw<double>)_mm512_cvtps_pd(_mm512_extractf32x8_ps(r, 1))};
#elif defined(__AVX2__)
  __m256 r = x.v;
  return {(Raw<double>)_mm256_cvtps_pd(_mm256_castps256_ps128(r)),
          (Raw<double>)_mm256_cvtps_pd(_mm256_extractf128_ps(r, 1))};
#else
  Halves h;
  for (int i = 0; i < Vec<double>::size; i++) h.low.v[i] = x.v[i], h.high.v[i] = x.v[i + Vec<double>::size];
  return h;
#endif
}
TX_INLINE Vec<float> narrow(Halves h) {
#if defined(__AVX512F__)
  return (Raw<float>)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(h.low.v)), _mm512_cvtpd_ps(h.high.v), 1);
#elif defined(__AVX2__)
  return (Raw<float>)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps(h.low.v)), _mm256_cvtpd_ps(h.high.v),
                                          1);
#else
  Vec<float> x;
  for (int i = 0; i < Vec<double>::size; i++)
    x.v[i] = float(h.low.v[i]), x.v[i + Vec<double>::size] = float(h.high.v[i]);
  return x;
#endif
}

// x^y for positive finite x that a float holds, good to 2^-27.
TX_INLINE Vec<double> pow_of_floats(Vec<double> x, Vec<double> y) {
  auto [e, f] = decompose(x);
  Vec<double> log2 =
      fma(f,
          polynomial(f, 1.4426950409083923, -0.72134752093373133, 0.48089833396053611, -0.36067363531768715,
                     0.28854028262414616, -0.24045919314268091, 0.20606297960988398, -0.17999571035917619,
                     0.16039577223651391, -0.14911283442295023, 0.13939362323943102, -0.10351542902203888,
                     0.03897171253390698),
          e);
  Vec<double> z = min(Vec<double>(300), max(Vec<double>(-300), y * log2));          // beyond what a float holds
  Rounded<double> n = round_product(z, 1.0);
  Vec<double> r = z - n.value;
  Vec<double> p = polynomial(r, 1.0, 0.69314720291014287, 0.24022647991074028, 0.055503324235163479,
                             0.0096184289790422484, 0.0013398884271235271, 0.00015355511417526412);
  return p * power_of_two(n);
}

TX_INLINE Vec<float> pow_positive(Vec<float> x, Vec<float> y) {
  Halves a = widen(x), b = widen(y);
  return narrow({pow_of_floats(a.low, b.low), pow_of_floats(a.high, b.high)});
}

// ---- Doubles, in pairs ----------------------------------------------------------------------------------------

struct Pair {
  Vec<double> high, low;
};                       // their sum; low is below half an ULP of high

TX_INLINE Pair quick_sum(Vec<double> a, Vec<double> b) {      // |a| >= |b| or a = 0
  Vec<double> s = a + b;
  return {s, b - (s - a)};
}
TX_INLINE Pair product(Vec<double> a, Vec<double> b) {
  Vec<double> p = a * b;
  return {p, product_error(a, b, p)};
}

// log(x) to 2^-64, for positive finite x: 2 atanh(s), s = f / (2 + f), plus e ln 2.
TX_INLINE Pair log_pair(Vec<double> x) {
  using V = Vec<double>;
  auto [e, f] = decompose(x);
  V d = V(2) + f, d_low = f - (d - V(2)), reciprocal = V(1) / d;
  V s = f * reciprocal;
  Pair back = product(s, d);
  V s_low = (((f - back.high) - back.low) - s * d_low) * reciprocal;
  Pair z = product(s, s);
  z.low = z.low + V(2) * s * s_low;
  V tail = z.high * z.high *
           polynomial(z.high, 0.1999999999999986, 0.14285714285789958, 0.11111111095393454, 0.090909107837348527,
                      0.076922022856684105, 0.066706017004517365, 0.05795737940785127, 0.062884289997599332);
  V third(1.0 / 3), third_low(1.8503717077085943e-17);
  Pair u = product(z.high, third);
  u = quick_sum(u.high, u.low + (z.high * third_low + z.low * third) + tail);       // atanh(s) = s (1 + u)
  Pair su = product(s, u.high);
  Pair half = quick_sum(s, su.high);
  half.low = half.low + (su.low + s * u.low + s_low * u.high + s_low);
  V e_high = e * V(kLn2High<double>), e_low = e * V(kLn2Low<double>);
  Pair sum = quick_sum(e_high, V(2) * half.high);             // |e_high| is 0 or the larger one
  return quick_sum(sum.high, sum.low + (V(2) * half.low + e_low));
}

// The low part of ln 2 above has 53 bits of its own, so e ln 2 is good to 2^-64 relative to ln 2 as well.
TX_INLINE Vec<double> pow_positive(Vec<double> x, Vec<double> y) {
  using V = Vec<double>;
  Pair l = log_pair(x);
  Pair p = product(y, l.high);
  V high = min(V(800), max(V(-800), p.high));
  V low = where(abs(p.high) < V(800), p.low + y * l.low, V(0));
  Rounded<double> n = binary_exponent(high);
  V r = fma(n.value, V(-kLn2High<double>), high);
  r = r + fma(n.value, V(-kLn2Low<double>), low);
  return scale(exp_reduced(r), n);
}

// ---- pow ------------------------------------------------------------------------------------------------------

// 1.5 ULP. Negative bases take integer exponents only; the rest of the special values as in C.
template <class T>
  requires(is_float<T>)
TX_INLINE Vec<T> pow(Vec<T> x, Vec<T> y) {
  using V = Vec<T>;
  V ax = abs(x);
  V z = pow_positive(ax, min(V(T(1e30)), max(V(T(-1e30)), y)));      // enough to overflow from the number next to 1
  V extreme = where((ax == V(0)) ^ (y < V(0)), V(0), V(kInfinity<T>));             // of 0^y and inf^y
  z = where((ax == V(0)) | (ax == V(kInfinity<T>)), extreme, z);
  z = where(isnan(y), y, z);
  auto integer = round(y) == y, odd = integer & (round(y * V(T(0.5))) != y * V(T(0.5)));
  z = where(signbit(x) & odd, -z, z);
  z = where((x < V(0)) & ~integer & (ax < V(kInfinity<T>)), V(kNaN<T>), z);
  z = where(isnan(x), x, z);
  return where((y == V(0)) | (x == V(1)), V(1), z);
}

}  // namespace tx::TX_ISA
