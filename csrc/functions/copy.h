// Copies and casts of whole arrays.
#pragma once
#include "../array.h"

namespace tx {

void copy_into(const Array& to, const Array& from);          // broadcasts `from` and casts
void fill(const Array& to, const Scalar& value);
Array clone(const Array& x);                                 // keeps a dense layout, else contiguous
Array contiguous(const Array& x);                            // x itself when it already is
Array cast(const Array& x, DType dtype);                     // x itself when it already has the dtype
Array zeros(const Dims& shape, DType dtype, Device device = {});
Array full(const Dims& shape, const Scalar& value, DType dtype, Device device = {});

}  // namespace tx
