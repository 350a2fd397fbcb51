// Joining, indexing and sorting.
#include "../functions/join.h"
#include "bind.h"

namespace tx::python {

void bind_index(PyObject* m) {
  bind<&tx::broadcast_shape>(m, "broadcast_shape");
  bind<&tx::cat>(m, "cat");
  bind<&tx::stack>(m, "stack");
  bind<&tx::repeat>(m, "repeat");
  bind<&tx::flip>(m, "flip");
  bind<&tx::roll>(m, "roll");
  bind<&tx::repeat_index>(m, "repeat_index");
}

}  // namespace tx::python
