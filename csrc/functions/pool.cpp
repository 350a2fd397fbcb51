#include "pool.h"

#include "../kernels.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

namespace {

void check_images(const char* op, const Array& x) {
  if (x.ndim() != 4)
    fail(ErrorKind::Runtime, op, "(): expected 4 dimensions (batch, channels, h, w), got shape ", x.shape);
  if (!is_floating(x.dtype))
    fail(ErrorKind::NotImplemented, op, "(): not implemented for ", dtype_name(x.dtype), ": convert with .float()");
}

// The number of windows along one dimension. The last window of ceil_mode must start inside the image or its left padding.
int64_t windows(const char* op, int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
                bool ceil_mode) {
  constexpr int64_t kLimit = int64_t(1) << 30;
  if (kernel <= 0 || stride <= 0 || dilation <= 0 || kernel > kLimit || stride > kLimit || dilation > kLimit)
    fail(ErrorKind::Runtime, op,
         "(): kernel size, stride and dilation should be greater than zero (and below 2^30), got ", kernel, ", ",
         stride, ", ", dilation);
  if (pad < 0 || pad > ((kernel - 1) * dilation + 1) / 2)
    fail(ErrorKind::Runtime, op, "(): pad should be at most half of effective kernel size, but got pad=", pad,
         ", kernel_size=", kernel, " and dilation=", dilation);
  int64_t free = in + 2 * pad - dilation * (kernel - 1) - 1;
  int64_t n =
      free < 0 && !(ceil_mode && free + stride - 1 >= 0) ? 0 : (free + (ceil_mode ? stride - 1 : 0)) / stride + 1;
  if (ceil_mode && (n - 1) * stride >= in + pad) n--;
  if (n < 1)
    fail(ErrorKind::Runtime, op, "(): given input size ", in, " and kernel size ", kernel,
         ", the output size would be ", n, ": too small");
  return n;
}

// Half types are pooled in float.
Array computed(const Array& x) { return contiguous(is_half(x.dtype) ? cast(x, DType::Float32) : x); }

PoolArgs arguments(const Array& like, const Dims& in, const Dims& out, const Dims& kernel, const Dims& stride,
                   const Dims& padding, const Dims& dilation) {
  PoolArgs a{};
  a.dtype = like.dtype;
  a.planes = like.shape[0] * like.shape[1];
  a.in_h = in[0], a.in_w = in[1], a.out_h = out[0], a.out_w = out[1];
  a.kernel_h = kernel[0], a.kernel_w = kernel[1], a.stride_h = stride[0], a.stride_w = stride[1];
  a.pad_h = padding[0], a.pad_w = padding[1], a.dilation_h = dilation[0], a.dilation_w = dilation[1];
  return a;
}

void check_pairs(const char* op, std::initializer_list<Dims> all) {
  for (const Dims& d : all)
    if (d.size() != 2)
      fail(ErrorKind::Runtime, op, "(): expected two numbers for each of kernel, stride, padding and dilation, got ",
           d);
}

Dims spatial(const Array& x) { return {x.shape[2], x.shape[3]}; }

}  // namespace

std::pair<Array, Array> max_pool(const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                                 const Dims& dilation, bool ceil_mode) {
  check_images("max_pool2d", x);
  check_pairs("max_pool2d", {kernel, stride, padding, dilation});
  Dims size;
  for (int i = 0; i < 2; i++)
    size.push_back(windows("max_pool2d", x.shape[2 + i], kernel[i], stride[i], padding[i], dilation[i], ceil_mode));
  Array in = computed(x), out = empty({x.shape[0], x.shape[1], size[0], size[1]}, in.dtype, x.device()),
        indices = empty(out.shape, DType::Int64, x.device());
  PoolArgs a = arguments(in, spatial(x), size, kernel, stride, padding, dilation);
  a.x = in.data();
  a.out = out.data();
  a.indices = reinterpret_cast<int64_t*>(indices.data());
  kernels(x.device()).max_pool(a);
  return {cast(out, x.dtype), indices};
}

Array max_pool_grad(const Array& g, const Array& indices, const Dims& size, const Dims& kernel, const Dims& stride,
                    const Dims& padding, const Dims& dilation) {
  check_images("max_pool2d_grad", g);
  common_device("max_pool2d_grad", {g, indices});
  check_pairs("max_pool2d_grad", {kernel, stride, padding, dilation});
  if (size.size() != 2 || !(indices.shape == g.shape) || indices.dtype != DType::Int64)
    fail(ErrorKind::Runtime, "max_pool2d_grad(): expected int64 indices of shape ", g.shape, ", got ",
         dtype_name(indices.dtype), " of shape ", indices.shape);
  Array dense_g = computed(g), at = contiguous(indices),
        out = empty({g.shape[0], g.shape[1], size[0], size[1]}, dense_g.dtype, g.device());
  PoolArgs a = arguments(dense_g, size, spatial(g), kernel, stride, padding, dilation);
  a.x = dense_g.data();
  a.out = out.data();
  a.indices = reinterpret_cast<int64_t*>(at.data());
  kernels(g.device()).max_pool_grad(a);
  return cast(out, g.dtype);
}

Array average_pool(const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding, bool ceil_mode,
                   bool count_include_pad, int64_t divisor) {
  check_images("avg_pool2d", x);
  check_pairs("avg_pool2d", {kernel, stride, padding});
  Dims size;
  for (int i = 0; i < 2; i++)
    size.push_back(windows("avg_pool2d", x.shape[2 + i], kernel[i], stride[i], padding[i], 1, ceil_mode));
  Array in = computed(x), out = empty({x.shape[0], x.shape[1], size[0], size[1]}, in.dtype, x.device());
  PoolArgs a = arguments(in, spatial(x), size, kernel, stride, padding, {1, 1});
  a.x = in.data();
  a.out = out.data();
  a.count_include_pad = count_include_pad;
  a.divisor = divisor;
  kernels(x.device()).average_pool(a);
  return cast(out, x.dtype);
}

Array average_pool_grad(const Array& g, const Dims& size, const Dims& kernel, const Dims& stride, const Dims& padding,
                        bool count_include_pad, int64_t divisor) {
  check_images("avg_pool2d_grad", g);
  check_pairs("avg_pool2d_grad", {size, kernel, stride, padding});
  Array dense_g = computed(g), out = empty({g.shape[0], g.shape[1], size[0], size[1]}, dense_g.dtype, g.device());
  PoolArgs a = arguments(dense_g, size, spatial(g), kernel, stride, padding, {1, 1});
  a.x = dense_g.data();
  a.out = out.data();
  a.count_include_pad = count_include_pad;
  a.divisor = divisor;
  kernels(g.device()).average_pool_grad(a);
  return cast(out, g.dtype);
}

}  // namespace tx
