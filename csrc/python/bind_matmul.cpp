#include "../functions/matmul.h"
#include "bind.h"

namespace tx::python {

void bind_matmul(PyObject* m) {
  bind<&tx::mm>(m, "mm");
  bind<&tx::bmm>(m, "bmm");
  bind<&tx::mv>(m, "mv");
  bind<&tx::dot>(m, "dot");
  bind<&tx::matmul>(m, "matmul");
  bind<&tx::addmm>(m, "addmm");
  bind<&tx::addmm_activation>(m, "addmm_activation");
  bind<&tx::baddbmm>(m, "baddbmm");
  bind<&tx::linear>(m, "linear");
  bind<&tx::allow_tf32>(m, "allow_tf32");
}

}  // namespace tx::python
