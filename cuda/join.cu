// Concatenation of contiguous parts, and indices repeated.
#include "../csrc/kernels/join.h"

#include <vector>

#include "launch.cuh"
#include "prefix.cuh"

namespace tx::cuda {

namespace {

constexpr int kThreads = 256;

// ---- concat: bytes move in words as wide as all sizes and addresses allow

constexpr int kParts = 32;                 // of one launch
struct Parts {
  const char* from[kParts];                // (rows, words)
  int64_t words[kParts], at[kParts];       // at: where in a row of the output, in words
  FastDivide width[kParts];                // words, where rows * words is below 2^31
};

// Grid: x over words, y over parts.
template <class Word>
__global__ void __launch_bounds__(kThreads) concat_kernel(Word* out, Parts parts, int64_t rows, int64_t row_words) {
  const unsigned part = blockIdx.y;
  const int64_t words = parts.words[part], n = rows * words;
  const Word* from = reinterpret_cast<const Word*>(parts.from[part]);
  Word* to = out + parts.at[part];
  const bool small = n <= INT32_MAX;
  TX_FOR_EACH(i, n) {
    const int64_t row = rows == 1 ? 0 : small ? parts.width[part].divide(uint32_t(i)) : i / words;
    to[row * row_words + (i - row * words)] = from[i];
  }
}

template <class Word>
void concat_of(const ConcatArgs& a, int64_t row_bytes) {
  constexpr int64_t size = sizeof(Word);
  int64_t at = 0;
  for (int64_t part = 0; part < a.parts;) {
    Parts parts{};
    int64_t largest = 0;
    int count = 0;
    for (; part < a.parts && count < kParts; at += a.bytes[part++] / size) {
      const int64_t words = a.bytes[part] / size;
      if (words == 0) continue;
      parts.from[count] = a.part[part];
      parts.words[count] = words;
      parts.at[count] = at;
      if (words <= INT32_MAX) parts.width[count] = FastDivide(uint32_t(words));
      if (words > largest) largest = words;
      count++;
    }
    if (count)
      launch("concat", concat_kernel<Word>, {dim3(grid_for(a.rows * largest, kThreads), unsigned(count)), kThreads},
             reinterpret_cast<Word*>(a.out), parts, a.rows, row_bytes / size);
  }
}

// ---- repeat_index

constexpr uint64_t kTooMany = uint64_t(1) << 63;  // a negative number of repeats, or a sum that overflows

TX_BOTH uint64_t add_repeats(uint64_t a, uint64_t b) { return a >= kTooMany - b ? kTooMany : a + b; }

// sums: of the repeats that a warp looked at.
__global__ void __launch_bounds__(kThreads) repeat_total_kernel(const int64_t* repeats, uint64_t* sums, int64_t n) {
  uint64_t sum = 0;
  TX_FOR_EACH(i, n) sum = add_repeats(sum, repeats[i] < 0 ? kTooMany : uint64_t(repeats[i]));
  TX_UNROLL
  for (int by = kWarp / 2; by; by /= 2) sum = add_repeats(sum, __shfl_xor_sync(kAllLanes, sum, by));
  if (lane_of_thread() == 0) sums[(int64_t(blockIdx.x) * blockDim.x + threadIdx.x) / kWarp] = sum;
}

constexpr int kFirstItems = 8, kFirstTile = kThreads * kFirstItems;

// sums: of the repeats of each tile; then (starts) first (n): in the output, where each index begins.
template <bool starts>
__global__ void __launch_bounds__(kThreads)
    repeat_first_kernel(const int64_t* repeats, int64_t* sums, int64_t* first, int64_t n) {
  const int64_t at = int64_t(blockIdx.x) * kFirstTile + threadIdx.x * kFirstItems;
  int64_t item[kFirstItems], sum = 0, total;
  TX_UNROLL
  for (int k = 0; k < kFirstItems; k++) {
    item[k] = at + k < n ? repeats[at + k] : 0;
    sum += item[k];
  }
  int64_t before = block_scan<kThreads>(sum, &total);
  if constexpr (starts) {
    before += sums[blockIdx.x];
    TX_UNROLL
    for (int k = 0; k < kFirstItems; k++) {
      if (at + k < n) first[at + k] = before;
      before += item[k];
    }
  } else if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

// The last i in [low, high) with first[i] <= at; there is one.
TX_DEVICE int64_t owner_of(const int64_t* first, int64_t low, int64_t high, int64_t at) {
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    if (first[middle] <= at) low = middle;
    else high = middle;
  }
  return low;
}

constexpr int64_t kExpandTile = 2048;      // elements of the output that a block writes together

// first (n): where in the output each index begins. A tile's owners lie between those of its ends.
__global__ void __launch_bounds__(kThreads)
    repeat_kernel(const int64_t* first, int64_t* out, int64_t n, int64_t total) {
  TX_SHARED(int64_t[2], ends);
  for (int64_t tile = blockIdx.x; tile * kExpandTile < total; tile += gridDim.x) {
    const int64_t begin = tile * kExpandTile, end = begin + kExpandTile < total ? begin + kExpandTile : total;
    if (threadIdx.x < 2) ends[threadIdx.x] = owner_of(first, 0, n, threadIdx.x ? end - 1 : begin);
    __syncthreads();
    for (int64_t at = begin + threadIdx.x; at < end; at += kThreads)
      out[at] = owner_of(first, ends[0], ends[1] + 1, at);
    __syncthreads();
  }
}

}  // namespace

void concat(const ConcatArgs& a) {
  int64_t row_bytes = 0;
  uint64_t all = uint64_t(reinterpret_cast<uintptr_t>(a.out));  // its lowest bits: those of any address or size
  for (int64_t p = 0; p < a.parts; p++) {
    row_bytes += a.bytes[p];
    if (a.bytes[p]) all |= uint64_t(reinterpret_cast<uintptr_t>(a.part[p])) | uint64_t(a.bytes[p]);
  }
  if (row_bytes == 0 || a.rows == 0) return;
  if (all % 16 == 0) concat_of<uint4>(a, row_bytes);
  else if (all % 8 == 0) concat_of<uint64_t>(a, row_bytes);
  else if (all % 4 == 0) concat_of<uint32_t>(a, row_bytes);
  else if (all % 2 == 0) concat_of<uint16_t>(a, row_bytes);
  else concat_of<uint8_t>(a, row_bytes);
}

void repeat_index(const RepeatArgs& a) {
  if (!a.out) {
    *a.total = 0;
    if (a.n == 0) return;
    const unsigned blocks = grid_for(a.n, kThreads) < 64 ? grid_for(a.n, kThreads) : 64;
    std::vector<uint64_t> sums(blocks * (kThreads / kWarp));
    const Workspace workspace(sums.size() * sizeof(uint64_t));
    launch("repeat_index", repeat_total_kernel, {blocks, kThreads}, a.repeats, workspace.as<uint64_t>(), a.n);
    to_host(sums.data(), workspace.as<void>(), sums.size() * sizeof(uint64_t));
    uint64_t total = 0;
    for (uint64_t sum : sums) total = add_repeats(total, sum);
    *a.total = total >= kTooMany ? -1 : int64_t(total);
    return;
  }
  const int64_t tiles = (a.n + kFirstTile - 1) / kFirstTile;
  const Workspace workspace(size_t(a.n + tiles) * sizeof(int64_t));
  int64_t *first = workspace.as<int64_t>(), *sums = first + a.n;
  launch("repeat_index", repeat_first_kernel<false>, {unsigned(tiles), kThreads}, a.repeats, sums, first, a.n);
  scan_rows<int64_t>("repeat_index", sums, nullptr, 1, tiles);
  launch("repeat_index", repeat_first_kernel<true>, {unsigned(tiles), kThreads}, a.repeats, sums, first, a.n);
  launch("repeat_index", repeat_kernel, {grid_for(*a.total, kThreads, 8), kThreads}, first, a.out, a.n, *a.total);
}

}  // namespace tx::cuda
