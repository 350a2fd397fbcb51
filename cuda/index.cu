// Gathering, and arithmetic of indices.
#include "index.cuh"

namespace tx::cuda {

namespace {

// ---- gather

struct Bad {                               // an index out of range: whether there is one, and the smallest
  unsigned long long found, smallest;      // smallest: how far below the largest of all int64
};

TX_DEVICE void report(Bad* bad, int64_t index) {
  atomicOr(&bad->found, 1ull);
  atomicMax(&bad->smallest, (unsigned long long)(uint64_t(INT64_MAX) - uint64_t(index)));
}

// E: the words that elements, or rows of them, move in.
template <class E>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(char* out, const char* x, const char* index, Bad* bad, Strided<3> it, int64_t size, int64_t stride) {
  TX_FOR_EACH(i, it.numel) {
    int64_t offset[3];
    it.place(uint32_t(i), offset);
    const int64_t given = *reinterpret_cast<const int64_t*>(index + offset[2]), at = wrap(given, size);
    if (uint64_t(at) < uint64_t(size))
      *reinterpret_cast<E*>(out + offset[0]) = *reinterpret_cast<const E*>(x + offset[1] + at * stride);
    else if (bad) report(bad, given);
  }
}

// ---- index_bounds: of each warp's part, then of those

__global__ void __launch_bounds__(kThreads)
    bounds_kernel(const int64_t* low, const int64_t* high, int64_t* lows, int64_t* highs, int64_t n) {
  int64_t smallest = INT64_MAX, largest = INT64_MIN;
  TX_FOR_EACH(i, n) {
    smallest = min(smallest, low[i]);
    largest = max(largest, high[i]);
  }
  TX_UNROLL
  for (int by = kWarp / 2; by; by /= 2) {
    smallest = min(smallest, __shfl_xor_sync(kAllLanes, smallest, by));
    largest = max(largest, __shfl_xor_sync(kAllLanes, largest, by));
  }
  if (threadIdx.x % kWarp == 0) {
    const int64_t warp = (int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp;
    lows[warp] = smallest;
    highs[warp] = largest;
  }
}

__global__ void __launch_bounds__(kThreads)
    combine_kernel(char* out, const char* index, Strided<2> it, int64_t size, int64_t stride, bool add) {
  TX_FOR_EACH(i, it.numel) {
    int64_t offset[2];
    it.place(uint32_t(i), offset);
    const int64_t at = wrap(*reinterpret_cast<const int64_t*>(index + offset[1]), size) * stride;
    int64_t* to = reinterpret_cast<int64_t*>(out + offset[0]);
    *to = add ? *to + at : at;
  }
}

}  // namespace

void gather(const IndexArgs& a) {
  if (a.it.empty) return;
  IndexArgs words = a;
  const int64_t item = widen_rows(words);
  const Workspace workspace(a.bad ? sizeof(Bad) : 0);
  Bad* bad = a.bad ? workspace.as<Bad>() : nullptr;
  if (bad) check(cudaMemsetAsync(bad, 0, sizeof(Bad), current_stream()), "zeroing");
  auto kernel = item == 1   ? gather_kernel<uint8_t>
                : item == 2 ? gather_kernel<uint16_t>
                : item == 4 ? gather_kernel<uint32_t>
                : item == 8 ? gather_kernel<uint64_t>
                            : gather_kernel<uint4>;
  in_pieces(words.it, [&](const NdIter<3>& piece) {
    launch("gather", kernel, {grid_for(piece.numel(), kThreads), kThreads}, piece.data[0], piece.data[1], piece.data[2],
           bad, strided(piece), a.size, a.stride);
  });
  if (!bad) return;
  Bad result;
  to_host(&result, bad, sizeof result);
  if (result.found) *a.bad = int64_t(uint64_t(INT64_MAX) - result.smallest);
}

void index_bounds(const IndexBoundsArgs& a) {
  constexpr unsigned kMostBlocks = 256, kWarps = kThreads / kWarp;
  const unsigned wanted = grid_for(a.n, kThreads, 4), blocks = wanted < kMostBlocks ? wanted : kMostBlocks;
  const int64_t parts = blocks * kWarps;
  const Workspace workspace(size_t(2 * parts + 2) * sizeof(int64_t));
  int64_t *bounds = workspace.as<int64_t>(), *lows = bounds + 2, *highs = lows + parts;
  launch("index_bounds", bounds_kernel, {blocks, kThreads}, a.index, a.index, lows, highs, a.n);
  launch("index_bounds", bounds_kernel, {1, kWarp}, lows, highs, bounds, bounds + 1, parts);
  int64_t result[2];
  to_host(result, bounds, sizeof result);
  *a.smallest = result[0];
  *a.largest = result[1];
}

void index_combine(const IndexCombineArgs& a) {
  if (a.it.empty) return;
  in_pieces(a.it, [&](const NdIter<2>& piece) {
    launch("index_combine", combine_kernel, {grid_for(piece.numel(), kThreads), kThreads}, piece.data[0], piece.data[1],
           strided(piece), a.size, a.stride, a.add);
  });
}

}  // namespace tx::cuda
