// Autocast, the C side: whether this thread is in a region, and handing its calls to Python (tensorx/amp), which knows
// in which dtype each op runs there.
#pragma once
#include "tensor.h"

namespace tx::python {

// Not 0 while a call has more to do than to run: while someone watches calls, or a thread autocasts. It is the one thing
// that a call outside of all that asks.
extern int attention;

extern thread_local bool autocasting;

// The call by autocast's rules; NotImplemented for one that is to go on as it is.
PyObject* call_autocast(PyObject* callable, PyObject* const* args, size_t nargsf, PyObject* kwnames);

// Composite: a Python function made of ops that autocast treats as one. Calling it costs what calling the function costs.
bool init_autocast(PyObject* module);

}  // namespace tx::python
