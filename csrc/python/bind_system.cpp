// What is not an op: modes, dtypes, threads, memory, the build.
#include <tuple>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include "../cpu/allocator.h"
#include "../cpu/parallel.h"
#include "../kernels.h"
#include "bind.h"

namespace py = pybind11;

namespace tx::python {

static DType dtype_argument(py::handle o, const char* op) {
  if (!is_dtype(o.ptr())) fail(ErrorKind::Type, op, "(): expected a tensorx.dtype, not ", Py_TYPE(o.ptr())->tp_name);
  return dtype_from(o.ptr());
}

static py::object dtype_result(DType t) { return py::reinterpret_borrow<py::object>(dtype_object(t)); }

static DType result_type_of(py::args operands) {
  ResultType type;
  for (py::handle o : operands) {
    Scalar s;
    if (is_tensor(o.ptr())) type.add(as_tensor(o.ptr())->array);
    else if (scalar_from(o.ptr(), &s)) type.add(s);
    else fail(ErrorKind::Type, "result_type(): expected tensors and numbers, not ", Py_TYPE(o.ptr())->tp_name);
  }
  return type.get();
}

static bool is_grad_enabled() { return grad_enabled; }
static bool is_inference_enabled() { return inference_enabled; }
static bool swap_grad_enabled(bool on) { return std::exchange(grad_enabled, on); }
static bool swap_inference_enabled(bool on) { return std::exchange(inference_enabled, on); }

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

void bind_system(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  py::class_<GradMode>(m, "GradMode", py::dynamic_attr())
      .def(py::init<bool, std::optional<bool>>())
      .def("__enter__", &GradMode::enter)
      .def("__exit__", &GradMode::exit);
  // Bound as forwards, for their speed: the engine and every custom Function call them.
  bind<&is_grad_enabled>(m.ptr(), "is_grad_enabled");
  bind<&swap_grad_enabled>(m.ptr(), "set_grad_enabled");
  bind<&is_inference_enabled>(m.ptr(), "is_inference_enabled");
  bind<&swap_inference_enabled>(m.ptr(), "set_inference_enabled");

  m.def("get_default_dtype", [] { return dtype_result(default_dtype()); });
  m.def("set_default_dtype", [](py::handle t) { set_default_dtype(dtype_argument(t, "set_default_dtype")); });
  m.def("promote_types", [](py::handle a, py::handle b) {
    return dtype_result(promote_types(dtype_argument(a, "promote_types"), dtype_argument(b, "promote_types")));
  });
  m.def("can_cast", [](py::handle a, py::handle b) {
    return can_cast(dtype_argument(a, "can_cast"), dtype_argument(b, "can_cast"));
  });
  m.def("result_type", [](py::args operands) { return dtype_result(result_type_of(operands)); });

  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", [](int n) {
    if (n < 1) fail(ErrorKind::Runtime, "set_num_threads(): expected a positive number of threads, got ", n);
    set_num_threads(n);
  });
  m.def("isa_name", &isa_name);
  m.def("built_isas", [] {
    py::list names;
    for (const std::string& name : built_isas()) names.append(name);
    return names;
  });
  m.attr("compiler") = __VERSION__;
  m.attr("version") = TX_VERSION;

  m.def("memory_stats", [] {
    MemoryStats s = memory_stats();
    py::dict d;
    d["allocated"] = s.allocated;
    d["peak_allocated"] = s.peak_allocated;
    d["cached"] = s.cached;
    d["allocations"] = s.allocations;
    d["cache_hits"] = s.cache_hits;
    return d;
  });
  m.def("reset_peak_memory", &reset_peak_memory);
  m.def("empty_cache", &empty_cache);
  m.def("set_memory_limit", &set_memory_limit);
  m.def("fail_allocation", &fail_allocation);
}

}  // namespace tx::python
