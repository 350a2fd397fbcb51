// The thread pool. Work is cut into chunks whose boundaries depend on (n, grain) alone, and threads claim
// chunks as they become free: a preempted thread does not hold up the rest, and since a kernel may only
// combine per-chunk results in chunk order, results have the same bits for any number of threads.
#pragma once
#include <cstdint>
#include "../dtype.h"

namespace tx {

int num_threads();                     // threads that take part, the caller included
void set_num_threads(int n);           // n >= 1

// Calls run(context, begin, end) for every chunk [i*grain, min((i+1)*grain, n)). `run` must not throw.
// While several threads work on a call, another call (from inside a chunk, or from another user thread) runs serially.
void parallel_run(int64_t n, int64_t grain, void (*run)(const void* context, int64_t begin, int64_t end),
                  const void* context);

// For work that may be cut at any multiple of `unit`: chunks of about `grain`, as many for each of 2, 4 or 8 threads.
TX_INLINE int64_t even_grain(int64_t n, int64_t grain, int64_t unit = 64) {
  if (n <= grain) return grain;
  const int64_t chunks = ((n + grain - 1) / grain + 7) / 8 * 8, size = (n + chunks - 1) / chunks;
  return (size + unit - 1) / unit * unit;
}

// f(begin, end) over [0, n) in chunks of `grain`. One chunk costs no more than the call of f.
template <class F>
TX_INLINE void parallel_for(int64_t n, int64_t grain, const F& f) {
  if (n <= 0) return;
  if (n <= grain) {
    f(int64_t(0), n);
    return;
  }
  parallel_run(
      n, grain, [](const void* context, int64_t begin, int64_t end) { (*static_cast<const F*>(context))(begin, end); },
      &f);
}

}  // namespace tx
