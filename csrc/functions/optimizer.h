// Optimiser steps and the scaling of gradients at array level: check, lay out alike, call the table. Parameters and states
// are changed in place. Parameters may be on several devices, each with its gradient and states.
#pragma once
#include <optional>
#include <vector>

#include "../array.h"

namespace tx {

// The lists have one array per parameter. Those that an option does without may be empty. `steps`, `momentum_products`,
// `etas` and `mus` are 0-dim tensors on the CPU: numbers of each parameter, brought up to date here.

// At `first` momentum buffers are written, not read.
void sgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
              const std::vector<Array>& momentum_buffers, double lr, double momentum, double dampening,
              double weight_decay, bool nesterov, bool maximize, bool first);

void adam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& average_squares,
               const std::vector<Array>& largest_squares, const std::vector<Array>& steps, double lr, double beta1,
               double beta2, double eps, double weight_decay, bool decoupled, bool maximize);

void adamax_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                 const std::vector<Array>& averages, const std::vector<Array>& norms, const std::vector<Array>& steps,
                 double lr, double beta1, double beta2, double eps, double weight_decay, bool maximize);

void nadam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& averages, const std::vector<Array>& average_squares,
                const std::vector<Array>& momentum_products, const std::vector<Array>& steps, double lr, double beta1,
                double beta2, double eps, double weight_decay, double momentum_decay, bool decoupled, bool maximize);

void radam_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& averages, const std::vector<Array>& average_squares,
                const std::vector<Array>& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
                bool decoupled, bool maximize);

void adagrad_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                  const std::vector<Array>& sums, const std::vector<Array>& steps, double lr, double lr_decay,
                  double eps, double weight_decay, bool maximize);

void adadelta_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                   const std::vector<Array>& average_squares, const std::vector<Array>& average_changes,
                   const std::vector<Array>& steps, double lr, double rho, double eps, double weight_decay,
                   bool maximize);

void rmsprop_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                  const std::vector<Array>& average_squares, const std::vector<Array>& momentum_buffers,
                  const std::vector<Array>& averages, const std::vector<Array>& steps, double lr, double alpha,
                  double eps, double weight_decay, double momentum, bool maximize);

void rprop_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
                const std::vector<Array>& gradients_before, const std::vector<Array>& step_sizes,
                const std::vector<Array>& steps, double eta_minus, double eta_plus, double smallest, double largest,
                bool maximize);

void asgd_step(const std::vector<Array>& parameters, const std::vector<Array>& gradients,
               const std::vector<Array>& averages, const std::vector<Array>& etas, const std::vector<Array>& mus,
               const std::vector<Array>& steps, double lr, double lambd, double alpha, double t0, double weight_decay,
               bool maximize);

// Multiplies each of `tensors` by `scale`, one float64 number on their device, in place. Where one of their elements is
// infinite or NaN, `nonfinite`, one float32 number there, becomes 1.
void scale_all(const std::vector<Array>& tensors, const Array& scale, const std::optional<Array>& nonfinite);

}  // namespace tx
