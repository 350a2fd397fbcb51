// x[...] and x[...] = v.
#pragma once
#include "forward.h"

namespace tx::python {

PyObject* get_item(PyObject* x, PyObject* index);
int set_item(PyObject* x, PyObject* index, PyObject* value);

// The view x[index] for an index of ints, slices, None and Ellipsis. Throws Error, PythonError.
Array basic_view(const Array& x, PyObject* index);
Forward basic_view_forward();

}  // namespace tx::python
