// Indices along one dimension. Every index is checked before anything is written; a gather checks as it reads.
#include "index.h"

#include "../kernels.h"
#include "copy.h"
#include "index_call.h"
#include "iterate.h"
#include "view.h"

namespace tx {

Array index_array(const char* op, const Array& index) {
  if (!is_integral(index.dtype) || index.dtype == DType::Bool)
    fail(ErrorKind::Runtime, op, "(): Expected dtype int32/int64 for index, but got ", dtype_name(index.dtype));
  return contiguous(cast(index, DType::Int64));
}

std::pair<int64_t, int64_t> index_bounds(const Array& index) {
  std::pair<int64_t, int64_t> bounds = {0, -1};
  Array flat = index_array("index_bounds", index);
  if (flat.numel())
    kernels(index.device())
        .index_bounds({reinterpret_cast<const int64_t*>(flat.data()), flat.numel(), &bounds.first, &bounds.second});
  return bounds;
}

void fail_index(ErrorKind kind, int64_t index, int dim, int64_t size) {
  fail(kind, "index ", index, " is out of bounds for dimension ", dim, " with size ", size);
}

void check_index(ErrorKind kind, const Array& index, int dim, int64_t size, bool negative) {
  if (index.numel() == 0) return;
  auto [smallest, largest] = index_bounds(index);
  if (largest >= size) fail_index(kind, largest, dim, size);
  if (smallest < (negative ? -size : 0)) fail_index(kind, smallest, dim, size);
}

Array own_memory(const Array& source, const Array& target) {
  return source.storage.get() == target.storage.get() ? clone(source) : source;
}

Array writable(const char* op, const Array& x, Array* out) {
  if (!out) return clone(x);
  if (has_zero_stride(*out))
    fail(ErrorKind::Runtime, op,
         "(): more than one element of the written-to tensor refers to a single memory location; clone() it before "
         "writing to it");
  const bool in_place =
      out->data() == x.data() && out->shape == x.shape && out->strides == x.strides && out->dtype == x.dtype;
  if (!in_place) {  // out= another tensor: the indices were checked for x's shape
    if (out->dtype != x.dtype)
      fail(ErrorKind::Runtime, op, "(): out has dtype ", dtype_name(out->dtype), ", but the result has dtype ",
           dtype_name(x.dtype));
    check_out(op, *out, x.shape, x.dtype);
    copy_into(*out, clone(x));
  }
  return *out;
}

Reduce reduce_named(const char* op, std::string_view name) {
  if (name == "set") return Reduce::Set;
  if (name == "sum" || name == "add") return Reduce::Sum;
  if (name == "prod" || name == "multiply") return Reduce::Prod;
  if (name == "amax") return Reduce::Max;
  if (name == "amin") return Reduce::Min;
  fail(ErrorKind::Runtime, op, "(): reduce argument must be either sum, prod, mean, amax or amin, got ", name);
}

// ---- gather and scatter: an index per element

namespace {

Array at_least_1d(const Array& x) { return x.ndim() ? x : reshape(x, {1}); }

// Sizes of `index` may not exceed those of x, except in `dim`, nor (if `all`) those of src anywhere.
void check_sizes(const char* op, const Array& index, const Array& other, const char* name, int except) {
  if (index.ndim() != other.ndim())
    fail(ErrorKind::Runtime, op, "(): Index tensor must have the same number of dimensions as ", name,
         " tensor, got shapes ", index.shape, " and ", other.shape);
  for (int d = 0; d < index.ndim(); d++)
    if (d != except && index.shape[d] > other.shape[d])
      fail(ErrorKind::Runtime, op, "(): Size does not match at dimension ", d, ": expected index ", index.shape,
           " to be no larger than ", name, " ", other.shape,
           except >= 0 ? " apart from dimension " : " in every dimension", except >= 0 ? std::to_string(except) : "");
}

// Operand 0: `values`, which may be larger than the index or a single element with zero strides.
IndexCall element_call(const Array& x, int dim, const Array& index, const Array& values, bool one_value) {
  IndexCall call(x, dim, values, index);
  for (int d = 0; d < index.ndim(); d++)
    call.push(index.shape[d], one_value ? 0 : values.strides[d], d == dim ? 0 : x.strides[d], index.strides[d]);
  return call;
}

}  // namespace

Array gather(const Array& input, int64_t dim, const Array& given) {
  int d = normalize_dim(dim, input.ndim(), "gather");
  common_device("gather", {input, given});
  Array x = at_least_1d(input), index = at_least_1d(index_array("gather", given));
  if (index.numel() == 0) return empty(given.shape, x.dtype, x.device());
  check_sizes("gather", index, x, "input", d);
  Array out = empty(index.shape, x.dtype, x.device());
  element_call(x, d, index, out, false).gather(ErrorKind::Runtime);
  out.shape = given.shape;
  out.strides = contiguous_strides(given.shape);
  return out;
}

Array scatter(const Array& input, int64_t dim, const Array& given, const Operand& src, std::string_view reduce,
              Array* out) {
  int d = normalize_dim(dim, input.ndim(), "scatter");
  common_device("scatter", {input, given, src});
  Reduce how = reduce_named("scatter", reduce);
  Array index = at_least_1d(index_array("scatter", given));
  if (src.array && src.array->dtype != input.dtype)
    fail(ErrorKind::Runtime, "scatter(): Expected self.dtype to be equal to src.dtype, got ", dtype_name(input.dtype),
         " and ", dtype_name(src.array->dtype));
  Array values = src.array ? at_least_1d(*src.array) : scalar_array(src.scalar, input.dtype, input.device());
  Array x = at_least_1d(input);
  if (index.numel()) {
    check_sizes("scatter", index, x, "self", d);
    if (src.array) check_sizes("scatter", index, values, "src", -1);
  }
  check_index(ErrorKind::Runtime, index, d, x.shape[d], true);
  Array target = writable("scatter", input, out);
  if (index.numel())
    element_call(at_least_1d(target), d, own_memory(index, target), own_memory(values, target), !src.array)
        .scatter(how);
  return target;
}

// ---- index_select and its kind: an index per slice

namespace {

// x's dimensions around `dim`, with the index's own dimensions in place of it.
IndexCall slice_call(const Array& x, int dim, const Array& index, const Array& values, bool one_value) {
  IndexCall call(x, dim, values, index);
  int v = 0;
  auto value_stride = [&] { return one_value ? 0 : values.strides[v++]; };
  for (int d = 0; d < dim; d++) call.push(x.shape[d], value_stride(), x.strides[d], 0);
  for (int d = 0; d < index.ndim(); d++) call.push(index.shape[d], value_stride(), 0, index.strides[d]);
  for (int d = dim + 1; d < x.ndim(); d++) call.push(x.shape[d], value_stride(), x.strides[d], 0);
  return call;
}

Array select_slices(const Array& x, int d, const Array& index, bool checked = false) {
  Dims shape;
  for (int i = 0; i < d; i++) shape.push_back(x.shape[i]);
  for (int64_t size : index.shape) shape.push_back(size);
  for (int i = d + 1; i < x.ndim(); i++) shape.push_back(x.shape[i]);
  Array out = empty(shape, x.dtype, x.device());
  slice_call(x, d, index, out, false).gather(ErrorKind::Index, checked);
  return out;
}

}  // namespace

Array index_select(const Array& input, int64_t dim, const Array& given) {
  int d = normalize_dim(dim, input.ndim(), "index_select");
  common_device("index_select", {input, given});
  if (given.ndim() > 1)
    fail(ErrorKind::Index, "index_select(): Index is supposed to be a vector, got shape ", given.shape);
  Array index = at_least_1d(index_array("index_select", given));
  Array x = at_least_1d(input);
  if (input.ndim() == 0 && index.numel() != 1)
    fail(ErrorKind::Index, "index_select(): Index to scalar can have only 1 value, got ", index.numel());
  Array out = select_slices(x, d, index);
  return input.ndim() ? out : reshape(out, {});
}

Array embedding(const Array& weight, const Array& given, int64_t, bool) {
  common_device("embedding", {weight, given});
  if (weight.ndim() != 2) fail(ErrorKind::Runtime, "embedding(): 'weight' must be 2-D, got shape ", weight.shape);
  Array index = index_array("embedding", given);
  check_index(ErrorKind::Index, index, 0, weight.shape[0], false);
  return select_slices(weight, 0, index, true);
}

Array index_reduce(const Array& input, int64_t dim, const Array& given, const Operand& source, std::string_view reduce,
                   Array* out) {
  const char* op = source.array ? reduce == "set" ? "index_copy" : "index_add" : "index_fill";
  int d = normalize_dim(dim, input.ndim(), op);
  common_device(op, {input, given, source});
  if (given.ndim() > 1) fail(ErrorKind::Index, op, "(): Index is supposed to be a vector, got shape ", given.shape);
  Array index = at_least_1d(index_array(op, given)), x = at_least_1d(input);
  Reduce how = reduce_named(op, reduce);
  Array values;
  if (source.array) {
    if (source.array->dtype != input.dtype)
      fail(ErrorKind::Runtime, op, "(): self and source expected to have the same dtype, but got (self) ",
           dtype_name(input.dtype), " and (source) ", dtype_name(source.array->dtype));
    values = at_least_1d(*source.array);
    Dims expected = x.shape;
    expected[d] = index.numel();
    if (!(values.shape == expected))
      fail(ErrorKind::Runtime, op,
           "(): source tensor shape must match self tensor shape, excluding the specified dimension, where it has one "
           "slice per index: got self.shape = ",
           input.shape, ", source.shape = ", source.array->shape, " and ", index.numel(), " indices for dimension ", d);
  } else {
    values = scalar_array(source.scalar, input.dtype, input.device());
  }
  check_index(ErrorKind::Index, index, d, x.shape[d], true);
  Array target = writable(op, input, out);
  slice_call(at_least_1d(target), d, own_memory(index, target), own_memory(values, target), !source.array).scatter(how);
  return target;
}

// ---- take and put: positions in the flattened array

Array take(const Array& x, const Array& given) {
  common_device("take", {x, given});
  Array index = index_array("take", given), flat = reshape(x, {-1});
  Array out = empty(given.shape, x.dtype, x.device());
  slice_call(flat, 0, index, out, false).gather(ErrorKind::Index);
  return out;
}

Array put(const Array& x, const Array& given, const Array& source, bool accumulate, Array* out) {
  common_device("put_", {x, given, source});
  Array index = index_array("put_", given);
  if (source.dtype != x.dtype)
    fail(ErrorKind::Runtime,
         "put_(): self and source expected to have the same dtype, but got self.dtype = ", dtype_name(x.dtype),
         " and source.dtype = ", dtype_name(source.dtype));
  if (source.numel() != index.numel())
    fail(ErrorKind::Runtime,
         "put_(): Expected source and index to have the same number of elements, but got source.numel() = ",
         source.numel(), " and index.numel() = ", index.numel());
  check_index(ErrorKind::Index, index, 0, x.numel(), true);
  Array target = writable("put_", x, out), dense = contiguous(target);
  Array flat = reshape(dense, {-1}), places = reshape(own_memory(index, dense), {-1}),
        values = reshape(own_memory(source, dense), {-1});
  slice_call(flat, 0, places, values, false).scatter(accumulate ? Reduce::Sum : Reduce::Set);
  if (dense.storage.get() != target.storage.get()) copy_into(target, dense);
  return target;
}

}  // namespace tx
