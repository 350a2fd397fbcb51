// The error of a kernel that lacks a type. A file of its own: the CUDA library has a copy.
#include "errors.h"
#include "kernels.h"

namespace tx {

void unsupported(const char* op, DType given, uint32_t supported) {
  std::string names;
  for (int i = 0; i < kNumDTypes; i++)
    if (supported >> i & 1) names += std::string(names.empty() ? "; it supports " : ", ") + dtype_name(DType(i));
  fail(ErrorKind::NotImplemented, "\"", op, "\" is not implemented for dtype ", dtype_name(given), names);
}

}  // namespace tx
