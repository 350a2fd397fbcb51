// What the convolution kernels share: which results a phase computes, and which taps they meet.
//
// The forward is one phase. In the gradient of the input, results `stride` apart are met by the same taps of the kernel, so
// there is a phase for each of them, and no work on zeros between.
#pragma once
#include <numeric>

#include "../csrc/kernels/convolution.h"
#include "matmul.cuh"

namespace tx::cuda {

struct ConvolutionAxis {
  int64_t image, result, kernel, stride, pad, dilation;  // image: what is read
  IndexDivide by_stride;
  int64_t tap_step, image_step;  // of the taps that one result meets in the gradient: in the kernel, in the image

  ConvolutionAxis(int64_t image, int64_t result, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation)
      : image(image),
        result(result),
        kernel(kernel),
        stride(stride),
        pad(pad),
        dilation(dilation),
        by_stride(stride),
        tap_step(stride / std::gcd(stride, dilation)),
        image_step(dilation / std::gcd(stride, dilation)) {}
};

// One dimension: results first, first + step, ... (`count`), where result number u meets image position
// top + u top_step + t delta with position kernel_first + t kernel_step of the kernel, t < taps.
struct AxisPhase {
  int64_t first = 0, step = 1, count, top, top_step = 1;
  int64_t kernel_first = 0, kernel_step = 1;
  int delta, taps;

  template <bool gradient> static TX_DEVICE AxisPhase of(const ConvolutionAxis& a, int64_t phase) {
    AxisPhase p;
    if constexpr (!gradient) {
      p.count = a.result;
      p.top = -a.pad;
      p.top_step = a.stride;
      p.delta = int(a.dilation);
      p.taps = int(a.kernel);
    } else {
      p.first = phase;
      p.step = a.stride;
      p.count = a.by_stride.divide(a.result - phase + a.stride - 1);
      p.kernel_step = a.tap_step;
      p.delta = -int(a.image_step);
      const int64_t at = phase + a.pad;  // of position 0 of the kernel, times the stride
      int64_t rest = at - a.by_stride.divide(at) * a.stride;
      const int64_t shift = a.dilation - a.by_stride.divide(a.dilation) * a.stride;
      while (rest != 0 && p.kernel_first + 1 < a.tap_step && p.kernel_first < a.kernel) {
        p.kernel_first++;
        rest = rest < shift ? rest - shift + a.stride : rest - shift;
      }
      p.taps = rest == 0 && p.kernel_first < a.kernel ? int((a.kernel - 1 - p.kernel_first) / a.tap_step + 1) : 0;
      const int64_t met = at - p.kernel_first * a.dilation;
      p.top = met < 0 ? -a.by_stride.divide(-met) : a.by_stride.divide(met);
    }
    return p;
  }
};

// results (batch, groups, rows, h, w) += weight x image (batch, groups, channels, h, w). Weight strides in elements.
struct Convolution {
  ConvolutionAxis h, w;
  int64_t batch, groups, rows, channels;
  int64_t weight_group, weight_row, weight_channel;
  int64_t phases_h, phases_w;

  int64_t results() const { return batch * groups * rows * h.result * w.result; }
};

template <class T, bool gradient>
void convolve_directly(const Convolution& c, const T* image, const T* weight, const T* bias, T* out);
template <class T> void weight_gradient(const ConvolutionArgs& a);

// Without tiles, which would be mostly empty for few output channels, or, for the gradient of the input, input channels.
inline bool directly(ConvolutionAlgorithm algorithm, int64_t channels) {
  constexpr int64_t kFewChannels = 8;
  return algorithm == ConvolutionAlgorithm::Direct ||
         (algorithm == ConvolutionAlgorithm::Default && channels < kFewChannels);
}

}  // namespace tx::cuda
