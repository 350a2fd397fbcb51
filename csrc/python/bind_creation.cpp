// Creation functions, as far as C goes: the Python ones (creation.py) add requires_grad and the defaults.
#include "../functions/copy.h"
#include "../functions/creation.h"
#include "../functions/iterate.h"
#include "../promotion.h"
#include "bind.h"
#include "sizes.h"

namespace tx::python {

namespace {

Array empty_sizes(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Array* out) {
  return creation_target("empty", sizes.dims, dtype, default_dtype(), or_default(device), out);
}
Array full_sizes(const Sizes& sizes, const Scalar& value, std::optional<DType> dtype, std::optional<Device> device,
                 Array* out) {
  return filled(sizes.dims, value, dtype, or_default(device), out);
}
Array zeros_sizes(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Array* out) {
  Array a = creation_target("zeros", sizes.dims, dtype, default_dtype(), or_default(device), out);
  fill(a, Scalar(0));
  return a;
}
Array ones_sizes(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Array* out) {
  Array a = creation_target("ones", sizes.dims, dtype, default_dtype(), or_default(device), out);
  fill(a, Scalar(1));
  return a;
}
Array arange_to(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype,
                std::optional<Device> device, Array* out) {
  return arange(start, end, step, dtype, or_default(device), out);
}
Array range_to(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype,
               std::optional<Device> device, Array* out) {
  return range(start, end, step, dtype, or_default(device), out);
}
Array linspace_to(const Scalar& start, const Scalar& end, int64_t steps, std::optional<DType> dtype,
                  std::optional<Device> device, Array* out) {
  return linspace(start, end, steps, dtype, or_default(device), out);
}
Array logspace_to(const Scalar& start, const Scalar& end, int64_t steps, double base, std::optional<DType> dtype,
                  std::optional<Device> device, Array* out) {
  return logspace(start, end, steps, base, dtype, or_default(device), out);
}
Array eye_of(int64_t n, std::optional<int64_t> m, std::optional<DType> dtype, std::optional<Device> device,
             Array* out) {
  return eye(n, m.value_or(n), dtype, or_default(device), out);
}
// A fresh array in the memory order of `x`.
Array empty_like(const Array& x, std::optional<DType> dtype, std::optional<Device> device) {
  return empty_for(x.shape, dtype.value_or(x.dtype), device.value_or(x.device()), {x});
}
Array new_zeros(const Array& like, const Dims& shape) {
  return filled(shape, Scalar(0), like.dtype, like.device(), nullptr);
}
Array full_like(const Array& x, const Scalar& value, std::optional<DType> dtype, std::optional<Device> device) {
  Array a = empty_like(x, dtype, device);
  fill(a, value);
  return a;
}

void set_default_device(PyObject* o) {
  Device device;
  if (o != Py_None && !device_as_given(o, &device)) throw PythonError{};
  swap_default_device(device);
}
// The default device; none where that is the CPU.
std::optional<Device> chosen_device() {
  const Device device = default_device();
  return device.type == DeviceType::CPU ? std::nullopt : std::optional(device);
}

}  // namespace

void bind_creation(PyObject* m) {
  bind<&default_device>(m, "get_default_device");
  bind<&chosen_device>(m, "chosen_device");
  bind<&set_default_device>(m, "set_default_device");
  bind<&empty_sizes>(m, "empty");
  bind<&full_sizes>(m, "full");
  bind<&zeros_sizes>(m, "zeros");
  bind<&ones_sizes>(m, "ones");
  bind<&empty_like>(m, "empty_like");
  bind<&full_like>(m, "full_like");
  bind<&new_zeros>(m, "new_zeros");
  bind<&arange_to>(m, "arange");
  bind<&range_to>(m, "range");
  bind<&linspace_to>(m, "linspace");
  bind<&logspace_to>(m, "logspace");
  bind<&eye_of>(m, "eye");
}

}  // namespace tx::python
