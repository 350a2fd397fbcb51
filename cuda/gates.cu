// One pass over the gates of a recurrent net's step: a thread for an element of every operand.
#include "../csrc/kernels/gates.h"

#include "elementwise.cuh"
#include "../csrc/gate_formulas.h"

namespace tx::cuda {

namespace {

template <class Cell, class T>
struct GateOperands {
  const T* in[Cell::inputs];
  int64_t in_step[Cell::inputs];
  T* out[Cell::outputs];
  int64_t out_step[Cell::outputs];
};

template <class Cell, class T>
__global__ void __launch_bounds__(kThreads, kBlocks<T>)
    gates(GateOperands<Cell, T> operand, IndexDivide by_size, int64_t elements) {
  TX_FOR_EACH(at, elements) {
    const int64_t row = by_size.divide(at), i = at - row * by_size.divisor;
    T in[Cell::inputs], out[Cell::outputs];
    TX_UNROLL
    for (int k = 0; k < Cell::inputs; k++) in[k] = operand.in[k][row * operand.in_step[k] + i];
    Cell::run(in, out);
    TX_UNROLL
    for (int k = 0; k < Cell::outputs; k++) operand.out[k][row * operand.out_step[k] + i] = out[k];
  }
}

template <class Cell, class T>
void run_as(const char* name, const GatesArgs& a) {
  GateOperands<Cell, T> operand;
  for (int k = 0; k < Cell::inputs; k++) {
    operand.in[k] = reinterpret_cast<const T*>(a.in[k]);
    operand.in_step[k] = a.in_step[k];
  }
  for (int k = 0; k < Cell::outputs; k++) {
    operand.out[k] = reinterpret_cast<T*>(a.out[k]);
    operand.out_step[k] = a.out_step[k];
  }
  const int64_t elements = a.rows * a.size;
  launch(name, gates<Cell, T>, {grid_for(elements, kThreads), kThreads}, operand, IndexDivide(a.size), elements);
}

template <class Cell>
void run(const char* name, const GatesArgs& a) {
  if (a.rows * a.size == 0) return;
  if (a.dtype == DType::Float32) run_as<Cell, float>(name, a);
  else run_as<Cell, double>(name, a);
}

}  // namespace

void lstm_gates(const GatesArgs& a) { run<LstmGates>("lstm_gates", a); }
void lstm_gates_grad(const GatesArgs& a) { run<LstmGatesGrad>("lstm_gates_grad", a); }
void gru_gates(const GatesArgs& a) { run<GruGates>("gru_gates", a); }
void gru_gates_grad(const GatesArgs& a) { run<GruGatesGrad>("gru_gates_grad", a); }

}  // namespace tx::cuda
