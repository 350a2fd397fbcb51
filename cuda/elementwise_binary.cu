// The kernels of the binary rows of ops.h.
#include "elementwise.cuh"
#include "../csrc/special_gamma.h"

namespace tx::cuda {

#define X(name, Types, cost, ...) TX_ROW(name, Types, cost, 2, false, (V a, V b), __VA_ARGS__)
TX_BINARY_OPS(X)
#undef X
#define X(name, Types, cost, ...) TX_ROW(name, Types, cost, 2, true, (V a, V b), __VA_ARGS__)
TX_COMPARE_OPS(X)
#undef X

}  // namespace tx::cuda
