// Convolutions of few channels per group, depthwise ones above all: a thread sums up one result.
#include "convolution.cuh"

namespace tx::cuda {

namespace {

struct Direct {
  Convolution c;
  int64_t total;                    // results
  IndexDivide rows, height, width;  // of the results
};

template <class T, bool gradient>
__global__ void __launch_bounds__(kThreads)
    convolution_direct(T* out, const T* image, const T* weight, const T* bias, Direct x) {
  TX_FOR_EACH(i, x.total) {
    const int64_t line = x.width.divide(i), at_w = i - line * x.c.w.result, planes = x.height.divide(line),
                  at_h = line - planes * x.c.h.result, groups = x.rows.divide(planes), row = planes - groups * x.c.rows,
                  batch = groups / x.c.groups, group = groups - batch * x.c.groups;
    const AxisPhase h = AxisPhase::of<gradient>(x.c.h, gradient ? at_h % x.c.h.stride : 0),
                    w = AxisPhase::of<gradient>(x.c.w, gradient ? at_w % x.c.w.stride : 0);
    const int64_t u = gradient ? at_h / x.c.h.stride : at_h, v = gradient ? at_w / x.c.w.stride : at_w;
    const int64_t top = h.top + u * h.top_step, left = w.top + v * w.top_step, plane = x.c.h.image * x.c.w.image;
    const T* from = image + groups * x.c.channels * plane;
    const T* factor =
        weight + group * x.c.weight_group + row * x.c.weight_row + h.kernel_first * x.c.w.kernel + w.kernel_first;
    T sum = 0;
    for (int64_t channel = 0; channel < x.c.channels; channel++) {
      for (int s = 0; s < h.taps; s++) {
        const int64_t r = top + int64_t(s) * h.delta;
        if (r < 0 || r >= x.c.h.image) continue;
        for (int t = 0; t < w.taps; t++) {
          const int64_t q = left + int64_t(t) * w.delta;
          if (q >= 0 && q < x.c.w.image)
            sum = fma(from[r * x.c.w.image + q], factor[s * h.kernel_step * x.c.w.kernel + t * w.kernel_step], sum);
        }
      }
      from += plane;
      factor += x.c.weight_channel;
    }
    out[i] = bias ? sum + bias[group * x.c.rows + row] : sum;
  }
}

}  // namespace

template <class T, bool gradient>
void convolve_directly(const Convolution& c, const T* image, const T* weight, const T* bias, T* out) {
  const Direct x{c, c.batch * c.groups * c.rows * c.h.result * c.w.result, IndexDivide(c.rows), IndexDivide(c.h.result),
                 IndexDivide(c.w.result)};
  launch(gradient ? "convolution_grad_x" : "convolution", convolution_direct<T, gradient>,
         {grid_for(x.total, kThreads), kThreads}, out, image, weight, bias, x);
}
#define X(T)                                                                                                \
  template void convolve_directly<T, false>(const Convolution&, const T*, const T*, const T*, T*); \
  template void convolve_directly<T, true>(const Convolution&, const T*, const T*, const T*, T*);
X(float) X(double)
#undef X

}  // namespace tx::cuda
