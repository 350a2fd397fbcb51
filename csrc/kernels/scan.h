// Arguments of the scans: running sums, products, extrema and log-sums along one dimension.
#pragma once
#include "../dtype.h"

namespace tx {

// Operands are contiguous (outer, n, inner); the scan runs along the middle dimension, from its end if `reverse`.
struct ScanArgs {
  DType dtype;                         // of x and out. Float types sum and multiply in double, integers in int64
  int64_t outer, n, inner;
  const char* x;
  char* out;
  int64_t* indices = nullptr;          // cummax, cummin: where the extremum is, the last of equal ones
  bool reverse = false;                // cumsum, cumprod, logcumsumexp
};

#define TX_SCAN_KERNELS(X)   \
  X(cumsum, ScanArgs)        \
  X(cumprod, ScanArgs)       \
  X(cummax, ScanArgs)        \
  X(cummin, ScanArgs)        \
  X(logcumsumexp, ScanArgs)

}  // namespace tx
