// What the CUDA library (cuda/) offers the rest of tensorx. It is a shared library of its own, loaded at first use, so that
// one build serves machines with and without a GPU.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dtype.h"

namespace tx {

struct Kernels;
struct Storage;

namespace cuda {

struct DeviceProperties {
  std::string name;
  int major, minor, multi_processor_count, warp_size, max_threads_per_multi_processor, regs_per_multiprocessor;
  size_t total_memory, shared_memory_per_block, shared_memory_per_block_optin, shared_memory_per_multiprocessor;
  int l2_cache_size, clock_rate, memory_clock_rate, memory_bus_width;  // bytes, kHz, kHz, bits
  bool is_integrated, is_multi_gpu_board;
  std::string uuid;
};

using Stream = void*;  // a cudaStream_t
using Event = void*;

// A quantity that goes up and down: how much there is, the most there was, and all that was ever added and taken.
struct Statistic {
  int64_t current = 0, peak = 0, allocated = 0, freed = 0;

  void change(int64_t by) {
    current += by;
    (by > 0 ? allocated : freed) += by > 0 ? by : -by;
    if (current > peak) peak = current;
  }
};

// Of one kind of segment of a device's memory, in numbers and bytes: blocks that are live; as many bytes as were asked for;
// what is held from the driver; blocks that are live, or freed and still in use on another stream; free blocks that are part
// of a segment.
#define TX_MEMORY_STATISTICS(X)                                                                                   \
  X(allocation) X(allocated_bytes) X(requested_bytes) X(segment) X(reserved_bytes) X(active) X(active_bytes) \
  X(inactive_split) X(inactive_split_bytes)
struct PoolStats {
#define X(name) Statistic name;
  TX_MEMORY_STATISTICS(X)
#undef X
};
struct MemoryStats {
  PoolStats all, small_pool, large_pool;
  int64_t retries = 0, out_of_memory = 0, device_allocations = 0, device_frees = 0;
};
enum class MemoryState { Free, Pending, Live };  // Pending: freed, and still in use on another stream
struct MemoryBlock {
  int device;
  Stream stream;
  bool small;  // its segment is one of small blocks
  const void *segment, *address;
  size_t size, requested;
  MemoryState state;
};
struct PinnedStats {
  Statistic allocations, allocated_bytes;  // held from the driver
  Statistic active_requests, active_bytes;  // of these, live
};

struct Library {
  const char* interface;  // TX_CUDA_INTERFACE, a digest of the headers that both are built from; must be the caller's
  bool emulated;
  const Kernels* kernels;
  const char* architectures;  // that there is machine code for, as CMake names them: "80-real,90"

  // Devices. unavailable(): why there is none, in one line; empty if there is one.
  int (*device_count)();
  std::string (*unavailable)();
  void (*use_device)(int device);  // for what this thread does next; raises for a device that is not there
  DeviceProperties (*properties)(int device);
  int (*runtime_version)();
  int (*driver_version)();
  bool (*can_access_peer)(int device, int peer);
  void (*synchronize)(int device);
  void (*memory_info)(int device, size_t* free, size_t* total);

  // Memory: blocks of device memory in the order of a stream, and page-locked host memory.
  void* (*allocate)(int device, size_t nbytes);
  void (*deallocate)(void* block);
  void (*record_stream)(void* block, Stream stream);  // not reused before what this stream has queued is done
  MemoryStats (*memory_stats)(int device);
  void (*reset_peak_memory)(int device);
  void (*reset_accumulated_memory)(int device);
  std::vector<MemoryBlock> (*memory_blocks)();  // of all devices, in the order of addresses
  void (*empty_cache)();
  void (*set_memory_fraction)(int device, double fraction);
  double (*memory_fraction)(int device);
  void* (*allocate_pinned)(size_t nbytes);
  void (*deallocate_pinned)(void* block);
  bool (*is_pinned)(const void* address);
  void (*empty_pinned_cache)();
  PinnedStats (*pinned_stats)();
  void (*reset_peak_pinned)();
  void (*reset_accumulated_pinned)();
  // Copies contiguous bytes between any two places, on the current stream of the device among them (of the target's, between
  // two). `wait`: until they are there; without it, only copies from and to page-locked memory return at once.
  void (*copy)(void* to, Device to_device, const void* from, Device from_device, size_t nbytes, bool wait);
  void (*fill_zero)(void* to, int device, size_t nbytes);

  // Streams: numbers of this thread's current ones, and their making.
  Stream (*current_stream)(int device);
  void (*set_stream)(int device, Stream stream);
  Stream (*default_stream)(int device);
  Stream (*new_stream)(int device, int priority);
  bool (*query_stream)(Stream stream);
  void (*synchronize_stream)(Stream stream);
  void (*stream_wait_event)(Stream stream, Event event);
  int (*stream_device)(Stream stream);

  Event (*new_event)(int device, bool timing, bool blocking);
  void (*delete_event)(Event event);
  void (*record_event)(Event event, Stream stream);
  bool (*query_event)(Event event);
  void (*synchronize_event)(Event event);
  double (*elapsed_time)(Event begin, Event end);  // ms

  void (*start_profiler)();
  void (*stop_profiler)();
};

}  // namespace cuda

// The library, loaded at the first call. Raises where this build has none, or it cannot be loaded: with the reason.
const cuda::Library& cuda_library();
bool cuda_was_used();  // whether it has been loaded
bool has_cuda_library();  // whether this build has one; loads nothing
int cuda_device_count();  // 0 where there is no library, driver or device; never raises

// The device that "cuda" without a number means, in this thread.
int current_cuda_device();
void set_current_cuda_device(int device);

}  // namespace tx

extern "C" const tx::cuda::Library* tensorx_cuda_library();
