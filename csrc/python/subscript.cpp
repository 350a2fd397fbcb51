// Basic indices (ints, slices, None, Ellipsis, tuples of them) make views here, without a Python frame.
// Everything else (tensors, lists, booleans) goes to the Python op that gathers.
#include "subscript.h"

#include "../functions/copy.h"
#include "../functions/iterate.h"
#include "op.h"

namespace tx::python {

static bool is_basic_part(PyObject* o) {
  if (PyLong_CheckExact(o) || PySlice_Check(o) || o == Py_None || o == Py_Ellipsis) return true;
  return !PyBool_Check(o) && !is_tensor(o) && !PySequence_Check(o) && PyIndex_Check(o);      // NumPy integers
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
  if (step <= 0) fail(ErrorKind::Value, "step must be greater than zero, got ", step, ": use flip() to reverse a dimension");
  Py_ssize_t n = PySlice_AdjustIndices(Py_ssize_t(x.shape[d]), &start, &stop, step);
  if (n > 0) out.offset += start * x.strides[d];
  out.shape.push_back(n);
  int64_t stride;
  if (__builtin_mul_overflow(x.strides[d], int64_t(step), &stride)) stride = x.strides[d];     // then n <= 1
  out.strides.push_back(stride);
}

static void take_int(Array& out, const Array& x, int d, PyObject* number) {
  int64_t i = int_from(number, 1), size = x.shape[d];
  if (i < -size || i >= size) fail(ErrorKind::Index, "index ", i, " is out of bounds for dimension ", d, " with size ", size);
  out.offset += (i < 0 ? i + size : i) * x.strides[d];
}

Array basic_view(const Array& x, PyObject* index) {
  PyObject* const* parts = PyTuple_Check(index) ? &PyTuple_GET_ITEM(index, 0) : &index;
  Py_ssize_t count = PyTuple_Check(index) ? PyTuple_GET_SIZE(index) : 1;
  int consumed = 0, ellipses = 0;
  for (Py_ssize_t i = 0; i < count; i++) {
    if (parts[i] == Py_Ellipsis) ellipses++;
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

Forward basic_view_forward() {
  return {"basic_view", 2, false, [](PyObject* const* args, Array*) -> PyObject* {
            return wrap(basic_view(Arg<const Array&>::get(args[0], 0), args[1]));
          }};
}

PyObject* get_item(PyObject* x, PyObject* index) {
  PyObject* args[] = {x, index};
  return call_slot(is_basic(index) ? kSlot_getitem : kSlot_advanced_getitem, args, 2);
}

// The common x[basic] = number or tensor, when no gradient is involved. 1 done, 0 not this case, -1 error.
static int set_basic(PyObject* x, PyObject* index, PyObject* value) {
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
    Array target = basic_view(t->array, index);
    if (numeric) {
      if (has_zero_stride(target)) fail(ErrorKind::Runtime, "setitem: more than one element of the written-to tensor refers to a single memory location; clone() it before writing to it");
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
  t->array.storage->version++;
  return 1;
}

int set_item(PyObject* x, PyObject* index, PyObject* value) {
  if (!value) {
    PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
    return -1;
  }
  if (is_basic(index)) {
    int done = set_basic(x, index, value);
    if (done) return done > 0 ? 0 : -1;
  }
  PyObject* args[] = {x, index, value};
  PyObject* result = call_slot(kSlot_setitem, args, 3);
  Py_XDECREF(result);
  return result ? 0 : -1;
}

}  // namespace tx::python
