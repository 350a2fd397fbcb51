#include "creation.h"

#include <cmath>
#include <utility>

#include "../cuda_library.h"
#include "../kernels.h"
#include "../promotion.h"
#include "complex.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

static thread_local Device chosen_device;

Device default_device() {
  const Device device = chosen_device;
  return device.index < 0 ? Device{device.type, int8_t(current_cuda_device())} : device;
}

Device swap_default_device(Device device) { return std::exchange(chosen_device, device); }

void check_fits(const Scalar& value, DType dtype) {
  if (!is_integral(dtype) || dtype == DType::Bool || value.kind == Scalar::Kind::Unsigned) return;
  int bits = int(8 * itemsize(dtype)) - is_signed(dtype);
  double limit = std::ldexp(1.0, bits);
  bool fits = !value.is_int() ? value.d > -limit - 1 && value.d < limit
              : bits >= 63    ? true
                              : value.i >= -(int64_t(1) << bits) && value.i < int64_t(1) << bits;
  if (!fits) fail(ErrorKind::Runtime, "value cannot be converted to type ", dtype_name(dtype), " without overflow");
}

Array creation_target(const char* op, const Dims& shape, std::optional<DType> wanted, DType otherwise, Device device,
                      Array* out) {
  if (!out) return empty(shape, wanted.value_or(otherwise), device);
  if (wanted && *wanted != out->dtype)
    fail(ErrorKind::Runtime, op, "(): dtype ", dtype_name(*wanted), " does not match dtype of out parameter (",
         dtype_name(out->dtype), ")");
  if (!(out->shape == shape)) {
    uint64_t version = out->storage->version;
    *out = empty(shape, out->dtype, out->device());
    out->storage->version = version;
  }
  if (has_zero_stride(*out))
    fail(ErrorKind::Runtime, op,
         "(): more than one element of the written-to tensor refers to a single memory location; clone() it before "
         "writing to it");
  return *out;
}

Array filled(const Dims& shape, const Scalar& value, std::optional<DType> dtype, Device device, Array* out) {
  Array result = creation_target("full", shape, dtype, value.dtype(), device, out);
  check_fits(value, result.dtype);
  fill(result, value);
  return result;
}

namespace {

// The type that the kernel makes numbers of another in.
DType range_type(DType t) { return is_wide_unsigned(t) ? DType::Int64 : real_dtype(t); }

// Runs the kernel into `result`, through a contiguous array when it is strided or of another type.
void run(RangeArgs args, const Array& result) {
  const DType type = range_type(result.dtype);
  const bool direct = result.contiguous() && result.dtype == type;
  Array dense = direct ? result : empty(result.shape, type, result.device());
  args.dtype = dense.dtype;
  args.out = dense.data();
  args.n = dense.numel();
  if (args.n) kernels(dense.device()).range(args);
  if (!direct) copy_into(result, dense);
}

DType range_dtype(const Scalar& start, const Scalar& end, const Scalar& step) {
  return start.is_int() && end.is_int() && step.is_int() ? DType::Int64 : default_dtype();
}

void check_range(const char* op, const Scalar& start, const Scalar& end, const Scalar& step) {
  for (const Scalar& s : {start, end, step})
    if (s.kind == Scalar::Kind::Complex) fail(ErrorKind::Runtime, op, "(): expected real numbers, got a complex one");
  double first = start.as_double(), last = end.as_double(), by = step.as_double();
  if (by == 0 || std::isnan(by)) fail(ErrorKind::Runtime, op, "(): step must be nonzero");
  if (!std::isfinite(first) || !std::isfinite(last))
    fail(ErrorKind::Runtime, op, "(): unsupported range: ", first, " -> ", last);
  bool forward = start.is_int() && end.is_int() ? end.i >= start.i : last >= first;
  bool nothing = start.is_int() && end.is_int() ? end.i == start.i : last == first;
  if (!nothing && forward != (by > 0))
    fail(ErrorKind::Runtime, op, "(): upper bound and lower bound inconsistent with step sign: ", first, " to ", last,
         " by ", by);
}

int64_t checked_steps(const char* op, double steps) {
  if (!(steps < 9.2e18)) fail(ErrorKind::Runtime, op, "(): invalid size, possible overflow: ", steps, " elements");
  return int64_t(steps);
}

// start, start + step, ...: `steps` of them.
Array stepped(const char* op, const Scalar& start, const Scalar& end, const Scalar& step, int64_t steps,
              std::optional<DType> dtype, Device device, Array* out) {
  Array result = creation_target(op, {steps}, dtype, range_dtype(start, end, step), device, out);
  RangeArgs args{};
  args.start = start.as_double();
  args.step = step.as_double();
  args.exact = is_integral(result.dtype);
  args.integer_start = start.as_int();
  args.integer_step = step.as_int();
  run(args, result);
  return result;
}

}  // namespace

Array arange(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype, Device device,
             Array* out) {
  check_range("arange", start, end, step);
  int64_t steps;
  if (start.is_int() && end.is_int() && step.is_int()) {
    uint64_t distance = step.i > 0 ? uint64_t(end.i) - uint64_t(start.i) : uint64_t(start.i) - uint64_t(end.i);
    uint64_t by = step.i > 0 ? uint64_t(step.i) : -uint64_t(step.i);
    uint64_t count = distance / by + (distance % by != 0);
    if (count > uint64_t(INT64_MAX))
      fail(ErrorKind::Runtime, "arange(): invalid size, possible overflow: ", count, " elements");
    steps = int64_t(count);
  } else {
    steps = checked_steps("arange", std::ceil((end.as_double() - start.as_double()) / step.as_double()));
  }
  return stepped("arange", start, end, step, steps, dtype, device, out);
}

Array range(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype, Device device,
            Array* out) {
  check_range("range", start, end, step);
  int64_t steps = checked_steps("range", std::floor((end.as_double() - start.as_double()) / step.as_double()) + 1);
  return stepped("range", start, end, step, steps, dtype ? dtype : std::optional(out ? out->dtype : default_dtype()),
                 device, out);
}

static Array spaced(const char* op, const Scalar& start, const Scalar& end, int64_t steps, const double* base,
                    std::optional<DType> dtype, Device device, Array* out) {
  if (steps < 0) fail(ErrorKind::Runtime, op, "(): number of steps must be non-negative, got ", steps);
  const bool parts = start.kind == Scalar::Kind::Complex || end.kind == Scalar::Kind::Complex;
  Array result =
      creation_target(op, {steps}, dtype, parts ? complex_dtype(default_dtype()) : default_dtype(), device, out);
  if (parts) {
    if (base || !is_complex(result.dtype))
      fail(ErrorKind::Runtime, op, "(): complex numbers do not go into a tensor of dtype ", dtype_name(result.dtype),
           base ? ", nor into logspace at all" : "");
    Array re = real(result), im = imag(result);
    spaced(op, start.as_double(), end.as_double(), steps, nullptr, std::nullopt, device, &re);
    spaced(op, start.imag, end.imag, steps, nullptr, std::nullopt, device, &im);
    return result;
  }
  RangeArgs args{};
  args.start = start.as_double();
  args.end = steps == 1 ? args.start : end.as_double();
  args.step = steps > 1 ? (args.end - args.start) / double(steps - 1) : 0;
  args.steps_back = true;
  args.power = base;
  args.base = base ? *base : 0;
  run(args, result);
  return result;
}

Array linspace(const Scalar& start, const Scalar& end, int64_t steps, std::optional<DType> dtype, Device device,
               Array* out) {
  return spaced("linspace", start, end, steps, nullptr, dtype, device, out);
}

Array logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, std::optional<DType> dtype,
               Device device, Array* out) {
  return spaced("logspace", start, end, steps, &base, dtype, device, out);
}

Array eye(int64_t n, int64_t m, std::optional<DType> dtype, Device device, Array* out) {
  if (n < 0 || m < 0) fail(ErrorKind::Runtime, "eye(): sizes must be greater or equal to 0, got ", n, " and ", m);
  Array result = creation_target("eye", {n, m}, dtype, default_dtype(), device, out);
  fill(result, Scalar(0));
  Array diagonal = result;
  diagonal.shape = {std::min(n, m)};
  diagonal.strides = {result.strides[0] + result.strides[1]};
  fill(diagonal, Scalar(1));
  return result;
}

}  // namespace tx
