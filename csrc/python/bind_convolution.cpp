#include "../functions/convolution.h"
#include "../functions/quantized.h"
#include "bind.h"

namespace tx::python {

void bind_convolution(PyObject* m) {
  bind<&tx::convolution>(m, "convolution");
  bind<&tx::convolution_input>(m, "convolution_input");
  bind<&tx::convolution_weight>(m, "convolution_weight");
  bind<&tx::quantized_convolution>(m, "quantized_convolution");
}

}  // namespace tx::python
