// Resampling by a table of taps: a thread for each element of the result, and for each point of the gradient of the weights.
#include "../csrc/kernels/resample.h"
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

struct Table {
  int64_t outer, in, points, inner, taps, total;
  IndexDivide by_inner, by_points, by_outer;

  // The taps of one point: begin .. end - 1.
  TX_DEVICE int64_t begin(const int64_t* offsets, int64_t point) const {
    return offsets[point] > 0 ? offsets[point] : 0;
  }
  TX_DEVICE int64_t end(const int64_t* offsets, int64_t point) const {
    return offsets[point + 1] < taps ? offsets[point + 1] : taps;
  }
  TX_DEVICE bool inside(int64_t index) const { return uint64_t(index) < uint64_t(in); }
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    resample_kernel(T* out, const T* x, const T* weight, const int64_t* index, const int64_t* offsets, Table t) {
  TX_FOR_EACH(n, t.total) {
    const int64_t row = t.by_inner.divide(n), plane = t.by_points.divide(row), table = t.by_outer.divide(plane);
    const int64_t point = table * t.points + row - plane * t.points;
    const T* const column = x + plane * t.in * t.inner + n - row * t.inner;
    T sum = 0;
    const int64_t end = t.end(offsets, point);
    for (int64_t k = t.begin(offsets, point); k < end; k++)
      if (t.inside(index[k])) sum += weight[k] * column[index[k] * t.inner];
    out[n] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    resample_weight_kernel(T* out, const T* g, const T* x, const int64_t* index, const int64_t* offsets, Table t) {
  TX_FOR_EACH(point, t.total) {
    const int64_t table = t.by_points.divide(point), p = point - table * t.points;
    const T* const g_of = g + (table * t.outer * t.points + p) * t.inner;
    const T* const x_of = x + table * t.outer * t.in * t.inner;
    const int64_t end = t.end(offsets, point);
    for (int64_t k = t.begin(offsets, point); k < end; k++) {
      if (!t.inside(index[k])) continue;
      T sum = 0;
      for (int64_t o = 0; o < t.outer; o++)
        for (int64_t i = 0; i < t.inner; i++)
          sum += g_of[o * t.points * t.inner + i] * x_of[(o * t.in + index[k]) * t.inner + i];
      out[k] = sum;
    }
  }
}

template <class Args>
Table table_of(const Args& a, int64_t total) {
  auto divide_by = [](int64_t n) { return IndexDivide(n > 1 ? n : 1); };
  return {a.outer, a.in, a.points, a.inner, a.taps, total, divide_by(a.inner), divide_by(a.points), divide_by(a.outer)};
}

template <class T>
void resample_of(const ResampleArgs& a) {
  const Table t = table_of(a, a.tables * a.outer * a.points * a.inner);
  if (t.total == 0) return;
  launch("resample", resample_kernel<T>, {grid_for(t.total, kThreads), kThreads}, reinterpret_cast<T*>(a.out),
         reinterpret_cast<const T*>(a.x), reinterpret_cast<const T*>(a.weight), a.index, a.offsets, t);
}

template <class T>
void resample_weight_of(const ResampleWeightArgs& a) {
  const Table t = table_of(a, a.tables * a.points);
  if (t.total == 0 || a.taps == 0) return;
  launch("resample_weight", resample_weight_kernel<T>, {grid_for(t.total, kThreads), kThreads},
         reinterpret_cast<T*>(a.out), reinterpret_cast<const T*>(a.g), reinterpret_cast<const T*>(a.x), a.index,
         a.offsets, t);
}

}  // namespace

void resample(const ResampleArgs& a) { a.dtype == DType::Float32 ? resample_of<float>(a) : resample_of<double>(a); }

void resample_weight(const ResampleWeightArgs& a) {
  a.dtype == DType::Float32 ? resample_weight_of<float>(a) : resample_weight_of<double>(a);
}

}  // namespace tx::cuda
