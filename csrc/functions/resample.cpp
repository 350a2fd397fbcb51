#include "resample.h"

#include "../kernels.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

namespace {

template <class Args>
Args arguments(const char* op, const Array& x, const Array& offsets, const Array& index) {
  if (x.ndim() != 4)
    fail(ErrorKind::Runtime, op, "(): expected 4 dimensions (tables, outer, in, inner), got shape ", x.shape);
  if (!is_floating(x.dtype))
    fail(ErrorKind::NotImplemented, op, "(): not implemented for ", dtype_name(x.dtype), ": convert with .float()");
  if (offsets.dtype != DType::Int64 || index.dtype != DType::Int64)
    fail(ErrorKind::Runtime, op, "(): expected int64 offsets and index, got ", dtype_name(offsets.dtype), " and ",
         dtype_name(index.dtype));
  Args a{};
  a.dtype = compute_dtype(x.dtype);
  a.tables = x.shape[0], a.outer = x.shape[1], a.in = x.shape[2], a.inner = x.shape[3];
  a.taps = index.numel();
  const int64_t points = offsets.numel() - 1;
  if (points < 0 || (a.tables ? points % a.tables : points) != 0)
    fail(ErrorKind::Runtime, op, "(): expected offsets of points * ", a.tables, " + 1 elements, got ", offsets.numel());
  a.points = a.tables ? points / a.tables : 0;
  return a;
}

}  // namespace

Array resample(const Array& x, const Array& offsets, const Array& index, const Array& weight) {
  auto a = arguments<ResampleArgs>("resample", x, offsets, index);
  common_device("resample", {x, offsets, index, weight});
  if (weight.numel() != a.taps)
    fail(ErrorKind::Runtime, "resample(): expected a weight for each index, got ", weight.numel(), " for ", a.taps);
  const Array in = contiguous(cast(x, a.dtype)), factors = contiguous(cast(weight, a.dtype)),
              begins = contiguous(offsets), at = contiguous(index),
              out = empty({a.tables, a.outer, a.points, a.inner}, a.dtype, x.device());
  a.offsets = reinterpret_cast<const int64_t*>(begins.data());
  a.index = reinterpret_cast<const int64_t*>(at.data());
  a.weight = factors.data();
  a.x = in.data();
  a.out = out.data();
  kernels(x.device()).resample(a);
  return cast(out, x.dtype);
}

Array resample_weight(const Array& g, const Array& x, const Array& offsets, const Array& index) {
  auto a = arguments<ResampleWeightArgs>("resample_weight", x, offsets, index);
  common_device("resample_weight", {x, offsets, index, g});
  if (!(g.shape == Dims{a.tables, a.outer, a.points, a.inner}))
    fail(ErrorKind::Runtime, "resample_weight(): expected a gradient of shape ",
         Dims{a.tables, a.outer, a.points, a.inner}, ", got ", g.shape);
  const Array in = contiguous(cast(x, a.dtype)), dense_g = contiguous(cast(g, a.dtype)), begins = contiguous(offsets),
              at = contiguous(index), out = zeros(index.shape, a.dtype, x.device());
  a.offsets = reinterpret_cast<const int64_t*>(begins.data());
  a.index = reinterpret_cast<const int64_t*>(at.data());
  a.g = dense_g.data();
  a.x = in.data();
  a.out = out.data();
  kernels(x.device()).resample_weight(a);
  return out;
}

}  // namespace tx
