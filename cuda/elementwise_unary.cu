// The kernels of the unary rows of ops.h.
#include "elementwise.cuh"
#include "../csrc/special_bessel.h"
#include "../csrc/special_normal.h"

namespace tx::cuda {

#define X(name, Types, cost, ...) TX_ROW(name, Types, cost, 1, false, (V x), __VA_ARGS__)
TX_UNARY_OPS(X)
#undef X
#define X(name, Types, cost, ...) TX_ROW(name, Types, cost, 1, true, (V x), __VA_ARGS__)
TX_UNARY_BOOL_OPS(X)
#undef X

}  // namespace tx::cuda
