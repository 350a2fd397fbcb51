// amax, amin, any, all, count_nonzero.
#include "reduce.cuh"

namespace tx::cuda {

namespace {

template <class A> struct Maximum : MaximumFold<Maximum<A>, A> {};
template <class A> struct Minimum : MinimumFold<Minimum<A>, A> {};

enum class Question { Any, All, Count };

struct Nonzero : SumFold<Nonzero, int64_t, bool> {
  Question question = Question::Count;
  TX_DEVICE static int64_t map(bool x) { return x; }
  TX_DEVICE int64_t first(int64_t nonzero, int64_t n) const {
    return question == Question::Any ? nonzero > 0 : question == Question::All ? nonzero == n : nonzero;
  }
};

void count(const char* name, const ReduceArgs& args, Question question) {
  Nonzero op;
  op.question = question;
  reduce(name, args, op);
}

}  // namespace

void amax(const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() { reduce("amax", args, Maximum<A>{}); });
}
void amin(const ReduceArgs& args) {
  with_compute_type(args.in_dtype, [&]<class A>() { reduce("amin", args, Minimum<A>{}); });
}
void any(const ReduceArgs& args) { count("any", args, Question::Any); }
void all(const ReduceArgs& args) { count("all", args, Question::All); }
void count_nonzero(const ReduceArgs& args) { count("count_nonzero", args, Question::Count); }

}  // namespace tx::cuda
