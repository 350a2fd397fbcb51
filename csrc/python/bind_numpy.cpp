// Tensors over the memory of NumPy arrays and other buffers, and buffers over the memory of tensors. Each side keeps
// the other's memory alive: a borrowed storage holds the Py_buffer, an exported buffer holds the storage.
#include <bit>
#include <cstring>

#include "../functions/copy.h"
#include "bind.h"
#include "foreign.h"

namespace tx::python {

static_assert(std::endian::native == std::endian::little, "buffer formats are read as little-endian");

BufferFormat parse_format(const Py_buffer& view, DType* to) {
  const char* format = view.format ? view.format : "B";
  bool swapped = false;
  if (*format == '>' || *format == '!') swapped = view.itemsize > 1;
  if (*format && std::string_view("@=<>!").find(*format) != std::string_view::npos) format++;
  const bool complex = format[0] == 'Z';
  if (complex) format++;
  if (!format[0] || format[1]) return BufferFormat::Unsupported;
  if (complex) {
    if (format[0] != 'f' && format[0] != 'd') return BufferFormat::Unsupported;
    *to = format[0] == 'f' ? DType::Complex64 : DType::Complex128;
  } else switch (format[0]) {
      case '?': *to = DType::Bool; break;
      case 'B':
      case 'H':
      case 'I':
      case 'L':
      case 'Q':
        *to = view.itemsize == 1   ? DType::UInt8
              : view.itemsize == 2 ? DType::UInt16
              : view.itemsize == 4 ? DType::UInt32
                                   : DType::UInt64;
        break;
      case 'b':
      case 'h':
      case 'i':
      case 'l':
      case 'q':
        *to = view.itemsize == 1   ? DType::Int8
              : view.itemsize == 2 ? DType::Int16
              : view.itemsize == 4 ? DType::Int32
                                   : DType::Int64;
        break;
      case 'e': *to = DType::Float16; break;
      case 'f': *to = DType::Float32; break;
      case 'd': *to = DType::Float64; break;
      default: return BufferFormat::Unsupported;
    }
  if (view.itemsize != itemsize(*to)) return BufferFormat::Unsupported;
  return swapped ? BufferFormat::Swapped : BufferFormat::Known;
}

namespace {

// The storage may be let go by a thread that does not hold the GIL.
void release_buffer(Storage* s) {
  if (!Py_IsInitialized()) return;
  PyGILState_STATE state = PyGILState_Ensure();
  Py_buffer* view = static_cast<Py_buffer*>(s->owner);
  PyBuffer_Release(view);
  delete view;
  PyGILState_Release(state);
}

void warn_not_writable(const char* what) {
  int stopped = PyErr_WarnFormat(
      PyExc_UserWarning, 2,
      "The given %s is not writable, and tensorx does not support non-writable tensors: its data is copied, and "
      "changes of the tensor will not be seen in it. Make it writable, or copy it, to silence this warning.",
      what);
  if (stopped) throw PythonError{};
}

// "numpy.float64" for an array of that dtype; else the name of the type.
std::string element_type_name(PyObject* o) {
  PyObject* dtype = PyObject_GetAttrString(o, "dtype");
  PyObject* type = dtype ? PyObject_GetAttrString(dtype, "type") : nullptr;
  PyObject* name = type ? PyObject_GetAttrString(type, "__name__") : nullptr;
  std::string text =
      name && PyUnicode_Check(name) ? std::string("numpy.") + PyUnicode_AsUTF8(name) : Py_TYPE(o)->tp_name;
  Py_XDECREF(name);
  Py_XDECREF(type);
  Py_XDECREF(dtype);
  PyErr_Clear();
  return text;
}

[[noreturn]] void unsupported_elements(PyObject* o) {
  fail(ErrorKind::Type, "can't convert np.ndarray of type ", element_type_name(o),
       ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
       "uint64, uint32, uint16, uint8, and bool.");
}

// Shape and strides of a buffer as an Array without storage; checks what a tensor cannot have.
Array layout_of(PyObject* o, const Py_buffer& view) {
  Array a;
  switch (parse_format(view, &a.dtype)) {
    case BufferFormat::Known: break;
    case BufferFormat::Unsupported: unsupported_elements(o);
    case BufferFormat::Swapped:
      fail(ErrorKind::Value,
           "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
           "currently not supported: use array.astype(array.dtype.newbyteorder('='))");
  }
  bool empty = false;
  for (int d = 0; d < view.ndim; d++) {
    a.shape.push_back(view.shape[d]);
    empty = empty || view.shape[d] == 0;
  }
  a.strides = contiguous_strides(a.shape);
  if (empty) return a;
  for (int d = 0; d < view.ndim; d++) {
    if (view.shape[d] == 1) continue;                          // its stride says nothing, and may be anything
    if (view.strides[d] < 0)
      fail(ErrorKind::Value,
           "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
           "currently "
           "supported. (You can probably work around this by making a copy of your array with array.copy().)");
    if (view.strides[d] % view.itemsize)
      fail(ErrorKind::Value,
           "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate the "
           "memory.");
    a.strides[d] = view.strides[d] / view.itemsize;
  }
  if (reinterpret_cast<uintptr_t>(view.buf) % alignment(a.dtype))
    fail(ErrorKind::Value,
         "given numpy array is not aligned to its element size. Copy the numpy array to reallocate the memory.");
  return a;
}

int64_t span_bytes(const Array& a) {
  int64_t last = 0;
  for (int d = 0; d < a.ndim(); d++) {
    if (a.shape[d] == 0) return 0;
    last += (a.shape[d] - 1) * a.strides[d];
  }
  return (last + 1) * a.itemsize();
}

// An array (or NumPy scalar) of any layout: over its memory, or with `copy` over fresh memory.
Array from_array(PyObject* o, bool copy) {
  Buffer buffer;
  if (!buffer.get(o, PyBUF_FULL_RO)) {                         // NumPy refuses to export datetimes
    PyErr_Clear();
    unsupported_elements(o);
  }
  const Py_buffer& view = buffer.view;
  Array a = layout_of(o, view);
  bool writable = !view.readonly;
  if (!writable && !copy) warn_not_writable("NumPy array");
  char* data = static_cast<char*>(view.buf);
  int64_t nbytes = span_bytes(a);
  if (!copy && writable && nbytes) {
    Py_buffer* owner = buffer.take();
    a.storage = StoragePtr::adopt(data, size_t(nbytes), {}, owner, release_buffer);
    return a;
  }
  a.storage = StoragePtr::adopt(data, size_t(nbytes), {}, nullptr, [](Storage*) {});  // for the time of the copy
  Array out = empty(a.shape, a.dtype);
  copy_into(out, a);
  return out;
}

Array from_numpy(PyObject* o) {
  PyObject* name = PyUnicode_FromString("numpy");
  PyObject* numpy =
      name ? PyImport_GetModule(name) : nullptr;  // null while nobody has imported it: then `o` is no ndarray
  Py_XDECREF(name);
  PyObject* ndarray = numpy ? PyObject_GetAttrString(numpy, "ndarray") : nullptr;
  int is_array = ndarray ? PyObject_IsInstance(o, ndarray) : 0;
  Py_XDECREF(ndarray);
  Py_XDECREF(numpy);
  if (is_array < 0) throw PythonError{};
  if (!is_array) fail(ErrorKind::Type, "expected np.ndarray (got ", Py_TYPE(o)->tp_name, ")");
  return from_array(o, false);
}

Array from_buffer(PyObject* o, DType dtype, int64_t count, int64_t offset) {
  Buffer buffer;
  if (!PyObject_CheckBuffer(o)) fail(ErrorKind::Value, "object does not implement Python buffer protocol.");
  if (!buffer.get(o, PyBUF_SIMPLE)) throw PythonError{};
  int64_t length = buffer.view.len, item = itemsize(dtype);
  if (length <= 0 || count == 0)
    fail(ErrorKind::Value, "both buffer length (", length, ") and count (", count, ") must not be 0");
  if (offset < 0 || offset >= length)
    fail(ErrorKind::Value, "offset (", offset, " bytes) must be non-negative and no greater than buffer length (",
         length, " bytes) minus 1");
  if (count < 0) {
    if ((length - offset) % item)
      fail(ErrorKind::Value, "buffer length (", length, " bytes) after offset (", offset,
           " bytes) must be a multiple of element size (", item, ")");
    count = (length - offset) / item;
  }
  if (count > (length - offset) / item)
    fail(ErrorKind::Value, "requested buffer length (", count, " * ", item, " bytes) after offset (", offset,
         " bytes) must not be greater than actual buffer length (", length, " bytes)");
  char* data = static_cast<char*>(buffer.view.buf) + offset;
  if (buffer.view.readonly || reinterpret_cast<uintptr_t>(data) % alignment(dtype)) {
    if (buffer.view.readonly) warn_not_writable("buffer");
    Array out = empty({count}, dtype);
    std::memcpy(out.data(), data, size_t(count * item));
    return out;
  }
  Array out;
  out.dtype = dtype;
  out.shape = {count};
  out.strides = {1};
  Py_buffer* owner = buffer.take();
  out.storage = StoragePtr::adopt(data, size_t(count * item), {}, owner, release_buffer);
  return out;
}

// ---- A tensor's memory as a buffer

struct ArrayBuffer {
  PyObject_HEAD
  Array array;
  Py_ssize_t nbytes;  // from the first element to the last
  Py_ssize_t shape[kMaxDims], strides[kMaxDims];
};

PyTypeObject ArrayBufferType = {PyVarObject_HEAD_INIT(nullptr, 0)};

const char* buffer_format(DType t) {
  switch (t) {
    case DType::Bool: return "?";
    case DType::UInt8: return "B";
    case DType::Int8: return "b";
    case DType::Int16: return "h";
    case DType::Int32: return "i";
    case DType::Int64: return sizeof(long) == 8 ? "l" : "q";  // the one that NumPy calls int64
    case DType::Float16: return "e";
    case DType::Float32: return "f";
    case DType::Float64: return "d";
    case DType::UInt16: return "H";
    case DType::UInt32: return "I";
    case DType::UInt64: return sizeof(long) == 8 ? "L" : "Q";
    case DType::Complex64: return "Zf";
    case DType::Complex128: return "Zd";
    case DType::BFloat16: break;
  }
  return nullptr;
}

// Asked for shape and strides it gives the tensor; asked for plain bytes, all between its first and last element.
int get_buffer(PyObject* o, Py_buffer* view, int flags) {
  ArrayBuffer* b = reinterpret_cast<ArrayBuffer*>(o);
  bool plain = (flags & PyBUF_STRIDES) != PyBUF_STRIDES;
  view->obj = Py_NewRef(o);
  view->buf = b->array.data();
  view->readonly = 0;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  view->itemsize = plain ? 1 : b->array.itemsize();
  view->len = plain ? b->nbytes : b->array.numel() * b->array.itemsize();
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(plain ? "B" : buffer_format(b->array.dtype)) : nullptr;
  view->ndim = plain ? 1 : b->array.ndim();
  view->shape = plain ? (flags & PyBUF_ND ? &b->nbytes : nullptr) : b->shape;
  view->strides = plain ? nullptr : b->strides;
  return 0;
}

PyObject* array_buffer(PyObject*, PyObject* o) {
  if (!is_tensor(o)) return PyErr_Format(PyExc_TypeError, "expected a Tensor, not %s", Py_TYPE(o)->tp_name);
  const Array& a = as_tensor(o)->array;
  if (a.device().type != DeviceType::CPU)
    return PyErr_Format(
        PyExc_TypeError,
        "can't convert a cuda tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
  if (!buffer_format(a.dtype))
    return PyErr_Format(PyExc_TypeError,
                        "Got unsupported ScalarType BFloat16: NumPy has no such type, use Tensor.float()");
  ArrayBuffer* b = PyObject_New(ArrayBuffer, &ArrayBufferType);
  if (!b) return nullptr;
  new (&b->array) Array(a);
  b->nbytes = Py_ssize_t(span_bytes(a));
  for (int d = 0; d < a.ndim(); d++) {
    b->shape[d] = Py_ssize_t(a.shape[d]);
    b->strides[d] = Py_ssize_t(a.strides[d] * a.itemsize());
  }
  return reinterpret_cast<PyObject*>(b);
}

void array_buffer_dealloc(PyObject* o) {
  reinterpret_cast<ArrayBuffer*>(o)->array.~Array();
  PyObject_Free(o);
}

PyBufferProcs buffer_procs = {get_buffer, nullptr};

PyMethodDef functions[] = {
    {"array_buffer", array_buffer, METH_O, "An object that exports a tensor's memory through the buffer protocol."},
    {}};

}  // namespace

PyObject* tensor_from_array(PyObject* o) {
  try {
    return wrap(from_array(o, true));
  } catch (PythonError) {
    return nullptr;
  } catch (...) {
    set_error_from_exception();
    return nullptr;
  }
}

void bind_numpy(PyObject* m) {
  bind<&from_numpy>(m, "from_numpy");
  bind<&from_array>(m, "from_array");
  bind<&from_buffer>(m, "from_buffer");
  ArrayBufferType.tp_name = "tensorx._C.ArrayBuffer";
  ArrayBufferType.tp_basicsize = sizeof(ArrayBuffer);
  ArrayBufferType.tp_flags = Py_TPFLAGS_DEFAULT;
  ArrayBufferType.tp_dealloc = array_buffer_dealloc;
  ArrayBufferType.tp_as_buffer = &buffer_procs;
  if (PyType_Ready(&ArrayBufferType) < 0 || PyModule_AddFunctions(m, functions) < 0) throw PythonError{};
}

}  // namespace tx::python
