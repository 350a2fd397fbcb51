// A stable radix sort of rows of keys: 8 bits a pass, the least significant first.
//
// A pass over tiles of a row: count the digits of each tile, sum the counts up (over the tiles of a row, then over digits) and
// put every key in its place. Within a tile, keys of one digit keep their order: a warp ranks 32 at a time by ballots, and
// the tile is put in order in shared memory first, so that writes to memory are runs.
#pragma once
#include <utility>

#include "prefix.cuh"

namespace tx::cuda {

constexpr int kRadixThreads = 256;  // one for each digit
constexpr int kDigitBits = 8, kDigits = 1 << kDigitBits;
constexpr int kRadixWarps = kRadixThreads / kWarp;
template <class Bits> constexpr int kRadixItems = sizeof(Bits) == 8 ? 8 : 16;  // of a thread
template <class Bits> constexpr int kRadixTile = kRadixThreads * kRadixItems<Bits>;

// Keys that are sorted as they are. Another K (SortKey) says by K::of() in what order bits sort.
template <class B>
struct PlainKey {
  using Bits = B;
  TX_BOTH static B of(B bits) { return bits; }
};

template <class K> TX_DEVICE unsigned digit_of(typename K::Bits bits, typename K::Bits flip, int shift) {
  return unsigned(typename K::Bits(K::of(bits) ^ flip) >> shift) & (kDigits - 1);
}

// counts (rows, kDigits, tiles). Grid: tiles, rows.
template <class K>
__global__ void __launch_bounds__(kRadixThreads)
    radix_count(const typename K::Bits* keys, uint32_t* counts, int64_t n, typename K::Bits flip, int shift) {
  using Bits = typename K::Bits;
  constexpr int items = kRadixItems<Bits>;
  TX_SHARED(unsigned[kRadixWarps][kDigits], count);
  const unsigned thread = threadIdx.x, warp = thread / kWarp;
  for (int w = 0; w < kRadixWarps; w++) count[w][thread] = 0;
  __syncthreads();
  const Bits* row = keys + blockIdx.y * n;
  const int64_t first = int64_t(blockIdx.x) * kRadixTile<Bits> + thread;
  Bits key[items] = {};
  TX_UNROLL
  for (int r = 0; r < items; r++)
    if (first + r * kRadixThreads < n) key[r] = row[first + r * kRadixThreads];
  TX_UNROLL
  for (int r = 0; r < items; r++)
    if (first + r * kRadixThreads < n) atomicAdd(&count[warp][digit_of<K>(key[r], flip, shift)], 1u);
  __syncthreads();
  unsigned sum = 0;
  for (int w = 0; w < kRadixWarps; w++) sum += count[w][thread];
  counts[(int64_t(blockIdx.y) * kDigits + thread) * gridDim.x + blockIdx.x] = sum;
}

// counts: how many keys of the digit are in the tiles before; totals (rows, kDigits): in the row. A place from `keep` on is
// left out: outputs are (rows, keep). positions, if given, travel with the keys; else each key's is its index in the row.
template <class K, class Out>
__global__ void __launch_bounds__(kRadixThreads)
    radix_place(const typename K::Bits* keys, const uint32_t* positions, typename K::Bits* keys_out, Out* positions_out,
                const uint32_t* counts, const uint32_t* totals, int64_t n, int64_t keep, typename K::Bits flip,
                int shift) {
  using Bits = typename K::Bits;
  constexpr int items = kRadixItems<Bits>, tile = kRadixTile<Bits>;
  TX_SHARED(unsigned[kRadixWarps][kDigits], count);  // keys of a warp; then: of the warps before
  TX_SHARED(unsigned[kDigits], start);  // of a digit within the tile
  TX_SHARED(unsigned[kDigits], target);  // and in the row, less `start`
  using Wide = std::conditional_t<sizeof(Bits) == 8, uint64_t, uint32_t>;
  TX_SHARED(Wide[tile], buffer);  // keys, then positions
  const unsigned thread = threadIdx.x, warp = thread / kWarp, lane = lane_of_thread();
  const int64_t row = blockIdx.y, first = int64_t(blockIdx.x) * tile;
  const unsigned size = unsigned(n - first < tile ? n - first : tile);
  for (int w = 0; w < kRadixWarps; w++) count[w][thread] = 0;
  __syncthreads();

  // Keys of a warp are next to each other, 32 at a time. place: within the tile.
  const unsigned mine = warp * kWarp * items + lane;
  Bits key[items] = {};
  unsigned place[items];
  TX_UNROLL
  for (int r = 0; r < items; r++)
    if (mine + r * kWarp < size) key[r] = keys[row * n + first + mine + r * kWarp];
  TX_UNROLL
  for (int r = 0; r < items; r++) {
    const bool valid = mine + r * kWarp < size;
    const unsigned digit = digit_of<K>(key[r], flip, shift);
    unsigned peers = __ballot_sync(kAllLanes, valid);
    TX_UNROLL
    for (int bit = 0; bit < kDigitBits; bit++) {
      const bool set = digit >> bit & 1;
      const unsigned those = __ballot_sync(kAllLanes, set);
      peers &= set ? those : ~those;
    }
    const unsigned before = __popc(peers & lanes_below());
    place[r] = count[warp][digit] + before;
    __syncwarp();
    if (valid && before == 0) count[warp][digit] += __popc(peers);
    __syncwarp();
  }
  __syncthreads();

  unsigned sum = 0, all;
  for (int w = 0; w < kRadixWarps; w++) {
    const unsigned here = count[w][thread];
    count[w][thread] = sum;
    sum += here;
  }
  const unsigned begin = block_scan<kRadixThreads>(sum, &all);
  start[thread] = begin;
  const unsigned of_digit = totals[row * kDigits + thread];
  const unsigned smaller = block_scan<kRadixThreads>(of_digit, &all);
  target[thread] = smaller + counts[(row * kDigits + thread) * gridDim.x + blockIdx.x] - begin;
  __syncthreads();

  TX_UNROLL
  for (int r = 0; r < items; r++) {
    const unsigned digit = digit_of<K>(key[r], flip, shift);
    place[r] += start[digit] + count[warp][digit];
    if (mine + r * kWarp < size) buffer[place[r]] = key[r];
  }
  __syncthreads();
  unsigned to[items];  // of what the thread writes, in the row
  TX_UNROLL
  for (int r = 0; r < items; r++) {
    const unsigned at = thread + r * kRadixThreads;
    to[r] = ~0u;
    if (at < size) {
      const Bits bits = Bits(buffer[at]);
      to[r] = target[digit_of<K>(bits, flip, shift)] + at;
      if (keys_out && to[r] < keep) keys_out[row * keep + to[r]] = bits;
    }
  }
  if (!positions_out) return;  // the same for all threads
  __syncthreads();
  TX_UNROLL
  for (int r = 0; r < items; r++) {
    const unsigned at = mine + r * kWarp;
    if (at < size) buffer[place[r]] = positions ? positions[row * n + first + at] : uint32_t(first + at);
  }
  __syncthreads();
  TX_UNROLL
  for (int r = 0; r < items; r++) {
    const unsigned at = thread + r * kRadixThreads;
    if (at < size && to[r] < keep) positions_out[row * keep + to[r]] = Out(buffer[at]);
  }
}

template <class K, class Out>
struct RadixSort {
  const typename K::Bits* keys;  // (rows, n), n < 2^32
  const uint32_t* positions;  // (rows, n), or null: the indices in the row
  int64_t rows, n;
  int bits;  // of K::of() that may differ
  typename K::Bits flip;  // all ones: the largest first
  int64_t keep;  // how many of the first of a row are wanted
  typename K::Bits* sorted;  // (rows, keep), or null
  Out* order;  // (rows, keep), or null: the positions
};

template <class K, class Out>
void radix_sort_rows(const char* name, const RadixSort<K, Out>& s) {
  using Bits = typename K::Bits;
  const int passes = s.bits <= kDigitBits ? 1 : (s.bits + kDigitBits - 1) / kDigitBits;
  const int64_t tiles = (s.n + kRadixTile<Bits> - 1) / kRadixTile<Bits>, numel = s.rows * s.n;
  const Workspace counts(size_t(s.rows * kDigits * (tiles + 1)) * sizeof(uint32_t));
  const Workspace keys(passes > 1 ? size_t(2 * numel) * sizeof(Bits) : 0);
  const Workspace positions(passes > 1 && s.order ? size_t(2 * numel) * sizeof(uint32_t) : 0);
  uint32_t* count = counts.as<uint32_t>();
  uint32_t* total = count + s.rows * kDigits * tiles;
  const Bits* from = s.keys;
  const uint32_t* from_positions = s.positions;
  Bits *to = keys.as<Bits>(), *spare = to + numel;
  uint32_t *to_positions = s.order ? positions.as<uint32_t>() : nullptr,
           *spare_positions = s.order ? to_positions + numel : nullptr;
  const dim3 grid(unsigned(tiles), unsigned(s.rows));
  for (int pass = 0; pass < passes; pass++) {
    const int shift = pass * kDigitBits;
    launch(name, radix_count<K>, {grid, kRadixThreads}, from, count, s.n, s.flip, shift);
    scan_rows(name, count, total, s.rows * kDigits, tiles);
    if (pass == passes - 1) {
      launch(name, radix_place<K, Out>, {grid, kRadixThreads}, from, from_positions, s.sorted, s.order, count, total,
             s.n, s.keep, s.flip, shift);
    } else {
      launch(name, radix_place<K, uint32_t>, {grid, kRadixThreads}, from, from_positions, to, to_positions, count,
             total, s.n, s.n, s.flip, shift);
      from = to;
      from_positions = to_positions;
      std::swap(to, spare);
      std::swap(to_positions, spare_positions);
    }
  }
}

// In pieces of rows that the grid and the scratch memory allow.
template <class K, class Out>
void radix_sort(const char* name, const RadixSort<K, Out>& s) {
  constexpr int64_t kMostRows = 65535, kMostElements = int64_t(1) << 28;
  const int64_t most = kMostElements / (s.n + 1) + 1, step = most < kMostRows ? most : kMostRows;
  for (int64_t row = 0; row < s.rows; row += step) {
    RadixSort<K, Out> piece = s;
    piece.rows = s.rows - row < step ? s.rows - row : step;
    piece.keys += row * s.n;
    if (s.positions) piece.positions += row * s.n;
    if (s.sorted) piece.sorted += row * s.keep;
    if (s.order) piece.order += row * s.keep;
    radix_sort_rows(name, piece);
  }
}

inline int bits_of(uint64_t largest) { return largest ? 64 - __builtin_clzll(largest) : 1; }

}  // namespace tx::cuda
