// The binding functions, one per family; each adds its forwards to the module. pybind11 takes 10 seconds of compilation for
// each file that includes it: it is for the module and its classes (module.cpp).
#pragma once
#include "forward.h"

namespace tx::python {

void bind_elementwise(PyObject* module);
void bind_shape(PyObject* module);
void bind_data(PyObject* module);
void bind_matmul(PyObject* module);
void bind_optimizer(PyObject* module);
void bind_index(PyObject* module);
void bind_reduce(PyObject* module);
void bind_scan(PyObject* module);
void bind_softmax(PyObject* module);
void bind_numpy(PyObject* module);
void bind_shared(PyObject* module);
void bind_dlpack(PyObject* module);
void bind_creation(PyObject* module);
void bind_random(PyObject* module);
void bind_nn(PyObject* module);
Array from_data(PyObject* data, std::optional<DType> dtype);  // numbers, and nested sequences of them
void bind_convolution(PyObject* module);
void bind_system(PyObject* module);
void bind_cuda(PyObject* module);

}  // namespace tx::python
