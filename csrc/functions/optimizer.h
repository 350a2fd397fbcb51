// Optimiser steps and the scaling of gradients at array level: check, lay out alike, call the table. Parameters and states
// are changed in place.
#pragma once
#include <optional>
#include <vector>

#include "../array.h"

namespace tx {

// `momentum_buffers`: one per parameter, or none without momentum. At `first` they are written, not read.
void sgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
              const std::vector<Array>& momentum_buffers, double lr, double momentum, double dampening,
              double weight_decay, bool nesterov, bool maximize, bool first);

// `steps`: the number of steps each parameter has made, a 0-dim tensor, counted up here. `largest_squares` is empty
// without amsgrad.
void adam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& average_squares,
               const std::vector<Array>& largest_squares, const std::vector<Array>& steps, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool amsgrad, bool maximize);

// Multiplies each of `tensors` by `scale`, one float64 number on their device, in place. Where one of their elements is
// infinite or NaN, `nonfinite`, one float32 number there, becomes 1.
void scale_all(const std::vector<Array>& tensors, const Array& scale, const std::optional<Array>& nonfinite);

}  // namespace tx
