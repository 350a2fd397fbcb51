// Exponentials and logarithms of Vec<float> and Vec<double>.
//
// Each function states its maximum error in ULP over all arguments, on instruction sets with and without fma;
// tests/test_vec_math.py proves it. The polynomials are minimax fits, the error stated being their own; coefficients are
// rounded to T one after the other, each time fitting the rest again.
// Infinities, NaN, zeros of either sign and denormals, as arguments and as results, are as in C.
#pragma once
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

// c0 + c1 x + c2 x^2 + ... One term after the other: the fewest operations and the smallest error.
template <class T> TX_INLINE Vec<T> horner(Vec<T>, T c0) { return Vec<T>(c0); }
template <class T, class... More> TX_INLINE Vec<T> horner(Vec<T> x, T c0, More... more) {
  return fma(horner(x, T(more)...), x, Vec<T>(c0));
}

// The same in pairs: c0 + c1 x + x^2 (c2 + c3 x + x^2 (...)). Half as many steps wait for each other, which is what
// limits a long polynomial: instructions that wait fill the scheduler. For what is a correction to something larger.
template <class T> TX_INLINE Vec<T> in_pairs(Vec<T>, Vec<T>, T c0) { return Vec<T>(c0); }
template <class T> TX_INLINE Vec<T> in_pairs(Vec<T> x, Vec<T>, T c0, T c1) { return fma(Vec<T>(c1), x, Vec<T>(c0)); }
template <class T, class... More> TX_INLINE Vec<T> in_pairs(Vec<T> x, Vec<T> x2, T c0, T c1, More... more) {
  return fma(in_pairs(x, x2, T(more)...), x2, fma(Vec<T>(c1), x, Vec<T>(c0)));
}
template <class T, class... C> TX_INLINE Vec<T> polynomial(Vec<T> x, C... c) { return in_pairs(x, x * x, T(c)...); }

template <class T> constexpr T kLog2E = T(1.44269504088896340736);
template <class T> constexpr T kLn2 = T(0.69314718055994530942);
// ln 2 in two parts; the first has so few bits that its product with an exponent is exact.
template <class T> constexpr T kLn2High = sizeof(T) == 4 ? T(0.693145751953125) : T(0.6931471806019545);
template <class T> constexpr T kLn2Low = sizeof(T) == 4 ? T(1.428606765330187e-06) : T(-4.2009150726810846e-11);

// ---- Powers of two --------------------------------------------------------------------------------------------

// An integer as a float, and the same plus kRounder, whose low bits are the integer in binary.
template <class T> struct Rounded {
  Vec<T> value, shifted;
};
template <class T> constexpr T kRounder = T(3) * T(int64_t(1) << (kMantissaBits<T> - 1));

// round(x y) for |x y| < 2^(mantissa bits - 2): cheaper than a rounding instruction and a conversion.
template <class T> TX_INLINE Rounded<T> round_product(Vec<T> x, T y) {
  Vec<T> shifted = fma(x, Vec<T>(y), Vec<T>(kRounder<T>));
  return {shifted - Vec<T>(kRounder<T>), shifted};
}

// 2^n of a normal result. Unsigned: the sum may pass the sign bit.
template <class T> TX_INLINE Vec<T> power_of_two(Rounded<T> n) {
  using U = unsigned_of<T>;
  return bits_as<T>(Vec<U>((bits_as<U>(n.shifted).v << kMantissaBits<T>)+(U(kExponentBias<T>) << kMantissaBits<T>)));
}
template <class T> TX_INLINE Vec<T> power_of_two(Vec<T> n) {
  return power_of_two(Rounded<T>{n, n + Vec<T>(kRounder<T>)});
}

// p 2^n for |n| <= 2 bias and p near 1: rounds once, also where the result is infinite or denormal.
#if defined(__AVX512F__)
TX_INLINE Vec<float> scale(Vec<float> p, Rounded<float> n) { return (Raw<float>)_mm512_scalef_ps(p.v, n.value.v); }
TX_INLINE Vec<double> scale(Vec<double> p, Rounded<double> n) { return (Raw<double>)_mm512_scalef_pd(p.v, n.value.v); }
#else
template <class T> TX_INLINE Vec<T> scale(Vec<T> p, Rounded<T> n) {
  using I = signed_of<T>;
  Vec<I> biased = as_int(n.shifted) - as_int(Vec<T>(kRounder<T> - T(2 * kExponentBias<T>)));
  Vec<I> half = biased.v >> 1;  // in two steps, neither of which leaves the normal range
  return p * bits_as<T>(Vec<I>(half.v << kMantissaBits<T>)) * bits_as<T>(Vec<I>((biased - half).v << kMantissaBits<T>));
}
#endif

// ---- Exponentials ---------------------------------------------------------------------------------------------

// x = n ln 2 + r, |r| <= ln(2)/2
template <class T> TX_INLINE Rounded<T> binary_exponent(Vec<T> x) { return round_product(x, kLog2E<T>); }
template <class T> TX_INLINE Vec<T> exp_remainder(Vec<T> x, Vec<T> n) {
  return fma(n, Vec<T>(-kLn2Low<T>), fma(n, Vec<T>(-kLn2High<T>), x));
}

// exp(r) for |r| <= ln(2)/2.
template <class T> TX_INLINE Vec<T> exp_reduced(Vec<T> r) {
  if constexpr (sizeof(T) == 4)  // relative error 2^-28
    return horner(r, 1.f, 1.f, 0.49999994f, 0.166665196f, 0.0416682325f, 0.00836882275f, 0.00138238352f);
  else  // 2^-57
    return fma(fma(polynomial(r, 0.50000000000000111, 0.16666666666666438, 0.041666666666526707, 0.008333333333479076,
                              0.0013888888944463811, 0.00019841269538519807, 2.4801492278405416e-05,
                              2.7557558611870683e-06, 2.7630531847290556e-07, 2.5008702468405785e-08),
                   r, Vec<T>(1)),
               r, Vec<T>(1));
}

// Beyond these exp is infinite, or rounds to 0.
template <class T> constexpr T kExpHighest = sizeof(T) == 4 ? T(89) : T(710);
template <class T> constexpr T kExpLowest = sizeof(T) == 4 ? T(-104) : T(-746);

// exp(x) where x and the exponent of the result stay within twice the range of normal numbers.
template <class T> TX_INLINE Vec<T> exp_bounded(Vec<T> x) {
  Rounded<T> n = binary_exponent(x);
  return scale(exp_reduced(exp_remainder(x, n.value)), n);
}

// 1.5 ULP. A product that underflows costs the processor over a hundred cycles, and -inf is what masks out a softmax:
// lanes whose result rounds to 0 are set to it instead.
template <class T> TX_INLINE Vec<T> exp(Vec<T> x) {
  const typename Vec<T>::M vanishes = x < Vec<T>(kExpLowest<T>);
  const Vec<T> y =
      exp_bounded(min(Vec<T>(kExpHighest<T>), where(vanishes, Vec<T>(0), x)));  // written so that NaN passes
  return where(vanishes, Vec<T>(0), y);
}

// 1.5 ULP
template <class T> TX_INLINE Vec<T> exp2(Vec<T> x) {
  constexpr T highest = sizeof(T) == 4 ? T(129) : T(1025), lowest = sizeof(T) == 4 ? T(-151) : T(-1076);
  x = min(Vec<T>(highest), max(Vec<T>(lowest), x));
  Rounded<T> n = round_product(x, T(1));
  return scale(exp_reduced((x - n.value) * Vec<T>(kLn2<T>)), n);
}

// (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2, with an error relative to exp(r) - 1.
template <class T> TX_INLINE Vec<T> expm1_reduced(Vec<T> r) {
  if constexpr (sizeof(T) == 4)  // 2^-31
    return polynomial(r, 0.5f, 0.166666672f, 0.0416664854f, 0.008333195f, 0.00139330234f, 0.000199559974f);
  else  // 2^-61
    return polynomial(r, 0.5, 0.16666666666666677, 0.041666666666666678, 0.0083333333333214261, 0.0013888888888877076,
                      0.00019841269886637528, 2.4801587341963699e-05, 2.7557243695421069e-06, 2.7557257648993947e-07,
                      2.5109216950448768e-08, 2.0920078582788196e-09);
}

// 2.0 ULP
template <class T> TX_INLINE Vec<T> expm1(Vec<T> x) {
  constexpr T lowest = sizeof(T) == 4 ? T(-20) : T(-40);  // from here down the result is -1
  Vec<T> y = min(Vec<T>(kExpHighest<T>), max(Vec<T>(lowest), x));
  Rounded<T> n = binary_exponent(y);
  Vec<T> high = fma(n.value, Vec<T>(-kLn2High<T>), y), low = n.value * Vec<T>(kLn2Low<T>);
  Vec<T> r = high - low, lost = (high - r) - low;  // the argument is r + lost
  Vec<T> p = r + fma(r * r, expm1_reduced(r), lost);
  // 2^n (p + 1) - 1 as 2^n (p + (1 - 2^-n)): no overflow before the end, and exact where n is 0.
  Vec<T> z = scale(p + (Vec<T>(1) - power_of_two(-min(n.value, Vec<T>(64)))), n);
  return where(x == Vec<T>(0), x, z);  // keeps -0
}

// expm1(x) for -80 <= x <= 0 to 1.5 ULP, for use within other functions.
template <class T> TX_INLINE Vec<T> expm1_negative(Vec<T> x) {
  Rounded<T> n = binary_exponent(x);
  Vec<T> r = exp_remainder(x, n.value), s = power_of_two(n);
  return fma(s, fma(r * r, expm1_reduced(r), r), s - Vec<T>(1));
}

// ---- Logarithms -----------------------------------------------------------------------------------------------

// x = 2^e (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), for positive finite x.
template <class T> struct Decomposed {
  Vec<T> e, f;
};
template <class T> TX_INLINE Decomposed<T> decompose(Vec<T> x) {
#if defined(__AVX512F__)
  Vec<T> e, m;  // both instructions take denormals
  if constexpr (sizeof(T) == 4) {
    m = (Raw<T>)_mm512_getmant_ps(x.v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
    e = (Raw<T>)_mm512_getexp_ps(x.v);
  } else {
    m = (Raw<T>)_mm512_getmant_pd(x.v, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_zero);
    e = (Raw<T>)_mm512_getexp_pd(x.v);
  }
  return {where(m < Vec<T>(1), e + Vec<T>(1), e), m - Vec<T>(1)};
#else
  using I = signed_of<T>;
  using U = unsigned_of<T>;
  constexpr T small = sizeof(T) == 4 ? T(0x1p-126) : T(0x1p-1022), up = sizeof(T) == 4 ? T(0x1p25) : T(0x1p54);
  typename Vec<T>::M denormal = x < Vec<T>(small);
  x = where(denormal, x * Vec<T>(up), x);
  // Half a unit added to the exponent field: it now changes at 3/4 2^e.
  Vec<U> field = Vec<U>(bits_as<U>(x).v + (U(1) << (kMantissaBits<T> - 1))).v >> kMantissaBits<T>;
  Vec<I> biased = (Raw<I>)field.v;
  Vec<T> m = bits_as<T>(Vec<U>(bits_as<U>(x).v - ((field.v - U(kExponentBias<T>)) << kMantissaBits<T>)));
  constexpr T two = T(int64_t(1) << kMantissaBits<T>);  // or-ing the field into it adds the field
  Vec<T> e = bits_as<T>(biased | as_int(Vec<T>(two))) - Vec<T>(two + kExponentBias<T>);
  return {where(denormal, e - Vec<T>(sizeof(T) == 4 ? T(25) : T(54)), e), m - Vec<T>(1)};
#endif
}

// log(1 + f) = f + tail for -1/4 <= f <= 1/2.
template <class T> TX_INLINE Vec<T> log_tail(Vec<T> f) {
  Vec<T> p;
  if constexpr (sizeof(T) == 4)  // relative error 2^-27
    p = polynomial(f, 0.333334506f, -0.250001788f, 0.199909657f, -0.166441977f, 0.14470315f, -0.131847262f,
                   0.105628766f, -0.0459649973f);
  else  // 2^-56
    p = polynomial(f, 0.33333333333333642, -0.25000000000011141, 0.19999999999887649, -0.16666666663716301,
                   0.14285714295507607, -0.12500000291381488, 0.11111111020661761, -0.099999858984312864,
                   0.09090885848367132, -0.083336838237720035, 0.076934866584936062, -0.071390574232468612,
                   0.066430536019736974, -0.062450345236622275, 0.060765059754949627, -0.059814301159046367,
                   0.051188677876929628, -0.02994320841162277, 0.0083155086419198204);
  Vec<T> f2 = f * f;
  return fma(f2 * f, p, Vec<T>(T(-0.5)) * f2);
}

// y, but what log(x) is where x is not a positive finite number.
template <class T> TX_INLINE Vec<T> log_special(Vec<T> x, Vec<T> y) {
#if defined(__AVX512F__)
  // One digit for each class of x, from negative to NaN (read from the right: NaN, signalling NaN, 0, 1, -inf, inf,
  // negative, positive): 0 keeps y, 2 is x as NaN, 3 NaN, 4 -inf, 5 inf.
  if constexpr (sizeof(T) == 4) return (Raw<T>)_mm512_fixupimm_ps(y.v, x.v, _mm512_set1_epi32(0x03530422), 0);
  else return (Raw<T>)_mm512_fixupimm_pd(y.v, x.v, _mm512_set1_epi64(0x03530422), 0);
#else
  y = where(x < Vec<T>(kInfinity<T>), y, x);  // +inf and NaN
  return where(x > Vec<T>(0), y, where(x == Vec<T>(0), Vec<T>(-kInfinity<T>), Vec<T>(kNaN<T>)));
#endif
}

// 1.0 ULP
template <class T> TX_INLINE Vec<T> log(Vec<T> x) {
  auto [e, f] = decompose(x);
  return log_special(x, fma(e, Vec<T>(kLn2High<T>), f + fma(e, Vec<T>(kLn2Low<T>), log_tail(f))));
}

// 2.5 ULP; exact for powers of two
template <class T> TX_INLINE Vec<T> log2(Vec<T> x) {
  constexpr T high = sizeof(T) == 4 ? T(1.4426950216293335) : T(1.4426950408889634);
  constexpr T low = sizeof(T) == 4 ? T(1.925963033500011e-08) : T(2.0355273740931033e-17);
  auto [e, f] = decompose(x);
  Vec<T> l = f + log_tail(f);
  return log_special(x, e + fma(l, Vec<T>(high), l * Vec<T>(low)));
}

// 2.5 ULP
template <class T> TX_INLINE Vec<T> log10(Vec<T> x) {
  constexpr T high = sizeof(T) == 4 ? T(0.4342944920063019) : T(0.4342944819032518);  // 1 / ln 10
  constexpr T low = sizeof(T) == 4 ? T(-1.0103049952192578e-08) : T(1.098319650216765e-17);
  constexpr T two_high = sizeof(T) == 4 ? T(0.301025390625) : T(0.3010299956658855);  // log10(2); times e: exact
  constexpr T two_low = sizeof(T) == 4 ? T(4.605039066518657e-06) : T(-1.9043128467164274e-12);
  auto [e, f] = decompose(x);
  Vec<T> l = f + log_tail(f);
  Vec<T> small = fma(e, Vec<T>(two_low), l * Vec<T>(low));
  return log_special(x, fma(e, Vec<T>(two_high), fma(l, Vec<T>(high), small)));
}

// 1.5 ULP
template <class T> TX_INLINE Vec<T> log1p(Vec<T> x) {
  Vec<T> u = Vec<T>(1) + x, back = u - x;
  Vec<T> lost = (x - (u - back)) + (Vec<T>(1) - back);  // u + lost is 1 + x exactly
  auto [e, f] = decompose(u);
  f = fma(lost, power_of_two(-min(e, Vec<T>(64))), f);  // where e is larger, `lost` no longer matters
  Vec<T> y = fma(e, Vec<T>(kLn2High<T>), f + fma(e, Vec<T>(kLn2Low<T>), log_tail(f)));
  return where(x == Vec<T>(0), x, log_special(u, y));  // keeps -0
}

}  // namespace tx::TX_ISA
