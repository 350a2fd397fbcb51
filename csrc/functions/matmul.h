// Matrix products at array level.
#pragma once
#include <optional>
#include <string_view>

#include "../array.h"
#include "../kernels/matmul.h"

namespace tx {

Array mm(const Array& a, const Array& b, Array* out);                        // (m, k) @ (k, n)
Array bmm(const Array& a, const Array& b, Array* out);                       // (batch, m, k) @ (batch, k, n)
Array mv(const Array& a, const Array& x, Array* out);                        // (m, k) @ (k)
Array dot(const Array& a, const Array& b, Array* out);                       // (k) . (k)
Array matmul(const Array& a, const Array& b, Array* out);                    // every combination of ranks
Array addmm(const Array& bias, const Array& a, const Array& b, const Scalar& beta, const Scalar& alpha, Array* out);
Array addmm_activation(const Array& bias, const Array& a, const Array& b, std::string_view activation, Array* out);
Array baddbmm(const Array& bias, const Array& a, const Array& b, const Scalar& beta, const Scalar& alpha, Array* out);
Array linear(const Array& x, const Array& weight, const std::optional<Array>& bias, Array* out);  // x @ weight^T + bias

// Whether products of float32 may be rounded to TF32 from now on, in every thread.
void allow_tf32(bool allowed);

}  // namespace tx
