// One function per row of ops.h: promote, broadcast, allocate, call the kernel. `out` may be null.
#pragma once
#include "../array.h"
#include "../ops.h"
#include "../promotion.h"

namespace tx {

#define X(name, ...) Array name(const Array& x, Array* out);
TX_UNARY_OPS(X)
TX_UNARY_BOOL_OPS(X)
#undef X

#define X(name, ...) Array name(const Operand& a, const Operand& b, Array* out);
TX_BINARY_OPS(X)
TX_COMPARE_OPS(X)
#undef X

#define X(name, ...) Array name(const Operand& a, const Operand& b, const Operand& c, Array* out);
TX_TERNARY_OPS(X)
#undef X

// a + alpha * b and a - alpha * b.
Array add_scaled(const Operand& a, const Operand& b, const Scalar& alpha, Array* out);
Array sub_scaled(const Operand& a, const Operand& b, const Scalar& alpha, Array* out);

// The magnitude: of complex numbers a real one.
Array absolute(const Array& x, Array* out);

Array where(const Array& condition, const Operand& a, const Operand& b, Array* out);
// The same with the type of the result given, and the name that messages are to have.
Array where_as(const char* op, const Array& condition, const Operand& a, const Operand& b, DType t, Array* out);

}  // namespace tx
