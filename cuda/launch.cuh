// Launching a kernel: the only way it is done, so that every launch is checked and named.
#pragma once
#include "device.cuh"
#include "runtime.h"

namespace tx::cuda {

struct LaunchShape {
  dim3 grid, block;
  size_t shared_bytes = 0;
};

// Pointers to device memory are arguments of their own where that can be: the emulator checks them.
template <class... P, class... A>
void launch(const char* name, void (*kernel)(P...), const LaunchShape& shape, A&&... arguments) {
  if (shape.shared_bytes > (48 << 10))
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes)), name);
  cudaLaunchConfig_t config{};
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = current_stream();
  after_launch(name, cudaLaunchKernelEx(&config, kernel, static_cast<P>(arguments)...));
}

// Enough blocks of `threads` for n items, `per_thread` each, up to what keeps every multiprocessor busy a few times over:
// kernels go on to the next item by the size of the grid.
inline unsigned grid_for(int64_t n, int threads, int per_thread = 1) {
  const int64_t block = int64_t(threads) * per_thread, blocks = (n + block - 1) / block;
  const int64_t enough = int64_t(properties(used_device()).multiProcessorCount) * (2048 / threads) * 4;
  return unsigned(blocks < enough ? (blocks ? blocks : 1) : enough);
}

// Threads over items 0 .. n - 1 of a grid of grid_for(n, blockDim.x) blocks: for (int64_t i : ...) as a macro, because a
// barrier must not be within.
#define TX_FOR_EACH(i, n)                                                                            \
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x, i##_end = (n); i < i##_end; \
       i += int64_t(gridDim.x) * blockDim.x)

}  // namespace tx::cuda
