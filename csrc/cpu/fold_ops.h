// The Ops of fold.h that several kernels use.
#pragma once
#include "fold.h"
#include "vec_math.h"

namespace tx::TX_ISA {

struct Reducer;

template <class T>
struct SumOp {
  static constexpr bool kLight = true, kByColumn = false;
  static constexpr T pad = T(-0.0);    // x + 0 is not x where x is -0
  SumOp() = default;
  TX_INLINE explicit SumOp(const Reducer&) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return x; }
  TX_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) const { return a + b; }
  TX_INLINE const SumOp& at(int64_t) const { return *this; }
};

template <class T>
struct MaximumOp {
  static constexpr bool kLight = true, kByColumn = false;
  static constexpr T pad = is_float<T> ? T(-__builtin_inf()) : T(INT64_MIN);
  MaximumOp() = default;
  TX_INLINE explicit MaximumOp(const Reducer&) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return x; }
  TX_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) const { return maximum(a, b); }
  TX_INLINE const MaximumOp& at(int64_t) const { return *this; }
};

template <class T>
struct MinimumOp {
  static constexpr bool kLight = true, kByColumn = false;
  static constexpr T pad = is_float<T> ? T(__builtin_inf()) : T(INT64_MAX);
  MinimumOp() = default;
  TX_INLINE explicit MinimumOp(const Reducer&) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return x; }
  TX_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) const { return minimum(a, b); }
  TX_INLINE const MinimumOp& at(int64_t) const { return *this; }
};

// ---- With a parameter: a register along rows, and by ByColumn a value for each column ----------------------------

template <class T>
struct DeviationOp : SumOp<T> {
  Vec<T> shift;
  T pad;
  TX_INLINE explicit DeviationOp(Vec<T> shift) : shift(shift), pad(shift.v[0]) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return x - shift; }
};
template <class T>
struct SquaredDeviationOp : DeviationOp<T> {
  using DeviationOp<T>::DeviationOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return (x - this->shift) * (x - this->shift); }
};

template <class T>
struct ExpSumOp : SumOp<T> {
  static constexpr bool kLight = false;
  static constexpr T pad = -kInfinity<T>;
  Vec<T> shift;
  TX_INLINE explicit ExpSumOp(Vec<T> shift) : shift(shift) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return exp(x - shift); }
};

// Op with the parameters of columns.
template <class T, template <class> class Op>
struct ByColumn : SumOp<T> {
  static constexpr bool kLight = false, kByColumn = true;
  const T* parameters;
  TX_INLINE explicit ByColumn(const T* parameters) : parameters(parameters) {}
  TX_INLINE Op<T> at(int64_t c) const { return Op<T>(load<T>(parameters + c)); }
};

}  // namespace tx::TX_ISA
