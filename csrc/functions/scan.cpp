#include "scan.h"

#include "../kernels.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

static Array scan(const char* op, void (*Kernels::*kernel)(const ScanArgs&), const Array& input, int64_t dim,
                  DType dtype, bool reverse, Array* out, Array* indices) {
  const int axis = normalize_dim(dim, input.ndim(), op);
  if (out) check_out(op, *out, input.shape, dtype);
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
  args.reverse = reverse;
  if (indices) {
    *indices = empty(input.shape, DType::Int64, input.device());
    args.indices = reinterpret_cast<int64_t*>(indices->data());
  }
  (kernels(input.device()).*kernel)(args);
  if (!out || direct) return result;
  copy_into(*out, result);
  return *out;
}

static DType sum_dtype(const Array& x, std::optional<DType> dtype, Array* out) {
  return dtype ? *dtype : out ? out->dtype : is_integral(x.dtype) ? DType::Int64 : x.dtype;
}

Array cumsum(const Array& x, int64_t dim, std::optional<DType> dtype, bool reverse, Array* out) {
  return scan("cumsum", &Kernels::cumsum, x, dim, sum_dtype(x, dtype, out), reverse, out, nullptr);
}
Array cumprod(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out) {
  return scan("cumprod", &Kernels::cumprod, x, dim, sum_dtype(x, dtype, out), false, out, nullptr);
}
Array logcumsumexp(const Array& x, int64_t dim, bool reverse, Array* out) {
  return scan("logcumsumexp", &Kernels::logcumsumexp, x, dim, is_floating(x.dtype) ? x.dtype : default_dtype(), reverse,
              out, nullptr);
}
std::pair<Array, Array> cummax(const Array& x, int64_t dim) {
  Array indices;
  Array values = scan("cummax", &Kernels::cummax, x, dim, x.dtype, false, nullptr, &indices);
  return {values, indices};
}
std::pair<Array, Array> cummin(const Array& x, int64_t dim) {
  Array indices;
  Array values = scan("cummin", &Kernels::cummin, x, dim, x.dtype, false, nullptr, &indices);
  return {values, indices};
}

}  // namespace tx
