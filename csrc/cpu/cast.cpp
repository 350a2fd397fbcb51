#include "cast.h"

#include "../float_conversion.h"
#include "../kernels.h"
#include "vec_half.h"

namespace tx::TX_ISA {
namespace {

// Elements a conversion in two steps takes at a time.
constexpr int64_t kBlock = 256;

// Plain loops: the compiler turns each into the instruction set's conversions.
template <class From, class To>
void cast_plain(char* out, const char* x, int64_t n) {
  constexpr bool kFromBool = std::is_same_v<From, bool>;  // a byte that is not 0: NumPy may hold others than 1
  using Stored = std::conditional_t<kFromBool, uint8_t, From>;
  const Stored* __restrict from = (const Stored*)x;
  To* __restrict to = (To*)out;
  for (int64_t i = 0; i < n; i++) {
    if constexpr (is_complex_type<From>) to[i] = To(from[i].real, from[i].imag);
    else if constexpr (is_complex_type<To>) to[i] = To(from[i]);
    else if constexpr (kFromBool || std::is_same_v<To, bool>) to[i] = from[i] != 0;
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

// The type through which one is reached that has few conversions of its own: the one it is computed in, or a complex
// number's part.
constexpr DType bridge(DType t) { return is_complex(t) ? real_dtype(t) : compute_dtype(t); }

// Null where a conversion takes two steps.
using CastRow = void (*)(char* out, const char* x, int64_t n);
template <class From, class To>
constexpr CastRow cast_row() {
  constexpr DType from = dtype_of<From>::value, to = dtype_of<To>::value;
  constexpr bool same_bits = is_integral(from) && is_integral(to) && sizeof(From) == sizeof(To) && sizeof(To) > 1,
                 both_complex = is_complex(from) && is_complex(to), plain = bridge(from) == from && bridge(to) == to;
  if constexpr (from == to || same_bits) return copy_plain<From>;
  else if constexpr (is_half_type<From> && std::is_same_v<To, float>) return half_to_float<From>;
  else if constexpr (std::is_same_v<From, float> && is_half_type<To>) return float_to_half<To>;
  else if constexpr (both_complex || plain || bridge(to) == from) return cast_plain<From, To>;
  else if constexpr (bridge(from) == to && !is_complex(from)) return cast_plain<From, To>;
  else return nullptr;
}

struct CastRows {
  CastRow to[kNumDTypes];
};
template <class From>
constexpr CastRows cast_rows_from() {
  return {{
#define X(e, To, name) cast_row<From, To>(),
      TX_DTYPES(X)
#undef X
  }};
}
constexpr CastRows kCastRows[kNumDTypes] = {
#define X(e, From, name) cast_rows_from<From>(),
    TX_DTYPES(X)
#undef X
};

}  // namespace

void cast(char* out, DType to, const char* x, DType from, int64_t n) {
  if (CastRow row = kCastRows[int(from)].to[int(to)]) {
    row(out, x, n);
    return;
  }
  if (is_complex(from)) unsupported("cast to a real type", from);  // copy_into takes the real parts
  const DType between = bridge(from) != from ? bridge(from) : bridge(to);
  alignas(64) char block[kBlock * 8];
  for (int64_t i = 0; i < n; i += kBlock) {
    int64_t k = n - i < kBlock ? n - i : kBlock;
    cast(block, between, x + i * itemsize(from), from, k);
    cast(out + i * itemsize(to), to, block, between, k);
  }
}

}  // namespace tx::TX_ISA
