// forward<F>: makes a C++ function on Arrays callable with Python objects, each argument through Arg<T>.
// No dispatch and no autograd: Op (op.h) is what users call, and it calls this.
#pragma once
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "../promotion.h"
#include "objects.h"
#include "tensor.h"

namespace tx::python {

// What an argument should have been; the caller knows which op and parameter it was.
struct BadArgument {
  int index;
  std::string expected;
};

// Elements handled by one call above which other Python threads may run meanwhile.
constexpr int64_t kReleaseAbove = 1 << 15;

class ReleaseGil {
 public:
  explicit ReleaseGil(bool wanted) : state_(wanted ? PyEval_SaveThread() : nullptr) {}
  ~ReleaseGil() {
    if (state_) PyEval_RestoreThread(state_);
  }
  ReleaseGil(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

struct PythonError {};                           // a Python exception is already set

template <class T> struct Arg;

template <> struct Arg<const Array&> {
  static const Array& get(PyObject* o, int i) {
    if (!is_tensor(o)) throw BadArgument{i, "Tensor"};
    return as_tensor(o)->array;
  }
};
template <> struct Arg<Array> : Arg<const Array&> {};

bool scalar_from(PyObject* o, Scalar* to);        // Python or NumPy number
int64_t int_from(PyObject* o, int i);             // int, anything with __index__
double double_from(PyObject* o, int i);
Dims dims_from(PyObject* o, int i);               // int, or a sequence of them

template <> struct Arg<Operand> {
  static Operand get(PyObject* o, int i) {
    if (is_tensor(o)) return as_tensor(o)->array;
    Scalar s;
    if (!scalar_from(o, &s)) throw BadArgument{i, "Tensor or number"};
    return s;
  }
};
template <> struct Arg<const Operand&> : Arg<Operand> {};
template <> struct Arg<Scalar> {
  static Scalar get(PyObject* o, int i) {
    Scalar s;
    if (!scalar_from(o, &s)) throw BadArgument{i, "a number"};
    return s;
  }
};
template <> struct Arg<const Scalar&> : Arg<Scalar> {};
template <> struct Arg<int64_t> {
  static int64_t get(PyObject* o, int i) { return int_from(o, i); }
};
template <> struct Arg<int> {
  static int get(PyObject* o, int i) {
    const int64_t v = int_from(o, i);
    if (v != int(v)) throw BadArgument{i, "an int of 32 bits"};
    return int(v);
  }
};
template <> struct Arg<uint64_t> {
  static uint64_t get(PyObject* o, int i) {
    const uint64_t v = PyLong_Check(o) ? PyLong_AsUnsignedLongLong(o) : throw BadArgument{i, "int"};
    if (PyErr_Occurred()) throw PythonError{};
    return v;
  }
};
template <> struct Arg<double> {
  static double get(PyObject* o, int i) { return double_from(o, i); }
};
template <> struct Arg<bool> {
  static bool get(PyObject* o, int i) {
    if (o == Py_True) return true;
    if (o == Py_False) return false;
    int truth = PyNumber_Check(o) && !is_tensor(o) ? PyObject_IsTrue(o) : -1;
    if (truth < 0) {
      PyErr_Clear();
      throw BadArgument{i, "bool"};
    }
    return truth;
  }
};
template <> struct Arg<Dims> {
  static Dims get(PyObject* o, int i) { return dims_from(o, i); }
};
template <> struct Arg<const Dims&> : Arg<Dims> {};
template <class T>
  requires std::is_arithmetic_v<T>
struct Arg<std::vector<T>> {
  static std::vector<T> get(PyObject* o, int i) {
    if (!PyTuple_Check(o) && !PyList_Check(o))
      throw BadArgument{i, std::is_integral_v<T> ? "tuple or list of ints" : "tuple or list of numbers"};
    std::vector<T> out;
    for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(o); k++)
      out.push_back(Arg<T>::get(PySequence_Fast_GET_ITEM(o, k), i));
    return out;
  }
};
template <> struct Arg<DType> {
  static DType get(PyObject* o, int i) {
    if (is_dtype(o)) return dtype_from(o);
    if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Float64;      // dtype=float, int, bool
    if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
    if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
    if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return DType::Complex128;
    throw BadArgument{i, "tensorx.dtype"};
  }
};
template <> struct Arg<PyObject*> {
  static PyObject* get(PyObject* o, int) { return o; }
};
template <> struct Arg<void*> {  // a handle: of Python's, a number
  static void* get(PyObject* o, int i) {
    void* handle = PyLong_Check(o) ? PyLong_AsVoidPtr(o) : throw BadArgument{i, "int"};
    if (PyErr_Occurred()) throw PythonError{};
    return handle;
  }
};
template <> struct Arg<Device> {
  static Device get(PyObject* o, int) {
    Device d;
    if (!parse_device(o, &d)) throw PythonError{};
    return d;
  }
};
template <> struct Arg<std::string_view> {
  static std::string_view get(PyObject* o, int i) {
    Py_ssize_t n;
    const char* text = PyUnicode_Check(o) ? PyUnicode_AsUTF8AndSize(o, &n) : nullptr;
    if (!text) {
      PyErr_Clear();
      throw BadArgument{i, "str"};
    }
    return {text, size_t(n)};
  }
};
template <class T> struct Arg<std::optional<T>> {
  static std::optional<T> get(PyObject* o, int i) {
    if (o == Py_None) return std::nullopt;
    return Arg<T>::get(o, i);
  }
};
template <class T> struct Arg<const std::optional<T>&> : Arg<std::optional<T>> {};
template <> struct Arg<std::vector<Array>> {
  static std::vector<Array> get(PyObject* o, int i) {
    if (!PyTuple_Check(o) && !PyList_Check(o)) throw BadArgument{i, "tuple or list of Tensors"};
    std::vector<Array> out;
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    out.reserve(size_t(n));
    for (Py_ssize_t k = 0; k < n; k++) {
      PyObject* item = PySequence_Fast_GET_ITEM(o, k);
      if (!is_tensor(item))
        throw BadArgument{
            i, "tuple or list of Tensors, but its element " + std::to_string(k) + " is " + Py_TYPE(item)->tp_name};
      out.push_back(as_tensor(item)->array);
    }
    return out;
  }
};
template <class T> struct Arg<const std::vector<T>&> : Arg<std::vector<T>> {};

// Results. A PyObject* is a new reference, or null with an error set.
inline PyObject* to_python(PyObject* o) { return o; }
inline PyObject* to_python(Array a) { return wrap(std::move(a)); }
inline PyObject* to_python(bool v) { return PyBool_FromLong(v); }
inline PyObject* to_python(int64_t v) { return PyLong_FromLongLong(v); }
inline PyObject* to_python(int v) { return PyLong_FromLong(v); }
inline PyObject* to_python(uint64_t v) { return PyLong_FromUnsignedLongLong(v); }
inline PyObject* to_python(double v) { return PyFloat_FromDouble(v); }
inline PyObject* to_python(void* handle) { return PyLong_FromVoidPtr(handle); }
inline PyObject* to_python(const char* text) { return PyUnicode_FromString(text); }
inline PyObject* to_python(Device d) { return device_object(d); }
inline PyObject* to_python(DType t) { return Py_NewRef(dtype_object(t)); }
inline PyObject* to_python(const Dims& d) { return size_tuple(d); }
inline PyObject* to_python(const std::string& s) { return PyUnicode_FromStringAndSize(s.data(), Py_ssize_t(s.size())); }
template <class T> PyObject* to_python(std::optional<T> v) { return v ? to_python(std::move(*v)) : Py_NewRef(Py_None); }
template <class... T> PyObject* to_python(std::tuple<T...> values);
template <class T> PyObject* to_python(std::vector<T> values) {
  PyObject* out = PyTuple_New(Py_ssize_t(values.size()));
  for (size_t i = 0; out && i < values.size(); i++) {
    PyObject* item = to_python(std::move(values[i]));
    if (!item) Py_CLEAR(out);
    else PyTuple_SET_ITEM(out, Py_ssize_t(i), item);
  }
  return out;
}
template <class... T> PyObject* to_python(std::tuple<T...> values) {
  return std::apply(
      [](auto&&... v) -> PyObject* {
        PyObject* items[] = {to_python(std::move(v))...};
        PyObject* out = PyTuple_New(sizeof...(T));
        bool ok = out;
        for (PyObject* item : items) ok = ok && item;
        for (size_t i = 0; i < sizeof...(T); i++) {
          if (ok) PyTuple_SET_ITEM(out, Py_ssize_t(i), items[i]);
          else Py_XDECREF(items[i]);
        }
        if (!ok) Py_CLEAR(out);
        return out;
      },
      std::move(values));
}
template <class A, class B> PyObject* to_python(std::pair<A, B> v) {
  return to_python(std::tuple<A, B>(std::move(v.first), std::move(v.second)));
}

// Named results.
struct Item {
  const char* name;
  PyObject* value;  // as of to_python
};
PyObject* dict_of(std::initializer_list<Item> items);

// A C++ function as Python can call it. `call` gets exactly `count` arguments; `out` may be null.
struct Forward {
  const char* name;
  int count;
  bool takes_out;
  PyObject* (*call)(PyObject* const* args, Array* out);
  bool draws = false;  // random numbers from a generator
};

// vmap. `batched_class` (func/batched.py) is null until vmap is first used. Its instances stand for a tensor per example
// and are no Tensors: a call that is given one, or that draws random numbers, is handed to Python, which makes of it calls
// on Tensors. Python gives NotImplemented for a call that is to go on as it is.
extern PyTypeObject* batched_class;
inline bool is_batched(PyObject* o) { return Py_TYPE(o) == batched_class; }
bool has_batched(PyObject* const* args, int count);
PyObject* call_batched(PyObject* callable, PyObject* const* args, int count, PyObject* out);

inline bool concerns_vmap(const Forward* forward, PyObject* const* args, int count) {
  return batched_class && ((forward && forward->draws) || has_batched(args, count));
}

inline int64_t work_of(const Array& a) { return a.storage ? a.numel() : 0; }
inline int64_t work_of(const Operand& o) { return o.array ? o.array->numel() : 0; }
template <class T> int64_t work_of(const T&) { return 0; }
template <class T> int64_t work_of(const std::optional<T>& v) { return v ? work_of(*v) : 0; }
inline int64_t work_of(const std::vector<Array>& v) {
  int64_t n = 0;
  for (const Array& a : v) n += a.numel();
  return n;
}

// An argument that stays as it is while other threads run, whatever they do to the Tensor (`x.data = ...`).
template <class T>
struct Owned {
  T value;
  explicit Owned(const T& v) : value(v) {}
};
template <>
struct Owned<Operand> {
  Array array;
  Operand value;
  explicit Owned(const Operand& v) : array(v.array ? *v.array : Array()), value(v) {
    if (v.array) value.array = &array;
  }
  Owned(const Owned&) = delete;
};

template <auto F> struct Binding;

template <class R, class... A, R (*F)(A...)>
struct Binding<F> {
  static constexpr bool takes_out = (std::is_same_v<A, Array*> || ...);
  static constexpr int count = int(sizeof...(A)) - takes_out;

  static PyObject* call(PyObject* const* args, Array* out) { return run(args, out, std::make_index_sequence<count>{}); }

 private:
  using Types = std::tuple<A...>;

  template <size_t... I>
  static PyObject* run(PyObject* const* args, Array* out, std::index_sequence<I...>) {
    // Braces: the arguments are converted from left to right, so the first wrong one is the one reported.
    std::tuple<decltype(Arg<std::tuple_element_t<I, Types>>::get(nullptr, 0))...> values{
        Arg<std::tuple_element_t<I, Types>>::get(args[I], int(I))...};
    int64_t work = (int64_t(0) + ... + work_of(std::get<I>(values)));
    auto invoke = [&]() -> R {
      if (work <= kReleaseAbove) {
        if constexpr (takes_out) return F(std::get<I>(values)..., out);
        else return F(std::get<I>(values)...);
      }
      std::tuple<Owned<std::decay_t<std::tuple_element_t<I, decltype(values)>>>...> own{std::get<I>(values)...};
      if constexpr (takes_out) {
        Array target = out ? *out : Array();
        const Storage* given = target.storage.get();
        R result = [&] {
          ReleaseGil release(true);
          return F(std::get<I>(own).value..., out ? &target : nullptr);
        }();
        if (out && target.storage.get() != given) *out = std::move(target);  // resized
        return result;
      } else {
        ReleaseGil release(true);
        return F(std::get<I>(own).value...);
      }
    };
    if constexpr (std::is_void_v<R>) {
      invoke();
      return Py_NewRef(Py_None);
    } else {
      return to_python(invoke());
    }
  }
};

// Adds _C.<name>: callable with exactly the C++ function's arguments, and the `forward` of an Op.
bool add_forward(PyObject* module, const char* name, Forward forward);

template <auto F>
void bind(PyObject* module, const char* name, bool draws = false) {
  if (!add_forward(module, name, {name, Binding<F>::count, Binding<F>::takes_out, &Binding<F>::call, draws}))
    throw PythonError{};
}

bool is_forward(PyObject* o);
const Forward& forward_of(PyObject* o);
bool init_forward_type(PyObject* module);

}  // namespace tx::python
