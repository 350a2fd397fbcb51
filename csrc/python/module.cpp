// The extension module tensorx._C. What is bound by pybind11 is all here, for its headers take ten seconds to compile: the module
// and two classes, Generator and GradMode; and who hands generators out.
#include <cstring>
#include <memory>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "../cuda_library.h"
#include "autocast.h"
#include "bind.h"
#include "generator.h"
#include "node.h"
#include "op.h"
#include "saved.h"
#include "subscript.h"

namespace py = pybind11;

namespace tx::python {

namespace {

Generator* default_generator;
std::vector<std::unique_ptr<Generator>> of_cuda;

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

// The context manager behind no_grad and its like. In C++ because an interrupt is only looked at between Python
// instructions: entering and leaving are one each, so Ctrl-C cannot fall between changing a flag and remembering it.
class GradMode {
 public:
  GradMode(bool grad, std::optional<bool> inference) : grad_(grad), inference_(inference) {}

  void enter() {
    before_.emplace_back(grad_enabled, inference_enabled);
    grad_enabled = grad_;
    if (inference_) inference_enabled = *inference_;
  }

  void exit(py::args) {
    if (before_.empty()) fail(ErrorKind::Runtime, "a gradient mode was left that had not been entered");
    std::tie(grad_enabled, inference_enabled) = before_.back();
    before_.pop_back();
  }

 private:
  bool grad_;
  std::optional<bool> inference_;
  std::vector<std::pair<bool, bool>> before_;
};

}  // namespace

Generator& generator_of(Device device) {
  if (device.type == DeviceType::CPU) return *default_generator;
  while (of_cuda.size() <= size_t(device.index)) {
    of_cuda.push_back(std::make_unique<Generator>(*default_generator));
    of_cuda.back()->device = {DeviceType::CUDA, int8_t(of_cuda.size() - 1)};
    of_cuda.back()->next = 0;
  }
  return *of_cuda[size_t(device.index)];
}

Source Arg<Source>::get(PyObject* o, int i) {
  if (o == Py_None) return {};
  if (PyTuple_Check(o) && PyTuple_GET_SIZE(o) == 2)
    return {RandomStream{PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(o, 0)),
                         PyLong_AsUnsignedLongLongMask(PyTuple_GET_ITEM(o, 1))}};
  if (!py::isinstance<Generator>(o)) throw BadArgument{i, "Generator"};
  return {py::cast<Generator&>(py::handle(o)).take()};
}

namespace {

void bind_classes(py::module_& m) {
  py::class_<GradMode>(m, "GradMode", py::dynamic_attr())
      .def(py::init<bool, std::optional<bool>>())
      .def("__enter__", &GradMode::enter)
      .def("__exit__", &GradMode::exit);

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
}

}  // namespace
}  // namespace tx::python

PYBIND11_MODULE(_C, m) {
  using namespace tx::python;
  m.doc() = "The C++ side of tensorx: arrays, kernels and the call of an op.";
  PyObject* module = m.ptr();
  if (!init_objects(module) || !init_forward_type(module) || !init_tensor_type(module) || !init_op_type(module) ||
      !init_saved_type(module) || !init_node_type(module) || !init_backlog_type(module) || !init_autocast(module))
    throw py::error_already_set();
  py::register_exception_translator([](std::exception_ptr e) {
    try {
      if (e) std::rethrow_exception(e);
    } catch (const tx::Error&) {
      set_error_from_exception();
    }
  });
  try {
    bind_classes(m);
    bind_elementwise(module);
    bind_shape(module);
    bind_data(module);
    bind_matmul(module);
    bind_optimizer(module);
    bind_index(module);
    bind_reduce(module);
    bind_scan(module);
    bind_softmax(module);
    bind_numpy(module);
    bind_shared(module);
    bind_dlpack(module);
    bind_creation(module);
    bind_random(module);
    bind_nn(module);
    bind_convolution(module);
    bind_system(module);
    bind_cuda(module);
  } catch (PythonError) {
    throw py::error_already_set();
  }
}
