// Copies of the operands of a matrix product into the form that multiply_tile() reads fast: dense, free of
// strides that fall on one cache set, converted to the type the sums are kept in.
#pragma once
#include "matmul_tile.h"

namespace tx::TX_ISA {

// The type sums of S are kept in. Integers wrap, so the narrow ones may be summed in 32 bits, and signs do not matter.
template <class S> struct SumTypeOf { using Type = S; };
template <> struct SumTypeOf<uint8_t> { using Type = uint32_t; };
template <> struct SumTypeOf<uint16_t> { using Type = uint32_t; };
template <class S> using SumType = typename SumTypeOf<S>::Type;

// One register of sums from as many elements of S, and back.
template <class S>
TX_INLINE Register<SumType<S>> load_as_sum(const S* p) {
  using T = SumType<S>;
  if constexpr (std::is_same_v<S, T>) return load(p);
  else {
    typedef S Narrow __attribute__((vector_size(sizeof(S) * kLanes<T>), aligned(alignof(S)), may_alias));
    return __builtin_convertvector(*(const Narrow*)p, Register<T>);
  }
}

template <class S>
TX_INLINE void store_sum(S* p, Register<SumType<S>> x) {
  using T = SumType<S>;
  if constexpr (std::is_same_v<S, T>) store(p, x);
  else {
    typedef S Narrow __attribute__((vector_size(sizeof(S) * kLanes<T>), aligned(alignof(S)), may_alias));
    *(Narrow*)p = __builtin_convertvector(x, Narrow);
  }
}

// The same for the first n lanes, 0 < n <= kLanes: no element beyond them is touched, and the other lanes are 0.
template <class S>
TX_INLINE Register<SumType<S>> load_first(const S* p, int64_t n) {
  using T = SumType<S>;
  if (n == kLanes<T>) return load_as_sum(p);
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>) return _mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
  if constexpr (std::is_same_v<S, double>) return _mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
#endif
  alignas(kRegisterBytes) S lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
  return load_as_sum(lanes);
}

template <class S>
TX_INLINE void store_first(S* p, Register<SumType<S>> x, int64_t n) {
  using T = SumType<S>;
  if (n == kLanes<T>) return store_sum(p, x);
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<S, float>) return _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), x);
  if constexpr (std::is_same_v<S, double>) return _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), x);
#endif
  alignas(kRegisterBytes) S lanes[kLanes<T>];
  store_sum(lanes, x);
  for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

template <class S>
TX_INLINE void copy_run(SumType<S>* to, const S* from, int64_t n) {
  constexpr int lanes = kLanes<SumType<S>>;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load_as_sum(from + i));
  if (i < n) store_first(to + i, load_first(from + i, n - i), n - i);
}

// Swaps the blocks of `half` lanes that two registers hold on the wrong side of the diagonal.
template <int half, class T, int... lane>
TX_INLINE void transpose_step(Register<T>& a, Register<T>& b, std::integer_sequence<int, lane...>) {
  constexpr int lanes = kLanes<T>;
  const Register<T> top = __builtin_shufflevector(a, b, (lane & half ? lanes + lane - half : lane)...);
  b = __builtin_shufflevector(a, b, (lane & half ? lanes + lane : lane + half)...);
  a = top;
}

template <class T, int half = kLanes<T> / 2>
TX_INLINE void transpose(Register<T> (&rows)[kLanes<T>]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; i++)
    if (!(i & half)) transpose_step<half, T>(rows[i], rows[i + half], std::make_integer_sequence<int, kLanes<T>>{});
  if constexpr (half > 1) transpose<T, half / 2>(rows);
}

// ---- B (k, n) into strips: strip[s][p][j] = b[p][s * kStrip + j], the last strip filled up with zeros ----

template <class S>
void pack_strip_rows(SumType<S>* to, int64_t k, int64_t columns, const S* b, int64_t b_row) {
  using T = SumType<S>;
  constexpr int lanes = kLanes<T>;
  for (int64_t p = 0; p < k; p++, b += b_row, to += kStrip<T>)
#pragma GCC unroll 2
    for (int v = 0; v < kTileVectors; v++) {
      const int64_t left = columns - v * lanes;
      store(to + v * lanes, left >= lanes ? load_as_sum(b + v * lanes) : left > 0 ? load_first(b + v * lanes, left) : Register<T>{});
    }
}

// The columns of B are contiguous: square blocks are transposed in registers.
template <class S>
void pack_strip_columns(SumType<S>* to, int64_t k, int64_t columns, const S* b, int64_t b_col) {
  using T = SumType<S>;
  constexpr int lanes = kLanes<T>;
  for (int v = 0; v < kTileVectors; v++) {
    const int64_t here = columns - v * lanes;
    const S* from = b + v * lanes * b_col;
    for (int64_t p = 0; p < k; p += lanes) {
      const int64_t depth = k - p < lanes ? k - p : lanes;
      Register<T> block[lanes];
      if (here >= lanes && depth == lanes) {
#pragma GCC unroll 16
        for (int j = 0; j < lanes; j++) block[j] = load_as_sum(from + j * b_col + p);
      } else {
        for (int j = 0; j < lanes; j++) block[j] = j < here ? load_first(from + j * b_col + p, depth) : Register<T>{};
      }
      transpose<T>(block);
      T* row = to + p * kStrip<T> + v * lanes;
      if (depth == lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < lanes; i++) store(row + i * kStrip<T>, block[i]);
      } else {
        for (int i = 0; i < depth; i++) store(row + i * kStrip<T>, block[i]);
      }
    }
  }
}

template <class S>
void pack_strips(SumType<S>* to, int64_t k, int64_t columns, const S* b, int64_t b_row, int64_t b_col) {
  using T = SumType<S>;
  constexpr int64_t strip = kStrip<T>;
  const int64_t depth = b_col == 1 ? 8 : k;            // several strips of a few rows: memory is read in long runs
  for (int64_t p = 0; p < k; p += depth)
    for (int64_t j = 0; j < columns; j += strip) {
      T* here = to + j * k + p * strip;
      const S* from = b + p * b_row + j * b_col;
      const int64_t rows = k - p < depth ? k - p : depth, width = columns - j < strip ? columns - j : strip;
      if (b_col == 1) pack_strip_rows(here, rows, width, from, b_row);
      else if (b_row == 1) pack_strip_columns(here, rows, width, from, b_col);
      else for (int64_t q = 0; q < rows; q++)
        for (int64_t l = 0; l < strip; l++) here[q * strip + l] = l < width ? T(from[q * b_row + l * b_col]) : T(0);
    }
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
  return ((k * int64_t(sizeof(T)) + 63) / 64 | 1) * 64 / int64_t(sizeof(T));
}

// Elements that pack_a() may write.
template <class T>
TX_INLINE int64_t packed_a_size(int64_t rows, int64_t k) { return (rows + kTileRows<T>) * packed_row<T>(k); }

template <class S>
TilesOfA<SumType<S>> pack_a(SumType<S>* to, int64_t rows, int64_t height, int64_t k, const S* a, int64_t a_row, int64_t a_col) {
  using T = SumType<S>;
  if (a_row == 1 && a_col != 1) {                      // columns of A contiguous: tile by tile, k outermost
    for (int64_t i = 0; i < rows; i += height)
      for (int64_t p = 0; p < k; p++) copy_run(to + i * k + p * height, a + i + p * a_col, rows - i < height ? rows - i : height);
    return {to, height * k, 1, height};
  }
  const int64_t row = packed_row<T>(k);
  for (int64_t i = 0; i < rows; i++) {
    if (a_col == 1) copy_run(to + i * row, a + i * a_row, k);
    else for (int64_t p = 0; p < k; p++) to[i * row + p] = T(a[i * a_row + p * a_col]);
  }
  return {to, height * row, row, 1};
}

}  // namespace tx::TX_ISA
