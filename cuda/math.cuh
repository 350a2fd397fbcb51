// The named functions of the op rows (csrc/ops.h) for one number: what csrc/cpu/vec_math.h is to registers. They agree with
// it on every special value; where both round, results may differ in the last bits. float and double take CUDA's
// mathematical functions, whose errors are stated in the CUDA C++ Programming Guide (1 to 4 ULP but for lgamma).
#pragma once
#include <cmath>

#include "device.cuh"

namespace tx::cuda {

template <class T> constexpr bool is_float = std::is_floating_point_v<T>;
template <class T> constexpr T kInfinity = T(__builtin_huge_val());
template <class T> using unsigned_of = std::make_unsigned_t<std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>>;

template <class T> TX_DEVICE T where(bool mask, T a, std::type_identity_t<T> b) { return mask ? a : b; }

#define TX_MATH(name, float_name, double_name)                        \
  TX_DEVICE float name(float x) { return float_name(x); }             \
  TX_DEVICE double name(double x) { return double_name(x); }
TX_MATH(sqrt, ::sqrtf, ::sqrt)
TX_MATH(exp, ::expf, ::exp)
TX_MATH(exp2, ::exp2f, ::exp2)
TX_MATH(expm1, ::expm1f, ::expm1)
TX_MATH(log, ::logf, ::log)
TX_MATH(log2, ::log2f, ::log2)
TX_MATH(log10, ::log10f, ::log10)
TX_MATH(log1p, ::log1pf, ::log1p)
TX_MATH(sin, ::sinf, ::sin)
TX_MATH(cos, ::cosf, ::cos)
TX_MATH(tan, ::tanf, ::tan)
TX_MATH(asin, ::asinf, ::asin)
TX_MATH(acos, ::acosf, ::acos)
TX_MATH(atan, ::atanf, ::atan)
TX_MATH(sinh, ::sinhf, ::sinh)
TX_MATH(cosh, ::coshf, ::cosh)
TX_MATH(tanh, ::tanhf, ::tanh)
TX_MATH(asinh, ::asinhf, ::asinh)
TX_MATH(acosh, ::acoshf, ::acosh)
TX_MATH(atanh, ::atanhf, ::atanh)
TX_MATH(erf, ::erff, ::erf)
TX_MATH(erfc, ::erfcf, ::erfc)
#undef TX_MATH

#define TX_MATH(name, float_name, double_name)                                  \
  TX_DEVICE float name(float a, float b) { return float_name(a, b); }           \
  TX_DEVICE double name(double a, double b) { return double_name(a, b); }
TX_MATH(atan2, ::atan2f, ::atan2)
TX_MATH(hypot, ::hypotf, ::hypot)
TX_MATH(copysign, ::copysignf, ::copysign)
TX_MATH(nextafter, ::nextafterf, ::nextafter)
TX_MATH(pow, ::powf, ::pow)
#undef TX_MATH

// Integers are their own floor. Half to even, as everywhere.
#define TX_ROUNDING(name, float_name, double_name)                              \
  template <class T> TX_DEVICE T name(T x) {                                    \
    if constexpr (std::is_same_v<T, float>) return float_name(x);               \
    else if constexpr (std::is_same_v<T, double>) return double_name(x);        \
    else return x;                                                              \
  }
TX_ROUNDING(floor, ::floorf, ::floor)
TX_ROUNDING(ceil, ::ceilf, ::ceil)
TX_ROUNDING(trunc, ::truncf, ::trunc)
TX_ROUNDING(round, ::rintf, ::rint)
#undef TX_ROUNDING

TX_DEVICE float rsqrt(float x) { return 1.0f / ::sqrtf(x); }
TX_DEVICE double rsqrt(double x) { return 1.0 / ::sqrt(x); }

// a * b + c, rounded once.
template <class T> TX_DEVICE T fma(T a, T b, T c) {
  if constexpr (std::is_same_v<T, float>) return ::fmaf(a, b, c);
  else if constexpr (std::is_same_v<T, double>) return ::fma(a, b, c);
  else return T(a * b + c);
}

// ---- Sign and class ----

template <class T> TX_DEVICE T abs(T x) {
  if constexpr (std::is_same_v<T, float>) return ::fabsf(x);
  else if constexpr (std::is_same_v<T, double>) return ::fabs(x);
  else if constexpr (std::is_unsigned_v<T>) return x;
  else return T(x < 0 ? -unsigned_of<T>(x) : unsigned_of<T>(x));
}
template <class T> TX_DEVICE T sign(T x) {
  if constexpr (std::is_same_v<T, bool>) return x;
  else if constexpr (std::is_unsigned_v<T>) return x > T(0);
  else return T((x > T(0)) - (x < T(0)));
}
template <class T> TX_DEVICE bool isnan(T x) { return x != x; }
template <class T> TX_DEVICE bool isinf(T x) {
  if constexpr (is_float<T>) return abs(x) == kInfinity<T>;
  else return false;
}
template <class T> TX_DEVICE bool isfinite(T x) {
  if constexpr (is_float<T>) return abs(x) < kInfinity<T>;
  else return true;
}
template <class T> TX_DEVICE bool signbit(T x) {
  if constexpr (is_float<T>) return copysign(T(1), x) < T(0);
  else if constexpr (std::is_unsigned_v<T>) return false;
  else return x < T(0);
}

// ---- Minimum and maximum ----

template <class T> TX_DEVICE T min(T a, std::type_identity_t<T> b) { return a < b ? a : b; }
template <class T> TX_DEVICE T max(T a, std::type_identity_t<T> b) { return a > b ? a : b; }

// NaN when either is NaN.
template <class T> TX_DEVICE T maximum(T a, std::type_identity_t<T> b) { return isnan(a) || a > b ? a : b; }
template <class T> TX_DEVICE T minimum(T a, std::type_identity_t<T> b) { return isnan(a) || a < b ? a : b; }
// NaN only when both are.
template <class T> TX_DEVICE T fmax(T a, T b) { return isnan(b) || a > b ? a : b; }
template <class T> TX_DEVICE T fmin(T a, T b) { return isnan(b) || a < b ? a : b; }

// min(max(x, low), high); NaN when any of them is NaN.
template <class T> TX_DEVICE T clamp(T x, T low, T high) {
  if (isnan(high)) return high;
  if (isnan(low)) return low;
  const T y = x < low ? low : x;  // a NaN x passes through both
  return y > high ? high : y;
}

template <class T> TX_DEVICE T heaviside(T x, T at_zero) { return x == T(0) ? at_zero : x > T(0) ? T(1) : T(0); }

// ---- Division: x / 0 is 0 for integers, and the smallest of them / -1 is itself ----

template <class T> TX_DEVICE T trunc_divide(T a, T b) {
  if constexpr (is_float<T>) {
    return trunc(a / b);
  } else {
    if (b == 0) return 0;
    if constexpr (std::is_signed_v<T>)
      if (b == -1) return T(-unsigned_of<T>(a));
    return T(a / b);
  }
}

// The remainder of that, with the sign of a.
template <class T> TX_DEVICE T fmod(T a, T b) {
  if constexpr (std::is_same_v<T, float>) return ::fmodf(a, b);
  else if constexpr (std::is_same_v<T, double>) return ::fmod(a, b);
  else return b == 0 ? T(0) : T(a - trunc_divide(a, b) * b);
}

// With the sign of b (Python's %).
template <class T> TX_DEVICE T remainder(T a, T b) {
  const T r = fmod(a, b);
  return r != T(0) && (b < T(0)) != (r < T(0)) ? T(r + b) : r;
}

// floor(a / b) of the exact quotient, consistent with remainder(): Python's //, with a / 0 = inf or NaN for floats.
template <class T> TX_DEVICE T floor_divide(T a, T b) {
  if constexpr (is_float<T>) {
    if (b == T(0)) return a / b;
    const T r = fmod(a, b);
    T q = (a - r) / b;
    if (r != T(0) && (b < T(0)) != (r < T(0))) q -= T(1);
    if (q == T(0)) return copysign(T(0), a / b);
    const T y = floor(q);
    return q - y > T(0.5) ? y + T(1) : y;
  } else {
    const T q = trunc_divide(a, b), r = b == 0 ? T(0) : T(a - q * b);
    return r != 0 && (r < 0) != (b < 0) ? T(q - 1) : q;
  }
}

// ---- Integers ----

template <class T> TX_DEVICE T bitwise_not(T x) {
  if constexpr (std::is_same_v<T, bool>) return !x;
  else return T(~x);
}

// Wraps around on overflow. A negative exponent gives the integer part: 0 unless |base| is 1.
template <class T>
  requires(!is_float<T>)
TX_DEVICE T pow(T base, T exponent) {
  using U = unsigned_of<T>;
  if (std::is_signed_v<T> && exponent < 0) {
    if (base == 1) return 1;
    if (base == T(-1)) return exponent & 1 ? T(-1) : T(1);
    return 0;
  }
  uint64_t result = 1, power = U(base);
  for (U e = U(exponent); e; e = U(e >> 1), power *= power)
    if (e & 1) result *= power;
  return T(result);
}

// A count outside [0, bits) shifts everything out: left gives 0, right the sign.
template <class T> TX_DEVICE T shift_left(T a, T count) {
  constexpr int bits = 8 * sizeof(T);
  const auto c = unsigned_of<T>(count);
  return c < bits ? T(unsigned_of<T>(a) << c) : T(0);
}
template <class T> TX_DEVICE T shift_right(T a, T count) {
  constexpr int bits = 8 * sizeof(T);
  const auto c = unsigned_of<T>(count);
  return T(a >> (c < bits ? c : bits - 1));
}

// ---- Special functions ----

TX_DEVICE float normal_cdf(float x) { return 0.5f * ::erfcf(-x * 0.70710678118654752440f); }
TX_DEVICE double normal_cdf(double x) { return 0.5 * ::erfc(-x * 0.70710678118654752440); }
template <class T> TX_DEVICE T gelu(T x) { return x * normal_cdf(x); }
template <class T> TX_DEVICE T normal_pdf(T x) { return T(0.39894228040143267794) * exp(T(-0.5) * x * x); }

// log |gamma(x)|. In double for floats too, whose own version loses digits near its zeros.
TX_SCALAR double lgamma(double x) {
  if (x == -kInfinity<double>) return kInfinity<double>;
#ifdef __CUDACC__
  return ::lgamma(x);
#else
  int sign;
  return ::lgamma_r(x, &sign);  // the host's lgamma has the sign in a global variable, which threads would race for
#endif
}
TX_DEVICE float lgamma(float x) { return float(lgamma(double(x))); }

// As on the CPU: see csrc/cpu/vec_special.h.
TX_SCALAR double digamma(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x == 0) return copysign(kInfinity<double>, -x);
  if (x == kInfinity<double>) return x;
  double y = x < 0 ? 1 - x : x, sum = 0;
  for (int step = 0; step < 10 && y < 10; step++) {
    sum -= 1 / y;
    y += 1;
  }
  const double r = 1 / y, z = r * r;
  const double series =
      z * (-1.0 / 12 +
           z * (1.0 / 120 + z * (-1.0 / 252 + z * (1.0 / 240 + z * (-1.0 / 132 + z * (691.0 / 32760 - z / 12))))));
  const double value = sum + (log(y) - 0.5 * r + series);
  if (!(x < 0)) return value;
  const double fraction = x - round(x);
  return fraction == 0 ? double(NAN) : value - pi / tan(pi * fraction);
}
TX_DEVICE float digamma(float x) { return float(digamma(double(x))); }

// As on the CPU: an approximation in w = -log(1 - x^2), and Halley's method.
template <class T>
  requires(is_float<T>)
TX_DEVICE T erfinv(T x) {
  const T ax = abs(x), above = T(1) - ax;
  if (!(ax < T(1))) return ax == T(1) ? copysign(kInfinity<T>, x) : T(NAN);
  if (x == T(0)) return x;  // keeps -0
  const T u = sqrt(T(2) - log(above * (T(1) + ax))) - T(3.8296057803857466);
  constexpr double coefficients[] = {-1.0567765814903958e-05, -6.6053277014212105e-06, 0.00021547336866493364,
                                     -2.3951525255982224e-05, -0.001492520471142809,   0.0013390475374739277,
                                     0.0019271065277612072,   -0.0019438754342447333,  0.0025015630997387282,
                                     -0.018410409513309908,   1.0848367448222791,      3.3948138709212254};
  T p = T(coefficients[0]);
  TX_UNROLL
  for (int i = 1; i < 12; i++) p = p * u + T(coefficients[i]);
  T y = ax * p;
  for (int step = 0; step < (sizeof(T) == 4 ? 1 : 2); step++) {
    const T error = ax < T(0.5) ? erf(y) - ax : above - erfc(y);
    const T delta = error / (T(1.12837916709551257390) * exp(-y * y));
    y = y - delta / fma(y, delta, T(1));
  }
  return copysign(y, x);
}

// A function of numbers, in double.
template <double (*function)(double), class T> TX_DEVICE T by_element(T x) { return T(function(double(x))); }
template <double (*function)(double, double), class T> TX_DEVICE T by_element(T a, T b) {
  return T(function(double(a), double(b)));
}

}  // namespace tx::cuda

#include "../csrc/complex_math.h"
#include "../csrc/formulas.h"
