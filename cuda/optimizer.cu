// Optimiser steps and the scaling of gradients: one launch updates chunks of many parameters. The table of the parameters
// travels in the arguments of the kernel, so that a step copies nothing to the device and allocates nothing.
//
// Every element is updated by itself, in the order of operations that kernels/optimizer.h states. Half types are updated
// in float.
#include <vector>

#include "../csrc/kernels/optimizer.h"
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

constexpr int kTensors = 48;  // per launch: the table must fit in 4 KB of arguments
constexpr int kPacks = 4;  // per thread and array
constexpr int kArrays = 5;  // parameter, gradient, state
template <class S> constexpr int64_t kChunk = int64_t(kThreads) * kPacks * kPack<S>;  // elements of a block

template <class S, class T>
struct StepTable {
  struct Tensor {
    S* array[kArrays];  // state that there is none of is null
    int64_t numel;
    T step_size, square_scale;
  };
  int count;
  uint32_t begin[kTensors];  // the first chunk of each
  bool aligned[kTensors];  // all arrays to 16 bytes
  Tensor tensor[kTensors];
};

template <class T>
struct Sgd {
  static constexpr int kState = 1;
  T lr, momentum, undampened, decay;
  bool decays, nesterov, maximize, first;

  // Updates p and the state; `has` says which state there is. The two numbers are the tensor's own.
  TX_DEVICE void operator()(T& p, T g, T (&state)[kState], const bool (&has)[kState], T, T) const {
    if (maximize) g = -g;
    if (decays) g = g + decay * p;
    if (has[0]) {
      const T v = first ? g : momentum * state[0] + undampened * g;
      state[0] = v;
      g = nesterov ? g + momentum * v : v;
    }
    p = p - lr * g;
  }
};

template <class T>
struct Adam {
  static constexpr int kState = 3;
  T kept, decay, weight1, beta2, weight2, eps;
  bool shrinks, decays, maximize;

  TX_DEVICE void operator()(T& p, T g, T (&state)[kState], const bool (&has)[kState], T step_size,
                            T square_scale) const {
    if (maximize) g = -g;
    if (shrinks) p = p * kept;
    if (decays) g = g + decay * p;
    state[0] = state[0] + weight1 * (g - state[0]);
    T s = beta2 * state[1] + weight2 * (g * g);
    state[1] = s;
    if (has[2]) state[2] = s = maximum(state[2], s);
    p = p - step_size * (state[0] / (sqrt(s) * square_scale + eps));
  }
};

template <class T>
struct Scale {
  static constexpr int kState = 1;
  const double* scale;
  float* nonfinite;

  TX_DEVICE void operator()(T& x, T, T (&)[kState], const bool (&)[kState], T, T) const {
    if (nonfinite && !isfinite(x)) atomicExch(nonfinite, 1.0f);  // as other threads do
    x = x * T(*scale);
  }
};

// Updates `count` elements at once: 1, or a pack.
template <int count, class S, class T, class Rule>
TX_DEVICE void update(const Rule& rule, const typename StepTable<S, T>::Tensor& tensor, int64_t at) {
  constexpr int states = Rule::kState;
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
    T x = convert<T>(p.value[j]), y[states];
    TX_UNROLL
    for (int k = 0; k < states; k++) y[k] = convert<T>(state[k].value[j]);
    rule(x, convert<T>(g.value[j]), y, has, tensor.step_size, tensor.square_scale);
    p.value[j] = convert<S>(x);
    TX_UNROLL
    for (int k = 0; k < states; k++) state[k].value[j] = convert<S>(y[k]);
  }
  *reinterpret_cast<Elements*>(tensor.array[0] + at) = p;
  TX_UNROLL
  for (int k = 0; k < states; k++)
    if (has[k]) *reinterpret_cast<Elements*>(tensor.array[2 + k] + at) = state[k];
}

// A block for each chunk of each tensor.
template <class S, class T, class Rule>
__global__ void __launch_bounds__(kThreads, kBlocks<T>) optimizer_step(Rule rule, StepTable<S, T> table) {
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
template <class S, class T, class Rule>
void step(const char* name, const StepTensor* tensors, int64_t count, const Rule& rule) {
  constexpr int64_t kMaxBlocks = INT32_MAX;
  StepTable<S, T> table;
  table.count = 0;
  int64_t blocks = 0;
  auto run = [&] {
    if (table.count) launch(name, optimizer_step<S, T, Rule>, {unsigned(blocks), kThreads}, rule, table);
    table.count = 0;
    blocks = 0;
  };
  for (int64_t i = 0; i < count; i++) {
    const StepTensor& t = tensors[i];
    if (t.dtype != dtype_of<S>::value || t.numel == 0) continue;
    const int64_t chunks = (t.numel + kChunk<S> - 1) / kChunk<S>;
    if (table.count == kTensors || blocks + chunks > kMaxBlocks) run();
    auto& entry = table.tensor[table.count];
    char* const arrays[kArrays] = {t.parameter, t.gradient, t.state[0], t.state[1], t.state[2]};
    bool all_aligned = true;
    for (int k = 0; k < kArrays; k++) {
      entry.array[k] = reinterpret_cast<S*>(arrays[k]);
      all_aligned = all_aligned && aligned(arrays[k], 16);
    }
    entry.numel = t.numel;
    entry.step_size = T(t.step_size);
    entry.square_scale = T(t.square_scale);
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

void sgd_step(const SgdArgs& x) {
  step_all("sgd_step", x.tensors, x.count, [&]<class T>(T) {
    return Sgd<T>{T(x.lr),    T(x.momentum), T(1 - x.dampening), T(x.weight_decay), x.weight_decay != 0, x.nesterov,
                  x.maximize, x.first};
  });
}

void adam_step(const AdamArgs& x) {
  step_all("adam_step", x.tensors, x.count, [&]<class T>(T) {
    const bool decays = x.weight_decay != 0;
    return Adam<T>{
        T(1 - x.lr * x.weight_decay), T(x.weight_decay),      T(1 - x.beta1), T(x.beta2), T(1 - x.beta2), T(x.eps),
        x.decoupled && decays,        !x.decoupled && decays, x.maximize};
  });
}

void scale_all(const ScaleArgs& x) {
  step_all("scale_all", x.tensors, x.count, [&]<class T>(T) { return Scale<T>{x.scale, x.nonfinite}; });
}

}  // namespace tx::cuda
