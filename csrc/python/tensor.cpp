#include "tensor.h"

#include <structmember.h>

#include <string_view>

#include "../float_conversion.h"
#include "../functions/copy.h"
#include "foreign.h"
#include "node.h"
#include "op.h"
#include "subscript.h"

namespace tx::python {

PyTypeObject TensorBaseType = {PyVarObject_HEAD_INIT(nullptr, 0)};
PyTypeObject* tensor_class = &TensorBaseType;
thread_local bool grad_enabled = true;
thread_local bool inference_enabled = false;

static PyTypeObject* size_class;                 // tensorx.Size

// Memory of dead Tensors, ready for the next ones: making and dropping a Tensor is most of what a small op costs.
static constexpr int kMaxFree = 64;
static TensorObject* free_list[kMaxFree];
static int free_count = 0;

static TensorObject* allocate_tensor(PyTypeObject* cls) {
  if (cls != tensor_class)
    return reinterpret_cast<TensorObject*>(cls->tp_alloc(cls, 0));  // a user's subclass may have slots of its own
  if (free_count == 0) return PyObject_GC_New(TensorObject, cls);
  TensorObject* t = free_list[--free_count];
  PyObject_Init(reinterpret_cast<PyObject*>(t), cls);
  return t;
}

PyObject* wrap(Array array, PyTypeObject* cls) {
  TensorObject* t = allocate_tensor(cls);
  if (!t) return nullptr;
  new (&t->array) Array(std::move(array));
  t->grad = t->grad_fn = t->base = t->hooks = t->accumulate = t->attributes = t->weak_references = nullptr;
  t->output_number = t->history = t->base_history = 0;
  t->leaf_requires_grad = t->retains_grad = false;
  if (cls == tensor_class) PyObject_GC_Track(t);  // tp_alloc has done so
  return reinterpret_cast<PyObject*>(t);
}

PyObject* wrap(Array array) { return wrap(std::move(array), tensor_class); }

PyObject* size_tuple(const Dims& dims) {
  PyObject* out = size_class ? size_class->tp_alloc(size_class, dims.size()) : PyTuple_New(dims.size());
  if (!out) return nullptr;
  for (int i = 0; i < dims.size(); i++) {
    PyObject* v = PyLong_FromLongLong(dims[i]);
    if (!v) {
      Py_DECREF(out);
      return nullptr;
    }
    PyTuple_SET_ITEM(out, i, v);
  }
  return out;
}

static bool refresh(TensorObject* t) {
  if (!t->base || t->base_history == as_tensor(t->base)->history) return true;
  PyObject* args[] = {reinterpret_cast<PyObject*>(t)};
  PyObject* done = PyObject_Vectorcall(hooks[kHook_refresh_view], args, 1, nullptr);
  Py_XDECREF(done);
  return done;
}

int requires_grad(TensorObject* t) {
  if (!refresh(t)) return -1;
  return t->leaf_requires_grad || t->grad_fn;
}

Edge edge_of(TensorObject* t) {
  if (t->grad_fn) return {Py_NewRef(t->grad_fn), t->output_number};
  PyObject* node = t->accumulate ? PyWeakref_GetObject(t->accumulate) : Py_None;
  if (node != Py_None) return {Py_NewRef(node), 0};
  node = new_accumulate_node(reinterpret_cast<PyObject*>(t));
  PyObject* weak = node ? PyWeakref_NewRef(node, nullptr) : nullptr;
  if (!weak) Py_CLEAR(node);
  else Py_XSETREF(t->accumulate, weak);
  return {node, 0};
}

namespace {

TensorObject* self_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o); }
PyObject* or_none(PyObject* o) { return Py_NewRef(o ? o : Py_None); }

// ---- one element as a Python number

PyObject* element(const char* at, DType t) {
  switch (t) {
    case DType::Bool: return PyBool_FromLong(*reinterpret_cast<const uint8_t*>(at));
    case DType::UInt8: return PyLong_FromLong(*reinterpret_cast<const uint8_t*>(at));
    case DType::Int8: return PyLong_FromLong(*reinterpret_cast<const int8_t*>(at));
    case DType::Int16: return PyLong_FromLong(*reinterpret_cast<const int16_t*>(at));
    case DType::Int32: return PyLong_FromLong(*reinterpret_cast<const int32_t*>(at));
    case DType::Int64: return PyLong_FromLongLong(*reinterpret_cast<const int64_t*>(at));
    case DType::Float16: return PyFloat_FromDouble(to_float(*reinterpret_cast<const Float16*>(at)));
    case DType::BFloat16: return PyFloat_FromDouble(to_float(*reinterpret_cast<const BFloat16*>(at)));
    case DType::Float32: return PyFloat_FromDouble(*reinterpret_cast<const float*>(at));
    case DType::Float64: return PyFloat_FromDouble(*reinterpret_cast<const double*>(at));
    case DType::UInt16: return PyLong_FromLong(*reinterpret_cast<const uint16_t*>(at));
    case DType::UInt32: return PyLong_FromUnsignedLong(*reinterpret_cast<const uint32_t*>(at));
    case DType::UInt64: return PyLong_FromUnsignedLongLong(*reinterpret_cast<const uint64_t*>(at));
    case DType::Complex64: {
      const auto& z = *reinterpret_cast<const Complex<float>*>(at);
      return PyComplex_FromDoubles(z.real, z.imag);
    }
    case DType::Complex128: {
      const auto& z = *reinterpret_cast<const Complex<double>*>(at);
      return PyComplex_FromDoubles(z.real, z.imag);
    }
  }
  return nullptr;
}

// The only element, which may have to come from a device.
PyObject* first_element(const Array& a) {
  if (a.device().type == DeviceType::CPU) return element(a.data(), a.dtype);
  try {
    return element(on_host(a).data(), a.dtype);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* item(PyObject* o, PyObject*) {
  const Array& a = self_of(o)->array;
  if (a.numel() != 1)
    return PyErr_Format(
        PyExc_RuntimeError,
        "a Tensor with %lld elements cannot be converted to Scalar: index it, reduce it, or use tolist()",
        (long long)a.numel());
  return first_element(a);
}

PyObject* list_of(const Array& a, const char* at, int dim) {
  if (dim == a.ndim()) return element(at, a.dtype);
  PyObject* out = PyList_New(a.shape[dim]);
  for (int64_t i = 0; out && i < a.shape[dim]; i++) {
    PyObject* v = list_of(a, at + i * a.strides[dim] * a.itemsize(), dim + 1);
    if (!v) Py_CLEAR(out);
    else PyList_SET_ITEM(out, i, v);
  }
  return out;
}

PyObject* tolist(PyObject* o, PyObject*) {
  try {
    Array a = on_host(self_of(o)->array);  // a copy: the loop below may run other Python code through the collector
    return list_of(a, a.data(), 0);
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

int truth(PyObject* o) {
  const Array& a = self_of(o)->array;
  if (a.numel() != 1) {
    PyErr_Format(PyExc_RuntimeError,
                 a.numel() ? "Boolean value of Tensor with more than one value is ambiguous: use .any() or .all()"
                           : "Boolean value of Tensor with no values is ambiguous");
    return -1;
  }
  PyObject* v = first_element(a);
  int r = v ? PyObject_IsTrue(v) : -1;
  Py_XDECREF(v);
  return r;
}

// The only element, for a conversion to a real number: a complex one must have no imaginary part.
PyObject* real_item(PyObject* o) {
  PyObject* v = item(o, nullptr);
  if (!v || !PyComplex_Check(v)) return v;
  const Py_complex z = PyComplex_AsCComplex(v);
  Py_DECREF(v);
  if (z.imag == 0) return PyFloat_FromDouble(z.real);
  return PyErr_Format(
      PyExc_RuntimeError,
      "value cannot be converted to type double without overflow: it has an imaginary part; take .real");
}

PyObject* as_float(PyObject* o) {
  PyObject* v = real_item(o);
  if (!v || PyFloat_CheckExact(v)) return v;
  PyObject* f = PyNumber_Float(v);
  Py_DECREF(v);
  return f;
}

PyObject* as_int(PyObject* o) {
  PyObject* v = real_item(o);
  if (!v || PyLong_CheckExact(v)) return v;
  PyObject* i = PyNumber_Long(v);
  Py_DECREF(v);
  return i;
}

PyObject* as_index(PyObject* o) {
  const Array& a = self_of(o)->array;
  if (a.numel() != 1 || !is_integral(a.dtype))
    return PyErr_Format(PyExc_TypeError, "only integer tensors of a single element can be converted to an index");
  return as_int(o);
}

// ---- operators

// Tensors and numbers; anything else gets the chance to implement the operator itself.
bool operand_like(PyObject* o) {
  return is_tensor(o) || PyFloat_Check(o) || PyLong_Check(o) || PyComplex_Check(o) || is_batched(o) ||
         (PyNumber_Check(o) && !PySequence_Check(o));
}

template <Slot slot>
PyObject* unary(PyObject* a) {
  return call_slot(slot, &a, 1);
}

template <Slot slot>
PyObject* binary(PyObject* a, PyObject* b) {
  if (!operand_like(a) || !operand_like(b)) Py_RETURN_NOTIMPLEMENTED;
  PyObject* args[] = {a, b};
  return call_slot(slot, args, 2);
}

PyObject* power(PyObject* a, PyObject* b, PyObject*) { return binary<kSlot_pow>(a, b); }
PyObject* in_place_power(PyObject* a, PyObject* b, PyObject*) { return binary<kSlot_pow_>(a, b); }

PyObject* compare(PyObject* a, PyObject* b, int op) {
  static constexpr Slot slots[] = {kSlot_lt, kSlot_le, kSlot_eq, kSlot_ne, kSlot_gt, kSlot_ge};
  if (!operand_like(b) && PyObject_HasAttrString(b, "__array_interface__")) {  // NumPy arrays leave comparison to us
    PyObject* array = tensor_from_array(b);
    PyObject* result = array ? compare(a, array, op) : nullptr;
    Py_XDECREF(array);
    return result;
  }
  if (!operand_like(a) || !operand_like(b)) Py_RETURN_NOTIMPLEMENTED;
  PyObject* args[] = {a, b};
  return call_slot(slots[op], args, 2);
}

Py_hash_t identity_hash(PyObject* o) { return _Py_HashPointer(o); }

Py_ssize_t length(PyObject* o) {
  const Array& a = self_of(o)->array;
  if (a.ndim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return Py_ssize_t(a.shape[0]);
}

// ---- methods

PyObject* size_of(const Dims& dims, PyObject* const* args, Py_ssize_t n, const char* name) {
  if (n == 0 || (n == 1 && args[0] == Py_None)) return size_tuple(dims);
  if (n != 1) return PyErr_Format(PyExc_TypeError, "%s() takes at most 1 argument (%zd given)", name, n);
  try {
    return PyLong_FromLongLong(dims[normalize_dim(int_from(args[0], 0), dims.size(), name)]);
  } catch (const BadArgument&) {
    return PyErr_Format(PyExc_TypeError, "%s(): argument 'dim' must be int, not %s", name, Py_TYPE(args[0])->tp_name);
  } catch (PythonError) {
    return nullptr;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyObject* size(PyObject* o, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Array& a = self_of(o)->array;
  Py_ssize_t given = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  if (given && a.ndim() == 0 && args[0] != Py_None)
    return PyErr_Format(PyExc_IndexError, "size(): Dimension specified but tensor has no dimensions");
  return size_of(a.shape, args, given, "size");
}

PyObject* stride(PyObject* o, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Array& a = self_of(o)->array;
  Py_ssize_t given = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  if (given && a.ndim() == 0 && args[0] != Py_None)
    return PyErr_Format(PyExc_IndexError, "stride(): Dimension specified but tensor has no dimensions");
  if (given && args[0] != Py_None) return size_of(a.strides, args, given, "stride");
  PyObject* sizes = size_tuple(a.strides);
  PyObject* plain = sizes ? PySequence_Tuple(sizes) : nullptr;
  PyObject* out = plain ? PyTuple_GetSlice(plain, 0, PyTuple_GET_SIZE(plain)) : nullptr;
  Py_XDECREF(sizes);
  Py_XDECREF(plain);
  return out;
}

PyObject* dim(PyObject* o, PyObject*) { return PyLong_FromLong(self_of(o)->array.ndim()); }
PyObject* numel(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o)->array.numel()); }
PyObject* storage_offset(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o)->array.offset); }
PyObject* data_ptr(PyObject* o, PyObject*) { return PyLong_FromVoidPtr(self_of(o)->array.data()); }
PyObject* element_size(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o)->array.itemsize()); }

// Whether the dimensions lie in memory in the order batch, sizes, channels.
bool is_channels_last(const Array& a) {
  int64_t expected = 1;
  for (int i = 0; i < a.ndim(); i++) {
    const int d = i == 0 ? 1 : i == a.ndim() - 1 ? 0 : a.ndim() - i;
    if (a.shape[d] == 1) continue;
    if (a.strides[d] != expected) return false;
    expected *= a.shape[d];
  }
  return true;
}

PyObject* is_contiguous(PyObject* o, PyObject* args, PyObject* keywords) {
  static const char* names[] = {"memory_format", nullptr};
  PyObject* format = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, keywords, "|O:is_contiguous", const_cast<char**>(names), &format))
    return nullptr;
  const Array& a = self_of(o)->array;
  if (format == Py_None) return PyBool_FromLong(a.contiguous());
  PyObject* name = PyObject_GetAttrString(format, "name");
  const char* text = name && PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : "";
  if (!name) PyErr_Clear();
  const std::string_view wanted = text ? text : "";
  PyObject* result = nullptr;
  if (wanted == "contiguous_format") result = PyBool_FromLong(a.contiguous());
  else if (wanted == "channels_last") result = PyBool_FromLong(a.ndim() == 4 && is_channels_last(a));
  else if (wanted == "channels_last_3d") result = PyBool_FromLong(a.ndim() == 5 && is_channels_last(a));
  else
    PyErr_Format(PyExc_TypeError,
                 "is_contiguous(): expected tensorx.contiguous_format, channels_last or channels_last_3d, got %R",
                 format);
  Py_XDECREF(name);
  return result;
}

// An alias that shares data and version, without history.
PyObject* alias(PyObject* o, PyObject*) { return wrap(self_of(o)->array); }

// _set_history(node, number): the node that made this tensor; None makes it a leaf.
PyObject* set_history(PyObject* o, PyObject* args) {
  PyObject* node;
  unsigned number;
  if (!PyArg_ParseTuple(args, "OI:_set_history", &node, &number)) return nullptr;
  TensorObject* t = self_of(o);
  Py_XSETREF(t->grad_fn, node == Py_None ? nullptr : Py_NewRef(node));
  t->output_number = number;
  if (t->base) t->base_history = as_tensor(t->base)->history;
  Py_RETURN_NONE;
}

// _set_array(other): take over other's data (the `data` setter, in-place resizing, load with assign).
PyObject* set_array(PyObject* o, PyObject* other) {
  if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "expected a Tensor, not %s", Py_TYPE(other)->tp_name);
  self_of(o)->array = Array(as_tensor(other)->array);
  Py_RETURN_NONE;
}

PyObject* bump_version(PyObject* o, PyObject*) {
  self_of(o)->array.storage->version++;
  Py_RETURN_NONE;
}

PyObject* bump_history(PyObject* o, PyObject*) {
  self_of(o)->history++;
  Py_RETURN_NONE;
}

PyObject* drop_base(PyObject* o, PyObject*) {
  Py_CLEAR(self_of(o)->base);
  Py_RETURN_NONE;
}

PyObject* shares_storage(PyObject* o, PyObject* other) {
  if (!is_tensor(other)) return PyErr_Format(PyExc_TypeError, "expected a Tensor, not %s", Py_TYPE(other)->tp_name);
  return PyBool_FromLong(self_of(o)->array.storage.get() == as_tensor(other)->array.storage.get());
}

PyObject* storage_references(PyObject* o, PyObject*) {
  return PyLong_FromLongLong(self_of(o)->array.storage->references.load());
}

template <class F> PyCFunction method(F* f) { return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)); }

PyMethodDef tensor_methods[] = {
    {"item", item, METH_NOARGS, "item($self, /)\n--\n\nThe value of a tensor of one element as a Python number."},
    {"tolist", tolist, METH_NOARGS, "tolist($self, /)\n--\n\nThe values as nested lists."},
    {"size", method(size), METH_FASTCALL | METH_KEYWORDS,
     "size($self, dim=None)\n--\n\nThe shape, or one of its sizes."},
    {"stride", method(stride), METH_FASTCALL | METH_KEYWORDS,
     "stride($self, dim=None)\n--\n\nElements from one index to the next, per dimension."},
    {"dim", dim, METH_NOARGS, "dim($self, /)\n--\n\nThe number of dimensions."},
    {"ndimension", dim, METH_NOARGS, "ndimension($self, /)\n--\n\nAlias of dim()."},
    {"numel", numel, METH_NOARGS, "numel($self, /)\n--\n\nThe number of elements."},
    {"nelement", numel, METH_NOARGS, "nelement($self, /)\n--\n\nAlias of numel()."},
    {"storage_offset", storage_offset, METH_NOARGS,
     "storage_offset($self, /)\n--\n\nThe first element's position in the storage, in elements."},
    {"data_ptr", data_ptr, METH_NOARGS, "data_ptr($self, /)\n--\n\nThe address of the first element."},
    {"element_size", element_size, METH_NOARGS, "element_size($self, /)\n--\n\nBytes per element."},
    {"is_contiguous", method(is_contiguous), METH_VARARGS | METH_KEYWORDS,
     "is_contiguous($self, memory_format=None)\n--\n\nTrue when each element lies next to the last, in the order "
     "of a memory format."},
    {"_alias", alias, METH_NOARGS, "A tensor that shares data and version, without history."},
    {"_set_history", set_history, METH_VARARGS, "Set the node that made this tensor."},
    {"_set_array", set_array, METH_O, "Take over another tensor's data."},
    {"_bump_version", bump_version, METH_NOARGS, "Count a write to the data."},
    {"_bump_history", bump_history, METH_NOARGS, "Tell the views of this base that its history was rewritten."},
    {"_drop_base", drop_base, METH_NOARGS, "Forget the tensor this is a view of."},
    {"_shares_storage", shares_storage, METH_O, "True when both tensors use the same storage."},
    {"_storage_references", storage_references, METH_NOARGS, "How many arrays use the storage."},
    {}};

// ---- attributes

PyObject* get_shape(PyObject* o, void*) { return size_tuple(self_of(o)->array.shape); }
PyObject* get_dtype(PyObject* o, void*) { return Py_NewRef(dtype_object(self_of(o)->array.dtype)); }
PyObject* get_device(PyObject* o, void*) { return device_object(self_of(o)->array.device()); }
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLong(self_of(o)->array.ndim()); }
PyObject* get_requires_grad(PyObject* o, void*) {
  int r = requires_grad(self_of(o));
  return r < 0 ? nullptr : PyBool_FromLong(r);
}
int set_requires_grad(PyObject* o, PyObject* value, void*) {
  TensorObject* t = self_of(o);
  int wanted = value ? PyObject_IsTrue(value) : -1;
  int now = requires_grad(t);
  if (wanted < 0 || now < 0) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_AttributeError, "requires_grad cannot be deleted");
    return -1;
  }
  if (t->grad_fn) {
    if (wanted) return 0;
    PyErr_SetString(PyExc_RuntimeError,
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    return -1;
  }
  if (wanted && is_integral(t->array.dtype)) {
    PyErr_Format(PyExc_RuntimeError,
                 "only Tensors of floating point and complex dtype can require gradients, but this one is %s: convert "
                 "it with .float()",
                 dtype_name(t->array.dtype));
    return -1;
  }
  t->leaf_requires_grad = wanted;
  return 0;
}
PyObject* get_is_leaf(PyObject* o, void*) {
  if (!refresh(self_of(o))) return nullptr;
  return PyBool_FromLong(!self_of(o)->grad_fn);
}
PyObject* get_grad_fn(PyObject* o, void*) {
  if (!refresh(self_of(o))) return nullptr;
  return or_none(self_of(o)->grad_fn);
}
PyObject* get_held_grad(PyObject* o, void*) { return or_none(self_of(o)->grad); }
PyObject* get_grad(PyObject* o, void*) {
  const TensorObject* t = self_of(o);
  if (t->grad_fn && !t->grad && !t->retains_grad &&
      PyErr_WarnEx(
          PyExc_UserWarning,
          "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't "
          "be populated during autograd.backward(). If you indeed want the .grad field to be populated for a "
          "non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
          "mistake, make sure you access the leaf Tensor instead.",
          1) < 0)
    return nullptr;
  return or_none(t->grad);
}
// A sparse tensor of the same shape, dtype and device: 1. Anything else: 0 or, with an error set, -1.
int is_sparse_gradient(PyObject* o, PyObject* value) {
  PyObject* sparse = PyObject_GetAttrString(value, "is_sparse");
  if (!sparse) {
    PyErr_Clear();
    return 0;
  }
  int fits = PyObject_IsTrue(sparse);
  Py_DECREF(sparse);
  for (const char* name : {"shape", "dtype", "device"}) {
    if (fits <= 0) break;
    PyObject *mine = PyObject_GetAttrString(o, name), *theirs = PyObject_GetAttrString(value, name);
    fits = mine && theirs ? PyObject_RichCompareBool(mine, theirs, Py_EQ) : -1;
    Py_XDECREF(mine);
    Py_XDECREF(theirs);
  }
  return fits;
}
int set_grad(PyObject* o, PyObject* value, void*) {
  TensorObject* t = self_of(o);
  if (!value || value == Py_None) {
    Py_CLEAR(t->grad);
    return 0;
  }
  if (!is_tensor(value)) {
    const int sparse = is_sparse_gradient(o, value);
    if (sparse == 0)
      PyErr_Format(PyExc_TypeError,
                   "assigned grad expected to be a Tensor or None but got %s: a sparse one must have "
                   "the shape, dtype and device of the tensor",
                   Py_TYPE(value)->tp_name);
    if (sparse > 0) Py_XSETREF(t->grad, Py_NewRef(value));
    return sparse > 0 ? 0 : -1;
  }
  const Array& g = as_tensor(value)->array;
  if (value == o) {
    PyErr_SetString(PyExc_RuntimeError, "can't assign Variable as its own grad");
    return -1;
  }
  if (!(g.shape == t->array.shape) || g.dtype != t->array.dtype || !(g.device() == t->array.device())) {
    PyErr_Format(PyExc_RuntimeError,
                 "assigned grad has shape %s and dtype %s, but the tensor has shape %s and dtype %s: they must be "
                 "equal, and on one device",
                 to_string(g.shape).c_str(), dtype_name(g.dtype), to_string(t->array.shape).c_str(),
                 dtype_name(t->array.dtype));
    return -1;
  }
  Py_XSETREF(t->grad, Py_NewRef(value));
  return 0;
}
PyObject* get_version(PyObject* o, void*) { return PyLong_FromUnsignedLongLong(self_of(o)->array.storage->version); }
PyObject* get_base(PyObject* o, void*) { return or_none(self_of(o)->base); }
PyObject* get_output_number(PyObject* o, void*) { return PyLong_FromUnsignedLong(self_of(o)->output_number); }
PyObject* get_hooks(PyObject* o, void*) { return or_none(self_of(o)->hooks); }
int set_hooks(PyObject* o, PyObject* value, void*) {
  Py_XSETREF(self_of(o)->hooks, value && value != Py_None ? Py_NewRef(value) : nullptr);
  return 0;
}
PyObject* get_edge(PyObject* o, void*) {
  if (!refresh(self_of(o))) return nullptr;
  const Edge edge = edge_of(self_of(o));
  return edge.node ? Py_BuildValue("(NI)", edge.node, edge.number) : nullptr;
}
PyObject* get_is_cuda(PyObject* o, void*) {
  return PyBool_FromLong(self_of(o)->array.device().type == DeviceType::CUDA);
}
PyObject* get_is_cpu(PyObject* o, void*) { return PyBool_FromLong(self_of(o)->array.device().type == DeviceType::CPU); }
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromLongLong(self_of(o)->array.itemsize()); }
PyObject* get_nbytes(PyObject* o, void*) {
  return PyLong_FromLongLong(self_of(o)->array.numel() * self_of(o)->array.itemsize());
}

PyGetSetDef tensor_attributes[] = {
    {"shape", get_shape, nullptr, "The sizes, a tensorx.Size.", nullptr},
    {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
    {"device", get_device, nullptr, "Where the data lives.", nullptr},
    {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
    {"requires_grad", get_requires_grad, set_requires_grad, "True when gradients flow to this tensor.", nullptr},
    {"is_leaf", get_is_leaf, nullptr, "True when no recorded op made this tensor.", nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The node that made this tensor, or None.", nullptr},
    {"grad", get_grad, set_grad, "The accumulated gradient of a leaf, or None.", nullptr},
    {"_grad", get_held_grad, nullptr, "As `grad`, without its warning.", nullptr},
    {"_version", get_version, nullptr, "Counts the writes to the data; shared by all views.", nullptr},
    {"_base", get_base, nullptr, "The tensor this is a view of, or None.", nullptr},
    {"output_nr", get_output_number, nullptr, "Which output of grad_fn this is.", nullptr},
    {"_backward_hooks", get_hooks, set_hooks, "Gradient hooks, by handle.", nullptr},
    {"_edge", get_edge, nullptr, "(node, output number) that a gradient for this tensor flows to.", nullptr},
    {"is_cuda", get_is_cuda, nullptr, "True on a CUDA device.", nullptr},
    {"is_cpu", get_is_cpu, nullptr, "True on the CPU.", nullptr},
    {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
    {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {}};

PyMemberDef tensor_members[] = {{"_retains_grad", T_BOOL, offsetof(TensorObject, retains_grad), 0, nullptr}, {}};

// ---- life

PyObject* tensor_new(PyTypeObject* cls, PyObject*, PyObject*) {
  return PyErr_Format(PyExc_TypeError, "%s cannot be made directly: use tensorx.tensor() or tensorx.empty()",
                      cls->tp_name);
}

int tensor_traverse(PyObject* o, visitproc visit, void* arg) {
  TensorObject* t = self_of(o);
  Py_VISIT(t->grad);
  Py_VISIT(t->grad_fn);
  Py_VISIT(t->base);
  Py_VISIT(t->hooks);
  Py_VISIT(t->accumulate);
  Py_VISIT(t->attributes);
  return 0;
}

int tensor_clear(PyObject* o) {
  TensorObject* t = self_of(o);
  Py_CLEAR(t->grad);
  Py_CLEAR(t->grad_fn);
  Py_CLEAR(t->base);
  Py_CLEAR(t->hooks);
  Py_CLEAR(t->accumulate);
  Py_CLEAR(t->attributes);
  return 0;
}

// Python gives a subclass a deallocator that ends in this one; tensorx.Tensor itself, which adds no slots, uses this one
// directly (set_classes). Either way the reference that an object of a heap type holds to its type is ours to drop.
void tensor_dealloc(PyObject* o) {
  PyObject_GC_UnTrack(o);
  Py_TRASHCAN_BEGIN(o, tensor_dealloc)
  if (self_of(o)->weak_references) PyObject_ClearWeakRefs(o);
  tensor_clear(o);
  self_of(o)->array.~Array();
  PyTypeObject* type = Py_TYPE(o);
  if (type == tensor_class && free_count < kMaxFree) free_list[free_count++] = self_of(o);
  else type->tp_free(o);
  if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_DECREF(type);
  Py_TRASHCAN_END
}

PyNumberMethods number_methods;
PySequenceMethods sequence_methods;
PyMappingMethods mapping_methods;

void fill_type() {
  PyNumberMethods& n = number_methods;
  n.nb_add = binary<kSlot_add>;
  n.nb_subtract = binary<kSlot_sub>;
  n.nb_multiply = binary<kSlot_mul>;
  n.nb_true_divide = binary<kSlot_true_divide>;
  n.nb_floor_divide = binary<kSlot_floor_divide>;
  n.nb_remainder = binary<kSlot_remainder>;
  n.nb_power = power;
  n.nb_matrix_multiply = binary<kSlot_matmul>;
  n.nb_negative = unary<kSlot_neg>;
  n.nb_positive = unary<kSlot_positive>;
  n.nb_absolute = unary<kSlot_abs>;
  n.nb_invert = unary<kSlot_bitwise_not>;
  n.nb_and = binary<kSlot_bitwise_and>;
  n.nb_or = binary<kSlot_bitwise_or>;
  n.nb_xor = binary<kSlot_bitwise_xor>;
  n.nb_lshift = binary<kSlot_lshift>;
  n.nb_rshift = binary<kSlot_rshift>;
  n.nb_inplace_add = binary<kSlot_add_>;
  n.nb_inplace_subtract = binary<kSlot_sub_>;
  n.nb_inplace_multiply = binary<kSlot_mul_>;
  n.nb_inplace_true_divide = binary<kSlot_true_divide_>;
  n.nb_inplace_floor_divide = binary<kSlot_floor_divide_>;
  n.nb_inplace_remainder = binary<kSlot_remainder_>;
  n.nb_inplace_power = in_place_power;
  n.nb_inplace_and = binary<kSlot_bitwise_and_>;
  n.nb_inplace_or = binary<kSlot_bitwise_or_>;
  n.nb_inplace_xor = binary<kSlot_bitwise_xor_>;
  n.nb_inplace_lshift = binary<kSlot_lshift_>;
  n.nb_inplace_rshift = binary<kSlot_rshift_>;
  n.nb_bool = truth;
  n.nb_float = as_float;
  n.nb_int = as_int;
  n.nb_index = as_index;
  sequence_methods.sq_length = length;
  mapping_methods.mp_length = length;
  mapping_methods.mp_subscript = get_item;
  mapping_methods.mp_ass_subscript = set_item;

  PyTypeObject& t = TensorBaseType;
  t.tp_name = "tensorx._C.TensorBase";
  t.tp_basicsize = sizeof(TensorObject);
  t.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  t.tp_new = tensor_new;
  t.tp_dealloc = tensor_dealloc;
  t.tp_traverse = tensor_traverse;
  t.tp_clear = tensor_clear;
  t.tp_weaklistoffset = offsetof(TensorObject, weak_references);
  t.tp_dictoffset = offsetof(TensorObject, attributes);
  t.tp_as_number = &number_methods;
  t.tp_as_sequence = &sequence_methods;
  t.tp_as_mapping = &mapping_methods;
  t.tp_richcompare = compare;
  t.tp_hash = identity_hash;
  t.tp_methods = tensor_methods;
  t.tp_getset = tensor_attributes;
  t.tp_members = tensor_members;
}

PyObject* set_classes(PyObject*, PyObject* args) {
  PyTypeObject *tensor, *size;
  if (!PyArg_ParseTuple(args, "O!O!:set_classes", &PyType_Type, &tensor, &PyType_Type, &size)) return nullptr;
  if (size_class || !PyType_IsSubtype(tensor, &TensorBaseType) || !PyType_IsSubtype(size, &PyTuple_Type))
    return PyErr_Format(PyExc_TypeError, "set_classes() takes Tensor and Size, once");
  Py_INCREF(tensor);
  Py_INCREF(size);
  tensor->tp_dealloc = tensor_dealloc;
  tensor_class = tensor;
  size_class = size;
  Py_RETURN_NONE;
}

// make_subclass(cls, data): a tensor of class `cls` that shares data's storage.
PyObject* make_subclass(PyObject*, PyObject* args) {
  PyTypeObject* cls;
  PyObject* data;
  if (!PyArg_ParseTuple(args, "O!O!:make_subclass", &PyType_Type, &cls, &TensorBaseType, &data)) return nullptr;
  if (!PyType_IsSubtype(cls, &TensorBaseType))
    return PyErr_Format(PyExc_TypeError, "%s is not a subclass of Tensor", cls->tp_name);
  return wrap(as_tensor(data)->array, cls);
}

// own(g): g itself when nobody else can see it, else a copy. For a gradient that becomes some leaf's `grad`, which users
// change in place. Three references are the callers': the engine's, _accumulate's and this call's.
PyObject* own(PyObject*, PyObject* g) {
  if (!is_tensor(g)) return PyObject_CallMethod(g, "clone", nullptr);  // sparse: few values
  const Array& a = as_tensor(g)->array;
  bool unseen = Py_REFCNT(g) <= 3 && a.storage->references.load() == 1 && !as_tensor(g)->grad_fn && a.contiguous() &&
                !a.storage->owner;
  if (unseen) return Py_NewRef(g);
  try {
    return wrap(clone(a));
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

PyMethodDef functions[] = {
    {"own", own, METH_O, "The tensor itself when nobody else can see it, else a copy."},
    {"set_classes", set_classes, METH_VARARGS, "Register the Python classes Tensor and Size."},
    {"make_subclass", make_subclass, METH_VARARGS, "A tensor of the given class that shares another's data."},
    {}};

}  // namespace

bool init_tensor_type(PyObject* module) {
  fill_type();
  return PyType_Ready(&TensorBaseType) == 0 &&
         PyModule_AddObjectRef(module, "TensorBase", reinterpret_cast<PyObject*>(&TensorBaseType)) == 0 &&
         PyModule_AddFunctions(module, functions) == 0;
}

}  // namespace tx::python
