// Optimiser steps, and the scaling of gradients, over many tensors at once. Compiled once per instruction set.
//
// Every element is updated by itself, as optimizer_rules.h says, so the result has the same bits for any instruction set,
// chunk and thread. Half types are updated in float: a block at a time is converted, updated, and converted back.
#include "cast.h"
#include "parallel.h"
#include "vec_arithmetic.h"

#include "../optimizer_rules.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements a thread takes at a time
constexpr int64_t kBlock = 512;  // elements of half types converted at a time
constexpr int kArrays = 2 + kStepStates;  // parameter, gradient, states

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

// Calls update(lanes, byte offset) for one register after the other.
template <class T, class Update>
TX_INLINE void for_registers(int64_t n, const Update& update) {
  constexpr int64_t size = Vec<T>::size;
  int64_t i = 0;
  for (; i + size <= n; i += size) update(WholeRegister{}, i * int64_t(sizeof(T)));
  if (i < n) update(PartOfRegister{n - i}, i * int64_t(sizeof(T)));
}

// Which states there are, known to the compiler.
template <unsigned mask>
struct States {
  TX_INLINE constexpr bool operator[](int k) const { return mask >> k & 1; }
};

// The rule of an optimiser on n elements of a tensor.
template <class T, unsigned mask, class Options>
void update_span(const Options& options, const StepTensor& tensor, char* const* array, int64_t n) {
  using V = Vec<T>;
  constexpr int states = Rule<Options, V>::states;
  constexpr States<mask> has;
  const Rule<Options, V> rule(options);
  const V number[kStepNumbers] = {V(tensor.number[0]), V(tensor.number[1]), V(tensor.number[2])};
  char* const local[kArrays] = {array[0], array[1], array[2], array[3], array[4]};
  for_registers<T>(n, [&](auto lanes, int64_t at) __attribute__((always_inline)) {
    V state[states];
    TX_UNROLL
    for (int k = 0; k < states; k++) state[k] = has[k] ? lanes.template load<T>(local[2 + k] + at) : V(0);
    V p = rule(lanes.template load<T>(local[0] + at), lanes.template load<T>(local[1] + at), state, has, number);
    lanes.template store<T>(local[0] + at, p);
    TX_UNROLL
    for (int k = 0; k < states; k++)
      if (has[k]) lanes.template store<T>(local[2 + k] + at, state[k]);
  });
}

// The same with `given` states.
template <class T, class Options, unsigned mask = (1u << Rule<Options, Vec<T>>::states) - 1>
void update_given(unsigned given, const Options& options, const StepTensor& tensor, char* const* array, int64_t n) {
  constexpr unsigned required = Rule<Options, Vec<T>>::required;
  if constexpr ((mask & required) == required)
    if (given == mask) return update_span<T, mask>(options, tensor, array, n);
  if constexpr (mask > required) update_given<T, Options, mask - 1>(given, options, tensor, array, n);
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
      for (int k = 0; k < kStepStates; k++) array[2 + k] = t->state[k] ? t->state[k] + at : nullptr;
      if (t->dtype == DType::Float32) update(float{}, *t, array, n);
      else if (t->dtype == DType::Float64) update(double{}, *t, array, n);
      else
        update_halves(t->dtype, array, n, [&](float, char* const* block, int64_t m) { update(float{}, *t, block, m); });
      begin = stop;
    }
  });
}

}  // namespace

template <class Options>
TX_INLINE void step(const StepArgs<Options>& args) {
  for_tensors(args.tensors, args.count, [&](auto zero, const StepTensor& tensor, char* const* array, int64_t n) {
    unsigned given = 0;
    for (int k = 0; k < kStepStates; k++) given |= unsigned(array[2 + k] != nullptr) << k;
    update_given<decltype(zero)>(given, args.options, tensor, array, n);
  });
}

#define X(name, Args) \
  void name(const Args& args) { step(args); }
TX_OPTIMIZER_STEPS(X)
#undef X

void scale_all(const ScaleArgs& args) {
  for_tensors(args.tensors, args.count, [&](auto zero, const StepTensor&, char* const* array, int64_t n) {
    scale_span<decltype(zero)>(args, array[0], n);
  });
}

}  // namespace tx::TX_ISA
