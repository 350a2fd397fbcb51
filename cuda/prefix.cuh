// Prefix sums of integers: of a block's threads, and of rows in memory.
#pragma once
#include "launch.cuh"

namespace tx::cuda {

TX_DEVICE unsigned lane_of_thread() { return threadIdx.x % kWarp; }
TX_DEVICE unsigned lanes_below() { return (1u << lane_of_thread()) - 1; }

// The sum of x over the threads before this one; *total: over all of them. Contains barriers unless threads is a warp.
template <int threads, class T> TX_DEVICE T block_scan(T x, T* total) {
  T sum = x;
  TX_UNROLL
  for (int by = 1; by < kWarp; by *= 2) {
    const T before = __shfl_up_sync(kAllLanes, sum, by);
    if (lane_of_thread() >= unsigned(by)) sum += before;
  }
  if constexpr (threads == kWarp) {
    *total = __shfl_sync(kAllLanes, sum, kWarp - 1);
    return sum - x;
  } else {
    constexpr int warps = threads / kWarp;
    TX_SHARED(T[warps], part);
    const unsigned warp = threadIdx.x / kWarp;
    if (lane_of_thread() == kWarp - 1) part[warp] = sum;
    __syncthreads();
    T before = 0, all = 0;
    TX_UNROLL
    for (unsigned w = 0; w < warps; w++) {
      if (w < warp) before += part[w];
      all += part[w];
    }
    __syncthreads();                       // `part` may be written again
    *total = all;
    return before + sum - x;
  }
}

// x (rows, n), contiguous: each element becomes the sum of those before it in its row. totals (rows), if given: the rows'
// sums. One block a row, or several in turn.
template <class T, int threads>
__global__ void __launch_bounds__(threads) scan_rows_kernel(T* x, T* totals, int64_t rows, int64_t n) {
  constexpr int kItems = 4;  // of a thread, next to each other
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    T* of = x + row * n;
    T carry = 0;
    for (int64_t at = 0; at < n; at += threads * kItems) {
      const int64_t mine = at + threadIdx.x * kItems;
      T item[kItems], sum = 0, total;
      TX_UNROLL
      for (int k = 0; k < kItems; k++) {
        item[k] = mine + k < n ? of[mine + k] : T(0);
        sum += item[k];
      }
      T before = carry + block_scan<threads>(sum, &total);
      TX_UNROLL
      for (int k = 0; k < kItems; k++) {
        if (mine + k < n) of[mine + k] = before;
        before += item[k];
      }
      carry += total;
    }
    if (totals && threadIdx.x == 0) totals[row] = carry;
  }
}

template <class T>
void scan_rows(const char* name, T* x, T* totals, int64_t rows, int64_t n) {
  constexpr int64_t kMostBlocks = 1 << 20;
  const unsigned blocks = unsigned(rows < kMostBlocks ? rows : kMostBlocks);
  if (n <= 1024) launch(name, scan_rows_kernel<T, kWarp>, {blocks, kWarp}, x, totals, rows, n);
  else launch(name, scan_rows_kernel<T, 512>, {blocks, 512}, x, totals, rows, n);
}

}  // namespace tx::cuda
