// The language of the kernels: what nvcc and the emulator (emulation/) spell differently. No other file asks which of the
// two compiles it, but for ptx.cuh.
#pragma once
#include <cuda_runtime.h>

#include <type_traits>

#include "../csrc/float_conversion.h"
#include "../csrc/scalar.h"
#if !defined(TX_CUDA_EMULATED)
#include <cuda_fp16.h>
#endif

#define TX_DEVICE __device__ __forceinline__
#define TX_BOTH __host__ __device__ __forceinline__

#if defined(TX_CUDA_EMULATED)
// One variable of a block's shared memory; T may be an array type.
#define TX_SHARED(T, name) auto& name = emulation::shared_variable<std::type_identity_t<T>>([] {})
// The shared memory whose size the launch gives.
#define TX_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(emulation::dynamic_shared())
#define TX_UNROLL _Pragma("GCC unroll 16")
#else
#define TX_SHARED(T, name) __shared__ std::type_identity_t<T> name
#define TX_DYNAMIC_SHARED(T, name)                             \
  extern __shared__ __align__(128) unsigned char tx_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(tx_dynamic_shared)
#define TX_UNROLL _Pragma("unroll")
#endif

namespace tx::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;
constexpr int kWarp = 32;

// Half types are storage: loaded, widened to float, computed with, narrowed back.
TX_BOTH float widen(BFloat16 x) { return tx::to_float(x); }
template <class S> TX_BOTH S narrow(float x);
template <> TX_BOTH BFloat16 narrow(float x) { return tx::to_bfloat16(x); }
#if defined(TX_CUDA_EMULATED)
TX_BOTH float widen(Float16 x) { return tx::to_float(x); }
template <> TX_BOTH Float16 narrow(float x) { return tx::to_float16(x); }
#else
TX_BOTH float widen(Float16 x) { return __half2float(__ushort_as_half(x.bits)); }
template <> TX_BOTH Float16 narrow(float x) { return {__half_as_ushort(__float2half_rn(x))}; }
#endif

template <class S> constexpr bool is_half_type = std::is_same_v<S, Float16> || std::is_same_v<S, BFloat16>;
// The type that S is computed in.
template <class S> using compute_of = std::conditional_t<is_half_type<S>, float, S>;

// x as a T, with the CPU's rules: towards zero to integers, x != 0 to bool, doubles and integers to half types by way of float.
// No complex number is converted to a real one.
template <class T, class S> TX_BOTH T convert(S x) {
  if constexpr (std::is_same_v<T, S>) return x;
  else if constexpr (is_complex_type<S>) return T(x.real, x.imag);
  else if constexpr (is_complex_type<T>) return T(convert<decltype(T::real)>(x));
  else if constexpr (is_half_type<S>) return convert<T>(widen(x));
  else if constexpr (is_half_type<T>) return narrow<T>(float(x));
  else if constexpr (std::is_same_v<T, bool>) return x != S(0);
  else if constexpr (std::is_floating_point_v<S> && std::is_integral_v<T> && sizeof(T) < 4) return T(int32_t(x));
  else return T(x);
}

// One element stored as another type than T, known at run time. Every thread of a kernel takes the same branch. Called, not
// inlined: a switch over all types is longer than most kernels.
template <class T> TX_SCALAR T load_converted(const char* p, DType stored) {
  if constexpr (is_complex_type<T>) {
    if (stored == DType::Complex64) return convert<T>(*reinterpret_cast<const Complex<float>*>(p));
    if (stored == DType::Complex128) return convert<T>(*reinterpret_cast<const Complex<double>*>(p));
    return T(load_converted<decltype(T::real)>(p, stored));
  } else switch (stored) {
#define X(e, S, name) \
  case DType::e: return convert<T>(*reinterpret_cast<const S*>(p));
      // A bool is a byte that is not 0: NumPy may hold others than 1.
      case DType::Bool:
        return convert<T>(*reinterpret_cast<const uint8_t*>(p) != 0);
        X(UInt8, uint8_t, "")
        X(Int8, int8_t, "")
        X(Int16, int16_t, "")
        X(Int32, int32_t, "")
        X(Int64, int64_t, "")
        X(Float16, Float16, "")
        X(BFloat16, BFloat16, "")
        X(Float32, float, "")
        X(Float64, double, "")
        X(UInt16, uint16_t, "")
        X(UInt32, uint32_t, "")
        X(UInt64, uint64_t, "")
#undef X
      default: return T();
    }
}
template <class T> TX_SCALAR void store_converted(char* p, DType stored, T x) {
  switch (stored) {
#define X(e, S, name)                                                                   \
  case DType::e:                                                                        \
    if constexpr (!is_complex_type<T> || is_complex_type<S>) *reinterpret_cast<S*>(p) = convert<S>(x); \
    break;
    TX_DTYPES(X)
#undef X
  }
}

// How elements of a type lie in memory (void: a type known at run time only), and one of them as a T.
template <class S> struct StoredAs {
  using type = S;
};
template <> struct StoredAs<bool> {
  using type = uint8_t;
};
template <> struct StoredAs<void> {
  using type = char;
};
template <class S> using stored_as = typename StoredAs<S>::type;
template <class T, class S> TX_DEVICE T element_of(stored_as<S> x) {
  if constexpr (std::is_same_v<S, bool>) return convert<T>(x != 0);
  else return convert<T>(x);
}

// One element stored as a type known at run time: mostly it is T's own.
template <class T> TX_DEVICE T load_as(const char* p, DType stored) {
  if (stored == dtype_of<T>::value) return element_of<T, T>(*reinterpret_cast<const stored_as<T>*>(p));
  return load_converted<T>(p, stored);
}
template <class T> TX_DEVICE void store_as(char* p, DType stored, T x) {
  if (stored == dtype_of<T>::value) *reinterpret_cast<T*>(p) = x;
  else store_converted(p, stored, x);
}

// n / divisor and n % divisor for n < 2^31, without a division (Granlund and Montgomery, PLDI 1994).
struct FastDivide {
  uint32_t divisor = 1, multiplier = 1, shift = 0;

  FastDivide() = default;
  TX_BOTH explicit FastDivide(uint32_t d) : divisor(d) {
    while ((uint64_t(1) << shift) < d) shift++;
    multiplier = uint32_t(((uint64_t(1) << 32) * ((uint64_t(1) << shift) - d)) / d + 1);
  }
  TX_DEVICE uint32_t divide(uint32_t n) const { return (__umulhi(n, multiplier) + n) >> shift; }
};

// n / divisor for any n: fast below 2^31.
struct IndexDivide {
  int64_t divisor = 1;
  FastDivide fast;

  IndexDivide() = default;
  TX_BOTH explicit IndexDivide(int64_t d) : divisor(d), fast(uint32_t(d <= INT32_MAX ? d : int64_t(1) << 31)) {}
  TX_DEVICE int64_t divide(int64_t n) const { return n <= INT32_MAX ? int64_t(fast.divide(uint32_t(n))) : n / divisor; }
};

}  // namespace tx::cuda
