// What gather and scatter share.
#pragma once
#include "elementwise.cuh"

namespace tx::cuda {

TX_DEVICE int64_t wrap(int64_t i, int64_t size) { return i + (i < 0 ? size : 0); }

// Where values and x are dense along the innermost dimension, which has one index, its elements move in words of up to 16
// bytes: makes them those of `a` and returns their size. Else that is the elements'.
inline int64_t widen_rows(IndexArgs& a) {
  NdIter<3>& it = a.it;
  const int64_t item = itemsize(it.compute);
  if (it.ndim == 0) return item;
  const int last = it.ndim - 1;
  if (it.strides[0][last] != item || it.strides[1][last] != item || it.strides[2][last] != 0) return item;
  uint64_t all = uint64_t(it.shape[last] * item) | uint64_t(a.stride);  // its lowest bits: those of any
  for (int k = 0; k < 2; k++) {
    all |= uint64_t(reinterpret_cast<uintptr_t>(it.data[k]));
    for (int d = 0; d < last; d++) all |= uint64_t(it.strides[k][d]);
  }
  int64_t word = 16;
  while (all % uint64_t(word)) word /= 2;
  if (word <= item) return item;
  it.shape[last] /= word / item;
  it.strides[0][last] = it.strides[1][last] = word;
  return word;
}

}  // namespace tx::cuda
