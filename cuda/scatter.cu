// Scattering through an index. What is written to one place is written in index order, whatever the number of threads:
// - where few elements may meet (those along dimensions that x does not step along), a thread takes them one after another;
// - wide integers are combined by atomics, for their order makes no difference;
// - else the elements are sorted by their places, stably, and the first of each run of equal ones takes the run. Elements that
//   have the index in common and differ in their place (columns) share the sorting.
#include <numeric>

#include "index.cuh"
#include "radix.cuh"

namespace tx::cuda {

namespace {

constexpr int64_t kFewMeet = 32;

template <class T> TX_DEVICE T reduced(Reduce reduce, T old, T value) {
  if constexpr (is_half_type<T>) return narrow<T>(reduced(reduce, widen(old), widen(value)));
  else {
    switch (reduce) {
      case Reduce::Sum:
        if constexpr (std::is_same_v<T, bool>) return old | value;
        else if constexpr (std::is_integral_v<T>) return T(uint64_t(old) + uint64_t(value));
        else return old + value;
      case Reduce::Prod:
        if constexpr (std::is_same_v<T, bool>) return old & value;
        else if constexpr (std::is_integral_v<T>) return T(uint64_t(old) * uint64_t(value));
        else return old * value;
      case Reduce::Max: return old > value || old != old ? old : value;
      case Reduce::Min: return old < value || old != old ? old : value;
      default: return value;
    }
  }
}

// Set only copies: T is then a word of any size, without arithmetic.
template <bool set, class T> TX_DEVICE T combined(Reduce reduce, T old, T value) {
  if constexpr (set) return value;
  else return reduced(reduce, old, value);
}

// ---- Few meet. lines: what differs in its place (operands: values, x, index); meeting: the dimensions along which they meet

template <class T, bool set>
__global__ void __launch_bounds__(kThreads)
    scatter_lines_kernel(const char* values, char* x, const char* index, Strided<3> lines, Strided<3> meeting,
                         int64_t size, int64_t stride, Reduce reduce) {
  TX_FOR_EACH(line, lines.numel) {
    int64_t at[3];
    lines.place(uint32_t(line), at);
    for (uint32_t i = 0; i < meeting.numel; i++) {
      int64_t step[3];
      meeting.place(i, step);
      const int64_t place = wrap(*reinterpret_cast<const int64_t*>(index + at[2] + step[2]), size);
      T* to = reinterpret_cast<T*>(x + at[1] + place * stride);
      const T value = *reinterpret_cast<const T*>(values + at[0] + step[0]);
      if constexpr (set) *to = value;
      else *to = reduced(reduce, *to, value);
    }
  }
}

// ---- Atomics

template <class T> constexpr bool kHasAtomics = std::is_same_v<T, int32_t> || std::is_same_v<T, int64_t>;

template <class T>
__global__ void __launch_bounds__(kThreads)
    scatter_atomic_kernel(const char* values, char* x, const char* index, Strided<3> it, int64_t size, int64_t stride,
                          Reduce reduce) {
  using Signed = std::conditional_t<sizeof(T) == 8, long long, int>;
  using Unsigned = std::make_unsigned_t<Signed>;
  TX_FOR_EACH(i, it.numel) {
    int64_t at[3];
    it.place(uint32_t(i), at);
    char* to = x + at[1] + wrap(*reinterpret_cast<const int64_t*>(index + at[2]), size) * stride;
    const T value = *reinterpret_cast<const T*>(values + at[0]);
    if (reduce == Reduce::Sum) atomicAdd(reinterpret_cast<Unsigned*>(to), Unsigned(value));
    else if (reduce == Reduce::Max) atomicMax(reinterpret_cast<Signed*>(to), Signed(value));
    else atomicMin(reinterpret_cast<Signed*>(to), Signed(value));
  }
}

// ---- Many meet. items: the dimensions with an index each, or along which elements meet. Operand 1 of items counts in units
// of x: an item's key is its place.

template <class Key>
__global__ void __launch_bounds__(kThreads)
    scatter_keys_kernel(const char* index, Key* keys, Strided<3> items, int64_t size, int64_t stride) {
  TX_FOR_EACH(i, items.numel) {
    int64_t at[3];
    items.place(uint32_t(i), at);
    keys[i] = Key(at[1] + wrap(*reinterpret_cast<const int64_t*>(index + at[2]), size) * stride);
  }
}

// keys (n), sorted, and which items have them (order). Slots from `first` on, `count` of them, times columns.
template <class T, class Key, bool set>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    scatter_runs_kernel(const char* values, char* x, const Key* keys, const uint32_t* order, int64_t n, int64_t first,
                        int64_t count, Strided<3> items, Strided<2> columns, FastDivide width, int64_t unit,
                        Reduce reduce) {
  constexpr int kAhead = set ? 1 : 8;  // values loaded before they are added up, which takes turns
  TX_FOR_EACH(i, count * columns.numel) {
    const uint32_t slot = width.divide(uint32_t(i)), column = uint32_t(i) - slot * width.divisor;
    int64_t begin = first + slot;
    const Key key = keys[begin];
    const bool mine = set ? begin == n - 1 || keys[begin + 1] != key : begin == 0 || keys[begin - 1] != key;
    if (!mine) continue;
    int64_t at[2];
    columns.place(column, at);
    T* to = reinterpret_cast<T*>(x + at[1] + int64_t(key) * unit);
    T result{};
    if constexpr (!set) result = *to;
    for (bool more = true; more; begin += kAhead) {
      T value[kAhead] = {};
      bool has[kAhead];
      TX_UNROLL
      for (int k = 0; k < kAhead; k++) {
        has[k] = k == 0 || (begin + k < n && keys[begin + k] == key);
        if (!has[k]) continue;
        int64_t item[3];
        items.place(order[begin + k], item);
        value[k] = *reinterpret_cast<const T*>(values + at[0] + item[0]);
      }
      TX_UNROLL
      for (int k = 0; k < kAhead; k++)
        if (has[k]) result = combined<set>(reduce, result, value[k]);
      more = !set && begin + kAhead < n && keys[begin + kAhead] == key;
    }
    *to = result;
  }
}

// ---- What the kernels are given

// The dimensions of `it` for which chosen(d), in their order; the strides of operand 1 divided by `unit`.
template <int N, class F>
Strided<N> dimensions(const NdIter<3>& it, int64_t unit, const F& chosen) {
  Strided<N> s{};
  s.numel = 1;
  for (int d = 0; d < it.ndim; d++) {
    if (!chosen(d)) continue;
    s.numel *= uint32_t(it.shape[d]);
    s.size[s.ndim] = FastDivide(uint32_t(it.shape[d]));
    for (int k = 0; k < N; k++) s.strides[k][s.ndim] = it.strides[k][d] / (k == 1 ? unit : 1);
    s.ndim++;
  }
  return s;
}

template <class T, bool set>
void scatter_lines(const IndexArgs& a) {
  const Strided<3> lines = dimensions<3>(a.it, 1, [&](int d) { return a.it.strides[1][d] != 0; });
  const Strided<3> meeting = dimensions<3>(a.it, 1, [&](int d) { return a.it.strides[1][d] == 0; });
  launch("scatter", scatter_lines_kernel<T, set>, {grid_for(lines.numel, kThreads), kThreads}, a.it.data[0],
         a.it.data[1], a.it.data[2], lines, meeting, a.size, a.stride, a.reduce);
}

struct Items {
  Strided<3> items;
  Strided<2> columns;
  int64_t unit;  // bytes of x between places
  int bits;  // of the largest key
};

Items items_of(const IndexArgs& a) {
  const NdIter<3>& it = a.it;
  auto is_column = [&](int d) { return it.strides[2][d] == 0 && it.strides[1][d] != 0; };
  Items result{};
  result.unit = a.stride ? a.stride : itemsize(it.compute);
  for (int d = 0; d < it.ndim; d++)
    if (!is_column(d)) result.unit = std::gcd(result.unit, it.strides[1][d]);
  int64_t largest = a.size == INT64_MAX ? int64_t(properties(used_device()).totalGlobalMem) / result.unit
                                        : (a.size - 1) * (a.stride / result.unit);
  for (int d = 0; d < it.ndim; d++)
    if (!is_column(d)) largest += (it.shape[d] - 1) * (it.strides[1][d] / result.unit);
  result.bits = bits_of(uint64_t(largest));
  result.items = dimensions<3>(it, result.unit, [&](int d) { return !is_column(d); });
  result.columns = dimensions<2>(it, 1, is_column);
  return result;
}

template <class T, class Key, bool set>
void scatter_runs(const IndexArgs& a, const Items& i) {
  const int64_t n = i.items.numel, columns = i.columns.numel, most = INT32_MAX / columns;
  const Workspace workspace(size_t(n) * (2 * sizeof(Key) + sizeof(uint32_t)));
  Key *keys = workspace.as<Key>(), *sorted = keys + n;
  uint32_t* order = reinterpret_cast<uint32_t*>(sorted + n);
  launch("scatter", scatter_keys_kernel<Key>, {grid_for(n, kThreads), kThreads}, a.it.data[2], keys, i.items, a.size,
         a.stride / i.unit);
  radix_sort<PlainKey<Key>, uint32_t>("scatter", {keys, nullptr, 1, n, i.bits, 0, n, sorted, order});
  for (int64_t first = 0; first < n; first += most) {
    const int64_t count = n - first < most ? n - first : most;
    launch("scatter", scatter_runs_kernel<T, Key, set>, {grid_for(count * columns, kThreads), kThreads}, a.it.data[0],
           a.it.data[1], sorted, order, n, first, count, i.items, i.columns, FastDivide(uint32_t(columns)), i.unit,
           a.reduce);
  }
}

template <class T, bool set>
void scatter_of(const IndexArgs& a) {
  int64_t meet = 1;
  for (int d = 0; d < a.it.ndim; d++)
    if (a.it.strides[1][d] == 0) meet *= a.it.shape[d];
  if (meet <= kFewMeet) return scatter_lines<T, set>(a);
  if constexpr (!set && kHasAtomics<T>) {
    if (a.reduce != Reduce::Prod) {
      launch("scatter", scatter_atomic_kernel<T>, {grid_for(a.it.numel(), kThreads), kThreads}, a.it.data[0],
             a.it.data[1], a.it.data[2], strided(a.it), a.size, a.stride, a.reduce);
      return;
    }
  }
  const Items items = items_of(a);
  if (items.bits <= 32) scatter_runs<T, uint32_t, set>(a, items);
  else scatter_runs<T, uint64_t, set>(a, items);
}

// One after another, parts of at most 2^31 - 1 elements: the first dimension goes slowest, which keeps the order.
template <class F>
void in_ordered_pieces(IndexArgs a, const F& f) {
  if (a.it.numel() <= INT32_MAX) return f(a);
  int d = 0;
  while (a.it.shape[d] == 1) d++;
  const int64_t size = a.it.shape[d], half = size / 2;
  a.it.shape[d] = half;
  in_ordered_pieces(a, f);
  a.it.shape[d] = size - half;
  for (int k = 0; k < 3; k++) a.it.data[k] += half * a.it.strides[k][d];
  in_ordered_pieces(a, f);
}

}  // namespace

void scatter(const IndexArgs& given) {
  if (given.it.empty) return;
  in_ordered_pieces(given, [](IndexArgs a) {
    if (a.reduce == Reduce::Set) {
      switch (widen_rows(a)) {
        case 1: return scatter_of<uint8_t, true>(a);
        case 2: return scatter_of<uint16_t, true>(a);
        case 4: return scatter_of<uint32_t, true>(a);
        case 8: return scatter_of<uint64_t, true>(a);
        default: return scatter_of<uint4, true>(a);
      }
    }
    switch (a.it.compute) {
#define X(e, T, name) \
  case DType::e: return scatter_of<T, false>(a);
      TX_KERNEL_DTYPES(X)
#undef X
      default: unsupported("scatter", a.it.compute);
    }
  });
}

}  // namespace tx::cuda
