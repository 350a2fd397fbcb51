// Masks: counting, positions, packing and unpacking. Blocks of the mask are independent once the number of true
// elements before each is known. Compiled once per instruction set.
#include "../kernels/index.h"

#include "parallel.h"

namespace tx::TX_ISA {
namespace {

// f(block, begin, end) for every block of the mask.
template <class F>
void for_blocks(const MaskArgs& a, const F& f) {
  int64_t blocks = (a.n + kMaskBlock - 1) / kMaskBlock;
  parallel_for(blocks, 2, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++)
      f(b, b * kMaskBlock, (b + 1) * kMaskBlock < a.n ? (b + 1) * kMaskBlock : a.n);
  });
}

int64_t end_of(const MaskArgs& a, int64_t block) {
  return (block + 1) * kMaskBlock < a.n ? a.first[block + 1] : a.total;
}

// Without a branch on the mask: an element that is not wanted is overwritten by the next one.
template <class E>
void select_block(const MaskArgs& a, int64_t block, int64_t begin) {
  const E* x = (const E*)a.x;
  E* out = (E*)a.out;
  int64_t last = end_of(a, block);
  for (int64_t i = begin, to = a.first[block]; to < last; i++) {
    out[to] = x[i];
    to += a.mask[i] != 0;
  }
}

template <class E>
void put_block(const MaskArgs& a, int64_t block, int64_t begin) {
  const E* x = (const E*)a.x;
  E* out = (E*)a.out;
  int64_t last = end_of(a, block);
  for (int64_t i = begin, from = a.first[block]; from < last; i++) {
    out[i] = a.mask[i] ? x[from] : out[i];
    from += a.mask[i] != 0;
  }
}

}  // namespace

void mask_count(const MaskArgs& a) {
  for_blocks(a, [&](int64_t block, int64_t begin, int64_t end) {
    int64_t count = 0;
    for (int64_t i = begin; i < end; i += 128) {  // sums of 128 bytes fit a byte, which is what vectorizes
      uint8_t sum = 0;
      int64_t n = end - i < 128 ? end - i : 128;
      for (int64_t j = 0; j < n; j++) sum = uint8_t(sum + (a.mask[i + j] != 0));
      count += sum;
    }
    a.first[block] = count;
  });
}

void mask_positions(const MaskArgs& a) {
  int64_t* out = (int64_t*)a.out;
  for_blocks(a, [&](int64_t block, int64_t begin, int64_t) {
    int64_t last = end_of(a, block);
    for (int64_t i = begin, to = a.first[block]; to < last; i++) {
      out[to] = i;
      to += a.mask[i] != 0;
    }
  });
}

void mask_select(const MaskArgs& a) {
  for_blocks(a, [&](int64_t block, int64_t begin, int64_t) {
    switch (a.itemsize) {
      case 1: return select_block<uint8_t>(a, block, begin);
      case 2: return select_block<uint16_t>(a, block, begin);
      case 4: return select_block<uint32_t>(a, block, begin);
      case 8: return select_block<uint64_t>(a, block, begin);
      default: return select_block<Word16>(a, block, begin);
    }
  });
}

void mask_put(const MaskArgs& a) {
  for_blocks(a, [&](int64_t block, int64_t begin, int64_t) {
    switch (a.itemsize) {
      case 1: return put_block<uint8_t>(a, block, begin);
      case 2: return put_block<uint16_t>(a, block, begin);
      case 4: return put_block<uint32_t>(a, block, begin);
      case 8: return put_block<uint64_t>(a, block, begin);
      default: return put_block<Word16>(a, block, begin);
    }
  });
}

// Positions ascend, mostly: most lie in the same row (the last dimension) as the one before, whose coordinates are known.
void unravel(const UnravelArgs& a) {
  const int last = a.ndim - 1;
  parallel_for(a.n, 8192, [&](int64_t begin, int64_t end) {
    int64_t coordinates[kMaxDims], row = 0, length = 0;
    for (int64_t i = begin; i < end; i++) {
      int64_t column = a.positions[i] - row;
      if (uint64_t(column) >= uint64_t(length)) {
        length = a.shape[last];
        int64_t at = a.positions[i] / length;
        row = at * length;
        column = a.positions[i] - row;
        for (int d = last - 1; d > 0; d--) {
          coordinates[d] = at % a.shape[d];
          at /= a.shape[d];
        }
        coordinates[0] = at;
      }
      int64_t* out = a.out + i * a.ndim;
      for (int d = 0; d < last; d++) out[d] = coordinates[d];
      out[last] = column;
    }
  });
}

void triangle(const TriangleArgs& a) {
  int64_t row_bytes = a.columns * a.itemsize;
  if (a.batch * a.rows * row_bytes == 0) return;
  parallel_for(a.batch * a.rows, 65536 / row_bytes + 1, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      // Columns from `edge` on lie above the diagonal (lower), or from it on belong to the triangle (upper).
      int64_t edge = row % a.rows + a.diagonal + (a.upper ? 0 : 1);
      edge = edge < 0 ? 0 : edge > a.columns ? a.columns : edge;
      char* x = a.x + row * row_bytes;
      if (a.upper) __builtin_memset(x, 0, edge * a.itemsize);
      else __builtin_memset(x + edge * a.itemsize, 0, row_bytes - edge * a.itemsize);
    }
  });
}

}  // namespace tx::TX_ISA
