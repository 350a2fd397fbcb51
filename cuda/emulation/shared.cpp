// Shared memory of the block that runs, and copies into it that complete when they are waited for.
//
// Every variable lies between red zones, and is fresh (0xFF) for each block.
#include <sys/mman.h>

#include <cstdlib>

#include "internal.h"

namespace emulation {

static constexpr size_t kArena = 512 << 10, kRedZone = 64;
static char* arena;
static size_t used, dirty;
static void* dynamic;
static uint64_t blocks;

uint64_t block_number() { return blocks; }

// Not memset, which sanitizers watch: to them this would be a write of the thread that runs.
static void fill(char* p, size_t n) {
  size_t i = 0;
  for (; i + 8 <= n; i += 8) *reinterpret_cast<volatile uint64_t*>(p + i) = ~uint64_t(0);
  for (; i < n; i++) *const_cast<volatile char*>(p + i) = char(0xff);  // else a call of memset again
}

static void* allocate_shared(size_t nbytes, size_t alignment) {
  const size_t at = (used + kRedZone + alignment - 1) / alignment * alignment;
  if (at + nbytes + kRedZone > kArena)
    kernel_fail(cudaErrorInvalidConfiguration, "a block uses more shared memory than there is", {"shared memory", 0});
  used = at + nbytes;
  dirty = std::max(dirty, used);
  ASAN_UNPOISON_MEMORY_REGION(arena + at, nbytes);
  if (config().poison) fill(arena + at, nbytes);
  return arena + at;
}

void* shared_slot(SharedSlot& slot, size_t nbytes, size_t alignment) {
  if (slot.block != blocks) {
    slot.data = allocate_shared(nbytes, alignment);
    slot.block = blocks;
  }
  return slot.data;
}

void* dynamic_shared() { return dynamic; }

void reset_shared(size_t dynamic_bytes) {
  if (EMULATION_TSAN) {                        // fresh memory: no races with the block before
    std::free(arena);
    arena = nullptr;
  }
  if (!arena) {
    arena = static_cast<char*>(std::aligned_alloc(1024, kArena));
    ASAN_POISON_MEMORY_REGION(arena, kArena);
  }
  ASAN_POISON_MEMORY_REGION(arena, (dirty + 7) / 8 * 8);
  used = 1024 - kRedZone;                      // the first variable is aligned to 1024 bytes
  dirty = 0;
  blocks++;
  dynamic = dynamic_bytes ? allocate_shared(dynamic_bytes, 1024) : arena + 1024;
}

void async_copy(void* to, const void* from, unsigned nbytes, unsigned present, Site site) {
  if (reinterpret_cast<uintptr_t>(to) % nbytes || (present && reinterpret_cast<uintptr_t>(from) % nbytes))
    kernel_fail(cudaErrorLaunchFailure, "cp.async: misaligned address", site);
  current->site = site;
  current->copies.push_back({to, from, nbytes, present});
}

void async_copy_commit() {
  auto n = unsigned(current->copies.size());
  for (unsigned group : current->groups) n -= group;
  current->groups.push_back(n);
}

void async_copy_wait(unsigned groups_left) {
  auto& copies = current->copies;
  auto& groups = current->groups;
  while (groups.size() > groups_left) {
    for (unsigned i = 0; i < groups.front(); i++) {
      const PendingCopy& c = copies[i];
      if (c.present) std::memcpy(c.to, c.from, c.present);
      std::memset(static_cast<char*>(c.to) + c.present, 0, c.nbytes - c.present);
    }
    copies.erase(copies.begin(), copies.begin() + groups.front());
    groups.erase(groups.begin());
  }
}

}  // namespace emulation
