#include "forward.h"

namespace tx::python {

bool scalar_from(PyObject* o, Scalar* to) {
  if (PyFloat_Check(o)) {
    *to = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyBool_Check(o)) {
    *to = Scalar(o == Py_True);
    return true;
  }
  if (PyLong_Check(o)) {
    int overflow;
    long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow > 0) {
      const unsigned long long bits = PyLong_AsUnsignedLongLong(o);
      overflow = PyErr_Occurred() != nullptr;
      if (!overflow) {
        *to = Scalar::from_bits(bits);
        return true;
      }
      PyErr_Clear();
    }
    if (overflow) {
      PyErr_SetString(PyExc_OverflowError, "int too large: tensorx integers have 64 bits");
      throw PythonError{};
    }
    *to = Scalar(int64_t(v));
    return true;
  }
  if (PyComplex_Check(o)) {                        // NumPy's complex128 as well
    const Py_complex z = PyComplex_AsCComplex(o);
    *to = Scalar(z.real, z.imag);
    return true;
  }
  if (is_tensor(o) || PyUnicode_Check(o)) return false;
  if (PyIndex_Check(o)) {                          // NumPy integers
    PyObject* number = PyNumber_Index(o);
    if (!number) {
      PyErr_Clear();
      return false;
    }
    bool ok = scalar_from(number, to);
    Py_DECREF(number);
    return ok;
  }
  if (std::string_view(Py_TYPE(o)->tp_name) == "numpy.complex64") {
    const Py_complex z = PyComplex_AsCComplex(o);
    if (z.real == -1 && PyErr_Occurred()) throw PythonError{};
    *to = Scalar(z.real, z.imag);
    return true;
  }
  PyNumberMethods* methods = Py_TYPE(o)->tp_as_number;
  if (methods && methods->nb_float && !PySequence_Check(o)) {      // NumPy floats
    double v = PyFloat_AsDouble(o);
    if (v == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    *to = std::string_view(Py_TYPE(o)->tp_name).find("bool") != std::string_view::npos ? Scalar(v != 0) : Scalar(v);
    return true;
  }
  return false;
}

int64_t int_from(PyObject* o, int i) {
  if (!PyLong_Check(o) && (!PyIndex_Check(o) || PyFloat_Check(o))) throw BadArgument{i, "int"};
  PyObject* number = PyNumber_Index(o);
  if (!number) throw PythonError{};
  int overflow;
  long long v = PyLong_AsLongLongAndOverflow(number, &overflow);
  Py_DECREF(number);
  if (overflow) {
    PyErr_SetString(PyExc_OverflowError, "int too large: sizes and positions have 64 bits");
    throw PythonError{};
  }
  return v;
}

double double_from(PyObject* o, int i) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  Scalar s;
  if (!is_tensor(o)) {
    if (!scalar_from(o, &s) || s.kind == Scalar::Kind::Complex) throw BadArgument{i, "float"};
    return s.as_double();
  }
  double v = PyFloat_AsDouble(o);
  if (v == -1 && PyErr_Occurred()) throw PythonError{};
  return v;
}

Dims dims_from(PyObject* o, int i) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) {
    if (PyLong_Check(o) || PyIndex_Check(o)) return {int_from(o, i)};
    throw BadArgument{i, "int or tuple of ints"};
  }
  Dims out;
  for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); k++) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, k);
    if (!PyIndex_Check(item))
      throw BadArgument{i,
                        "int or tuple of ints, but its element " + std::to_string(k) + " is " + Py_TYPE(item)->tp_name};
    out.push_back(int_from(item, i));
  }
  return out;
}

PyObject* dict_of(std::initializer_list<Item> items) {
  PyObject* dict = PyDict_New();
  for (const Item& item : items) {
    if (dict && (!item.value || PyDict_SetItemString(dict, item.name, item.value) < 0)) Py_CLEAR(dict);
    Py_XDECREF(item.value);
  }
  return dict;
}

PyTypeObject* batched_class;
static PyObject* batched_call;  // (callable, args, out) -> result, or NotImplemented

bool has_batched(PyObject* const* args, int count) {
  for (int i = 0; i < count; i++) {
    if (is_batched(args[i])) return true;
    if (PyTuple_Check(args[i]) || PyList_Check(args[i]))
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(args[i]); k++)
        if (is_batched(PySequence_Fast_GET_ITEM(args[i], k))) return true;
  }
  return false;
}

PyObject* call_batched(PyObject* callable, PyObject* const* args, int count, PyObject* out) {
  PyObject* arguments = PyTuple_New(count);
  if (!arguments) return nullptr;
  for (int i = 0; i < count; i++) PyTuple_SET_ITEM(arguments, i, Py_NewRef(args[i]));
  PyObject* call[] = {callable, arguments, out ? out : Py_None};
  PyObject* result = PyObject_Vectorcall(batched_call, call, 3, nullptr);
  Py_DECREF(arguments);
  return result;
}

static PyObject* set_batched(PyObject*, PyObject* args) {
  PyTypeObject* cls;
  PyObject* call;
  if (!PyArg_ParseTuple(args, "O!O:set_batched", &PyType_Type, &cls, &call)) return nullptr;
  if (PyType_IsSubtype(cls, &TensorBaseType) || !PyCallable_Check(call))
    return PyErr_Format(PyExc_TypeError, "set_batched() takes a class that is no Tensor, and a function");
  Py_XSETREF(batched_call, Py_NewRef(call));
  Py_INCREF(cls);
  batched_class = cls;
  Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"set_batched", set_batched, METH_VARARGS, "Register the class of vmap's tensors, and what is called with them."},
    {}};

struct ForwardObject {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  Forward forward;
};

static PyTypeObject ForwardType = {PyVarObject_HEAD_INIT(nullptr, 0)};

bool is_forward(PyObject* o) { return Py_TYPE(o) == &ForwardType; }
const Forward& forward_of(PyObject* o) { return reinterpret_cast<ForwardObject*>(o)->forward; }

static PyObject* forward_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  const Forward& f = forward_of(self);
  Py_ssize_t n = PyVectorcall_NARGS(nargsf);
  Array* out = nullptr;
  if ((n == f.count || n == f.count + 1) && !kwnames && concerns_vmap(&f, args, int(n))) {
    PyObject* result = call_batched(self, args, f.count, n > f.count ? args[f.count] : nullptr);
    if (result != Py_NotImplemented) return result;
    Py_DECREF(result);
  }
  if (n == f.count + 1 && f.takes_out) {
    if (!is_tensor(args[f.count])) return PyErr_Format(PyExc_TypeError, "%s(): out must be a Tensor", f.name);
    out = &as_tensor(args[f.count])->array;
  } else if (n != f.count || kwnames) {
    return PyErr_Format(PyExc_TypeError, "_C.%s takes exactly %d positional arguments (%zd given)", f.name, f.count, n);
  }
  try {
    return f.call(args, out);
  } catch (const BadArgument& bad) {
    if (bad.expected.find(", but ") != std::string::npos)                // says itself what was found
      return PyErr_Format(PyExc_TypeError, "%s(): argument %d must be %s", f.name, bad.index + 1, bad.expected.c_str());
    return PyErr_Format(PyExc_TypeError, "%s(): argument %d must be %s, not %s", f.name, bad.index + 1,
                        bad.expected.c_str(), Py_TYPE(args[bad.index])->tp_name);
  } catch (PythonError) {
    return nullptr;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

static PyObject* forward_repr(PyObject* o) { return PyUnicode_FromFormat("<tensorx._C.%s>", forward_of(o).name); }

static PyObject* forward_name(PyObject* o, void*) { return PyUnicode_FromString(forward_of(o).name); }

static PyGetSetDef forward_attributes[] = {{"__name__", forward_name, nullptr, nullptr, nullptr}, {}};

bool init_forward_type(PyObject* module) {
  ForwardType.tp_name = "tensorx._C.Forward";
  ForwardType.tp_basicsize = sizeof(ForwardObject);
  ForwardType.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL;
  ForwardType.tp_vectorcall_offset = offsetof(ForwardObject, vectorcall);
  ForwardType.tp_call = PyVectorcall_Call;
  ForwardType.tp_repr = forward_repr;
  ForwardType.tp_getset = forward_attributes;
  return PyType_Ready(&ForwardType) == 0 && PyModule_AddFunctions(module, functions) == 0;
}

bool add_forward(PyObject* module, const char* name, Forward forward) {
  ForwardObject* o = PyObject_New(ForwardObject, &ForwardType);
  if (!o) return false;
  o->vectorcall = forward_call;
  o->forward = forward;
  return PyModule_AddObject(module, name, reinterpret_cast<PyObject*>(o)) == 0;
}

}  // namespace tx::python
