// A Tile (tile.cuh) whose products of float32 are made on tensor cores: factors are rounded to TF32, sums are not. Half types
// that were converted to float32 lose nothing.
#pragma once
#include "ptx.cuh"
#include "tile.cuh"

namespace tx::cuda {

// Two rows of four warps; each computes size / 2 rows by size / 4 columns, in fragments of 16 by 8.
template <int size>
struct TensorTile {
  static constexpr int kSize = size, kPad = 8;
  static constexpr int kEach = size / 16, kGroup = 2;
  static constexpr int kRows = size / 32, kColumns = size / 32, kStep = 8;  // fragments of a warp; their depth

  static TX_DEVICE int warp_row() { return threadIdx.x / kWarp / 4 * (size / 2); }
  static TX_DEVICE int warp_column() { return threadIdx.x / kWarp % 4 * (size / 4); }
  static TX_DEVICE int row(int i) { return warp_row() + i / 2 * 16 + i % 2 * 8 + threadIdx.x % kWarp / 4; }
  static TX_DEVICE int column(int j) { return warp_column() + j / 2 * 8 + threadIdx.x % 4 * 2 + j % 2; }

  static TX_DEVICE void multiply(float (&sum)[kEach][kEach], const Slice<float, size, kPad>& a,
                                 const Slice<float, size, kPad>& b) {
    TX_UNROLL
    for (int depth = 0; depth < kSliceDepth<size>; depth += kStep) {
      unsigned x[kRows][4], y[kColumns][2];
      TX_UNROLL
      for (int r = 0; r < kRows; r++) {
        TX_UNROLL
        for (int i = 0; i < 4; i++)
          x[r][i] = ptx::tf32_of(a[depth + i / 2 * 4 + lane()][warp_row() + r * 16 + i % 2 * 8 + group()]);
      }
      TX_UNROLL
      for (int j = 0; j < kColumns; j++) {
        TX_UNROLL
        for (int i = 0; i < 2; i++) y[j][i] = ptx::tf32_of(b[depth + i * 4 + lane()][warp_column() + j * 8 + group()]);
      }
      TX_UNROLL
      for (int r = 0; r < kRows; r++) {
        TX_UNROLL
        for (int j = 0; j < kColumns; j++) {
          float (&high)[kEach] = sum[r * 2], (&low)[kEach] = sum[r * 2 + 1];
          float d[4] = {high[j * 2], high[j * 2 + 1], low[j * 2], low[j * 2 + 1]};
          ptx::multiply<float>(d, x[r], y[j]);
          high[j * 2] = d[0], high[j * 2 + 1] = d[1], low[j * 2] = d[2], low[j * 2 + 1] = d[3];
        }
      }
    }
  }

 private:  // of the lanes that a fragment's elements belong to
  static TX_DEVICE int group() { return threadIdx.x % kWarp / 4; }
  static TX_DEVICE int lane() { return threadIdx.x % 4; }
};

}  // namespace tx::cuda
