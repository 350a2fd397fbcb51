// The C side of tensorx.Tensor: an Array and its autograd slots.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../array.h"

namespace tx::python {

struct TensorObject {
  PyObject_HEAD
  Array array;
  PyObject* grad;              // Tensor or null
  PyObject* grad_fn;           // the Node that made it, or null for a leaf
  PyObject* base;              // the Tensor this is a view of, or null; never itself a view
  PyObject* hooks;             // dict of gradient hooks, or null
  PyObject* accumulate;        // weak reference to the leaf's AccumulateGrad node, or null
  PyObject* attributes;        // __dict__
  PyObject* weak_references;
  uint32_t output_number;      // which output of grad_fn
  uint32_t history;            // times an in-place op on a view rewrote this base's grad_fn
  uint32_t base_history;       // base->history when this view's grad_fn was last made
  bool leaf_requires_grad;
  bool retains_grad;
};

extern PyTypeObject TensorBaseType;
extern PyTypeObject* tensor_class;             // tensorx.Tensor once Python has defined it
extern thread_local bool grad_enabled;
extern thread_local bool inference_enabled;

inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_class || PyObject_TypeCheck(o, &TensorBaseType); }
inline TensorObject* as_tensor(PyObject* o) { return reinterpret_cast<TensorObject*>(o); }

// A new Tensor (or, with a class, one of its subclasses); null with a Python error set.
PyObject* wrap(Array array);
PyObject* wrap(Array array, PyTypeObject* cls);

// True when gradients flow to `t`. May raise (returns -1): a stale view first has its history rebuilt.
int requires_grad(TensorObject* t);

// Where a gradient goes: to output `number` of `node`, to which the edge holds a reference. No node: nowhere.
struct Edge {
  PyObject* node = nullptr;
  uint32_t number = 0;
};

// The edge of a tensor that requires a gradient; one without a node, and an error set, on failure.
Edge edge_of(TensorObject* t);

PyObject* size_tuple(const Dims& dims);        // tensorx.Size
bool init_tensor_type(PyObject* module);

}  // namespace tx::python
