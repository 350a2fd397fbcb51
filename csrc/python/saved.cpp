// SavedTensor: an array with the version it was saved at and its place in the graph. It holds the array, not the
// Tensor: an output saved as itself would be a reference cycle. Only a leaf is held as itself, because it owns no node
// and second-order gradients must reach the very same object.
//
// Inside autograd.graph.saved_tensors_hooks it holds what `pack` made of the tensor instead of the array.
#include "saved.h"

#include <utility>

#include "node.h"
#include "op.h"

namespace tx::python {

namespace {

struct SavedTensor {
  PyObject_HEAD
  Array array;
  PyObject* leaf;              // the Tensor itself when it is a leaf that requires a gradient
  PyObject* node;              // its grad_fn; null for leaves and for an output of the saving node
  PyObject* packed;            // what `pack` made of it, or null; the array then has no storage
  PyObject* unpack;            // makes a Tensor of `packed` again
  uint64_t version;
  uint32_t number;
  bool is_output;              // an output of the node that saved it
};

PyTypeObject SavedTensorType = {PyVarObject_HEAD_INIT(nullptr, 0)};

SavedTensor* as_saved(PyObject* o) { return reinterpret_cast<SavedTensor*>(o); }

// What this thread does with a tensor that it saves: (pack, unpack), or null to keep it as it is. A str: why hooks are
// refused.
thread_local PyObject* saved_hooks = nullptr;

// The data gives way to what pack(t) returns; of an output, without its history, which leads back to the saving node.
bool pack(SavedTensor* s, TensorObject* t) {
  PyObject* pair = Py_NewRef(saved_hooks);                             // pack may change the hooks
  PyObject* given = s->is_output ? wrap(s->array) : Py_NewRef(reinterpret_cast<PyObject*>(t));
  const bool before = std::exchange(grad_enabled, false);
  s->packed = given ? PyObject_CallOneArg(PyTuple_GET_ITEM(pair, 0), given) : nullptr;
  grad_enabled = before;
  s->unpack = Py_NewRef(PyTuple_GET_ITEM(pair, 1));
  Py_XDECREF(given);
  Py_DECREF(pair);
  if (s->packed && s->array.storage->version != s->version) {
    PyErr_SetString(PyExc_RuntimeError,
                    "saved_tensors_hooks: a saved tensor pack hook is modifying its input in place: clone() it");
    return false;
  }
  s->array.storage = StoragePtr();
  return s->packed;
}

PyObject* save_tensor(TensorObject* t, bool is_output, uint32_t number) {
  SavedTensor* s = PyObject_GC_New(SavedTensor, &SavedTensorType);
  if (!s) return nullptr;
  new (&s->array) Array(t->array);
  s->leaf = !is_output && !t->grad_fn && t->leaf_requires_grad ? Py_NewRef(reinterpret_cast<PyObject*>(t)) : nullptr;
  s->node = is_output ? nullptr : Py_XNewRef(t->grad_fn);
  s->packed = s->unpack = nullptr;
  s->version = t->array.storage->version;
  s->number = is_output ? number : t->output_number;
  s->is_output = is_output;
  PyObject_GC_Track(s);
  if (saved_hooks && PyTuple_Check(saved_hooks) && !pack(s, t)) [[unlikely]] {
    Py_DECREF(s);
    return nullptr;
  }
  return reinterpret_cast<PyObject*>(s);
}

// The data of what was packed, as a new Tensor.
PyObject* unpack_packed(SavedTensor* s) {
  PyObject* given = PyObject_CallOneArg(s->unpack, s->packed);
  PyObject* t = nullptr;
  if (given && !is_tensor(given))
    PyErr_Format(PyExc_TypeError, "saved_tensors_hooks: the unpack hook must return a Tensor, not %s",
                 Py_TYPE(given)->tp_name);
  else if (given && !(as_tensor(given)->array.shape == s->array.shape))
    PyErr_Format(PyExc_RuntimeError, "saved_tensors_hooks: the unpack hook returned a tensor of shape %s for one of %s",
                 to_string(as_tensor(given)->array.shape).c_str(), to_string(s->array.shape).c_str());
  else if (given) t = wrap(as_tensor(given)->array);
  Py_XDECREF(given);
  return t;
}

// Gradients of `t` go where those of `leaf` go.
bool stand_for(TensorObject* t, TensorObject* leaf) {
  PyObject* node = edge_of(leaf).node;
  t->accumulate = node ? PyWeakref_NewRef(node, nullptr) : nullptr;
  t->leaf_requires_grad = true;
  Py_XDECREF(node);
  return t->accumulate;
}

bool is_unchanged(const SavedTensor* s, PyObject* node) {
  if (s->packed || s->array.storage->version == s->version) return true;
  PyObject* name = PyObject_CallMethod(s->node ? s->node : node, "name", nullptr);
  if (!name) return false;
  PyErr_Format(PyExc_RuntimeError,
               "one of the variables needed for gradient computation has been modified by an inplace operation: a %s "
               "tensor of shape %s, which is "
               "%s %U, is at version %llu; expected version %llu instead. Hint: make the change out of place, or on "
               "a clone() of the tensor.",
               dtype_name(s->array.dtype), to_string(s->array.shape).c_str(),
               s->node || s->is_output ? "an output of" : "an input of", name,
               (unsigned long long)s->array.storage->version, (unsigned long long)s->version);
  Py_DECREF(name);
  return false;
}

PyObject* unpack_tensor(SavedTensor* s, PyObject* node) {
  if (!is_unchanged(s, node)) return nullptr;
  if (s->leaf && !s->packed) return Py_NewRef(s->leaf);
  PyObject* t = s->packed ? unpack_packed(s) : wrap(s->array);
  if (!t || !grad_enabled) return t;
  if (s->leaf && !stand_for(as_tensor(t), as_tensor(s->leaf))) Py_CLEAR(t);
  if (s->node || s->is_output) {
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

// swap_saved_hooks(hooks) -> those before: what this thread does with tensors that it saves (see saved_hooks).
PyObject* swap_saved_hooks(PyObject*, PyObject* hooks) {
  if (hooks != Py_None && !PyUnicode_Check(hooks) && !(PyTuple_Check(hooks) && PyTuple_GET_SIZE(hooks) == 2))
    return PyErr_Format(PyExc_TypeError, "swap_saved_hooks((pack, unpack), None, or why hooks are refused)");
  PyObject* before = std::exchange(saved_hooks, hooks == Py_None ? nullptr : Py_NewRef(hooks));
  return before ? before : Py_NewRef(Py_None);
}

int saved_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(as_saved(o)->leaf);
  Py_VISIT(as_saved(o)->node);
  Py_VISIT(as_saved(o)->packed);
  Py_VISIT(as_saved(o)->unpack);
  return 0;
}

int saved_clear(PyObject* o) {
  Py_CLEAR(as_saved(o)->leaf);
  Py_CLEAR(as_saved(o)->node);
  Py_CLEAR(as_saved(o)->packed);
  Py_CLEAR(as_saved(o)->unpack);
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

// The array as a Tensor without history; None when a hook packed it.
PyObject* saved_data(PyObject* o, void*) { return as_saved(o)->packed ? Py_NewRef(Py_None) : wrap(as_saved(o)->array); }

PyGetSetDef saved_attributes[] = {
    {"data", saved_data, nullptr, "The values as they are held, without history; None when a hook packed them.",
     nullptr},
    {}};

template <class F> PyCFunction fast(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef functions[] = {
    {"save", fast(save), METH_FASTCALL, "save(value, is_output, number): a value as a node keeps it."},
    {"unpack", fast(unpack), METH_FASTCALL, "Saved values as Tensors again; raises when one was modified since."},
    {"swap_saved_hooks", swap_saved_hooks, METH_O,
     "Set what this thread does with tensors that it saves: (pack, unpack), None, or why hooks are refused."},
    {}};

}  // namespace

bool init_saved_type(PyObject* module) {
  SavedTensorType.tp_name = "tensorx._C.SavedTensor";
  SavedTensorType.tp_basicsize = sizeof(SavedTensor);
  SavedTensorType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
  SavedTensorType.tp_dealloc = saved_dealloc;
  SavedTensorType.tp_traverse = saved_traverse;
  SavedTensorType.tp_clear = saved_clear;
  SavedTensorType.tp_getset = saved_attributes;
  return PyType_Ready(&SavedTensorType) == 0 && PyModule_AddFunctions(module, functions) == 0 &&
         PyModule_AddObjectRef(module, "SavedTensor", reinterpret_cast<PyObject*>(&SavedTensorType)) == 0;
}

}  // namespace tx::python
