// Kernels still to be written.
#include "../csrc/kernels.h"

namespace tx::cuda {

#define X(name, Args) \
  void name(const Args&) { unsupported(#name, DType::Bool); }
TX_CONVOLUTION_KERNELS(X)
TX_MATMUL_KERNELS(X)
TX_OPTIMIZER_KERNELS(X)
TX_POOL_KERNELS(X)
TX_JOIN_KERNELS(X)
TX_CREATION_KERNELS(X)
TX_RANDOM_KERNELS(X)
TX_INDEX_KERNELS(X)
TX_SORT_KERNELS(X)
#undef X

}  // namespace tx::cuda
