// Tensors from sizes and formulas. With `out`, its dtype and storage are used, and it is resized when its shape differs.
#pragma once
#include <optional>

#include "../array.h"

namespace tx {

// Where tensors are made that no device is given for: the CPU, unless this thread chose another. Index -1: the current one.
Device default_device();
Device swap_default_device(Device device);  // what it was before, as it was given
inline Device or_default(std::optional<Device> given) { return given ? *given : default_device(); }

Array arange(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype, Device device,
             Array* out);
Array range(const Scalar& start, const Scalar& end, const Scalar& step, std::optional<DType> dtype, Device device,
            Array* out);
Array linspace(const Scalar& start, const Scalar& end, int64_t steps, std::optional<DType> dtype, Device device,
               Array* out);
Array logspace(const Scalar& start, const Scalar& end, int64_t steps, double base, std::optional<DType> dtype,
               Device device, Array* out);
Array eye(int64_t n, int64_t m, std::optional<DType> dtype, Device device, Array* out);

// A full array; `dtype` none: that of the value.
Array filled(const Dims& shape, const Scalar& value, std::optional<DType> dtype, Device device, Array* out);

// Raises RuntimeError for a number that an integer dtype cannot hold (negative ones wrap in unsigned types).
void check_fits(const Scalar& value, DType dtype);

// The array that a creation function writes: `out`, made to have this shape, or a fresh one.
Array creation_target(const char* op, const Dims& shape, std::optional<DType> wanted, DType otherwise, Device device,
                      Array* out);

}  // namespace tx
