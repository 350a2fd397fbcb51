// Which algorithm computes a convolution: the one the user forced, the fastest that was found for this problem, or
// the kernel's own default, which follows from the shape alone.
#pragma once
#include <array>
#include <compare>
#include <string>
#include <utility>
#include <vector>

#include "../array.h"
#include "../kernels/convolution.h"

namespace tx {

enum class ConvolutionPass : uint8_t { Forward, GradX, GradWeight };
constexpr int kConvolutionPasses = 3;

const char* pass_name(ConvolutionPass pass);
const char* algorithm_name(ConvolutionAlgorithm algorithm);

// What the time of each algorithm depends on. Layouts are no part of it: operands reach the kernels contiguous.
struct ConvolutionProblem {
  ConvolutionPass pass;
  DType dtype;  // in which it is computed
  std::string device;  // "cpu avx2", or the name of a GPU
  int64_t threads;
  // batch, in_channels, in_h, in_w, out_channels, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h,
  // dilation_w, groups
  std::array<int64_t, 14> shape;

  auto operator<=>(const ConvolutionProblem&) const = default;
};

struct ConvolutionChoice {
  ConvolutionAlgorithm algorithm;
  std::array<double, kConvolutionAlgorithms> seconds;  // by algorithm; negative: not timed
};

struct alignas(4) ConvolutionSettings {
  bool benchmark = false;  // time new problems, and use what is known of the others
  bool deterministic = false;  // time no new ones: they get the default
  ConvolutionAlgorithm forced = ConvolutionAlgorithm::Default;
  bool tf32 = false;  // float32 may be rounded to TF32
};
ConvolutionSettings convolution_settings();
void set_convolution_settings(const ConvolutionSettings& settings);

std::vector<std::pair<ConvolutionProblem, ConvolutionChoice>> convolution_choices();
// Whether it was added: a choice that is in use is not replaced.
bool add_convolution_choice(const ConvolutionProblem& problem, const ConvolutionChoice& choice);
void clear_convolution_choices();

// What the algorithm lacks for this problem, as "kernel 3x3, stride 1 and dilation 1"; empty if it has all it needs.
std::string convolution_needs(ConvolutionAlgorithm algorithm, const ConvolutionArgs& args, bool cuda);

// Runs the pass by the algorithm chosen for it.
void run_convolution(const char* op, ConvolutionPass pass, ConvolutionArgs args, Device device);

}  // namespace tx
