// Arguments of the joining kernels.
#pragma once
#include "../dtype.h"

namespace tx {

// out (rows, sum of bytes), contiguous: row r is row r of part 0, then of part 1 and so on; part i is (rows, bytes[i]),
// contiguous.
struct ConcatArgs {
  int64_t rows, parts;
  const char* const* part;
  const int64_t* bytes;
  char* out;
};

// repeats (n), contiguous. Without `out`: *total is their sum, or -1 when one is negative or the sum overflows. With it,
// and *total as that gave it: i is written to out repeats[i] times, for each i in order.
struct RepeatArgs {
  int64_t n;
  const int64_t* repeats;
  int64_t* total;
  int64_t* out;
};

#define TX_JOIN_KERNELS(X)    \
  X(concat, ConcatArgs)       \
  X(repeat_index, RepeatArgs)

}  // namespace tx
