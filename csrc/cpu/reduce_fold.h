// The Reducer of reductions that fold elements with one operation: sums, products, extrema, norms.
#pragma once
#include "fold_ops.h"
#include "reduce_driver.h"

namespace tx::TX_ISA {

// Op as in fold.h, without parameters for columns, made from the Reducer. A state is a folded value.
template <class A, class Op>
struct Fold {
  static void fold_rows(const Reducer& reducer, const void* elements, int64_t step, int64_t n, int rows, void* states) {
    constexpr int size = Vec<A>::size;
    const Op op(reducer);
    const A* x = (const A*)elements;
    A* out = (A*)states;
    int i = 0;
    if (n <= kBlock<A>) {
      for (; i + size <= rows; i += size) {
        Vec<A> lanes[size];
        for (int r = 0; r < size; r++) lanes[r] = fold_lanes<A>(op, x + (i + r) * step, int(n));
        store<A>(out + i, fold_many<size>(op, lanes));
      }
    }
    for (; i < rows; i++) out[i] = fold_row<A>(op, x + i * step, n);
  }

  static void fold_columns(const Reducer& reducer, const PanelRows& rows, int n, int64_t width, void* states) {
    A scratch[kPanelScratch<A>];
    fold_panel<A>(Op(reducer), FoldRows<A>(rows, width), n, width, scratch);
    __builtin_memcpy(states, scratch, size_t(width) * sizeof(A));
  }

  static void merge(const Reducer& reducer, void* states, const void* next, int64_t count) {
    const Op op(reducer);
    A* a = (A*)states;
    const A* b = (const A*)next;
    for (; count >= Vec<A>::size; a += Vec<A>::size, b += Vec<A>::size, count -= Vec<A>::size)
      store<A>(a, op.combine(load<A>(a), load<A>(b)));
    if (count) store_partial<A>(a, op.combine(load_partial<A>(a, count), load_partial<A>(b, count)), count);
  }
};

// Finish()(value, n, reducer) is the result of n elements from their folded value.
template <class A, class Op, class Finish>
void finish_fold(const Reducer& reducer, const void* states, int64_t count, int64_t n, void* first, void*) {
  const Op op(reducer);
  const A nothing = op.map(Vec<A>(op.pad)).v[0];
  for (int64_t i = 0; i < count; i++) ((A*)first)[i] = Finish()(n ? ((const A*)states)[i] : nothing, n, reducer);
}

template <class A, class Op, class Finish>
TX_INLINE void reduce_fold(const ReduceArgs& args, bool nonzero = false) {
  using F = Fold<A, Op>;
  reduce(args, {.type = dtype_of<A>::value,
                .nonzero = nonzero,
                .second_type = dtype_of<A>::value,
                .state_bytes = sizeof(A),
                .panel = kMaxPanel<A>,
                .parameter = args.parameter,
                .fold_rows = F::fold_rows,
                .fold_columns = F::fold_columns,
                .merge = F::merge,
                .finish = finish_fold<A, Op, Finish>});
}

struct Unchanged {
  template <class A> TX_INLINE A operator()(A value, int64_t, const Reducer&) const { return value; }
};

// f.operator()<A>() with the type in which results of dtype are computed.
template <class F>
TX_INLINE void with_compute_type(DType dtype, const F& f) {
  if (dtype == DType::Float64) f.template operator()<double>();
  else if (is_floating(dtype)) f.template operator()<float>();
  else f.template operator()<int64_t>();
}
template <class F>
TX_INLINE void with_floating_type(DType dtype, const F& f) {
  if (dtype == DType::Float64) f.template operator()<double>();
  else f.template operator()<float>();
}

}  // namespace tx::TX_ISA
