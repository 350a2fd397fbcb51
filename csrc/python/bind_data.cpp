// Tensors from Python data: numbers and nested sequences.
#include "bind.h"

namespace tx::python {

namespace {

// Walks nested lists and tuples twice: first the shape and the type, then the values.
struct Reader {
  Dims shape;
  ResultType type;

  void measure(PyObject* data, int depth) {
    bool sequence = PyList_Check(data) || PyTuple_Check(data);
    bool known = depth < shape.size();
    if (sequence) {
      int64_t n = PySequence_Fast_GET_SIZE(data);
      if (!known && depth_fixed_ && depth >= shape.size()) mismatch(depth, "a sequence", "a number");
      if (known && shape[depth] != n)
        fail(ErrorKind::Value, "expected sequence of length ", shape[depth], " at dim ", depth, " (got ", n, ")");
      if (!known) shape.push_back(n);
      for (int64_t i = 0; i < n; i++) measure(PySequence_Fast_GET_ITEM(data, i), depth + 1);
      if (n == 0) depth_fixed_ = true;
      return;
    }
    if (depth < shape.size()) mismatch(depth, "a number", "a sequence");
    depth_fixed_ = true;
    Scalar s;
    if (is_tensor(data)) {
      const Array& a = as_tensor(data)->array;
      if (a.numel() != 1) fail(ErrorKind::Value, "only one element tensors can be converted to Python scalars; use stack() for tensors of shape ", a.shape);
      type.add(Array(a));
    } else if (scalar_from(data, &s)) {
      type.add(s);
    } else {
      fail(ErrorKind::Type, "new(): invalid data type '", Py_TYPE(data)->tp_name, "': expected numbers, or nested lists of them");
    }
  }

  void fill(PyObject* data, DType dtype, char*& to) {
    if (PyList_Check(data) || PyTuple_Check(data)) {
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(data); i++) fill(PySequence_Fast_GET_ITEM(data, i), dtype, to);
      return;
    }
    Scalar s;
    PyObject* number = is_tensor(data) ? PyObject_CallMethod(data, "item", nullptr) : Py_NewRef(data);
    bool ok = number && scalar_from(number, &s);
    Py_XDECREF(number);
    if (!ok) throw PythonError{};
    s.store(to, dtype);
    to += itemsize(dtype);
  }

 private:
  bool depth_fixed_ = false;

  [[noreturn]] static void mismatch(int depth, const char* got, const char* expected) {
    fail(ErrorKind::Type, "not a regular nested sequence: found ", got, " at depth ", depth, " where the others have ", expected);
  }
};

Array from_data(PyObject* data, std::optional<DType> dtype) {
  Reader reader;
  reader.measure(data, 0);
  DType t = dtype ? *dtype : checked_numel(reader.shape, DType::Bool) ? reader.type.get() : default_dtype();
  Array out = empty(reader.shape, t);
  char* to = out.data();
  reader.fill(data, t, to);
  return out;
}

}  // namespace

template <> struct Arg<PyObject*> { static PyObject* get(PyObject* o, int) { return o; } };

void bind_data(PyObject* m) { bind<&from_data>(m, "from_data"); }

}  // namespace tx::python
