// Sorting of rows, their largest elements, the element of a rank. Short rows go through a network in shared memory, long ones
// are sorted by their keys' bytes; few of a long row are selected first, then sorted.
#include "sort_select.cuh"

namespace tx::cuda {

namespace {

template <class K>
void sort_any(const char* name, const SortedRows<K>& s) {
  if (s.n <= kLongestNetwork) return sort_by_network(name, s);
  radix_sort<K, int64_t>(
      name, {s.x, s.positions, s.rows, s.n, 8 * int(sizeof(typename K::Bits)), s.flip, s.keep, s.values, s.indices});
}

template <class K>
SortedRows<K> rows_of(const SortArgs& a, int64_t keep) {
  using Bits = typename K::Bits;
  return {reinterpret_cast<const Bits*>(a.x), nullptr,  a.rows, a.n, K::flip(a.descending), keep,
          reinterpret_cast<Bits*>(a.values),  a.indices};
}

template <class T>
void sort_typed(const SortArgs& a) {
  sort_any("sort", rows_of<SortKey<T>>(a, a.n));
}

template <class T>
void topk_typed(const SortArgs& a) {
  using K = SortKey<T>;
  using Bits = typename K::Bits;
  if (a.n <= kLongestNetwork || a.k > a.n / 4) return sort_any("topk", rows_of<K>(a, a.k));
  const Bits* x = reinterpret_cast<const Bits*>(a.x);
  const int64_t step = a.rows < kMostSelectRows ? a.rows : kMostSelectRows;
  const Workspace workspace(size_t(step * a.k) * (sizeof(uint64_t) + sizeof(uint32_t)));
  Bits* best = workspace.as<Bits>();
  uint32_t* positions = reinterpret_cast<uint32_t*>(workspace.as<uint64_t>() + step * a.k);
  for (int64_t row = 0; row < a.rows; row += step) {
    const int64_t rows = a.rows - row < step ? a.rows - row : step;
    const Bits flip = K::flip(a.descending);
    select<K>("topk", {x + row * a.n, rows, a.n, flip, Rank::Kth, a.k - 1, a.k, best, positions, nullptr});
    sort_any<K>("topk", {best, positions, rows, a.k, flip, a.k,
                         a.values ? reinterpret_cast<Bits*>(a.values) + row * a.k : nullptr,
                         a.indices ? a.indices + row * a.k : nullptr});
  }
}

template <class T>
void select_rank_typed(const SelectRankArgs& a) {
  using K = SortKey<T>;
  using Bits = typename K::Bits;
  const Bits* x = reinterpret_cast<const Bits*>(a.x);
  Bits* values = reinterpret_cast<Bits*>(a.values);
  if (a.n <= kLongestNetwork) {
    const NetworkShape shape(a.n);
    launch("select_rank", rank_network_kernel<K>, shape.launch_shape<K>(a.rows), x, values, a.indices, a.rows, int(a.n),
           shape.log_room, a.rank, a.k);
    return;
  }
  for (int64_t row = 0; row < a.rows; row += kMostSelectRows) {
    const int64_t rows = a.rows - row < kMostSelectRows ? a.rows - row : kMostSelectRows;
    select<K>("select_rank",
              {x + row * a.n, rows, a.n, Bits(0), a.rank, a.k, 0, values + row, nullptr, a.indices + row});
  }
}

}  // namespace

void sort(const SortArgs& a) { TX_BY_TYPE(sort_typed) }
void topk(const SortArgs& a) { TX_BY_TYPE(topk_typed) }
void select_rank(const SelectRankArgs& a) { TX_BY_TYPE(select_rank_typed) }

}  // namespace tx::cuda
