// Sorting of short rows: Batcher's bitonic network in shared memory, each row in a power of two of slots, several rows in a
// block if they are very short. Equal keys keep their order, because a slot's index in its row takes part in comparisons.
#pragma once
#include "../csrc/cpu/sort_key.h"
#include "../csrc/kernels/sort.h"
#include "launch.cuh"

namespace tx::cuda {

constexpr int64_t kLongestNetwork = 2048;
constexpr int kLeastSlots = 512;  // of a block

// Rows that are to be sorted.
template <class K>
struct SortedRows {
  using Bits = typename K::Bits;
  const Bits* x;  // (rows, n)
  const uint32_t* positions;  // (rows, n): what is written as indices; null: the indices in the row
  int64_t rows, n;
  Bits flip;
  int64_t keep;  // how many of the first of a row are wanted
  Bits* values;  // (rows, keep), or null
  int64_t* indices;  // (rows, keep), or null
};

// Keys with indices in shared memory: packed in 64 bits where they fit.
template <class K>
class Slots {
 public:
  using Bits = typename K::Bits;
  static constexpr bool kPacked = sizeof(Bits) < 8;
  static constexpr int kBytes = kPacked ? 8 : 12;

  TX_DEVICE Slots(uint64_t* memory, int count) : key_(memory), index_(reinterpret_cast<uint32_t*>(memory + count)) {}
  TX_DEVICE void set(int slot, Bits key, uint32_t index) {
    if constexpr (kPacked) {
      key_[slot] = uint64_t(key) << 32 | index;
    } else {
      key_[slot] = key;
      index_[slot] = index;
    }
  }
  TX_DEVICE void set_last(int slot) {  // after all others
    key_[slot] = ~uint64_t(0);
    if constexpr (!kPacked) index_[slot] = ~0u;
  }
  TX_DEVICE Bits key(int slot) const { return Bits(kPacked ? key_[slot] >> 32 : key_[slot]); }
  TX_DEVICE uint32_t index(int slot) const { return kPacked ? uint32_t(key_[slot]) : index_[slot]; }
  TX_DEVICE void put_in_order(int i, int j, bool ascending) {
    const uint64_t a = key_[i], b = key_[j];
    if constexpr (kPacked) {
      if ((b < a) != ascending) return;
    } else {
      const uint32_t m = index_[i], n = index_[j];
      if ((b < a || (b == a && n < m)) != ascending) return;
      index_[i] = n;
      index_[j] = m;
    }
    key_[i] = b;
    key_[j] = a;
  }

 private:
  uint64_t* key_;
  uint32_t* index_;
};

// Two slots a thread. Steps over at most a warp's distance stay within its 64 slots, and wait for the warp alone.
template <class K> TX_DEVICE void sort_slots(Slots<K>& slots, int room) {
  const int t = int(threadIdx.x);
  for (int length = 2; length <= room; length *= 2)
    for (int distance = length / 2; distance > 0; distance /= 2) {
      const int i = 2 * t - (t & (distance - 1));
      slots.put_in_order(i, i + distance, (i & (room - 1) & length) == 0);
      const int next = distance > 1 ? distance / 2 : length;
      if (distance > kWarp || next > kWarp) __syncthreads();
      else __syncwarp();
    }
  __syncthreads();
}

template <class K>
TX_DEVICE void load_slots(Slots<K>& slots, const typename K::Bits* x, int64_t first_row, int64_t rows, int n, int room,
                          int log_room, typename K::Bits flip) {
  for (int slot = int(threadIdx.x); slot < 2 * int(blockDim.x); slot += int(blockDim.x)) {
    const int64_t row = first_row + (slot >> log_room);
    const int i = slot & (room - 1);
    if (row < rows && i < n) slots.set(slot, typename K::Bits(K::of(x[row * n + i]) ^ flip), uint32_t(i));
    else slots.set_last(slot);
  }
  __syncthreads();
}

template <class K>
__global__ void __launch_bounds__(kLongestNetwork / 2)
    sort_network_kernel(const typename K::Bits* x, const uint32_t* positions, typename K::Bits* values,
                        int64_t* indices, int64_t rows, int n, int keep, int log_room, typename K::Bits flip) {
  TX_DYNAMIC_SHARED(uint64_t, memory);
  const int room = 1 << log_room;
  Slots<K> slots(memory, 2 * int(blockDim.x));
  const int64_t first_row = int64_t(blockIdx.x) * (2 * blockDim.x >> log_room);
  load_slots<K>(slots, x, first_row, rows, n, room, log_room, flip);
  sort_slots<K>(slots, room);
  for (int slot = int(threadIdx.x); slot < 2 * int(blockDim.x); slot += int(blockDim.x)) {
    const int64_t row = first_row + (slot >> log_room);
    const int i = slot & (room - 1);
    if (row >= rows || i >= keep) continue;
    const int64_t from = row * n + slots.index(slot), to = row * keep + i;
    if (values) values[to] = x[from];
    if (indices) indices[to] = positions ? int64_t(positions[from]) : int64_t(slots.index(slot));
  }
}

// Which element of a row is wanted: the numbers among n elements come first, NaNs last.
TX_DEVICE int64_t wanted_rank(Rank rank, int64_t k, int64_t n, int64_t numbers) {
  if (rank == Rank::Median) return numbers < n ? numbers : (n - 1) / 2;
  if (rank == Rank::NanMedian) return numbers ? (numbers - 1) / 2 : 0;
  return k;
}

template <class K>
__global__ void __launch_bounds__(kLongestNetwork / 2)
    rank_network_kernel(const typename K::Bits* x, typename K::Bits* values, int64_t* indices, int64_t rows, int n,
                        int log_room, Rank rank, int64_t k) {
  using Bits = typename K::Bits;
  TX_DYNAMIC_SHARED(uint64_t, memory);
  const int room = 1 << log_room;
  Slots<K> slots(memory, 2 * int(blockDim.x));
  const int per_block = int(2 * blockDim.x >> log_room);
  const int64_t first_row = int64_t(blockIdx.x) * per_block;
  load_slots<K>(slots, x, first_row, rows, n, room, log_room, Bits(0));
  sort_slots<K>(slots, room);
  for (int r = int(threadIdx.x); r < per_block; r += int(blockDim.x)) {
    const int64_t row = first_row + r;
    if (row >= rows) continue;
    const int first = r << log_room;
    int numbers = n;
    if constexpr (K::kFloating) {
      int low = 0;  // NaN is the largest key
      while (low < numbers) {
        const int middle = (low + numbers) / 2;
        if (slots.key(first + middle) == Bits(~Bits(0))) numbers = middle;
        else low = middle + 1;
      }
    }
    const uint32_t index = slots.index(first + int(wanted_rank(rank, k, n, numbers)));
    values[row] = x[row * n + index];
    indices[row] = index;
  }
}

struct NetworkShape {
  int log_room = 1;
  unsigned slots, per_block;
  explicit NetworkShape(int64_t n) {
    while ((int64_t(1) << log_room) < n) log_room++;
    slots = 1u << log_room > unsigned(kLeastSlots) ? 1u << log_room : unsigned(kLeastSlots);
    per_block = slots >> log_room;
  }
  template <class K> LaunchShape launch_shape(int64_t rows) const {
    return {unsigned((rows + per_block - 1) / per_block), slots / 2, size_t(slots) * Slots<K>::kBytes};
  }
};

template <class K>
void sort_by_network(const char* name, const SortedRows<K>& s) {
  const NetworkShape shape(s.n);
  launch(name, sort_network_kernel<K>, shape.launch_shape<K>(s.rows), s.x, s.positions, s.values, s.indices, s.rows,
         int(s.n), int(s.keep), shape.log_room, s.flip);
}

}  // namespace tx::cuda
