// Backlog: the gradients on their way through the graph, for the engine (tensorx/autograd/engine.py). Iterating gives
// (node, gradient), the youngest node first, while `deliver` adds more. A node's inputs are older than the node, so when a
// node's turn comes all of its gradient has arrived.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "forward.h"
#include "node.h"
#include "op.h"

namespace tx::python {

namespace {

using Nodes = std::unordered_set<PyObject*>;  // each with a reference

struct Waiting {
  int64_t order;
  PyObject* node;
  bool operator<(const Waiting& other) const { return order < other.order; }
};

struct Backlog {
  PyObject_HEAD
  std::vector<Waiting> heap;  // youngest on top; borrows the references of `pending`
  std::unordered_map<PyObject*, PyObject*> pending;  // node -> its gradient, or a list of those of its outputs
  Nodes wanted, needed;  // if restricted: the nodes asked for, and those on the way to them
  bool restricted;
};

PyTypeObject BacklogType = {PyVarObject_HEAD_INIT(nullptr, 0)};

Backlog* as_backlog(PyObject* o) { return reinterpret_cast<Backlog*>(o); }

bool is_wanted(const void* backlog, const Edge& edge) {
  const Backlog* b = static_cast<const Backlog*>(backlog);
  return edge.node && (!b->restricted || b->needed.count(edge.node) || b->wanted.count(edge.node));
}

void keep(Nodes& nodes, PyObject* node) {
  if (nodes.insert(node).second) Py_INCREF(node);
}

// Finds the nodes through which some wanted node is reached from `roots`; without recursion, since graphs get deep.
void find_needed(Backlog* b, const std::vector<Edge>& roots) {
  int64_t oldest = INT64_MAX;
  for (PyObject* node : b->wanted) oldest = std::min(oldest, as_node(node)->order);
  std::vector<std::pair<PyObject*, bool>> stack;  // (node, have its inputs been looked at)
  std::unordered_set<PyObject*> seen;
  for (const Edge& root : roots) stack.emplace_back(root.node, false);
  while (!stack.empty()) {
    auto [node, done] = stack.back();
    stack.pop_back();
    const NodeObject* n = as_node(node);
    if (done) {
      if (std::any_of(n->edges, n->edges + n->edge_count, [b](const Edge& e) { return is_wanted(b, e); }))
        keep(b->needed, node);
    } else if (n->order > oldest && seen.insert(node).second) {
      stack.emplace_back(node, true);
      for (Py_ssize_t i = 0; i < n->edge_count; i++)
        if (n->edges[i].node) stack.emplace_back(n->edges[i].node, false);
    }
  }
}

// into += g, where `into` may be null. Adding may run any Python code, so no place in the backlog is held meanwhile.
PyObject* sum(PyObject* into, PyObject* g) {
  if (!into) return Py_NewRef(g);
  PyObject* total = PyNumber_Add(into, g);
  Py_DECREF(into);
  return total;
}

bool deliver_to(Backlog* b, const Edge& edge, PyObject* g) {
  auto [at, is_new] = b->pending.try_emplace(edge.node, nullptr);
  if (is_new) {
    Py_INCREF(edge.node);
    b->heap.push_back({as_node(edge.node)->order, edge.node});
    std::push_heap(b->heap.begin(), b->heap.end());
  }
  PyObject* outputs = as_node(edge.node)->outputs;
  if (!outputs || outputs == Py_None) {
    PyObject* total = sum(std::exchange(at->second, nullptr), g);
    b->pending[edge.node] = total;
    return total;
  }
  if (!at->second) {
    if (!(at->second = PyList_New(PySequence_Size(outputs)))) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(at->second); i++) PyList_SET_ITEM(at->second, i, Py_NewRef(Py_None));
  }
  PyObject* list = at->second;
  if (edge.number >= PyList_GET_SIZE(list)) {
    PyErr_Format(PyExc_IndexError, "a gradient was sent to output %u of a node with %zd outputs", edge.number,
                 PyList_GET_SIZE(list));
    return false;
  }
  PyObject* before = Py_NewRef(PyList_GET_ITEM(list, edge.number));
  if (before == Py_None) Py_CLEAR(before);
  PyObject* total = sum(before, g);
  return total && PyList_SetItem(list, edge.number, total) == 0;
}

bool is_gradient(PyObject* o) { return is_tensor(o) || is_batched(o) || has_own_ops(o); }

bool is_edge(PyObject* o) { return PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2 && is_node(PyTuple_GET_ITEM(o, 0)); }

// Backlog(edges, gradients, wanted=None): from where to start. With `wanted`, an iterable of nodes, gradients pass only to
// those and to what leads to them.
PyObject* backlog_new(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject *edges, *gradients, *wanted = Py_None;
  if (!PyArg_ParseTuple(args, "O!O!|O:Backlog", &PyList_Type, &edges, &PyList_Type, &gradients, &wanted))
    return nullptr;
  std::vector<Edge> roots;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(edges); i++) {
    PyObject* edge = PyList_GET_ITEM(edges, i);
    if (!is_edge(edge) || PyList_GET_SIZE(gradients) != PyList_GET_SIZE(edges) ||
        !is_gradient(PyList_GET_ITEM(gradients, i)))
      return PyErr_Format(PyExc_TypeError, "Backlog(): expected edges, as many Tensors, and nodes");
    roots.push_back({PyTuple_GET_ITEM(edge, 0), uint32_t(PyLong_AsUnsignedLong(PyTuple_GET_ITEM(edge, 1)))});
  }
  if (PyErr_Occurred()) return nullptr;
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  Backlog* b = as_backlog(self);
  new (&b->heap) decltype(b->heap);
  new (&b->pending) decltype(b->pending);
  new (&b->wanted) Nodes;
  new (&b->needed) Nodes;
  b->restricted = wanted != Py_None;
  bool ok = true;
  if (b->restricted) {
    PyObject* nodes = PySequence_Tuple(wanted);
    ok = nodes;
    for (Py_ssize_t i = 0; ok && i < PyTuple_GET_SIZE(nodes); i++)
      if (is_node(PyTuple_GET_ITEM(nodes, i))) keep(b->wanted, PyTuple_GET_ITEM(nodes, i));
    Py_XDECREF(nodes);
    if (ok) find_needed(b, roots);
  }
  for (size_t i = 0; ok && i < roots.size(); i++)
    ok = deliver_to(b, roots[i], PyList_GET_ITEM(gradients, Py_ssize_t(i)));
  if (!ok) Py_CLEAR(self);
  return self;
}

PyObject* next(PyObject* self) {
  Backlog* b = as_backlog(self);
  if (b->heap.empty()) return nullptr;
  std::pop_heap(b->heap.begin(), b->heap.end());
  PyObject* node = b->heap.back().node;
  b->heap.pop_back();
  auto at = b->pending.find(node);
  PyObject* g = at->second;
  b->pending.erase(at);
  PyObject* pair = PyTuple_New(2);
  if (!pair) {
    Py_DECREF(node);
    Py_XDECREF(g);
    return nullptr;
  }
  PyTuple_SET_ITEM(pair, 0, node);
  PyTuple_SET_ITEM(pair, 1, g ? g : Py_NewRef(Py_None));
  return pair;
}

// gradients(node, g): one gradient (or None) per edge of `node`, those that lead nowhere wanted left out.
PyObject* gradients(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  if (n != 2 || !is_node(args[0])) return PyErr_Format(PyExc_TypeError, "gradients(node, g)");
  if (has_rules(as_node(args[0]))) return node_gradients(as_node(args[0]), args[1], is_wanted, self);
  static PyObject* const name = PyUnicode_InternFromString("gradients");
  return PyObject_CallMethodOneArg(args[0], name, args[1]);
}

// deliver(node, gradients): send what `gradients(node, g)` gave along the edges of `node`.
PyObject* deliver(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  if (n != 2 || !is_node(args[0]) || !(PyList_Check(args[1]) || PyTuple_Check(args[1])))
    return PyErr_Format(PyExc_TypeError, "deliver(node, gradients)");
  const NodeObject* node = as_node(args[0]);
  if (PySequence_Fast_GET_SIZE(args[1]) != node->edge_count)
    return PyErr_Format(PyExc_RuntimeError, "%R gave %zd gradients for %zd inputs", args[0],
                        PySequence_Fast_GET_SIZE(args[1]), node->edge_count);
  for (Py_ssize_t i = 0; i < node->edge_count && i < PySequence_Fast_GET_SIZE(args[1]); i++) {
    PyObject* g = PySequence_Fast_GET_ITEM(args[1], i);
    if (g == Py_None || !is_wanted(self, node->edges[i])) continue;
    if (!is_gradient(g))
      return PyErr_Format(PyExc_TypeError, "%R gave a %s as gradient %zd: expected a Tensor or None", args[0],
                          Py_TYPE(g)->tp_name, i);
    if (!deliver_to(as_backlog(self), node->edges[i], g)) return nullptr;
  }
  Py_RETURN_NONE;
}

// leads_on(node): whether gradients pass through `node` to others that are wanted.
PyObject* leads_on(PyObject* self, PyObject* node) {
  const Backlog* b = as_backlog(self);
  return PyBool_FromLong(!b->restricted || b->needed.count(node));
}

int traverse(PyObject* o, visitproc visit, void* arg) {
  const Backlog* b = as_backlog(o);
  for (auto [node, g] : b->pending) {
    Py_VISIT(node);
    Py_VISIT(g);
  }
  for (PyObject* node : b->wanted) Py_VISIT(node);
  for (PyObject* node : b->needed) Py_VISIT(node);
  return 0;
}

int clear(PyObject* o) {
  Backlog* b = as_backlog(o);
  b->heap.clear();
  for (auto [node, g] : std::exchange(b->pending, {})) {
    Py_DECREF(node);
    Py_XDECREF(g);
  }
  for (Nodes* nodes : {&b->wanted, &b->needed})
    for (PyObject* node : std::exchange(*nodes, {})) Py_DECREF(node);
  return 0;
}

void dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  clear(o);
  Backlog* b = as_backlog(o);
  b->heap.~vector();
  b->pending.~unordered_map();
  b->wanted.~Nodes();
  b->needed.~Nodes();
  Py_TYPE(o)->tp_free(o);
}

template <class F> PyCFunction fast(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef methods[] = {
    {"gradients", fast(gradients), METH_FASTCALL, "gradients(node, g) -> list\n\nOne gradient or None per edge."},
    {"deliver", fast(deliver), METH_FASTCALL, "deliver(node, gradients)\n\nSend gradients along the node's edges."},
    {"leads_on", leads_on, METH_O, "leads_on(node) -> bool\n\nWhether others that are wanted lie beyond the node."},
    {}};

}  // namespace

bool init_backlog_type(PyObject* module) {
  BacklogType.tp_name = "tensorx._C.Backlog";
  BacklogType.tp_basicsize = sizeof(Backlog);
  BacklogType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC;
  BacklogType.tp_doc = "The gradients on their way through a graph: gives (node, gradient), the youngest node first.";
  BacklogType.tp_new = backlog_new;
  BacklogType.tp_iter = PyObject_SelfIter;
  BacklogType.tp_iternext = next;
  BacklogType.tp_traverse = traverse;
  BacklogType.tp_clear = clear;
  BacklogType.tp_dealloc = dealloc;
  BacklogType.tp_methods = methods;
  return PyType_Ready(&BacklogType) == 0 &&
         PyModule_AddObjectRef(module, "Backlog", reinterpret_cast<PyObject*>(&BacklogType)) == 0;
}

}  // namespace tx::python
