// A slab: the part of a contiguous (outer, n, inner) operand that is normalised or folded along n in one go. Row: n
// elements side by side (inner is 1). Columns: n rows of up to kMaxPanel columns. Kernels are written once for both: a
// value per row or column ("parameter") is a register of equal lanes or of one lane per column.
#pragma once
#include <type_traits>

#include "fold_ops.h"
#include "parallel.h"

namespace tx::TX_ISA {

// k elements at x; k is an int below a register's size, or Whole.
template <class A> using Whole = std::integral_constant<int, Vec<A>::size>;
template <class A> TX_INLINE Vec<A> load_k(const A* x, Whole<A>) { return load<A>(x); }
template <class A> TX_INLINE Vec<A> load_k(const A* x, int k) { return load_partial<A>(x, k); }
template <class A> TX_INLINE void store_k(A* x, Vec<A> v, Whole<A>) { store<A>(x, v); }
template <class A> TX_INLINE void store_k(A* x, Vec<A> v, int k) { store_partial<A>(x, v, k); }

template <class T>
struct RowSlab {
  using A = T;
  static constexpr int kParameters = Vec<A>::size;
  int64_t n;

  TX_INLINE int64_t results() const { return 1; }
  TX_INLINE Vec<A> parameter(const A* p, int64_t) const { return Vec<A>(p[0]); }

  template <class Op> TX_INLINE void fold(const Op& op, const A* x, A* out) const { out[0] = fold_row<A>(op, x, n); }
  template <template <class> class Op> TX_INLINE void fold_with(const A* parameters, const A* x, A* out) const {
    out[0] = fold_row<A>(Op<A>(Vec<A>(parameters[0])), x, n);
  }

  // Values that go with the n positions: those of k elements from position r on.
  template <class K> TX_INLINE Vec<A> along(const A* values, int64_t r, K k) const { return load_k(values + r, k); }

  // f(at, r, c, k) for registers of k elements from offset `at` on, which have position r and parameters c.
  template <class F> TX_INLINE void each(const F& f) const {
    int64_t i = 0;
    for (; i + Vec<A>::size <= n; i += Vec<A>::size) f(i, i, int64_t(0), Whole<A>{});
    if (i < n) f(i, i, int64_t(0), int(n - i));
  }
};

template <class T>
struct ColumnSlab {
  using A = T;
  static constexpr int kParameters = kMaxPanel<A> + Vec<A>::size;
  int64_t n, step, width;              // step: from row to row, in elements

  TX_INLINE int64_t results() const { return width; }
  TX_INLINE Vec<A> parameter(const A* p, int64_t c) const { return load<A>(p + c); }

  template <class Op> TX_INLINE void fold(const Op& op, const A* x, A* out) const {
    fold_columns<A>(op, x, step, n, width, out);
  }
  template <template <class> class Op> TX_INLINE void fold_with(const A* parameters, const A* x, A* out) const {
    fold_columns<A>(ByColumn<A, Op>(parameters), x, step, n, width, out);
  }

  template <class K> TX_INLINE Vec<A> along(const A* values, int64_t r, K) const { return Vec<A>(values[r]); }

  template <class F> TX_INLINE void each(const F& f) const {
    for (int64_t r = 0; r < n; r++) {
      int64_t c = 0;
      for (; c + Vec<A>::size <= width; c += Vec<A>::size) f(r * step + c, r, c, Whole<A>{});
      if (c < width) f(r * step + c, r, c, int(width - c));
    }
  }
};

// Elements of a slab that are worth a task of their own: what is done to them is arithmetic, mostly.
constexpr int64_t kSlabGrain = 8192;

// How columns of an (outer, n, inner) operand are cut into panels.
struct SlabPanels {
  int64_t width, per_line;
  TX_INLINE SlabPanels(int64_t n, int64_t inner, int64_t max_panel) {
    width = 16384 / n / 64 * 64;                                 // a panel stays in the second-level cache
    if (width < 64) width = 64;
    if (width > max_panel) width = max_panel;
    if (width > inner) width = inner;
    per_line = (inner + width - 1) / width;
  }
};

// Calls run(slab, offset of its first element, index of its first result) for every slab, in parallel.
template <class A, class F>
TX_INLINE void for_each_slab(int64_t outer, int64_t n, int64_t inner, const F& run) {
  if (outer == 0 || n == 0 || inner == 0) return;
  if (inner == 1) {
    parallel_for(outer, n < kSlabGrain ? kSlabGrain / n : 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) run(RowSlab<A>{n}, i * n, i);
    });
    return;
  }
  const SlabPanels panels(n, inner, kMaxPanel<A>);
  const int64_t work = n * panels.width;
  parallel_for(outer * panels.per_line, work < kSlabGrain ? kSlabGrain / work : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t line = i / panels.per_line, column = i % panels.per_line * panels.width;
      const int64_t width = inner - column < panels.width ? inner - column : panels.width;
      run(ColumnSlab<A>{n, inner, width}, line * n * inner + column, line * inner + column);
    }
  });
}

}  // namespace tx::TX_ISA
