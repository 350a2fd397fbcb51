// What the ways of multiplying matrices share: where results go, and how long sums are split.
#pragma once
#include "../csrc/kernels/matmul.h"
#include "tile.cuh"

namespace tx::cuda {

constexpr int64_t kMaxGridZ = 65535;

TX_BOTH int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

// Of c, or of partial sums. Strides in elements.
struct Target {
  int64_t batch, row, bias_row;
  int64_t split;  // between the sums of one part of k and the next
  bool accumulate;
};

// The whole of the sums, from all parts of k, as c holds them: activated, with bias.
template <class S> void finish_sums(const MatmulArgs& x, const sum_of<S>* sums, int64_t splits);

// c takes one sum.
template <class S, class T>
TX_DEVICE S finished(T sum, const S* bias, const S* before) {
  if (bias) sum = sum + convert<T>(*bias);
  if (before) sum = convert<T>(*before) + sum;
  return convert<S>(sum);
}

// Few tiles leave most of the device idle: long sums are then cut into parts, which finish_sums adds up in order.
struct Split {
  int64_t parts = 1, depth;  // depth of a part, a multiple of kUnit

  static constexpr int64_t kUnit = 32, kLeast = 256, kMost = 64, kDeepest = 1 << 30;
  Split(int64_t blocks, int64_t k) : depth(k) {
    const int64_t wanted = int64_t(properties(used_device()).multiProcessorCount) * 2;
    if (blocks <= wanted / 2) parts = at_most(at_most(wanted / blocks, k / kLeast), kMost);
    const int64_t least = k > kDeepest ? divide_up(k, kDeepest) : 1;
    if (parts < least) parts = least;
    if (parts > 1) {
      depth = divide_up(divide_up(k, parts), kUnit) * kUnit;
      parts = divide_up(k, depth);
    }
  }
};

// Calls multiply(sums or null, target): null when the kernel may write c itself.
template <class S, class Multiply>
void with_target(const MatmulArgs& x, int64_t parts, const Multiply& multiply) {
  using T = sum_of<S>;
  if (parts == 1 && x.activation == Activation::None)
    return multiply(static_cast<T*>(nullptr), Target{x.c_batch, x.c_row, x.bias_row, 0, x.accumulate});
  const int64_t matrix = x.m * x.n;
  Workspace room(size_t(parts * x.batch * matrix) * sizeof(T));
  multiply(room.as<T>(), Target{matrix, x.n, 0, x.batch * matrix, false});
  finish_sums<S>(x, room.as<T>(), parts);
}

// f(first, count) for pieces of the batch that fit in a grid.
template <class F>
void for_batches(int64_t batch, const F& f) {
  for (int64_t first = 0; first < batch; first += kMaxGridZ) f(first, at_most(kMaxGridZ, batch - first));
}

template <class S> void multiply_tiles(const MatmulArgs& x);
template <class S> void multiply_vectors(const MatmulArgs& x, bool vectors_in_a);
template <class S> bool multiply_tensor_cores(const MatmulArgs& x);  // false: not for these operands

}  // namespace tx::cuda
