// x[...] and x[...] = v.
#pragma once
#include "../functions/index.h"
#include "forward.h"

namespace tx::python {

PyObject* get_item(PyObject* x, PyObject* index);
int set_item(PyObject* x, PyObject* index, PyObject* value);

// The view x[index] for an index of ints, slices, None and Ellipsis. Throws Error, PythonError.
Array basic_view(const Array& x, PyObject* index);
Forward basic_view_forward();

// An index with every list, array, bool and 0-dim integer tensor among its parts replaced by a Tensor or an int: what gradients
// may keep. New reference; null with an error set.
PyObject* canonical_index(PyObject* index);

// A canonical index of x. Throws Error, PythonError.
AdvancedIndex advanced_index(const Array& x, PyObject* index);
Forward index_get_forward();  // (x, index)
Forward index_set_forward();  // (x, index, value, accumulate)

}  // namespace tx::python
