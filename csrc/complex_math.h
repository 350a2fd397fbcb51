// The named functions of the op rows (ops.h) for complex numbers, in terms of those for their parts: V is a register on the
// CPU and a float or double on CUDA. Include it after the functions of V.
//
// Branch cuts and signs of zero are those of C99's <complex.h>. The inverse functions are Kahan's ("Branch Cuts for Complex
// Elementary Functions", 1987), which lose no digits to the cancellations of the textbook formulas.
#pragma once
#include "dtype.h"

namespace tx::TX_ISA {

template <class V> TX_INLINE auto isnan(Complex<V> z) { return isnan(z.real) | isnan(z.imag); }
template <class V> TX_INLINE auto isinf(Complex<V> z) { return isinf(z.real) | isinf(z.imag); }
template <class V> TX_INLINE auto isfinite(Complex<V> z) { return isfinite(z.real) & isfinite(z.imag); }

template <class V> TX_INLINE Complex<V> conj(Complex<V> z) { return {z.real, -z.imag}; }
template <class V> TX_INLINE Complex<V> times_i(Complex<V> z) { return {-z.imag, z.real}; }
template <class V> TX_INLINE Complex<V> over_i(Complex<V> z) { return {z.imag, -z.real}; }
template <class V> TX_INLINE V magnitude(Complex<V> z) { return hypot(z.real, z.imag); }

template <class V> TX_INLINE Complex<V> sgn(Complex<V> z) {
  V m = magnitude(z);
  return where(m == V(0), Complex<V>(0), Complex<V>(z.real / m, z.imag / m));
}

// The divisor is scaled by its larger part, so that its square does not overflow (Smith, 1962). By a real one both parts are.
template <class V> TX_INLINE Complex<V> operator/(Complex<V> a, Complex<V> b) {
  V scale = max(abs(b.real), abs(b.imag)), c = b.real / scale, d = b.imag / scale, norm = c * b.real + d * b.imag;
  return where(b.imag == V(0), Complex<V>(a.real / b.real, a.imag / b.real),
               Complex<V>((a.real * c + a.imag * d) / norm, (a.imag * c - a.real * d) / norm));
}

template <class V> TX_INLINE Complex<V> fma(Complex<V> a, Complex<V> b, Complex<V> c) { return a * b + c; }

template <class V> TX_INLINE Complex<V> lerp(Complex<V> a, Complex<V> b, Complex<V> weight) {
  Complex<V> d = b - a;  // from the nearer end, so that weight 1 gives b exactly
  auto near = weight.real * weight.real + weight.imag * weight.imag < V(0.25);
  return where(near, a + weight * d, b - d * (Complex<V>(1) - weight));
}

// ---- Exponential and hyperbolic functions ----------------------------------------------------------------------------

// r (cos(angle) + i sin(angle)); real where the angle is 0, though r be infinite.
template <class V> TX_INLINE Complex<V> from_polar(V r, V angle) {
  return {r * cos(angle), where(angle == V(0), angle, r * sin(angle))};
}

template <class V> TX_INLINE Complex<V> exp(Complex<V> z) { return from_polar(exp(z.real), z.imag); }
template <class V> TX_INLINE Complex<V> exp2(Complex<V> z) {
  return from_polar(exp2(z.real), z.imag * V(0.69314718055994530942));
}
template <class V> TX_INLINE Complex<V> expm1(Complex<V> z) {
  V half = sin(z.imag * V(0.5));
  return {expm1(z.real) * cos(z.imag) - V(2) * half * half, exp(z.real) * sin(z.imag)};
}

template <class V> TX_INLINE Complex<V> sinh(Complex<V> z) {
  return {sinh(z.real) * cos(z.imag), cosh(z.real) * sin(z.imag)};
}
template <class V> TX_INLINE Complex<V> cosh(Complex<V> z) {
  return {cosh(z.real) * cos(z.imag), sinh(z.real) * sin(z.imag)};
}
template <class V> TX_INLINE Complex<V> tanh(Complex<V> z) {
  V u = tanh(z.real), t = tan(z.imag), e = exp(V(-2) * abs(z.real)), sum = V(1) + e, norm = V(1) + u * u * t * t;
  return {u * (V(1) + t * t) / norm, t * (V(4) * e / (sum * sum)) / norm};  // 4 e / sum^2 is 1 - u^2
}
template <class V> TX_INLINE Complex<V> sin(Complex<V> z) { return over_i(sinh(times_i(z))); }
template <class V> TX_INLINE Complex<V> cos(Complex<V> z) { return cosh(times_i(z)); }
template <class V> TX_INLINE Complex<V> tan(Complex<V> z) { return over_i(tanh(times_i(z))); }

template <class V> TX_INLINE Complex<V> sigmoid(Complex<V> z) { return Complex<V>(1) / (Complex<V>(1) + exp(-z)); }

// ---- Logarithms, roots and powers ------------------------------------------------------------------------------------

// log |z|, with the digits of |z| - 1 where that is small.
template <class V> TX_INLINE V log_magnitude(Complex<V> z) {
  V m = magnitude(z), x = abs(z.real), y = abs(z.imag), high = max(x, y), low = min(x, y);
  V near = V(0.5) * log1p((high - V(1)) * (high + V(1)) + low * low);
  return where((m > V(0.5)) & (m < V(2)), near, log(m));
}
template <class V> TX_INLINE Complex<V> log(Complex<V> z) { return {log_magnitude(z), atan2(z.imag, z.real)}; }
template <class V> TX_INLINE Complex<V> log2(Complex<V> z) {
  const V scale(1.44269504088896340736);
  return {log_magnitude(z) * scale, atan2(z.imag, z.real) * scale};
}
template <class V> TX_INLINE Complex<V> log10(Complex<V> z) {
  const V scale(0.43429448190325182765);
  return {log_magnitude(z) * scale, atan2(z.imag, z.real) * scale};
}
template <class V> TX_INLINE Complex<V> log1p(Complex<V> z) {
  V small = V(0.5) * log1p(z.real * (V(2) + z.real) + z.imag * z.imag), x = V(1) + z.real;
  auto near = (abs(z.real) < V(0.5)) & (abs(z.imag) < V(0.5));
  return {where(near, small, log_magnitude(Complex<V>(x, z.imag))), atan2(z.imag, x)};
}

template <class V> TX_INLINE Complex<V> sqrt(Complex<V> z) {
  V large = sqrt(V(0.5) * abs(z.real) + V(0.5) * magnitude(z)), small = abs(z.imag) / (V(2) * large);
  small = where(large == V(0), V(0), small);
  auto right = z.real >= V(0);
  return {where(right, large, small), copysign(where(right, small, large), z.imag)};
}
template <class V> TX_INLINE Complex<V> rsqrt(Complex<V> z) { return Complex<V>(1) / sqrt(z); }

template <class V> TX_INLINE Complex<V> pow(Complex<V> a, Complex<V> b) {
  const Complex<V> zero(0), one(1);
  Complex<V> of_zero = where(b.real > V(0), zero, one / zero);
  return where(b == zero, one, where(a == zero, of_zero, exp(b * log(a))));
}

// ---- Inverse trigonometric and hyperbolic functions ------------------------------------------------------------------

// The square roots of 1 - z and 1 + z, with the signs of zero that tell the sides of a branch cut.
template <class V> TX_INLINE Complex<V> root_below(Complex<V> z) { return sqrt(Complex<V>(V(1) - z.real, -z.imag)); }
template <class V> TX_INLINE Complex<V> root_above(Complex<V> z) { return sqrt(Complex<V>(V(1) + z.real, z.imag)); }

template <class V> TX_INLINE Complex<V> asin(Complex<V> z) {
  Complex<V> p = root_below(z), q = root_above(z);
  return {atan2(z.real, (p * q).real), asinh((conj(p) * q).imag)};
}
template <class V> TX_INLINE Complex<V> acos(Complex<V> z) {
  Complex<V> p = root_below(z), q = root_above(z);
  return {V(2) * atan2(p.real, q.real), asinh((conj(q) * p).imag)};
}
template <class V> TX_INLINE Complex<V> asinh(Complex<V> z) { return over_i(asin(times_i(z))); }
template <class V> TX_INLINE Complex<V> acosh(Complex<V> z) {
  Complex<V> p = sqrt(Complex<V>(z.real - V(1), z.imag)), q = root_above(z);
  return {asinh((conj(p) * q).real), V(2) * atan2(p.imag, q.real)};
}
template <class V> TX_INLINE Complex<V> atanh(Complex<V> z) {
  V x = abs(z.real), y = z.imag, below = V(1) - x;
  V real = V(0.25) * log1p(V(4) * x / (below * below + y * y));
  return {copysign(real, z.real), V(0.5) * atan2(V(2) * y, below * (V(1) + x) - y * y)};
}
template <class V> TX_INLINE Complex<V> atan(Complex<V> z) { return over_i(atanh(times_i(z))); }

}  // namespace tx::TX_ISA
