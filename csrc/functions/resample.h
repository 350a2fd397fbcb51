// Resampling along one dimension by a table of taps (kernels/resample.h), at array level. Interpolation, adaptive averages
// and sampling at the points of a grid are all made of it. The functions are each other's gradients: that of x is `resample`
// with the transposed table.
#pragma once
#include "../array.h"

namespace tx {

// x (tables, outer, in, inner); offsets (tables * points + 1) and index (taps) int64, weight (taps).
// Result (tables, outer, points, inner) of x's dtype; half types are computed in float.
Array resample(const Array& x, const Array& offsets, const Array& index, const Array& weight);
// The gradient of weight: g (tables, outer, points, inner), result (taps).
Array resample_weight(const Array& g, const Array& x, const Array& offsets, const Array& index);

}  // namespace tx
