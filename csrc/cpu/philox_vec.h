// Philox in registers: groups of eight blocks (philox.h), one block to a 64-bit lane. Multiplication reads the low
// half of a lane and writes all of it, so the words need no shuffles: what is left in the high halves is never read.
#pragma once
#include "../kernels/random.h"
#include "../philox.h"
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

using Lanes64 = Raw<uint64_t>;
constexpr int kLanes64 = kVecBytes / 8;
constexpr int kGroupRegisters = kGroupBlocks / kLanes64;

// Low half times low half.
TX_INLINE Lanes64 multiply_low(Lanes64 a, Lanes64 b) {
#if defined(__AVX512F__)
  return (Lanes64)_mm512_mul_epu32((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Lanes64)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__SSE4_2__)
  return (Lanes64)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xffffffffu) * (b & 0xffffffffu);
#endif
}

// The group's 16 double words.
TX_INLINE void philox_group(RandomStream random, uint64_t group, uint64_t* out) {
  const Lanes64 zero{};
  TX_UNROLL
  for (int r = 0; r < kGroupRegisters; r++) {
    Lanes64 c0, c2 = zero + uint32_t(random.stream), c3 = zero + (random.stream >> 32);
    TX_UNROLL
    for (int i = 0; i < kLanes64; i++) c0[i] = group * kGroupBlocks + uint64_t(r * kLanes64 + i);
    Lanes64 c1 = c0 >> 32;
    uint32_t k0 = uint32_t(random.seed), k1 = uint32_t(random.seed >> 32);
    TX_UNROLL
    for (int round = 0; round < kPhiloxRounds; round++, k0 += kPhiloxKeyStep0, k1 += kPhiloxKeyStep1) {
      Lanes64 p0 = multiply_low(c0, zero + uint64_t(kPhiloxMultiplier0)),
              p1 = multiply_low(c2, zero + uint64_t(kPhiloxMultiplier1));
      c0 = (p1 >> 32) ^ c1 ^ (zero + k0);
      c1 = p1;
      c2 = (p0 >> 32) ^ c3 ^ (zero + k1);
      c3 = p0;
    }
    const Lanes64 low = zero + 0xffffffffu;
    typedef uint64_t Memory __attribute__((vector_size(kVecBytes), aligned(1), may_alias));
    *(Memory*)(out + r * kLanes64) = (c0 & low) | (c1 << 32);
    *(Memory*)(out + kGroupBlocks + r * kLanes64) = (c2 & low) | (c3 << 32);
  }
}

// Numbers in [0, 1) from a register of random words: `bits` of them for float (24 is full precision), 52 for double.
TX_INLINE Vec<float> unit(const uint64_t* words, int at, int bits, Vec<float>) {
  auto w = (Raw<uint32_t>)load<int32_t>((const char*)words + at * 4).v;
  auto high = (Raw<int32_t>)(w >> uint32_t(32 - bits));
  return Vec<float>(__builtin_convertvector(high, Raw<float>)) * Vec<float>(1.0f / float(1 << bits));
}
TX_INLINE Vec<double> unit(const uint64_t* words, int at, int, Vec<double>) {
  auto w = (Raw<uint64_t>)load<int64_t>((const char*)words + at * 8).v;
  return Vec<double>((Raw<double>)((w >> 12) | 0x3ff0000000000000u)) - Vec<double>(1.0);
}

// The same in (0, 1], with more bits for small float numbers: what a logarithm is taken of.
TX_INLINE Vec<float> unit_above_zero(const uint64_t* words, int at, Vec<float>) {
  auto w = (Raw<uint32_t>)load<int32_t>((const char*)words + at * 4).v;
  return Vec<float>(__builtin_convertvector((Raw<int32_t>)(w >> 1), Raw<float>)) * Vec<float>(0x1p-31f) +
         Vec<float>(0x1p-32f);
}
TX_INLINE Vec<double> unit_above_zero(const uint64_t* words, int at, Vec<double> like) {
  return Vec<double>(1.0) - unit(words, at, 0, like);
}

// ---- log and sine/cosine without fused multiply-add: the same bits on every instruction set and device

// log(u) for normal u > 0, to about 2 units in the last place: u = 2^e m, and log m is a series in (m - 1) / (m + 1).
template <class T> TX_INLINE Vec<T> plain_log(Vec<T> u) {
  using I = signed_of<T>;
  constexpr I one = I(kExponentBias<T>) << kMantissaBits<T>;
  Vec<I> bits = as_int(u);
  Vec<T> m = bits_as<T>(Vec<I>((bits.v & ((I(1) << kMantissaBits<T>)-1)) | one));
  typename Vec<T>::M large = m > Vec<T>(T(1.4142135623730951));
  m = where(large, m * Vec<T>(T(0.5)), m);
  Vec<T> e = __builtin_convertvector((bits.v >> kMantissaBits<T>)-I(kExponentBias<T>), Raw<T>);
  e = where(large, e + Vec<T>(1), e);
  Vec<T> s = (m - Vec<T>(1)) / (m + Vec<T>(1)), q = s * s, series = Vec<T>(0);
  constexpr int terms = sizeof(T) == 4 ? 5 : 12;
  TX_UNROLL
  for (int k = terms; k > 0; k--) series = (series + Vec<T>(T(1) / T(2 * k + 1))) * q;
  return e * Vec<T>(T(0.6931471805599453)) + Vec<T>(2) * (s + s * series);
}

// sin(2 pi t) and cos(2 pi t) for t in [0, 1).
template <class T> TX_INLINE void sine_cosine_of_turn(Vec<T> t, Vec<T>& sine, Vec<T>& cosine) {
  Vec<T> x = t * Vec<T>(4), quadrant = round(x);                       // 0 to 4, exact
  Vec<T> y = (x - quadrant) * Vec<T>(T(1.5707963267948966)), z = y * y, s = Vec<T>(0), c = Vec<T>(0);
  constexpr int terms = sizeof(T) == 4 ? 5 : 9;
  TX_UNROLL
  for (int k = terms; k > 0; k--) {  // sin y = y (1 - z/(2*3) (1 - z/(4*5) ...)), cos alike
    s = z * Vec<T>(T(-1) / T(2 * k * (2 * k + 1))) * (Vec<T>(1) + s);
    c = z * Vec<T>(T(-1) / T(2 * k * (2 * k - 1))) * (Vec<T>(1) + c);
  }
  s = y + y * s;
  c = c + Vec<T>(1);
  typename Vec<T>::M odd = (quadrant == Vec<T>(1)) | (quadrant == Vec<T>(3));
  sine = where(odd, c, s);
  cosine = where(odd, s, c);
  sine = where((quadrant == Vec<T>(2)) | (quadrant == Vec<T>(3)), -sine, sine);
  cosine = where((quadrant == Vec<T>(1)) | (quadrant == Vec<T>(2)), -cosine, cosine);
}

}  // namespace tx::TX_ISA
