// A tile of C = A B for one block: slices of both operands go through shared memory, double buffered, and every thread sums
// a few rows by a few columns in registers. Matrix products and convolutions differ in where a slice comes from; a Tile
// multiplies each element by itself, a TensorTile (tensor_tile.cuh) on tensor cores.
#pragma once
#include "elementwise.cuh"

namespace tx::cuda {

// What sums of S are kept in: integers wrap around as on the CPU.
template <class S>
using sum_of = std::conditional_t<
    is_half_type<S>, float,
    std::conditional_t<std::is_floating_point_v<S>, S, std::conditional_t<sizeof(S) == 8, uint64_t, uint32_t>>>;

constexpr int kLoads = 4;  // elements of each operand that a thread fetches per slice

// size: rows and columns of the tile. "Wide" is the direction along the tile, "depth" the one that is summed over.
template <int size> constexpr int kSliceDepth = kThreads * kLoads / size;
// pad: against bank conflicts where a slice is stored, or read, across its rows.
template <class T, int size, int pad> using Slice = T[kSliceDepth<size>][size + pad];

template <class T> TX_DEVICE void load_group(T (&to)[4], const T* from) {
  constexpr int count = sizeof(T) == 4 ? 4 : 2;
  TX_UNROLL
  for (int i = 0; i < 4; i += count)
    *reinterpret_cast<Pack<T, count>*>(to + i) = *reinterpret_cast<const Pack<T, count>*>(from + i);
}

template <class T> TX_DEVICE T multiply_add(T a, T b, T c) {
  if constexpr (is_float<T>) return fma(a, b, c);
  else return a * b + c;
}

template <int size>
struct Tile {
  static constexpr int kSize = size, kPad = 4;
  static constexpr int kEach = size / 16;  // rows and columns of a thread
  static constexpr int kGroup = 4;  // of them are neighbours

  // The tile's row of the thread's i-th row, and likewise for columns. A warp is 4 threads high and 8 wide: what it reads
  // of a slice at a time lies in different banks.
  static TX_DEVICE int row(int i) {
    const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
    return i / kGroup * (16 * kGroup) + (warp / 2 * 4 + lane / 8) * kGroup + i % kGroup;
  }
  static TX_DEVICE int column(int j) {
    const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
    return j / kGroup * (16 * kGroup) + (warp % 2 * 8 + lane % 8) * kGroup + j % kGroup;
  }

  template <class T>
  static TX_DEVICE void multiply(T (&sum)[kEach][kEach], const Slice<T, size, kPad>& a, const Slice<T, size, kPad>& b) {
    const int first_row = row(0), first_column = column(0);
    TX_UNROLL
    for (int k = 0; k < kSliceDepth<size>; k++) {
      T x[kEach / kGroup][kGroup], y[kEach / kGroup][kGroup];
      TX_UNROLL
      for (int i = 0; i < kEach / kGroup; i++) {
        load_group(x[i], &a[k][first_row + i * 16 * kGroup]);
        load_group(y[i], &b[k][first_column + i * 16 * kGroup]);
      }
      TX_UNROLL
      for (int i = 0; i < kEach; i++) {
        TX_UNROLL
        for (int j = 0; j < kEach; j++)
          sum[i][j] = multiply_add(x[i / kGroup][i % kGroup], y[j / kGroup][j % kGroup], sum[i][j]);
      }
    }
  }
};

// Which elements of a slice a thread fetches one by one: neighbouring threads take neighbours along the tile, or in depth.
template <int size>
struct Places {
  int wide, depth, wide_step, depth_step;

  TX_DEVICE explicit Places(bool along) {
    constexpr int kDepth = kSliceDepth<size>;
    const int t = threadIdx.x;
    wide = along ? t % size : t / kDepth;
    depth = along ? t / size : t % kDepth;
    wide_step = along ? 0 : kThreads / kDepth;
    depth_step = along ? kThreads / size : 0;
  }
  template <class Slice, class T> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) slice[depth + i * depth_step][wide + i * wide_step] = from[i];
  }
};

// sum += A B over `depth` depths. Operands have load(elements), which fetches this thread's elements of the next slice, 0
// outside the matrix, and stash(slice, elements).
template <class Tile, class T, class A, class B>
TX_DEVICE void multiply_tile(T (&sum)[Tile::kEach][Tile::kEach], A& a, B& b, int depth) {
  constexpr int kDepth = kSliceDepth<Tile::kSize>;
  struct alignas(16) Slices {
    Slice<T, Tile::kSize, Tile::kPad> a[2], b[2];
  };
  TX_SHARED(Slices, slices);
  T next_a[kLoads] = {}, next_b[kLoads] = {};
  int at = 0;
  if (depth > 0) {
    a.load(next_a);
    b.load(next_b);
    a.stash(slices.a[0], next_a);
    b.stash(slices.b[0], next_b);
  }
  __syncthreads();
  for (; depth > 0; depth -= kDepth) {
    if (depth > kDepth) {
      a.load(next_a);
      b.load(next_b);
    }
    Tile::multiply(sum, slices.a[at], slices.b[at]);
    if (depth > kDepth) {  // the other buffer: all have read it before the barrier that came before this slice
      at ^= 1;
      a.stash(slices.a[at], next_a);
      b.stash(slices.b[at], next_b);
      __syncthreads();
    }
  }
}

// Tile number i of (down, across), in bands of a few rows of tiles: tiles in flight together share what they read.
struct TilePlace {
  unsigned row, column;

  TX_DEVICE TilePlace(unsigned i, unsigned down, unsigned across) {
    constexpr unsigned kBand = 8;
    const unsigned band = i / (kBand * across), left = down - band * kBand, high = left < kBand ? left : kBand,
                   within = i - band * kBand * across;
    row = band * kBand + within % high;
    column = within / high;
  }
};

}  // namespace tx::cuda
