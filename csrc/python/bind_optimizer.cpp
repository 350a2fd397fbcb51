#include "../functions/optimizer.h"
#include "bind.h"

namespace tx::python {

void bind_optimizer(PyObject* m) {
  bind<&tx::sgd_step>(m, "sgd_step");
  bind<&tx::adam_step>(m, "adam_step");
  bind<&tx::scale_all>(m, "scale_all");
}

}  // namespace tx::python
