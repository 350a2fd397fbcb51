// Resampling along one dimension by a table of taps: rows of the result in parallel, each in registers across `inner`.
#include "../kernels/resample.h"

#include "parallel.h"
#include "vec.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrainElements = 1 << 13;

// The taps of one point: begin .. end - 1.
struct Taps {
  int64_t begin, end;

  TX_INLINE Taps(const int64_t* offsets, int64_t point, int64_t taps) {
    begin = offsets[point] > 0 ? offsets[point] : 0;
    end = offsets[point + 1] < taps ? offsets[point + 1] : taps;
  }
};

TX_INLINE bool inside(int64_t index, int64_t size) { return uint64_t(index) < uint64_t(size); }

TX_INLINE int64_t taps_per_point(int64_t taps, int64_t points) { return points > 0 ? taps / points + 1 : 1; }
TX_INLINE int64_t grain_of(int64_t work) { return work < kGrainElements ? kGrainElements / (work ? work : 1) : 1; }

// out (inner): the weighted sum of the rows of x (in, inner) that the taps name.
template <class T>
TX_INLINE void resample_row(const ResampleArgs& a, const Taps& taps, const T* weight, const T* x, T* out) {
  constexpr int lanes = Vec<T>::size;
  int64_t i = 0;
  for (; i + lanes <= a.inner; i += lanes) {
    Vec<T> sum(T(0));
    for (int64_t k = taps.begin; k < taps.end; k++)
      if (inside(a.index[k], a.in)) sum = sum + Vec<T>(weight[k]) * load<T>(x + a.index[k] * a.inner + i);
    store<T>(out + i, sum);
  }
  for (; i < a.inner; i++) {
    T sum = 0;
    for (int64_t k = taps.begin; k < taps.end; k++)
      if (inside(a.index[k], a.in)) sum += weight[k] * x[a.index[k] * a.inner + i];
    out[i] = sum;
  }
}

template <class T>
void resample_of(const ResampleArgs& a) {
  const int64_t per_point = taps_per_point(a.taps, a.tables * a.points);
  const T *const weight = (const T*)a.weight, *const x = (const T*)a.x;
  parallel_for(a.tables * a.outer * a.points, grain_of(a.inner * per_point), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end;) {
      const int64_t plane = row / a.points, table = plane / a.outer, first = row - plane * a.points,
                    last = end - plane * a.points < a.points ? end - plane * a.points : a.points;
      const T* const from = x + plane * a.in * a.inner;
      for (int64_t p = first; p < last; p++, row++)
        resample_row(a, Taps(a.offsets, table * a.points + p, a.taps), weight, from, (T*)a.out + row * a.inner);
    }
  });
}

template <class T>
TX_INLINE T dot(const T* a, const T* b, int64_t n) {
  constexpr int lanes = Vec<T>::size;
  Vec<T> sums(T(0));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) sums = sums + load<T>(a + i) * load<T>(b + i);
  T sum = 0;
  if (n >= lanes)
    for (int lane = 0; lane < lanes; lane++) sum += sums.v[lane];
  for (; i < n; i++) sum += a[i] * b[i];
  return sum;
}

template <class T>
void resample_weight_of(const ResampleWeightArgs& a) {
  T* const out = (T*)a.out;
  const int64_t per_point = taps_per_point(a.taps, a.tables * a.points);
  parallel_for(a.tables * a.points, grain_of(a.outer * a.inner * per_point), [&](int64_t begin, int64_t end) {
    for (int64_t point = begin; point < end; point++) {
      const int64_t table = point / a.points, p = point - table * a.points;
      const T* const g = (const T*)a.g + (table * a.outer * a.points + p) * a.inner;
      const T* const x = (const T*)a.x + table * a.outer * a.in * a.inner;
      const Taps taps(a.offsets, point, a.taps);
      for (int64_t k = taps.begin; k < taps.end; k++) {
        if (!inside(a.index[k], a.in)) continue;
        T sum = 0;
        for (int64_t o = 0; o < a.outer; o++)
          sum += dot(g + o * a.points * a.inner, x + (o * a.in + a.index[k]) * a.inner, a.inner);
        out[k] = sum;
      }
    }
  });
}

}  // namespace

void resample(const ResampleArgs& a) { a.dtype == DType::Float32 ? resample_of<float>(a) : resample_of<double>(a); }

void resample_weight(const ResampleWeightArgs& a) {
  a.dtype == DType::Float32 ? resample_weight_of<float>(a) : resample_weight_of<double>(a);
}

}  // namespace tx::TX_ISA
