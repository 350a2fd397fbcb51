#include "optimizer.h"

#include <algorithm>
#include <cmath>

#include "../kernels.h"
#include "copy.h"

namespace tx {

namespace {

// No two elements share memory and there are no gaps: the strides are those of a contiguous array, permuted.
bool is_dense(const Array& x) {
  if (x.contiguous()) return true;
  std::pair<int64_t, int64_t> dims[kMaxDims];            // (stride, size)
  int count = 0;
  for (int d = 0; d < x.ndim(); d++)
    if (x.shape[d] != 1) dims[count++] = {x.strides[d], x.shape[d]};
  std::sort(dims, dims + count);
  int64_t expected = 1;
  for (int d = 0; d < count; d++) {
    if (dims[d].first != expected) return false;
    expected *= dims[d].second;
  }
  return true;
}

// The strides differ at most where they do not matter.
bool same_layout(const Array& x, const Dims& strides) {
  for (int d = 0; d < x.ndim(); d++)
    if (x.shape[d] != 1 && x.strides[d] != strides[d]) return false;
  return true;
}

// The tensors of one step: checks them, and stands dense copies in for those of another layout than their parameter.
class Step {
 public:
  Step(const char* op, const std::vector<Array>& parameters, const std::vector<Array>& gradients)
      : op_(op), parameters_(parameters) {
    check_count("gradients", gradients.size());
    tensors_.reserve(parameters.size());
    int64_t begin = 0;
    for (size_t i = 0; i < parameters.size(); i++) {
      const Array& p = parameters[i];
      if (!is_floating(p.dtype))
        fail(ErrorKind::Runtime, op, "(): parameter ", i, " has dtype ", dtype_name(p.dtype),
             "; only floating-point parameters can be optimised");
      strides_.push_back(is_dense(p) ? p.strides : contiguous_strides(p.shape));
      tensors_.push_back({p.dtype, p.numel(), begin, lay_out(p, i, true), nullptr, {}, 0, 0});
      begin += p.numel();
    }
    for (size_t i = 0; i < gradients.size(); i++) tensors_[i].gradient = checked(gradients[i], i, "gradient", false);
  }

  void add_state(int slot, const char* name, const std::vector<Array>& arrays) {
    check_count(name, arrays.size());
    for (size_t i = 0; i < arrays.size(); i++) tensors_[i].state[slot] = checked(arrays[i], i, name, true);
  }

  void check_count(const char* what, size_t given) const {
    if (given != parameters_.size())
      fail(ErrorKind::Runtime, op_, "(): expected ", parameters_.size(), " ", what, ", one per parameter, got ", given);
  }

  StepTensor& operator[](size_t i) { return tensors_[i]; }

  // Runs `kernel(tensors, count)`. A parameter given twice is updated twice, one after the other.
  template <class Kernel> void run(const Kernel& kernel) {
    if (has_duplicates()) {
      for (StepTensor t : tensors_) {
        t.begin = 0;
        kernel(&t, 1);
      }
    } else {
      kernel(tensors_.data(), int64_t(tensors_.size()));
    }
    for (const auto& [array, dense] : copies_) copy_into(array, dense);
    for (const Array& array : written_) array.storage->version++;
  }

 private:
  bool has_duplicates() const {
    std::vector<const char*> places;
    places.reserve(tensors_.size());
    for (const StepTensor& t : tensors_)
      if (t.numel) places.push_back(t.parameter);
    std::sort(places.begin(), places.end());
    return std::adjacent_find(places.begin(), places.end()) != places.end();
  }

  char* checked(const Array& x, size_t i, const char* name, bool written) {
    const Array& p = parameters_[i];
    if (!(x.shape == p.shape) || x.dtype != p.dtype || !(x.device() == p.device()))
      fail(ErrorKind::Runtime, op_, "(): expected ", name, " ", i, " to have the shape ", p.shape, " and dtype ",
           dtype_name(p.dtype), " of its parameter, on the same device; got ", x.shape, " and ", dtype_name(x.dtype));
    return lay_out(x, i, written);
  }

  char* lay_out(const Array& x, size_t i, bool written) {
    if (written) written_.push_back(x);
    if (same_layout(x, strides_[i])) return x.data();
    Array dense = empty_strided(x.shape, strides_[i], x.dtype, x.device());
    copy_into(dense, x);
    if (written) copies_.push_back({x, dense});
    else read_.push_back(dense);
    return dense.data();
  }

  const char* op_;
  const std::vector<Array>& parameters_;
  std::vector<StepTensor> tensors_;
  std::vector<Dims> strides_;
  std::vector<Array> written_, read_;
  std::vector<std::pair<Array, Array>> copies_;          // (what was given, its dense copy)
};

void check_number(const char* name, const Array& number, DType dtype, const Array& tensor) {
  if (number.numel() != 1 || number.dtype != dtype || !(number.device() == tensor.device()))
    fail(ErrorKind::Runtime, "scale_all(): expected ", name, " to be one ", dtype_name(dtype),
         " number on the device of the tensors, got ", dtype_name(number.dtype), " of shape ", number.shape);
}

void check_step(const Array& step, size_t i) {
  if (step.numel() != 1 || (step.dtype != DType::Float32 && step.dtype != DType::Float64) ||
      step.device().type != DeviceType::CPU)
    fail(ErrorKind::Runtime, "adam_step(): expected step ", i, " to be one float32 or float64 number on the CPU, got ",
         dtype_name(step.dtype), " of shape ", step.shape);
}

// Counts a step up and returns the new number.
double count_up(const Array& step) {
  char* at = step.data();
  double count = (step.dtype == DType::Float32 ? double(*reinterpret_cast<const float*>(at))
                                               : *reinterpret_cast<const double*>(at)) +
                 1;
  Scalar(count).store(at, step.dtype);
  step.storage->version++;
  return count;
}

}  // namespace

void sgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
              const std::vector<Array>& momentum_buffers, double lr, double momentum, double dampening,
              double weight_decay, bool nesterov, bool maximize, bool first) {
  Step step("sgd_step", parameters, gradients);
  if (!momentum_buffers.empty()) step.add_state(0, "momentum buffer", momentum_buffers);
  if (parameters.empty()) return;
  step.run([&](const StepTensor* tensors, int64_t count) {
    kernels(parameters[0].device())
        .sgd_step({tensors, count, lr, momentum, dampening, weight_decay, nesterov, maximize, first});
  });
}

void adam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& average_squares,
               const std::vector<Array>& largest_squares, const std::vector<Array>& steps, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad, bool maximize) {
  Step step("adam_step", parameters, gradients);
  step.add_state(0, "average", averages);
  step.add_state(1, "average square", average_squares);
  if (amsgrad) step.add_state(2, "largest square", largest_squares);
  step.check_count("steps", steps.size());
  if (parameters.empty()) return;
  for (size_t i = 0; i < steps.size(); i++) check_step(steps[i], i);
  for (size_t i = 0; i < steps.size(); i++) {
    double count = count_up(steps[i]);
    step[i].step_size = lr / (1 - std::pow(beta1, count));
    step[i].square_scale = 1 / std::sqrt(1 - std::pow(beta2, count));
  }
  step.run([&](const StepTensor* tensors, int64_t count) {
    kernels(parameters[0].device())
        .adam_step({tensors, count, lr, beta1, beta2, eps, weight_decay, decoupled, amsgrad, maximize});
  });
}

void scale_all(const std::vector<Array>& tensors, const Array& scale, const std::optional<Array>& nonfinite) {
  if (tensors.empty()) return;
  check_number("scale", scale, DType::Float64, tensors[0]);
  if (nonfinite) check_number("nonfinite", *nonfinite, DType::Float32, tensors[0]);
  Step step("scale_all", tensors, tensors);
  step.run([&](const StepTensor* all, int64_t count) {
    kernels(tensors[0].device())
        .scale_all({all, count, reinterpret_cast<const double*>(scale.data()),
                    nonfinite ? reinterpret_cast<float*>(nonfinite->data()) : nullptr});
  });
  if (nonfinite) nonfinite->storage->version++;
}

}  // namespace tx
