// Teams: the threads of a block that reduce one row, or one column, of an operand together.
//
// Both kinds have walk(f), which calls f(position) for each thread's share of the team's elements, and merge(x, combine), which
// gives all threads of the team the x of all of them combined, in an order that is always the same.
#pragma once
#include "block.cuh"
#include "elementwise.cuh"

namespace tx::cuda {

template <int count> using Count = std::integral_constant<int, count>;

// Rows of dense memory. `lanes` neighbouring threads for one: a power of two up to a warp, or the whole block.
struct RowTeam {
  int lanes, lane;
  int64_t row;  // the block's teams follow one another. There may be fewer rows than that

  TX_DEVICE explicit RowTeam(int lanes)
      : lanes(lanes),
        lane(int(threadIdx.x) & (lanes - 1)),
        row(int64_t(blockIdx.x) * (kThreads / lanes) + threadIdx.x / lanes) {}

  // f(i, Count<count>) for elements i .. i + count - 1: single ones before `head` and at the end, packs between.
  template <int pack, class F> TX_DEVICE void walk(int64_t head, int64_t n, const F& f) const {
    for (int64_t i = lane; i < head; i += lanes) f(i, Count<1>());
    const int64_t packed = head + (n - head) / pack * pack;
    for (int64_t i = head + int64_t(lane) * pack; i < packed; i += int64_t(lanes) * pack) f(i, Count<pack>());
    for (int64_t i = packed + lane; i < n; i += lanes) f(i, Count<1>());
  }

  template <class T, class F> TX_DEVICE T merge(T x, const F& combine) const {
    if (lanes == kThreads) return block_reduce<kThreads>(x, combine);
    return reduce_lanes(x, lanes, combine);
  }
};

// How many of the n elements at p come before the first pack that is aligned.
template <int pack, class S> TX_DEVICE int64_t unaligned_head(const S* p, int64_t n) {
  const int64_t head = (pack - int64_t(reinterpret_cast<uintptr_t>(p) / sizeof(S) % pack)) % pack;
  return head < n ? head : n;
}

// Threads for a row of n elements that are read `pack` at a time.
inline int lanes_for_row(int64_t n, int pack) {
  const int64_t packs = (n + pack - 1) / pack;
  if (packs > 16 * kWarp) return kThreads;
  int lanes = 1;
  while (lanes < kWarp && lanes * 2 <= packs) lanes *= 2;
  return lanes;
}
inline unsigned blocks_for_rows(int64_t rows, int lanes) {
  const int teams = kThreads / lanes;
  return unsigned((rows + teams - 1) / teams);
}

// Columns, `width` neighbouring ones for a block (a power of two up to kThreads), and `lanes` threads for each, which take every
// lanes-th row. Neighbouring threads have neighbouring columns, or, if along_column, neighbouring rows of one column.
struct ColumnTeam {
  int width, lanes, lane;
  int64_t column;  // there may be fewer

  TX_DEVICE ColumnTeam(int width, int64_t group, bool along_column = false) : width(width), lanes(kThreads / width) {
    const int thread = int(threadIdx.x);
    lane = along_column ? thread & (lanes - 1) : thread / width;
    column = group * width + (along_column ? thread / lanes : thread & (width - 1));
  }

  template <class T, class F> TX_DEVICE T merge(T x, const F& combine) const {
    if (lanes == 1) return x;
    TX_SHARED(T[kThreads], all);  // (lanes, width)
    const int here = lane * width + int(column & (width - 1));
    all[here] = x;
    __syncthreads();
    for (int half = kThreads / 2; half >= width; half /= 2) {
      if (here < half) all[here] = combine(all[here], all[here + half]);
      __syncthreads();
    }
    x = all[here & (width - 1)];
    __syncthreads();  // `all` may be written again
    return x;
  }
};

// Columns of a block, for n rows of `columns`: few rows need few threads for each column, few columns leave more.
inline int columns_for_block(int64_t n, int64_t columns) {
  int width = kWarp;
  while (width < kThreads && n * width < 8 * kThreads) width *= 2;  // at least 8 rows for a thread, if there are
  while (width > 1 && width / 2 >= columns) width /= 2;
  return width;
}

// Parts that a reduction of n elements to each of `results` is cut into, so that there are blocks enough to keep a large GPU
// busy, and no thread adds up very many numbers. It does not depend on the GPU, nor do results.
// least: elements that are worth a part; most: those that a part may have.
inline int64_t parts_for(int64_t n, int64_t blocks, int64_t least, int64_t most) {
  constexpr int64_t kEnoughBlocks = 1024;
  int64_t parts = (kEnoughBlocks + blocks - 1) / blocks;
  if (parts > n / least) parts = n / least;
  if (parts < (n + most - 1) / most) parts = (n + most - 1) / most;
  return parts < 1 ? 1 : parts;
}

}  // namespace tx::cuda
