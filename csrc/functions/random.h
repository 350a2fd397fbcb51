// Samplers and dropout of whole arrays. The in-place methods pass `out`; else a fresh array in the shape of x is made.
#pragma once
#include <optional>

#include "../array.h"
#include "../kernels/random.h"

namespace tx {

// Streams that one call may use up: samplers that reject draw again from the streams that follow theirs.
constexpr uint64_t kStreamsPerCall = 1 << 16;

Array uniform(const Array& x, double from, double to, RandomStream random, Array* out);
Array normal(const Array& x, double mean, double deviation, RandomStream random, Array* out);
Array exponential(const Array& x, double rate, RandomStream random, Array* out);
Array random_integers(const Array& x, std::optional<int64_t> from, std::optional<int64_t> to, RandomStream random,
                      Array* out);
Array bernoulli(const Array& x, double p, RandomStream random, Array* out);
Array bernoulli_by(const Array& p, RandomStream random);             // each element by its own probability
Array poisson(const Array& rate, RandomStream random);
Array standard_gamma(const Array& shape, RandomStream random);
Array binomial(const Array& count, const Array& p, RandomStream random);  // of one shape and dtype
Array multinomial(const Array& weights, int64_t samples, bool replacement, RandomStream random);
Array permutation(int64_t n, DType dtype, Device device, RandomStream random);
Array dropout(const Array& x, double p, RandomStream random);        // linear in x; the mask follows from the stream

}  // namespace tx
