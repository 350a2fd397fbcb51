// Sorting, ranks, search in sorted data, and distinct values. NaN counts as the largest value.
#pragma once
#include <optional>
#include <tuple>

#include "../promotion.h"

namespace tx {

std::pair<Array, Array> sort(const Array& x, int64_t dim, bool descending);               // values, indices; stable
Array argsort(const Array& x, int64_t dim, bool descending);
std::pair<Array, Array> topk(const Array& x, int64_t k, int64_t dim, bool largest);       // sorted
std::pair<Array, Array> kthvalue(const Array& x, int64_t k, int64_t dim, bool keepdim);   // k counts from 1
std::pair<Array, Array> median(const Array& x, int64_t dim, bool keepdim, bool ignore_nan);
Array searchsorted(const char* op, const Array& sorted, const Operand& values, bool right,
                   const std::optional<Array>& sorter, bool out_int32);
// Values, for each element of x which of them it is, and how often each occurs. `consecutive`: only neighbours count as
// equal. With dim: slices instead of elements.
std::tuple<Array, Array, Array> unique(const Array& x, std::optional<int64_t> dim, bool consecutive);

}  // namespace tx
