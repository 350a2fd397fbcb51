// The kernels of matmul_tile.h, one per size of tile.
#include "matmul_tile.h"

#include <utility>

namespace tx::TX_ISA {
namespace {

template <class T, int rows, int vectors>
void multiply_tile(const TileProduct<T>& x) {
  constexpr int lanes = Vec<T>::size;
  Vec<T> sum[rows][vectors];
  TX_UNROLL
  for (int i = 0; i < rows; i++) {
    TX_UNROLL
    for (int j = 0; j < vectors; j++) {
      sum[i][j] = Vec<T>(0);
      __builtin_prefetch(x.c + i * x.c_row + j * lanes + lanes - 1, 1);      // needed when the sums are done
    }
  }

  // Three rows share a pointer: their addresses are base, base + a_row and base + 2 a_row, which x86 adds for nothing.
  constexpr int groups = (rows + 2) / 3;
  const int64_t a_row = x.a_row, a_col = x.a_col, b_row = x.b_row;
  const T *a[groups], *b = x.b;
  TX_UNROLL
  for (int g = 0; g < groups; g++) a[g] = x.a + 3 * g * a_row;
  const auto step = [&]() __attribute__((always_inline)) {
    Vec<T> row_of_b[vectors];
    TX_UNROLL
    for (int j = 0; j < vectors; j++) row_of_b[j] = load<T>(b + j * lanes);
    b += b_row;
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      const Vec<T> value(a[i / 3][i % 3 * a_row]);
      TX_UNROLL
      for (int j = 0; j < vectors; j++) sum[i][j] = fma(value, row_of_b[j], sum[i][j]);
    }
    TX_UNROLL
    for (int g = 0; g < groups; g++) a[g] += a_col;
  };
  const T* ahead = x.ahead;
  int64_t p = 0;
  for (; p + 4 <= x.k; p += 4) {
    __builtin_prefetch(ahead, 0, 2);
    ahead += kLine<T>;
    step(), step(), step(), step();
  }
  for (; p < x.k; p++) step();

  TX_UNROLL
  for (int j = 0; j < vectors; j++) {
    T* c = x.c + j * lanes;
    if (x.add) {
      TX_UNROLL
      for (int i = 0; i < rows; i++) sum[i][j] = load<T>(c + i * x.c_row) + sum[i][j];
    }
    if (x.bias) {
      TX_UNROLL
      for (int i = 0; i < rows; i++) sum[i][j] = sum[i][j] + load<T>(x.bias + j * lanes);
    }
    TX_UNROLL
    for (int i = 0; i < rows; i++) store<T>(c + i * x.c_row, sum[i][j]);
  }
}

template <class T, class Rows> struct TileKernels;
template <class T, int... i>
struct TileKernels<T, std::integer_sequence<int, i...>> {
  static constexpr TileKernel<T> table[kTileVectors][sizeof...(i)] = {{multiply_tile<T, i + 1, 1>...},
                                                                      {multiply_tile<T, i + 1, 2>...}};
};

}  // namespace

template <class T>
TileKernel<T> tile_kernel(int64_t rows, int64_t vectors) {
  return TileKernels<T, std::make_integer_sequence<int, kTileRows<T>>>::table[vectors - 1][rows - 1];
}
template TileKernel<float> tile_kernel(int64_t, int64_t);
template TileKernel<double> tile_kernel(int64_t, int64_t);
template TileKernel<int32_t> tile_kernel(int64_t, int64_t);
template TileKernel<int64_t> tile_kernel(int64_t, int64_t);

}  // namespace tx::TX_ISA
