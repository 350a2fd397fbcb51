// Page-locked host memory, and copies between places.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "runtime_internal.h"

namespace tx::cuda {

namespace {

// ---- Page-locked memory: locking pages takes a millisecond, so freed blocks are kept, by size ----

struct PinnedBlock {
  size_t size;
  std::vector<cudaEvent_t> busy;               // copies that still read or write it
};
std::mutex mutex;
std::map<char*, PinnedBlock> pinned;           // live ones, by address
std::multimap<size_t, std::pair<char*, PinnedBlock>> cached;
PinnedStats statistics;

void count_active(size_t size, int sign) {
  statistics.active_requests.change(sign);
  statistics.active_bytes.change(sign * int64_t(size));
}
void count_held(size_t size, int sign) {
  statistics.allocations.change(sign);
  statistics.allocated_bytes.change(sign * int64_t(size));
}

bool done(PinnedBlock& block) {
  auto passed = [](cudaEvent_t event) {
    if (cudaEventQuery(event) == cudaErrorNotReady) {
      cudaGetLastError();
      return false;
    }
    cudaEventDestroy(event);
    return true;
  };
  block.busy.erase(std::remove_if(block.busy.begin(), block.busy.end(), passed), block.busy.end());
  return block.busy.empty();
}

std::map<char*, PinnedBlock>::iterator pinned_at(const void* address) {
  auto it = pinned.upper_bound(static_cast<char*>(const_cast<void*>(address)));
  if (it == pinned.begin()) return pinned.end();
  --it;
  return static_cast<const char*>(address) < it->first + it->second.size ? it : pinned.end();
}

// The block may not be reused before what the current stream has queued is done.
void mark_busy(const void* address) {
  std::lock_guard lock(mutex);
  auto it = pinned_at(address);
  if (it == pinned.end()) return;
  cudaEvent_t event;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "copying");
  check(cudaEventRecord(event, current_stream()), "copying");
  it->second.busy.push_back(event);
}

// ---- Pageable memory passes through two page-locked buffers in turn, so that copying into one and from the other overlap

constexpr size_t kStage = 4 << 20;

void staged_to_device(char* to, const char* from, size_t nbytes) {
  char* buffers[2] = {};
  const size_t size = std::min(nbytes, kStage);
  for (size_t at = 0, i = 0; at < nbytes; at += size, i++) {
    if (i > 1) synchronize_stream(current_stream());  // the copy from this buffer, two pieces ago, is done
    char*& buffer = buffers[i % 2];
    if (!buffer) buffer = static_cast<char*>(allocate_pinned(size));
    const size_t n = std::min(size, nbytes - at);
    std::memcpy(buffer, from + at, n);
    check(cudaMemcpyAsync(to + at, buffer, n, cudaMemcpyHostToDevice, current_stream()), "copying to the device");
    mark_busy(buffer);
  }
  for (char* buffer : buffers)
    if (buffer) deallocate_pinned(buffer);
}

void staged_to_host(char* to, const char* from, size_t nbytes) {
  const size_t size = std::min(nbytes, kStage);
  auto* buffer = static_cast<char*>(allocate_pinned(size));
  for (size_t at = 0; at < nbytes; at += size) {
    const size_t n = std::min(size, nbytes - at);
    check(cudaMemcpyAsync(buffer, from + at, n, cudaMemcpyDeviceToHost, current_stream()), "copying to the host");
    synchronize_stream(current_stream());
    std::memcpy(to + at, buffer, n);
  }
  deallocate_pinned(buffer);
}

}  // namespace

void* allocate_pinned(size_t nbytes) {
  size_t size = 4096;
  while (size < nbytes) size *= 2;
  {
    std::lock_guard lock(mutex);
    for (auto [it, end] = cached.equal_range(size); it != end; ++it) {
      if (!done(it->second.second)) continue;
      auto entry = it->second;
      cached.erase(it);
      pinned.insert(entry);
      count_active(size, 1);
      return entry.first;
    }
  }
  void* data = nullptr;
  check(cudaHostAlloc(&data, size, cudaHostAllocPortable), "allocating page-locked memory");
  std::lock_guard lock(mutex);
  pinned[static_cast<char*>(data)] = {size, {}};
  count_held(size, 1);
  count_active(size, 1);
  return data;
}

void deallocate_pinned(void* block) {
  std::lock_guard lock(mutex);
  auto it = pinned.find(static_cast<char*>(block));
  if (it == pinned.end()) return;
  count_active(it->second.size, -1);
  cached.emplace(it->second.size, std::pair(it->first, it->second));
  pinned.erase(it);
}

bool is_pinned(const void* address) {
  std::lock_guard lock(mutex);
  return pinned_at(address) != pinned.end();
}

void empty_pinned_cache() {
  std::lock_guard lock(mutex);
  for (auto it = cached.begin(); it != cached.end();) {
    if (!done(it->second.second)) {
      ++it;
      continue;
    }
    cudaFreeHost(it->second.first);
    count_held(it->first, -1);
    it = cached.erase(it);
  }
}

PinnedStats pinned_stats() {
  std::lock_guard lock(mutex);
  return statistics;
}

template <class F>
static void for_statistics(const F& f) {
  std::lock_guard lock(mutex);
  for (Statistic PinnedStats::* each : {&PinnedStats::allocations, &PinnedStats::allocated_bytes,
                                        &PinnedStats::active_requests, &PinnedStats::active_bytes})
    f(statistics.*each);
}
void reset_peak_pinned() {
  for_statistics([](Statistic& s) { s.peak = s.current; });
}
void reset_accumulated_pinned() {
  for_statistics([](Statistic& s) { s.allocated = s.freed = 0; });
}

void to_device(void* to, const void* from, size_t nbytes) {
  if (!nbytes) return;
  if (!is_pinned(from)) return staged_to_device(static_cast<char*>(to), static_cast<const char*>(from), nbytes);
  check(cudaMemcpyAsync(to, from, nbytes, cudaMemcpyHostToDevice, current_stream()), "copying to the device");
  mark_busy(from);
}

void to_host(void* to, const void* from, size_t nbytes) {
  if (!nbytes) return;
  if (!is_pinned(to)) return staged_to_host(static_cast<char*>(to), static_cast<const char*>(from), nbytes);
  check(cudaMemcpyAsync(to, from, nbytes, cudaMemcpyDeviceToHost, current_stream()), "copying to the host");
  synchronize_stream(current_stream());
}

void transfer(void* to, Device to_place, const void* from, Device from_place, size_t nbytes, bool wait) {
  if (!nbytes) return;
  const bool into = to_place.type == DeviceType::CUDA, out_of = from_place.type == DeviceType::CUDA;
  if (into && out_of && to_place.index != from_place.index) {
    // The target's stream waits for what wrote the source, and the source's for the copy.
    use_device(from_place.index);
    Stream source = stream_of(from_place.index);
    Event written = new_event(from_place.index, false, false);
    record_event(written, source);
    use_device(to_place.index);
    Stream target = stream_of(to_place.index);
    stream_wait_event(target, written);
    check(cudaMemcpyPeerAsync(to, to_place.index, from, from_place.index, nbytes, current_stream()),
          "copying between devices");
    Event copied = new_event(to_place.index, false, false);
    record_event(copied, target);
    stream_wait_event(source, copied);
    delete_event(written);
    delete_event(copied);
    if (wait) synchronize_stream(target);
    return;
  }
  use_device(into ? to_place.index : from_place.index);
  if (into && out_of) {
    check(cudaMemcpyAsync(to, from, nbytes, cudaMemcpyDeviceToDevice, current_stream()), "copying on the device");
    if (wait) synchronize_stream(current_stream());
  } else if (into) {
    to_device(to, from, nbytes);
  } else if (!wait && is_pinned(to)) {
    check(cudaMemcpyAsync(to, from, nbytes, cudaMemcpyDeviceToHost, current_stream()), "copying to the host");
    mark_busy(to);
  } else {
    to_host(to, from, nbytes);
  }
}

void fill_zero(void* to, int device, size_t nbytes) {
  use_device(device);
  if (nbytes) check(cudaMemsetAsync(to, 0, nbytes, current_stream()), "zeroing");
}

}  // namespace tx::cuda
