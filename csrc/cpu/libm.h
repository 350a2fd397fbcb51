// Functions of one number, where registers do not help: samplers that reject, series of as many terms as it takes. What
// cuda/math.cuh is to CUDA. Of the C library, without its headers, which would bring inline functions along.
#pragma once
#include "vec_special.h"

extern "C" double lgamma_r(double, int*) noexcept;

namespace tx::TX_ISA {

#define TX_LIBM(name) \
  TX_INLINE double name(double x) { return __builtin_##name(x); }
TX_LIBM(exp)
TX_LIBM(expm1)
TX_LIBM(log)
TX_LIBM(log1p)
TX_LIBM(sqrt)
TX_LIBM(sin)
TX_LIBM(cos)
TX_LIBM(erfc)
TX_LIBM(floor)
#undef TX_LIBM
TX_INLINE double abs(double x) { return __builtin_fabs(x); }
TX_INLINE double pow(double x, double y) { return __builtin_pow(x, y); }
TX_INLINE double fma(double x, double y, double z) { return __builtin_fma(x, y, z); }
TX_INLINE double min(double x, double y) { return x < y ? x : y; }
TX_INLINE double max(double x, double y) { return x > y ? x : y; }
TX_INLINE double copysign(double x, double y) { return __builtin_copysign(x, y); }
TX_INLINE double lgamma(double x) {
  int sign;
  return lgamma_r(x, &sign);
}
TX_INLINE double digamma(double x) { return digamma(Vec<double>(x)).v[0]; }

// A function of numbers, in double, of each lane.
template <double (*function)(double), class T> TX_INLINE Vec<T> by_element(Vec<T> x) {
  return each_lane(x, [](T s) { return T(function(double(s))); });
}
template <double (*function)(double, double), class T> TX_INLINE Vec<T> by_element(Vec<T> a, Vec<T> b) {
  return each_lane(a, b, [](T s, T t) { return T(function(double(s), double(t))); });
}

}  // namespace tx::TX_ISA
