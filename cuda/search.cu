// Binary search in sorted rows, and runs of equal rows.
#include "../csrc/cpu/sort_key.h"
#include "../csrc/kernels/sort.h"
#include "launch.cuh"
#include "prefix.cuh"

namespace tx::cuda {

namespace {

constexpr int kThreads = 256;

// How many of sorted[0, n) come before the key: those below it, or (right) up to it. NaN is the largest key. The steps are the
// CPU's, so that what is not sorted gives the same answer.
template <class K>
TX_DEVICE int64_t place_of(const typename K::Bits* sorted, const int64_t* sorter, int64_t n, typename K::Bits key,
                           bool right) {
  auto before = [&](int64_t i) {
    const typename K::Bits other = K::of(sorted[sorter ? sorter[i] : i]);
    return right ? other <= key : other < key;
  };
  if (n == 0) return 0;
  int64_t low = 0;
  while (n > 1) {
    const int64_t half = n / 2;
    low += before(low + half - 1) ? half : 0;
    n -= half;
  }
  return low + before(low);
}

template <class K>
__global__ void __launch_bounds__(kThreads)
    search_kernel(const typename K::Bits* sorted, const typename K::Bits* values, const int64_t* sorter, int64_t* out,
                  int64_t rows, int64_t n, int64_t m, bool shared, bool right) {
  TX_FOR_EACH(i, rows * m) {
    const int64_t row = shared ? 0 : i / m * n;
    out[i] = place_of<K>(sorted + row, sorter ? sorter + row : nullptr, n, K::of(values[i]), right);
  }
}

template <class T>
void search_typed(const SearchSortedArgs& a) {
  using K = SortKey<T>;
  using Bits = typename K::Bits;
  launch("searchsorted", search_kernel<K>, {grid_for(a.rows * a.m, kThreads), kThreads},
         reinterpret_cast<const Bits*>(a.sorted), reinterpret_cast<const Bits*>(a.values), a.sorter, a.out, a.rows, a.n,
         a.m, a.shared, a.right);
}

// ---- sort_rows: runs of a power of two merged, two at a time. Every element finds its own place: its index in its run, and
// how many of the other run come before it.

template <class K>
TX_DEVICE bool row_less(const typename K::Bits* x, int64_t width, int64_t i, int64_t j) {
  for (int64_t c = 0; c < width; c++) {
    const auto left = K::of(x[i * width + c]), right = K::of(x[j * width + c]);
    if (left != right) return left < right;
  }
  return i < j;
}

__global__ void __launch_bounds__(kThreads) count_up_kernel(int64_t* order, int64_t n) {
  TX_FOR_EACH(i, n) order[i] = i;
}

template <class K>
__global__ void __launch_bounds__(kThreads)
    merge_kernel(const typename K::Bits* x, const int64_t* from, int64_t* to, int64_t n, int64_t width, int64_t run) {
  TX_FOR_EACH(i, n) {
    const int64_t own = i & ~(run - 1), other = own ^ run, row = from[i];
    const int64_t end = other + run < n ? other + run : n;
    int64_t low = other < n ? other : n, high = other < n ? end : n;
    const int64_t begin = low;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (row_less<K>(x, width, from[middle], row)) low = middle + 1;
      else high = middle;
    }
    to[(own < other ? own : other) + (i - own) + (low - begin)] = row;
  }
}

template <class T>
void sort_rows_typed(const RunsArgs& a) {
  using K = SortKey<T>;
  const Workspace workspace(size_t(a.n) * sizeof(int64_t));
  int passes = 0;
  while ((int64_t(1) << passes) < a.n) passes++;
  int64_t* orders[2] = {a.order, workspace.as<int64_t>()};  // the last pass writes the first of them
  const unsigned blocks = grid_for(a.n, kThreads);
  launch("sort_rows", count_up_kernel, {blocks, kThreads}, orders[passes % 2], a.n);
  for (int pass = 0; pass < passes; pass++) {
    const int64_t *from = orders[(passes - pass) % 2], run = int64_t(1) << pass;
    launch("sort_rows", merge_kernel<K>, {blocks, kThreads}, reinterpret_cast<const typename K::Bits*>(a.x), from,
           orders[(passes - pass - 1) % 2], a.n, a.width, run);
  }
}

// ---- mark_runs

constexpr int kRunItems = 4, kRunTile = kThreads * kRunItems;

// counts: how many runs start in each tile. A block a tile. NaN differs from everything, itself included.
template <class K>
__global__ void __launch_bounds__(kThreads) starts_kernel(const typename K::Bits* x, const int64_t* order,
                                                          uint8_t* starts, int64_t* counts, int64_t n, int64_t width) {
  int64_t count = 0, total;
  for (int r = 0; r < kRunItems; r++) {
    const int64_t i = int64_t(blockIdx.x) * kRunTile + r * kThreads + threadIdx.x;
    if (i >= n) continue;
    bool start = i == 0;
    if (!start) {
      const int64_t row = order ? order[i] : i, before = order ? order[i - 1] : i - 1;
      for (int64_t c = 0; c < width && !start; c++) {
        const typename K::Bits bits = x[row * width + c];
        start = K::is_nan(bits) || K::of(bits) != K::of(x[before * width + c]);
      }
    }
    starts[i] = start;
    count += start;
  }
  block_scan<kThreads>(count, &total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// counts: how many runs start before each tile.
__global__ void __launch_bounds__(kThreads)
    number_kernel(const uint8_t* starts, const int64_t* order, const int64_t* counts, int64_t* number, int64_t n) {
  const int64_t first = int64_t(blockIdx.x) * kRunTile + threadIdx.x * kRunItems;
  int64_t start[kRunItems], sum = 0, total;
  TX_UNROLL
  for (int k = 0; k < kRunItems; k++) {
    start[k] = first + k < n ? starts[first + k] : 0;
    sum += start[k];
  }
  int64_t begun = counts[blockIdx.x] + block_scan<kThreads>(sum, &total);
  TX_UNROLL
  for (int k = 0; k < kRunItems; k++) {
    begun += start[k];
    if (first + k < n) number[order ? order[first + k] : first + k] = begun - 1;
  }
}

template <class T>
void mark_runs_typed(const RunsArgs& a) {
  using K = SortKey<T>;
  const int64_t tiles = (a.n + kRunTile - 1) / kRunTile;
  const Workspace workspace(size_t(tiles) * sizeof(int64_t));
  int64_t* counts = workspace.as<int64_t>();
  launch("mark_runs", starts_kernel<K>, {unsigned(tiles), kThreads}, reinterpret_cast<const typename K::Bits*>(a.x),
         a.order, a.starts, counts, a.n, a.width);
  if (!a.number) return;
  scan_rows<int64_t>("mark_runs", counts, nullptr, 1, tiles);
  launch("mark_runs", number_kernel, {unsigned(tiles), kThreads}, a.starts, a.order, counts, a.number, a.n);
}

}  // namespace

void searchsorted(const SearchSortedArgs& a) { TX_BY_TYPE(search_typed) }
void sort_rows(const RunsArgs& a) { TX_BY_TYPE(sort_rows_typed) }
void mark_runs(const RunsArgs& a) { TX_BY_TYPE(mark_runs_typed) }

}  // namespace tx::cuda
