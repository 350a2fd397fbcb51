// One pass over the gates of a recurrent net's step.
#include "../kernels/gates.h"

#include "parallel.h"
#include "rows.h"
#include "../gate_formulas.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrainElements = 1 << 12;

// One register of every operand: all of it, or its first n elements.
template <class Cell, class T, class Load, class Store>
TX_INLINE void at_once(const T* const (&in)[Cell::inputs], T* const (&out)[Cell::outputs], int64_t i, const Load& load,
                       const Store& store) {
  Vec<T> x[Cell::inputs], y[Cell::outputs];
  for (int k = 0; k < Cell::inputs; k++) x[k] = load(in[k] + i);
  Cell::run(x, y);
  for (int k = 0; k < Cell::outputs; k++) store(out[k] + i, y[k]);
}

template <class Cell, class T>
void one_row(const GatesArgs& a, int64_t row) {
  const T* in[Cell::inputs];
  T* out[Cell::outputs];
  for (int k = 0; k < Cell::inputs; k++) in[k] = reinterpret_cast<const T*>(a.in[k]) + row * a.in_step[k];
  for (int k = 0; k < Cell::outputs; k++) out[k] = reinterpret_cast<T*>(a.out[k]) + row * a.out_step[k];
  constexpr int64_t size = Vec<T>::size;
  int64_t i = 0;
  for (; i + size <= a.size; i += size)
    at_once<Cell, T>(in, out, i, [](const T* p) { return load<T>(p); }, [](T* p, Vec<T> v) { store(p, v); });
  const int64_t n = a.size - i;
  if (n)
    at_once<Cell, T>(
        in, out, i, [n](const T* p) { return load_partial<T>(p, n); }, [n](T* p, Vec<T> v) { store_partial(p, v, n); });
}

template <class Cell>
void run(const GatesArgs& a) {
  const int64_t grain = a.size < kGrainElements ? kGrainElements / (a.size ? a.size : 1) : 1;
  parallel_for(a.rows, grain, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      if (a.dtype == DType::Float32) one_row<Cell, float>(a, row);
      else one_row<Cell, double>(a, row);
    }
  });
}

}  // namespace

void lstm_gates(const GatesArgs& a) { run<LstmGates>(a); }
void lstm_gates_grad(const GatesArgs& a) { run<LstmGatesGrad>(a); }
void gru_gates(const GatesArgs& a) { run<GruGates>(a); }
void gru_gates_grad(const GatesArgs& a) { run<GruGatesGrad>(a); }

}  // namespace tx::TX_ISA
