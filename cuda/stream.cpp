// Streams and events. Every stream here is a non-blocking one: nothing relies on what the null stream waits for.
#include <mutex>
#include <vector>

#include "runtime_internal.h"

namespace tx::cuda {

namespace {

std::mutex mutex;
std::vector<cudaStream_t> defaults;            // by device; made when first asked for
struct Made {
  cudaStream_t stream;
  int device;
};
std::vector<Made> made;                        // all of them: PyTorch hands out 32 a device and priority; so do we
constexpr size_t kPool = 32;
struct Pool {
  int device, priority;
  std::vector<cudaStream_t> streams;
  size_t next = 0;
};
std::vector<Pool> pools;

thread_local std::vector<cudaStream_t> chosen;           // by device; null: the default one

cudaStream_t make(int device, int priority) {
  use_device(device);
  cudaStream_t stream;
  check(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority), "making a stream");
  made.push_back({stream, device});
  return stream;
}

cudaStream_t as_stream(Stream stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t as_event(Event event) { return static_cast<cudaEvent_t>(event); }

bool ready(cudaError_t error, const char* what) {
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check(error, what);
  return true;
}

}  // namespace

Stream default_stream(int device) {
  use_device(device);
  std::lock_guard lock(mutex);
  if (defaults.size() <= size_t(device)) defaults.resize(size_t(device) + 1);
  cudaStream_t& stream = defaults[size_t(device)];
  if (!stream) stream = make(device, 0);
  return stream;
}

Stream stream_of(int device) {
  const auto at = size_t(device);
  return at < chosen.size() && chosen[at] ? chosen[at] : default_stream(device);
}

cudaStream_t current_stream() { return as_stream(stream_of(used_device())); }

void set_stream(int device, Stream stream) {
  use_device(device);
  if (chosen.size() <= size_t(device)) chosen.resize(size_t(device) + 1);
  chosen[size_t(device)] = as_stream(stream);
}

Stream new_stream(int device, int priority) {
  use_device(device);
  int least = 0, greatest = 0;
  check(cudaDeviceGetStreamPriorityRange(&least, &greatest), "stream priorities");
  priority = priority < greatest ? greatest : priority > least ? least : priority;
  std::lock_guard lock(mutex);
  Pool* pool = nullptr;
  for (Pool& p : pools)
    if (p.device == device && p.priority == priority) pool = &p;
  if (!pool) pool = &pools.emplace_back(Pool{device, priority, {}, 0});
  if (pool->streams.size() < kPool) pool->streams.push_back(make(device, priority));
  return pool->streams[pool->next++ % kPool];
}

int stream_device(Stream stream) {
  std::lock_guard lock(mutex);
  for (const Made& m : made)
    if (m.stream == stream) return m.device;
  return -1;
}

bool query_stream(Stream stream) { return ready(cudaStreamQuery(as_stream(stream)), "Stream.query()"); }

void synchronize_stream(Stream stream) { check(cudaStreamSynchronize(as_stream(stream)), "Stream.synchronize()"); }

void stream_wait_event(Stream stream, Event event) {
  check(cudaStreamWaitEvent(as_stream(stream), as_event(event), 0), "Stream.wait_event()");
}

Event new_event(int device, bool timing, bool blocking) {
  use_device(device);
  cudaEvent_t event;
  const unsigned flags =
      (timing ? 0u : unsigned(cudaEventDisableTiming)) | (blocking ? unsigned(cudaEventBlockingSync) : 0u);
  check(cudaEventCreateWithFlags(&event, flags), "making an event");
  return event;
}

void delete_event(Event event) { cudaEventDestroy(as_event(event)); }

void record_event(Event event, Stream stream) {
  use_device(stream_device(stream));
  check(cudaEventRecord(as_event(event), as_stream(stream)), "Event.record()");
}

bool query_event(Event event) { return ready(cudaEventQuery(as_event(event)), "Event.query()"); }

void synchronize_event(Event event) { check(cudaEventSynchronize(as_event(event)), "Event.synchronize()"); }

double elapsed_time(Event begin, Event end) {
  float milliseconds = 0;
  const cudaError_t error = cudaEventElapsedTime(&milliseconds, as_event(begin), as_event(end));
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    fail(ErrorKind::Runtime, "elapsed_time(): an event is not done yet: synchronize() it first");
  }
  check(error, "elapsed_time()");
  return milliseconds;
}

}  // namespace tx::cuda
