// Device and pinned memory, and copies.
//
// Device memory is one reserved range of addresses for all devices, inaccessible unless a kernel or a copy runs: host code
// that follows a device pointer faults, and the fault says so. Allocations keep their distance and are filled with 0xFF.
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "internal.h"

namespace emulation {

namespace {

constexpr size_t kReserved = size_t(256) << 30, kAlignment = 512, kRedZone = 512, kQuarantine = 64 << 20;

struct Allocation {
  size_t nbytes, block;  // `block` with its red zones
  int device;
};
char *range, *range_end;  // range_end: of what was ever allocated
std::map<char*, Allocation> allocations;
std::map<char*, size_t> holes;
std::deque<std::pair<char*, size_t>> quarantine;  // freed, and not reused for a while: AddressSanitizer
size_t quarantined;
std::map<char*, size_t> pinned;
std::vector<size_t> in_use;  // by device
int running;

struct sigaction earlier_handler;

void on_fault(int, siginfo_t* info, void*) {
  char* address = static_cast<char*>(info->si_addr);
  char text[160];
  int n = 0;
  if (range && address >= range && address < range + kReserved)
    n = std::snprintf(
        text, sizeof text, "emulation: %s at %p\n",
        running ? "a kernel or a copy reached beyond the device's memory" : "HOST CODE touched device memory",
        static_cast<void*>(address));
  else if (is_fiber_stack(address))
    n = std::snprintf(text, sizeof text, "emulation: a CUDA thread overflowed its stack\n");
  if (n && write(2, text, size_t(n)) < 0) {}
  sigaction(SIGSEGV, &earlier_handler, nullptr);  // faults again, for whoever listened before
}

void reserve() {
  if (range) return;
  range = range_end =
      static_cast<char*>(mmap(nullptr, kReserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (range == MAP_FAILED) {
    std::perror("emulation: cannot reserve addresses for device memory");
    std::abort();
  }
  madvise(range, kReserved, MADV_HUGEPAGE);  // protection is switched page by page: 100 times as fast with large ones
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &earlier_handler);
  in_use.resize(size_t(config().devices));
}

void protect(int access) {
  if (config().protect && range_end > range) mprotect(range, size_t(range_end - range), access);
}

const std::pair<char* const, Allocation>* allocation_at(const void* address) {
  auto it = allocations.upper_bound(static_cast<char*>(const_cast<void*>(address)));
  if (it == allocations.begin()) return nullptr;
  --it;
  return static_cast<const char*>(address) < it->first + it->second.nbytes ? &*it : nullptr;
}

bool is_device_address(const void* address) {
  return range && static_cast<const char*>(address) >= range && static_cast<const char*>(address) < range + kReserved;
}

bool within_allocation(const void* address, size_t n) {
  auto* a = allocation_at(address);
  return a && static_cast<const char*>(address) + n <= a->first + a->second.nbytes;
}

bool is_pinned(const void* address, size_t n) {
  auto it = pinned.upper_bound(static_cast<char*>(const_cast<void*>(address)));
  if (it == pinned.begin()) return false;
  --it;
  return static_cast<const char*>(address) + n <= it->first + it->second;
}

void make_hole(char* p, size_t n) {
  auto it = holes.emplace(p, n).first;
  auto next = std::next(it);
  if (next != holes.end() && p + n == next->first) {
    it->second += next->second;
    holes.erase(next);
  }
  if (it == holes.begin()) return;
  auto before = std::prev(it);
  if (before->first + before->second == p) {
    before->second += it->second;
    holes.erase(it);
  }
}

// The first hole that is large enough, or fresh addresses.
char* take(size_t block) {
  for (auto it = holes.begin(); it != holes.end(); ++it) {
    if (it->second < block) continue;
    auto [p, n] = *it;
    holes.erase(it);
    if (n > block) holes.emplace(p + block, n - block);
    return p;
  }
  constexpr size_t step = 2 << 20;  // a large page
  char* p = range_end;
  if (!holes.empty() && std::prev(holes.end())->first + std::prev(holes.end())->second == range_end) {
    p = std::prev(holes.end())->first;
    holes.erase(p);
  }
  const size_t more = (size_t(p + block - range_end) + step - 1) / step * step;
  if (range_end + more > range + kReserved) return nullptr;
  if (mprotect(range_end, more, running || !config().protect ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) return nullptr;
  range_end += more;
  ASAN_POISON_MEMORY_REGION(p, size_t(range_end - p));
  if (p + block < range_end) holes.emplace(p + block, size_t(range_end - p) - block);
  return p;
}

}  // namespace

DeviceRuns::DeviceRuns() {
  if (running++ == 0) protect(PROT_READ | PROT_WRITE);
}
DeviceRuns::~DeviceRuns() {
  if (--running == 0) protect(PROT_NONE);
}
bool device_runs() { return running; }

void host_function(cudaHostFn_t function, void* argument) {
  const int before = std::exchange(running, 0);
  if (before) protect(PROT_NONE);
  function(argument);
  running = before;
  if (before) protect(PROT_READ | PROT_WRITE);
}

int device_of(const void* address) {
  auto* a = allocation_at(address);
  return a ? a->second.device : -1;
}

void mark_unused(void* data, size_t nbytes, cudaStream_t stream) {
  Lock lock(mutex);
  if (!EMULATION_ASAN && !config().poison) return;
  submit(stream, [=] {
    ASAN_UNPOISON_MEMORY_REGION(data, nbytes);
    if (config().poison) std::memset(data, 0xff, nbytes);
    ASAN_POISON_MEMORY_REGION(data, nbytes);
  });
}

void mark_used(void* data, size_t nbytes, cudaStream_t stream) {
  Lock lock(mutex);
  if (EMULATION_ASAN) submit(stream, [=] { ASAN_UNPOISON_MEMORY_REGION(data, nbytes); });
}

cudaError_t check_pointer(const void* argument, int position) {
  Lock lock(mutex);
  if (!argument || is_pinned(argument, 0)) return cudaSuccess;
  const std::string which = "kernel argument " + std::to_string(position);
  if (!is_device_address(argument))
    return failed(cudaErrorInvalidDevicePointer, which + " points to pageable host memory");
  if (!allocation_at(argument)) {
    auto* before = allocation_at(static_cast<const char*>(argument) - 1);  // one past the end: an empty operand
    if (!before) return failed(cudaErrorInvalidDevicePointer, which + " points to device memory that is not allocated");
  }
  return cudaSuccess;
}

static cudaError_t copy(void* to, const void* from, size_t n, cudaMemcpyKind kind, cudaStream_t stream, bool wait) {
  Lock lock(mutex);
  if (sticky) return failed(sticky);
  if (!n) return cudaSuccess;
  if (!is_stream(stream)) return failed(cudaErrorInvalidResourceHandle, "copy on a stream that does not exist");
  const bool to_device = is_device_address(to), from_device = is_device_address(from);
  if (kind != cudaMemcpyDefault &&
      (to_device != (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) ||
       from_device != (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice)))
    return failed(cudaErrorInvalidMemcpyDirection, "copy: a pointer does not fit the direction");
  if ((to_device && !within_allocation(to, n)) || (from_device && !within_allocation(from, n)))
    return failed(cudaErrorInvalidValue, "copy: the range is not inside one device allocation");
  const bool staged = !from_device && !is_pinned(from, n);  // as the driver does with pageable memory
  if (staged) {
    auto bytes =
        std::make_shared<std::vector<char>>(static_cast<const char*>(from), static_cast<const char*>(from) + n);
    submit(stream, [=] { std::memcpy(to, bytes->data(), n); });
  } else {
    submit(stream, [=] { std::memmove(to, from, n); });
  }
  if (wait || (!to_device && !is_pinned(to, n))) drain(stream);
  return failed(sticky);
}

}  // namespace emulation

using namespace emulation;

cudaError_t cudaMalloc(void** out, size_t nbytes) {
  Lock lock(emulation::mutex);
  *out = nullptr;
  if (sticky) return failed(sticky);
  if (!nbytes) return cudaSuccess;
  reserve();
  const int device = current_device();
  if (in_use[size_t(device)] + nbytes > config().memory) return failed(cudaErrorMemoryAllocation);
  const size_t block = (nbytes + 2 * kRedZone + kAlignment - 1) / kAlignment * kAlignment;
  char* p = take(block);
  if (!p) return failed(cudaErrorMemoryAllocation);
  ASAN_POISON_MEMORY_REGION(p, block);
  char* data = p + kRedZone;
  ASAN_UNPOISON_MEMORY_REGION(data, nbytes);
  allocations[data] = {nbytes, block, device};
  in_use[size_t(device)] += nbytes;
  if (config().poison) {
    DeviceRuns runs;
    std::memset(data, 0xff, nbytes);
  }
  *out = data;
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** out, size_t nbytes, unsigned) {
  Lock lock(emulation::mutex);
  *out = nullptr;
  if (sticky) return failed(sticky);
  if (!nbytes) return cudaSuccess;
  const size_t block = (nbytes + 4095) / 4096 * 4096;
  auto* p = static_cast<char*>(std::aligned_alloc(4096, block));
  if (!p) return failed(cudaErrorMemoryAllocation);
  if (config().poison) std::memset(p, 0xff, block);
  ASAN_POISON_MEMORY_REGION(p + nbytes, block - nbytes);
  pinned[p] = nbytes;
  *out = p;
  return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
  Lock lock(emulation::mutex);
  if (!p) return failed(sticky);
  drain_all();
  auto it = allocations.find(static_cast<char*>(p));
  if (it == allocations.end())
    return failed(cudaErrorInvalidValue, "cudaFree: no allocation begins here (freed twice?)");
  const Allocation a = it->second;
  char* block = it->first - kRedZone;
  allocations.erase(it);
  in_use[size_t(a.device)] -= a.nbytes;
  ASAN_UNPOISON_MEMORY_REGION(p, a.nbytes);
  if (config().poison) {
    DeviceRuns runs;
    std::memset(p, 0xff, a.nbytes);
  }
  ASAN_POISON_MEMORY_REGION(block, a.block);
  if (!EMULATION_ASAN) {
    make_hole(block, a.block);
    return failed(sticky);
  }
  quarantine.emplace_back(block, a.block);
  quarantined += a.block;
  while (quarantined > kQuarantine) {
    auto [oldest, n] = quarantine.front();
    quarantine.pop_front();
    quarantined -= n;
    make_hole(oldest, n);
  }
  return failed(sticky);
}

cudaError_t cudaFreeHost(void* p) {
  Lock lock(emulation::mutex);
  if (!p) return failed(sticky);
  drain_all();
  auto it = pinned.find(static_cast<char*>(p));
  if (it == pinned.end()) return failed(cudaErrorInvalidValue, "cudaFreeHost: not pinned memory");
  ASAN_UNPOISON_MEMORY_REGION(p, (it->second + 4095) / 4096 * 4096);
  pinned.erase(it);
  std::free(p);
  return failed(sticky);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind kind) {
  return copy(to, from, n, kind, nullptr, true);
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind kind, cudaStream_t stream) {
  return copy(to, from, n, kind, stream, false);
}
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, size_t n,
                                cudaStream_t stream) {
  {
    Lock lock(emulation::mutex);
    if (n && (device_of(to) != to_device || device_of(from) != from_device))
      return failed(cudaErrorInvalidValue, "cudaMemcpyPeerAsync: a pointer does not belong to its device");
  }
  return copy(to, from, n, cudaMemcpyDeviceToDevice, stream, false);
}
cudaError_t cudaMemsetAsync(void* p, int value, size_t n, cudaStream_t stream) {
  Lock lock(emulation::mutex);
  if (sticky) return failed(sticky);
  if (!n) return cudaSuccess;
  if (!is_stream(stream)) return failed(cudaErrorInvalidResourceHandle, "cudaMemsetAsync: no such stream");
  if (!within_allocation(p, n))
    return failed(cudaErrorInvalidValue, "cudaMemsetAsync: not inside one device allocation");
  submit(stream, [=] { std::memset(p, value, n); });
  return failed(sticky);
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* p) {
  Lock lock(emulation::mutex);
  void* address = const_cast<void*>(p);
  if (auto* a = allocation_at(p)) *attributes = {cudaMemoryTypeDevice, a->second.device, address, nullptr};
  else if (is_pinned(p, 1)) *attributes = {cudaMemoryTypeHost, 0, address, address};
  else *attributes = {cudaMemoryTypeUnregistered, -1, nullptr, address};
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  Lock lock(emulation::mutex);
  reserve();
  *total = config().memory;
  *free = config().memory - in_use[size_t(current_device())];
  return cudaSuccess;
}
