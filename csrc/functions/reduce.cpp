#include "reduce.h"

#include <cmath>

#include "../kernels.h"
#include "complex.h"
#include "copy.h"
#include "elementwise.h"
#include "iterate.h"
#include "unsigned.h"
#include "view.h"

namespace tx {

namespace {

using Kernel = void (*Kernels::*)(const ReduceArgs&);

// Bit d: dimension d is reduced.
uint32_t dims_mask(const char* op, const Array& x, const OptionalDims& dims) {
  if (!dims || dims->empty()) return (uint32_t(1) << x.ndim()) - 1;
  uint32_t mask = 0;
  for (int64_t dim : *dims) {
    const uint32_t bit = uint32_t(1) << normalize_dim(dim, x.ndim(), op);
    if (mask & bit)
      fail(ErrorKind::Runtime, op, "(): dim ", dim, " appears multiple times in the list of dims ", *dims);
    mask |= bit;
  }
  return mask & ((uint32_t(1) << x.ndim()) - 1);  // one number accepts dim 0, and has none
}

Dims reduced_shape(const Array& x, uint32_t mask, bool keepdim) {
  Dims shape;
  for (int d = 0; d < x.ndim(); d++) {
    if (!(mask >> d & 1)) shape.push_back(x.shape[d]);
    else if (keepdim) shape.push_back(1);
  }
  return shape;
}

// One call: what is reduced and how, then run() for its results.
struct Reduction {
  const char* op;
  Kernel kernel;
  const Array& x;
  uint32_t mask;
  bool keepdim;
  double parameter = 0;

  // The result, and the second one to *second where it is wanted.
  Array run(DType dtype, Array* out, Array* second = nullptr, DType second_dtype = DType::Int64) const {
    const Dims shape = reduced_shape(x, mask, keepdim);
    if (out) check_out(op, *out, shape, dtype);
    const bool direct = out && out->dtype == dtype && out->storage.get() != x.storage.get();
    const Array result = direct ? *out : empty(shape, dtype, x.device());
    if (second) *second = empty(shape, second_dtype, x.device());
    ReduceArgs args;
    args.in_dtype = x.dtype;
    args.out_dtype = dtype;
    args.in = x.data();
    args.out = result.data();
    args.second = second ? second->data() : nullptr;
    args.parameter = parameter;
    for (int d = 0, kept = 0; d < x.ndim(); d++) {
      const bool reduced = mask >> d & 1;
      if (reduced) args.reduce(x.shape[d], x.strides[d] * x.itemsize());
      else args.keep(x.shape[d], x.strides[d] * x.itemsize(), result.strides[kept]);
      kept += !reduced || keepdim;
    }
    (kernels(x.device()).*kernel)(args);
    return deliver(result, out);
  }
};

// What the elements are read as: kernels widen as they read, but do not narrow.
Array as_summand(const Array& x, DType dtype) {
  if (is_wide_unsigned(x.dtype)) return cast(x, is_integral(dtype) ? DType::Int64 : dtype);
  const bool narrows =
      (is_integral(dtype) && is_floating(x.dtype)) || (is_half(dtype) && x.dtype != dtype) || dtype == DType::Bool;
  return narrows ? cast(x, dtype) : x;
}

Array accumulate(const char* op, Kernel kernel, const Array& x, const OptionalDims& dims, bool keepdim,
                 std::optional<DType> dtype, Array* out) {
  const DType result = dtype ? *dtype : out ? out->dtype : is_integral(x.dtype) ? DType::Int64 : x.dtype;
  const uint32_t mask = dims_mask(op, x, dims);
  if (is_complex(result) || is_wide_unsigned(result) || is_complex(x.dtype)) {
    if (out) check_out(op, *out, reduced_shape(x, mask, keepdim), result);
    if (is_wide_unsigned(result))
      return deliver(cast(accumulate(op, kernel, x, dims, keepdim, DType::Int64, nullptr), result), out);
    if (!is_complex(result)) return accumulate(op, kernel, cast(x, result), dims, keepdim, result, out);
    const Array parts = view_as_real(cast(x, result));
    return deliver(view_as_complex(Reduction{op, kernel, parts, mask, keepdim}.run(parts.dtype, nullptr)), out);
  }
  const Array summand = as_summand(x, result);
  return Reduction{op, kernel, summand, mask, keepdim}.run(result, out);
}

DType floating_result(const char* op, const Array& x, std::optional<DType> dtype) {
  const DType result = dtype ? *dtype : x.dtype;
  if (is_floating(result) || is_complex(result)) return result;
  fail(ErrorKind::Runtime, op,
       "(): could not infer output dtype. Input dtype must be a floating point dtype. Got: ", dtype_name(result),
       ": convert with .float(), or give dtype=");
}

// Extrema of nothing do not exist.
void check_nonempty(const char* op, const Array& x, uint32_t mask, bool all_dims) {
  for (int d = 0; d < x.ndim(); d++) {
    if (!(mask >> d & 1) || x.shape[d] != 0) continue;
    if (all_dims)
      fail(std::string_view(op).starts_with("arg") ? ErrorKind::Index : ErrorKind::Runtime, op,
           "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
           "'dim' argument.");
    fail(ErrorKind::Index, op, "(): Expected reduction dim ", d, " to have non-zero size, got shape ", x.shape);
  }
}

Array extremum(const char* op, Kernel kernel, const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  const uint32_t mask = dims_mask(op, x, dims);
  check_nonempty(op, x, mask, !dims || dims->empty());
  if (is_wide_unsigned(x.dtype) || is_complex(x.dtype)) {
    const Array y = unordered(extremum(op, kernel, ordered(op, x), dims, keepdim, nullptr), x.dtype);
    if (out) check_out(op, *out, y.shape, y.dtype);
    return deliver(y, out);
  }
  if (out && out->dtype != x.dtype)
    fail(ErrorKind::Runtime, op, "(): expected the dtype of input and out to match, but got ", dtype_name(x.dtype),
         " and ", dtype_name(out->dtype));
  return Reduction{op, kernel, x, mask, keepdim}.run(x.dtype, out);
}

Array position(const char* op, Kernel kernel, const Array& x, std::optional<int64_t> dim, bool keepdim, Array* out) {
  const OptionalDims dims = dim ? OptionalDims(Dims{*dim}) : std::nullopt;
  const uint32_t mask = dims_mask(op, x, dims);
  check_nonempty(op, x, mask, !dim);
  const Array y = ordered(op, x);
  return Reduction{op, kernel, y, mask, keepdim}.run(DType::Int64, out);
}

std::pair<Array, Array> extremum_index(const char* op, Kernel kernel, const Array& x, int64_t dim, bool keepdim) {
  const uint32_t mask = dims_mask(op, x, Dims{dim});
  check_nonempty(op, x, mask, false);
  Array positions;
  const Array y = ordered(op, x);
  Array values = Reduction{op, kernel, y, mask, keepdim}.run(y.dtype, nullptr, &positions);
  return {unordered(values, x.dtype), positions};
}

// For kernels that ask of each element only whether it is 0.
Array as_truth(const Array& x) {
  return is_complex(x.dtype) || is_wide_unsigned(x.dtype) ? ne(x, Scalar(0), nullptr) : x;
}

Array truth(const char* op, Kernel kernel, const Array& given, const OptionalDims& dims, bool keepdim, Array* out) {
  const Array x = as_truth(given);
  const DType result = x.dtype == DType::UInt8 ? DType::UInt8 : DType::Bool;
  return Reduction{op, kernel, x, dims_mask(op, x, dims), keepdim}.run(result, out);
}

Array spread(const char* op, Kernel kernel, const Array& x, const OptionalDims& dims, double correction, bool keepdim,
             Array* out, Array* mean) {
  if (!is_floating(x.dtype))
    fail(ErrorKind::Runtime, op, "(): only floating point dtypes are supported, got ", dtype_name(x.dtype),
         ": convert with .float()");
  return Reduction{op, kernel, x, dims_mask(op, x, dims), keepdim, correction}.run(x.dtype, out, mean, x.dtype);
}

}  // namespace

Array sum(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out) {
  return accumulate("sum", &Kernels::sum, x, dims, keepdim, dtype, out);
}
Array nansum(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out) {
  if (is_complex(x.dtype)) unsupported("nansum", x.dtype);
  return accumulate("nansum", &Kernels::nansum, x, dims, keepdim, dtype, out);
}
Array prod(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out) {
  const DType result = dtype ? *dtype : out ? out->dtype : x.dtype;
  if (!is_complex(result)) return accumulate("prod", &Kernels::prod, x, dims, keepdim, dtype, out);
  const uint32_t mask = dims_mask("prod", x, dims);
  const Dims shape = reduced_shape(x, mask, keepdim);
  if (out) check_out("prod", *out, shape, result);
  Array product = cast(x, result);
  for (int d = 0; d < x.ndim(); d++)
    if (mask >> d & 1) product = prod_along(product, d);
  return deliver(reshape(product, shape), out);
}
Array mean(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out) {
  const DType result = floating_result("mean", x, dtype);
  return accumulate("mean", &Kernels::mean, x, dims, keepdim, result, out);
}

Array norm(const Array& x, double order, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype,
           Array* out) {
  if (is_complex(x.dtype)) return norm(absolute(x, nullptr), order, dims, keepdim, dtype, out);
  const DType result = floating_result("norm", x, dtype);
  const uint32_t mask = dims_mask("norm", x, dims);
  if (order < 0 || order == __builtin_inf())
    for (int d = 0; d < x.ndim(); d++)
      if (mask >> d & 1 && x.shape[d] == 0)
        fail(ErrorKind::Runtime, "norm(): cannot compute the norm of order ", order, " over dimension ", d,
             " of size 0, which has no identity");
  const Array summand = as_summand(x, result);
  return Reduction{"norm", &Kernels::norm, summand, mask, keepdim, order}.run(result, out);
}

// Shifted by the largest real part, which alone decides the size of exp(x).
static Array complex_logsumexp(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  Array top = x.numel() ? amax(real(x), dims, true, nullptr) : full({}, Scalar(0), real(x).dtype, x.device());
  top = where(eq(absolute(top, nullptr), Scalar(HUGE_VAL), nullptr), Scalar(0), top, nullptr);
  const Array sums = log(sum(exp(sub(x, top, nullptr), nullptr), dims, keepdim, std::nullopt, nullptr), nullptr);
  return deliver(add(sums, x.numel() ? reshape(top, sums.shape) : top, nullptr), out);
}

Array logsumexp(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  if (is_complex(x.dtype)) return complex_logsumexp(x, dims, keepdim, out);
  const DType result = is_floating(x.dtype) ? x.dtype : DType::Float32;
  const Array summand = as_summand(x, result);
  return Reduction{"logsumexp", &Kernels::logsumexp, summand, dims_mask("logsumexp", x, dims), keepdim}.run(result,
                                                                                                            out);
}

Array var(const Array& x, const OptionalDims& dims, double correction, bool keepdim, Array* out) {
  return spread("var", &Kernels::variance, x, dims, correction, keepdim, out, nullptr);
}
Array std_deviation(const Array& x, const OptionalDims& dims, double correction, bool keepdim, Array* out) {
  return spread("std", &Kernels::standard_deviation, x, dims, correction, keepdim, out, nullptr);
}
std::pair<Array, Array> var_mean(const Array& x, const OptionalDims& dims, double correction, bool keepdim) {
  Array mean;
  Array var = spread("var_mean", &Kernels::variance, x, dims, correction, keepdim, nullptr, &mean);
  return {var, mean};
}
std::pair<Array, Array> std_mean(const Array& x, const OptionalDims& dims, double correction, bool keepdim) {
  Array mean;
  Array deviation = spread("std_mean", &Kernels::standard_deviation, x, dims, correction, keepdim, nullptr, &mean);
  return {deviation, mean};
}

Array amax(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  return extremum("amax", &Kernels::amax, x, dims, keepdim, out);
}
Array amin(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  return extremum("amin", &Kernels::amin, x, dims, keepdim, out);
}
Array argmax(const Array& x, std::optional<int64_t> dim, bool keepdim, Array* out) {
  return position("argmax", &Kernels::argmax, x, dim, keepdim, out);
}
Array argmin(const Array& x, std::optional<int64_t> dim, bool keepdim, Array* out) {
  return position("argmin", &Kernels::argmin, x, dim, keepdim, out);
}
std::pair<Array, Array> max_index(const Array& x, int64_t dim, bool keepdim) {
  return extremum_index("max", &Kernels::max_index, x, dim, keepdim);
}
std::pair<Array, Array> min_index(const Array& x, int64_t dim, bool keepdim) {
  return extremum_index("min", &Kernels::min_index, x, dim, keepdim);
}

Array any(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  return truth("any", &Kernels::any, x, dims, keepdim, out);
}
Array all(const Array& x, const OptionalDims& dims, bool keepdim, Array* out) {
  return truth("all", &Kernels::all, x, dims, keepdim, out);
}
Array count_nonzero(const Array& x, const OptionalDims& dims) {
  const Array truths = as_truth(x);
  return Reduction{"count_nonzero", &Kernels::count_nonzero, truths, dims_mask("count_nonzero", x, dims), false}.run(
      DType::Int64, nullptr);
}

}  // namespace tx
