// Scalar conversions between float and the half storage types (round to nearest even).
#pragma once
#include <cstring>

#include "dtype.h"

namespace tx {

TX_INLINE float to_float(BFloat16 h) {
  uint32_t bits = uint32_t(h.bits) << 16;
  float f;
  __builtin_memcpy(&f, &bits, 4);
  return f;
}

TX_INLINE BFloat16 to_bfloat16(float f) {
  uint32_t bits;
  __builtin_memcpy(&bits, &f, 4);
  if (f != f) return {0x7fc0};
  return {uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

TX_INLINE float to_float(Float16 h) {
  uint32_t sign = uint32_t(h.bits & 0x8000) << 16, exponent = (h.bits >> 10) & 31, mantissa = h.bits & 0x3ff, bits;
  float f;
  if (exponent == 31) {
    bits = sign | 0x7f800000 | mantissa << 13;
  } else if (exponent) {
    bits = sign | (exponent + 112) << 23 | mantissa << 13;
  } else {                                           // zero or denormal: mantissa * 2^-24 is exact in float
    f = float(mantissa) * 0x1p-24f;
    __builtin_memcpy(&bits, &f, 4);
    bits |= sign;
  }
  __builtin_memcpy(&f, &bits, 4);
  return f;
}

TX_INLINE Float16 to_float16(float f) {
  uint32_t bits;
  __builtin_memcpy(&bits, &f, 4);
  uint16_t sign = uint16_t((bits >> 16) & 0x8000);
  bits &= 0x7fffffff;
  if (bits > 0x7f800000) return {uint16_t(sign | 0x7e00)};          // NaN
  if (bits >= 0x477ff000) return {uint16_t(sign | 0x7c00)};         // rounds to 65520 or more: infinity
  if (bits < 0x38800000) {  // below 2^-14: the sum with 0.5 rounds to a multiple of 2^-24
    float magnitude;
    __builtin_memcpy(&magnitude, &bits, 4);
    magnitude += 0.5f;
    __builtin_memcpy(&bits, &magnitude, 4);
    return {uint16_t(sign | (bits - 0x3f000000))};
  }
  uint32_t odd = (bits >> 13) & 1;
  return {uint16_t(sign | ((bits - 0x38000000 + 0xfff + odd) >> 13))};
}

}  // namespace tx
