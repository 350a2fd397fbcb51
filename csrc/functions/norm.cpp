#include "norm.h"

#include "../kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "iterate.h"

namespace tx {

namespace {

void check_floating(const char* op, const Array& x) {
  if (!is_floating(x.dtype))
    fail(ErrorKind::NotImplemented, op, "(): not implemented for ", dtype_name(x.dtype), ": convert with .float()");
}

// In the type of computation, contiguous.
Array computed(const Array& x, DType compute) { return contiguous(cast(x, compute)); }

// A parameter that may be absent; `data` is null then.
struct Parameter {
  Array array;
  const char* data = nullptr;

  Parameter(const char* op, const char* name, const OptionalArray& given, const Array& x, const Dims& shape,
            DType compute) {
    if (!given) return;
    common_device(op, {x, *given});
    if (!(given->shape == shape))
      fail(ErrorKind::Runtime, op, "(): expected ", name, " to be of shape ", shape, ", but got ", given->shape);
    check_floating(op, *given);
    array = computed(*given, compute);
    data = array.data();
  }
};

Dims rows_of(const Array& x, const Dims& normalized) {
  Dims rows = x.shape;
  for (int i = 0; i < normalized.size(); i++) rows.erase(rows.size() - 1);
  return rows;
}

int64_t product(const Dims& shape) {
  int64_t n = 1;
  for (int64_t s : shape) n *= s;
  return n;
}

}  // namespace

std::tuple<Array, Array, Array> layer_norm(const Array& x, const Dims& normalized, const OptionalArray& weight,
                                           const OptionalArray& bias, double eps) {
  check_floating("layer_norm", x);
  bool fits = normalized.size() >= 1 && normalized.size() <= x.ndim();
  for (int i = 1; fits && i <= normalized.size(); i++)
    fits = normalized[normalized.size() - i] == x.shape[x.ndim() - i];
  if (!fits)
    fail(ErrorKind::Runtime, "layer_norm(): given normalized_shape=", normalized, ", expected input with shape [*, ",
         to_string(normalized).substr(1), ", but got input of size ", x.shape);
  DType compute = compute_dtype(x.dtype);
  Dims rows = rows_of(x, normalized);
  Parameter w("layer_norm", "weight", weight, x, normalized, compute),
      b("layer_norm", "bias", bias, x, normalized, compute);
  Array in = computed(x, compute), out = empty(x.shape, compute, x.device());
  Array mean = empty(rows, compute, x.device()), rstd = empty(rows, compute, x.device());
  LayerNormArgs args{};
  args.dtype = compute;
  args.rows = product(rows);
  args.n = product(normalized);
  args.eps = eps;
  args.x = in.data();
  args.weight = w.data;
  args.bias = b.data;
  args.out = out.data();
  args.mean = mean.data();
  args.rstd = rstd.data();
  if (args.n == 0) {
    fill(mean, Scalar(0));
    fill(rstd, Scalar(0));
  } else {
    kernels(x.device()).layer_norm(args);
  }
  return {cast(out, x.dtype), mean, rstd};
}

std::tuple<OptionalArray, OptionalArray, OptionalArray> layer_norm_grad(const Array& g, const Array& x,
                                                                        const Array& mean, const Array& rstd,
                                                                        const OptionalArray& weight, bool want_x,
                                                                        bool want_weight, bool want_bias) {
  common_device("layer_norm_grad", {g, x, mean, rstd});
  DType compute = mean.dtype;
  Dims normalized = x.shape;
  for (int i = 0; i < mean.ndim(); i++) normalized.erase(0);
  if (!(g.shape == x.shape))
    fail(ErrorKind::Runtime, "layer_norm_grad(): expected a gradient of shape ", x.shape, ", got ", g.shape);
  Parameter w("layer_norm_grad", "weight", weight, x, normalized, compute);
  Array in = computed(x, compute), gradient = computed(g, compute), dense_mean = contiguous(mean),
        dense_rstd = contiguous(rstd), of_x, of_weight, of_bias;
  LayerNormArgs args{};
  args.dtype = compute;
  args.rows = mean.numel();
  args.n = product(normalized);
  args.x = in.data();
  args.grad = gradient.data();
  args.weight = w.data;
  args.mean = dense_mean.data();
  args.rstd = dense_rstd.data();
  if (want_x) args.out = (of_x = empty(x.shape, compute, x.device())).data();
  if (want_weight) args.grad_weight = (of_weight = empty(normalized, compute, x.device())).data();
  if (want_bias) args.grad_bias = (of_bias = empty(normalized, compute, x.device())).data();
  if (args.n) kernels(x.device()).layer_norm_grad(args);
  auto result = [&](bool wanted, const Array& a, DType dtype) {
    return wanted ? OptionalArray(cast(a, dtype)) : std::nullopt;
  };
  DType parameters = weight ? weight->dtype : x.dtype;
  return {result(want_x, of_x, x.dtype), result(want_weight, of_weight, parameters),
          result(want_bias, of_bias, parameters)};
}

namespace {

// x as (batch, channels, inner): `in` holds it in an order the kernel can walk, `like` makes results in the same order.
struct Channels {
  Array in;
  bool last = false;  // channels-last images: rows of channels
  int64_t batch, channels, inner;

  Channels(const char* op, const Array& x, DType compute) {
    if (x.ndim() < 2) fail(ErrorKind::Value, op, "(): expected at least 2 dimensions (N, C, ...), got shape ", x.shape);
    channels = x.shape[1];
    last = x.ndim() == 4 && channels > 1 && x.strides[1] == 1 && x.strides[3] == channels &&
           x.strides[2] == channels * x.shape[3] && x.strides[0] == channels * x.shape[3] * x.shape[2];
    in = last ? cast(x, compute) : computed(x, compute);
    batch = x.shape[0];
    inner = 1;
    for (int d = 2; d < x.ndim(); d++) (last ? batch : inner) *= x.shape[d];
  }

  Array result() const {
    Array out = empty(in.shape, in.dtype, in.device());
    out.strides = in.strides;
    return out;
  }

  // Another array of x's shape, in this order.
  Array ordered(const Array& g) const {
    Array out = result();
    copy_into(out, g);
    return out;
  }

  BatchNormArgs arguments() const {
    BatchNormArgs args{};
    args.dtype = in.dtype;
    args.batch = batch;
    args.channels = channels;
    args.inner = inner;
    args.x = in.data();
    return args;
  }
};

}  // namespace

std::tuple<Array, Array, Array, Array> batch_norm(const Array& x, const OptionalArray& mean,
                                                  const OptionalArray& variance, const OptionalArray& weight,
                                                  const OptionalArray& bias, bool training, double eps) {
  check_floating("batch_norm", x);
  DType compute = compute_dtype(x.dtype);
  Channels c("batch_norm", x, compute);
  Dims per_channel{c.channels};
  Parameter w("batch_norm", "weight", weight, x, per_channel, compute),
      b("batch_norm", "bias", bias, x, per_channel, compute);
  if (!training && (!mean || !variance))
    fail(ErrorKind::Runtime, "batch_norm(): expected running_mean and running_var to be given when training=False");
  Array used_mean, used_variance, rstd;
  if (training) {
    used_mean = empty(per_channel, compute, x.device());
    used_variance = empty(per_channel, compute, x.device());
    rstd = empty(per_channel, compute, x.device());
  } else {
    Parameter m("batch_norm", "running_mean", mean, x, per_channel, compute),
        v("batch_norm", "running_var", variance, x, per_channel, compute);
    used_mean = clone(m.array);  // kept for the gradient: the running ones may move before it
    used_variance = clone(v.array);
    rstd = rsqrt(add(used_variance, Scalar(eps), nullptr), nullptr);
  }
  Array out = c.result();
  BatchNormArgs args = c.arguments();
  args.training = training;
  args.eps = eps;
  args.weight = w.data;
  args.bias = b.data;
  args.out = out.data();
  args.mean = used_mean.data();
  args.variance = used_variance.data();
  args.rstd = rstd.data();
  if (x.numel()) kernels(x.device()).batch_norm(args);
  return {cast(out, x.dtype), used_mean, used_variance, rstd};
}

std::tuple<OptionalArray, OptionalArray, OptionalArray> batch_norm_grad(const Array& g, const Array& x,
                                                                        const Array& mean, const Array& rstd,
                                                                        const OptionalArray& weight, bool training,
                                                                        bool want_x, bool want_weight, bool want_bias) {
  common_device("batch_norm_grad", {g, x, mean, rstd});
  DType compute = mean.dtype;
  if (!(g.shape == x.shape))
    fail(ErrorKind::Runtime, "batch_norm_grad(): expected a gradient of shape ", x.shape, ", got ", g.shape);
  Channels c("batch_norm_grad", x, compute);
  Dims per_channel{c.channels};
  Parameter w("batch_norm_grad", "weight", weight, x, per_channel, compute);
  Array gradient = c.ordered(g), dense_mean = contiguous(mean), dense_rstd = contiguous(rstd), of_x, of_weight, of_bias;
  BatchNormArgs args = c.arguments();
  args.training = training;
  args.weight = w.data;
  args.grad = gradient.data();
  args.mean = dense_mean.data();
  args.rstd = dense_rstd.data();
  if (want_x) args.out = (of_x = c.result()).data();
  if (want_weight) args.grad_weight = (of_weight = zeros(per_channel, compute, x.device())).data();
  if (want_bias) args.grad_bias = (of_bias = zeros(per_channel, compute, x.device())).data();
  if (x.numel()) kernels(x.device()).batch_norm_grad(args);
  auto result = [&](bool wanted, const Array& a, DType dtype) {
    return wanted ? OptionalArray(cast(a, dtype)) : std::nullopt;
  };
  DType parameters = weight ? weight->dtype : x.dtype;
  return {result(want_x, of_x, x.dtype), result(want_weight, of_weight, parameters),
          result(want_bias, of_bias, parameters)};
}

}  // namespace tx
