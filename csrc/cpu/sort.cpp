// Sorting of rows and the selection of their largest elements. Compiled once per instruction set.
//
// Rows are sorted as packed keys (sort_key.h): short ones by comparison, long ones by their keys' bytes, least significant
// first (radix sort), without those bytes in which all keys agree.
#include "../kernels/sort.h"

#include <algorithm>

#include "allocator.h"
#include "parallel.h"
#include "sort_key.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kRadixFrom = 256;  // row length from which the radix sort is quicker (measured: 200 to 300)
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
typename K::Packed* sort_packed(typename K::Packed* packed, typename K::Packed* spare, int64_t n) {
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
  int64_t grain = rows_per_chunk(a.rows, a.n), chunks = (a.rows + grain - 1) / grain;
  Workspace workspace(std::size_t(chunks * 2 * a.n) * sizeof(Packed));
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    Packed* packed = workspace.as<Packed>() + begin / grain * 2 * a.n;
    for (int64_t r = begin; r < end; r++) {
      const char* x = a.x + r * a.n * int64_t(sizeof(T));
      for (int64_t i = 0; i < a.n; i++) packed[i] = K::pack(x, i, a.descending);
      write_row<K>(a, x, sort_packed<K>(packed, packed + a.n, a.n), a.n, r * a.n);
    }
  });
}

// The k smallest packed elements of a row, sorted. Few are kept in order as they come; of more, candidates below the k-th
// best so far collect in a buffer, which is cut back to k when it is full.
template <class K>
void best_of_row(const SortArgs& a, const char* x, typename K::Packed* best, int64_t room) {
  typename K::Less less;
  int64_t count = 0, i = 0;
  for (; count < a.k; i++) best[count++] = K::pack(x, i, a.descending);
  std::sort(best, best + count, less);
  auto limit = best[a.k - 1];
  for (; i < a.n; i++) {
    auto candidate = K::pack(x, i, a.descending);
    if (candidate > limit) continue;
    if (a.k <= kFew) {
      int64_t at = a.k - 1;
      for (; at > 0 && best[at - 1] > candidate; at--) best[at] = best[at - 1];
      best[at] = candidate;
      limit = best[a.k - 1];
      continue;
    }
    best[count++] = candidate;
    if (count < room) continue;
    std::nth_element(best, best + a.k - 1, best + count, less);
    limit = best[a.k - 1];
    count = a.k;
  }
  if (a.k <= kFew) return;
  if (count > a.k) std::nth_element(best, best + a.k - 1, best + count, less);
  std::sort(best, best + a.k, less);
}

template <class T>
void topk_typed(const SortArgs& a) {
  using K = SortKey<T>;
  using Packed = typename K::Packed;
  bool whole = a.k > a.n / 8;
  int64_t room = whole ? 2 * a.n : 2 * a.k + 64;
  int64_t grain = rows_per_chunk(a.rows, a.n), chunks = (a.rows + grain - 1) / grain;
  Workspace workspace(std::size_t(chunks * room) * sizeof(Packed));
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    Packed* packed = workspace.as<Packed>() + begin / grain * room;
    for (int64_t r = begin; r < end; r++) {
      const char* x = a.x + r * a.n * int64_t(sizeof(T));
      Packed* sorted = packed;
      if (whole) {
        for (int64_t i = 0; i < a.n; i++) packed[i] = K::pack(x, i, a.descending);
        sorted = sort_packed<K>(packed, packed + a.n, a.n);
      } else {
        best_of_row<K>(a, x, packed, room);
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
    for (; kept < n; kept++) room[kept] = K::pack(x, kept, false);
  } else {
    uint32_t count[1 << kBinBits] = {};
    for (int64_t i = 0; i < n; i++) count[K::at(x, i) >> kShift]++;
    uint32_t bin = 0;
    while (k >= int64_t(count[bin])) k -= count[bin++];
    for (int64_t i = 0; i < n; i++)
      if (uint32_t(K::at(x, i) >> kShift) == bin) room[kept++] = K::pack(x, i, false);
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
