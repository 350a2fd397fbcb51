// Arguments of the optimiser steps, and of scaling gradients: one call updates all tensors of a group.
#pragma once
#include "../dtype.h"

namespace tx {

// One parameter: dense arrays of numel elements of one floating dtype, in the same order. They may not overlap, but for
// the gradient, which may be the parameter itself.
struct StepTensor {
  DType dtype;
  int64_t numel;
  int64_t begin;  // elements of the tensors before this one
  char* parameter;
  char* gradient;  // read only
  char* state[3];  // sgd: momentum, or null. adam: averages of gradient and square, largest square or null
  double step_size, square_scale;  // adam: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t), t steps of this parameter
};

// g = +-gradient + weight_decay p;  v = momentum v + (1 - dampening) g, or g at `first`;
// p -= lr v, or lr (g + momentum v) with nesterov. Without momentum v is g.
struct SgdArgs {
  const StepTensor* tensors;
  int64_t count;
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;
};

// g = +-gradient + weight_decay p, or p -= lr weight_decay p when decoupled;
// m += (1 - beta1) (g - m);  s = beta2 s + (1 - beta2) g^2;  largest = max(largest, s), s = largest with amsgrad;
// p -= step_size m / (sqrt(s) square_scale + eps).
struct AdamArgs {
  const StepTensor* tensors;
  int64_t count;
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled, amsgrad, maximize;
};

// x *= scale, for each tensor as `parameter` and `gradient`; *nonfinite = 1 where an x was infinite or NaN, else it stays.
struct ScaleArgs {
  const StepTensor* tensors;
  int64_t count;
  const double* scale;  // one number, on the device of the tensors
  float* nonfinite;  // as well; or null: not asked
};

#define TX_OPTIMIZER_KERNELS(X) \
  X(sgd_step, SgdArgs)          \
  X(adam_step, AdamArgs)        \
  X(scale_all, ScaleArgs)

}  // namespace tx
