// Samplers and dropout. A thread makes one block of a Philox stream (philox.h): four words, for elements 2b, 2b + 1, 16 + 2b
// and 17 + 2b of its group (b and 8 + b of double words). Built without fused multiply-add (build.cmake): the logarithm,
// sine and cosine are those of csrc/cpu/philox_vec.h, operation by operation, and so are the bits that come out.
#include "../csrc/kernels/random.h"
#include "../csrc/kernels/sort.h"
#include "../csrc/philox.h"
#include "math.cuh"
#include "radix.cuh"

#include "../csrc/samplers.h"

namespace tx::cuda {

void topk(const SortArgs&);

namespace {

constexpr int kThreads = 256;

template <class T>
struct alignas(2 * sizeof(T)) Pair {
  T value[2];
};
template <class T> constexpr int kHalf = sizeof(T) == 4 ? 2 : 1;  // elements of half a block
template <class T>
struct Four {  // the elements of a block: two halves of its group
  T value[2][kHalf<T>];
};

// Where block `index` writes: the first element of either half.
template <class T> TX_DEVICE int64_t first_element(int64_t index, int half) {
  const int64_t group = index / kGroupBlocks, block = index % kGroupBlocks;
  return ((group * 2 + half) * kGroupBlocks + block) * kHalf<T>;
}

template <class T> TX_DEVICE void store_half(T* out, int64_t at, int64_t n, const T (&x)[kHalf<T>], bool paired) {
  if constexpr (kHalf<T> == 2) {
    if (paired && at + 1 < n) {
      *reinterpret_cast<Pair<T>*>(out + at) = {{x[0], x[1]}};
      return;
    }
  }
  TX_UNROLL
  for (int k = 0; k < kHalf<T>; k++)
    if (at + k < n) out[at + k] = x[k];
}

// out[...] = make(block) for all blocks of the stream. paired: out allows stores of two elements.
template <class T, class Make>
TX_DEVICE void for_blocks(T* out, int64_t n, RandomStream random, bool paired, const Make& make) {
  constexpr int group = 2 * kGroupBlocks * kHalf<T>;
  TX_FOR_EACH(i, (n + group - 1) / group * kGroupBlocks) {
    const Four<T> x = make(philox(random.seed, random.stream, uint64_t(i)));
    TX_UNROLL
    for (int half = 0; half < 2; half++) store_half<T>(out, first_element<T>(i, half), n, x.value[half], paired);
  }
}
template <class T> bool can_pair(const void* p) { return reinterpret_cast<uintptr_t>(p) % (2 * sizeof(T)) == 0; }
template <class T> unsigned blocks_for(int64_t n) {
  return grid_for((n + 2 * kHalf<T> - 1) / (2 * kHalf<T>), kThreads);
}

TX_DEVICE uint64_t double_word(const PhiloxBlock& b, int half) {
  return b.word[2 * half] | uint64_t(b.word[2 * half + 1]) << 32;
}

template <class T> TX_DEVICE T of_bits(auto bits) {
  static_assert(sizeof(T) == sizeof bits);
  T x;
  memcpy(&x, &bits, sizeof x);
  return x;
}
template <class I> TX_DEVICE I bits_in(auto x) { return of_bits<I>(x); }

// Element (half, k) of a block as a number in [0, 1), of `bits` bits for float; and in (0, 1].
template <class T> TX_DEVICE T unit(const PhiloxBlock& b, int half, int k, int bits) {
  if constexpr (sizeof(T) == 4) return float(int32_t(b.word[2 * half + k] >> (32 - bits))) * (1.0f / float(1 << bits));
  else return of_bits<double>((double_word(b, half) >> 12) | 0x3ff0000000000000u) - 1.0;
}
template <class T> TX_DEVICE T unit_above_zero(const PhiloxBlock& b, int half, int k) {
  if constexpr (sizeof(T) == 4) return float(int32_t(b.word[2 * half + k] >> 1)) * 0x1p-31f + 0x1p-32f;
  else return 1.0 - unit<T>(b, half, k, 0);
}

// log(u) for normal u > 0.
template <class T> TX_DEVICE T plain_log(T u) {
  using I = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52, bias = sizeof(T) == 4 ? 127 : 1023;
  const I bits = bits_in<I>(u);
  T m = of_bits<T>(I((bits & ((I(1) << mantissa) - 1)) | I(bias) << mantissa));
  const bool large = m > T(1.4142135623730951);
  m = large ? m * T(0.5) : m;
  T e = T(I((bits >> mantissa) - I(bias)));
  e = large ? e + T(1) : e;
  const T s = (m - T(1)) / (m + T(1)), q = s * s;
  T series = 0;
  constexpr int terms = sizeof(T) == 4 ? 5 : 12;
  TX_UNROLL
  for (int k = terms; k > 0; k--) series = (series + T(1) / T(2 * k + 1)) * q;
  return e * T(0.6931471805599453) + T(2) * (s + s * series);
}

// sin(2 pi t) and cos(2 pi t) for t in [0, 1).
template <class T> TX_DEVICE void sine_cosine_of_turn(T t, T& sine, T& cosine) {
  const T x = t * T(4), quadrant = round(x);
  const T y = (x - quadrant) * T(1.5707963267948966), z = y * y;
  T s = 0, c = 0;
  constexpr int terms = sizeof(T) == 4 ? 5 : 9;
  TX_UNROLL
  for (int k = terms; k > 0; k--) {
    s = z * (T(-1) / T(2 * k * (2 * k + 1))) * (T(1) + s);
    c = z * (T(-1) / T(2 * k * (2 * k - 1))) * (T(1) + c);
  }
  s = y + y * s;
  c = c + T(1);
  const bool odd = quadrant == T(1) || quadrant == T(3);
  sine = odd ? c : s;
  cosine = odd ? s : c;
  if (quadrant == T(2) || quadrant == T(3)) sine = -sine;
  if (quadrant == T(1) || quadrant == T(2)) cosine = -cosine;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    uniform_kernel(T* out, int64_t n, RandomStream random, bool paired, T low, T width, T limit, int bits) {
  for_blocks<T>(out, n, random, paired, [=](const PhiloxBlock& b) {
    Four<T> x;
    TX_UNROLL
    for (int half = 0; half < 2; half++) {
      TX_UNROLL
      for (int k = 0; k < kHalf<T>; k++) x.value[half][k] = min(low + unit<T>(b, half, k, bits) * width, limit);
    }
    return x;
  });
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    exponential_kernel(T* out, int64_t n, RandomStream random, bool paired, T scale) {
  for_blocks<T>(out, n, random, paired, [=](const PhiloxBlock& b) {
    Four<T> x;
    TX_UNROLL
    for (int half = 0; half < 2; half++) {
      TX_UNROLL
      for (int k = 0; k < kHalf<T>; k++) x.value[half][k] = plain_log(unit_above_zero<T>(b, half, k)) * scale;
    }
    return x;
  });
}

// Box-Muller: radii of the first half of the words, angles of the second; cosines to the first half, sines to the second.
template <class T>
__global__ void __launch_bounds__(kThreads)
    normal_kernel(T* out, int64_t n, RandomStream random, bool paired, T mean, T deviation) {
  for_blocks<T>(out, n, random, paired, [=](const PhiloxBlock& b) {
    Four<T> x;
    TX_UNROLL
    for (int k = 0; k < kHalf<T>; k++) {
      const T radius = sqrt(T(-2) * plain_log(unit_above_zero<T>(b, 0, k))) * deviation;
      T sine, cosine;
      sine_cosine_of_turn(unit<T>(b, 1, k, 24), sine, cosine);
      x.value[0][k] = mean + radius * cosine;
      x.value[1][k] = mean + radius * sine;
    }
    return x;
  });
}

TX_BOTH uint64_t scaled(uint64_t word, uint64_t range) { return uint64_t((unsigned __int128)word * range >> 64); }

__global__ void __launch_bounds__(kThreads)
    integers_kernel(int64_t* out, int64_t n, RandomStream random, int64_t low, uint64_t range) {
  for_blocks<int64_t>(out, n, random, false, [=](const PhiloxBlock& b) {
    Four<int64_t> x;
    TX_UNROLL
    for (int half = 0; half < 2; half++) {
      const uint64_t word = double_word(b, half);
      x.value[half][0] = int64_t(uint64_t(low) + (range ? scaled(word, range) : word));
    }
    return x;
  });
}

// A word an element, whatever its type.
template <class T>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(const T* x, T* out, int64_t n, RandomStream random, bool paired, uint32_t threshold, T keep) {
  TX_FOR_EACH(i, (n + kGroupWords - 1) / kGroupWords * kGroupBlocks) {
    const PhiloxBlock b = philox(random.seed, random.stream, uint64_t(i));
    TX_UNROLL
    for (int half = 0; half < 2; half++) {
      const int64_t at = first_element<float>(i, half);
      T factor[2];
      TX_UNROLL
      for (int k = 0; k < 2; k++) factor[k] = b.word[2 * half + k] >= threshold ? keep : T(0);
      if (paired && at + 1 < n) {
        const Pair<T> in = *reinterpret_cast<const Pair<T>*>(x + at);
        *reinterpret_cast<Pair<T>*>(out + at) = {{in.value[0] * factor[0], in.value[1] * factor[1]}};
      } else {
        TX_UNROLL
        for (int k = 0; k < 2; k++)
          if (at + k < n) out[at + k] = x[at + k] * factor[k];
      }
    }
  }
}

// ---- One element after the other

template <class Sampler, class T>
__global__ void __launch_bounds__(kThreads)
    variates_kernel(const T* first, const T* second, T* out, unsigned* invalid, int64_t n, RandomStream random) {
  constexpr double smallest = sizeof(T) == 4 ? 0x1p-126 : 0x1p-1022;
  TX_FOR_EACH(i, n) {
    const double a = double(first[i]), b = second ? double(second[i]) : 0;
    const bool valid = Sampler::valid(a, b);
    if (!valid) atomicOr(invalid, 1u);
    out[i] = T(valid ? Sampler::draw(a, b, {random, uint64_t(i)}, smallest) : 0);
  }
}

// ---- Categories

enum Invalid : unsigned { kNegative = 1, kNoPositive = 2, kTooFew = 4 };

// A block a row. With replacement cumulative (rows, categories) becomes the sums of the weights so far and last (rows) the
// last category of positive weight; without, keys (the same memory) become exponential variates over the weights, the
// smallest of which are drawn.
template <class T>
__global__ void __launch_bounds__(kThreads)
    weights_kernel(const T* weights, double* sums, int64_t* last, unsigned* invalid, int64_t rows, int64_t categories,
                   int64_t samples, bool distinct, RandomStream random) {
  TX_SHARED(unsigned, problems);
  TX_SHARED(unsigned long long, last_positive);
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) {
    if (threadIdx.x == 0) {
      problems = 0;
      last_positive = 0;
    }
    __syncthreads();
    double carry = 0;
    int64_t positive = 0;
    for (int64_t at = 0; at < categories; at += kThreads) {
      const int64_t c = at + threadIdx.x;
      const double weight = c < categories ? double(weights[row * categories + c]) : 0;
      if (!(weight >= 0 && weight < kInfinity<double>)) atomicOr(&problems, unsigned(kNegative));
      double total;
      int64_t number;
      const double before = block_scan<kThreads>(weight, &total);
      block_scan<kThreads>(int64_t(weight > 0), &number);
      if (weight > 0) atomicMax(&last_positive, (unsigned long long)c);
      if (c < categories) {
        double value = carry + before + weight;
        if (distinct) {
          Numbers numbers{random, uint64_t(row * categories + c)};
          value = weight > 0 ? -log(numbers.next()) / weight : kInfinity<double>;
        }
        sums[row * categories + c] = value;
      }
      carry += total;
      positive += number;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
      unsigned problem = 0;
      if (problems) problem = kNegative;
      else if (!(carry > 0)) problem = kNoPositive;
      else if (distinct && positive < samples) problem = kTooFew;
      if (problem) atomicOr(invalid, problem);
      last[row] = int64_t(last_positive);
    }
    __syncthreads();
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(const T* weights, const double* sums, const int64_t* last, int64_t* out, int64_t rows,
                int64_t categories, int64_t samples, RandomStream random) {
  TX_FOR_EACH(i, rows * samples) {
    const int64_t row = i / samples;
    const double* sum = sums + row * categories;
    Numbers numbers{random, uint64_t(i)};
    const double wanted = numbers.next() * sum[categories - 1];
    int64_t low = 0, high = categories;  // the first sum above `wanted`
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      if (wanted < sum[middle]) high = middle;
      else low = middle + 1;
    }
    // Sums were added up in parallel: rounding may have made one grow by a weight of 0, which is never drawn.
    const int64_t end = last[row];
    while (low < end && !(weights[row * categories + low] > T(0))) low++;
    out[i] = low < end ? low : end;
  }
}

// ---- Permutation
//
// The CPU exchanges places 0, 1, ... in turn with one at or after them: step i with place t(i). Whatever step i puts into
// place i was, just before, in place t(i): it came there by the last step before i that also had target t(i), if there is one
// (which put there what it found in its own place), else it is t(i) itself. In the same way what is in place i just before
// step i came by the last step j < i with t(j) = i. So with the steps sorted by target, stably, every element is found by
// following steps back, a number of times that grows as log n.

__global__ void __launch_bounds__(kThreads) targets_kernel(uint32_t* target, int64_t n, RandomStream random) {
  TX_FOR_EACH(i, (n + kGroupDoubleWords - 1) / kGroupDoubleWords * kGroupBlocks) {
    const PhiloxBlock b = philox(random.seed, random.stream, uint64_t(i));
    TX_UNROLL
    for (int half = 0; half < 2; half++) {
      const int64_t step = first_element<int64_t>(i, half);
      if (step < n) target[step] = uint32_t(uint64_t(step) + scaled(double_word(b, half), uint64_t(n - step)));
    }
  }
}

constexpr uint32_t kNobody = ~0u;

// targets (n), sorted, and the steps that have them. previous[i]: the step before i with the same target;
// bringer[i]: the last step before i with target i.
__global__ void __launch_bounds__(kThreads)
    links_kernel(const uint32_t* targets, const uint32_t* steps, uint32_t* previous, uint32_t* bringer, int64_t n) {
  TX_FOR_EACH(at, n) {
    const uint32_t target = targets[at], step = steps[at];
    const bool has_previous = at > 0 && targets[at - 1] == target;
    previous[step] = has_previous ? steps[at - 1] : kNobody;
    if (at == n - 1 || targets[at + 1] != target) {  // the last of its target: perhaps step `target` itself
      if (step != target) bringer[target] = step;
      else bringer[target] = has_previous ? steps[at - 1] : kNobody;
    }
  }
}

__global__ void __launch_bounds__(kThreads)
    follow_kernel(const uint32_t* target, const uint32_t* previous, const uint32_t* bringer, int64_t* out, int64_t n) {
  TX_FOR_EACH(i, n) {
    uint32_t step = previous[i], found = target[i];
    while (step != kNobody) {
      found = step;
      step = bringer[step];
    }
    out[i] = found;
  }
}

struct Flags {  // what kernels found wrong: bits
  Workspace memory{sizeof(unsigned)};
  Flags() { check(cudaMemsetAsync(get(), 0, sizeof(unsigned), current_stream()), "zeroing"); }
  unsigned* get() const { return memory.as<unsigned>(); }
  unsigned read() const {
    unsigned bits;
    to_host(&bits, get(), sizeof bits);
    return bits;
  }
};

template <class T>
void uniform(const SampleArgs& a) {
  T* out = reinterpret_cast<T*>(a.out);
  launch("uniform", uniform_kernel<T>, {blocks_for<T>(a.n), kThreads}, out, a.n, a.random, can_pair<T>(out), T(a.a),
         T(a.b - a.a), T(a.limit), a.bits);
}
template <class T>
void normal(const SampleArgs& a) {
  T* out = reinterpret_cast<T*>(a.out);
  launch("normal", normal_kernel<T>, {blocks_for<T>(a.n), kThreads}, out, a.n, a.random, can_pair<T>(out), T(a.a),
         T(a.b));
}
template <class T>
void exponential(const SampleArgs& a) {
  T* out = reinterpret_cast<T*>(a.out);
  launch("exponential", exponential_kernel<T>, {blocks_for<T>(a.n), kThreads}, out, a.n, a.random, can_pair<T>(out),
         T(-1 / a.a));
}
template <class T>
void dropped(const DropoutArgs& a) {
  const T* x = reinterpret_cast<const T*>(a.x);
  T* out = reinterpret_cast<T*>(a.out);
  const uint32_t threshold = a.p < 1 ? uint32_t(a.p * 0x1p32) : ~0u;
  launch("dropout", dropout_kernel<T>, {blocks_for<float>(a.n), kThreads}, x, out, a.n, a.random,
         can_pair<T>(out) && can_pair<T>(x), threshold, T(a.p < 1 ? 1 / (1 - a.p) : 0));
}
template <class Sampler, class T>
void variates(const char* name, const VariateArgs& a) {
  const Flags invalid;
  launch(name, variates_kernel<Sampler, T>, {grid_for(a.n, kThreads), kThreads}, reinterpret_cast<const T*>(a.first),
         reinterpret_cast<const T*>(a.second), reinterpret_cast<T*>(a.out), invalid.get(), a.n, a.random);
  if (invalid.read()) *a.invalid = 1;
}
template <class Sampler> void variates(const char* name, const VariateArgs& a) {
  a.dtype == DType::Float32 ? variates<Sampler, float>(name, a) : variates<Sampler, double>(name, a);
}

template <class T>
void multinomial(const MultinomialArgs& a) {
  const Flags invalid;
  const T* weights = reinterpret_cast<const T*>(a.weights);
  int64_t* last = reinterpret_cast<int64_t*>(a.scratch + a.rows * a.categories);
  const unsigned blocks = unsigned(a.rows < (1 << 20) ? a.rows : 1 << 20);
  launch("multinomial", weights_kernel<T>, {blocks, kThreads}, weights, a.scratch, last, invalid.get(), a.rows,
         a.categories, a.samples, a.order != nullptr, a.random);
  if (a.order) {
    topk({DType::Float64, a.rows, a.categories, reinterpret_cast<const char*>(a.scratch), false, a.samples, nullptr,
          a.out});
  } else {
    launch("multinomial", draw_kernel<T>, {grid_for(a.rows * a.samples, kThreads), kThreads}, weights, a.scratch, last,
           a.out, a.rows, a.categories, a.samples, a.random);
  }
  const unsigned problems = invalid.read();
  if (problems) *a.invalid = problems & kNegative ? 1 : problems & kNoPositive ? 2 : 3;
}

}  // namespace

void sample_uniform(const SampleArgs& a) { a.dtype == DType::Float32 ? uniform<float>(a) : uniform<double>(a); }
void sample_normal(const SampleArgs& a) { a.dtype == DType::Float32 ? normal<float>(a) : normal<double>(a); }
void sample_exponential(const SampleArgs& a) {
  a.dtype == DType::Float32 ? exponential<float>(a) : exponential<double>(a);
}
void dropout(const DropoutArgs& a) { a.dtype == DType::Float32 ? dropped<float>(a) : dropped<double>(a); }
void sample_poisson(const VariateArgs& a) { variates<Poisson>("poisson", a); }
void sample_gamma(const VariateArgs& a) { variates<Gamma>("gamma", a); }
void sample_binomial(const VariateArgs& a) { variates<Binomial>("binomial", a); }
void sample_multinomial(const MultinomialArgs& a) {
  a.dtype == DType::Float32 ? multinomial<float>(a) : multinomial<double>(a);
}

void sample_integers(const SampleArgs& a) {
  launch("integers", integers_kernel, {blocks_for<int64_t>(a.n), kThreads}, reinterpret_cast<int64_t*>(a.out), a.n,
         a.random, a.low, a.range);
}

void sample_permutation(const PermutationArgs& a) {
  if (a.n > kMaxSortedRow - 1)
    fail(ErrorKind::Runtime, "randperm(): at most ", kMaxSortedRow - 1, " elements on a CUDA device, got ", a.n);
  const Workspace workspace(size_t(a.n) * 5 * sizeof(uint32_t));
  uint32_t* target = workspace.as<uint32_t>();
  uint32_t *targets = target + a.n, *steps = targets + a.n, *previous = steps + a.n, *bringer = previous + a.n;
  const unsigned blocks = grid_for(a.n, kThreads);
  launch("permutation", targets_kernel, {blocks_for<int64_t>(a.n), kThreads}, target, a.n, a.random);
  radix_sort<PlainKey<uint32_t>, uint32_t>(
      "permutation", {target, nullptr, 1, a.n, bits_of(uint64_t(a.n - 1)), 0, a.n, targets, steps});
  check(cudaMemsetAsync(bringer, 0xff, size_t(a.n) * sizeof(uint32_t), current_stream()), "filling");
  launch("permutation", links_kernel, {blocks, kThreads}, targets, steps, previous, bringer, a.n);
  launch("permutation", follow_kernel, {blocks, kThreads}, target, previous, bringer, a.out, a.n);
}

}  // namespace tx::cuda
