// Optimiser steps and the scaling of gradients: one launch updates chunks of many parameters. The table of the parameters
// travels in the arguments of the kernel, so that a step copies nothing to the device and allocates nothing.
//
// Every element is updated by itself, as csrc/optimizer_rules.h says. Half types are updated in float.
#include "elementwise.cuh"

#include "../csrc/optimizer_rules.h"

namespace tx::cuda {

namespace {

constexpr int kTensors = 48;  // per launch: the table must fit in 4 KB of arguments
constexpr int kPacks = 4;  // per thread and array
constexpr int kArrays = 2 + kStepStates;  // parameter, gradient, states
template <class S> constexpr int64_t kChunk = int64_t(kThreads) * kPacks * kPack<S>;  // elements of a block

template <class S, class T>
struct StepTable {
  struct Tensor {
    S* array[kArrays];  // state that there is none of is null
    int64_t numel;
    T number[kStepNumbers];
  };
  int count;
  uint32_t begin[kTensors];  // the first chunk of each
  bool aligned[kTensors];  // all arrays to 16 bytes
  Tensor tensor[kTensors];
};

template <class T>
struct Scale {
  static constexpr int states = 1;
  const double* scale;
  float* nonfinite;

  TX_DEVICE T operator()(T x, T, T (&)[states], const bool*, const T (&)[kStepNumbers]) const {
    if (nonfinite && !isfinite(x)) atomicExch(nonfinite, 1.0f);  // as other threads do
    return x * T(*scale);
  }
};

// Updates `count` elements at once: 1, or a pack.
template <int count, class S, class T, class R>
TX_DEVICE void update(const R& rule, const typename StepTable<S, T>::Tensor& tensor, int64_t at) {
  constexpr int states = R::states;
  using Elements = Pack<S, count>;
  Elements p = *reinterpret_cast<const Elements*>(tensor.array[0] + at),
           g = *reinterpret_cast<const Elements*>(tensor.array[1] + at), state[states] = {};
  bool has[states];
  TX_UNROLL
  for (int k = 0; k < states; k++) {
    has[k] = tensor.array[2 + k] != nullptr;
    if (has[k]) state[k] = *reinterpret_cast<const Elements*>(tensor.array[2 + k] + at);
  }
  TX_UNROLL
  for (int j = 0; j < count; j++) {
    const T x = convert<T>(p.value[j]);
    T y[states];
    TX_UNROLL
    for (int k = 0; k < states; k++) y[k] = convert<T>(state[k].value[j]);
    p.value[j] = convert<S>(rule(x, convert<T>(g.value[j]), y, has, tensor.number));
    TX_UNROLL
    for (int k = 0; k < states; k++) state[k].value[j] = convert<S>(y[k]);
  }
  *reinterpret_cast<Elements*>(tensor.array[0] + at) = p;
  TX_UNROLL
  for (int k = 0; k < states; k++)
    if (has[k]) *reinterpret_cast<Elements*>(tensor.array[2 + k] + at) = state[k];
}

// A block for each chunk of each tensor.
template <class S, class T, class R>
__global__ void __launch_bounds__(kThreads, kBlocks<T>) optimizer_step(R rule, StepTable<S, T> table) {
  int low = 0, high = table.count - 1;  // the last tensor that begins at or before this block
  while (low < high) {
    const int middle = (low + high + 1) / 2;
    if (table.begin[middle] <= blockIdx.x) low = middle;
    else high = middle - 1;
  }
  const auto& tensor = table.tensor[low];
  const int64_t begin = int64_t(blockIdx.x - table.begin[low]) * kChunk<S>;
  const int64_t end = begin + kChunk<S> < tensor.numel ? begin + kChunk<S> : tensor.numel;
  int64_t rest = begin;
  if (table.aligned[low]) {
    rest = begin + (end - begin) / kPack<S> * kPack<S>;
    for (int64_t i = begin + int64_t(threadIdx.x) * kPack<S>; i < rest; i += kThreads * kPack<S>)
      update<kPack<S>, S, T>(rule, tensor, i);
  }
  for (int64_t i = rest + threadIdx.x; i < end; i += kThreads) update<1, S, T>(rule, tensor, i);
}

// The tensors stored as S, as many in a launch as the table holds.
template <class S, class T, class R>
void step(const char* name, const StepTensor* tensors, int64_t count, const R& rule) {
  constexpr int64_t kMaxBlocks = INT32_MAX;
  static_assert(sizeof(StepTable<S, T>) + sizeof(R) <= 4096, "the arguments of a kernel");
  StepTable<S, T> table;
  table.count = 0;
  int64_t blocks = 0;
  auto run = [&] {
    if (table.count) launch(name, optimizer_step<S, T, R>, {unsigned(blocks), kThreads}, rule, table);
    table.count = 0;
    blocks = 0;
  };
  for (int64_t i = 0; i < count; i++) {
    const StepTensor& t = tensors[i];
    if (t.dtype != dtype_of<S>::value || t.numel == 0) continue;
    const int64_t chunks = (t.numel + kChunk<S> - 1) / kChunk<S>;
    if (table.count == kTensors || blocks + chunks > kMaxBlocks) run();
    auto& entry = table.tensor[table.count];
    char* arrays[kArrays] = {t.parameter, t.gradient};
    for (int k = 0; k < kStepStates; k++) arrays[2 + k] = t.state[k];
    bool all_aligned = true;
    for (int k = 0; k < kArrays; k++) {
      entry.array[k] = reinterpret_cast<S*>(arrays[k]);
      all_aligned = all_aligned && aligned(arrays[k], 16);
    }
    entry.numel = t.numel;
    for (int k = 0; k < kStepNumbers; k++) entry.number[k] = T(t.number[k]);
    table.begin[table.count] = uint32_t(blocks);
    table.aligned[table.count] = all_aligned;
    table.count++;
    blocks += chunks;
  }
  run();
}

// rule(T{}): the rule for numbers of type T.
template <class Make>
void step_all(const char* name, const StepTensor* tensors, int64_t count, const Make& rule) {
  step<float, float>(name, tensors, count, rule(float{}));
  step<Float16, float>(name, tensors, count, rule(float{}));
  step<BFloat16, float>(name, tensors, count, rule(float{}));
  step<double, double>(name, tensors, count, rule(double{}));
}

}  // namespace

#define X(name, Args)                                                                    \
  void name(const Args& x) {                                                             \
    step_all(#name, x.tensors, x.count, [&]<class T>(T) {                                \
      return Rule<decltype(x.options), T>(x.options);                                    \
    });                                                                                  \
  }
TX_OPTIMIZER_STEPS(X)
#undef X

void scale_all(const ScaleArgs& x) {
  step_all("scale_all", x.tensors, x.count, [&]<class T>(T) { return Scale<T>{x.scale, x.nonfinite}; });
}

}  // namespace tx::cuda
