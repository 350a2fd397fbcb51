// NdIter<N>: N strided operands walked together over one shape; operand 0 is the output. Dimensions of
// size 1 are dropped and adjacent dimensions that every operand crosses at one stride are merged, so a
// contiguous case of any rank is a single row. Plain data: it goes to CPU and CUDA kernels alike.
#pragma once
#include "dtype.h"

namespace tx {

constexpr int kMaxDims = 16;           // rank limit of every Array

template <int N>
struct NdIter {
  int ndim = 0;                        // dimensions left after merging; the last is innermost
  bool empty = false;                  // some dimension has size 0: nothing to do
  uint8_t host = 0;                    // bit k: operand k is one number in host memory, though the device is another
  DType compute;                       // type the operation is carried out in
  DType dtype[N];                      // type each operand is stored in
  char* data[N];
  int64_t shape[kMaxDims];
  int64_t strides[N][kMaxDims];        // in bytes; 0 where an operand is broadcast

  // Append one dimension, outermost first. step[k] is operand k's stride in bytes.
  TX_INLINE void push(int64_t size, const int64_t (&step)[N]) {
    if (size == 1) return;
    if (size == 0) empty = true;
    if (ndim > 0) {
      bool merge = true;
      for (int k = 0; k < N; k++) merge &= strides[k][ndim - 1] == step[k] * size;
      if (merge) {
        shape[ndim - 1] *= size;
        for (int k = 0; k < N; k++) strides[k][ndim - 1] = step[k];
        return;
      }
    }
    shape[ndim] = size;
    for (int k = 0; k < N; k++) strides[k][ndim] = step[k];
    ndim++;
  }

  TX_INLINE int64_t numel() const {
    int64_t n = empty ? 0 : 1;
    for (int d = 0; d < ndim; d++) n *= shape[d];
    return n;
  }

  TX_INLINE int64_t row_length() const { return ndim ? shape[ndim - 1] : 1; }
  TX_INLINE int64_t row_step(int k) const { return ndim ? strides[k][ndim - 1] : 0; }

  // Byte offset of operand k at flat index i.
  TX_INLINE int64_t offset(int k, int64_t i) const {
    int64_t at = 0;
    for (int d = ndim - 1; d >= 0; d--) {
      at += i % shape[d] * strides[k][d];
      i /= shape[d];
    }
    return at;
  }

  // Operand k is one dense run of its compute type: no staging is needed.
  TX_INLINE bool dense(int k) const {
    return dtype[k] == compute && (ndim == 0 || (ndim == 1 && strides[k][0] == itemsize(compute)));
  }
};

}  // namespace tx
