// Runs a grid: one block after another, and the threads of a block in turn.
//
// A fiber takes the next thread of the block and runs the kernel for it. A thread that never waits ends, and the same fiber
// runs the next: no switch. One that waits keeps its stack, and the next thread starts on another. So kernels without
// barriers need one stack, warp functions need 32, barriers as many as the block has threads.
//
// Compiled without -fsanitize=thread, whose notion of a call would straddle switches; TX_EMULATION_TSAN says that the rest is
// compiled with it. Then each CUDA thread is a thread to TSan, and only barriers, fences and atomics order what two of them do.
#include <cstdio>
#include <cstdlib>

#include "internal.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulation {

namespace {

struct Meeting {  // of the lanes that one warp function names
  unsigned mask, arrived;
  Combine combine;
  const char* name;
  Site site;
  void* brought[32];
  Fiber* waiting[32];
};
constexpr int kMaxMeetings = 4;  // of a warp at a time: its branches may be in different ones
struct Warp {
  unsigned exist, exited, generation;  // lanes
  int meetings;
  Meeting meeting[kMaxMeetings];
};

struct Block {
  const Launch* launch;
  unsigned threads, started, exited;
  unsigned arrived, waiting, generation;  // at the barrier
  int predicates;
  Site site;  // of the barrier
  bool failed;
} block;

constexpr unsigned kSets = EMULATION_TSAN ? 8 : 1;  // TSan: neighbouring blocks run on different stacks
Fiber* fibers[kSets][kMaxThreads];
unsigned fiber_count[kSets], set;
Fiber* idle[kMaxThreads];
unsigned idle_count;
Fiber* ready[2 * kMaxThreads];  // a ring
unsigned ready_begin, ready_end;
Fiber* at_barrier[kMaxThreads];
unsigned thread_order[kMaxThreads];
Warp warps[kMaxThreads / 32];

// Objects that TSan knows as locks: what starts a block, what ends a grid, and each barrier. Two take turns at a barrier,
// because a fast thread may be at the next one while a slow one leaves the last.
[[maybe_unused]] char start_object, end_object, barrier_object[256][33][2];
[[maybe_unused]] char* barrier_at(unsigned index, unsigned generation) {
  return &barrier_object[block_number() & 255][index][generation & 1];
}

std::string failure_text;
cudaError_t failure = cudaSuccess;

void make_ready(Fiber* fiber) { ready[ready_end++ % (2 * kMaxThreads)] = fiber; }

template <class T> void shuffle_order(T* items, unsigned n) {
  for (unsigned i = n; i > 1; i--) std::swap(items[i - 1], items[random_below(i)]);
}

template <class T> void arrange(T* items, unsigned n) {
  if (config().order == Order::Descending) std::reverse(items, items + n);
  else if (config().order == Order::Random) shuffle_order(items, n);
}

void fiber_main();

Fiber* fresh_fiber() {
  if (idle_count) return idle[--idle_count];
  const unsigned i = fiber_count[set]++;
  return fibers[set][i] = make_fiber(set, i, fiber_main);
}

std::string describe_deadlock() {
  char text[512];
  int used = std::snprintf(text, sizeof text, "deadlock: %u of %u threads wait at a barrier, %u have ended;",
                           block.arrived, block.threads, block.exited);
  for (unsigned w = 0; w < (block.threads + 31) / 32; w++)
    for (int i = 0; i < warps[w].meetings && used < 400; i++) {
      const Meeting& m = warps[w].meeting[i];
      used += std::snprintf(text + used, sizeof text - used, " warp %u waits in %s (%s:%d), mask %08x, for lanes %08x;",
                            w, m.name, m.site.file, m.site.line, m.mask, m.mask & ~m.arrived & ~warps[w].exited);
    }
  return text;
}

// The current context waits or has ended: go on with another.
void run_another() {
  if (ready_begin != ready_end) return switch_to(ready[ready_begin++ % (2 * kMaxThreads)]);
  if (block.started < block.threads) return switch_to(fresh_fiber());
  if (block.exited == block.threads) return switch_to(&host);
  kernel_fail(cudaErrorLaunchFailure, describe_deadlock().c_str(), block.arrived ? block.site : current->site);
}

// All that a meeting names are here. `self` runs on by itself.
void complete(Warp& warp, int index, Fiber* self) {
  const Meeting m = warp.meeting[index];
  warp.meeting[index] = warp.meeting[--warp.meetings];
  warp.generation++;
  m.combine(m.brought, m.arrived);
  Fiber* list[32];
  unsigned n = 0;
  for (int lane = 0; lane < 32; lane++)
    if ((m.arrived >> lane & 1) && m.waiting[lane] != self) list[n++] = m.waiting[lane];
  arrange(list, n);
  for (unsigned i = 0; i < n; i++) make_ready(list[i]);
}

void end_thread() {
  Warp& warp = warps[current->number / 32];
  const unsigned bit = 1u << current->number % 32;
  if (!current->copies.empty())
    kernel_fail(cudaErrorLaunchFailure, "a thread ends with asynchronous copies that it never waited for",
                current->site);
  if (block.arrived)
    kernel_fail(cudaErrorLaunchFailure, "barrier divergence: this thread ends while others wait in __syncthreads",
                block.site);
  block.exited++;
  warp.exited |= bit;
  for (int i = 0; i < warp.meetings; i++) {
    const Meeting& m = warp.meeting[i];
    if ((m.mask & bit) && !(m.mask & warp.exist & ~warp.exited & ~m.arrived)) complete(warp, i--, nullptr);
  }
#if EMULATION_TSAN
  __tsan_release(&end_object);
#endif
}

void fiber_main() {
#if EMULATION_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  for (;;) {
    Fiber* self = current;
    const unsigned t = thread_order[block.started++];
    self->number = t;
    self->thread = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
    threadIdx = self->thread;
    stats().threads++;
#if EMULATION_TSAN
    __tsan_acquire(&start_object);
#endif
    block.launch->run_thread(block.launch->arguments);
    end_thread();
    if (!EMULATION_TSAN) {  // TSan: each thread of a block has a stack of its own
      if (ready_begin == ready_end && block.started < block.threads) continue;
      idle[idle_count++] = self;
    }
    run_another();
  }
}

void reset_fibers() {
  idle_count = 0;
  for (unsigned i = fiber_count[set]; i-- > 0;) {
    reset_fiber(*fibers[set][i], fiber_main);
    idle[idle_count++] = fibers[set][i];
  }
}

// Whole warps stay together, so that kernels with warp functions alone need few stacks.
void order_threads(unsigned n) {
  unsigned warp_order[kMaxThreads / 32], at = 0;
  const unsigned count = (n + 31) / 32;
  for (unsigned w = 0; w < count; w++) warp_order[w] = w;
  arrange(warp_order, count);
  for (unsigned w = 0; w < count; w++) {
    const unsigned first = warp_order[w] * 32, lanes = std::min(32u, n - first);
    for (unsigned lane = 0; lane < lanes; lane++) thread_order[at + lane] = first + lane;
    arrange(thread_order + at, lanes);
    at += lanes;
  }
}

void run_block() {
  stats().blocks++;
  block.started = block.exited = block.arrived = block.waiting = 0;
  ready_begin = ready_end = 0;
  for (unsigned w = 0; w * 32 < block.threads; w++) {
    const unsigned lanes = std::min(32u, block.threads - w * 32);
    warps[w].exited = 0;
    warps[w].meetings = 0;
    warps[w].exist = lanes == 32 ? ~0u : (1u << lanes) - 1;
  }
  order_threads(block.threads);
  reset_shared(block.launch->shared_bytes);
#if EMULATION_TSAN
  __tsan_release(&start_object);
  set = (set + 1) % kSets;
  while (fiber_count[set] < block.threads) {  // made by the host thread, not by one another
    const unsigned i = fiber_count[set]++;
    fibers[set][i] = make_fiber(set, i, fiber_main);
  }
  reset_fibers();
#endif
  run_another();
}

}  // namespace

void run_grid(const Launch& launch) {
  block = Block{};
  block.launch = &launch;
  block.threads = launch.block.x * launch.block.y * launch.block.z;
  blockDim = launch.block;
  gridDim = launch.grid;
  enter_host();
  stats().launches++;
  const uint64_t blocks = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  // A random order without a table: odd multiples modulo a power of two, without those beyond the last block.
  uint64_t range = 1, factor = 1, shift = 0;
  while (range < blocks) range *= 2;
  if (config().order == Order::Random) factor = random_below(range) | 1, shift = random_below(range);
  for (uint64_t i = 0; i < range && !block.failed; i++) {
    const uint64_t b = config().order == Order::Descending ? range - 1 - i : (i * factor + shift) % range;
    if (b >= blocks) continue;
    blockIdx = {unsigned(b % launch.grid.x), unsigned(b / launch.grid.x % launch.grid.y),
                unsigned(b / launch.grid.x / launch.grid.y)};
    run_block();
  }
#if EMULATION_TSAN
  if (block.failed)  // the threads that were abandoned did what they did before the host goes on
    for (unsigned i = 0; i < fiber_count[set]; i++) {
      __tsan_switch_to_fiber(fibers[set][i]->tsan_fiber, __tsan_switch_to_fiber_no_sync);
      __tsan_release(&end_object);
      __tsan_switch_to_fiber(host.tsan_fiber, __tsan_switch_to_fiber_no_sync);
    }
  __tsan_acquire(&end_object);
#endif
  if (block.failed) reset_fibers();  // threads were abandoned on their stacks
}

unsigned lane_id() { return current->number % 32; }

cudaError_t take_failure(std::string& text) {
  text = failure_text;
  return std::exchange(failure, cudaSuccess);
}

void kernel_fail(cudaError_t error, const char* what, Site site) {
  char place[128];
  std::snprintf(place, sizeof place, " [block (%u, %u, %u), thread (%u, %u, %u)]", blockIdx.x, blockIdx.y, blockIdx.z,
                threadIdx.x, threadIdx.y, threadIdx.z);
  failure = error;
  failure_text = std::string(site.file ? site.file : "?") + ":" + std::to_string(site.line) + ": " + what + place;
  block.failed = true;
  switch_to(&host);  // for good
  std::abort();
}

void block_barrier(Site site) {
  if (block.exited)
    kernel_fail(cudaErrorLaunchFailure, "barrier divergence: __syncthreads after some threads of the block have ended",
                site);
  if (!block.arrived) block.site = site;
  else if (block.site.line != site.line || std::string(block.site.file) != site.file) {
    const std::string other = std::string(block.site.file) + ":" + std::to_string(block.site.line);
    kernel_fail(cudaErrorLaunchFailure, ("barrier divergence: other threads wait in __syncthreads at " + other).c_str(),
                site);
  }
#if EMULATION_TSAN
  char* object = barrier_at(32, block.generation);
  __tsan_release(object);
#endif
  current->site = site;
  at_barrier[block.waiting++] = current;
  if (++block.arrived == block.threads) {
    block.arrived = block.waiting = 0;
    block.generation++;
    stats().barriers++;
    arrange(at_barrier, block.threads);
    for (unsigned i = 0; i < block.threads; i++) make_ready(at_barrier[i]);
  }
  run_another();
#if EMULATION_TSAN
  __tsan_acquire(object);
#endif
}

int block_barrier_count(int predicate, Site site) {
  if (!block.arrived) block.predicates = 0;
  block.predicates += predicate;
  block_barrier(site);
  const int sum = block.predicates;
  block_barrier(site);  // nobody adds to the next sum before all have read this one
  return sum;
}

void warp_collective(unsigned mask, void* brought, Combine combine, const char* name, Site site) {
  Warp& warp = warps[current->number / 32];
  const unsigned lane = lane_id(), bit = 1u << lane;
  if (!(mask & bit))
    kernel_fail(cudaErrorLaunchFailure, "a warp function is called by a lane that its mask does not name", site);
  int i = 0;
  while (i < warp.meetings && !(warp.meeting[i].mask & mask)) i++;
  if (i == warp.meetings) {
    if (i == kMaxMeetings)
      kernel_fail(cudaErrorLaunchFailure, "a warp waits in too many different warp functions", site);
    warp.meeting[warp.meetings++] = Meeting{mask, 0, combine, name, site, {}, {}};
  }
  Meeting& m = warp.meeting[i];
  if (m.mask != mask || std::strcmp(m.name, name) != 0 || m.site.line != site.line) {
    char text[400];
    std::snprintf(text, sizeof text,
                  "warp divergence: %s with mask %08x here, but %s with mask %08x at %s:%d in other lanes", name, mask,
                  m.name, m.mask, m.site.file, m.site.line);
    kernel_fail(cudaErrorLaunchFailure, text, site);
  }
  m.brought[lane] = brought;
  m.waiting[lane] = current;
  m.arrived |= bit;
  current->site = site;
  if (!(mask & warp.exist & ~warp.exited & ~m.arrived)) complete(warp, i, current);
  else run_another();
}

void warp_barrier(unsigned mask, Site site) {
#if EMULATION_TSAN
  const unsigned w = current->number / 32;
  char* object = barrier_at(w, warps[w].generation);
  __tsan_release(object);
#endif
  warp_collective(mask, nullptr, combine_nothing, "__syncwarp", site);
#if EMULATION_TSAN
  __tsan_acquire(object);
#endif
}

void combine_nothing(void* const*, unsigned) {}

void combine_vote(void* const* brought, unsigned present) {
  unsigned result = 0;
  for (int lane = 0; lane < 32; lane++)
    if (present >> lane & 1) result |= unsigned(static_cast<Vote*>(brought[lane])->predicate) << lane;
  for (int lane = 0; lane < 32; lane++)
    if (present >> lane & 1) static_cast<Vote*>(brought[lane])->result = result;
}

void combine_shuffle(void* const* brought, unsigned present) {
  for (int lane = 0; lane < 32; lane++) {
    if (!(present >> lane & 1)) continue;
    auto* mine = static_cast<Shuffle*>(brought[lane]);
    const int source = mine->source & 31;
    if (!(present >> source & 1)) {
      const std::string text = "shuffle: lane " + std::to_string(lane) + " reads lane " + std::to_string(source) +
                               ", which takes no part: it has ended, or the mask does not name it";
      kernel_fail(cudaErrorLaunchFailure, text.c_str(), current->site);
    }
    mine->result = static_cast<Shuffle*>(brought[source])->bits;
  }
}

// As fences and relaxed atomics of C++11: what comes before (fence, atomic) happens before what follows (atomic, fence).
void thread_fence() {
#if EMULATION_TSAN
  for (void* p : current->atomics) __tsan_acquire(p);
  current->atomics.clear();
  current->fenced = true;
#endif
}

void before_atomic([[maybe_unused]] void* address) {
#if EMULATION_TSAN
  current->atomics.push_back(address);
  if (current->fenced) __tsan_release(address);
#endif
}

}  // namespace emulation
