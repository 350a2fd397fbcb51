#include "convolution.h"

#include "../kernels.h"
#include "convolution_choice.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

namespace {

bool is_channels_last(const Array& x) {
  int64_t c = x.shape[1], h = x.shape[2], w = x.shape[3];
  return c > 1 && x.strides[1] == 1 && x.strides[3] == c && x.strides[2] == c * w && x.strides[0] == c * w * h;
}

// The kernels take contiguous float or double.
Array computed(const Array& x) { return contiguous(is_half(x.dtype) ? cast(x, DType::Float32) : x); }

// The kernel's result in the dtype of `like`, and in its memory order if those were channels-last images.
Array restored(const Array& out, const Array& like) {
  if (!is_channels_last(like)) return cast(out, like.dtype);
  int64_t n = out.shape[0], c = out.shape[1], h = out.shape[2], w = out.shape[3];
  Array last = empty({n, c, h, w}, like.dtype, like.device());
  last.strides = {c * h * w, 1, w * c, c};
  copy_into(last, out);
  return last;
}

struct Geometry {
  const char* op;
  Dims stride, padding, dilation;
  int64_t groups;

  Geometry(const char* op, const Dims& s, const Dims& p, const Dims& d, int64_t groups)
      : op(op), stride(pair(s, "stride")), padding(pair(p, "padding")), dilation(pair(d, "dilation")), groups(groups) {
    for (int i = 0; i < 2; i++) {
      if (stride[i] <= 0) fail(ErrorKind::Runtime, op, "(): non-positive stride is not supported, got ", stride);
      if (padding[i] < 0) fail(ErrorKind::Runtime, op, "(): negative padding is not supported, got ", padding);
      if (dilation[i] <= 0) fail(ErrorKind::Runtime, op, "(): dilation should be greater than zero, got ", dilation);
      if (stride[i] > kLimit || padding[i] > kLimit || dilation[i] > kLimit)
        fail(ErrorKind::Runtime, op, "(): stride, padding and dilation must be below 2^30, got ", stride, ", ", padding,
             ", ", dilation);
    }
    if (groups <= 0) fail(ErrorKind::Runtime, op, "(): non-positive groups is not supported, got ", groups);
  }

  void check_operands(const Array& a, const Array& b) const {
    if (a.ndim() != 4 || b.ndim() != 4)
      fail(ErrorKind::Runtime, op, "(): expected 4 dimensions, got shapes ", a.shape, " and ", b.shape);
    if (a.dtype != b.dtype)
      fail(ErrorKind::Runtime, op, "(): input type (", dtype_name(a.dtype), ") and weight type (", dtype_name(b.dtype),
           ") should be the same");
    if (!is_floating(a.dtype))
      fail(ErrorKind::NotImplemented, op, "(): not implemented for ", dtype_name(a.dtype), ": convert with .float()");
    common_device(op, {a, b});
  }

  // For operands of dtype. TF32 has the bits of half types, and more.
  ConvolutionArgs arguments(DType dtype) const {
    ConvolutionArgs args{};
    args.dtype = is_half(dtype) ? DType::Float32 : dtype;
    args.tf32 = is_half(dtype) || convolution_settings().tf32;
    args.groups = groups;
    args.stride_h = stride[0], args.stride_w = stride[1];
    args.pad_h = padding[0], args.pad_w = padding[1];
    args.dilation_h = dilation[0], args.dilation_w = dilation[1];
    return args;
  }

  // Output size of one dimension; negative or zero when the kernel does not fit.
  int64_t output(int i, int64_t in, int64_t kernel) const {
    return (in + 2 * padding[i] - dilation[i] * (kernel - 1) - 1) / stride[i] + 1;
  }
  bool fits(int i, int64_t in, int64_t kernel) const { return in + 2 * padding[i] >= dilation[i] * (kernel - 1) + 1; }

 private:
  static constexpr int64_t kLimit = int64_t(1) << 30;

  Dims pair(const Dims& v, const char* what) const {
    if (v.size() == 1) return {v[0], v[0]};
    if (v.size() != 2) fail(ErrorKind::Runtime, op, "(): expected ", what, " to be one or two ints, got ", v);
    return v;
  }
};

void check_groups(const Geometry& geometry, const Array& x, const Array& weight) {
  int64_t groups = geometry.groups;
  if (x.shape[1] != weight.shape[1] * groups)
    fail(ErrorKind::Runtime, geometry.op, "(): given groups=", groups, ", weight of size ", weight.shape,
         ", expected input ", x.shape, " to have ", weight.shape[1] * groups, " channels, but got ", x.shape[1],
         " channels instead");
  if (weight.shape[0] % groups)
    fail(ErrorKind::Runtime, geometry.op, "(): given groups=", groups, ", expected weight to be divisible by ", groups,
         " at dimension 0, but got weight of size ", weight.shape);
}

}  // namespace

Array convolution(const Array& x, const Array& weight, const std::optional<Array>& bias, const Dims& stride,
                  const Dims& padding, const Dims& dilation, int64_t groups) {
  Geometry geometry("convolution", stride, padding, dilation, groups);
  geometry.check_operands(x, weight);
  check_groups(geometry, x, weight);
  if (bias && (bias->ndim() != 1 || bias->shape[0] != weight.shape[0] || bias->dtype != x.dtype))
    fail(ErrorKind::Runtime, "convolution(): expected bias of shape [", weight.shape[0], "] and dtype ",
         dtype_name(x.dtype), ", got shape ", bias->shape, " and dtype ", dtype_name(bias->dtype));
  if (bias) common_device("convolution", {x, *bias});
  for (int i = 0; i < 2; i++)
    if (weight.shape[2 + i] == 0 || !geometry.fits(i, x.shape[2 + i], weight.shape[2 + i]))
      fail(ErrorKind::Runtime, "convolution(): calculated padded input size per channel: (",
           x.shape[2] + 2 * geometry.padding[0], " x ", x.shape[3] + 2 * geometry.padding[1], "). Kernel size: (",
           weight.shape[2], " x ", weight.shape[3], "), dilation ", geometry.dilation,
           ". Kernel size must be positive and can't be greater than actual input size");
  Array dense_x = computed(x), dense_weight = computed(weight), dense_bias = bias ? computed(*bias) : Array{};
  Dims size{x.shape[0], weight.shape[0], geometry.output(0, x.shape[2], weight.shape[2]),
            geometry.output(1, x.shape[3], weight.shape[3])};
  Array out = empty(size, dense_x.dtype, x.device());
  ConvolutionArgs args = geometry.arguments(x.dtype);
  args.batch = x.shape[0], args.in_channels = x.shape[1], args.in_h = x.shape[2], args.in_w = x.shape[3];
  args.out_channels = weight.shape[0], args.out_h = out.shape[2], args.out_w = out.shape[3];
  args.kernel_h = weight.shape[2], args.kernel_w = weight.shape[3];
  args.x = dense_x.data();
  args.weight = dense_weight.data();
  args.bias = bias ? dense_bias.data() : nullptr;
  args.out = out.data();
  if (out.numel()) run_convolution(geometry.op, ConvolutionPass::Forward, args, x.device());
  return restored(out, x);
}

Array convolution_input(const Array& g, const Array& weight, const Dims& size, const Dims& stride, const Dims& padding,
                        const Dims& dilation, int64_t groups) {
  Geometry geometry("convolution_input", stride, padding, dilation, groups);
  geometry.check_operands(g, weight);
  int64_t channels = weight.shape[1] * groups;
  if (g.shape[1] != weight.shape[0] || weight.shape[0] % groups)
    fail(ErrorKind::Runtime, "convolution_input(): given groups=", groups, " and weight of size ", weight.shape,
         ", expected ", weight.shape[0], " channels (divisible by groups), but got shape ", g.shape);
  bool consistent = size.size() == 2;
  for (int i = 0; consistent && i < 2; i++)
    consistent = size[i] >= 0 && weight.shape[2 + i] > 0 && geometry.fits(i, size[i], weight.shape[2 + i]) &&
                 geometry.output(i, size[i], weight.shape[2 + i]) == g.shape[2 + i];
  if (!consistent)
    fail(ErrorKind::Runtime, "convolution_input(): an image of size ", size, " under kernel ", weight.shape,
         ", stride ", geometry.stride, ", padding ", geometry.padding, ", dilation ", geometry.dilation,
         " does not give the shape ", g.shape);
  Array dense_g = computed(g), dense_weight = computed(weight),
        out = empty({g.shape[0], channels, size[0], size[1]}, dense_g.dtype, g.device());
  ConvolutionArgs args = geometry.arguments(g.dtype);
  args.batch = g.shape[0], args.in_channels = channels, args.in_h = size[0], args.in_w = size[1];
  args.out_channels = weight.shape[0], args.out_h = g.shape[2], args.out_w = g.shape[3];
  args.kernel_h = weight.shape[2], args.kernel_w = weight.shape[3];
  args.x = dense_g.data();
  args.weight = dense_weight.data();
  args.out = out.data();
  if (g.numel() == 0) fill(out, Scalar(0));
  else if (out.numel()) run_convolution(geometry.op, ConvolutionPass::GradX, args, g.device());
  return restored(out, g);
}

Array convolution_weight(const Array& x, const Array& g, const Dims& size, const Dims& stride, const Dims& padding,
                         const Dims& dilation, int64_t groups) {
  Geometry geometry("convolution_weight", stride, padding, dilation, groups);
  geometry.check_operands(x, g);
  bool consistent =
      size.size() == 2 && x.shape[0] == g.shape[0] && x.shape[1] % groups == 0 && g.shape[1] % groups == 0;
  for (int i = 0; consistent && i < 2; i++)
    consistent = size[i] > 0 && geometry.fits(i, x.shape[2 + i], size[i]) &&
                 geometry.output(i, x.shape[2 + i], size[i]) == g.shape[2 + i];
  if (!consistent)
    fail(ErrorKind::Runtime, "convolution_weight(): kernel size ", size, ", stride ", geometry.stride, ", padding ",
         geometry.padding, ", dilation ", geometry.dilation, " and groups ", groups, " do not lead from ", x.shape,
         " to ", g.shape);
  Array dense_x = computed(x), dense_g = computed(g),
        out = empty({g.shape[1], x.shape[1] / groups, size[0], size[1]}, dense_x.dtype, x.device());
  ConvolutionArgs args = geometry.arguments(x.dtype);
  args.batch = x.shape[0], args.in_channels = x.shape[1], args.in_h = x.shape[2], args.in_w = x.shape[3];
  args.out_channels = g.shape[1], args.out_h = g.shape[2], args.out_w = g.shape[3];
  args.kernel_h = size[0], args.kernel_w = size[1];
  args.x = dense_x.data();
  args.weight = dense_g.data();
  args.out = out.data();
  if (x.numel() == 0 || g.numel() == 0) fill(out, Scalar(0));
  else if (out.numel()) run_convolution(geometry.op, ConvolutionPass::GradWeight, args, x.device());
  return cast(out, x.dtype);
}

}  // namespace tx
