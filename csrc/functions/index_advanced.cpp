// x[...] with tensors among its indices: NumPy's rules, which are PyTorch's. The indexed dimensions become those of
// the indices broadcast together: in their place when they are next to each other, else in front.
#include "copy.h"
#include "index.h"
#include "index_call.h"
#include "iterate.h"
#include "view.h"

namespace tx {

namespace {

bool is_mask(const Array& index) { return index.dtype == DType::Bool || index.dtype == DType::UInt8; }
Array as_mask(const Array& index) { return index.dtype == DType::Bool ? index : view_dtype(index, DType::Bool); }

void check_mask_shape(const AdvancedIndex::Part& part, const Array& x) {
  for (int d = 0; d < part.index.ndim(); d++)
    if (part.dim + d >= x.ndim() || part.index.shape[d] != x.shape[part.dim + d])
      fail(ErrorKind::Index, "The shape of the mask ", part.index.shape, " at index ", d,
           " does not match the shape of the indexed tensor ", x.shape, " at index ", part.dim + d);
}

// Dimensions [from, from + count) of x as one, where strides allow it.
bool merge_dims(Array& x, int from, int count) {
  for (int d = from; d + 1 < from + count; d++)
    if (x.shape[d + 1] != 1 && x.shape[d] != 1 && x.strides[d] != x.strides[d + 1] * x.shape[d + 1]) return false;
  Dims shape, strides;
  int64_t size = 1, stride = 1;
  for (int d = from + count - 1; d >= from; d--) {
    if (x.shape[d] != 1 && size == 1) stride = x.strides[d];
    size *= x.shape[d];
  }
  for (int d = 0; d < x.ndim(); d++) {
    if (d > from && d < from + count) continue;
    shape.push_back(d == from ? size : x.shape[d]);
    strides.push_back(d == from ? stride : x.strides[d]);
  }
  x.shape = shape;
  x.strides = strides;
  return true;
}

// Every mask becomes the integers it stands for: one index into its dimensions merged, or one per dimension.
void resolve_masks(AdvancedIndex& index) {
  std::vector<AdvancedIndex::Part> parts;
  int removed = 0;                     // dimensions that merging has taken away so far
  for (AdvancedIndex::Part part : index.parts) {
    part.dim -= removed;
    if (!is_mask(part.index)) {
      parts.push_back(part);
      continue;
    }
    check_mask_shape(part, index.view);
    int count = part.index.ndim();
    if (count > 1 && merge_dims(index.view, part.dim, count)) {
      removed += count - 1;
      parts.push_back({part.dim, reshape(nonzero(reshape(as_mask(part.index), {-1})), {-1})});
      continue;
    }
    std::vector<Array> columns = nonzero_columns(as_mask(part.index));
    for (size_t d = 0; d < columns.size(); d++) parts.push_back({part.dim + int(d), columns[d]});
  }
  index.parts = parts;
}

// Where the elements are that an index names: x's dimension `dim` through one index array, or all of x's indexed dimensions
// through element offsets.
struct Places {
  Array x;
  bool indexed[kMaxDims] = {};
  int at;  // dimensions of the result before those of the index
  Array index;  // int64, contiguous
  int dim;
  int64_t size, stride;
  Dims shape;  // of the result

  explicit Places(AdvancedIndex& advanced) {
    resolve_masks(advanced);
    x = advanced.view;
    std::vector<AdvancedIndex::Part>& parts = advanced.parts;
    Dims broadcast;
    for (AdvancedIndex::Part& part : parts) {
      part.index = cast(part.index, DType::Int64);
      indexed[part.dim] = true;
    }
    try {
      for (AdvancedIndex::Part& part : parts) broadcast = broadcast_shapes(broadcast, part.index.shape, "index");
    } catch (const Error&) {
      std::string shapes;
      for (AdvancedIndex::Part& part : parts) shapes += (shapes.empty() ? "" : ", ") + to_string(part.index.shape);
      fail(ErrorKind::Index, "shape mismatch: indexing tensors could not be broadcast together with shapes ", shapes);
    }
    bool adjacent = parts.back().dim - parts.front().dim + 1 == int64_t(parts.size());
    at = adjacent ? parts.front().dim : 0;
    dim = parts[0].dim;
    if (parts.size() == 1) {
      index = contiguous(parts[0].index);
      size = x.shape[dim];
      stride = x.strides[dim];
    } else {
      combine(parts, broadcast);
    }
    int outside = 0;
    for (int d = 0; d < x.ndim(); d++) {
      if (indexed[d]) continue;
      if (outside++ == at)
        for (int64_t s : index.shape) shape.push_back(s);
      shape.push_back(x.shape[d]);
    }
    if (outside <= at)
      for (int64_t s : index.shape) shape.push_back(s);
  }

  void combine(std::vector<AdvancedIndex::Part>& parts, const Dims& broadcast) {
    index = empty(broadcast, DType::Int64, x.device());
    size = INT64_MAX;
    stride = 1;
    bool add = false;
    for (AdvancedIndex::Part& part : parts) {
      if (index.numel()) check_index(ErrorKind::Index, part.index, part.dim, x.shape[part.dim], true);
      Array wide = expand(part.index, broadcast);
      IndexCombineArgs args = {{}, x.shape[part.dim], x.strides[part.dim], add};
      args.it.compute = args.it.dtype[0] = args.it.dtype[1] = DType::Int64;
      args.it.data[0] = index.data();
      args.it.data[1] = wide.data();
      for (int d = 0; d < index.ndim(); d++) args.it.push(index.shape[d], {index.strides[d] * 8, wide.strides[d] * 8});
      kernels(x.device()).index_combine(args);
      add = true;
    }
  }

  IndexCall call(const Array& target, const Array& values) const {
    IndexCall made(target, size, stride, dim, values, index);
    int v = 0, outside = 0;
    auto push_index = [&] {
      for (int d = 0; d < index.ndim(); d++) made.push(index.shape[d], values.strides[v++], 0, index.strides[d]);
    };
    for (int d = 0; d < x.ndim(); d++) {
      if (indexed[d]) continue;
      if (outside++ == at) push_index();
      made.push(x.shape[d], values.strides[v++], x.strides[d], 0);
    }
    if (outside <= at) push_index();
    return made;
  }
};

bool single_mask(const AdvancedIndex& index) {
  return index.parts.size() == 1 && is_mask(index.parts[0].index) && index.parts[0].index.ndim() > 0;
}

// The mask of a single_mask index, broadcast to all of the view.
Array mask_over_view(const AdvancedIndex& index) {
  check_mask_shape(index.parts[0], index.view);
  Array mask = as_mask(index.parts[0].index);
  for (int d = index.parts[0].dim + mask.ndim(); d < index.view.ndim(); d++) mask = unsqueeze(mask, mask.ndim());
  return mask;
}

// Lists, and index tensors that were made on the host, go to the device of what they index.
void bring_indices(AdvancedIndex& index, const char* op) {
  for (AdvancedIndex::Part& part : index.parts) {
    if (part.index.device().type == DeviceType::CPU) part.index = to_device(part.index, index.view.device());
    common_device(op, {index.view, part.index});
  }
}

}  // namespace

Array index_get(AdvancedIndex index) {
  bring_indices(index, "index");
  if (index.parts.empty()) return clone(index.view);
  if (single_mask(index) && index.parts[0].index.ndim() == index.view.ndim())
    return masked_select(index.view, mask_over_view(index));
  Places places(index);
  Array out = empty(places.shape, places.x.dtype, places.x.device());
  places.call(places.x, out).gather(ErrorKind::Index, places.size == INT64_MAX);  // combined ones are checked
  return out;
}

void index_set(AdvancedIndex index, const Operand& value, bool accumulate) {
  bring_indices(index, "index_put_");
  Array x = index.view;
  if (has_zero_stride(x))
    fail(ErrorKind::Runtime,
         "index_put_(): more than one element of the written-to tensor refers to a single memory location; clone() it "
         "before writing to it");
  bool number = !value.array || (value.array->numel() == 1 && value.array->ndim() == 0);
  if (number && !accumulate && index.parts.size() && single_mask(index)) {
    if (!value.array) masked_fill(x, mask_over_view(index), value, &x);
    else masked_fill(x, mask_over_view(index), cast(*value.array, x.dtype), &x);
    return;
  }
  Array values = value.array ? cast(*value.array, x.dtype) : scalar_array(value.scalar, x.dtype, x.device());
  if (values.ndim() == 0) values = to_device(values, x.device());
  common_device("index_put_", {x, values});
  if (index.parts.empty()) {
    copy_into(x, values);
    return;
  }
  for (AdvancedIndex::Part& part : index.parts) part.index = own_memory(part.index, x);
  Places places(index);
  while (values.ndim() > places.shape.size() && values.shape[0] == 1) values = select(values, 0, 0);
  Dims fitted;
  bool fits = values.ndim() <= places.shape.size();
  for (int i = 1; fits && i <= values.ndim(); i++) {
    int64_t from = values.shape[values.ndim() - i];
    fits = from == 1 || from == places.shape[places.shape.size() - i];
  }
  if (!fits)
    fail(ErrorKind::Runtime, "shape mismatch: value tensor of shape ", values.shape,
         " cannot be broadcast to indexing result of shape ", places.shape);
  values = expand(own_memory(values, x), places.shape);
  if (values.numel() && places.size != INT64_MAX)
    check_index(ErrorKind::Index, places.index, places.dim, places.size, true);
  places.call(places.x, values).scatter(accumulate ? Reduce::Sum : Reduce::Set);
}

}  // namespace tx
