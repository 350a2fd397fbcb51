// amax, amin, any, all, count_nonzero.
#include "reduce_fold.h"

namespace tx::TX_ISA {
namespace {

struct IsAny {
  TX_INLINE int64_t operator()(int64_t nonzero, int64_t, const Reducer&) const { return nonzero > 0; }
};
struct IsAll {
  TX_INLINE int64_t operator()(int64_t nonzero, int64_t n, const Reducer&) const { return nonzero == n; }
};

}  // namespace

void amax(const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() { reduce_fold<A, MaximumOp<A>, Unchanged>(args); });
}

void amin(const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() { reduce_fold<A, MinimumOp<A>, Unchanged>(args); });
}

void any(const ReduceArgs& args) { reduce_fold<int64_t, SumOp<int64_t>, IsAny>(args, true); }
void all(const ReduceArgs& args) { reduce_fold<int64_t, SumOp<int64_t>, IsAll>(args, true); }
void count_nonzero(const ReduceArgs& args) { reduce_fold<int64_t, SumOp<int64_t>, Unchanged>(args, true); }

}  // namespace tx::TX_ISA
