// The kernels of the binary and comparison rows of ops.h. Compiled once per instruction set.
#include "../ops.h"
#include "rows.h"
#include "libm.h"
#include "../special_gamma.h"

namespace tx::TX_ISA {

#define X(name, Types, cost, ...) TX_KERNEL(name, Types, cost, 2, false, (V a, V b), __VA_ARGS__)
TX_BINARY_OPS(X)
#undef X
#define X(name, Types, cost, ...) TX_KERNEL(name, Types, cost, 2, true, (V a, V b), __VA_ARGS__)
TX_COMPARE_OPS(X)
#undef X

}  // namespace tx::TX_ISA
