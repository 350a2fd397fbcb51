// Joining, indexing and sorting.
#include "../functions/elementwise.h"
#include "../functions/index.h"
#include "../functions/join.h"
#include "../functions/sort.h"
#include "bind.h"
#include "subscript.h"

namespace tx::python {

static Array scatter_set(const Array& x, int64_t dim, const Array& index, const Operand& src, Array* out) {
  return scatter(x, dim, index, src, "set", out);
}
static Array index_copy(const Array& x, int64_t dim, const Array& index, const Array& source, Array* out) {
  return index_reduce(x, dim, index, source, "set", out);
}
static Array index_fill(const Array& x, int64_t dim, const Array& index, const Scalar& value, Array* out) {
  return index_reduce(x, dim, index, value, "set", out);
}
static Array index_add(const Array& x, int64_t dim, const Array& index, const Array& source, const Scalar& alpha,
                       Array* out) {
  return index_reduce(x, dim, index, alpha.as_double() == 1 ? source : mul(source, alpha, nullptr), "sum", out);
}
static Array tril(const Array& x, int64_t diagonal, Array* out) { return triangle(x, diagonal, false, out); }
static Array triu(const Array& x, int64_t diagonal, Array* out) { return triangle(x, diagonal, true, out); }

static Array search(const Array& sorted, const Operand& values, bool right, const std::optional<Array>& sorter,
                    bool out_int32) {
  return searchsorted("searchsorted", sorted, values, right, sorter, out_int32);
}

static PyObject* canonical(PyObject*, PyObject* index) { return canonical_index(index); }
static PyMethodDef functions[] = {
    {"canonical_index", canonical, METH_O,
     "An index with every list, array, bool and 0-dim integer tensor replaced by a Tensor or an int."},
    {}};

void bind_index(PyObject* m) {
  bind<&tx::broadcast_shape>(m, "broadcast_shape");
  bind<&tx::cat>(m, "cat");
  bind<&tx::stack>(m, "stack");
  bind<&tx::repeat>(m, "repeat");
  bind<&tx::flip>(m, "flip");
  bind<&tx::roll>(m, "roll");
  bind<&tx::repeat_index>(m, "repeat_index");

  if (PyModule_AddFunctions(m, functions) < 0) throw PythonError{};
  add_forward(m, "index_get", index_get_forward());
  add_forward(m, "index_set", index_set_forward());
  bind<&tx::gather>(m, "gather");
  bind<&scatter_set>(m, "scatter");
  bind<&tx::scatter>(m, "scatter_reduce");
  bind<&tx::index_select>(m, "index_select");
  bind<&index_copy>(m, "index_copy");
  bind<&index_fill>(m, "index_fill");
  bind<&index_add>(m, "index_add");
  bind<&tx::take>(m, "take");
  bind<&tx::put>(m, "put");
  bind<&tx::embedding>(m, "embedding");
  bind<&tx::masked_fill>(m, "masked_fill");
  bind<&tx::masked_select>(m, "masked_select");
  bind<&tx::masked_scatter>(m, "masked_scatter");
  bind<&tx::nonzero>(m, "nonzero");
  bind<&tx::nonzero_columns>(m, "nonzero_columns");
  bind<&tril>(m, "tril");
  bind<&triu>(m, "triu");
  bind<&tx::triangle_indices>(m, "triangle_indices");
  bind<&tx::diag_embed>(m, "diag_embed");
  bind<&tx::index_bounds>(m, "index_bounds");

  bind<&tx::sort>(m, "sort");
  bind<&tx::argsort>(m, "argsort");
  bind<&tx::topk>(m, "topk");
  bind<&tx::kthvalue>(m, "kthvalue");
  bind<&tx::median>(m, "median");
  bind<&search>(m, "searchsorted");
  bind<&tx::unique>(m, "unique");
}

}  // namespace tx::python
