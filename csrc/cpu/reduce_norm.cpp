// norm, logsumexp.
#include "reduce_fold.h"

namespace tx::TX_ISA {
namespace {

// ---- norm: (sum of |x|^p)^(1/p), with its limits at p = 0, inf and -inf ------------------------------------------

template <class T>
struct CountOp : SumOp<T> {
  static constexpr bool kLight = false;
  using SumOp<T>::SumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return where(x != Vec<T>(0), Vec<T>(1), Vec<T>(0)); }
  TX_INLINE const CountOp& at(int64_t) const { return *this; }
};

template <class T>
struct AbsoluteSumOp : SumOp<T> {
  using SumOp<T>::SumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return abs(x); }
  TX_INLINE const AbsoluteSumOp& at(int64_t) const { return *this; }
};

template <class T>
struct SquareSumOp : SumOp<T> {
  using SumOp<T>::SumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return x * x; }
  TX_INLINE const SquareSumOp& at(int64_t) const { return *this; }
};

template <class T>
[[gnu::noinline]] Vec<T> power(Vec<T> x, Vec<T> p) {
  return pow(x, p);
}

template <class T>
struct PowerSumOp : SumOp<T> {
  static constexpr bool kLight = false;
  T p, pad;
  TX_INLINE explicit PowerSumOp(const Reducer& reducer) : p(T(reducer.parameter)), pad(p < 0 ? kInfinity<T> : 0) {}
  TX_INLINE Vec<T> map(Vec<T> x) const { return power(abs(x), Vec<T>(p)); }
  TX_INLINE const PowerSumOp& at(int64_t) const { return *this; }
};

template <class T>
struct AbsoluteMaximumOp : MaximumOp<T> {
  static constexpr bool kLight = false;
  static constexpr T pad = 0;
  using MaximumOp<T>::MaximumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return abs(x); }
  TX_INLINE const AbsoluteMaximumOp& at(int64_t) const { return *this; }
};

template <class T>
struct AbsoluteMinimumOp : MinimumOp<T> {
  static constexpr bool kLight = false;
  using MinimumOp<T>::MinimumOp;
  TX_INLINE Vec<T> map(Vec<T> x) const { return abs(x); }
  TX_INLINE const AbsoluteMinimumOp& at(int64_t) const { return *this; }
};

struct SquareRoot {
  TX_INLINE float operator()(float value, int64_t, const Reducer&) const { return __builtin_sqrtf(value); }
  TX_INLINE double operator()(double value, int64_t, const Reducer&) const { return __builtin_sqrt(value); }
};

struct Root {
  template <class A> TX_INLINE A operator()(A value, int64_t, const Reducer& reducer) const {
    return A(__builtin_pow(double(value), 1 / reducer.parameter));
  }
};

template <class A>
void reduce_norm(const ReduceArgs& args) {
  const double p = args.parameter;
  if (p == 0) reduce_fold<A, CountOp<A>, Unchanged>(args);
  else if (p == 1) reduce_fold<A, AbsoluteSumOp<A>, Unchanged>(args);
  else if (p == 2) reduce_fold<A, SquareSumOp<A>, SquareRoot>(args);
  else if (p == __builtin_inf()) reduce_fold<A, AbsoluteMaximumOp<A>, Unchanged>(args);
  else if (p == -__builtin_inf()) reduce_fold<A, AbsoluteMinimumOp<A>, Unchanged>(args);
  else reduce_fold<A, PowerSumOp<A>, Root>(args);
}

// ---- logsumexp ---------------------------------------------------------------------------------------------------

// The elements' maximum, and the sum of exp(x - maximum). Where the maximum is infinite or nan it is the result, and
// the sum has no meaning.
template <class A>
struct ExpSum {
  A maximum, sum;

  TX_INLINE static A exp_of(A x) { return exp(Vec<A>(x)).v[0]; }
  TX_INLINE static ExpSum merged(const ExpSum& a, const ExpSum& b) {
    const A m = tx::TX_ISA::maximum(Vec<A>(a.maximum), Vec<A>(b.maximum)).v[0];
    const A scale_a = a.maximum == m ? 1 : exp_of(a.maximum - m), scale_b = b.maximum == m ? 1 : exp_of(b.maximum - m);
    return {m, a.sum * scale_a + b.sum * scale_b};
  }
};

template <class A>
TX_INLINE ExpSum<A> block_exp_sum(const A* x, int n) {
  const A m = fold_block<A>(MaximumOp<A>(), x, n);
  return {m, fold_block<A>(ExpSumOp<A>(Vec<A>(m)), x, n)};
}

template <class A>
struct ExpSumFold {
  using State = ExpSum<A>;

  static void fold_rows(const Reducer&, const void* x, int64_t step, int64_t n, int rows, void* states) {
    for (int i = 0; i < rows; i++)
      ((State*)states)[i] = fold_blocks(
          (const A*)x + i * step, n,
          [](const A* p, int count) __attribute__((always_inline)) { return block_exp_sum(p, count); }, State::merged);
  }

  static void fold_columns(const Reducer&, const PanelRows& panel, int n, int64_t width, void* states) {
    A shift[kPanelScratch<A>], scratch[kPanelScratch<A>];
    const FoldRows<A> rows(panel, width);
    fold_panel<A>(MaximumOp<A>(), rows, n, width, scratch);
    const int64_t repeats = panel.gapless ? kLanes<A> : 1;
    for (int64_t i = 0; i < repeats; i++)
      for (int64_t c = 0; c < width; c++) shift[i * width + c] = scratch[c];
    fold_panel<A>(ByColumn<A, ExpSumOp>(shift), rows, n, width, scratch);
    for (int64_t c = 0; c < width; c++) ((State*)states)[c] = {shift[c], scratch[c]};
  }

  static void merge(const Reducer&, void* states, const void* next, int64_t count) {
    for (int64_t i = 0; i < count; i++)
      ((State*)states)[i] = State::merged(((State*)states)[i], ((const State*)next)[i]);
  }

  static void finish(const Reducer&, const void* states, int64_t count, int64_t n, void* first, void*) {
    for (int64_t i = 0; i < count; i++) {
      const State s = n ? ((const State*)states)[i] : State{-kInfinity<A>, 0};
      const bool finite = s.maximum - s.maximum == 0;
      ((A*)first)[i] = finite ? s.maximum + log(Vec<A>(s.sum)).v[0] : s.maximum;
    }
  }
};

}  // namespace

void norm(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() { reduce_norm<A>(args); });
}

void logsumexp(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() {
    using F = ExpSumFold<A>;
    reduce(args, {.type = dtype_of<A>::value,
                  .nonzero = false,
                  .second_type = dtype_of<A>::value,
                  .state_bytes = sizeof(ExpSum<A>),
                  .panel = kMaxPanel<A>,
                  .parameter = 0,
                  .fold_rows = F::fold_rows,
                  .fold_columns = F::fold_columns,
                  .merge = F::merge,
                  .finish = F::finish});
  });
}

}  // namespace tx::TX_ISA
