// Number, mean and sum of squared deviations of some elements, in one pass. A few elements at a time give theirs in A, around
// their own mean; these are merged in double by Chan's formula, so that nothing cancels.
#pragma once
#include "math.cuh"

namespace tx::cuda {

struct Moments {
  double n, mean, m2;  // m2: the sum of squared deviations from the mean
  TX_BOTH static Moments nothing() { return {0, 0, 0}; }
};

TX_DEVICE Moments merged(const Moments& a, const Moments& b) {
  if (a.n == 0) return b;
  if (b.n == 0) return a;
  const double n = a.n + b.n, delta = b.mean - a.mean, of_b = b.n / n;
  return {n, a.mean + delta * of_b, a.m2 + b.m2 + delta * delta * (a.n * of_b)};
}

template <class A, int count> TX_DEVICE Moments with_elements(const Moments& state, const A (&x)[count]) {
  if constexpr (count == 1) {
    const double zero = double(x[0] - x[0]);  // or nan: an infinity has no deviation
    return merged(state, {1, double(x[0]) + zero, zero});
  } else {
    A shift = x[0];
    TX_UNROLL
    for (int k = 1; k < count; k++) shift += x[k];
    shift /= A(count);  // a little off the mean
    A sum = 0, squares = 0;
    TX_UNROLL
    for (int k = 0; k < count; k++) {
      const A d = x[k] - shift;
      sum += d;
      squares += d * d;
    }
    const double m2 = double(squares) - double(sum) * sum / count;
    return merged(state, {double(count), double(shift) + double(sum) / count, m2 < 0 ? 0 : m2});
  }
}

}  // namespace tx::cuda
