// Reading and writing elements that an index or a mask names.
//
// The functions with `out` write in place when it is given: it is then x itself. Otherwise they work on a copy of x.
#pragma once
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "../kernels/index.h"
#include "../promotion.h"

namespace tx {

Array gather(const Array& x, int64_t dim, const Array& index);
Array scatter(const Array& x, int64_t dim, const Array& index, const Operand& src, std::string_view reduce, Array* out);
Array index_select(const Array& x, int64_t dim, const Array& index);
// x with the slices that `index` names combined with those of source: reduce "set", "sum", "prod", "amax", "amin".
Array index_reduce(const Array& x, int64_t dim, const Array& index, const Operand& source, std::string_view reduce,
                   Array* out);
Array take(const Array& x, const Array& index);
Array put(const Array& x, const Array& index, const Array& source, bool accumulate, Array* out);
// Rows of weight (n, d). The last two parameters are the gradient's.
Array embedding(const Array& weight, const Array& index, int64_t padding_index, bool scale_by_frequency);

Array masked_fill(const Array& x, const Array& mask, const Operand& value, Array* out);
Array masked_select(const Array& x, const Array& mask);
Array masked_scatter(const Array& x, const Array& mask, const Array& source, Array* out);
Array nonzero(const Array& x);                                         // (n, ndim), int64
std::vector<Array> nonzero_columns(const Array& x);                    // one (n) per dimension

Array triangle(const Array& x, int64_t diagonal, bool upper, Array* out);
Array triangle_indices(int64_t rows, int64_t columns, int64_t diagonal, bool upper, std::optional<Device> device);
Array diag_embed(const Array& x, int64_t offset, int64_t dim1, int64_t dim2);
// The smallest and the largest of integers; (0, -1) of none.
std::pair<int64_t, int64_t> index_bounds(const Array& index);

// ---- x[...] with tensors among its indices

// What is left of an index once ints, slices, None and Ellipsis have made a view: for some of its dimensions, an array.
struct AdvancedIndex {
  Array view;
  struct Part {
    int dim;  // the first dimension of `view` it indexes
    Array index;  // integers: one dimension; bools: as many as it has itself
  };
  std::vector<Part> parts;  // by rising dim
};

Array index_get(AdvancedIndex index);
void index_set(AdvancedIndex index, const Operand& value, bool accumulate);

// An index of any integer type as int64, contiguous; raises IndexError for other types.
Array index_array(const char* op, const Array& index);

}  // namespace tx
