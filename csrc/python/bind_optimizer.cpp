#include "../functions/optimizer.h"
#include "bind.h"

namespace tx::python {

void bind_optimizer(PyObject* m) {
  bind<&tx::sgd_step>(m, "sgd_step");
  bind<&tx::adam_step>(m, "adam_step");
  bind<&tx::adamax_step>(m, "adamax_step");
  bind<&tx::nadam_step>(m, "nadam_step");
  bind<&tx::radam_step>(m, "radam_step");
  bind<&tx::adagrad_step>(m, "adagrad_step");
  bind<&tx::adadelta_step>(m, "adadelta_step");
  bind<&tx::rmsprop_step>(m, "rmsprop_step");
  bind<&tx::rprop_step>(m, "rprop_step");
  bind<&tx::asgd_step>(m, "asgd_step");
  bind<&tx::scale_all>(m, "scale_all");
}

}  // namespace tx::python
