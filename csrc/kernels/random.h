// Arguments of the samplers. Numbers come from Philox streams (philox.h): element i depends on (seed, stream, i) alone.
#pragma once
#include "../dtype.h"

namespace tx {

struct RandomStream {
  uint64_t seed, stream;
};

// out, contiguous, of n elements. dtype: Float32 or Float64; Int64 for integers.
struct SampleArgs {
  DType dtype;
  char* out;
  int64_t n;
  RandomStream random;
  double a, b;  // uniform: [a, b); normal: mean a, deviation b; exponential: rate a
  double limit;  // uniform: the largest value allowed, for sums that round up to b
  int bits;  // uniform: random bits per float32 element; fewer for results that become half types
  int64_t low;  // integers: [low, low + range), or all 64-bit numbers when range is 0
  uint64_t range;
};

// out = x * (1 / (1 - p) or 0): element i is kept when its word is at least p * 2^32. Contiguous; Float32 or Float64.
struct DropoutArgs {
  DType dtype;
  const char* x;
  char* out;
  int64_t n;
  RandomStream random;
  double p;
};

// Samplers with parameters for each element: out[i] ~ Poisson(first[i]), Gamma(shape first[i], scale 1), and
// Binomial(first[i] trials of probability second[i]). Contiguous, of one dtype, Float32 or Float64.
struct VariateArgs {
  DType dtype;
  const char *first, *second;
  char* out;
  int64_t n;
  RandomStream random;
  int* invalid;  // set to 1 when a parameter is out of its range
};

// out (rows, samples) of category numbers, drawn by weights (rows, categories), contiguous.
struct MultinomialArgs {
  DType dtype;  // of weights: Float32 or Float64
  const char* weights;
  int64_t* out;
  double* scratch;  // 2 * rows * categories
  int64_t* order;  // rows * categories; null with replacement
  int64_t rows, categories, samples;
  RandomStream random;
  int*
      invalid;  // 1: a weight is negative or not finite; 2: no positive weight; 3: fewer than `samples` positive weights
};

// out: 0 to n - 1 in random order.
struct PermutationArgs {
  int64_t* out;
  int64_t n;
  RandomStream random;
};

#define TX_RANDOM_KERNELS(X)           \
  X(sample_uniform, SampleArgs)        \
  X(sample_normal, SampleArgs)         \
  X(sample_exponential, SampleArgs)    \
  X(sample_integers, SampleArgs)       \
  X(dropout, DropoutArgs)              \
  X(sample_poisson, VariateArgs)       \
  X(sample_gamma, VariateArgs)         \
  X(sample_binomial, VariateArgs)      \
  X(sample_multinomial, MultinomialArgs) \
  X(sample_permutation, PermutationArgs)

}  // namespace tx
