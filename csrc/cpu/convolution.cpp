// Convolution: which method computes what.
//   forward, grad_x   register tiles over planes (convolution_direct.h), or products with patches (convolution_product.h)
//   grad_weight       a matrix product, or dot products for few output channels (convolution_weight.h)
//   all three         products at the points of transformed tiles (convolution_tiles.h)
#include "convolution_product.h"
#include "convolution_tiles.h"

namespace tx::TX_ISA {

namespace {

using Algorithm = ConvolutionAlgorithm;

template <class T>
void convolve(const Convolution<T>& c, Algorithm algorithm) {
  if (algorithm == Algorithm::Default || algorithm == Algorithm::Direct) return DirectConvolution<T>(c).run();
  if (algorithm == Algorithm::ImplicitGemm) return ProductConvolution<T>(c).run();
  with_maps<T>(algorithm, c.h, c.w, [&](const TileMaps<T>& maps) { TiledConvolution<T>(c, maps).run(); });
}

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
  convolve(c, a.algorithm);
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
      if (c.taps() > 0) convolve(c, a.algorithm);
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
  switch (a.algorithm) {
    case Algorithm::Default: return WeightByDots<T>::suits(g) ? WeightByDots<T>(g).run() : WeightByProduct<T>(g).run();
    case Algorithm::Direct: return WeightByDots<T>(g).run();
    case Algorithm::ImplicitGemm: return WeightByProduct<T>(g).run();
    default:
      with_maps<T>(a.algorithm, g.h, g.w, [&](const TileMaps<T>& maps) { TiledWeightGradient<T>(g, maps).run(); });
  }
}

}  // namespace

void convolution(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? forward<float>(a) : forward<double>(a); }
void convolution_grad_x(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? grad_x<float>(a) : grad_x<double>(a); }
void convolution_grad_weight(const ConvolutionArgs& a) {
  a.dtype == DType::Float32 ? grad_weight<float>(a) : grad_weight<double>(a);
}

}  // namespace tx::TX_ISA
