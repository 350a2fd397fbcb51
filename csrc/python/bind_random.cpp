// The samplers.
#include "../functions/creation.h"
#include "bind.h"
#include "generator.h"
#include "sizes.h"

namespace tx::python {

namespace {

// (seed, stream) for one call of a sampler, from a generator.
Forward take_stream() {
  return {"take_stream", 1, false,
          [](PyObject* const* args, Array*) -> PyObject* {
            const Source source = Arg<Source>::get(args[0], 0);
            const RandomStream s = source.given ? *source.given : generator_of({}).take();
            return Py_BuildValue("(KK)", (unsigned long long)s.seed, (unsigned long long)s.stream);
          },
          true};
}

DType floating_or_default(std::optional<DType> dtype) { return dtype.value_or(default_dtype()); }

Array rand(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, floating_or_default(dtype), or_default(device));
  return uniform(target, 0, 1, source.on(target.device()), &target);
}
Array randn(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, floating_or_default(dtype), or_default(device));
  return normal(target, 0, 1, source.on(target.device()), &target);
}
Array randint(int64_t low, int64_t high, const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device,
              Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, dtype.value_or(DType::Int64), or_default(device));
  return random_integers(target, low, high, source.on(target.device()), &target);
}
Array randperm(int64_t n, std::optional<DType> dtype, std::optional<Device> device, Source source) {
  const Device place = or_default(device);
  return permutation(n, dtype.value_or(DType::Int64), place, source.on(place));
}

// A sampler of functions/random.h with a Source in place of its stream: drawn on the device of its first argument.
template <auto function, class... A>
Array draw(const Array& x, A... arguments, Source source, Array* out) {
  return function(x, arguments..., source.on(x.device()), out);
}
template <auto function, class... A>
Array draw_new(const Array& x, A... arguments, Source source) {
  return function(x, arguments..., source.on(x.device()));
}

}  // namespace

void bind_random(PyObject* module) {
  // true: these draw random numbers
  if (!add_forward(module, "take_stream", take_stream())) throw PythonError{};
  bind<&rand>(module, "rand", true);
  bind<&randn>(module, "randn", true);
  bind<&randint>(module, "randint", true);
  bind<&randperm>(module, "randperm", true);
  bind<&draw<&tx::uniform, double, double>>(module, "uniform", true);
  bind<&draw<&tx::normal, double, double>>(module, "normal", true);
  bind<&draw<&tx::exponential, double>>(module, "exponential", true);
  bind<&draw<&tx::random_integers, std::optional<int64_t>, std::optional<int64_t>>>(module, "random_integers", true);
  bind<&draw<&tx::bernoulli, double>>(module, "bernoulli", true);
  bind<&draw_new<&tx::bernoulli_by>>(module, "bernoulli_by", true);
  bind<&draw_new<&tx::poisson>>(module, "poisson", true);
  bind<&draw_new<&tx::standard_gamma>>(module, "standard_gamma", true);
  bind<&draw_new<&tx::binomial, const Array&>>(module, "binomial", true);
  bind<&draw_new<&tx::multinomial, int64_t, bool>>(module, "multinomial", true);
  bind<&draw_new<&tx::dropout, double>>(module, "dropout");  // draws nothing: the stream is given
}

}  // namespace tx::python
