// Type promotion, as PyTorch's: tensors with dimensions outrank 0-dim tensors, which outrank Python numbers.
#pragma once
#include "array.h"

namespace tx {

DType default_dtype();
void set_default_dtype(DType dtype);                 // floating types only

DType promote_types(DType a, DType b);
bool can_cast(DType from, DType to);  // as torch.can_cast: float to int, and anything to bool, may not

// One input of an elementwise op: an array, or a number.
struct Operand {
  const Array* array = nullptr;  // null: a number
  Scalar scalar;
  Operand(const Array& a) : array(&a) {}
  Operand(const Scalar& s) : scalar(s) {}
};

// Gathers the dtypes of the operands of one call.
class ResultType {
 public:
  void add(const Operand& operand);
  DType get() const;

 private:
  static constexpr int kNone = -1;
  static void merge(int& into, DType t);
  int dimensioned_ = kNone, zero_dim_ = kNone, number_ = kNone;
};

}  // namespace tx
