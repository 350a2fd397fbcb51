// The CUDA runtime as the kernels and the rest of tensorx use it: errors, the device that work goes to, streams, memory.
//
// Work of a host thread goes to the device that use_device() named last, on that device's current stream of the thread.
#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <string>

#include "../csrc/cuda_library.h"
#include "../csrc/errors.h"

namespace tx::cuda {

// Raises for what a call of the CUDA runtime returned: `what` says what was tried.
void check(cudaError_t error, const char* what);

// After a launch of the kernel `name`: raises for `error`. With TENSORX_CUDA_BLOCKING=1 waits for the kernel first.
void after_launch(const char* name, cudaError_t error);

int device_count();  // 0 without a device, or without a driver that is new enough
void use_device(int device);  // and, the first time, sets it up
int used_device();
const cudaDeviceProp& properties(int device);

cudaStream_t current_stream();  // of this thread, on the used device

// Scratch memory on the used device, for work on its current stream. Freed in the order of that stream.
class Workspace {
 public:
  explicit Workspace(size_t nbytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  template <class T> T* as() const { return static_cast<T*>(data_); }

 private:
  void* data_;
};

// Copies between host and device on the current stream. to_host waits until the bytes are there. From pageable memory they
// are staged, so that the caller may change or free what it gave.
void to_device(void* to, const void* from, size_t nbytes);
void to_host(void* to, const void* from, size_t nbytes);

}  // namespace tx::cuda
