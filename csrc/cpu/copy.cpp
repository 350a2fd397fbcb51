// copy(out, x): any strides and any dtype to any strides and any dtype. Compiled once per instruction set.
#include "walk.h"

namespace tx::TX_ISA {

void copy(const NdIter<2>& it) { walk(it, {it.dtype[0], it.dtype[0]}, nullptr, Light); }

}  // namespace tx::TX_ISA
