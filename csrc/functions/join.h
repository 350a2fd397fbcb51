// Joining and repeating arrays.
#pragma once
#include <optional>
#include <vector>

#include "../array.h"

namespace tx {

Dims broadcast_shape(const std::vector<Array>& tensors);
Array cat(const std::vector<Array>& tensors, int64_t dim, Array* out);
Array stack(const std::vector<Array>& tensors, int64_t dim, Array* out);
Array repeat(const Array& x, const Dims& repeats);
Array flip(const Array& x, const Dims& dims);
Array roll(const Array& x, const Dims& shifts, const std::optional<Dims>& dims);   // no dims: flattened
Array repeat_index(const Array& repeats,
                   std::optional<int64_t> output_size);   // 0 repeats[0] times, 1 repeats[1] times, ...

}  // namespace tx
