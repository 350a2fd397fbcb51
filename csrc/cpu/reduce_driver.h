// What a reduction has to know how to do (Reducer), and the walk that does it over any input (reduce).
#pragma once
#include "../kernels/reduce.h"
#include "fold.h"

namespace tx::TX_ISA {

// Up to kBlock rows of a panel of the input, in the compute type.
struct PanelRows {
  const void* gapless;                 // they follow one another without a gap; or null, and then
  const char* base;                    // row r is at base + offsets[r] (bytes), dense in itself,
  const int64_t* offsets;
  void (*stage)(const PanelRows& rows, int r, void* to);       // unless not null: then it has to be fetched
};

// The Rows of fold_panel.
template <class A>
struct FoldRows {
  const PanelRows& rows;
  int64_t width;
  mutable A staged[kChain * kMaxPanel<A>];

  TX_INLINE FoldRows(const PanelRows& rows, int64_t width) : rows(rows), width(width) {}
  TX_INLINE const A* dense(int64_t) const { return (const A*)rows.gapless; }
  TX_INLINE bool in_place() const { return !rows.stage; }
  TX_INLINE const A* row(int r, int j) const {
    if (!rows.stage) return (const A*)(rows.base + rows.offsets[r]);
    A* to = staged + j * kMaxPanel<A>;
    rows.stage(rows, r, to);
    return to;
  }
};

// A State holds all there is to know about some of the elements of one output. Its bytes can be copied.
struct Reducer {
  DType type;                          // elements arrive in this type: Float32, Float64 or Int64,
  bool nonzero;                        // or (with Int64) as 1 where they are not zero and 0 where they are
  DType second_type;                   // of the second result, as finish() gives it: Int64 or `type`
  int64_t state_bytes;
  int64_t panel;                       // columns to work on at a time, <= kMaxPanel
  double parameter;                    // that of ReduceArgs

  // states[i] = of the n elements of row i < rows, at x + i * step (elements).
  void (*fold_rows)(const Reducer&, const void* x, int64_t step, int64_t n, int rows, void* states);
  // states[c] = of column c < width of n <= kBlock rows.
  void (*fold_columns)(const Reducer&, const PanelRows& rows, int n, int64_t width, void* states);
  // states[i] takes in the elements of next[i], which follow its own, for i < count.
  void (*merge)(const Reducer&, void* states, const void* next, int64_t count);
  // The results of `count` states of n elements each. n may be 0: the states are then not set.
  void (*finish)(const Reducer&, const void* states, int64_t count, int64_t n, void* first, void* second);
};

void reduce(const ReduceArgs& args, const Reducer& reducer);

}  // namespace tx::TX_ISA
