// Pooling: a plane at a time, planes in parallel. A window's part outside the image is cut off before the loops.
#include "../kernels/pool.h"

#include "parallel.h"
#include "vec.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrainElements = 1 << 14;

TX_INLINE int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }
TX_INLINE int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

// The image positions of one window along one dimension: begin, begin + dilation, ... below end.
struct Window {
  int64_t begin, end;

  TX_INLINE Window(int64_t i, int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    begin = i * stride - pad;
    end = lesser(begin + dilation * (kernel - 1) + 1, in);
    if (begin < 0) begin += (-begin + dilation - 1) / dilation * dilation;
  }
};

template <class F>
void for_planes(const PoolArgs& a, const F& plane) {
  const int64_t work = greater(a.in_h * a.in_w, a.out_h * a.out_w * a.kernel_h * a.kernel_w);
  parallel_for(a.planes, greater(1, kGrainElements / greater(1, work)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) plane(p);
  });
}

template <class T>
void max_plane(const PoolArgs& a, const T* x, T* out, int64_t* indices) {
  for (int64_t i = 0; i < a.out_h; i++) {
    const Window rows(i, a.in_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h);
    for (int64_t j = 0; j < a.out_w; j++) {
      const Window columns(j, a.in_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w);
      int64_t at = rows.begin * a.in_w + columns.begin;
      T best = T(-__builtin_inf());
      for (int64_t r = rows.begin; r < rows.end; r += a.dilation_h)
        for (int64_t c = columns.begin; c < columns.end; c += a.dilation_w) {
          const T value = x[r * a.in_w + c];
          if (value > best || value != value) {                    // the last NaN wins, as in PyTorch
            best = value;
            at = r * a.in_w + c;
          }
        }
      *out++ = best;
      *indices++ = at;
    }
  }
}

template <class T>
void average_plane(const PoolArgs& a, const T* x, T* out) {
  for (int64_t i = 0; i < a.out_h; i++) {
    const Window rows(i, a.in_h, a.kernel_h, a.stride_h, a.pad_h, 1);
    for (int64_t j = 0; j < a.out_w; j++) {
      const Window columns(j, a.in_w, a.kernel_w, a.stride_w, a.pad_w, 1);
      T sum = 0;
      for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = columns.begin; c < columns.end; c++) sum += x[r * a.in_w + c];
      *out++ = sum;
    }
  }
}

// What the sum over window (i, j) is divided by. Padding counts as far as it lies within `pad` of the image: ceil_mode
// windows may reach further.
TX_INLINE int64_t divisor_of(const PoolArgs& a, int64_t i, int64_t j) {
  if (a.divisor) return a.divisor;
  const int64_t top = i * a.stride_h - a.pad_h, left = j * a.stride_w - a.pad_w;
  if (a.count_include_pad)
    return (lesser(top + a.kernel_h, a.in_h + a.pad_h) - top) * (lesser(left + a.kernel_w, a.in_w + a.pad_w) - left);
  return greater(0, lesser(top + a.kernel_h, a.in_h) - greater(top, 0)) *
         greater(0, lesser(left + a.kernel_w, a.in_w) - greater(left, 0));
}

template <class T>
void average_divide(const PoolArgs& a, T* out) {
  for (int64_t i = 0; i < a.out_h; i++)
    for (int64_t j = 0; j < a.out_w; j++, out++) *out /= T(divisor_of(a, i, j));
}

template <class T>
void average_plane_grad(const PoolArgs& a, const T* g, T* out) {
  for (int64_t k = 0; k < a.in_h * a.in_w; k++) out[k] = 0;
  for (int64_t i = 0; i < a.out_h; i++) {
    const Window rows(i, a.in_h, a.kernel_h, a.stride_h, a.pad_h, 1);
    for (int64_t j = 0; j < a.out_w; j++) {
      const Window columns(j, a.in_w, a.kernel_w, a.stride_w, a.pad_w, 1);
      const T share = *g++ / T(divisor_of(a, i, j));
      for (int64_t r = rows.begin; r < rows.end; r++)
        for (int64_t c = columns.begin; c < columns.end; c++) out[r * a.in_w + c] += share;
    }
  }
}

template <class T>
void max_plane_grad(const PoolArgs& a, const T* g, const int64_t* indices, T* out) {
  for (int64_t k = 0; k < a.in_h * a.in_w; k++) out[k] = 0;
  for (int64_t k = 0; k < a.out_h * a.out_w; k++) out[indices[k]] += g[k];
}

// f<T>(p) for every plane p, T being args.dtype.
template <class F>
void by_type(const PoolArgs& a, const F& f) {
  if (a.dtype == DType::Float32) for_planes(a, [&](int64_t p) { f(float{}, p); });
  else for_planes(a, [&](int64_t p) { f(double{}, p); });
}

}  // namespace

void max_pool(const PoolArgs& a) {
  const int64_t in = a.in_h * a.in_w, out = a.out_h * a.out_w;
  by_type(a, [&]<class T>(T, int64_t p) {
    max_plane<T>(a, (const T*)a.x + p * in, (T*)a.out + p * out, a.indices + p * out);
  });
}

void max_pool_grad(const PoolArgs& a) {
  const int64_t in = a.in_h * a.in_w, out = a.out_h * a.out_w;
  by_type(a, [&]<class T>(T, int64_t p) {
    max_plane_grad<T>(a, (const T*)a.x + p * out, a.indices + p * out, (T*)a.out + p * in);
  });
}

void average_pool(const PoolArgs& a) {
  const int64_t in = a.in_h * a.in_w, out = a.out_h * a.out_w;
  by_type(a, [&]<class T>(T, int64_t p) {
    average_plane<T>(a, (const T*)a.x + p * in, (T*)a.out + p * out);
    average_divide<T>(a, (T*)a.out + p * out);
  });
}

void average_pool_grad(const PoolArgs& a) {
  const int64_t in = a.in_h * a.in_w, out = a.out_h * a.out_w;
  by_type(a, [&]<class T>(T, int64_t p) { average_plane_grad<T>(a, (const T*)a.x + p * out, (T*)a.out + p * in); });
}

}  // namespace tx::TX_ISA
