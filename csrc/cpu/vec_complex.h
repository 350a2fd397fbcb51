// Complex numbers in registers: Complex<Vec<T>>, real and imaginary parts apart. In memory they alternate.
#pragma once
#include <utility>

#include "vec.h"

namespace tx::TX_ISA {

template <class T> TX_INLINE Complex<Vec<T>> where(typename Vec<T>::M mask, Complex<Vec<T>> a, Complex<Vec<T>> b) {
  return {where(mask, a.real, b.real), where(mask, a.imag, b.imag)};
}

// Elements of T that a register, or a pair of them, holds.
template <class T> struct lanes {
  static constexpr int value = Vec<T>::size;
};
template <class T> struct lanes<Complex<T>> : lanes<T> {};
template <class T> constexpr int kLanes = lanes<T>::value;

template <class T, int... i>
TX_INLINE Complex<Vec<T>> parted(Vec<T> a, Vec<T> b, std::integer_sequence<int, i...>) {
  return {Vec<T>(__builtin_shufflevector(a.v, b.v, (2 * i)...)),
          Vec<T>(__builtin_shufflevector(a.v, b.v, (2 * i + 1)...))};
}
// The lower (half = 0) or upper (half = size / 2) elements, alternating.
template <int half, class T, int... i>
TX_INLINE Vec<T> alternating(Complex<Vec<T>> z, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(z.real.v, z.imag.v, (half + i / 2 + i % 2 * Vec<T>::size)...);
}

template <class T> TX_INLINE Complex<Vec<T>> load_complex(const void* p) {
  return parted(load<T>(p), load<T>((const char*)p + kVecBytes), std::make_integer_sequence<int, Vec<T>::size>{});
}
template <class T> TX_INLINE void store_complex(void* p, Complex<Vec<T>> z) {
  constexpr auto each = std::make_integer_sequence<int, Vec<T>::size>{};
  store<T>(p, alternating<0>(z, each));
  store<T>((char*)p + kVecBytes, alternating<Vec<T>::size / 2>(z, each));
}

// The first n < kLanes<Complex<T>> elements; the others are 0.
template <class T> TX_INLINE Complex<Vec<T>> load_complex_partial(const void* p, int64_t n) {
  alignas(kVecBytes) T buffer[2 * Vec<T>::size] = {};
  for (int64_t i = 0; i < 2 * n; i++) buffer[i] = ((const T*)p)[i];
  return load_complex<T>(buffer);
}
template <class T> TX_INLINE void store_complex_partial(void* p, Complex<Vec<T>> z, int64_t n) {
  alignas(kVecBytes) T buffer[2 * Vec<T>::size];
  store_complex<T>(buffer, z);
  for (int64_t i = 0; i < 2 * n; i++) ((T*)p)[i] = buffer[i];
}

}  // namespace tx::TX_ISA
