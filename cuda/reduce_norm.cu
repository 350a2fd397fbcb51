// norm, logsumexp.
#include "exp_sum.cuh"
#include "reduce.cuh"

namespace tx::cuda {

namespace {

// ---- norm: (sum of |x|^p)^(1/p), with its limits at p = 0, inf and -inf ------------------------------------------

template <class A>
struct AbsoluteSum : SumFold<AbsoluteSum<A>, A> {
  TX_DEVICE static A map(A x) { return abs(x); }
  TX_DEVICE A first(A value, int64_t n) const { return n ? value : A(0); }
};

template <class A>
struct SquareSum : SumFold<SquareSum<A>, A> {
  TX_DEVICE static A map(A x) { return x * x; }
  TX_DEVICE A first(A value, int64_t n) const { return n ? sqrt(value) : A(0); }
};

template <class A>
struct CountSum : SumFold<CountSum<A>, A> {
  static constexpr bool kRare = true;
  TX_DEVICE static A map(A x) { return x != A(0) ? A(1) : A(0); }
  TX_DEVICE A first(A value, int64_t n) const { return n ? value : A(0); }
};

template <class A>
struct PowerSum : SumFold<PowerSum<A>, A> {
  static constexpr bool kRare = true;
  double p = 0;
  TX_DEVICE A map(A x) const { return pow(abs(x), A(p)); }
  TX_DEVICE A first(A value, int64_t n) const { return n ? A(pow(double(value), 1 / p)) : A(0); }
};

template <class A>
struct AbsoluteMaximum : MaximumFold<AbsoluteMaximum<A>, A> {
  static constexpr bool kRare = true;
  static constexpr A identity = 0;
  TX_DEVICE static A map(A x) { return abs(x); }
};

template <class A>
struct AbsoluteMinimum : MinimumFold<AbsoluteMinimum<A>, A> {
  static constexpr bool kRare = true;
  TX_DEVICE static A map(A x) { return abs(x); }
};

template <class A>
void reduce_norm(const ReduceArgs& args) {
  const double p = args.parameter;
  if (p == 0) return reduce("norm", args, CountSum<A>{});
  if (p == 1) return reduce("norm", args, AbsoluteSum<A>{});
  if (p == 2) return reduce("norm", args, SquareSum<A>{});
  if (p == __builtin_inf()) return reduce("norm", args, AbsoluteMaximum<A>{});
  if (p == -__builtin_inf()) return reduce("norm", args, AbsoluteMinimum<A>{});
  PowerSum<A> op;
  op.p = p;
  reduce("norm", args, op);
}

// ---- logsumexp ---------------------------------------------------------------------------------------------------

template <class A>
struct LogSumExp {
  using Element = A;
  using State = ExpSum<A>;
  static constexpr bool kPositional = false, kRare = false;

  TX_BOTH State start() const { return State::nothing(); }
  TX_DEVICE State merge(State a, State b) const { return merged(a, b); }
  template <int count> TX_DEVICE State add(State state, const A (&x)[count], int64_t, int64_t) const {
    return with_elements(state, x);
  }
  TX_DEVICE A first(State s, int64_t) const { return isfinite(s.maximum) ? s.maximum + log(s.sum) : s.maximum; }
};

}  // namespace

void norm(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() { reduce_norm<A>(args); });
}
void logsumexp(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() { reduce("logsumexp", args, LogSumExp<A>{}); });
}

}  // namespace tx::cuda
