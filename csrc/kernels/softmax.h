// Arguments of softmax, log_softmax, cross entropy and negative log likelihood, and of their gradients.
#pragma once
#include "../dtype.h"

namespace tx {

// All operands are contiguous (outer, n, inner); the op runs along the middle dimension.
struct SoftmaxArgs {
  DType dtype;                         // floating; half types compute in float
  int64_t outer, n, inner;
  const char* x;                       // softmax, log_softmax: the input. Their gradients: the forward's result
  const char* grad = nullptr;          // gradients: that of the result
  char* out;                           // the result, or the gradient of the input
};

// logits (outer, classes, inner) contiguous; everything per sample is (outer, inner) contiguous. With p = softmax(logits)
// over the classes, t = target, w = weight (1 if null), e = label_smoothing, C = classes, a sample's loss is
//   (1 - e) * w[t] * -log p[t] + e / C * sum over c of w[c] * -log p[c]
// and 0 where t == ignore_index. Per-sample values are float, double for double logits; so is `weight`.
struct CrossEntropyArgs {
  DType dtype;  // of logits and grad; floating
  int64_t outer, classes, inner;
  const char* logits;  // nll: log-probabilities
  const int64_t* target;
  const char* weight;  // (classes) or null
  int64_t ignore_index;
  double label_smoothing;
  char* loss;  // forward: written
  char* sample_weight;  // forward: written: w[t], or 0 where ignored
  char* largest;  // the largest logit and the log of the sum of exp(logits - largest): written by
  char* log_sum;  // cross_entropy and read by cross_entropy_grad
  const char* scale;  // gradient: that of each sample's loss
  char* grad;  // gradient: written, of logits' shape
  int64_t*
      bad_sample;  // set to the first sample whose target is no class, or to -1. Results then mean nothing. Gradients may leave it
  // to the forward kernels, which saw the same targets
};

// nll: the loss (1 - 0) * w[t] * -x[t] of log-probabilities x, and its gradient.
#define TX_SOFTMAX_KERNELS(X)             \
  X(softmax, SoftmaxArgs)                 \
  X(log_softmax, SoftmaxArgs)             \
  X(softmax_grad, SoftmaxArgs)            \
  X(log_softmax_grad, SoftmaxArgs)        \
  X(cross_entropy, CrossEntropyArgs)      \
  X(cross_entropy_grad, CrossEntropyArgs) \
  X(nll, CrossEntropyArgs)                \
  X(nll_grad, CrossEntropyArgs)

}  // namespace tx
