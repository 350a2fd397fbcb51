// copy(out, x): any strides and any dtype to any strides and any dtype. Compiled once per instruction set.
#include "vec.h"
#include "walk.h"

namespace tx::TX_ISA {
namespace {

// Copying rows of one type; what is stored in another type the walk casts.
template <class T>
void copy_row(char* const* operand, int64_t n) { __builtin_memcpy(operand[0], operand[1], size_t(n) * sizeof(T)); }

}  // namespace

void copy(const NdIter<2>& it) {
  DType t = it.dtype[0];
  Row row = itemsize(t) == 1 ? copy_row<uint8_t> : itemsize(t) == 2 ? copy_row<uint16_t> : itemsize(t) == 4 ? copy_row<uint32_t> : copy_row<uint64_t>;
  walk(it, {t, t}, row, Light);
}

}  // namespace tx::TX_ISA
