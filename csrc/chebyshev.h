// Chebyshev series, for the special functions. Include it after the functions of numbers.
#pragma once
#include "scalar.h"

namespace tx::TX_ISA::special {

// Sum of c[k] T_k(t), T_k the Chebyshev polynomials (Clenshaw).
template <int n> TX_SCALAR double chebyshev(double t, const double (&c)[n]) {
  double before = 0, sum = 0;
  for (int k = n - 1; k > 0; k--) {
    const double next = 2 * t * sum - before + c[k];
    before = sum;
    sum = next;
  }
  return t * sum - before + c[0];
}

}  // namespace tx::TX_ISA::special
