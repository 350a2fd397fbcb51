#include "walk.h"

#include "../kernels.h"
#include "parallel.h"
#include "past_caches.h"
#include "walk_stream.h"
#include "walk_tiles.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kLargeOutput = 32 << 20;  // bytes: measured to lose at 4 MB and to win at 40
constexpr int64_t kLongRow = 256;  // rows from here on are walked one by one; shorter ones several to a chunk

template <int N>
struct Walk {
  Row row;  // null: copy operand 1
  int outer;  // dimensions walked unit by unit; the streams hold the rest
  int64_t unit;  // elements per unit
  int64_t chunk;  // elements per call of the row function
  const NdIter<N>* it;
  Stream streams[N];

  void plan(const NdIter<N>& iter, const DType (&row_dtype)[N], Row function) {
    it = &iter;
    row = function;
    split(0, row_dtype);
    bool cheap = true;  // nothing to gather element by element
    for (int k = 0; k < N; k++) cheap &= streams[k].dense || streams[k].repeats;
    if (!cheap && iter.ndim > 1 && iter.row_length() >= kLongRow) split(iter.ndim - 1, row_dtype);

    int64_t bytes = 1, period = 1;
    bool direct = row != nullptr;
    for (int k = 0; k < N; k++) {
      for (DType type : {row_dtype[k], iter.dtype[k]})
        if (itemsize(type) > bytes) bytes = itemsize(type);
      if (streams[k].repeats && streams[k].period > period)
        period = streams[k].period;  // suffix sizes: each divides the next
      direct &= streams[k].direct();
    }
    chunk = kChunkBytes / bytes < kMaxChunk ? kChunkBytes / bytes : kMaxChunk;
    if (outer > 0 && chunk > 256) chunk = 256;  // what is constant along a row is spread out once per row
    chunk = period > chunk ? period : chunk / period * period;
    if (chunk % 16 != 0 && chunk * 2 * bytes <= kMaxChunk * 8) chunk *= 2;  // fewer chunks that begin within a line
    if (direct) chunk = unit;
  }

  void split(int outer_dims, const DType (&row_dtype)[N]) {
    outer = outer_dims;
    unit = 1;
    for (int d = outer; d < it->ndim; d++) unit *= it->shape[d];
    for (int k = 0; k < N; k++) {
      streams[k].begin(it->dtype[k], row_dtype[k]);
      for (int d = outer; d < it->ndim; d++) streams[k].push(it->shape[d], it->strides[k][d]);
      streams[k].end(k == 0);
    }
  }

  // Elements [begin, end) of the iteration, on one thread.
  void run(int64_t begin, int64_t end) const {
    Stream position[N];
    Buffers buffers[N];
    char* base[N];
    int64_t index[kMaxDims], u = begin / unit, from = begin - u * unit;
    for (int k = 0; k < N; k++) {
      position[k] = streams[k];
      base[k] = it->data[k];
    }
    for (int d = outer - 1; d >= 0; d--) {
      index[d] = u % it->shape[d];
      u /= it->shape[d];
      for (int k = 0; k < N; k++) base[k] += index[d] * it->strides[k][d];
    }
    while (true) {
      int64_t n = end - begin < unit - from ? end - begin : unit - from;
      run_unit(position, buffers, base, from, from + n);
      begin += n;
      if (begin == end) return;
      from = 0;
      for (int d = outer - 1; d >= 0; d--) {  // to the next unit
        for (int k = 0; k < N; k++) base[k] += it->strides[k][d];
        if (++index[d] < it->shape[d]) break;
        index[d] = 0;
        for (int k = 0; k < N; k++) base[k] -= it->shape[d] * it->strides[k][d];
      }
    }
  }

  void run_unit(Stream* position, Buffers* buffers, char* const* base, int64_t from, int64_t to) const {
    for (int k = 0; k < N; k++) position[k].start(buffers[k], base[k], from, to - from < chunk ? to - from : chunk);
    for (int64_t i = from; i < to; i += chunk) {
      int64_t n = to - i < chunk ? to - i : chunk;
      if (!row) {
        copy_elements(position[0], position[1], buffers, base, i, n);
        continue;
      }
      char* operand[N];
      operand[0] = position[0].output(buffers[0], base[0], i);
      for (int k = 1; k < N; k++) operand[k] = position[k].input(buffers[k], base[k], i, n);
      row(operand, n);
      position[0].write(buffers[0], base[0], i, n);
    }
  }
};

// The simple case: one row, in which each operand is dense or one value for all of it.
template <int N>
struct Line {
  Row row;
  const NdIter<N>* it;
  int64_t size[N];  // bytes from element to element
  bool constants, streams;
  int64_t chunk;

  bool plan(const NdIter<N>& iter, const DType (&row_dtype)[N], Row function) {
    it = &iter;
    row = function;
    constants = false;
    if (iter.ndim > 1 || iter.empty) return false;
    int64_t widest = 1;
    for (int k = 0; k < N; k++) {
      if (iter.dtype[k] != row_dtype[k]) return false;
      size[k] = itemsize(row_dtype[k]);
      if (size[k] > widest) widest = size[k];
      if (iter.ndim == 0 || iter.strides[k][0] == size[k]) continue;
      if (iter.strides[k][0] != 0 || k == 0) return false;
      size[k] = 0;
      constants = true;
    }
    streams = passes_caches(iter);
    chunk = kChunkBytes / widest;
    return true;
  }

  void run(int64_t begin, int64_t end) const {
    char* operand[N];
    if (!constants && !streams) {
      for (int k = 0; k < N; k++) operand[k] = it->data[k] + begin * size[k];
      row(operand, end - begin);
      return;
    }
    alignas(64) char buffers[N][kChunkBytes + kVecBytes];
    for (int k = 1; k < N; k++)
      if (size[k] == 0) {
        operand[k] = buffers[k];
        move_block_for<true>(itemsize(it->dtype[k]))(buffers[k], it->data[k], 1, 0,
                                                     end - begin < chunk ? end - begin : chunk, 0);
      }
    for (int64_t i = begin; i < end; i += chunk) {
      const int64_t n = end - i < chunk ? end - i : chunk;
      for (int k = 0; k < N; k++)
        if (size[k]) operand[k] = it->data[k] + i * size[k];
      if (streams) operand[0] = buffers[0];
      row(operand, n);
      if (streams) store_past_caches(it->data[0] + i * size[0], buffers[0], n * size[0]);
    }
  }

  // An output that will not be in a cache by the time it is read need not be read into one to be written.
  static bool passes_caches(const NdIter<N>& iter) {
    if (iter.row_length() * itemsize(iter.dtype[0]) < kLargeOutput) return false;
    for (int k = 1; k < N; k++)
      if (iter.data[k] == iter.data[0]) return false;  // in place: it is in the cache
    return true;
  }
};

// The row for operands that are all stored as one half type, where the op has one.
template <int N>
Row half_row(const NdIter<N>& it, const RowTable& table) {
  const DType type = it.dtype[1];
  if (!is_half(type) || it.compute != DType::Float32 || !(table.to_bool || it.dtype[0] == type)) return nullptr;
  for (int k = 2; k < N; k++)
    if (it.dtype[k] != type) return nullptr;
  return table.rows[int(type)];
}

}  // namespace

template <int N>
void walk(const NdIter<N>& it, const DType (&row_dtype)[N], Row row, int64_t grain) {
  if (it.empty) return;
  Tiles<N> tiles;
  if (tiles.plan(it, row_dtype, row)) {
    parallel_for(tiles.count(), tiles.grain(grain), [&](int64_t begin, int64_t end) { tiles.run(begin, end); });
    return;
  }
  Walk<N> w;
  w.plan(it, row_dtype, row);
  parallel_for(it.numel(), even_grain(it.numel(), grain, w.chunk < grain ? w.chunk : 1),
               [&](int64_t begin, int64_t end) { w.run(begin, end); });
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
  DType type = it.compute;
  if (Row half = half_row(it, table)) row = half, type = it.dtype[1];
  DType row_dtype[N];
  for (int k = 0; k < N; k++) row_dtype[k] = type;
  if (table.to_bool) row_dtype[0] = DType::Bool;

  Line<N> line;
  if (line.plan(it, row_dtype, row)) {
    parallel_for(it.row_length(), even_grain(it.row_length(), table.grain),
                 [&](int64_t begin, int64_t end) { line.run(begin, end); });
  } else {
    walk(it, row_dtype, row, table.grain);
  }
}

#define TX_INSTANTIATE(N)                                                      \
  template void walk(const NdIter<N>&, const DType (&)[N], Row, int64_t);     \
  template void run(const NdIter<N>&, const RowTable&);
TX_INSTANTIATE(2) TX_INSTANTIATE(3) TX_INSTANTIATE(4)
#undef TX_INSTANTIATE

}  // namespace tx::TX_ISA
