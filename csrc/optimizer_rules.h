// What an optimiser step does to one element, over V: a register on the CPU and a number on CUDA. Include it after the
// functions of those.
//
// Rule<Options, V> is made of the options. Called with a parameter p, its gradient g, its states (has[k] says whether there
// is the k-th; those whose bits are in `required` always are) and the numbers of its tensor, it updates the states and
// returns the new p. No multiply-add is fused, so the bits are the same on every instruction set.
#pragma once
#include "kernels/optimizer.h"

namespace tx::TX_ISA {

template <class Options, class V> struct Rule;

#define TX_RULE_ARGUMENTS                                              \
  V p, V g, [[maybe_unused]] V(&state)[states], [[maybe_unused]] Has has, \
      [[maybe_unused]] const V(&number)[kStepNumbers]

// The gradient that an optimiser takes: turned round to ascend; with the decay of the weights added, or taken from them
// directly where it is decoupled.
template <class V>
struct Gradient {
  V kept, decay;
  bool shrinks, adds, maximize;

  TX_INLINE Gradient(double lr, double weight_decay, bool decoupled, bool maximize)
      : kept(1 - lr * weight_decay),
        decay(weight_decay),
        shrinks(decoupled && weight_decay != 0),
        adds(!decoupled && weight_decay != 0),
        maximize(maximize) {}
  TX_INLINE Gradient(double weight_decay, bool maximize) : Gradient(0, weight_decay, false, maximize) {}

  TX_INLINE V operator()(V& p, V g) const {
    if (maximize) g = -g;
    if (shrinks) p = p * kept;
    if (adds) g = g + decay * p;
    return g;
  }
};

// What Adam, NAdam and RAdam begin with: the gradient g that they take, which it returns, and
// m += (1 - beta1) (g - m);  s = beta2 s + (1 - beta2) g^2
template <class V>
struct Moments {
  Gradient<V> gradient;
  V weight1, beta2, weight2, eps;

  template <class Options>
  TX_INLINE explicit Moments(const Options& x)
      : gradient(x.lr, x.weight_decay, x.decoupled, x.maximize),
        weight1(1 - x.beta1),
        beta2(x.beta2),
        weight2(1 - x.beta2),
        eps(x.eps) {}

  TX_INLINE V operator()(V& p, V g, V& m, V& s) const {
    g = gradient(p, g);
    m = m + weight1 * (g - m);
    s = beta2 * s + weight2 * (g * g);
    return g;
  }
};

// state: momentum v, or none.  v = momentum v + (1 - dampening) g, or g at first;  p -= lr v, or lr (g + momentum v)
template <class V>
struct Rule<Sgd, V> {
  static constexpr int states = 1;
  static constexpr unsigned required = 0b0;
  Gradient<V> gradient;
  V lr, momentum, undampened;
  bool nesterov, first;

  TX_INLINE explicit Rule(const Sgd& x)
      : gradient(x.weight_decay, x.maximize),
        lr(x.lr),
        momentum(x.momentum),
        undampened(1 - x.dampening),
        nesterov(x.nesterov),
        first(x.first) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    if (has[0]) {
      V v = first ? g : momentum * state[0] + undampened * g;
      state[0] = v;
      g = nesterov ? g + momentum * v : v;
    }
    return p - lr * g;
  }
};

// state: m, s, and the largest s with amsgrad.  number: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)
template <class V>
struct Rule<Adam, V> {
  static constexpr int states = 3;
  static constexpr unsigned required = 0b011;
  Moments<V> moments;

  TX_INLINE explicit Rule(const Adam& x) : moments(x) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    moments(p, g, state[0], state[1]);
    V s = state[1];
    if (has[2]) state[2] = s = maximum(state[2], s);
    return p - number[0] * (state[0] / (sqrt(s) * number[1] + moments.eps));
  }
};

// state: m, the norm u.  u = max(beta2 u, |g| + eps).  number: lr / (1 - beta1^t)
template <class V>
struct Rule<Adamax, V> {
  static constexpr int states = 2;
  static constexpr unsigned required = 0b11;
  Gradient<V> gradient;
  V weight1, beta2, eps;

  TX_INLINE explicit Rule(const Adamax& x)
      : gradient(x.weight_decay, x.maximize), weight1(1 - x.beta1), beta2(x.beta2), eps(x.eps) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    state[0] = state[0] + weight1 * (g - state[0]);
    state[1] = maximum(state[1] * beta2, abs(g) + eps);
    return p - number[0] * (state[0] / state[1]);
  }
};

// state: m, s.  number: the step along the gradient, that along m, 1 / sqrt(1 - beta2^t)
template <class V>
struct Rule<NAdam, V> {
  static constexpr int states = 2;
  static constexpr unsigned required = 0b11;
  Moments<V> moments;

  TX_INLINE explicit Rule(const NAdam& x) : moments(x) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = moments(p, g, state[0], state[1]);
    return p - (number[0] * g + number[1] * state[0]) / (sqrt(state[1]) * number[2] + moments.eps);
  }
};

// state: m, s.  number: lr / (1 - beta1^t), the rectification times sqrt(1 - beta2^t), or 0: p -= number[0] m
template <class V>
struct Rule<RAdam, V> {
  static constexpr int states = 2;
  static constexpr unsigned required = 0b11;
  Moments<V> moments;

  TX_INLINE explicit Rule(const RAdam& x) : moments(x) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    moments(p, g, state[0], state[1]);
    V adaptive = number[1] / (sqrt(state[1]) + moments.eps);
    return p - number[0] * state[0] * where(number[1] == V(0), V(1), adaptive);
  }
};

// state: the sum of squares.  number: lr / (1 + (t - 1) lr_decay)
template <class V>
struct Rule<Adagrad, V> {
  static constexpr int states = 1;
  static constexpr unsigned required = 0b1;
  Gradient<V> gradient;
  V eps;

  TX_INLINE explicit Rule(const Adagrad& x) : gradient(x.weight_decay, x.maximize), eps(x.eps) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    state[0] = state[0] + g * g;
    return p - number[0] * (g / (sqrt(state[0]) + eps));
  }
};

// state: the averages of g^2 and of the squared change
template <class V>
struct Rule<Adadelta, V> {
  static constexpr int states = 2;
  static constexpr unsigned required = 0b11;
  Gradient<V> gradient;
  V lr, rho, weight, eps;

  TX_INLINE explicit Rule(const Adadelta& x)
      : gradient(x.weight_decay, x.maximize), lr(x.lr), rho(x.rho), weight(1 - x.rho), eps(x.eps) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    state[0] = rho * state[0] + weight * (g * g);
    V change = sqrt(state[1] + eps) / sqrt(state[0] + eps) * g;
    state[1] = rho * state[1] + weight * (change * change);
    return p - lr * change;
  }
};

// state: the average s of g^2; momentum, or none; the average of g where it is centered.  The variance is s, or s minus
// the square of that average.
template <class V>
struct Rule<RMSprop, V> {
  static constexpr int states = 3;
  static constexpr unsigned required = 0b001;
  Gradient<V> gradient;
  V lr, alpha, weight, eps, momentum;

  TX_INLINE explicit Rule(const RMSprop& x)
      : gradient(x.weight_decay, x.maximize),
        lr(x.lr),
        alpha(x.alpha),
        weight(1 - x.alpha),
        eps(x.eps),
        momentum(x.momentum) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    state[0] = alpha * state[0] + weight * (g * g);
    V variance = state[0];
    if (has[2]) {
      state[2] = state[2] + weight * (g - state[2]);
      variance = variance - state[2] * state[2];
    }
    V change = g / (sqrt(variance) + eps);
    if (has[1]) state[1] = change = momentum * state[1] + change;
    return p - lr * change;
  }
};

// state: the gradient before, the size of the step.  The step grows where the sign stays, and where it turns it shrinks, and
// p stays this time; so it does where the gradient is NaN.
template <class V>
struct Rule<Rprop, V> {
  static constexpr int states = 2;
  static constexpr unsigned required = 0b11;
  Gradient<V> gradient;
  V eta_minus, eta_plus, smallest, largest;

  TX_INLINE explicit Rule(const Rprop& x)
      : gradient(0, x.maximize),
        eta_minus(x.eta_minus),
        eta_plus(x.eta_plus),
        smallest(x.smallest),
        largest(x.largest) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    const V zero(0), one(1);
    g = gradient(p, g);
    V turned = g * state[0];
    V factor = where(turned > zero, eta_plus, where(turned < zero, eta_minus, one));
    state[1] = minimum(maximum(state[1] * factor, smallest), largest);
    state[0] = g = where(turned < zero, zero, g);
    return p - where(g > zero, one, where(g < zero, -one, zero)) * state[1];
  }
};

// state: the average of p.  number: eta, 1 - lambda eta, the weight mu of this p in the average
template <class V>
struct Rule<Asgd, V> {
  static constexpr int states = 1;
  static constexpr unsigned required = 0b1;
  Gradient<V> gradient;

  TX_INLINE explicit Rule(const Asgd& x) : gradient(x.weight_decay, x.maximize) {}

  template <class Has>
  TX_INLINE V operator()(TX_RULE_ARGUMENTS) const {
    g = gradient(p, g);
    p = p * number[1] - number[0] * g;
    state[0] = where(number[2] == V(1), p, state[0] + (p - state[0]) * number[2]);
    return p;
  }
};

#undef TX_RULE_ARGUMENTS

}  // namespace tx::TX_ISA
