// Arguments of the indexing kernels.
#pragma once
#include "../nditer.h"

namespace tx {

enum class Reduce : uint8_t { Set, Sum, Prod, Max, Min };

// An array `x` one of whose dimensions ("the dimension") is addressed through an index. Operands: 0 the values (written by
// gather, read by scatter), 1 x, which steps by 0 along what the index addresses, 2 the index, int64.
struct IndexArgs {
  NdIter<3> it;  // compute: the type of x and of the values
  int64_t size;  // of the dimension: indices are in [-size, size)
  int64_t stride;  // bytes in x from one index to the next
  Reduce reduce;  // scatter: what happens to the old value. Writes to one place happen in index order
  // gather: set to the first index out of range that was met, if any; null: all are known to be inside. scatter: they are
  int64_t* bad;
};

// The smallest and the largest of index (n), contiguous; n > 0.
struct IndexBoundsArgs {
  const int64_t* index;
  int64_t n;
  int64_t *smallest, *largest;
};

// Operand 0 (int64) = (add ? operand 0 : 0) + index * stride, with negative indices wrapped; operand 1 is the index.
struct IndexCombineArgs {
  NdIter<2> it;
  int64_t size, stride;
  bool add;
};

constexpr int64_t kMaskBlock = 1 << 14;

// mask (n), contiguous, in blocks of kMaskBlock elements. first[b]: how many are true before block b.
//   mask_count writes the number of true elements of each block to first[b];
//   mask_positions writes the positions of true elements to out (int64);
//   mask_select writes the elements of x (n) where the mask is true to out; mask_put writes those of x to out (n) there.
struct MaskArgs {
  const uint8_t* mask;  // bools; any byte but 0 is true
  int64_t n;
  int64_t* first;
  int64_t total;  // true elements in all
  int64_t itemsize;
  const char* x;
  char* out;
};

// positions (n) into an array of this shape to coordinates: out (n, ndim), contiguous.
struct UnravelArgs {
  const int64_t* positions;
  int64_t n;
  int ndim;
  int64_t shape[kMaxDims];
  int64_t* out;
};

// x (batch, rows, columns), contiguous: zeros what lies above diagonal `diagonal` (lower) or below it (upper).
struct TriangleArgs {
  char* x;
  int64_t itemsize, batch, rows, columns, diagonal;
  bool upper;
};

#define TX_INDEX_KERNELS(X)            \
  X(gather, IndexArgs)                 \
  X(scatter, IndexArgs)                \
  X(index_bounds, IndexBoundsArgs)     \
  X(index_combine, IndexCombineArgs)   \
  X(mask_count, MaskArgs)              \
  X(mask_positions, MaskArgs)          \
  X(mask_select, MaskArgs)             \
  X(mask_put, MaskArgs)                \
  X(unravel, UnravelArgs)              \
  X(triangle, TriangleArgs)

}  // namespace tx
