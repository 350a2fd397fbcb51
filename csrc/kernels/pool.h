// Arguments of the pooling kernels over two spatial dimensions (one comes with height 1).
#pragma once
#include "../dtype.h"

namespace tx {

// x (planes, in_h, in_w) and out (planes, out_h, out_w) contiguous; float or double. In the gradients `x` is the gradient
// of the result (out's shape) and `out` that of the input (in's shape); the windows are given as in the forward.
struct PoolArgs {
  DType dtype;
  int64_t planes, in_h, in_w, out_h, out_w;
  int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  const char* x;
  char* out;
  int64_t* indices;  // max: position of each maximum within its plane; written by the forward, read by the gradient
  bool count_include_pad;  // average: divide by the window's size with padding
  int64_t divisor;  // average: divide by this instead, unless 0
};

#define TX_POOL_KERNELS(X)      \
  X(max_pool, PoolArgs)         \
  X(max_pool_grad, PoolArgs)    \
  X(average_pool, PoolArgs)     \
  X(average_pool_grad, PoolArgs)

}  // namespace tx
