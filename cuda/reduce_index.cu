// argmax, argmin, max_index, min_index: the extremum and the first position where it is, or where the first nan is.
#include "reduce.cuh"

namespace tx::cuda {

namespace {

constexpr int64_t kNowhere = INT64_MAX;

template <class A> struct Larger {
  TX_DEVICE static bool better(A a, A b) { return a > b || (isnan(a) && !isnan(b)); }
};
template <class A> struct Smaller {
  TX_DEVICE static bool better(A a, A b) { return a < b || (isnan(a) && !isnan(b)); }
};

template <class A, class Order>
struct Extremum {
  struct State {
    A value;
    int64_t index;
  };
  using Element = A;
  static constexpr bool kPositional = true, kRare = false;

  TX_BOTH State start() const { return {A(0), kNowhere}; }

  // A thread's elements come in the order of their positions.
  template <int count> TX_DEVICE State add(State state, const A (&x)[count], int64_t at, int64_t step) const {
    TX_UNROLL
    for (int k = 0; k < count; k++) {
      const bool takes = state.index == kNowhere || Order::better(x[k], state.value);
      state.value = takes ? x[k] : state.value;
      state.index = takes ? at + k * step : state.index;
    }
    return state;
  }

  TX_DEVICE State merge(State a, State b) const {
    if (a.index == kNowhere) return b;
    if (b.index == kNowhere) return a;
    if (Order::better(a.value, b.value)) return a;
    return Order::better(b.value, a.value) || b.index < a.index ? b : a;
  }

  TX_DEVICE A first(State state, int64_t) const { return state.value; }
  TX_BOTH int64_t second(State state, int64_t) const { return state.index; }
};

template <template <class> class Order>
void reduce_extremum(const char* name, const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() { reduce(name, args, Extremum<A, Order<A>>{}); });
}

// The positions alone, which are the only result.
template <template <class> class Order>
void reduce_position(const char* name, ReduceArgs args) {
  args.second = args.out;
  args.out = nullptr;
  reduce_extremum<Order>(name, args);
}

}  // namespace

void argmax(const ReduceArgs& args) { reduce_position<Larger>("argmax", args); }
void argmin(const ReduceArgs& args) { reduce_position<Smaller>("argmin", args); }
void max_index(const ReduceArgs& args) { reduce_extremum<Larger>("max_index", args); }
void min_index(const ReduceArgs& args) { reduce_extremum<Smaller>("min_index", args); }

}  // namespace tx::cuda
