#include "view.h"

#include "copy.h"

namespace tx {

// Replaces a single -1 by the size that the element count leaves for it.
static Dims infer_size(const Array& x, const Dims& shape, const char* op) {
  int unknown = -1;
  int64_t known = 1, n = x.numel();
  for (int d = 0; d < shape.size(); d++) {
    if (shape[d] == -1) {
      if (unknown >= 0) fail(ErrorKind::Runtime, op, "(): only one dimension can be inferred, got shape ", shape);
      unknown = d;
    } else if (shape[d] < 0) {
      fail(ErrorKind::Runtime, op, "(): invalid shape dimension ", shape[d], " in ", shape);
    } else if (__builtin_mul_overflow(known, shape[d], &known)) {
      fail(ErrorKind::Runtime, op, "(): shape '", shape, "' is invalid for input of size ", n);
    }
  }
  Dims out = shape;
  if (unknown >= 0) {
    if (known == 0)
      fail(ErrorKind::Runtime, op, "(): cannot reshape tensor of ", n, " elements into shape ", shape,
           " because the unspecified dimension size -1 can be any value and is ambiguous");
    out[unknown] = n / known;
    known *= out[unknown];
  }
  if (known != n) fail(ErrorKind::Runtime, op, "(): shape '", shape, "' is invalid for input of size ", n);
  return out;
}

// Strides that show x's memory in another shape of as many elements; false when only a copy can.
// Works group by group from the end: a group is a run of x's dimensions that merge into one stretch of memory.
static bool view_strides(const Array& x, const Dims& shape, Dims* strides) {
  *strides = Dims(shape.size(), 1);
  if (x.numel() == 0) {
    *strides = shape == x.shape ? x.strides : contiguous_strides(shape);
    return true;
  }
  int to = shape.size() - 1;
  int64_t base = x.ndim() ? x.strides.back() : 1, group = 1, taken = 1;
  for (int d = x.ndim() - 1; d >= 0; d--) {
    group *= x.shape[d];
    bool last = d == 0 || (x.shape[d - 1] != 1 && x.strides[d - 1] != group * base);
    if (!last) continue;
    while (to >= 0 && (taken < group || shape[to] == 1)) {
      (*strides)[to] = taken * base;
      taken *= shape[to--];
    }
    if (taken != group) return false;
    if (d > 0) {
      base = x.strides[d - 1];
      group = taken = 1;
    }
  }
  for (; to >= 0; to--) (*strides)[to] = base;                       // a 0-dim x: only sizes of 1 are left
  return true;
}

static Array with(const Array& x, const Dims& shape, const Dims& strides, int64_t offset) {
  Array out;
  out.storage = x.storage;
  out.offset = offset;
  out.dtype = x.dtype;
  out.shape = shape;
  out.strides = strides;
  return out;
}

Array view(const Array& x, const Dims& wanted) {
  Dims shape = infer_size(x, wanted, "view"), strides;
  if (!view_strides(x, shape, &strides)) {
    int d = x.ndim() - 1;
    while (d > 0 && (x.shape[d] == 1 || x.strides[d - 1] == x.shape[d] * x.strides[d])) d--;
    fail(ErrorKind::Runtime, "view(): view size ", shape, " is not compatible with input tensor's size ", x.shape,
         " and stride ", x.strides, " (dimensions ", d - 1, " and ", d,
         " cannot merge without a copy): use .reshape(...), or .contiguous() before .view(...)");
  }
  return with(x, shape, strides, x.offset);
}

Array view_dtype(const Array& x, DType dtype) {
  int64_t from = x.itemsize(), to = itemsize(dtype);
  Array out = x;
  out.dtype = dtype;
  if (from == to) return out;
  if (x.ndim() == 0)
    fail(ErrorKind::Runtime, "view(): a 0-dim tensor can only be viewed as a dtype of the same size, not as ",
         dtype_name(dtype));
  int last = x.ndim() - 1;
  if (x.strides[last] != 1)
    fail(ErrorKind::Runtime, "view(): the last dimension must have stride 1 to view ", dtype_name(x.dtype), " as ",
         dtype_name(dtype), ", got strides ", x.strides);
  if (from > to) {
    int64_t ratio = from / to;
    for (int d = 0; d < last; d++) out.strides[d] *= ratio;
    out.offset *= ratio;
    out.shape[last] *= ratio;
    return out;
  }
  int64_t ratio = to / from;
  bool fits = x.shape[last] % ratio == 0 && x.offset % ratio == 0;
  for (int d = 0; d < last; d++) fits = fits && x.strides[d] % ratio == 0;
  if (!fits)
    fail(ErrorKind::Runtime, "view(): the last size, the strides and the storage offset must be divisible by ", ratio,
         " to view ", dtype_name(x.dtype), " as ", dtype_name(dtype), ": got size ", x.shape, ", strides ", x.strides,
         ", offset ", x.offset);
  for (int d = 0; d < last; d++) out.strides[d] /= ratio;
  out.offset /= ratio;
  out.shape[last] /= ratio;
  return out;
}

Array reshape(const Array& x, const Dims& wanted) {
  Dims shape = infer_size(x, wanted, "reshape"), strides;
  if (view_strides(x, shape, &strides)) return with(x, shape, strides, x.offset);
  Array copy = contiguous(x);
  return with(copy, shape, contiguous_strides(shape), 0);
}

Array flatten(const Array& x, int64_t start, int64_t end) {
  int from = normalize_dim(start, x.ndim(), "flatten"), to = normalize_dim(end, x.ndim(), "flatten");
  if (from > to) fail(ErrorKind::Runtime, "flatten(): start_dim ", start, " cannot come after end_dim ", end);
  if (x.ndim() == 0) return reshape(x, {1});
  if (from == to) return x;
  Dims shape;
  for (int d = 0; d < from; d++) shape.push_back(x.shape[d]);
  int64_t merged = 1;
  for (int d = from; d <= to; d++) merged *= x.shape[d];
  shape.push_back(merged);
  for (int d = to + 1; d < x.ndim(); d++) shape.push_back(x.shape[d]);
  return reshape(x, shape);
}

Array expand(const Array& x, const Dims& wanted) {
  int added = wanted.size() - x.ndim();
  if (added < 0)
    fail(ErrorKind::Runtime, "expand(): the number of sizes provided (", wanted.size(),
         ") must be greater or equal to the number of dimensions in the tensor (", x.ndim(), ")");
  Dims shape = wanted, strides(wanted.size(), 0);
  for (int d = 0; d < wanted.size(); d++) {
    int from = d - added;
    if (wanted[d] == -1 && from >= 0) shape[d] = x.shape[from];
    else if (wanted[d] < 0)
      fail(ErrorKind::Runtime, "expand(): invalid size ", wanted[d], " at dimension ", d, " of ", wanted);
    if (from < 0) continue;
    if (shape[d] == x.shape[from]) strides[d] = x.strides[from];
    else if (x.shape[from] != 1)
      fail(ErrorKind::Runtime, "expand(): the expanded size of the tensor (", shape[d],
           ") must match the existing size (", x.shape[from], ") at non-singleton dimension ", d,
           ". Target sizes: ", wanted, ". Tensor sizes: ", x.shape);
  }
  checked_numel(shape, x.dtype);
  return with(x, shape, strides, x.offset);
}

Array permute(const Array& x, const Dims& order) {
  if (order.size() != x.ndim())
    fail(ErrorKind::Runtime,
         "permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
         "dimensions, i.e. input.dim() = ",
         x.ndim(), " is not equal to len(dims) = ", order.size());
  Dims shape, strides;
  bool seen[kMaxDims] = {};
  for (int64_t dim : order) {
    int d = normalize_dim(dim, x.ndim(), "permute");
    if (seen[d]) fail(ErrorKind::Runtime, "permute(): duplicate dims are not allowed: ", order);
    seen[d] = true;
    shape.push_back(x.shape[d]);
    strides.push_back(x.strides[d]);
  }
  return with(x, shape, strides, x.offset);
}

Array transpose(const Array& x, int64_t a, int64_t b) {
  int i = normalize_dim(a, x.ndim(), "transpose"), j = normalize_dim(b, x.ndim(), "transpose");
  Array out = x;
  if (x.ndim()) {
    std::swap(out.shape[i], out.shape[j]);
    std::swap(out.strides[i], out.strides[j]);
  }
  return out;
}

Array t(const Array& x) {
  if (x.ndim() > 2) fail(ErrorKind::Runtime, "t() expects a tensor with <= 2 dimensions, but self is ", x.ndim(), "D");
  return x.ndim() < 2 ? x : transpose(x, 0, 1);
}

Array squeeze(const Array& x, const std::optional<Dims>& dims) {
  bool chosen[kMaxDims] = {};
  if (dims)
    for (int64_t d : *dims) chosen[normalize_dim(d, x.ndim(), "squeeze")] = true;
  Dims shape, strides;
  for (int d = 0; d < x.ndim(); d++) {
    if (x.shape[d] == 1 && (!dims || chosen[d])) continue;
    shape.push_back(x.shape[d]);
    strides.push_back(x.strides[d]);
  }
  return with(x, shape, strides, x.offset);
}

Array unsqueeze(const Array& x, int64_t dim) {
  int d = normalize_dim(dim, x.ndim() + 1, "unsqueeze");
  Array out = x;
  out.shape.insert(d, 1);
  out.strides.insert(d, d < x.ndim() ? x.shape[d] * x.strides[d] : 1);
  return out;
}

Array narrow(const Array& x, int64_t dim, int64_t start, int64_t length) {
  if (x.ndim() == 0) fail(ErrorKind::Runtime, "narrow() cannot be applied to a 0-dim tensor.");
  int d = normalize_dim(dim, x.ndim(), "narrow");
  int64_t size = x.shape[d];
  if (length < 0) fail(ErrorKind::Runtime, "narrow(): length must be non-negative, got ", length);
  if (start < -size || start > size)
    fail(ErrorKind::Index, "narrow(): start ", start, " is out of range for dimension ", d, " of size ", size);
  if (start < 0) start += size;
  if (length > size - start)
    fail(ErrorKind::Runtime, "narrow(): start (", start, ") + length (", length, ") exceeds dimension size (", size,
         ")");
  Array out = x;
  out.shape[d] = length;
  if (length) out.offset += start * x.strides[d];
  return out;
}

Array select(const Array& x, int64_t dim, int64_t index) {
  if (x.ndim() == 0) fail(ErrorKind::Index, "select() cannot be applied to a 0-dim tensor.");
  int d = normalize_dim(dim, x.ndim(), "select");
  int64_t size = x.shape[d];
  if (index < -size || index >= size)
    fail(ErrorKind::Index, "select(): index ", index, " out of range for tensor of size ", x.shape, " at dimension ",
         d);
  Array out = x;
  out.offset += (index < 0 ? index + size : index) * x.strides[d];
  out.shape.erase(d);
  out.strides.erase(d);
  return out;
}

Array slice(const Array& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  if (x.ndim() == 0) fail(ErrorKind::Runtime, "slice() cannot be applied to a 0-dim tensor.");
  int d = normalize_dim(dim, x.ndim(), "slice");
  if (step <= 0) fail(ErrorKind::Value, "slice(): step must be greater than zero, got ", step);
  int64_t size = x.shape[d];
  auto clamp = [size](int64_t v) {
    v = v < 0 ? v + size : v;
    return v < 0 ? 0 : v > size ? size : v;
  };
  int64_t from = clamp(start.value_or(0)), to = clamp(end.value_or(size));
  int64_t n = to > from ? (to - from - 1) / step + 1 : 0;
  Array out = x;
  out.shape[d] = n;
  if (n) out.offset += from * x.strides[d];
  if (n > 1) out.strides[d] = x.strides[d] * step;
  return out;
}

Array diagonal(const Array& x, int64_t offset, int64_t dim1, int64_t dim2) {
  int a = normalize_dim(dim1, x.ndim(), "diagonal"), b = normalize_dim(dim2, x.ndim(), "diagonal");
  if (x.ndim() < 2 || a == b)
    fail(ErrorKind::Runtime, "diagonal(): needs two different dimensions, got dim1 = ", dim1, " and dim2 = ", dim2,
         " of a tensor of ", x.ndim(), " dimensions");
  int64_t rows = x.shape[a], columns = x.shape[b];
  if (offset < -rows || offset > columns) offset = offset < 0 ? -rows : columns;
  int64_t n = offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns);
  if (n < 0) n = 0;
  Array out = x;
  if (n) out.offset += offset >= 0 ? offset * x.strides[b] : -offset * x.strides[a];
  int64_t stride = x.strides[a] + x.strides[b];
  out.shape.erase(std::max(a, b));
  out.strides.erase(std::max(a, b));
  out.shape.erase(std::min(a, b));
  out.strides.erase(std::min(a, b));
  out.shape.push_back(n);
  out.strides.push_back(stride);
  return out;
}

Array unfold(const Array& x, int64_t dim, int64_t size, int64_t step) {
  int d = normalize_dim(dim, x.ndim(), "unfold");
  int64_t length = x.ndim() ? x.shape[d] : 1, stride = x.ndim() ? x.strides[d] : 1;
  if (size < 0 || size > length)
    fail(ErrorKind::Runtime, "unfold(): maximum size for tensor at dimension ", d, " is ", length, " but size is ",
         size);
  if (step <= 0) fail(ErrorKind::Runtime, "unfold(): step is ", step, " but must be > 0");
  Array out = x;
  if (x.ndim()) {
    out.shape[d] = (length - size) / step + 1;
    if (out.shape[d] > 1) out.strides[d] = stride * step;
  }
  out.shape.push_back(size);
  out.strides.push_back(stride);
  return out;
}

Array as_strided(const Array& x, const Dims& shape, const Dims& strides, std::optional<int64_t> offset) {
  if (shape.size() != strides.size())
    fail(ErrorKind::Runtime, "as_strided(): mismatch in length of strides and shape: size ", shape, ", stride ",
         strides);
  int64_t start = offset.value_or(x.offset), last = start, n = checked_numel(shape, x.dtype);
  bool bad = start < 0;
  for (int d = 0; d < shape.size(); d++) {
    int64_t reach;
    if (strides[d] < 0)
      fail(ErrorKind::Runtime,
           "as_strided(): negative strides are not supported at the moment, got strides: ", strides);
    if (n)
      bad |= __builtin_mul_overflow(shape[d] - 1, strides[d], &reach) || __builtin_add_overflow(last, reach, &last);
  }
  int64_t held = int64_t(x.storage->nbytes / size_t(x.itemsize()));
  if (bad || (n && last >= held) || start > held)
    fail(ErrorKind::Runtime, "as_strided(): sizes ", shape, ", strides ", strides, ", storage offset ", start,
         " and itemsize ", x.itemsize(), " reach outside the storage, which holds ", held, " elements");
  return with(x, shape, strides, start);
}

static std::string list_of(const std::vector<int64_t>& values) {
  std::string text = "[";
  for (int64_t v : values) text += (text.size() > 1 ? ", " : "") + std::to_string(v);
  return text + "]";
}

std::vector<Array> split(const Array& x, const std::vector<int64_t>& sizes, int64_t dim) {
  if (x.ndim() == 0) fail(ErrorKind::Runtime, "split expects at least a 1-dimensional tensor");
  int d = normalize_dim(dim, x.ndim(), "split");
  int64_t total = 0;
  for (int64_t s : sizes) {
    if (s < 0)
      fail(ErrorKind::Runtime,
           "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=", list_of(sizes));
    total += s;
  }
  if (total != x.shape[d])
    fail(ErrorKind::Runtime, "split_with_sizes expects split_sizes to sum exactly to ", x.shape[d],
         " (input tensor's size at dimension ", d, "), but got split_sizes=", list_of(sizes));
  std::vector<Array> out;
  int64_t start = 0;
  for (int64_t s : sizes) {
    out.push_back(narrow(x, d, start, s));
    start += s;
  }
  return out;
}

std::vector<Array> unbind(const Array& x, int64_t dim) {
  if (x.ndim() == 0) fail(ErrorKind::Index, "unbind(): dimension specified as 0 but tensor has no dimensions");
  int d = normalize_dim(dim, x.ndim(), "unbind");
  std::vector<Array> out;
  for (int64_t i = 0; i < x.shape[d]; i++) out.push_back(select(x, d, i));
  return out;
}

}  // namespace tx
