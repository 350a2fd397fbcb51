#include "autocast.h"

#include <structmember.h>

#include "op.h"

namespace tx::python {

int attention = 0;
thread_local bool autocasting = false;

PyObject* call_autocast(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  if (!hooks[kHook_autocast]) return Py_NewRef(Py_NotImplemented);
  const Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  PyObject* arguments = PyTuple_New(n);
  PyObject* keywords = PyDict_New();
  bool ok = arguments && keywords;
  for (Py_ssize_t i = 0; ok && i < n; i++) PyTuple_SET_ITEM(arguments, i, Py_NewRef(args[i]));
  for (Py_ssize_t k = 0; ok && kwnames && k < PyTuple_GET_SIZE(kwnames); k++)
    ok = PyDict_SetItem(keywords, PyTuple_GET_ITEM(kwnames, k), args[n + k]) == 0;
  PyObject* call[] = {callable, arguments, keywords};
  PyObject* result = ok ? PyObject_Vectorcall(hooks[kHook_autocast], call, 3, nullptr) : nullptr;
  Py_XDECREF(arguments);
  Py_XDECREF(keywords);
  return result;
}

namespace {

struct CompositeObject {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  PyObject* function;
  PyObject* attributes;  // __dict__: name, documentation and the like, as of any wrapper
};

CompositeObject* as_composite(PyObject* o) { return reinterpret_cast<CompositeObject*>(o); }

PyObject* composite_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  if (attention && autocasting) [[unlikely]] {
    PyObject* result = call_autocast(self, args, nargsf, kwnames);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  return PyObject_Vectorcall(as_composite(self)->function, args, nargsf, kwnames);
}

PyObject* composite_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject* function;
  if (!PyArg_ParseTuple(args, "O!:Composite", &PyFunction_Type, &function)) return nullptr;
  CompositeObject* composite = reinterpret_cast<CompositeObject*>(type->tp_alloc(type, 0));
  if (!composite) return nullptr;
  composite->vectorcall = composite_call;
  composite->function = Py_NewRef(function);
  return reinterpret_cast<PyObject*>(composite);
}

int composite_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_composite(self)->function);
  Py_VISIT(as_composite(self)->attributes);
  return 0;
}

int composite_clear(PyObject* self) {
  Py_CLEAR(as_composite(self)->attributes);
  return 0;
}

void composite_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  composite_clear(self);
  Py_CLEAR(as_composite(self)->function);
  Py_TYPE(self)->tp_free(self);
}

PyObject* composite_repr(PyObject* self) { return PyObject_Repr(as_composite(self)->function); }

PyObject* composite_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(self, instance) : Py_NewRef(self);
}

// To pickle and deepcopy it is its name, as a function is.
PyObject* composite_reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(as_composite(self)->function, "__qualname__");
}

PyMethodDef composite_methods[] = {{"__reduce__", composite_reduce, METH_NOARGS, nullptr}, {}};

PyMemberDef composite_members[] = {
    {"__dictoffset__", T_PYSSIZET, offsetof(CompositeObject, attributes), READONLY, nullptr},
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(CompositeObject, vectorcall), READONLY, nullptr},
    {}};

PyGetSetDef composite_attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                                      {}};

PyType_Slot composite_slots[] = {{Py_tp_new, reinterpret_cast<void*>(composite_new)},
                                 {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                                 {Py_tp_traverse, reinterpret_cast<void*>(composite_traverse)},
                                 {Py_tp_clear, reinterpret_cast<void*>(composite_clear)},
                                 {Py_tp_dealloc, reinterpret_cast<void*>(composite_dealloc)},
                                 {Py_tp_repr, reinterpret_cast<void*>(composite_repr)},
                                 {Py_tp_descr_get, reinterpret_cast<void*>(composite_get)},
                                 {Py_tp_methods, composite_methods},
                                 {Py_tp_members, composite_members},
                                 {Py_tp_getset, composite_attributes},
                                 {}};

PyType_Spec composite_spec = {
    "tensorx._C.Composite", sizeof(CompositeObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR,
    composite_slots};

PyObject* set_autocasting(PyObject*, PyObject* on) {
  const int wanted = PyObject_IsTrue(on);
  if (wanted < 0) return nullptr;
  attention += wanted - int(autocasting);
  autocasting = wanted;
  Py_RETURN_NONE;
}

PyObject* is_autocasting(PyObject*, PyObject*) { return PyBool_FromLong(autocasting); }

PyMethodDef functions[] = {{"is_autocasting", is_autocasting, METH_NOARGS, "What set_autocasting set."},
                           {"set_autocasting", set_autocasting, METH_O,
                            "Hand this thread's calls of ops to the hook `autocast`, or cease to."},
                           {}};

}  // namespace

bool init_autocast(PyObject* module) {
  PyObject* type = PyType_FromSpec(&composite_spec);
  return type && PyModule_AddObject(module, "Composite", type) == 0 && PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tx::python
