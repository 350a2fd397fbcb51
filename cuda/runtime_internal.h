// The functions behind cuda::Library (csrc/cuda_library.h), which says what they do.
#pragma once
#include "runtime.h"

namespace tx::cuda {

bool launches_wait();                          // TENSORX_CUDA_BLOCKING=1: every launch waits for the kernel

std::string unavailable();
DeviceProperties device_properties(int device);
int runtime_version();
int driver_version();
bool can_access_peer(int device, int peer);
void synchronize(int device);
void memory_info(int device, size_t* free, size_t* total);

void* allocate(int device, size_t nbytes);
void deallocate(void* block);
void record_stream(void* block, Stream stream);
MemoryStats memory_stats(int device);
void reset_peak_memory(int device);
void reset_accumulated_memory(int device);
std::vector<MemoryBlock> memory_blocks();
void empty_cache();
void set_memory_fraction(int device, double fraction);
double memory_fraction(int device);
void* allocate_pinned(size_t nbytes);
void deallocate_pinned(void* block);
bool is_pinned(const void* address);
void empty_pinned_cache();
PinnedStats pinned_stats();
void reset_peak_pinned();
void reset_accumulated_pinned();
void transfer(void* to, Device to_device, const void* from, Device from_device, size_t nbytes, bool wait);
void fill_zero(void* to, int device, size_t nbytes);

Stream stream_of(int device);
Stream default_stream(int device);
void set_stream(int device, Stream stream);
Stream new_stream(int device, int priority);
int stream_device(Stream stream);
bool query_stream(Stream stream);
void synchronize_stream(Stream stream);
void stream_wait_event(Stream stream, Event event);
Event new_event(int device, bool timing, bool blocking);
void delete_event(Event event);
void record_event(Event event, Stream stream);
bool query_event(Event event);
void synchronize_event(Event event);
double elapsed_time(Event begin, Event end);

void start_profiler();
void stop_profiler();

}  // namespace tx::cuda
