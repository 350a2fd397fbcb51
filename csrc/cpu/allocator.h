// The CPU allocator: 64-byte aligned blocks, freed blocks cached by size class (fresh pages cost more than
// most kernels), huge pages for large blocks.
#pragma once
#include <cstddef>
#include <cstdint>

#include "../dtype.h"

namespace tx {

void* allocate(size_t nbytes);                    // never null; throws OutOfMemory (errors.h) and changes nothing
void deallocate(void* block, size_t nbytes);      // nbytes as it was asked for

struct MemoryStats {
  uint64_t allocated;        // bytes in live blocks
  uint64_t peak_allocated;   // highest `allocated` since the start or reset_peak_memory()
  uint64_t cached;           // bytes held in freed blocks, ready for reuse
  uint64_t allocations;      // number of allocate() calls
  uint64_t cache_hits;       // of these, served from the cache
};
MemoryStats memory_stats();
void reset_peak_memory();
void empty_cache();                               // give cached blocks back to the system
void set_memory_limit(uint64_t nbytes);           // allocated + cached may not exceed it; 0: no limit
int64_t fail_allocation(int64_t n);  // for tests: the n-th allocate() from now throws; 0: none. What was left of n

// Scratch memory of a kernel, freed at the end of the scope.
class Workspace {
 public:
  TX_INLINE explicit Workspace(size_t nbytes) : block_(allocate(nbytes)), nbytes_(nbytes) {}
  TX_INLINE ~Workspace() { deallocate(block_, nbytes_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  template <class T> TX_INLINE T* as() { return static_cast<T*>(block_); }

 private:
  void* block_;
  size_t nbytes_;
};

}  // namespace tx
