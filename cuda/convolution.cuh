// What the convolution kernels share: which results a phase computes, and which taps they meet.
//
// The forward is one phase. In the gradient of the input, results `stride` apart are met by the same taps of the kernel, so
// there is a phase for each of them, and no work on zeros between.
#pragma once
#include "../csrc/kernels/convolution.h"
#include "matmul.cuh"

namespace tx::cuda {

struct ConvolutionAxis {
  int64_t image, result, kernel, stride, pad, dilation;  // image: what is read
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
      int64_t x = a.stride, y = a.dilation;
      while (y) {
        const int64_t rest = x % y;
        x = y;
        y = rest;
      }
      p.first = phase;
      p.step = a.stride;
      p.count = (a.result - phase + a.stride - 1) / a.stride;
      p.kernel_step = a.stride / x;
      p.delta = -int(a.dilation / x);
      int64_t at = phase + a.pad;  // of the first tap, in steps of the image's stride
      while (p.kernel_first < p.kernel_step && p.kernel_first < a.kernel && at % a.stride != 0) {
        p.kernel_first++;
        at -= a.dilation;
      }
      const bool meets = p.kernel_first < a.kernel && at % a.stride == 0;
      p.top = at / a.stride;
      p.taps = meets ? int((a.kernel - 1 - p.kernel_first) / p.kernel_step + 1) : 0;
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
};

template <class T, bool gradient>
void convolve_directly(const Convolution& c, const T* image, const T* weight, const T* bias, T* out);
template <class T> void weight_gradient(const ConvolutionArgs& a);

constexpr int64_t kFewChannels = 8;  // below this a tile would be mostly empty

}  // namespace tx::cuda
