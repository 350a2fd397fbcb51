// Arguments of the convolution kernels, 2 spatial dimensions (1d comes with height 1).
#pragma once
#include "../dtype.h"

namespace tx {

// Ways to compute the same convolution. Default: what the kernel itself takes for this shape, one of the next two.
// CUDA has these two only; the others are restricted too (csrc/functions/convolution_choice.cpp says how).
enum class ConvolutionAlgorithm : uint8_t { Default, Direct, ImplicitGemm, Winograd2x2, Winograd4x4, Fft };
constexpr int kConvolutionAlgorithms = 6;

// x (batch, in_channels, in_h, in_w), weight (out_channels, in_channels/groups, kernel_h, kernel_w),
// out (batch, out_channels, out_h, out_w); all contiguous, float or double.
struct ConvolutionArgs {
  DType dtype;
  bool tf32;  // float may be rounded to TF32 (10 bits of mantissa), where a device is quicker with it
  ConvolutionAlgorithm algorithm;
  int64_t batch, in_channels, in_h, in_w, out_channels, out_h, out_w, groups;
  int64_t kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  const char* x;                           // forward: read. grad_x: the gradient written. grad_weight: read
  const char* weight;
  const char* bias;                        // (out_channels) or null; forward only
  char* out;
};
// The three use the same struct: forward reads x, weight, bias and writes out; grad_x reads `x` as the gradient of
// the output (out shape) and weight, and writes out (x shape); grad_weight reads `x` (x shape) and `weight` as the
// gradient of the output (out shape), and writes out (weight shape).
// A transposed convolution's forward is grad_x of the matching convolution, and so on: it needs no kernel.

#define TX_CONVOLUTION_KERNELS(X)              \
  X(convolution, ConvolutionArgs)              \
  X(convolution_grad_x, ConvolutionArgs)       \
  X(convolution_grad_weight, ConvolutionArgs)

}  // namespace tx
