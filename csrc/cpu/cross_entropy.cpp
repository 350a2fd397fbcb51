// Cross entropy of logits and negative log likelihood of log-probabilities, with their gradients.
#include "../kernels/softmax.h"

#include "in_float.h"
#include "slab.h"

namespace tx::TX_ISA {
namespace {

// The first sample whose target is no class, or -1.
int64_t find_bad_target(const CrossEntropyArgs& args) {
  const int64_t samples = args.outer * args.inner;
  const auto is_bad = [&](int64_t t) { return ((t < 0) | (t >= args.classes)) & (t != args.ignore_index); };
  bool bad = false;
  for (int64_t i = 0; i < samples; i++) bad |= is_bad(args.target[i]);
  for (int64_t i = 0; bad && i < samples; i++)
    if (is_bad(args.target[i])) return i;
  return -1;
}

// Per sample of a slab: target class and weight of that class, 0 where ignored.
template <class A>
struct Targets {
  const CrossEntropyArgs& args;
  const int64_t* target;

  TX_INLINE Targets(const CrossEntropyArgs& args, int64_t first) : args(args), target(args.target + first) {}
  TX_INLINE bool ignored(int64_t i) const { return target[i] == args.ignore_index; }
  TX_INLINE A weight(int64_t i) const {
    if (ignored(i)) return 0;
    return args.weight ? ((const A*)args.weight)[target[i]] : A(1);
  }
};

// The sum over the classes of w[c] * (largest - x[c]) for result i of a slab.
template <class A>
A weighted_gaps(const CrossEntropyArgs& args, const A* x, int64_t i, A largest) {
  const A* weight = (const A*)args.weight;
  const auto add = [](A a, A b) { return a + b; };
  Tree<A, decltype(add)> tree(add);
  A terms[kBlock<A>];
  for (int64_t c = 0; c < args.classes; c += kBlock<A>) {
    const int count = args.classes - c < kBlock<A> ? int(args.classes - c) : kBlock<A>;
    for (int j = 0; j < count; j++) terms[j] = weight[c + j] * (largest - x[(c + j) * args.inner + i]);
    tree.push(fold_block<A>(SumOp<A>(), terms, count));
  }
  return tree.result();
}

template <class A>
A total_weight(const CrossEntropyArgs& args) {
  return args.weight ? fold_row<A>(SumOp<A>(), (const A*)args.weight, args.classes) : A(args.classes);
}

// x: logits of `outer` items, the first of which is item `first`.
template <class A>
void forward(const CrossEntropyArgs& args, int64_t first, int64_t outer, const A* x) {
  const A smoothing = A(args.label_smoothing), total = smoothing != 0 ? total_weight<A>(args) : 0;
  for_each_slab<A>(outer, args.classes, args.inner, [&](auto slab, int64_t at, int64_t result) {
    using Slab = decltype(slab);
    A largest[Slab::kParameters], log_sum[Slab::kParameters], gaps[Slab::kParameters];
    slab.fold(MaximumOp<A>(), x + at, largest);
    slab.template fold_with<ExpSumOp>(largest, x + at, log_sum);
    for (int64_t c = 0; c < slab.results(); c += Vec<A>::size) store<A>(log_sum + c, log(load<A>(log_sum + c)));
    gaps[0] = 0;
    if (smoothing != 0 && !args.weight) slab.template fold_with<DeviationOp>(largest, x + at, gaps);
    const int64_t sample = first * args.inner + result;
    const Targets<A> targets(args, sample);
    for (int64_t i = 0; i < slab.results(); i++) {
      const A w = targets.weight(i);
      A loss = 0;
      if (!targets.ignored(i)) {
        loss = w * (largest[i] - x[at + targets.target[i] * args.inner + i] + log_sum[i]);
        if (smoothing != 0) {
          const A gap = args.weight ? weighted_gaps(args, x + at, i, largest[i]) : -gaps[i];
          loss = (1 - smoothing) * loss + smoothing / A(args.classes) * (gap + total * log_sum[i]);
        }
      }
      ((A*)args.loss)[sample + i] = loss;
      ((A*)args.sample_weight)[sample + i] = w;
      ((A*)args.largest)[sample + i] = largest[i];
      ((A*)args.log_sum)[sample + i] = log_sum[i];
    }
  });
}

// out = scale * ((1 - e) * w[t] * (p - [c == t]) + e / C * (W * p - w[c])), with W the sum of all weights.
template <class A>
void gradient(const CrossEntropyArgs& args, int64_t first, int64_t outer, const A* x, A* out) {
  const A smoothing = A(args.label_smoothing), per_class = smoothing / A(args.classes), total = total_weight<A>(args);
  const A* weight = (const A*)args.weight;
  for_each_slab<A>(outer, args.classes, args.inner, [&](auto slab, int64_t at, int64_t result) {
    using Slab = decltype(slab);
    const int64_t sample = first * args.inner + result;
    const Targets<A> targets(args, sample);
    const A* scale = (const A*)args.scale + sample;
    A largest[Slab::kParameters], log_sum[Slab::kParameters], factor[Slab::kParameters], smooth[Slab::kParameters];
    for (int64_t i = 0; i < slab.results(); i++) {
      const A s = targets.ignored(i) ? 0 : scale[i];
      largest[i] = ((const A*)args.largest)[sample + i];
      log_sum[i] = ((const A*)args.log_sum)[sample + i];
      factor[i] = s * ((1 - smoothing) * targets.weight(i) + per_class * total);
      smooth[i] = s * per_class;
    }
    slab.each([&](int64_t i, int64_t r, int64_t c, auto k) {
      Vec<A> g = slab.parameter(factor, c) *
                 exp(load_k(x + at + i, k) - slab.parameter(largest, c) - slab.parameter(log_sum, c));
      if (smoothing != 0)
        g = g - (weight ? slab.parameter(smooth, c) * slab.along(weight, r, k) : slab.parameter(smooth, c));
      store_k(out + at + i, g, k);
    });
    for (int64_t i = 0; i < slab.results(); i++)
      if (!targets.ignored(i))
        out[at + targets.target[i] * args.inner + i] -= scale[i] * (1 - smoothing) * targets.weight(i);
  });
}

template <class A>
void nll_forward(const CrossEntropyArgs& args, int64_t first, int64_t outer, const A* x) {
  parallel_for(outer * args.inner, kSlabGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t sample = first * args.inner + i;
      const Targets<A> targets(args, sample);
      const A w = targets.weight(0);
      ((A*)args.sample_weight)[sample] = w;
      ((A*)args.loss)[sample] =
          targets.ignored(0)
              ? 0
              : -w * x[(i / args.inner * args.classes + targets.target[0]) * args.inner + i % args.inner];
    }
  });
}

template <class A>
void nll_gradient(const CrossEntropyArgs& args, int64_t first, int64_t outer, A* out) {
  const int64_t item = args.classes * args.inner;
  parallel_for(outer, item < kSlabGrain ? kSlabGrain / item : 1, [&](int64_t begin, int64_t end) {
    __builtin_memset(out + begin * item, 0, size_t((end - begin) * item) * sizeof(A));
    for (int64_t i = begin * args.inner; i < end * args.inner; i++) {
      const int64_t sample = first * args.inner + i;
      const Targets<A> targets(args, sample);
      if (targets.ignored(0)) continue;
      out[(i / args.inner * args.classes + targets.target[0]) * args.inner + i % args.inner] =
          -((const A*)args.scale)[sample] * targets.weight(0);
    }
  });
}

bool targets_are_good(const CrossEntropyArgs& args) {
  *args.bad_sample = find_bad_target(args);
  return *args.bad_sample < 0;
}

// f(first, outer, x, out): `outer` items from the first on, with x = logits and out = grad in the compute type.
template <class F>
TX_INLINE void in_compute_type(const CrossEntropyArgs& args, bool reads, bool writes, const F& f) {
  if (!targets_are_good(args)) return;
  if (args.dtype == DType::Float64) return f(int64_t(0), args.outer, (const double*)args.logits, (double*)args.grad);
  if (args.dtype == DType::Float32) return f(int64_t(0), args.outer, (const float*)args.logits, (float*)args.grad);
  int64_t first = 0;
  in_float(args.dtype, args.outer, args.classes * args.inner, {reads ? args.logits : nullptr},
           writes ? args.grad : nullptr, [&](int64_t outer, float* const* x, float* out) {
             f(first, outer, (const float*)x[0], out);
             first += outer;
           });
}

}  // namespace

void cross_entropy(const CrossEntropyArgs& args) {
  in_compute_type(args, true, false,
                  [&](int64_t first, int64_t outer, auto* x, auto*) { forward(args, first, outer, x); });
}

void cross_entropy_grad(const CrossEntropyArgs& args) {
  in_compute_type(args, true, true,
                  [&](int64_t first, int64_t outer, auto* x, auto* out) { gradient(args, first, outer, x, out); });
}

void nll(const CrossEntropyArgs& args) {
  in_compute_type(args, true, false,
                  [&](int64_t first, int64_t outer, auto* x, auto*) { nll_forward(args, first, outer, x); });
}

void nll_grad(const CrossEntropyArgs& args) {
  in_compute_type(args, false, true,
                  [&](int64_t first, int64_t outer, auto*, auto* out) { nll_gradient(args, first, outer, out); });
}

}  // namespace tx::TX_ISA
