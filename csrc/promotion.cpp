#include "promotion.h"

namespace tx {

static DType g_default_dtype = DType::Float32;

DType default_dtype() { return g_default_dtype; }

void set_default_dtype(DType dtype) {
  if (!is_floating(dtype))
    fail(ErrorKind::Type, "set_default_dtype(): only floating-point types are supported as the default type, got ",
         dtype_name(dtype));
  g_default_dtype = dtype;
}

// Rows and columns in the order of DType. b bool, u uint8, c int8, s int16, i int32, l int64, h float16, e bfloat16,
// f float32, d float64.
static constexpr char kPromotion[kNumDTypes][kNumDTypes + 1] = {
    "bucsilhefd",   // bool
    "uussilhefd",   // uint8
    "cscsilhefd",   // int8
    "ssssilhefd",   // int16
    "iiiiilhefd",   // int32
    "llllllhefd",   // int64
    "hhhhhhhffd",   // float16
    "eeeeeefefd",   // bfloat16
    "fffffffffd",   // float32
    "dddddddddd",   // float64
};

DType promote_types(DType a, DType b) {
  constexpr char letters[] = "bucsilhefd";
  char letter = kPromotion[int(a)][int(b)];
  for (int i = 0; i < kNumDTypes; i++)
    if (letters[i] == letter) return DType(i);
  return a;
}

bool can_cast(DType from, DType to) {
  if (is_floating(from) && is_integral(to)) return false;
  return from == DType::Bool || to != DType::Bool;
}

void ResultType::merge(int& into, DType t) { into = into == kNone ? int(t) : int(promote_types(DType(into), t)); }

void ResultType::add(const Operand& operand) {
  if (!operand.array) merge(number_, operand.scalar.dtype());
  else merge(operand.array->ndim() ? dimensioned_ : zero_dim_, operand.array->dtype);
}

// A lower category only matters when it is of a higher kind (bool < integer < floating).
static int combine(int higher, int lower) {
  if (higher < 0) return lower;
  if (lower < 0 || is_floating(DType(higher))) return higher;
  if (DType(higher) == DType::Bool || is_floating(DType(lower))) return int(promote_types(DType(higher), DType(lower)));
  return higher;
}

DType ResultType::get() const { return DType(combine(combine(dimensioned_, zero_dim_), number_)); }

}  // namespace tx
