// Samplers that take as many random numbers as they need for an element, written once for the CPU and CUDA: include it after
// the functions of numbers (cpu/libm.h, cuda/math.cuh).
#pragma once
#include "kernels/random.h"
#include "philox.h"
#include "scalar.h"

namespace tx::TX_ISA {

// A stream of numbers for one element, of any length: block i of the streams that follow the call's.
struct Numbers {
  RandomStream random;
  uint64_t element;
  int left = 0;
  PhiloxBlock block = {};
  TX_INLINE double next() {  // in (0, 1)
    if (left == 0) {
      block = philox(random.seed, random.stream++, element);
      left = 2;
    }
    left--;
    return (double(double_word_left() >> 12) + 0.5) * 0x1p-52;
  }
  // Without indices that depend on `left`, which would put the block into local memory on CUDA.
  TX_INLINE uint64_t double_word_left() const {
    return left ? block.word[2] | uint64_t(block.word[3]) << 32 : block.word[0] | uint64_t(block.word[1]) << 32;
  }
};

TX_SCALAR double poisson_variate(double rate, Numbers numbers) {
  if (rate == 0) return 0;
  if (rate < 10) {  // count arrivals of a unit of time
    double limit = exp(-rate), product = numbers.next(), k = 0;
    for (; product > limit; k++) product *= numbers.next();
    return k;
  }
  // Transformed rejection (Hoermann, "The transformed rejection method for generating Poisson random variables", 1993).
  const double root = sqrt(rate), log_rate = log(rate);
  const double b = 0.931 + 2.53 * root, a = -0.059 + 0.02483 * b, inverse_alpha = 1.1239 + 1.1328 / (b - 3.4),
               squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = numbers.next() - 0.5, v = numbers.next(), distance = 0.5 - abs(u);
    const double k = floor((2 * a / distance + b) * u + rate + 0.43);
    if (distance >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (distance < 0.013 && v > distance)) continue;
    if (log(v) + log(inverse_alpha) - log(a / (distance * distance) + b) <= k * log_rate - rate - lgamma(k + 1))
      return k;
  }
}

// log(k!) minus Stirling's formula for it, in terms of k + 1.
TX_SCALAR double stirling_error(double k) {
  const double n = k + 1, r = 1 / (n * n);
  if (k < 10) return lgamma(n) - ((k + 0.5) * log(n) - n + 0.91893853320467274178);
  return (1.0 / 12 - (1.0 / 360 - r / 1260) * r) / n;
}

// Successes of `count` trials, 0 < p <= 1/2.
TX_SCALAR double few_successes(double count, double p, Numbers& numbers) {
  const double scale = 1 / log1p(-p);
  double trials = 0, successes = 0;
  for (;; successes++) {  // from one success to the next
    trials += floor(log(numbers.next()) * scale) + 1;
    if (!(trials <= count)) return successes;
  }
}
// Transformed rejection (Hoermann, "The generation of binomial random variates", 1993).
TX_SCALAR double many_successes(double count, double p, Numbers& numbers) {
  const double deviation = sqrt(count * p * (1 - p)), b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p,
               c = count * p + 0.5, squeeze = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * deviation, odds = p / (1 - p),
               mode = floor((count + 1) * p);
  for (;;) {
    const double u = numbers.next() - 0.5, v = numbers.next(), distance = 0.5 - abs(u);
    const double k = floor((2 * a / distance + b) * u + c);
    if (distance >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > count) continue;
    const double bound = (mode + 0.5) * log((mode + 1) / (odds * (count - mode + 1))) +
                         (count + 1) * log((count - mode + 1) / (count - k + 1)) +
                         (k + 0.5) * log(odds * (count - k + 1) / (k + 1)) + stirling_error(mode) +
                         stirling_error(count - mode) - stirling_error(k) - stirling_error(count - k);
    if (log(v * alpha / (a / (distance * distance) + b)) <= bound) return k;
  }
}
TX_SCALAR double binomial_variate(double count, double p, Numbers numbers) {
  const double rarer = p <= 0.5 ? p : 1 - p;
  if (count == 0 || rarer == 0) return p <= 0.5 ? 0 : count;
  const double k = count * rarer < 10 ? few_successes(count, rarer, numbers) : many_successes(count, rarer, numbers);
  return p <= 0.5 ? k : count - k;
}

// Scale 1, shape > 0 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000): the cube of a normal
// variable, nearly; a shape below 1 is one above it times a power of a uniform number.
TX_SCALAR double gamma_variate(double shape, Numbers numbers) {
  const double boost = shape < 1 ? exp(log(numbers.next()) / shape) : 1;
  const double d = (shape < 1 ? shape + 1 : shape) - 1.0 / 3, c = 1 / sqrt(9 * d);
  for (;;) {
    const double radius = sqrt(-2 * log(numbers.next())), x = radius * cos(6.28318530717958647693 * numbers.next());
    const double root = 1 + c * x, v = root * root * root;
    if (root > 0 && log(numbers.next()) < 0.5 * x * x + d * (1 - v + log(v))) return boost * d * v;
  }
}

// What the kernels take: which parameters are valid, and one variate.
struct Poisson {
  TX_SCALAR bool valid(double rate, double) { return rate >= 0 && rate <= 1e300; }
  TX_SCALAR double draw(double rate, double, Numbers numbers, double) { return poisson_variate(rate, numbers); }
};
struct Binomial {
  TX_SCALAR bool valid(double count, double p) {
    return count >= 0 && count <= 0x1p53 && count == floor(count) && p >= 0 && p <= 1;
  }
  TX_SCALAR double draw(double count, double p, Numbers numbers, double) { return binomial_variate(count, p, numbers); }
};
struct Gamma {  // never 0, whose logarithm would be infinite
  TX_SCALAR bool valid(double shape, double) { return shape >= 0 && shape <= 1e300; }
  TX_SCALAR double draw(double shape, double, Numbers numbers, double smallest) {
    return max(gamma_variate(shape, numbers), smallest);
  }
};

}  // namespace tx::TX_ISA
