// The walk where some input is transposed: its elements follow each other along a dimension that is not the output's
// innermost. Row by row, every element would come from another cache line, each fetched once per row. A tile takes as
// many rows as a cache line has (of the widest) elements and transposes its part of the input in registers.
#pragma once
#include "walk_stream.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kLine = 64;              // bytes of a cache line: rows of a tile, times the input's itemsize
constexpr int64_t kTileCols = 256;

// ---- Transposing a block ---------------------------------------------------------------------------------------

// A square of T, one 16-byte register per row: perfect shuffles of the rows, log2(size) times.
template <class T>
TX_INLINE void transpose_square(char* to, int64_t to_step, const char* from, int64_t from_step) {
  constexpr int size = 16 / int(sizeof(T));
  typedef T Part __attribute__((vector_size(16)));
  typedef T PartInMemory __attribute__((vector_size(16), aligned(1), may_alias));
  Part a[size], b[size], low, high;
  TX_UNROLL
  for (int i = 0; i < size; i++) {
    low[i] = T(i / 2 + i % 2 * size);      // a0 b0 a1 b1 ...
    high[i] = T(low[i] + size / 2);
  }
  TX_UNROLL
  for (int i = 0; i < size; i++) a[i] = *(const PartInMemory*)(from + i * from_step);
  TX_UNROLL
  for (int stage = 1; stage < size; stage *= 2) {
    TX_UNROLL
    for (int i = 0; i < size / 2; i++) {
      b[2 * i] = __builtin_shuffle(a[i], a[i + size / 2], low);
      b[2 * i + 1] = __builtin_shuffle(a[i], a[i + size / 2], high);
    }
    TX_UNROLL
    for (int i = 0; i < size; i++) a[i] = b[i];
  }
  TX_UNROLL
  for (int i = 0; i < size; i++) *(PartInMemory*)(to + i * to_step) = a[i];
}
template <>
TX_INLINE void transpose_square<Word16>(char* to, int64_t, const char* from, int64_t) {
  *(Word16*)to = *(const Word16*)from;
}

// to[r][c] = from[c][r] for r < rows, c < cols: rows of `to` and of `from` are dense, to_step and from_step bytes apart.
template <class T>
void transpose_block(char* to, int64_t to_step, const char* from, int64_t from_step, int64_t rows, int64_t cols) {
  constexpr int64_t size = 16 / sizeof(T), item = sizeof(T);
  int64_t c = 0;
  for (; c + size <= cols; c += size) {
    int64_t r = 0;
    for (; r + size <= rows; r += size)
      transpose_square<T>(to + r * to_step + c * item, to_step, from + c * from_step + r * item, from_step);
    for (; r < rows; r++)
      for (int64_t i = c; i < c + size; i++)
        *(T*)(to + r * to_step + i * item) = *(const T*)(from + i * from_step + r * item);
  }
  for (; c < cols; c++)
    for (int64_t r = 0; r < rows; r++)
      *(T*)(to + r * to_step + c * item) = *(const T*)(from + c * from_step + r * item);
}

TX_INLINE void transpose_items(int64_t item, char* to, int64_t to_step, const char* from, int64_t from_step,
                               int64_t rows, int64_t cols) {
  switch (item) {
    case 1: transpose_block<int8_t>(to, to_step, from, from_step, rows, cols); break;
    case 2: transpose_block<int16_t>(to, to_step, from, from_step, rows, cols); break;
    case 4: transpose_block<int32_t>(to, to_step, from, from_step, rows, cols); break;
    case 8: transpose_block<int64_t>(to, to_step, from, from_step, rows, cols); break;
    default: transpose_block<Word16>(to, to_step, from, from_step, rows, cols);
  }
}

// ---- The walk --------------------------------------------------------------------------------------------------

template <int N>
struct Tiles {
  const NdIter<N>* it;
  Row row;  // null: copy operand 1
  int across;  // the dimension along which a transposed input is dense
  int64_t tile_rows, row_blocks, col_blocks;
  bool transposed[N];
  DType used[N];

  // False when no input is transposed, or it is too small to matter.
  bool plan(const NdIter<N>& iter, const DType (&row_dtype)[N], Row function) {
    it = &iter;
    row = function;
    int last = iter.ndim - 1;
    across = -1;
    tile_rows = kLine;
    for (int k = 0; k < N; k++) {
      used[k] = row_dtype[k];
      transposed[k] = false;
      int64_t item = itemsize(iter.dtype[k]);
      if (k == 0 || last < 1 || iter.shape[last] < 8 || iter.strides[k][last] == item || iter.strides[k][last] == 0)
        continue;
      for (int d = 0; d < last && across < 0; d++)
        if (iter.strides[k][d] == item && iter.shape[d] >= 8) across = d;
      transposed[k] = across >= 0 && iter.strides[k][across] == item;
      if (transposed[k] && kLine / item < tile_rows) tile_rows = kLine / item;
    }
    if (across < 0) return false;
    row_blocks = (iter.shape[across] + tile_rows - 1) / tile_rows;
    col_blocks = (iter.shape[last] + kTileCols - 1) / kTileCols;
    return true;
  }

  int64_t count() const {
    int64_t n = row_blocks * col_blocks;
    for (int d = 0; d < it->ndim - 1; d++)
      if (d != across) n *= it->shape[d];
    return n;
  }
  int64_t grain(int64_t elements) const {
    return elements / (tile_rows * kTileCols) > 1 ? elements / (tile_rows * kTileCols) : 1;
  }

  void run(int64_t begin, int64_t end) const {
    for (int64_t t = begin; t < end; t++) {
      int last = it->ndim - 1;
      char* base[N];
      for (int k = 0; k < N; k++) base[k] = it->data[k];
      auto step = [&](int d, int64_t at) {
        for (int k = 0; k < N; k++) base[k] += at * it->strides[k][d];
      };
      int64_t rest = t, r = rest % row_blocks * tile_rows;  // along the input's rows first: 256 pages stay mapped
      rest /= row_blocks;
      int64_t c = rest % col_blocks * kTileCols;
      rest /= col_blocks;
      step(last, c);
      step(across, r);
      for (int d = last - 1; d >= 0; d--) {
        if (d == across) continue;
        step(d, rest % it->shape[d]);
        rest /= it->shape[d];
      }
      int64_t rows = it->shape[across] - r, cols = it->shape[last] - c;
      run_tile(base, rows < tile_rows ? rows : tile_rows, cols < kTileCols ? cols : kTileCols);
    }
  }

  // base: the tile's first element of each operand.
  void run_tile(char** base, int64_t rows, int64_t cols) const {
    int last = it->ndim - 1;
    alignas(64) char panels[N][kLine * kTileCols];
    Buffers buffers[N];
    Stream streams[N];
    for (int k = 0; k < N; k++) {
      int64_t item = itemsize(it->dtype[k]);
      if (transposed[k] && !row && it->strides[0][last] == item && it->dtype[0] == it->dtype[1]) {
        transpose_items(item, base[0], it->strides[0][across], base[k], it->strides[k][last], rows, cols);
        return;
      }
      if (transposed[k]) transpose_items(item, panels[k], cols * item, base[k], it->strides[k][last], rows, cols);
      streams[k].begin(it->dtype[k], used[k]);
      streams[k].push(cols, transposed[k] ? item : it->strides[k][last]);
      streams[k].end(k == 0);
    }
    for (int64_t r = 0; r < rows; r++) {
      char *at[N], *operand[N];
      for (int k = 0; k < N; k++) {
        at[k] = transposed[k] ? panels[k] + r * cols * streams[k].item : base[k] + r * it->strides[k][across];
        streams[k].start(buffers[k], at[k], 0, cols);
      }
      if (!row) {
        copy_elements(streams[0], streams[1], buffers, at, 0, cols);
        continue;
      }
      operand[0] = streams[0].output(buffers[0], at[0], 0);
      for (int k = 1; k < N; k++) operand[k] = streams[k].input(buffers[k], at[k], 0, cols);
      row(operand, cols);
      streams[0].write(buffers[0], at[0], 0, cols);
    }
  }
};

}  // namespace
}  // namespace tx::TX_ISA
