// Small Python values: dtype, device, Size, and the translation of errors.
#pragma once
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../array.h"

namespace tx::python {

PyObject* dtype_object(DType t);               // borrowed: one object per dtype
bool is_dtype(PyObject* o);
DType dtype_from(PyObject* o);                 // requires is_dtype

PyObject* device_object(Device d);             // new reference
// From a device object, "cpu", "cuda", "cuda:1" or the number of a CUDA device; false with an error set. "cuda" alone is the
// current device, or for device_as_given, number -1.
bool parse_device(PyObject* o, Device* to);
bool device_as_given(PyObject* o, Device* to);

bool init_objects(PyObject* module);

// Sets the Python error for the C++ exception in flight; call inside catch (...).
void set_error_from_exception();

}  // namespace tx::python
