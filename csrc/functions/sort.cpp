#include "sort.h"

#include "../kernels.h"
#include "copy.h"
#include "index.h"
#include "iterate.h"
#include "join.h"
#include "elementwise.h"
#include "unsigned.h"
#include "view.h"

namespace tx {

namespace {

// x with dimension `dim` last and contiguous: rows for a kernel.
struct Rows {
  Array x;
  int dim;
  int64_t rows, n;
  Dims shape;                          // of the given array, a 0-dim one as [1]

  Rows(const char* op, const Array& given, int64_t d) : dim(normalize_dim(d, given.ndim(), op)) {
    Array comparable = ordered(op, given), wide = given.ndim() ? comparable : reshape(comparable, {1});
    shape = wide.shape;
    n = shape[dim];
    x = contiguous(transpose(wide, dim, -1));
    rows = n ? x.numel() / n : 0;
    if (n >= kMaxSortedRow)
      fail(ErrorKind::Runtime, op, "(): a row of ", n, " elements is too long; at most ", kMaxSortedRow - 1);
  }

  // An array for k results per row, to be filled as contiguous rows.
  Array output(int64_t k, DType dtype) const {
    Dims sizes = x.shape;
    sizes.back() = k;
    return empty(sizes, dtype, x.device());
  }

  // Sorted values as elements of the given array.
  Array values(const Array& out, const Array& given) const { return unordered(restored(out, given), given.dtype); }

  // A filled output with its dimensions as in the given array.
  Array restored(const Array& out, const Array& given) const {
    if (given.ndim() == 0) return reshape(out, {});
    return dim == given.ndim() - 1 ? out : contiguous(transpose(out, dim, -1));
  }
};

void check_not_empty(const char* op, const Rows& r) {
  if (r.n == 0) fail(ErrorKind::Index, op, "(): Expected reduction dim ", r.dim, " to have non-zero size.");
}

// One result per row: removes the dimension of size 1 unless keepdim.
Array reduced(const Rows& r, const Array& out, const Array& given, bool keepdim) {
  Array back = r.restored(out, given);
  return keepdim || given.ndim() == 0 ? back : squeeze(back, Dims{r.dim});
}

std::pair<Array, Array> select_rank(const char*, const Rows& r, const Array& given, Rank rank, int64_t k,
                                    bool keepdim) {
  Array values = r.output(1, r.x.dtype), indices = r.output(1, DType::Int64);
  if (r.rows)
    kernels(r.x.device())
        .select_rank(
            {r.x.dtype, r.rows, r.n, r.x.data(), rank, k, values.data(), reinterpret_cast<int64_t*>(indices.data())});
  return {unordered(reduced(r, values, given, keepdim), given.dtype), reduced(r, indices, given, keepdim)};
}

}  // namespace

std::pair<Array, Array> sort(const Array& x, int64_t dim, bool descending) {
  Rows r("sort", x, dim);
  Array values = r.output(r.n, r.x.dtype), indices = r.output(r.n, DType::Int64);
  if (r.rows)
    kernels(x.device())
        .sort({r.x.dtype, r.rows, r.n, r.x.data(), descending, r.n, values.data(),
               reinterpret_cast<int64_t*>(indices.data())});
  return {r.values(values, x), r.restored(indices, x)};
}

Array argsort(const Array& x, int64_t dim, bool descending) {
  Rows r("argsort", x, dim);
  Array indices = r.output(r.n, DType::Int64);
  if (r.rows)
    kernels(x.device())
        .sort(
            {r.x.dtype, r.rows, r.n, r.x.data(), descending, r.n, nullptr, reinterpret_cast<int64_t*>(indices.data())});
  return r.restored(indices, x);
}

std::pair<Array, Array> topk(const Array& x, int64_t k, int64_t dim, bool largest) {
  Rows r("topk", x, dim);
  if (k < 0 || k > r.n)
    fail(ErrorKind::Runtime, "topk(): selected index k out of range: got k = ", k, " for dimension ", r.dim,
         " of size ", r.n);
  Array values = r.output(k, r.x.dtype), indices = r.output(k, DType::Int64);
  if (r.rows && k)
    kernels(x.device())
        .topk({r.x.dtype, r.rows, r.n, r.x.data(), largest, k, values.data(),
               reinterpret_cast<int64_t*>(indices.data())});
  if (x.ndim() == 0 && k == 0) return {unordered(values, x.dtype), indices};
  return {r.values(values, x), r.restored(indices, x)};
}

std::pair<Array, Array> kthvalue(const Array& x, int64_t k, int64_t dim, bool keepdim) {
  Rows r("kthvalue", x, dim);
  check_not_empty("kthvalue", r);
  if (k < 1 || k > r.n)
    fail(ErrorKind::Runtime, "kthvalue(): selected number k out of range for dimension ", r.dim, ": got k = ", k,
         " for size ", r.n);
  return select_rank("kthvalue", r, x, Rank::Kth, k - 1, keepdim);
}

std::pair<Array, Array> median(const Array& x, int64_t dim, bool keepdim, bool ignore_nan) {
  const char* op = ignore_nan ? "nanmedian" : "median";
  Rows r(op, x, dim);
  check_not_empty(op, r);
  return select_rank(op, r, x, ignore_nan ? Rank::NanMedian : Rank::Median, 0, keepdim);
}

Array searchsorted(const char* op, const Array& sorted, const Operand& given, bool right,
                   const std::optional<Array>& sorter, bool out_int32) {
  if (sorted.ndim() == 0) fail(ErrorKind::Runtime, op, "(): the boundaries must have at least one dimension");
  common_device(op, {sorted, given});
  ResultType type;
  type.add(sorted);
  type.add(given);
  DType t = type.get();
  Array boundaries = contiguous(ordered(op, cast(sorted, t)));
  Array values =
      contiguous(ordered(op, given.array ? cast(*given.array, t) : scalar_array(given.scalar, t, sorted.device())));
  t = values.dtype;
  bool shared = sorted.ndim() == 1;
  bool fits = shared || values.ndim() == sorted.ndim();
  for (int d = 0; fits && !shared && d + 1 < sorted.ndim(); d++) fits = values.shape[d] == sorted.shape[d];
  if (!fits)
    fail(ErrorKind::Runtime, op,
         "(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
         "tensor must match, but we got boundaries tensor ",
         sorted.shape, " and input value tensor ", values.shape);
  Array order;
  if (sorter) {
    if (!(sorter->shape == sorted.shape))
      fail(ErrorKind::Runtime, op, "(): boundaries and sorter must have the same size, but got boundary tensor ",
           sorted.shape, " and got sorter tensor ", sorter->shape);
    if (sorter->dtype != DType::Int64)
      fail(ErrorKind::Runtime, op, "(): sorter must be a tensor of long dtype but got dtype ",
           dtype_name(sorter->dtype));
    order = contiguous(*sorter);
    auto [smallest, largest] = index_bounds(order);
    if (smallest < 0 || largest >= sorted.shape.back()) fail(ErrorKind::Index, op, "(): sorter index out of range");
  }
  Array out = empty(values.shape, DType::Int64, sorted.device());
  int64_t m = shared ? values.numel() : values.shape.back(), rows = shared ? 1 : m ? values.numel() / m : 0;
  if (values.numel())
    kernels(sorted.device())
        .searchsorted({t, rows, sorted.shape.back(), m, boundaries.data(), shared, values.data(),
                       sorter ? reinterpret_cast<const int64_t*>(order.data()) : nullptr, right,
                       reinterpret_cast<int64_t*>(out.data())});
  return out_int32 ? cast(out, DType::Int32) : out;
}

std::tuple<Array, Array, Array> unique(const Array& x, std::optional<int64_t> dim, bool consecutive) {
  const char* op = consecutive ? "unique_consecutive" : "unique";
  int d = dim ? normalize_dim(*dim, x.ndim(), op) : 0;
  Array moved = dim && x.ndim() ? transpose(x, 0, d) : reshape(x, {-1});
  Array rows = contiguous(moved), keys = ordered(op, rows);
  int64_t n = rows.shape[0], width = n ? rows.numel() / n : 0;
  if (dim && n && !width)
    fail(ErrorKind::Runtime, op, "(): there are 0 elements in the slices of dimension ", d, " of shape ", x.shape);
  Array order;
  if (!consecutive && width == 1) order = argsort(reshape(keys, {n}), 0, false);
  else if (!consecutive) order = empty({n}, DType::Int64, x.device());
  Array starts = empty({n}, DType::Bool, x.device()), number = empty({n}, DType::Int64, x.device());
  RunsArgs args = {keys.dtype,
                   n,
                   width,
                   keys.data(),
                   order ? reinterpret_cast<int64_t*>(order.data()) : nullptr,
                   reinterpret_cast<uint8_t*>(starts.data()),
                   reinterpret_cast<int64_t*>(number.data())};
  const Kernels& table = kernels(x.device());
  if (n && !consecutive && width > 1) table.sort_rows(args);
  if (n) table.mark_runs(args);
  Array first = reshape(nonzero(starts), {-1});                          // where in the order each run starts
  Array values = index_select(rows, 0, order ? index_select(order, 0, first) : first);
  Array ends = cat({narrow(first, 0, first.numel() ? 1 : 0, first.numel() ? first.numel() - 1 : 0),
                    full({first.numel() ? 1 : 0}, Scalar(n), DType::Int64, x.device())},
                   0, nullptr);
  if (dim && x.ndim()) values = contiguous(transpose(values, 0, d));
  Array inverse = dim ? number : reshape(number, x.shape);
  return {values, inverse, sub(ends, first, nullptr)};
}

}  // namespace tx
