// A rectangle of C = act(A B + bias) (+ C), computed by one thread: cut along k into blocks, along rows and
// columns into register tiles. The operands come from `pack` functions, so that a matrix and the patches of a
// convolution pass through the same loops.
#pragma once
#include "../kernels/matmul.h"
#include "matmul_pack.h"

namespace tx::TX_ISA {

// k is summed in blocks of nearly equal length, and the blocks' sums in order: both follow from k and the type alone.
template <class T> constexpr int64_t kMaxDepth = 2048 / sizeof(T);
template <class T> TX_INLINE int64_t depth_blocks(int64_t k) { return k <= kMaxDepth<T> ? 1 : (k + kMaxDepth<T> - 1) / kMaxDepth<T>; }
template <class T> TX_INLINE int64_t max_depth(int64_t k) { return (k + depth_blocks<T>(k) - 1) / depth_blocks<T>(k); }

// Rows of A whose block stays in the second-level cache while the strips of B pass by; columns of B packed at a time.
template <class T> constexpr int64_t kRowsPerBlock = (kRegisterBytes == 64 ? 18 : 20) * kTileRows<T>;
constexpr int64_t kColumnsPerBlock = 1024;

// The size of equal pieces of n, each a multiple of `unit` and at most `most` (also a multiple).
TX_INLINE int64_t even_piece(int64_t n, int64_t unit, int64_t most) {
  const int64_t units = (n + unit - 1) / unit, pieces = (units * unit + most - 1) / most;
  return pieces <= 1 ? units * unit : (units + pieces - 1) / pieces * unit;
}

template <class S>
struct Output {
  S* c; int64_t c_row;
  const S* bias; int64_t bias_row, bias_col;
  bool accumulate;
  Activation activation;
};

template <class T>
TX_INLINE Register<T> activate(Register<T> x, Activation activation) {
  if (activation == Activation::Relu) return x < Register<T>{} ? Register<T>{} : x;    // NaN stays NaN
  return x;
}

// The end of a tile that is more than its sums: bias, activation, conversion, accumulation.
template <class S>
void finish_tile(const Output<S>& out, bool has_bias, const SumType<S>* sums, int64_t sums_row, int64_t row, int64_t column, int64_t rows, int64_t columns) {
  using T = SumType<S>;
  for (int64_t i = 0; i < rows; i++) {
    S* c = out.c + (row + i) * out.c_row + column;
    const S* bias = out.bias && !has_bias ? out.bias + (row + i) * out.bias_row + column * out.bias_col : nullptr;
    for (int64_t j = 0; j < columns; j += kLanes<T>) {
      const int64_t n = columns - j < kLanes<T> ? columns - j : kLanes<T>;
      Register<T> x = load_first(sums + i * sums_row + j, n);
      if (bias) {
        if (out.bias_col == 1) x += load_first(bias + j, n);
        else {
          S values[kLanes<T>] = {};
          for (int64_t l = 0; l < n; l++) values[l] = bias[(j + l) * out.bias_col];
          x += load_as_sum(values);
        }
      }
      x = activate<T>(x, out.activation);
      if (out.accumulate) x = load_first(c + j, n) + x;
      store_first(c + j, x, n);
    }
  }
}

// Where sums are kept until they are complete: in C itself where its type and the strip's width allow it, otherwise beside it.
template <class S>
struct SumPlaces {
  using T = SumType<S>;
  int64_t strips, direct;                  // of B; the first `direct` are summed in C
  int64_t rows;                            // per strip beside C: those of one tile if k is one block

  TX_INLINE SumPlaces(const Output<S>& out, int64_t m, int64_t n, int64_t k) {
    const bool at_once = depth_blocks<T>(k) == 1, plain = !out.bias && out.activation == Activation::None;
    strips = (n + kStrip<T> - 1) / kStrip<T>;
    direct = std::is_same_v<S, T> && (!out.accumulate || (plain && at_once)) ? n / kStrip<T> : 0;
    rows = at_once ? 0 : m;
  }
  TX_INLINE int64_t size() const { return (rows ? (strips - direct) * rows : kTileRows<T>) * kStrip<T>; }
};

// Strip s of B is data + s * step, with rows `row` apart; the last one may be elsewhere.
template <class T>
struct StripsOfB {
  const T* data; int64_t step, row;
  const T* last; int64_t last_row;
};

struct Extent { int64_t row, rows, height, column, columns, depth; };

// One depth block of some rows and columns of C, tile by tile.
template <class S>
void multiply_tiles(const Output<S>& out, const Extent& e, const TilesOfA<SumType<S>>& a, const StripsOfB<SumType<S>>& b,
                    const SumPlaces<S>& places, SumType<S>* sums, bool first, bool last) {
  using T = SumType<S>;
  const bool bias_in_tile = std::is_same_v<S, T> && out.bias && out.bias_row == 0 && out.bias_col == 1;
  for (int64_t s = 0; s < places.strips; s++) {
    const int64_t column = s * kStrip<T>, columns = e.columns - column < kStrip<T> ? e.columns - column : kStrip<T>;
    const bool direct = s < places.direct, edge = s + 1 == places.strips;
    TileProduct<T> tile{e.depth, nullptr, a.row, a.col, edge ? b.last : b.data + s * b.step, edge ? b.last_row : b.row,
                        nullptr, direct ? out.c_row : kStrip<T>, !first || (direct && out.accumulate), nullptr};
    if (last && direct && bias_in_tile) tile.bias = (const T*)out.bias + e.column + column;
    const bool finish = last && (!direct || out.activation != Activation::None || (out.bias && !tile.bias));
    for (int64_t i = 0, t = 0; i < e.rows; i += e.height, t++) {
      const int64_t rows = e.rows - i < e.height ? e.rows - i : e.height;
      tile.a = a.data + t * a.tile_step;
      tile.c = direct ? (T*)(out.c + (e.row + i) * out.c_row + e.column + column)
                      : sums + (places.rows ? ((s - places.direct) * places.rows + e.row + i) * kStrip<T> : 0);
      tile_kernel<T>(rows, (columns + kLanes<T> - 1) / kLanes<T>)(tile);
      if (finish) finish_tile(out, tile.bias, tile.c, tile.c_row, e.row + i, e.column + column, rows, columns);
    }
  }
}

// out (m, n) from A (m, k) and B (k, n). Both operands' functions give what is valid until they are called again:
//   pack_a(row, rows, height, begin, depth) -> TilesOfA<T>
//   pack_b(column, columns, begin, depth) -> StripsOfB<T>
// sums: SumPlaces<S>::size() elements for columns up to kColumnsPerBlock.
template <class S, class PackA, class PackB>
TX_INLINE void multiply_block(const Output<S>& out, int64_t m, int64_t n, int64_t k, const PackA& pack_a, const PackB& pack_b, SumType<S>* sums) {
  using T = SumType<S>;
  const int64_t blocks = depth_blocks<T>(k);
  const int64_t row_step = even_piece(m, kTileRows<T>, kRowsPerBlock<T>), column_step = even_piece(n, kStrip<T>, kColumnsPerBlock);
  for (int64_t column = 0; column < n; column += column_step) {
    const int64_t columns = n - column < column_step ? n - column : column_step;
    const SumPlaces<S> places(out, m, columns, k);
    for (int64_t block = 0; block < blocks; block++) {
      const int64_t begin = k * block / blocks, depth = k * (block + 1) / blocks - begin;
      const StripsOfB<T> b = pack_b(column, columns, begin, depth);
      for (int64_t row = 0; row < m; row += row_step) {
        const int64_t rows = m - row < row_step ? m - row : row_step;
        const int64_t tiles = (rows + kTileRows<T> - 1) / kTileRows<T>, height = (rows + tiles - 1) / tiles;
        const TilesOfA<T> a = pack_a(row, rows, height, begin, depth);
        multiply_tiles(out, Extent{row, rows, height, column, columns, depth}, a, b, places, sums, block == 0, block + 1 == blocks);
      }
    }
  }
}

}  // namespace tx::TX_ISA
