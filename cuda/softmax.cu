// softmax, log_softmax and their gradients. x, grad, out: (outer, n, inner) contiguous.
//
// One pass folds a row, or column, and a second, which finds it in a cache, writes the result.
#include "exp_sum.cuh"
#include "../csrc/kernels.h"
#include "slab.cuh"

namespace tx::cuda {

namespace {

// A body has a State of the elements of a row; Constants, which follow from that of all of them; and the value of an element.
template <class A>
struct Softmax {
  using State = ExpSum<A>;
  struct Constants {
    A largest, scale;
  };
  static constexpr bool kGrad = false;
  TX_DEVICE static State start() { return State::nothing(); }
  TX_DEVICE static State merge(const State& a, const State& b) { return merged(a, b); }
  template <int count> TX_DEVICE static State add(const State& s, const A (&x)[count], const A (&)[count]) {
    return with_elements(s, x);
  }
  TX_DEVICE static Constants settle(const State& s) { return {s.maximum, A(1) / total(s)}; }
  TX_DEVICE static A value(A x, A, Constants c) { return exp(x - c.largest) * c.scale; }
};

template <class A>
struct LogSoftmax : Softmax<A> {
  struct Constants {
    A largest, log_sum;
  };
  TX_DEVICE static Constants settle(const ExpSum<A>& s) { return {s.maximum, log(total(s))}; }
  TX_DEVICE static A value(A x, A, Constants c) { return x - c.largest - c.log_sum; }
};

// With y the result of softmax: y * (grad - sum of grad * y).
template <class A>
struct SoftmaxGrad {
  using State = A;
  using Constants = A;
  static constexpr bool kGrad = true;
  TX_DEVICE static A start() { return 0; }
  TX_DEVICE static A merge(A a, A b) { return a + b; }
  template <int count> TX_DEVICE static A add(A s, const A (&y)[count], const A (&grad)[count]) {
    A sum = grad[0] * y[0];
    TX_UNROLL
    for (int k = 1; k < count; k++) sum += grad[k] * y[k];
    return s + sum;
  }
  TX_DEVICE static A settle(A s) { return s; }
  TX_DEVICE static A value(A y, A grad, A dot) { return y * (grad - dot); }
};

// With y the result of log_softmax: grad - exp(y) * sum of grad.
template <class A>
struct LogSoftmaxGrad : SoftmaxGrad<A> {
  template <int count> TX_DEVICE static A add(A s, const A (&)[count], const A (&grad)[count]) {
    A sum = grad[0];
    TX_UNROLL
    for (int k = 1; k < count; k++) sum += grad[k];
    return s + sum;
  }
  TX_DEVICE static A value(A y, A grad, A sum) { return grad - exp(y) * sum; }
};

template <class Body, class S, class Slab>
__global__ void __launch_bounds__(kThreads) softmax_slabs(const S* x, const S* grad, S* out, Slab slab) {
  using A = compute_of<S>;
  const auto team = slab.team();
  auto state = Body::start();
  slab.template walk<S>(team, out, [&](int64_t at, int64_t, auto count) {
    A a[count.value], g[count.value];
    load_run(a, x + at);
    if constexpr (Body::kGrad) load_run(g, grad + at);
    state = Body::add(state, a, g);
  });
  state = team.merge(state, [](const auto& a, const auto& b) { return Body::merge(a, b); });
  const auto constants = Body::settle(state);
  slab.template walk<S>(team, out, [&](int64_t at, int64_t, auto count) {
    A a[count.value], g[count.value] = {};
    load_run(a, x + at);
    if constexpr (Body::kGrad) load_run(g, grad + at);
    TX_UNROLL
    for (int k = 0; k < count.value; k++) a[k] = Body::value(a[k], g[k], constants);
    store_run(out + at, a);
  });
}

template <template <class> class Body>
void run(const char* name, const SoftmaxArgs& args) {
  with_floating_storage(args.dtype, [&]<class S>() {
    with_slabs<S>(args.outer, args.n, args.inner, {args.x, args.grad, args.out}, [&](const auto& slab) {
      using Slab = std::decay_t<decltype(slab)>;
      launch(name, softmax_slabs<Body<compute_of<S>>, S, Slab>, {slab.blocks(), kThreads}, as<S>(args.x),
             as<S>(args.grad), as<S>(args.out), slab);
    });
  });
}

}  // namespace

void softmax(const SoftmaxArgs& args) { run<Softmax>("softmax", args); }
void log_softmax(const SoftmaxArgs& args) { run<LogSoftmax>("log_softmax", args); }
void softmax_grad(const SoftmaxArgs& args) { run<SoftmaxGrad>("softmax_grad", args); }
void log_softmax_grad(const SoftmaxArgs& args) { run<LogSoftmaxGrad>("log_softmax_grad", args); }

}  // namespace tx::cuda
