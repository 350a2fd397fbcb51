// The scaled complementary error function, and the normal distribution's logarithm and quantiles in its tails, of one
// number, in double, written once for the CPU and CUDA: include it after the functions of numbers (cpu/libm.h, cuda/math.cuh).
#pragma once
#include "chebyshev.h"

namespace tx::TX_ISA::special {

TX_TABLE kErfcx[] = {1.6320978781965259,      -1.5054329427054698,     0.5903214182888945,     -0.19828527172011035,
                     0.0569084302284687,      -0.013773973050870096,   0.002729016733135232,   -0.00041361807903024755,
                     3.89141838079606e-05,    4.795485503364818e-07,   -8.699107081379825e-07, 1.2116707094396558e-07,
                     3.79196702608182e-09,    -3.4533646779963824e-09, 2.748862570381361e-10,  6.813959375318511e-11,
                     -1.3568522747316355e-11, -1.0463235067416098e-12, 4.851070321243456e-13,  8.458758172979236e-15,
                     -1.6469363733616713e-14, 2.5314850886802834e-16,  5.757244393379938e-16,  -1.8245979193136522e-17,
                     -2.135637703191254e-17};

// exp(x^2) erfc(x): a series in (x - 4) / (x + 4) over x + 4, relative error 1e-15.
TX_SCALAR double erfcx(double x) {
  const double ax = abs(x);
  const double y = ax < 1e9 ? chebyshev((ax - 4) / (ax + 4), kErfcx) / (ax + 4) : 0.56418958354775628695 / ax;
  if (!(x < 0)) return x != x ? x : y;
  if (x < -27) return __builtin_huge_val();
  const double square = x * x;
  return 2 * exp(square) * (1 + fma(x, x, -square)) - y;
}

constexpr double kRootHalf = 0.70710678118654752440;

// log(erfc(-x / sqrt(2)) / 2), which stays finite where the probability itself has become 0.
TX_SCALAR double log_ndtr(double x) {
  return x < -1 ? log(erfcx(-x * kRootHalf) / 2) - x * x / 2 : log1p(-erfc(x * kRootHalf) / 2);
}

// The x with a normal distribution's probability p below it, for p in a tail of less than about 0.2: an approximation
// (Abramowitz and Stegun 26.2.22), then Newton's method for the logarithm of the probability.
TX_SCALAR double ndtri_tail(double p) {
  const double tail = p < 0.5 ? p : 1 - p;
  if (!(tail > 0)) return tail == 0 ? copysign(__builtin_huge_val(), p - 0.5) : __builtin_nan("");
  const double logarithm = log(tail), r = sqrt(-2 * logarithm);
  double x = (2.30753 + 0.27061 * r) / (1 + r * (0.99229 + 0.04481 * r)) - r;
  for (int step = 0; step < 3; step++) {
    const double scaled = erfcx(-x * kRootHalf);
    x -= (log(scaled / 2) - x * x / 2 - logarithm) * scaled / 0.79788456080286535588;  // sqrt(2 / pi)
  }
  return p < 0.5 ? x : -x;
}

}  // namespace tx::TX_ISA::special

namespace tx::TX_ISA {

// The normal distribution's quantiles: by the inverse error function, and in the tails by the function above.
template <class V> TX_INLINE V ndtri(V p) {
  V middle = V(1.41421356237309504880) * erfinv(p + p - V(1));
  return where(abs(p - V(0.5)) < V(0.35), middle, by_element<special::ndtri_tail>(p));
}

}  // namespace tx::TX_ISA
