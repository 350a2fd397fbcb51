// Optimiser steps, and the scaling of gradients, over many tensors at once. Compiled once per instruction set.
//
// Every element is updated by itself, in the order of operations that kernels/optimizer.h states and without fused
// multiply-adds, so the result has the same bits for any instruction set, chunk and thread. Half types are updated in float:
// a block at a time is converted, updated, and converted back.
#include "../kernels/optimizer.h"

#include "cast.h"
#include "parallel.h"
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements a thread takes at a time
constexpr int64_t kBlock = 512;  // elements of half types converted at a time
constexpr int kArrays = 5;  // parameter, gradient, state

// The first n elements of a register, or all of them.
struct WholeRegister {
  template <class T> TX_INLINE Vec<T> load(const char* p) const { return tx::TX_ISA::load<T>(p); }
  template <class T> TX_INLINE void store(char* p, Vec<T> x) const { tx::TX_ISA::store<T>(p, x); }
};
struct PartOfRegister {
  int64_t n;
  template <class T> TX_INLINE Vec<T> load(const char* p) const { return load_partial<T>(p, n); }
  template <class T> TX_INLINE void store(char* p, Vec<T> x) const { store_partial<T>(p, x, n); }
};

// array: parameter, gradient, state. Calls update(lanes, byte offset) for one register after the other.
template <class T, class Update>
TX_INLINE void for_registers(int64_t n, const Update& update) {
  constexpr int64_t size = Vec<T>::size;
  int64_t i = 0;
  for (; i + size <= n; i += size) update(WholeRegister{}, i * int64_t(sizeof(T)));
  if (i < n) update(PartOfRegister{n - i}, i * int64_t(sizeof(T)));
}

template <class T, bool with_momentum>
void sgd_span(const SgdArgs& args, char* const* array, int64_t n) {
  using V = Vec<T>;
  const V lr(args.lr), momentum(args.momentum), undampened(1 - args.dampening), decay(args.weight_decay);
  const bool decays = args.weight_decay != 0, maximize = args.maximize, first = args.first, nesterov = args.nesterov;
  char *parameter = array[0], *gradient = array[1], *velocity = array[2];
  for_registers<T>(n, [&](auto lanes, int64_t at) __attribute__((always_inline)) {
    V p = lanes.template load<T>(parameter + at), g = lanes.template load<T>(gradient + at);
    if (maximize) g = -g;
    if (decays) g = g + decay * p;
    if constexpr (with_momentum) {
      V v = first ? g : momentum * lanes.template load<T>(velocity + at) + undampened * g;
      lanes.template store<T>(velocity + at, v);
      g = nesterov ? g + momentum * v : v;
    }
    lanes.template store<T>(parameter + at, p - lr * g);
  });
}

template <class T, bool amsgrad>
void adam_span(const AdamArgs& args, const StepTensor& tensor, char* const* array, int64_t n) {
  using V = Vec<T>;
  const V kept(1 - args.lr * args.weight_decay), decay(args.weight_decay), weight1(1 - args.beta1), beta2(args.beta2),
      weight2(1 - args.beta2);
  const V eps(args.eps), step_size(tensor.step_size), square_scale(tensor.square_scale);
  const bool shrinks = args.decoupled && args.weight_decay != 0, decays = !args.decoupled && args.weight_decay != 0,
             maximize = args.maximize;
  char *parameter = array[0], *gradient = array[1], *average = array[2], *average_square = array[3],
       *largest = array[4];
  for_registers<T>(n, [&](auto lanes, int64_t at) __attribute__((always_inline)) {
    V p = lanes.template load<T>(parameter + at), g = lanes.template load<T>(gradient + at);
    if (maximize) g = -g;
    if (shrinks) p = p * kept;
    if (decays) g = g + decay * p;
    V m = lanes.template load<T>(average + at),
      s = beta2 * lanes.template load<T>(average_square + at) + weight2 * (g * g);
    m = m + weight1 * (g - m);
    lanes.template store<T>(average + at, m);
    lanes.template store<T>(average_square + at, s);
    if constexpr (amsgrad) {
      s = maximum(lanes.template load<T>(largest + at), s);
      lanes.template store<T>(largest + at, s);
    }
    lanes.template store<T>(parameter + at, p - step_size * (m / (sqrt(s) * square_scale + eps)));
  });
}

template <class T>
void scale_span(const ScaleArgs& args, char* x, int64_t n) {
  using V = Vec<T>;
  const V scale(*args.scale);
  V poisoned(0);  // NaN in the lanes that saw an infinity or NaN
  for_registers<T>(n, [&](auto lanes, int64_t at) __attribute__((always_inline)) {
    V value = lanes.template load<T>(x + at);
    poisoned = poisoned + value * V(0);
    lanes.template store<T>(x + at, value * scale);
  });
  float found = 1;
  if (args.nonfinite && any(isnan(poisoned))) __atomic_store(args.nonfinite, &found, __ATOMIC_RELAXED);  // as others do
}

// One block after the other of half-precision arrays as float: converted, updated, converted back (but for the gradient).
template <class Update>
void update_halves(DType dtype, char* const* array, int64_t n, const Update& update) {
  alignas(kVecBytes) float buffer[kArrays][kBlock];
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    int64_t count = n - begin < kBlock ? n - begin : kBlock;
    char* block[kArrays];
    for (int k = 0; k < kArrays; k++) {
      block[k] = array[k] ? reinterpret_cast<char*>(buffer[k]) : nullptr;
      if (array[k]) cast(block[k], DType::Float32, array[k] + begin * 2, dtype, count);
    }
    update(float{}, block, count);
    for (int k = 0; k < kArrays; k++)
      if (array[k] && k != 1) cast(array[k] + begin * 2, dtype, block[k], DType::Float32, count);
  }
}

// Calls update(a value of the compute type, tensor, its arrays, elements) for every part of every tensor.
template <class Update>
TX_INLINE void for_tensors(const StepTensor* tensors, int64_t count, const Update& update) {
  if (count == 0) return;
  int64_t total = tensors[count - 1].begin + tensors[count - 1].numel;
  parallel_for(total, kGrain, [&](int64_t begin, int64_t end) {
    int64_t low = 0, high = count - 1;  // the last tensor that begins at or before `begin`
    while (low < high) {
      int64_t middle = (low + high + 1) / 2;
      if (tensors[middle].begin <= begin) low = middle;
      else high = middle - 1;
    }
    for (const StepTensor* t = tensors + low; begin < end; t++) {
      int64_t stop = t->begin + t->numel < end ? t->begin + t->numel : end, n = stop - begin,
              at = (begin - t->begin) * itemsize(t->dtype);
      char* array[kArrays] = {t->parameter + at, t->gradient + at};
      for (int k = 0; k < 3; k++) array[2 + k] = t->state[k] ? t->state[k] + at : nullptr;
      if (t->dtype == DType::Float32) update(float{}, *t, array, n);
      else if (t->dtype == DType::Float64) update(double{}, *t, array, n);
      else
        update_halves(t->dtype, array, n, [&](float, char* const* block, int64_t m) { update(float{}, *t, block, m); });
      begin = stop;
    }
  });
}

}  // namespace

void sgd_step(const SgdArgs& args) {
  for_tensors(args.tensors, args.count, [&](auto zero, const StepTensor&, char* const* array, int64_t n) {
    using T = decltype(zero);
    if (array[2]) sgd_span<T, true>(args, array, n);
    else sgd_span<T, false>(args, array, n);
  });
}

void adam_step(const AdamArgs& args) {
  for_tensors(args.tensors, args.count, [&](auto zero, const StepTensor& tensor, char* const* array, int64_t n) {
    using T = decltype(zero);
    if (array[4]) adam_span<T, true>(args, tensor, array, n);
    else adam_span<T, false>(args, tensor, array, n);
  });
}

void scale_all(const ScaleArgs& args) {
  for_tensors(args.tensors, args.count, [&](auto zero, const StepTensor&, char* const* array, int64_t n) {
    scale_span<decltype(zero)>(args, array[0], n);
  });
}

}  // namespace tx::TX_ISA
