// Normalisations at array level. The second and later results are what the gradients need, in the type of computation
// (float for half types).
#pragma once
#include <optional>
#include <tuple>

#include "../array.h"

namespace tx {

using OptionalArray = std::optional<Array>;

// (out, mean, rstd) over the last dimensions, of shape `normalized`; mean and rstd have one element per row.
std::tuple<Array, Array, Array> layer_norm(const Array& x, const Dims& normalized, const OptionalArray& weight,
                                           const OptionalArray& bias, double eps);
// Gradients of (x, weight, bias); those not wanted are None.
std::tuple<OptionalArray, OptionalArray, OptionalArray> layer_norm_grad(const Array& g, const Array& x,
                                                                        const Array& mean, const Array& rstd,
                                                                        const OptionalArray& weight, bool want_x,
                                                                        bool want_weight, bool want_bias);

// (out, mean, biased variance, rstd) per channel (dimension 1). Not training: mean and variance are those given.
std::tuple<Array, Array, Array, Array> batch_norm(const Array& x, const OptionalArray& mean,
                                                  const OptionalArray& variance, const OptionalArray& weight,
                                                  const OptionalArray& bias, bool training, double eps);
std::tuple<OptionalArray, OptionalArray, OptionalArray> batch_norm_grad(const Array& g, const Array& x,
                                                                        const Array& mean, const Array& rstd,
                                                                        const OptionalArray& weight, bool training,
                                                                        bool want_x, bool want_weight, bool want_bias);

}  // namespace tx
