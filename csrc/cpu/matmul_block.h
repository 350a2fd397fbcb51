// A rectangle of C = A B + bias (+ C), computed by one thread: cut along k into blocks, along rows and columns into
// register tiles. The operands come from functions, so that a matrix and the patches of a convolution pass through
// the same loops.
#pragma once
#include "matmul_pack.h"

namespace tx::TX_ISA {

// k is summed in blocks of nearly equal length, and the blocks' sums in order: both follow from k and T alone.
template <class T> constexpr int64_t kMaxDepth = 2048 / sizeof(T);
template <class T> TX_INLINE int64_t depth_blocks(int64_t k) { return k > 0 ? divide_up(k, kMaxDepth<T>) : 1; }
template <class T> TX_INLINE int64_t block_begin(int64_t k, int64_t block) { return k * block / depth_blocks<T>(k); }
template <class T> TX_INLINE int64_t max_depth(int64_t k) { return divide_up(k, depth_blocks<T>(k)); }

// Rows of A that stay in the second-level cache while the strips of B pass by, and columns of B packed at a time.
template <class T> constexpr int64_t kMaxRows = (kVecBytes == 64 ? 18 : 20) * kTileRows<T>;
constexpr int64_t kMaxColumns = 1024;
static_assert(kMaxRows<float> <= kMaxPackedRows);

// The size of equal pieces of n, all but the last a multiple of `unit`, and at most `most`, which is one too.
TX_INLINE int64_t even_piece(int64_t n, int64_t unit, int64_t most) {
  const int64_t units = divide_up(n, unit), pieces = divide_up(units * unit, most);
  return divide_up(units, pieces) * unit;
}
template <class T> TX_INLINE int64_t row_piece(int64_t m) { return divide_up(m, divide_up(m, kMaxRows<T>)); }
template <class T> TX_INLINE int64_t column_piece(int64_t n) { return even_piece(n, kStrip<T>, kMaxColumns); }

struct Output {
  char* c;
  DType dtype;
  int64_t c_row;                   // unit column stride
  const char* bias;                // of the same dtype, unit column stride; null: none
  int64_t bias_row;
  bool accumulate;

  TX_INLINE Output from(int64_t i, int64_t j) const {
    const int64_t size = itemsize(dtype);
    return {c + (i * c_row + j) * size,
            dtype,
            c_row,
            bias ? bias + (i * bias_row + j) * size : nullptr,
            bias_row,
            accumulate};
  }
};

// c = sums (rows, columns) + bias (+ c), where the tile kernel could not do it.
template <class T>
void finish(const Output& out, const T* sums, int64_t sums_row, int64_t rows, int64_t columns) {
  constexpr int64_t piece = 256, lanes = Vec<T>::size;
  alignas(64) T row[piece], bias[piece], before[piece];
  const bool same = out.dtype == dtype_of<T>::value;
  for (int64_t i = 0; i < rows; i++)
    for (int64_t begin = 0; begin < columns; begin += piece) {
      const Output here = out.from(i, begin);
      const int64_t n = at_most(piece, columns - begin);
      const T *x = sums + i * sums_row + begin, *y = nullptr, *z = nullptr;
      if (here.bias) y = run_of(Matrix{here.bias, out.dtype, out.bias_row, 1}, n, bias);
      if (out.accumulate) z = run_of(Matrix{here.c, out.dtype, 0, 1}, n, before);
      T* to = same ? (T*)here.c : row;
      for (int64_t j = 0; j < n; j += lanes) {
        Vec<T> value = load_first(x + j, n - j);
        if (y) value = value + load_first(y + j, n - j);
        if (z) value = load_first(z + j, n - j) + value;
        store_first(to + j, value, n - j);
      }
      if (!same) cast(here.c, out.dtype, (const char*)row, dtype_of<T>::value, n);
    }
}

// Where sums are kept until they are complete: in C itself if its type and the strip's width allow it, and otherwise
// beside it, in a matrix of its own.
template <class T>
struct SumPlaces {
  int64_t strips, direct;                  // of B; the first `direct` are summed in C
  bool bias_in_tile;                       // by the tile kernel, for direct strips
  int64_t row;                             // elements per row beside C

  TX_INLINE SumPlaces(const Output& out, int64_t columns, int64_t k) {
    strips = divide_up(columns, kStrip<T>);
    bias_in_tile = out.bias && out.bias_row == 0;
    const bool in_c = out.dtype == dtype_of<T>::value && (!out.bias || bias_in_tile) &&
                      (!out.accumulate || (!out.bias && depth_blocks<T>(k) == 1));
    direct = !in_c ? 0 : columns % Vec<T>::size == 0 ? strips : columns / kStrip<T>;
    row = (strips - direct) * kStrip<T>;
  }
};

// Elements of `sums` that multiply_block() may need.
template <class T>
TX_INLINE int64_t sums_size(const Output& out, int64_t m, int64_t n, int64_t k) {
  const int64_t whole = SumPlaces<T>(out, column_piece<T>(n), k).row,
                last = SumPlaces<T>(out, n % column_piece<T>(n), k).row;
  return m * (whole > last ? whole : last);
}

struct Extent {
  int64_t row, rows, height, columns, depth;
};

// One depth block of some rows of C, tile by tile: down the rows for each strip of B, which stays in the first-level
// cache; or, where k is short and writing C takes the time, along the rows of C.
template <class T>
void multiply_tiles(const Output& out, const Extent& e, const TilesOfA<T>& a, const StripsOfB<T>& b,
                    const SumPlaces<T>& places, T* sums, bool first, bool last) {
  const int64_t tiles = divide_up(e.rows, e.height);
  const bool along_rows = e.depth < 32;
  const int64_t outer = along_rows ? tiles : places.strips, inner = along_rows ? places.strips : tiles;
  for (int64_t i = 0; i < outer; i++)
    for (int64_t j = 0; j < inner; j++) {
      const int64_t t = along_rows ? i : j, s = along_rows ? j : i, row = t * e.height, column = s * kStrip<T>;
      const bool direct = s < places.direct, edge = s + 1 == places.strips;
      const int64_t c_row = direct ? out.c_row : places.row;
      T* c = direct ? (T*)out.c + column : sums + column - places.direct * kStrip<T>;
      // The next strip comes from the third-level cache or from memory: 1.1 times as fast if it is fetched meanwhile.
      const int64_t fetched = t * (e.depth / 4) * kLine<T>;
      const bool more = s + 1 < places.strips && b.row == kStrip<T> && fetched < b.step;
      const T *strip = edge ? b.last : b.data + s * b.step, *ahead = more ? strip + b.step + fetched : strip;
      const TileProduct<T> tile{e.depth,
                                a.data + t * a.tile_step,
                                a.row,
                                a.col,
                                strip,
                                edge ? b.last_row : b.row,
                                c + (e.row + row) * c_row,
                                c_row,
                                !first || (direct && out.accumulate),
                                direct && last && places.bias_in_tile ? (const T*)out.bias + column : nullptr,
                                ahead};
      tile_kernel<T>(at_most(e.height, e.rows - row),
                     divide_up(at_most(kStrip<T>, e.columns - column), Vec<T>::size))(tile);
    }
}

// out (m, n) from A (m, k) and B (k, n), which come from two functions. What they give is valid until their next call:
//   a(row, rows, height, begin, depth) -> TilesOfA<T>
//   b(column, columns, begin, depth) -> StripsOfB<T>
template <class T, class A, class B>
TX_INLINE void multiply_block(const Output& out, int64_t m, int64_t n, int64_t k, const A& a, const B& b, T* sums) {
  const int64_t blocks = depth_blocks<T>(k), row_step = row_piece<T>(m), column_step = column_piece<T>(n);
  for (int64_t column = 0; column < n; column += column_step) {
    const int64_t columns = at_most(column_step, n - column);
    const SumPlaces<T> places(out, columns, k);
    const Output here = out.from(0, column);
    for (int64_t block = 0; block < blocks; block++) {
      const int64_t begin = block_begin<T>(k, block), depth = block_begin<T>(k, block + 1) - begin;
      const StripsOfB<T> strips = b(column, columns, begin, depth);
      for (int64_t row = 0; row < m; row += row_step) {
        const int64_t rows = at_most(row_step, m - row), height = divide_up(rows, divide_up(rows, kTileRows<T>));
        multiply_tiles(here, Extent{row, rows, height, columns, depth}, a(row, rows, height, begin, depth), strips,
                       places, sums, block == 0, block + 1 == blocks);
        const int64_t done = at_most(places.direct * kStrip<T>, columns);
        if (block + 1 == blocks && done < columns)
          finish(here.from(row, done), sums + row * places.row, places.row, rows, columns - done);
      }
    }
  }
}

}  // namespace tx::TX_ISA
