// Tensors from Python data: numbers and nested sequences, with NumPy scalars, arrays and one-element tensors in them.
//
// Reading can run Python code (an element's __float__, a sequence's __getitem__) which may change the data meanwhile.
// So every item is held while it is read, and the second pass writes no more than the first one counted.
#include <cstring>

#include "../cuda_library.h"
#include "../functions/creation.h"
#include "../functions/view.h"
#include "bind.h"
#include "foreign.h"

namespace tx::python {

namespace {

class Held {                                   // an owned reference
 public:
  explicit Held(PyObject* o) : object(o) {
    if (!o) throw PythonError{};
  }
  ~Held() { Py_DECREF(object); }
  Held(const Held&) = delete;
  PyObject* const object;
};

bool is_list(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }

// Anything that is read item by item: not numbers, text, dicts, tensors or 0-dim arrays.
bool is_sequence(PyObject* o) {
  if (is_list(o)) return true;
  if (PyFloat_Check(o) || PyLong_Check(o) || is_tensor(o) || PyUnicode_Check(o) || PyBytes_Check(o) ||
      !PySequence_Check(o))
    return false;
  if (PySequence_Size(o) >= 0) return true;
  PyErr_Clear();
  return false;
}

int64_t length_of(PyObject* o) {
  if (is_list(o)) return PySequence_Fast_GET_SIZE(o);
  Py_ssize_t n = PySequence_Size(o);
  if (n < 0) throw PythonError{};
  return n;
}

PyObject* item_of(PyObject* o, int64_t i) {
  if (PyList_CheckExact(o)) {
    if (i < PyList_GET_SIZE(o)) return Py_NewRef(PyList_GET_ITEM(o, i));
    fail(ErrorKind::Runtime, "tensor(): the list changed while it was read");
  }
  return PySequence_GetItem(o, i);
}

Scalar number_from(PyObject* o) {
  Scalar s;
  try {
    if (scalar_from(o, &s)) return s;
  } catch (PythonError) {
    if (!PyErr_ExceptionMatches(PyExc_OverflowError)) throw;
    PyErr_Clear();
    fail(ErrorKind::Value, "Overflow when unpacking long long: tensorx integers have 64 bits");
  }
  if (PyUnicode_Check(o) || PyBytes_Check(o))
    fail(ErrorKind::Type, "new(): invalid data type '", Py_TYPE(o)->tp_name,
         "': expected numbers, or nested lists of them");
  fail(ErrorKind::Runtime, "Could not infer dtype of ", Py_TYPE(o)->tp_name);
}

// The dtype that one element asks for. NumPy scalars have one of their own.
DType element_dtype(PyObject* o) {
  if (is_tensor(o)) {
    const Array& a = as_tensor(o)->array;
    if (a.numel() != 1)
      fail(ErrorKind::Value, "only one element tensors can be converted to Python scalars: this one has shape ",
           a.shape, "; join tensors with stack()");
    return a.dtype;
  }
  if (!PyFloat_CheckExact(o) && !PyLong_Check(o) && PyObject_CheckBuffer(o)) {
    Buffer buffer;
    DType t;
    if (buffer.get(o, PyBUF_FULL_RO)) {
      if (buffer.view.ndim == 0 && parse_format(buffer.view, &t) == BufferFormat::Known) return t;
    } else {
      PyErr_Clear();
    }
  }
  return number_from(o).dtype();
}

void store_element(const Scalar& s, DType t, char* to) {
  check_fits(s, t);
  s.store(to, t);
}

// Reads nested sequences twice: first the shape and the type, then the values.
struct Reader {
  Dims shape;
  int type = -1;                               // promoted so far; -1: no element yet

  void measure(PyObject* data, int depth) {
    bool sequence = is_sequence(data);
    if (depth < shape.size() ? !sequence : sequence && complete_) mismatch(depth, sequence);
    if (!sequence) {
      if (!complete_)
        checked_numel(shape, DType::UInt8);  // lists that contain one another can stand for any number of elements
      complete_ = true;
      DType t = element_dtype(data);
      if (type != int(t)) type = type < 0 ? int(t) : int(promote_types(DType(type), t));
      return;
    }
    if (PyErr_CheckSignals()) throw PythonError{};
    int64_t n = length_of(data);
    if (depth < shape.size()) {
      if (shape[depth] != n)
        fail(ErrorKind::Value, "expected sequence of length ", shape[depth], " at dim ", depth, " (got ", n, ")");
    } else {
      if (depth == kMaxDims)
        fail(ErrorKind::Value, "too many dimensions '", Py_TYPE(data)->tp_name, "': at most ", kMaxDims);
      shape.push_back(n);
    }
    for (int64_t i = 0; i < n; i++) measure(Held(item_of(data, i)).object, depth + 1);
    if (n == 0) complete_ = true;
  }

  void fill(PyObject* data, int depth, DType t, char*& to) const {
    if (depth == shape.size()) {
      if (is_tensor(data)) {
        Held number(PyObject_CallMethod(data, "item", nullptr));
        store_element(number_from(number.object), t, to);
      } else if (t == DType::Float32 && PyFloat_CheckExact(data)) {
        *reinterpret_cast<float*>(to) = float(PyFloat_AS_DOUBLE(data));
      } else {
        store_element(number_from(data), t, to);
      }
      to += itemsize(t);
      return;
    }
    if (!is_sequence(data) || length_of(data) != shape[depth])
      fail(ErrorKind::Runtime, "tensor(): the data changed while it was read");
    for (int64_t i = 0; i < shape[depth]; i++) fill(Held(item_of(data, i)).object, depth + 1, t, to);
  }

 private:
  bool complete_ = false;  // an element (or an empty sequence) was met: the number of dimensions is known

  [[noreturn]] void mismatch(int depth, bool sequence) const {
    if (sequence)
      fail(ErrorKind::Type, "not a regular nested sequence: found a sequence at dim ", depth,
           " where the others have a number");
    fail(ErrorKind::Type, "not a sequence: found a number at dim ", depth,
         " where the others have a sequence of length ", shape[depth]);
  }
};

}  // namespace

Array from_data(PyObject* data, std::optional<DType> dtype) {
  Reader reader;
  reader.measure(data, 0);
  DType t = dtype ? *dtype : reader.type < 0 ? default_dtype() : DType(reader.type);
  Array out = empty(reader.shape, t);
  char* to = out.data();
  reader.fill(data, 0, t, to);
  return out;
}

namespace {

// ---- Storages, for copying and pickling

// All bytes of an array's storage.
Array storage_bytes(const Array& x) {
  Array bytes;
  bytes.storage = x.storage;
  bytes.dtype = DType::UInt8;
  bytes.shape = {int64_t(x.storage->nbytes)};
  bytes.strides = {1};
  return bytes;
}

// An array over the storage whose bytes storage_bytes() gave; checked to lie within it.
Array over_storage(const Array& bytes, DType dtype, const Dims& shape, const Dims& strides, int64_t offset) {
  Array whole = bytes;
  whole.dtype = dtype;
  whole.offset = 0;
  return as_strided(whole, shape, strides, offset);
}

// Every element of the memory from the first to the last once: no gaps and no repetition.
bool dense(const Array& x) {
  int64_t last = 0;
  for (int d = 0; d < x.ndim(); d++) {
    if (x.shape[d] == 0) return true;
    if (x.shape[d] > 1 && x.strides[d] == 0) return false;
    last += (x.shape[d] - 1) * x.strides[d];
  }
  return last + 1 == x.numel();
}

// Fills a dense array's memory with the bytes of a buffer.
void write_bytes(const Array& x, PyObject* source) {
  Buffer buffer;
  if (!buffer.get(source, PyBUF_SIMPLE)) throw PythonError{};
  if (!dense(x))
    fail(ErrorKind::Value, "the data of a tensor must be dense, but shape ", x.shape, " with strides ", x.strides,
         " is not");
  int64_t nbytes = x.numel() * x.itemsize();
  if (buffer.view.len != nbytes || int64_t(x.storage->nbytes) < nbytes)
    fail(ErrorKind::Value, "a tensor of shape ", x.shape, " and dtype ", dtype_name(x.dtype), " has ", nbytes,
         " bytes, but the data has ", buffer.view.len);
  if (nbytes && x.device().type == DeviceType::CUDA)
    cuda_library().copy(x.data(), x.device(), buffer.view.buf, {}, size_t(nbytes), true);
  else if (nbytes) std::memcpy(x.data(), buffer.view.buf, size_t(nbytes));
}

}  // namespace

void bind_data(PyObject* m) {
  bind<&from_data>(m, "from_data");
  bind<&storage_bytes>(m, "storage_bytes");
  bind<&over_storage>(m, "over_storage");
  bind<&write_bytes>(m, "write_bytes");
}

}  // namespace tx::python
