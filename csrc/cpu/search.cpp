// Binary search in sorted rows, and runs of equal rows. Compiled once per instruction set.
#include "../kernels/sort.h"

#include <algorithm>

#include "parallel.h"
#include "sort_key.h"

namespace tx::TX_ISA {
namespace {

// Elements as they are compared: numbers as themselves, half types and bools as their keys.
template <class T>
struct Comparable {
  using K = SortKey<T>;
  static constexpr bool kNative = (std::is_integral_v<T> && !std::is_same_v<T, bool>) || std::is_floating_point_v<T>;
  TX_INLINE static auto at(const char* x, int64_t i) {
    if constexpr (kNative) return ((const T*)x)[i];
    else return K::at(x, i);
  }
};

// How many of sorted[0, n) satisfy `before`, which holds for a first part of them. A step halves n without a branch on the data.
template <class T, class Before>
TX_INLINE int64_t partition_point(const char* sorted, int64_t n, const int64_t* sorter, const Before& before) {
  if (n == 0) return 0;
  auto element = [&](int64_t i) { return Comparable<T>::at(sorted, sorter ? sorter[i] : i); };
  int64_t low = 0;
  while (n > 1) {
    int64_t half = n / 2;
    low += before(element(low + half - 1)) ? half : 0;
    n -= half;
  }
  return low + before(element(low));
}

template <class T>
void search_typed(const SearchSortedArgs& a) {
  parallel_for(a.rows * a.m, 4096, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      int64_t row = a.shared ? 0 : i / a.m * a.n;
      const char* sorted = a.sorted + row * int64_t(sizeof(T));
      const int64_t* sorter = a.sorter ? a.sorter + row : nullptr;
      auto value = Comparable<T>::at(a.values, i);
      using V = decltype(value);
      // NaN is larger than every number: a comparison with one in `sorted` is false, as it should be.
      if (value != value)
        a.out[i] = a.right ? a.n : partition_point<T>(sorted, a.n, sorter, [](V x) { return x == x; });
      else if (a.right) a.out[i] = partition_point<T>(sorted, a.n, sorter, [value](V x) { return x <= value; });
      else a.out[i] = partition_point<T>(sorted, a.n, sorter, [value](V x) { return x < value; });
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
