// How functions of numbers are declared that the CPU and CUDA share (special_*.h, samplers.h). TX_SCALAR: one too long to
// be inlined wherever it is called; TX_TABLE: its coefficients.
#pragma once
#include "dtype.h"

#if defined(__CUDACC__)
#define TX_SCALAR [[maybe_unused]] static __device__ __noinline__
#define TX_TABLE [[maybe_unused]] static __device__ constexpr double
#else
#define TX_SCALAR [[maybe_unused, gnu::noinline]] static
#define TX_TABLE [[maybe_unused]] constexpr double
#endif
