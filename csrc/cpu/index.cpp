// Gathering and scattering through an index. Compiled once per instruction set.
#include <cstddef>

#include "../kernels/index.h"

#include "../float_conversion.h"
#include "allocator.h"
#include "parallel.h"
#include "vec.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGrain = 6144;           // elements a thread takes at a time, if each has an index
constexpr int64_t kRowGrain = 16384;       // and if whole rows are copied
constexpr int64_t kColumns = 16;           // least part of a row that scatter gives to a thread
constexpr int64_t kMostShares = 16;        // of the places: each walks the whole index

// Calls f(operands, n) for the rows, or parts of rows, that make up elements [begin, end) of the iteration.
template <int N, class F>
TX_INLINE void for_rows(const NdIter<N>& it, int64_t begin, int64_t end, const F& f) {
  if (begin >= end) return;
  int64_t length = it.row_length(), row = begin / length, from = begin - row * length;
  int64_t index[kMaxDims];
  char* base[N];
  for (int k = 0; k < N; k++) base[k] = it.data[k];
  for (int d = it.ndim - 2; d >= 0; d--) {
    index[d] = row % it.shape[d];
    row /= it.shape[d];
    for (int k = 0; k < N; k++) base[k] += index[d] * it.strides[k][d];
  }
  for (;;) {
    int64_t n = length - from < end - begin ? length - from : end - begin;
    char* operand[N];
    for (int k = 0; k < N; k++) operand[k] = base[k] + from * it.row_step(k);
    f(operand, n);
    begin += n;
    if (begin >= end) return;
    from = 0;
    for (int d = it.ndim - 2; d >= 0; d--) {
      for (int k = 0; k < N; k++) base[k] += it.strides[k][d];
      if (++index[d] < it.shape[d]) break;
      index[d] = 0;
      for (int k = 0; k < N; k++) base[k] -= it.shape[d] * it.strides[k][d];
    }
  }
}

TX_INLINE int64_t wrap(int64_t i, int64_t size) { return i + (i < 0 ? size : 0); }

// ---- gather

// Whether the indices of a dense row are in [0, size), as they mostly are. Then nothing more is asked of each of them.
TX_INLINE bool all_inside(const int64_t* index, int64_t n, int64_t size) {
  bool outside = false;
  for (int64_t j = 0; j < n; j++) outside |= uint64_t(index[j]) >= uint64_t(size);
  return !outside;
}

template <class E>
void gather_row(const IndexArgs& a, char* const* operand, int64_t n, int64_t* bad) {
  int64_t out_step = a.it.row_step(0), x_step = a.it.row_step(1), index_step = a.it.row_step(2);
  char* out = operand[0];
  const char *x = operand[1], *index = operand[2];
  if (index_step == 0) {                                       // one index for the whole row
    int64_t i = *(const int64_t*)index, at = wrap(i, a.size);
    if (uint64_t(at) >= uint64_t(a.size)) {
      *bad = i;
      return;
    }
    x += at * a.stride;
    if (out_step == sizeof(E) && x_step == sizeof(E)) {
      __builtin_memcpy(out, x, std::size_t(n) * sizeof(E));
      return;
    }
    for (int64_t j = 0; j < n; j++, out += out_step, x += x_step) *(E*)out = *(const E*)x;
    return;
  }
  if (out_step == sizeof(E) && index_step == 8) {
    E* to = (E*)out;
    const int64_t* from = (const int64_t*)index;
    if (all_inside(from, n, a.size)) {
      const int64_t stride = a.stride;
      if (x_step == 0 && stride == sizeof(E))
        for (int64_t j = 0; j < n; j++) to[j] = ((const E*)x)[from[j]];
      else
        for (int64_t j = 0; j < n; j++, x += x_step) to[j] = *(const E*)(x + from[j] * stride);
      return;
    }
    for (int64_t j = 0; j < n; j++, x += x_step) {
      int64_t at = wrap(from[j], a.size);
      if (uint64_t(at) >= uint64_t(a.size)) {
        *bad = from[j];
        at = 0;
      }
      to[j] = *(const E*)(x + at * a.stride);
    }
    return;
  }
  for (int64_t j = 0; j < n; j++, out += out_step, x += x_step, index += index_step) {
    int64_t i = *(const int64_t*)index, at = wrap(i, a.size);
    if (uint64_t(at) >= uint64_t(a.size)) {
      *bad = i;
      at = 0;
    }
    *(E*)out = *(const E*)(x + at * a.stride);
  }
}

// The common case of whole dense rows, without the general walk: out (rows, n bytes).
bool is_row_gather(const IndexArgs& a) {
  int64_t item = itemsize(a.it.compute);
  return a.it.ndim == 2 && a.it.strides[0][1] == item && a.it.strides[1][1] == item && a.it.strides[2][1] == 0 &&
         a.it.strides[1][0] == 0;
}

void gather_rows(const IndexArgs& a, int64_t begin, int64_t end, int64_t* bad) {
  std::size_t bytes = std::size_t(a.it.shape[1] * itemsize(a.it.compute));
  for (int64_t r = begin; r < end; r++) {
    int64_t i = *(const int64_t*)(a.it.data[2] + r * a.it.strides[2][0]), at = wrap(i, a.size);
    if (uint64_t(at) >= uint64_t(a.size)) *bad = i;
    else __builtin_memcpy(a.it.data[0] + r * a.it.strides[0][0], a.it.data[1] + at * a.stride, bytes);
  }
}

// ---- scatter

template <Reduce reduce, class T>
TX_INLINE T reduced(T old, T value) {
  if constexpr (std::is_same_v<T, Float16>) return to_float16(reduced<reduce, float>(to_float(old), to_float(value)));
  else if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(reduced<reduce, float>(to_float(old), to_float(value)));
  else if constexpr (reduce == Reduce::Sum && std::is_same_v<T, bool>) return old | value;
  else if constexpr (reduce == Reduce::Prod && std::is_same_v<T, bool>) return old & value;
  else if constexpr (reduce == Reduce::Sum && std::is_integral_v<T>) return T(uint64_t(old) + uint64_t(value));
  else if constexpr (reduce == Reduce::Prod && std::is_integral_v<T>) return T(uint64_t(old) * uint64_t(value));
  else if constexpr (reduce == Reduce::Sum) return old + value;
  else if constexpr (reduce == Reduce::Prod) return old * value;
  else if constexpr (reduce == Reduce::Max) return old > value || old != old ? old : value;
  else if constexpr (reduce == Reduce::Min) return old < value || old != old ? old : value;
  else return value;
}

// Places [first, last) of the dimension: a thread's share of what whole rows are written to.
struct Share {
  int64_t first, last;
};

template <Reduce reduce, class T>
void scatter_row(const IndexArgs& a, Share share, char* const* operand, int64_t n) {
  int64_t value_step = a.it.row_step(0), x_step = a.it.row_step(1), index_step = a.it.row_step(2);
  const char *values = operand[0], *index = operand[2];
  char* x = operand[1];
  if (index_step == 0) {
    int64_t at = wrap(*(const int64_t*)index, a.size);
    if (at < share.first || at >= share.last) return;
    x += at * a.stride;
    if (value_step == sizeof(T) && x_step == sizeof(T)) {
      T* __restrict to = (T*)x;
      const T* __restrict from = (const T*)values;
      for (int64_t j = 0; j < n; j++) to[j] = reduced<reduce>(to[j], from[j]);
      return;
    }
    for (int64_t j = 0; j < n; j++, values += value_step, x += x_step)
      *(T*)x = reduced<reduce>(*(const T*)x, *(const T*)values);
    return;
  }
  if (value_step == sizeof(T) && index_step == 8) {
    for (int64_t j = 0; j < n; j++, x += x_step) {
      T* to = (T*)(x + wrap(((const int64_t*)index)[j], a.size) * a.stride);
      *to = reduced<reduce>(*to, ((const T*)values)[j]);
    }
    return;
  }
  for (int64_t j = 0; j < n; j++, values += value_step, x += x_step, index += index_step) {
    T* to = (T*)(x + wrap(*(const int64_t*)index, a.size) * a.stride);
    *to = reduced<reduce>(*to, *(const T*)values);
  }
}

using ScatterRow = void (*)(const IndexArgs&, Share, char* const*, int64_t);

template <Reduce reduce>
ScatterRow scatter_row_for(DType t) {
  if constexpr (reduce == Reduce::Set) {
    int64_t item = itemsize(t);
    return item == 1   ? scatter_row<reduce, uint8_t>
           : item == 2 ? scatter_row<reduce, uint16_t>
           : item == 4 ? scatter_row<reduce, uint32_t>
           : item == 8 ? scatter_row<reduce, uint64_t>
                       : scatter_row<reduce, Word16>;
  } else {
    constexpr ScatterRow rows[] = {
#define X(e, T, name) scatter_row<reduce, T>,
        TX_KERNEL_DTYPES(X)
#undef X
    };
    return rows[int(t)];
  }
}

ScatterRow scatter_row_for(Reduce reduce, DType t) {
  switch (reduce) {
    case Reduce::Sum: return scatter_row_for<Reduce::Sum>(t);
    case Reduce::Prod: return scatter_row_for<Reduce::Prod>(t);
    case Reduce::Max: return scatter_row_for<Reduce::Max>(t);
    case Reduce::Min: return scatter_row_for<Reduce::Min>(t);
    default: return scatter_row_for<Reduce::Set>(t);
  }
}

}  // namespace

void gather(const IndexArgs& a) {
  if (a.it.empty) return;
  int64_t item = itemsize(a.it.compute);
  auto row = item == 1   ? gather_row<uint8_t>
             : item == 2 ? gather_row<uint16_t>
             : item == 4 ? gather_row<uint32_t>
             : item == 8 ? gather_row<uint64_t>
                         : gather_row<Word16>;
  constexpr int64_t kNone = INT64_MIN;
  auto report = [&](int64_t bad) {
    if (bad != kNone) __atomic_store_n(a.bad, bad, __ATOMIC_RELAXED);
  };
  if (is_row_gather(a)) {
    parallel_for(a.it.shape[0], kRowGrain / a.it.shape[1] + 1, [&](int64_t begin, int64_t end) {
      int64_t bad = kNone;
      gather_rows(a, begin, end, &bad);
      report(bad);
    });
    return;
  }
  parallel_for(a.it.numel(), even_grain(a.it.numel(), kGrain), [&](int64_t begin, int64_t end) {
    int64_t bad = kNone;
    for_rows(a.it, begin, end, [&](char* const* operand, int64_t n) { row(a, operand, n, &bad); });
    report(bad);
  });
}

// Two elements may go to one place, in which case their order matters. Threads therefore share out the places: those of the
// dimension, when each index is for a whole row; else a dimension along which places differ anyway. Each thread walks
// everything else in order.
void scatter(const IndexArgs& a) {
  if (a.it.empty) return;
  ScatterRow row = scatter_row_for(a.reduce, a.it.compute);
  auto run = [&](const IndexArgs& part, Share share) {
    if (part.it.ndim == 2 && part.it.strides[2][1] == 0) {  // whole rows: skip those of others quickly
      for (int64_t r = 0; r < part.it.shape[0]; r++) {
        char* operand[3];
        for (int k = 0; k < 3; k++) operand[k] = part.it.data[k] + r * part.it.strides[k][0];
        int64_t at = wrap(*(const int64_t*)operand[2], a.size);
        if (at >= share.first && at < share.last) row(part, share, operand, part.it.shape[1]);
      }
      return;
    }
    for_rows(part.it, 0, part.it.numel(), [&](char* const* operand, int64_t n) { row(part, share, operand, n); });
  };
  Share all = {0, INT64_MAX};
  int64_t total = a.it.numel(), length = a.it.row_length();
  int split = -1;
  for (int d = 0; d < a.it.ndim; d++)
    if (a.it.strides[1][d] != 0 && (split < 0 || a.it.shape[d] > a.it.shape[split])) split = d;
  if (total <= kGrain || split < 0) {
    run(a, all);
    return;
  }
  if (split == a.it.ndim - 1 && a.it.row_step(2) == 0 && a.size != INT64_MAX) {
    int64_t shares = length / kColumns < 2 ? 2 : length / kColumns > kMostShares ? kMostShares : length / kColumns;
    parallel_for(a.size, (a.size + shares - 1) / shares, [&](int64_t begin, int64_t end) { run(a, {begin, end}); });
    return;
  }
  const int64_t size = a.it.shape[split], least = split == a.it.ndim - 1 ? kColumns : 1;
  parallel_for(size, even_grain(size, size * kGrain / total + 1, least), [&](int64_t begin, int64_t end) {
    IndexArgs part = a;
    part.it.shape[split] = end - begin;
    for (int k = 0; k < 3; k++) part.it.data[k] += begin * a.it.strides[k][split];
    run(part, all);
  });
}

void index_bounds(const IndexBoundsArgs& a) {
  const int64_t chunks = (a.n + kGrain - 1) / kGrain;
  Workspace workspace(std::size_t(chunks) * 2 * sizeof(int64_t));
  int64_t *smallest = workspace.as<int64_t>(), *largest = smallest + chunks;
  parallel_for(a.n, kGrain, [&](int64_t begin, int64_t end) {
    int64_t low = a.index[begin], high = low;
    for (int64_t i = begin; i < end; i++) {
      low = a.index[i] < low ? a.index[i] : low;
      high = a.index[i] > high ? a.index[i] : high;
    }
    smallest[begin / kGrain] = low;
    largest[begin / kGrain] = high;
  });
  for (int64_t i = 1; i < chunks; i++) {
    if (smallest[i] < smallest[0]) smallest[0] = smallest[i];
    if (largest[i] > largest[0]) largest[0] = largest[i];
  }
  *a.smallest = smallest[0];
  *a.largest = largest[0];
}

void index_combine(const IndexCombineArgs& a) {
  if (a.it.empty) return;
  parallel_for(a.it.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for_rows(a.it, begin, end, [&](char* const* operand, int64_t n) {
      char* out = operand[0];
      const char* index = operand[1];
      for (int64_t j = 0; j < n; j++, out += a.it.row_step(0), index += a.it.row_step(1)) {
        int64_t at = wrap(*(const int64_t*)index, a.size) * a.stride;
        *(int64_t*)out = a.add ? *(int64_t*)out + at : at;
      }
    });
  });
}

}  // namespace tx::TX_ISA
