// variance, standard_deviation.
#include "moments.cuh"
#include "reduce.cuh"

namespace tx::cuda {

namespace {

template <class A>
struct Variance {
  using Element = A;
  using State = Moments;
  static constexpr bool kPositional = false, kRare = false;
  double correction = 0;
  bool root = false;

  TX_BOTH State start() const { return Moments::nothing(); }
  TX_DEVICE State merge(State a, State b) const { return merged(a, b); }
  template <int count> TX_DEVICE State add(State state, const A (&x)[count], int64_t, int64_t) const {
    return with_elements(state, x);
  }
  TX_DEVICE A first(State s, int64_t n) const {
    if (n == 0) return A(NAN);
    const double freedom = double(n) - correction, variance = s.m2 / (freedom > 0 ? freedom : 0);
    return A(root ? sqrt(variance) : variance);
  }
  TX_BOTH A second(State s, int64_t n) const { return n ? A(s.mean) : A(NAN); }
};

void reduce_moments(const char* name, const ReduceArgs& args, bool root) {
  with_floating_type(args.out_dtype, [&]<class A>() {
    Variance<A> op;
    op.correction = args.parameter;
    op.root = root;
    reduce(name, args, op);
  });
}

}  // namespace

void variance(const ReduceArgs& args) { reduce_moments("variance", args, false); }
void standard_deviation(const ReduceArgs& args) { reduce_moments("standard_deviation", args, true); }

}  // namespace tx::cuda
