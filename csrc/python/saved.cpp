// SavedTensor: an array with the version it was saved at and its place in the graph. It holds the array, not the
// Tensor: an output saved as itself would be a reference cycle. Only a leaf is held as itself, because it owns no node
// and second-order gradients must reach the very same object.
#include "saved.h"

#include "node.h"
#include "op.h"

namespace tx::python {

namespace {

struct SavedTensor {
  PyObject_HEAD
  Array array;
  PyObject* leaf;              // the Tensor itself when it is a leaf that requires a gradient
  PyObject* node;              // its grad_fn; null for leaves and for an output of the saving node
  uint64_t version;
  uint32_t number;
  bool is_output;              // an output of the node that saved it
};

PyTypeObject SavedTensorType = {PyVarObject_HEAD_INIT(nullptr, 0)};

SavedTensor* as_saved(PyObject* o) { return reinterpret_cast<SavedTensor*>(o); }

PyObject* save_tensor(TensorObject* t, bool is_output, uint32_t number) {
  SavedTensor* s = PyObject_GC_New(SavedTensor, &SavedTensorType);
  if (!s) return nullptr;
  new (&s->array) Array(t->array);
  s->leaf = !is_output && !t->grad_fn && t->leaf_requires_grad ? Py_NewRef(reinterpret_cast<PyObject*>(t)) : nullptr;
  s->node = is_output ? nullptr : Py_XNewRef(t->grad_fn);
  s->version = t->array.storage->version;
  s->number = is_output ? number : t->output_number;
  s->is_output = is_output;
  PyObject_GC_Track(s);
  return reinterpret_cast<PyObject*>(s);
}

PyObject* unpack_tensor(SavedTensor* s, PyObject* node) {
  if (s->array.storage->version != s->version) {
    PyObject* name = PyObject_CallMethod(s->node ? s->node : node, "name", nullptr);
    if (!name) return nullptr;
    PyErr_Format(PyExc_RuntimeError,
                 "one of the variables needed for gradient computation has been modified by an inplace operation: a %s "
                 "tensor of shape %s, which is "
                 "%s %U, is at version %llu; expected version %llu instead. Hint: make the change out of place, or on "
                 "a clone() of the tensor.",
                 dtype_name(s->array.dtype), to_string(s->array.shape).c_str(),
                 s->node || s->is_output ? "an output of" : "an input of", name,
                 (unsigned long long)s->array.storage->version, (unsigned long long)s->version);
    Py_DECREF(name);
    return nullptr;
  }
  if (s->leaf) return Py_NewRef(s->leaf);
  PyObject* t = wrap(s->array);
  if (t && grad_enabled && (s->node || s->is_output)) {
    as_tensor(t)->grad_fn = Py_NewRef(s->is_output ? node : s->node);
    as_tensor(t)->output_number = s->number;
  }
  return t;
}

// A tuple or list with an element for which `is` holds: a list of tensors, or an index that has some among its parts.
template <class Is>
bool is_sequence_with(PyObject* o, Is is) {
  if (!PyTuple_CheckExact(o) && !PyList_CheckExact(o)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); i++)
    if (is(PySequence_Fast_GET_ITEM(o, i))) return true;
  return false;
}

}  // namespace

PyObject* save_value(PyObject* o, bool is_output, uint32_t number) {
  if (is_tensor(o)) return save_tensor(as_tensor(o), is_output, number);
  if (is_sequence_with(o, is_tensor)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    PyObject* out = PyTuple_New(n);
    for (Py_ssize_t i = 0; out && i < n; i++) {
      PyObject* v = save_value(PySequence_Fast_GET_ITEM(o, i), is_output, uint32_t(i));
      if (!v) Py_CLEAR(out);
      else PyTuple_SET_ITEM(out, i, v);
    }
    return out;
  }
  return Py_NewRef(o);
}

bool is_saved(PyObject* o) {
  return Py_TYPE(o) == &SavedTensorType ||
         is_sequence_with(o, [](PyObject* item) { return Py_TYPE(item) == &SavedTensorType; });
}

PyObject* unpack_value(PyObject* o, PyObject* node) {
  if (Py_TYPE(o) == &SavedTensorType) return unpack_tensor(as_saved(o), node);
  if (PyTuple_Check(o) && is_saved(o)) {
    PyObject* out = PyTuple_New(PyTuple_GET_SIZE(o));
    for (Py_ssize_t i = 0; out && i < PyTuple_GET_SIZE(o); i++) {
      PyObject* v = unpack_value(PyTuple_GET_ITEM(o, i), node);
      if (!v) Py_CLEAR(out);
      else PyTuple_SET_ITEM(out, i, v);
    }
    return out;
  }
  return Py_NewRef(o);
}

PyObject* shape_of(PyObject* o) {
  if (is_tensor(o)) return size_tuple(as_tensor(o)->array.shape);
  if (PyTuple_Check(o) || PyList_Check(o)) {  // a sequence of tensors: the tuple of their shapes
    PyObject* out = PyTuple_New(PySequence_Fast_GET_SIZE(o));
    for (Py_ssize_t i = 0; out && i < PySequence_Fast_GET_SIZE(o); i++) {
      PyObject* v = shape_of(PySequence_Fast_GET_ITEM(o, i));
      if (!v) Py_CLEAR(out);
      else PyTuple_SET_ITEM(out, i, v);
    }
    return out;
  }
  return Py_NewRef(Py_None);
}

namespace {

// unpack(values, node): the saved values as Tensors; in grad mode they are attached to the graph again.
PyObject* unpack(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 2 || !PyTuple_Check(a[0])) return PyErr_Format(PyExc_TypeError, "unpack(values, node)");
  PyObject* out = PyTuple_New(PyTuple_GET_SIZE(a[0]));
  for (Py_ssize_t i = 0; out && i < PyTuple_GET_SIZE(a[0]); i++) {
    PyObject* v = unpack_value(PyTuple_GET_ITEM(a[0], i), a[1]);
    if (!v) Py_CLEAR(out);
    else PyTuple_SET_ITEM(out, i, v);
  }
  return out;
}

PyObject* save(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 3) return PyErr_Format(PyExc_TypeError, "save(value, is_output, number)");
  return save_value(a[0], PyObject_IsTrue(a[1]), uint32_t(PyLong_AsLong(a[2])));
}

int saved_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(as_saved(o)->leaf);
  Py_VISIT(as_saved(o)->node);
  return 0;
}

int saved_clear(PyObject* o) {
  Py_CLEAR(as_saved(o)->leaf);
  Py_CLEAR(as_saved(o)->node);
  return 0;
}

void saved_dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  Py_TRASHCAN_BEGIN(o, saved_dealloc)
  saved_clear(o);
  as_saved(o)->array.~Array();
  PyObject_GC_Del(o);
  Py_TRASHCAN_END
}

template <class F> PyCFunction fast(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef functions[] = {
    {"save", fast(save), METH_FASTCALL, "save(value, is_output, number): a value as a node keeps it."},
    {"unpack", fast(unpack), METH_FASTCALL, "Saved values as Tensors again; raises when one was modified since."},
    {}};

}  // namespace

bool init_saved_type(PyObject* module) {
  SavedTensorType.tp_name = "tensorx._C.SavedTensor";
  SavedTensorType.tp_basicsize = sizeof(SavedTensor);
  SavedTensorType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
  SavedTensorType.tp_dealloc = saved_dealloc;
  SavedTensorType.tp_traverse = saved_traverse;
  SavedTensorType.tp_clear = saved_clear;
  return PyType_Ready(&SavedTensorType) == 0 && PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tx::python
