// Scans along one dimension, at array level.
#pragma once
#include <optional>
#include <utility>

#include "../array.h"

namespace tx {

// Integers (and bool) sum and multiply to int64 unless dtype says otherwise. reverse: from the end of the dimension.
Array cumsum(const Array& x, int64_t dim, std::optional<DType> dtype, bool reverse, Array* out);
Array cumprod(const Array& x, int64_t dim, std::optional<DType> dtype, Array* out);
Array logcumsumexp(const Array& x, int64_t dim, bool reverse, Array* out);
std::pair<Array, Array> cummax(const Array& x, int64_t dim);           // values, positions
std::pair<Array, Array> cummin(const Array& x, int64_t dim);

}  // namespace tx
