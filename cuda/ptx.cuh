// Instructions that CUDA C++ has no name for: tensor cores and asynchronous copies, as devices of compute capability 8.0 and
// above have them. The only file with inline PTX.
#pragma once
#include <cstring>

#include "device.cuh"
#if defined(TX_CUDA_EMULATED)
#include "emulation/tensor_core.h"
#endif

namespace tx::cuda::ptx {

#if defined(TX_CUDA_EMULATED)

// d (16, 8) += a (16, depth) b (depth, 8), by a warp. depth: 16 for half types; 8 for float, whose last 13 bits do not count.
template <class S> TX_DEVICE void multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
  if constexpr (std::is_same_v<S, float>) emulation::multiply_m16n8k8(d, a, b);
  else emulation::multiply_m16n8k16(d, a, b, [](uint16_t bits) { return widen(S{bits}); });
}
// A float, or its bits, rounded to those that count.
TX_DEVICE unsigned rounded_to_tf32(unsigned bits) { return emulation::rounded_to_tf32(bits); }
TX_DEVICE unsigned tf32_of(float x) {
  unsigned bits;
  memcpy(&bits, &x, sizeof(bits));
  return rounded_to_tf32(bits);
}
// Four matrices (8, 8) of 16-bit elements from shared memory; lane 8 i + r gives the address of row r of matrix i.
template <bool transposed> TX_DEVICE void load_matrices(unsigned (&to)[4], const void* row) {
  emulation::load_matrices<transposed>(to, row);
}
// Copies nbytes <= 16 from global to shared memory and fills up with zeros to 16, in the background.
TX_DEVICE void copy_16(void* to, const void* from, unsigned nbytes) {
  emulation::async_copy(to, from, 16, nbytes, {__FILE__, __LINE__});
}
// The copies so far become a group; waits until at most `left` groups are under way.
TX_DEVICE void end_group() { emulation::async_copy_commit(); }
template <int left> TX_DEVICE void wait_groups() { emulation::async_copy_wait(left); }

#else

template <class S> TX_DEVICE void multiply(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
#define TX_MMA(shape, type)                                                                                           \
  asm volatile("mma.sync.aligned." shape ".row.col.f32." type "." type ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, " \
               "{%0,%1,%2,%3};"                                                                                       \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                                       \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))
  if constexpr (std::is_same_v<S, float>) TX_MMA("m16n8k8", "tf32");
  else if constexpr (std::is_same_v<S, Float16>) TX_MMA("m16n8k16", "f16");
  else TX_MMA("m16n8k16", "bf16");
#undef TX_MMA
}
TX_DEVICE unsigned rounded_to_tf32(unsigned bits) {
  unsigned result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "r"(bits));
  return result;
}
TX_DEVICE unsigned tf32_of(float x) {
  unsigned result;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(result) : "f"(x));
  return result;
}
TX_DEVICE unsigned shared_address(const void* p) { return unsigned(__cvta_generic_to_shared(p)); }
template <bool transposed> TX_DEVICE void load_matrices(unsigned (&to)[4], const void* row) {
  if constexpr (transposed)
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
  else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(shared_address(row))
                 : "memory");
}
TX_DEVICE void copy_16(void* to, const void* from, unsigned nbytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(nbytes)
               : "memory");
}
TX_DEVICE void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int left> TX_DEVICE void wait_groups() { asm volatile("cp.async.wait_group %0;" ::"n"(left) : "memory"); }

#endif

}  // namespace tx::cuda::ptx
