// Masks, nonzero, triangles and diagonals.
#include "../kernels.h"
#include "copy.h"
#include "creation.h"
#include "elementwise.h"
#include "index.h"
#include "index_call.h"
#include "iterate.h"
#include "view.h"

namespace tx {

namespace {

// A contiguous mask, and for each of its blocks how many true elements come before.
struct CountedMask {
  Array mask;
  std::vector<int64_t> first;
  MaskArgs args;

  explicit CountedMask(const Array& given) : mask(contiguous(given)) {
    int64_t n = mask.numel();
    first.resize(size_t((n + kMaskBlock - 1) / kMaskBlock + 1));
    args = {reinterpret_cast<const uint8_t*>(mask.data()), n, first.data(), 0, 0, nullptr, nullptr};
    kernels(mask.device()).mask_count(args);
    for (int64_t& count : first) {
      int64_t here = count;
      count = args.total;
      args.total += here;
    }
  }
};

void check_mask(const char* op, const Array& mask) {
  if (mask.dtype != DType::Bool)
    fail(ErrorKind::Runtime, op, "(): expected mask to have dtype bool, but got ", dtype_name(mask.dtype));
}

}  // namespace

// Positions of the true elements of a mask, flattened.
static Array positions_of(const Array& mask) {
  CountedMask counted(mask);
  Array out = empty({counted.args.total}, DType::Int64, mask.device());
  counted.args.out = out.data();
  if (counted.args.total) kernels(mask.device()).mask_positions(counted.args);
  return out;
}

Array nonzero(const Array& x) {
  Array mask = x.dtype == DType::Bool ? x : ne(x, Scalar(0), nullptr);
  Array positions = positions_of(mask);
  int64_t n = positions.numel();
  if (x.ndim() == 1) return reshape(positions, {n, 1});
  Array out = empty({n, x.ndim()}, DType::Int64, x.device());
  UnravelArgs args = {
      reinterpret_cast<const int64_t*>(positions.data()), n, x.ndim(), {}, reinterpret_cast<int64_t*>(out.data())};
  for (int d = 0; d < x.ndim(); d++) args.shape[d] = x.shape[d];
  if (n && x.ndim()) kernels(x.device()).unravel(args);
  return out;
}

std::vector<Array> nonzero_columns(const Array& x) { return unbind(nonzero(x.ndim() ? x : reshape(x, {1})), 1); }

Array masked_fill(const Array& x, const Array& mask, const Operand& value, Array* out) {
  check_mask("masked_fill", mask);
  if (value.array && value.array->ndim())
    fail(ErrorKind::Runtime, "masked_fill(): only supports a 0-dimensional value tensor, but got tensor with ",
         value.array->ndim(), " dimension(s).");
  Array fitting;
  if (value.array && value.array->dtype != x.dtype) {
    if (!can_cast(value.array->dtype, x.dtype))
      fail(ErrorKind::Runtime, "masked_fill(): value cannot be converted to type ", dtype_name(x.dtype), " from ",
           dtype_name(value.array->dtype));
    fitting = cast(*value.array, x.dtype);
  }
  if (out && !(broadcast_shapes(x.shape, mask.shape, "masked_fill_") == x.shape))
    fail(ErrorKind::Runtime, "masked_fill_(): the mask of shape ", mask.shape, " does not broadcast to shape ",
         x.shape);
  return where_as("masked_fill", mask, fitting ? Operand(fitting) : value, x, x.dtype, out);
}

Array masked_select(const Array& x, const Array& mask) {
  check_mask("masked_select", mask);
  common_device("masked_select", {x, mask});
  Dims shape = broadcast_shapes(x.shape, mask.shape, "masked_select");
  Array source = contiguous(expand(x, shape));
  CountedMask counted(expand(mask, shape));
  Array out = empty({counted.args.total}, x.dtype, x.device());
  counted.args.itemsize = x.itemsize();
  counted.args.x = source.data();
  counted.args.out = out.data();
  if (counted.args.total) kernels(x.device()).mask_select(counted.args);
  return out;
}

Array masked_scatter(const Array& x, const Array& mask, const Array& source, Array* out) {
  check_mask("masked_scatter", mask);
  common_device("masked_scatter", {x, mask, source});
  if (source.dtype != x.dtype)
    fail(ErrorKind::Runtime, "masked_scatter(): expected self and source to have same dtypes but got ",
         dtype_name(x.dtype), " and ", dtype_name(source.dtype));
  Dims shape = broadcast_shapes(x.shape, mask.shape, "masked_scatter");
  if (out && !(shape == x.shape))
    fail(ErrorKind::Runtime, "masked_scatter_(): the mask of shape ", mask.shape, " does not broadcast to shape ",
         x.shape);
  CountedMask counted(expand(mask, shape));
  if (counted.args.total > source.numel())
    fail(ErrorKind::Runtime, "masked_scatter(): expected source to have as many elements as the mask has true ones, ",
         counted.args.total, ", but it has ", source.numel());
  Array target = writable("masked_scatter_", out ? x : expand(x, shape), out);
  Array dense = contiguous(has_zero_stride(target) ? clone(target) : target);
  Array values = own_memory(contiguous(source), dense);
  counted.args.itemsize = x.itemsize();
  counted.args.x = values.data();
  counted.args.out = dense.data();
  if (counted.args.total) kernels(x.device()).mask_put(counted.args);
  if (!out) return dense;
  if (dense.storage.get() != target.storage.get()) copy_into(target, dense);
  return target;
}

// ---- triangles and diagonals

Array triangle(const Array& x, int64_t diagonal, bool upper, Array* out) {
  const char* op = upper ? "triu" : "tril";
  if (x.ndim() < 2)
    fail(ErrorKind::Runtime, op, "(): input tensor must have at least 2 dimensions, got shape ", x.shape);
  Array target = out ? writable(op, x, out) : Array();
  Array dense = empty(x.shape, x.dtype, x.device());
  if (out && target.contiguous()) dense = target;
  else copy_into(dense, x);
  int64_t rows = x.shape[x.ndim() - 2], columns = x.shape.back(), limit = rows + columns + 1;
  diagonal = diagonal > limit ? limit : diagonal < -limit ? -limit : diagonal;
  if (x.numel())
    kernels(x.device())
        .triangle({dense.data(), x.itemsize(), x.numel() / (rows * columns), rows, columns, diagonal, upper});
  if (!out) return dense;
  if (dense.storage.get() != target.storage.get()) copy_into(target, dense);
  return target;
}

Array triangle_indices(int64_t rows, int64_t columns, int64_t diagonal, bool upper, std::optional<Device> device) {
  const char* op = upper ? "triu_indices" : "tril_indices";
  if (rows < 0 || columns < 0)
    fail(ErrorKind::Runtime, op, "(): row and col must be non-negative, got ", rows, " and ", columns);
  Array all = full({rows, columns}, Scalar(true), DType::Bool, or_default(device));
  return contiguous(transpose(nonzero(triangle(all, diagonal, upper, &all)), 0, 1));
}

Array diag_embed(const Array& x, int64_t offset, int64_t dim1, int64_t dim2) {
  int n = x.ndim() + 1, a = normalize_dim(dim1, n, "diag_embed"), b = normalize_dim(dim2, n, "diag_embed");
  if (x.ndim() == 0) fail(ErrorKind::Runtime, "diag_embed(): needs a tensor of at least 1 dimension");
  if (a == b) fail(ErrorKind::Runtime, "diag_embed(): diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t limit = int64_t(1) << 40;
  if (offset > limit || offset < -limit) fail(ErrorKind::Runtime, "diag_embed(): offset ", offset, " is too large");
  int64_t side = x.shape.back() + (offset < 0 ? -offset : offset);
  Dims shape = x.shape;
  shape.erase(x.ndim() - 1);
  shape.insert(a < b ? a : b, side);
  shape.insert(a < b ? b : a, side);
  Array out = zeros(shape, x.dtype, x.device());
  copy_into(diagonal(out, offset, a, b), x);
  return out;
}

}  // namespace tx
