// The arithmetic ceiling of one core: float32 multiply-adds on independent registers, nothing else.
// Compiled by ceilings.py for the machine it runs on.
#if defined(__AVX512F__)
enum { kLanes = 16 };
#elif defined(__AVX__)
enum { kLanes = 8 };
#else
enum { kLanes = 4 };
#endif
enum { kChains = 12 };  // enough to hide the latency of a multiply-add, and they fit into the registers

typedef float Vector __attribute__((vector_size(4 * kLanes)));

// Runs `rounds` rounds and returns the operations done, two for each multiply-add. Without -ffast-math the
// compiler may neither drop nor combine rounds.
double fma_loop(long rounds, float factor) {
  Vector sums[kChains];
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) sums[i] = (Vector){} + (float)i;
  for (long r = 0; r < rounds; r++) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; i++) sums[i] = sums[i] * factor + factor;
  }
  Vector total = {};
#pragma GCC unroll 12
  for (int i = 0; i < kChains; i++) total += sums[i];
  volatile float keep = total[0];
  (void)keep;
  return 2.0 * kLanes * kChains * rounds;
}
