// The CPU allocator, alone. Build and run from the repository's root:
//   g++ -std=c++20 -O2 -g -pthread -Icsrc tests/cpp/test_allocator.cpp csrc/cpu/allocator.cpp -o /tmp/test_allocator && /tmp/test_allocator
// The same with -fsanitize=thread and with -fsanitize=address,undefined, where nothing is cached.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "cpu/allocator.h"
#include "errors.h"

#ifdef __SANITIZE_ADDRESS__
constexpr bool kCached = false;
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#else
constexpr bool kCached = true;
#endif

constexpr size_t kMega = size_t(1) << 20;

struct Block {
  unsigned char* data;
  size_t nbytes;
  unsigned char mark;
};

static Block make_block(size_t nbytes, unsigned char mark) {
  auto* data = static_cast<unsigned char*>(tx::allocate(nbytes));
  CHECK(data != nullptr && reinterpret_cast<uintptr_t>(data) % 64 == 0);
  std::memset(data, mark, nbytes);
  return {data, nbytes, mark};
}

static void free_block(const Block& block) {
  for (size_t i = 0; i < block.nbytes; i += 61) CHECK(block.data[i] == block.mark);
  if (block.nbytes > 0) CHECK(block.data[block.nbytes - 1] == block.mark);
  tx::deallocate(block.data, block.nbytes);
}

// Every size is aligned, writable to its end, and shared with no other block.
static void test_sizes() {
  std::vector<Block> blocks;
  for (size_t nbytes = 0; nbytes < 3000; ++nbytes) blocks.push_back(make_block(nbytes, (unsigned char)nbytes));
  for (size_t power = 4096; power <= 8 * kMega; power *= 2)
    for (size_t nbytes : {power - 1, power, power + 1, power + power / 3})
      blocks.push_back(make_block(nbytes, (unsigned char)(nbytes >> 5)));
  std::vector<std::pair<unsigned char*, size_t>> ranges;
  for (const Block& block : blocks) ranges.emplace_back(block.data, std::max<size_t>(block.nbytes, 1));
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) CHECK(ranges[i - 1].first + ranges[i - 1].second <= ranges[i].first);
  for (const Block& block : blocks) free_block(block);
}

static void test_statistics() {
  tx::empty_cache();
  const auto before = tx::memory_stats();
  for (size_t nbytes : {size_t(64), size_t(4096), kMega, 4 * kMega}) {
    tx::reset_peak_memory();
    void* const first = tx::allocate(nbytes);
    auto stats = tx::memory_stats();
    CHECK(stats.allocated == before.allocated + nbytes);  // these sizes are their own classes
    CHECK(stats.peak_allocated == stats.allocated);
    tx::deallocate(first, nbytes);
    stats = tx::memory_stats();
    CHECK(stats.allocated == before.allocated && stats.peak_allocated == before.allocated + nbytes);
    CHECK(stats.cached >= (kCached ? nbytes : 0));
    void* const second = tx::allocate(nbytes);
    CHECK(!kCached || second == first);
    CHECK(tx::memory_stats().cache_hits == stats.cache_hits + (kCached ? 1 : 0));
    CHECK(tx::memory_stats().allocations == stats.allocations + 1);
    tx::deallocate(second, nbytes);
  }
  tx::empty_cache();
  CHECK(tx::memory_stats().cached == 0);
  tx::reset_peak_memory();
  CHECK(tx::memory_stats().peak_allocated == before.allocated);
}

// Rounding up wastes an eighth at most.
static void test_rounding() {
  const auto before = tx::memory_stats().allocated;
  for (size_t nbytes = 1; nbytes < size_t(1) << 40; nbytes += nbytes / 3 + 1) {
    if (nbytes > 64 * kMega) break;
    void* const block = tx::allocate(nbytes);
    const auto rounded = tx::memory_stats().allocated - before;
    CHECK(rounded >= nbytes && rounded <= std::max<uint64_t>(nbytes + nbytes / 8, (nbytes + 63) / 64 * 64));
    tx::deallocate(block, nbytes);
  }
}

template <class F>
static std::string message_of(F f) {
  try {
    f();
  } catch (const tx::OutOfMemory& error) {
    CHECK(error.kind == tx::ErrorKind::Memory);
    return error.what();
  }
  CHECK(!"no OutOfMemory");
  return "";
}

static void test_impossible_sizes() {
  const auto before = tx::memory_stats();
  for (size_t nbytes : {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 63, SIZE_MAX / 2, SIZE_MAX / 2 + 1, size_t(1) << 47,
                        (size_t(1) << 47) + 1, size_t(1) << 46}) {
    const std::string text = message_of([=] { tx::allocate(nbytes); });
    CHECK(text.find(std::to_string(nbytes)) != std::string::npos);
  }
  CHECK(tx::memory_stats().allocated == before.allocated && tx::memory_stats().allocations == before.allocations);
}

static void test_limit() {
  tx::empty_cache();
  const auto base = tx::memory_stats().allocated;
  tx::set_memory_limit(base + 32 * kMega);
  std::vector<void*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(tx::allocate(8 * kMega));
  const std::string text = message_of([] { tx::allocate(64); });
  for (const char* part : {"64 bytes", "allocated", "cached", "limit"}) CHECK(text.find(part) != std::string::npos);
  CHECK(text.find(std::to_string(base + 32 * kMega)) != std::string::npos);
  for (void* block : blocks) tx::deallocate(block, 8 * kMega);
  // The cache is full with blocks of another size, and gives way.
  void* const large = tx::allocate(32 * kMega);
  CHECK(tx::memory_stats().allocated + tx::memory_stats().cached <= base + 32 * kMega);
  tx::deallocate(large, 32 * kMega);
  // Small blocks in this thread's own lists give way too.
  std::vector<void*> small;
  for (int i = 0; i < 40; ++i) small.push_back(tx::allocate(512));
  for (void* block : small) tx::deallocate(block, 512);
  tx::deallocate(tx::allocate(32 * kMega), 32 * kMega);
  tx::set_memory_limit(1);
  CHECK(tx::memory_stats().cached <= kMega);
  message_of([] { tx::allocate(kMega); });
  tx::set_memory_limit(0);
  tx::deallocate(tx::allocate(kMega), kMega);
}

// The cache must not add much to the most that was ever in use, whatever sizes come.
static void test_cache_is_bounded() {
  tx::empty_cache();
  tx::reset_peak_memory();
  uint64_t highest = 0;
  for (size_t nbytes = kMega; nbytes < 96 * kMega; nbytes += kMega / 2 + nbytes / 50) {
    void* const block = tx::allocate(nbytes);
    tx::deallocate(block, nbytes);
    const auto stats = tx::memory_stats();
    highest = std::max(highest, stats.allocated + stats.cached);
  }
  CHECK(highest <= 112 * kMega * 9 / 8 + 65 * kMega);
}

static void churn(int steps, unsigned seed, std::mutex& lock, std::vector<Block>& shared) {
  std::mt19937 random(seed);
  std::vector<Block> mine;
  for (int step = 0; step < steps; ++step) {
    const unsigned choice = random() % 8;
    if (choice < 3 || mine.empty()) {
      const size_t nbytes = random() % (choice == 0 ? 3 * kMega / 4 : 5000);
      mine.push_back(make_block(nbytes, (unsigned char)random()));
    } else if (choice < 6) {
      const size_t i = random() % mine.size();
      free_block(mine[i]);
      mine[i] = mine.back();
      mine.pop_back();
    } else {  // give one to another thread, take another's
      const std::lock_guard guard(lock);
      shared.push_back(mine.back());
      mine.pop_back();
      const size_t i = random() % shared.size();
      mine.push_back(shared[i]);
      shared[i] = shared.back();
      shared.pop_back();
    }
    if (step % 1000 == 0) tx::memory_stats();
    if (step % 3000 == 0) tx::empty_cache();
  }
  for (const Block& block : mine) free_block(block);
}

static void test_threads(int steps) {
  const auto before = tx::memory_stats();
  std::mutex lock;
  std::vector<Block> shared;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < 4; ++i) threads.emplace_back([&, i] { churn(steps, i, lock, shared); });
  for (auto& thread : threads) thread.join();
  for (const Block& block : shared) free_block(block);
  CHECK(tx::memory_stats().allocated == before.allocated);
  tx::empty_cache();
  CHECK(tx::memory_stats().cached == 0);  // nothing stayed with the threads that ended
}

// A thread does not hoard what it has freed: while it lives, others get it.
static void test_freed_blocks_are_shared(int rounds) {
  constexpr int kBlocks = 4000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([=] {
      for (int round = 0; round < rounds; ++round) {
        std::vector<void*> blocks;
        for (int k = 0; k < kBlocks; ++k) blocks.push_back(tx::allocate(256));
        for (void* block : blocks) tx::deallocate(block, 256);
      }
    });
  for (auto& thread : threads) thread.join();
  std::vector<void*> blocks;
  for (int k = 0; k < kBlocks; ++k) blocks.push_back(tx::allocate(256));
  for (void* block : blocks) tx::deallocate(block, 256);
  const auto before = tx::memory_stats().cache_hits;
  std::thread([&] {
    for (void*& block : blocks) block = tx::allocate(256);
  }).join();
  CHECK(!kCached || tx::memory_stats().cache_hits >= before + kBlocks - 64);
  for (void* block : blocks) tx::deallocate(block, 256);
}

// One thread allocates, another frees: the blocks find their way back.
static void test_producer_consumer() {
  for (int round = 0; round < 100; ++round) {
    std::vector<Block> blocks;
    for (int i = 0; i < 500; ++i) blocks.push_back(make_block(256, (unsigned char)i));
    std::thread([&] {
      for (const Block& block : blocks) free_block(block);
    }).join();
  }
  if (kCached) CHECK(tx::memory_stats().cached < 4 * kMega);
}

// Blocks are allocated and freed by the destructors of a thread's and of the process's objects.
struct FreesLate {
  std::vector<Block> blocks;
  void fill() {
    for (size_t nbytes : {size_t(100), size_t(9000), kMega}) blocks.push_back(make_block(nbytes, 7));
  }
  ~FreesLate() {
    for (const Block& block : blocks) free_block(block);
    free_block(make_block(100, 3));
  }
};

static void free_in_key(void* block) {
  tx::deallocate(block, 128);
  tx::deallocate(tx::allocate(128), 128);
}

static void test_end_of_thread() {
  const auto before = tx::memory_stats();
  pthread_key_t key;
  CHECK(pthread_key_create(&key, free_in_key) == 0);  // created after the allocator's own: runs after it
  for (int i = 0; i < 20; ++i)
    std::thread([&] {
      static thread_local FreesLate late;
      late.fill();
      pthread_setspecific(key, tx::allocate(128));
    }).join();
  pthread_key_delete(key);
  CHECK(tx::memory_stats().allocated == before.allocated);
  tx::empty_cache();
  CHECK(tx::memory_stats().cached == 0);
}

// Fork while other threads allocate. Not so under AddressSanitizer, whose own allocator does not survive that (a child
// of a program that only calls malloc in its threads hangs as well).
static void test_fork() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned i = 0; kCached && i < 2; ++i)
    threads.emplace_back([&, i] {
      std::mutex lock;
      std::vector<Block> shared;
      for (unsigned round = 0; !stop; ++round) churn(200, i + round, lock, shared);
      for (const Block& block : shared) free_block(block);
    });
  if (kCached)
    threads.emplace_back([&] {
      while (!stop) tx::deallocate(tx::allocate(32768), 32768);
    });  // is often under the lock
  const Block kept = make_block(777, 9);
  for (int round = 0; round < 30; ++round) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(30);  // a hang becomes a death
      free_block(kept);
      std::mutex lock;
      std::vector<Block> shared;
      churn(2000, unsigned(round), lock, shared);
      tx::empty_cache();
      tx::memory_stats();
      std::_Exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  stop = true;
  for (auto& thread : threads) thread.join();
  free_block(kept);
}

static FreesLate freed_at_exit;

int main(int argc, char**) {
  const int steps = argc > 1 ? 2000 : 20000;
  test_statistics();
  test_sizes();
  test_rounding();
  test_impossible_sizes();
  test_limit();
  test_cache_is_bounded();
  test_threads(steps);
  test_freed_blocks_are_shared(steps / 1000);
  test_producer_consumer();
  test_end_of_thread();
  test_fork();
  freed_at_exit.fill();
  {
    tx::Workspace workspace(1000);
    std::memset(workspace.as<char>(), 1, 1000);
  }
  std::puts("ok");
}
