// Element types: the list, their storage types, sizes and names. No device, no Python.
//
// This header is included by files that are compiled once per instruction set, so every function
// in it is TX_INLINE: it must never become a weak symbol that the linker could share between them.
#pragma once
#include <cstdint>

#if defined(__CUDACC__)
#define TX_INLINE __host__ __device__ __forceinline__
#else
#define TX_INLINE [[gnu::always_inline]] inline
#endif

namespace tx {

struct Float16 {
  uint16_t bits;
};     // IEEE binary16, storage only: arithmetic is done in float
struct BFloat16 {
  uint16_t bits;
};    // the upper half of a float, storage only

//  enumerator  storage type  name
#define TX_DTYPES(X)                 \
  X(Bool,     bool,     "bool")      \
  X(UInt8,    uint8_t,  "uint8")     \
  X(Int8,     int8_t,   "int8")      \
  X(Int16,    int16_t,  "int16")     \
  X(Int32,    int32_t,  "int32")     \
  X(Int64,    int64_t,  "int64")     \
  X(Float16,  Float16,  "float16")   \
  X(BFloat16, BFloat16, "bfloat16")  \
  X(Float32,  float,    "float32")   \
  X(Float64,  double,   "float64")

enum class DType : uint8_t {
#define X(e, T, name) e,
  TX_DTYPES(X)
#undef X
};

enum {
  kNumDTypes = 0
#define X(e, T, name) +1
  TX_DTYPES(X)
#undef X
};

TX_INLINE constexpr const char* dtype_name(DType t) {
  constexpr const char* names[] = {
#define X(e, T, name) name,
      TX_DTYPES(X)
#undef X
  };
  return names[int(t)];
}

TX_INLINE constexpr int64_t itemsize(DType t) {
  constexpr int8_t sizes[] = {
#define X(e, T, name) sizeof(T),
      TX_DTYPES(X)
#undef X
  };
  return sizes[int(t)];
}

TX_INLINE constexpr bool is_floating(DType t) { return t >= DType::Float16 && t <= DType::Float64; }
TX_INLINE constexpr bool is_half(DType t) { return t == DType::Float16 || t == DType::BFloat16; }
TX_INLINE constexpr bool is_integral(DType t) { return t <= DType::Int64; }   // bool included, as in PyTorch

// The type arithmetic is done in: half types compute (and accumulate) in float.
TX_INLINE constexpr DType compute_dtype(DType t) { return is_half(t) ? DType::Float32 : t; }

// dtype_of<T>::value is the DType stored as T.
template <class T> struct dtype_of;
#define X(e, T, name) template <> struct dtype_of<T> { static constexpr DType value = DType::e; };
TX_DTYPES(X)
#undef X

enum class DeviceType : uint8_t { CPU, CUDA };

struct Device {
  DeviceType type = DeviceType::CPU;
  int8_t index = 0;                    // always 0 for the CPU
  friend constexpr bool operator==(Device, Device) = default;
};

}  // namespace tx
