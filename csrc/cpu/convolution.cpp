// Convolution: which method computes what.
//   forward, grad_x   register tiles over planes (convolution_direct.h)
//   grad_weight       a matrix product, or dot products for few output channels (convolution_weight.h)
#include "convolution_direct.h"
#include "convolution_weight.h"

namespace tx::TX_ISA {

namespace {

template <class T>
void forward(const ConvolutionArgs& a) {
  const int64_t area = a.kernel_h * a.kernel_w, channels = a.in_channels / a.groups,
                out_channels = a.out_channels / a.groups;
  const Convolution<T> c{forward_axis(a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h),
                         forward_axis(a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w),
                         a.batch,
                         a.groups,
                         channels,
                         out_channels,
                         (const T*)a.x,
                         (const T*)a.weight,
                         (const T*)a.bias,
                         out_channels * channels * area,
                         channels * area,
                         area,
                         a.kernel_w,
                         (T*)a.out,
                         a.out_h,
                         a.out_w};
  DirectConvolution<T>(c).run();
}

// Inputs `stride` apart are met by the same taps: one convolution of the output's gradient for each phase.
template <class T>
void grad_x(const ConvolutionArgs& a) {
  const int64_t area = a.kernel_h * a.kernel_w, channels = a.in_channels / a.groups,
                out_channels = a.out_channels / a.groups;
  Convolution<T> c{{},
                   {},
                   a.batch,
                   a.groups,
                   out_channels,
                   channels,
                   (const T*)a.x,
                   (const T*)a.weight,
                   nullptr,
                   out_channels * channels * area,
                   area,
                   channels * area,
                   a.kernel_w,
                   (T*)a.out,
                   a.in_h,
                   a.in_w};
  const auto leaves_gaps = [](int64_t kernel, int64_t stride, int64_t dilation) {
    return at_most(kernel, stride / greatest_divisor(stride, dilation)) < stride;
  };
  if (leaves_gaps(a.kernel_h, a.stride_h, a.dilation_h) || leaves_gaps(a.kernel_w, a.stride_w, a.dilation_w))
    memset(a.out, 0, size_t(a.batch * a.in_channels * a.in_h * a.in_w) * sizeof(T));
  for (int64_t i = 0; i < at_most(a.stride_h, a.in_h); i++)
    for (int64_t j = 0; j < at_most(a.stride_w, a.in_w); j++) {
      c.h = gradient_axis(a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h, i);
      c.w = gradient_axis(a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w, j);
      if (c.taps() > 0) DirectConvolution<T>(c).run();
    }
}

template <class T>
void grad_weight(const ConvolutionArgs& a) {
  const WeightGradient<T> g{forward_axis(a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h),
                            forward_axis(a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w),
                            a.batch,
                            a.groups,
                            a.in_channels / a.groups,
                            a.out_channels / a.groups,
                            (const T*)a.x,
                            (const T*)a.weight,
                            (T*)a.out};
  WeightByDots<T>::suits(g) ? WeightByDots<T>(g).run() : WeightByProduct<T>(g).run();
}

}  // namespace

void convolution(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? forward<float>(a) : forward<double>(a); }
void convolution_grad_x(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? grad_x<float>(a) : grad_x<double>(a); }
void convolution_grad_weight(const ConvolutionArgs& a) {
  a.dtype == DType::Float32 ? grad_weight<float>(a) : grad_weight<double>(a);
}

}  // namespace tx::TX_ISA
