// The kernels of the ternary rows of ops.h.
#include "elementwise.cuh"

namespace tx::cuda {

#define X(name, Types, cost, ...) TX_ROW(name, Types, cost, 3, false, (V a, V b, V c), __VA_ARGS__)
TX_TERNARY_OPS(X)
#undef X

}  // namespace tx::cuda
