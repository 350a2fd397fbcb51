// What the allocator's blocks are: their size classes, where they come from, and the lists of freed ones.
// For allocator.cpp alone.
#pragma once
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#define TX_CACHE_BLOCKS 0              // AddressSanitizer must see every free, and the exact size of every block
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TX_CACHE_BLOCKS 0
#endif
#endif
#ifndef TX_CACHE_BLOCKS
#define TX_CACHE_BLOCKS 1
#endif

namespace tx {

constexpr bool kCache = TX_CACHE_BLOCKS;
constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t(2) << 20;
constexpr size_t kHugeBlock = kHugePage;               // from here on blocks are mappings of their own
constexpr size_t kMaxBytes = size_t(1) << 47;          // the address space of a process
constexpr size_t kSmallBytes = size_t(16) << 10;       // up to here a thread caches blocks of its own

// ---- Size classes: the multiples of 64 up to 512, then eight to each doubling ------------------------------------

constexpr int class_of(size_t nbytes) {
  if (nbytes <= 512) return nbytes == 0 ? 0 : int((nbytes - 1) >> 6);
  const int log = std::bit_width(nbytes - 1) - 1;
  return 8 * (log - 9) + int((nbytes - 1) >> (log - 3));
}

constexpr size_t class_bytes(int size_class) {
  return size_class < 8 ? size_t(64) * (size_class + 1) : size_t(9 + size_class % 8) << (size_class / 8 + 5);
}

constexpr int kNumClasses = class_of(kMaxBytes) + 1;
constexpr int kNumSmall = class_of(kSmallBytes) + 1;

static_assert(class_of(512) == 7 && class_of(513) == 8 && class_bytes(8) == 576 && class_bytes(class_of(577)) == 640);
static_assert(class_bytes(kNumClasses - 1) == kMaxBytes && class_bytes(kNumSmall - 1) == kSmallBytes);

// ---- The system --------------------------------------------------------------------------------------------------

inline void* system_allocate(size_t nbytes, size_t rounded) {
  if (!kCache || rounded < kHugeBlock) {
    void* block = nullptr;
    return posix_memalign(&block, kAlignment, kCache ? rounded : std::max<size_t>(nbytes, 1)) == 0 ? block : nullptr;
  }
  // Map a huge page too much, and cut the ends off to start at the boundary of one.
  void* const mapping = mmap(nullptr, rounded + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  char* const first = static_cast<char*>(mapping);
  const size_t head = -reinterpret_cast<uintptr_t>(first) % kHugePage;
  if (head != 0) munmap(first, head);
  munmap(first + head + rounded, kHugePage - head);
  madvise(first + head, rounded / kHugePage * kHugePage, MADV_HUGEPAGE);     // a wish: without it, only slower
  return first + head;
}

inline void system_free(void* block, size_t rounded) {
  if (!kCache || rounded < kHugeBlock) std::free(block);
  else munmap(block, rounded);
}

inline uint64_t physical_memory() {
  return uint64_t(std::max(sysconf(_SC_PHYS_PAGES), 1L)) * uint64_t(std::max(sysconf(_SC_PAGESIZE), 1L));
}

// ---- Freed blocks ------------------------------------------------------------------------------------------------

// Written into a freed block. A thread's list uses older() alone.
struct FreeBlock {
  struct Links {
    FreeBlock* older;
    FreeBlock* newer;
  };
  Links in_class;                      // among the freed blocks of its size class
  Links by_age;                        // among all freed blocks of the global cache
  int size_class;

  FreeBlock*& older() { return in_class.older; }
};
static_assert(sizeof(FreeBlock) <= kAlignment);

// Freed blocks in the order in which they were freed.
template <FreeBlock::Links FreeBlock::* kLinks>
struct BlockList {
  FreeBlock* newest = nullptr;
  FreeBlock* oldest = nullptr;

  void push(FreeBlock* block) {
    block->*kLinks = {newest, nullptr};
    (newest ? (newest->*kLinks).newer : oldest) = block;
    newest = block;
  }

  void remove(FreeBlock* block) {
    const auto [older, newer] = block->*kLinks;
    (newer ? (newer->*kLinks).older : newest) = older;
    (older ? (older->*kLinks).newer : oldest) = newer;
  }
};

}  // namespace tx
