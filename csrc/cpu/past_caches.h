// Stores that go to memory without reading the lines they overwrite into a cache first.
#pragma once
#include "vec.h"

namespace tx::TX_ISA {

// Copies nbytes. Whole lines of `to` are written by non-temporal stores, which are ordered before what follows.
TX_INLINE void store_past_caches(char* to, const char* from, int64_t nbytes) {
#if defined(__SSE4_2__)
  int64_t head = -int64_t(uintptr_t(to)) & 63, i = head < nbytes ? head : nbytes;
  __builtin_memcpy(to, from, size_t(i));
  for (; i + 64 <= nbytes; i += 64) {
#if defined(__AVX512F__)
    _mm512_stream_si512((__m512i*)(to + i), _mm512_loadu_si512(from + i));
#elif defined(__AVX2__)
    for (int j = 0; j < 64; j += 32)
      _mm256_stream_si256((__m256i*)(to + i + j), _mm256_loadu_si256((const __m256i*)(from + i + j)));
#else
    for (int j = 0; j < 64; j += 16)
      _mm_stream_si128((__m128i*)(to + i + j), _mm_loadu_si128((const __m128i*)(from + i + j)));
#endif
  }
  __builtin_memcpy(to + i, from + i, size_t(nbytes - i));
  _mm_sfence();
#else
  __builtin_memcpy(to, from, size_t(nbytes));
#endif
}

}  // namespace tx::TX_ISA
