#include "cast.h"

#include "../float_conversion.h"
#include "vec.h"

namespace tx::TX_ISA {
namespace {

// Elements a conversion through float takes at a time.
constexpr int64_t kBlock = 256;

// Plain loops: the compiler turns each into the instruction set's conversions.
template <class From, class To>
void cast_plain(char* out, const char* x, int64_t n) {
  constexpr bool kFromBool = std::is_same_v<From, bool>;         // a byte that is not 0: NumPy may hold others than 1
  using Stored = std::conditional_t<kFromBool, uint8_t, From>;
  const Stored* __restrict from = (const Stored*)x;
  To* __restrict to = (To*)out;
  for (int64_t i = 0; i < n; i++) {
    if constexpr (kFromBool || std::is_same_v<To, bool>) to[i] = from[i] != 0;
    else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4)
      to[i] = To(int32_t(from[i]));
    else to[i] = To(from[i]);
  }
}

template <class T>
void copy_plain(char* out, const char* x, int64_t n) {
  __builtin_memcpy(out, x, size_t(n) * sizeof(T));
}

void bfloat16_to_float(char* out, const char* x, int64_t n) {
  const uint16_t* __restrict from = (const uint16_t*)x;
  uint32_t* __restrict to = (uint32_t*)out;
  for (int64_t i = 0; i < n; i++) to[i] = uint32_t(from[i]) << 16;
}

// Round to nearest even; NaN becomes the quiet NaN.
void float_to_bfloat16(char* out, const char* x, int64_t n) {
  const uint32_t* __restrict from = (const uint32_t*)x;
  uint16_t* __restrict to = (uint16_t*)out;
  for (int64_t i = 0; i < n; i++) {
    uint32_t bits = from[i];
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    to[i] = uint16_t((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
  }
}

// Float16 conversions, a register at a time; the tail goes through a padded block so that it takes the same path.
#if defined(__AVX512F__)
constexpr int kLanes = 16;
TX_INLINE void widen(float* to, const Float16* from) {
  _mm512_storeu_ps(to, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)from)));
}
TX_INLINE void narrow(Float16* to, const float* from) {
  _mm256_storeu_si256((__m256i*)to, _mm512_cvtps_ph(_mm512_loadu_ps(from), 0));
}
#elif defined(__F16C__)
constexpr int kLanes = 8;
TX_INLINE void widen(float* to, const Float16* from) {
  _mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)from)));
}
TX_INLINE void narrow(Float16* to, const float* from) {
  _mm_storeu_si128((__m128i*)to, _mm256_cvtps_ph(_mm256_loadu_ps(from), 0));
}
#else
constexpr int kLanes = 1;
TX_INLINE void widen(float* to, const Float16* from) { *to = to_float(*from); }
TX_INLINE void narrow(Float16* to, const float* from) { *to = to_float16(*from); }
#endif

template <class From, class To, class F>
TX_INLINE void by_lanes(char* out, const char* x, int64_t n, F convert) {
  const From* from = (const From*)x;
  To* to = (To*)out;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) convert(to + i, from + i);
  if (i == n) return;
  From tail[kLanes] = {};
  To result[kLanes];
  for (int64_t k = i; k < n; k++) tail[k - i] = from[k];
  convert(result, tail);
  for (int64_t k = i; k < n; k++) to[k] = result[k - i];
}

void float16_to_float(char* out, const char* x, int64_t n) {
  by_lanes<Float16, float>(out, x, n, [](auto to, auto from) { widen(to, from); });
}
void float_to_float16(char* out, const char* x, int64_t n) {
  by_lanes<float, Float16>(out, x, n, [](auto to, auto from) { narrow(to, from); });
}

template <class T> constexpr bool is_half_type = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

// Null for a half type to or from anything but float: that takes two steps.
using CastRow = void (*)(char* out, const char* x, int64_t n);
template <class From, class To>
constexpr CastRow cast_row() {
  if constexpr (std::is_same_v<From, To>) return copy_plain<From>;
  else if constexpr (std::is_same_v<From, BFloat16> && std::is_same_v<To, float>) return bfloat16_to_float;
  else if constexpr (std::is_same_v<From, Float16> && std::is_same_v<To, float>) return float16_to_float;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, BFloat16>) return float_to_bfloat16;
  else if constexpr (std::is_same_v<From, float> && std::is_same_v<To, Float16>) return float_to_float16;
  else if constexpr (is_half_type<From> || is_half_type<To>) return nullptr;
  else return cast_plain<From, To>;
}

#define X(e, From, name)                                                                                         \
  {cast_row<From, bool>(), cast_row<From, uint8_t>(), cast_row<From, int8_t>(), cast_row<From, int16_t>(),       \
   cast_row<From, int32_t>(), cast_row<From, int64_t>(), cast_row<From, Float16>(), cast_row<From, BFloat16>(),  \
   cast_row<From, float>(), cast_row<From, double>()},
constexpr CastRow kCastRows[kNumDTypes][kNumDTypes] = {TX_DTYPES(X)};      // [from][to]
#undef X

}  // namespace

void cast(char* out, DType to, const char* x, DType from, int64_t n) {
  if (CastRow row = kCastRows[int(from)][int(to)]) {
    row(out, x, n);
    return;
  }
  CastRow widen = kCastRows[int(from)][int(DType::Float32)], narrow = kCastRows[int(DType::Float32)][int(to)];
  alignas(64) char block[kBlock * sizeof(float)];
  for (int64_t i = 0; i < n; i += kBlock) {
    int64_t k = n - i < kBlock ? n - i : kBlock;
    widen(block, x + i * itemsize(from), k);
    narrow(out + i * itemsize(to), block, k);
  }
}

}  // namespace tx::TX_ISA
