// Elementwise formulas longer than a line, for the op rows of ops.h. Each is a template over V, a register on the CPU
// and a scalar on CUDA, written with the operators and named functions that both have: include it after those.
//
// Where the textbook form has a numerical trap (an intermediate overflow, a difference of nearly equal numbers),
// the form here avoids it.
#pragma once

namespace tx::TX_ISA {

// 1 / (1 + exp(-x)); with exp of -|x| only, which cannot overflow.
template <class V> TX_INLINE V sigmoid(V x) {
  V e = exp(-abs(x));
  return where(x < V(0), e, V(1)) / (V(1) + e);
}

// log(sigmoid(x))
template <class V> TX_INLINE V logsigmoid(V x) { return minimum(x, V(0)) - log1p(exp(-abs(x))); }

// log(1 + exp(beta x)) / beta, and x itself where beta x is above the threshold.
template <class V> TX_INLINE V softplus(V x, V beta, V threshold) {
  V y = x * beta;
  return where(y > threshold, x, (max(y, V(0)) + log1p(exp(-abs(y)))) / beta);
}

// log(exp(a) + exp(b))
template <class V> TX_INLINE V logaddexp(V a, V b) {
  V high = maximum(a, b), low = minimum(a, b);
  return where(a == b, a + V(0.69314718055994530942), high + log1p(exp(low - high)));  // also when both are infinite
}

// x log(y), and 0 where x is 0, unless y is NaN.
template <class V> TX_INLINE V xlogy(V x, V y) { return where(isnan(y), y, where(x == V(0), V(0), x * log(y))); }

// x log(1 + y), in the same way.
template <class V> TX_INLINE V xlog1py(V x, V y) { return where(isnan(y), y, where(x == V(0), V(0), x * log1p(y))); }

// -x log(x), the share of one probability in an entropy: 0 at 0 and -inf below it.
template <class V> TX_INLINE V entr(V x) {
  V below = where(x == V(0), V(0), where(isnan(x), x, V(-__builtin_huge_val())));
  return where(x > V(0), -x * log(x), below);
}

// sin(x) / x
template <class V> TX_INLINE V sinc(V x) { return where(x == V(0), V(1), sin(x) / x); }

template <class V> TX_INLINE V lerp(V a, V b, V weight) {
  V d = b - a;  // from the nearer end, so that weight 1 gives b exactly
  return where(abs(weight) < V(0.5), fma(weight, d, a), fma(-d, V(1) - weight, b));
}

// ---- Activations and their derivatives ------------------------------------------------------------------------

template <class V> TX_INLINE V gelu_derivative(V x) { return normal_cdf(x) + x * normal_pdf(x); }

// x (1 + tanh(u)) / 2 with u = sqrt(2/pi) (x + 0.044715 x^3); (1 + tanh(u)) / 2 is sigmoid(2u).
template <class V> TX_INLINE V gelu_tanh_slope(V x) {
  return sigmoid(x * (V(1.59576912160573071176) + V(0.07135481627260024878) * (x * x)));
}
template <class V> TX_INLINE V gelu_tanh(V x) { return x * gelu_tanh_slope(x); }
template <class V> TX_INLINE V gelu_tanh_derivative(V x) {
  V s = gelu_tanh_slope(x);
  return s + x * s * (V(1) - s) * (V(1.59576912160573071176) + V(0.21406444881780074633) * (x * x));
}

template <class V> TX_INLINE V silu_derivative(V x) {
  V s = sigmoid(x);
  return s * (V(1) + x * (V(1) - s));
}

// tanh(log(1 + e)) = n / (n + 2) with n = e (e + 2); from x = 20 on it is 1.
template <class V> TX_INLINE V mish_slope(V x) {
  V e = exp(minimum(x, V(20)));
  V n = e * (e + V(2));
  return n / (n + V(2));
}
template <class V> TX_INLINE V mish(V x) { return x * mish_slope(x); }
template <class V> TX_INLINE V mish_derivative(V x) {
  V t = mish_slope(x);
  return t + x * sigmoid(x) * (V(1) - t * t);
}

template <class V> TX_INLINE V selu(V x) {
  return V(1.0507009873554804934193349852946) * where(x > V(0), x, V(1.6732632423543772848170429916717) * expm1(x));
}
template <class V> TX_INLINE V selu_derivative(V x) {
  return V(1.0507009873554804934193349852946) * where(x > V(0), V(1), V(1.6732632423543772848170429916717) * exp(x));
}

template <class V> TX_INLINE V hardswish_derivative(V x) {
  return where(x <= V(-3), V(0), where(x < V(3), x / V(3) + V(0.5), V(1)));
}

template <class V> TX_INLINE V softshrink(V x, V lambda) {
  return where(x > lambda, x - lambda, where(x < -lambda, x + lambda, x * V(0)));  // x * 0 keeps a NaN
}

}  // namespace tx::TX_ISA
