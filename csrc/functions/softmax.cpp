#include "softmax.h"

#include "../kernels.h"
#include "copy.h"
#include "elementwise.h"
#include "iterate.h"
#include "reduce.h"

namespace tx {

namespace {

// ---- softmax -----------------------------------------------------------------------------------------------------

constexpr uint32_t kFloating =
    1u << int(DType::Float16) | 1u << int(DType::BFloat16) | 1u << int(DType::Float32) | 1u << int(DType::Float64);

// The sizes around dimension dim of a contiguous array.
void split_at(const Dims& shape, int dim, int64_t& outer, int64_t& n, int64_t& inner) {
  outer = inner = 1;
  n = shape.empty() ? 1 : shape[dim];
  for (int d = 0; d < shape.size(); d++) (d < dim ? outer : inner) *= d == dim ? 1 : shape[d];
}

Array along_dim(const char* op, void (*Kernels::*kernel)(const SoftmaxArgs&), const Array& input, const Array* grad,
                int64_t dim, Array* out) {
  const int axis = normalize_dim(dim, input.ndim(), op);
  if (!is_floating(input.dtype)) unsupported(op, input.dtype, kFloating);
  if (grad) common_device(op, {input, *grad});
  if (out) check_out(op, *out, input.shape, input.dtype);
  const Array x = contiguous(input), g = grad ? contiguous(*grad) : Array();
  const bool direct = out && out->dtype == input.dtype && out->contiguous() && out->storage.get() != x.storage.get();
  const Array result = direct ? *out : empty(input.shape, input.dtype, input.device());
  SoftmaxArgs args;
  args.dtype = input.dtype;
  split_at(input.shape, axis, args.outer, args.n, args.inner);
  args.x = x.data();
  args.grad = grad ? g.data() : nullptr;
  args.out = result.data();
  (kernels(input.device()).*kernel)(args);
  return deliver(result, out);
}

// ---- Losses over classes -----------------------------------------------------------------------------------------

// The checked operands of one call, contiguous, with the types kernels want.
struct Classification {
  Array logits, target, weight;
  CrossEntropyArgs args{};
  int64_t bad_sample = -1;
  const char* op;

  // shape: of the logits, which a gradient may not need.
  Classification(const char* op, const Dims& shape, DType dtype, const Array& target_in,
                 const std::optional<Array>& weight_in, int64_t ignore_index)
      : op(op) {
    const int class_dim = shape.size() > 1 ? 1 : 0;
    if (shape.empty())
      fail(ErrorKind::Value, op, "(): expected logits of shape (C) or (N, C, ...), got a 0-dim tensor");
    if (!is_integral(target_in.dtype) || target_in.dtype == DType::Bool)
      fail(ErrorKind::Runtime, op, "(): expected target to hold class numbers (int64), got dtype ",
           dtype_name(target_in.dtype));
    Dims expected = shape;
    expected.erase(class_dim);
    if (!(target_in.shape == expected)) {
      if (shape.size() > 1 && target_in.ndim() > 0 && target_in.shape[0] != shape[0])
        fail(ErrorKind::Value, op, "(): Expected input batch_size (", shape[0], ") to match target batch_size (",
             target_in.shape[0], ").");
      fail(ErrorKind::Runtime, op, "(): expected target of shape ", expected, " for logits of shape ", shape, ", got ",
           target_in.shape);
    }
    const int64_t classes = shape[class_dim];
    if (classes == 0) fail(ErrorKind::Value, op, "(): expected at least one class, got logits of shape ", shape);
    target = contiguous(cast(target_in, DType::Int64));
    if (weight_in) {
      if (weight_in->ndim() != 1 || weight_in->shape[0] != classes)
        fail(ErrorKind::Runtime, op, "(): weight tensor should be defined either for all ", classes,
             " classes or no classes but got weight tensor of shape: ", weight_in->shape);
      common_device(op, {target, *weight_in});
      weight = contiguous(cast(*weight_in, compute_dtype(dtype)));
    }
    args.dtype = dtype;
    split_at(shape, class_dim, args.outer, args.classes, args.inner);
    args.target = reinterpret_cast<const int64_t*>(target.data());
    args.weight = weight ? weight.data() : nullptr;
    args.ignore_index = ignore_index;
    args.bad_sample = &bad_sample;
  }

  void set_logits(const Array& x) {
    if (!is_floating(x.dtype)) unsupported(op, x.dtype, kFloating);
    common_device(op, {x, target});
    logits = contiguous(x);
    args.logits = logits.data();
  }

  Array per_sample() const { return empty(target.shape, compute_dtype(args.dtype), target.device()); }

  void run(void (*Kernels::*kernel)(const CrossEntropyArgs&)) {
    (kernels(target.device()).*kernel)(args);
    if (bad_sample < 0) return;
    const Array targets = on_host(target);
    fail(ErrorKind::Index, op, "(): Target ", reinterpret_cast<const int64_t*>(targets.data())[bad_sample],
         " is out of bounds: there are ", args.classes, " classes");
  }
};

bool is_reduction(std::string_view reduction) {
  return reduction == "none" || reduction == "mean" || reduction == "sum";
}

void check_reduction(const char* op, std::string_view reduction) {
  if (!is_reduction(reduction))
    fail(ErrorKind::Value, op, "(): ", reduction, " is not a valid value for reduction: use 'none', 'mean' or 'sum'");
}

}  // namespace

Array softmax(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out) {
  return along_dim("softmax", &Kernels::softmax, dtype ? cast(x, *dtype) : x, nullptr, dim, out);
}
Array log_softmax(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out) {
  return along_dim("log_softmax", &Kernels::log_softmax, dtype ? cast(x, *dtype) : x, nullptr, dim, out);
}
Array softmax_grad(const Array& grad, const Array& result, int64_t dim) {
  return along_dim("softmax_grad", &Kernels::softmax_grad, result, &grad, dim, nullptr);
}
Array log_softmax_grad(const Array& grad, const Array& result, int64_t dim) {
  return along_dim("log_softmax_grad", &Kernels::log_softmax_grad, result, &grad, dim, nullptr);
}

std::tuple<Array, Array, Array> cross_entropy(const Array& logits, const Array& target,
                                              const std::optional<Array>& weight, int64_t ignore_index,
                                              double label_smoothing, std::string_view reduction) {
  check_reduction("cross_entropy", reduction);
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    fail(ErrorKind::Runtime, "cross_entropy(): label_smoothing must be between 0.0 and 1.0. Got: ", label_smoothing);
  Classification call("cross_entropy", logits.shape, logits.dtype, target, weight, ignore_index);
  call.set_logits(logits);
  const Array loss = call.per_sample(), sample_weight = call.per_sample();
  Array statistics = empty({2, target.numel()}, loss.dtype, loss.device());
  call.args.label_smoothing = label_smoothing;
  call.args.loss = loss.data();
  call.args.sample_weight = sample_weight.data();
  call.args.largest = statistics.data();
  call.args.log_sum = statistics.data() + target.numel() * statistics.itemsize();
  call.run(&Kernels::cross_entropy);
  Array divisor = empty({0}, loss.dtype, loss.device());
  if (reduction == "none") return {cast(loss, logits.dtype), statistics, divisor};
  Array total = sum(loss, std::nullopt, false, std::nullopt, nullptr);
  if (reduction == "mean") {
    divisor = sum(sample_weight, std::nullopt, false, std::nullopt, nullptr);
    total = div(total, divisor, nullptr);
  }
  return {cast(total, logits.dtype), statistics, divisor};
}

Array cross_entropy_grad(const Array& grad, const Array& logits, const Array& target,
                         const std::optional<Array>& weight, const Array& statistics, const Array& divisor,
                         int64_t ignore_index, double label_smoothing, std::string_view reduction) {
  check_reduction("cross_entropy_grad", reduction);
  Classification call("cross_entropy_grad", logits.shape, logits.dtype, target, weight, ignore_index);
  call.set_logits(logits);
  const DType type = compute_dtype(logits.dtype);
  if (statistics.dtype != type || !(statistics.shape == Dims{2, target.numel()}) || !statistics.contiguous())
    fail(ErrorKind::Runtime, "cross_entropy_grad(): the statistics are not those of cross_entropy");
  Array scale = call.per_sample();
  const Array g = cast(grad, type);
  copy_into(scale, reduction == "mean" ? div(g, divisor, nullptr) : g);
  const Array result = empty(logits.shape, logits.dtype, logits.device());
  call.args.label_smoothing = label_smoothing;
  call.args.scale = scale.data();
  call.args.largest = statistics.data();
  call.args.log_sum = statistics.data() + target.numel() * statistics.itemsize();
  call.args.grad = result.data();
  call.run(&Kernels::cross_entropy_grad);
  return result;
}

std::pair<Array, Array> nll(const Array& log_probabilities, const Array& target, const std::optional<Array>& weight,
                            int64_t ignore_index) {
  Classification call("nll_loss", log_probabilities.shape, log_probabilities.dtype, target, weight, ignore_index);
  call.set_logits(log_probabilities);
  const Array loss = call.per_sample(), sample_weight = call.per_sample();
  call.args.loss = loss.data();
  call.args.sample_weight = sample_weight.data();
  call.run(&Kernels::nll);
  return {cast(loss, log_probabilities.dtype), cast(sample_weight, log_probabilities.dtype)};
}

Array nll_grad(const Array& grad, const Dims& shape, const Array& target, const std::optional<Array>& weight,
               int64_t ignore_index) {
  if (!is_floating(grad.dtype)) unsupported("nll_loss", grad.dtype, kFloating);
  Classification call("nll_loss", shape, grad.dtype, target, weight, ignore_index);
  const Array scale = call.per_sample();
  copy_into(scale, grad);
  const Array result = empty(shape, grad.dtype, grad.device());
  call.args.scale = scale.data();
  call.args.grad = result.data();
  call.run(&Kernels::nll_grad);
  return result;
}

}  // namespace tx
