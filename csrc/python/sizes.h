// Sizes as PyTorch takes them: several ints, or one sequence of them.
#pragma once
#include <algorithm>

#include "forward.h"

namespace tx::python {

struct Sizes {
  Dims dims;
};

template <> struct Arg<Sizes> {
  static Sizes get(PyObject* o, int i) {
    if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 1) {
      PyObject* only = PyTuple_GET_ITEM(o, 0);
      if (PyTuple_Check(only) || PyList_Check(only)) o = only;
    }
    return {dims_from(o, i)};
  }
};
template <> struct Arg<const Sizes&> : Arg<Sizes> {};
inline int64_t work_of(const Sizes& s) {
  int64_t n = 1;
  for (int64_t size : s.dims) n = size > 0 && n < kReleaseAbove ? n * std::min(size, 2 * kReleaseAbove) : n;
  return n;
}

}  // namespace tx::python
