// The register tile of the matrix product: a few rows and vectors of C, kept in registers while k runs.
//
// Every element of C is summed in the same way wherever it falls in a tile: over k in order, one multiply-add per
// step. So the size and place of tiles, and how the operands are stored, cannot be seen in the result.
#pragma once
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

TX_INLINE Vec<int32_t> fma(Vec<int32_t> a, Vec<int32_t> b, Vec<int32_t> c) { return a * b + c; }
TX_INLINE Vec<int64_t> fma(Vec<int64_t> a, Vec<int64_t> b, Vec<int64_t> c) { return a * b + c; }

// A tile is at most kTileRows x kTileVectors registers; a strip is the columns of B that it meets.
constexpr int kTileVectors = 2;
template <class T>
constexpr int kTileRows = std::is_integral_v<T> ? 4
                          : kVecBytes == 64     ? 14
                          : kVecBytes == 32     ? 6
                                                : 4;
template <class T> constexpr int kLine = 64 / sizeof(T);      // elements of a cache line
template <class T> constexpr int kStrip = kTileVectors * Vec<T>::size;

template <class T>
struct TileProduct {
  int64_t k;
  const T* a;
  int64_t a_row, a_col;     // any strides
  const T* b;
  int64_t b_row;            // unit column stride; whole registers are read
  T* c;
  int64_t c_row;                  // unit column stride; whole registers are written
  bool add;                             // to what c holds
  const T* bias;                        // one per column, added last; or null
  const T* ahead;           // wanted soon: a cache line of it is fetched for every four steps of k
};

template <class T> using TileKernel = void (*)(const TileProduct<T>&);

// The kernel for 1 <= rows <= kTileRows<T> and 1 <= vectors <= kTileVectors. T: float, double, int32_t or int64_t.
template <class T> TileKernel<T> tile_kernel(int64_t rows, int64_t vectors);

}  // namespace tx::TX_ISA
