// Pooling, normalisation, resampling and the gates of recurrent nets.
#include "../functions/gates.h"
#include "../functions/norm.h"
#include "../functions/pool.h"
#include "../functions/resample.h"
#include "bind.h"

namespace tx::python {

void bind_nn(PyObject* m) {
  bind<&tx::max_pool>(m, "max_pool");
  bind<&tx::max_pool_grad>(m, "max_pool_grad");
  bind<&tx::average_pool>(m, "average_pool");
  bind<&tx::average_pool_grad>(m, "average_pool_grad");
  bind<&tx::resample>(m, "resample");
  bind<&tx::resample_weight>(m, "resample_weight");
  bind<&tx::layer_norm>(m, "layer_norm");
  bind<&tx::layer_norm_grad>(m, "layer_norm_grad");
  bind<&tx::batch_norm>(m, "batch_norm");
  bind<&tx::batch_norm_grad>(m, "batch_norm_grad");
  bind<&tx::lstm_gates>(m, "lstm_gates");
  bind<&tx::lstm_gates_grad>(m, "lstm_gates_grad");
  bind<&tx::gru_gates>(m, "gru_gates");
  bind<&tx::gru_gates_grad>(m, "gru_gates_grad");
}

}  // namespace tx::python
