// Kernels along the middle dimension of contiguous operands (outer, n, inner), written once for rows (inner is 1) and columns.
#pragma once
#include <initializer_list>

#include "launch.cuh"
#include "team.cuh"

namespace tx::cuda {

// count elements from p on, in the type they are computed in. p is aligned to all of them.
template <class A, class S, int count> TX_DEVICE void load_run(A (&x)[count], const S* p) {
  const auto raw = *reinterpret_cast<const Pack<S, count>*>(p);
  TX_UNROLL
  for (int k = 0; k < count; k++) x[k] = convert<A>(raw.value[k]);
}
template <class A, class S, int count> TX_DEVICE void store_run(S* p, const A (&x)[count]) {
  Pack<S, count> raw;
  TX_UNROLL
  for (int k = 0; k < count; k++) raw.value[k] = convert<S>(x[k]);
  *reinterpret_cast<Pack<S, count>*>(p) = raw;
}

// Both kinds have team(); sample(team), where among (outer, inner) its row or column is; present(team), whether there is one;
// first(team), the position in memory of its element 0, from which others are `step` apart; and walk<S>(team, p, f), which calls
// f(position, index along n, Count<count>) for the thread's elements: runs of them are aligned in p.
struct RowSlab {
  int64_t rows, n;
  int lanes;
  bool packed;  // runs that are aligned in one operand are so in all
  static constexpr int64_t step = 1;

  TX_DEVICE RowTeam team() const { return RowTeam(lanes); }
  TX_DEVICE int64_t sample(const RowTeam& team) const { return team.row; }
  TX_DEVICE bool present(const RowTeam& team) const { return team.row < rows; }
  TX_DEVICE int64_t first(const RowTeam& team) const { return team.row * n; }

  template <class S, class F> TX_DEVICE void walk(const RowTeam& team, const S* p, const F& f) const {
    const int64_t base = first(team), elements = present(team) ? n : 0;
    team.template walk<kPack<S>>(packed ? unaligned_head<kPack<S>>(p + base, elements) : elements, elements,
                                 [&](int64_t i, auto count) { f(base + i, i, count); });
  }

  unsigned blocks() const { return blocks_for_rows(rows, lanes); }
};

struct ColumnSlab {
  int64_t outer, n, inner;
  int width;
  int64_t step = inner;

  TX_DEVICE ColumnTeam team() const { return ColumnTeam(width, blockIdx.x); }
  TX_DEVICE int64_t sample(const ColumnTeam& team) const { return team.column; }
  TX_DEVICE bool present(const ColumnTeam& team) const { return team.column < outer * inner; }
  TX_DEVICE int64_t first(const ColumnTeam& team) const {
    return team.column / inner * n * inner + team.column % inner;
  }

  template <class S, class F> TX_DEVICE void walk(const ColumnTeam& team, const S*, const F& f) const {
    if (!present(team)) return;
    const int64_t base = first(team);
    for (int64_t i = team.lane; i < n; i += team.lanes) f(base + i * inner, i, Count<1>());
  }

  unsigned blocks() const { return unsigned((outer * inner + width - 1) / width); }
};

// f(slab) with the kind that fits.
template <class S, class F>
void with_slabs(int64_t outer, int64_t n, int64_t inner, std::initializer_list<const void*> operands, const F& f) {
  if (outer == 0 || n == 0 || inner == 0) return;
  if (inner > 1) return f(ColumnSlab{outer, n, inner, columns_for_block(n, outer * inner)});
  bool packed = true;
  for (const void* p : operands)
    packed &= !p || (reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(*operands.begin())) % 16 == 0;
  f(RowSlab{outer, n, lanes_for_row(n, kPack<S>), packed});
}

template <class T> const T* as(const char* p) { return reinterpret_cast<const T*>(p); }
template <class T> T* as(char* p) { return reinterpret_cast<T*>(p); }

// f.operator()<S>() with the type that floating elements are stored as.
template <class F> void with_floating_storage(DType dtype, const F& f) {
  if (dtype == DType::Float64) f.template operator()<double>();
  else if (dtype == DType::Float32) f.template operator()<float>();
  else if (dtype == DType::Float16) f.template operator()<Float16>();
  else f.template operator()<BFloat16>();
}

}  // namespace tx::cuda
