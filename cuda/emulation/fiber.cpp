// Stacks for CUDA threads, and the switch between them.
//
// Hand-written: swapcontext makes a system call, and takes 20 times as long. Sanitizers are told of every switch.
#include <signal.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#include "internal.h"

// void emulation_switch(void** save, void* load): leaves the registers that a callee saves on the old stack, whose pointer
// goes to *save, and takes those of the stack `load`.
#if defined(__x86_64__)
asm(R"(
.text
.p2align 4
.type emulation_switch,@function
emulation_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rdx
  jmp *%rdx
.size emulation_switch, .-emulation_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.p2align 4
.type emulation_switch,%function
emulation_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  br x30
.size emulation_switch, .-emulation_switch
)");
#else
#error "emulation: no stack switch for this processor; it knows x86-64 and aarch64"
#endif
extern "C" void emulation_switch(void** save, void* load);

namespace emulation {

Fiber host;
Fiber* current = &host;

static constexpr size_t kStack = EMULATION_ASAN || EMULATION_TSAN ? 256 << 10 : 64 << 10, kGuard = 4096;
static constexpr unsigned kMaxSets = 8;
// Tops of stacks a multiple of 64 bytes apart: in the same place, they share sets of the cache (1.5 times as slow).
static constexpr unsigned kStagger = 61;

static char* stacks;
static constexpr size_t kStacks = size_t(kMaxSets) * kMaxThreads * (kStack + kGuard);

static void reserve_stacks() {
  stacks = static_cast<char*>(mmap(nullptr, kStacks, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (stacks == MAP_FAILED) {
    std::perror("emulation: cannot reserve stacks for CUDA threads");
    std::abort();
  }
}

bool is_fiber_stack(const void* address) {
  return stacks && static_cast<const char*>(address) >= stacks && static_cast<const char*>(address) < stacks + kStacks;
}

Fiber* make_fiber(unsigned set, unsigned index, void (*entry)()) {
  if (!stacks) reserve_stacks();
  auto* fiber = new Fiber;
  fiber->stack = stacks + (size_t(set) * kMaxThreads + index) * (kStack + kGuard) + kGuard;
  fiber->offset = index % kStagger * 64;
  if (mprotect(fiber->stack, kStack, PROT_READ | PROT_WRITE) != 0) {
    std::perror("emulation: no memory for the stack of a CUDA thread");
    std::abort();
  }
#if EMULATION_TSAN
  fiber->tsan_fiber = __tsan_create_fiber(0);
#endif
  stats().fibers++;
  reset_fiber(*fiber, entry);
  return fiber;
}

void reset_fiber(Fiber& fiber, void (*entry)()) {
  ASAN_UNPOISON_MEMORY_REGION(fiber.stack, kStack);
  char* top = fiber.stack + kStack - 256 - fiber.offset;
  auto** at = reinterpret_cast<void**>(top - reinterpret_cast<uintptr_t>(top) % 64);
#if defined(__x86_64__)
  *--at = nullptr;  // `entry` has nowhere to return to
  *--at = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; i++) *--at = nullptr;
#else
  at -= 20;
  for (int i = 0; i < 20; i++) at[i] = nullptr;
  at[11] = reinterpret_cast<void*>(entry);     // x30
#endif
  fiber.stack_pointer = at;
  fiber.asan_stack = nullptr;
  fiber.copies.clear();
  fiber.groups.clear();
  fiber.atomics.clear();
  fiber.fenced = false;
}

#if EMULATION_ASAN
static size_t host_stack_size;
#endif

// A thread that overflowed its stack has none left for the signal handler.
static void give_signal_stack() {
  static thread_local char stack[16 << 10];
  stack_t now;
  if (sigaltstack(nullptr, &now) || !(now.ss_flags & SS_DISABLE)) return;
  stack_t own{};
  own.ss_sp = stack;
  own.ss_size = sizeof stack;
  sigaltstack(&own, nullptr);
}

void enter_host() {
  current = &host;
  give_signal_stack();
#if EMULATION_ASAN
  pthread_attr_t attributes;
  void* lowest;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &lowest, &host_stack_size);
  pthread_attr_destroy(&attributes);
  host.stack = static_cast<char*>(lowest);
#endif
#if EMULATION_TSAN
  host.tsan_fiber = __tsan_get_current_fiber();
#endif
}

void switch_to(Fiber* to) {
  Fiber* from = current;
  if (from == to) return;
  current = to;
  stats().switches++;
  if (to != &host) threadIdx = to->thread;
#if EMULATION_ASAN
  __sanitizer_start_switch_fiber(&from->asan_stack, to->stack, to == &host ? host_stack_size : kStack);
#endif
#if EMULATION_TSAN
  __tsan_switch_to_fiber(to->tsan_fiber, from == &host ? 0 : __tsan_switch_to_fiber_no_sync);
#endif
  emulation_switch(&from->stack_pointer, to->stack_pointer);
#if EMULATION_ASAN
  __sanitizer_finish_switch_fiber(current->asan_stack, nullptr, nullptr);
#endif
}

}  // namespace emulation
