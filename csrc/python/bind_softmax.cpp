#include "../functions/softmax.h"
#include "bind.h"

namespace tx::python {

void bind_softmax(PyObject* m) {
  bind<&tx::softmax>(m, "softmax");
  bind<&tx::log_softmax>(m, "log_softmax");
  bind<&tx::softmax_grad>(m, "softmax_grad");
  bind<&tx::log_softmax_grad>(m, "log_softmax_grad");
  bind<&tx::cross_entropy>(m, "cross_entropy");
  bind<&tx::cross_entropy_grad>(m, "cross_entropy_grad");
  bind<&tx::nll>(m, "nll");
  bind<&tx::nll_grad>(m, "nll_grad");
}

}  // namespace tx::python
