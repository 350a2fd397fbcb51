// Devices, and what the CUDA runtime answers.
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <vector>

#include "emulation_hooks.h"
#include "runtime_internal.h"

extern "C" {  // cuda_profiler_api.h has no more, and not every toolkit has it
cudaError_t cudaProfilerStart();
cudaError_t cudaProfilerStop();
}

namespace tx::cuda {

namespace {

thread_local int used = -1;

// The process that first called the driver: a forked child has its memory, but no device.
pid_t owner = 0;

void refuse_fork() {
  if (owner == 0) owner = getpid();
  else if (owner != getpid())
    fail(ErrorKind::Runtime,
         "Cannot re-initialize CUDA in forked subprocess: start worker processes with the 'spawn' or "
         "'forkserver' method (tensorx.multiprocessing, DataLoader(multiprocessing_context='spawn'))");
}

struct Found {
  int count = 0;
  std::string reason;                          // why there is none
  std::vector<cudaDeviceProp> properties;
};

Found find_devices() {
  Found found;
  const cudaError_t error = cudaGetDeviceCount(&found.count);
  if (error != cudaSuccess) {
    cudaGetLastError();
    found.count = 0;
    int driver = 0;
    cudaDriverGetVersion(&driver);
    if (driver == 0) found.reason = "no NVIDIA driver on this machine: install one, or use device='cpu'";
    else if (error == cudaErrorInsufficientDriver)
      found.reason = "the NVIDIA driver (for CUDA " + std::to_string(driver / 1000) + "." +
                     std::to_string(driver % 1000 / 10) + ") is too old for CUDA " +
                     std::to_string(CUDART_VERSION / 1000) +
                     ", which tensorx was built with: update the driver, or use device='cpu'";
    else if (error == cudaErrorNoDevice) found.reason = "no CUDA device on this machine: use device='cpu'";
    else found.reason = std::string("the CUDA driver does not start: ") + cudaGetErrorString(error);
  }
  found.properties.resize(size_t(found.count));
  for (int i = 0; i < found.count; i++)
    check(cudaGetDeviceProperties(&found.properties[size_t(i)], i), "device properties");
  return found;
}

const Found& devices() {
  refuse_fork();
  static const Found found = find_devices();
  return found;
}

}  // namespace

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();                          // forgotten, unless it is one of those that stay
  if (error == cudaErrorMemoryAllocation)
    throw OutOfMemory(std::string("CUDA out of memory: ") + what, ErrorKind::DeviceMemory);
  std::string text =
      std::string("CUDA error: ") + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ") in " + what;
  text += emulation_report();
  if (!launches_wait())
    text += "; a kernel launched earlier may be the cause: TENSORX_CUDA_BLOCKING=1 finds it by waiting for each";
  throw Error(ErrorKind::Runtime, text);
}

bool launches_wait() {
  static const bool waits = [] {
    const char* text = std::getenv("TENSORX_CUDA_BLOCKING");
    return text && *text && std::string(text) != "0";
  }();
  return waits;
}

void after_launch(const char* name, cudaError_t error) {
  check(error, name);
  if (launches_wait()) check(cudaStreamSynchronize(current_stream()), name);
}

int device_count() { return devices().count; }
std::string unavailable() { return devices().reason; }

const cudaDeviceProp& properties(int device) { return devices().properties[size_t(device)]; }

void use_device(int device) {
  const Found& found = devices();
  if (found.count == 0) fail(ErrorKind::Runtime, "device='cuda': ", found.reason);
  if (device < 0 || device >= found.count)
    fail(ErrorKind::Runtime, "device='cuda:", device, "': this machine has ", found.count, " CUDA device",
         found.count == 1 ? " (cuda:0)" : "s (cuda:0 and up)");
  if (used == device) return;
  check(cudaSetDevice(device), "cudaSetDevice");
  used = device;
}

int used_device() { return used; }

DeviceProperties device_properties(int device) {
  use_device(device);
  const cudaDeviceProp& p = properties(device);
  DeviceProperties result;
  result.name = p.name;
  result.major = p.major;
  result.minor = p.minor;
  result.multi_processor_count = p.multiProcessorCount;
  result.warp_size = p.warpSize;
  result.max_threads_per_multi_processor = p.maxThreadsPerMultiProcessor;
  result.regs_per_multiprocessor = p.regsPerMultiprocessor;
  result.total_memory = p.totalGlobalMem;
  result.shared_memory_per_block = p.sharedMemPerBlock;
  result.shared_memory_per_block_optin = p.sharedMemPerBlockOptin;
  result.shared_memory_per_multiprocessor = p.sharedMemPerMultiprocessor;
  result.l2_cache_size = p.l2CacheSize;
  auto attribute = [device](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, device), "cudaDeviceGetAttribute");
    return value;
  };
  result.clock_rate = attribute(cudaDevAttrClockRate);
  result.memory_clock_rate = attribute(cudaDevAttrMemoryClockRate);
  result.memory_bus_width = p.memoryBusWidth;
  result.is_integrated = p.integrated;
  result.is_multi_gpu_board = p.isMultiGpuBoard;
  static const char* digits = "0123456789abcdef";
  for (int i = 0; i < 16; i++) {
    const auto byte = static_cast<unsigned char>(p.uuid.bytes[i]);
    result.uuid += {digits[byte >> 4], digits[byte & 15]};
    if (i == 3 || i == 5 || i == 7 || i == 9) result.uuid += '-';
  }
  return result;
}

int runtime_version() {
  int version = 0;
  check(cudaRuntimeGetVersion(&version), "cudaRuntimeGetVersion");
  return version;
}

int driver_version() {
  int version = 0;
  check(cudaDriverGetVersion(&version), "cudaDriverGetVersion");
  return version;
}

bool can_access_peer(int device, int peer) {
  use_device(device);
  int can = 0;
  check(cudaDeviceCanAccessPeer(&can, device, peer), "cudaDeviceCanAccessPeer");
  return can;
}

void synchronize(int device) {
  use_device(device);
  check(cudaDeviceSynchronize(), "synchronize");
}

void start_profiler() { check(cudaProfilerStart(), "cudaProfilerStart"); }
void stop_profiler() { check(cudaProfilerStop(), "cudaProfilerStop"); }

void memory_info(int device, size_t* free, size_t* total) {
  use_device(device);
  check(cudaMemGetInfo(free, total), "mem_get_info");
}

}  // namespace tx::cuda
