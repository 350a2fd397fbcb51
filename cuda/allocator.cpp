// Device memory. cudaMalloc and cudaFree cost tens of microseconds and wait for the device, so blocks are cut from segments
// and kept when they are freed.
//
// A block belongs to the stream it was allocated on and is reused at once by later work of that stream, which runs in order.
// A stream that also uses it says so (record_stream): then the block waits, when freed, until what that stream had queued is
// done. Sizes are multiples of 512 bytes; small blocks share segments of 2 MB, middle ones of 20 MB, and large ones have
// segments of their own. Neighbours that are free become one block again.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>

#include "emulation_hooks.h"
#include "runtime_internal.h"

namespace tx::cuda {

namespace {

constexpr size_t kUnit = 512;
constexpr size_t kSmall = 1 << 20, kSmallSegment = 2 << 20;  // a request up to kSmall comes from such a segment
constexpr size_t kMiddle = 10 << 20, kMiddleSegment = 20 << 20;
constexpr size_t kLargeUnit = 2 << 20;

struct Block {
  int device;
  cudaStream_t stream;
  bool small;  // which kind of segment it was cut from
  char* data;
  size_t size;
  size_t requested = 0;  // of a live block
  bool live = false;
  Block *before = nullptr, *after = nullptr;  // neighbours in the segment
  std::vector<cudaStream_t> also_used_by;
  int waiting = 0;  // events that must pass before it is free
};

struct BySize {
  bool operator()(const Block* a, const Block* b) const {
    return std::tie(a->device, a->stream, a->small, a->size, a->data) <
           std::tie(b->device, b->stream, b->small, b->size, b->data);
  }
};

struct Pending {
  cudaEvent_t event;
  Block* block;
};

std::mutex mutex;
std::set<Block*, BySize> free_blocks;
std::unordered_map<void*, Block*> live_blocks;
std::deque<Pending> pending;
std::vector<MemoryStats> statistics;  // by device
std::vector<size_t> limits;  // by device; 0: none

MemoryStats& stats_of(int device) {
  if (statistics.size() <= size_t(device)) statistics.resize(size_t(device) + 1);
  return statistics[size_t(device)];
}

void count(const Block& block, Statistic PoolStats::* what, int64_t by) {
  MemoryStats& s = stats_of(block.device);
  for (PoolStats* pool : {&s.all, block.small ? &s.small_pool : &s.large_pool}) (pool->*what).change(by);
}
// Blocks, and their bytes. sign: 1 or -1.
void count(const Block& block, Statistic PoolStats::* number, Statistic PoolStats::* bytes, int sign) {
  count(block, number, sign);
  count(block, bytes, sign * int64_t(block.size));
}
void count_inactive(const Block& block, int sign) {
  if (block.before || block.after) count(block, &PoolStats::inactive_split, &PoolStats::inactive_split_bytes, sign);
}

bool caches() {  // without, memory checkers see each allocation
  static const bool on = [] {
    const char* text = std::getenv("TENSORX_CUDA_CACHING");
    return !text || std::strcmp(text, "0") != 0;
  }();
  return on;
}

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

size_t segment_size(size_t size) {
  if (!caches()) return size;
  return size <= kSmall ? kSmallSegment : size < kMiddle ? kMiddleSegment : round_up(size, kLargeUnit);
}

// Whether what is left over is worth a block.
bool splits(const Block& block, size_t size) {
  const size_t left = block.size - size;
  return block.small ? left >= kUnit : left > kSmall;
}

void make_free(Block* block) {
  emulation_freed(block->data, block->size, block->stream);
  count(*block, &PoolStats::active, &PoolStats::active_bytes, -1);
  for (Block* other : {block->before, block->after}) {
    if (!other || other->live || other->waiting) continue;
    free_blocks.erase(other);
    count_inactive(*other, -1);
    if (other == block->before) {
      block->data = other->data;
      block->before = other->before;
      if (block->before) block->before->after = block;
    } else {
      block->after = other->after;
      if (block->after) block->after->before = block;
    }
    block->size += other->size;
    delete other;
  }
  count_inactive(*block, 1);
  free_blocks.insert(block);
}

// Blocks whose other users are done become free. `all`: waits for them.
void process_pending(bool all) {
  while (!pending.empty()) {
    const Pending first = pending.front();
    if (all) cudaEventSynchronize(first.event);
    else if (cudaEventQuery(first.event) == cudaErrorNotReady) {
      cudaGetLastError();
      return;
    }
    pending.pop_front();
    cudaEventDestroy(first.event);
    if (--first.block->waiting == 0) make_free(first.block);
  }
}

// Gives back every segment that is free as a whole; of one device, or of all (-1).
void release_segments(int device) {
  for (auto it = free_blocks.begin(); it != free_blocks.end();) {
    Block* block = *it;
    if (block->before || block->after || (device >= 0 && block->device != device)) {
      ++it;
      continue;
    }
    it = free_blocks.erase(it);
    use_device(block->device);
    cudaFree(block->data);
    count(*block, &PoolStats::segment, &PoolStats::reserved_bytes, -1);
    stats_of(block->device).device_frees += 1;
    delete block;
  }
}

Block* from_cache(int device, cudaStream_t stream, size_t size) {
  Block wanted{device, stream, size <= kSmall, nullptr, size};
  auto it = free_blocks.lower_bound(&wanted);
  if (it == free_blocks.end() || (*it)->device != device || (*it)->stream != stream || (*it)->small != wanted.small)
    return nullptr;
  Block* block = *it;
  free_blocks.erase(it);
  count_inactive(*block, -1);
  return block;
}

// Null when the device has no room, or the limit none.
Block* new_segment(int device, cudaStream_t stream, size_t size) {
  const size_t nbytes = segment_size(size);
  const size_t limit = size_t(device) < limits.size() ? limits[size_t(device)] : 0;
  if (limit && size_t(stats_of(device).all.reserved_bytes.current) + nbytes > limit) return nullptr;
  void* data = nullptr;
  const cudaError_t error = cudaMalloc(&data, nbytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check(error, "allocating device memory");
  emulation_freed(data, nbytes, stream);
  auto* block = new Block{device, stream, size <= kSmall, static_cast<char*>(data), nbytes};
  count(*block, &PoolStats::segment, &PoolStats::reserved_bytes, 1);
  stats_of(device).device_allocations += 1;
  return block;
}

template <class F>
void for_statistics(int device, const F& f) {
  MemoryStats& s = stats_of(device);
  for (PoolStats* pool : {&s.all, &s.small_pool, &s.large_pool}) {
#define X(name) f(pool->name);
    TX_MEMORY_STATISTICS(X)
#undef X
  }
}

std::set<Block*> waiting_blocks() {
  std::set<Block*> found;  // a block may wait for several events
  for (const Pending& each : pending) found.insert(each.block);
  return found;
}

[[noreturn]] void out_of_memory(int device, size_t nbytes) {
  auto megabytes = [](auto n) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f MiB", double(n) / (1 << 20));
    return std::string(text);
  };
  MemoryStats& s = stats_of(device);
  s.out_of_memory += 1;
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  throw OutOfMemory("CUDA out of memory. Tried to allocate " + megabytes(nbytes) +
                        " on cuda:" + std::to_string(device) + ", which has " + megabytes(total) + ", of which " +
                        megabytes(free) + " are free; tensors hold " + megabytes(s.all.allocated_bytes.current) +
                        ", and " + megabytes(s.all.reserved_bytes.current - s.all.allocated_bytes.current) +
                        " more are kept for reuse. Use smaller batches, del what is not needed, or see "
                        "tensorx.cuda.memory_summary()",
                    ErrorKind::DeviceMemory);
}

}  // namespace

void* allocate(int device, size_t nbytes) {
  use_device(device);
  const cudaStream_t stream = current_stream();
  const size_t size = std::max(round_up(nbytes, kUnit), kUnit);
  if (size < nbytes) fail(ErrorKind::Runtime, "cannot allocate ", nbytes, " bytes of device memory");
  std::lock_guard lock(mutex);
  process_pending(false);
  Block* block = from_cache(device, stream, size);
  if (!block) block = new_segment(device, stream, size);
  if (!block) {
    stats_of(device).retries += 1;
    process_pending(true);
    release_segments(device);
    block = new_segment(device, stream, size);
  }
  if (!block) out_of_memory(device, nbytes);
  if (splits(*block, size)) {
    auto* rest = new Block{device, stream, block->small, block->data + size, block->size - size};
    rest->before = block;
    rest->after = block->after;
    if (rest->after) rest->after->before = rest;
    block->after = rest;
    block->size = size;
    free_blocks.insert(rest);
    count_inactive(*rest, 1);
  }
  block->live = true;
  block->requested = nbytes;
  live_blocks[block->data] = block;
  count(*block, &PoolStats::allocation, &PoolStats::allocated_bytes, 1);
  count(*block, &PoolStats::active, &PoolStats::active_bytes, 1);
  count(*block, &PoolStats::requested_bytes, int64_t(nbytes));
  emulation_used(block->data, nbytes, stream);
  return block->data;
}

void deallocate(void* data) {
  std::lock_guard lock(mutex);
  auto it = live_blocks.find(data);
  if (it == live_blocks.end()) return;
  Block* block = it->second;
  live_blocks.erase(it);
  block->live = false;
  count(*block, &PoolStats::allocation, &PoolStats::allocated_bytes, -1);
  count(*block, &PoolStats::requested_bytes, -int64_t(block->requested));
  for (cudaStream_t stream : block->also_used_by) {
    cudaEvent_t event;
    if (cudaEventCreateWithFlags(&event, cudaEventDisableTiming) != cudaSuccess) continue;
    cudaEventRecord(event, stream);
    block->waiting++;
    pending.push_back({event, block});
  }
  block->also_used_by.clear();
  if (block->waiting) return;
  make_free(block);
  if (!caches()) release_segments(block->device);
}

void record_stream(void* data, Stream stream) {
  std::lock_guard lock(mutex);
  auto it = live_blocks.find(data);
  if (it == live_blocks.end()) return;  // memory of somebody else
  auto s = static_cast<cudaStream_t>(stream);
  auto& users = it->second->also_used_by;
  if (s != it->second->stream && std::find(users.begin(), users.end(), s) == users.end()) users.push_back(s);
}

MemoryStats memory_stats(int device) {
  std::lock_guard lock(mutex);
  return stats_of(device);
}

void reset_peak_memory(int device) {
  std::lock_guard lock(mutex);
  for_statistics(device, [](Statistic& s) { s.peak = s.current; });
}

void reset_accumulated_memory(int device) {
  std::lock_guard lock(mutex);
  for_statistics(device, [](Statistic& s) { s.allocated = s.freed = 0; });
}

std::vector<MemoryBlock> memory_blocks() {
  std::lock_guard lock(mutex);
  std::vector<Block*> segments;  // by their first blocks
  auto add = [&](Block* block) {
    if (!block->before) segments.push_back(block);
  };
  for (auto& [data, block] : live_blocks) add(block);
  for (Block* block : free_blocks) add(block);
  for (Block* block : waiting_blocks()) add(block);
  std::sort(segments.begin(), segments.end(), [](Block* a, Block* b) { return a->data < b->data; });
  std::vector<MemoryBlock> found;
  for (Block* first : segments)
    for (Block* block = first; block; block = block->after) {
      const MemoryState state = block->live      ? MemoryState::Live
                                : block->waiting ? MemoryState::Pending
                                                 : MemoryState::Free;
      found.push_back({block->device, block->stream, block->small, first->data, block->data, block->size,
                       block->live ? block->requested : 0, state});
    }
  return found;
}

void empty_cache() {
  std::lock_guard lock(mutex);
  process_pending(true);
  release_segments(-1);
}

void set_memory_fraction(int device, double fraction) {
  use_device(device);
  std::lock_guard lock(mutex);
  if (limits.size() <= size_t(device)) limits.resize(size_t(device) + 1);
  limits[size_t(device)] = size_t(fraction * double(properties(device).totalGlobalMem));
}

double memory_fraction(int device) {
  use_device(device);
  std::lock_guard lock(mutex);
  const size_t limit = size_t(device) < limits.size() ? limits[size_t(device)] : 0;
  return limit ? double(limit) / double(properties(device).totalGlobalMem) : 1;
}

Workspace::Workspace(size_t nbytes) : data_(allocate(used_device(), nbytes)) {}
Workspace::~Workspace() { deallocate(data_); }

}  // namespace tx::cuda
