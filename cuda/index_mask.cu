// Masks: counting, positions, packing and unpacking; coordinates of positions; triangles. A mask goes in blocks of kMaskBlock
// elements, a thread block each, within which every warp has a run of its own.
#include <vector>

#include "../csrc/kernels/index.h"
#include "launch.cuh"
#include "prefix.cuh"

namespace tx::cuda {

namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarp;
constexpr int64_t kWarpRun = kMaskBlock / kWarps;

// True elements of the warp's run. `words`: the mask may be read four bytes at a time.
TX_DEVICE unsigned count_run(const uint8_t* mask, int64_t begin, int64_t end, bool words) {
  const unsigned lane = lane_of_thread();
  unsigned count = 0;
  if (words && end - begin == kWarpRun) {
    TX_UNROLL
    for (int i = 0; i < kWarpRun / (4 * kWarp); i++) {
      unsigned bytes = reinterpret_cast<const unsigned*>(mask + begin)[i * kWarp + lane];
      bytes |= bytes >> 4;  // any bit of a byte to its lowest
      bytes |= bytes >> 2;
      bytes |= bytes >> 1;
      count += __popc(bytes & 0x01010101u);
    }
  } else {
    for (int64_t i = begin + lane; i < end; i += kWarp) count += mask[i] != 0;
  }
  TX_UNROLL
  for (int by = kWarp / 2; by; by /= 2) count += __shfl_xor_sync(kAllLanes, count, by);
  return count;
}

// The warp's part of the mask, and how many true elements of the block come before it.
struct Run {
  int64_t begin, end, first;
};
TX_DEVICE Run run_of_warp(const uint8_t* mask, int64_t n, bool words, unsigned* total) {
  TX_SHARED(unsigned[kWarps], counts);
  const unsigned warp = threadIdx.x / kWarp;
  const int64_t begin = int64_t(blockIdx.x) * kMaskBlock + warp * kWarpRun;
  const int64_t end = begin + kWarpRun < n ? begin + kWarpRun : n;
  const unsigned count = count_run(mask, begin, end, words);
  if (lane_of_thread() == 0) counts[warp] = count;
  __syncthreads();
  unsigned before = 0, all = 0;
  TX_UNROLL
  for (unsigned w = 0; w < kWarps; w++) {
    if (w < warp) before += counts[w];
    all += counts[w];
  }
  *total = all;
  return {begin, end, before};
}

__global__ void __launch_bounds__(kThreads) count_kernel(const uint8_t* mask, int64_t* counts, int64_t n, bool words) {
  unsigned total;
  run_of_warp(mask, n, words, &total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// write(i, place): element i of the mask is true, the place-th.
template <class Write>
TX_DEVICE void for_true(const uint8_t* mask, const int64_t* first, int64_t n, bool words, const Write& write) {
  unsigned total;
  const Run run = run_of_warp(mask, n, words, &total);
  int64_t place = first[blockIdx.x] + run.first;
  for (int64_t at = run.begin; at < run.end; at += kWarp) {
    const int64_t i = at + lane_of_thread();
    const bool wanted = i < run.end && mask[i] != 0;
    const unsigned those = __ballot_sync(kAllLanes, wanted);
    if (wanted) write(i, place + __popc(those & lanes_below()));
    place += __popc(those);
  }
}

__global__ void __launch_bounds__(kThreads)
    positions_kernel(const uint8_t* mask, const int64_t* first, int64_t* out, int64_t n, bool words) {
  for_true(mask, first, n, words, [=](int64_t i, int64_t place) { out[place] = i; });
}
template <class E>
__global__ void __launch_bounds__(kThreads)
    select_kernel(const uint8_t* mask, const int64_t* first, const E* x, E* out, int64_t n, bool words) {
  for_true(mask, first, n, words, [=](int64_t i, int64_t place) { out[place] = x[i]; });
}
template <class E>
__global__ void __launch_bounds__(kThreads)
    put_kernel(const uint8_t* mask, const int64_t* first, const E* x, E* out, int64_t n, bool words) {
  for_true(mask, first, n, words, [=](int64_t i, int64_t place) { out[i] = x[place]; });
}

int64_t blocks_of(const MaskArgs& a) { return (a.n + kMaskBlock - 1) / kMaskBlock; }
bool in_words(const MaskArgs& a) { return reinterpret_cast<uintptr_t>(a.mask) % 4 == 0; }

// The numbers of true elements before each block, on the device.
struct First {
  Workspace memory;
  explicit First(const MaskArgs& a) : memory(size_t(blocks_of(a)) * sizeof(int64_t)) {
    to_device(get(), a.first, size_t(blocks_of(a)) * sizeof(int64_t));
  }
  int64_t* get() const { return memory.as<int64_t>(); }
};

// kernel(mask, first, x, out, n, words) for elements of this size.
#define TX_MASK_KERNEL(name, kernel)                                                                             \
  template <class E>                                                                                             \
  void name##_of(const MaskArgs& a) {                                                                            \
    const First first(a);                                                                                        \
    launch(#name, kernel<E>, {unsigned(blocks_of(a)), kThreads}, a.mask, first.get(),                            \
           reinterpret_cast<const E*>(a.x), reinterpret_cast<E*>(a.out), a.n, in_words(a));                      \
  }
TX_MASK_KERNEL(mask_select, select_kernel)
TX_MASK_KERNEL(mask_put, put_kernel)
#undef TX_MASK_KERNEL

// ---- unravel: a thread for each coordinate

struct Shape {
  FastDivide ndim;
  int64_t size[kMaxDims], inner[kMaxDims];  // inner: elements from one index to the next
  FastDivide fast_size[kMaxDims], fast_inner[kMaxDims];
};

// `small`: positions and what is written are below 2^31.
template <bool small>
__global__ void __launch_bounds__(kThreads)
    unravel_kernel(const int64_t* positions, int64_t* out, int64_t n, Shape shape) {
  TX_FOR_EACH(k, n * shape.ndim.divisor) {
    if constexpr (small) {
      const uint32_t i = shape.ndim.divide(uint32_t(k)), d = uint32_t(k) - i * shape.ndim.divisor;
      const uint32_t at = shape.fast_inner[d].divide(uint32_t(positions[i]));
      out[k] = d ? at - shape.fast_size[d].divide(at) * shape.fast_size[d].divisor : at;
    } else {
      const int64_t i = k / shape.ndim.divisor, d = k - i * shape.ndim.divisor, at = positions[i] / shape.inner[d];
      out[k] = d ? at % shape.size[d] : at;
    }
  }
}

// x (rows, columns), of `height` rows a matrix. Columns before the edge (upper) or from it on are zeroed.
template <class E>
__global__ void __launch_bounds__(kThreads)
    triangle_kernel(E* x, int64_t rows, int64_t columns, int64_t height, int64_t diagonal, bool upper) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    const int64_t edge = row % height + diagonal + (upper ? 0 : 1);
    const int64_t begin = upper || edge < 0 ? 0 : edge, end = upper && edge < columns ? edge : columns;
    for (int64_t c = begin + threadIdx.x; c < end; c += blockDim.x) x[row * columns + c] = E();
  }
}

template <class E>
void triangle_of(const TriangleArgs& a) {
  const int64_t rows = a.batch * a.rows;
  const unsigned threads = a.columns >= 512 ? 256 : a.columns >= 128 ? 128 : kWarp;
  launch("triangle", triangle_kernel<E>, {unsigned(rows < (1 << 20) ? rows : 1 << 20), threads},
         reinterpret_cast<E*>(a.x), rows, a.columns, a.rows, a.diagonal, a.upper);
}

// function_of<an integer of the element's size>(a).
#define TX_BY_SIZE(function)                                  \
  switch (a.itemsize) {                                       \
    case 1: return function##_of<uint8_t>(a);                 \
    case 2: return function##_of<uint16_t>(a);                \
    case 4: return function##_of<uint32_t>(a);                \
    case 8: return function##_of<uint64_t>(a);                \
    default: return function##_of<uint4>(a);                  \
  }

}  // namespace

void mask_count(const MaskArgs& a) {
  if (a.n == 0) return;
  const size_t nbytes = size_t(blocks_of(a)) * sizeof(int64_t);
  const Workspace counts(nbytes);
  launch("mask_count", count_kernel, {unsigned(blocks_of(a)), kThreads}, a.mask, counts.as<int64_t>(), a.n,
         in_words(a));
  to_host(a.first, counts.as<void>(), nbytes);
}

void mask_positions(const MaskArgs& a) {
  const First first(a);
  launch("mask_positions", positions_kernel, {unsigned(blocks_of(a)), kThreads}, a.mask, first.get(),
         reinterpret_cast<int64_t*>(a.out), a.n, in_words(a));
}

void mask_select(const MaskArgs& a) { TX_BY_SIZE(mask_select) }
void mask_put(const MaskArgs& a) { TX_BY_SIZE(mask_put) }

void unravel(const UnravelArgs& a) {
  Shape shape{};
  shape.ndim = FastDivide(uint32_t(a.ndim));
  int64_t inner = 1;
  for (int d = a.ndim - 1; d >= 0; d--) {
    shape.size[d] = a.shape[d];
    shape.inner[d] = inner;
    inner *= a.shape[d];
  }
  const bool small = inner <= INT32_MAX && a.n * a.ndim <= INT32_MAX;
  for (int d = 0; d < a.ndim && small; d++) {
    shape.fast_size[d] = FastDivide(uint32_t(shape.size[d]));
    shape.fast_inner[d] = FastDivide(uint32_t(shape.inner[d]));
  }
  launch("unravel", small ? unravel_kernel<true> : unravel_kernel<false>, {grid_for(a.n * a.ndim, kThreads), kThreads},
         a.positions, a.out, a.n, shape);
}

void triangle(const TriangleArgs& a) {
  if (a.batch * a.rows * a.columns == 0) return;
  TX_BY_SIZE(triangle)
}

}  // namespace tx::cuda
