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
// f float32, d float64, v uint16, w uint32, x uint64, F complex64, D complex128; a point where there is no such type.
static constexpr char kLetters[] = "bucsilhefdvwxFD";
static constexpr char kPromotion[kNumDTypes][kNumDTypes + 1] = {
    "bucsilhefd...FD",  // bool
    "uussilhefd...FD",  // uint8
    "cscsilhefd...FD",  // int8
    "ssssilhefd...FD",  // int16
    "iiiiilhefd...FD",  // int32
    "llllllhefd...FD",  // int64
    "hhhhhhhffdhhhFD",  // float16
    "eeeeeefefdeeeFD",  // bfloat16
    "fffffffffdfffFD",  // float32
    "dddddddddddddDD",  // float64
    "......hefdv....",  // uint16
    "......hefd.w...",  // uint32
    "......hefd..x..",  // uint64
    "FFFFFFFFFD...FD",  // complex64
    "DDDDDDDDDD...DD",  // complex128
};

DType promote_types(DType a, DType b) {
  const char letter = kPromotion[int(a)][int(b)];
  for (int i = 0; i < kNumDTypes; i++)
    if (kLetters[i] == letter) return DType(i);
  fail(ErrorKind::Runtime, "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote ",
       dtype_name(a), " and ", dtype_name(b), ": convert one of them with .to(dtype)");
}

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral(to)) return false;
  return from == DType::Bool || to != DType::Bool;
}

void ResultType::merge(int& into, DType t) { into = into == kNone ? int(t) : int(promote_types(DType(into), t)); }

void ResultType::add(const Operand& operand) {
  if (!operand.array) merge(number_, operand.scalar.dtype());
  else merge(operand.array->ndim() ? dimensioned_ : zero_dim_, operand.array->dtype);
}

// A lower category only matters when it is of a higher kind (bool < integer < floating < complex).
static int combine(int higher, int lower) {
  if (higher < 0) return lower;
  if (lower < 0 || is_complex(DType(higher))) return higher;
  if (is_complex(DType(lower))) return is_floating(DType(higher)) ? int(complex_dtype(DType(higher))) : lower;
  if (is_floating(DType(higher))) return higher;
  if (DType(higher) == DType::Bool || is_floating(DType(lower))) return int(promote_types(DType(higher), DType(lower)));
  return higher;
}

DType ResultType::get() const { return DType(combine(combine(dimensioned_, zero_dim_), number_)); }

}  // namespace tx
