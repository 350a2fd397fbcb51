// softmax, log_softmax and the losses over classes, at array level.
#pragma once
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>

#include "../array.h"

namespace tx {

Array softmax(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out);
Array log_softmax(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out);
Array softmax_grad(const Array& grad, const Array& result, int64_t dim);
Array log_softmax_grad(const Array& grad, const Array& result, int64_t dim);

// logits (N, C, ...) or (C); target (N, ...) or (): class numbers. reduction: "none", "mean" or "sum". Returns the loss,
// the logits' statistics for the gradient, and the weight that a mean was divided by (else an empty array).
std::tuple<Array, Array, Array> cross_entropy(const Array& logits, const Array& target,
                                              const std::optional<Array>& weight, int64_t ignore_index,
                                              double label_smoothing, std::string_view reduction);
Array cross_entropy_grad(const Array& grad, const Array& logits, const Array& target,
                         const std::optional<Array>& weight, const Array& statistics, const Array& divisor,
                         int64_t ignore_index, double label_smoothing, std::string_view reduction);

// Per sample: the loss of log-probabilities, and the weight of its class.
std::pair<Array, Array> nll(const Array& log_probabilities, const Array& target, const std::optional<Array>& weight,
                            int64_t ignore_index);
Array nll_grad(const Array& grad, const Dims& shape, const Array& target, const std::optional<Array>& weight,
               int64_t ignore_index);

}  // namespace tx
