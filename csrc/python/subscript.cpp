// Basic indices (ints, slices, None, Ellipsis, tuples of them) make views. Others have tensors, lists, arrays or booleans
// among their parts: these are brought to canonical form (tensors), and the op that gathers takes them from there.
#include "subscript.h"

#include "../functions/copy.h"
#include "../functions/iterate.h"
#include "bind.h"
#include "foreign.h"
#include "op.h"

namespace tx::python {

static bool is_basic_part(PyObject* o) {
  if (PyLong_CheckExact(o) || PySlice_Check(o) || o == Py_None || o == Py_Ellipsis) return true;
  return !PyBool_Check(o) && !is_tensor(o) && !PySequence_Check(o) && PyIndex_Check(o);  // NumPy integers
}

static bool is_basic(PyObject* index) {
  if (!PyTuple_Check(index)) return is_basic_part(index);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); i++)
    if (!is_basic_part(PyTuple_GET_ITEM(index, i))) return false;
  return true;
}

static void take_slice(Array& out, const Array& x, int d, PyObject* slice) {
  Py_ssize_t start, stop, step;
  if (PySlice_Unpack(slice, &start, &stop, &step) < 0) throw PythonError{};
  if (step <= 0)
    fail(ErrorKind::Value, "step must be greater than zero, got ", step, ": use flip() to reverse a dimension");
  Py_ssize_t n = PySlice_AdjustIndices(Py_ssize_t(x.shape[d]), &start, &stop, step);
  if (n > 0) out.offset += start * x.strides[d];
  out.shape.push_back(n);
  int64_t stride;
  if (__builtin_mul_overflow(x.strides[d], int64_t(step), &stride)) stride = x.strides[d];  // then n <= 1
  out.strides.push_back(stride);
}

static void take_int(Array& out, const Array& x, int d, PyObject* number) {
  int64_t i = int_from(number, 1), size = x.shape[d];
  if (i < -size || i >= size)
    fail(ErrorKind::Index, "index ", i, " is out of bounds for dimension ", d, " with size ", size);
  out.offset += (i < 0 ? i + size : i) * x.strides[d];
}

static bool is_mask(const Array& index) { return index.dtype == DType::Bool || index.dtype == DType::UInt8; }

// Dimension d of x, or as many as a mask covers, stays in `out` to be indexed by `index`. A 0-dim mask has a dimension of its own.
static void take_array(Array& out, const Array& x, int& d, const Array& index,
                       std::vector<AdvancedIndex::Part>& parts) {
  if (!is_mask(index) && index.dtype != DType::Int64 && index.dtype != DType::Int32)
    fail(ErrorKind::Index, "tensors used as indices must be long, int, byte or bool tensors, but got ",
         dtype_name(index.dtype));
  if (is_mask(index) && index.ndim() == 0) {
    Array row = index;
    row.shape.push_back(1);
    row.strides.push_back(1);
    parts.push_back({out.ndim(), row});
    out.shape.push_back(1);
    out.strides.push_back(1);
    return;
  }
  parts.push_back({out.ndim(), index});
  for (int covered = is_mask(index) ? index.ndim() : 1; covered > 0; covered--, d++) {
    out.shape.push_back(x.shape[d]);
    out.strides.push_back(x.strides[d]);
  }
}

// The view that the basic parts of an index make; tensors among its parts are added to `arrays`.
static Array view_of(const Array& x, PyObject* index, std::vector<AdvancedIndex::Part>* arrays) {
  PyObject* const* parts = PyTuple_Check(index) ? &PyTuple_GET_ITEM(index, 0) : &index;
  Py_ssize_t count = PyTuple_Check(index) ? PyTuple_GET_SIZE(index) : 1;
  int consumed = 0, ellipses = 0;
  for (Py_ssize_t i = 0; i < count; i++) {
    if (parts[i] == Py_Ellipsis) ellipses++;
    else if (is_tensor(parts[i]) && is_mask(as_tensor(parts[i])->array)) consumed += as_tensor(parts[i])->array.ndim();
    else if (parts[i] != Py_None) consumed++;
  }
  if (ellipses > 1) fail(ErrorKind::Index, "an index can only have a single ellipsis ('...')");
  if (consumed > x.ndim())
    fail(ErrorKind::Index, "too many indices for tensor of dimension ", x.ndim(), ": ", consumed, " were given");
  Array out;
  out.storage = x.storage;
  out.offset = x.offset;
  out.dtype = x.dtype;
  int d = 0;
  for (Py_ssize_t i = 0; i < count; i++) {
    PyObject* part = parts[i];
    if (part == Py_None) {
      out.shape.push_back(1);
      out.strides.push_back(d < x.ndim() ? x.shape[d] * x.strides[d] : 1);
    } else if (part == Py_Ellipsis) {
      for (int skip = x.ndim() - consumed; skip > 0; skip--, d++) {
        out.shape.push_back(x.shape[d]);
        out.strides.push_back(x.strides[d]);
      }
    } else if (PySlice_Check(part)) {
      take_slice(out, x, d++, part);
    } else if (is_tensor(part)) {
      if (!arrays) fail(ErrorKind::Type, "getitem(): the index has a tensor, and so makes no view: use input[index]");
      take_array(out, x, d, as_tensor(part)->array, *arrays);
    } else {
      take_int(out, x, d++, part);
    }
  }
  for (; d < x.ndim(); d++) {
    out.shape.push_back(x.shape[d]);
    out.strides.push_back(x.strides[d]);
  }
  return out;
}

Array basic_view(const Array& x, PyObject* index) { return view_of(x, index, nullptr); }

// ---- Canonical form: a part, or a tuple of parts, each an int, slice, None, Ellipsis or Tensor

// New reference. `o` is neither an int, a slice, None nor Ellipsis.
static PyObject* canonical_part(PyObject* o) {
  Array array;
  if (is_tensor(o)) {
    const Array& index = as_tensor(o)->array;
    return index.ndim() == 0 && index.dtype != DType::Bool && is_integral(index.dtype) ? PyNumber_Index(o)
                                                                                       : Py_NewRef(o);
  }
  if (PyBool_Check(o)) {
    array = scalar_array(Scalar(o == Py_True), DType::Bool);
  } else if (PyObject_CheckBuffer(o) && !PyBytes_Check(o)) {
    PyObject* copy = tensor_from_array(o);
    if (!copy) throw PythonError{};
    array = as_tensor(copy)->array;
    Py_DECREF(copy);
    if (array.dtype == DType::Int8 || array.dtype == DType::Int16) array = cast(array, DType::Int64);
  } else if (PySequence_Check(o) && !PyUnicode_Check(o)) {
    PyObject* items = PySequence_Fast(o, "an index must be a sequence");
    if (!items) throw PythonError{};
    try {
      array = from_data(items, std::nullopt);
    } catch (...) {
      Py_DECREF(items);
      throw;
    }
    Py_DECREF(items);
    if (array.numel() == 0) array = empty(array.shape, DType::Int64);
  } else {
    fail(ErrorKind::Index,
         "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
         Py_TYPE(o)->tp_name, ")");
  }
  if (array.ndim() == 0 && !is_mask(array) && is_integral(array.dtype))
    return PyLong_FromLongLong(*reinterpret_cast<int64_t*>(on_host(cast(array, DType::Int64)).data()));
  return wrap(std::move(array));
}

static bool is_canonical_part(PyObject* o) {
  return is_basic_part(o) || is_batched(o) ||
         (is_tensor(o) && (as_tensor(o)->array.ndim() > 0 || as_tensor(o)->array.dtype == DType::Bool));
}

PyObject* canonical_index(PyObject* index) {
  try {
    if (!PyTuple_Check(index)) return is_canonical_part(index) ? Py_NewRef(index) : canonical_part(index);
    Py_ssize_t n = PyTuple_GET_SIZE(index);
    bool done = true;
    for (Py_ssize_t i = 0; i < n; i++) done = done && is_canonical_part(PyTuple_GET_ITEM(index, i));
    if (done) return Py_NewRef(index);
    PyObject* out = PyTuple_New(n);
    for (Py_ssize_t i = 0; out && i < n; i++) {
      PyObject* part = PyTuple_GET_ITEM(index, i);
      try {
        part = is_canonical_part(part) ? Py_NewRef(part) : canonical_part(part);
      } catch (...) {
        Py_DECREF(out);
        throw;
      }
      if (!part) Py_CLEAR(out);
      else PyTuple_SET_ITEM(out, i, part);
    }
    return out;
  } catch (PythonError) {
    return nullptr;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

AdvancedIndex advanced_index(const Array& x, PyObject* index) {
  AdvancedIndex out;
  out.view = view_of(x, index, &out.parts);
  return out;
}

static bool is_large(const AdvancedIndex& index) {
  int64_t work = 0;
  for (const AdvancedIndex::Part& part : index.parts) work += part.index.numel();
  return work > 4096 || index.view.numel() > kReleaseAbove;
}

Forward index_get_forward() {
  return {"index_get", 2, false, [](PyObject* const* args, Array*) -> PyObject* {
            AdvancedIndex index = advanced_index(Arg<const Array&>::get(args[0], 0), args[1]);
            Array out = [&] {
              ReleaseGil release(is_large(index));
              return index_get(std::move(index));
            }();
            return wrap(std::move(out));
          }};
}

Forward index_set_forward() {
  return {"index_set", 4, true, [](PyObject* const* args, Array* out) -> PyObject* {
            Array target = out ? *out : clone(Arg<const Array&>::get(args[0], 0));
            AdvancedIndex index = advanced_index(target, args[1]);
            Owned<Operand> value(Arg<Operand>::get(args[2], 2));
            bool accumulate = Arg<bool>::get(args[3], 3);
            {
              ReleaseGil release(is_large(index));
              index_set(std::move(index), value.value, accumulate);
            }
            return wrap(std::move(target));
          }};
}

Forward basic_view_forward() {
  return {"basic_view", 2, false, [](PyObject* const* args, Array*) -> PyObject* {
            return wrap(basic_view(Arg<const Array&>::get(args[0], 0), args[1]));
          }};
}

PyObject* get_item(PyObject* x, PyObject* index) {
  if (is_basic(index)) {
    PyObject* args[] = {x, index};
    return call_slot(kSlot_getitem, args, 2);
  }
  PyObject* parts = canonical_index(index);
  if (!parts) return nullptr;
  PyObject* args[] = {x, parts};
  PyObject* result = call_slot(is_basic(parts) ? kSlot_getitem : kSlot_advanced_getitem, args, 2);
  Py_DECREF(parts);
  return result;
}

static int done(TensorObject* t) {
  t->array.storage->version++;
  return 1;
}

// x[index] = number or tensor, when no gradient is involved and nobody watches. 1 done, 0 not this case, -1 error.
static int set_plainly(PyObject* x, PyObject* index, PyObject* value) {
  if (hooks[kHook_watch]) return 0;
  if (batched_class && (is_batched(value) || has_batched(&index, 1))) return 0;
  TensorObject* t = as_tensor(x);
  if (grad_enabled) {
    int r = requires_grad(t);
    if (r == 0 && is_tensor(value)) r = requires_grad(as_tensor(value));
    if (r == 0 && t->base) r = requires_grad(as_tensor(t->base));
    if (r) return r < 0 ? -1 : 0;
  }
  try {
    Scalar number;
    bool numeric = !is_tensor(value) && scalar_from(value, &number);
    if (!numeric && !is_tensor(value)) return 0;
    if (!is_basic(index)) {
      AdvancedIndex places = advanced_index(t->array, index);
      Owned<Operand> from(numeric ? Operand(number) : Operand(as_tensor(value)->array));
      {
        ReleaseGil release(is_large(places));
        index_set(std::move(places), from.value, false);
      }
      return done(t);
    }
    Array target = basic_view(t->array, index);
    if (numeric) {
      if (has_zero_stride(target))
        fail(ErrorKind::Runtime,
             "setitem: more than one element of the written-to tensor refers to a single memory location; clone() it "
             "before writing to it");
      fill(target, number);
    } else {
      copy_into(target, as_tensor(value)->array);
    }
  } catch (PythonError) {
    return -1;
  } catch (...) {
    set_error_from_exception();
    return -1;
  }
  return done(t);
}

int set_item(PyObject* x, PyObject* index, PyObject* value) {
  if (!value) {
    PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
    return -1;
  }
  PyObject* parts = is_basic(index) ? Py_NewRef(index) : canonical_index(index);
  if (!parts) return -1;
  int done = set_plainly(x, parts, value);
  if (done) {
    Py_DECREF(parts);
    return done > 0 ? 0 : -1;
  }
  PyObject* args[] = {x, parts, value};
  PyObject* result = call_slot(kSlot_setitem, args, 3);
  Py_DECREF(parts);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

}  // namespace tx::python
