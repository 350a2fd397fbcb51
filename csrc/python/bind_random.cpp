// Generator, and the samplers. Where a sampler takes a stream, Python passes a Generator, None (the default generator),
// or the pair (seed, stream) that replays an earlier call.
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include <pybind11/pybind11.h>

#include "../cuda_library.h"
#include "../functions/random.h"
#include "../promotion.h"
#include "bind.h"
#include "sizes.h"

namespace py = pybind11;

namespace tx::python {

namespace {

// A seed and the number of the next stream. Changed under the GIL only.
struct Generator {
  static constexpr uint64_t kDefaultSeed = 67280421310721;
  uint64_t seed = kDefaultSeed, next = 0;
  Device device = {};

  RandomStream take() {
    RandomStream taken{seed, next};
    next += kStreamsPerCall;
    return taken;
  }
  void reset(uint64_t new_seed) { seed = new_seed, next = 0; }
};

Generator* default_generator;

uint64_t random_seed() {
  std::random_device device;
  return uint64_t(device()) << 32 | device();
}

// Ints from -2^63 to 2^64 - 1; a negative one counts from 2^64, as in PyTorch.
uint64_t seed_from(py::handle o) {
  py::object number = py::reinterpret_steal<py::object>(PyNumber_Long(o.ptr()));
  if (!number) throw py::error_already_set();
  int overflow;
  long long v = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow == 0) return uint64_t(v);
  unsigned long long u = overflow > 0 ? PyLong_AsUnsignedLongLong(number.ptr()) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::Value, "Overflow when unpacking long long: a seed must be in [-2**63, 2**64)");
  }
  return u;
}

py::object state_of(const Generator& g) {
  Array a = empty({16}, DType::UInt8);
  std::memcpy(a.data(), &g.seed, 8);
  std::memcpy(a.data() + 8, &g.next, 8);
  return py::reinterpret_steal<py::object>(wrap(std::move(a)));
}

void set_state(Generator& g, py::handle o) {
  if (!is_tensor(o.ptr()) || as_tensor(o.ptr())->array.dtype != DType::UInt8)
    fail(ErrorKind::Type, "RNG state must be a tensorx.ByteTensor");
  const Array& a = as_tensor(o.ptr())->array;
  if (a.numel() != 16 || !a.contiguous())
    fail(ErrorKind::Runtime, "RNG state is wrong size: expected 16 bytes, got ", a.numel());
  std::memcpy(&g.seed, a.data(), 8);
  std::memcpy(&g.next, a.data() + 8, 8);
}

}  // namespace

std::vector<std::unique_ptr<Generator>> of_cuda;

// The generator of a device: one per CUDA device, so that its draws do not change what the CPU draws next.
Generator& generator_of(Device device) {
  if (device.type == DeviceType::CPU) return *default_generator;
  while (of_cuda.size() <= size_t(device.index)) {
    of_cuda.push_back(std::make_unique<Generator>(*default_generator));
    of_cuda.back()->device = {DeviceType::CUDA, int8_t(of_cuda.size() - 1)};
    of_cuda.back()->next = 0;
  }
  return *of_cuda[size_t(device.index)];
}

// Where a sampler's numbers come from: given by the caller, or the generator of the device that it runs on.
struct Source {
  std::optional<RandomStream> given;
  RandomStream on(Device device) const { return given ? *given : generator_of(device).take(); }
};

template <> struct Arg<Source> {
  static Source get(PyObject* o, int i) {
    if (o == Py_None) return {};
    if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2)
      return {RandomStream{PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(o, 0)),
                           PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(o, 1))}};
    if (!py::isinstance<Generator>(o)) throw BadArgument{i, "Generator"};
    return {py::cast<Generator&>(py::handle(o)).take()};
  }
};

namespace {

// (seed, stream) for one call of a sampler, from a generator.
Forward take_stream() {
  return {"take_stream", 1, false,
          [](PyObject* const* args, Array*) -> PyObject* {
            const Source source = Arg<Source>::get(args[0], 0);
            const RandomStream s = source.given ? *source.given : default_generator->take();
            return Py_BuildValue("(KK)", (unsigned long long)s.seed, (unsigned long long)s.stream);
          },
          true};
}

DType floating_or_default(std::optional<DType> dtype) { return dtype.value_or(default_dtype()); }

Array rand(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, floating_or_default(dtype), device.value_or(Device{}));
  return uniform(target, 0, 1, source.on(target.device()), &target);
}
Array randn(const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device, Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, floating_or_default(dtype), device.value_or(Device{}));
  return normal(target, 0, 1, source.on(target.device()), &target);
}
Array randint(int64_t low, int64_t high, const Sizes& sizes, std::optional<DType> dtype, std::optional<Device> device,
              Source source, Array* out) {
  Array target = out ? *out : empty(sizes.dims, dtype.value_or(DType::Int64), device.value_or(Device{}));
  return random_integers(target, low, high, source.on(target.device()), &target);
}
Array randperm(int64_t n, std::optional<DType> dtype, std::optional<Device> device, Source source) {
  const Device place = device.value_or(Device{});
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
  auto m = py::reinterpret_borrow<py::module_>(module);
  py::class_<Generator> cls(m, "Generator", "A source of random numbers: a seed, and how far its numbers are used up.");
  cls.attr("__module__") = "tensorx";
  cls.def(py::init([](py::handle device) {
            Device d;
            if (!parse_device(device.ptr(), &d)) throw py::error_already_set();
            if (d.type == DeviceType::CUDA) cuda_library().use_device(d.index);  // raises where there is none
            Generator g;
            g.device = d;
            return g;
          }),
          py::arg("device") = "cpu")
      .def(
          "manual_seed",
          [](py::object self, py::handle seed) {
            self.cast<Generator&>().reset(seed_from(seed));
            return self;
          },
          py::arg("seed"), "Start again from a seed; returns the generator.")
      .def(
          "seed",
          [](Generator& g) {
            g.reset(random_seed());
            return g.seed;
          },
          "Start again from a seed that nobody can know; returns it.")
      .def(
          "initial_seed", [](const Generator& g) { return g.seed; }, "The seed last set.")
      .def("get_state", &state_of, "The state as a tensor of bytes.")
      .def("set_state", &set_state, py::arg("new_state"), "Continue from a state that get_state gave.")
      .def(
          "clone_state", [](const Generator& g) { return Generator(g); }, "A generator in the same state.")
      .def(
          "graphsafe_get_state", [](const Generator& g) { return Generator(g); },
          "The state as a generator of its own, for graphsafe_set_state.")
      .def(
          "graphsafe_set_state",
          [](py::object self, const Generator& state) {
            Generator& g = self.cast<Generator&>();
            g.seed = state.seed;
            g.next = state.next;
            return self;
          },
          py::arg("state"), "Continue from the state of another generator; returns this one.")
      .def(
          "get_offset", [](const Generator& g) { return g.next; }, "The number of the next stream of random numbers.")
      .def(
          "set_offset", [](Generator& g, uint64_t offset) { g.next = offset; }, py::arg("offset"),
          "Continue from a stream number that get_offset gave.")
      .def_property_readonly(
          "device", [](const Generator& g) { return py::reinterpret_steal<py::object>(device_object(g.device)); })
      .def(py::pickle([](const Generator& g) { return py::make_tuple(g.seed, g.next); },
                      [](const py::tuple& t) { return Generator{t[0].cast<uint64_t>(), t[1].cast<uint64_t>()}; }));
  py::object made = py::cast(Generator{random_seed(), 0});
  m.attr("default_generator") = made;
  default_generator = &py::cast<Generator&>(made);
  made.inc_ref();  // the samplers use it for as long as the process lives

  m.def(
      "cuda_generator",
      [](int device) -> Generator& {
        cuda_library().use_device(device);
        return generator_of({DeviceType::CUDA, int8_t(device)});
      },
      py::return_value_policy::reference);

  m.def("cuda_generator_count", [] { return of_cuda.size(); });
  m.def("seed_cuda_generators", [](uint64_t seed) {
    for (auto& generator : of_cuda) generator->reset(seed);
  });

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
