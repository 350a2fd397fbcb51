// Arguments of the normalisation kernels. Everything is contiguous and of one type, float or double.
#pragma once
#include "../dtype.h"

namespace tx {

// Layer norm: each of `rows` rows of n elements by itself; weight and bias (n) or null.
//   forward:  x -> out, mean (rows), rstd (rows)
//   gradient: x, mean, rstd, weight, grad -> out (of x), grad_weight (n), grad_bias (n); each may be null: not wanted
struct LayerNormArgs {
  DType dtype;
  int64_t rows, n;
  double eps;
  const char *x, *weight, *bias, *grad;
  char *out, *mean, *rstd, *grad_weight, *grad_bias;
};

// Batch norm of x (batch, channels, inner), per channel over batch and inner; weight and bias (channels) or null.
//   forward:  training: writes mean and variance (biased) of the batch, and rstd; else reads mean and rstd. x -> out
//   gradient: x, mean, rstd, weight, grad -> out (of x), grad_weight, grad_bias; each may be null. training: mean and rstd depend on x
struct BatchNormArgs {
  DType dtype;
  int64_t batch, channels, inner;
  bool training;
  double eps;
  const char *x, *weight, *bias, *grad;
  char *out, *mean, *variance, *rstd, *grad_weight, *grad_bias;
};

#define TX_NORM_KERNELS(X)             \
  X(layer_norm, LayerNormArgs)         \
  X(layer_norm_grad, LayerNormArgs)    \
  X(batch_norm, BatchNormArgs)         \
  X(batch_norm_grad, BatchNormArgs)

}  // namespace tx
