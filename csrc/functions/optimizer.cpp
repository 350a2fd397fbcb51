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

// The tensors of one step: checks them, and stands dense copies in for those of another layout than their parameter. A
// complex number is a pair of real ones.
class Step {
 public:
  Step(const char* op, const std::vector<Array>& parameters, const std::vector<Array>& gradients)
      : op_(op), parameters_(parameters) {
    tensors_.reserve(parameters.size());
    for (size_t i = 0; i < parameters.size(); i++) {
      const Array& p = parameters[i];
      if (!is_floating(p.dtype) && !is_complex(p.dtype))
        fail(ErrorKind::Runtime, op, "(): parameter ", i, " has dtype ", dtype_name(p.dtype),
             "; only floating-point and complex parameters can be optimised");
      strides_.push_back(is_dense(p) ? p.strides : contiguous_strides(p.shape));
      const int64_t numel = p.numel() * (is_complex(p.dtype) ? 2 : 1);
      tensors_.push_back({real_dtype(p.dtype), numel, 0, lay_out(p, i, true), nullptr, {}, {}});
    }
    check_count("gradients", gradients.size());
    for (size_t i = 0; i < gradients.size(); i++) tensors_[i].gradient = checked(gradients[i], i, "gradient", false);
  }

  void add_state(int slot, const char* name, const std::vector<Array>& arrays) {
    check_count(name, arrays.size());
    for (size_t i = 0; i < arrays.size(); i++) tensors_[i].state[slot] = checked(arrays[i], i, name, true);
  }

  // One number per parameter, counts of steps and the like.
  void check_numbers(const char* name, const std::vector<Array>& numbers) const {
    check_count(name, numbers.size());
    for (size_t i = 0; i < numbers.size(); i++) {
      const Array& x = numbers[i];
      if (x.numel() != 1 || (x.dtype != DType::Float32 && x.dtype != DType::Float64) ||
          x.device().type != DeviceType::CPU)
        fail(ErrorKind::Runtime, op_, "(): expected ", name, " ", i,
             " to be one float32 or float64 number on the CPU, got ", dtype_name(x.dtype), " of shape ", x.shape);
    }
  }

  size_t size() const { return tensors_.size(); }
  double (&numbers(size_t i))[kStepNumbers] { return tensors_[i].number; }

  // Calls a kernel for the tensors of each device.
  template <class Options>
  void run(void (*Kernels::*kernel)(const StepArgs<Options>&), const Options& options) {
    run([&](const Kernels& table, const StepTensor* tensors, int64_t count) {
      (table.*kernel)({tensors, count, options});
    });
  }
  template <class Call>
  void run(const Call& call) {
    for (const auto& [device, tensors] : batches()) call(kernels(device), tensors.data(), int64_t(tensors.size()));
    for (const auto& [array, dense] : copies_) copy_into(array, dense);
    for (const Array& array : written_) array.storage->version++;
  }

 private:
  using Batch = std::pair<Device, std::vector<StepTensor>>;

  // Those of a device in one call. A parameter given twice is updated twice, one after the other.
  std::vector<Batch> batches() const {
    std::vector<Batch> made;
    const bool one_by_one = has_duplicates();
    for (size_t i = 0; i < tensors_.size(); i++) {
      const Device device = parameters_[i].device();
      auto batch = std::find_if(made.begin(), made.end(), [&](const Batch& b) { return b.first == device; });
      if (one_by_one || batch == made.end()) batch = made.insert(made.end(), Batch(device, {}));
      std::vector<StepTensor>& tensors = batch->second;
      const int64_t begin = tensors.empty() ? 0 : tensors.back().begin + tensors.back().numel;
      tensors.push_back(tensors_[i]);
      tensors.back().begin = begin;
    }
    return made;
  }

  bool has_duplicates() const {
    std::vector<const char*> places;
    places.reserve(tensors_.size());
    for (const StepTensor& t : tensors_)
      if (t.numel) places.push_back(t.parameter);
    std::sort(places.begin(), places.end());
    return std::adjacent_find(places.begin(), places.end()) != places.end();
  }

  void check_count(const char* what, size_t given) const {
    if (given != parameters_.size())
      fail(ErrorKind::Runtime, op_, "(): expected ", parameters_.size(), " ", what, ", one per parameter, got ", given);
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

double read(const Array& number) {
  const char* at = number.data();
  return number.dtype == DType::Float32 ? double(*reinterpret_cast<const float*>(at))
                                        : *reinterpret_cast<const double*>(at);
}

void write(const Array& number, double value) {
  Scalar(value).store(number.data(), number.dtype);
  number.storage->version++;
}

// Counts a step up and returns the new number.
double count_up(const Array& step) {
  write(step, read(step) + 1);
  return read(step);
}

}  // namespace

void sgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
              const std::vector<Array>& momentum_buffers, double lr, double momentum, double dampening,
              double weight_decay, bool nesterov, bool maximize, bool first) {
  Step step("sgd_step", parameters, gradients);
  if (!momentum_buffers.empty()) step.add_state(0, "momentum buffers", momentum_buffers);
  step.run(&Kernels::sgd_step, {lr, momentum, dampening, weight_decay, nesterov, maximize, first});
}

void adam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& average_squares,
               const std::vector<Array>& largest_squares, const std::vector<Array>& steps, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool maximize) {
  Step step("adam_step", parameters, gradients);
  step.add_state(0, "averages", averages);
  step.add_state(1, "average squares", average_squares);
  if (!largest_squares.empty()) step.add_state(2, "largest squares", largest_squares);
  step.check_numbers("steps", steps);
  for (size_t i = 0; i < step.size(); i++) {
    const double t = count_up(steps[i]);
    step.numbers(i)[0] = lr / (1 - std::pow(beta1, t));
    step.numbers(i)[1] = 1 / std::sqrt(1 - std::pow(beta2, t));
  }
  step.run(&Kernels::adam_step, {lr, beta1, beta2, eps, weight_decay, decoupled, maximize});
}

void adamax_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                 const std::vector<Array>& averages, const std::vector<Array>& norms, const std::vector<Array>& steps,
                 double lr, double beta1, double beta2, double eps, double weight_decay, bool maximize) {
  Step step("adamax_step", parameters, gradients);
  step.add_state(0, "averages", averages);
  step.add_state(1, "norms", norms);
  step.check_numbers("steps", steps);
  for (size_t i = 0; i < step.size(); i++) step.numbers(i)[0] = lr / (1 - std::pow(beta1, count_up(steps[i])));
  step.run(&Kernels::adamax_step, {lr, beta1, beta2, eps, weight_decay, maximize});
}

void nadam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& averages, const std::vector<Array>& average_squares,
                const std::vector<Array>& momentum_products, const std::vector<Array>& steps, double lr, double beta1,
                double beta2, double eps, double weight_decay, double momentum_decay, bool decoupled, bool maximize) {
  Step step("nadam_step", parameters, gradients);
  step.add_state(0, "averages", averages);
  step.add_state(1, "average squares", average_squares);
  step.check_numbers("momentum products", momentum_products);
  step.check_numbers("steps", steps);
  for (size_t i = 0; i < step.size(); i++) {
    const double t = count_up(steps[i]);
    auto momentum = [&](double t) { return beta1 * (1 - 0.5 * std::pow(0.96, t * momentum_decay)); };
    write(momentum_products[i], read(momentum_products[i]) * momentum(t));
    const double product = read(momentum_products[i]);
    step.numbers(i)[0] = lr * (1 - momentum(t)) / (1 - product);
    step.numbers(i)[1] = lr * momentum(t + 1) / (1 - product * momentum(t + 1));
    step.numbers(i)[2] = 1 / std::sqrt(1 - std::pow(beta2, t));
  }
  step.run(&Kernels::nadam_step, {lr, beta1, beta2, eps, weight_decay, decoupled, maximize});
}

void radam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& averages, const std::vector<Array>& average_squares,
                const std::vector<Array>& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
                bool decoupled, bool maximize) {
  Step step("radam_step", parameters, gradients);
  step.add_state(0, "averages", averages);
  step.add_state(1, "average squares", average_squares);
  step.check_numbers("steps", steps);
  const double longest = 2 / (1 - beta2) - 1;  // of the averages that s is like; it is trusted from a length of 5 on
  for (size_t i = 0; i < step.size(); i++) {
    const double t = count_up(steps[i]), decayed = std::pow(beta2, t),
                 length = longest - 2 * t * decayed / (1 - decayed);
    step.numbers(i)[0] = lr / (1 - std::pow(beta1, t));
    step.numbers(i)[1] = length > 5 ? std::sqrt((1 - decayed) * (length - 4) * (length - 2) * longest /
                                                ((longest - 4) * (longest - 2) * length))
                                    : 0;
  }
  step.run(&Kernels::radam_step, {lr, beta1, beta2, eps, weight_decay, decoupled, maximize});
}

void adagrad_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                  const std::vector<Array>& sums, const std::vector<Array>& steps, double lr, double lr_decay,
                  double eps, double weight_decay, bool maximize) {
  Step step("adagrad_step", parameters, gradients);
  step.add_state(0, "sums", sums);
  step.check_numbers("steps", steps);
  for (size_t i = 0; i < step.size(); i++) step.numbers(i)[0] = lr / (1 + (count_up(steps[i]) - 1) * lr_decay);
  step.run(&Kernels::adagrad_step, {eps, weight_decay, maximize});
}

void adadelta_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                   const std::vector<Array>& average_squares, const std::vector<Array>& average_changes,
                   const std::vector<Array>& steps, double lr, double rho, double eps, double weight_decay,
                   bool maximize) {
  Step step("adadelta_step", parameters, gradients);
  step.add_state(0, "average squares", average_squares);
  step.add_state(1, "average changes", average_changes);
  step.check_numbers("steps", steps);
  for (const Array& each : steps) count_up(each);
  step.run(&Kernels::adadelta_step, {lr, rho, eps, weight_decay, maximize});
}

void rmsprop_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                  const std::vector<Array>& average_squares, const std::vector<Array>& momentum_buffers,
                  const std::vector<Array>& averages, const std::vector<Array>& steps, double lr, double alpha,
                  double eps, double weight_decay, double momentum, bool maximize) {
  Step step("rmsprop_step", parameters, gradients);
  step.add_state(0, "average squares", average_squares);
  if (!momentum_buffers.empty()) step.add_state(1, "momentum buffers", momentum_buffers);
  if (!averages.empty()) step.add_state(2, "averages", averages);
  step.check_numbers("steps", steps);
  for (const Array& each : steps) count_up(each);
  step.run(&Kernels::rmsprop_step, {lr, alpha, eps, weight_decay, momentum, maximize});
}

void rprop_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& gradients_before, const std::vector<Array>& step_sizes,
                const std::vector<Array>& steps, double eta_minus, double eta_plus, double smallest, double largest,
                bool maximize) {
  Step step("rprop_step", parameters, gradients);
  step.add_state(0, "gradients before", gradients_before);
  step.add_state(1, "step sizes", step_sizes);
  step.check_numbers("steps", steps);
  for (const Array& each : steps) count_up(each);
  step.run(&Kernels::rprop_step, {eta_minus, eta_plus, smallest, largest, maximize});
}

void asgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& etas, const std::vector<Array>& mus,
               const std::vector<Array>& steps, double lr, double lambd, double alpha, double t0, double weight_decay,
               bool maximize) {
  Step step("asgd_step", parameters, gradients);
  step.add_state(0, "averages", averages);
  step.check_numbers("etas", etas);
  step.check_numbers("mus", mus);
  step.check_numbers("steps", steps);
  for (size_t i = 0; i < step.size(); i++) {
    const double t = count_up(steps[i]), eta = read(etas[i]);
    step.numbers(i)[0] = eta;
    step.numbers(i)[1] = 1 - lambd * eta;
    step.numbers(i)[2] = read(mus[i]);
    write(etas[i], lr / std::pow(1 + lambd * lr * t, alpha));  // for the next step
    write(mus[i], 1 / std::max(1.0, t - t0));
  }
  step.run(&Kernels::asgd_step, {weight_decay, maximize});
}

void scale_all(const std::vector<Array>& tensors, const Array& scale, const std::optional<Array>& nonfinite) {
  auto check_number = [&](const char* name, const Array& number, DType dtype, const Array& tensor) {
    if (number.numel() != 1 || number.dtype != dtype || !(number.device() == tensor.device()))
      fail(ErrorKind::Runtime, "scale_all(): expected ", name, " to be one ", dtype_name(dtype),
           " number on the device of the tensors, got ", dtype_name(number.dtype), " of shape ", number.shape);
  };
  for (const Array& tensor : tensors) {
    check_number("scale", scale, DType::Float64, tensor);
    if (nonfinite) check_number("nonfinite", *nonfinite, DType::Float32, tensor);
  }
  Step step("scale_all", tensors, tensors);
  step.run([&](const Kernels& table, const StepTensor* all, int64_t count) {
    table.scale_all({all, count, reinterpret_cast<const double*>(scale.data()),
                     nonfinite ? reinterpret_cast<float*>(nonfinite->data()) : nullptr});
  });
  if (nonfinite) nonfinite->storage->version++;
}

}  // namespace tx
