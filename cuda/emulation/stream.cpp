// Devices, streams, events and launches.
//
// A stream is a queue of operations, and nothing runs before it must: an operation runs when somebody waits for it, or for
// what comes after it. A program that forgets to wait therefore sees the memory as it was before ("lazy" streams; "eager"
// and "random" ones are for comparison).
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "internal.h"

struct CUstream_st {
  int device;
  bool blocking;  // waits for the null stream and is waited for by it
  std::deque<emulation::OperationPtr> queue;
  emulation::OperationPtr last;
};
struct CUevent_st {
  bool timing;
  int device;
  emulation::OperationPtr recorded;
};

namespace emulation {

namespace {

constexpr size_t kSharedLimit = 48 << 10, kSharedLimitOptIn = 227 << 10;
std::unordered_map<const void*, size_t> shared_limits;  // of kernels that asked for more than kSharedLimit
std::vector<CUstream_st*> streams;  // made by the program, and the null stream of each device
std::vector<CUevent_st*> events;
thread_local int chosen_device = 0;

CUstream_st* null_stream(int device) {
  static std::vector<CUstream_st*> list;
  while (int(list.size()) <= device) {
    list.push_back(new CUstream_st{int(list.size()), true, {}, nullptr});
    streams.push_back(list.back());
  }
  return list[size_t(device)];
}

CUstream_st* resolve(cudaStream_t stream) { return stream ? stream : null_stream(chosen_device); }
bool is_null(CUstream_st* stream) { return stream == null_stream(stream->device); }
bool is_event(cudaEvent_t event) { return std::find(events.begin(), events.end(), event) != events.end(); }

double now() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void run_first(CUstream_st* stream);

void run_until_done(const OperationPtr& operation) {
  while (!operation->done) run_first(operation->stream);
}

void run_first(CUstream_st* stream) {
  const OperationPtr operation = stream->queue.front();
  stream->queue.pop_front();
  for (const OperationPtr& earlier : operation->after) run_until_done(earlier);
  operation->after.clear();
  if (operation->run && sticky == cudaSuccess) {
    const int before = std::exchange(chosen_device, stream->device);
    operation->run();
    chosen_device = before;
    std::string text;
    if (cudaError_t error = take_failure(text)) stick(error, text);
  }
  operation->run = nullptr;
  operation->time = now();
  operation->done = true;
}

std::vector<CUstream_st*> waiting_streams() {
  std::vector<CUstream_st*> list;
  for (CUstream_st* s : streams)
    if (!s->queue.empty()) list.push_back(s);
  return list;
}

}  // namespace

int current_device() { return chosen_device; }
bool is_stream(cudaStream_t stream) {
  return !stream || std::find(streams.begin(), streams.end(), stream) != streams.end();
}
int stream_device(cudaStream_t stream) { return resolve(stream)->device; }

void drain(cudaStream_t stream) {
  CUstream_st* s = resolve(stream);
  if (s->queue.empty()) return;
  DeviceRuns runs;
  while (!s->queue.empty()) run_first(s);
}

void drain_all() {
  auto list = waiting_streams();
  if (list.empty()) return;
  DeviceRuns runs;
  for (; !list.empty(); list = waiting_streams())
    run_first(list[config().streams == Streams::Random ? random_below(list.size()) : 0]);
}

OperationPtr submit(cudaStream_t stream, std::function<void()> run, std::vector<OperationPtr> after) {
  CUstream_st* s = resolve(stream);
  auto operation = std::make_shared<Operation>(Operation{s, std::move(run), std::move(after)});
  auto wait_for = [&](CUstream_st* other) {
    if (other != s && other->last && !other->last->done) operation->after.push_back(other->last);
  };
  if (is_null(s)) {
    for (CUstream_st* other : streams)
      if (other->blocking && other->device == s->device) wait_for(other);
  } else if (s->blocking) {
    wait_for(null_stream(s->device));
  }
  s->queue.push_back(operation);
  s->last = operation;
  if (config().streams == Streams::Eager) {
    drain(s);
  } else if (config().streams == Streams::Random) {
    DeviceRuns runs;
    while (random_below(2)) {
      const auto list = waiting_streams();
      if (list.empty()) break;
      run_first(list[random_below(list.size())]);
    }
  }
  return operation;
}

cudaError_t set_shared_limit(const void* kernel, cudaFuncAttribute, int value) {
  Lock lock(mutex);
  if (value < 0 || size_t(value) > kSharedLimitOptIn)
    return failed(cudaErrorInvalidValue, "cudaFuncSetAttribute: a block has at most 227 KB of shared memory");
  shared_limits[kernel] = size_t(value);
  return cudaSuccess;
}

cudaError_t check_launch(const cudaLaunchConfig_t& config, const void* kernel) {
  Lock lock(mutex);
  if (sticky) return failed(sticky);
  const dim3 &grid = config.gridDim, &block = config.blockDim;
  if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu || grid.y > 65535 || grid.z > 65535)
    return failed(cudaErrorInvalidConfiguration, "launch: a grid has 1 to 2147483647 x 65535 x 65535 blocks");
  if (!block.x || !block.y || !block.z || uint64_t(block.x) * block.y * block.z > kMaxThreads || block.z > 64)
    return failed(cudaErrorInvalidConfiguration, "launch: a block has 1 to 1024 threads, and at most 64 along z");
  if (config.dynamicSmemBytes > kSharedLimit) {
    auto it = shared_limits.find(kernel);
    if (it == shared_limits.end() || config.dynamicSmemBytes > it->second)
      return failed(cudaErrorInvalidConfiguration,
                    "launch: more than 48 KB of shared memory without cudaFuncSetAttribute");
  }
  if (!is_stream(config.stream)) return failed(cudaErrorInvalidResourceHandle, "launch: no such stream");
  if (stream_device(config.stream) != chosen_device)
    return failed(cudaErrorInvalidResourceHandle, "launch: the stream belongs to another device than the current one");
  return cudaSuccess;
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> run) {
  Lock lock(mutex);
  submit(stream, std::move(run));
  return failed(sticky);
}

}  // namespace emulation

using namespace emulation;

#define EMULATION_REQUIRE(condition, error, why) \
  if (!(condition)) return failed(error, why)

// ---- devices ----

cudaError_t cudaDriverGetVersion(int* version) {
  *version = config().devices ? 13000 : 0;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = config().devices;
  return *count ? cudaSuccess : failed(cudaErrorNoDevice);
}
cudaError_t cudaGetDevice(int* device) {
  *device = chosen_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= config().devices) return failed(cudaErrorInvalidDevice);
  chosen_device = device;
  return failed(sticky);
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= config().devices) return failed(cudaErrorInvalidDevice);
  cudaDeviceProp p{};
  std::strcpy(p.name, "emulated CUDA device");
  p.uuid.bytes[0] = char(device);
  p.totalGlobalMem = config().memory;
  p.sharedMemPerBlock = kSharedLimit;
  p.sharedMemPerBlockOptin = kSharedLimitOptIn;
  p.sharedMemPerMultiprocessor = 228 << 10;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = 1024;
  p.maxThreadsPerMultiProcessor = 2048;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.major = 8;
  p.multiProcessorCount = 4;
  p.l2CacheSize = 1 << 20;
  *properties = p;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr, int device) {
  if (device < 0 || device >= config().devices) return failed(cudaErrorInvalidDevice);
  *value = 0;  // a rate that nobody knows
  return cudaSuccess;
}
cudaError_t cudaProfilerStart() { return cudaSuccess; }
cudaError_t cudaProfilerStop() { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() {
  Lock lock(emulation::mutex);
  drain_all();
  return failed(sticky);
}
cudaError_t cudaDeviceReset() {  // here also forgives the error of a kernel, so that tests can go on
  Lock lock(emulation::mutex);
  for (CUstream_st* s : streams)
    for (auto& operation : s->queue) operation->done = true;
  for (CUstream_st* s : streams) s->queue.clear();
  sticky = cudaSuccess;
  cudaGetLastError();
  return cudaSuccess;
}
cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  *can = device != peer && device >= 0 && peer >= 0 && device < config().devices && peer < config().devices;
  return cudaSuccess;
}
cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned) {
  return peer >= 0 && peer < config().devices && peer != chosen_device ? cudaSuccess : failed(cudaErrorInvalidDevice);
}

// ---- streams ----

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  Lock lock(emulation::mutex);
  null_stream(chosen_device);
  *stream = new CUstream_st{chosen_device, !(flags & cudaStreamNonBlocking), {}, nullptr};
  streams.push_back(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(stream && is_stream(stream), cudaErrorInvalidResourceHandle, "cudaStreamDestroy: no such stream");
  drain(stream);
  streams.erase(std::find(streams.begin(), streams.end(), stream));
  delete stream;
  return failed(sticky);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_stream(stream), cudaErrorInvalidResourceHandle, "cudaStreamSynchronize: no such stream");
  drain(stream);
  return failed(sticky);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {  // makes progress, by one operation
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_stream(stream), cudaErrorInvalidResourceHandle, "cudaStreamQuery: no such stream");
  CUstream_st* s = resolve(stream);
  if (s->queue.empty()) return failed(sticky);
  DeviceRuns runs;
  run_first(s);
  return sticky ? failed(sticky) : cudaErrorNotReady;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_stream(stream), cudaErrorInvalidResourceHandle, "cudaStreamWaitEvent: no such stream");
  EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaStreamWaitEvent: no such event");
  if (event->recorded && !event->recorded->done) submit(stream, nullptr, {event->recorded});
  return failed(sticky);
}
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return enqueue(stream, [=] { host_function(function, argument); });
}

// ---- events ----

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  Lock lock(emulation::mutex);
  *event = new CUevent_st{!(flags & cudaEventDisableTiming), chosen_device, nullptr};
  events.push_back(*event);
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaEventDestroy: no such event");
  events.erase(std::find(events.begin(), events.end(), event));
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  Lock lock(emulation::mutex);
  if (sticky) return failed(sticky);
  EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaEventRecord: no such event");
  EMULATION_REQUIRE(is_stream(stream), cudaErrorInvalidResourceHandle, "cudaEventRecord: no such stream");
  EMULATION_REQUIRE(stream_device(stream) == event->device, cudaErrorInvalidResourceHandle,
                    "cudaEventRecord: the event belongs to another device than the stream");
  event->recorded = submit(stream, nullptr);
  return failed(sticky);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaEventSynchronize: no such event");
  if (event->recorded && !event->recorded->done) {
    DeviceRuns runs;
    run_until_done(event->recorded);
  }
  return failed(sticky);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  Lock lock(emulation::mutex);
  EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaEventQuery: no such event");
  if (!event->recorded || event->recorded->done) return failed(sticky);
  DeviceRuns runs;
  run_first(event->recorded->stream);
  return sticky ? failed(sticky) : cudaErrorNotReady;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  Lock lock(emulation::mutex);
  for (cudaEvent_t event : {begin, end}) {
    EMULATION_REQUIRE(is_event(event), cudaErrorInvalidResourceHandle, "cudaEventElapsedTime: no such event");
    EMULATION_REQUIRE(event->timing && event->recorded, cudaErrorInvalidResourceHandle,
                      "cudaEventElapsedTime: the event was not recorded, or made without timing");
  }
  if (!begin->recorded->done || !end->recorded->done) return cudaErrorNotReady;
  *milliseconds = float(end->recorded->time - begin->recorded->time);
  return failed(sticky);
}
