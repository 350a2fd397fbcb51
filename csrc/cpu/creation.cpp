// range, linspace, logspace. Compiled once per instruction set.
#include <type_traits>

#include "../float_conversion.h"
#include "../kernels.h"
#include "parallel.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kGrain = 16384;

template <class T> TX_INLINE T converted(double v) { return T(v); }
template <> TX_INLINE Float16 converted(double v) { return to_float16(float(v)); }
template <> TX_INLINE BFloat16 converted(double v) { return to_bfloat16(float(v)); }

template <class T>
void range_of(const RangeArgs& a) {
  T* out = reinterpret_cast<T*>(a.out);
  parallel_for(a.n, kGrain, [&](int64_t begin, int64_t end) {
    if (a.exact) {
      if constexpr (!std::is_class_v<T>)
        for (int64_t i = begin; i < end; i++)
          out[i] = T(uint64_t(a.integer_start) + uint64_t(i) * uint64_t(a.integer_step));
      return;
    }
    int64_t half = a.steps_back ? a.n / 2 : a.n;
    auto value = [&](int64_t i) __attribute__((always_inline)) {
      return i < half ? a.start + a.step * double(i) : a.end - a.step * double(a.n - 1 - i);
    };
    if (a.power)
      for (int64_t i = begin; i < end; i++) out[i] = converted<T>(__builtin_pow(a.base, value(i)));
    else
      for (int64_t i = begin; i < end; i++) out[i] = converted<T>(value(i));
  });
}

}  // namespace

void range(const RangeArgs& a) {
  switch (a.dtype) {
#define X(e, T, name) case DType::e: range_of<T>(a); break;
    TX_KERNEL_DTYPES(X)
#undef X
    default: unsupported("range", a.dtype);
  }
}

}  // namespace tx::TX_ISA
