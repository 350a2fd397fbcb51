// Concatenation of contiguous parts. Compiled once per instruction set.
#include <cstddef>

#include "../kernels/join.h"

#include "parallel.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGrainBytes = 1 << 17;   // a thread's share of the output
constexpr int64_t kBlockBytes = 1 << 13;   // of the output, filled part by part while it is in the first-level cache

template <int64_t size>
void copy_pieces(char* to, int64_t to_step, const char* from, int64_t rows) {
  for (int64_t r = 0; r < rows; r++) __builtin_memcpy(to + r * to_step, from + r * size, std::size_t(size));
}

// `rows` pieces of `bytes` bytes, dense at `from`, to every to_step bytes.
void copy_pieces(char* to, int64_t to_step, const char* from, int64_t bytes, int64_t rows) {
  switch (bytes) {
    case 1: copy_pieces<1>(to, to_step, from, rows); return;
    case 2: copy_pieces<2>(to, to_step, from, rows); return;
    case 4: copy_pieces<4>(to, to_step, from, rows); return;
    case 8: copy_pieces<8>(to, to_step, from, rows); return;
    case 12: copy_pieces<12>(to, to_step, from, rows); return;
    case 16: copy_pieces<16>(to, to_step, from, rows); return;
    default:
      for (int64_t r = 0; r < rows; r++) __builtin_memcpy(to + r * to_step, from + r * bytes, std::size_t(bytes));
  }
}

void copy_rows(const ConcatArgs& a, int64_t row_bytes, int64_t begin, int64_t end) {
  int64_t block = kBlockBytes / row_bytes + 1;
  for (; begin < end; begin += block) {
    int64_t rows = end - begin < block ? end - begin : block;
    char* to = a.out + begin * row_bytes;
    for (int64_t p = 0; p < a.parts; to += a.bytes[p++])
      copy_pieces(to, row_bytes, a.part[p] + begin * a.bytes[p], a.bytes[p], rows);
  }
}

// Bytes [begin, end) of the output, for rows too long to be one thread's share.
void copy_bytes(const ConcatArgs& a, int64_t row_bytes, int64_t begin, int64_t end) {
  while (begin < end) {
    int64_t row = begin / row_bytes, at = begin - row * row_bytes, part = 0;
    while (at >= a.bytes[part]) at -= a.bytes[part++];
    int64_t n = a.bytes[part] - at < end - begin ? a.bytes[part] - at : end - begin;
    __builtin_memcpy(a.out + begin, a.part[part] + row * a.bytes[part] + at, std::size_t(n));
    begin += n;
  }
}

}  // namespace

void concat(const ConcatArgs& a) {
  int64_t row_bytes = 0;
  for (int64_t p = 0; p < a.parts; p++) row_bytes += a.bytes[p];
  if (row_bytes == 0) return;
  if (a.rows == 1 || row_bytes >= kGrainBytes)
    parallel_for(a.rows * row_bytes, kGrainBytes,
                 [&](int64_t begin, int64_t end) { copy_bytes(a, row_bytes, begin, end); });
  else
    parallel_for(a.rows, kGrainBytes / row_bytes + 1,
                 [&](int64_t begin, int64_t end) { copy_rows(a, row_bytes, begin, end); });
}

void repeat_index(const RepeatArgs& a) {
  if (!a.out) {
    int64_t total = 0;
    for (int64_t i = 0; i < a.n && total >= 0; i++)
      if (a.repeats[i] < 0 || __builtin_add_overflow(total, a.repeats[i], &total)) total = -1;
    *a.total = total;
    return;
  }
  int64_t* to = a.out;
  for (int64_t i = 0; i < a.n; i++)
    for (int64_t k = 0; k < a.repeats[i]; k++) *to++ = i;
}

}  // namespace tx::TX_ISA
