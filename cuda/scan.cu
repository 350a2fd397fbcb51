// Scans along the middle dimension of contiguous operands (outer, n, inner): lines of n.
//
// Rows (inner is 1) go to a warp or a block, each thread with a few neighbouring elements; columns to a thread each. Where
// there are few lines they are cut into parts: a kernel finds the total of each part, another what comes before it, and the scan
// itself starts from that.
#include "../csrc/kernels.h"
#include "launch.cuh"
#include "team.cuh"

namespace tx::cuda {

namespace {

// ---- What is scanned ---------------------------------------------------------------------------------------------

// An Op has a State; start(), which changes nothing; of(x, position); combine(a, b), where b follows a; and value(state).

template <class C> struct RunningSum {
  using Element = C;
  using State = C;
  static constexpr bool kIndices = false;
  TX_BOTH static C start() { return 0; }
  TX_DEVICE static C of(C x, int64_t) { return x; }
  TX_DEVICE static C combine(C a, C b) {
    if constexpr (is_float<C>) return a + b;
    else return C(unsigned_of<C>(a) + unsigned_of<C>(b));
  }
  TX_DEVICE static C value(C x) { return x; }
};

template <class C> struct RunningProduct : RunningSum<C> {
  TX_BOTH static C start() { return 1; }
  TX_DEVICE static C combine(C a, C b) {
    if constexpr (is_float<C>) return a * b;
    else return C(unsigned_of<C>(a) * unsigned_of<C>(b));
  }
};

// log(exp(a) + exp(b)). Equal infinities are their own sum.
template <class C> struct RunningLogSum : RunningSum<C> {
  TX_BOTH static C start() { return -kInfinity<C>; }
  TX_DEVICE static C combine(C a, C b) {
    const C high = maximum(a, b), low = minimum(a, b);
    return high == low && isinf(high) ? high : high + log1p(exp(low - high));
  }
};

// The last of equal ones; a nan, once there, until the next.
template <class C, bool largest> struct RunningExtremum {
  struct State {
    C value;
    int64_t index;  // negative: of nothing
  };
  using Element = C;
  static constexpr bool kIndices = true;
  TX_BOTH static State start() { return {C(0), -1}; }
  TX_DEVICE static State of(C x, int64_t position) { return {x, position}; }
  TX_DEVICE static State combine(const State& a, const State& b) {
    if (a.index < 0) return b;
    if (b.index < 0) return a;
    const bool beats = largest ? b.value >= a.value : b.value <= a.value;
    return isnan(b.value) || (!isnan(a.value) && beats) ? b : a;
  }
  TX_DEVICE static C value(const State& s) { return s.value; }
};
template <class C> using RunningMaximum = RunningExtremum<C, true>;
template <class C> using RunningMinimum = RunningExtremum<C, false>;

// ---- Kernels -----------------------------------------------------------------------------------------------------

struct Lines {
  int64_t outer, n, inner;
  int64_t part;  // elements of a part of a line
  int64_t parts;
  bool reverse, packed;

  // Where element i of the scan is in its line.
  TX_DEVICE int64_t place(int64_t i) const { return reverse ? n - 1 - i : i; }
};

// Elements of a row that a thread has at a time.
template <class S> constexpr int kItems = sizeof(S) == 8 ? 2 : 4;

// x[k] = element i + k of the scan, and back.
template <class S, int count> TX_DEVICE void load_items(stored_as<S> (&x)[count], const stored_as<S>* row,
                                                        const Lines& l, int64_t i) {
  if (l.packed && i < l.n) {
    const auto raw = *reinterpret_cast<const Pack<stored_as<S>, count>*>(row + (l.reverse ? l.n - count - i : i));
    TX_UNROLL
    for (int k = 0; k < count; k++) x[k] = l.reverse ? raw.value[count - 1 - k] : raw.value[k];
  } else {
    TX_UNROLL
    for (int k = 0; k < count; k++) x[k] = i + k < l.n ? row[l.place(i + k)] : stored_as<S>{};
  }
}
template <class S, int count> TX_DEVICE void store_items(S* row, const S (&x)[count], const Lines& l, int64_t i) {
  if (l.packed && i < l.n) {
    Pack<S, count> raw;
    TX_UNROLL
    for (int k = 0; k < count; k++) raw.value[k] = l.reverse ? x[count - 1 - k] : x[k];
    *reinterpret_cast<Pack<S, count>*>(row + (l.reverse ? l.n - count - i : i)) = raw;
  } else {
    TX_UNROLL
    for (int k = 0; k < count; k++)
      if (i + k < l.n) row[l.place(i + k)] = x[k];
  }
}

// What the lanes before this one have, combined; `total`: that of all of them.
template <int lanes, class Op> TX_DEVICE auto scan_before(const typename Op::State& x, typename Op::State& total) {
  auto combine = [](const auto& a, const auto& b) { return Op::combine(a, b); };
  if constexpr (lanes == kThreads) {
    return block_scan_before<kThreads>(x, Op::start(), combine, total);
  } else {
    static_assert(lanes == kWarp);
    const auto through = warp_scan(x, combine);
    const auto before = shuffle_up(through, 1);
    total = by_words(through, [](auto word) { return __shfl_sync(kAllLanes, word, kWarp - 1); });
    return lane_of_warp() == 0 ? Op::start() : before;
  }
}

// Teams of `lanes` take parts of rows. states: (rows, parts), null if there is one; totals: of the parts, to be found; else what
// comes before them, to start from.
template <class Op, class S, int lanes>
__global__ void __launch_bounds__(kThreads)
    scan_rows(const stored_as<S>* x, S* out, int64_t* indices, typename Op::State* states, bool totals, Lines l) {
  constexpr int items = kItems<S>;
  const RowTeam team(lanes);
  const int64_t row = team.row / l.parts, part = team.row % l.parts;
  if (row >= l.outer) return;  // all of the team, and a block has one, or a warp each
  const stored_as<S>* from = x + row * l.n;
  auto carry = states && !totals ? states[team.row] : Op::start();
  const int64_t end = (part + 1) * l.part < l.n ? (part + 1) * l.part : l.n;
  for (int64_t tile = part * l.part; tile < end; tile += lanes * items) {
    const int64_t i = tile + team.lane * items;
    stored_as<S> raw[items];
    load_items<S>(raw, from, l, i);
    typename Op::State through[items];
    TX_UNROLL
    for (int k = 0; k < items; k++) {
      through[k] = i + k < end ? Op::of(element_of<typename Op::Element, S>(raw[k]), i + k) : Op::start();
      if (k) through[k] = Op::combine(through[k - 1], through[k]);
    }
    typename Op::State total;
    const auto before = Op::combine(carry, scan_before<lanes, Op>(through[items - 1], total));
    carry = Op::combine(carry, total);
    if (totals) continue;
    S result[items];
    int64_t index[items];
    TX_UNROLL
    for (int k = 0; k < items; k++) {
      const auto state = Op::combine(before, through[k]);
      result[k] = convert<S>(Op::value(state));
      if constexpr (Op::kIndices) index[k] = state.index;
    }
    store_items(out + row * l.n, result, l, i);
    if constexpr (Op::kIndices) {
      TX_UNROLL
      for (int k = 0; k < items; k++)
        if (i + k < l.n) indices[row * l.n + i + k] = index[k];
    }
  }
  if (totals && team.lane == 0) states[team.row] = carry;
}

// A thread takes a part of a column. states: (columns, parts)
template <class Op, class S>
__global__ void __launch_bounds__(kThreads)
    scan_columns(const stored_as<S>* x, S* out, int64_t* indices, typename Op::State* states, bool totals, Lines l) {
  const int64_t columns = l.outer * l.inner;
  TX_FOR_EACH(unit, columns * l.parts) {
    const int64_t part = unit / columns, column = unit % columns;
    const int64_t base = column / l.inner * l.n * l.inner + column % l.inner;
    auto state = states && !totals ? states[column * l.parts + part] : Op::start();
    const int64_t end = (part + 1) * l.part < l.n ? (part + 1) * l.part : l.n;
    for (int64_t i = part * l.part; i < end; i++) {
      const int64_t at = base + l.place(i) * l.inner;
      state = Op::combine(state, Op::of(element_of<typename Op::Element, S>(x[at]), i));
      if (totals) continue;
      out[at] = convert<S>(Op::value(state));
      if constexpr (Op::kIndices) indices[at] = state.index;
    }
    if (totals) states[column * l.parts + part] = state;
  }
}

// states: (lines, parts). A block replaces the totals of a line's parts by what comes before them.
template <class Op>
__global__ void __launch_bounds__(kThreads) scan_totals(typename Op::State* states, int64_t parts) {
  typename Op::State* of_line = states + blockIdx.x * parts;
  auto carry = Op::start();
  for (int64_t tile = 0; tile < parts; tile += kThreads) {
    const int64_t i = tile + threadIdx.x;
    typename Op::State total;
    const auto before = scan_before<kThreads, Op>(i < parts ? of_line[i] : Op::start(), total);
    if (i < parts) of_line[i] = Op::combine(carry, before);
    carry = Op::combine(carry, total);
  }
}

template <class Op, class S>
void scan_stored(const char* name, const ScanArgs& args) {
  const int64_t lines = args.outer * args.inner;
  if (lines == 0 || args.n == 0) return;
  const auto* x = reinterpret_cast<const stored_as<S>*>(args.x);
  S* out = reinterpret_cast<S*>(args.out);
  Lines l{args.outer, args.n, args.inner, args.n, 1, args.reverse, false};
  constexpr int64_t kShortRow = 16, kBlockRow = 1024;
  const bool columns = args.inner > 1 || args.n <= kShortRow;
  constexpr size_t pack = sizeof(S) * kItems<S>;
  l.packed = !columns && args.n % kItems<S> == 0 && aligned(x, pack) && aligned(out, pack);
  const int64_t blocks = columns ? (lines + kThreads - 1) / kThreads : lines,
                parts = columns || args.n > kBlockRow ? parts_for(args.n, blocks, columns ? 64 : 8192, args.n) : 1;
  if (parts > 1) {
    constexpr int64_t tile = kThreads * kItems<S>;
    l.part = (args.n + parts - 1) / parts;
    if (!columns) l.part = (l.part + tile - 1) / tile * tile;
    l.parts = (args.n + l.part - 1) / l.part;
  }
  auto run = [&](typename Op::State* states, bool totals) {
    if (columns)
      launch(name, scan_columns<Op, S>, {grid_for(lines * l.parts, kThreads), kThreads}, x, out, args.indices, states,
             totals, l);
    else if (args.n <= kBlockRow)
      launch(name, scan_rows<Op, S, kWarp>, {blocks_for_rows(lines, kWarp), kThreads}, x, out, args.indices, states,
             totals, l);
    else
      launch(name, scan_rows<Op, S, kThreads>, {blocks_for_rows(lines * l.parts, kThreads), kThreads}, x, out,
             args.indices, states, totals, l);
  };
  if (l.parts == 1) return run(nullptr, false);
  const Workspace space(size_t(lines * l.parts) * sizeof(typename Op::State));
  auto* states = space.as<typename Op::State>();
  run(states, true);
  launch(name, scan_totals<Op>, {unsigned(lines), kThreads}, states, l.parts);
  run(states, false);
}

template <template <class> class Op>
void scan_sums(const char* name, const ScanArgs& args) {
  switch (args.dtype) {
#define X(e, S, dtype_name)                                                                      \
  case DType::e: {                                                                               \
    using C = std::conditional_t<is_floating(DType::e), double, int64_t>;                        \
    return scan_stored<Op<C>, S>(name, args);                                                    \
  }
    TX_KERNEL_DTYPES(X)
#undef X
    default: unsupported(name, args.dtype);
  }
}

template <template <class> class Op>
void scan_extrema(const char* name, const ScanArgs& args) {
  switch (args.dtype) {
#define X(e, S, dtype_name)                                                                                      \
  case DType::e: {                                                                                               \
    using C = std::conditional_t<is_integral(DType::e), int64_t, compute_of<S>>;                                 \
    return scan_stored<Op<C>, S>(name, args);                                                                    \
  }
    TX_KERNEL_DTYPES(X)
#undef X
    default: unsupported(name, args.dtype);
  }
}

}  // namespace

void cumsum(const ScanArgs& args) { scan_sums<RunningSum>("cumsum", args); }
void cumprod(const ScanArgs& args) { scan_sums<RunningProduct>("cumprod", args); }
void cummax(const ScanArgs& args) { scan_extrema<RunningMaximum>("cummax", args); }
void cummin(const ScanArgs& args) { scan_extrema<RunningMinimum>("cummin", args); }

void logcumsumexp(const ScanArgs& args) {
  if (args.dtype == DType::Float64) return scan_stored<RunningLogSum<double>, double>("logcumsumexp", args);
  if (args.dtype == DType::Float32) return scan_stored<RunningLogSum<double>, float>("logcumsumexp", args);
  if (args.dtype == DType::Float16) return scan_stored<RunningLogSum<double>, Float16>("logcumsumexp", args);
  if (args.dtype == DType::BFloat16) return scan_stored<RunningLogSum<double>, BFloat16>("logcumsumexp", args);
  unsupported("logcumsumexp", args.dtype);
}

}  // namespace tx::cuda
