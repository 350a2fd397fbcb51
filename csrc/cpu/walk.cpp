#include "walk.h"

#include "../kernels.h"
#include "cast.h"
#include "parallel.h"
#include "vec.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kChunkBytes = 4096;      // of one operand, staged
constexpr int64_t kMaxChunk = 1024;        // elements
constexpr int64_t kLongRow = 256;          // rows from here on are walked one by one; shorter ones several to a chunk

// ---- Moving elements between strided and dense memory ---------------------------------------------------------

// Copies a (rows, cols) block of E between `dense`, rows following each other, and `strided`.
template <class E, bool gather>
void move_block(char* dense, char* strided, int64_t rows, int64_t row_step, int64_t cols, int64_t col_step) {
  E* to = (E*)dense;
  for (int64_t r = 0; r < rows; r++, strided += row_step, to += cols) {
    char* at = strided;
    if (col_step == int64_t(sizeof(E))) {
      if constexpr (gather) for (int64_t c = 0; c < cols; c++) to[c] = ((const E*)at)[c];
      else for (int64_t c = 0; c < cols; c++) ((E*)at)[c] = to[c];
    } else if (gather && col_step == 0) {
      E value = *(const E*)at;
      for (int64_t c = 0; c < cols; c++) to[c] = value;
    } else {
      for (int64_t c = 0; c < cols; c++, at += col_step) {
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
    case 1: return move_block<uint8_t, gather>;
    case 2: return move_block<uint16_t, gather>;
    case 4: return move_block<uint32_t, gather>;
    default: return move_block<uint64_t, gather>;
  }
}

// ---- One operand -----------------------------------------------------------------------------------------------

// The dimensions one operand is staged over at a time (the unit: one row, or everything), merged for this operand alone.
struct Stream {
  DType stored, used;
  int64_t item;                            // bytes per stored element
  bool dense;                              // one run in memory
  bool repeats;                            // the same `period` elements over and over, held in the buffer
  bool is_output;
  int64_t period;
  int ndim;
  int64_t shape[kMaxDims], strides[kMaxDims];
  int64_t index[kMaxDims];                 // position, for what is neither dense nor repeated

  bool direct() const { return dense && stored == used; }

  void begin(DType stored_in, DType used_as, bool output) {
    stored = stored_in;
    used = used_as;
    is_output = output;
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

  void end() {
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
};

struct Buffers {
  alignas(64) char used[kMaxChunk * 8];    // as the row function wants it
  alignas(64) char stored[kMaxChunk * 8];  // as it is in memory
};

// ---- The walk --------------------------------------------------------------------------------------------------

template <int N>
struct Walk {
  Row row;
  int outer;                               // dimensions walked unit by unit; the streams hold the rest
  int64_t unit;                            // elements per unit
  int64_t chunk;                           // elements per call of the row function
  const NdIter<N>* it;
  Stream streams[N];

  void plan(const NdIter<N>& iter, const DType (&row_dtype)[N], Row function) {
    it = &iter;
    row = function;
    split(0, row_dtype);
    bool cheap = true;                     // nothing to gather element by element
    for (int k = 0; k < N; k++) cheap &= streams[k].dense || streams[k].repeats;
    if (!cheap && iter.ndim > 1 && iter.row_length() >= kLongRow) split(iter.ndim - 1, row_dtype);
    int64_t bytes = 1, period = 1;
    for (int k = 0; k < N; k++) {
      if (itemsize(row_dtype[k]) > bytes) bytes = itemsize(row_dtype[k]);
      if (streams[k].repeats && streams[k].period > period) period = streams[k].period;   // suffix sizes: each divides the next
    }
    chunk = kChunkBytes / bytes < kMaxChunk ? kChunkBytes / bytes : kMaxChunk;
    chunk = period > chunk ? period : chunk / period * period;
    bool direct = true;
    for (int k = 0; k < N; k++) direct &= streams[k].direct();
    if (direct) chunk = unit > 0 ? unit : 1;
  }

  void split(int outer_dims, const DType (&row_dtype)[N]) {
    outer = outer_dims;
    unit = 1;
    for (int d = outer; d < it->ndim; d++) unit *= it->shape[d];
    for (int k = 0; k < N; k++) {
      streams[k].begin(it->dtype[k], row_dtype[k], k == 0);
      for (int d = outer; d < it->ndim; d++) streams[k].push(it->shape[d], it->strides[k][d]);
      streams[k].end();
    }
  }

  // Elements [begin, end) of the iteration, on one thread.
  void run(int64_t begin, int64_t end) const {
    Stream position[N];
    Buffers buffers[N];
    for (int k = 0; k < N; k++) position[k] = streams[k];
    while (begin < end) {
      int64_t u = begin / unit, from = begin - u * unit;
      int64_t to = end - u * unit < unit ? end - u * unit : unit;
      char* base[N];
      for (int k = 0; k < N; k++) base[k] = it->data[k];
      for (int d = outer - 1; d >= 0; d--) {
        int64_t at = u % it->shape[d];
        u /= it->shape[d];
        for (int k = 0; k < N; k++) base[k] += at * it->strides[k][d];
      }
      run_unit(position, buffers, base, from, to);
      begin += to - from;
    }
  }

  void run_unit(Stream* position, Buffers* buffers, char* const* base, int64_t from, int64_t to) const {
    char* operand[N];
    for (int k = 0; k < N; k++) {
      Stream& s = position[k];
      if (s.direct()) continue;
      if (s.repeats) fill(s, buffers[k], base[k], to - from < chunk ? to - from : chunk);
      else if (!s.dense) s.seek(from);
    }
    for (int64_t i = from; i < to; i += chunk) {
      int64_t n = to - i < chunk ? to - i : chunk;
      for (int k = 0; k < N; k++) operand[k] = k == 0 ? output(position[0], buffers[0], base[0], i) : input(position[k], buffers[k], base[k], i, n);
      row(operand, n);
      if (!position[0].direct()) write(position[0], buffers[0], base[0], i, n);
    }
  }

  // A repeating operand, once per unit: one period, then copies of it.
  static void fill(Stream& s, Buffers& b, char* base, int64_t n) {
    int64_t item = itemsize(s.used), first = s.period < n ? s.period : n;
    for (int d = 0; d < s.ndim; d++) s.index[d] = 0;
    char* stored = s.stored == s.used ? b.used : b.stored;
    s.move<true>(stored, base, first);
    if (s.stored != s.used) cast(b.used, s.used, b.stored, s.stored, first);
    if (first == 1) move_block_for<true>(item)(b.used, b.used, 1, 0, n, 0);
    else for (int64_t done = first; done < n; done *= 2)
      __builtin_memcpy(b.used + done * item, b.used, size_t((n - done < done ? n - done : done) * item));
  }

  static char* input(Stream& s, Buffers& b, char* base, int64_t i, int64_t n) {
    if (s.repeats) return b.used;
    char* source = base + i * s.item;
    if (!s.dense) s.move<true>(source = b.stored, base, n);
    if (s.stored == s.used) return source;
    cast(b.used, s.used, source, s.stored, n);
    return b.used;
  }

  static char* output(const Stream& s, Buffers& b, char* base, int64_t i) {
    return s.direct() ? base + i * s.item : b.used;
  }

  static void write(Stream& s, Buffers& b, char* base, int64_t i, int64_t n) {
    char* source = b.used;
    if (s.stored != s.used) {
      char* target = s.dense ? base + i * s.item : b.stored;
      cast(target, s.stored, b.used, s.used, n);
      source = b.stored;
    }
    if (!s.dense) s.move<false>(source, base, n);
  }
};

}  // namespace

template <int N>
void walk(const NdIter<N>& it, const DType (&row_dtype)[N], Row row, int64_t grain) {
  if (it.empty) return;
  Walk<N> w;
  w.plan(it, row_dtype, row);
  if (w.chunk < grain) grain = (grain + w.chunk - 1) / w.chunk * w.chunk;
  parallel_for(it.numel(), grain, [&](int64_t begin, int64_t end) { w.run(begin, end); });
}

template <int N>
void run(const NdIter<N>& it, const RowTable& table) {
  Row row = table.rows[int(it.compute)];
  if (!row) {
    uint32_t supported = 0;
    for (int t = 0; t < kNumDTypes; t++)
      if (table.rows[int(compute_dtype(DType(t)))]) supported |= 1u << t;
    unsupported(table.op, it.compute, supported);
  }
  DType row_dtype[N];
  for (int k = 0; k < N; k++) row_dtype[k] = it.compute;
  if (table.to_bool) row_dtype[0] = DType::Bool;

  bool dense = it.ndim <= 1 && !it.empty;
  for (int k = 0; k < N; k++)
    dense = dense && it.dtype[k] == row_dtype[k] && (it.ndim == 0 || it.strides[k][0] == itemsize(row_dtype[k]));
  if (!dense) {
    walk(it, row_dtype, row, table.grain);
    return;
  }
  parallel_for(it.row_length(), table.grain, [&](int64_t begin, int64_t end) {
    char* operand[N];
    for (int k = 0; k < N; k++) operand[k] = it.data[k] + begin * itemsize(row_dtype[k]);
    row(operand, end - begin);
  });
}

#define TX_INSTANTIATE(N)                                                      \
  template void walk(const NdIter<N>&, const DType (&)[N], Row, int64_t);     \
  template void run(const NdIter<N>&, const RowTable&);
TX_INSTANTIATE(2) TX_INSTANTIATE(3) TX_INSTANTIATE(4)
#undef TX_INSTANTIATE

}  // namespace tx::TX_ISA
