// sum, nansum, mean, prod.
#include "reduce_fold.h"

namespace tx::TX_ISA {
namespace {

template <class T>
struct NanSumOp : SumOp<T> {
  static constexpr bool kLight = false;
  using SumOp<T>::SumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return where(x == x, x, Vec<T>(T(0))); }
  TX_INLINE const NanSumOp& at(int64_t) const { return *this; }
};

template <class T>
struct ProductOp {
  static constexpr bool kLight = false;
  static constexpr T pad = 1;
  TX_INLINE explicit ProductOp(const Reducer&) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return x; }
  TX_INLINE Vec<T> combine(Vec<T> a, Vec<T> b) const { return a * b; }
  TX_INLINE const ProductOp& at(int64_t) const { return *this; }
};

struct DivideByCount {
  template <class A> TX_INLINE A operator()(A value, int64_t n, const Reducer&) const { return value / A(n); }
};

// The sum of nothing is 0, not the -0 that changes no sum.
struct PlusZero {
  template <class A> TX_INLINE A operator()(A value, int64_t n, const Reducer&) const { return n ? value : A(0); }
};

}  // namespace

void sum(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce_fold<A, SumOp<A>, PlusZero>(args); });
}

void nansum(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce_fold<A, NanSumOp<A>, PlusZero>(args); });
}

void mean(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() { reduce_fold<A, SumOp<A>, DivideByCount>(args); });
}

void prod(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce_fold<A, ProductOp<A>, Unchanged>(args); });
}

}  // namespace tx::TX_ISA
