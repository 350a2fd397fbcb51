#include "op.h"

#include <structmember.h>

#include "../functions/copy.h"
#include "../functions/iterate.h"
#include "autocast.h"
#include "node.h"

namespace tx::python {

PyObject* slot_ops[kNumSlots];
PyObject* hooks[kNumHooks];

namespace {

constexpr int kMaxParameters = 24;

struct OpObject {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  const Forward* forward;          // the C forward, or null
  PyObject* forward_object;        // what `forward` points into, or a Python function
  PyObject* name;
  PyObject* parameters;            // tuple of interned str
  PyObject* defaults;              // tuple, of the last parameters
  PyObject* attributes;            // __dict__: rules, documentation
  PyObject* plans;                 // dict: mask of inputs that need a gradient -> Plan
  PyObject* last_plan;             // the one used last, and its mask
  int64_t last_mask;
  uint64_t differentiable;  // bit i: parameter i is a Tensor, or a sequence of them, that gradients may flow to
  int count;  // parameters
  int positional;  // of these, how many may be given by position
  int variadic;  // index of the parameter that takes all remaining positional arguments, or -1
  bool in_place;  // writes to its first argument and returns it
  bool view;  // its result shares memory with its first argument
  bool nondifferentiable;  // its results never require a gradient
  bool ignores_autocast;  // it runs within autocast as anywhere
};

OpObject* as_op(PyObject* o) { return reinterpret_cast<OpObject*>(o); }

const char* op_name(OpObject* op) { return PyUnicode_AsUTF8(op->name); }

int parameter_index(OpObject* op, PyObject* name) {
  for (int i = 0; i < op->count; i++)
    if (PyTuple_GET_ITEM(op->parameters, i) == name) return i;
  for (int i = 0; i < op->count; i++)
    if (PyUnicode_Compare(PyTuple_GET_ITEM(op->parameters, i), name) == 0) return i;
  // NumPy's names, which PyTorch takes as well.
  static PyObject* const numpy_names[][2] = {
      {PyUnicode_InternFromString("axis"), PyUnicode_InternFromString("dim")},
      {PyUnicode_InternFromString("keepdims"), PyUnicode_InternFromString("keepdim")}};
  for (auto [numpy_name, ours] : numpy_names)
    if (PyUnicode_Compare(name, numpy_name) == 0) return parameter_index(op, ours);
  return -1;
}

// Fills full[0, count) with borrowed references. `packed` owns a tuple made for a variadic parameter.
bool bind_arguments(OpObject* op, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, PyObject** full,
                    PyObject** out, PyObject** packed) {
  int given = int(n);
  if (op->variadic >= 0 && n > op->variadic) {
    Py_ssize_t rest = n - op->variadic;
    PyObject* only = args[op->variadic];
    if (rest == 1 && (PyTuple_Check(only) || PyList_Check(only))) {
      full[op->variadic] = only;
    } else {
      *packed = PyTuple_New(rest);
      if (!*packed) return false;
      for (Py_ssize_t i = 0; i < rest; i++) PyTuple_SET_ITEM(*packed, i, Py_NewRef(args[op->variadic + i]));
      full[op->variadic] = *packed;
    }
    given = op->variadic;
  } else if (n > op->positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes %d positional argument%s but %zd %s given", op_name(op), op->positional,
                 op->positional == 1 ? "" : "s", n, n == 1 ? "was" : "were");
    return false;
  }
  for (int i = 0; i < given; i++) full[i] = args[i];
  if (kwnames) {
    for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); k++) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      int i = parameter_index(op, name);
      if (i < 0 && PyUnicode_CompareWithASCIIString(name, "out") == 0 && !op->in_place && !op->view) {
        if (args[n + k] != Py_None) *out = args[n + k];
        continue;
      }
      if (i < 0 || full[i]) {
        PyErr_Format(
            PyExc_TypeError,
            i < 0 ? "%s() got an unexpected keyword argument '%U'" : "%s() got multiple values for argument '%U'",
            op_name(op), name);
        return false;
      }
      full[i] = args[n + k];
    }
  }
  int first_default = op->count - int(PyTuple_GET_SIZE(op->defaults));
  for (int i = 0; i < op->count; i++) {
    if (full[i]) continue;
    if (i < first_default) {
      PyErr_Format(PyExc_TypeError, "%s() missing required argument '%U'", op_name(op),
                   PyTuple_GET_ITEM(op->parameters, i));
      return false;
    }
    full[i] = PyTuple_GET_ITEM(op->defaults, i - first_default);
  }
  return true;
}

// Bit i: argument i needs a gradient. -1 with an error set.
int64_t needs_gradient(OpObject* op, PyObject* const* full) {
  int64_t mask = 0;
  for (int i = 0; i < op->count; i++) {
    if (!(op->differentiable >> i & 1)) continue;
    PyObject* o = full[i];
    if (is_tensor(o)) {
      int r = requires_grad(as_tensor(o));
      if (r < 0) return -1;
      mask |= int64_t(r) << i;
    } else if (PyTuple_Check(o) || PyList_Check(o)) {
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); k++) {
        PyObject* item = PySequence_Fast_GET_ITEM(o, k);
        int r = is_tensor(item) ? requires_grad(as_tensor(item)) : 0;
        if (r < 0) return -1;
        mask |= int64_t(r) << i;
      }
    }
  }
  return mask;
}

PyObject* run_forward(OpObject* op, PyObject* const* full, Array* out) {
  if (!op->forward) return PyObject_Vectorcall(op->forward_object, full, size_t(op->count), nullptr);
  try {
    return op->forward->call(full, out);
  } catch (const BadArgument& bad) {
    if (bad.expected.find(", but ") != std::string::npos)  // says itself what was found
      return PyErr_Format(PyExc_TypeError, "%s(): argument '%U' must be %s", op_name(op),
                          PyTuple_GET_ITEM(op->parameters, bad.index), bad.expected.c_str());
    return PyErr_Format(PyExc_TypeError, "%s(): argument '%U' must be %s, not %s", op_name(op),
                        PyTuple_GET_ITEM(op->parameters, bad.index), bad.expected.c_str(),
                        Py_TYPE(full[bad.index])->tp_name);
  } catch (PythonError) {
    return nullptr;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* argument_tuple(OpObject* op, PyObject* const* full) {
  PyObject* t = PyTuple_New(op->count);
  if (!t) return nullptr;
  for (int i = 0; i < op->count; i++) PyTuple_SET_ITEM(t, i, Py_NewRef(full[i]));
  return t;
}

bool check_writable(OpObject* op, TensorObject* t) {
  if (!has_zero_stride(t->array)) return true;
  PyErr_Format(
      PyExc_RuntimeError,
      "%s(): more than one element of the written-to tensor refers to a single memory location (it was expanded); "
      "clone() it before writing to it",
      op_name(op));
  return false;
}

PyObject* call_in_place(OpObject* op, PyObject* const* full, int64_t mask) {
  if (!is_tensor(full[0]))
    return PyErr_Format(PyExc_TypeError, "%s(): argument '%U' must be Tensor, not %s", op_name(op),
                        PyTuple_GET_ITEM(op->parameters, 0), Py_TYPE(full[0])->tp_name);
  TensorObject* self = as_tensor(full[0]);
  if (!check_writable(op, self)) return nullptr;
  if (mask) {
    PyObject* arguments = argument_tuple(op, full);
    PyObject* number = PyLong_FromLongLong(mask);
    PyObject* result = nullptr;
    if (arguments && number) {
      PyObject* call[] = {reinterpret_cast<PyObject*>(op), arguments, number};
      result = PyObject_Vectorcall(hooks[kHook_record_in_place], call, 3, nullptr);
    }
    Py_XDECREF(arguments);
    Py_XDECREF(number);
    return result;
  }
  PyObject* result = run_forward(op, full, &self->array);
  if (!result) return nullptr;
  Py_DECREF(result);
  self->array.storage->version++;
  return Py_NewRef(full[0]);
}

PyObject* call_with_out(OpObject* op, PyObject* const* full, int64_t mask, PyObject* out) {
  if (!is_tensor(out))
    return PyErr_Format(PyExc_TypeError, "%s(): out must be a Tensor, not %s", op_name(op), Py_TYPE(out)->tp_name);
  int out_requires = grad_enabled ? requires_grad(as_tensor(out)) : 0;
  if (out_requires < 0) return nullptr;
  if (mask || out_requires)
    return PyErr_Format(PyExc_RuntimeError,
                        "%s(): functions with out=... arguments don't support automatic differentiation, but one of "
                        "the arguments requires grad",
                        op_name(op));
  Array& target = as_tensor(out)->array;
  if (op->forward && op->forward->takes_out) {
    PyObject* result = run_forward(op, full, &target);
    if (!result) return nullptr;
    Py_DECREF(result);
  } else {
    PyObject* result = run_forward(op, full, nullptr);
    if (!result) return nullptr;
    if (!is_tensor(result)) {
      Py_DECREF(result);
      return PyErr_Format(PyExc_TypeError, "%s(): out= is for ops with one tensor as their result", op_name(op));
    }
    try {
      const Array& value = as_tensor(result)->array;
      check_out(op_name(op), target, value.shape, value.dtype);
      copy_into(target, value);
    } catch (...) {
      set_error_from_exception();
      Py_DECREF(result);
      return nullptr;
    }
    Py_DECREF(result);
  }
  target.storage->version++;
  return Py_NewRef(out);
}

// A view remembers the tensor that owns its history, so that in-place ops on either are seen by both.
void set_base(PyObject* result, PyObject* source) {
  if (!is_tensor(result) || !is_tensor(source)) return;
  TensorObject* view = as_tensor(result);
  TensorObject* from = as_tensor(source);
  if (view == from || view->base || view->array.storage.get() != from->array.storage.get()) return;
  TensorObject* base = from->base ? as_tensor(from->base) : from;
  view->base = Py_NewRef(reinterpret_cast<PyObject*>(base));
  view->base_history = base->history;
}

// The plan for one choice of inputs that need a gradient; borrowed. Python makes it once per choice.
PyObject* plan_for(OpObject* op, int64_t mask) {
  if (op->last_plan && op->last_mask == mask) return op->last_plan;
  PyObject* number = PyLong_FromLongLong(mask);
  PyObject* plan = number ? PyDict_GetItemWithError(op->plans, number) : nullptr;
  if (!plan && number && !PyErr_Occurred()) {
    PyObject* call[] = {reinterpret_cast<PyObject*>(op), number};
    plan = PyObject_Vectorcall(hooks[kHook_make_plan], call, 2, nullptr);
    if (plan && PyDict_SetItem(op->plans, number, plan) < 0) Py_CLEAR(plan);
    Py_XDECREF(plan);  // the dict holds it
  }
  Py_XDECREF(number);
  if (plan) {
    Py_XSETREF(op->last_plan, Py_NewRef(plan));
    op->last_mask = mask;
  }
  return plan;
}

PyObject* finish(OpObject* op, PyObject* const* full, int64_t mask) {
  PyObject* result = run_forward(op, full, nullptr);
  if (!result) return nullptr;
  if (op->view) {
    if (PyTuple_Check(result))
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(result); i++) set_base(PyTuple_GET_ITEM(result, i), full[0]);
    else set_base(result, full[0]);
  }
  if (mask && !op->nondifferentiable) {
    PyObject* plan = plan_for(op, mask);
    if (!plan || !record_call(plan, full, op->count, mask, result)) Py_CLEAR(result);
  }
  return result;
}

// The method `_call_op` of a class that has its own ops, a new reference; null, without an error, for other classes.
PyObject* own_ops(PyObject* o) {
  static PyObject* const name = PyUnicode_InternFromString("_call_op");
  PyObject* method = PyObject_GetAttr(reinterpret_cast<PyObject*>(Py_TYPE(o)), name);
  if (!method) PyErr_Clear();
  return method;
}

// Asked when a forward refused the type of an argument: the first argument of a class that has its own ops gives the
// result instead; otherwise the error stands.
PyObject* call_by_class(OpObject* op, PyObject* const* full) {
  PyObject *type, *error, *trace;
  PyErr_Fetch(&type, &error, &trace);
  PyObject* result = Py_NewRef(Py_NotImplemented);
  for (int i = 0; i < op->count && result == Py_NotImplemented; i++) {
    if (is_tensor(full[i])) continue;
    PyObject* method = own_ops(full[i]);
    if (!method) continue;
    PyObject* arguments = argument_tuple(op, full);
    PyObject* call[] = {full[i], reinterpret_cast<PyObject*>(op), arguments};
    Py_SETREF(result, arguments ? PyObject_Vectorcall(method, call, 3, nullptr) : nullptr);
    Py_XDECREF(arguments);
    Py_DECREF(method);
  }
  if (result != Py_NotImplemented) {
    Py_XDECREF(type);
    Py_XDECREF(error);
    Py_XDECREF(trace);
    return result;
  }
  Py_DECREF(result);
  PyErr_Restore(type, error, trace);
  return nullptr;
}

PyObject* call_op(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  OpObject* op = as_op(self);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  PyObject* full_storage[kMaxParameters] = {};
  PyObject* const* full = args;
  PyObject *out = nullptr, *packed = nullptr, *result = nullptr;
  bool as_given = n == op->count && op->positional == op->count && op->variadic < 0 && !kwnames;
  if (!as_given) {
    if (!bind_arguments(op, args, n, kwnames, full_storage, &out, &packed)) {
      Py_XDECREF(packed);
      return nullptr;
    }
    full = full_storage;
  }
  if (concerns_vmap(op->forward, full, op->count)) {
    result = call_batched(self, full, op->count, out);
    if (result != Py_NotImplemented) {
      Py_XDECREF(packed);
      return result;
    }
    Py_CLEAR(result);
  }
  int64_t mask = grad_enabled ? needs_gradient(op, full) : 0;
  if (mask >= 0) {
    if (op->in_place) {
      result = call_in_place(op, full, mask);
    } else if (out) {
      result = call_with_out(op, full, mask, out);
    } else {
      result = finish(op, full, mask);
    }
    if (!result && !out && PyErr_ExceptionMatches(PyExc_TypeError)) result = call_by_class(op, full);
  }
  Py_XDECREF(packed);
  return result;
}

// A call that someone watches: the hook gets (op, arguments) and gives a function to call at the end, or None.
[[gnu::cold, gnu::noinline]] PyObject* call_watched(PyObject* self, PyObject* const* args, size_t nargsf,
                                                    PyObject* kwnames) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf) + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  PyObject* arguments = PyTuple_New(n);
  if (!arguments) return nullptr;
  for (Py_ssize_t i = 0; i < n; i++) PyTuple_SET_ITEM(arguments, i, Py_NewRef(args[i]));
  PyObject* watch[] = {self, arguments};
  PyObject* end = PyObject_Vectorcall(hooks[kHook_watch], watch, 2, nullptr);
  Py_DECREF(arguments);
  if (!end) return nullptr;
  PyObject* result = call_op(self, args, nargsf, kwnames);
  if (end != Py_None) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);  // a call that failed ends as well
    PyObject* ended = PyObject_CallNoArgs(end);
    if (type) PyErr_Restore(type, value, traceback);
    else if (!ended) Py_CLEAR(result);
    Py_XDECREF(ended);
  }
  Py_DECREF(end);
  return result;
}

// A call by a thread that autocasts, or that someone watches. What autocast makes of it is watched.
[[gnu::cold, gnu::noinline]] PyObject* call_attended(PyObject* self, PyObject* const* args, size_t nargsf,
                                                     PyObject* kwnames) {
  if (autocasting && !as_op(self)->ignores_autocast) {
    PyObject* result = call_autocast(self, args, nargsf, kwnames);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  return hooks[kHook_watch] ? call_watched(self, args, nargsf, kwnames) : call_op(self, args, nargsf, kwnames);
}

PyObject* op_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  return attention ? call_attended(self, args, nargsf, kwnames) : call_op(self, args, nargsf, kwnames);
}

// Op(name, forward, parameters, defaults, differentiable, positional, variadic, in_place, view)
PyObject* op_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *name, *forward, *parameters, *defaults;
  unsigned long long differentiable;
  int positional, variadic, in_place, view;
  if (!PyArg_ParseTuple(args, "UOO!O!Kiipp:Op", &name, &forward, &PyTuple_Type, &parameters, &PyTuple_Type, &defaults,
                        &differentiable, &positional, &variadic, &in_place, &view))
    return nullptr;
  Py_ssize_t count = PyTuple_GET_SIZE(parameters);
  if (count > kMaxParameters)
    return PyErr_Format(PyExc_ValueError, "Op %U: at most %d parameters", name, kMaxParameters);
  bool sane = positional >= 0 && positional <= count && variadic < count && PyTuple_GET_SIZE(defaults) <= count &&
              (count || !(in_place || view));
  for (Py_ssize_t i = 0; i < count; i++) sane = sane && PyUnicode_Check(PyTuple_GET_ITEM(parameters, i));
  if (!sane)
    return PyErr_Format(PyExc_ValueError, "Op %U: its parameters, defaults and counts do not fit together", name);
  if (is_forward(forward) && forward_of(forward).count != count)
    return PyErr_Format(PyExc_TypeError, "Op %U has %zd parameters but its forward takes %d", name, count,
                        forward_of(forward).count);
  if (!is_forward(forward) && !PyCallable_Check(forward))
    return PyErr_Format(PyExc_TypeError, "Op %U: its forward is not callable", name);
  OpObject* op = reinterpret_cast<OpObject*>(type->tp_alloc(type, 0));
  if (!op) return nullptr;
  op->vectorcall = op_call;
  op->forward = is_forward(forward) ? &forward_of(forward) : nullptr;
  op->forward_object = Py_NewRef(forward);
  op->plans = PyDict_New();
  op->name = Py_NewRef(name);
  op->parameters = Py_NewRef(parameters);
  op->defaults = Py_NewRef(defaults);
  op->differentiable = differentiable;
  op->count = int(count);
  op->positional = positional;
  op->variadic = variadic;
  op->in_place = in_place;
  op->view = view;
  op->ignores_autocast = in_place;  // what is written into has its dtype
  return reinterpret_cast<PyObject*>(op);
}

int op_traverse(PyObject* self, visitproc visit, void* arg) {
  OpObject* op = as_op(self);
  Py_VISIT(op->forward_object);
  Py_VISIT(op->parameters);
  Py_VISIT(op->defaults);
  Py_VISIT(op->attributes);
  Py_VISIT(op->plans);
  Py_VISIT(op->last_plan);
  return 0;
}

int op_clear(PyObject* self) {
  OpObject* op = as_op(self);
  op->forward = nullptr;
  Py_CLEAR(op->forward_object);
  Py_CLEAR(op->parameters);
  Py_CLEAR(op->defaults);
  Py_CLEAR(op->attributes);
  Py_CLEAR(op->plans);
  Py_CLEAR(op->last_plan);
  return 0;
}

void op_dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  op_clear(self);
  Py_CLEAR(as_op(self)->name);
  Py_TYPE(self)->tp_free(self);
}

PyObject* op_repr(PyObject* self) { return PyUnicode_FromFormat("<tensorx op %U>", as_op(self)->name); }

PyObject* op_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance ? PyMethod_New(self, instance) : Py_NewRef(self);
}

// forward(args): the bound forward alone, for record_in_place. `out` true: into args[0].
PyObject* op_forward(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  OpObject* op = as_op(self);
  if (n != 1 || !PyTuple_Check(args[0]) || PyTuple_GET_SIZE(args[0]) != op->count)
    return PyErr_Format(PyExc_TypeError, "%U.forward() takes the tuple of its %d arguments", op->name, op->count);
  PyObject* const* full = &PyTuple_GET_ITEM(args[0], 0);
  if (!op->in_place) return finish(op, full, 0);
  if (!is_tensor(full[0]))
    return PyErr_Format(PyExc_TypeError, "%U.forward(): the first argument must be Tensor", op->name);
  PyObject* result = run_forward(op, full, &as_tensor(full[0])->array);
  if (!result) return nullptr;
  Py_DECREF(result);
  as_tensor(full[0])->array.storage->version++;
  return Py_NewRef(full[0]);
}

// plan(mask): how the op is differentiated when the arguments in mask need a gradient.
PyObject* op_plan(PyObject* self, PyObject* mask) {
  int64_t bits = PyLong_AsLongLong(mask);
  return bits == -1 && PyErr_Occurred() ? nullptr : Py_XNewRef(plan_for(as_op(self), bits));
}

PyObject* op_reduce(PyObject* self, PyObject*) { return Py_NewRef(as_op(self)->name); }

PyMethodDef op_methods[] = {
    {"forward", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(op_forward)), METH_FASTCALL,
     "Run the forward alone, recording nothing."},
    {"plan", op_plan, METH_O, "plan(mask): the Plan for one choice of inputs that need a gradient."},
    {"__reduce__", op_reduce, METH_NOARGS, nullptr},
    {}};

PyMemberDef op_members[] = {{"name", T_OBJECT, offsetof(OpObject, name), READONLY, nullptr},
                            {"parameters", T_OBJECT, offsetof(OpObject, parameters), READONLY, nullptr},
                            {"run", T_OBJECT, offsetof(OpObject, forward_object), READONLY, nullptr},
                            {"in_place", T_BOOL, offsetof(OpObject, in_place), READONLY, nullptr},
                            {"view", T_BOOL, offsetof(OpObject, view), READONLY, nullptr},
                            {"nondifferentiable", T_BOOL, offsetof(OpObject, nondifferentiable), 0, nullptr},
                            {"ignores_autocast", T_BOOL, offsetof(OpObject, ignores_autocast), 0, nullptr},
                            {"differentiable", T_ULONGLONG, offsetof(OpObject, differentiable), READONLY, nullptr},
                            {"__dictoffset__", T_PYSSIZET, offsetof(OpObject, attributes), READONLY, nullptr},
                            {"__vectorcalloffset__", T_PYSSIZET, offsetof(OpObject, vectorcall), READONLY, nullptr},
                            {}};

PyObject* op_doc(PyObject* self, void*) {
  PyObject* doc = as_op(self)->attributes ? PyDict_GetItemString(as_op(self)->attributes, "_doc") : nullptr;
  return Py_NewRef(doc ? doc : Py_None);
}

PyGetSetDef op_attributes[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                               {"__doc__", op_doc, nullptr, nullptr, nullptr},
                               {}};

PyType_Slot op_slots[] = {{Py_tp_new, reinterpret_cast<void*>(op_new)},
                          {Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                          {Py_tp_traverse, reinterpret_cast<void*>(op_traverse)},
                          {Py_tp_clear, reinterpret_cast<void*>(op_clear)},
                          {Py_tp_dealloc, reinterpret_cast<void*>(op_dealloc)},
                          {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                          {Py_tp_descr_get, reinterpret_cast<void*>(op_get)},
                          {Py_tp_methods, op_methods},
                          {Py_tp_members, op_members},
                          {Py_tp_getset, op_attributes},
                          {}};

PyType_Spec op_spec = {
    "tensorx._C.Op", sizeof(OpObject), 0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR, op_slots};

PyObject* set_slot(PyObject*, PyObject* args) {
  const char* name;
  PyObject* op;
  if (!PyArg_ParseTuple(args, "sO", &name, &op)) return nullptr;
  std::string_view wanted = name;
#define X(slot) \
  if (wanted == #slot) { Py_XSETREF(slot_ops[kSlot_##slot], Py_NewRef(op)); Py_RETURN_NONE; }
  TX_SLOTS(X)
#undef X
  return PyErr_Format(PyExc_ValueError, "no operator slot named %s", name);
}

PyObject* set_hook(PyObject*, PyObject* args) {
  const char* name;
  PyObject* function;
  if (!PyArg_ParseTuple(args, "sO", &name, &function)) return nullptr;
  std::string_view wanted = name;
  if (wanted == "watch") attention += (function != Py_None) - (hooks[kHook_watch] != nullptr);
#define X(hook)                                                                             \
  if (wanted == #hook) {                                                                    \
    Py_XSETREF(hooks[kHook_##hook], function == Py_None ? nullptr : Py_NewRef(function));   \
    Py_RETURN_NONE;                                                                         \
  }
  TX_HOOKS(X)
#undef X
  return PyErr_Format(PyExc_ValueError, "no hook named %s", name);
}

PyMethodDef functions[] = {{"set_slot", set_slot, METH_VARARGS, "Set the op behind an operator of Tensor."},
                           {"set_hook", set_hook, METH_VARARGS, "Set a Python function that the C side calls."},
                           {}};

}  // namespace

PyObject* call_slot(Slot slot, PyObject* const* args, size_t n) {
  static const char* names[] = {
#define X(name) #name,
      TX_SLOTS(X)
#undef X
  };
  if (!slot_ops[slot])
    return PyErr_Format(PyExc_TypeError, "the operator %s is not set: import tensorx, not tensorx._C", names[slot]);
  return PyObject_Vectorcall(slot_ops[slot], args, n, nullptr);
}

bool init_op_type(PyObject* module) {
  PyObject* type = PyType_FromSpec(&op_spec);
  return type && PyModule_AddObject(module, "Op", type) == 0 && PyModule_AddFunctions(module, functions) == 0;
}

bool has_own_ops(PyObject* o) {
  PyObject* method = own_ops(o);
  Py_XDECREF(method);
  return method;
}

}  // namespace tx::python
