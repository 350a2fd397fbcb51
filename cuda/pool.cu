// Pooling: a thread for each element of the result. Gradients gather from the windows that an element lies in, in the order in
// which the CPU adds them.
#include "../csrc/kernels/pool.h"
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

TX_BOTH int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
TX_BOTH int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

// One of the two spatial dimensions.
struct Axis {
  int64_t in, out, kernel, stride, pad, dilation;
};

// The image positions of window i: begin, begin + dilation, ... below end.
struct Window {
  int64_t begin, end;

  TX_DEVICE Window(const Axis& a, int64_t i) {
    begin = i * a.stride - a.pad;
    end = lesser(begin + a.dilation * (a.kernel - 1) + 1, a.in);
    if (begin < 0) begin += (-begin + a.dilation - 1) / a.dilation * a.dilation;
  }
};

// The windows from whose first to whose last position image position i lies: first .. last.
struct Windows {
  int64_t first, last;

  TX_DEVICE Windows(const Axis& a, int64_t i) {
    const int64_t from = i + a.pad - a.dilation * (a.kernel - 1);
    first = from <= 0 ? 0 : (from + a.stride - 1) / a.stride;
    last = lesser((i + a.pad) / a.stride, a.out - 1);
  }
};

struct Pooling {
  Axis h, w;
  int64_t total;  // elements of the result
  IndexDivide rows, columns;  // of the result
  bool count_include_pad;
  int64_t divisor;

  struct Place {
    int64_t plane, row, column;
  };
  TX_DEVICE Place place(int64_t i) const {
    const int64_t line = columns.divide(i), plane = rows.divide(line);
    return {plane, line - plane * rows.divisor, i - line * columns.divisor};
  }

  // What the sum over window (i, j) is divided by: see csrc/cpu/pool.cpp.
  TX_DEVICE int64_t divisor_of(int64_t i, int64_t j) const {
    if (divisor) return divisor;
    const int64_t top = i * h.stride - h.pad, left = j * w.stride - w.pad;
    if (count_include_pad)
      return (lesser(top + h.kernel, h.in + h.pad) - top) * (lesser(left + w.kernel, w.in + w.pad) - left);
    return greater(0, lesser(top + h.kernel, h.in) - greater(top, 0)) *
           greater(0, lesser(left + w.kernel, w.in) - greater(left, 0));
  }
};

template <class T>
__global__ void __launch_bounds__(kThreads) max_pool_kernel(T* out, int64_t* indices, const T* x, Pooling p) {
  TX_FOR_EACH(i, p.total) {
    const auto place = p.place(i);
    const Window rows(p.h, place.row), columns(p.w, place.column);
    const T* const plane = x + place.plane * p.h.in * p.w.in;
    int64_t at = rows.begin * p.w.in + columns.begin;
    T best = -kInfinity<T>;
    for (int64_t r = rows.begin; r < rows.end; r += p.h.dilation)
      for (int64_t c = columns.begin; c < columns.end; c += p.w.dilation) {
        const T value = plane[r * p.w.in + c];
        if (value > best || isnan(value)) {  // the last NaN wins, as in PyTorch
          best = value;
          at = r * p.w.in + c;
        }
      }
    out[i] = best;
    indices[i] = at;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    max_pool_grad_kernel(T* out, const int64_t* indices, const T* g, Pooling p) {
  TX_FOR_EACH(i, p.total) {
    const auto place = p.place(i);
    const Windows down(p.h, place.row), across(p.w, place.column);
    const int64_t self = place.row * p.w.in + place.column, plane = place.plane * p.h.out * p.w.out;
    T sum = 0;
    for (int64_t r = down.first; r <= down.last; r++)
      for (int64_t c = across.first; c <= across.last; c++) {
        const int64_t window = plane + r * p.w.out + c;
        if (indices[window] == self) sum += g[window];
      }
    out[i] = sum;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) average_pool_kernel(T* out, const T* x, Pooling p) {
  TX_FOR_EACH(i, p.total) {
    const auto place = p.place(i);
    const Window rows(p.h, place.row), columns(p.w, place.column);
    const T* const plane = x + place.plane * p.h.in * p.w.in;
    T sum = 0;
    for (int64_t r = rows.begin; r < rows.end; r++)
      for (int64_t c = columns.begin; c < columns.end; c++) sum += plane[r * p.w.in + c];
    out[i] = sum / T(p.divisor_of(place.row, place.column));
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) average_pool_grad_kernel(T* out, const T* g, Pooling p) {
  TX_FOR_EACH(i, p.total) {
    const auto place = p.place(i);
    const Windows down(p.h, place.row), across(p.w, place.column);
    const T* const plane = g + place.plane * p.h.out * p.w.out;
    T sum = 0;
    for (int64_t r = down.first; r <= down.last; r++)
      for (int64_t c = across.first; c <= across.last; c++) sum += plane[r * p.w.out + c] / T(p.divisor_of(r, c));
    out[i] = sum;
  }
}

// f(T{}, pooling) for a result of `rows` by `columns` a plane.
template <class F>
void pool(const PoolArgs& a, int64_t rows, int64_t columns, const F& f) {
  const Pooling p{{a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h},
                  {a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w},
                  a.planes * rows * columns,
                  IndexDivide(greater(rows, 1)),
                  IndexDivide(greater(columns, 1)),
                  a.count_include_pad,
                  a.divisor};
  if (p.total == 0) return;
  const LaunchShape shape{grid_for(p.total, kThreads), kThreads};
  a.dtype == DType::Float32 ? f(float{}, p, shape) : f(double{}, p, shape);
}

template <class T> T* of(char* p) { return reinterpret_cast<T*>(p); }
template <class T> const T* of(const char* p) { return reinterpret_cast<const T*>(p); }

}  // namespace

void max_pool(const PoolArgs& a) {
  pool(a, a.out_h, a.out_w, [&]<class T>(T, const Pooling& p, const LaunchShape& shape) {
    launch("max_pool", max_pool_kernel<T>, shape, of<T>(a.out), a.indices, of<T>(a.x), p);
  });
}

void max_pool_grad(const PoolArgs& a) {
  pool(a, a.in_h, a.in_w, [&]<class T>(T, const Pooling& p, const LaunchShape& shape) {
    launch("max_pool_grad", max_pool_grad_kernel<T>, shape, of<T>(a.out), a.indices, of<T>(a.x), p);
  });
}

void average_pool(const PoolArgs& a) {
  pool(a, a.out_h, a.out_w, [&]<class T>(T, const Pooling& p, const LaunchShape& shape) {
    launch("average_pool", average_pool_kernel<T>, shape, of<T>(a.out), of<T>(a.x), p);
  });
}

void average_pool_grad(const PoolArgs& a) {
  pool(a, a.in_h, a.in_w, [&]<class T>(T, const Pooling& p, const LaunchShape& shape) {
    launch("average_pool_grad", average_pool_grad_kernel<T>, shape, of<T>(a.out), of<T>(a.x), p);
  });
}

}  // namespace tx::cuda
