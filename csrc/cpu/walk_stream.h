// How one operand of a walk reaches a row function: straight from memory, or through a buffer in the first-level cache.
// Included by the files of the walk alone.
#pragma once
#include <utility>
#include "cast.h"
#include "vec.h"
#include "walk.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kChunkBytes = 4096;  // of one operand, staged
constexpr int64_t kMaxChunk = 1024;  // elements
constexpr int64_t kWidest = 16;  // bytes of an element

// `used`: as the row function wants it; `stored`: as it is in memory. Filling one may write a register too much.
struct Buffers {
  alignas(64) char used[kMaxChunk * kWidest + kVecBytes];
  alignas(64) char stored[kMaxChunk * kWidest + kVecBytes];
};

// ---- Moving elements between strided and dense memory ---------------------------------------------------------

// n copies of one element; writes up to a register more.
template <class E>
TX_INLINE void splat(E* to, E value, int64_t n) {
  if constexpr (sizeof(E) > 8) {
    for (int64_t i = 0; i < n; i++) to[i] = value;
  } else {
    Vec<E> v(value);
    for (int64_t i = 0; i < n; i += Vec<E>::size) store<E>(to + i, v);
  }
}

// The first size elements of `at` that are kStep elements apart: kStep registers would do, but no more may be read than
// up to the last of them and the one after it.
template <class E, int kStep, int... i>
TX_INLINE Vec<E> every(const char* at, std::integer_sequence<int, i...>) {
  constexpr int size = Vec<E>::size;
  if constexpr (kStep == 2) return __builtin_shufflevector(load<E>(at).v, load<E>(at + kVecBytes).v, (2 * i)...);
  else {
    const Vec<E> backwards = load<E>(at - (size - 1) * int64_t(sizeof(E)));
    return __builtin_shufflevector(backwards.v, backwards.v, (size - 1 - i)...);
  }
}

// to[c] = element c * kStep at `at`, for as many whole registers as fit into cols; returns how many elements that were.
template <class E, int kStep>
TX_INLINE int64_t gather_step(E* to, const char* at, int64_t cols) {
  int64_t c = 0;
  if constexpr (sizeof(E) <= 8) {
    constexpr int size = Vec<E>::size;
    for (; c + size < cols; c += size)  // "<": the element after the last that is read exists as well
      store<E>(to + c, every<E, kStep>(at + c * kStep * int64_t(sizeof(E)), std::make_integer_sequence<int, size>{}));
  }
  return c;
}

// Copies a (rows, cols) block of E between `dense`, rows following each other, and `strided`. Gathering from
// col_step 0 may write up to a register more.
template <class E, bool gather>
void move_block(char* dense, char* strided, int64_t rows, int64_t row_step, int64_t cols, int64_t col_step) {
  E* to = (E*)dense;
  for (int64_t r = 0; r < rows; r++, strided += row_step, to += cols) {
    char* at = strided;
    if (col_step == int64_t(sizeof(E))) {
      if constexpr (gather)
        for (int64_t c = 0; c < cols; c++) to[c] = ((const E*)at)[c];
      else
        for (int64_t c = 0; c < cols; c++) ((E*)at)[c] = to[c];
    } else if (gather && col_step == 0) {
      splat(to, *(const E*)at, cols);
    } else {
      int64_t c = 0;
      if (gather && col_step == 2 * int64_t(sizeof(E))) c = gather_step<E, 2>(to, at, cols);
      if (gather && col_step == -int64_t(sizeof(E))) c = gather_step<E, -1>(to, at, cols);
      for (at += c * col_step; c < cols; c++, at += col_step) {
        if constexpr (gather) to[c] = *(const E*)at;
        else *(E*)at = to[c];
      }
    }
  }
}

using MoveBlock = void (*)(char*, char*, int64_t, int64_t, int64_t, int64_t);

template <bool gather>
MoveBlock move_block_for(int64_t itemsize) {
  switch (itemsize) {
    case 1: return move_block<int8_t, gather>;
    case 2: return move_block<int16_t, gather>;
    case 4: return move_block<int32_t, gather>;
    case 8: return move_block<int64_t, gather>;
    default: return move_block<Word16, gather>;
  }
}

// ---- One operand -----------------------------------------------------------------------------------------------

// The dimensions one operand is staged over at a time (the unit: one row, or everything), merged for this operand alone.
struct Stream {
  DType stored, used;
  int64_t item;  // bytes per stored element
  bool dense;  // one run in memory
  bool repeats;  // an input that is the same `period` elements over and over, kept in the buffer
  int64_t period;
  int ndim;
  int64_t shape[kMaxDims], strides[kMaxDims];
  int64_t index[kMaxDims];  // position, for what is neither dense nor repeated

  bool direct() const { return dense && stored == used; }

  void begin(DType stored_in, DType used_as) {
    stored = stored_in;
    used = used_as;
    item = itemsize(stored_in);
    ndim = 0;
  }

  // Inner dimensions last.
  void push(int64_t size, int64_t step) {
    if (ndim > 0 && strides[ndim - 1] == step * size) {
      shape[ndim - 1] *= size;
      strides[ndim - 1] = step;
      return;
    }
    shape[ndim] = size;
    strides[ndim++] = step;
  }

  void end(bool is_output) {
    dense = ndim == 0 || (ndim == 1 && (strides[0] == item || shape[0] == 1));
    period = 1;
    int outer = ndim;
    while (outer > 0 && strides[outer - 1] != 0) period *= shape[--outer];
    repeats = !is_output && outer == 1 && period <= kMaxChunk;
    for (int d = 0; d < ndim; d++) index[d] = 0;
  }

  void seek(int64_t i) {
    for (int d = ndim - 1; d >= 0; d--) {
      index[d] = i % shape[d];
      i /= shape[d];
    }
  }

  // Moves n elements from the position on and advances it.
  template <bool gather>
  void move(char* dense_side, char* data, int64_t n) {
    MoveBlock move_elements = move_block_for<gather>(item);
    int last = ndim - 1;
    while (n > 0) {
      char* at = data;
      for (int d = 0; d < ndim; d++) at += index[d] * strides[d];
      int64_t cols = shape[last], rows = 1;
      bool whole = index[last] == 0 && n >= cols;
      if (whole && last > 0) {
        int64_t left = shape[last - 1] - index[last - 1];
        rows = n / cols < left ? n / cols : left;
      } else if (!whole) {
        cols = cols - index[last] < n ? cols - index[last] : n;
      }
      move_elements(dense_side, at, rows, last > 0 ? strides[last - 1] : 0, cols, strides[last]);
      dense_side += rows * cols * item;
      n -= rows * cols;
      if (whole && last > 0) index[last - 1] += rows;
      else index[last] += cols;
      for (int d = last; d > 0; d--) {
        if (index[d] < shape[d]) continue;
        index[d] = 0;
        index[d - 1]++;
      }
    }
  }

  // Before a unit whose first element is at `base`, from its element i on; the row function will see n at a time.
  void start(Buffers& b, char* base, int64_t i, int64_t n) {
    if (repeats) fill(b, base, n);
    else if (!dense) seek(i);
  }

  // A repeating operand, once per unit: one period, then copies of it.
  void fill(Buffers& b, char* base, int64_t n) {
    int64_t width = itemsize(used), first = period < n ? period : n;
    for (int d = 0; d < ndim; d++) index[d] = 0;
    char* target = stored == used ? b.used : b.stored;
    move<true>(target, base, stored == used && period == 1 ? n : first);
    if (stored != used) cast(b.used, used, b.stored, stored, first);
    else if (period == 1) return;
    if (first == 1) move_block_for<true>(width)(b.used, b.used, 1, 0, n, 0);
    else
      for (int64_t done = first; done < n; done *= 2)
        __builtin_memcpy(b.used + done * width, b.used, size_t((n - done < done ? n - done : done) * width));
  }

  // Elements [i, i + n) of the unit as they are stored, dense.
  char* fetch(Buffers& b, char* base, int64_t i, int64_t n) {
    if (dense) return base + i * item;
    move<true>(b.stored, base, n);
    return b.stored;
  }

  // Where the row function finds them.
  char* input(Buffers& b, char* base, int64_t i, int64_t n) {
    if (repeats) return b.used;
    char* source = fetch(b, base, i, n);
    if (stored == used) return source;
    cast(b.used, used, source, stored, n);
    return b.used;
  }

  // Where the row function puts them, and taking them from there to memory.
  char* output(Buffers& b, char* base, int64_t i) const { return direct() ? base + i * item : b.used; }
  void write(Buffers& b, char* base, int64_t i, int64_t n) {
    if (direct()) return;
    char* source = b.used;
    if (stored != used) {
      char* target = dense ? base + i * item : b.stored;
      cast(target, stored, b.used, used, n);
      source = b.stored;
    }
    if (!dense) move<false>(source, base, n);
  }
};

// Copies elements [i, i + n) from x to out, without a detour where one side or both are dense. Both streams are used as
// the output is stored.
TX_INLINE void copy_elements(Stream& out, Stream& x, Buffers* buffers, char* const* base, int64_t i, int64_t n) {
  char* to = out.dense ? base[0] + i * out.item : buffers[0].used;
  if (x.repeats) __builtin_memcpy(to, buffers[1].used, size_t(n * out.item));
  else if (x.stored != out.stored) cast(to, out.stored, x.fetch(buffers[1], base[1], i, n), x.stored, n);
  else if (!x.dense && x.strides[x.ndim - 1] != 0) x.move<true>(to, base[1], n);
  else if (out.dense) __builtin_memcpy(to, x.fetch(buffers[1], base[1], i, n), size_t(n * out.item));
  else to = x.fetch(buffers[1], base[1], i, n);
  if (!out.dense) out.move<false>(to, base[0], n);
}

}  // namespace
}  // namespace tx::TX_ISA
