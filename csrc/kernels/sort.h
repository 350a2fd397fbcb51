// Arguments of the sorting kernels. Everywhere NaN counts as larger than all numbers, and -0 as equal to 0; equal elements
// keep their order.
#pragma once
#include "../dtype.h"

namespace tx {

constexpr int64_t kMaxSortedRow = int64_t(1) << 32;

// x (rows, n), contiguous, n < kMaxSortedRow. Results are contiguous; either of them may be null.
struct SortArgs {
  DType dtype;
  int64_t rows, n;
  const char* x;
  bool descending;  // sort and topk: the largest first
  int64_t k;  // topk: how many, 0 < k <= n
  char* values;  // sort (rows, n), topk (rows, k)
  int64_t* indices;  // where in its row of x each value was
};

enum class Rank : uint8_t { Kth, Median, NanMedian };

// One element per row of x (rows, n), n > 0: the k-th smallest (from 0), or the lower median, which is NaN if there is one
// unless NaNs are left out. Results (rows).
struct SelectRankArgs {
  DType dtype;
  int64_t rows, n;
  const char* x;
  Rank rank;
  int64_t k;
  char* values;
  int64_t* indices;
};

// out (rows, m): where values (rows, m) would go in sorted (rows, n), or in sorted (n) if `shared`: before equal elements, or
// after them (right). sorter (of sorted's shape), if given, is the order that sorts it.
struct SearchSortedArgs {
  DType dtype;
  int64_t rows, n, m;
  const char* sorted;
  bool shared;
  const char* values;
  const int64_t* sorter;
  bool right;
  int64_t* out;
};

// x (n, width), contiguous.
//   sort_rows: order (n) becomes the order that sorts the rows, by their first column, then their second and so on.
//   mark_runs: starts (n, bools): whether row order[i] differs from row order[i - 1]; order may be null: as they are.
//     number (n), if given: for each row, how many runs began before its own.
struct RunsArgs {
  DType dtype;
  int64_t n, width;
  const char* x;
  int64_t* order;
  uint8_t* starts;
  int64_t* number;
};

#define TX_SORT_KERNELS(X)            \
  X(sort, SortArgs)                   \
  X(topk, SortArgs)                   \
  X(select_rank, SelectRankArgs)      \
  X(searchsorted, SearchSortedArgs)   \
  X(sort_rows, RunsArgs)              \
  X(mark_runs, RunsArgs)

}  // namespace tx
