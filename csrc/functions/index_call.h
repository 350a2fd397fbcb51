// Building the call of a gather or scatter kernel; shared by the index functions.
#pragma once
#include <string_view>

#include "../kernels.h"
#include "index.h"

namespace tx {

[[noreturn]] void fail_index(ErrorKind kind, int64_t index, int dim, int64_t size);
// Raises unless all of index (int64) is in [-size, size), or in [0, size) if negative indices are not allowed.
void check_index(ErrorKind kind, const Array& index, int dim, int64_t size, bool negative);
Array own_memory(const Array& source, const Array& target);          // a copy when they share memory
Array writable(const char* op, const Array& x, Array* out);          // what to write to: out, or a copy of x
Reduce reduce_named(const char* op, std::string_view name);

struct IndexCall {
  IndexArgs args;
  Device device;
  int dim;
  int64_t numel = 1;

  // Dimension `dim` of x is addressed by `index`; `values` are read or written.
  IndexCall(const Array& x, int dim, const Array& values, const Array& index)
      : IndexCall(x, x.shape[dim], x.strides[dim], dim, values, index) {}
  // As above for a dimension of this size and stride (in elements).
  IndexCall(const Array& x, int64_t size, int64_t stride, int dim, const Array& values, const Array& index)
      : device(x.device()), dim(dim) {
    const Array* operands[] = {&values, &x, &index};
    for (int k = 0; k < 3; k++) {
      args.it.data[k] = operands[k]->data();
      args.it.dtype[k] = operands[k]->dtype;
    }
    args.it.compute = x.dtype;
    args.size = size;
    args.stride = stride * x.itemsize();
    args.reduce = Reduce::Set;
  }

  // One more dimension of the iteration, inside those before; strides in elements.
  void push(int64_t size, int64_t value_stride, int64_t x_stride, int64_t index_stride) {
    int64_t item = itemsize(args.it.compute);
    args.it.push(size, {value_stride * item, x_stride * item, index_stride * int64_t(sizeof(int64_t))});
    numel *= size;
  }

  // checked: the indices have been, which saves a device from being waited for.
  void gather(ErrorKind kind, bool checked = false) {
    if (numel == 0) return;
    if (checked) {
      args.bad = nullptr;
      return kernels(device).gather(args);
    }
    constexpr int64_t kNone = INT64_MIN;
    int64_t bad = kNone;
    args.bad = &bad;
    if (args.size == 0) fail_index(kind, *reinterpret_cast<const int64_t*>(args.it.data[2]), dim, 0);
    kernels(device).gather(args);
    if (bad != kNone) fail_index(kind, bad, dim, args.size);
  }

  void scatter(Reduce reduce) {
    args.reduce = reduce;
    if (reduce != Reduce::Set) as_kernel_type();
    if (numel) kernels(device).scatter(args);
  }

 private:
  // Sums of complex numbers are those of their parts, sums and products of unsigned integers those of signed ones.
  void as_kernel_type() {
    NdIter<3>& it = args.it;
    const bool sum = args.reduce == Reduce::Sum;
    if (is_complex(it.compute) && sum && it.ndim < kMaxDims) {
      it.compute = real_dtype(it.compute);
      it.push(2, {itemsize(it.compute), itemsize(it.compute), 0});
    } else if (is_wide_unsigned(it.compute) && (sum || args.reduce == Reduce::Prod)) {
      const int64_t size = itemsize(it.compute);
      it.compute = size == 2 ? DType::Int16 : size == 4 ? DType::Int32 : DType::Int64;
    } else if (is_complex(it.compute) || is_wide_unsigned(it.compute)) {
      unsupported("scatter_reduce", it.compute);
    }
  }
};

}  // namespace tx
