// Vec<T>: one register of T, on GCC/Clang vector extensions; Mask<bytes>: the result of a comparison, one lane of
// `bytes` bytes per element, all ones or all zeros. The width follows the instruction set this file is compiled
// for, and everything lives in that set's namespace, so that the linker can never mix two sets.
//
// Every operation acts on each lane alone: a value's result does not depend on its neighbours in the register.
#pragma once
#include <type_traits>

#include "../dtype.h"

#if defined(__SSE4_2__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"      // false alarms inside gcc 12's own header
#include <immintrin.h>
#pragma GCC diagnostic pop
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

// Before a loop over registers, of which nothing may be left: its arrays then live in registers.
#define TX_UNROLL _Pragma("GCC unroll 16")

namespace tx::TX_ISA {

#if defined(__AVX512F__)
constexpr int kVecBytes = 64;
#elif defined(__AVX2__)
constexpr int kVecBytes = 32;
#else
constexpr int kVecBytes = 16;
#endif

template <class T> struct lane;        // integers of the same size
template <> struct lane<int8_t> {
  using Signed = int8_t;
  using Unsigned = uint8_t;
};
template <> struct lane<uint8_t> {
  using Signed = int8_t;
  using Unsigned = uint8_t;
};
template <> struct lane<int16_t> {
  using Signed = int16_t;
  using Unsigned = uint16_t;
};
template <> struct lane<int32_t> {
  using Signed = int32_t;
  using Unsigned = uint32_t;
};
template <> struct lane<int64_t> {
  using Signed = int64_t;
  using Unsigned = uint64_t;
};
template <> struct lane<uint64_t> {
  using Signed = int64_t;
  using Unsigned = uint64_t;
};
template <> struct lane<float> {
  using Signed = int32_t;
  using Unsigned = uint32_t;
};
template <> struct lane<double> {
  using Signed = int64_t;
  using Unsigned = uint64_t;
};
template <class T> using signed_of = typename lane<T>::Signed;
template <class T> using unsigned_of = typename lane<T>::Unsigned;

template <class T> struct raw {
  typedef T type __attribute__((vector_size(kVecBytes)));
};
template <class T> using Raw = typename raw<T>::type;

template <int bytes> struct mask_lane;
template <> struct mask_lane<1> {
  using type = int8_t;
};
template <> struct mask_lane<2> {
  using type = int16_t;
};
template <> struct mask_lane<4> {
  using type = int32_t;
};
template <> struct mask_lane<8> {
  using type = int64_t;
};

template <int bytes>
struct Mask {
  using R = Raw<typename mask_lane<bytes>::type>;
  R v;
  TX_INLINE friend Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
  TX_INLINE friend Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
  TX_INLINE friend Mask operator^(Mask a, Mask b) { return {a.v ^ b.v}; }
  TX_INLINE friend Mask operator~(Mask a) { return {~a.v}; }
};

// Integers wrap around, so their arithmetic is that of the unsigned type.
template <class T> struct arithmetic {
  using type = T;
};
template <> struct arithmetic<int8_t> {
  using type = uint8_t;
};
template <> struct arithmetic<int16_t> {
  using type = uint16_t;
};
template <> struct arithmetic<int32_t> {
  using type = uint32_t;
};
template <> struct arithmetic<int64_t> {
  using type = uint64_t;
};

template <class T>
struct Vec {
  static constexpr int size = kVecBytes / int(sizeof(T));
  using Lane = T;
  using R = Raw<T>;
  using M = Mask<sizeof(T)>;
  R v;
  Vec() = default;
  TX_INLINE Vec(R r) : v(r) {}
  TX_INLINE explicit Vec(T s) : v(s - R{}) {}          // in every lane; s - 0 keeps -0, 0 + s would not
  template <class S>
    requires(std::is_arithmetic_v<S>)
  TX_INLINE explicit Vec(S s) : Vec(T(s)) {}
  using A = Raw<typename arithmetic<T>::type>;
  TX_INLINE friend Vec operator-(Vec a) { return R(-A(a.v)); }
  TX_INLINE friend Vec operator+(Vec a, Vec b) { return R(A(a.v) + A(b.v)); }
  TX_INLINE friend Vec operator-(Vec a, Vec b) { return R(A(a.v) - A(b.v)); }
  TX_INLINE friend Vec operator*(Vec a, Vec b) { return R(A(a.v) * A(b.v)); }
  TX_INLINE friend Vec operator/(Vec a, Vec b)
    requires(std::is_floating_point_v<T>)
  {
    return a.v / b.v;
  }
  TX_INLINE friend Vec operator&(Vec a, Vec b)
    requires(std::is_integral_v<T>)
  {
    return a.v & b.v;
  }
  TX_INLINE friend Vec operator|(Vec a, Vec b)
    requires(std::is_integral_v<T>)
  {
    return a.v | b.v;
  }
  TX_INLINE friend Vec operator^(Vec a, Vec b)
    requires(std::is_integral_v<T>)
  {
    return a.v ^ b.v;
  }
  TX_INLINE friend M operator==(Vec a, Vec b) { return {a.v == b.v}; }
  TX_INLINE friend M operator!=(Vec a, Vec b) { return {a.v != b.v}; }
  TX_INLINE friend M operator<(Vec a, Vec b) { return {a.v < b.v}; }
  TX_INLINE friend M operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
  TX_INLINE friend M operator>(Vec a, Vec b) { return {a.v > b.v}; }
  TX_INLINE friend M operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
};

// bool: bytes that are 0 or 1. Addition is or, multiplication is and, as in PyTorch.
template <>
struct Vec<bool> {
  static constexpr int size = kVecBytes;
  using Lane = uint8_t;
  using R = Raw<uint8_t>;
  using M = Mask<1>;
  R v;
  Vec() = default;
  TX_INLINE Vec(R r) : v(r) {}
  TX_INLINE explicit Vec(uint8_t s) : v(s - R{}) {}
  TX_INLINE explicit Vec(int s) : Vec(uint8_t(s != 0)) {}
  TX_INLINE friend Vec operator+(Vec a, Vec b) { return a.v | b.v; }
  TX_INLINE friend Vec operator*(Vec a, Vec b) { return a.v & b.v; }
  TX_INLINE friend Vec operator&(Vec a, Vec b) { return a.v & b.v; }
  TX_INLINE friend Vec operator|(Vec a, Vec b) { return a.v | b.v; }
  TX_INLINE friend Vec operator^(Vec a, Vec b) { return a.v ^ b.v; }
  TX_INLINE friend M operator==(Vec a, Vec b) { return {a.v == b.v}; }
  TX_INLINE friend M operator!=(Vec a, Vec b) { return {a.v != b.v}; }
  TX_INLINE friend M operator<(Vec a, Vec b) { return {a.v < b.v}; }
  TX_INLINE friend M operator<=(Vec a, Vec b) { return {a.v <= b.v}; }
  TX_INLINE friend M operator>(Vec a, Vec b) { return {a.v > b.v}; }
  TX_INLINE friend M operator>=(Vec a, Vec b) { return {a.v >= b.v}; }
};

template <class T> TX_INLINE Vec<T> where(typename Vec<T>::M mask, Vec<T> a, Vec<T> b) { return mask.v ? a.v : b.v; }

// The same bits as another type.
template <class To, class From> TX_INLINE Vec<To> bits_as(Vec<From> x) { return (Raw<To>)x.v; }
template <class T> TX_INLINE Vec<signed_of<T>> as_int(Vec<T> x) { return (Raw<signed_of<T>>)x.v; }

template <int bytes> TX_INLINE bool any(Mask<bytes> m) {
#if defined(__AVX512BW__)
  return _mm512_test_epi8_mask((__m512i)m.v, (__m512i)m.v) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)m.v, (__m256i)m.v);
#elif defined(__SSE4_2__)
  return !_mm_testz_si128((__m128i)m.v, (__m128i)m.v);
#else
  auto w = (Raw<int64_t>)m.v;
  return (w[0] | w[1]) != 0;
#endif
}

// ---- Memory ---------------------------------------------------------------------------------------------------

// Memory as a vector of `lanes` T at any address. (memcpy into a register is slow under gcc 12; this is not.)
template <class T, int lanes> struct in_memory {
  typedef T type __attribute__((vector_size(lanes * sizeof(T)), aligned(1), may_alias));
};
template <class T> using InMemory = typename in_memory<typename Vec<T>::Lane, Vec<T>::size>::type;

template <class T> TX_INLINE Vec<T> load(const void* p) {
  typename Vec<T>::R v = *(const InMemory<T>*)p;
  if constexpr (std::is_same_v<T, bool>) return (typename Vec<T>::R)(v != 0) & 1;       // NumPy may hold other bytes
  else return v;
}
template <class T> TX_INLINE void store(void* p, Vec<T> x) { *(InMemory<T>*)p = x.v; }

// Copies nbytes < kVecBytes, a multiple of `unit`, without a call.
template <int unit> TX_INLINE void copy_bytes(char* to, const char* from, int64_t nbytes) {
  int64_t at = 0;
#define TX_STEP(bytes)                                                             \
  if (unit <= bytes && kVecBytes > bytes && (nbytes & bytes)) {                    \
    typedef char Piece __attribute__((vector_size(bytes), aligned(1), may_alias)); \
    *(Piece*)(to + at) = *(const Piece*)(from + at);                               \
    at += bytes;                                                                   \
  }
  TX_STEP(32)
  TX_STEP(16)
  TX_STEP(8)
  TX_STEP(4)
  TX_STEP(2)
#undef TX_STEP
  if (unit == 1 && (nbytes & 1)) to[at] = from[at];
}

#if defined(__AVX512BW__)
#define TX_MASKED(bytes, bits)                                                                                       \
  TX_INLINE __m512i load_masked(const void* p, int64_t n, mask_lane<bytes>) { return _mm512_maskz_loadu_epi##bits((1ull << n) - 1, p); } \
  TX_INLINE void store_masked(void* p, __m512i x, int64_t n, mask_lane<bytes>) { _mm512_mask_storeu_epi##bits(p, (1ull << n) - 1, x); }
TX_MASKED(1, 8)
TX_MASKED(2, 16)
TX_MASKED(4, 32)
TX_MASKED(8, 64)
#undef TX_MASKED
#elif defined(__AVX2__)
alignas(32) constexpr int32_t kFirstLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};       // read from 8 - n on: n ones
TX_INLINE __m256i first_lanes(int64_t words) { return _mm256_loadu_si256((const __m256i*)(kFirstLanes + 8 - words)); }
#endif

// The first n < size elements; the other lanes are 0.
template <class T> TX_INLINE Vec<T> load_partial(const void* p, int64_t n) {
#if defined(__AVX512BW__)
  if constexpr (!std::is_same_v<T, bool>) return (typename Vec<T>::R)load_masked(p, n, mask_lane<sizeof(T)>{});
#elif defined(__AVX2__)
  if constexpr (sizeof(T) >= 4)
    return (typename Vec<T>::R)_mm256_maskload_epi32((const int*)p, first_lanes(n * int(sizeof(T) / 4)));
#endif
  alignas(kVecBytes) char buffer[kVecBytes] = {};
  copy_bytes<sizeof(T)>(buffer, (const char*)p, n * int64_t(sizeof(T)));
  return load<T>(buffer);
}

template <class T> TX_INLINE void store_partial(void* p, Vec<T> x, int64_t n) {
#if defined(__AVX512BW__)
  store_masked(p, (__m512i)x.v, n, mask_lane<sizeof(T)>{});
  return;
#elif defined(__AVX2__)
  if constexpr (sizeof(T) >= 4) {
    _mm256_maskstore_epi32((int*)p, first_lanes(n * int(sizeof(T) / 4)), (__m256i)x.v);
    return;
  }
#endif
  alignas(kVecBytes) char buffer[kVecBytes];
  store<T>(buffer, x);
  copy_bytes<sizeof(T)>((char*)p, buffer, n * int64_t(sizeof(T)));
}

// One bool byte per lane.
template <int bytes> TX_INLINE void store_bools(void* p, Mask<bytes> m) {
#if defined(__AVX2__) && !defined(__AVX512BW__)
  if constexpr (bytes >= 4) {
    if constexpr (bytes == 8) {
      uint32_t bits = uint32_t(_mm256_movemask_pd((__m256d)m.v));
      bits = (bits * 0x00204081u) & 0x01010101u;                       // bit i to byte i
      __builtin_memcpy(p, &bits, 4);
    } else {
      __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)m.v), _mm256_extracti128_si256((__m256i)m.v, 1));
      _mm_storel_epi64((__m128i*)p, _mm_and_si128(_mm_packs_epi16(halves, halves), _mm_set1_epi8(1)));
    }
    return;
  } else if constexpr (bytes == 2) {
    __m128i halves = _mm_packs_epi16(_mm256_castsi256_si128((__m256i)m.v), _mm256_extracti128_si256((__m256i)m.v, 1));
    _mm_storeu_si128((__m128i*)p, _mm_and_si128(halves, _mm_set1_epi8(1)));
    return;
  }
#elif defined(__SSE4_2__) && !defined(__AVX512BW__)
  if constexpr (bytes == 8) {
    uint32_t bits = uint32_t(_mm_movemask_pd((__m128d)m.v));
    bits = (bits * 0x81u) & 0x0101u;
    __builtin_memcpy(p, &bits, 2);
    return;
  } else if constexpr (bytes == 4) {
    uint32_t bits = uint32_t(_mm_movemask_ps((__m128)m.v));
    bits = (bits * 0x00204081u) & 0x01010101u;                       // bit i to byte i
    __builtin_memcpy(p, &bits, 4);
    return;
  } else if constexpr (bytes == 2) {
    __m128i words = _mm_packs_epi16((__m128i)m.v, (__m128i)m.v);
    _mm_storel_epi64((__m128i*)p, _mm_and_si128(words, _mm_set1_epi8(1)));
    return;
  }
#endif
  using Bytes = typename in_memory<int8_t, kVecBytes / bytes>::type;
  *(Bytes*)p = __builtin_convertvector(m.v, Bytes) & 1;
}

template <int bytes> TX_INLINE void store_bools_partial(void* p, Mask<bytes> m, int64_t n) {
  alignas(kVecBytes) char buffer[kVecBytes];
  store_bools(buffer, m);
  copy_bytes<1>((char*)p, buffer, n);
}

// A mask from one bool byte per lane.
template <int bytes> TX_INLINE Mask<bytes> load_bools(const void* p) {
  using Bytes = typename in_memory<int8_t, kVecBytes / bytes>::type;
  return {__builtin_convertvector(*(const Bytes*)p, typename Mask<bytes>::R) != 0};
}

template <int bytes> TX_INLINE Mask<bytes> load_bools_partial(const void* p, int64_t n) {
  alignas(kVecBytes) char buffer[kVecBytes] = {};
  copy_bytes<1>(buffer, (const char*)p, n);
  return load_bools<bytes>(buffer);
}

}  // namespace tx::TX_ISA
