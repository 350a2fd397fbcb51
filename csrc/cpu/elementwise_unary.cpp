// The kernels of the unary rows of ops.h. Compiled once per instruction set.
#include "../ops.h"
#include "rows.h"
#include "libm.h"
#include "../special_bessel.h"
#include "../special_normal.h"

namespace tx::TX_ISA {

#define X(name, Types, cost, ...) TX_KERNEL(name, Types, cost, 1, false, (V x), __VA_ARGS__)
TX_UNARY_OPS(X)
#undef X
#define X(name, Types, cost, ...) TX_KERNEL(name, Types, cost, 1, true, (V x), __VA_ARGS__)
TX_UNARY_BOOL_OPS(X)
#undef X

}  // namespace tx::TX_ISA
