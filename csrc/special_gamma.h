// The gamma function's kin of two numbers, in double, written once for the CPU and CUDA: include it after the functions of
// numbers (cpu/libm.h, cuda/math.cuh). Every loop has an end that does not depend on the arguments.
#pragma once
#include "scalar.h"

namespace tx::TX_ISA::special {

constexpr double kGammaInfinity = __builtin_huge_val(), kGammaNaN = __builtin_nan("");

// ---- Hurwitz zeta function and polygamma

// B_2k / (2k)!
TX_TABLE kBernoulli[] = {8.3333333333333333e-02,  -1.3888888888888889e-03, 3.3068783068783069e-05,
                         -8.2671957671957672e-07, 2.0876756987868099e-08,  -5.2841901386874932e-10,
                         1.3382536530684679e-11,  -3.3896802963225829e-13, 8.5860620562778446e-15,
                         -2.1748686985580619e-16, 5.5090028283602295e-18,  -1.3954464685812523e-19};

// Sum of (q + k)^-s over k >= 0, for q > 0: terms, until Euler and Maclaurin's formula holds for the rest.
TX_SCALAR double zeta_positive(double s, double q) {
  double sum = 0;
  for (int k = 0; k < 400 && q < 10 + s; k++, q += 1) {
    const double term = pow(q, -s);
    sum += term;
    if (term <= sum * 0x1p-60) return sum;
  }
  if (q == kGammaInfinity) return sum;
  const double power = pow(q, -s);
  sum += power * q / (s - 1) + power / 2;
  double factor = s * power / q;
  for (int k = 0; k < 12; k++) {
    sum += factor * kBernoulli[k];
    factor *= (s + 2 * k + 1) / q * ((s + 2 * k + 2) / q);
  }
  return sum;
}

// Negative q, for an integer s: the terms below zero are a difference of two such sums.
TX_SCALAR double zeta(double s, double q) {
  if (s == 1) return kGammaInfinity;
  if (!(s > 1) || q != q) return kGammaNaN;
  if (q > 0) return zeta_positive(s, q);
  if (q == floor(q)) return kGammaInfinity;
  if (s != floor(s)) return kGammaNaN;
  const double count = -floor(q), first = q + count, last = 1 - first;
  const double below = zeta_positive(s, last) - zeta_positive(s, last + count);
  return zeta_positive(s, first) + (s / 2 == floor(s / 2) ? below : -below);
}

// The n-th derivative of digamma.
TX_SCALAR double polygamma(double n, double x) {
  if (n == 0) return digamma(x);
  if (!(n > 0) || n != floor(n)) return kGammaNaN;
  double factorial = 1;
  for (double k = 2; k <= n && factorial < kGammaInfinity; k++) factorial *= k;
  const double value = factorial * zeta(n + 1, x);
  return n / 2 == floor(n / 2) ? -value : value;
}

// ---- Incomplete gamma functions. P(a, x) is the distribution function of a gamma variable of shape a, Q = 1 - P

// log(1 + m) - m, with a small relative error for small m too.
TX_SCALAR double log1p_minus(double m) {
  if (abs(m) > 0.1) return log1p(m) - m;
  double sum = 0;
  for (int k = 18; k >= 2; k--) sum = 1.0 / k - m * sum;
  return -sum * m * m;
}

// log(gamma(1 + a)) for small a: coefficients (-1)^k zeta(k) / k.
TX_TABLE kLogGamma[] = {-0.57721566490153286, 0.82246703342411322, -0.40068563438653143,  0.27058080842778454,
                        -0.20738555102867398, 0.16955717699740820, -0.14404989676884612,  0.12550966952474304,
                        -0.11133426586956469, 0.10009945751278181, -0.090954017145829042, 0.083353840546109004};
TX_SCALAR double lgamma1p(double a) {
  if (a > 0.04) return lgamma(1 + a);
  double sum = 0;
  for (int k = 11; k >= 0; k--) sum = a * (kLogGamma[k] + sum);
  return sum;
}

// x^a exp(-x) / gamma(1 + a)
TX_SCALAR double gamma_power(double a, double x) {
  if (a < 10) return exp(a * log(x) - x - lgamma1p(a));
  const double m = (x - a) / a, r = 1 / a, r2 = r * r;
  const double exponent = x < a / 2 ? log(x / a) - m : log1p_minus(m);
  const double stirling = r * (1.0 / 12 - r2 * (1.0 / 360 - r2 * (1.0 / 1260 - r2 * (1.0 / 1680 - r2 / 1188))));
  return exp(a * exponent - stirling) / sqrt(6.28318530717958647693 * a);
}

// P by its power series.
TX_SCALAR double gamma_series(double a, double x) {
  double term = 1, sum = 1;
  for (int n = 1; n < 2000 && term > sum * 0x1p-54; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return min(sum * gamma_power(a, x), 1.0);
}

// Q by its continued fraction (Lentz's method).
TX_SCALAR double gamma_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (int n = 1; n < 2000; n++) {
    const double numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b);
    c = b + numerator / c;
    h *= c * d;
    if (abs(c * d - 1) < 0x1p-53) break;
  }
  return h * a * gamma_power(a, x);
}

// Q for x near 0, where P may be nearly 1.
TX_SCALAR double gamma_complement(double a, double x) {
  double term = 1, sum = 0;
  for (int n = 1; n < 40; n++) {
    term *= -x / n;
    sum += term / (a + n);
  }
  const double logarithm = a * log(x) - lgamma1p(a);
  return -expm1(logarithm) - a * exp(logarithm) * sum;
}

// C_k(eta), 18 coefficients for each k, of Temme's uniform expansion (DLMF 8.12).
TX_TABLE kTemme[] = {-0.3333333333333333,     0.08333333333333333,     -0.014814814814814815,   0.0011574074074074073,
                     0.0003527336860670194,   -0.0001787551440329218,  3.919263178522438e-05,   -2.185448510679992e-06,
                     -1.85406221071516e-06,   8.296711340953087e-07,   -1.7665952736826078e-07, 6.707853543401498e-09,
                     1.0261809784240309e-08,  -4.382036018453353e-09,  9.14769958223679e-10,    -2.5514193994946248e-11,
                     -5.830772132550426e-11,  2.4361948020667415e-11,  -0.001851851851851852,   -0.003472222222222222,
                     0.0026455026455026454,   -0.0009902263374485596,  0.00020576131687242798,  -4.018775720164609e-07,
                     -1.8098550334489977e-05, 7.64916091608111e-06,    -1.6120900894563446e-06, 4.647127802807434e-09,
                     1.378633446915721e-07,   -5.752545603517705e-08,  1.1951628599778148e-08,  -1.7543241719747647e-11,
                     -1.0091543710600413e-09, 4.162792991842583e-10,   -8.56390702649298e-11,   6.067215101604758e-14,
                     0.004133597883597883,    -0.0026813271604938273,  0.0007716049382716049,   2.0093878600823047e-06,
                     -0.0001073665322636516,  5.2923448829120125e-05,  -1.2760635188618728e-05, 3.423578734096138e-08,
                     1.3721957309062934e-06,  -6.298992138380055e-07,  1.4280614206064242e-07,  -2.0477098421990866e-10,
                     -1.409252991086752e-08,  6.228974084922022e-09,   -1.3670488396617114e-09, 9.428356159014678e-13,
                     1.2872252400089318e-10,  -5.5645956134363323e-11, 0.0006494341563786008,   0.00022947209362139917,
                     -0.0004691894943952557,  0.00026772063206283885,  -7.561801671883977e-05,  -2.396505113867297e-07,
                     1.1082654115347302e-05,  -5.6749528269915965e-06, 1.4230900732435883e-06,  -2.7861080291528143e-11,
                     -1.6958404091930278e-07, 8.099464905388083e-08,   -1.9111168485973655e-08, 2.3928620439808118e-12,
                     2.0620131815488797e-09,  -9.460496661855133e-10,  2.1541049775774907e-10,  -1.388823336813903e-14,
                     -0.0008618882909167117,  0.0007840392217200666,   -0.0002990724803031902,  -1.4638452578843418e-06,
                     6.641498215465122e-05,   -3.968365047179435e-05,  1.1375726970678419e-05,  2.507497226237533e-10,
                     -1.6954149536558305e-06, 8.907507532205309e-07,   -2.292934834000805e-07,  2.956794137544049e-11,
                     2.8865829742708783e-08,  -1.4189739437803219e-08, 3.4463580499464896e-09,  -2.3024517174528067e-13,
                     -3.9409233028046403e-10, 1.86023389685045e-10,    -0.00033679855336635813, -6.972813758365857e-05,
                     0.0002772753244959392,   -0.00019932570516188847, 6.797780477937208e-05,   1.419062920643967e-07,
                     -1.3594048189768693e-05, 8.018470256334202e-06,   -2.291481176508095e-06,  -3.252473551298454e-10,
                     3.4652846491085265e-07,  -1.8447187191171344e-07, 4.8240967037894184e-08,  -1.7989466721743514e-14,
                     -6.306194500013523e-09,  3.162417628774568e-09,   -7.840924253697429e-10,  5.192679165254041e-15};

// P (or Q) for large a and x near a: an error function and a correction in powers of 1 / a and eta.
TX_SCALAR double gamma_uniform(double a, double x, bool upper) {
  const double m = (x - a) / a, half_square = -log1p_minus(m), eta = copysign(sqrt(2 * half_square), m);
  double correction = 0;
  for (int k = 5; k >= 0; k--) {
    double c = 0;
    for (int n = 17; n >= 0; n--) c = c * eta + kTemme[18 * k + n];
    correction = correction / a + c;
  }
  correction *= exp(-a * half_square) / sqrt(6.28318530717958647693 * a);
  const double z = eta * sqrt(a / 2);
  return upper ? erfc(z) / 2 + correction : erfc(-z) / 2 - correction;
}

TX_SCALAR double gamma_probability(double a, double x, bool upper) {
  if (!(a >= 0 && x >= 0) || (a == 0 && x == 0) || (a == kGammaInfinity && x == kGammaInfinity)) return kGammaNaN;
  if (a == kGammaInfinity || x == 0) return upper;
  if (x == kGammaInfinity || a == 0) return !upper;
  if (a >= 200 && abs(x - a) < 0.3 * a) return gamma_uniform(a, x, upper);
  if (x <= 1.1) return upper ? gamma_complement(a, x) : gamma_series(a, x);
  if (x <= a) return upper ? 1 - gamma_series(a, x) : gamma_series(a, x);
  return upper ? gamma_fraction(a, x) : 1 - gamma_fraction(a, x);
}
TX_SCALAR double igamma(double a, double x) { return gamma_probability(a, x, false); }
TX_SCALAR double igammac(double a, double x) { return gamma_probability(a, x, true); }

// ---- How a gamma variate x moves with its shape a at a fixed probability: dx/da = -(dP/da) / (dP/dx), the implicit
// reparameterisation (Figurnov, Mohamed, Mnih, "Implicit reparameterization gradients", 2018). Relative error 2e-7.

// dP/da from the power series of P, in which the density cancels.
TX_SCALAR double gamma_slope_series(double a, double x) {
  double term = 1, sum = 1, harmonic = 0, slope = 0;
  for (int n = 1; n < 2000 && term > sum * 0x1p-54; n++) {
    term *= x / (a + n);
    harmonic += 1 / (a + n);
    sum += term;
    slope -= term * harmonic;
  }
  return -x / a * (sum * (log(x) - digamma(a + 1)) + slope);
}

// dQ/da from the continued fraction of Q, each of whose steps is differentiated (d_: by a).
TX_SCALAR double gamma_slope_fraction(double a, double x) {
  double b = x + 1 - a, c = 1e300, d_c = 0, d = 1 / b, d_d = d * d, h = d, relative = d;
  for (int n = 1; n < 2000; n++) {
    const double numerator = -n * (n - a);
    b += 2;
    const double next = 1 / (numerator * d + b);
    d_d = -next * next * (n * d + numerator * d_d - 1);
    d_c = n / c - numerator * d_c / (c * c) - 1;
    c = b + numerator / c;
    d = next;
    h *= c * d;
    const double change = d_c / c + d_d / d;
    relative += change;
    if (abs(c * d - 1) < 0x1p-53 && abs(change) < abs(relative) * 0x1p-53 + 1e-300) break;
  }
  return x * h * (log(x) - digamma(a) + relative);
}

// From Cornish and Fisher's expansion of x in the normal variate w of the same probability.
TX_SCALAR double gamma_slope_normal(double a, double x) {
  const double root = sqrt(a), d = min(max((x - a) / root, -20), 20), d2 = d * d;
  const double w = d - (d2 - 1) / (3 * root) + d * ((4 * d2 - 7) / 9 - (d2 - 3) / 4) / a, w2 = w * w;
  return 1 + w / (2 * root) - w * (w2 - 7) / (72 * a * root) + (w2 * (3 * w2 + 7) - 16) / (810 * a * a);
}

TX_SCALAR double standard_gamma_grad(double a, double x) {
  if (!(a > 0 && x >= 0) || a == kGammaInfinity || x == kGammaInfinity) return kGammaNaN;
  if (x == 0) return 0;
  if (a > 2000) return gamma_slope_normal(a, x);
  return x <= a + 1 ? gamma_slope_series(a, x) : gamma_slope_fraction(a, x);
}

}  // namespace tx::TX_ISA::special
