// Arguments of the resampling kernels: sums of a few weighted elements along one dimension, as a table says.
#pragma once
#include "../dtype.h"

namespace tx {

// x (tables, outer, in, inner), out (tables, outer, points, inner) contiguous; float or double.
// out[t, o, p, i] is the sum of weight[k] * x[t, o, index[k], i] over k from offsets[t * points + p] to the offset after it.
// An index outside [0, in) counts for nothing, and so do offsets outside [0, taps].
struct ResampleArgs {
  DType dtype;  // of x, weight and out
  int64_t tables, outer, in, points, inner, taps;
  const int64_t* offsets;  // (tables * points + 1)
  const int64_t* index;  // (taps)
  const char* weight;  // (taps)
  const char* x;
  char* out;
};

// out[k] is the sum of g[t, o, p, i] * x[t, o, index[k], i] over o and i, for the t and p that k belongs to. out comes
// zeroed, and stays so for indices outside.
struct ResampleWeightArgs {
  DType dtype;  // of g, x and out
  int64_t tables, outer, in, points, inner, taps;
  const int64_t* offsets;
  const int64_t* index;
  const char* g;  // (tables, outer, points, inner)
  const char* x;
  char* out;  // (taps)
};

#define TX_RESAMPLE_KERNELS(X)   \
  X(resample, ResampleArgs)      \
  X(resample_weight, ResampleWeightArgs)

}  // namespace tx
