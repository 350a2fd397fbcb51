// The CPU allocator behind allocator.h. Three layers:
//   - each thread keeps freed small blocks in lists of its own (no lock, about ten nanoseconds);
//   - a global cache, under a lock, keeps the rest;
//   - the system: malloc's heap below kHugeBlock, mappings with huge pages from there on.
// Sizes are rounded up to classes, so a freed block fits the next request of about its size; rounding adds an eighth
// at most (or up to a multiple of 64 bytes).
//
// What the cache may hold: allocated + cached stays below 9/8 of the highest `allocated` so far plus 64 MB, and cached
// below half of the physical memory. The block that was freed first goes first.
//
// All state has static storage and no destructor, so blocks may be freed at any time before the process ends.
#include "allocator.h"

#include <malloc.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>

#include "../errors.h"
#include "allocator_blocks.h"

namespace tx {
namespace {

constexpr size_t kThreadListBytes = size_t(64) << 10;  // freed blocks in each list of a thread, at most
constexpr int64_t kFlushBytes = 64 << 10;              // how far a thread's count of live bytes may run ahead
constexpr uint64_t kSlackBytes = uint64_t(64) << 20;

constexpr int blocks_per_list(int size_class) { return std::min(int(kThreadListBytes / class_bytes(size_class)), 64); }

// A number that one thread changes and others read.
template <class T>
struct Counter {
  std::atomic<T> value{0};
  T get() const { return value.load(std::memory_order_relaxed); }
  void set(T v) { value.store(v, std::memory_order_relaxed); }
  void add(T v) { set(get() + v); }
};

// What one thread has freed and counted. Only its own thread changes it, except in a forked child, which takes over
// from threads that stopped at any instruction: hence `newest` is stored after the block it points to is complete.
struct ThreadCache {
  struct List {
    std::atomic<FreeBlock*> newest{nullptr};
    int count = 0;
  };
  List lists[kNumSmall];
  Counter<int64_t> allocated;          // not yet added to the global count; below zero after freeing others' blocks
  Counter<uint64_t> allocations, cache_hits;
  ThreadCache* previous = nullptr;     // the list of all caches, under the global lock
  ThreadCache* next = nullptr;

  void push(int size_class, void* block) {
    List& list = lists[size_class];
    FreeBlock* const freed = static_cast<FreeBlock*>(block);
    freed->older() = list.newest.load(std::memory_order_relaxed);
    list.newest.store(freed, std::memory_order_release);
    ++list.count;
  }

  FreeBlock* pop(int size_class) {
    List& list = lists[size_class];
    FreeBlock* const block = list.newest.load(std::memory_order_relaxed);
    if (block == nullptr) return nullptr;
    list.newest.store(block->older(), std::memory_order_release);
    --list.count;
    return block;
  }
};

// Everything here is under `lock`.
struct Global {
  std::mutex lock;
  BlockList<&FreeBlock::in_class> classes[kNumClasses];
  BlockList<&FreeBlock::by_age> ages;
  ThreadCache* threads = nullptr;
  uint64_t held = 0;                   // bytes taken from the system and not given back: allocated + cached
  uint64_t limit = 0;
  uint64_t high_water = 0;             // the highest `allocated` ever; peak_allocated can be reset, this cannot
  uint64_t max_cached = 0;             // 0: not asked yet
  int64_t allocated = 0;               // without what the threads have not yet added
  uint64_t peak_allocated = 0;
  uint64_t allocations = 0, cache_hits = 0;

  void push(int size_class, void* block) {
    FreeBlock* const freed = static_cast<FreeBlock*>(block);
    freed->size_class = size_class;
    classes[size_class].push(freed);
    ages.push(freed);
  }

  void remove(FreeBlock* block) {
    classes[block->size_class].remove(block);
    ages.remove(block);
  }

  FreeBlock* pop(int size_class) {
    FreeBlock* const block = classes[size_class].newest;
    if (block != nullptr) remove(block);
    return block;
  }

  void count_allocated(int64_t nbytes) {
    allocated += nbytes;
    const uint64_t now = uint64_t(std::max<int64_t>(allocated, 0));
    peak_allocated = std::max(peak_allocated, now);
    high_water = std::max(high_water, now);
  }

  // The most that may be held before `upcoming` bytes more are taken from the system.
  uint64_t budget(uint64_t upcoming = 0) {
    if (max_cached == 0) max_cached = physical_memory() / 2;
    const uint64_t live = uint64_t(std::max<int64_t>(allocated, 0)) + upcoming;
    const uint64_t high = std::max(high_water, live);
    uint64_t most = std::min(high + high / 8 + kSlackBytes, live + max_cached);
    if (limit != 0) most = std::min(most, limit);
    return most - std::min(most, upcoming);
  }

  // Takes the blocks freed first out of the cache until at most `budget` bytes are held. They come back as a chain,
  // to be given to the system without the lock.
  FreeBlock* evict(uint64_t budget) {
    FreeBlock* chain = nullptr;
    while (held > budget && ages.oldest != nullptr) {
      FreeBlock* const block = ages.oldest;
      remove(block);
      held -= class_bytes(block->size_class);
      block->older() = chain;
      chain = block;
    }
    return chain;
  }
};

constinit Global global;
constinit std::atomic<int64_t> allocations_until_failure{0};           // 0: none is asked to fail
constinit thread_local ThreadCache* thread_cache = nullptr;

void release(FreeBlock* chain) {
  while (chain != nullptr) {
    FreeBlock* const next = chain->older();
    system_free(chain, class_bytes(chain->size_class));
    chain = next;
  }
}

// ---- A thread's cache: its start, its end, and its traffic with the global one ------------------------------------

// The functions whose name ends in _locked expect the caller to hold global.lock.

void flush_counts_locked(ThreadCache& cache) {
  global.count_allocated(cache.allocated.get());
  global.allocations += cache.allocations.get();
  global.cache_hits += cache.cache_hits.get();
  cache.allocated.set(0);
  cache.allocations.set(0);
  cache.cache_hits.set(0);
}

void flush_blocks_locked(ThreadCache& cache, int size_class, int keep) {
  // By the list, not by its count: in a forked child the two may differ.
  while (cache.lists[size_class].count > keep || keep == 0) {
    FreeBlock* const block = cache.pop(size_class);
    if (block == nullptr) break;
    global.push(size_class, block);
  }
}

void flush_all_locked(ThreadCache& cache) {
  flush_counts_locked(cache);
  for (int c = 0; c < kNumSmall; ++c) flush_blocks_locked(cache, c, 0);
}

void retire_locked(ThreadCache* cache) {
  flush_all_locked(*cache);
  (cache->previous ? cache->previous->next : global.threads) = cache->next;
  if (cache->next) cache->next->previous = cache->previous;
}

// Runs after the destructors of the thread's thread_local objects. A block that is freed later still, by the end of
// another key, makes a new cache, and the system calls this again.
void end_of_thread(void* cache) {
  thread_cache = nullptr;
  {
    const std::lock_guard guard(global.lock);
    retire_locked(static_cast<ThreadCache*>(cache));
  }
  delete static_cast<ThreadCache*>(cache);
}

// The key whose destructor ends a thread's cache.
pthread_key_t thread_key;
const bool have_thread_key = pthread_key_create(&thread_key, end_of_thread) == 0;

// This thread's cache, or null if it cannot have one: then the global one serves.
[[gnu::noinline]] ThreadCache* start_thread_cache() {
  if (!have_thread_key) return nullptr;
  ThreadCache* const cache = new (std::nothrow) ThreadCache;
  if (cache == nullptr || pthread_setspecific(thread_key, cache) != 0) {
    delete cache;
    return nullptr;
  }
  const std::lock_guard guard(global.lock);
  cache->next = global.threads;
  if (cache->next) cache->next->previous = cache;
  global.threads = cache;
  return thread_cache = cache;
}

ThreadCache* this_thread() { return thread_cache ? thread_cache : start_thread_cache(); }

// Moves half a list's worth of blocks from the global cache to the thread's, and returns one more of them.
FreeBlock* refill_locked(ThreadCache& cache, int size_class) {
  for (int i = blocks_per_list(size_class) / 2; i > 0; --i) {
    FreeBlock* const block = global.pop(size_class);
    if (block == nullptr) break;
    cache.push(size_class, block);
  }
  return cache.pop(size_class);
}

// ---- Allocation that the thread's own lists cannot serve ----------------------------------------------------------

[[noreturn]] void out_of_memory(size_t nbytes) {
  const MemoryStats stats = memory_stats();
  uint64_t limit;
  {
    const std::lock_guard guard(global.lock);
    limit = global.limit;
  }
  std::ostringstream text;
  text << "tensorx: out of memory on the CPU: tried to allocate " << nbytes << " bytes; " << stats.allocated
       << " bytes are allocated, " << stats.cached << " bytes are cached, ";
  if (limit != 0) text << "and the limit is " << limit << " bytes (set_memory_limit)";
  else text << "and no limit is set (" << physical_memory() << " bytes of physical memory)";
  throw OutOfMemory(text.str());
}

// Reserves `rounded` bytes within the budget, at the cache's cost. False if the limit forbids it.
bool reserve(size_t rounded) {
  FreeBlock* evicted = nullptr;
  bool allowed = true;
  {
    const std::lock_guard guard(global.lock);
    evicted = global.evict(global.budget(rounded));
    allowed = global.limit == 0 || global.held + rounded <= global.limit;
    if (allowed) global.held += rounded;
  }
  release(evicted);
  return allowed;
}

void* take_from_system(size_t nbytes, size_t rounded) {
  if (!reserve(rounded)) {
    empty_cache();                     // this thread's own lists have not been asked yet
    if (!reserve(rounded)) out_of_memory(nbytes);
  }
  void* block = system_allocate(nbytes, rounded);
  if (block == nullptr) {
    empty_cache();
    block = system_allocate(nbytes, rounded);
  }
  if (block == nullptr) {
    {
      const std::lock_guard guard(global.lock);
      global.held -= rounded;
    }
    out_of_memory(nbytes);
  }
  return block;
}

[[gnu::noinline]] void* allocate_from_global(size_t nbytes, int size_class, ThreadCache* cache) {
  const size_t rounded = class_bytes(size_class);
  FreeBlock* block;
  {
    const std::lock_guard guard(global.lock);
    block = cache && size_class < kNumSmall ? refill_locked(*cache, size_class) : global.pop(size_class);
    if (block != nullptr) {
      if (cache) flush_counts_locked(*cache);
      global.count_allocated(int64_t(rounded));
      ++global.allocations;
      ++global.cache_hits;
    }
  }
  if (block != nullptr) return block;
  void* const fresh = take_from_system(nbytes, rounded);
  const std::lock_guard guard(global.lock);
  if (cache) flush_counts_locked(*cache);
  global.count_allocated(int64_t(rounded));
  ++global.allocations;
  return fresh;
}

[[gnu::noinline]] void deallocate_to_global(void* block, int size_class, ThreadCache* cache) {
  const size_t rounded = class_bytes(size_class);
  FreeBlock* evicted = nullptr;
  {
    const std::lock_guard guard(global.lock);
    if (cache) flush_counts_locked(*cache);
    global.count_allocated(-int64_t(rounded));
    if (kCache) {
      global.push(size_class, block);
      evicted = global.evict(global.budget());
    } else {
      global.held -= rounded;
    }
  }
  if (!kCache) system_free(block, rounded);
  release(evicted);
}

[[gnu::noinline]] void flush_half(ThreadCache& cache, int size_class) {
  FreeBlock* evicted = nullptr;
  {
    const std::lock_guard guard(global.lock);
    flush_counts_locked(cache);
    flush_blocks_locked(cache, size_class, blocks_per_list(size_class) / 2);
    evicted = global.evict(global.budget());
  }
  release(evicted);
}

[[gnu::noinline]] void flush_counts(ThreadCache& cache) {
  const std::lock_guard guard(global.lock);
  flush_counts_locked(cache);
}

// ---- Fork --------------------------------------------------------------------------------------------------------

// The lock is held across the fork, so the child gets a consistent cache, and it takes over what the threads that it
// does not have left behind.
void before_fork() { global.lock.lock(); }
void after_fork_in_parent() { global.lock.unlock(); }
void after_fork_in_child() {
  for (ThreadCache* cache = global.threads; cache != nullptr;) {
    ThreadCache* const next = cache->next;
    if (cache != thread_cache) retire_locked(cache);  // not deleted: malloc's locks are the system's business
    cache = next;
  }
  global.lock.unlock();
}

[[maybe_unused]] const int fork_handler = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

}  // namespace

// ---- The interface -----------------------------------------------------------------------------------------------

void* allocate(size_t nbytes) {
  if (nbytes > kMaxBytes) out_of_memory(nbytes);
  if (allocations_until_failure.load(std::memory_order_relaxed) > 0 && allocations_until_failure.fetch_sub(1) == 1)
    out_of_memory(nbytes);
  const int size_class = class_of(nbytes);
  ThreadCache* const cache = this_thread();
  if (kCache && size_class < kNumSmall && cache != nullptr) {
    if (FreeBlock* const block = cache->pop(size_class)) {
      cache->allocations.add(1);
      cache->cache_hits.add(1);
      cache->allocated.add(int64_t(class_bytes(size_class)));
      if (cache->allocated.get() > kFlushBytes) flush_counts(*cache);
      return block;
    }
  }
  return allocate_from_global(nbytes, size_class, cache);
}

void deallocate(void* block, size_t nbytes) {
  if (block == nullptr) return;
  const int size_class = class_of(nbytes);
  ThreadCache* const cache = this_thread();
  if (!kCache || size_class >= kNumSmall || cache == nullptr) return deallocate_to_global(block, size_class, cache);
  cache->push(size_class, block);
  cache->allocated.add(-int64_t(class_bytes(size_class)));
  if (cache->lists[size_class].count > blocks_per_list(size_class)) flush_half(*cache, size_class);
  else if (cache->allocated.get() < -kFlushBytes) flush_counts(*cache);
}

MemoryStats memory_stats() {
  const std::lock_guard guard(global.lock);
  int64_t allocated = global.allocated;
  MemoryStats stats{};
  stats.allocations = global.allocations;
  stats.cache_hits = global.cache_hits;
  for (const ThreadCache* cache = global.threads; cache != nullptr; cache = cache->next) {
    allocated += cache->allocated.get();
    stats.allocations += cache->allocations.get();
    stats.cache_hits += cache->cache_hits.get();
  }
  stats.allocated = uint64_t(std::max<int64_t>(allocated, 0));
  stats.cached = global.held - std::min(global.held, stats.allocated);
  stats.peak_allocated = global.peak_allocated = std::max(global.peak_allocated, stats.allocated);
  return stats;
}

void reset_peak_memory() {
  const uint64_t allocated = memory_stats().allocated;
  const std::lock_guard guard(global.lock);
  global.peak_allocated = allocated;
}

void empty_cache() {
  FreeBlock* evicted;
  {
    const std::lock_guard guard(global.lock);
    if (thread_cache) flush_all_locked(*thread_cache);
    evicted = global.evict(0);
  }
  release(evicted);
#ifdef __GLIBC__
  malloc_trim(0);  // the heap keeps freed blocks too
#endif
}

int64_t fail_allocation(int64_t n) { return std::max<int64_t>(allocations_until_failure.exchange(n), 0); }

void set_memory_limit(uint64_t nbytes) {
  FreeBlock* evicted;
  {
    const std::lock_guard guard(global.lock);
    global.limit = nbytes;
    evicted = global.evict(global.budget());
  }
  release(evicted);
}

}  // namespace tx
