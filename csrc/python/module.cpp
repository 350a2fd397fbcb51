// The extension module tensorx._C.
#include <pybind11/pybind11.h>

#include "autocast.h"
#include "bind.h"
#include "node.h"
#include "op.h"
#include "saved.h"
#include "subscript.h"

namespace py = pybind11;

PYBIND11_MODULE(_C, m) {
  using namespace tx::python;
  m.doc() = "The C++ side of tensorx: arrays, kernels and the call of an op.";
  PyObject* module = m.ptr();
  if (!init_objects(module) || !init_forward_type(module) || !init_tensor_type(module) || !init_op_type(module) ||
      !init_saved_type(module) || !init_node_type(module) || !init_backlog_type(module) || !init_autocast(module))
    throw py::error_already_set();
  py::register_exception_translator([](std::exception_ptr e) {
    try {
      if (e) std::rethrow_exception(e);
    } catch (const tx::Error&) {
      set_error_from_exception();
    }
  });
  try {
    bind_classes(module);
    bind_elementwise(module);
    bind_shape(module);
    bind_data(module);
    bind_matmul(module);
    bind_optimizer(module);
    bind_index(module);
    bind_reduce(module);
    bind_scan(module);
    bind_softmax(module);
    bind_numpy(module);
    bind_shared(module);
    bind_dlpack(module);
    bind_creation(module);
    bind_random(module);
    bind_nn(module);
    bind_convolution(module);
    bind_system(module);
    bind_cuda(module);
  } catch (PythonError) {
    throw py::error_already_set();
  }
}
