// The kernels of the op rows (csrc/ops.h): an expression of one number, or of two or three, on every element.
//
// Dense operands of one type go 16 bytes at a time, numbers ride along by value. Everything else (strides, broadcasting,
// mixed types) goes element by element, each thread finding its element's place by fast divisions.
#pragma once
#include <cstring>

#include "../csrc/kernels.h"
#include "../csrc/op_types.h"
#include "launch.cuh"
#include "math.cuh"

namespace tx::cuda {

constexpr int kThreads = 256;
// At least so many blocks on a multiprocessor: up to 128 or 80 registers a thread. For kernels in which ptxas, not told,
// aims for more blocks on sm_90 and spills two or three registers to get them.
template <class T> constexpr int kBlocks = sizeof(T) >= 8 ? 2 : 3;

template <class S> constexpr int kPack = 16 / sizeof(S);
template <class S, int count>
struct alignas(sizeof(S) * count) Pack {
  S value[count];
};

template <class T>
struct Numbers {  // the operands that are one number
  T value[3];
};

template <class Op, int inputs, class T> TX_DEVICE auto apply(T a, T b, T c) {
  if constexpr (inputs == 1) return Op{}(a);
  else if constexpr (inputs == 2) return Op{}(a, b);
  else return Op{}(a, b, c);
}

// out[i] = op(a[i], ...) for i in [0, n); an input that is null is a number. R: what the result is stored as.
template <class Op, class T, class S, class R, int inputs>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    dense_elementwise(R* out, const S* a, const S* b, const S* c, Numbers<T> numbers, int64_t n) {
  constexpr int count = kPack<S>;
  using In = Pack<S, count>;
  using Out = Pack<R, count>;
  const S* input[3] = {a, b, c};
  auto element = [&](T x, T y, T z) { return convert<R>(static_cast<compute_of<R>>(apply<Op, inputs>(x, y, z))); };
  TX_FOR_EACH(i, n / count) {
    In in[inputs] = {};
    TX_UNROLL
    for (int k = 0; k < inputs; k++)
      if (input[k]) in[k] = reinterpret_cast<const In*>(input[k])[i];
    T x[3][count] = {};
    TX_UNROLL
    for (int k = 0; k < inputs; k++) {
      TX_UNROLL
      for (int j = 0; j < count; j++) x[k][j] = input[k] ? convert<T>(in[k].value[j]) : numbers.value[k];
    }
    Out result;
    TX_UNROLL
    for (int j = 0; j < count; j++) result.value[j] = element(x[0][j], x[1][j], x[2][j]);
    reinterpret_cast<Out*>(out)[i] = result;
  }
  const int64_t i = n / count * count + int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < n) {
    T x[3] = {};
    TX_UNROLL
    for (int k = 0; k < inputs; k++) x[k] = input[k] ? convert<T>(input[k][i]) : numbers.value[k];
    out[i] = element(x[0], x[1], x[2]);
  }
}

// ---- Any strides and types ----

template <int N>
struct Strided {  // of at most 2^31 - 1 elements
  int ndim;
  uint32_t numel;
  DType dtype[N];
  FastDivide size[kMaxDims];
  int64_t strides[N][kMaxDims];  // bytes

  // Byte offsets of element i in each operand.
  TX_DEVICE void place(uint32_t i, int64_t (&offset)[N]) const {
    TX_UNROLL
    for (int k = 0; k < N; k++) offset[k] = 0;
    for (int d = ndim - 1; d >= 0; d--) {
      const uint32_t rest = size[d].divide(i), at = i - rest * size[d].divisor;
      TX_UNROLL
      for (int k = 0; k < N; k++) offset[k] += at * strides[k][d];
      i = rest;
    }
  }
};

template <class Op, class T, class R, int inputs>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    strided_elementwise(char* out, const char* a, const char* b, const char* c, Numbers<T> numbers,
                        Strided<inputs + 1> it) {
  const char* input[3] = {a, b, c};
  TX_FOR_EACH(i, it.numel) {
    int64_t offset[inputs + 1];
    it.place(uint32_t(i), offset);
    T x[3] = {};
    TX_UNROLL
    for (int k = 0; k < inputs; k++)
      x[k] = input[k] ? load_as<T>(input[k] + offset[k + 1], it.dtype[k + 1]) : numbers.value[k];
    store_as<R>(out + offset[0], it.dtype[0], R(apply<Op, inputs>(x[0], x[1], x[2])));
  }
}

// f(it) for pieces of at most 2^31 - 1 elements, which 32-bit indices reach.
template <int N, class F>
void in_pieces(NdIter<N> it, const F& f) {
  if (it.numel() <= INT32_MAX) return f(it);
  int longest = 0;
  for (int d = 1; d < it.ndim; d++)
    if (it.shape[d] > it.shape[longest]) longest = d;
  const int64_t size = it.shape[longest], half = size / 2;
  it.shape[longest] = half;
  in_pieces(it, f);
  it.shape[longest] = size - half;
  for (int k = 0; k < N; k++)
    if (!(it.host >> k & 1)) it.data[k] += half * it.strides[k][longest];
  in_pieces(it, f);
}

template <int N>
Strided<N> strided(const NdIter<N>& it) {
  Strided<N> s{};
  s.ndim = it.ndim;
  s.numel = uint32_t(it.numel());
  for (int d = 0; d < it.ndim; d++) s.size[d] = FastDivide(uint32_t(it.shape[d]));
  for (int k = 0; k < N; k++) {
    s.dtype[k] = it.dtype[k];
    for (int d = 0; d < it.ndim; d++) s.strides[k][d] = it.strides[k][d];
  }
  return s;
}

// A number in host memory as the compute type.
template <class T> T host_number(const char* p, DType stored) {
  switch (stored) {
#define X(e, S, name)                                                               \
  case DType::e:                                                                    \
    if constexpr (is_complex_type<T> || !is_complex_type<S>) {                      \
      S x;                                                                          \
      std::memcpy(static_cast<void*>(&x), p, sizeof x);                             \
      return convert<T>(x);                                                         \
    }                                                                               \
    break;
    TX_DTYPES(X)
#undef X
  }
  return T();
}

inline bool aligned(const void* p, size_t bytes) { return reinterpret_cast<uintptr_t>(p) % bytes == 0; }

// Operand k is a dense run of S, which may be read 16 bytes at a time (`bytes`).
template <class S, int N>
bool is_dense(const NdIter<N>& it, int k, size_t bytes) {
  return it.dtype[k] == dtype_of<S>::value && it.ndim <= 1 && it.row_step(k) == (it.ndim ? int64_t(sizeof(S)) : 0) &&
         aligned(it.data[k], bytes);
}

// The kernels of an op for one compute type, as all that the host does with them is the same for every op.
template <class T, int inputs, bool to_bool>
struct ElementwiseKernels {
  template <class S> using Result = std::conditional_t<to_bool, bool, S>;
  template <class S> using Dense = void (*)(Result<S>*, const S*, const S*, const S*, Numbers<T>, int64_t);
  Dense<T> dense = nullptr;  // null: the op has none
  Dense<Float16> dense_half = nullptr;
  Dense<BFloat16> dense_bfloat = nullptr;
  void (*strided)(char*, const char*, const char*, const char*, Numbers<T>, Strided<inputs + 1>);
};

enum Cost { Light, Heavy, Series };  // of an op row

template <class Op, class T, int inputs, bool to_bool, Cost cost>
ElementwiseKernels<T, inputs, to_bool> kernels_of() {
  using Kernels = ElementwiseKernels<T, inputs, to_bool>;
  Kernels kernels;
  if constexpr (cost != Series) {
    kernels.dense = dense_elementwise<Op, T, T, typename Kernels::template Result<T>, inputs>;
    if constexpr (std::is_same_v<T, float>) {
      kernels.dense_half = dense_elementwise<Op, T, Float16, typename Kernels::template Result<Float16>, inputs>;
      kernels.dense_bfloat = dense_elementwise<Op, T, BFloat16, typename Kernels::template Result<BFloat16>, inputs>;
    }
  }
  kernels.strided = strided_elementwise<Op, T, typename Kernels::template Result<T>, inputs>;
  return kernels;
}

template <class T, class S, class R, int inputs>
bool try_dense(const char* name, const NdIter<inputs + 1>& it, const Numbers<T>& numbers,
               void (*kernel)(R*, const S*, const S*, const S*, Numbers<T>, int64_t)) {
  if (!kernel || !is_dense<R>(it, 0, sizeof(R) * kPack<S>)) return false;
  const S* input[3] = {};
  for (int k = 0; k < inputs; k++) {
    if (it.host >> (k + 1) & 1) continue;
    if (!is_dense<S>(it, k + 1, 16)) return false;
    input[k] = reinterpret_cast<const S*>(it.data[k + 1]);
  }
  const int64_t n = it.numel();
  launch(name, kernel, {grid_for(n, kThreads, kPack<S>), kThreads}, reinterpret_cast<R*>(it.data[0]), input[0],
         input[1], input[2], numbers, n);
  return true;
}

template <class T, int inputs, bool to_bool>
void elementwise(const char* name, const NdIter<inputs + 1>& it,
                 const ElementwiseKernels<T, inputs, to_bool>& kernels) {
  Numbers<T> numbers{};
  for (int k = 0; k < inputs; k++)
    if (it.host >> (k + 1) & 1) numbers.value[k] = host_number<T>(it.data[k + 1], it.dtype[k + 1]);
  if (it.empty) return;
  if (try_dense<T, T, std::conditional_t<to_bool, bool, T>, inputs>(name, it, numbers, kernels.dense)) return;
  if (try_dense<T, Float16, std::conditional_t<to_bool, bool, Float16>, inputs>(name, it, numbers, kernels.dense_half))
    return;
  if (try_dense<T, BFloat16, std::conditional_t<to_bool, bool, BFloat16>, inputs>(name, it, numbers,
                                                                                  kernels.dense_bfloat))
    return;
  in_pieces(it, [&](const NdIter<inputs + 1>& piece) {
    const char* input[3] = {};
    for (int k = 0; k < inputs; k++)
      if (!(piece.host >> (k + 1) & 1)) input[k] = piece.data[k + 1];
    launch(name, kernels.strided, {grid_for(piece.numel(), kThreads), kThreads}, piece.data[0], input[0], input[1],
           input[2], numbers, strided(piece));
  });
}

template <class Types>
constexpr uint32_t supported_types() {
  uint32_t mask = 0;
#define X(T) \
  if (Types::template has<T>) mask |= 1u << int(dtype_of<T>::value);
  TX_COMPUTE_TYPES(X)
#undef X
  for (int t = 0; t < kNumDTypes; t++)
    if (mask >> int(compute_dtype(DType(t))) & 1) mask |= 1u << t;
  return mask;
}

template <class Op, class Types, int inputs, bool to_bool, Cost cost>
void elementwise_of(const char* name, const NdIter<inputs + 1>& it) {
#define X(T)                                                                                         \
  if constexpr (Types::template has<T>)                                                              \
    if (it.compute == dtype_of<T>::value) return elementwise(name, it, kernels_of<Op, T, inputs, to_bool, cost>());
  TX_COMPUTE_TYPES(X)
#undef X
  unsupported(name, it.compute, supported_types<Types>());
}

// Defines the kernel `name` of an op row with these inputs.
#define TX_ROW(name, Types, cost, inputs, to_bool, parameters, ...)                                   \
  namespace {                                                                                         \
  struct name##_op {                                                                                  \
    template <class V> TX_DEVICE auto operator() parameters const { return __VA_ARGS__; }             \
  };                                                                                                  \
  }                                                                                                   \
  void name(const NdIter<inputs + 1>& it) {                                                             \
    elementwise_of<name##_op, Types, inputs, to_bool, cost>(#name, it);                                 \
  }

}  // namespace tx::cuda
