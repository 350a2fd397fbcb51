// The CUDA library for Python: what tensorx.cuda is made of. Streams and events are their handles, as numbers.
#include <pybind11/stl.h>

#include "../cuda_library.h"
#include "../functions/copy.h"
#include "bind.h"

namespace py = pybind11;

namespace tx::python {

namespace {

using Handle = uintptr_t;
void* as_pointer(Handle handle) { return reinterpret_cast<void*>(handle); }
Handle as_handle(void* p) { return reinterpret_cast<Handle>(p); }

// For calls that wait for the device.
using Unlocked = py::call_guard<py::gil_scoped_release>;

py::dict properties(int device) {
  const cuda::DeviceProperties p = cuda_library().properties(device);
  py::dict d;
  d["name"] = p.name;
  d["major"] = p.major;
  d["minor"] = p.minor;
  d["total_memory"] = p.total_memory;
  d["multi_processor_count"] = p.multi_processor_count;
  d["warp_size"] = p.warp_size;
  d["max_threads_per_multi_processor"] = p.max_threads_per_multi_processor;
  d["regs_per_multiprocessor"] = p.regs_per_multiprocessor;
  d["shared_memory_per_block"] = p.shared_memory_per_block;
  d["shared_memory_per_block_optin"] = p.shared_memory_per_block_optin;
  d["shared_memory_per_multiprocessor"] = p.shared_memory_per_multiprocessor;
  d["L2_cache_size"] = p.l2_cache_size;
  d["is_integrated"] = p.is_integrated;
  d["is_multi_gpu_board"] = p.is_multi_gpu_board;
  d["uuid"] = p.uuid;
  return d;
}

py::dict memory_stats_of(int device) {
  const cuda::MemoryStats s = cuda_library().memory_stats(device);
  py::dict d;
  d["allocated"] = s.allocated;
  d["peak_allocated"] = s.peak_allocated;
  d["reserved"] = s.reserved;
  d["peak_reserved"] = s.peak_reserved;
  d["active"] = s.active;
  d["allocations"] = s.allocations;
  d["frees"] = s.frees;
  d["segments"] = s.segments;
  d["inactive_split"] = s.inactive_split;
  d["retries"] = s.retries;
  d["out_of_memory"] = s.out_of_memory;
  return d;
}

bool is_pinned(const Array& x) {
  return x.device().type == DeviceType::CPU && has_cuda_library() && x.numel() && cuda_library().is_pinned(x.data());
}

void record_stream(const Array& x, int64_t stream) {
  if (x.device().type == DeviceType::CUDA) cuda_library().record_stream(x.storage->data, as_pointer(Handle(stream)));
}

}  // namespace

void bind_cuda(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  bind<&tx::to_device>(m.ptr(), "to_device");
  bind<&tx::pinned>(m.ptr(), "pinned");
  bind<&is_pinned>(m.ptr(), "is_pinned");
  bind<&record_stream>(m.ptr(), "record_stream");

  m.def("cuda_is_built", &has_cuda_library);
  m.def("cuda_is_emulated", [] { return has_cuda_library() && cuda_library().emulated; });
  m.def("cuda_device_count", &cuda_device_count);
  m.def("cuda_unavailable", [] { return cuda_library().unavailable(); });
  m.def("cuda_was_used", &cuda_was_used);
  m.def("cuda_current_device", &current_cuda_device);
  m.def("cuda_set_device", &set_current_cuda_device);
  m.def("cuda_properties", &properties);
  m.def("cuda_runtime_version", [] { return cuda_library().runtime_version(); });
  m.def("cuda_driver_version", [] { return cuda_library().driver_version(); });
  m.def("cuda_can_access_peer", [](int device, int peer) { return cuda_library().can_access_peer(device, peer); });
  m.def("cuda_synchronize", [](int device) { cuda_library().synchronize(device); }, Unlocked());
  m.def("cuda_memory_info", [](int device) {
    size_t free, total;
    cuda_library().memory_info(device, &free, &total);
    return std::pair(free, total);
  });
  m.def("cuda_memory_stats", &memory_stats_of);
  m.def("cuda_reset_peak_memory", [](int device) { cuda_library().reset_peak_memory(device); });
  m.def("cuda_empty_cache", [] { cuda_library().empty_cache(); }, Unlocked());
  m.def("cuda_empty_pinned_cache", [] { cuda_library().empty_pinned_cache(); }, Unlocked());
  m.def("cuda_set_memory_fraction",
        [](int device, double fraction) { cuda_library().set_memory_fraction(device, fraction); });

  m.def("cuda_current_stream", [](int device) { return as_handle(cuda_library().current_stream(device)); });
  m.def("cuda_default_stream", [](int device) { return as_handle(cuda_library().default_stream(device)); });
  m.def("cuda_set_stream", [](int device, Handle stream) { cuda_library().set_stream(device, as_pointer(stream)); });
  m.def("cuda_new_stream",
        [](int device, int priority) { return as_handle(cuda_library().new_stream(device, priority)); });
  m.def("cuda_query_stream", [](Handle stream) { return cuda_library().query_stream(as_pointer(stream)); });
  m.def(
      "cuda_synchronize_stream", [](Handle stream) { cuda_library().synchronize_stream(as_pointer(stream)); },
      Unlocked());
  m.def("cuda_stream_wait_event",
        [](Handle stream, Handle event) { cuda_library().stream_wait_event(as_pointer(stream), as_pointer(event)); });
  m.def("cuda_new_event", [](int device, bool timing, bool blocking) {
    return as_handle(cuda_library().new_event(device, timing, blocking));
  });
  m.def("cuda_delete_event", [](Handle event) { cuda_library().delete_event(as_pointer(event)); });
  m.def("cuda_record_event",
        [](Handle event, Handle stream) { cuda_library().record_event(as_pointer(event), as_pointer(stream)); });
  m.def("cuda_query_event", [](Handle event) { return cuda_library().query_event(as_pointer(event)); });
  m.def(
      "cuda_synchronize_event", [](Handle event) { cuda_library().synchronize_event(as_pointer(event)); }, Unlocked());
  m.def("cuda_elapsed_time",
        [](Handle begin, Handle end) { return cuda_library().elapsed_time(as_pointer(begin), as_pointer(end)); });
}

}  // namespace tx::python
