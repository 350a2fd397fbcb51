// The C side of a recorded call: Plan (how an op is differentiated for one choice of inputs) and Node (one call).
// Recording an op and running its rules happen here, without a Python frame of our own; the engine that walks the
// graph, and the rules, are Python (tensorx/autograd, tensorx/ops).
#pragma once
#include "tensor.h"

namespace tx::python {

// Makes the node of a call that just ran and gives it to `result` (a Tensor or a tuple of them) as its history.
// Bit i of mask: args[i] needs a gradient. False with an error set.
bool record_call(PyObject* plan, PyObject* const* args, int count, int64_t mask, PyObject* result);

// saved.cpp
PyObject* save_value(PyObject* value, bool is_output, uint32_t number);
PyObject* unpack_value(PyObject* saved, PyObject* node);
bool is_saved(PyObject* o);                      // a saved tensor, or a tuple with one
PyObject* shape_of(PyObject* value);           // Size of a Tensor, tuple of them for a sequence

bool init_node_type(PyObject* module);

}  // namespace tx::python
