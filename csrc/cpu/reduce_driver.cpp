// Walks the input of a reduction: along rows or down columns, whichever way its memory runs, in parallel over the
// outputs and over parts of a long reduced extent. The result is the same for every way: a part is a power of two of
// fold.h's blocks, and states are merged in the tree that fold.h defines.
#include "reduce_driver.h"

#include "allocator.h"
#include "gather.h"
#include "parallel.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGrain = 32768;      // elements that are worth a task of their own
constexpr int64_t kWindow = 16384;     // elements of a row gathered at a time, if they have to be: whole blocks
constexpr int64_t kCachedColumns = 256;  // fold.h's lanes of so many (128 bytes a column) stay in the first-level cache
constexpr int kGroup = 64;  // rows whose results are written together
constexpr int64_t kStateBytes = 32;  // no state is larger
constexpr int64_t kPanelBytes = 4096;  // nor are those of a panel

struct Reduction {
  const ReduceArgs& args;
  const Reducer& reducer;
  const int64_t item;  // bytes of the compute type
  const int64_t block;  // elements
  const bool in_place;  // elements are of the compute type

  Reduction(const ReduceArgs& args, const Reducer& reducer)
      : args(args),
        reducer(reducer),
        item(itemsize(reducer.type)),
        block(128 / item * kChain),
        in_place(args.in_dtype == reducer.type && !reducer.nonzero) {}

  void read(const char* from, int64_t rows, int64_t row_step, int64_t columns, int64_t column_step, void* to) const {
    if (reducer.nonzero) gather_nonzero(args.in_dtype, from, rows, row_step, columns, column_step, (int64_t*)to);
    else gather(args.in_dtype, from, rows, row_step, columns, column_step, reducer.type, to);
  }

  // Results of `count` states to outputs from out_at on, out_step apart (both in elements).
  void write(const void* states, int64_t count, int64_t out_at, int64_t out_step) const {
    alignas(64) char first[kPanelBytes + 64], second[kPanelBytes + 64];  // finish may write whole registers
    const int64_t size = itemsize(args.out_dtype);
    reducer.finish(reducer, states, count, args.count, first, second);
    if (args.out) scatter(reducer.type, first, count, args.out_dtype, args.out + out_at * size, out_step * size);
    if (!args.second) return;
    const DType dtype = reducer.second_type == DType::Int64 ? DType::Int64 : args.out_dtype;
    scatter(reducer.second_type, second, count, dtype, args.second + out_at * itemsize(dtype),
            out_step * itemsize(dtype));
  }
};

// States of `count` outputs pushed in the order of their elements, merged as fold.h's Tree does.
class StateTree {
 public:
  StateTree(const Reducer& reducer, int64_t count)
      : reducer_(reducer), count_(count), bytes_(count * reducer.state_bytes) {}

  void push(const void* states) {
    const void* top = states;
    int d = 0;
    for (; pushed_ >> d & 1; d++) {
      reducer_.merge(reducer_, level(d), top, count_);
      top = level(d);
    }
    __builtin_memcpy(level(d), top, size_t(bytes_));
    pushed_++;
  }

  const void* result() {
    int top = __builtin_ctzll(pushed_);
    for (int d = top + 1; pushed_ >> d; d++) {
      if (!(pushed_ >> d & 1)) continue;
      reducer_.merge(reducer_, level(d), level(top), count_);
      top = d;
    }
    return level(top);
  }

 private:
  char* level(int d) { return memory_ + d * ((bytes_ + 63) & ~63); }

  const Reducer& reducer_;
  int64_t count_, bytes_;
  uint64_t pushed_ = 0;
  alignas(64) char memory_[48 * kPanelBytes];
};

// ---- Addresses ---------------------------------------------------------------------------------------------------

// The outputs as `outer` lines of `width` along one kept dimension.
struct OutputLines {
  int ndim = 0;
  int64_t shape[kMaxDims], in[kMaxDims], out[kMaxDims];
  int64_t outer = 1, width = 1, in_step = 0, out_step = 0;

  OutputLines(const ReduceArgs& args, int along) {
    for (int d = 0; d < args.kept_ndim; d++) {
      if (d == along) {
        width = args.kept_shape[d], in_step = args.kept_in[d], out_step = args.kept_out[d];
      } else {
        shape[ndim] = args.kept_shape[d], in[ndim] = args.kept_in[d], out[ndim] = args.kept_out[d];
        outer *= shape[ndim++];
      }
    }
  }

  // Where element `column` of line i is: in bytes of in, in elements of out.
  void locate(int64_t i, int64_t column, int64_t& in_at, int64_t& out_at) const {
    in_at = column * in_step;
    out_at = column * out_step;
    for (int d = ndim - 1; d >= 0; d--) {
      in_at += i % shape[d] * in[d];
      out_at += i % shape[d] * out[d];
      i /= shape[d];
    }
  }
};

// Offsets in bytes of elements first .. first + count of the reduced extent.
void reduced_offsets(const ReduceArgs& args, int64_t first, int64_t count, int64_t* offsets) {
  int64_t index[kMaxDims], at = 0;
  for (int d = args.reduced_ndim - 1; d >= 0; d--) {
    index[d] = first % args.reduced_shape[d];
    first /= args.reduced_shape[d];
    at += index[d] * args.reduced_in[d];
  }
  for (int64_t i = 0; i < count; i++) {
    offsets[i] = at;
    for (int d = args.reduced_ndim - 1; d >= 0; d--) {
      at += args.reduced_in[d];
      if (++index[d] < args.reduced_shape[d]) break;
      at -= index[d] * args.reduced_in[d];
      index[d] = 0;
    }
  }
}

// ---- Along rows --------------------------------------------------------------------------------------------------

class RowReader {
 public:
  explicit RowReader(const Reduction& r) : r_(r), args_(r.args) {
    dense_ = r.in_place && (args_.reduced_ndim == 0 || (args_.reduced_ndim == 1 && args_.reduced_in[0] == r.item));
  }

  // The state of elements [first, last) of the row at base, where `first` begins a block.
  void fold(const char* base, int64_t first, int64_t last, void* state) {
    if (dense_) return r_.reducer.fold_rows(r_.reducer, base + first * r_.item, 0, last - first, 1, state);
    if (last - first <= kWindow) return fold_window(base, first, last - first, state);
    StateTree tree(r_.reducer, 1);
    alignas(64) char part[kStateBytes];
    for (int64_t at = first; at < last; at += kWindow) {
      fold_window(base, at, last - at < kWindow ? last - at : kWindow, part);
      tree.push(part);
    }
    __builtin_memcpy(state, tree.result(), size_t(r_.reducer.state_bytes));
  }

  // The states of `rows` <= kGroup rows, step bytes apart.
  void fold_group(const char* base, int64_t step, int rows, char* states) {
    const int64_t n = args_.count;
    if (dense_ && step % r_.item == 0) {
      r_.reducer.fold_rows(r_.reducer, base, step / r_.item, n, rows, states);
    } else if (args_.reduced_ndim <= 1 && n * kGroup <= kWindow) {
      r_.read(base, rows, step, n, args_.reduced_ndim ? args_.reduced_in[0] : r_.item, buffer_);
      r_.reducer.fold_rows(r_.reducer, buffer_, n, n, rows, states);
    } else {
      for (int i = 0; i < rows; i++) fold(base + i * step, 0, n, states + i * r_.reducer.state_bytes);
    }
  }

 private:
  void fold_window(const char* base, int64_t first, int64_t count, void* state) {
    gather_window(base, first, count);
    r_.reducer.fold_rows(r_.reducer, buffer_, 0, count, 1, state);
  }

  // Elements [first, first + count) of the row at base to the buffer, in logical order.
  void gather_window(const char* base, int64_t first, int64_t count) {
    const int last = args_.reduced_ndim - 1;
    if (last < 0) return r_.read(base, 1, 0, 1, r_.item, buffer_);
    const int64_t inner = args_.reduced_shape[last], step = args_.reduced_in[last];
    const int64_t next = last ? args_.reduced_shape[last - 1] : 1, next_step = last ? args_.reduced_in[last - 1] : 0;
    for (int64_t at = 0; at < count;) {
      int64_t offset;
      reduced_offsets(args_, first + at, 1, &offset);
      const int64_t column = (first + at) % inner, row = (first + at) / inner % next, left = count - at;
      int64_t rows = 1, columns = inner - column < left ? inner - column : left;
      if (column == 0 && left >= inner) rows = left / inner < next - row ? left / inner : next - row;
      r_.read(base + offset, rows, next_step, columns, step, buffer_ + at * r_.item);
      at += rows * columns;
    }
  }

  const Reduction& r_;
  const ReduceArgs& args_;
  bool dense_;  // rows are folded where they are
  alignas(64) char buffer_[kWindow * 8];
};

void fold_whole_rows(const Reduction& r, const OutputLines& lines, int64_t begin, int64_t end) {
  RowReader reader(r);
  alignas(64) char states[kGroup * kStateBytes];
  while (begin < end) {
    const int64_t column = begin % lines.width;
    int64_t rows = lines.width - column < end - begin ? lines.width - column : end - begin, in_at, out_at;
    if (rows > kGroup) rows = kGroup;
    lines.locate(begin / lines.width, column, in_at, out_at);
    reader.fold_group(r.args.in + in_at, lines.in_step, int(rows), states);
    r.write(states, rows, out_at, lines.out_step);
    begin += rows;
  }
}

void reduce_rows(const Reduction& r) {
  const OutputLines lines(r.args, r.args.kept_ndim - 1);
  const int64_t n = r.args.count, outputs = lines.outer * lines.width, part = 128 * r.block,
                size = r.reducer.state_bytes;
  if (n < 2 * part) {
    parallel_for(outputs, n < kGrain ? kGrain / n : 1,
                 [&](int64_t begin, int64_t end) { fold_whole_rows(r, lines, begin, end); });
    return;
  }
  const int64_t parts = (n + part - 1) / part;
  Workspace workspace(size_t(outputs * parts * size));
  char* states = workspace.as<char>();
  parallel_for(outputs * parts, 1, [&](int64_t begin, int64_t end) {
    RowReader reader(r);
    for (int64_t i = begin; i < end; i++) {
      const int64_t output = i / parts, first = i % parts * part;
      int64_t in_at, out_at;
      lines.locate(output / lines.width, output % lines.width, in_at, out_at);
      reader.fold(r.args.in + in_at, first, first + part < n ? first + part : n, states + i * size);
    }
  });
  for (int64_t output = 0; output < outputs; output++) {
    StateTree tree(r.reducer, 1);
    for (int64_t i = 0; i < parts; i++) tree.push(states + (output * parts + i) * size);
    int64_t in_at, out_at;
    lines.locate(output / lines.width, output % lines.width, in_at, out_at);
    r.write(tree.result(), 1, out_at, 1);
  }
}

// ---- Down columns ------------------------------------------------------------------------------------------------

// Panels of at most reducer.panel columns, whose states fit in kPanelBytes, over all lines.
struct Panels {
  const OutputLines& lines;
  int64_t width, per_line, count;

  Panels(const OutputLines& lines, const Reducer& reducer, int64_t rows) : lines(lines) {
    width = reducer.panel < lines.width ? reducer.panel : lines.width;
    if (rows > kFew && width > kCachedColumns) width = kCachedColumns;
    if (width * reducer.state_bytes > kPanelBytes) width = kPanelBytes / reducer.state_bytes;
    per_line = (lines.width + width - 1) / width;
    count = lines.outer * per_line;
  }

  // Where panel i starts; returns its width.
  int64_t locate(int64_t i, int64_t& in_at, int64_t& out_at) const {
    const int64_t column = i % per_line * width;
    lines.locate(i / per_line, column, in_at, out_at);
    return lines.width - column < width ? lines.width - column : width;
  }
};

// The rows of one panel, a block at a time.
class PanelReader : PanelRows {
 public:
  PanelReader(const Reduction& r, const char* panel, int64_t width, int64_t column_step)
      : r_(r), args_(r.args), panel_(panel), width_(width), column_step_(column_step) {
    base = panel;
    offsets = offsets_;
    row_step_ = args_.reduced_ndim == 1 ? args_.reduced_in[0] : 0;
    const bool dense_rows = r.in_place && (column_step == r.item || width == 1);
    in_place_gapless_ = dense_rows && args_.reduced_ndim == 1 && row_step_ == width * r.item;
    stage = dense_rows ? nullptr : stage_row;
  }

  // The states of rows [first, first + count), count <= block.
  void fold(int64_t first, int64_t count, void* states) {
    gapless = nullptr;
    if (in_place_gapless_) {
      gapless = panel_ + first * row_step_;
    } else if (stage && args_.reduced_ndim == 1 && count * width_ <= kWindow) {
      r_.read(panel_ + first * row_step_, count, row_step_, width_, column_step_, buffer_);
      gapless = buffer_;
    } else {
      reduced_offsets(args_, first, count, offsets_);
    }
    r_.reducer.fold_columns(r_.reducer, *this, int(count), width_, states);
  }

 private:
  static void stage_row(const PanelRows& rows, int i, void* to) {
    const PanelReader& self = static_cast<const PanelReader&>(rows);
    self.r_.read(self.base + self.offsets[i], 1, 0, self.width_, self.column_step_, to);
  }

  const Reduction& r_;
  const ReduceArgs& args_;
  const char* panel_;
  int64_t width_, column_step_, row_step_;
  bool in_place_gapless_;
  int64_t offsets_[kBlock<float>];
  alignas(64) char buffer_[kWindow * 8];
};

// The states of rows [first, last) of panel i.
void fold_panel_rows(const Reduction& r, const Panels& panels, int64_t i, int64_t first, int64_t last, char* states) {
  int64_t in_at, out_at;
  const int64_t width = panels.locate(i, in_at, out_at);
  PanelReader reader(r, r.args.in + in_at, width, panels.lines.in_step);
  if (last - first <= r.block) return reader.fold(first, last - first, states);
  StateTree tree(r.reducer, width);
  for (int64_t at = first; at < last; at += r.block) {
    reader.fold(at, last - at < r.block ? last - at : r.block, states);
    tree.push(states);
  }
  __builtin_memcpy(states, tree.result(), size_t(width * r.reducer.state_bytes));
}

void write_panel(const Reduction& r, const Panels& panels, int64_t i, const void* states) {
  int64_t in_at, out_at;
  const int64_t width = panels.locate(i, in_at, out_at);
  r.write(states, width, out_at, panels.lines.out_step);
}

void reduce_columns(const Reduction& r, int along) {
  const OutputLines lines(r.args, along);
  const Panels panels(lines, r.reducer, r.args.count);
  const int64_t n = r.args.count;
  int64_t part = r.block;
  while (part * panels.width < kGrain) part *= 2;
  if (n < 2 * part || panels.count >= 64) {
    const int64_t work = n * panels.width;
    parallel_for(panels.count, work < kGrain ? kGrain / work : 1, [&](int64_t begin, int64_t end) {
      alignas(64) char states[kPanelBytes];
      for (int64_t i = begin; i < end; i++) {
        fold_panel_rows(r, panels, i, 0, n, states);
        write_panel(r, panels, i, states);
      }
    });
    return;
  }
  const int64_t parts = (n + part - 1) / part, size = panels.width * r.reducer.state_bytes;
  Workspace workspace(size_t(panels.count * parts * size));
  char* states = workspace.as<char>();
  parallel_for(panels.count * parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % parts * part;
      fold_panel_rows(r, panels, i / parts, first, first + part < n ? first + part : n, states + i * size);
    }
  });
  parallel_for(panels.count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      int64_t in_at, out_at;
      StateTree tree(r.reducer, panels.locate(i, in_at, out_at));
      for (int64_t j = 0; j < parts; j++) tree.push(states + (i * parts + j) * size);
      write_panel(r, panels, i, tree.result());
    }
  });
}

// ---- Either way --------------------------------------------------------------------------------------------------

// The kept dimension whose elements lie closer together than those of any reduced one, or -1.
int column_dimension(const ReduceArgs& args) {
  const auto distance = [](int64_t stride) { return stride < 0 ? -stride : stride; };
  int64_t closest = INT64_MAX;
  int best = -1;
  for (int d = 0; d < args.reduced_ndim; d++)
    if (distance(args.reduced_in[d]) < closest) closest = distance(args.reduced_in[d]);
  for (int d = 0; d < args.kept_ndim; d++)
    if (args.kept_in[d] != 0 && distance(args.kept_in[d]) < closest) closest = distance(args.kept_in[d]), best = d;
  return best;
}

void write_empty(const Reduction& r) {
  const OutputLines lines(r.args, r.args.kept_ndim - 1);
  alignas(64) char state[kStateBytes];
  for (int64_t i = 0; i < lines.outer * lines.width; i++) {
    int64_t in_at, out_at;
    lines.locate(i / lines.width, i % lines.width, in_at, out_at);
    r.write(state, 1, out_at, 1);
  }
}

}  // namespace

void reduce(const ReduceArgs& args, const Reducer& reducer) {
  if (args.empty) return;
  const Reduction r(args, reducer);
  if (args.count == 0) return write_empty(r);
  const int along = column_dimension(args);
  if (along >= 0) reduce_columns(r, along);
  else reduce_rows(r);
}

}  // namespace tx::TX_ISA
