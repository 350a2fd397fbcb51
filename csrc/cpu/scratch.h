// Scratch memory for the chunks of a parallel loop. Chunks may not throw, so it is allocated beforehand: one piece for
// each chunk that can run at the same time.
#pragma once
#include "allocator.h"
#include "parallel.h"

namespace tx::TX_ISA {

class Scratch {
 public:
  // chunks: of the loop; piece: bytes for each.
  TX_INLINE Scratch(int64_t chunks, int64_t piece)
      : count_(chunks < num_threads() ? chunks : num_threads()),
        piece_((piece + 63) / 64 * 64 + 64),                   // the last line says whether the piece is taken
        memory_(size_t(count_) * size_t(piece_)) {
    for (int64_t i = 0; i < count_; i++) taken(i) = 0;
  }

  // Calls f(memory) for a chunk.
  template <class F>
  TX_INLINE void with_piece(const F& f) {
    int64_t i = 0;
    while (__atomic_exchange_n(&taken(i), 1, __ATOMIC_ACQUIRE)) i = i + 1 < count_ ? i + 1 : 0;
    f(memory_.as<char>() + i * piece_);
    __atomic_store_n(&taken(i), 0, __ATOMIC_RELEASE);
  }

 private:
  TX_INLINE char& taken(int64_t i) { return memory_.as<char>()[(i + 1) * piece_ - 1]; }

  const int64_t count_, piece_;
  Workspace memory_;
};

}  // namespace tx::TX_ISA
