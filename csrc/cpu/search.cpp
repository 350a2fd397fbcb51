// Binary search in sorted rows, and runs of equal rows. Compiled once per instruction set.
#include "../kernels/sort.h"

#include <algorithm>

#include "parallel.h"
#include "sort_key.h"

namespace tx::TX_ISA {
namespace {

template <class T>
void search_typed(const SearchSortedArgs& a) {
  using K = SortKey<T>;
  using Bits = typename K::Bits;
  parallel_for(a.rows * a.m, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      int64_t row = a.shared ? 0 : i / a.m * a.n;
      const int64_t* sorter = a.sorter ? a.sorter + row : nullptr;
      Bits key = K::at(a.values, i);
      int64_t low = 0, length = a.n;
      while (length > 0) {                                       // the answer is in [low, low + length]
        int64_t half = length / 2, at = low + half;
        Bits there = K::at(a.sorted, row + (sorter ? sorter[at] : at));
        bool after = a.right ? there <= key : there < key;
        low = after ? at + 1 : low;
        length = after ? length - half - 1 : half;
      }
      a.out[i] = low;
    }
  });
}

template <class T>
struct RowLess {
  const RunsArgs& a;
  TX_INLINE bool operator()(int64_t i, int64_t j) const {
    using K = SortKey<T>;
    for (int64_t c = 0; c < a.width; c++) {
      auto left = K::at(a.x, i * a.width + c), right = K::at(a.x, j * a.width + c);
      if (left != right) return left < right;
    }
    return i < j;
  }
};

template <class T>
void sort_rows_typed(const RunsArgs& a) {
  for (int64_t i = 0; i < a.n; i++) a.order[i] = i;
  std::sort(a.order, a.order + a.n, RowLess<T>{a});
}

// NaN differs from everything, itself included.
template <class T>
void mark_runs_typed(const RunsArgs& a) {
  using K = SortKey<T>;
  int64_t runs = 0;
  for (int64_t i = 0; i < a.n; i++) {
    int64_t row = a.order ? a.order[i] : i, before = i == 0 ? row : a.order ? a.order[i - 1] : i - 1;
    bool starts = i == 0;
    for (int64_t c = 0; c < a.width && !starts; c++) {
      auto bits = K::bits(a.x, row * a.width + c);
      starts = K::is_nan(bits) || K::of(bits) != K::at(a.x, before * a.width + c);
    }
    a.starts[i] = starts;
    runs += starts;
    if (a.number) a.number[row] = runs - 1;
  }
}

}  // namespace

void searchsorted(const SearchSortedArgs& a) { TX_BY_TYPE(search_typed) }
void sort_rows(const RunsArgs& a) { TX_BY_TYPE(sort_rows_typed) }
void mark_runs(const RunsArgs& a) { TX_BY_TYPE(mark_runs_typed) }

}  // namespace tx::TX_ISA
