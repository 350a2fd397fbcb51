#include "objects.h"

#include <cstring>
#include <new>
#include <vector>

#include "../cuda_library.h"
#include "../functions/creation.h"

namespace tx::python {

// ---- dtype

struct DTypeObject {
  PyObject_HEAD
  DType value;
};

static PyTypeObject DTypeType = {PyVarObject_HEAD_INIT(nullptr, 0)};
static PyObject* dtype_objects[kNumDTypes];

PyObject* dtype_object(DType t) { return dtype_objects[int(t)]; }
bool is_dtype(PyObject* o) { return Py_TYPE(o) == &DTypeType; }
DType dtype_from(PyObject* o) { return reinterpret_cast<DTypeObject*>(o)->value; }

static PyObject* dtype_repr(PyObject* o) { return PyUnicode_FromFormat("tensorx.%s", dtype_name(dtype_from(o))); }
static PyObject* dtype_reduce(PyObject* o, PyObject*) { return PyUnicode_FromString(dtype_name(dtype_from(o))); }

static PyObject* dtype_to_real(PyObject* o, PyObject*) { return Py_NewRef(dtype_object(real_dtype(dtype_from(o)))); }
static PyObject* dtype_to_complex(PyObject* o, PyObject*) {
  return Py_NewRef(dtype_object(complex_dtype(dtype_from(o))));
}

static PyMethodDef dtype_methods[] = {
    {"__reduce__", dtype_reduce, METH_NOARGS, nullptr},
    {"to_real", dtype_to_real, METH_NOARGS, "The dtype of the parts of a complex one; a real one itself."},
    {"to_complex", dtype_to_complex, METH_NOARGS, "The complex dtype with parts of this one."},
    {}};

static PyGetSetDef dtype_attributes[] = {
    {"itemsize", [](PyObject* o, void*) { return PyLong_FromLongLong(itemsize(dtype_from(o))); }, nullptr,
     "Bytes per element.", nullptr},
    {"is_floating_point", [](PyObject* o, void*) { return PyBool_FromLong(is_floating(dtype_from(o))); }, nullptr,
     "True for the float types.", nullptr},
    {"is_complex", [](PyObject* o, void*) { return PyBool_FromLong(is_complex(dtype_from(o))); }, nullptr,
     "True for the complex types.", nullptr},
    {"is_signed", [](PyObject* o, void*) { return PyBool_FromLong(is_signed(dtype_from(o))); }, nullptr,
     "True when negative values exist.", nullptr},
    {"_differentiable", [](PyObject* o, void*) { return PyBool_FromLong(!is_integral(dtype_from(o))); }, nullptr,
     "True for the float and complex types: what may require a gradient.", nullptr},
    {"__module__", [](PyObject*, void*) { return PyUnicode_FromString("tensorx"); }, nullptr, nullptr, nullptr},
    {"_number", [](PyObject* o, void*) { return PyLong_FromLong(int(dtype_from(o))); }, nullptr,
     "Position in the table of types.", nullptr},
    {}};

// ---- device

struct DeviceObject {
  PyObject_HEAD
  Device value;
  bool has_index;
};

static PyTypeObject DeviceObjectType = {PyVarObject_HEAD_INIT(nullptr, 0)};
static PyObject* cpu_device;

static PyObject* make_device(Device d, bool has_index) {
  DeviceObject* o = PyObject_New(DeviceObject, &DeviceObjectType);
  if (!o) return nullptr;
  o->value = d;
  o->has_index = has_index;
  return reinterpret_cast<PyObject*>(o);
}

PyObject* device_object(Device d) {
  if (d.type == DeviceType::CPU) return Py_NewRef(cpu_device);
  return make_device(d, true);
}

static bool parse_device_text(const char* text, Device* to, bool* has_index) {
  const char* colon = std::strchr(text, ':');
  std::string type = colon ? std::string(text, colon) : text;
  long index = 0;
  *has_index = colon;
  if (colon) {
    char* end;
    index = std::strtol(colon + 1, &end, 10);
    if (*end || end == colon + 1 || index < 0 || index > 127) {
      PyErr_Format(PyExc_RuntimeError, "Invalid device string: '%s'", text);
      return false;
    }
  }
  if (type == "cpu") *to = {DeviceType::CPU, 0};
  else if (type == "cuda") *to = {DeviceType::CUDA, int8_t(index)};
  else {
    PyErr_Format(PyExc_RuntimeError, "Expected one of cpu, cuda device type at start of device string: %s", text);
    return false;
  }
  return true;
}

bool device_as_given(PyObject* o, Device* to) {
  bool has_index = false;
  if (Py_TYPE(o) == &DeviceObjectType) {
    *to = reinterpret_cast<DeviceObject*>(o)->value;
    has_index = reinterpret_cast<DeviceObject*>(o)->has_index;
  } else if (PyUnicode_Check(o)) {
    const char* text = PyUnicode_AsUTF8(o);
    if (!text || !parse_device_text(text, to, &has_index)) return false;
  } else if (PyLong_Check(o)) {
    const long index = PyLong_AsLong(o);
    if (index < 0 || index > 127) {
      PyErr_Clear();
      PyErr_Format(PyExc_RuntimeError, "device index must be in [0, 127], got %R", o);
      return false;
    }
    *to = {DeviceType::CUDA, int8_t(index)};
    has_index = true;
  } else {
    PyErr_Format(PyExc_TypeError, "device must be a tensorx.device or a str such as 'cpu' or 'cuda:0', not %s",
                 Py_TYPE(o)->tp_name);
    return false;
  }
  if (to->type == DeviceType::CUDA && !has_index) to->index = -1;
  return true;
}

bool parse_device(PyObject* o, Device* to) {
  if (!device_as_given(o, to)) return false;
  if (to->index < 0) to->index = int8_t(current_cuda_device());
  return true;
}

static PyObject* device_new(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"type", "index", nullptr};
  PyObject* type;
  PyObject* index = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &type, &index))
    return nullptr;
  Device d;
  bool has_index = false;
  if (Py_TYPE(type) == &DeviceObjectType) return Py_NewRef(type);
  if (PyLong_Check(type)) {
    long i = PyLong_AsLong(type);
    if (i < 0 || i > 127) return PyErr_Format(PyExc_RuntimeError, "Device index must be in [0, 127], got %ld", i);
    return make_device({DeviceType::CUDA, int8_t(i)}, true);
  }
  if (!PyUnicode_Check(type)) return parse_device(type, &d), nullptr;
  const char* text = PyUnicode_AsUTF8(type);
  if (!text || !parse_device_text(text, &d, &has_index)) return nullptr;
  if (index != Py_None) {
    long i = PyLong_AsLong(index);
    if (i == -1 && PyErr_Occurred()) return nullptr;
    if (has_index)
      return PyErr_Format(PyExc_RuntimeError,
                          "type (string) must not include an index because index was passed explicitly: %s", text);
    if (i < 0 || i > 127) return PyErr_Format(PyExc_RuntimeError, "Device index must be in [0, 127], got %ld", i);
    d.index = int8_t(d.type == DeviceType::CPU ? 0 : i);
    has_index = true;
  }
  return make_device(d, has_index);
}

static const DeviceObject* as_device(PyObject* o) { return reinterpret_cast<DeviceObject*>(o); }
static const char* device_type_name(PyObject* o) {
  return as_device(o)->value.type == DeviceType::CPU ? "cpu" : "cuda";
}

static PyObject* device_str(PyObject* o) {
  if (!as_device(o)->has_index) return PyUnicode_FromString(device_type_name(o));
  return PyUnicode_FromFormat("%s:%d", device_type_name(o), int(as_device(o)->value.index));
}

static PyObject* device_repr(PyObject* o) {
  if (!as_device(o)->has_index) return PyUnicode_FromFormat("device(type='%s')", device_type_name(o));
  return PyUnicode_FromFormat("device(type='%s', index=%d)", device_type_name(o), int(as_device(o)->value.index));
}

static PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(b) != &DeviceObjectType || (op != Py_EQ && op != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  bool same = as_device(a)->value == as_device(b)->value && as_device(a)->has_index == as_device(b)->has_index;
  return PyBool_FromLong(same == (op == Py_EQ));
}

static Py_hash_t device_hash(PyObject* o) {
  return Py_hash_t(as_device(o)->value.type) * 1024 + (as_device(o)->has_index ? 1 + as_device(o)->value.index : 0);
}

static PyObject* device_reduce(PyObject* o, PyObject*) {
  PyObject* text = device_str(o);
  return text ? Py_BuildValue("O(N)", &DeviceObjectType, text) : nullptr;
}

// `with tensorx.device("cuda"):` makes it the default device of the block, in this thread.
static thread_local std::vector<Device> defaults_outside;

static PyObject* device_enter(PyObject* o, PyObject*) {
  Device device;
  if (!device_as_given(o, &device)) return nullptr;
  defaults_outside.push_back(swap_default_device(device));
  return Py_NewRef(o);
}

static PyObject* device_exit(PyObject*, PyObject*) {
  if (defaults_outside.empty()) return PyErr_Format(PyExc_RuntimeError, "device.__exit__(): no block was entered");
  swap_default_device(defaults_outside.back());
  defaults_outside.pop_back();
  Py_RETURN_NONE;
}

static PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr},
                                       {"__enter__", device_enter, METH_NOARGS, nullptr},
                                       {"__exit__", device_exit, METH_VARARGS, nullptr},
                                       {}};

static PyGetSetDef device_attributes[] = {
    {"type", [](PyObject* o, void*) { return PyUnicode_FromString(device_type_name(o)); }, nullptr, "'cpu' or 'cuda'.",
     nullptr},
    {"index",
     [](PyObject* o, void*) {
       return as_device(o)->has_index ? PyLong_FromLong(as_device(o)->value.index) : Py_NewRef(Py_None);
     },
     nullptr, "The device's number, or None.", nullptr},
    {}};

// ---- module

static bool init_out_of_memory(PyObject* module);

bool init_objects(PyObject* module) {
  DTypeType.tp_name = "tensorx.dtype";
  DTypeType.tp_basicsize = sizeof(DTypeObject);
  DTypeType.tp_flags = Py_TPFLAGS_DEFAULT;
  DTypeType.tp_doc = "The type of a tensor's elements: tensorx.float32, tensorx.int64 and so on.";
  DTypeType.tp_repr = dtype_repr;
  DTypeType.tp_methods = dtype_methods;
  DTypeType.tp_getset = dtype_attributes;
  DeviceObjectType.tp_name = "tensorx.device";
  DeviceObjectType.tp_basicsize = sizeof(DeviceObject);
  DeviceObjectType.tp_flags = Py_TPFLAGS_DEFAULT;
  DeviceObjectType.tp_doc =
      "Where a tensor lives: device('cpu'), device('cuda', 0), device('cuda:0'). A `with` block of one makes it the "
      "default "
      "device there.";
  DeviceObjectType.tp_new = device_new;
  DeviceObjectType.tp_repr = device_repr;
  DeviceObjectType.tp_str = device_str;
  DeviceObjectType.tp_hash = device_hash;
  DeviceObjectType.tp_richcompare = device_compare;
  DeviceObjectType.tp_methods = device_methods;
  DeviceObjectType.tp_getset = device_attributes;
  if (PyType_Ready(&DTypeType) < 0 || PyType_Ready(&DeviceObjectType) < 0) return false;
  for (int i = 0; i < kNumDTypes; i++) {
    DTypeObject* o = PyObject_New(DTypeObject, &DTypeType);
    if (!o) return false;
    o->value = DType(i);
    dtype_objects[i] = reinterpret_cast<PyObject*>(o);
    if (PyModule_AddObjectRef(module, dtype_name(DType(i)), dtype_objects[i]) < 0) return false;
  }
  cpu_device = make_device({}, false);
  return cpu_device && PyModule_AddObjectRef(module, "dtype", reinterpret_cast<PyObject*>(&DTypeType)) == 0 &&
         PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(&DeviceObjectType)) == 0 &&
         init_out_of_memory(module);
}

static PyObject* out_of_device_memory;  // tensorx.OutOfMemoryError: a RuntimeError, as in PyTorch, and a MemoryError

static bool init_out_of_memory(PyObject* module) {
  PyObject* bases = PyTuple_Pack(2, PyExc_RuntimeError, PyExc_MemoryError);
  if (!bases) return false;
  out_of_device_memory =
      PyErr_NewExceptionWithDoc("tensorx.OutOfMemoryError", "A device has no memory left.", bases, nullptr);
  Py_DECREF(bases);
  return out_of_device_memory && PyModule_AddObjectRef(module, "OutOfMemoryError", out_of_device_memory) == 0;
}

void set_error_from_exception() {
  try {
    throw;
  } catch (const Error& e) {
    PyObject* type = PyExc_RuntimeError;
    switch (e.kind) {
      case ErrorKind::Runtime: break;
      case ErrorKind::Type: type = PyExc_TypeError; break;
      case ErrorKind::Value: type = PyExc_ValueError; break;
      case ErrorKind::Index: type = PyExc_IndexError; break;
      case ErrorKind::NotImplemented: type = PyExc_NotImplementedError; break;
      case ErrorKind::Memory: type = PyExc_MemoryError; break;
      case ErrorKind::DeviceMemory: type = out_of_device_memory; break;
      case ErrorKind::Overflow: type = PyExc_OverflowError; break;
    }
    PyErr_SetString(type, e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
}

}  // namespace tx::python
