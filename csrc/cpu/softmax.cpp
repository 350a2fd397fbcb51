// softmax, log_softmax and their gradients.
#include "../kernels/softmax.h"

#include "in_float.h"
#include "slab.h"

namespace tx::TX_ISA {
namespace {

struct Softmax {
  template <class Slab, class A>
  static void run(const Slab& slab, const A* x, const A*, A* out) {
    A largest[Slab::kParameters], scale[Slab::kParameters];
    slab.fold(MaximumOp<A>(), x, largest);
    slab.each([&](int64_t at, int64_t, int64_t c, auto k) {
      store_k(out + at, exp(load_k(x + at, k) - slab.parameter(largest, c)), k);
    });
    slab.fold(SumOp<A>(), out, scale);
    for (int64_t i = 0; i < slab.results(); i++) scale[i] = 1 / scale[i];
    slab.each([&](int64_t at, int64_t, int64_t c, auto k) {
      store_k(out + at, load_k(out + at, k) * slab.parameter(scale, c), k);
    });
  }
};

struct LogSoftmax {
  template <class Slab, class A>
  static void run(const Slab& slab, const A* x, const A*, A* out) {
    A largest[Slab::kParameters], log_sum[Slab::kParameters];
    slab.fold(MaximumOp<A>(), x, largest);
    slab.template fold_with<ExpSumOp>(largest, x, log_sum);
    for (int64_t c = 0; c < slab.results(); c += Vec<A>::size) store<A>(log_sum + c, log(load<A>(log_sum + c)));
    slab.each([&](int64_t at, int64_t, int64_t c, auto k) {
      store_k(out + at, load_k(x + at, k) - slab.parameter(largest, c) - slab.parameter(log_sum, c), k);
    });
  }
};

// With y the result of softmax: y * (grad - sum of grad * y).
struct SoftmaxGrad {
  template <class Slab, class A>
  static void run(const Slab& slab, const A* y, const A* grad, A* out) {
    A dot[Slab::kParameters];
    slab.each(
        [&](int64_t at, int64_t, int64_t, auto k) { store_k(out + at, load_k(grad + at, k) * load_k(y + at, k), k); });
    slab.fold(SumOp<A>(), out, dot);
    slab.each([&](int64_t at, int64_t, int64_t c, auto k) {
      store_k(out + at, load_k(y + at, k) * (load_k(grad + at, k) - slab.parameter(dot, c)), k);
    });
  }
};

// With y the result of log_softmax: grad - exp(y) * sum of grad.
struct LogSoftmaxGrad {
  template <class Slab, class A>
  static void run(const Slab& slab, const A* y, const A* grad, A* out) {
    A sum[Slab::kParameters];
    slab.fold(SumOp<A>(), grad, sum);
    slab.each([&](int64_t at, int64_t, int64_t c, auto k) {
      store_k(out + at, load_k(grad + at, k) - exp(load_k(y + at, k)) * slab.parameter(sum, c), k);
    });
  }
};

template <class Body, class A>
void run_as(int64_t outer, int64_t n, int64_t inner, const A* x, const A* grad, A* out) {
  for_each_slab<A>(outer, n, inner,
                   [&](auto slab, int64_t at, int64_t) { Body::run(slab, x + at, grad + at, out + at); });
}

template <class Body>
void run(const SoftmaxArgs& args) {
  const char* grad = args.grad ? args.grad : args.x;
  if (args.dtype == DType::Float64) {
    run_as<Body>(args.outer, args.n, args.inner, (const double*)args.x, (const double*)grad, (double*)args.out);
  } else if (args.dtype == DType::Float32) {
    run_as<Body>(args.outer, args.n, args.inner, (const float*)args.x, (const float*)grad, (float*)args.out);
  } else {
    in_float(
        args.dtype, args.outer, args.n * args.inner, {args.x, grad}, args.out,
        [&](int64_t outer, float* const* x, float* out) { run_as<Body>(outer, args.n, args.inner, x[0], x[1], out); });
  }
}

}  // namespace

void softmax(const SoftmaxArgs& args) { run<Softmax>(args); }
void log_softmax(const SoftmaxArgs& args) { run<LogSoftmax>(args); }
void softmax_grad(const SoftmaxArgs& args) { run<SoftmaxGrad>(args); }
void log_softmax_grad(const SoftmaxArgs& args) { run<LogSoftmaxGrad>(args); }

}  // namespace tx::TX_ISA
