#include "../functions/complex.h"
#include "../functions/elementwise.h"

#include "bind.h"

namespace tx::python {

void bind_elementwise(PyObject* m) {
#define X(name, ...) bind<static_cast<Array (*)(const Array&, Array*)>(&tx::name)>(m, #name);
  TX_UNARY_OPS(X)
  TX_UNARY_BOOL_OPS(X)
#undef X
#define X(name, ...) bind<static_cast<Array (*)(const Operand&, const Operand&, Array*)>(&tx::name)>(m, #name);
  TX_BINARY_OPS(X)
  TX_COMPARE_OPS(X)
#undef X
#define X(name, ...) bind<static_cast<Array (*)(const Operand&, const Operand&, const Operand&, Array*)>(&tx::name)>(m, #name);
  TX_TERNARY_OPS(X)
#undef X
  bind<&tx::absolute>(m, "absolute");
  bind<&tx::complex>(m, "complex");
  bind<&tx::polar>(m, "polar");
  bind<&tx::add_scaled>(m, "add_scaled");
  bind<&tx::sub_scaled>(m, "sub_scaled");
  bind<static_cast<Array (*)(const Array&, const Operand&, const Operand&, Array*)>(&tx::where)>(m, "where");
}

}  // namespace tx::python
