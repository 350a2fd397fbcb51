// What a .cu file includes: the host interface, the device language, launches.
#pragma once
#include "cuda_runtime_api.h"
#include "emulation/device.h"
#include "emulation/launch.h"

template <class T> inline cudaError_t cudaMalloc(T** p, size_t n) { return cudaMalloc(reinterpret_cast<void**>(p), n); }
template <class T> inline cudaError_t cudaHostAlloc(T** p, size_t n, unsigned flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(p), n, flags);
}
