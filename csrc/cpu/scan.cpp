// Scans along one dimension. A step depends on the one before, so registers work across the columns of a panel, or, along
// a row, on the running result of a whole register at once.
#include "../kernels/scan.h"

#include "cast.h"
#include "fold.h"
#include "parallel.h"
#include "vec_math.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGrain = 16384;  // elements
constexpr int kPanel = 256;  // columns, or elements of a row, at a time

// Calls row(item) for every row (inner == 1), or column(item, first, width) for every panel of every item.
template <class Row, class Columns>
TX_INLINE void for_each_line(const ScanArgs& args, const Row& row, const Columns& columns) {
  if (args.n == 0 || args.inner == 0) return;
  if (args.inner == 1) {
    parallel_for(args.outer, args.n < kGrain ? kGrain / args.n : 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) row(i * args.n);
    });
    return;
  }
  const int64_t panels = (args.inner + kPanel - 1) / kPanel,
                work = args.n * (args.inner < kPanel ? args.inner : kPanel);
  parallel_for(args.outer * panels, work < kGrain ? kGrain / work : 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % panels * kPanel, width = args.inner - first < kPanel ? args.inner - first : kPanel;
      columns(i / panels * args.n * args.inner + first, width);
    }
  });
}

// ---- cumsum, cumprod: in C, which is double or int64_t ------------------------------------------------------------

template <class C> struct Add {
  static constexpr C unit = 0;
  template <class V> TX_INLINE V operator()(V a, V b) const { return a + b; }
};
template <class C> struct Multiply {
  static constexpr C unit = 1;
  template <class V> TX_INLINE V operator()(V a, V b) const { return a * b; }
};

// x moved up by `step` lanes; the lowest are `fill`.
template <int step, class C, int... i>
TX_INLINE Vec<C> shifted(Vec<C> x, Vec<C> fill, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(x.v, fill.v, (i < step ? Vec<C>::size : i - step)...);
}
template <class C, int... i>
TX_INLINE Vec<C> last_lane(Vec<C> x, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(x.v, x.v, (i * 0 + Vec<C>::size - 1)...);
}

// Lane l becomes the result of lanes 0 to l.
template <int step, class C, class Op>
TX_INLINE Vec<C> scan_lanes(const Op& op, Vec<C> x) {
  if constexpr (step == Vec<C>::size) {
    return x;
  } else {
    x = op(shifted<step>(x, Vec<C>(Op::unit), std::make_integer_sequence<int, Vec<C>::size>{}), x);
    return scan_lanes<2 * step>(op, x);
  }
}

template <class C, class Op>
void scan_row(const ScanArgs& args, const Op& op, int64_t at) {
  constexpr int size = Vec<C>::size;
  const int64_t item = itemsize(args.dtype);
  const DType type = dtype_of<C>::value;
  C buffer[kPanel];
  Vec<C> carry(Op::unit);
  for (int64_t i = 0; i < args.n; i += kPanel) {
    const int64_t count = args.n - i < kPanel ? args.n - i : kPanel,
                  from = at + (args.reverse ? args.n - i - count : i);
    cast((char*)buffer, type, args.x + from * item, args.dtype, count);
    if (args.reverse)
      for (int64_t j = 0; j < count / 2; j++) {
        const C other = buffer[j];
        buffer[j] = buffer[count - 1 - j];
        buffer[count - 1 - j] = other;
      }
    for (int64_t j = count; j < (count + size - 1) / size * size; j++) buffer[j] = Op::unit;
    for (int64_t j = 0; j < count; j += size) {
      const Vec<C> y = op(carry, scan_lanes<1>(op, load<C>(buffer + j)));
      store<C>(buffer + j, y);
      carry = last_lane(y, std::make_integer_sequence<int, size>{});
    }
    if (args.reverse)
      for (int64_t j = 0; j < count / 2; j++) {
        const C other = buffer[j];
        buffer[j] = buffer[count - 1 - j];
        buffer[count - 1 - j] = other;
      }
    cast(args.out + from * item, args.dtype, (const char*)buffer, type, count);
  }
}

template <class C, class Op>
void scan_columns(const ScanArgs& args, const Op& op, int64_t at, int64_t width) {
  const int64_t item = itemsize(args.dtype);
  const DType type = dtype_of<C>::value;
  C running[kPanel], row[kPanel];
  for (int64_t c = 0; c < width; c++) running[c] = Op::unit;
  for (int64_t i = 0; i < args.n; i++) {
    const int64_t from = at + (args.reverse ? args.n - 1 - i : i) * args.inner;
    cast((char*)row, type, args.x + from * item, args.dtype, width);
    for (int64_t c = 0; c < width; c++) running[c] = op(running[c], row[c]);
    cast(args.out + from * item, args.dtype, (const char*)running, type, width);
  }
}

template <template <class> class Op>
void scan(const ScanArgs& args) {
  const auto run = [&]<class C>() {
    for_each_line(
        args, [&](int64_t at) { scan_row<C>(args, Op<C>(), at); },
        [&](int64_t at, int64_t width) { scan_columns<C>(args, Op<C>(), at, width); });
  };
  if (is_floating(args.dtype)) run.template operator()<double>();
  else run.template operator()<int64_t>();
}

// ---- cummax, cummin ----------------------------------------------------------------------------------------------

struct AtLeast {
  template <class C> TX_INLINE bool operator()(C x, C best) const { return x >= best || x != x; }
};
struct AtMost {
  template <class C> TX_INLINE bool operator()(C x, C best) const { return x <= best || x != x; }
};

template <class C, class Order>
void extremum_lines(const ScanArgs& args, const Order& takes_over, int64_t at, int64_t width) {
  const int64_t item = itemsize(args.dtype);
  const DType type = dtype_of<C>::value;
  C best[kPanel], row[kPanel];
  int64_t where[kPanel] = {};
  for (int64_t i = 0; i < args.n; i++) {
    const int64_t from = at + i * args.inner;
    cast((char*)row, type, args.x + from * item, args.dtype, width);
    for (int64_t c = 0; c < width; c++) {
      const bool better = i == 0 || (best[c] == best[c] && takes_over(row[c], best[c])) || row[c] != row[c];
      best[c] = better ? row[c] : best[c];
      where[c] = better ? i : where[c];
    }
    cast(args.out + from * item, args.dtype, (const char*)best, type, width);
    for (int64_t c = 0; c < width; c++) args.indices[from + c] = where[c];
  }
}

template <class C, class Order>
void extremum_row(const ScanArgs& args, const Order& takes_over, int64_t at) {
  const int64_t item = itemsize(args.dtype);
  const DType type = dtype_of<C>::value;
  C row[kPanel], best = 0;
  int64_t where = 0;
  for (int64_t i = 0; i < args.n; i += kPanel) {
    const int64_t count = args.n - i < kPanel ? args.n - i : kPanel;
    cast((char*)row, type, args.x + (at + i) * item, args.dtype, count);
    for (int64_t j = 0; j < count; j++) {
      if (i + j == 0 || (best == best && takes_over(row[j], best)) || row[j] != row[j]) best = row[j], where = i + j;
      row[j] = best;
      args.indices[at + i + j] = where;
    }
    cast(args.out + (at + i) * item, args.dtype, (const char*)row, type, count);
  }
}

template <class Order>
void extremum(const ScanArgs& args) {
  const auto run = [&]<class C>() {
    for_each_line(
        args, [&](int64_t at) { extremum_row<C>(args, Order(), at); },
        [&](int64_t at, int64_t width) { extremum_lines<C>(args, Order(), at, width); });
  };
  if (args.dtype == DType::Float64) run.template operator()<double>();
  else if (is_floating(args.dtype)) run.template operator()<float>();
  else run.template operator()<int64_t>();
}

// ---- logcumsumexp ------------------------------------------------------------------------------------------------

// log(exp(a) + exp(b)), in double. Equal infinities are their own sum.
TX_INLINE Vec<double> log_add(Vec<double> a, Vec<double> b) {
  const Vec<double> high = maximum(a, b), low = minimum(a, b);
  return where((high == low) & isinf(high), high, high + log1p(exp(low - high)));
}

void log_sum_columns(const ScanArgs& args, int64_t at, int64_t width) {
  constexpr int size = Vec<double>::size;
  const int64_t item = itemsize(args.dtype);
  double running[kPanel], row[kPanel];
  for (int64_t c = 0; c < kPanel; c++) running[c] = -__builtin_inf(), row[c] = 0;
  for (int64_t i = 0; i < args.n; i++) {
    const int64_t from = at + (args.reverse ? args.n - 1 - i : i) * args.inner;
    cast((char*)row, DType::Float64, args.x + from * item, args.dtype, width);
    for (int64_t c = 0; c < width; c += size)
      store<double>(running + c, log_add(load<double>(running + c), load<double>(row + c)));
    cast(args.out + from * item, args.dtype, (const char*)running, DType::Float64, width);
  }
}

}  // namespace

void cumsum(const ScanArgs& args) { scan<Add>(args); }
void cumprod(const ScanArgs& args) { scan<Multiply>(args); }
void cummax(const ScanArgs& args) { extremum<AtLeast>(args); }
void cummin(const ScanArgs& args) { extremum<AtMost>(args); }

void logcumsumexp(const ScanArgs& args) {
  for_each_line(
      args, [&](int64_t at) { log_sum_columns(args, at, 1); },
      [&](int64_t at, int64_t width) { log_sum_columns(args, at, width); });
}

}  // namespace tx::TX_ISA
