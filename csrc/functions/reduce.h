// Reductions at array level. `dims`: none, or no dimensions at all, means all of them.
#pragma once
#include <optional>
#include <utility>

#include "../array.h"

namespace tx {

using OptionalDims = std::optional<Dims>;

// Integers (and bool) sum and multiply to int64 unless dtype says otherwise.
Array sum(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out);
Array nansum(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out);
Array prod(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out);
Array mean(const Array& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype, Array* out);

Array norm(const Array& x, double order, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype,
           Array* out);
Array logsumexp(const Array& x, const OptionalDims& dims, bool keepdim, Array* out);
Array var(const Array& x, const OptionalDims& dims, double correction, bool keepdim, Array* out);
Array std_deviation(const Array& x, const OptionalDims& dims, double correction, bool keepdim, Array* out);
std::pair<Array, Array> var_mean(const Array& x, const OptionalDims& dims, double correction, bool keepdim);
std::pair<Array, Array> std_mean(const Array& x, const OptionalDims& dims, double correction, bool keepdim);

Array amax(const Array& x, const OptionalDims& dims, bool keepdim, Array* out);
Array amin(const Array& x, const OptionalDims& dims, bool keepdim, Array* out);
Array argmax(const Array& x, std::optional<int64_t> dim, bool keepdim, Array* out);  // none: of the flat tensor
Array argmin(const Array& x, std::optional<int64_t> dim, bool keepdim, Array* out);
std::pair<Array, Array> max_index(const Array& x, int64_t dim, bool keepdim);  // values, positions
std::pair<Array, Array> min_index(const Array& x, int64_t dim, bool keepdim);

Array any(const Array& x, const OptionalDims& dims, bool keepdim, Array* out);  // bool; of uint8: uint8
Array all(const Array& x, const OptionalDims& dims, bool keepdim, Array* out);
Array count_nonzero(const Array& x, const OptionalDims& dims);

}  // namespace tx
