// Convolution. The forward pass and the gradient of the input are direct (convolution_direct.h); the gradient of the
// weight is a matrix product for one image and one group, with `depth` = channels * kernel_h * kernel_w:
//
//   weight (out_channels, depth) += grad_out (out_channels, positions) @ patches (depth, positions)^T
//
// Images are worked on in parallel, each by one thread, with its patches in a buffer of its own; a single image uses all
// threads within the product. A 1x1 kernel with stride 1 and no padding needs no patches: they are the image.
#include <cstring>

#include "../kernels/convolution.h"
#include "../kernels/matmul.h"
#include "convolution_direct.h"

namespace tx::TX_ISA {

void matmul(const MatmulArgs& args);

namespace {

// The sizes of one image of one group.
struct Group {
  int64_t channels, out_channels, depth, positions, in_plane;
  bool direct;  // the patches are the image itself

  TX_INLINE explicit Group(const ConvolutionArgs& a)
      : channels(a.in_channels / a.groups),
        out_channels(a.out_channels / a.groups),
        depth(channels * a.kernel_h * a.kernel_w),
        positions(a.out_h * a.out_w),
        in_plane(a.in_h * a.in_w),
        direct(a.kernel_h == 1 && a.kernel_w == 1 && a.stride_h == 1 && a.stride_w == 1 && a.pad_h == 0 &&
               a.pad_w == 0) {}

  TX_INLINE int64_t image_offset(const ConvolutionArgs& a, int64_t image, int64_t group) const {
    return (image * a.in_channels + group * channels) * in_plane;
  }
  TX_INLINE int64_t out_offset(const ConvolutionArgs& a, int64_t image, int64_t group) const {
    return (image * a.out_channels + group * out_channels) * positions;
  }
};

// Output columns [begin, end) whose input column, for kernel column kw, lies inside the image.
struct Inside {
  int64_t begin, end, first;  // first: the input column of `begin`

  TX_INLINE Inside(int64_t out, int64_t in, int64_t kernel_offset, int64_t stride, int64_t pad) {
    const int64_t shift = kernel_offset - pad;  // input = output * stride + shift
    begin = shift < 0 ? at_most(out, (-shift + stride - 1) / stride) : 0;
    end = shift >= in ? begin : at_most(out, (in - 1 - shift) / stride + 1);
    if (end < begin) end = begin;
    first = begin * stride + shift;
  }
};

// patches[(c, kh, kw)][(oh, ow)] = x[c][oh * stride - pad + kh * dilation][...], 0 outside the image.
template <class T>
void take_patches(const ConvolutionArgs& a, const Group& group, const T* x, T* patches) {
  for (int64_t c = 0; c < group.channels; c++)
    for (int64_t kh = 0; kh < a.kernel_h; kh++)
      for (int64_t kw = 0; kw < a.kernel_w; kw++) {
        const Inside columns(a.out_w, a.in_w, kw * a.dilation_w, a.stride_w, a.pad_w);
        for (int64_t oh = 0; oh < a.out_h; oh++, patches += a.out_w) {
          const int64_t row = oh * a.stride_h - a.pad_h + kh * a.dilation_h;
          if (row < 0 || row >= a.in_h) {
            memset(patches, 0, size_t(a.out_w) * sizeof(T));
            continue;
          }
          const T* from = x + c * group.in_plane + row * a.in_w + columns.first;
          for (int64_t i = 0; i < columns.begin; i++) patches[i] = 0;
          if (a.stride_w == 1) memcpy(patches + columns.begin, from, size_t(columns.end - columns.begin) * sizeof(T));
          else
            for (int64_t i = columns.begin; i < columns.end; i++, from += a.stride_w) patches[i] = *from;
          for (int64_t i = columns.end; i < a.out_w; i++) patches[i] = 0;
        }
      }
}

// c (m, n) = a @ b, or += it.
template <class T>
void product(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, int64_t a_col, const T* b, int64_t b_row,
             int64_t b_col, T* c, const T* bias, bool accumulate) {
  MatmulArgs args{};
  args.dtype = dtype_of<T>::value;
  args.batch = 1, args.m = m, args.n = n, args.k = k;
  args.a = (const char*)a, args.a_row = a_row, args.a_col = a_col;
  args.b = (const char*)b, args.b_row = b_row, args.b_col = b_col;
  args.c = (char*)c, args.c_row = n;
  args.bias = (const char*)bias, args.bias_row = 1, args.bias_col = 0;
  args.accumulate = accumulate;
  matmul(args);
}

// work(image, buffer) for every image, with a buffer of `elements` per thread at work. One image at a time keeps memory at
// a buffer per thread; small images go several to a chunk.
template <class T, class F>
void for_images(int64_t images, int64_t elements, int64_t operations, const F& work) {
  constexpr int64_t kGrainOperations = 1 << 17;
  if (images == 1) {
    Workspace space(size_t(elements) * sizeof(T));
    work(int64_t(0), space.as<T>());
    return;
  }
  parallel_for(images, at_least(1, kGrainOperations / at_least(1, operations)), [&](int64_t begin, int64_t end) {
    Workspace space(size_t(elements) * sizeof(T));
    for (int64_t i = begin; i < end; i++) work(i, space.as<T>());
  });
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

// Images are summed in blocks whose number follows from the batch alone, and the blocks' sums in order.
template <class T>
void grad_weight(const ConvolutionArgs& a) {
  const Group group(a);
  const T *x = (const T*)a.x, *grad = (const T*)a.weight;
  const int64_t blocks = at_most(a.batch, 8), each = (a.batch + blocks - 1) / blocks,
                size = a.out_channels * group.depth;
  Workspace space(size_t(blocks * size) * sizeof(T));
  T* sums = space.as<T>();
  for_images<T>(blocks, group.direct ? 0 : group.depth * group.positions, each * size * group.positions,
                [&](int64_t block, T* buffer) {
                  T* sum = sums + block * size;
                  const int64_t begin = block * each, end = at_most(begin + each, a.batch);
                  if (begin >= end) memset(sum, 0, size_t(size) * sizeof(T));
                  for (int64_t image = begin; image < end; image++)
                    for (int64_t g = 0; g < a.groups; g++) {
                      const T* patches = x + group.image_offset(a, image, g);
                      if (!group.direct) {
                        take_patches(a, group, patches, buffer);
                        patches = buffer;
                      }
                      product<T>(group.out_channels, group.depth, group.positions, grad + group.out_offset(a, image, g),
                                 group.positions, 1, patches, 1, group.positions,
                                 sum + g * group.out_channels * group.depth, nullptr, image > begin);
                    }
                });
  T* out = (T*)a.out;
  memcpy(out, sums, size_t(size) * sizeof(T));
  for (int64_t block = 1; block < blocks; block++)
    for (int64_t i = 0; i < size; i++) out[i] += sums[block * size + i];
}

}  // namespace

void convolution(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? forward<float>(a) : forward<double>(a); }
void convolution_grad_x(const ConvolutionArgs& a) { a.dtype == DType::Float32 ? grad_x<float>(a) : grad_x<double>(a); }
void convolution_grad_weight(const ConvolutionArgs& a) {
  a.dtype == DType::Float32 ? grad_weight<float>(a) : grad_weight<double>(a);
}

}  // namespace tx::TX_ISA
