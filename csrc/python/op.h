// _C.Op: the one place that every differentiable call passes. It binds the arguments, runs the forward and, when
// grad mode is on and an input requires a gradient, hands the call to Python's record().
#pragma once
#include "forward.h"

namespace tx::python {

// The operators of Tensor, each an Op set from Python.
#define TX_SLOTS(X)                                                                                              \
  X(add) X(sub) X(mul) X(true_divide) X(floor_divide) X(remainder) X(pow) X(matmul) X(neg) X(positive) X(abs)     \
  X(bitwise_not) X(bitwise_and) X(bitwise_or) X(bitwise_xor) X(lshift) X(rshift)                                  \
  X(add_) X(sub_) X(mul_) X(true_divide_) X(floor_divide_) X(remainder_) X(pow_) X(bitwise_and_) X(bitwise_or_)   \
  X(bitwise_xor_) X(lshift_) X(rshift_)                                                                          \
  X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(getitem) X(advanced_getitem) X(setitem)

enum Slot {
#define X(name) kSlot_##name,
  TX_SLOTS(X)
#undef X
      kNumSlots
};

extern PyObject* slot_ops[kNumSlots];

// Calls an operator's op; TypeError while Python has not set it.
PyObject* call_slot(Slot slot, PyObject* const* args, size_t n);

// Python functions that C calls. Null while there is nobody to tell: trace (anomaly mode), told of every new node; watch,
// told of every call; autocast, asked about every call of a thread that autocasts.
#define TX_HOOKS(X)                                                                                              \
  X(make_plan) X(attach) X(record_in_place) X(reduce_to) X(refresh_view) X(trace) X(watch) X(autocast) \
  X(conjugate)

enum Hook {
#define X(name) kHook_##name,
  TX_HOOKS(X)
#undef X
      kNumHooks
};

extern PyObject* hooks[kNumHooks];

bool init_op_type(PyObject* module);

// Of a class that computes ops on its own kind of tensor, as SparseTensor does: `_call_op` gives what an op gives for it.
bool has_own_ops(PyObject* o);

}  // namespace tx::python
