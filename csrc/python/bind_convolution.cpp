#include "../functions/convolution.h"
#include "bind.h"

namespace tx::python {

void bind_convolution(PyObject* m) {
  bind<&tx::convolution>(m, "convolution");
  bind<&tx::convolution_input>(m, "convolution_input");
  bind<&tx::convolution_weight>(m, "convolution_weight");
}

}  // namespace tx::python
