// Warps and blocks that work out one value together.
//
// Everything here is called by all threads of a block, whose number is a multiple of 32.
#pragma once
#include <cstring>

#include "device.cuh"

namespace tx::cuda {

TX_DEVICE int lane_of_warp() { return int(threadIdx.x % kWarp); }

// f(word) applied to the 4 or 8 bytes of x, or to each of its words.
template <class T, class F> TX_DEVICE T by_words(T x, F f) {
  if constexpr (std::is_arithmetic_v<T> && sizeof(T) >= 4) {
    return f(x);
  } else if constexpr (std::is_arithmetic_v<T>) {
    return T(f(int(x)));
  } else {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
    unsigned word[sizeof(T) / 4];
    memcpy(word, &x, sizeof(T));
    TX_UNROLL
    for (unsigned& w : word) w = f(w);
    memcpy(&x, word, sizeof(T));
    return x;
  }
}

// x of the lane whose number differs in `bits`; of the lane `by` below, where there is one.
template <class T> TX_DEVICE T shuffle_xor(T x, int bits) {
  return by_words(x, [bits](auto word) { return __shfl_xor_sync(kAllLanes, word, bits); });
}
template <class T> TX_DEVICE T shuffle_up(T x, int by) {
  return by_words(x, [by](auto word) { return __shfl_up_sync(kAllLanes, word, unsigned(by)); });
}

// The x of every `lanes` neighbours (a power of two) combined. All of them get the result.
template <class T, class F> TX_DEVICE T reduce_lanes(T x, int lanes, F combine) {
  for (int bits = lanes / 2; bits; bits /= 2) x = combine(x, shuffle_xor(x, bits));
  return x;
}

template <class T, class F> TX_DEVICE T warp_reduce(T x, F combine) {
  TX_UNROLL
  for (int bits = kWarp / 2; bits; bits /= 2) x = combine(x, shuffle_xor(x, bits));
  return x;
}

// The x of all threads combined, in an order that is always the same. All threads get the result.
template <int threads, class T, class F> TX_DEVICE T block_reduce(T x, F combine) {
  constexpr int warps = threads / kWarp;
  static_assert((warps & (warps - 1)) == 0 && warps <= kWarp);
  TX_SHARED(T[warps], of_warp);
  x = warp_reduce(x, combine);
  if (lane_of_warp() == 0) of_warp[threadIdx.x / kWarp] = x;
  __syncthreads();
  x = reduce_lanes(of_warp[lane_of_warp() % warps], warps, combine);
  __syncthreads();  // of_warp may be written again
  return x;
}

// combine(x of the first lane, ..., x of this lane). combine(a, b): b follows a.
template <class T, class F> TX_DEVICE T warp_scan(T x, F combine) {
  TX_UNROLL
  for (int by = 1; by < kWarp; by *= 2) {
    const T before = shuffle_up(x, by);
    if (lane_of_warp() >= by) x = combine(before, x);
  }
  return x;
}

// What threads 0 .. threadIdx.x - 1 have, combined (identity for the first); `total`: that of all threads.
template <int threads, class T, class F> TX_DEVICE T block_scan_before(T x, T identity, F combine, T& total) {
  constexpr int warps = threads / kWarp;
  TX_SHARED(T[warps], of_warp);
  const int warp = int(threadIdx.x / kWarp);
  const T through = warp_scan(x, combine);
  if (lane_of_warp() == kWarp - 1) of_warp[warp] = through;
  __syncthreads();
  T before = shuffle_up(through, 1), of_warps_before = identity;
  total = identity;
  for (int w = 0; w < warps; w++) {
    if (w == warp) of_warps_before = total;
    total = combine(total, of_warp[w]);
  }
  __syncthreads();
  return lane_of_warp() == 0 ? of_warps_before : combine(of_warps_before, before);
}

}  // namespace tx::cuda
