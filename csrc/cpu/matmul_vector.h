// The product of a matrix and a few vectors.
#pragma once
#include "matmul_block.h"

namespace tx::TX_ISA {

constexpr int64_t kMaxVectors = 4;
constexpr int64_t kFewRows = 4;            // below this many, each sum is kept in several registers, to hide latency

// c (rows, vectors) = matrix (rows, k) x (k, vectors) + bias (+ c), `batch` times. Batch strides in elements.
struct MatrixVectors {
  int64_t batch, rows, k, vectors;         // vectors <= kMaxVectors
  Matrix matrix;
  int64_t matrix_batch;     // contiguous rows, or contiguous columns of at least kFewRows elements
  const void* x;
  int64_t x_batch, x_step;  // of sum_dtype(); each vector contiguous, x_step elements apart
  bool transposed;                         // c and bias are given as their transposes: (vectors, rows)
  Output c;
  int64_t c_batch;
};

void multiply_vectors(const MatrixVectors& problem);

}  // namespace tx::TX_ISA
