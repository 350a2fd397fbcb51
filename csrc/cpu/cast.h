// Conversion between element types. Compiled once per instruction set.
//
// Float to integer truncates towards zero; what does not fit (and NaN) gives some value, as in C. Anything to bool is
// x != 0. Double and the integers reach the half types through float.
#pragma once
#include "../dtype.h"

namespace tx::TX_ISA {

// out[i] = x[i] as type `to`, for i in [0, n); both dense and not overlapping.
void cast(char* out, DType to, const char* x, DType from, int64_t n);

}  // namespace tx::TX_ISA
