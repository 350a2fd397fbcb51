// Copies of the operands of a matrix product into the form that multiply_tile() reads fast: dense, clear of strides
// that fall on one cache set, converted to the type T of the sums.
#pragma once
#include "cast.h"
#include <utility>

#include "matmul_tile.h"

namespace tx::TX_ISA {

// The type in which products of `dtype` are summed. Integers wrap, so the narrow ones may be summed in 32 bits.
TX_INLINE DType sum_dtype(DType dtype) {
  return is_half(dtype) ? DType::Float32 : is_integral(dtype) && dtype != DType::Int64 ? DType::Int32 : dtype;
}

// A matrix as the caller gave it. Strides in elements.
struct Matrix {
  const char* data;
  DType dtype;
  int64_t row, col;

  TX_INLINE Matrix from(int64_t i, int64_t j) const {
    return {data + (i * row + j * col) * itemsize(dtype), dtype, row, col};
  }
  TX_INLINE Matrix transposed() const { return {data, dtype, col, row}; }
  TX_INLINE Matrix shifted(int64_t elements) const { return {data + elements * itemsize(dtype), dtype, row, col}; }
  template <class T> TX_INLINE bool is() const { return dtype == dtype_of<T>::value; }
};

TX_INLINE int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }
TX_INLINE int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
TX_INLINE int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }

// The first n elements of a row as T, for a matrix with unit column stride: in place, or converted into `buffer`.
template <class T>
TX_INLINE const T* run_of(const Matrix& x, int64_t n, T* buffer) {
  if (x.is<T>()) return (const T*)x.data;
  cast((char*)buffer, dtype_of<T>::value, x.data, x.dtype, n);
  return buffer;
}

template <class T> TX_INLINE Vec<T> load_first(const T* p, int64_t n) {
  return n >= Vec<T>::size ? load<T>(p) : n > 0 ? load_partial<T>(p, n) : Vec<T>(0);
}
template <class T> TX_INLINE void store_first(T* p, Vec<T> x, int64_t n) {
  if (n >= Vec<T>::size) store<T>(p, x);
  else if (n > 0) store_partial<T>(p, x, n);
}

// ---- A (rows, k), in tiles of `height` rows, the last perhaps lower ----

// Row i, column p of tile t is data[t * tile_step + i * row + p * col].
template <class T>
struct TilesOfA {
  const T* data;
  int64_t tile_step, row, col;
};

// Elements between packed rows: an odd number of cache lines keeps the rows of a tile off one cache set.
template <class T>
TX_INLINE int64_t packed_row(int64_t k) {
  constexpr int64_t line = 64 / sizeof(T);
  return (divide_up(k, line) | 1) * line;
}

// Elements that pack_a() may write.
template <class T>
TX_INLINE int64_t packed_a_size(int64_t rows, int64_t k) {
  return (rows + kTileRows<T>)*packed_row<T>(k);
}

// a: unit stride along rows or along columns, at most kMaxPackedRows rows.
constexpr int64_t kMaxPackedRows = 256;
template <class T>
TilesOfA<T> pack_a(T* to, int64_t rows, int64_t height, int64_t k, const Matrix& a) {
  if (a.col == 1) {
    const int64_t row = packed_row<T>(k);
    for (int64_t i = 0; i < rows; i++) cast((char*)(to + i * row), dtype_of<T>::value, a.from(i, 0).data, a.dtype, k);
    return {to, height * row, row, 1};
  }
  alignas(64) T buffer[kMaxPackedRows];
  for (int64_t p = 0; p < k; p++) {
    const T* column = run_of(a.from(0, p), rows, buffer);
    for (int64_t i = 0; i < rows; i += height) {
      const int64_t n = at_most(height, rows - i);
      T* tile = to + i * k + p * height;
      for (int64_t j = 0; j < n; j += Vec<T>::size) store_first(tile + j, load_first(column + i + j, n - j), n - j);
    }
  }
  return {to, height * k, 1, height};
}

// ---- B (k, columns), in strips of kStrip columns, the last filled up with zeros ----

// Strip s of B is data + s * step, with rows `row` apart; the last one may be elsewhere.
template <class T>
struct StripsOfB {
  const T* data;
  int64_t step, row;
  const T* last;
  int64_t last_row;
};

template <class T>
TX_INLINE int64_t packed_b_size(int64_t k, int64_t columns) {
  return round_up(columns, kStrip<T>) * k;
}

template <int... lane, class T>
TX_INLINE Vec<T> shuffle(Vec<T> a, Vec<T> b) {
#if defined(__clang__)
  return __builtin_shufflevector(a.v, b.v, lane...);
#else
  return __builtin_shuffle(a.v, b.v, Raw<signed_of<T>>{lane...});
#endif
}

// Swaps the blocks of `half` lanes that two registers hold on the wrong side of the diagonal.
template <int half, class T, int... lane>
TX_INLINE void transpose_step(Vec<T>& a, Vec<T>& b, std::integer_sequence<int, lane...>) {
  constexpr int lanes = Vec<T>::size;
  const Vec<T> top = shuffle<(lane & half ? lanes + lane - half : lane)...>(a, b);
  b = shuffle<(lane & half ? lanes + lane : lane + half)...>(a, b);
  a = top;
}

template <class T, int half = Vec<T>::size / 2>
TX_INLINE void transpose(Vec<T> (&rows)[Vec<T>::size]) {
  TX_UNROLL
  for (int i = 0; i < Vec<T>::size; i++)
    if (!(i & half)) transpose_step<half, T>(rows[i], rows[i + half], std::make_integer_sequence<int, Vec<T>::size>{});
  if constexpr (half > 1) transpose<T, half / 2>(rows);
}

// Rows of B contiguous: several strips of a few rows at a time, so that memory is read in long runs.
template <class T>
void pack_b_rows(T* to, int64_t k, int64_t columns, const Matrix& b) {
  constexpr int64_t group = 8, piece = 256;
  alignas(64) T buffer[group * piece];
  for (int64_t p = 0; p < k; p += group) {
    const int64_t rows = at_most(group, k - p);
    for (int64_t begin = 0; begin < columns; begin += piece) {
      const int64_t n = at_most(piece, columns - begin);
      const T* from[group];
      for (int64_t q = 0; q < rows; q++) from[q] = run_of(b.from(p + q, begin), n, buffer + q * piece);
      for (int64_t j = 0; j < n; j += kStrip<T>) {
        T* strip = to + (begin + j) * k + p * kStrip<T>;
        for (int64_t q = 0; q < rows; q++)
          for (int v = 0; v < kStrip<T>; v += Vec<T>::size)
            store<T>(strip + q * kStrip<T> + v, load_first(from[q] + j + v, n - j - v));
      }
    }
  }
}

// Columns of B contiguous: square blocks are transposed in registers.
template <class T>
void pack_b_columns(T* to, int64_t k, int64_t columns, const Matrix& b) {
  constexpr int lanes = Vec<T>::size;
  alignas(64) T buffer[lanes * lanes];
  for (int64_t j = 0; j < round_up(columns, kStrip<T>); j += lanes) {
    T* strip = to + j / kStrip<T> * kStrip<T> * k + j % kStrip<T>;
    for (int64_t p = 0; p < k; p += lanes) {
      const int64_t depth = at_most(lanes, k - p);
      Vec<T> block[lanes];
      if (b.is<T>() && depth == lanes && j + lanes <= columns) {
        const T* from = (const T*)b.from(p, j).data;
        TX_UNROLL
        for (int i = 0; i < lanes; i++) block[i] = load<T>(from + i * b.col);
      } else {
        for (int i = 0; i < lanes; i++)
          block[i] =
              j + i < columns ? load_first(run_of(b.from(p, j + i), depth, buffer + i * lanes), depth) : Vec<T>(0);
      }
      transpose<T>(block);
      TX_UNROLL
      for (int i = 0; i < lanes; i++)
        if (i < depth) store<T>(strip + (p + i) * kStrip<T>, block[i]);
    }
  }
}

// Where pack_b() puts the strips.
template <class T>
TX_INLINE StripsOfB<T> packed_strips(const T* strips, int64_t k, int64_t columns) {
  const int64_t step = kStrip<T> * k;
  return {strips, step, kStrip<T>, strips + (divide_up(columns, kStrip<T>) - 1) * step, kStrip<T>};
}

// b: unit stride along rows or along columns.
template <class T>
StripsOfB<T> pack_b(T* to, int64_t k, int64_t columns, const Matrix& b) {
  if (b.col == 1) pack_b_rows(to, k, columns, b);
  else pack_b_columns(to, k, columns, b);
  return packed_strips(to, k, columns);
}

}  // namespace tx::TX_ISA
