#include "scan.h"

#include "../kernels.h"
#include "complex.h"
#include "copy.h"
#include "iterate.h"
#include "unsigned.h"

namespace tx {

static Array scan(const char* op, void (*Kernels::*kernel)(const ScanArgs&), const Array& input, int64_t dim,
                  DType dtype, bool reverse, Array* out, Array* indices) {
  const int axis = normalize_dim(dim, input.ndim(), op);
  if (out) check_out(op, *out, input.shape, dtype);
  if (is_wide_unsigned(dtype))
    return deliver(cast(scan(op, kernel, input, dim, DType::Int64, reverse, nullptr, indices), dtype), out);
  const Array x = contiguous(cast(input, dtype));
  const bool direct = out && out->dtype == dtype && out->contiguous() && out->storage.get() != x.storage.get();
  const Array result = direct ? *out : empty(input.shape, dtype, input.device());
  ScanArgs args;
  args.dtype = dtype;
  args.outer = args.inner = 1;
  args.n = input.ndim() ? input.shape[axis] : 1;
  for (int d = 0; d < input.ndim(); d++) (d < axis ? args.outer : args.inner) *= d == axis ? 1 : input.shape[d];
  args.x = x.data();
  args.out = result.data();
  if (is_complex(dtype)) {  // of pairs of reals
    args.dtype = real_dtype(dtype);
    args.inner *= 2;
  }
  args.reverse = reverse;
  if (indices) {
    *indices = empty(input.shape, DType::Int64, input.device());
    args.indices = reinterpret_cast<int64_t*>(indices->data());
  }
  (kernels(input.device()).*kernel)(args);
  return deliver(result, out);
}

static DType sum_dtype(const Array& x, std::optional<DType> dtype, Array* out) {
  return dtype ? *dtype : out ? out->dtype : is_integral(x.dtype) ? DType::Int64 : x.dtype;
}

Array cumsum(const Array& x, int64_t dim, std::optional<DType> dtype, bool reverse, Array* out) {
  return scan("cumsum", &Kernels::cumsum, x, dim, sum_dtype(x, dtype, out), reverse, out, nullptr);
}
Array cumprod(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out) {
  const DType result = sum_dtype(x, dtype, out);
  if (is_complex(result)) {
    const int d = normalize_dim(dim, x.ndim(), "cumprod");
    if (out) check_out("cumprod", *out, x.shape, result);
    return deliver(x.ndim() ? cumprod_along(cast(x, result), d) : cast(x, result), out);
  }
  return scan("cumprod", &Kernels::cumprod, x, dim, sum_dtype(x, dtype, out), false, out, nullptr);
}
Array logcumsumexp(const Array& x, int64_t dim, bool reverse, Array* out) {
  if (is_complex(x.dtype)) unsupported("logcumsumexp", x.dtype);
  return scan("logcumsumexp", &Kernels::logcumsumexp, x, dim, is_floating(x.dtype) ? x.dtype : default_dtype(), reverse,
              out, nullptr);
}
std::pair<Array, Array> cummax(const Array& x, int64_t dim) {
  Array indices;
  const Array y = ordered("cummax", x);
  Array values = scan("cummax", &Kernels::cummax, y, dim, y.dtype, false, nullptr, &indices);
  return {unordered(values, x.dtype), indices};
}
std::pair<Array, Array> cummin(const Array& x, int64_t dim) {
  Array indices;
  const Array y = ordered("cummin", x);
  Array values = scan("cummin", &Kernels::cummin, y, dim, y.dtype, false, nullptr, &indices);
  return {unordered(values, x.dtype), indices};
}

}  // namespace tx
