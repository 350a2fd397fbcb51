#include "../functions/reduce.h"
#include "bind.h"

namespace tx::python {

void bind_reduce(PyObject* m) {
  bind<&tx::sum>(m, "sum");
  bind<&tx::nansum>(m, "nansum");
  bind<&tx::prod>(m, "prod");
  bind<&tx::mean>(m, "mean");
  bind<&tx::norm>(m, "norm");
  bind<&tx::logsumexp>(m, "logsumexp");
  bind<&tx::var>(m, "var");
  bind<&tx::std_deviation>(m, "std");
  bind<&tx::var_mean>(m, "var_mean");
  bind<&tx::std_mean>(m, "std_mean");
  bind<&tx::amax>(m, "amax");
  bind<&tx::amin>(m, "amin");
  bind<&tx::argmax>(m, "argmax");
  bind<&tx::argmin>(m, "argmin");
  bind<&tx::max_index>(m, "max_index");
  bind<&tx::min_index>(m, "min_index");
  bind<&tx::any>(m, "any");
  bind<&tx::all>(m, "all");
  bind<&tx::count_nonzero>(m, "count_nonzero");
}

}  // namespace tx::python
