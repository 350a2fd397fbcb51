// Arithmetic on registers beyond the operators: fused multiply-add, rounding, minimum and maximum, bits of floats,
// remainders.
#pragma once
#include "vec.h"

namespace tx::TX_ISA {

template <class T> constexpr bool is_float = std::is_floating_point_v<T>;
template <class T> constexpr T kInfinity = T(__builtin_inf());
template <class T> constexpr T kNaN = T(__builtin_nan(""));
template <class T> constexpr int kMantissaBits = sizeof(T) == 4 ? 23 : 52;
template <class T> constexpr int kExponentBias = sizeof(T) == 4 ? 127 : 1023;

// f of every lane, one after the other: for rare lanes and rare functions.
template <class T, class F> TX_INLINE Vec<T> each_lane(Vec<T> a, F f) {
  alignas(kVecBytes) T x[Vec<T>::size];
  store<T>(x, a);
#pragma GCC unroll 1
  for (int i = 0; i < Vec<T>::size; i++) x[i] = f(x[i]);
  return load<T>(x);
}
template <class T, class F> TX_INLINE Vec<T> each_lane(Vec<T> a, Vec<T> b, F f) {
  alignas(kVecBytes) T x[Vec<T>::size], y[Vec<T>::size];
  store<T>(x, a);
  store<T>(y, b);
#pragma GCC unroll 1
  for (int i = 0; i < Vec<T>::size; i++) x[i] = f(x[i], y[i]);
  return load<T>(x);
}

// ---- Instructions that vector extensions do not reach ---------------------------------------------------------

// a * b + c, rounded once where the instruction set has it and twice where it has not.
TX_INLINE Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Raw<float>)_mm512_fmadd_ps(a.v, b.v, c.v);
#elif defined(__FMA__)
  return (Raw<float>)_mm256_fmadd_ps(a.v, b.v, c.v);
#elif defined(__ARM_NEON)
  return (Raw<float>)vfmaq_f32((float32x4_t)c.v, (float32x4_t)a.v, (float32x4_t)b.v);
#else
  return a.v * b.v + c.v;
#endif
}
TX_INLINE Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Raw<double>)_mm512_fmadd_pd(a.v, b.v, c.v);
#elif defined(__FMA__)
  return (Raw<double>)_mm256_fmadd_pd(a.v, b.v, c.v);
#elif defined(__ARM_NEON)
  return (Raw<double>)vfmaq_f64((float64x2_t)c.v, (float64x2_t)a.v, (float64x2_t)b.v);
#else
  return a.v * b.v + c.v;
#endif
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> fma(Vec<T> a, Vec<T> b, Vec<T> c) {
  return a * b + c;
}
#if defined(__FMA__) || defined(__ARM_NEON)
constexpr bool kHasFma = true;
#else
constexpr bool kHasFma = false;
#endif

// a b - p exactly (nearly, without fma), where p = a * b rounded.
template <class T> TX_INLINE Vec<T> product_error(Vec<T> a, Vec<T> b, Vec<T> p) {
  if constexpr (kHasFma) return fma(a, b, -p);
  Vec<T> split(sizeof(T) == 4 ? T(4097) : T(134217729.0));      // halves of the mantissa, whose products are exact
  Vec<T> ta = split * a, tb = split * b;
  Vec<T> a1 = ta - (ta - a), b1 = tb - (tb - b), a2 = a - a1, b2 = b - b1;
  return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
}

// One instruction per width: AVX-512, AVX, SSE4.1, NEON; without any of them, lane by lane.
#if defined(__AVX512F__)
#define TX_INSTRUCTION(name, i512, i256, i128, neon, builtin)                                     \
  TX_INLINE Vec<float> name(Vec<float> x) { return (Raw<float>)i512(ps); }                        \
  TX_INLINE Vec<double> name(Vec<double> x) { return (Raw<double>)i512(pd); }
#elif defined(__AVX2__)
#define TX_INSTRUCTION(name, i512, i256, i128, neon, builtin)                                     \
  TX_INLINE Vec<float> name(Vec<float> x) { return (Raw<float>)i256(ps); }                        \
  TX_INLINE Vec<double> name(Vec<double> x) { return (Raw<double>)i256(pd); }
#elif defined(__SSE4_2__)
#define TX_INSTRUCTION(name, i512, i256, i128, neon, builtin)                                     \
  TX_INLINE Vec<float> name(Vec<float> x) { return (Raw<float>)i128(ps); }                        \
  TX_INLINE Vec<double> name(Vec<double> x) { return (Raw<double>)i128(pd); }
#elif defined(__ARM_NEON)
#define TX_INSTRUCTION(name, i512, i256, i128, neon, builtin)                                     \
  TX_INLINE Vec<float> name(Vec<float> x) { return (Raw<float>)neon##q_f32((float32x4_t)x.v); }   \
  TX_INLINE Vec<double> name(Vec<double> x) { return (Raw<double>)neon##q_f64((float64x2_t)x.v); }
#else
#define TX_INSTRUCTION(name, i512, i256, i128, neon, builtin)                                     \
  TX_INLINE Vec<float> name(Vec<float> x) { return each_lane(x, [](float s) { return builtin##f(s); }); } \
  TX_INLINE Vec<double> name(Vec<double> x) { return each_lane(x, [](double s) { return builtin(s); }); }
#endif
#define TX_SQRT512(t) _mm512_sqrt_##t(x.v)
#define TX_SQRT256(t) _mm256_sqrt_##t(x.v)
#define TX_SQRT128(t) _mm_sqrt_##t(x.v)
TX_INSTRUCTION(divider_sqrt, TX_SQRT512, TX_SQRT256, TX_SQRT128, vsqrt, __builtin_sqrt)
#define TX_ROUND512(t, mode) _mm512_roundscale_##t(x.v, mode)
#define TX_ROUND256(t, mode) _mm256_round_##t(x.v, mode)
#define TX_ROUND128(t, mode) _mm_round_##t(x.v, mode)
#define TX_FLOOR512(t) TX_ROUND512(t, 9)
#define TX_FLOOR256(t) TX_ROUND256(t, 9)
#define TX_FLOOR128(t) TX_ROUND128(t, 9)
TX_INSTRUCTION(floor, TX_FLOOR512, TX_FLOOR256, TX_FLOOR128, vrndm, __builtin_floor)
#define TX_CEIL512(t) TX_ROUND512(t, 10)
#define TX_CEIL256(t) TX_ROUND256(t, 10)
#define TX_CEIL128(t) TX_ROUND128(t, 10)
TX_INSTRUCTION(ceil, TX_CEIL512, TX_CEIL256, TX_CEIL128, vrndp, __builtin_ceil)
#define TX_TRUNC512(t) TX_ROUND512(t, 11)
#define TX_TRUNC256(t) TX_ROUND256(t, 11)
#define TX_TRUNC128(t) TX_ROUND128(t, 11)
TX_INSTRUCTION(trunc, TX_TRUNC512, TX_TRUNC256, TX_TRUNC128, vrnd, __builtin_trunc)
#define TX_NEAREST512(t) TX_ROUND512(t, 8)
#define TX_NEAREST256(t) TX_ROUND256(t, 8)
#define TX_NEAREST128(t) TX_ROUND128(t, 8)
TX_INSTRUCTION(round, TX_NEAREST512, TX_NEAREST256, TX_NEAREST128, vrndn, __builtin_rint)  // half to even

// Square roots, rounded correctly, and their inverses, to 1 ULP (1.5 without AVX-512).
#if defined(__AVX512F__)
// From a 14-bit estimate y: 1 - x y^2 tells the error. 0 and infinity keep the estimate. Twice as fast as the divider.
TX_INLINE Vec<float> rsqrt(Vec<float> x) {
  using V = Vec<float>;
  V y = (Raw<float>)_mm512_rsqrt14_ps(x.v), e = fma(-(x * y), y, V(1));
  V better = fma(y * e, fma(e, V(0.375f), V(0.5f)), y);
  return where(e != e, y, better);
}
TX_INLINE Vec<float> sqrt(Vec<float> x) {
  using V = Vec<float>;
  if (any(~((x > V(0x1p-90f)) & (x < V(0x1p126f))))) [[unlikely]]
    return divider_sqrt(x);  // the same, by the instruction
  V y = (Raw<float>)_mm512_rsqrt14_ps(x.v), e = fma(-(x * y), y, V(1));
  y = fma(y * e, fma(e, V(0.375f), V(0.5f)), y);
  V s = x * y;
  return fma(fma(-s, s, x), V(0.5f) * y, s);
}
TX_INLINE Vec<double> sqrt(Vec<double> x) { return divider_sqrt(x); }
TX_INLINE Vec<double> rsqrt(Vec<double> x) { return Vec<double>(1) / divider_sqrt(x); }
#else
template <class T> TX_INLINE Vec<T> sqrt(Vec<T> x) { return divider_sqrt(x); }
template <class T> TX_INLINE Vec<T> rsqrt(Vec<T> x) { return Vec<T>(1) / divider_sqrt(x); }
#endif

template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> floor(Vec<T> x) {
  return x;
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> ceil(Vec<T> x) {
  return x;
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> trunc(Vec<T> x) {
  return x;
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> round(Vec<T> x) {
  return x;
}

// ---- Sign and class -------------------------------------------------------------------------------------------

template <class T> constexpr signed_of<T> kSignBit = signed_of<T>(unsigned_of<T>(1) << (8 * sizeof(T) - 1));

template <class T> TX_INLINE Vec<T> abs(Vec<T> x) {
  if constexpr (is_float<T>) return (typename Vec<T>::R)(as_int(x).v & ~kSignBit<T>);
  else if constexpr (std::is_unsigned_v<T>) return x;
  else return where(x < Vec<T>(0), -x, x);
}

template <class T> TX_INLINE Vec<T> copysign(Vec<T> x, Vec<T> sign) {
#if defined(__AVX512F__)
  __m512i bit = (__m512i)(Raw<signed_of<T>>{} + kSignBit<T>);
  return (Raw<T>)_mm512_ternarylogic_epi64(bit, (__m512i)sign.v, (__m512i)x.v, 0xca);  // bit ? sign : x
#else
  return (typename Vec<T>::R)((as_int(x).v & ~kSignBit<T>) | (as_int(sign).v & kSignBit<T>));
#endif
}

// x with its sign flipped where `sign` is negative.
template <class T> TX_INLINE Vec<T> flip_sign(Vec<T> x, Vec<T> sign) {
  return (typename Vec<T>::R)(as_int(x).v ^ (as_int(sign).v & kSignBit<T>));
}

template <class T> TX_INLINE Vec<T> sign(Vec<T> x) {
  if constexpr (std::is_same_v<T, bool>) return x;
  else if constexpr (std::is_unsigned_v<T>) return where(x > Vec<T>(0), Vec<T>(1), Vec<T>(0));
  else return where(x > Vec<T>(0), Vec<T>(1), where(x < Vec<T>(0), Vec<T>(-1), Vec<T>(0)));
}

template <class T> TX_INLINE typename Vec<T>::M isnan(Vec<T> x) { return x != x; }
template <class T> TX_INLINE typename Vec<T>::M isinf(Vec<T> x) {
  if constexpr (is_float<T>) return abs(x) == Vec<T>(kInfinity<T>);
  else return x != x;
}
template <class T> TX_INLINE typename Vec<T>::M isfinite(Vec<T> x) {
  if constexpr (is_float<T>) return abs(x) < Vec<T>(kInfinity<T>);
  else return x == x;
}
template <class T> TX_INLINE typename Vec<T>::M signbit(Vec<T> x) {
  if constexpr (is_float<T>) return {as_int(x).v < 0};
  else return x < Vec<T>(0);
}

// ---- Minimum and maximum --------------------------------------------------------------------------------------

// The smaller (larger) one; b when either is NaN: one instruction, which gcc misses where it sees what a or b is.
#if defined(__AVX512F__)
#define TX_EXTREMUM(name, suffix) _mm512_##name##_##suffix
#elif defined(__AVX2__)
#define TX_EXTREMUM(name, suffix) _mm256_##name##_##suffix
#elif defined(__SSE4_2__)
#define TX_EXTREMUM(name, suffix) _mm_##name##_##suffix
#endif
#ifdef TX_EXTREMUM
TX_INLINE Vec<float> min(Vec<float> a, Vec<float> b) { return (Raw<float>)TX_EXTREMUM(min, ps)(a.v, b.v); }
TX_INLINE Vec<float> max(Vec<float> a, Vec<float> b) { return (Raw<float>)TX_EXTREMUM(max, ps)(a.v, b.v); }
TX_INLINE Vec<double> min(Vec<double> a, Vec<double> b) { return (Raw<double>)TX_EXTREMUM(min, pd)(a.v, b.v); }
TX_INLINE Vec<double> max(Vec<double> a, Vec<double> b) { return (Raw<double>)TX_EXTREMUM(max, pd)(a.v, b.v); }
#undef TX_EXTREMUM
#endif
template <class T> TX_INLINE Vec<T> min(Vec<T> a, Vec<T> b) { return where(a < b, a, b); }
template <class T> TX_INLINE Vec<T> max(Vec<T> a, Vec<T> b) { return where(a > b, a, b); }

// NaN when either is NaN.
template <class T> TX_INLINE Vec<T> maximum(Vec<T> a, Vec<T> b) {
  if constexpr (is_float<T>) return where(isnan(a), a, max(a, b));
  else return max(a, b);
}
template <class T> TX_INLINE Vec<T> minimum(Vec<T> a, Vec<T> b) {
  if constexpr (is_float<T>) return where(isnan(a), a, min(a, b));
  else return min(a, b);
}

// NaN only when both are.
template <class T> TX_INLINE Vec<T> fmax(Vec<T> a, Vec<T> b) {
  if constexpr (is_float<T>) return where(isnan(b), a, max(a, b));
  else return max(a, b);
}
template <class T> TX_INLINE Vec<T> fmin(Vec<T> a, Vec<T> b) {
  if constexpr (is_float<T>) return where(isnan(b), a, min(a, b));
  else return min(a, b);
}

// min(max(x, low), high); NaN when any of them is NaN.
template <class T> TX_INLINE Vec<T> clamp(Vec<T> x, Vec<T> low, Vec<T> high) {
  if constexpr (is_float<T>) {
    Vec<T> y = min(high, max(low, x));  // a NaN x passes through both
    return where(isnan(high), high, where(isnan(low), low, y));
  } else {
    return min(max(x, low), high);
  }
}

// ---- Floats ---------------------------------------------------------------------------------------------------

// The remainder of a / b rounded towards zero, exact, with the sign of a (C's fmod).
template <class T>
  requires(is_float<T>)
TX_INLINE Vec<T> fmod(Vec<T> a, Vec<T> b) {
  auto libm = [](T x, T y) {
    return sizeof(T) == 4 ? T(__builtin_fmodf(float(x), float(y))) : T(__builtin_fmod(x, y));
  };
  if constexpr (!kHasFma) return each_lane(a, b, libm);
  Vec<T> x = abs(a), y = abs(b), q = trunc(x / y);
  Vec<T> r = fma(-q, y, x);  // exact: a multiple of y's last bit, below y
  r = where(r < Vec<T>(0), r + y, r);  // x / y was rounded up to an integer
  typename Vec<T>::M hard =
      ~(q < Vec<T>(T(1 << 22))) | ~(y < Vec<T>(kInfinity<T>)) | (y < Vec<T>(sizeof(T) == 4 ? T(1e-30) : T(1e-290)));
  r = copysign(r, a);
  if (any(hard)) [[unlikely]]
    r = where(hard, each_lane(a, b, libm), r);
  return r;
}

// With the sign of b (Python's %).
template <class T>
  requires(is_float<T>)
TX_INLINE Vec<T> remainder(Vec<T> a, Vec<T> b) {
  Vec<T> r = fmod(a, b);
  return where((r != Vec<T>(0)) & ((b < Vec<T>(0)) ^ (r < Vec<T>(0))), r + b, r);
}

// floor(a / b) of the exact quotient, consistent with remainder(): Python's //, with a / 0 = inf or NaN.
template <class T>
  requires(is_float<T>)
TX_INLINE Vec<T> floor_divide(Vec<T> a, Vec<T> b) {
  Vec<T> r = fmod(a, b), q = (a - r) / b;
  q = where((r != Vec<T>(0)) & ((b < Vec<T>(0)) ^ (r < Vec<T>(0))), q - Vec<T>(1), q);
  Vec<T> y = floor(q);
  y = where(q - y > Vec<T>(T(0.5)), y + Vec<T>(1), y);
  y = where(q == Vec<T>(0), copysign(Vec<T>(0), a / b), y);
  return where(b == Vec<T>(0), a / b, y);
}

template <class T>
  requires(is_float<T>)
TX_INLINE Vec<T> trunc_divide(Vec<T> a, Vec<T> b) {
  return trunc(a / b);
}

// The next value after a towards b.
template <class T> TX_INLINE Vec<T> nextafter(Vec<T> a, Vec<T> b) {
  using I = signed_of<T>;
  Vec<I> bits = as_int(a);
  Vec<T> from_zero = copysign(Vec<T>((Raw<T>)(Raw<I>{} + I(1))), b);
  typename Vec<T>::M away = (a < b) ^ (a < Vec<T>(0));  // from zero: the magnitude grows
  Vec<T> moved = bits_as<T>(Vec<I>(where(typename Vec<I>::M{away.v}, bits + Vec<I>(1), bits - Vec<I>(1))));
  Vec<T> y = where(a == Vec<T>(0), from_zero, moved);
  return where(isnan(a) | isnan(b), a + b, where(a == b, b, y));
}

template <class T> TX_INLINE Vec<T> heaviside(Vec<T> x, Vec<T> at_zero) {
  return where(x == Vec<T>(0), at_zero, where(x > Vec<T>(0), Vec<T>(1), Vec<T>(0)));
}

}  // namespace tx::TX_ISA
