// Samplers and dropout. Compiled once per instruction set; the bits do not depend on which.
#include <algorithm>

#include "parallel.h"
#include "philox_vec.h"
#include "libm.h"
#include "../samplers.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGroupsPerChunk = 512;

// write(words of group g, first element, element count) for every group of `group_size` elements.
template <class Write>
TX_INLINE void for_groups(int64_t n, int group_size, RandomStream random, const Write& write) {
  parallel_for((n + group_size - 1) / group_size, kGroupsPerChunk, [&](int64_t begin, int64_t end) {
    for (int64_t g = begin; g < end; g++) {
      uint64_t words[kGroupDoubleWords];
      philox_group(random, uint64_t(g), words);
      write(words, g * group_size, std::min<int64_t>(group_size, n - g * group_size));
    }
  });
}

// Elements of type T of one group: made a register at a time by make(words, position), stored in full or in part.
template <class T, class Make>
TX_INLINE void fill_by_registers(char* out, int64_t n, RandomStream random, const Make& make) {
  constexpr int group = kGroupDoubleWords * 8 / int(sizeof(T)), size = Vec<T>::size;
  for_groups(n, group, random, [&](const uint64_t* words, int64_t at, int64_t count) {
    char* to = out + at * int64_t(sizeof(T));
    if (count == group) {
      TX_UNROLL
      for (int e = 0; e < group; e += size) store<T>(to + e * int64_t(sizeof(T)), make(words, e));
      return;
    }
    alignas(kVecBytes) char buffer[kGroupDoubleWords * 8];
    TX_UNROLL
    for (int e = 0; e < group; e += size) store<T>(buffer + e * int64_t(sizeof(T)), make(words, e));
    __builtin_memcpy(to, buffer, size_t(count) * sizeof(T));
  });
}

template <class T>
void uniform(const SampleArgs& a) {
  Vec<T> low{T(a.a)}, width{T(a.b - a.a)}, limit{T(a.limit)};
  int bits = a.bits;
  fill_by_registers<T>(a.out, a.n, a.random, [=](const uint64_t* words, int e) __attribute__((always_inline)) {
    return min(low + unit(words, e, bits, low) * width, limit);
  });
}

template <class T>
void exponential(const SampleArgs& a) {
  Vec<T> scale{T(-1 / a.a)};
  fill_by_registers<T>(a.out, a.n, a.random, [=](const uint64_t* words, int e) __attribute__((always_inline)) {
    return plain_log(unit_above_zero(words, e, scale)) * scale;
  });
}

// Box-Muller: the group's first half of words gives radii, its second half angles; the first half of the elements are
// the cosines, the second half the sines.
template <class T>
void normal(const SampleArgs& a) {
  constexpr int group = kGroupDoubleWords * 8 / int(sizeof(T)), half = group / 2, size = Vec<T>::size;
  Vec<T> mean{T(a.a)}, deviation{T(a.b)};
  for_groups(a.n, group, a.random, [=](const uint64_t* words, int64_t at, int64_t count) {
    alignas(kVecBytes) T buffer[group];
    T* to = count == group ? (T*)a.out + at : buffer;
    for (int e = 0; e < half; e += size) {
      Vec<T> radius = sqrt(Vec<T>(-2) * plain_log(unit_above_zero(words, e, mean))), sine, cosine;
      sine_cosine_of_turn(unit(words, half + e, 24, mean), sine, cosine);
      radius = radius * deviation;
      store<T>(to + e, mean + radius * cosine);
      store<T>(to + half + e, mean + radius * sine);
    }
    if (to == buffer) __builtin_memcpy((T*)a.out + at, buffer, size_t(count) * sizeof(T));
  });
}

TX_INLINE uint64_t scaled(uint64_t word, uint64_t range) { return uint64_t((unsigned __int128)word * range >> 64); }

template <int n> struct words_of {
  typedef uint32_t type __attribute__((vector_size(n * 4)));
  typedef int32_t mask __attribute__((vector_size(n * 4)));
};

// keep where an element's word is at least the threshold, else 0; without branches, which would guess wrong all the time.
template <class T>
TX_INLINE Vec<T> noise(const uint64_t* words, int e, uint32_t threshold, Vec<T> keep) {
  using Words = typename words_of<Vec<T>::size>::type;
  using Kept = typename words_of<Vec<T>::size>::mask;
  Words w = *(const typename in_memory<uint32_t, Vec<T>::size>::type*)((const char*)words + e * 4);
  Kept kept = w >= Words{} + threshold;
  return where(typename Vec<T>::M{__builtin_convertvector(kept, typename Vec<T>::M::R)}, keep, Vec<T>(0));
}

template <class T>
void dropped(const DropoutArgs& a) {
  constexpr int size = Vec<T>::size;
  Vec<T> keep{T(a.p < 1 ? 1 / (1 - a.p) : 0)};
  uint32_t threshold = a.p < 1 ? uint32_t(a.p * 0x1p32) : ~0u;
  for_groups(a.n, kGroupWords, a.random, [=](const uint64_t* words, int64_t at, int64_t count) {
    alignas(kVecBytes) T buffer[kGroupWords];
    const T* x = (const T*)a.x + at;
    T* out = (T*)a.out + at;
    bool part = count < kGroupWords;
    if (part) __builtin_memcpy(buffer, x, size_t(count) * sizeof(T));
    for (int e = 0; e < kGroupWords; e += size)
      store<T>((part ? buffer : out) + e, load<T>((part ? buffer : x) + e) * noise(words, e, threshold, keep));
    if (part) __builtin_memcpy(out, buffer, size_t(count) * sizeof(T));
  });
}

// ---- One element after the other

template <class Sampler, class T>
void variates(const VariateArgs& a) {
  constexpr double smallest = sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022;
  parallel_for(a.n, 2048, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const double first = double(((const T*)a.first)[i]), second = a.second ? double(((const T*)a.second)[i]) : 0;
      const bool valid = Sampler::valid(first, second);
      if (!valid) __atomic_store_n(a.invalid, 1, __ATOMIC_RELAXED);
      ((T*)a.out)[i] = T(valid ? Sampler::draw(first, second, {a.random, uint64_t(i)}, smallest) : 0);
    }
  });
}
template <class Sampler> void variates(const VariateArgs& a) {
  a.dtype == DType::Float32 ? variates<Sampler, float>(a) : variates<Sampler, double>(a);
}

// The first `samples` of the categories ordered by exponential variates over their weights: drawn without replacement.
void draw_distinct(const double* keys, int64_t* order, const MultinomialArgs& a, int64_t* out) {
  for (int64_t c = 0; c < a.categories; c++) order[c] = c;
  std::partial_sort(order, order + a.samples, order + a.categories,
                    [keys](int64_t x, int64_t y) { return keys[x] != keys[y] ? keys[x] < keys[y] : x < y; });
  for (int64_t s = 0; s < a.samples; s++) out[s] = order[s];
}

void draw_row(const MultinomialArgs& a, int64_t row, const double* weights, int64_t positive) {
  double* scratch = a.scratch + row * a.categories;
  int64_t* out = a.out + row * a.samples;
  if (a.order) {
    for (int64_t c = 0; c < a.categories; c++) {
      Numbers numbers{a.random, uint64_t(row * a.categories + c)};
      scratch[c] = weights[c] > 0 ? -__builtin_log(numbers.next()) / weights[c] : __builtin_inf();
    }
    if (positive < a.samples) __atomic_store_n(a.invalid, 3, __ATOMIC_RELAXED);
    draw_distinct(scratch, a.order + row * a.categories, a, out);
    return;
  }
  double total = 0;
  int64_t last = 0;
  for (int64_t c = 0; c < a.categories; c++) {
    if (weights[c] > 0) last = c;
    scratch[c] = total += weights[c];
  }
  for (int64_t s = 0; s < a.samples; s++) {
    Numbers numbers{a.random, uint64_t(row * a.samples + s)};
    const double* found = std::upper_bound(scratch, scratch + a.categories, numbers.next() * total,
                                           [](double x, double y) { return x < y; });
    out[s] = std::min<int64_t>(found - scratch, last);
  }
}

template <class T>
void multinomial(const MultinomialArgs& a) {
  parallel_for(a.rows, 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      double *weights = a.scratch + (a.rows + row) * a.categories, total = 0;
      int64_t positive = 0;
      bool valid = true;
      for (int64_t c = 0; c < a.categories; c++) {
        weights[c] = double(((const T*)a.weights)[row * a.categories + c]);
        valid = valid && weights[c] >= 0 && weights[c] < __builtin_inf();
        positive += weights[c] > 0;
        total += weights[c];
      }
      if (valid && total > 0) draw_row(a, row, weights, positive);
      else __atomic_store_n(a.invalid, valid ? 2 : 1, __ATOMIC_RELAXED);
    }
  });
}

}  // namespace

void sample_uniform(const SampleArgs& a) { a.dtype == DType::Float32 ? uniform<float>(a) : uniform<double>(a); }
void sample_normal(const SampleArgs& a) { a.dtype == DType::Float32 ? normal<float>(a) : normal<double>(a); }
void sample_exponential(const SampleArgs& a) {
  a.dtype == DType::Float32 ? exponential<float>(a) : exponential<double>(a);
}
void dropout(const DropoutArgs& a) { a.dtype == DType::Float32 ? dropped<float>(a) : dropped<double>(a); }
void sample_poisson(const VariateArgs& a) { variates<Poisson>(a); }
void sample_gamma(const VariateArgs& a) { variates<Gamma>(a); }
void sample_binomial(const VariateArgs& a) { variates<Binomial>(a); }
void sample_multinomial(const MultinomialArgs& a) {
  a.dtype == DType::Float32 ? multinomial<float>(a) : multinomial<double>(a);
}

void sample_integers(const SampleArgs& a) {
  int64_t* out = (int64_t*)a.out;
  for_groups(a.n, kGroupDoubleWords, a.random, [&](const uint64_t* words, int64_t at, int64_t count) {
    for (int64_t e = 0; e < count; e++)
      out[at + e] = int64_t(uint64_t(a.low) + (a.range ? scaled(words[e], a.range) : words[e]));
  });
}

void sample_permutation(const PermutationArgs& a) {
  for (int64_t i = 0; i < a.n; i++) a.out[i] = i;
  uint64_t words[kGroupDoubleWords];
  for (int64_t i = 0; i + 1 < a.n; i++) {  // exchange place i with one at or after it
    if (i % kGroupDoubleWords == 0) philox_group(a.random, uint64_t(i / kGroupDoubleWords), words);
    std::swap(a.out[i], a.out[i + int64_t(scaled(words[i % kGroupDoubleWords], uint64_t(a.n - i)))]);
  }
}

}  // namespace tx::TX_ISA
