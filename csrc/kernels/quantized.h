// Arguments of the product of quantized images and weights.
#pragma once
#include "../dtype.h"

namespace tx {

// Weights are packed in strips of kStripColumns output channels. In a strip, four steps of the sum (a quad) of one channel
// lie side by side, then those of the next channel: (groups, strips, quads, kStripColumns, kQuad), filled up with zeros.
// That is the order in which instructions of four byte products want them, the same for every device and instruction set.
constexpr int kStripColumns = 16, kQuad = 4;

// A convolution of images with their channels last; a matrix product is one of images of a single pixel. For each output
// channel, with the sum over the window in the order (kernel_h, kernel_w, channel):
//   sum = sum of (x - zero_point) weight            in int32, and so the same on every device
//   y = (float(sum) + offset) multiplier            in float32, one operation after the other
// Out is the sum (Int32), y (Float32), or (UInt8) nearbyint(y), clamped to [lowest, highest], plus out_zero_point.
struct QuantizedArgs {
  int64_t batch, in_channels, in_h, in_w, out_channels, out_h, out_w, groups;
  int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  const uint8_t* x;  // (batch, in_h, in_w, in_channels); what is padded is zero_point
  int32_t zero_point;  // 0 to 255
  const int8_t* weight;  // packed
  const int32_t* weight_sums;  // (out_channels)
  const float *offset, *multiplier;  // (out_channels); not for Int32
  DType dtype;  // of out
  char* out;  // (batch, out_h, out_w, out_channels)
  float lowest, highest;  // integers from -255 to 255, 0 being between them or one of them
  int32_t out_zero_point;
  TX_INLINE int64_t channels() const { return in_channels / groups; }
  TX_INLINE int64_t columns() const { return out_channels / groups; }
  TX_INLINE int64_t depth() const { return kernel_h * kernel_w * channels(); }
  TX_INLINE int64_t quads() const { return (depth() + kQuad - 1) / kQuad; }
  TX_INLINE int64_t strips() const { return (columns() + kStripColumns - 1) / kStripColumns; }
};

#define TX_QUANTIZED_KERNELS(X) X(quantized_convolution, QuantizedArgs)

}  // namespace tx
