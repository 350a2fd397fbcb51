#include "copy.h"

#include <cstring>

#include "../cuda_library.h"
#include "../kernels.h"
#include "complex.h"
#include "elementwise.h"
#include "iterate.h"

namespace tx {

static bool moves(const Array& to, const Array& from) {
  const bool number = from.ndim() == 0 && from.device().type == DeviceType::CPU;  // goes along with the kernel
  return !(to.device() == from.device()) && !number;
}

void copy_into(const Array& to, const Array& from, bool wait) {
  if (is_complex(from.dtype) && !is_complex(to.dtype))  // kernels convert no complex number to a real one
    return copy_into(to, to.dtype == DType::Bool ? ne(from, Scalar(0), nullptr) : real(from), wait);
  if (moves(to, from)) {
    // Bytes move between contiguous arrays of one type; broadcasting and strides are left to the target's device.
    const bool direct = to.contiguous() && to.shape == from.shape;
    const Array source = contiguous(cast(from, to.dtype));
    const Array target = direct ? to : empty(from.shape, to.dtype, to.device());
    cuda_library().copy(target.data(), to.device(), source.data(), from.device(),
                        size_t(source.numel() * source.itemsize()), wait || source.storage.get() != from.storage.get());
    if (!direct) copy_into(to, target);
    return;
  }
  Array source = from, out = to;
  while (source.ndim() > out.ndim() && source.shape[0] == 1) {
    source.shape.erase(0);
    source.strides.erase(0);
  }
  if (!(broadcast_shapes(out.shape, source.shape, "copy_") == out.shape))
    fail(ErrorKind::Runtime, "copy_(): the source has shape ", from.shape, ", which does not broadcast to ", to.shape);
  if (!(source.shape == out.shape)) {
    Dims strides(out.ndim(), 0);
    for (int d = out.ndim() - 1, s = source.ndim() - 1; s >= 0; d--, s--)
      strides[d] = source.shape[s] == 1 ? 0 : source.strides[s];
    source.shape = out.shape;
    source.strides = strides;
  }
  Operand inputs[] = {source};
  Elementwise<2> call("copy_", inputs, out.dtype, out.dtype, &out);
  kernels(to.device()).copy(call.it);
}

Array deliver(const Array& result, Array* out) {
  if (!out || (out->data() == result.data() && out->strides == result.strides)) return result;
  copy_into(*out, result);  // also where the result is an operand that lies elsewhere in the same memory
  return *out;
}

void fill(const Array& to, const Scalar& value) {
  bool zero_bits = value.is_int() && value.i == 0;
  if (zero_bits && to.contiguous() && to.device().type == DeviceType::CUDA)
    return cuda_library().fill_zero(to.data(), to.device().index, size_t(to.numel() * to.itemsize()));
  if (zero_bits && to.contiguous() && to.numel() < 4096) {
    std::memset(to.data(), 0, size_t(to.numel() * to.itemsize()));
    return;
  }
  copy_into(to, scalar_array(value, to.dtype));
}

Array clone(const Array& x) {
  Array out = empty_for(x.shape, x.dtype, x.device(), {x});
  copy_into(out, x);
  return out;
}

Array contiguous(const Array& x) {
  if (x.contiguous()) return x;
  Array out = empty(x.shape, x.dtype, x.device());
  copy_into(out, x);
  return out;
}

Array to_device(const Array& x, Device device, bool wait) {
  if (x.device() == device) return x;
  Array out = empty_for(x.shape, x.dtype, device, {x});
  copy_into(out, x, wait);
  return out;
}

Array pinned(const Array& x) {
  if (!cuda_device_count())
    fail(ErrorKind::Runtime,
         "pin_memory: page-locked memory serves copies to CUDA devices, and there is none here: leave it out");
  const cuda::Library& library = cuda_library();
  library.use_device(current_cuda_device());
  const size_t nbytes = size_t(x.numel() * x.itemsize());
  void* data = library.allocate_pinned(nbytes);
  Array out;
  try {
    out.storage = StoragePtr::adopt(static_cast<char*>(data), nbytes, {}, data,
                                    [](Storage* s) { cuda_library().deallocate_pinned(s->owner); });
  } catch (...) {
    library.deallocate_pinned(data);
    throw;
  }
  out.dtype = x.dtype;
  out.shape = x.shape;
  out.strides = contiguous_strides(x.shape);
  copy_into(out, x);
  return out;
}

Array cast(const Array& x, DType dtype) {
  if (x.dtype == dtype) return x;
  Array out = empty_for(x.shape, dtype, x.device(), {x});
  copy_into(out, x);
  return out;
}

Array zeros(const Dims& shape, DType dtype, Device device) {
  Array out = empty(shape, dtype, device);
  fill(out, Scalar(0));
  return out;
}

Array full(const Dims& shape, const Scalar& value, DType dtype, Device device) {
  Array out = empty(shape, dtype, device);
  fill(out, value);
  return out;
}

}  // namespace tx
