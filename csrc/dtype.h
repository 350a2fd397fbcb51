// Element types: the list, their storage types, sizes and names. No device, no Python.
//
// This header is included by files that are compiled once per instruction set, so every function
// in it is TX_INLINE: it must never become a weak symbol that the linker could share between them.
#pragma once
#include <cstdint>
#include <type_traits>

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

// A complex number: an element in memory, a number in a CUDA kernel, or (V is a register) a pair of registers on the CPU.
// Its functions are in complex_math.h.
template <class V>
struct Complex {
  V real, imag;
  Complex() = default;
  TX_INLINE constexpr Complex(V real, V imag) : real(real), imag(imag) {}
  template <class S>
    requires(std::is_arithmetic_v<S>)
  TX_INLINE constexpr explicit Complex(S number) : real(V(number)), imag(V(0)) {}
  TX_INLINE friend Complex operator-(Complex a) { return {-a.real, -a.imag}; }
  TX_INLINE friend Complex operator+(Complex a, Complex b) { return {a.real + b.real, a.imag + b.imag}; }
  TX_INLINE friend Complex operator-(Complex a, Complex b) { return {a.real - b.real, a.imag - b.imag}; }
  TX_INLINE friend Complex operator*(Complex a, Complex b) {
    return {a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real};
  }
  TX_INLINE friend auto operator==(Complex a, Complex b) { return (a.real == b.real) & (a.imag == b.imag); }
  TX_INLINE friend auto operator!=(Complex a, Complex b) { return (a.real != b.real) | (a.imag != b.imag); }
};

// An element of 16 bytes, where only its bits move.
struct Word16 {
  uint64_t half[2];
};

//  enumerator  storage type  name
//
// The types that every kernel has.
#define TX_KERNEL_DTYPES(X)          \
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

// And those of elementwise ops, copies and indexing alone. Elsewhere the array level takes them apart into pairs of reals
// (functions/complex.h) or gives them another integer type (functions/unsigned.h).
#define TX_DTYPES(X)                              \
  TX_KERNEL_DTYPES(X)                             \
  X(UInt16,     uint16_t,        "uint16")        \
  X(UInt32,     uint32_t,        "uint32")        \
  X(UInt64,     uint64_t,        "uint64")        \
  X(Complex64,  Complex<float>,  "complex64")     \
  X(Complex128, Complex<double>, "complex128")

// The types that elementwise ops compute in.
#define TX_COMPUTE_TYPES(X)                                                                          \
  X(bool) X(uint8_t) X(int8_t) X(int16_t) X(int32_t) X(int64_t) X(uint64_t) X(float) X(double)       \
  X(Complex<float>) X(Complex<double>)

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

// What an element's address is a multiple of.
TX_INLINE constexpr uint64_t alignment(DType t) {
  return t == DType::Complex64 ? 4 : itemsize(t) < 8 ? uint64_t(itemsize(t)) : 8;
}

TX_INLINE constexpr bool is_floating(DType t) { return t >= DType::Float16 && t <= DType::Float64; }
TX_INLINE constexpr bool is_half(DType t) { return t == DType::Float16 || t == DType::BFloat16; }
TX_INLINE constexpr bool is_complex(DType t) { return t >= DType::Complex64; }
TX_INLINE constexpr bool is_wide_unsigned(DType t) { return t >= DType::UInt16 && t <= DType::UInt64; }
TX_INLINE constexpr bool is_integral(DType t) {
  return t <= DType::Int64 || is_wide_unsigned(t);
}  // and bool, as PyTorch
TX_INLINE constexpr bool is_signed(DType t) { return t != DType::Bool && t != DType::UInt8 && !is_wide_unsigned(t); }

// The type arithmetic is done in: half types compute (and accumulate) in float, uint16 and uint32 in the next signed type,
// of which they are the lower half.
TX_INLINE constexpr DType compute_dtype(DType t) {
  return is_half(t) ? DType::Float32 : t == DType::UInt16 ? DType::Int32 : t == DType::UInt32 ? DType::Int64 : t;
}

// The type of the real and imaginary parts; of a real type, itself. And the complex type with such parts.
TX_INLINE constexpr DType real_dtype(DType t) {
  return t == DType::Complex64 ? DType::Float32 : t == DType::Complex128 ? DType::Float64 : t;
}
TX_INLINE constexpr DType complex_dtype(DType t) {
  return t == DType::Float64 || t == DType::Complex128 ? DType::Complex128 : DType::Complex64;
}

template <class T> constexpr bool is_complex_type = false;
template <class V> constexpr bool is_complex_type<Complex<V>> = true;

// dtype_of<T>::value is the DType stored as T.
template <class T> struct dtype_of;
#define X(e, T, name) template <> struct dtype_of<T> { static constexpr DType value = DType::e; };
TX_DTYPES(X)
#undef X

enum class DeviceType : uint8_t { CPU, CUDA };

struct Device {
  DeviceType type = DeviceType::CPU;
  int8_t index = 0;  // always 0 for the CPU
  friend constexpr bool operator==(Device, Device) = default;
};

}  // namespace tx
