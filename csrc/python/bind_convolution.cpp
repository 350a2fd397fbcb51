// Convolutions, and the choice of their algorithms as plain values: tensorx.backends.conv gives them names and checks
// files.
#include <tuple>

#include <pybind11/stl.h>

#include "../functions/convolution.h"
#include "../functions/convolution_choice.h"
#include "../functions/quantized.h"
#include "bind.h"

namespace py = pybind11;

namespace tx::python {

namespace {

// (pass, dtype, device, threads, shape), algorithm, seconds by algorithm.
using Problem = std::tuple<int, std::string, std::string, int64_t, std::array<int64_t, 14>>;
using Choice = std::tuple<Problem, int, std::array<double, kConvolutionAlgorithms>>;

std::vector<Choice> choices() {
  std::vector<Choice> list;
  for (const auto& [problem, choice] : convolution_choices())
    list.emplace_back(
        Problem{int(problem.pass), dtype_name(problem.dtype), problem.device, problem.threads, problem.shape},
        int(choice.algorithm), choice.seconds);
  return list;
}

// What an algorithm needs and the problem lacks; empty: nothing.
std::string needs(int algorithm, const Problem& problem) {
  const auto& [pass, dtype, device, threads, shape] = problem;
  ConvolutionArgs args{};
  args.batch = shape[0], args.in_channels = shape[1], args.in_h = shape[2], args.in_w = shape[3];
  args.out_channels = shape[4], args.kernel_h = shape[5], args.kernel_w = shape[6];
  args.stride_h = shape[7], args.stride_w = shape[8], args.pad_h = shape[9], args.pad_w = shape[10];
  args.dilation_h = shape[11], args.dilation_w = shape[12], args.groups = shape[13];
  for (int64_t number : shape)
    if (number < 0 || number > INT32_MAX) return "sizes below 2^31";
  const bool known = pass >= 0 && pass < kConvolutionPasses && algorithm > 0 && algorithm < kConvolutionAlgorithms &&
                     (dtype == "float32" || dtype == "float64") && args.groups > 0;
  if (!known) return "an operation, an algorithm, a dtype and groups that there are";
  return convolution_needs(ConvolutionAlgorithm(algorithm), args, !device.starts_with("cpu "));
}

// An algorithm that cannot compute its problem must never be found for it.
bool add_choice(const Choice& entry) {
  const auto& [problem, algorithm, seconds] = entry;
  const std::string missing = needs(algorithm, problem);
  if (!missing.empty()) fail(ErrorKind::Value, "the choice of this algorithm needs ", missing);
  const auto& [pass, dtype, device, threads, shape] = problem;
  return add_convolution_choice(
      {ConvolutionPass(pass), dtype == "float32" ? DType::Float32 : DType::Float64, device, threads, shape},
      {ConvolutionAlgorithm(algorithm), seconds});
}

std::tuple<bool, bool, int> settings() {
  const ConvolutionSettings now = convolution_settings();
  return {now.benchmark, now.deterministic, int(now.forced)};
}

void set_settings(bool benchmark, bool deterministic, int forced) {
  if (forced < 0 || forced >= kConvolutionAlgorithms)
    fail(ErrorKind::Value, "no such algorithm of a convolution: ", forced);
  set_convolution_settings({benchmark, deterministic, ConvolutionAlgorithm(forced)});
}

template <class Name>
py::tuple names(int count, const Name& name) {
  py::tuple all(count);
  for (int i = 0; i < count; i++) all[i] = name(i);
  return all;
}

}  // namespace

void bind_convolution(PyObject* module) {
  bind<&tx::convolution>(module, "convolution");
  bind<&tx::convolution_input>(module, "convolution_input");
  bind<&tx::convolution_weight>(module, "convolution_weight");
  bind<&tx::quantized_convolution>(module, "quantized_convolution");

  auto m = py::reinterpret_borrow<py::module_>(module);
  m.attr("convolution_algorithms") =
      names(kConvolutionAlgorithms, [](int i) { return algorithm_name(ConvolutionAlgorithm(i)); });
  m.attr("convolution_passes") = names(kConvolutionPasses, [](int i) { return pass_name(ConvolutionPass(i)); });
  m.def("convolution_settings", &settings);
  m.def("set_convolution_settings", &set_settings);
  m.def("convolution_choices", &choices);
  m.def("convolution_needs", &needs);
  m.def("add_convolution_choice", &add_choice);
  m.def("clear_convolution_choices", &clear_convolution_choices);
}

}  // namespace tx::python
