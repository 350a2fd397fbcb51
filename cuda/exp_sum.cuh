// The sum of exp(x), kept as the maximum of x and the sum of exp(x - maximum), found in one pass over the elements.
#pragma once
#include "math.cuh"

namespace tx::cuda {

// Where the maximum is infinite or nan, the sum has no meaning.
template <class A>
struct ExpSum {
  A maximum, sum;
  TX_BOTH static ExpSum nothing() { return {-kInfinity<A>, 0}; }
};

// What is taken off before exp: an infinite maximum would leave nan of elements that are equal to it, for good.
template <class A> TX_DEVICE A shift_of(A maximum) { return isinf(maximum) ? A(0) : maximum; }

template <class A> TX_DEVICE ExpSum<A> merged(const ExpSum<A>& a, const ExpSum<A>& b) {
  const A m = maximum(a.maximum, b.maximum), shift = shift_of(m);
  return {m, a.sum * exp(a.maximum - shift) + b.sum * exp(b.maximum - shift)};
}

template <class A, int count> TX_DEVICE ExpSum<A> with_elements(const ExpSum<A>& state, const A (&x)[count]) {
  A m = state.maximum;
  TX_UNROLL
  for (int k = 0; k < count; k++) m = maximum(m, x[k]);
  const A shift = shift_of(m);
  A sum = state.sum * exp(state.maximum - shift);
  TX_UNROLL
  for (int k = 0; k < count; k++) sum += exp(x[k] - shift);
  return {m, sum};
}

// The sum, or nan where it has no meaning.
template <class A> TX_DEVICE A total(const ExpSum<A>& s) { return isinf(s.maximum) ? A(NAN) : s.sum; }

}  // namespace tx::cuda
