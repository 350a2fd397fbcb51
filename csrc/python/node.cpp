#include "node.h"

#include <structmember.h>

#include <utility>

#include "op.h"

namespace tx::python {

namespace {

constexpr int kMaxWants = 12;
constexpr long kDtypeOf = -1000, kGeometryOf = -2000;          // graph.py's _position counts down from them, too

struct PlanObject {
  PyObject_HEAD
  PyObject* name;              // the node's name: "MulBackward0"
  PyObject* rules;             // tuple of functions, one per input that needs a gradient; or one joint rule
  // A tuple, per rule, of what it takes after `g`: i >= 0 argument i, -1 the output, -2 - i the shape of argument i,
  // kDtypeOf - i its dtype, kGeometryOf - i its (shape, strides, offset).
  PyObject* wants;
  bool joint;  // the only rule returns the list of all gradients
  bool broadcasts;  // gradients may have to be summed to their input's shape
  int outputs;  // of several outputs, how many may require a gradient
};

PyTypeObject PlanType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject NodeBaseType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject* node_class = &NodeBaseType;  // tensorx.autograd.graph.Node once Python has defined it
PyTypeObject* accumulate_class = &NodeBaseType;  // and AccumulateGrad
int64_t next_order = 0;

PlanObject* as_plan(PyObject* o) { return reinterpret_cast<PlanObject*>(o); }

void free_edges(NodeObject* node) {
  Edge* edges = std::exchange(node->edges, nullptr);
  const Py_ssize_t count = std::exchange(node->edge_count, 0);
  for (Py_ssize_t i = 0; i < count; i++) Py_XDECREF(edges[i].node);
  PyMem_Free(edges);
}

bool allocate_edges(NodeObject* node, Py_ssize_t count) {
  free_edges(node);
  if (!(node->edges = static_cast<Edge*>(PyMem_Calloc(size_t(count), sizeof(Edge))))) return PyErr_NoMemory();
  node->edge_count = count;
  return true;
}

// f(tensor or other object) for each input that the mask names; a list of tensors counts as so many inputs.
template <class F>
void each_input(PyObject* const* args, int count, int64_t mask, const F& f) {
  for (int i = 0; i < count; i++) {
    if (!(mask >> i & 1)) continue;
    if (is_tensor(args[i])) f(args[i]);
    else
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); k++) f(PySequence_Fast_GET_ITEM(args[i], k));
  }
}

// One edge per input.
bool fill_edges(NodeObject* node, PyObject* const* args, int count, int64_t mask) {
  Py_ssize_t total = 0;
  each_input(args, count, mask, [&](PyObject*) { total++; });
  if (!allocate_edges(node, total)) return false;
  Py_ssize_t at = 0;
  bool ok = true;
  each_input(args, count, mask, [&](PyObject* o) {
    const int needed = ok && is_tensor(o) ? requires_grad(as_tensor(o)) : 0;
    if (needed > 0) node->edges[at] = edge_of(as_tensor(o));
    ok = ok && needed >= 0 && (needed == 0 || node->edges[at].node);
    at++;
  });
  return ok;
}

// What one entry of a plan's wants stands for (see PlanObject), as it is saved; a new reference.
PyObject* wanted_value(long want, PyObject* const* args, PyObject* result) {
  if (want >= 0) return save_value(args[want], false, 0);
  if (want == -1) return save_value(result, true, 0);
  if (want > kDtypeOf) return shape_of(args[-2 - want]);
  if (want <= kGeometryOf) {
    const Array& x = as_tensor(args[kGeometryOf - want])->array;
    return Py_BuildValue("(NNL)", size_tuple(x.shape), size_tuple(x.strides), (long long)x.offset);
  }
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

// Nothing when every gradient has its input's shape and dtype because they are the output's.
void fill_fit(NodeObject* node, PyObject* const* args, int count, int64_t mask, const Array& out) {
  bool same = true;
  each_input(args, count, mask, [&](PyObject* o) {
    const Array& x = as_tensor(o)->array;
    same = same && x.dtype == out.dtype && x.shape == out.shape && x.device() == out.device();
  });
  if (same) return;
  Fit* fit = node->fit = new Fit[size_t(node->edge_count)];
  each_input(args, count, mask, [&](PyObject* o) {
    const Array& x = as_tensor(o)->array;
    *fit++ = {x.shape, x.dtype, x.device()};
  });
}

// Tells anomaly mode of a new node, where it is on; takes and gives the reference.
PyObject* traced(PyObject* node) {
  if (!node || !hooks[kHook_trace]) [[likely]]
    return node;
  PyObject* done = PyObject_Vectorcall(hooks[kHook_trace], &node, 1, nullptr);
  if (!done) Py_CLEAR(node);
  Py_XDECREF(done);
  return node;
}

NodeObject* new_node() { return reinterpret_cast<NodeObject*>(traced(node_class->tp_alloc(node_class, 0))); }

// A call is recorded in two halves: where gradients flow, from its inputs as they were before it ran, and then what its
// rules want.
bool begin_node(NodeObject* node, PyObject* plan, PyObject* const* args, int count, int64_t mask) {
  node->plan = Py_XNewRef(plan);
  if (!fill_edges(node, args, count, mask)) return false;
  node->order = next_order++;  // after the leaves' nodes, which fill_edges may have made
  return true;
}

bool finish_node(NodeObject* node, PyObject* const* args, int count, int64_t mask, PyObject* result) {
  const PlanObject* plan = as_plan(node->plan);
  if (!(node->saved = save_wanted(plan->wants, args, result))) return false;
  if (plan->broadcasts && is_tensor(result)) fill_fit(node, args, count, mask, as_tensor(result)->array);
  return true;
}

// begin_node(plan, args, mask) -> node, and finish_node(node, args, mask, result): record_call, for in-place ops.
PyObject* begin_node(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 3 || Py_TYPE(a[0]) != &PlanType || !PyTuple_Check(a[1]))
    return PyErr_Format(PyExc_TypeError, "begin_node(plan, args, mask)");
  NodeObject* node = new_node();
  if (node && !begin_node(node, a[0], &PyTuple_GET_ITEM(a[1], 0), int(PyTuple_GET_SIZE(a[1])), PyLong_AsLongLong(a[2])))
    Py_CLEAR(node);
  return reinterpret_cast<PyObject*>(node);
}

PyObject* finish_node(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 4 || !is_node(a[0]) || !as_node(a[0])->plan || as_node(a[0])->saved || !PyTuple_Check(a[1]))
    return PyErr_Format(PyExc_TypeError, "finish_node(node, args, mask, result)");
  if (!finish_node(as_node(a[0]), &PyTuple_GET_ITEM(a[1], 0), int(PyTuple_GET_SIZE(a[1])), PyLong_AsLongLong(a[2]),
                   a[3]))
    return nullptr;
  Py_RETURN_NONE;
}

// connect(node, args, mask): the edges of a node from the inputs of its call, after which it is numbered.
PyObject* connect(PyObject*, PyObject* const* a, Py_ssize_t n) {
  if (n != 3 || !is_node(a[0]) || !PyTuple_Check(a[1]))
    return PyErr_Format(PyExc_TypeError, "connect(node, args, mask)");
  const int64_t mask = PyLong_AsLongLong(a[2]);
  if (PyErr_Occurred()) return nullptr;
  const bool ok = begin_node(as_node(a[0]), nullptr, &PyTuple_GET_ITEM(a[1], 0), int(PyTuple_GET_SIZE(a[1])), mask);
  return ok ? Py_NewRef(Py_None) : nullptr;
}

// `g` summed to the shape of the input and in its dtype; takes and gives a reference.
PyObject* fitted(PyObject* g, const Fit& fit) {
  if (is_tensor(g)) {
    const Array& a = as_tensor(g)->array;
    if (a.shape == fit.shape && a.dtype == fit.dtype && a.device() == fit.device) return g;
  }
  PyObject* call[] = {g, size_tuple(fit.shape), dtype_object(fit.dtype), device_object(fit.device)};
  PyObject* result = call[1] && call[3] ? PyObject_Vectorcall(hooks[kHook_reduce_to], call, 4, nullptr) : nullptr;
  Py_DECREF(g);
  Py_XDECREF(call[1]);
  Py_XDECREF(call[3]);
  return result;
}

bool fit_all(const NodeObject* node, PyObject* gradients) {
  if (!node->fit || PyList_GET_SIZE(gradients) != node->edge_count) return true;
  for (Py_ssize_t i = 0; i < node->edge_count; i++) {
    PyObject* g = PyList_GET_ITEM(gradients, i);
    if (!is_tensor(g) && !is_batched(g)) continue;
    PyList_SET_ITEM(gradients, i, Py_NewRef(Py_None));
    if (!(g = fitted(g, node->fit[i])) || PyList_SetItem(gradients, i, g) < 0) return false;
  }
  return true;
}

bool is_complex_tensor(PyObject* o) { return is_tensor(o) && is_complex(as_tensor(o)->array.dtype); }

bool has_complex(PyObject* tuple) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++)
    if (is_complex_tensor(PyTuple_GET_ITEM(tuple, i))) return true;
  return false;
}

// The conjugate of a complex gradient, or of those in a tuple; anything else itself. A new reference.
//
// Rules are written as if all numbers were real: an input's gradient is g times the derivative. For an op that is
// differentiable as a function of complex numbers PyTorch's gradient is g times the conjugate of the derivative. That is the
// conjugate of what the rule makes of the conjugate of g, so the two are taken here and no rule has to know.
PyObject* conjugated(PyObject* g) {
  if (is_complex_tensor(g)) return PyObject_Vectorcall(hooks[kHook_conjugate], &g, 1, nullptr);
  if (!PyTuple_Check(g) || !has_complex(g)) return Py_NewRef(g);
  PyObject* out = PyTuple_New(PyTuple_GET_SIZE(g));
  for (Py_ssize_t i = 0; out && i < PyTuple_GET_SIZE(g); i++) {
    PyObject* item = conjugated(PyTuple_GET_ITEM(g, i));
    if (!item) Py_CLEAR(out);
    else PyTuple_SET_ITEM(out, i, item);
  }
  return out;
}

bool conjugate_all(PyObject* gradients) {
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(gradients); i++) {
    PyObject* g = PyList_GET_ITEM(gradients, i);
    if (!is_complex_tensor(g)) continue;
    if (!(g = conjugated(g)) || PyList_SetItem(gradients, i, g) < 0) return false;
  }
  return true;
}

PyObject* run_rule(PyObject* node, PyObject* rule, PyObject* g, PyObject* values) {
  const Py_ssize_t n = PyTuple_GET_SIZE(values);
  PyObject* call[1 + kMaxWants] = {g};
  Py_ssize_t ready = 0;
  while (ready < n && (call[1 + ready] = unpack_value(PyTuple_GET_ITEM(values, ready), node))) ready++;
  PyObject* result = ready == n ? PyObject_Vectorcall(rule, call, size_t(1 + n), nullptr) : nullptr;
  for (Py_ssize_t i = 0; i < ready; i++) Py_DECREF(call[1 + i]);
  return result;
}

PyObject* gradients(PyObject* self, PyObject* g) {
  return node_gradients(as_node(self), g, [](const void*, const Edge&) { return true; }, nullptr);
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
  return traced(node);
}

int node_traverse(PyObject* o, visitproc visit, void* arg) {
  NodeObject* n = as_node(o);
  Py_VISIT(n->plan);
  for (Py_ssize_t i = 0; i < n->edge_count; i++) Py_VISIT(n->edges[i].node);
  Py_VISIT(n->saved);
  Py_VISIT(n->variable);
  Py_VISIT(n->outputs);
  Py_VISIT(n->hooks);
  Py_VISIT(n->pre_hooks);
  Py_VISIT(n->notes);
  return 0;
}

int node_clear(PyObject* o) {
  NodeObject* n = as_node(o);
  Py_CLEAR(n->plan);
  free_edges(n);
  Py_CLEAR(n->saved);
  Py_CLEAR(n->variable);
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
  delete[] as_node(o)->fit;
  Py_TYPE(o)->tp_free(o);
  Py_TRASHCAN_END
}

PyMemberDef node_members[] = {{"plan", T_OBJECT, offsetof(NodeObject, plan), 0, nullptr},
                              {"saved", T_OBJECT, offsetof(NodeObject, saved), 0, nullptr},
                              {"variable", T_OBJECT, offsetof(NodeObject, variable), READONLY, nullptr},
                              {"outputs", T_OBJECT, offsetof(NodeObject, outputs), 0, nullptr},
                              {"hooks", T_OBJECT, offsetof(NodeObject, hooks), 0, nullptr},
                              {"pre_hooks", T_OBJECT, offsetof(NodeObject, pre_hooks), 0, nullptr},
                              {"notes", T_OBJECT, offsetof(NodeObject, notes), 0, nullptr},
                              {"order", T_LONGLONG, offsetof(NodeObject, order), 0, nullptr},
                              {}};

PyObject* get_edges(PyObject* o, void*) {
  const NodeObject* n = as_node(o);
  PyObject* out = PyTuple_New(n->edge_count);
  for (Py_ssize_t i = 0; out && i < n->edge_count; i++) {
    const Edge& edge = n->edges[i];
    PyObject* item = edge.node ? Py_BuildValue("(OI)", edge.node, edge.number) : Py_NewRef(Py_None);
    if (!item) Py_CLEAR(out);
    else PyTuple_SET_ITEM(out, i, item);
  }
  return out;
}

int set_edges(PyObject* o, PyObject* value, void*) {
  if (!value || !PyTuple_Check(value)) {
    PyErr_SetString(PyExc_TypeError, "edges: a tuple of (node, output number) or None");
    return -1;
  }
  NodeObject* n = as_node(o);
  if (!allocate_edges(n, PyTuple_GET_SIZE(value))) return -1;
  for (Py_ssize_t i = 0; i < n->edge_count; i++) {
    PyObject* item = PyTuple_GET_ITEM(value, i);
    if (item == Py_None) continue;
    unsigned number;
    PyObject* node;
    if (!PyArg_ParseTuple(item, "O!I:edges", &NodeBaseType, &node, &number)) return -1;
    n->edges[i] = {Py_NewRef(node), number};
  }
  return 0;
}

PyGetSetDef node_attributes[] = {
    {"edges", get_edges, set_edges, "Per input: (node, output number), or None where no gradient flows.", nullptr}, {}};

PyMethodDef node_methods[] = {
    {"gradients", gradients, METH_O,
     "gradients(g) -> list\n\nOne gradient (or None) per edge, from the gradient of the output (a tuple if there are "
     "several)."},
    {"release", release, METH_NOARGS, "release()\n\nFree what was saved; the graph can then not be walked again."},
    {}};

PyObject* set_node_classes(PyObject*, PyObject* args) {
  PyTypeObject *node, *accumulate;
  if (!PyArg_ParseTuple(args, "O!O!:set_node_classes", &PyType_Type, &node, &PyType_Type, &accumulate)) return nullptr;
  if (!PyType_IsSubtype(node, &NodeBaseType) || !PyType_IsSubtype(accumulate, node))
    return PyErr_Format(PyExc_TypeError, "not Node classes");
  node_class = reinterpret_cast<PyTypeObject*>(Py_NewRef(reinterpret_cast<PyObject*>(node)));
  accumulate_class = reinterpret_cast<PyTypeObject*>(Py_NewRef(reinterpret_cast<PyObject*>(accumulate)));
  Py_RETURN_NONE;
}

template <class F> PyCFunction fast(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef functions[] = {
    {"begin_node", fast<PyObject*(PyObject*, PyObject* const*, Py_ssize_t)>(begin_node), METH_FASTCALL,
     "The node of a call that is about to run: its edges."},
    {"finish_node", fast<PyObject*(PyObject*, PyObject* const*, Py_ssize_t)>(finish_node), METH_FASTCALL,
     "Save for a node what its rules want of the call."},
    {"connect", fast(connect), METH_FASTCALL, "Give a node its edges, from the inputs of its call."},
    {"set_node_classes", set_node_classes, METH_VARARGS, "Register the Python classes Node and AccumulateGrad."},
    {}};

}  // namespace

bool is_node(PyObject* o) { return PyObject_TypeCheck(o, &NodeBaseType); }

bool has_rules(NodeObject* node) { return Py_TYPE(node) == node_class; }

PyObject* new_accumulate_node(PyObject* leaf) {
  PyObject* node = accumulate_class->tp_alloc(accumulate_class, 0);
  if (!node) return nullptr;
  as_node(node)->variable = Py_NewRef(leaf);
  as_node(node)->order = next_order++;
  return node;
}

PyObject* node_gradients(NodeObject* node, PyObject* g, Wanted wanted, const void* context) {
  PyObject* self = reinterpret_cast<PyObject*>(node);
  if (!node->saved || !PyTuple_Check(node->saved) || !node->plan) {
    PyObject* name = PyObject_CallMethod(self, "name", nullptr);
    if (name)
      PyErr_Format(PyExc_RuntimeError,
                   "%U: trying to backward through the graph a second time (or directly access saved tensors after "
                   "they have already been freed). Saved intermediate values of the graph are freed when you call "
                   ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
                   "graph a second time or if you need to access saved tensors after calling backward.",
                   name);
    Py_XDECREF(name);
    return nullptr;
  }
  const PlanObject* plan = as_plan(node->plan);
  if (!(g = conjugated(g))) return nullptr;
  PyObject* saved = Py_NewRef(node->saved);  // a rule may run a hook that frees the graph
  const Py_ssize_t rules = PyTuple_GET_SIZE(plan->rules);
  PyObject* out = PyList_New(rules);
  for (Py_ssize_t r = 0; out && r < rules; r++) {
    const bool skip = rules == node->edge_count && !wanted(context, node->edges[r]);
    PyObject* result =
        skip ? Py_NewRef(Py_None) : run_rule(self, PyTuple_GET_ITEM(plan->rules, r), g, PyTuple_GET_ITEM(saved, r));
    if (result &&
        (PyTuple_Check(result) || PyList_Check(result))) {  // of the only rule, for all inputs: a joint one, or cat's
      Py_SETREF(out, PySequence_List(result));
      Py_DECREF(result);
      break;
    }
    if (!result) Py_CLEAR(out);
    else PyList_SET_ITEM(out, r, result);
  }
  if (out && !(conjugate_all(out) && fit_all(node, out))) Py_CLEAR(out);
  Py_DECREF(saved);
  Py_DECREF(g);
  return out;
}

bool record_call(PyObject* plan, PyObject* const* args, int count, int64_t mask, PyObject* result) {
  NodeObject* node = new_node();
  PyObject* as_object = reinterpret_cast<PyObject*>(node);
  if (!node || !begin_node(node, plan, args, count, mask) || !finish_node(node, args, count, mask, result)) {
    Py_XDECREF(as_object);
    return false;
  }
  if (is_tensor(result)) {
    TensorObject* t = as_tensor(result);
    if (is_integral(t->array.dtype)) {
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
  NodeBaseType.tp_getset = node_attributes;
  return PyType_Ready(&PlanType) == 0 && PyType_Ready(&NodeBaseType) == 0 &&
         PyModule_AddObjectRef(module, "Plan", reinterpret_cast<PyObject*>(&PlanType)) == 0 &&
         PyModule_AddObjectRef(module, "NodeBase", reinterpret_cast<PyObject*>(&NodeBaseType)) == 0 &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tx::python
