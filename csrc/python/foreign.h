// Memory shared with other Python objects: through the buffer protocol (NumPy arrays and scalars, bytes, array.array)
// and DLPack. NumPy itself is neither included nor imported.
#pragma once
#include "forward.h"

namespace tx::python {

// How a buffer's elements are typed, from its format ("<f", "?", ...).
enum class BufferFormat { Known, Unsupported, Swapped };
BufferFormat parse_format(const Py_buffer& view, DType* to);

// A Tensor with a copy of an array's values; null with an error set.
PyObject* tensor_from_array(PyObject* o);

// A buffer that is released when this goes out of scope, unless taken.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() {
    if (held_) PyBuffer_Release(&view);
  }
  Buffer(const Buffer&) = delete;
  bool get(PyObject* o, int flags) { return held_ = PyObject_GetBuffer(o, &view, flags) == 0; }
  Py_buffer* take() {
    held_ = false;
    return new Py_buffer(view);
  }

  Py_buffer view;

 private:
  bool held_ = false;
};

}  // namespace tx::python
