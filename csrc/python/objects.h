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
bool parse_device(PyObject* o, Device* to);    // device object, "cpu", "cuda", "cuda:1"; false with an error set

bool init_objects(PyObject* module);

// Sets the Python error for the C++ exception in flight; call inside catch (...).
void set_error_from_exception();

}  // namespace tx::python
