// Views: new shape and strides over the same storage. Nothing here touches an element.
#pragma once
#include <optional>
#include <vector>

#include "../array.h"

namespace tx {

Array view(const Array& x, const Dims& shape);  // one size may be -1; raises where a copy would be needed
Array view_dtype(const Array& x, DType dtype);  // the same bytes; sizes scale the last dimension
Array reshape(const Array& x, const Dims& shape);  // a view where possible, else a copy
Array flatten(const Array& x, int64_t start, int64_t end);
Array expand(const Array& x, const Dims& shape);  // -1 keeps a size; new dimensions go in front
Array permute(const Array& x, const Dims& order);
Array transpose(const Array& x, int64_t a, int64_t b);
Array t(const Array& x);
Array squeeze(const Array& x, const std::optional<Dims>& dims);
Array unsqueeze(const Array& x, int64_t dim);
Array narrow(const Array& x, int64_t dim, int64_t start, int64_t length);
Array select(const Array& x, int64_t dim, int64_t index);
Array slice(const Array& x, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step);
Array diagonal(const Array& x, int64_t offset, int64_t dim1, int64_t dim2);
Array unfold(const Array& x, int64_t dim, int64_t size, int64_t step);
Array as_strided(const Array& x, const Dims& shape, const Dims& strides, std::optional<int64_t> offset);
std::vector<Array> split(const Array& x, const std::vector<int64_t>& sizes, int64_t dim);
std::vector<Array> unbind(const Array& x, int64_t dim);

}  // namespace tx
