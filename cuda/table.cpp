// The kernel table of CUDA devices, and what else this library offers.
#include "../csrc/kernel_table.h"

#include "emulation_hooks.h"
#include "runtime_internal.h"

namespace tx::cuda {

static const Library library = {
    .interface = TX_CUDA_INTERFACE,
    .emulated = kEmulated,
    .kernels = &table,
    .architectures = TX_CUDA_ARCHITECTURES,
    .device_count = device_count,
    .unavailable = unavailable,
    .use_device = use_device,
    .properties = device_properties,
    .runtime_version = runtime_version,
    .driver_version = driver_version,
    .can_access_peer = can_access_peer,
    .synchronize = synchronize,
    .memory_info = memory_info,
    .allocate = allocate,
    .deallocate = deallocate,
    .record_stream = record_stream,
    .memory_stats = memory_stats,
    .reset_peak_memory = reset_peak_memory,
    .reset_accumulated_memory = reset_accumulated_memory,
    .memory_blocks = memory_blocks,
    .empty_cache = empty_cache,
    .set_memory_fraction = set_memory_fraction,
    .memory_fraction = memory_fraction,
    .allocate_pinned = allocate_pinned,
    .deallocate_pinned = deallocate_pinned,
    .is_pinned = is_pinned,
    .empty_pinned_cache = empty_pinned_cache,
    .pinned_stats = pinned_stats,
    .reset_peak_pinned = reset_peak_pinned,
    .reset_accumulated_pinned = reset_accumulated_pinned,
    .copy = transfer,
    .fill_zero = fill_zero,
    .current_stream = stream_of,
    .set_stream = set_stream,
    .default_stream = default_stream,
    .new_stream = new_stream,
    .query_stream = query_stream,
    .synchronize_stream = synchronize_stream,
    .stream_wait_event = stream_wait_event,
    .stream_device = stream_device,
    .new_event = new_event,
    .delete_event = delete_event,
    .record_event = record_event,
    .query_event = query_event,
    .synchronize_event = synchronize_event,
    .elapsed_time = elapsed_time,
    .start_profiler = start_profiler,
    .stop_profiler = stop_profiler,
};

}  // namespace tx::cuda

extern "C" [[gnu::visibility("default")]] const tx::cuda::Library* tensorx_cuda_library() { return &tx::cuda::library; }
