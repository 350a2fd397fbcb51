#include "../functions/scan.h"
#include "bind.h"

namespace tx::python {

void bind_scan(PyObject* m) {
  bind<&tx::cumsum>(m, "cumsum");
  bind<&tx::cumprod>(m, "cumprod");
  bind<&tx::logcumsumexp>(m, "logcumsumexp");
  bind<&tx::cummax>(m, "cummax");
  bind<&tx::cummin>(m, "cummin");
}

}  // namespace tx::python
