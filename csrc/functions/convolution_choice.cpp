#include "convolution_choice.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>

#include "../cpu/parallel.h"
#include "../cuda_library.h"
#include "../errors.h"
#include "../kernels.h"

namespace tx {

namespace {

using Algorithm = ConvolutionAlgorithm;
using Pass = ConvolutionPass;

std::atomic<ConvolutionSettings> settings;
std::mutex choosing;  // held while a problem is timed, so that it is timed once and alone
std::map<ConvolutionProblem, ConvolutionChoice> choices;

ConvolutionProblem problem_of(Pass pass, const ConvolutionArgs& a, Device device) {
  const bool cuda = device.type == DeviceType::CUDA;
  return {pass,
          a.dtype,
          cuda ? cuda_library().properties(device.index).name : std::string("cpu ") + isa_name(),
          cuda ? 1 : num_threads(),
          {a.batch, a.in_channels, a.in_h, a.in_w, a.out_channels, a.kernel_h, a.kernel_w, a.stride_h, a.stride_w,
           a.pad_h, a.pad_w, a.dilation_h, a.dilation_w, a.groups}};
}

void run(Pass pass, const ConvolutionArgs& args, Device device) {
  const Kernels& table = kernels(device);
  switch (pass) {
    case Pass::Forward: return table.convolution(args);
    case Pass::GradX: return table.convolution_grad_x(args);
    case Pass::GradWeight: return table.convolution_grad_weight(args);
  }
}

double seconds_of(Pass pass, const ConvolutionArgs& args, Device device) {
  const bool cuda = device.type == DeviceType::CUDA;
  if (cuda) cuda_library().synchronize(device.index);
  const auto begin = std::chrono::steady_clock::now();
  run(pass, args, device);
  if (cuda) cuda_library().synchronize(device.index);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The best of a few runs. The first pays for memory; one that is far behind gets no second chance.
double best_seconds(Pass pass, const ConvolutionArgs& args, Device device, double best_so_far) {
  constexpr int kRuns = 10;
  constexpr double kEnough = 0.02, kFarBehind = 4;
  double best = seconds_of(pass, args, device), all = 0;
  if (best_so_far > 0 && best > kFarBehind * best_so_far) return best;
  for (int i = 0; i < kRuns && (i < 2 || all < kEnough); i++) {
    const double seconds = seconds_of(pass, args, device);
    all += seconds;
    if (seconds < best) best = seconds;
  }
  return best;
}

ConvolutionChoice time_all(Pass pass, ConvolutionArgs args, Device device) {
  ConvolutionChoice choice{Algorithm::Default, {}};
  double best = -1;
  choice.seconds.fill(-1);
  for (int i = 1; i < kConvolutionAlgorithms; i++) {
    args.algorithm = Algorithm(i);
    if (!convolution_needs(args.algorithm, args, device.type == DeviceType::CUDA).empty()) continue;
    double seconds;
    try {
      seconds = best_seconds(pass, args, device, best);
    } catch (const OutOfMemory&) {
      continue;  // there may be room for the others
    }
    choice.seconds[i] = seconds;
    if (best < 0 || seconds < best) {
      best = seconds;
      choice.algorithm = args.algorithm;
    }
  }
  return choice;
}

Algorithm choose(const char* op, Pass pass, const ConvolutionArgs& args, Device device) {
  const ConvolutionSettings now = convolution_settings();
  if (now.forced != Algorithm::Default) {
    const std::string needs = convolution_needs(now.forced, args, device.type == DeviceType::CUDA);
    if (!needs.empty())
      fail(ErrorKind::Runtime, op, "(): backends.conv.algorithm is '", algorithm_name(now.forced), "', which needs ",
           needs, ", but got kernel ", args.kernel_h, "x", args.kernel_w, ", stride ", args.stride_h, "x",
           args.stride_w, ", dilation ", args.dilation_h, "x", args.dilation_w, " on ",
           device.type == DeviceType::CUDA ? "cuda" : "cpu", ": set backends.conv.algorithm to None, or to another");
    return now.forced;
  }
  if (!now.benchmark || args.in_channels * args.in_h * args.in_w == 0) return Algorithm::Default;
  std::lock_guard lock(choosing);
  const ConvolutionProblem problem = problem_of(pass, args, device);
  const auto found = choices.find(problem);
  if (found != choices.end()) return found->second.algorithm;
  if (now.deterministic) return Algorithm::Default;
  const ConvolutionChoice choice = time_all(pass, args, device);
  if (choice.algorithm != Algorithm::Default) choices.emplace(problem, choice);
  return choice.algorithm;
}

}  // namespace

const char* pass_name(Pass pass) {
  constexpr const char* names[kConvolutionPasses] = {"forward", "input_gradient", "weight_gradient"};
  return names[int(pass)];
}

const char* algorithm_name(Algorithm algorithm) {
  constexpr const char* names[kConvolutionAlgorithms] = {"default",      "direct",       "implicit_gemm",
                                                         "winograd_2x2", "winograd_4x4", "fft"};
  return names[int(algorithm)];
}

ConvolutionSettings convolution_settings() { return settings.load(std::memory_order_relaxed); }
void set_convolution_settings(const ConvolutionSettings& now) { settings.store(now, std::memory_order_relaxed); }

std::vector<std::pair<ConvolutionProblem, ConvolutionChoice>> convolution_choices() {
  std::lock_guard lock(choosing);
  return {choices.begin(), choices.end()};
}

bool add_convolution_choice(const ConvolutionProblem& problem, const ConvolutionChoice& choice) {
  std::lock_guard lock(choosing);
  return choices.emplace(problem, choice).second;
}

void clear_convolution_choices() {
  std::lock_guard lock(choosing);
  choices.clear();
}

std::string convolution_needs(Algorithm algorithm, const ConvolutionArgs& a, bool cuda) {
  if (algorithm <= Algorithm::ImplicitGemm) return "";
  if (cuda) return "the CPU (CUDA has 'direct' and 'implicit_gemm')";
  const bool steps_of_one = a.stride_h == 1 && a.stride_w == 1;
  if (algorithm != Algorithm::Fft) {
    const bool fits = steps_of_one && a.kernel_h == 3 && a.kernel_w == 3 && a.dilation_h == 1 && a.dilation_w == 1;
    return fits ? "" : "kernel 3x3, stride 1 and dilation 1";
  }
  // The largest tile is 64 x 64 (csrc/cpu/convolution_tiles.h). Every weight becomes 400 or more numbers, so the
  // weights of a group are limited: to some 500 MB.
  constexpr int64_t kMost = 48;
  constexpr double kMostPairs = 1 << 18, kMostWeights = 1 << 23;
  const int64_t extent_h = a.dilation_h * (a.kernel_h - 1) + 1, extent_w = a.dilation_w * (a.kernel_w - 1) + 1;
  if (!steps_of_one || extent_h > kMost || extent_w > kMost)
    return "stride 1 and a kernel that covers, with its dilation, at most 48x48";
  const double pairs = double(a.in_channels / a.groups) * double(a.out_channels / a.groups);
  return pairs <= kMostPairs && pairs * double(extent_h * extent_w) <= kMostWeights
             ? ""
             : "at most 2^18 pairs of an input and an output channel per group, and 2^23 weights with their dilation";
}

void run_convolution(const char* op, Pass pass, ConvolutionArgs args, Device device) {
  args.algorithm = choose(op, pass, args, device);
  run(pass, args, device);
}

}  // namespace tx
