// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random numbers as a function
// of a counter, so that any thread, instruction set or device can make any of them in any order.
//
// One call of a sampler is one stream, numbered by its generator. Block b of stream s under a seed is four 32-bit
// words. A group is eight blocks: 32 words or 16 double words, in an order that suits registers of any width:
//   word e of a group        block e / 2 of 8 for e < 16, its words 0 and 1; the same blocks' words 2 and 3 for e >= 16
//   double word e of a group words 2e (low) and 2e + 1 (high)
// Element i of a sampler takes word i % 32 of group i / 32, or double word i % 16 of group i / 16.
#pragma once
#include "dtype.h"

namespace tx {

constexpr uint32_t kPhiloxMultiplier0 = 0xD2511F53, kPhiloxMultiplier1 = 0xCD9E8D57;
constexpr uint32_t kPhiloxKeyStep0 = 0x9E3779B9, kPhiloxKeyStep1 = 0xBB67AE85;
constexpr int kPhiloxRounds = 10;
constexpr int kGroupBlocks = 8, kGroupWords = 32, kGroupDoubleWords = 16;

struct PhiloxBlock {
  uint32_t word[4];
};

TX_INLINE PhiloxBlock philox(uint64_t seed, uint64_t stream, uint64_t block) {
  uint32_t c0 = uint32_t(block), c1 = uint32_t(block >> 32), c2 = uint32_t(stream), c3 = uint32_t(stream >> 32);
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; round++, k0 += kPhiloxKeyStep0, k1 += kPhiloxKeyStep1) {
    uint64_t p0 = uint64_t(c0) * kPhiloxMultiplier0, p1 = uint64_t(c2) * kPhiloxMultiplier1;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
  }
  return {{c0, c1, c2, c3}};
}

}  // namespace tx
