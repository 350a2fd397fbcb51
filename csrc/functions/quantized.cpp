#include "quantized.h"

#include "../kernels.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

namespace {

constexpr char kOp[] = "quantized_convolution";

void check(const char* name, const Array& x, DType dtype, const Dims& shape) {
  if (x.dtype != dtype || !(x.shape == shape))
    fail(ErrorKind::Runtime, kOp, "(): expected ", name, " of shape ", shape, " and dtype ", dtype_name(dtype),
         ", got shape ", x.shape, " and dtype ", dtype_name(x.dtype));
}

void check_pair(const char* name, const Dims& pair, int64_t least) {
  constexpr int64_t kLimit = int64_t(1) << 30;
  bool good = pair.size() == 2;
  for (int64_t n : pair) good = good && n >= least && n <= kLimit;
  if (!good) fail(ErrorKind::Runtime, kOp, "(): expected two ints from ", least, " to 2^30 for ", name, ", got ", pair);
}

int64_t checked_byte(const char* name, int64_t value) {
  if (value < 0 || value > 255) fail(ErrorKind::Value, kOp, "(): expected ", name, " from 0 to 255, got ", value);
  return value;
}

int64_t output_size(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  const int64_t free = in + 2 * padding - dilation * (kernel - 1) - 1;
  if (free < 0)
    fail(ErrorKind::Runtime, kOp, "(): an image of size ", in, " with padding ", padding,
         " is smaller than a kernel of size ", kernel, " with dilation ", dilation);
  return free / stride + 1;
}

}  // namespace

Array quantized_convolution(const Array& x, int64_t zero_point, const Array& weight, const Array& weight_sums,
                            const std::optional<Array>& offset, const std::optional<Array>& multiplier,
                            const Dims& kernel, const Dims& stride, const Dims& padding, const Dims& dilation,
                            DType dtype, int64_t out_zero_point, int64_t lowest) {
  if (x.ndim() != 4 || x.dtype != DType::UInt8)
    fail(ErrorKind::Runtime, kOp, "(): expected uint8 images (batch, h, w, channels), got shape ", x.shape,
         " and dtype ", dtype_name(x.dtype));
  if (dtype != DType::Int32 && dtype != DType::Float32 && dtype != DType::UInt8) unsupported(kOp, dtype);
  check_pair("kernel", kernel, 1);
  check_pair("stride", stride, 1);
  check_pair("padding", padding, 0);
  check_pair("dilation", dilation, 1);
  QuantizedArgs a{};
  a.groups = weight.ndim() == 5 ? weight.shape[0] : 0;
  a.batch = x.shape[0], a.in_h = x.shape[1], a.in_w = x.shape[2], a.in_channels = x.shape[3];
  a.out_channels = weight_sums.numel();
  if (a.groups < 1 || a.in_channels % a.groups || a.out_channels % a.groups)
    fail(ErrorKind::Runtime, kOp, "(): expected packed weight (groups, strips, quads, ", kStripColumns, ", ", kQuad,
         ") of groups that divide ", a.in_channels, " and ", a.out_channels, " channels, got shape ", weight.shape);
  a.kernel_h = kernel[0], a.kernel_w = kernel[1], a.stride_h = stride[0], a.stride_w = stride[1];
  a.pad_h = padding[0], a.pad_w = padding[1], a.dilation_h = dilation[0], a.dilation_w = dilation[1];
  a.out_h = output_size(a.in_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h);
  a.out_w = output_size(a.in_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w);
  checked_numel({a.kernel_h, a.kernel_w, a.channels()}, DType::Int8);
  check("packed weight", weight, DType::Int8, {a.groups, a.strips(), a.quads(), kStripColumns, kQuad});
  check("weight_sums", weight_sums, DType::Int32, {a.out_channels});
  a.zero_point = int32_t(checked_byte("zero_point", zero_point));
  a.out_zero_point = int32_t(checked_byte("out_zero_point", out_zero_point));
  a.lowest = float(checked_byte("lowest", lowest) - a.out_zero_point);
  a.highest = float(255 - a.out_zero_point);
  if (dtype != DType::Int32) {
    if (!offset || !multiplier)
      fail(ErrorKind::Runtime, kOp, "(): expected offset and multiplier for a result of dtype ", dtype_name(dtype));
    check("offset", *offset, DType::Float32, {a.out_channels});
    check("multiplier", *multiplier, DType::Float32, {a.out_channels});
    common_device(kOp, {x, *offset, *multiplier});
  }
  common_device(kOp, {x, weight, weight_sums});

  const Array images = contiguous(x), sums = contiguous(weight_sums), offsets = offset ? contiguous(*offset) : Array(),
              multipliers = multiplier ? contiguous(*multiplier) : Array();
  Array packed = contiguous(weight);
  if (reinterpret_cast<uintptr_t>(packed.data()) % kQuad) packed = clone(packed);  // quads are read as words
  const Array out = empty({a.batch, a.out_h, a.out_w, a.out_channels}, dtype, x.device());
  a.x = reinterpret_cast<const uint8_t*>(images.data());
  a.weight = reinterpret_cast<const int8_t*>(packed.data());
  a.weight_sums = reinterpret_cast<const int32_t*>(sums.data());
  if (offsets) a.offset = reinterpret_cast<const float*>(offsets.data());
  if (multipliers) a.multiplier = reinterpret_cast<const float*>(multipliers.data());
  a.dtype = dtype;
  a.out = out.data();
  if (out.numel()) kernels(x.device()).quantized_convolution(a);
  return out;
}

}  // namespace tx
