// Functions on Vec<float> and Vec<double>.
#pragma once
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

#define TX_LIBM(name)                                                                                                    \
  TX_INLINE Vec<float> name(Vec<float> x) { return each_lane(x, [](float s) { return __builtin_##name##f(s); }); }     \
  TX_INLINE Vec<double> name(Vec<double> x) { return each_lane(x, [](double s) { return __builtin_##name(s); }); }
TX_LIBM(exp) TX_LIBM(exp2) TX_LIBM(expm1) TX_LIBM(log) TX_LIBM(log2) TX_LIBM(log10) TX_LIBM(log1p)
TX_LIBM(sin) TX_LIBM(cos) TX_LIBM(tan) TX_LIBM(asin) TX_LIBM(acos) TX_LIBM(atan)
TX_LIBM(sinh) TX_LIBM(cosh) TX_LIBM(tanh) TX_LIBM(asinh) TX_LIBM(acosh) TX_LIBM(atanh)
TX_LIBM(erf) TX_LIBM(erfc) TX_LIBM(lgamma)
#undef TX_LIBM
#define TX_LIBM(name)                                                                                                                                            \
  TX_INLINE Vec<float> name(Vec<float> a, Vec<float> b) { return each_lane(a, b, [](float x, float y) { return __builtin_##name##f(x, y); }); }      \
  TX_INLINE Vec<double> name(Vec<double> a, Vec<double> b) { return each_lane(a, b, [](double x, double y) { return __builtin_##name(x, y); }); }
TX_LIBM(pow) TX_LIBM(atan2) TX_LIBM(hypot)
#undef TX_LIBM

template <class T> TX_INLINE Vec<T> erfinv(Vec<T> x) { return x; }
template <class T> TX_INLINE Vec<T> digamma(Vec<T> x) { return x; }

}  // namespace tx::TX_ISA
