// Folding n values into one in a fixed order, along a row or down the columns of a panel.
//
// The order depends on n alone. Element i belongs to block i / kBlock and, in it, to lane i % kLanes. A lane folds
// its kChain elements in turn; lanes fold by halves (l with l + kLanes/2, then l + kLanes/4, ...); blocks fold pairwise,
// in a binary tree. That is the natural order of vector registers along a row, and of long runs of memory down
// columns, so both give the same bits, on every instruction set. The error of a sum grows as O(log n).
//
// An Op has map (applied to each element), combine, and pad, an element that changes nothing. at(c) is the Op for
// the columns from c on: an Op with a parameter per column returns one with those loaded. kLight: map is short enough
// to be repeated in the code, and has no such parameter.
#pragma once
#include <utility>
#include "vec.h"

namespace tx::TX_ISA {

template <class A> constexpr int kLanes = 128 / sizeof(A);
constexpr int kChain = 8;
template <class A> constexpr int kBlock = kLanes<A> * kChain;

namespace fold_detail {
template <class A, int... i>
TX_INLINE typename Vec<A>::M first_lanes(int64_t k, std::integer_sequence<int, i...>) {
  return Vec<signed_of<A>>(Raw<signed_of<A>>{i...}) < Vec<signed_of<A>>(k);
}
}  // namespace fold_detail

// The first k elements at x, and `pad` in the other lanes. k may be zero, negative or more than a register holds.
template <class A> TX_INLINE Vec<A> load_padded(const A* x, int64_t k, A pad) {
  if (k >= Vec<A>::size) return load<A>(x);
  if (k <= 0) return Vec<A>(pad);
  return where(fold_detail::first_lanes<A>(k, std::make_integer_sequence<int, Vec<A>::size>{}), load_partial<A>(x, k),
               Vec<A>(pad));
}

// ---- Along a row -------------------------------------------------------------------------------------------------

namespace fold_detail {

// Groups of `length` lanes, half of them in a and half in b: the first (kSecond: the second) half of each group.
template <int length, bool kSecond, class A, int... i>
TX_INLINE Vec<A> halves(Vec<A> a, Vec<A> b, std::integer_sequence<int, i...>) {
  constexpr int size = Vec<A>::size, half = length / 2, groups = size / length;
  return __builtin_shufflevector(
      a.v, b.v, ((i / half < groups ? 0 : size) + i / half % groups * length + i % half + (kSecond ? half : 0))...);
}

}  // namespace fold_detail

// Registers v[0] .. v[size-1], each folded to one value: lane i of the result is v[i] folded. v is overwritten.
template <int length, class A, class Op>
TX_INLINE Vec<A> fold_many(const Op& op, Vec<A>* v) {
  using Lanes = std::make_integer_sequence<int, Vec<A>::size>;
  if constexpr (length == 1) {
    return v[0];
  } else {
    TX_UNROLL
    for (int i = 0; i < length / 2; i++)
      v[i] = op.combine(fold_detail::halves<length, false>(v[2 * i], v[2 * i + 1], Lanes{}),
                        fold_detail::halves<length, true>(v[2 * i], v[2 * i + 1], Lanes{}));
    return fold_many<length / 2>(op, v);
  }
}

// One register folded to one value.
template <class A, class Op, int length = Vec<A>::size>
TX_INLINE A fold_one(const Op& op, Vec<A> v) {
  using Lanes = std::make_integer_sequence<int, Vec<A>::size>;
  if constexpr (length == 1) {
    return v.v[0];
  } else {
    v = op.combine(v, fold_detail::halves<length, true>(v, v, Lanes{}));
    return fold_one<A, Op, length / 2>(op, v);
  }
}

namespace fold_detail {
template <int count, class A, class Op>
TX_INLINE Vec<A> fold_registers(const Op& op, Vec<A>* v) {
  if constexpr (count == 1) {
    return v[0];
  } else {
    TX_UNROLL
    for (int r = 0; r < count / 2; r++) v[r] = op.combine(v[r], v[r + count / 2]);
    return fold_registers<count / 2>(op, v);
  }
}
}  // namespace fold_detail

// A block of count <= kBlock elements, folded to the lanes of one register.
template <class A, class Op>
TX_INLINE Vec<A> fold_lanes(const Op& op, const A* x, int count) {
  constexpr int size = Vec<A>::size, lanes = kLanes<A>, registers = lanes / size;
  Vec<A> acc[registers];
  if (count == kBlock<A>) {
    TX_UNROLL
    for (int r = 0; r < registers; r++) acc[r] = op.map(load<A>(x + r * size));
    for (int i = lanes; i < kBlock<A>; i += lanes) {
      TX_UNROLL
      for (int r = 0; r < registers; r++) acc[r] = op.combine(acc[r], op.map(load<A>(x + i + r * size)));
    }
  } else {
    TX_UNROLL
    for (int r = 0; r < registers; r++) acc[r] = op.map(load_padded<A>(x + r * size, count - r * size, op.pad));
    for (int i = lanes; i < count; i += lanes) {
      TX_UNROLL
      for (int r = 0; r < registers; r++)
        acc[r] = op.combine(acc[r], op.map(load_padded<A>(x + i + r * size, count - i - r * size, op.pad)));
    }
  }
  return fold_detail::fold_registers<registers>(op, acc);
}

template <class A, class Op>
TX_INLINE A fold_block(const Op& op, const A* x, int count) {
  return fold_one<A>(op, fold_lanes<A>(op, x, count));
}

// States of blocks 0, 1, ... pushed in turn and combined pairwise: a binary tree whose shape depends on their number alone.
// Runs of 2^k blocks that a tree of their own has combined may be pushed in their stead.
template <class State, class Combine>
struct Tree {
  const Combine& combine;  // (State, State that follows it) -> State
  uint64_t pushed = 0;
  State level[48];  // level[d] holds 2^d blocks where bit d of `pushed` is set

  TX_INLINE explicit Tree(const Combine& combine) : combine(combine) {}

  TX_INLINE void push(State state) {
    int d = 0;
    for (; pushed >> d & 1; d++) state = combine(level[d], state);
    level[d] = state;
    pushed++;
  }

  TX_INLINE State result() const {
    int d = __builtin_ctzll(pushed);
    State state = level[d];
    while (pushed >> ++d)
      if (pushed >> d & 1) state = combine(level[d], state);
    return state;
  }
};

// block(x, count) of each block of a dense row of n >= 1 elements, combined.
template <class A, class Block, class Combine>
TX_INLINE auto fold_blocks(const A* x, int64_t n, const Block& block, const Combine& combine) {
  Tree<decltype(block(x, 1)), Combine> tree(combine);
  int64_t i = 0;
  for (; i + kBlock<A> < n; i += kBlock<A>) tree.push(block(x + i, kBlock<A>));
  const auto last = block(x + i, int(n - i));
  if (i == 0) return last;
  tree.push(last);
  return tree.result();
}

// A dense row of n >= 1 elements.
template <class A, class Op>
TX_INLINE A fold_row(const Op& op, const A* x, int64_t n) {
  return fold_blocks(
      x, n, [&](const A* p, int count) { return fold_block<A>(op, p, count); },
      [&](A a, A b) { return op.combine(Vec<A>(a), Vec<A>(b)).v[0]; });
}

// ---- Down columns ------------------------------------------------------------------------------------------------

constexpr int kMaxPanelBytes = 4096;
template <class A> constexpr int kMaxPanel = kMaxPanelBytes / int(sizeof(A));  // columns
template <class A> constexpr int kPanelScratch = kLanes<A> * kMaxPanel<A> + Vec<A>::size;

// out[c] = rows[0][c], ..., rows[count - 1][c] folded in turn. Writes up to a register past out[width].
template <class A, class Op>
void fold_chain(const Op& op, const A* const* rows, int count, int64_t width, A* out) {
  constexpr int size = Vec<A>::size, wide = 4 * size;
  int64_t c = 0;
  for (; c + wide <= width; c += wide) {
    Vec<A> acc[4];
    TX_UNROLL
    for (int u = 0; u < 4; u++) acc[u] = op.at(c + u * size).map(load<A>(rows[0] + c + u * size));
    for (int j = 1; j < count; j++) {
      TX_UNROLL
      for (int u = 0; u < 4; u++) acc[u] = op.combine(acc[u], op.at(c + u * size).map(load<A>(rows[j] + c + u * size)));
    }
    TX_UNROLL
    for (int u = 0; u < 4; u++) store<A>(out + c + u * size, acc[u]);
  }
  for (; c < width; c += size) {
    const int k = width - c < size ? int(width - c) : size;
    Vec<A> acc = op.at(c).map(load_padded<A>(rows[0] + c, k, op.pad));
    for (int j = 1; j < count; j++) acc = op.combine(acc, op.at(c).map(load_padded<A>(rows[j] + c, k, op.pad)));
    store<A>(out + c, acc);
  }
}

// lanes[l * width + c] for l < count, folded by halves into lanes[c].
template <class A, class Op>
void fold_halves(const Op& op, A* lanes, int count, int64_t width) {
  constexpr int size = Vec<A>::size;
  for (int half = kLanes<A> / 2; half > 0; half /= 2) {
    if (count <= half) continue;
    const int64_t n = (count - half) * width;
    const A* other = lanes + half * width;
    int64_t i = 0;
    for (; i + size <= n; i += size) store<A>(lanes + i, op.combine(load<A>(lanes + i), load<A>(other + i)));
    if (i < n)
      store_partial<A>(lanes + i, op.combine(load_partial<A>(lanes + i, n - i), load_partial<A>(other + i, n - i)),
                       n - i);
    count = half;
  }
}

constexpr int kFew = 16;  // rows, <= kLanes

namespace fold_detail {

// Lanes l, l + step, l + 2 step, ... of `count` <= kFew lanes of one row each, folded by halves: N registers of columns from c on.
template <int l, int step, int N, class A, class Op>
TX_INLINE void fold_lane_tree(const Op& op, const A* const* rows, int count, int64_t c, Vec<A> (&acc)[N]) {
  if constexpr (step == kFew) {
    TX_UNROLL
    for (int u = 0; u < N; u++) acc[u] = op.map(load<A>(rows[l] + c + u * Vec<A>::size));
  } else {
    fold_lane_tree<l, 2 * step>(op, rows, count, c, acc);
    if (l + step >= count) return;
    Vec<A> other[N];
    fold_lane_tree<l + step, 2 * step>(op, rows, count, c, other);
    TX_UNROLL
    for (int u = 0; u < N; u++) acc[u] = op.combine(acc[u], other[u]);
  }
}

}  // namespace fold_detail

// f(c, N) for the columns from c on that N registers hold, until width (no less than a register) is covered. The last
// register may hold some columns again.
template <class A, int wide, class F>
TX_INLINE void for_registers(int64_t width, const F& f) {
  constexpr int size = Vec<A>::size;
  int64_t c = 0;
  for (; c + wide * size <= width; c += wide * size) f(c, std::integral_constant<int, wide>{});
  for (; c < width; c += size) f(c + size <= width ? c : width - size, std::integral_constant<int, 1>{});
}

// out[c] = column c of count <= kFew rows of at least a register, folded.
template <class A, class Op>
void fold_few(const Op& op, const A* const* rows, int count, int64_t width, A* out) {
  for_registers<A, kVecBytes == 16 ? 1 : 2>(width, [&]<int N>(int64_t c, std::integral_constant<int, N>) {
    Vec<A> acc[N];
    fold_detail::fold_lane_tree<0, 1>(op, rows, count, c, acc);
    TX_UNROLL
    for (int u = 0; u < N; u++) store<A>(out + c + u * Vec<A>::size, acc[u]);
  });
}

namespace fold_detail {

// Lane l of `count` rows: every kLanes-th row from l on, folded in turn, for N registers of columns from c on.
template <int N, class A, class Op>
TX_INLINE void fold_lane(const Op& op, const A* const* rows, int count, int l, int64_t c, Vec<A> (&acc)[N]) {
  TX_UNROLL
  for (int u = 0; u < N; u++) acc[u] = op.map(load<A>(rows[l] + c + u * Vec<A>::size));
  for (int r = l + kLanes<A>; r < count; r += kLanes<A>) {
    TX_UNROLL
    for (int u = 0; u < N; u++) acc[u] = op.combine(acc[u], op.map(load<A>(rows[r] + c + u * Vec<A>::size)));
  }
}

// Lanes l, l + kLanes/4, l + kLanes/2 and l + 3 kLanes/4, folded by halves.
template <int N, class A, class Op>
TX_INLINE void fold_four_lanes(const Op& op, const A* const* rows, int count, int l, int64_t c, A* out) {
  constexpr int quarter = kLanes<A> / 4;
  Vec<A> acc[N], other[N], last[N];
  const auto take = [&](Vec<A>(&to)[N], int lane, Vec<A>(&from)[N]) __attribute__((always_inline)) {
    if (lane >= count) return;
    fold_lane(op, rows, count, lane, c, from);
    TX_UNROLL
    for (int u = 0; u < N; u++) to[u] = op.combine(to[u], from[u]);
  };
  fold_lane(op, rows, count, l, c, acc);
  take(acc, l + 2 * quarter, other);
  if (l + quarter < count) {
    fold_lane(op, rows, count, l + quarter, c, other);
    take(other, l + 3 * quarter, last);
    TX_UNROLL
    for (int u = 0; u < N; u++) acc[u] = op.combine(acc[u], other[u]);
  }
  TX_UNROLL
  for (int u = 0; u < N; u++) store<A>(out + c + u * Vec<A>::size, acc[u]);
}

}  // namespace fold_detail

// scratch[0 .. width) = the columns of count <= kBlock rows of at least a register, folded. Most of it in registers.
template <class A, class Op>
void fold_many_rows(const Op& op, const A* const* rows, int count, int64_t width, A* scratch) {
  constexpr int quarter = kLanes<A> / 4;
  const int used = count < quarter ? count : quarter;
  for (int l = 0; l < used; l++) {
    for_registers<A, 4>(width, [&]<int N>(int64_t c, std::integral_constant<int, N>) {
      fold_detail::fold_four_lanes<N>(op, rows, count, l, c, scratch + l * width);
    });
  }
  fold_halves<A>(op, scratch, used, width);
}

// Rows of a panel in dense memory, `step` elements apart.
template <class A>
struct StridedRows {
  const A* first;
  int64_t step;
  bool gapless;
  TX_INLINE const A* dense(int64_t) const { return gapless ? first : nullptr; }
  TX_INLINE bool in_place() const { return true; }
  TX_INLINE const A* row(int r, int) const { return first + r * step; }
};

// count <= kBlock rows of a panel of width <= kMaxPanel columns, folded into scratch[0 .. width). Rows: dense(width) is
// the first row if the others follow it without a gap, else null; row(r, j) is row r, which is put into buffer
// j < kChain unless rows are in_place().
// Between rows without a gap the columns are one long row: op.at(c) is then asked for any c < kLanes * width.
template <class A, class Op, class Rows>
void fold_panel(const Op& op, const Rows& rows, int count, int64_t width, A* scratch) {
  constexpr int lanes = kLanes<A>;
  const int full = count / lanes, extra = count % lanes, used = count < lanes ? count : lanes;
  const A* first = rows.dense(width);
  if constexpr (Op::kLight) {
    static_assert(!Op::kByColumn);
    if (first ? width >= lanes : rows.in_place() && width >= Vec<A>::size) {
      const A* row[kBlock<A>];
      for (int r = 0; r < count; r++) row[r] = first ? first + r * width : rows.row(r, 0);
      return count <= kFew ? fold_few<A>(op, row, count, width, scratch)
                           : fold_many_rows<A>(op, row, count, width, scratch);
    }
  }
  const A* chain[kChain];
  if (first) {
    for (int j = 0; j < kChain; j++) chain[j] = first + j * lanes * width;
    if (extra) fold_chain<A>(op, chain, full + 1, extra * width, scratch);
    if (full) {
      for (int j = 0; j < kChain; j++) chain[j] += extra * width;
      fold_chain<A>(op, chain, full, (lanes - extra) * width, scratch + extra * width);
    }
    fold_halves<A>(op, scratch, used, width);
  } else {
    const int64_t padded = (width + Vec<A>::size - 1) / Vec<A>::size * Vec<A>::size;
    for (int l = 0; l < used; l++) {
      const int n = full + (l < extra);
      TX_UNROLL
      for (int j = 0; j < n; j++) chain[j] = rows.row(l + j * lanes, j);
      fold_chain<A>(op, chain, n, width, scratch + l * padded);
    }
    fold_halves<A>(op, scratch, used, padded);
  }
}

// n >= 1 rows of a panel of width <= kMaxPanel columns, `step` elements apart in dense memory, folded to out[0 .. width).
template <class A, class Op>
void fold_columns(const Op& op, const A* x, int64_t step, int64_t n, int64_t width, A* out) {
  A scratch[kPanelScratch<A>];
  const bool gapless = step == width && !Op::kByColumn;
  if (n <= kBlock<A>) {
    fold_panel<A>(op, StridedRows<A>{x, step, gapless}, int(n), width, scratch);
  } else {
    struct Panel {
      A value[kMaxPanel<A>];
    };
    const auto copied = [&](Panel& to) {
      for (int64_t c = 0; c < width; c++) to.value[c] = scratch[c];
    };
    Panel levels[40];
    uint64_t pushed = 0;
    const auto combine = [&](const Panel& a, Panel& b) {  // into b
      for (int64_t c = 0; c < width; c += Vec<A>::size)
        store<A>(b.value + c, op.combine(load<A>(a.value + c), load<A>(b.value + c)));
    };
    Panel top;
    for (int64_t i = 0; i < n; i += kBlock<A>) {
      fold_panel<A>(op, StridedRows<A>{x + i * step, step, gapless}, n - i < kBlock<A> ? int(n - i) : kBlock<A>, width,
                    scratch);
      copied(top);
      int d = 0;
      for (; pushed >> d & 1; d++) combine(levels[d], top);
      levels[d] = top;
      pushed++;
    }
    int d = __builtin_ctzll(pushed);
    top = levels[d];
    while (pushed >> ++d)
      if (pushed >> d & 1) combine(levels[d], top);
    for (int64_t c = 0; c < width; c++) scratch[c] = top.value[c];
  }
  for (int64_t c = 0; c < width; c++) out[c] = scratch[c];
}

}  // namespace tx::TX_ISA
