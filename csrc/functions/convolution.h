// Convolutions over two spatial dimensions at array level. The three functions are each other's gradients:
//   convolution(x, weight) -> out;  convolution_input(g, weight) -> gradient of x;  convolution_weight(x, g) -> gradient of weight.
// A transposed convolution is convolution_input.
#pragma once
#include <optional>

#include "../array.h"

namespace tx {

// x (batch, in_channels, h, w), weight (out_channels, in_channels / groups, kernel_h, kernel_w), bias (out_channels).
Array convolution(const Array& x, const Array& weight, const std::optional<Array>& bias, const Dims& stride,
                  const Dims& padding, const Dims& dilation, int64_t groups);
// g (batch, out_channels, out_h, out_w); size (h, w) of the result (batch, in_channels, h, w).
Array convolution_input(const Array& g, const Array& weight, const Dims& size, const Dims& stride, const Dims& padding,
                        const Dims& dilation, int64_t groups);
// size (kernel_h, kernel_w) of the result (out_channels, in_channels / groups, kernel_h, kernel_w).
Array convolution_weight(const Array& x, const Array& g, const Dims& size, const Dims& stride, const Dims& padding,
                         const Dims& dilation, int64_t groups);

}  // namespace tx
