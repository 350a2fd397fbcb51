// Products of quantized tensors at array level.
#pragma once
#include <optional>

#include "../array.h"

namespace tx {

// kernels/quantized.h has the arithmetic. x uint8 (batch, h, w, channels); weight int8, packed; weight_sums int32
// (out_channels); offset and multiplier float32 (out_channels), absent for int32 sums. kernel, stride, padding, dilation:
// (height, width). uint8 results are clamped to [lowest, 255]. Result (batch, out_h, out_w, out_channels).
Array quantized_convolution(const Array& x, int64_t zero_point, const Array& weight, const Array& weight_sums,
                            const std::optional<Array>& offset, const std::optional<Array>& multiplier,
                            const Dims& kernel, const Dims& stride, const Dims& padding, const Dims& dilation,
                            DType dtype, int64_t out_zero_point, int64_t lowest);

}  // namespace tx
