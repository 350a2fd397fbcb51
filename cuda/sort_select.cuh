// The k-th element of long rows by the digits of keys, the most significant first: a histogram of the digits of those elements
// whose digits so far are the wanted ones tells the next. Then the elements up to it can be collected.
#pragma once
#include "sort_network.cuh"
#include "radix.cuh"

namespace tx::cuda {

constexpr int kSelectThreads = kDigits, kSelectWarps = kSelectThreads / kWarp, kSelectRounds = 16;
constexpr int kSelectRun = kSelectRounds * kWarp;  // of a warp
constexpr int kSelectTile = kSelectRun * kSelectWarps;
constexpr int64_t kMostSelectRows = 65535;  // of a grid

// histogram (rows, kDigits). Grid: x over elements, y over rows.
template <class K>
__global__ void __launch_bounds__(kSelectThreads)
    select_count(const typename K::Bits* x, const typename K::Bits* cut, unsigned* histogram, int64_t n,
                 typename K::Bits flip, int shift) {
  using Bits = typename K::Bits;
  constexpr int bits = 8 * sizeof(Bits);
  TX_SHARED(unsigned[kSelectWarps][kDigits], count);
  const unsigned thread = threadIdx.x, warp = thread / kWarp;
  for (int w = 0; w < kSelectWarps; w++) count[w][thread] = 0;
  __syncthreads();
  const Bits* row = x + blockIdx.y * n;
  const int above = shift + kDigitBits;  // bits from here on are known
  const Bits known = above < bits ? Bits(cut[blockIdx.y] >> above) : Bits(0);
  TX_FOR_EACH(i, n) {
    const Bits key = Bits(K::of(row[i]) ^ flip);
    if (above >= bits || Bits(key >> above) == known)
      atomicAdd(&count[warp][unsigned(key >> shift) & (kDigits - 1)], 1u);
  }
  __syncthreads();
  unsigned sum = 0;
  for (int w = 0; w < kSelectWarps; w++) sum += count[w][thread];
  if (sum) atomicAdd(&histogram[blockIdx.y * kDigits + thread], sum);
}

// A block a row: the next digit of its cut, and the rank among those that have it.
template <class Bits>
__global__ void __launch_bounds__(kSelectThreads)
    select_pick(const unsigned* histogram, Bits* cut, uint32_t* rank, int shift) {
  const unsigned here = histogram[int64_t(blockIdx.x) * kDigits + threadIdx.x], wanted = rank[blockIdx.x];
  const Bits known = cut[blockIdx.x];
  unsigned total;
  const unsigned before = block_scan<kSelectThreads>(here, &total);
  if (before <= wanted && wanted - before < here) {
    cut[blockIdx.x] = Bits(known | Bits(Bits(threadIdx.x) << shift));
    rank[blockIdx.x] = wanted - before;
  }
}

// numbers (rows): how many elements are not NaN. Grid as of select_count.
template <class K>
__global__ void __launch_bounds__(kSelectThreads)
    count_numbers(const typename K::Bits* x, unsigned* numbers, int64_t n) {
  unsigned count = 0;
  TX_FOR_EACH(i, n) count += !K::is_nan(x[blockIdx.y * n + i]);
  TX_UNROLL
  for (int by = kWarp / 2; by; by /= 2) count += __shfl_xor_sync(kAllLanes, count, by);
  if (lane_of_thread() == 0 && count) atomicAdd(&numbers[blockIdx.y], count);
}

template <class Bits>
__global__ void __launch_bounds__(kSelectThreads)
    start_select(const unsigned* numbers, Bits* cut, uint32_t* ranks, int64_t rows, int64_t n, Rank rank, int64_t k) {
  TX_FOR_EACH(row, rows) {
    cut[row] = 0;
    ranks[row] = uint32_t(wanted_rank(rank, k, n, numbers ? int64_t(numbers[row]) : n));
  }
}

// counts (rows, 2, tiles): elements below the cut, and at it. Grid: tiles, rows.
template <class K>
__global__ void __launch_bounds__(kSelectThreads) select_tally(const typename K::Bits* x, const typename K::Bits* cut,
                                                               uint32_t* counts, int64_t n, typename K::Bits flip) {
  using Bits = typename K::Bits;
  const Bits at = cut[blockIdx.y];
  const int64_t first = int64_t(blockIdx.x) * kSelectTile + threadIdx.x;
  unsigned both = 0;  // a tile's fit 16 bits each
  for (int r = 0; r < kSelectRounds; r++) {
    const int64_t i = first + r * kSelectThreads;
    if (i >= n) continue;
    const Bits key = Bits(K::of(x[blockIdx.y * n + i]) ^ flip);
    both += key < at ? 1u << 16 : key == at ? 1u : 0u;
  }
  unsigned total;
  block_scan<kSelectThreads>(both, &total);
  if (threadIdx.x == 0) {
    const int64_t to = int64_t(blockIdx.y) * 2 * gridDim.x + blockIdx.x;
    counts[to] = total >> 16;
    counts[to + gridDim.x] = total & 0xffff;
  }
}

// counts: of the tiles before. With `keep`: elements below the cut, and `rank` + 1 of those at it, as they come, to values and
// positions (rows, keep). Without: the one at the cut whose rank it is, to values and indices (rows).
template <class K>
__global__ void __launch_bounds__(kSelectThreads)
    select_collect(const typename K::Bits* x, const typename K::Bits* cut, const uint32_t* rank, const uint32_t* counts,
                   typename K::Bits* values, uint32_t* positions, int64_t* indices, int64_t n, int64_t keep,
                   typename K::Bits flip) {
  using Bits = typename K::Bits;
  TX_SHARED(unsigned[kSelectWarps], tally);  // of a warp: below in the upper half, equal in the lower
  const Bits at = cut[blockIdx.y];
  const unsigned wanted = rank[blockIdx.y], warp = threadIdx.x / kWarp;
  const Bits* row = x + blockIdx.y * n;
  const int64_t first = int64_t(blockIdx.x) * kSelectTile + warp * kSelectRun + lane_of_thread();
  unsigned below_set[kSelectRounds], equal_set[kSelectRounds], both = 0;
  TX_UNROLL
  for (int r = 0; r < kSelectRounds; r++) {
    const int64_t i = first + r * kWarp;
    const Bits key = i < n ? Bits(K::of(row[i]) ^ flip) : Bits(0);
    below_set[r] = __ballot_sync(kAllLanes, i < n && key < at);
    equal_set[r] = __ballot_sync(kAllLanes, i < n && key == at);
    both += unsigned(__popc(below_set[r])) << 16 | unsigned(__popc(equal_set[r]));
  }
  if (lane_of_thread() == 0) tally[warp] = both;
  __syncthreads();
  unsigned before = 0;
  TX_UNROLL
  for (unsigned w = 0; w < kSelectWarps; w++)
    if (w < warp) before += tally[w];
  const int64_t tile = int64_t(blockIdx.y) * 2 * gridDim.x + blockIdx.x;
  unsigned below = counts[tile] + (before >> 16), equal = counts[tile + gridDim.x] + (before & 0xffff);
  TX_UNROLL
  for (int r = 0; r < kSelectRounds; r++) {
    const int64_t i = first + r * kWarp;
    const bool is_below = below_set[r] >> lane_of_thread() & 1, is_equal = equal_set[r] >> lane_of_thread() & 1;
    const unsigned my_below = below + __popc(below_set[r] & lanes_below()),
                   my_equal = equal + __popc(equal_set[r] & lanes_below());
    if (keep) {
      if (is_below || (is_equal && my_equal <= wanted)) {
        const int64_t to = blockIdx.y * keep + my_below + (my_equal <= wanted ? my_equal : wanted + 1);
        values[to] = row[i];
        positions[to] = uint32_t(i);
      }
    } else if (is_equal && my_equal == wanted) {
      values[blockIdx.y] = row[i];
      indices[blockIdx.y] = i;
    }
    below += __popc(below_set[r]);
    equal += __popc(equal_set[r]);
  }
}

template <class K>
struct Selected {
  using Bits = typename K::Bits;
  const Bits* x;  // (rows, n)
  int64_t rows, n;
  Bits flip;
  Rank rank;
  int64_t k;
  int64_t keep;  // 0: the one element of the rank; else all up to it, of which there are `keep`
  Bits* values;  // (rows, keep or 1)
  uint32_t* positions;  // with keep
  int64_t* indices;  // without
};

// At most kMostSelectRows rows.
template <class K>
void select(const char* name, const Selected<K>& s) {
  using Bits = typename K::Bits;
  constexpr int bits = 8 * sizeof(Bits);
  const int64_t tiles = (s.n + kSelectTile - 1) / kSelectTile;
  const Workspace workspace(size_t(s.rows) * (sizeof(uint64_t) + (kDigits + 2 * tiles + 1) * sizeof(uint32_t)));
  Bits* cut = workspace.as<Bits>();
  unsigned* histogram = reinterpret_cast<unsigned*>(workspace.as<uint64_t>() + s.rows);
  uint32_t *counts = histogram + s.rows * kDigits, *ranks = counts + s.rows * 2 * tiles;
  const unsigned rows = unsigned(s.rows);
  const unsigned enough = grid_for(s.n, kSelectThreads, kSelectRounds);
  const dim3 grid(enough / rows ? enough / rows : 1, rows), tiled{unsigned(tiles), rows};
  auto zero = [&](size_t count) {
    check(cudaMemsetAsync(histogram, 0, count * sizeof(unsigned), current_stream()), "zeroing");
  };
  const bool count = K::kFloating && s.rank != Rank::Kth;
  if (count) {
    zero(size_t(s.rows));
    launch(name, count_numbers<K>, {grid, kSelectThreads}, s.x, histogram, s.n);
  }
  launch(name, start_select<Bits>, {grid_for(s.rows, kSelectThreads), kSelectThreads}, count ? histogram : nullptr, cut,
         ranks, s.rows, s.n, s.rank, s.k);
  for (int shift = bits - kDigitBits; shift >= 0; shift -= kDigitBits) {
    zero(size_t(s.rows) * kDigits);
    launch(name, select_count<K>, {grid, kSelectThreads}, s.x, cut, histogram, s.n, s.flip, shift);
    launch(name, select_pick<Bits>, {rows, kSelectThreads}, histogram, cut, ranks, shift);
  }
  launch(name, select_tally<K>, {tiled, kSelectThreads}, s.x, cut, counts, s.n, s.flip);
  scan_rows<uint32_t>(name, counts, nullptr, 2 * s.rows, tiles);
  launch(name, select_collect<K>, {tiled, kSelectThreads}, s.x, cut, ranks, counts, s.values, s.positions, s.indices,
         s.n, s.keep, s.flip);
}

}  // namespace tx::cuda
