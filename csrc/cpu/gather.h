// Between elements of any dtype and layout and dense buffers of a compute type.
#pragma once
#include <cstddef>
#include <cstdint>
#include "../dtype.h"

namespace tx::TX_ISA {

// Element (i, j) of a block of rows, at from + i * row_step + j * column_step (bytes), becomes element i * columns + j
// of `to`, converted to `type`.
void gather(DType dtype, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
            DType type, void* to);

// The same, as 1 where the element is not zero (nan is not zero) and 0 where it is.
void gather_nonzero(DType dtype, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
                    int64_t* to);

// Element i of the dense `from` goes to `to + i * step`, converted to dtype.
void scatter(DType type, const void* from, int64_t count, DType dtype, char* to, int64_t step);

}  // namespace tx::TX_ISA
