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

template <class A> TX_DEVICE ExpSum<A> merged(const ExpSum<A>& a, const ExpSum<A>& b) {
  const A m = maximum(a.maximum, b.maximum);
  return {m,
          a.sum * (a.maximum == m ? A(1) : exp(a.maximum - m)) + b.sum * (b.maximum == m ? A(1) : exp(b.maximum - m))};
}

template <class A, int count> TX_DEVICE ExpSum<A> with_elements(const ExpSum<A>& state, const A (&x)[count]) {
  A m = state.maximum;
  TX_UNROLL
  for (int k = 0; k < count; k++) m = maximum(m, x[k]);
  A sum = state.sum * (state.maximum == m ? A(1) : exp(state.maximum - m));
  TX_UNROLL
  for (int k = 0; k < count; k++) sum += x[k] == m ? A(1) : exp(x[k] - m);
  return {m, sum};
}

// The sum, or nan where it has no meaning.
template <class A> TX_DEVICE A total(const ExpSum<A>& s) { return isinf(s.maximum) ? A(NAN) : s.sum; }

}  // namespace tx::cuda
