// Integer division, powers and shifts on registers, defined for every operand: nothing traps.
#pragma once
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

template <class T> TX_INLINE Vec<T> bitwise_not(Vec<T> x) {
  if constexpr (std::is_same_v<T, bool>) return x.v ^ 1;
  else return ~x.v;
}

// ---- Division -------------------------------------------------------------------------------------------------

// Towards zero. x / 0 is 0 and the smallest integer / -1 is itself.
template <class T> TX_INLINE T divide_lane(T a, T b) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>)
    if (b == -1) return T(-unsigned_of<T>(a));
  return T(a / b);
}

#if defined(__AVX512F__)
// A double quotient, truncated, is exact below 2^52 (the exact one is further from the next integer than it is rounded).
TX_INLINE Vec<int32_t> trunc_divide_nonzero(Vec<int32_t> a, Vec<int32_t> b) {
  __m512i x = (__m512i)a.v, y = (__m512i)b.v;
  auto half = [](__m256i p, __m256i q) __attribute__((always_inline)) {
    return _mm512_cvttpd_epi32(_mm512_div_pd(_mm512_cvtepi32_pd(p), _mm512_cvtepi32_pd(q)));
  };
  __m256i low = half(_mm512_castsi512_si256(x), _mm512_castsi512_si256(y));
  __m256i high = half(_mm512_extracti32x8_epi32(x, 1), _mm512_extracti32x8_epi32(y, 1));
  return (Raw<int32_t>)_mm512_inserti32x8(_mm512_castsi256_si512(low), high, 1);
}
TX_INLINE Vec<int64_t> trunc_divide_nonzero(Vec<int64_t> a, Vec<int64_t> b) {
  constexpr uint64_t limit = uint64_t(1) << 52;
  auto large = [](Vec<int64_t> x) __attribute__((always_inline)) {
    return bits_as<uint64_t>(x) + Vec<uint64_t>(limit) > Vec<uint64_t>(2 * limit);
  };
  if (any(large(a) | large(b))) [[unlikely]]
    return each_lane(a, b, [](int64_t x, int64_t y) { return divide_lane(x, y); });
  return (Raw<int64_t>)_mm512_cvttpd_epi64(
      _mm512_div_pd(_mm512_cvtepi64_pd((__m512i)a.v), _mm512_cvtepi64_pd((__m512i)b.v)));
}
#elif defined(__AVX2__)
TX_INLINE Vec<int32_t> trunc_divide_nonzero(Vec<int32_t> a, Vec<int32_t> b) {
  __m256i x = (__m256i)a.v, y = (__m256i)b.v;
  auto half = [](__m128i p, __m128i q) __attribute__((always_inline)) {
    return _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(p), _mm256_cvtepi32_pd(q)));
  };
  __m128i low = half(_mm256_castsi256_si128(x), _mm256_castsi256_si128(y));
  __m128i high = half(_mm256_extracti128_si256(x, 1), _mm256_extracti128_si256(y, 1));
  return (Raw<int32_t>)_mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
}
#endif
template <class T> TX_INLINE Vec<T> trunc_divide_nonzero(Vec<T> a, Vec<T> b) {
  return each_lane(a, b, [](T x, T y) { return divide_lane(x, y); });
}

template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> trunc_divide(Vec<T> a, Vec<T> b) {
  auto zero = b == Vec<T>(0);
  return where(zero, Vec<T>(0), trunc_divide_nonzero(a, where(zero, Vec<T>(1), b)));
}

// The remainder of the division above: 0 for b = 0.
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> fmod(Vec<T> a, Vec<T> b) {
  return where(b == Vec<T>(0), Vec<T>(0), a - trunc_divide(a, b) * b);
}

// The lanes where rounding towards zero and down differ.
template <class T> TX_INLINE typename Vec<T>::M rounds_down(Vec<T> remainder, Vec<T> b) {
  return (remainder != Vec<T>(0)) & ((remainder ^ b) < Vec<T>(0));
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> remainder(Vec<T> a, Vec<T> b) {
  Vec<T> r = fmod(a, b);
  return where(rounds_down(r, b), r + b, r);
}
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> floor_divide(Vec<T> a, Vec<T> b) {
  Vec<T> q = trunc_divide(a, b), r = where(b == Vec<T>(0), Vec<T>(0), a - q * b);
  return where(rounds_down(r, b), q - Vec<T>(1), q);
}

// ---- Powers ---------------------------------------------------------------------------------------------------

// Wraps around on overflow. A negative exponent gives the integer part: 0 unless |base| is 1.
template <class T> TX_INLINE T pow_lane(T base, T exponent) {
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
template <class T>
  requires(!is_float<T>)
TX_INLINE Vec<T> pow(Vec<T> a, Vec<T> b) {
  return each_lane(a, b, [](T x, T y) { return pow_lane(x, y); });
}

// ---- Shifts ---------------------------------------------------------------------------------------------------

// A count outside [0, bits) shifts everything out: left gives 0, right the sign.
template <class T> TX_INLINE Vec<T> shift_left(Vec<T> a, Vec<T> count) {
  using U = unsigned_of<T>;
  constexpr int bits = 8 * sizeof(T);
  Vec<U> c = bits_as<U>(count);
  Vec<U> shifted = bits_as<U>(a).v << (c.v & U(bits - 1));
  return bits_as<T>(where(c < Vec<U>(bits), shifted, Vec<U>(0)));
}
template <class T> TX_INLINE Vec<T> shift_right(Vec<T> a, Vec<T> count) {
  using U = unsigned_of<T>;
  constexpr int bits = 8 * sizeof(T);
  Vec<U> c = bits_as<U>(count);
  Vec<T> shifted = a.v >> (bits_as<T>(c).v & T(bits - 1));
  Vec<T> all_out = std::is_signed_v<T> ? Vec<T>(a.v >> T(bits - 1)) : Vec<T>(0);
  return where(typename Vec<T>::M{(typename Vec<T>::M::R)(c.v < U(bits))}, shifted, all_out);
}

}  // namespace tx::TX_ISA
