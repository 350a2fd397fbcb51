// The cells of recurrent nets, element by element: what LSTM and GRU do with their gates, and the gradients. V is a register
// on the CPU and a number on CUDA; include it after formulas.h.
//
// In the gradients `d` stands for the gradient of the loss with respect to what follows it.
#pragma once

namespace tx::TX_ISA {

// x and hidden are what input and hidden state contribute to a gate.
struct LstmGates {
  static constexpr int inputs = 9, outputs = 6;
  // x of i, f, g, o; hidden of i, f, g, o; c -> i, f, g, o, c', h'
  template <class V> TX_INLINE static void run(const V (&in)[inputs], V (&out)[outputs]) {
    const V i = sigmoid(in[0] + in[4]), f = sigmoid(in[1] + in[5]), g = tanh(in[2] + in[6]), o = sigmoid(in[3] + in[7]);
    const V c = f * in[8] + i * g;
    out[0] = i;
    out[1] = f;
    out[2] = g;
    out[3] = o;
    out[4] = c;
    out[5] = o * tanh(c);
  }
};

struct LstmGatesGrad {
  static constexpr int inputs = 8, outputs = 5;
  // i, f, g, o, c', c, dh', dc' -> d of what i, f, g and o were made of, dc
  template <class V> TX_INLINE static void run(const V (&in)[inputs], V (&out)[outputs]) {
    const V i = in[0], f = in[1], g = in[2], o = in[3], t = tanh(in[4]);
    const V dc = in[7] + in[6] * o * (V(1) - t * t);
    out[0] = dc * g * (i * (V(1) - i));
    out[1] = dc * in[5] * (f * (V(1) - f));
    out[2] = dc * i * (V(1) - g * g);
    out[3] = in[6] * t * (o * (V(1) - o));
    out[4] = dc * f;
  }
};

struct GruGates {
  static constexpr int inputs = 7, outputs = 5;
  // x of r, z, n; hidden of r, z, n; h -> r, z, n, hidden of n, h'
  template <class V> TX_INLINE static void run(const V (&in)[inputs], V (&out)[outputs]) {
    const V r = sigmoid(in[0] + in[3]), z = sigmoid(in[1] + in[4]), n = tanh(in[2] + r * in[5]);
    out[0] = r;
    out[1] = z;
    out[2] = n;
    out[3] = in[5];
    out[4] = n + z * (in[6] - n);
  }
};

struct GruGatesGrad {
  static constexpr int inputs = 6, outputs = 7;
  // r, z, n, hidden of n, h, dh' -> d of x of r, z, n; d of hidden of r, z, n; the part of dh that does not come by the gates
  template <class V> TX_INLINE static void run(const V (&in)[inputs], V (&out)[outputs]) {
    const V r = in[0], z = in[1], n = in[2], dh = in[5];
    const V dn = dh * (V(1) - z) * (V(1) - n * n);
    const V dr = dn * in[3] * (r * (V(1) - r)), dz = dh * (in[4] - n) * (z * (V(1) - z));
    out[0] = out[3] = dr;
    out[1] = out[4] = dz;
    out[2] = dn;
    out[5] = dn * r;
    out[6] = dh * z;
  }
};

}  // namespace tx::TX_ISA
