// Sorting of rows and the selection of their largest elements. Compiled once per instruction set.
//
// Rows are sorted as packed keys (sort_key.h): short ones by a sorting network (or, where a packed key does not fit an integer
// register, by comparison), long ones by their keys' bytes, least significant first (radix sort), without those bytes in
// which all keys agree.
#include "../kernels/sort.h"

#include <algorithm>
#include <bit>

#include "allocator.h"
#include "parallel.h"
#include "sort_key.h"
#include "sort_network.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kRadixFrom =
    256;  // row length from which the radix sort is quicker than comparisons (measured: 200 to 300)
// The longest row for which the network is quicker, measured against the radix sort.
constexpr int64_t kNetworkTo = kVecBytes == 64 ? 512 : kVecBytes == 32 ? 256 : 128;
constexpr int64_t kScan = 32;  // topk: elements looked at together
constexpr int64_t kFew = 32;  // topk: results kept in order while a row is read
constexpr int64_t kGrain = 8192;  // elements a thread sorts at a time
constexpr int64_t kMostChunks = 16;  // of rows: each has its own workspace

int64_t rows_per_chunk(int64_t rows, int64_t n) {
  int64_t least = kGrain / (n + 1) + 1, grain = (rows + kMostChunks - 1) / kMostChunks;
  return grain > least ? grain : least;
}

// Sorts packed[0, n); `spare` has room for as many. Returns the one of the two that holds the result.
template <class K>
typename K::Packed* radix_sort(typename K::Packed* packed, typename K::Packed* spare, int64_t n) {
  constexpr int kBytes = sizeof(typename K::Bits);
  uint32_t count[kBytes][256] = {};
  for (int64_t i = 0; i < n; i++) {
    auto key = typename K::Bits(packed[i] >> K::kIndexBits);
    for (int b = 0; b < kBytes; b++) count[b][uint8_t(key >> (8 * b))]++;
  }
  for (int b = 0; b < kBytes; b++) {
    int shift = K::kIndexBits + 8 * b;
    if (count[b][uint8_t(packed[0] >> shift)] == uint64_t(n)) continue;
    uint32_t place[256], sum = 0;
    for (int v = 0; v < 256; v++) {
      place[v] = sum;
      sum += count[b][v];
    }
    for (int64_t i = 0; i < n; i++) spare[place[uint8_t(packed[i] >> shift)]++] = packed[i];
    auto* sorted = spare;
    spare = packed;
    packed = sorted;
  }
  return packed;
}

template <class K>
void pack_row(const char* __restrict x, int64_t n, bool descending, typename K::Packed* __restrict packed) {
  const auto flip = K::flip(descending);
  for (int64_t i = 0; i < n; i++) packed[i] = K::pack(x, i, flip);
}

// `packed` and `spare` have room for packed_room(n) each; the result is in one of the two.
int64_t packed_room(int64_t n) { return n > kNetworkTo ? n : n < 8 ? 8 : int64_t(std::bit_ceil(uint64_t(n))); }

template <class K>
typename K::Packed* sort_packed(typename K::Packed* packed, typename K::Packed* spare, int64_t n) {
  if constexpr (sizeof(typename K::Packed) == 8) {
    if (n <= kNetworkTo) {
      constexpr uint64_t flip = uint64_t(1) << 63;  // the network's integers are signed
      const int64_t room = packed_room(n);
      for (int64_t i = 0; i < room; i++) packed[i] = i < n ? packed[i] ^ flip : ~flip;
      sort_by_network((int64_t*)packed, room);
      for (int64_t i = 0; i < n; i++) packed[i] ^= flip;
      return packed;
    }
    return radix_sort<K>(packed, spare, n);
  }
  if (n >= kRadixFrom) return radix_sort<K>(packed, spare, n);
  std::sort(packed, packed + n, typename K::Less());
  return packed;
}

// The first n packed elements as values (from the row x) and indices, from `at` on.
template <class K>
void write_row(const SortArgs& a, const char* x, const typename K::Packed* packed, int64_t n, int64_t at) {
  using Bits = typename K::Bits;
  if (a.values)
    for (int64_t i = 0; i < n; i++) ((Bits*)a.values)[at + i] = K::bits(x, K::index(packed[i]));
  if (a.indices)
    for (int64_t i = 0; i < n; i++) a.indices[at + i] = K::index(packed[i]);
}

template <class T>
void sort_typed(const SortArgs& a) {
  using K = SortKey<T>;
  using Packed = typename K::Packed;
  int64_t grain = rows_per_chunk(a.rows, a.n), chunks = (a.rows + grain - 1) / grain, room = packed_room(a.n);
  Workspace workspace(std::size_t(chunks * 2 * room) * sizeof(Packed));
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    Packed* packed = workspace.as<Packed>() + begin / grain * 2 * room;
    for (int64_t r = begin; r < end; r++) {
      const char* x = a.x + r * a.n * int64_t(sizeof(T));
      pack_row<K>(x, a.n, a.descending, packed);
      write_row<K>(a, x, sort_packed<K>(packed, packed + room, a.n), a.n, r * a.n);
    }
  });
}

// The k smallest packed elements of a row, sorted. Few are kept in order as they come; of more, candidates below the k-th
// best so far collect in a buffer, which is cut back to k when it is full.
template <class K>
class Best {
 public:
  using Packed = typename K::Packed;
  using Bits = typename K::Bits;

  Best(const SortArgs& a, const char* x, Packed* best, int64_t room)
      : k_(a.k), flip_(K::flip(a.descending)), x_(x), best_(best), room_(room) {
    for (; count_ < k_; count_++) best[count_] = K::pack(x, count_, flip_);
    std::sort(best, best + count_, typename K::Less());
    limit_ = best[k_ - 1];
    int64_t i = k_;
    for (; i + kScan <= a.n; i += kScan) scan(i);
    for (; i < a.n; i++) take(K::pack(x, i, flip_));
    if (k_ <= kFew) return;
    cut();
    std::sort(best, best + k_, typename K::Less());
  }

 private:
  // Most elements are no candidates, which registers find out. (An equal key is none either: its index is larger.)
  void scan(int64_t i) {
    const Bits limit = Bits(limit_ >> K::kIndexBits), flip = flip_;
    const char* x = x_;
    alignas(8) uint8_t below[kScan];
    for (int64_t j = 0; j < kScan; j++) below[j] = Bits(K::at(x, i + j) ^ flip) < limit;
    for (int64_t j = 0; j < kScan; j += 8) {
      uint64_t flags;
      __builtin_memcpy(&flags, below + j, 8);
      for (; flags; flags &= flags - 1) take(K::pack(x, i + j + __builtin_ctzll(flags) / 8, flip));
    }
  }

  void take(Packed candidate) {
    if (candidate > limit_) return;
    if (k_ <= kFew) {
      int64_t at = k_ - 1;
      for (; at > 0 && best_[at - 1] > candidate; at--) best_[at] = best_[at - 1];
      best_[at] = candidate;
      limit_ = best_[k_ - 1];
      return;
    }
    best_[count_++] = candidate;
    if (count_ == room_) cut();
  }

  void cut() {
    if (count_ > k_) std::nth_element(best_, best_ + k_ - 1, best_ + count_, typename K::Less());
    limit_ = best_[k_ - 1];
    count_ = k_;
  }

  const int64_t k_;
  const Bits flip_;
  const char* x_;
  Packed* best_;
  const int64_t room_;
  int64_t count_ = 0;
  Packed limit_;
};

template <class T>
void topk_typed(const SortArgs& a) {
  using K = SortKey<T>;
  using Packed = typename K::Packed;
  bool whole = a.k > a.n / 8;
  int64_t room = whole ? 2 * packed_room(a.n) : 2 * a.k + 64;
  int64_t grain = rows_per_chunk(a.rows, a.n), chunks = (a.rows + grain - 1) / grain;
  Workspace workspace(std::size_t(chunks * room) * sizeof(Packed));
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    Packed* packed = workspace.as<Packed>() + begin / grain * room;
    for (int64_t r = begin; r < end; r++) {
      const char* x = a.x + r * a.n * int64_t(sizeof(T));
      Packed* sorted = packed;
      if (whole) {
        pack_row<K>(x, a.n, a.descending, packed);
        sorted = sort_packed<K>(packed, packed + room / 2, a.n);
      } else {
        Best<K>(a, x, packed, room);
      }
      write_row<K>(a, x, sorted, a.k, r * a.k);
    }
  });
}

// The k-th smallest of row x as packed; `room` holds n packed elements. A histogram of the keys' upper bits leaves only the
// elements of one of its bins to choose from.
template <class K>
typename K::Packed select_packed(const char* x, int64_t n, int64_t k, typename K::Packed* room) {
  constexpr int kKeyBits = 8 * int(sizeof(typename K::Bits)), kBinBits = kKeyBits < 11 ? kKeyBits : 11,
                kShift = kKeyBits - kBinBits;
  int64_t kept = 0;
  if (n < kRadixFrom) {
    for (; kept < n; kept++) room[kept] = K::pack(x, kept, 0);
  } else {
    uint32_t count[1 << kBinBits] = {};
    for (int64_t i = 0; i < n; i++) count[K::at(x, i) >> kShift]++;
    uint32_t bin = 0;
    while (k >= int64_t(count[bin])) k -= count[bin++];
    for (int64_t i = 0; i < n; i++)
      if (uint32_t(K::at(x, i) >> kShift) == bin) room[kept++] = K::pack(x, i, 0);
  }
  std::nth_element(room, room + k, room + kept, typename K::Less());
  return room[k];
}

template <class T>
void select_rank_typed(const SelectRankArgs& a) {
  using K = SortKey<T>;
  using Packed = typename K::Packed;
  int64_t grain = rows_per_chunk(a.rows, a.n), chunks = (a.rows + grain - 1) / grain;
  Workspace workspace(std::size_t(chunks * a.n) * sizeof(Packed));
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    Packed* packed = workspace.as<Packed>() + begin / grain * a.n;
    for (int64_t r = begin; r < end; r++) {
      const char* x = a.x + r * a.n * int64_t(sizeof(T));
      int64_t numbers = 0;
      for (int64_t i = 0; i < a.n; i++) numbers += !K::is_nan(K::bits(x, i));
      int64_t k = a.k;
      if (a.rank == Rank::Median) k = numbers < a.n ? numbers : (a.n - 1) / 2;  // NaNs come after the numbers
      else if (a.rank == Rank::NanMedian) k = numbers ? (numbers - 1) / 2 : 0;
      int64_t index = K::index(select_packed<K>(x, a.n, k, packed));
      ((typename K::Bits*)a.values)[r] = K::bits(x, index);
      a.indices[r] = index;
    }
  });
}

}  // namespace

void sort(const SortArgs& a) { TX_BY_TYPE(sort_typed) }
void topk(const SortArgs& a) { TX_BY_TYPE(topk_typed) }
void select_rank(const SelectRankArgs& a) { TX_BY_TYPE(select_rank_typed) }

}  // namespace tx::TX_ISA
