// The register tile of the product of bytes: kByteRows pixels by a strip of output channels, in int32.
//
// What differs between instruction sets is how four products of bytes are added to a sum; everything else is shared. Sums
// are exact (modulo 2^32), so no result depends on it.
#pragma once
#include <cstddef>

#include "vec_arithmetic.h"

#include "../kernels/quantized.h"

namespace tx::TX_ISA {

using Sum = Vec<int32_t>;
constexpr int kSums = kStripColumns / Sum::size;  // registers of a strip
constexpr int kByteRows = kVecBytes == 64 ? 12 : kVecBytes == 32 ? 6 : 2;

// In each lane the sum of two products of 16 bits.
TX_INLINE Sum multiply_pairs(Vec<int16_t> a, Vec<int16_t> b) {
#if defined(__AVX512BW__)
  return (Raw<int32_t>)_mm512_madd_epi16((__m512i)a.v, (__m512i)b.v);
#elif defined(__AVX2__)
  return (Raw<int32_t>)_mm256_madd_epi16((__m256i)a.v, (__m256i)b.v);
#elif defined(__SSE4_2__)
  return (Raw<int32_t>)_mm_madd_epi16((__m128i)a.v, (__m128i)b.v);
#else
  const Raw<int32_t> x = (Raw<int32_t>)a.v, y = (Raw<int32_t>)b.v;
  return (x << 16 >> 16) * (y << 16 >> 16) + (x >> 16) * (y >> 16);
#endif
}

// In each lane of 16 bits the sum of two products of bytes, those of `a` at most 128.
TX_INLINE Vec<int16_t> multiply_small_bytes(Sum a, Sum b) {
#if defined(__AVX512BW__)
  return {(Raw<int16_t>)_mm512_maddubs_epi16((__m512i)a.v, (__m512i)b.v)};
#elif defined(__AVX2__)
  return {(Raw<int16_t>)_mm256_maddubs_epi16((__m256i)a.v, (__m256i)b.v)};
#elif defined(__SSE4_2__)
  return {(Raw<int16_t>)_mm_maddubs_epi16((__m128i)a.v, (__m128i)b.v)};
#else
  const Raw<int16_t> x = (Raw<int16_t>)a.v, y = (Raw<int16_t>)b.v;
  return {(x & 0xff) * (y << 8 >> 8) + (x >> 8 & 0xff) * (y >> 8)};
#endif
}

// The compiler may not regroup additions around this: it would add products first, and run out of registers for the sums.
TX_INLINE Sum as_written(Sum x) {
#if defined(__SSE4_2__)
  __asm__("" : "+v"(x.v));
#endif
  return x;
}

// `pixels` are rows of what `widen` makes of a pixel's bytes, a `Wide` for each quad; rows are `row` apart.
//
// The instruction for bytes (vpmaddubsw) saturates its sums of two, so that bytes are multiplied as 16-bit numbers: the
// even two of a quad, then the odd two.
struct ByPairs {
  static constexpr bool kHighBits = false;
  using Wide = uint64_t;
  TX_INLINE static void widen(Wide* to, const uint8_t* from, int64_t quads) {
    constexpr uint32_t kEven = 0x00ff00ff;
    const auto* bytes = (const in_memory<uint32_t, 1>::type*)from;
    auto* pairs = (in_memory<uint32_t, 1>::type*)to;
    for (int64_t q = 0; q < quads; q++) {
      const uint32_t quad = bytes[q][0];
      pairs[2 * q][0] = quad & kEven;
      pairs[2 * q + 1][0] = quad >> 8 & kEven;
    }
  }

  template <int rows>
  TX_INLINE static void add(Sum (&sum)[rows][kSums], const Wide* const* pixels, int64_t row, const int8_t* weight) {
    TX_UNROLL
    for (int odd = 0; odd < 2; odd++) {
      Vec<int16_t> pair[kSums];
      TX_UNROLL
      for (int j = 0; j < kSums; j++) {
        const Raw<int16_t> bytes = load<int16_t>(weight + j * kVecBytes).v;
        pair[j] = odd ? bytes >> 8 : bytes << 8 >> 8;
      }
      TX_UNROLL
      for (int i = 0; i < rows; i++) {
        const auto* halves = (const in_memory<int32_t, 1>::type*)(pixels[i / 3] + i % 3 * row);
        const Vec<int16_t> pixel = bits_as<int16_t>(Sum(halves[odd][0]));
        TX_UNROLL
        for (int j = 0; j < kSums; j++) sum[i][j] = as_written(sum[i][j] + multiply_pairs(pixel, pair[j]));
      }
    }
  }
};

// For pixels few of whose bytes are 128 or more. The low seven bits of each: the sum of two products is then at most
// 2 * 127 * 128, and vpmaddubsw does not saturate. Nor does it for the high bits, which are added on their own.
struct BySmallBytes {
  static constexpr bool kHighBits = true;
  static constexpr uint32_t kHigh = 0x80808080;
  using Wide = uint32_t;
  struct High {
    uint32_t bits, quad;
  };

  // Returns the end of the quads that have high bits, written from `high` on.
  TX_INLINE static High* widen(Wide* to, const uint8_t* from, int64_t quads, High* high) {
    const auto* bytes = (const in_memory<uint32_t, 1>::type*)from;
    for (int64_t q = 0; q < quads; q++) {
      const uint32_t quad = bytes[q][0];
      to[q] = quad & ~kHigh;
      *high = {quad & kHigh, uint32_t(q)};
      high += (quad & kHigh) != 0;
    }
    return high;
  }

  TX_INLINE static Sum products(Sum pixel, const int8_t* weight) {
    return multiply_pairs(multiply_small_bytes(pixel, load<int32_t>(weight)), Vec<int16_t>(1));
  }

  // To the sums of one pixel.
  TX_INLINE static void add_high(int32_t* sums, const High& high, const int8_t* weight) {
    weight += int64_t(high.quad) * kStripColumns * kQuad;
    TX_UNROLL
    for (int j = 0; j < kSums; j++) {
      int32_t* const sum = sums + j * Sum::size;
      store<int32_t>(sum, load<int32_t>(sum) + products(Sum(int32_t(high.bits)), weight + j * kVecBytes));
    }
  }

  template <int rows>
  TX_INLINE static void add(Sum (&sum)[rows][kSums], const Wide* const* pixels, int64_t row, const int8_t* weight) {
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      const Sum pixel(int32_t(pixels[i / 3][i % 3 * row]));
      TX_UNROLL
      for (int j = 0; j < kSums; j++) sum[i][j] = as_written(sum[i][j] + products(pixel, weight + j * kVecBytes));
    }
  }
};

#if defined(__AVX512BW__)
// With VNNI, which not every processor with AVX-512 has: one instruction. As assembly, because the intrinsic would
// ask for VNNI in every function that this is inlined into.
struct ByQuads {
  static constexpr bool kHighBits = false;
  using Wide = uint32_t;
  TX_INLINE static void widen(Wide* to, const uint8_t* from, int64_t quads) {
    __builtin_memcpy(to, from, size_t(quads * kQuad));
  }

  template <int rows>
  TX_INLINE static void add(Sum (&sum)[rows][kSums], const Wide* const* pixels, int64_t row, const int8_t* weight) {
    static_assert(kSums == 1);
    const Sum quads = load<int32_t>(weight);
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      const Sum pixel(int32_t(pixels[i / 3][i % 3 * row]));
      __asm__("vpdpbusd %2, %1, %0" : "+v"(sum[i][0].v) : "v"(pixel.v), "v"(quads.v));
    }
  }
};
#endif

// sums (rows, kStripColumns) of a strip, over `quads` quads.
template <class Inner, int rows>
void multiply_bytes(int64_t quads, const typename Inner::Wide* pixels, int64_t row, const int8_t* weight,
                    int32_t* sums) {
  Sum sum[rows][kSums];
  TX_UNROLL
  for (int i = 0; i < rows; i++) {
    TX_UNROLL
    for (int j = 0; j < kSums; j++) sum[i][j] = Sum(0);
  }
  // Three rows share a pointer: x86 adds `row` and twice `row` to an address for nothing.
  constexpr int pointers = (rows + 2) / 3;
  const typename Inner::Wide* pixel[pointers];
  TX_UNROLL
  for (int g = 0; g < pointers; g++) pixel[g] = pixels + 3 * g * row;
  for (int64_t q = 0; q < quads; q++) {
    Inner::template add<rows>(sum, pixel, row, weight);
    TX_UNROLL
    for (int g = 0; g < pointers; g++) pixel[g]++;
    weight += kStripColumns * kQuad;
  }
  TX_UNROLL
  for (int i = 0; i < rows; i++) {
    TX_UNROLL
    for (int j = 0; j < kSums; j++) store<int32_t>(sums + i * kStripColumns + j * Sum::size, sum[i][j]);
  }
}

// kStripColumns numbers from 0 to 255 as bytes.
TX_INLINE void narrow_to_bytes(uint8_t* to, const int32_t* from) {
#if defined(__SSE4_2__)
  const auto* x = (const __m128i*)from;
  const __m128i low = _mm_packs_epi32(x[0], x[1]), high = _mm_packs_epi32(x[2], x[3]);
  _mm_storeu_si128((__m128i*)to, _mm_packus_epi16(low, high));
#else
  for (int j = 0; j < kStripColumns; j++) to[j] = uint8_t(from[j]);
#endif
}

}  // namespace tx::TX_ISA
