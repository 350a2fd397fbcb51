// The CUDA library for Python: what tensorx.cuda is made of. Streams and events are their handles, as numbers.
#include "../cuda_library.h"
#include "../functions/copy.h"
#include "bind.h"

namespace tx::python {

namespace {

PyObject* properties(int device) {
  const cuda::DeviceProperties p = cuda_library().properties(device);
  return dict_of({{"name", to_python(p.name)},
                  {"major", to_python(p.major)},
                  {"minor", to_python(p.minor)},
                  {"total_memory", to_python(p.total_memory)},
                  {"multi_processor_count", to_python(p.multi_processor_count)},
                  {"warp_size", to_python(p.warp_size)},
                  {"max_threads_per_multi_processor", to_python(p.max_threads_per_multi_processor)},
                  {"regs_per_multiprocessor", to_python(p.regs_per_multiprocessor)},
                  {"shared_memory_per_block", to_python(p.shared_memory_per_block)},
                  {"shared_memory_per_block_optin", to_python(p.shared_memory_per_block_optin)},
                  {"shared_memory_per_multiprocessor", to_python(p.shared_memory_per_multiprocessor)},
                  {"L2_cache_size", to_python(p.l2_cache_size)},
                  {"clock_rate", to_python(p.clock_rate)},
                  {"memory_clock_rate", to_python(p.memory_clock_rate)},
                  {"memory_bus_width", to_python(p.memory_bus_width)},
                  {"is_integrated", to_python(p.is_integrated)},
                  {"is_multi_gpu_board", to_python(p.is_multi_gpu_board)},
                  {"uuid", to_python(p.uuid)}});
}

PyObject* as_dict(const cuda::Statistic& s) {
  return dict_of({{"current", to_python(s.current)},
                  {"peak", to_python(s.peak)},
                  {"allocated", to_python(s.allocated)},
                  {"freed", to_python(s.freed)}});
}

PyObject* memory_stats(int device) {
  const cuda::MemoryStats s = cuda_library().memory_stats(device);
#define X(name)                                         \
  {#name, dict_of({{"all", as_dict(s.all.name)},        \
                   {"small_pool", as_dict(s.small_pool.name)}, \
                   {"large_pool", as_dict(s.large_pool.name)}})},
  return dict_of({TX_MEMORY_STATISTICS(X){"num_alloc_retries", to_python(s.retries)},
                  {"num_ooms", to_python(s.out_of_memory)},
                  {"num_device_alloc", to_python(s.device_allocations)},
                  {"num_device_free", to_python(s.device_frees)}});
#undef X
}

PyObject* pinned_stats() {
  const cuda::PinnedStats s = cuda_library().pinned_stats();
  return dict_of({{"allocations", as_dict(s.allocations)},
                  {"allocated_bytes", as_dict(s.allocated_bytes)},
                  {"active_requests", as_dict(s.active_requests)},
                  {"active_bytes", as_dict(s.active_bytes)}});
}

// Bytes that tensors hold, and most that they held; bytes from the driver, and the most of these.
std::tuple<int64_t, int64_t, int64_t, int64_t> memory_held(int device) {
  const cuda::PoolStats all = cuda_library().memory_stats(device).all;
  return {all.allocated_bytes.current, all.allocated_bytes.peak, all.reserved_bytes.current, all.reserved_bytes.peak};
}

// (device, stream, small, segment, address, size, requested, state)
using Block = std::tuple<int, uint64_t, bool, uint64_t, uint64_t, uint64_t, uint64_t, int>;
std::vector<Block> memory_blocks() {
  auto number = [](const void* p) { return uint64_t(reinterpret_cast<uintptr_t>(p)); };
  std::vector<Block> found;
  for (const cuda::MemoryBlock& b : cuda_library().memory_blocks())
    found.emplace_back(b.device, number(b.stream), b.small, number(b.segment), number(b.address), b.size, b.requested,
                       int(b.state));
  return found;
}

std::pair<uint64_t, uint64_t> memory_info(int device) {
  size_t free, total;
  cuda_library().memory_info(device, &free, &total);
  return {free, total};
}

// A function of the library. `waits`: for the device, so other Python threads run meanwhile.
template <auto member, bool waits> struct Entry;
template <class R, class... A, R (*cuda::Library::*member)(A...), bool waits>
struct Entry<member, waits> {
  static R call(A... arguments) {
    ReleaseGil release(waits);
    return (cuda_library().*member)(arguments...);
  }
};
template <auto member, bool waits = false>
void bind_entry(PyObject* module, const char* name) {
  bind<&Entry<member, waits>::call>(module, name);
}

std::string architectures() { return cuda_library().architectures; }

bool is_emulated() { return has_cuda_library() && cuda_library().emulated; }

bool is_pinned(const Array& x) {
  return x.device().type == DeviceType::CPU && has_cuda_library() && x.numel() && cuda_library().is_pinned(x.data());
}

void record_stream(const Array& x, void* stream) {
  if (x.device().type == DeviceType::CUDA) cuda_library().record_stream(x.storage->data, stream);
}

}  // namespace

void bind_cuda(PyObject* m) {
  using cuda::Library;
  constexpr bool waits = true;
  bind<&tx::to_device>(m, "to_device");
  bind<&tx::pinned>(m, "pinned");
  bind<&is_pinned>(m, "is_pinned");
  bind<&record_stream>(m, "record_stream");

  bind<&has_cuda_library>(m, "cuda_is_built");
  bind<&is_emulated>(m, "cuda_is_emulated");
  bind<&cuda_device_count>(m, "cuda_device_count");
  bind<&architectures>(m, "cuda_architectures");
  bind_entry<&Library::unavailable>(m, "cuda_unavailable");
  bind<&cuda_was_used>(m, "cuda_was_used");
  bind<&current_cuda_device>(m, "cuda_current_device");
  bind<&set_current_cuda_device>(m, "cuda_set_device");
  bind<&properties>(m, "cuda_properties");
  bind_entry<&Library::runtime_version>(m, "cuda_runtime_version");
  bind_entry<&Library::driver_version>(m, "cuda_driver_version");
  bind_entry<&Library::can_access_peer>(m, "cuda_can_access_peer");
  bind_entry<&Library::synchronize, waits>(m, "cuda_synchronize");
  bind<&memory_info>(m, "cuda_memory_info");
  bind_entry<&Library::allocate>(m, "cuda_allocate");
  bind_entry<&Library::deallocate>(m, "cuda_deallocate");
  bind<&memory_stats>(m, "cuda_memory_stats");
  bind<&memory_held>(m, "cuda_memory_held");
  bind<&memory_blocks>(m, "cuda_memory_blocks");
  bind<&pinned_stats>(m, "cuda_pinned_stats");
  bind_entry<&Library::reset_peak_memory>(m, "cuda_reset_peak_memory");
  bind_entry<&Library::reset_accumulated_memory>(m, "cuda_reset_accumulated_memory");
  bind_entry<&Library::reset_peak_pinned>(m, "cuda_reset_peak_pinned");
  bind_entry<&Library::reset_accumulated_pinned>(m, "cuda_reset_accumulated_pinned");
  bind_entry<&Library::empty_cache, waits>(m, "cuda_empty_cache");
  bind_entry<&Library::empty_pinned_cache, waits>(m, "cuda_empty_pinned_cache");
  bind_entry<&Library::set_memory_fraction>(m, "cuda_set_memory_fraction");
  bind_entry<&Library::memory_fraction>(m, "cuda_memory_fraction");
  bind_entry<&Library::start_profiler>(m, "cuda_start_profiler");
  bind_entry<&Library::stop_profiler>(m, "cuda_stop_profiler");

  bind_entry<&Library::current_stream>(m, "cuda_current_stream");
  bind_entry<&Library::default_stream>(m, "cuda_default_stream");
  bind_entry<&Library::set_stream>(m, "cuda_set_stream");
  bind_entry<&Library::new_stream>(m, "cuda_new_stream");
  bind_entry<&Library::query_stream>(m, "cuda_query_stream");
  bind_entry<&Library::synchronize_stream, waits>(m, "cuda_synchronize_stream");
  bind_entry<&Library::stream_wait_event>(m, "cuda_stream_wait_event");
  bind_entry<&Library::new_event>(m, "cuda_new_event");
  bind_entry<&Library::delete_event>(m, "cuda_delete_event");
  bind_entry<&Library::record_event>(m, "cuda_record_event");
  bind_entry<&Library::query_event>(m, "cuda_query_event");
  bind_entry<&Library::synchronize_event, waits>(m, "cuda_synchronize_event");
  bind_entry<&Library::elapsed_time>(m, "cuda_elapsed_time");
}

}  // namespace tx::python
