// Arguments of one pass over the gates of a recurrent net's step. The formulas are those of gate_formulas.h.
#pragma once
#include "../dtype.h"

namespace tx {

constexpr int kGateInputs = 9, kGateOutputs = 7;  // of the formulas, at the most

// Operands are planes of `rows` x `size` elements, of one type, float or double. Each row is dense, and the next one
// begins `step` elements later. An output may be an input, element for element.
struct GatesArgs {
  DType dtype;
  int64_t rows, size;
  const char* in[kGateInputs];
  int64_t in_step[kGateInputs];
  char* out[kGateOutputs];
  int64_t out_step[kGateOutputs];
};

#define TX_GATES_KERNELS(X)       \
  X(lstm_gates, GatesArgs)        \
  X(lstm_gates_grad, GatesArgs)   \
  X(gru_gates, GatesArgs)         \
  X(gru_gates_grad, GatesArgs)

}  // namespace tx
