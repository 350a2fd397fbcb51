// Arguments of the kernels that make tensors from formulas.
#pragma once
#include "../dtype.h"

namespace tx {

// out[i] = start + i * step, computed in int64 for integer types when `exact`, else in double and converted.
// With `steps_back` the second half counts back from `end`, so that both ends come out exactly (linspace).
// With `base` the result is base to that power (logspace).
struct RangeArgs {
  DType dtype;
  char* out;                           // contiguous
  int64_t n;
  double start, step, end, base;
  int64_t integer_start, integer_step;
  bool exact, steps_back, power;
};

#define TX_CREATION_KERNELS(X) X(range, RangeArgs)

}  // namespace tx
