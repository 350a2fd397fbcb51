// Complex arrays as pairs of real ones. What the elementwise rows do not compute is computed from the parts.
#pragma once
#include "../array.h"

namespace tx {

Array real(const Array& x);  // views of the real parts; a real array itself
Array imag(const Array& x);
Array view_as_real(const Array& x);  // with a last dimension of size 2 more
Array view_as_complex(const Array& x);  // with one less
Array complex(const Array& real, const Array& imag, Array* out);
Array polar(const Array& abs, const Array& angle, Array* out);

// Products along dimension d by ever larger steps, log2(size) elementwise calls: of all elements (which leaves size 1), or
// of each and those before it.
Array prod_along(const Array& x, int d);
Array cumprod_along(const Array& x, int d);

}  // namespace tx
