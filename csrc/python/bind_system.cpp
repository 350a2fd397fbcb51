// What is not an op: modes, dtypes, threads, memory, the build.
#include <utility>

#include "../cpu/allocator.h"
#include "../cpu/parallel.h"
#include "../kernels.h"
#include "bind.h"

namespace tx::python {

static void add_type(PyObject* o, int i, ResultType& type) {
  Scalar s;
  if (is_tensor(o)) type.add(as_tensor(o)->array);
  else if (scalar_from(o, &s)) type.add(s);
  else throw BadArgument{i, "Tensor or number"};
}

static DType result_type(PyObject* a, PyObject* b) {
  ResultType type;
  add_type(a, 0, type);
  add_type(b, 1, type);
  return type.get();
}

static bool is_grad_enabled() { return grad_enabled; }
static bool is_inference_enabled() { return inference_enabled; }
static bool swap_grad_enabled(bool on) { return std::exchange(grad_enabled, on); }
static bool swap_inference_enabled(bool on) { return std::exchange(inference_enabled, on); }

static void set_threads(int n) {
  if (n < 1) fail(ErrorKind::Runtime, "set_num_threads(): expected a positive number of threads, got ", n);
  set_num_threads(n);
}

static PyObject* memory() {
  const MemoryStats s = memory_stats();
  return dict_of({{"allocated", to_python(s.allocated)},
                  {"peak_allocated", to_python(s.peak_allocated)},
                  {"cached", to_python(s.cached)},
                  {"allocations", to_python(s.allocations)},
                  {"cache_hits", to_python(s.cache_hits)}});
}

void bind_system(PyObject* module) {
  bind<&is_grad_enabled>(module, "is_grad_enabled");
  bind<&swap_grad_enabled>(module, "set_grad_enabled");
  bind<&is_inference_enabled>(module, "is_inference_enabled");
  bind<&swap_inference_enabled>(module, "set_inference_enabled");

  bind<&default_dtype>(module, "get_default_dtype");
  bind<&set_default_dtype>(module, "set_default_dtype");
  bind<&promote_types>(module, "promote_types");
  bind<&can_cast>(module, "can_cast");
  bind<&result_type>(module, "result_type");

  bind<&num_threads>(module, "get_num_threads");
  bind<&set_threads>(module, "set_num_threads");
  bind<&isa_name>(module, "isa_name");
  bind<&built_isas>(module, "built_isas");
  if (PyModule_AddStringConstant(module, "compiler", __VERSION__) < 0 ||
      PyModule_AddStringConstant(module, "version", TX_VERSION) < 0)
    throw PythonError{};

  bind<&memory>(module, "memory_stats");
  bind<&reset_peak_memory>(module, "reset_peak_memory");
  bind<&empty_cache>(module, "empty_cache");
  bind<&set_memory_limit>(module, "set_memory_limit");
  bind<&fail_allocation>(module, "fail_allocation");
}

}  // namespace tx::python
