// Arguments of the reduction kernels: sums, extrema, norms, variances, and positions of extrema.
#pragma once
#include "../dtype.h"
#include "../nditer.h"

namespace tx {

// in viewed as (kept..., reduced...): `out` gets one value for every index of the kept dimensions. The reduced
// dimensions are in logical order, which is the order of summation: a result depends on the values alone, not on
// how they lie in memory. Build with keep() and reduce(), outermost dimension first.
struct ReduceArgs {
  DType in_dtype, out_dtype;
  const char* in;
  char* out;
  char* second = nullptr;              // max_index: int64 positions; variance: mean (out_dtype). Null: not wanted
  int kept_ndim = 0, reduced_ndim = 0;
  bool empty = false;                  // some kept dimension has size 0: nothing to do
  int64_t kept_shape[kMaxDims];
  int64_t kept_in[kMaxDims];           // strides of in, bytes
  int64_t kept_out[kMaxDims];          // strides of out and of second, elements
  int64_t count = 1;                   // elements reduced to one; 0: every result is the reduction of nothing
  int64_t reduced_shape[kMaxDims];
  int64_t reduced_in[kMaxDims];        // bytes
  double parameter = 0;                // norm: its order p; variance: the correction

  TX_INLINE void keep(int64_t size, int64_t in_stride, int64_t out_stride) {
    if (size == 0) empty = true;
    if (size == 1) return;
    const int d = kept_ndim - 1;
    if (d >= 0 && kept_in[d] == in_stride * size && kept_out[d] == out_stride * size) {
      kept_shape[d] *= size, kept_in[d] = in_stride, kept_out[d] = out_stride;
      return;
    }
    kept_shape[kept_ndim] = size, kept_in[kept_ndim] = in_stride, kept_out[kept_ndim] = out_stride;
    kept_ndim++;
  }

  TX_INLINE void reduce(int64_t size, int64_t in_stride) {
    count *= size;
    if (size == 1) return;
    const int d = reduced_ndim - 1;
    if (d >= 0 && reduced_in[d] == in_stride * size) {
      reduced_shape[d] *= size, reduced_in[d] = in_stride;
      return;
    }
    reduced_shape[reduced_ndim] = size, reduced_in[reduced_ndim] = in_stride;
    reduced_ndim++;
  }

  TX_INLINE int64_t outputs() const {
    int64_t n = empty ? 0 : 1;
    for (int d = 0; d < kept_ndim; d++) n *= kept_shape[d];
    return n;
  }
};

// Sums of floats are carried in the compute type of out_dtype (float for the half types), sums of integers in int64.
// sum, nansum, prod: any in_dtype to a wider or equal out_dtype. mean, norm, logsumexp, variance: floating to floating.
// amax, amin: in_dtype == out_dtype, NaN wins. any, all: any to bool. count_nonzero: any to int64.
// argmax, argmin: any to int64, the first position where several are equal, and of the first NaN where there is one.
// max_index, min_index: value in `out` (in_dtype) and position in `second`.
#define TX_REDUCE_KERNELS(X)     \
  X(sum, ReduceArgs)             \
  X(nansum, ReduceArgs)          \
  X(mean, ReduceArgs)            \
  X(prod, ReduceArgs)            \
  X(norm, ReduceArgs)            \
  X(logsumexp, ReduceArgs)       \
  X(variance, ReduceArgs)        \
  X(standard_deviation, ReduceArgs) \
  X(amax, ReduceArgs)            \
  X(amin, ReduceArgs)            \
  X(any, ReduceArgs)             \
  X(all, ReduceArgs)             \
  X(count_nonzero, ReduceArgs)   \
  X(argmax, ReduceArgs)          \
  X(argmin, ReduceArgs)          \
  X(max_index, ReduceArgs)       \
  X(min_index, ReduceArgs)

}  // namespace tx
