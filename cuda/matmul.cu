// The matrix product: which kernel computes what.
//   matmul_vector.cu   one operand is a few vectors
//   matmul_tensor.cu   half types, and float32 that may be rounded to TF32, on tensor cores, where rows or columns can be read
//                      16 bytes at a time
//   matmul_tile.cu     everything else
#include "matmul.cuh"

namespace tx::cuda {

namespace {

template <class T> TX_DEVICE T activate(Activation activation, T x) {
  if constexpr (is_float<T>) {
    switch (activation) {
      case Activation::None: return x;
      case Activation::Relu: return maximum(x, T(0));
      case Activation::Gelu: return gelu(x);
      case Activation::GeluTanh: return gelu_tanh(x);
      case Activation::Silu: return x * sigmoid(x);
      case Activation::Sigmoid: return sigmoid(x);
      case Activation::Tanh: return tanh(x);
    }
  }
  return x;
}

struct Finish {
  int64_t total, parts;  // elements of c, parts of each sum
  IndexDivide n, m;
  int64_t c_batch, c_row, bias_row;
  bool accumulate;
  Activation activation;
};

// sums (parts, batch, m, n)
template <class S, class T>
__global__ void __launch_bounds__(kThreads) finish_kernel(S* c, const T* sums, const S* bias, Finish f) {
  TX_FOR_EACH(i, f.total) {
    T sum = sums[i];
    TX_UNROLL
    for (int64_t part = 1; part < f.parts; part++) sum = sum + sums[part * f.total + i];
    const int64_t line = f.n.divide(i), column = i - line * f.n.divisor, batch = f.m.divide(line),
                  row = line - batch * f.m.divisor;
    if (bias) sum = sum + convert<T>(bias[row * f.bias_row + column]);
    sum = activate(f.activation, sum);
    S* const to = c + batch * f.c_batch + row * f.c_row + column;
    *to = finished(sum, static_cast<const S*>(nullptr), f.accumulate ? to : nullptr);
  }
}

template <class S>
void multiply(const MatmulArgs& given) {
  constexpr int64_t kFew = 4;  // vectors
  MatmulArgs x = given;
  if (x.batch > 1 && x.b_batch == 0 && x.a_batch == x.m * x.a_row && x.c_batch == x.m * x.c_row &&
      (!x.bias || x.bias_row == 0)) {
    x.m *= x.batch;  // the same b for every batch: one tall product
    x.batch = 1;
  }
  if (x.n <= kFew && x.n <= x.m) return multiply_vectors<S>(x, false);
  if (x.m <= kFew) return multiply_vectors<S>(x, true);
  if constexpr (is_half_type<S> || std::is_same_v<S, float>)
    if ((is_half_type<S> || x.tf32) && multiply_tensor_cores<S>(x)) return;
  multiply_tiles<S>(x);
}

}  // namespace

template <class S>
void finish_sums(const MatmulArgs& x, const sum_of<S>* sums, int64_t parts) {
  const Finish f{x.batch * x.m * x.n, parts,        IndexDivide(x.n), IndexDivide(x.m), x.c_batch, x.c_row,
                 x.bias_row,          x.accumulate, x.activation};
  launch("matmul", finish_kernel<S, sum_of<S>>, {grid_for(f.total, kThreads), kThreads}, reinterpret_cast<S*>(x.c),
         sums, reinterpret_cast<const S*>(x.bias), f);
}
#define X(e, S, name) template void finish_sums<S>(const MatmulArgs&, const sum_of<S>*, int64_t);
TX_KERNEL_DTYPES(X)
#undef X

void matmul(const MatmulArgs& x) {
  if (x.batch == 0 || x.m == 0 || x.n == 0) return;
  switch (x.dtype) {
#define X(e, S, name) \
  case DType::e: return multiply<S>(x);
    TX_KERNEL_DTYPES(X)
#undef X
    default: unsupported("matmul", x.dtype);
  }
}

}  // namespace tx::cuda
