#include "complex.h"

#include "copy.h"
#include "creation.h"
#include "elementwise.h"
#include "iterate.h"
#include "view.h"

namespace tx {

// The parts of one kind: 0 real, 1 imaginary.
static Array part(const Array& x, int which) {
  Array out = x;
  out.dtype = real_dtype(x.dtype);
  out.offset = 2 * x.offset + which;
  for (int64_t& stride : out.strides) stride *= 2;
  return out;
}

Array real(const Array& x) { return is_complex(x.dtype) ? part(x, 0) : x; }

Array imag(const Array& x) {
  if (!is_complex(x.dtype))
    fail(ErrorKind::Runtime, "imag is not implemented for tensors with non-complex dtypes: got ", dtype_name(x.dtype));
  return part(x, 1);
}

Array view_as_real(const Array& x) {
  if (!is_complex(x.dtype))
    fail(ErrorKind::Runtime, "view_as_real is only supported for complex tensors, got ", dtype_name(x.dtype));
  Array out = part(x, 0);
  out.shape.push_back(2);
  out.strides.push_back(1);
  return out;
}

Array view_as_complex(const Array& x) {
  if (x.dtype != DType::Float32 && x.dtype != DType::Float64)
    fail(ErrorKind::Runtime, "view_as_complex is only supported for float32 and float64 tensors, but got ",
         dtype_name(x.dtype), ": convert with .float()");
  const int last = x.ndim() - 1;
  if (last < 0 || x.shape[last] != 2)
    fail(ErrorKind::Runtime, "view_as_complex(): Tensor must have a last dimension of size 2, got shape ", x.shape);
  if (x.strides[last] != 1)
    fail(ErrorKind::Runtime, "view_as_complex(): Tensor must have a last dimension with stride 1, got strides ",
         x.strides);
  bool even = x.offset % 2 == 0;
  for (int d = 0; d < last; d++) even = even && (x.strides[d] % 2 == 0 || x.shape[d] <= 1);
  if (!even)
    fail(ErrorKind::Runtime,
         "view_as_complex(): Tensor must have strides (but the last) and a storage_offset divisible by 2, got strides ",
         x.strides, " and offset ", x.offset);
  Array out = x;
  out.dtype = complex_dtype(x.dtype);
  out.offset /= 2;
  out.shape.erase(last);
  out.strides.erase(last);
  for (int64_t& stride : out.strides) stride /= 2;
  return out;
}

// Where the parts of a result go: they are arrays of type `part` that broadcast to each other.
static Array target(const char* op, const Array& a, const Array& b, Array* out) {
  const DType part = a.dtype;
  if (b.dtype != part)
    fail(ErrorKind::Runtime, op, "(): Expected object of scalar type ", dtype_name(part), " but got scalar type ",
         dtype_name(b.dtype), " for second argument");
  if (part != DType::Float32 && part != DType::Float64)
    fail(ErrorKind::Runtime, op, "(): Expected both inputs to be float32 or float64 tensors but got ", dtype_name(part),
         ": convert with .float()");
  const Device device = elementwise_device(op, {a, b});
  const Dims shape = broadcast_shapes(a.shape, b.shape, op);
  if (!out) return empty(shape, complex_dtype(part), device);
  if (out->dtype != complex_dtype(part))
    fail(ErrorKind::Runtime, op, "(): Expected object of scalar type ", dtype_name(complex_dtype(part)),
         " but got scalar type ", dtype_name(out->dtype), " for argument 'out'");
  check_out(op, *out, shape, out->dtype);
  return *out;
}

Array complex(const Array& real_part, const Array& imag_part, Array* out) {
  Array result = target("complex", real_part, imag_part, out);
  copy_into(real(result), real_part);
  copy_into(imag(result), imag_part);
  return result;
}

Array polar(const Array& abs, const Array& angle, Array* out) {
  Array result = target("polar", abs, angle, out);
  Array re = real(result), im = imag(result);
  mul(abs, cos(angle, nullptr), &re);
  mul(abs, sin(angle, nullptr), &im);
  return result;
}

Array prod_along(const Array& x, int d) {
  if (x.shape[d] == 0) {
    Dims shape = x.shape;
    shape[d] = 1;
    return full(shape, Scalar(1), x.dtype, x.device());
  }
  Array product = clone(x);
  for (int64_t n = x.shape[d]; n > 1; n = (n + 1) / 2) {
    Array into = narrow(product, d, 0, n / 2);
    mul(into, narrow(product, d, (n + 1) / 2, n / 2), &into);
  }
  return narrow(product, d, 0, 1);
}

Array cumprod_along(const Array& x, int d) {
  Array products = clone(x);
  for (int64_t step = 1; step < x.shape[d]; step *= 2) {
    const int64_t rest = x.shape[d] - step;
    Array next = clone(products), into = narrow(next, d, step, rest);
    mul(into, narrow(products, d, 0, rest), &into);
    products = next;
  }
  return products;
}

}  // namespace tx
