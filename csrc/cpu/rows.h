// The row function of an op row: its expression on one register after the other, the tail in a padded register, so that
// there is no scalar twin. For the files that instantiate the rows of ops.h.
#pragma once
#include "vec_math.h"
#include "vec_half.h"
#include "../complex_math.h"
#include "../formulas.h"
#include "../op_types.h"
#include "walk.h"

namespace tx::TX_ISA {

template <class T, class S, class R> TX_INLINE void store_result(char* p, R x) { store_as<T, S>(p, x); }
template <class T, class S, int bytes> TX_INLINE void store_result(char* p, Mask<bytes> m) { store_bools(p, m); }
template <class T, class S, class R> TX_INLINE void store_result_partial(char* p, R x, int64_t n) {
  store_partial_as<T, S>(p, x, n);
}
template <class T, class S, int bytes> TX_INLINE void store_result_partial(char* p, Mask<bytes> m, int64_t n) {
  store_bools_partial(p, m, n);
}

// T: what the expression computes in; S: what the operands are stored as. Inputs: how many. A result that is a mask is
// written as bools.
template <class Op, class T, class S, int Inputs, bool to_bool>
void row(char* const* operand, int64_t n) {
  constexpr int64_t in = sizeof(S), out = to_bool ? 1 : sizeof(S), size = kLanes<T>;
  char* o = operand[0];
  const char *a = operand[1], *b = operand[Inputs > 1 ? 2 : 1], *c = operand[Inputs > 2 ? 3 : 1];
  auto apply = [](auto x, auto y, auto z) __attribute__((always_inline)) {
    if constexpr (Inputs == 1) return Op{}(x);
    else if constexpr (Inputs == 2) return Op{}(x, y);
    else return Op{}(x, y, z);
  };
  int64_t i = 0;
  for (; i + size <= n; i += size)
    store_result<T, S>(o + i * out,
                       apply(load_as<T, S>(a + i * in), load_as<T, S>(b + i * in), load_as<T, S>(c + i * in)));
  if (i == n) return;
  auto x = load_partial_as<T, S>(a + i * in, n - i), y = x, z = x;
  if constexpr (Inputs > 1) y = load_partial_as<T, S>(b + i * in, n - i);
  if constexpr (Inputs > 2) z = load_partial_as<T, S>(c + i * in, n - i);
  store_result_partial<T, S>(o + i * out, apply(x, y, z), n - i);
}

template <class Op, class Types, class T, class S, int Inputs, bool to_bool>
constexpr Row row_or_null() {
  if constexpr (Types::template has<T> && kConverts<S>) return row<Op, T, S, Inputs, to_bool>;
  else return nullptr;
}

// Half types have rows of their own where staging them as floats would cost more than the op.
template <class Op, class Types, int Inputs, bool to_bool, int64_t grain>
constexpr RowTable row_table(const char* op) {
  RowTable table = {op, {}, grain, to_bool};
  // clang-format off
#define X(T) table.rows[int(dtype_of<T>::value)] = row_or_null<Op, Types, T, T, Inputs, to_bool>();
  TX_COMPUTE_TYPES(X)
#undef X
  if constexpr (grain == Light) {
    table.rows[int(DType::Float16)] = row_or_null<Op, Types, float, Float16, Inputs, to_bool>();
    table.rows[int(DType::BFloat16)] = row_or_null<Op, Types, float, BFloat16, Inputs, to_bool>();
  }
  return table;
  // clang-format on
}

// Defines the kernel `name` of an op row with these inputs: a struct with the expression, its table, and the call.
#define TX_KERNEL(name, Types, cost, inputs, to_bool, parameters, ...)                                      \
  namespace {                                                                                               \
  struct name##_op { template <class V> TX_INLINE auto operator() parameters const { return __VA_ARGS__; } }; \
  constexpr RowTable name##_rows = row_table<name##_op, Types, inputs, to_bool, cost>(#name);               \
  }                                                                                                         \
  void name(const NdIter<inputs + 1>& it) { run(it, name##_rows); }

}  // namespace tx::TX_ISA
