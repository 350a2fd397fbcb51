// Vec<float> from and to memory that holds a half type: rounding to nearest even, every NaN to the quiet one.
#pragma once
#include "vec_complex.h"

namespace tx::TX_ISA {

// Whether this instruction set converts elements of S in registers. (Where it does not, Float16 is converted one by one.)
#if defined(__F16C__)
template <class S> constexpr bool kConverts = true;
#else
template <class S> constexpr bool kConverts = !std::is_same_v<S, Float16>;
#endif

// Half as many bytes as a register. (gcc 12 takes a detour for __builtin_convertvector between the two.)
typedef uint16_t HalfWords __attribute__((vector_size(kVecBytes / 2)));
using HalfWordsInMemory = in_memory<uint16_t, Vec<float>::size>::type;

TX_INLINE Raw<uint32_t> to_words(HalfWords x) {
#if defined(__AVX512F__)
  return (Raw<uint32_t>)_mm512_cvtepu16_epi32((__m256i)x);
#elif defined(__AVX2__)
  return (Raw<uint32_t>)_mm256_cvtepu16_epi32((__m128i)x);
#else
  return __builtin_convertvector(x, Raw<uint32_t>);
#endif
}

// Words below 2^16.
TX_INLINE HalfWords to_half_words(Raw<uint32_t> x) {
#if defined(__AVX512F__)
  return (HalfWords)_mm512_cvtepi32_epi16((__m512i)x);
#elif defined(__AVX2__)
  return (HalfWords)_mm_packus_epi32(_mm256_castsi256_si128((__m256i)x), _mm256_extracti128_si256((__m256i)x, 1));
#else
  return __builtin_convertvector(x, HalfWords);
#endif
}

template <class S> TX_INLINE Vec<float> widened(HalfWords words) {
  if constexpr (std::is_same_v<S, BFloat16>) {
    return bits_as<float>(Vec<uint32_t>(to_words(words) << 16));
  } else {
#if defined(__AVX512F__)
    return (Raw<float>)_mm512_cvtph_ps((__m256i)words);
#elif defined(__F16C__)
    return (Raw<float>)_mm256_cvtph_ps((__m128i)words);
#endif
  }
}

template <class S> TX_INLINE HalfWords narrowed(Vec<float> x) {
  if constexpr (std::is_same_v<S, BFloat16>) {
    const Raw<uint32_t> bits = (Raw<uint32_t>)x.v, rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return to_half_words(x.v != x.v ? rounded - rounded + 0x7fc0 : rounded);
  } else {
#if defined(__AVX512F__)
    return (HalfWords)_mm512_cvtps_ph((__m512)x.v, 0);
#elif defined(__F16C__)
    return (HalfWords)_mm256_cvtps_ph((__m256)x.v, 0);
#endif
  }
}

// load, store, load_partial and store_partial of vec.h for a register whose elements are stored as S: T itself or, for
// float, a half type. R: Vec<T>, or for a complex T a pair of registers.
template <class T, class S> TX_INLINE auto load_as(const void* p) {
  if constexpr (is_complex_type<T>) return load_complex<decltype(T::real)>(p);
  else if constexpr (std::is_same_v<T, S>) return load<T>(p);
  else return widened<S>(HalfWords(*(const HalfWordsInMemory*)p));
}
template <class T, class S, class R> TX_INLINE void store_as(void* p, R x) {
  if constexpr (is_complex_type<T>) store_complex<decltype(T::real)>(p, x);
  else if constexpr (std::is_same_v<T, S>) store<T>(p, x);
  else *(HalfWordsInMemory*)p = narrowed<S>(x);
}
template <class T, class S> TX_INLINE auto load_partial_as(const void* p, int64_t n) {
  if constexpr (is_complex_type<T>) return load_complex_partial<decltype(T::real)>(p, n);
  else if constexpr (std::is_same_v<T, S>) return load_partial<T>(p, n);
  else {
    alignas(kVecBytes) char buffer[kVecBytes] = {};
    copy_bytes<2>(buffer, (const char*)p, n * 2);
    return load_as<T, S>(buffer);
  }
}
template <class T, class S, class R> TX_INLINE void store_partial_as(void* p, R x, int64_t n) {
  if constexpr (is_complex_type<T>) store_complex_partial<decltype(T::real)>(p, x, n);
  else if constexpr (std::is_same_v<T, S>) store_partial<T>(p, x, n);
  else {
    alignas(kVecBytes) char buffer[kVecBytes];
    store_as<T, S>(buffer, x);
    copy_bytes<2>((char*)p, buffer, n * 2);
  }
}

}  // namespace tx::TX_ISA
