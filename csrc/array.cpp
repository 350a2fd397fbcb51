#include "array.h"

#include <cmath>
#include <new>

#include "cpu/allocator.h"
#include "cuda_library.h"
#include "float_conversion.h"
#include "promotion.h"

namespace tx {

std::ostream& operator<<(std::ostream& out, const Dims& dims) {
  out << '[';
  for (int i = 0; i < dims.size(); i++) out << (i ? ", " : "") << dims[i];
  return out << ']';
}

std::string to_string(const Dims& dims) {
  std::ostringstream text;
  text << dims;
  return text.str();
}

static void release_cpu(Storage* s) { deallocate(s->data, s->nbytes); }
static void release_cuda(Storage* s) { cuda_library().deallocate(s->data); }

StoragePtr StoragePtr::allocate(size_t nbytes, Device device) {
  if (device.type == DeviceType::CUDA) {
    void* data = cuda_library().allocate(device.index, nbytes);
    try {
      return adopt(static_cast<char*>(data), nbytes, device, nullptr, release_cuda);
    } catch (...) {
      cuda_library().deallocate(data);
      throw;
    }
  }
  char* data = static_cast<char*>(tx::allocate(nbytes));
  try {
    return adopt(data, nbytes, device, nullptr, release_cpu);
  } catch (...) {
    deallocate(data, nbytes);
    throw;
  }
}

StoragePtr StoragePtr::adopt(char* data, size_t nbytes, Device device, void* owner, void (*release)(Storage*)) {
  Storage* s = new (tx::allocate(sizeof(Storage))) Storage;
  s->data = data;
  s->nbytes = nbytes;
  s->device = device;
  s->owner = owner;
  s->release = release;
  return StoragePtr(s);
}

void StoragePtr::destroy(Storage* s) {
  s->release(s);
  s->~Storage();
  deallocate(s, sizeof(Storage));
}

int64_t checked_numel(const Dims& shape, DType dtype) {
  int64_t n = 1, bytes;
  bool zero = false, overflow = false;
  for (int64_t size : shape) {
    if (size < 0) fail(ErrorKind::Runtime, "Trying to create tensor with negative dimension ", size, ": ", shape);
    if (size == 0) zero = true;
    else overflow |= __builtin_mul_overflow(n, size, &n);
  }
  overflow |= __builtin_mul_overflow(n, itemsize(dtype), &bytes);
  if (overflow)
    fail(ErrorKind::Runtime, "a tensor of shape ", shape, " and dtype ", dtype_name(dtype),
         " has more bytes than 64 bits can count");
  return zero ? 0 : n;
}

Dims contiguous_strides(const Dims& shape) {
  Dims strides(shape.size(), 1);
  int64_t step = 1;
  for (int d = shape.size() - 1; d >= 0; d--) {
    strides[d] = step;
    if (shape[d] > 1) step *= shape[d];
  }
  return strides;
}

Array empty(const Dims& shape, DType dtype, Device device) {
  Array out;
  int64_t n = checked_numel(shape, dtype);
  out.storage = StoragePtr::allocate(size_t(n * itemsize(dtype)), device);
  out.dtype = dtype;
  out.shape = shape;
  out.strides = contiguous_strides(shape);
  return out;
}

Array empty_strided(const Dims& shape, const Dims& strides, DType dtype, Device device) {
  if (shape.size() != strides.size())
    fail(ErrorKind::Runtime, "mismatch in length of strides and shape: shape ", shape, ", strides ", strides);
  int64_t last = 0, n = checked_numel(shape, dtype);
  for (int d = 0; d < shape.size(); d++) {
    int64_t reach;
    if (strides[d] < 0) fail(ErrorKind::Runtime, "strides must not be negative: got ", strides);
    if (shape[d] > 0 &&
        (__builtin_mul_overflow(shape[d] - 1, strides[d], &reach) || __builtin_add_overflow(last, reach, &last)))
      fail(ErrorKind::Runtime, "shape ", shape, " with strides ", strides, " reaches beyond 64 bits");
  }
  int64_t bytes;
  if (__builtin_mul_overflow(last + 1, itemsize(dtype), &bytes))
    fail(ErrorKind::Runtime, "shape ", shape, " with strides ", strides, " reaches beyond 64 bits");
  Array out;
  out.storage = StoragePtr::allocate(n ? size_t(bytes) : 0, device);
  out.dtype = dtype;
  out.shape = shape;
  out.strides = strides;
  return out;
}

int64_t Scalar::as_int() const {
  if (is_int()) return i;
  if (std::isnan(d)) return 0;
  if (d >= 9223372036854775808.0) return INT64_MAX;
  if (d < -9223372036854775808.0) return INT64_MIN;
  return int64_t(d);
}

DType Scalar::dtype() const {
  switch (kind) {
    case Kind::Bool: return DType::Bool;
    case Kind::Int:
    case Kind::Unsigned: return DType::Int64;
    case Kind::Float: return default_dtype();
    default: return complex_dtype(default_dtype());
  }
}

void Scalar::store(char* to, DType t) const {
  if (kind == Kind::Complex && imag != 0 && !is_complex(t))
    fail(ErrorKind::Runtime, "value cannot be converted to type ", dtype_name(t),
         " without overflow: it has an imaginary part");
  if (kind == Kind::Unsigned && is_integral(t) && t != DType::UInt64 && t != DType::Bool)
    fail(ErrorKind::Overflow, "int too large: ", uint64_t(i), " fits only uint64");
  switch (t) {
    case DType::Bool: *to = is_int() ? i != 0 : d != 0; break;
    case DType::UInt8: *reinterpret_cast<uint8_t*>(to) = uint8_t(as_int()); break;
    case DType::Int8: *reinterpret_cast<int8_t*>(to) = int8_t(as_int()); break;
    case DType::Int16: *reinterpret_cast<int16_t*>(to) = int16_t(as_int()); break;
    case DType::Int32: *reinterpret_cast<int32_t*>(to) = int32_t(as_int()); break;
    case DType::Int64: *reinterpret_cast<int64_t*>(to) = as_int(); break;
    case DType::Float16: *reinterpret_cast<Float16*>(to) = to_float16(float(as_double())); break;
    case DType::BFloat16: *reinterpret_cast<BFloat16*>(to) = to_bfloat16(float(as_double())); break;
    case DType::Float32: *reinterpret_cast<float*>(to) = float(as_double()); break;
    case DType::Float64: *reinterpret_cast<double*>(to) = as_double(); break;
    case DType::UInt16: *reinterpret_cast<uint16_t*>(to) = uint16_t(as_int()); break;
    case DType::UInt32: *reinterpret_cast<uint32_t*>(to) = uint32_t(as_int()); break;
    case DType::UInt64:
      *reinterpret_cast<uint64_t*>(to) = !is_int() && d >= 0x1p63 && d < 0x1p64 ? uint64_t(d) : uint64_t(as_int());
      break;
    case DType::Complex64: *reinterpret_cast<Complex<float>*>(to) = {float(as_double()), float(imag)}; break;
    case DType::Complex128: *reinterpret_cast<Complex<double>*>(to) = {as_double(), imag}; break;
  }
}

Array scalar_array(const Scalar& value, DType dtype, Device device) {
  Array out = empty({}, dtype, device);
  if (device.type == DeviceType::CPU) {
    value.store(out.data(), dtype);
    return out;
  }
  char bytes[16];
  value.store(bytes, dtype);
  cuda_library().copy(out.data(), device, bytes, {}, size_t(itemsize(dtype)), false);
  return out;
}

int normalize_dim(int64_t dim, int ndim, const char* op) {
  int64_t limit = ndim ? ndim : 1;
  if (dim < -limit || dim >= limit)
    fail(ErrorKind::Index, op, "(): Dimension out of range (expected to be in range of [", -limit, ", ", limit - 1,
         "], but got ", dim, ")");
  return int(dim < 0 ? dim + limit : dim);
}

}  // namespace tx
