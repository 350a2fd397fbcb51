// sum, nansum, mean, prod.
#include "reduce.cuh"

namespace tx::cuda {

namespace {

template <class A>
struct Sum : SumFold<Sum<A>, A> {
  bool mean = false;
  TX_DEVICE static A map(A x) { return x; }
  // The sum of nothing is 0, not the -0 that changes no sum; its mean is nan.
  TX_DEVICE A first(A value, int64_t n) const { return mean ? value / A(n) : n ? value : A(0); }
};

template <class A>
struct NanSum : SumFold<NanSum<A>, A> {
  static constexpr bool kRare = true;
  TX_DEVICE static A map(A x) { return isnan(x) ? A(0) : x; }
  TX_DEVICE A first(A value, int64_t n) const { return n ? value : A(0); }
};

template <class A>
struct Product : FoldOp<Product<A>, A, A> {
  static constexpr bool kRare = true;
  static constexpr A identity = A(1);
  TX_DEVICE static A map(A x) { return x; }
  TX_DEVICE static A combine(A a, A b) { return times(a, b); }
};

}  // namespace

void sum(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce("sum", args, Sum<A>{}); });
}
void nansum(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce("nansum", args, NanSum<A>{}); });
}
void mean(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() {
    Sum<A> op;
    op.mean = true;
    reduce("mean", args, op);
  });
}
void prod(const ReduceArgs& args) {
  with_compute_type(args.out_dtype, [&]<class A>() { reduce("prod", args, Product<A>{}); });
}

}  // namespace tx::cuda
