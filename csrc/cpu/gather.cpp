#include "gather.h"

#include <cstring>

#include "cast.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kChunk = 512;        // elements converted at a time

TX_INLINE int64_t distance(int64_t step) { return step < 0 ? -step : step; }

// E: an unsigned integer of the element's size.
template <class E>
void move_block(const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step, void* out) {
  E* __restrict to = (E*)out;
  if (column_step == int64_t(sizeof(E))) {
    for (int64_t i = 0; i < rows; i++)
      std::memcpy(to + i * columns, from + i * row_step, std::size_t(columns) * sizeof(E));
  } else if (rows > 1 && distance(row_step) < distance(column_step)) {       // read along the memory, not across it
    for (int64_t j = 0; j < columns; j++)
      for (int64_t i = 0; i < rows; i++) to[i * columns + j] = *(const E*)(from + i * row_step + j * column_step);
  } else {
    for (int64_t i = 0; i < rows; i++)
      for (int64_t j = 0; j < columns; j++) to[i * columns + j] = *(const E*)(from + i * row_step + j * column_step);
  }
}

void move(int64_t itemsize, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
          void* to) {
  switch (itemsize) {
    case 1: return move_block<uint8_t>(from, rows, row_step, columns, column_step, to);
    case 2: return move_block<uint16_t>(from, rows, row_step, columns, column_step, to);
    case 4: return move_block<uint32_t>(from, rows, row_step, columns, column_step, to);
    case 8: return move_block<uint64_t>(from, rows, row_step, columns, column_step, to);
    default: return move_block<Word16>(from, rows, row_step, columns, column_step, to);
  }
}

// Calls convert(dense elements, how many, index of the first) for all of the block, in chunks.
template <class F>
void in_chunks(int64_t itemsize, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
               const F& convert) {
  if (column_step == itemsize && (rows == 1 || row_step == columns * itemsize))
    return convert(from, rows * columns, int64_t(0));
  alignas(64) char chunk[kChunk * 8];
  const int64_t rows_at_a_time = columns < kChunk ? kChunk / columns : 1;
  for (int64_t i = 0; i < rows; i += rows_at_a_time) {
    const int64_t r = rows - i < rows_at_a_time ? rows - i : rows_at_a_time;
    const char* row = from + i * row_step;
    if (column_step == itemsize && r == 1) {
      convert(row, columns, i * columns);
      continue;
    }
    for (int64_t j = 0; j < columns; j += kChunk) {
      const int64_t c = columns - j < kChunk ? columns - j : kChunk;
      move(itemsize, row + j * column_step, r, row_step, c, column_step, chunk);
      convert((const char*)chunk, r * c, i * columns + j);
    }
  }
}

}  // namespace

void gather(DType dtype, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
            DType type, void* to) {
  if (dtype == type) return move(itemsize(dtype), from, rows, row_step, columns, column_step, to);
  in_chunks(itemsize(dtype), from, rows, row_step, columns, column_step,
            [&](const char* x, int64_t n, int64_t at) { cast((char*)to + at * itemsize(type), type, x, dtype, n); });
}

void gather_nonzero(DType dtype, const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step,
                    int64_t* to) {
  in_chunks(itemsize(dtype), from, rows, row_step, columns, column_step, [&](const char* x, int64_t n, int64_t at) {
    char truth[kChunk];
    for (int64_t i = 0; i < n; i += kChunk) {
      const int64_t k = n - i < kChunk ? n - i : kChunk;
      cast(truth, DType::Bool, x + i * itemsize(dtype), dtype, k);
      cast((char*)(to + at + i), DType::Int64, truth, DType::Bool, k);
    }
  });
}

void scatter(DType type, const void* from, int64_t count, DType dtype, char* to, int64_t step) {
  const int64_t size = itemsize(dtype);
  if (step == size || count == 1) return cast(to, dtype, (const char*)from, type, count);
  alignas(64) char chunk[kChunk * 8];
  for (int64_t i = 0; i < count; i += kChunk) {
    const int64_t n = count - i < kChunk ? count - i : kChunk;
    cast(chunk, dtype, (const char*)from + i * itemsize(type), type, n);
    for (int64_t j = 0; j < n; j++) std::memcpy(to + (i + j) * step, chunk + j * size, std::size_t(size));
  }
}

}  // namespace tx::TX_ISA
