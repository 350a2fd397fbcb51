#include "node.h"

#include <structmember.h>

#include "op.h"

namespace tx::python {

namespace {

constexpr int kMaxWants = 12;
constexpr long kDtypeOf = -1000;               // graph.py's _position counts down from it, too

struct PlanObject {
  PyObject_HEAD
  PyObject* name;              // the node's name: "MulBackward0"
  PyObject* rules;             // tuple of functions, one per input that needs a gradient; or one joint rule
  PyObject*
      wants;  // tuple, per rule, of what it takes after `g`: i >= 0 argument i, -1 the output, -2 - i the shape of argument i, kDtypeOf - i its dtype
  bool joint;  // the only rule returns the list of all gradients
  bool broadcasts;  // gradients may have to be summed to their input's shape
  int outputs;  // of several outputs, how many may require a gradient
};

struct NodeObject {
  PyObject_HEAD
  PyObject* plan;
  PyObject* edges;  // tuple, per input: (node, output number) or None
  PyObject* saved;  // tuple, per rule: tuple of what it takes; None once freed
  PyObject* fit;  // None, or tuple of (shape, dtype) that gradients are reduced to
  PyObject* outputs;  // None, or Metadata of each of several outputs
  PyObject* hooks;
  PyObject* pre_hooks;
  PyObject* notes;  // the user's `metadata`
  PyObject* weak_references;
  int64_t order;
};

PyTypeObject PlanType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject NodeBaseType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject* node_class = &NodeBaseType;  // tensorx.autograd.graph.Node once Python has defined it
int64_t next_order = 0;

PlanObject* as_plan(PyObject* o) { return reinterpret_cast<PlanObject*>(o); }
NodeObject* as_node(PyObject* o) { return reinterpret_cast<NodeObject*>(o); }

PyObject* edge_or_none(PyObject* o) {
  if (!is_tensor(o)) return Py_NewRef(Py_None);
  int r = requires_grad(as_tensor(o));
  if (r < 0) return nullptr;
  return r ? edge_of(as_tensor(o)) : Py_NewRef(Py_None);
}

// One entry per tensor of each argument in mask.
PyObject* edges_of(PyObject* const* args, int count, int64_t mask) {
  Py_ssize_t total = 0;
  for (int i = 0; i < count; i++)
    if (mask >> i & 1) total += is_tensor(args[i]) ? 1 : PySequence_Fast_GET_SIZE(args[i]);
  PyObject* out = PyTuple_New(total);
  if (!out) return nullptr;
  Py_ssize_t at = 0;
  for (int i = 0; i < count; i++) {
    if (!(mask >> i & 1)) continue;
    bool single = is_tensor(args[i]);
    Py_ssize_t items = single ? 1 : PySequence_Fast_GET_SIZE(args[i]);
    for (Py_ssize_t k = 0; k < items; k++) {
      PyObject* edge = edge_or_none(single ? args[i] : PySequence_Fast_GET_ITEM(args[i], k));
      if (!edge) {
        Py_DECREF(out);
        return nullptr;
      }
      PyTuple_SET_ITEM(out, at++, edge);
    }
  }
  return out;
}

// What one entry of a plan's wants stands for (see PlanObject), as it is saved; a new reference.
PyObject* wanted_value(long want, PyObject* const* args, PyObject* result) {
  if (want >= 0) return save_value(args[want], false, 0);
  if (want == -1) return save_value(result, true, 0);
  if (want > kDtypeOf) return shape_of(args[-2 - want]);
  PyObject* argument = args[kDtypeOf - want];
  return Py_NewRef(is_tensor(argument) ? dtype_object(as_tensor(argument)->array.dtype) : Py_None);
}

PyObject* save_wanted(PyObject* wants, PyObject* const* args, PyObject* result) {
  Py_ssize_t rules = PyTuple_GET_SIZE(wants);
  PyObject* saved = PyTuple_New(rules);
  for (Py_ssize_t r = 0; saved && r < rules; r++) {
    PyObject* names = PyTuple_GET_ITEM(wants, r);
    Py_ssize_t n = PyTuple_GET_SIZE(names);
    PyObject* values = PyTuple_New(n);
    for (Py_ssize_t i = 0; values && i < n; i++) {
      long w = PyLong_AsLong(PyTuple_GET_ITEM(names, i));
      PyObject* v = wanted_value(w, args, result);
      if (!v) Py_CLEAR(values);
      else PyTuple_SET_ITEM(values, i, v);
    }
    if (!values) Py_CLEAR(saved);
    else PyTuple_SET_ITEM(saved, r, values);
  }
  return saved;
}

// None when every gradient has its input's shape and dtype because they are the output's; else what to reduce to.
PyObject* fit_of(PyObject* const* args, int count, int64_t mask, const Array& out) {
  bool same = true;
  int needed = 0;
  auto each_input = [&](auto f) {  // a list of tensors counts as so many inputs
    for (int i = 0; i < count; i++) {
      if (!(mask >> i & 1)) continue;
      if (is_tensor(args[i])) f(as_tensor(args[i])->array);
      else
        for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); k++)
          f(as_tensor(PySequence_Fast_GET_ITEM(args[i], k))->array);
    }
  };
  each_input([&](const Array& x) {
    same = same && x.dtype == out.dtype && x.shape == out.shape;
    needed++;
  });
  if (same) return Py_NewRef(Py_None);
  PyObject* fits = PyTuple_New(needed);
  int at = 0;
  each_input([&](const Array& x) {
    PyObject* entry = fits ? Py_BuildValue("(NO)", size_tuple(x.shape), dtype_object(x.dtype)) : nullptr;
    if (!entry) Py_CLEAR(fits);
    else PyTuple_SET_ITEM(fits, at++, entry);
  });
  return fits;
}

NodeObject* new_node() { return reinterpret_cast<NodeObject*>(node_class->tp_alloc(node_class, 0)); }

bool fill_node(NodeObject* node, PyObject* plan, PyObject* const* args, int count, int64_t mask, PyObject* result) {
  node->plan = Py_NewRef(plan);
  node->edges = edges_of(args, count, mask);
  node->order = next_order++;  // after the leaves' nodes, which edges_of may have made
  node->saved = node->edges ? save_wanted(as_plan(plan)->wants, args, result) : nullptr;
  if (node->saved && as_plan(plan)->broadcasts && is_tensor(result)) {
    node->fit = fit_of(args, count, mask, as_tensor(result)->array);
    return node->fit;
  }
  return node->saved;
}

// make_node(plan, args, mask, result): record_call without setting the history, for in-place ops.
PyObject* make_node(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 4 || Py_TYPE(a[0]) != &PlanType || !PyTuple_Check(a[1]))
    return PyErr_Format(PyExc_TypeError, "make_node(plan, args, mask, result)");
  NodeObject* node = new_node();
  if (node &&
      !fill_node(node, a[0], &PyTuple_GET_ITEM(a[1], 0), int(PyTuple_GET_SIZE(a[1])), PyLong_AsLongLong(a[2]), a[3]))
    Py_CLEAR(node);
  return reinterpret_cast<PyObject*>(node);
}

// number_again(node): the next order, for a node made before the edges it now has.
PyObject* number_again(PyObject*, PyObject* node) {
  if (!PyObject_TypeCheck(node, &NodeBaseType)) return PyErr_Format(PyExc_TypeError, "number_again() takes a Node");
  as_node(node)->order = next_order++;
  Py_RETURN_NONE;
}

PyObject* edges(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 2 || !PyTuple_Check(a[0])) return PyErr_Format(PyExc_TypeError, "edges(args, mask)");
  return edges_of(&PyTuple_GET_ITEM(a[0], 0), int(PyTuple_GET_SIZE(a[0])), PyLong_AsLongLong(a[1]));
}

// One gradient per edge from the gradient `g` of the output: calls the rules with what was saved for them.
PyObject* gradients(PyObject* self, PyObject* g) {
  NodeObject* node = as_node(self);
  if (!node->saved || node->saved == Py_None || !node->plan) {
    PyObject* name = PyObject_CallMethod(self, "name", nullptr);
    if (name)
      PyErr_Format(PyExc_RuntimeError,
                   "%U: trying to backward through the graph a second time (or directly access saved tensors after "
                   "they have already been freed). "
                   "Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
                   "Specify retain_graph=True if you "
                   "need to backward through the graph a second time or if you need to access saved tensors after "
                   "calling backward.",
                   name);
    Py_XDECREF(name);
    return nullptr;
  }
  PlanObject* plan = as_plan(node->plan);
  PyObject* all_saved = Py_NewRef(node->saved);  // a rule may run a hook that frees the graph
  Py_ssize_t rules = PyTuple_GET_SIZE(plan->rules);
  PyObject* out = plan->joint ? nullptr : PyList_New(rules);
  for (Py_ssize_t r = 0; r < rules; r++) {
    PyObject* values = PyTuple_GET_ITEM(all_saved, r);
    Py_ssize_t n = PyTuple_GET_SIZE(values);
    PyObject* call[1 + kMaxWants] = {g};
    Py_ssize_t ready = 0;
    for (; ready < n; ready++)
      if (!(call[1 + ready] = unpack_value(PyTuple_GET_ITEM(values, ready), self))) break;
    PyObject* result =
        ready == n ? PyObject_Vectorcall(PyTuple_GET_ITEM(plan->rules, r), call, size_t(1 + n), nullptr) : nullptr;
    for (Py_ssize_t i = 0; i < ready; i++) Py_DECREF(call[1 + i]);
    if (!result) {
      Py_CLEAR(out);
      break;
    }
    if (plan->joint) {
      out = result;
      break;
    }
    // The rule of a sequence parameter (cat's tensors) gives one gradient per tensor; its plan has no other rule.
    if (PyTuple_Check(result) || PyList_Check(result)) {
      Py_DECREF(out);
      out = result;
      break;
    }
    PyList_SET_ITEM(out, r, result);
  }
  Py_DECREF(all_saved);
  return out;
}

bool holds_tensors(PyObject* saved) {
  if (!saved || !PyTuple_Check(saved)) return false;
  for (Py_ssize_t r = 0; r < PyTuple_GET_SIZE(saved); r++) {
    PyObject* values = PyTuple_GET_ITEM(saved, r);
    if (is_saved(values)) return true;
    for (Py_ssize_t i = 0; PyTuple_Check(values) && i < PyTuple_GET_SIZE(values); i++)
      if (is_saved(PyTuple_GET_ITEM(values, i))) return true;
  }
  return false;
}

// A node that saved no tensor has nothing to free, and its rules can be run again.
PyObject* release(PyObject* self, PyObject*) {
  if (holds_tensors(as_node(self)->saved)) Py_CLEAR(as_node(self)->saved);
  Py_RETURN_NONE;
}

// Plan(name, rules, wants, joint, broadcasts, outputs)
PyObject* plan_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *name, *rules, *wants;
  int joint, broadcasts, outputs;
  if (!PyArg_ParseTuple(args, "UO!O!ppi:Plan", &name, &PyTuple_Type, &rules, &PyTuple_Type, &wants, &joint, &broadcasts,
                        &outputs))
    return nullptr;
  if (PyTuple_GET_SIZE(rules) != PyTuple_GET_SIZE(wants))
    return PyErr_Format(PyExc_ValueError, "Plan: as many rules as wants");
  for (Py_ssize_t r = 0; r < PyTuple_GET_SIZE(wants); r++)
    if (PyTuple_GET_SIZE(PyTuple_GET_ITEM(wants, r)) > kMaxWants)
      return PyErr_Format(PyExc_ValueError, "a gradient rule takes at most %d values", kMaxWants);
  PlanObject* plan = reinterpret_cast<PlanObject*>(type->tp_alloc(type, 0));
  if (!plan) return nullptr;
  plan->name = Py_NewRef(name);
  plan->rules = Py_NewRef(rules);
  plan->wants = Py_NewRef(wants);
  plan->joint = joint;
  plan->broadcasts = broadcasts;
  plan->outputs = outputs;
  return reinterpret_cast<PyObject*>(plan);
}

int plan_traverse(PyObject* o, visitproc visit, void* arg) {
  Py_VISIT(as_plan(o)->rules);
  return 0;
}

void plan_dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  Py_CLEAR(as_plan(o)->name);
  Py_CLEAR(as_plan(o)->rules);
  Py_CLEAR(as_plan(o)->wants);
  Py_TYPE(o)->tp_free(o);
}

PyMemberDef plan_members[] = {{"name", T_OBJECT, offsetof(PlanObject, name), READONLY, nullptr},
                              {"wants", T_OBJECT, offsetof(PlanObject, wants), READONLY, nullptr},
                              {"rules", T_OBJECT, offsetof(PlanObject, rules), READONLY, nullptr},
                              {"outputs", T_INT, offsetof(PlanObject, outputs), READONLY, nullptr},
                              {}};

PyObject* node_new(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* node = type->tp_alloc(type, 0);
  if (node) as_node(node)->order = next_order++;
  return node;
}

int node_traverse(PyObject* o, visitproc visit, void* arg) {
  NodeObject* n = as_node(o);
  Py_VISIT(n->plan);
  Py_VISIT(n->edges);
  Py_VISIT(n->saved);
  Py_VISIT(n->fit);
  Py_VISIT(n->outputs);
  Py_VISIT(n->hooks);
  Py_VISIT(n->pre_hooks);
  Py_VISIT(n->notes);
  return 0;
}

int node_clear(PyObject* o) {
  NodeObject* n = as_node(o);
  Py_CLEAR(n->plan);
  Py_CLEAR(n->edges);
  Py_CLEAR(n->saved);
  Py_CLEAR(n->fit);
  Py_CLEAR(n->outputs);
  Py_CLEAR(n->hooks);
  Py_CLEAR(n->pre_hooks);
  Py_CLEAR(n->notes);
  return 0;
}

void node_dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  Py_TRASHCAN_BEGIN(o, node_dealloc)  // graphs get deep: a chain must not overflow the stack
  if (as_node(o)->weak_references) PyObject_ClearWeakRefs(o);
  node_clear(o);
  Py_TYPE(o)->tp_free(o);
  Py_TRASHCAN_END
}

PyMemberDef node_members[] = {{"plan", T_OBJECT, offsetof(NodeObject, plan), 0, nullptr},
                              {"edges", T_OBJECT, offsetof(NodeObject, edges), 0, nullptr},
                              {"saved", T_OBJECT, offsetof(NodeObject, saved), 0, nullptr},
                              {"fit", T_OBJECT, offsetof(NodeObject, fit), 0, nullptr},
                              {"outputs", T_OBJECT, offsetof(NodeObject, outputs), 0, nullptr},
                              {"hooks", T_OBJECT, offsetof(NodeObject, hooks), 0, nullptr},
                              {"pre_hooks", T_OBJECT, offsetof(NodeObject, pre_hooks), 0, nullptr},
                              {"notes", T_OBJECT, offsetof(NodeObject, notes), 0, nullptr},
                              {"order", T_LONGLONG, offsetof(NodeObject, order), 0, nullptr},
                              {}};

PyMethodDef node_methods[] = {
    {"gradients", gradients, METH_O,
     "gradients(g) -> list\n\nOne gradient (or None) per edge, from the gradient of the output (a tuple if there are "
     "several)."},
    {"release", release, METH_NOARGS, "release()\n\nFree what was saved; the graph can then not be walked again."},
    {}};

PyObject* set_node_class(PyObject*, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), &NodeBaseType))
    return PyErr_Format(PyExc_TypeError, "not a Node class");
  Py_INCREF(cls);
  node_class = reinterpret_cast<PyTypeObject*>(cls);
  Py_RETURN_NONE;
}

template <class F> PyCFunction fast(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef functions[] = {
    {"make_node", fast(make_node), METH_FASTCALL, "The node of a call that just ran, not yet anyone's history."},
    {"edges", fast(edges), METH_FASTCALL, "Where the gradients of a call's inputs flow."},
    {"number_again", number_again, METH_O, "Give a node the next order, after its edges."},
    {"set_node_class", set_node_class, METH_O, "Register the Python class Node."},
    {}};

}  // namespace

bool record_call(PyObject* plan, PyObject* const* args, int count, int64_t mask, PyObject* result) {
  NodeObject* node = new_node();
  PyObject* as_object = reinterpret_cast<PyObject*>(node);
  if (!node || !fill_node(node, plan, args, count, mask, result)) {
    Py_XDECREF(as_object);
    return false;
  }
  if (is_tensor(result)) {
    TensorObject* t = as_tensor(result);
    if (!is_floating(t->array.dtype)) {
      Py_DECREF(as_object);
      return true;
    }
    Py_XSETREF(t->grad_fn, as_object);
    t->output_number = 0;
    return true;
  }
  PyObject* call[] = {as_object, result};
  PyObject* done = PyObject_Vectorcall(hooks[kHook_attach], call, 2, nullptr);  // several outputs
  Py_DECREF(as_object);
  Py_XDECREF(done);
  return done;
}

bool init_node_type(PyObject* module) {
  PlanType.tp_name = "tensorx._C.Plan";
  PlanType.tp_basicsize = sizeof(PlanObject);
  PlanType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
  PlanType.tp_doc = "How to record and differentiate one op for one choice of inputs that need a gradient.";
  PlanType.tp_new = plan_new;
  PlanType.tp_traverse = plan_traverse;
  PlanType.tp_dealloc = plan_dealloc;
  PlanType.tp_members = plan_members;
  NodeBaseType.tp_name = "tensorx._C.NodeBase";
  NodeBaseType.tp_basicsize = sizeof(NodeObject);
  NodeBaseType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  NodeBaseType.tp_new = node_new;
  NodeBaseType.tp_traverse = node_traverse;
  NodeBaseType.tp_clear = node_clear;
  NodeBaseType.tp_dealloc = node_dealloc;
  NodeBaseType.tp_weaklistoffset = offsetof(NodeObject, weak_references);
  NodeBaseType.tp_members = node_members;
  NodeBaseType.tp_methods = node_methods;
  return PyType_Ready(&PlanType) == 0 && PyType_Ready(&NodeBaseType) == 0 &&
         PyModule_AddObjectRef(module, "Plan", reinterpret_cast<PyObject*>(&PlanType)) == 0 &&
         PyModule_AddObjectRef(module, "NodeBase", reinterpret_cast<PyObject*>(&NodeBaseType)) == 0 &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tx::python
