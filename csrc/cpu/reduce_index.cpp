// argmax, argmin, max_index, min_index: the extremum and the first position where it is, or where the first nan is.
#include "reduce_fold.h"

namespace tx::TX_ISA {
namespace {

template <class A>
struct Extremum {
  A value;
  int64_t index, n;                    // position among the n elements that the state stands for
};

// Order<A>::better(a, b): a takes the place of a b that comes first.
template <class A>
struct Larger : MaximumOp<A> {
  TX_INLINE static typename Vec<A>::M better(Vec<A> a, Vec<A> b) { return (a > b) | ((a != a) & (b == b)); }
};
template <class A>
struct Smaller : MinimumOp<A> {
  TX_INLINE static typename Vec<A>::M better(Vec<A> a, Vec<A> b) { return (a < b) | ((a != a) & (b == b)); }
};

template <class A, class Order>
TX_INLINE bool is_better(A a, A b) {
  return Order::better(Vec<A>(a), Vec<A>(b)).v[0] != 0;
}

// Where the first of x[0], ..., x[n-1] is that equals value (is nan, if value is); there is one.
template <class A>
TX_INLINE int64_t find(const A* x, int n, A value) {
  constexpr int size = Vec<A>::size;
  int i = 0;
  if (value == value) {
    while (i + size <= n && !any(load<A>(x + i) == Vec<A>(value))) i += size;
    while (i < n - 1 && x[i] != value) i++;
  } else {
    while (i + size <= n && !any(isnan(load<A>(x + i)))) i += size;
    while (i < n - 1 && x[i] == x[i]) i++;
  }
  return i;
}

template <class A, class Order>
struct ExtremumFold {
  using State = Extremum<A>;
  using Index = signed_of<A>;
  static constexpr int kWidth = 128;   // columns

  static State fold_one_row(const A* x, int64_t n) {
    int64_t best_block = 0;
    A best = fold_block<A>(Order(), x, n < kBlock<A> ? int(n) : kBlock<A>);
    for (int64_t i = kBlock<A>; i < n; i += kBlock<A>) {
      const A value = fold_block<A>(Order(), x + i, n - i < kBlock<A> ? int(n - i) : kBlock<A>);
      if (is_better<A, Order>(value, best)) best = value, best_block = i;
    }
    const int length = n - best_block < kBlock<A> ? int(n - best_block) : kBlock<A>;
    return {best, best_block + find(x + best_block, length, best), n};
  }

  static void fold_rows(const Reducer&, const void* elements, int64_t step, int64_t n, int rows, void* out) {
    constexpr int size = Vec<A>::size;
    const A* x = (const A*)elements;
    State* states = (State*)out;
    int i = 0;
    if (n <= kBlock<A>) {
      for (; i + size <= rows; i += size) {
        Vec<A> lanes[size];
        for (int r = 0; r < size; r++) lanes[r] = fold_lanes<A>(Order(), x + (i + r) * step, int(n));
        A best[size];
        store<A>(best, fold_many<size>(Order(), lanes));
        for (int r = 0; r < size; r++) states[i + r] = {best[r], find(x + (i + r) * step, int(n), best[r]), n};
      }
    }
    for (; i < rows; i++) states[i] = fold_one_row(x + i * step, n);
  }

  static void fold_columns(const Reducer&, const PanelRows& panel, int n, int64_t width, void* states) {
    constexpr int size = Vec<A>::size;
    A best[kWidth + size];
    Index index[kWidth + size];
    const FoldRows<A> rows(panel, width);
    const A* chain[kChain];
    for (int r = 0; r < n; r += kChain) {
      const int count = n - r < kChain ? n - r : kChain;
      for (int j = 0; j < count; j++)
        chain[j] = panel.gapless ? (const A*)panel.gapless + (r + j) * width : rows.row(r + j, j);
      for (int64_t c = 0; c < width; c += size) {
        const int64_t k = width - c;
        Vec<A> value = r ? load<A>(best + c) : load_padded<A>(chain[0] + c, k, A(0));
        Vec<Index> at = r ? load<Index>(index + c) : Vec<Index>(0);
        for (int j = r ? 0 : 1; j < count; j++) {
          const Vec<A> x = load_padded<A>(chain[j] + c, k, A(0));
          const typename Vec<A>::M better = Order::better(x, value);
          value = where(better, x, value);
          at = where(typename Vec<Index>::M{better.v}, Vec<Index>(Index(r + j)), at);
        }
        store<A>(best + c, value);
        store<Index>(index + c, at);
      }
    }
    for (int64_t c = 0; c < width; c++) ((State*)states)[c] = {best[c], index[c], n};
  }

  static void merge(const Reducer&, void* states, const void* next, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
      State& a = ((State*)states)[i];
      const State& b = ((const State*)next)[i];
      if (is_better<A, Order>(b.value, a.value)) a.value = b.value, a.index = a.n + b.index;
      a.n += b.n;
    }
  }

  static void finish(const Reducer&, const void* states, int64_t count, int64_t, void* first, void* second) {
    for (int64_t i = 0; i < count; i++) {
      ((A*)first)[i] = ((const State*)states)[i].value;
      ((int64_t*)second)[i] = ((const State*)states)[i].index;
    }
  }
};

template <template <class> class Order>
void reduce_extremum(const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() {
    using F = ExtremumFold<A, Order<A>>;
    reduce(args, {.type = dtype_of<A>::value,
                  .nonzero = false,
                  .second_type = DType::Int64,
                  .state_bytes = sizeof(Extremum<A>),
                  .panel = F::kWidth,
                  .parameter = 0,
                  .fold_rows = F::fold_rows,
                  .fold_columns = F::fold_columns,
                  .merge = F::merge,
                  .finish = F::finish});
  });
}

// The positions alone, which are the only result.
template <template <class> class Order>
void reduce_position(ReduceArgs args) {
  args.second = args.out;
  args.out = nullptr;
  reduce_extremum<Order>(args);
}

}  // namespace

void argmax(const ReduceArgs& args) { reduce_position<Larger>(args); }
void argmin(const ReduceArgs& args) { reduce_position<Smaller>(args); }
void max_index(const ReduceArgs& args) { reduce_extremum<Larger>(args); }
void min_index(const ReduceArgs& args) { reduce_extremum<Smaller>(args); }

}  // namespace tx::TX_ISA
