// The instructions of tensor cores that ptx.cuh wraps, with the layouts that the PTX ISA manual gives.
#pragma once
#include "device.h"

namespace emulation {

struct MultiplyOperands {
  float* d;
  const unsigned *a, *b;
  float (*widen)(uint16_t bits);
};

// d (16, 8) += a (16, 16) b (16, 8): lane 4 i + j holds elements of rows i and i + 8, columns 2 j and 2 j + 1.
__attribute__((no_sanitize("thread"))) inline void combine_multiply(void* const* brought, unsigned) {
  float a[16][16], b[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const auto* x = static_cast<const MultiplyOperands*>(brought[lane]);
    const int i = lane / 4, j = lane % 4 * 2;
    for (int half = 0; half < 2; half++) {
      for (int k = 0; k < 4; k++) a[i + k % 2 * 8][j + half + k / 2 * 8] = x->widen(uint16_t(x->a[k] >> (16 * half)));
      for (int k = 0; k < 2; k++) b[j + half + k * 8][i] = x->widen(uint16_t(x->b[k] >> (16 * half)));
    }
  }
  for (int lane = 0; lane < 32; lane++) {
    const auto* x = static_cast<const MultiplyOperands*>(brought[lane]);
    for (int k = 0; k < 4; k++) {
      const int i = lane / 4 + k / 2 * 8, j = lane % 4 * 2 + k % 2;
      for (int depth = 0; depth < 16; depth++) x->d[k] += a[i][depth] * b[depth][j];
    }
  }
}
inline void multiply_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], float (*widen)(uint16_t),
                              EMULATION_SITE) {
  MultiplyOperands x{d, a, b, widen};
  warp_collective(~0u, &x, combine_multiply, "mma.m16n8k16", EMULATION_HERE);
}

// TF32: a float of which the last 13 bits do not count. The instruction ignores them; cvt.rna rounds, halves away from zero.
constexpr unsigned kTf32Mask = ~0x1fffu;
inline unsigned rounded_to_tf32(unsigned bits) {
  const bool finite = (bits & 0x7f800000) != 0x7f800000;
  return finite ? (bits + 0x1000) & kTf32Mask : bits & 0x7fffff ? 0x7fffffff : bits;
}

// d (16, 8) += a (16, 8) b (8, 8) of TF32: lane 4 i + j holds elements of rows i and i + 8 of a, columns j and j + 4.
__attribute__((no_sanitize("thread"))) inline void combine_multiply_tf32(void* const* brought, unsigned) {
  float a[16][8], b[8][8];
  auto value = [](unsigned bits) {
    bits &= kTf32Mask;
    float x;
    std::memcpy(&x, &bits, sizeof(x));
    return x;
  };
  for (int lane = 0; lane < 32; lane++) {
    const auto* x = static_cast<const MultiplyOperands*>(brought[lane]);
    const int i = lane / 4, j = lane % 4;
    for (int k = 0; k < 4; k++) a[i + k % 2 * 8][j + k / 2 * 4] = value(x->a[k]);
    for (int k = 0; k < 2; k++) b[j + k * 4][i] = value(x->b[k]);
  }
  for (int lane = 0; lane < 32; lane++) {
    const auto* x = static_cast<const MultiplyOperands*>(brought[lane]);
    for (int k = 0; k < 4; k++) {
      const int i = lane / 4 + k / 2 * 8, j = lane % 4 * 2 + k % 2;
      for (int depth = 0; depth < 8; depth++) x->d[k] += a[i][depth] * b[depth][j];
    }
  }
}
inline void multiply_m16n8k8(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2], EMULATION_SITE) {
  MultiplyOperands x{d, a, b, nullptr};
  warp_collective(~0u, &x, combine_multiply_tf32, "mma.m16n8k8", EMULATION_HERE);
}

struct MatrixRow {
  const void* row;
  unsigned value[4];
};

// Four matrices (8, 8): lane 8 i + r brings the address of row r of matrix i; lane 4 r + j gets columns 2 j and 2 j + 1 of
// row r of each, or of its transpose.
template <bool transposed>
__attribute__((no_sanitize("thread"))) void combine_load(void* const* brought, unsigned) {
  for (int i = 0; i < 4; i++) {
    uint16_t x[8][8];
    for (int r = 0; r < 8; r++) std::memcpy(x[r], static_cast<const MatrixRow*>(brought[i * 8 + r])->row, 16);
    for (int lane = 0; lane < 32; lane++) {
      const int r = lane / 4, j = lane % 4 * 2;
      const unsigned low = transposed ? x[j][r] : x[r][j], high = transposed ? x[j + 1][r] : x[r][j + 1];
      static_cast<MatrixRow*>(brought[lane])->value[i] = low | high << 16;
    }
  }
}
template <bool transposed> inline void load_matrices(unsigned (&to)[4], const void* row, EMULATION_SITE) {
  if (reinterpret_cast<uintptr_t>(row) % 16)
    kernel_fail(cudaErrorLaunchFailure, "ldmatrix: row address must be a multiple of 16", EMULATION_HERE);
  uint64_t seen[2];  // read here as well, for the sanitizers
  std::memcpy(seen, row, 16);
  asm volatile("" ::"r"(seen[0]), "r"(seen[1]));
  MatrixRow x{row, {}};
  warp_collective(~0u, &x, combine_load<transposed>, "ldmatrix", EMULATION_HERE);
  for (int i = 0; i < 4; i++) to[i] = x.value[i];
}

}  // namespace emulation
