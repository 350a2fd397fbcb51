// What a recorded call keeps for its backward pass.
#pragma once
#include "tensor.h"

namespace tx::python {
bool init_saved_type(PyObject* module);
}
