// variance, standard_deviation. In one pass over memory: each block finds its mean and its deviations from that while it
// is in the cache, and blocks are merged by Chan's formula, in double.
#include "reduce_fold.h"

namespace tx::TX_ISA {
namespace {

struct Moments {
  double n, mean, m2;  // m2: the sum of squared deviations from the mean

  // From the sums of x - shift and of its square: shift may be a little off the mean.
  static Moments around(double shift, double sum, double squares, int n) {
    const double m2 = squares - sum * sum / n;
    return {double(n), shift + sum / n, m2 < 0 ? 0 : m2};
  }

  static Moments merged(const Moments& a, const Moments& b) {
    const double n = a.n + b.n, delta = b.mean - a.mean;
    return {n, a.mean + delta * (b.n / n), a.m2 + b.m2 + delta * delta * (a.n * b.n / n)};
  }
};

template <class A>
TX_INLINE Moments block_moments(const A* x, int n) {
  const A shift = fold_block<A>(SumOp<A>(), x, n) / A(n);
  return Moments::around(shift, fold_block<A>(DeviationOp<A>(Vec<A>(shift)), x, n),
                         fold_block<A>(SquaredDeviationOp<A>(Vec<A>(shift)), x, n), n);
}

template <class A>
struct MomentsFold {
  static constexpr int kWidth = 128;  // columns

  static void fold_rows(const Reducer&, const void* x, int64_t step, int64_t n, int rows, void* states) {
    for (int i = 0; i < rows; i++)
      ((Moments*)states)[i] =
          fold_blocks((const A*)x + i * step, n,
                      [](const A* p, int count) __attribute__((always_inline)) { return block_moments(p, count); },
                      Moments::merged);
  }

  static void fold_columns(const Reducer&, const PanelRows& panel, int n, int64_t width, void* states) {
    A shift[kLanes<A> * kWidth + Vec<A>::size], scratch[kPanelScratch<A>], sums[kWidth];
    const FoldRows<A> rows(panel, width);
    fold_panel<A>(SumOp<A>(), rows, n, width, scratch);
    const int64_t repeats = panel.gapless ? kLanes<A> : 1;
    for (int64_t i = 0; i < repeats; i++)
      for (int64_t c = 0; c < width; c++) shift[i * width + c] = scratch[c] / A(n);
    fold_panel<A>(ByColumn<A, DeviationOp>(shift), rows, n, width, scratch);
    for (int64_t c = 0; c < width; c++) sums[c] = scratch[c];
    fold_panel<A>(ByColumn<A, SquaredDeviationOp>(shift), rows, n, width, scratch);
    for (int64_t c = 0; c < width; c++) ((Moments*)states)[c] = Moments::around(shift[c], sums[c], scratch[c], n);
  }

  static void merge(const Reducer&, void* states, const void* next, int64_t count) {
    for (int64_t i = 0; i < count; i++)
      ((Moments*)states)[i] = Moments::merged(((Moments*)states)[i], ((const Moments*)next)[i]);
  }

  template <bool root>
  static void finish(const Reducer& reducer, const void* states, int64_t count, int64_t n, void* first, void* second) {
    const double freedom = double(n) - reducer.parameter;
    for (int64_t i = 0; i < count; i++) {
      const Moments m = n ? ((const Moments*)states)[i] : Moments{0, __builtin_nan(""), __builtin_nan("")};
      const double variance = m.m2 / (freedom > 0 ? freedom : 0);
      ((A*)first)[i] = A(root ? __builtin_sqrt(variance) : variance);
      ((A*)second)[i] = A(m.mean);
    }
  }
};

template <bool root>
void reduce_moments(const ReduceArgs& args) {
  with_floating_type(args.out_dtype, [&]<class A>() {
    using F = MomentsFold<A>;
    reduce(args, {.type = dtype_of<A>::value,
                  .nonzero = false,
                  .second_type = dtype_of<A>::value,
                  .state_bytes = sizeof(Moments),
                  .panel = F::kWidth,
                  .parameter = args.parameter,
                  .fold_rows = F::fold_rows,
                  .fold_columns = F::fold_columns,
                  .merge = F::merge,
                  .finish = F::template finish<root>});
  });
}

}  // namespace

void variance(const ReduceArgs& args) { reduce_moments<false>(args); }
void standard_deviation(const ReduceArgs& args) { reduce_moments<true>(args); }

}  // namespace tx::TX_ISA
