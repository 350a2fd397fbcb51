// Cross entropy of logits and negative log likelihood of log-probabilities, with their gradients.
//
// A target that is no class is found by the forward kernels, which return to the host for it once. The gradients, which
// come after those, take such a sample as ignored.
#include "../csrc/kernels.h"
#include "exp_sum.cuh"
#include "slab.cuh"

namespace tx::cuda {

namespace {

using Position = unsigned long long;  // what atomicMin takes

template <class A>
struct Classes {
  int64_t classes, ignore_index;
  A smoothing;
  TX_DEVICE bool is_class(int64_t t) const { return t >= 0 && t < classes; }
  TX_DEVICE bool is_bad(int64_t t) const { return !is_class(t) && t != ignore_index; }
  TX_DEVICE bool counts(int64_t t) const { return is_class(t) && t != ignore_index; }
};

template <class A>
Classes<A> classes_of(const CrossEntropyArgs& args) {
  return {args.classes, args.ignore_index, A(args.label_smoothing)};
}

// The first of the bad samples that a kernel names by atomicMin.
class FirstBad {
 public:
  FirstBad() : space_(sizeof(Position)) {
    check(cudaMemsetAsync(space_.as<Position>(), 0xff, sizeof(Position), current_stream()), "cross_entropy");
  }
  Position* data() const { return space_.as<Position>(); }
  int64_t sample() const {  // or -1
    int64_t result;
    to_host(&result, data(), sizeof result);
    return result;
  }

 private:
  Workspace space_;
};

// Sums over the classes for label smoothing: of w[c] * (largest - x[c]), and of w[c].
template <class A>
struct Smooth {
  A gaps, weight;
};

template <class A, class S, class Slab>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_slabs(const S* x, const int64_t* target, const A* weight, A* loss, A* sample_weight, A* largest,
                        A* log_sum, Position* bad, Classes<A> of, Slab slab) {
  const auto team = slab.team();
  auto state = ExpSum<A>::nothing();
  slab.template walk<S>(team, x, [&](int64_t at, int64_t, auto count) {
    A a[count.value];
    load_run(a, x + at);
    state = with_elements(state, a);
  });
  state = team.merge(state, [](const auto& a, const auto& b) { return merged(a, b); });
  Smooth<A> smooth{0, 0};
  if (of.smoothing != 0) {
    slab.template walk<S>(team, x, [&](int64_t at, int64_t c, auto count) {
      A a[count.value];
      load_run(a, x + at);
      Smooth<A> here{0, 0};
      TX_UNROLL
      for (int k = 0; k < count.value; k++) {
        const A w = weight ? weight[c + k] : A(1);
        here.gaps += w * (state.maximum - a[k]);
        here.weight += w;
      }
      smooth = {smooth.gaps + here.gaps, smooth.weight + here.weight};
    });
    smooth = team.merge(smooth,
                        [](const auto& a, const auto& b) { return Smooth<A>{a.gaps + b.gaps, a.weight + b.weight}; });
  }
  if (!slab.present(team) || team.lane != 0) return;
  const int64_t sample = slab.sample(team), t = target[sample];
  const A log_total = log(total(state));
  A w = 0, l = 0;
  if (of.counts(t)) {
    w = weight ? weight[t] : A(1);
    l = w * (state.maximum - convert<A>(x[slab.first(team) + t * slab.step]) + log_total);
    if (of.smoothing != 0)
      l = (1 - of.smoothing) * l + of.smoothing / A(of.classes) * (smooth.gaps + smooth.weight * log_total);
  } else if (of.is_bad(t)) {
    atomicMin(bad, Position(sample));
  }
  loss[sample] = l;
  sample_weight[sample] = w;
  largest[sample] = state.maximum;
  log_sum[sample] = log_total;
}

// out = scale * ((1 - e) * w[t] * (p - [c == t]) + e / C * (W * p - w[c])), with W the sum of all weights.
template <class A, class S, class Slab>
__global__ void __launch_bounds__(kThreads)
    cross_entropy_grad_slabs(const S* x, const int64_t* target, const A* weight, const A* largest, const A* log_sum,
                             const A* scale, S* out, Classes<A> of, Slab slab) {
  const auto team = slab.team();
  A all_weights = A(of.classes);
  if (weight && of.smoothing != 0) {
    all_weights = 0;
    for (int64_t c = team.lane; c < of.classes; c += team.lanes) all_weights += weight[c];
    all_weights = team.merge(all_weights, [](A a, A b) { return a + b; });
  }
  if (!slab.present(team)) return;
  const int64_t sample = slab.sample(team), t = target[sample];
  const bool counts = of.counts(t);
  const A s = counts ? scale[sample] : A(0), w = counts ? weight ? weight[t] : A(1) : A(0);
  const A per_class = of.smoothing / A(of.classes), smooth = s * per_class, of_target = s * (1 - of.smoothing) * w;
  const A factor = s * ((1 - of.smoothing) * w + per_class * all_weights), m = largest[sample],
          log_total = log_sum[sample];
  slab.template walk<S>(team, out, [&](int64_t at, int64_t c, auto count) {
    A a[count.value];
    load_run(a, x + at);
    TX_UNROLL
    for (int k = 0; k < count.value; k++) {
      a[k] = factor * exp(a[k] - m - log_total);
      if (of.smoothing != 0) a[k] -= weight ? smooth * weight[c + k] : smooth;
      if (counts && c + k == t) a[k] -= of_target;
    }
    store_run(out + at, a);
  });
}

// The place of class t of a sample among log-probabilities (outer, classes, inner).
TX_DEVICE int64_t place_of(int64_t sample, int64_t t, int64_t classes, int64_t inner) {
  return (sample / inner * classes + t) * inner + sample % inner;
}

template <class A, class S>
__global__ void __launch_bounds__(kThreads)
    nll_samples(const S* x, const int64_t* target, const A* weight, A* loss, A* sample_weight, Position* bad,
                Classes<A> of, int64_t samples, int64_t inner) {
  TX_FOR_EACH(i, samples) {
    const int64_t t = target[i];
    A w = 0, l = 0;
    if (of.counts(t)) {
      w = weight ? weight[t] : A(1);
      l = -w * convert<A>(x[place_of(i, t, of.classes, inner)]);
    } else if (of.is_bad(t)) {
      atomicMin(bad, Position(i));
    }
    loss[i] = l;
    sample_weight[i] = w;
  }
}

// Into zeros.
template <class A, class S>
__global__ void __launch_bounds__(kThreads) nll_grad_samples(const int64_t* target, const A* weight, const A* scale,
                                                             S* out, Classes<A> of, int64_t samples, int64_t inner) {
  TX_FOR_EACH(i, samples) {
    const int64_t t = target[i];
    if (of.counts(t)) out[place_of(i, t, of.classes, inner)] = convert<S>(-scale[i] * (weight ? weight[t] : A(1)));
  }
}

// f.operator()<S, A>()
template <class F> void with_types(DType dtype, const F& f) {
  with_floating_storage(dtype, [&]<class S>() { f.template operator()<S, compute_of<S>>(); });
}

}  // namespace

void cross_entropy(const CrossEntropyArgs& args) {
  *args.bad_sample = -1;
  if (args.outer * args.inner == 0) return;
  const FirstBad bad;
  with_types(args.dtype, [&]<class S, class A>() {
    with_slabs<S>(args.outer, args.classes, args.inner, {args.logits}, [&](const auto& slab) {
      using Slab = std::decay_t<decltype(slab)>;
      launch("cross_entropy", cross_entropy_slabs<A, S, Slab>, {slab.blocks(), kThreads}, as<S>(args.logits),
             args.target, as<A>(args.weight), as<A>(args.loss), as<A>(args.sample_weight), as<A>(args.largest),
             as<A>(args.log_sum), bad.data(), classes_of<A>(args), slab);
    });
  });
  *args.bad_sample = bad.sample();
}

void cross_entropy_grad(const CrossEntropyArgs& args) {
  *args.bad_sample = -1;
  with_types(args.dtype, [&]<class S, class A>() {
    with_slabs<S>(args.outer, args.classes, args.inner, {args.logits, args.grad}, [&](const auto& slab) {
      using Slab = std::decay_t<decltype(slab)>;
      launch("cross_entropy_grad", cross_entropy_grad_slabs<A, S, Slab>, {slab.blocks(), kThreads}, as<S>(args.logits),
             args.target, as<A>(args.weight), as<A>(static_cast<const char*>(args.largest)),
             as<A>(static_cast<const char*>(args.log_sum)), as<A>(args.scale), as<S>(args.grad), classes_of<A>(args),
             slab);
    });
  });
}

void nll(const CrossEntropyArgs& args) {
  *args.bad_sample = -1;
  const int64_t samples = args.outer * args.inner;
  if (samples == 0) return;
  const FirstBad bad;
  with_types(args.dtype, [&]<class S, class A>() {
    launch("nll", nll_samples<A, S>, {grid_for(samples, kThreads), kThreads}, as<S>(args.logits), args.target,
           as<A>(args.weight), as<A>(args.loss), as<A>(args.sample_weight), bad.data(), classes_of<A>(args), samples,
           args.inner);
  });
  *args.bad_sample = bad.sample();
}

void nll_grad(const CrossEntropyArgs& args) {
  *args.bad_sample = -1;
  const int64_t samples = args.outer * args.inner;
  if (samples == 0) return;
  check(cudaMemsetAsync(args.grad, 0, size_t(samples * args.classes * itemsize(args.dtype)), current_stream()),
        "nll_grad");
  with_types(args.dtype, [&]<class S, class A>() {
    launch("nll_grad", nll_grad_samples<A, S>, {grid_for(samples, kThreads), kThreads}, args.target, as<A>(args.weight),
           as<A>(args.scale), as<S>(args.grad), classes_of<A>(args), samples, args.inner);
  });
}

}  // namespace tx::cuda
