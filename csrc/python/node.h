// The C side of a recorded call: Plan (how an op is differentiated for one choice of inputs) and Node (one call).
// Recording an op and running its rules happen here, without a Python frame of our own; the engine that walks the
// graph, and the rules, are Python (tensorx/autograd, tensorx/ops).
#pragma once
#include "tensor.h"

namespace tx::python {

// What the gradient of a broadcast or promoted input is brought back to.
struct Fit {
  Dims shape;
  DType dtype;
  Device device;
};

struct NodeObject {
  PyObject_HEAD
  PyObject* plan;
  Edge* edges;  // `edge_count` of them, one per input
  Py_ssize_t edge_count;
  PyObject* saved;  // tuple, per rule: tuple of what it takes; null once freed
  Fit* fit;  // null, or one per edge
  PyObject* variable;  // of an AccumulateGrad: the leaf whose `grad` it adds to
  PyObject* outputs;  // null or None, or a tuple: Metadata of each of several outputs
  PyObject* hooks;
  PyObject* pre_hooks;
  PyObject* notes;  // the user's `metadata`
  PyObject* weak_references;
  int64_t order;
};

bool is_node(PyObject* o);
inline NodeObject* as_node(PyObject* o) { return reinterpret_cast<NodeObject*>(o); }

// Makes the node of a call that just ran and gives it to `result` (a Tensor or a tuple of them) as its history.
// Bit i of mask: args[i] needs a gradient. False with an error set.
bool record_call(PyObject* plan, PyObject* const* args, int count, int64_t mask, PyObject* result);

// One gradient (or None) per edge from the gradient `g` of the output (a tuple or list of gradients, of several): runs
// the rules with what was saved for them. A rule whose gradient `wanted` refuses is not run.
using Wanted = bool (*)(const void* context, const Edge& edge);
PyObject* node_gradients(NodeObject* node, PyObject* g, Wanted wanted, const void* context);

// Whether the node's gradients are the rules of its plan; a subclass may compute them in a method of its own.
bool has_rules(NodeObject* node);

// A new AccumulateGrad for a leaf.
PyObject* new_accumulate_node(PyObject* leaf);

// saved.cpp
PyObject* save_value(PyObject* value, bool is_output, uint32_t number);
PyObject* unpack_value(PyObject* saved, PyObject* node);
bool is_saved(PyObject* o);                      // a saved tensor, or a tuple with one
PyObject* shape_of(PyObject* value);           // Size of a Tensor, tuple of them for a sequence

bool init_node_type(PyObject* module);
bool init_backlog_type(PyObject* module);       // backlog.cpp

}  // namespace tx::python
