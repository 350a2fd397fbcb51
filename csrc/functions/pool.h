// Pooling over two spatial dimensions at array level; x is (batch, channels, h, w). Sizes in Dims are (h, w).
#pragma once
#include <utility>

#include "../array.h"

namespace tx {

// (maxima, positions within each plane)
std::pair<Array, Array> max_pool(const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding,
                                 const Dims& dilation, bool ceil_mode);
// The gradient of an input of spatial `size`.
Array max_pool_grad(const Array& g, const Array& indices, const Dims& size, const Dims& kernel, const Dims& stride,
                    const Dims& padding, const Dims& dilation);

Array average_pool(const Array& x, const Dims& kernel, const Dims& stride, const Dims& padding, bool ceil_mode,
                   bool count_include_pad, int64_t divisor);
Array average_pool_grad(const Array& g, const Dims& size, const Dims& kernel, const Dims& stride, const Dims& padding,
                        bool count_include_pad, int64_t divisor);

}  // namespace tx
