// Runs a kernel that knows float on operands of a half type.
#pragma once
#include "allocator.h"
#include "cast.h"
#include "parallel.h"

namespace tx::TX_ISA {

// All operands are `count` items of `size` elements, dense, or null. Calls run(n, inputs, output) for n items at a time,
// with the operands in float.
template <int N, class F>
TX_INLINE void in_float(DType dtype, int64_t count, int64_t size, const char* const (&inputs)[N], char* output,
                        const F& run) {
  constexpr int64_t kElements = 1 << 18, kGrain = 1 << 14;
  if (count == 0 || size == 0) return;
  int64_t items = size < kElements ? kElements / size : 1;
  if (items > count) items = count;
  Workspace workspace(size_t(N + 1) * size_t(items * size) * sizeof(float));
  float* buffers[N + 1];
  for (int k = 0; k <= N; k++) buffers[k] = workspace.as<float>() + k * items * size;
  for (int64_t i = 0; i < count; i += items) {
    const int64_t n = count - i < items ? count - i : items, at = i * size * itemsize(dtype);
    for (int k = 0; k < N; k++) {
      if (!inputs[k]) continue;
      parallel_for(n * size, kGrain, [&](int64_t begin, int64_t end) {
        cast((char*)(buffers[k] + begin), DType::Float32, inputs[k] + at + begin * itemsize(dtype), dtype, end - begin);
      });
    }
    run(n, buffers, buffers[N]);
    if (!output) continue;
    parallel_for(n * size, kGrain, [&](int64_t begin, int64_t end) {
      cast(output + at + begin * itemsize(dtype), dtype, (const char*)(buffers[N] + begin), DType::Float32,
           end - begin);
    });
  }
}

}  // namespace tx::TX_ISA
