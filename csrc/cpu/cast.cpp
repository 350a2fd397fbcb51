#include "cast.h"

#include "../float_conversion.h"
#include "vec_half.h"

namespace tx::TX_ISA {
namespace {

// Elements a conversion through float takes at a time.
constexpr int64_t kBlock = 256;

// Plain loops: the compiler turns each into the instruction set's conversions.
template <class From, class To>
void cast_plain(char* out, const char* x, int64_t n) {
  constexpr bool kFromBool = std::is_same_v<From, bool>;  // a byte that is not 0: NumPy may hold others than 1
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

// A half type to float and back: a register at a time, or, where the instruction set knows nothing of it, one by one.
template <class S>
void half_to_float(char* out, const char* x, int64_t n) {
  if constexpr (kConverts<S>) {
    constexpr int64_t size = Vec<float>::size;
    int64_t i = 0;
    for (; i + size <= n; i += size) store<float>(out + i * 4, load_as<float, S>(x + i * 2));
    if (i < n) store_partial<float>(out + i * 4, load_partial_as<float, S>(x + i * 2, n - i), n - i);
  } else {
    for (int64_t i = 0; i < n; i++) ((float*)out)[i] = to_float(((const S*)x)[i]);
  }
}

template <class S>
void float_to_half(char* out, const char* x, int64_t n) {
  if constexpr (kConverts<S>) {
    constexpr int64_t size = Vec<float>::size;
    int64_t i = 0;
    for (; i + size <= n; i += size) store_as<float, S>(out + i * 2, load<float>(x + i * 4));
    if (i < n) store_partial_as<float, S>(out + i * 2, load_partial<float>(x + i * 4, n - i), n - i);
  } else {
    for (int64_t i = 0; i < n; i++) ((S*)out)[i] = to_float16(((const float*)x)[i]);
  }
}

template <class T> constexpr bool is_half_type = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

// Null for a half type to or from anything but float: that takes two steps.
using CastRow = void (*)(char* out, const char* x, int64_t n);
template <class From, class To>
constexpr CastRow cast_row() {
  if constexpr (std::is_same_v<From, To>) return copy_plain<From>;
  else if constexpr (is_half_type<From> && std::is_same_v<To, float>) return half_to_float<From>;
  else if constexpr (std::is_same_v<From, float> && is_half_type<To>) return float_to_half<To>;
  else if constexpr (is_half_type<From> || is_half_type<To>) return nullptr;
  else return cast_plain<From, To>;
}

#define X(e, From, name)                                                                                         \
  {cast_row<From, bool>(), cast_row<From, uint8_t>(), cast_row<From, int8_t>(), cast_row<From, int16_t>(),       \
   cast_row<From, int32_t>(), cast_row<From, int64_t>(), cast_row<From, Float16>(), cast_row<From, BFloat16>(),  \
   cast_row<From, float>(), cast_row<From, double>()},
constexpr CastRow kCastRows[kNumDTypes][kNumDTypes] = {TX_DTYPES(X)};  // [from][to]
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
