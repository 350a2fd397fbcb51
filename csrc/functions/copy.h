// Copies and casts of whole arrays.
#pragma once
#include "../array.h"

namespace tx {

void copy_into(const Array& to, const Array& from, bool wait = true);      // broadcasts `from`, casts, and moves
void fill(const Array& to, const Scalar& value);
Array clone(const Array& x);                                 // keeps a dense layout, else contiguous
Array contiguous(const Array& x);                            // x itself when it already is
// x itself when it already is there, else a copy. Without `wait`, one between page-locked memory and a device returns at once.
Array to_device(const Array& x, Device device, bool wait = true);
inline Array on_host(const Array& x) { return to_device(x, {}); }
Array pinned(const Array& x);  // a contiguous copy in page-locked host memory
// What a call gives back: `result`, or `out` with the result in it, which may have been computed there already.
Array deliver(const Array& result, Array* out);
Array cast(const Array& x, DType dtype);  // x itself when it already has the dtype
Array zeros(const Dims& shape, DType dtype, Device device = {});
Array full(const Dims& shape, const Scalar& value, DType dtype, Device device = {});

}  // namespace tx
