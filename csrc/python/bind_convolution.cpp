// Convolutions, and the choice of their algorithms as plain values: tensorx.backends.conv gives them names and checks
// files.
#include <algorithm>
#include <tuple>
#include <vector>

#include "../functions/convolution.h"
#include "../functions/convolution_choice.h"
#include "../functions/quantized.h"
#include "bind.h"

namespace tx::python {

namespace {

using Shape = std::vector<int64_t>;
using Seconds = std::vector<double>;

// ((pass, dtype, device, threads, shape), algorithm, seconds by algorithm)
using Problem = std::tuple<int, std::string, std::string, int64_t, Shape>;
using Choice = std::tuple<Problem, int, Seconds>;

std::vector<Choice> choices() {
  std::vector<Choice> list;
  for (const auto& [problem, choice] : convolution_choices())
    list.emplace_back(Problem{int(problem.pass), dtype_name(problem.dtype), problem.device, problem.threads,
                              Shape(problem.shape.begin(), problem.shape.end())},
                      int(choice.algorithm), Seconds(choice.seconds.begin(), choice.seconds.end()));
  return list;
}

// What an algorithm needs and the problem lacks; empty: nothing.
std::string needs(int algorithm, int pass, std::string_view dtype, std::string_view device, int64_t,
                  const Shape& shape) {
  const bool known = pass >= 0 && pass < kConvolutionPasses && algorithm > 0 && algorithm < kConvolutionAlgorithms &&
                     (dtype == "float32" || dtype == "float64") &&
                     shape.size() == std::tuple_size_v<decltype(ConvolutionProblem::shape)> && shape.back() > 0;
  if (!known) return "an operation, an algorithm, a dtype and groups that there are";
  for (int64_t number : shape)
    if (number < 0 || number > INT32_MAX) return "sizes below 2^31";
  ConvolutionArgs args{};
  args.batch = shape[0], args.in_channels = shape[1], args.in_h = shape[2], args.in_w = shape[3];
  args.out_channels = shape[4], args.kernel_h = shape[5], args.kernel_w = shape[6];
  args.stride_h = shape[7], args.stride_w = shape[8], args.pad_h = shape[9], args.pad_w = shape[10];
  args.dilation_h = shape[11], args.dilation_w = shape[12], args.groups = shape[13];
  return convolution_needs(ConvolutionAlgorithm(algorithm), args, !device.starts_with("cpu "));
}

// An algorithm that cannot compute its problem must never be found for it.
bool add_choice(int pass, std::string_view dtype, std::string_view device, int64_t threads, const Shape& shape,
                int algorithm, const Seconds& seconds) {
  std::string missing = needs(algorithm, pass, dtype, device, threads, shape);
  if (seconds.size() != kConvolutionAlgorithms) missing = "a time for each algorithm";
  if (!missing.empty()) fail(ErrorKind::Value, "the choice of this algorithm needs ", missing);
  ConvolutionProblem problem{
      ConvolutionPass(pass), dtype == "float32" ? DType::Float32 : DType::Float64, std::string(device), threads, {}};
  ConvolutionChoice choice{ConvolutionAlgorithm(algorithm), {}};
  std::copy(shape.begin(), shape.end(), problem.shape.begin());
  std::copy(seconds.begin(), seconds.end(), choice.seconds.begin());
  return add_convolution_choice(problem, choice);
}

std::tuple<bool, bool, int, bool> settings() {
  const ConvolutionSettings now = convolution_settings();
  return {now.benchmark, now.deterministic, int(now.forced), now.tf32};
}

void set_settings(bool benchmark, bool deterministic, int forced, bool tf32) {
  if (forced < 0 || forced >= kConvolutionAlgorithms)
    fail(ErrorKind::Value, "no such algorithm of a convolution: ", forced);
  set_convolution_settings({benchmark, deterministic, ConvolutionAlgorithm(forced), tf32});
}

template <class Name>
void add_names(PyObject* module, const char* attribute, int count, const Name& name) {
  std::vector<std::string> all;
  for (int i = 0; i < count; i++) all.push_back(name(i));
  if (PyModule_AddObject(module, attribute, to_python(std::move(all))) < 0) throw PythonError{};
}

}  // namespace

void bind_convolution(PyObject* module) {
  bind<&tx::convolution>(module, "convolution");
  bind<&tx::convolution_input>(module, "convolution_input");
  bind<&tx::convolution_weight>(module, "convolution_weight");
  bind<&tx::quantized_convolution>(module, "quantized_convolution");

  add_names(module, "convolution_algorithms", kConvolutionAlgorithms,
            [](int i) { return algorithm_name(ConvolutionAlgorithm(i)); });
  add_names(module, "convolution_passes", kConvolutionPasses, [](int i) { return pass_name(ConvolutionPass(i)); });
  bind<&settings>(module, "convolution_settings");
  bind<&set_settings>(module, "set_convolution_settings");
  bind<&choices>(module, "convolution_choices");
  bind<&needs>(module, "convolution_needs");
  bind<&add_choice>(module, "add_convolution_choice");
  bind<&clear_convolution_choices>(module, "clear_convolution_choices");
}

}  // namespace tx::python
