// Batcher's bitonic sort of a short array, a register at a time. Compiled once per instruction set.
#pragma once
#include <utility>

#include "vec.h"

namespace tx::TX_ISA {

namespace sort_detail {

using V = Vec<int64_t>;
using Lanes = std::make_integer_sequence<int, V::size>;

TX_INLINE V least(V a, V b) {
#if defined(__AVX512F__)
  return (Raw<int64_t>)_mm512_min_epi64((__m512i)a.v, (__m512i)b.v);
#else
  return where(a < b, a, b);
#endif
}
TX_INLINE V greatest(V a, V b) {
#if defined(__AVX512F__)
  return (Raw<int64_t>)_mm512_max_epi64((__m512i)a.v, (__m512i)b.v);
#else
  return where(a < b, b, a);
#endif
}

template <int... i> TX_INLINE V reversed(V x, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(x.v, x.v, (V::size - 1 - i)...);
}

// Puts lanes i and i ^ kPartner in order.
template <int kPartner, int... i> TX_INLINE V order_lanes(V x, std::integer_sequence<int, i...>) {
  constexpr int upper = kPartner & ~(kPartner >> 1);  // the highest bit, kPartner being 1...1 or 10...0
  const V other = __builtin_shufflevector(x.v, x.v, (i ^ kPartner)...), low = least(x, other),
          high = greatest(x, other);
  return __builtin_shufflevector(low.v, high.v, (i & upper ? V::size + i : i)...);
}

// A register that is bitonic in runs of 2 * kDistance lanes, each run sorted.
template <int kDistance> TX_INLINE V merge_lanes(V x) {
  if constexpr (kDistance == 0) return x;
  else return merge_lanes<kDistance / 2>(order_lanes<kDistance>(x, Lanes{}));
}

template <int kLength = 2> TX_INLINE V sort_lanes(V x) {
  if constexpr (kLength > V::size) return x;
  else return sort_lanes<2 * kLength>(merge_lanes<kLength / 4>(order_lanes<kLength - 1>(x, Lanes{})));
}

}  // namespace sort_detail

// Sorts x[0, n) for n a power of two that fills registers.
TX_INLINE void sort_by_network(int64_t* x, int64_t n) {
  using namespace sort_detail;
  constexpr int size = V::size;
  for (int64_t i = 0; i < n; i += size) store<int64_t>(x + i, sort_lanes(load<int64_t>(x + i)));
  for (int64_t length = 2 * size; length <= n; length *= 2) {  // sorted halves become sorted runs of this length
    for (int64_t run = 0; run < n; run += length)  // the second half backwards, against the first: both become bitonic
      for (int64_t i = run, j = run + length - size; i < j; i += size, j -= size) {
        const V a = load<int64_t>(x + i), b = reversed(load<int64_t>(x + j), Lanes{});
        store<int64_t>(x + i, least(a, b));
        store<int64_t>(x + j, reversed(greatest(a, b), Lanes{}));
      }
    for (int64_t distance = length / 4; distance >= size; distance /= 2)
      for (int64_t run = 0; run < n; run += 2 * distance)
        for (int64_t i = run; i < run + distance; i += size) {
          const V a = load<int64_t>(x + i), b = load<int64_t>(x + i + distance);
          store<int64_t>(x + i, least(a, b));
          store<int64_t>(x + i + distance, greatest(a, b));
        }
    for (int64_t i = 0; i < n; i += size) store<int64_t>(x + i, merge_lanes<size / 2>(load<int64_t>(x + i)));
  }
}

}  // namespace tx::TX_ISA
