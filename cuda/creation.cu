// range, linspace, logspace. Built without fused multiply-add (build.cmake), so that the elements are the CPU's.
#include "../csrc/kernels.h"
#include "launch.cuh"
#include "math.cuh"

namespace tx::cuda {

namespace {

constexpr int kThreads = 256;

struct Formula {                           // RangeArgs without pointers
  int64_t n, half;                         // from `half` on elements count back from the end
  double start, step, end, base;
  int64_t integer_start, integer_step;
};

enum class Kind { Exact, Linear, Power };

template <class T, Kind kind>
__global__ void __launch_bounds__(kThreads) range_kernel(T* out, Formula f) {
  TX_FOR_EACH(i, f.n) {
    if constexpr (kind == Kind::Exact) {
      out[i] = convert<T>(int64_t(uint64_t(f.integer_start) + uint64_t(i) * uint64_t(f.integer_step)));
    } else {
      const double x = i < f.half ? f.start + f.step * double(i) : f.end - f.step * double(f.n - 1 - i);
      out[i] = convert<T>(kind == Kind::Power ? pow(f.base, x) : x);
    }
  }
}

template <class T>
void range_of(const RangeArgs& a) {
  const Formula f{a.n, a.steps_back ? a.n / 2 : a.n, a.start, a.step, a.end, a.base, a.integer_start, a.integer_step};
  auto kernel = range_kernel<T, Kind::Linear>;
  if constexpr (std::is_integral_v<T>)
    if (a.exact) kernel = range_kernel<T, Kind::Exact>;
  if (!a.exact && a.power) kernel = range_kernel<T, Kind::Power>;
  launch("range", kernel, {grid_for(a.n, kThreads), kThreads}, reinterpret_cast<T*>(a.out), f);
}

}  // namespace

void range(const RangeArgs& a) {
  switch (a.dtype) {
#define X(e, T, name) \
  case DType::e: return range_of<T>(a);
    TX_KERNEL_DTYPES(X)
#undef X
    default: unsupported("range", a.dtype);
  }
}

}  // namespace tx::cuda
