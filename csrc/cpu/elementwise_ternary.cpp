// The kernels of the ternary rows of ops.h, and where. Compiled once per instruction set.
#include "../ops.h"
#include "rows.h"

namespace tx::TX_ISA {

#define X(name, Types, cost, ...) TX_KERNEL(name, Types, cost, 3, false, (V a, V b, V c), __VA_ARGS__)
TX_TERNARY_OPS(X)
#undef X

namespace {

// where() moves bits, so one row serves all types of a size. operand: out, condition (bools), a, b.
template <class T>
void where_row(char* const* operand, int64_t n) {
  constexpr int64_t item = sizeof(T), size = Vec<T>::size;
  char* out = operand[0];
  const char *condition = operand[1], *a = operand[2], *b = operand[3];
  int64_t i = 0;
  for (; i + size <= n; i += size)
    store<T>(out + i * item, where(load_bools<item>(condition + i), load<T>(a + i * item), load<T>(b + i * item)));
  if (i < n)
    store_partial<T>(out + i * item,
                     where(load_bools_partial<item>(condition + i, n - i), load_partial<T>(a + i * item, n - i),
                           load_partial<T>(b + i * item, n - i)),
                     n - i);
}

// Elements wider than a lane.
template <>
void where_row<Word16>(char* const* operand, int64_t n) {
  Word16* out = (Word16*)operand[0];
  const char* condition = operand[1];
  const Word16 *a = (const Word16*)operand[2], *b = (const Word16*)operand[3];
  for (int64_t i = 0; i < n; i++) out[i] = condition[i] ? a[i] : b[i];
}

}  // namespace

void where(const NdIter<4>& it) {
  // Halves need not become floats when nothing has to be converted.
  DType t = it.dtype[0] == it.dtype[2] && it.dtype[0] == it.dtype[3] ? it.dtype[0] : it.compute;
  Row row = itemsize(t) == 1   ? where_row<int8_t>
            : itemsize(t) == 2 ? where_row<int16_t>
            : itemsize(t) == 4 ? where_row<int32_t>
            : itemsize(t) == 8 ? where_row<int64_t>
                               : where_row<Word16>;
  walk(it, {t, DType::Bool, t, t}, row, Light);
}

}  // namespace tx::TX_ISA
