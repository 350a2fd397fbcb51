// The register tile of a convolution: a few output channels by a few vectors of output positions, kept in registers
// while the taps of all channels pass. Inputs are read where they lie in the planes of convolution_planes.h.
//
// Every output is summed over the taps in order, one multiply-add per tap, wherever it falls in a tile.
#pragma once
#include "convolution_planes.h"

namespace tx::TX_ISA {

// A vector of output positions: where tap 0 of channel 0 reads, where the outputs go, and how many there are.
struct Positions {
  int64_t from, to, count;
};

template <class T>
struct ConvolutionTile {
  int64_t depth;                           // taps of all channels
  const T* weight;                         // (depth, rows), dense
  const T* planes;
  const int64_t* offsets;                  // of each tap in the planes
  const Positions* positions;              // one for each vector
  T* out;
  int64_t out_row;                         // elements between output channels
  bool add;                                // to what `out` holds
  const T* bias;                           // one per row, added last; or null
};

template <class T, int rows, int vectors>
void convolve_tile(const ConvolutionTile<T>& x) {
  constexpr int lanes = Vec<T>::size;
  Vec<T> sum[rows][vectors];
  const T* from[vectors];
  TX_UNROLL
  for (int j = 0; j < vectors; j++) {
    from[j] = x.planes + x.positions[j].from;
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      sum[i][j] = Vec<T>(0);
      __builtin_prefetch(x.out + x.positions[j].to + i * x.out_row, 1);      // needed when the sums are done
    }
  }
  const T* weight = x.weight;
  const int64_t depth = x.depth, *offsets = x.offsets;
  for (int64_t p = 0; p < depth; p++) {
    const int64_t offset = offsets[p];
    Vec<T> input[vectors];
    TX_UNROLL
    for (int j = 0; j < vectors; j++) input[j] = load<T>(from[j] + offset);
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      const Vec<T> value(weight[i]);
      TX_UNROLL
      for (int j = 0; j < vectors; j++) sum[i][j] = fma(value, input[j], sum[i][j]);
    }
    weight += rows;
  }
  TX_UNROLL
  for (int j = 0; j < vectors; j++) {
    T* out = x.out + x.positions[j].to;
    const int64_t count = x.positions[j].count;
    if (x.add) {
      TX_UNROLL
      for (int i = 0; i < rows; i++) sum[i][j] = load_first(out + i * x.out_row, count) + sum[i][j];
    }
    if (x.bias) {
      TX_UNROLL
      for (int i = 0; i < rows; i++) sum[i][j] = sum[i][j] + Vec<T>(x.bias[i]);
    }
    if (count == lanes) {
      TX_UNROLL
      for (int i = 0; i < rows; i++) store<T>(out + i * x.out_row, sum[i][j]);
    } else {
      TX_UNROLL
      for (int i = 0; i < rows; i++) store_first(out + i * x.out_row, sum[i][j], count);
    }
  }
}

template <class T> using ConvolutionKernel = void (*)(const ConvolutionTile<T>&);

// Low tiles are wide: a tile has about as many registers in every shape.
template <class T, int vectors>
constexpr int kConvolutionRows = vectors == 2   ? kTileRows<T>
                                 : vectors == 4 ? kTileRows<T> * 3 / 7
                                                : (kTileRows<T> + 4) / 8;
constexpr int64_t kMaxTileVectors = 8;

template <class T, int vectors, class Rows> struct ConvolutionKernels;
template <class T, int vectors, int... i>
struct ConvolutionKernels<T, vectors, std::integer_sequence<int, i...>> {
  static constexpr ConvolutionKernel<T> table[] = {convolve_tile<T, i + 1, vectors>...};
};

template <class T, int vectors>
TX_INLINE ConvolutionKernel<T> convolution_kernel_of(int64_t rows) {
  return ConvolutionKernels<T, vectors, std::make_integer_sequence<int, kConvolutionRows<T, vectors>>>::table[rows - 1];
}

// vectors: 2, 4 or 8, with rows <= kConvolutionRows<T, vectors>.
template <class T>
TX_INLINE ConvolutionKernel<T> convolution_kernel(int64_t rows, int64_t vectors) {
  return vectors == 2   ? convolution_kernel_of<T, 2>(rows)
         : vectors == 4 ? convolution_kernel_of<T, 4>(rows)
                        : convolution_kernel_of<T, 8>(rows);
}

}  // namespace tx::TX_ISA
