// Carries an elementwise row function over any operands. Compiled once per instruction set.
//
// A row function sees dense runs of its own types only. The walk brings every other operand (strided, broadcast, or
// stored in another type) to it in chunks that stay in the first-level cache, and takes the output back the same way.
// Hence half types, mixed types and strides cost no code per op, and give the same bits as dense operands.
#pragma once
#include "../nditer.h"

namespace tx::TX_ISA {

// operand[0][i] = f(operand[1][i], ...) for i in [0, n).
using Row = void (*)(char* const* operand, int64_t n);

// Elements a thread takes at a time (and below which a call stays on its thread), by what bounds the op.
constexpr int64_t Light = 32768, Heavy = 8192, Series = 1024;

// row_dtype[k]: the type in which `row` expects operand k. Without a row (N = 2), operand 1 is copied to operand 0, and
// both row_dtype are that of operand 0.
template <int N>
void walk(const NdIter<N>& it, const DType (&row_dtype)[N], Row row, int64_t grain);

// A row function per compute type (null: none), and how to call it.
struct RowTable {
  const char* op;
  Row rows[kNumDTypes];
  int64_t grain;
  bool to_bool;  // operand 0 is Bool rather than the compute type
};

template <int N>
void run(const NdIter<N>& it, const RowTable& table);

}  // namespace tx::TX_ISA
