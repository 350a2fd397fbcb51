// uint16, uint32 and uint64 where a kernel has no place for them: as a signed type whose values have the same order.
#pragma once
#include "../array.h"

namespace tx {

// uint16 as int32, uint32 as int64, uint64 less 2^63 as int64; other types as they are. Raises for complex numbers, which
// have no order.
Array ordered(const char* op, const Array& x);
Array unordered(const Array& x, DType original);  // back

}  // namespace tx
