// Arguments of the matrix product kernels.
#pragma once
#include "../dtype.h"

namespace tx {

enum class Activation : uint8_t { None, Relu, Gelu, GeluTanh, Silu, Sigmoid, Tanh };

// c[b] = act(a[b] @ w[b] + bias) (+ c[b] if accumulate) for b in [0, batch). Strides in elements, any value
// (transposed and broadcast operands included) for a, b and bias; c has unit column stride.
struct MatmulArgs {
  DType dtype;                             // of a, b, bias and c; half types accumulate in float
  int64_t batch, m, n, k;
  const char* a;
  int64_t a_batch, a_row, a_col;      // (batch, m, k)
  const char* b;
  int64_t b_batch, b_row, b_col;      // (batch, k, n)
  char* c;
  int64_t c_batch, c_row;             // (batch, m, n)
  const char* bias;
  int64_t bias_row;                // added to (m, n), unit column stride; null: none. A row vector has bias_row 0
  bool accumulate;                                   // add to what c holds
  Activation activation;
  bool tf32;  // float32 may be rounded to TF32 (10 bits of mantissa), where a device is quicker with it
};

#define TX_MATMUL_KERNELS(X) X(matmul, MatmulArgs)

}  // namespace tx
