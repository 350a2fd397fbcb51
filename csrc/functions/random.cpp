#include "random.h"

#include <cmath>
#include <limits>

#include "../float_conversion.h"
#include "../kernels.h"
#include "complex.h"
#include "copy.h"
#include "elementwise.h"
#include "iterate.h"

namespace tx {

namespace {

void check_floating(const char* op, DType t) {
  if (!is_floating(t)) fail(ErrorKind::Runtime, op, "(): expected a floating point dtype, got ", dtype_name(t));
}

// Where a sampler writes: dense memory of the type it computes in.
Array sampled(const Array& like, DType computed) { return empty(like.shape, computed, like.device()); }

// Puts samples into `out`, or makes them the result: cast, and in x's memory order only where `out` has it.
Array deliver(const Array& samples, DType dtype, Array* out) {
  return out ? tx::deliver(samples, out) : cast(samples, dtype);
}

// The array that the kernel can write directly, without `deliver`.
bool direct(const Array* out, DType computed) { return out && out->dtype == computed && out->contiguous(); }

template <class Fill>
Array sample(const Array& x, DType computed, Array* out, const Fill& fill) {
  DType result = out ? out->dtype : x.dtype;
  Array samples = direct(out, computed) ? *out : sampled(x, computed);
  SampleArgs args{};
  args.dtype = computed;
  args.out = samples.data();
  args.n = samples.numel();
  if (args.n) fill(args, kernels(samples.device()));
  if (direct(out, computed)) return samples;
  return deliver(samples, result, out);
}

// The largest value of a float type below `to`, at least `from`: a product and sum of floats may round up to `to`.
double largest_below(double from, double to, DType t) {
  double v;
  if (t == DType::Float64) {
    v = std::nextafter(to, -INFINITY);
  } else if (t == DType::Float32) {
    float f = float(to);
    v = double(f) < to ? f : std::nextafterf(f, -INFINITY);
  } else {
    float f = float(to);                                       // step down by half-type units until below
    double unit = std::ldexp(1.0, std::max(std::ilogb(f == 0 ? 1.0f : f), -14) - (t == DType::Float16 ? 10 : 7));
    v = to - unit;
  }
  return std::max(v, from);
}

double largest(DType t) {
  switch (t) {
    case DType::Float16: return 65504;
    case DType::BFloat16: return 3.3895313892515355e38;
    case DType::Float32: return std::numeric_limits<float>::max();
    default: return std::numeric_limits<double>::max();
  }
}

}  // namespace

// Complex samples have independent parts.
template <class F>
static Array sample_parts(const Array& x, Array* out, const F& sample_reals) {
  const Array target = out ? *out : empty(x.shape, x.dtype, x.device());
  Array parts = view_as_real(target);
  sample_reals(parts, &parts);
  return target;
}

Array uniform(const Array& x, double from, double to, RandomStream random, Array* out) {
  if (is_complex(x.dtype))
    return sample_parts(x, out, [&](const Array& y, Array* to_y) { uniform(y, from, to, random, to_y); });
  check_floating("uniform_", x.dtype);
  double most = largest(x.dtype);
  if (!(from >= -most && from <= most) || !(to >= -most && to <= most))
    fail(ErrorKind::Runtime, "uniform_(): from and to must be within the limits of ", dtype_name(x.dtype),
         ", got from=", from, ", to=", to);
  if (from > to)
    fail(ErrorKind::Runtime, "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  if (to - from > most)
    fail(ErrorKind::Runtime, "uniform_ expects to-from <= the largest ", dtype_name(x.dtype), ", but found to=", to,
         " and from=", from);
  return sample(x, compute_dtype(x.dtype), out, [&](SampleArgs& a, const Kernels& k) {
    a.a = from;
    a.b = to;
    a.limit = largest_below(from, to, x.dtype);
    a.bits = x.dtype == DType::Float16 ? 11 : x.dtype == DType::BFloat16 ? 8 : 24;
    a.random = random;
    k.sample_uniform(a);
  });
}

Array normal(const Array& x, double mean, double deviation, RandomStream random, Array* out) {
  if (is_complex(x.dtype)) {  // each part has half of the variance
    const Array samples = sample_parts(
        x, out, [&](const Array& y, Array* to_y) { normal(y, 0, deviation * std::sqrt(0.5), random, to_y); });
    Array parts = real(samples);
    if (mean != 0) add(parts, Scalar(mean), &parts);
    return samples;
  }
  check_floating("normal_", x.dtype);
  if (!(deviation >= 0)) fail(ErrorKind::Runtime, "normal expects std >= 0.0, but found std ", deviation);
  return sample(x, compute_dtype(x.dtype), out, [&](SampleArgs& a, const Kernels& k) {
    a.a = mean;
    a.b = deviation;
    a.random = random;
    k.sample_normal(a);
  });
}

Array exponential(const Array& x, double rate, RandomStream random, Array* out) {
  check_floating("exponential_", x.dtype);
  if (!(rate > 0)) fail(ErrorKind::Runtime, "exponential_ expects lambda > 0.0, but found lambda=", rate);
  return sample(x, compute_dtype(x.dtype), out, [&](SampleArgs& a, const Kernels& k) {
    a.a = rate;
    a.random = random;
    k.sample_exponential(a);
  });
}

// Floats take the integers that they hold exactly.
static int64_t largest_integer(DType t) {
  switch (t) {
    case DType::Bool: return 1;
    case DType::Float16: return int64_t(1) << 11;
    case DType::BFloat16: return int64_t(1) << 8;
    case DType::Float32:
    case DType::Complex64: return int64_t(1) << 24;
    case DType::Float64:
    case DType::Complex128: return int64_t(1) << 53;
    case DType::UInt8: return 255;
    case DType::UInt16: return 65535;
    case DType::UInt32: return int64_t(4294967295);
    case DType::UInt64: return INT64_MAX;
    default: return int64_t((uint64_t(1) << (8 * itemsize(t) - 1)) - 1);
  }
}

Array random_integers(const Array& x, std::optional<int64_t> from, std::optional<int64_t> to, RandomStream random,
                      Array* out) {
  int64_t most = largest_integer(x.dtype);
  if (is_complex(x.dtype)) unsupported("random_", x.dtype);
  int64_t least = is_floating(x.dtype) ? -most : is_signed(x.dtype) ? -most - 1 : 0;
  int64_t low = from.value_or(0);
  uint64_t range =
      to ? uint64_t(*to) - uint64_t(low) : uint64_t(most) - uint64_t(low) + 1;      // without `to`: all from low on
  if (to && low >= *to)
    fail(ErrorKind::Runtime, "random_ expects 'from' to be less than 'to', but got from=", low, " >= to=", *to);
  int64_t high = to ? *to - 1 : most;
  if (low < least || low > most)
    fail(ErrorKind::Runtime, "from is out of bounds for ", dtype_name(x.dtype), ": got ", low);
  if (high < least || high > most)
    fail(ErrorKind::Runtime, "to - 1 is out of bounds for ", dtype_name(x.dtype), ": got ", high);
  return sample(x, DType::Int64, out, [&](SampleArgs& a, const Kernels& k) {
    a.low = low;
    a.range = range;
    a.random = random;
    k.sample_integers(a);
  });
}

Array bernoulli(const Array& x, double p, RandomStream random, Array* out) {
  if (!(p >= 0 && p <= 1)) fail(ErrorKind::Runtime, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  Array u = uniform(empty(x.shape, DType::Float32, x.device()), 0, 1, random, nullptr);
  return deliver(lt(u, Scalar(p), nullptr), out ? out->dtype : x.dtype, out);
}

Array bernoulli_by(const Array& p, RandomStream random) {
  check_floating("bernoulli", p.dtype);
  Array u = uniform(empty(p.shape, compute_dtype(p.dtype), p.device()), 0, 1, random, nullptr);
  return cast(lt(u, p, nullptr), p.dtype);
}

// Samples of a kernel with one or two parameters for each element.
static Array variates(const Array& first, const Array* second, RandomStream random,
                      void (*Kernels::*kernel)(const VariateArgs&), const char* expected) {
  const DType computed = compute_dtype(first.dtype);
  Array a = contiguous(cast(first, computed)), b, out = empty(first.shape, computed, first.device());
  if (second) b = contiguous(cast(*second, computed));
  int invalid = 0;
  if (out.numel())
    (kernels(out.device()).*
     kernel)({computed, a.data(), second ? b.data() : nullptr, out.data(), out.numel(), random, &invalid});
  if (invalid) fail(ErrorKind::Runtime, expected);
  return cast(out, first.dtype);
}

Array poisson(const Array& rate, RandomStream random) {
  check_floating("poisson", rate.dtype);
  return variates(rate, nullptr, random, &Kernels::sample_poisson,
                  "invalid Poisson rate, expected rate to be non-negative");
}

Array standard_gamma(const Array& shape, RandomStream random) {
  check_floating("standard_gamma", shape.dtype);
  return variates(shape, nullptr, random, &Kernels::sample_gamma,
                  "standard_gamma(): expected shapes (concentrations) that are finite and not negative");
}

Array binomial(const Array& count, const Array& p, RandomStream random) {
  check_floating("binomial", count.dtype);
  if (p.dtype != count.dtype || p.shape != count.shape || p.device() != count.device())
    fail(ErrorKind::Runtime, "binomial(): expected count and prob of the same dtype, shape and device, got ",
         dtype_name(count.dtype), " ", count.shape, " and ", dtype_name(p.dtype), " ", p.shape);
  return variates(count, &p, random, &Kernels::sample_binomial,
                  "binomial(): expected counts that are integers from 0 to 2**53, and probabilities from 0 to 1");
}

Array multinomial(const Array& weights, int64_t samples, bool replacement, RandomStream random) {
  check_floating("multinomial", weights.dtype);
  if (weights.ndim() < 1 || weights.ndim() > 2)
    fail(ErrorKind::Runtime, "prob_dist must be 1 or 2 dim, got shape ", weights.shape);
  int64_t categories = weights.shape.back(), rows = weights.ndim() == 2 ? weights.shape[0] : 1;
  if (samples <= 0) fail(ErrorKind::Runtime, "cannot sample n_sample <= 0 samples, got ", samples);
  if (!replacement && samples > categories)
    fail(ErrorKind::Runtime, "cannot sample n_sample > prob_dist.size(-1) samples without replacement: ", samples,
         " of ", categories);
  if (categories == 0 && rows)
    fail(ErrorKind::Runtime, "invalid multinomial distribution: no categories, the weights have shape ", weights.shape);
  Array w = contiguous(cast(weights, compute_dtype(weights.dtype)));
  Dims shape = weights.ndim() == 2 ? Dims{rows, samples} : Dims{samples};
  Array out = empty(shape, DType::Int64, w.device());
  if (out.numel() == 0) return out;
  Array scratch = empty({2, rows, categories}, DType::Float64, w.device());
  Array order;
  if (!replacement) order = empty({rows, categories}, DType::Int64, w.device());
  int invalid = 0;
  MultinomialArgs args{};
  args.dtype = w.dtype;
  args.weights = w.data();
  args.out = reinterpret_cast<int64_t*>(out.data());
  args.scratch = reinterpret_cast<double*>(scratch.data());
  args.order = replacement ? nullptr : reinterpret_cast<int64_t*>(order.data());
  args.rows = rows;
  args.categories = categories;
  args.samples = samples;
  args.random = random;
  args.invalid = &invalid;
  kernels(w.device()).sample_multinomial(args);
  if (invalid == 1) fail(ErrorKind::Runtime, "probability tensor contains either `inf`, `nan` or element < 0");
  if (invalid == 2) fail(ErrorKind::Runtime, "invalid multinomial distribution (sum of probabilities <= 0)");
  if (invalid == 3)
    fail(ErrorKind::Runtime,
         "invalid multinomial distribution (with replacement=False, not enough non-negative category to sample)");
  return out;
}

Array permutation(int64_t n, DType dtype, Device device, RandomStream random) {
  if (n < 0) fail(ErrorKind::Runtime, "n must be non-negative, got ", n);
  if (!is_floating(dtype) && n - 1 > largest_integer(dtype))
    fail(ErrorKind::Runtime, "n is too large for result tensor type: ", n, " for ", dtype_name(dtype));
  Array out = empty({n}, DType::Int64, device);
  if (n) kernels(device).sample_permutation({reinterpret_cast<int64_t*>(out.data()), n, random});
  return cast(out, dtype);
}

Array dropout(const Array& x, double p, RandomStream random) {
  check_floating("dropout", x.dtype);
  if (!(p >= 0 && p <= 1)) fail(ErrorKind::Value, "dropout probability has to be between 0 and 1, but got ", p);
  Array in = contiguous(cast(x, compute_dtype(x.dtype))), out = empty(x.shape, in.dtype, x.device());
  if (out.numel()) kernels(out.device()).dropout({in.dtype, in.data(), out.data(), out.numel(), random, p});
  return cast(out, x.dtype);
}

}  // namespace tx
