// The device side of CUDA C++ for an ordinary compiler: built-in variables, barriers, warp functions, atomics.
//
// Blocks run one after another and the threads of a block in turn, each on a stack of its own, until they meet (engine.cpp).
// So the built-in variables are plain globals, and an atomic is a load and a store.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "../cuda_runtime_api.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

// Vector types, for accesses of 8 and 16 bytes.
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

namespace emulation {

// Where in the source a thread is: the default arguments of every function that may wait or fail.
struct Site {
  const char* file;
  int line;
};
#define EMULATION_SITE const char *file_ = __builtin_FILE(), int line_ = __builtin_LINE()
#define EMULATION_HERE \
  emulation::Site { file_, line_ }

[[noreturn]] void kernel_fail(cudaError_t error, const char* what, Site site);

// ---- engine.cpp ----
void block_barrier(Site site);
int block_barrier_count(int predicate, Site site);

// The lanes that `mask` names meet; the last to arrive runs `combine` on what each brought.
using Combine = void (*)(void* const brought[32], unsigned present);
void warp_collective(unsigned mask, void* brought, Combine combine, const char* name, Site site);
void warp_barrier(unsigned mask, Site site);
void combine_nothing(void* const*, unsigned);
unsigned lane_id();
void thread_fence();
void before_atomic(void* address);

// ---- shared.cpp ----
struct SharedSlot {
  uint64_t block;
  void* data;
};
void* shared_slot(SharedSlot& slot, size_t nbytes, size_t alignment);
void* dynamic_shared();
template <class T, class Tag> inline T& shared_variable(Tag) {  // Tag: the type of a lambda, one for each variable
  static SharedSlot slot;
  return *static_cast<T*>(shared_slot(slot, sizeof(T), alignof(T) < 16 ? 16 : alignof(T)));
}

// cp.async: the copies are made as late as the program allows.
void async_copy(void* to, const void* from, unsigned nbytes, unsigned present, Site site);
void async_copy_commit();
void async_copy_wait(unsigned groups_left);

struct Shuffle {
  uint64_t bits, result;
  int source;
};
void combine_shuffle(void* const*, unsigned present);
struct Vote {
  int predicate;
  unsigned result;
};
void combine_vote(void* const*, unsigned present);

template <class T> inline T shuffle(unsigned mask, T value, int source, const char* name, Site site) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>, "a shuffle takes 4 or 8 bytes");
  Shuffle s{0, 0, source};
  std::memcpy(&s.bits, &value, sizeof(T));
  warp_collective(mask, &s, combine_shuffle, name, site);
  std::memcpy(&value, &s.result, sizeof(T));
  return value;
}
inline unsigned vote(unsigned mask, int predicate, const char* name, Site site) {
  Vote v{predicate, 0};
  warp_collective(mask, &v, combine_vote, name, site);
  return v.result;
}

// `source` if it lies in the same segment of `width` lanes, else the lane itself.
inline int within(int lane, int source, int width) {
  return source >= (lane & ~(width - 1)) && source < (lane & ~(width - 1)) + width ? source : lane;
}

template <class T, class F> inline T read_modify_write(T* p, F change) {
  before_atomic((void*)p);
  T old, next;
  __atomic_load(p, &old, __ATOMIC_RELAXED);
  next = change(old);
  __atomic_store(p, &next, __ATOMIC_RELAXED);
  return old;
}

}  // namespace emulation

inline void __syncthreads(EMULATION_SITE) { emulation::block_barrier(EMULATION_HERE); }
inline int __syncthreads_count(int p, EMULATION_SITE) { return emulation::block_barrier_count(p != 0, EMULATION_HERE); }
inline int __syncthreads_or(int p, EMULATION_SITE) {
  return emulation::block_barrier_count(p != 0, EMULATION_HERE) != 0;
}
inline int __syncthreads_and(int p, EMULATION_SITE) {
  return emulation::block_barrier_count(p == 0, EMULATION_HERE) == 0;
}
inline void __syncwarp(unsigned mask = ~0u, EMULATION_SITE) { emulation::warp_barrier(mask, EMULATION_HERE); }

template <class T> inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMULATION_SITE) {
  const int lane = emulation::lane_id();
  return emulation::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), "__shfl_sync", EMULATION_HERE);
}
template <class T> inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, EMULATION_SITE) {
  const int lane = emulation::lane_id();
  return emulation::shuffle(mask, value, emulation::within(lane, lane ^ bits, width), "__shfl_xor_sync",
                            EMULATION_HERE);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATION_SITE) {
  const int lane = emulation::lane_id();
  return emulation::shuffle(mask, value, emulation::within(lane, lane + int(by), width), "__shfl_down_sync",
                            EMULATION_HERE);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, EMULATION_SITE) {
  const int lane = emulation::lane_id();
  return emulation::shuffle(mask, value, emulation::within(lane, lane - int(by), width), "__shfl_up_sync",
                            EMULATION_HERE);
}
inline unsigned __ballot_sync(unsigned mask, int p, EMULATION_SITE) {
  return emulation::vote(mask, p != 0, "__ballot_sync", EMULATION_HERE);
}
inline int __any_sync(unsigned mask, int p, EMULATION_SITE) {
  return emulation::vote(mask, p != 0, "__any_sync", EMULATION_HERE) != 0;
}
inline int __all_sync(unsigned mask, int p, EMULATION_SITE) {
  return emulation::vote(mask, p == 0, "__all_sync", EMULATION_HERE) == 0;
}
inline void __threadfence() { emulation::thread_fence(); }
inline void __threadfence_block() { emulation::thread_fence(); }

#define EMULATION_ATOMIC(name, next)                                                           \
  template <class T> inline T name(T* p, std::type_identity_t<T> value) {                      \
    return emulation::read_modify_write(p, [value]([[maybe_unused]] T old) -> T { return next; });              \
  }
EMULATION_ATOMIC(atomicAdd, old + value)
EMULATION_ATOMIC(atomicSub, old - value)
EMULATION_ATOMIC(atomicMax, old < value ? value : old)
EMULATION_ATOMIC(atomicMin, value < old ? value : old)
EMULATION_ATOMIC(atomicExch, value)
EMULATION_ATOMIC(atomicAnd, old& value)
EMULATION_ATOMIC(atomicOr, old | value)
EMULATION_ATOMIC(atomicXor, old ^ value)
template <class T> inline T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return emulation::read_modify_write(p, [=](T old) -> T { return old == expected ? value : old; });
}

template <class T> inline T __ldg(const T* p) { return *p; }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __clz(int v) { return v ? __builtin_clz(unsigned(v)) : 32; }
inline int __clzll(long long v) { return v ? __builtin_clzll((unsigned long long)v) : 64; }
inline int __ffs(int v) { return __builtin_ffs(v); }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((uint64_t(a) * b) >> 32); }
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 32; i += 8) c += int(int8_t(a >> i)) * int8_t(b >> i);
  return c;
}
