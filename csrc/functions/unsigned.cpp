#include "unsigned.h"

#include "copy.h"
#include "elementwise.h"
#include "view.h"

namespace tx {

// uint64 to int64 and back: the order of the one is that of the other with the highest bit flipped.
static Array flipped(const Array& x, DType to) {
  return view_dtype(bitwise_xor(view_dtype(x, DType::Int64), Scalar(INT64_MIN), nullptr), to);
}

Array ordered(const char* op, const Array& x) {
  if (is_complex(x.dtype))
    fail(ErrorKind::NotImplemented, "\"", op, "\" is not implemented for dtype ", dtype_name(x.dtype),
         ": complex numbers have no order; take .abs() or .real");
  if (x.dtype == DType::UInt64) return flipped(x, DType::Int64);
  return cast(x, is_wide_unsigned(x.dtype) ? compute_dtype(x.dtype) : x.dtype);
}

Array unordered(const Array& x, DType original) {
  return original == DType::UInt64 ? flipped(x, original) : cast(x, original);
}

}  // namespace tx
