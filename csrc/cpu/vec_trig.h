// Trigonometric functions of Vec<float> and Vec<double>, and their inverses. Errors as in vec_exp.h.
#pragma once
#include "vec_pow.h"

namespace tx::TX_ISA {

// ---- Reduction to a multiple of pi (or pi/2) plus a remainder --------------------------------------------------

// x = multiple * period + remainder, |remainder| <= period/2 and a little more. The multiple is an integer, or for
// `shifted` an integer minus 1/2 whose integer is kept. Where |x| is beyond `limit` the remainder is meaningless.
template <class T> struct Reduced {
  Vec<T> remainder;
  Vec<signed_of<T>> multiple;                                // the lowest bits of it
};

constexpr double kPi = 3.14159265358979323846;

// The period in parts a + b + c (+ d) so that multiple * a (* b, * c) is exact, or rounds once in an fma.
template <class T, int per_pi, bool shifted> TX_INLINE Reduced<T> reduce_by_parts(Vec<T> x) {
  constexpr T s = T(1) / per_pi;
  Vec<T> k = x * Vec<T>(T(per_pi / kPi));
  if constexpr (shifted) k = k + Vec<T>(T(0.5));
  k = k + Vec<T>(kRounder<T>);
  Vec<signed_of<T>> multiple = as_int(k);
  k = k - Vec<T>(kRounder<T>);
  if constexpr (shifted) k = k - Vec<T>(T(0.5));
  Vec<T> r;
  if constexpr (sizeof(T) == 4)
    r = fma(k, Vec<T>(s * 3.4302490200117637e-15f),
            fma(k, Vec<T>(s * 8.742277657347586e-08f), fma(k, Vec<T>(s * -3.1415927410125732f), x)));
  else if constexpr (kHasFma)
    r = fma(k, Vec<T>(s * 2.9947698097183397e-33),
            fma(k, Vec<T>(s * -1.2246467991473532e-16), fma(k, Vec<T>(s * -3.141592653589793), x)));
  else
    r = (((x - k * Vec<T>(s * 3.141592651605606)) - k * Vec<T>(s * 1.9841871617964912e-09)) +
         k * Vec<T>(s * 2.4354103497132157e-18)) +
        k * Vec<T>(s * 5.881577340774656e-27);
  return {r, multiple};
}

// How far the parts reach. A float without fma is reduced as a double.
template <class T> constexpr T kPartsLimit = sizeof(T) == 4 ? T(kHasFma ? 8192 : 0) : T(1e6);

// The remainder of floats below 2^22, in double.
template <int per_pi, bool shifted> TX_INLINE Vec<double> reduce_as_double(Vec<double> x, Vec<double>* multiple) {
  constexpr double s = 1.0 / per_pi;
  Vec<double> k = x * Vec<double>(per_pi / kPi);
  if constexpr (shifted) k = k + Vec<double>(0.5);
  *multiple = (k + Vec<double>(kRounder<double>)) - Vec<double>(kRounder<double>);
  k = shifted ? *multiple - Vec<double>(0.5) : *multiple;
  return (x - k * Vec<double>(s * 3.141592651605606)) - k * Vec<double>(s * 1.984187159361081e-09);
}
template <int per_pi, bool shifted> TX_INLINE Reduced<float> reduce_as_doubles(Vec<float> x) {
  Halves h = widen(x), k;
  Vec<float> r =
      narrow({reduce_as_double<per_pi, shifted>(h.low, &k.low), reduce_as_double<per_pi, shifted>(h.high, &k.high)});
  return {r, as_int(narrow(k) + Vec<float>(kRounder<float>))};
}

template <class T, int per_pi, bool shifted> TX_INLINE Reduced<T> reduce(Vec<T> x) {
  if constexpr (sizeof(T) == 8) return reduce_by_parts<T, per_pi, shifted>(x);
  else if constexpr (!kHasFma) return reduce_as_doubles<per_pi, shifted>(x);
  else {
    Reduced<T> r = reduce_by_parts<T, per_pi, shifted>(x);
    auto far = abs(x) > Vec<T>(8192);
    if (any(far)) [[unlikely]] {
      Reduced<T> d = reduce_as_doubles<per_pi, shifted>(x);
      r = {where(far, d.remainder, r.remainder), where(far, d.multiple, r.multiple)};
    }
    return r;
  }
}

// y, but f(x) lane by lane where |x| is too large for reduce(), infinite or NaN.
template <class T, class F> TX_INLINE Vec<T> huge_by_lane(Vec<T> x, Vec<T> y, F f) {
  auto huge = ~(abs(x) <= Vec<T>(sizeof(T) == 4 ? T(1 << 22) : T(1e6)));
  if (any(huge)) [[unlikely]]
    return where(huge, each_lane(x, f), y);
  return y;
}

// ---- sin, cos, tan --------------------------------------------------------------------------------------------

// sin(r) for |r| <= pi/2, times (-1)^multiple.
template <class T> TX_INLINE Vec<T> sin_reduced(Reduced<T> x) {
  Vec<T> r = x.remainder, z = r * r, p;
  if constexpr (sizeof(T) == 4)                              // relative error 2^-27
    p = polynomial(z, -0.166666597f, 0.00833306927f, -0.000198097783f, 2.60610295e-06f);
  else                                                       // 2^-61
    p = polynomial(z, -0.16666666666666666, 0.0083333333333332083, -0.0001984126984121336, 2.755731921174154e-06,
                   -2.5052106921234584e-08, 1.605894187904549e-10, -7.6430427099612022e-13, 2.721668939354788e-15);
  return flip_sign(fma(r * z, p, r), bits_as<T>(Vec<signed_of<T>>(x.multiple.v << (8 * sizeof(T) - 1))));
}

// 2.5 ULP
template <class T> TX_INLINE Vec<T> sin(Vec<T> x) {
  Vec<T> y = sin_reduced(reduce<T, 1, false>(x));
  y = where(x == Vec<T>(0), x, y);                           // keeps -0
  return huge_by_lane(x, y, [](T s) { return sizeof(T) == 4 ? T(__builtin_sinf(float(s))) : T(__builtin_sin(s)); });
}

// 2.5 ULP. cos(x) = sin(x + pi/2)
template <class T> TX_INLINE Vec<T> cos(Vec<T> x) {
  Vec<T> y = sin_reduced(reduce<T, 1, true>(x));
  return huge_by_lane(x, y, [](T s) { return sizeof(T) == 4 ? T(__builtin_cosf(float(s))) : T(__builtin_cos(s)); });
}

// 3.5 ULP
template <class T> TX_INLINE Vec<T> tan(Vec<T> x) {
  Reduced<T> reduced = reduce<T, 2, false>(x);
  Vec<T> r = reduced.remainder, z = r * r, p;
  if constexpr (sizeof(T) == 4)                              // relative error 2^-25
    p = polynomial(z, 0.333331555f, 0.133388266f, 0.0534095094f, 0.0244352892f, 0.00311294245f, 0.00938899722f);
  else                                                       // 2^-56
    p = polynomial(z, 0.33333333333332782, 0.13333333333413985, 0.053968253926974352, 0.021869489601849673,
                   0.0088632192612295921, 0.003592288240288555, 0.0014547628417035028, 0.00059504510920955383,
                   0.00022243536179537902, 0.0001364153744297692, -2.6236232462015953e-05, 8.931897826668935e-05,
                   -4.4806752997407602e-05, 2.0846954018257683e-05);
  Vec<T> t = fma(r * z, p, r);
  auto odd = (reduced.multiple & Vec<signed_of<T>>(1)) != Vec<signed_of<T>>(0);
  t = where(odd, Vec<T>(-1) / t, t);
  t = where(x == Vec<T>(0), x, t);
  return huge_by_lane(x, t, [](T s) { return sizeof(T) == 4 ? T(__builtin_tanf(float(s))) : T(__builtin_tan(s)); });
}

// ---- Inverses -------------------------------------------------------------------------------------------------

template <class T> constexpr T kHalfPi = T(kPi / 2);
template <class T> constexpr T kHalfPiLow = sizeof(T) == 4 ? T(-4.371138828673793e-08) : T(6.123233995736766e-17);

// atan(q) for 0 <= q <= 1
template <class T> TX_INLINE Vec<T> atan_reduced(Vec<T> q) {
  Vec<T> z = q * q, p;
  if constexpr (sizeof(T) == 4)                              // relative error 2^-28
    p = polynomial(z, -0.333332986f, 0.19998531f, -0.142640531f, 0.109511927f, -0.0840055645f, 0.0579083823f,
                   -0.0311292186f, 0.0108887283f, -0.00178788661f);
  else                                                       // 2^-57
    p = polynomial(z, -0.33333333333333287, 0.19999999999990592, -0.14285714285042503, 0.11111111086572453,
                   -0.09090908548839563, 0.076922997242511726, -0.066665837811211964, 0.058817162554879066,
                   -0.052594331457334983, 0.047449200230390474, -0.042863636724699047, 0.038209245881617004,
                   -0.032783635065303941, 0.026148706147449241, -0.018610484544623624, 0.011314119670660303,
                   -0.0056098828262105584, 0.0021503025532406722, -0.00059244199986616336, 0.00010377493985317537,
                   -8.6445873799884445e-06);
  return fma(q * z, p, q);
}

// 2.0 ULP
template <class T> TX_INLINE Vec<T> atan(Vec<T> x) {
  Vec<T> ax = abs(x), one(1);
  Vec<T> a = atan_reduced(min(one, ax) / max(one, ax));
  a = where(ax > one, Vec<T>(kHalfPi<T>) - (a - Vec<T>(kHalfPiLow<T>)), a);
  return copysign(a, x);
}

// 2.0 ULP. The angle of (x, y); signed zeros and infinities as in C.
template <class T> TX_INLINE Vec<T> atan2(Vec<T> y, Vec<T> x) {
  Vec<T> ax = abs(x), ay = abs(y), low = min(ax, ay), high = max(ax, ay);
  Vec<T> q = low / high;
  q = where(high == Vec<T>(0), Vec<T>(0), where(low == Vec<T>(kInfinity<T>), Vec<T>(1), q));
  Vec<T> a = atan_reduced(q);
  a = where(ay > ax, Vec<T>(kHalfPi<T>) - (a - Vec<T>(kHalfPiLow<T>)), a);
  a = where(signbit(x), Vec<T>(2 * kHalfPi<T>) - (a - Vec<T>(2 * kHalfPiLow<T>)), a);
  a = copysign(a, y);
  return where(isnan(x) | isnan(y), x + y, a);
}

// asin(s) - s for 0 <= s <= 1/2, given z = s^2
template <class T> TX_INLINE Vec<T> asin_tail(Vec<T> s, Vec<T> z) {
  Vec<T> p;
  if constexpr (sizeof(T) == 4)                              // relative error 2^-27
    p = polynomial(z, 0.166667521f, 0.0749531016f, 0.0454690196f, 0.0241855029f, 0.042157013f);
  else                                                       // 2^-56
    p = polynomial(z, 0.16666666666665408, 0.075000000003367109, 0.04464285682876027, 0.030381959114804541,
                   0.022371758645872455, 0.017359695177516024, 0.013885333906036251, 0.012168550294903163,
                   0.0065308719683456438, 0.019520292582549229, -0.016211731229679165, 0.031903708933035152);
  return s * z * p;
}

// 2.5 ULP. Above 1/2: asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2))
template <class T> TX_INLINE Vec<T> asin(Vec<T> x) {
  Vec<T> ax = abs(x), half(T(0.5));
  auto upper = ax > half;
  Vec<T> z = where(upper, half * (Vec<T>(1) - ax), ax * ax), s = where(upper, sqrt(z), ax);
  Vec<T> tail = asin_tail(s, z);
  Vec<T> a = where(upper, Vec<T>(kHalfPi<T>) - (Vec<T>(2) * (s + tail) - Vec<T>(kHalfPiLow<T>)), s + tail);
  return copysign(a, x);
}

// 1.5 ULP
template <class T> TX_INLINE Vec<T> acos(Vec<T> x) {
  Vec<T> ax = abs(x), half(T(0.5));
  auto upper = ax > half;
  Vec<T> z = where(upper, half * (Vec<T>(1) - ax), ax * ax), s = where(upper, sqrt(z), ax);
  Vec<T> a = s + asin_tail(s, z);
  Vec<T> outer =
      where(x < Vec<T>(0), Vec<T>(2 * kHalfPi<T>) - (Vec<T>(2) * a - Vec<T>(2 * kHalfPiLow<T>)), Vec<T>(2) * a);
  return where(upper, outer, Vec<T>(kHalfPi<T>) - (copysign(a, x) - Vec<T>(kHalfPiLow<T>)));
}

}  // namespace tx::TX_ISA
