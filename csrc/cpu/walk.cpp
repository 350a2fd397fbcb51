#include "walk.h"

#include "../kernels.h"
#include "parallel.h"
#include "walk_stream.h"
#include "walk_tiles.h"

namespace tx::TX_ISA {
namespace {

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
      if (itemsize(row_dtype[k]) > bytes) bytes = itemsize(row_dtype[k]);
      if (streams[k].repeats && streams[k].period > period)
        period = streams[k].period;  // suffix sizes: each divides the next
      direct &= streams[k].direct();
    }
    chunk = kChunkBytes / bytes < kMaxChunk ? kChunkBytes / bytes : kMaxChunk;
    if (outer > 0 && chunk > 256) chunk = 256;  // what is constant along a row is spread out once per row
    chunk = period > chunk ? period : chunk / period * period;
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
