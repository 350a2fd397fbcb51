// Sort keys: an unsigned integer per element whose order is the element's (NaN last, -0 equal to 0), packed above the
// element's index. Packed elements are all different, so that any sort of them is stable. Compiled once per instruction set.
#pragma once
#include <type_traits>

#include "../kernels.h"

namespace tx::TX_ISA {

template <int bytes> struct UnsignedOf;
template <> struct UnsignedOf<1> {
  using type = uint8_t;
};
template <> struct UnsignedOf<2> {
  using type = uint16_t;
};
template <> struct UnsignedOf<4> {
  using type = uint32_t;
};
template <> struct UnsignedOf<8> {
  using type = uint64_t;
};

template <class T>
struct SortKey {
  using Bits = typename UnsignedOf<sizeof(T)>::type;
  using Packed = std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;
  static constexpr int kIndexBits = sizeof(T) == 8 ? 64 : 32;
  static constexpr Bits kSign = Bits(Bits(1) << (8 * sizeof(T) - 1));
  static constexpr bool kFloating =
      std::is_floating_point_v<T> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;
  // The bits of infinity: what is above them, without the sign, is NaN.
  static constexpr Bits kInfinity = Bits(std::is_same_v<T, Float16>    ? 0x7c00
                                         : std::is_same_v<T, BFloat16> ? 0x7f80
                                         : sizeof(T) == 4              ? uint64_t(0x7f800000)
                                                                       : uint64_t(0x7ff0000000000000));

  TX_INLINE static Bits bits(const char* x, int64_t i) {
    Bits b;
    __builtin_memcpy(&b, x + i * int64_t(sizeof(T)), sizeof(T));
    return b;
  }

  TX_INLINE static Bits of(Bits b) {
    if constexpr (std::is_same_v<T, bool>) return b != 0;
    else if constexpr (kFloating) {
      const Bits magnitude = Bits(b & Bits(~kSign)), number = b & kSign ? Bits(~b) : Bits(b | kSign);
      return magnitude > kInfinity ? Bits(~Bits(0)) : magnitude == 0 ? kSign : number;
    } else if constexpr (std::is_signed_v<T>) return Bits(b ^ kSign);
    else return b;
  }

  TX_INLINE static bool is_nan(Bits b) { return kFloating && Bits(b & Bits(~kSign)) > kInfinity; }

  TX_INLINE static Bits at(const char* x, int64_t i) { return of(bits(x, i)); }

  // What turns the order of keys around, or does not.
  TX_INLINE static Bits flip(bool descending) { return descending ? Bits(~Bits(0)) : Bits(0); }

  TX_INLINE static Packed pack(const char* x, int64_t i, Bits flip) {
    return Packed(Bits(at(x, i) ^ flip)) << kIndexBits | Packed(uint64_t(i));
  }

  TX_INLINE static int64_t index(Packed p) { return int64_t(kIndexBits == 64 ? uint64_t(p) : uint64_t(uint32_t(p))); }

  struct Less {
    TX_INLINE bool operator()(Packed a, Packed b) const { return a < b; }
  };
};

// function<T>(a) for the type that a.dtype names.
#define TX_BY_TYPE(function)                                   \
  switch (a.dtype) {                                           \
    case DType::Bool: return function<bool>(a);                \
    case DType::UInt8: return function<uint8_t>(a);            \
    case DType::Int8: return function<int8_t>(a);              \
    case DType::Int16: return function<int16_t>(a);            \
    case DType::Int32: return function<int32_t>(a);            \
    case DType::Int64: return function<int64_t>(a);            \
    case DType::Float16: return function<Float16>(a);          \
    case DType::BFloat16: return function<BFloat16>(a);        \
    case DType::Float32: return function<float>(a);            \
    case DType::Float64: return function<double>(a);           \
    default: unsupported(#function, a.dtype);                  \
  }

}  // namespace tx::TX_ISA
