// The kernel table of the namespace tx::TX_ISA, one of the instruction sets or cuda. Included by one file of each.
#pragma once
#include "kernels.h"

namespace tx::TX_ISA {

#define X(name, ...) void name(const NdIter<2>&);
TX_UNARY_OPS(X)
TX_UNARY_BOOL_OPS(X)
X(copy)
#undef X
#define X(name, ...) void name(const NdIter<3>&);
TX_BINARY_OPS(X)
TX_COMPARE_OPS(X)
#undef X
#define X(name, ...) void name(const NdIter<4>&);
TX_TERNARY_OPS(X)
X(where)
#undef X
#define X(name, Args) void name(const Args&);
TX_STRUCTURED_KERNELS(X)
#undef X

extern const Kernels table;
const Kernels table = {
#define X(name, ...) .name = name,
    TX_UNARY_OPS(X) TX_UNARY_BOOL_OPS(X) X(copy) TX_BINARY_OPS(X) TX_COMPARE_OPS(X) TX_TERNARY_OPS(X) X(where)
        TX_STRUCTURED_KERNELS(X)
#undef X
};

}  // namespace tx::TX_ISA
