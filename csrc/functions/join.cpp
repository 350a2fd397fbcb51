#include "join.h"

#include "../kernels.h"
#include "copy.h"
#include "iterate.h"
#include "view.h"

namespace tx {

// PyTorch's cat skips inputs of shape [0], whatever the shape of the others.
static bool skipped(const Array& x) { return x.ndim() == 1 && x.shape[0] == 0; }

namespace {

// What a concatenation makes, checked before anything is allocated.
struct Plan {
  DType dtype;
  Device device;
  Dims shape;
  int dim = 0;
  bool plain = true;                   // all inputs contiguous and of the result's dtype
};

Plan plan_cat(const char* op, const std::vector<Array>& tensors, int64_t dim) {
  if (tensors.empty()) fail(ErrorKind::Value, op, "(): expected a non-empty list of Tensors");
  const Array* first = nullptr;
  ResultType type;
  for (size_t i = 0; i < tensors.size(); i++) {
    const Array& x = tensors[i];
    if (x.ndim() == 0)
      fail(ErrorKind::Runtime, op, "(): zero-dimensional tensor (at position ", i,
           ") cannot be concatenated: use stack()");
    type.add(x);
    if (!first && !skipped(x)) first = &x;
    if (!(x.device() == tensors[0].device())) common_device(op, {tensors[0], x});
  }
  if (!first) first = &tensors[0];
  Plan plan;
  plan.dtype = type.get();
  plan.device = first->device();
  plan.shape = first->shape;
  plan.dim = normalize_dim(dim, first->ndim(), op);
  int64_t total = 0;
  for (size_t i = 0; i < tensors.size(); i++) {
    const Array& x = tensors[i];
    plan.plain = plan.plain && x.dtype == plan.dtype && x.contiguous();
    if (skipped(x)) continue;
    if (x.ndim() != first->ndim())
      fail(ErrorKind::Runtime, op, "(): Tensors must have same number of dimensions: got ", first->ndim(), " and ",
           x.ndim());
    for (int d = 0; d < x.ndim(); d++)
      if (d != plan.dim && x.shape[d] != first->shape[d])
        fail(ErrorKind::Runtime, op, "(): Sizes of tensors must match except in dimension ", plan.dim,
             ". Expected size ", first->shape[d], " but got size ", x.shape[d], " for tensor number ", i,
             " in the list, of shape ", x.shape);
    total += x.shape[plan.dim];
  }
  plan.shape[plan.dim] = total;
  return plan;
}

void concat_plain(const Array& out, int dim, const std::vector<Array>& tensors) {
  constexpr size_t kFew = 16;
  const char* few_parts[kFew];
  int64_t few_bytes[kFew];
  std::vector<const char*> many_parts(tensors.size() > kFew ? tensors.size() : 0);
  std::vector<int64_t> many_bytes(many_parts.size());
  const char** part = tensors.size() > kFew ? many_parts.data() : few_parts;
  int64_t* bytes = tensors.size() > kFew ? many_bytes.data() : few_bytes;
  int64_t rows = 1, parts = 0, inner = out.itemsize();
  for (int d = 0; d < dim; d++) rows *= out.shape[d];
  for (int d = dim + 1; d < out.ndim(); d++) inner *= out.shape[d];
  for (const Array& x : tensors) {
    if (skipped(x)) continue;
    part[parts] = x.data();
    bytes[parts++] = x.shape[dim] * inner;
  }
  kernels(out.device()).concat({rows, parts, part, bytes, out.data()});
}

}  // namespace

static Array cat_named(const char* op, const std::vector<Array>& tensors, int64_t dim, Array* out) {
  Plan plan = plan_cat(op, tensors, dim);
  Array result;
  bool aliased = false;
  if (out) {
    check_out(op, *out, plan.shape, plan.dtype);
    for (const Array& x : tensors) aliased = aliased || x.storage.get() == out->storage.get();
  }
  result = out && !aliased ? *out : empty(plan.shape, plan.dtype, plan.device);
  if (plan.plain && result.contiguous() && result.dtype == plan.dtype) {
    concat_plain(result, plan.dim, tensors);
  } else {
    int64_t at = 0;
    for (const Array& x : tensors) {
      if (skipped(x)) continue;
      copy_into(narrow(result, plan.dim, at, x.shape[plan.dim]), x);
      at += x.shape[plan.dim];
    }
  }
  return deliver(result, out);
}

Dims broadcast_shape(const std::vector<Array>& tensors) {
  Dims shape;
  for (const Array& x : tensors) shape = broadcast_shapes(shape, x.shape, "broadcast_tensors");
  return shape;
}

Array cat(const std::vector<Array>& tensors, int64_t dim, Array* out) { return cat_named("cat", tensors, dim, out); }

Array stack(const std::vector<Array>& tensors, int64_t dim, Array* out) {
  if (tensors.empty()) fail(ErrorKind::Runtime, "stack(): expected a non-empty list of Tensors");
  int d = normalize_dim(dim, tensors[0].ndim() + 1, "stack");
  std::vector<Array> parts = tensors;
  for (size_t i = 0; i < parts.size(); i++) {
    if (!(parts[i].shape == tensors[0].shape))
      fail(ErrorKind::Runtime, "stack(): expects each tensor to be equal size, but got ", tensors[0].shape,
           " at entry 0 and ", parts[i].shape, " at entry ", i);
    parts[i] = unsqueeze(parts[i], d);
  }
  return cat_named("stack", parts, d, out);
}

Array repeat(const Array& x, const Dims& repeats) {
  int added = repeats.size() - x.ndim();
  if (added < 0)
    fail(ErrorKind::Runtime,
         "repeat(): Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor: got ",
         repeats.size(), " repeats for shape ", x.shape);
  Dims shape;
  Array from = x, to;                                  // with a dimension of its own for each repetition
  from.shape = from.strides = Dims();
  for (int d = 0; d < repeats.size(); d++) {
    int64_t size = d < added ? 1 : x.shape[d - added], stride = d < added ? 0 : x.strides[d - added];
    if (repeats[d] < 0)
      fail(ErrorKind::Runtime, "repeat(): Trying to create tensor with negative dimension ", repeats[d], ": ", repeats);
    int64_t total;
    if (__builtin_mul_overflow(size, repeats[d], &total))
      fail(ErrorKind::Runtime, "repeat(): ", repeats, " repeats of shape ", x.shape, " overflow");
    shape.push_back(total);
    if (repeats[d] != 1) {
      from.shape.push_back(repeats[d]);
      from.strides.push_back(0);
    }
    if (size != 1) {
      from.shape.push_back(size);
      from.strides.push_back(stride);
    }
  }
  Array out = empty(shape, x.dtype, x.device());
  to = out;
  to.shape = from.shape;
  to.strides = contiguous_strides(from.shape);
  copy_into(to, from);
  return out;
}

Array flip(const Array& x, const Dims& dims) {
  bool flipped[kMaxDims] = {};
  for (int64_t dim : dims) {
    int d = normalize_dim(dim, x.ndim(), "flip");
    if (flipped[d]) fail(ErrorKind::Runtime, "flip(): dim ", d, " appears multiple times in the list of dims");
    flipped[d] = true;
  }
  Array out = empty_for(x.shape, x.dtype, x.device(), {x});
  if (x.numel() == 0) return out;
  Array from = x;  // the one array with negative strides: it lives only for this copy
  for (int d = 0; d < x.ndim(); d++) {
    if (!flipped[d] || x.shape[d] == 1) continue;
    from.offset += (x.shape[d] - 1) * x.strides[d];
    from.strides[d] = -x.strides[d];
  }
  copy_into(out, from);
  return out;
}

Array roll(const Array& x, const Dims& shifts, const std::optional<Dims>& given) {
  Dims dims = given.value_or(Dims());
  if (shifts.empty()) fail(ErrorKind::Runtime, "roll(): `shifts` required");
  if (dims.empty() && shifts.size() == 1) return reshape(roll(reshape(x, {-1}), shifts, Dims{0}), x.shape);
  if (dims.size() != shifts.size())
    fail(ErrorKind::Runtime, "roll(): shifts and dimensions must align. shifts: ", shifts.size(),
         ", dims:", dims.size());
  Array out = x;
  bool copied = false;
  for (int i = 0; i < dims.size(); i++) {
    if (x.ndim() == 0)
      fail(ErrorKind::Index, "roll(): Dimension specified as ", dims[i], " but tensor has no dimensions");
    int d = normalize_dim(dims[i], x.ndim(), "roll");
    int64_t size = x.shape[d], shift = size ? (shifts[i] % size + size) % size : 0;
    if (shift == 0) continue;
    out = cat({narrow(out, d, size - shift, shift), narrow(out, d, 0, size - shift)}, d, nullptr);
    copied = true;
  }
  return copied ? out : clone(x);
}

Array repeat_index(const Array& repeats, std::optional<int64_t> output_size) {
  if (repeats.dtype != DType::Int64 && repeats.dtype != DType::Int32)
    fail(ErrorKind::Runtime, "repeat_interleave(): repeats has to be Long or Int tensor, got ",
         dtype_name(repeats.dtype));
  if (repeats.ndim() != 1)
    fail(ErrorKind::Runtime, "repeat_interleave(): repeats must be 0-dim or 1-dim tensor, got shape ", repeats.shape);
  Array counts = contiguous(cast(repeats, DType::Int64));
  int64_t total = 0;
  const Kernels& table = kernels(repeats.device());
  RepeatArgs args = {counts.numel(), reinterpret_cast<const int64_t*>(counts.data()), &total, nullptr};
  table.repeat_index(args);
  if (total < 0)
    fail(ErrorKind::Runtime, "repeat_interleave(): repeats can not be negative, and their sum must fit 64 bits");
  if (output_size && *output_size != total)
    fail(ErrorKind::Runtime, "repeat_interleave(): output_size is ", *output_size, ", but the repeats sum to ", total);
  Array out = empty({total}, DType::Int64, repeats.device());
  args.out = reinterpret_cast<int64_t*>(out.data());
  if (total) table.repeat_index(args);
  return out;
}

}  // namespace tx
