// The row function of an op row: its expression on one register after the other, the tail in a padded register, so that
// there is no scalar twin. For the files that instantiate the rows of ops.h.
#pragma once
#include "vec_math.h"
#include "../formulas.h"
#include "walk.h"

namespace tx::TX_ISA {

struct All {
  template <class T> static constexpr bool has = true;
};
struct Numeric {
  template <class T> static constexpr bool has = !std::is_same_v<T, bool>;
};
struct Floating {
  template <class T> static constexpr bool has = std::is_floating_point_v<T>;
};
struct Integral {
  template <class T> static constexpr bool has = std::is_integral_v<T>;
};
struct Integer {
  template <class T> static constexpr bool has = std::is_integral_v<T> && !std::is_same_v<T, bool>;
};

template <class T, class V> TX_INLINE void store_result(char* p, V x) { store<T>(p, x); }
template <class T, int bytes> TX_INLINE void store_result(char* p, Mask<bytes> m) { store_bools(p, m); }
template <class T, class V> TX_INLINE void store_result_partial(char* p, V x, int64_t n) { store_partial<T>(p, x, n); }
template <class T, int bytes> TX_INLINE void store_result_partial(char* p, Mask<bytes> m, int64_t n) {
  store_bools_partial(p, m, n);
}

// Inputs: how many. A result that is a mask is written as bools.
template <class Op, class T, int Inputs, bool to_bool>
void row(char* const* operand, int64_t n) {
  constexpr int64_t in = sizeof(T), out = to_bool ? 1 : sizeof(T), size = Vec<T>::size;
  char* o = operand[0];
  const char *a = operand[1], *b = operand[Inputs > 1 ? 2 : 1], *c = operand[Inputs > 2 ? 3 : 1];
  auto apply = [](auto x, auto y, auto z) __attribute__((always_inline)) {
    if constexpr (Inputs == 1) return Op{}(x);
    else if constexpr (Inputs == 2) return Op{}(x, y);
    else return Op{}(x, y, z);
  };
  int64_t i = 0;
  for (; i + size <= n; i += size)
    store_result<T>(o + i * out, apply(load<T>(a + i * in), load<T>(b + i * in), load<T>(c + i * in)));
  if (i == n) return;
  Vec<T> x = load_partial<T>(a + i * in, n - i), y = x, z = x;
  if constexpr (Inputs > 1) y = load_partial<T>(b + i * in, n - i);
  if constexpr (Inputs > 2) z = load_partial<T>(c + i * in, n - i);
  store_result_partial<T>(o + i * out, apply(x, y, z), n - i);
}

template <class Op, class Types, class T, int Inputs, bool to_bool>
constexpr Row row_or_null() {
  if constexpr (Types::template has<T>) return row<Op, T, Inputs, to_bool>;
  else return nullptr;
}

template <class Op, class Types, int Inputs, bool to_bool>
constexpr RowTable row_table(const char* op, int64_t grain) {
  RowTable table = {op, {}, grain, to_bool};
  // clang-format off
#define X(T) table.rows[int(dtype_of<T>::value)] = row_or_null<Op, Types, T, Inputs, to_bool>();
  X(bool) X(uint8_t) X(int8_t) X(int16_t) X(int32_t) X(int64_t) X(float) X(double)
#undef X
      // clang-format on
      return table;
}

// Defines the kernel `name` of an op row with these inputs: a struct with the expression, its table, and the call.
#define TX_KERNEL(name, Types, cost, inputs, to_bool, parameters, ...)                                      \
  namespace {                                                                                               \
  struct name##_op { template <class V> TX_INLINE auto operator() parameters const { return __VA_ARGS__; } }; \
  constexpr RowTable name##_rows = row_table<name##_op, Types, inputs, to_bool>(#name, cost);               \
  }                                                                                                         \
  void name(const NdIter<inputs + 1>& it) { run(it, name##_rows); }

}  // namespace tx::TX_ISA
