// Hyperbolic functions of Vec<float> and Vec<double>, their inverses, and hypot. Errors as in vec_exp.h.
#pragma once
#include "vec_exp.h"

namespace tx::TX_ISA {

// 3.0 ULP. With m = exp(-2|x|) - 1: -m / (m + 2)
template <class T> TX_INLINE Vec<T> tanh(Vec<T> x) {
  Vec<T> m = expm1_negative(Vec<T>(-2) * min(Vec<T>(sizeof(T) == 4 ? T(10) : T(20)), abs(x)));
  return copysign(m / (m + Vec<T>(2)), x);
}

// exp(|x|) / 2, which overflows where sinh and cosh do and not before.
template <class T> TX_INLINE Vec<T> half_exp(Vec<T> ax) {
  ax = min(Vec<T>(kExpHighest<T> + 1), ax);
  Rounded<T> n = binary_exponent(ax);
  return scale(exp_reduced(exp_remainder(ax, n.value)), {n.value - Vec<T>(1), n.shifted - Vec<T>(1)});
}

// 2.0 ULP
template <class T> TX_INLINE Vec<T> sinh(Vec<T> x) {
  Vec<T> ax = abs(x), z = x * x, p;
  if constexpr (sizeof(T) == 4)                              // relative error 2^-31 below 1
    p = polynomial(z, 0.166666672f, 0.00833331048f, 0.000198428941f, 2.78222933e-06f);
  else                                                       // 2^-62
    p = polynomial(z, 0.16666666666666666, 0.0083333333333335674, 0.00019841269841068817, 2.7557319306029834e-06,
                   2.5052090454805606e-08, 1.6061199336296167e-10, 7.5127107344491853e-13, 6.2217783565863632e-15);
  Vec<T> h = half_exp(ax);
  Vec<T> y = where(ax < Vec<T>(1), fma(ax * z, p, ax), h - Vec<T>(T(0.25)) / h);
  return copysign(y, x);
}

// 1.6 ULP (1.5 where the hardware fuses)
template <class T> TX_INLINE Vec<T> cosh(Vec<T> x) {
  Vec<T> h = half_exp(abs(x));
  return h + Vec<T>(T(0.25)) / h;
}

// Beyond this x + 1 is x, and x^2 may overflow.
template <class T> constexpr T kDwarfsOne = sizeof(T) == 4 ? T(1 << 30) : T(int64_t(1) << 60);

// 2.5 ULP. log(|x| + sqrt(x^2 + 1))
template <class T> TX_INLINE Vec<T> asinh(Vec<T> x) {
  Vec<T> ax = abs(x), z = ax * ax;
  auto large = ax > Vec<T>(kDwarfsOne<T>);
  Vec<T> y = log1p(where(large, ax, ax + z / (Vec<T>(1) + sqrt(z + Vec<T>(1)))));
  return copysign(where(large, y + Vec<T>(kLn2<T>), y), x);
}

// 2.5 ULP. log(x + sqrt(x^2 - 1)), with t = x - 1
template <class T> TX_INLINE Vec<T> acosh(Vec<T> x) {
  Vec<T> t = x - Vec<T>(1);
  auto large = x > Vec<T>(kDwarfsOne<T>);
  Vec<T> y = log1p(where(large, x, t + sqrt(fma(t, t, t + t))));
  return where(x < Vec<T>(1), Vec<T>(kNaN<T>), where(large, y + Vec<T>(kLn2<T>), y));
}

// 2.5 ULP. log((1 + x) / (1 - x)) / 2
template <class T> TX_INLINE Vec<T> atanh(Vec<T> x) {
  Vec<T> ax = abs(x);
  return copysign(Vec<T>(T(0.5)) * log1p((ax + ax) / (Vec<T>(1) - ax)), x);
}

// 1.5 ULP. sqrt(a^2 + b^2) without intermediate overflow: both are scaled by a power of two first.
template <class T> TX_INLINE Vec<T> hypot(Vec<T> a, Vec<T> b) {
  Vec<T> aa = abs(a), ab = abs(b), high = max(aa, ab), low = min(aa, ab);
  constexpr T big = sizeof(T) == 4 ? T(0x1p60) : T(0x1p500), tiny = sizeof(T) == 4 ? T(0x1p-60) : T(0x1p-500);
  constexpr T up = sizeof(T) == 4 ? T(0x1p90) : T(0x1p600), down = sizeof(T) == 4 ? T(0x1p-90) : T(0x1p-600);
  auto is_big = high > Vec<T>(big), is_tiny = high < Vec<T>(tiny);
  Vec<T> factor = where(is_big, Vec<T>(down), where(is_tiny, Vec<T>(up), Vec<T>(1)));
  Vec<T> inverse = where(is_big, Vec<T>(up), where(is_tiny, Vec<T>(down), Vec<T>(1)));
  Vec<T> h = high * factor, l = low * factor;
  Vec<T> y = sqrt(fma(h, h, l * l)) * inverse;
  y = where(isnan(a) | isnan(b), a + b, y);
  return where((aa == Vec<T>(kInfinity<T>)) | (ab == Vec<T>(kInfinity<T>)), Vec<T>(kInfinity<T>), y);
}

}  // namespace tx::TX_ISA
