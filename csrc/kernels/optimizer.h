// Arguments of the optimiser steps, and of scaling gradients: one call updates all tensors of a group.
#pragma once
#include "../dtype.h"

namespace tx {

constexpr int kStepStates = 3, kStepNumbers = 3;

// One parameter: dense arrays of numel elements of one floating dtype, in the same order. They may not overlap, but for
// the gradient, which may be the parameter itself.
struct StepTensor {
  DType dtype;
  int64_t numel;
  int64_t begin;  // elements of the tensors before this one
  char* parameter;
  char* gradient;  // read only
  char* state[kStepStates];  // null: none
  double number[kStepNumbers];  // what differs from tensor to tensor, because it depends on the steps each has made
};

// The options of an optimiser. optimizer_rules.h says what they do, and what its states and numbers are.
struct Sgd {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first;  // first: momentum is written, not read
};
struct Adam {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled, maximize;
};
struct Adamax {
  double lr, beta1, beta2, eps, weight_decay;
  bool maximize;
};
struct NAdam {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled, maximize;
};
struct RAdam {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled, maximize;
};
struct Adagrad {
  double eps, weight_decay;
  bool maximize;
};
struct Adadelta {
  double lr, rho, eps, weight_decay;
  bool maximize;
};
struct RMSprop {
  double lr, alpha, eps, weight_decay, momentum;
  bool maximize;
};
struct Rprop {
  double eta_minus, eta_plus, smallest, largest;
  bool maximize;
};
struct Asgd {
  double weight_decay;
  bool maximize;
};

template <class Options>
struct StepArgs {
  const StepTensor* tensors;
  int64_t count;
  Options options;
};

// x *= scale, for each tensor as `parameter` and `gradient`; *nonfinite = 1 where an x was infinite or NaN, else it stays.
struct ScaleArgs {
  const StepTensor* tensors;
  int64_t count;
  const double* scale;  // one number, on the device of the tensors
  float* nonfinite;  // as well; or null: not asked
};

#define TX_OPTIMIZER_STEPS(X)          \
  X(sgd_step, StepArgs<Sgd>)           \
  X(adam_step, StepArgs<Adam>)         \
  X(adamax_step, StepArgs<Adamax>)     \
  X(nadam_step, StepArgs<NAdam>)       \
  X(radam_step, StepArgs<RAdam>)       \
  X(adagrad_step, StepArgs<Adagrad>)   \
  X(adadelta_step, StepArgs<Adadelta>) \
  X(rmsprop_step, StepArgs<RMSprop>)   \
  X(rprop_step, StepArgs<Rprop>)       \
  X(asgd_step, StepArgs<Asgd>)

#define TX_OPTIMIZER_KERNELS(X) \
  TX_OPTIMIZER_STEPS(X)         \
  X(scale_all, ScaleArgs)

}  // namespace tx
