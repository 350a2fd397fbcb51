// The product of a matrix and a vector.
#pragma once
#include "matmul_block.h"

namespace tx::TX_ISA {

// c (rows) = matrix (rows, k) x (k) + bias (+ c), `batch` times. c and its bias are columns: Output's c_row and bias_row
// step along them. Batch strides in elements.
struct MatrixVector {
  int64_t batch, rows, k;
  Matrix matrix;
  int64_t matrix_batch;  // contiguous rows, or contiguous columns of at least kFewRows elements
  const void* x;
  int64_t x_batch;  // contiguous, of sum_dtype()
  Output c;
  int64_t c_batch;
};

constexpr int64_t kFewRows = 4;  // below this many, each row is summed in several registers, to hide latency

void multiply_vector(const MatrixVector& problem);

}  // namespace tx::TX_ISA
