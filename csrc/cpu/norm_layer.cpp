// Layer norm. A row fits the cache, so mean and variance are two passes over it (no cancellation), and the result a third.
#include <cstring>

#include "../kernels/norm.h"
#include "allocator.h"
#include "fold.h"
#include "parallel.h"
#include "vec_math.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrainElements = 1 << 13;

TX_INLINE int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

// Calls f(i, k) for the registers of a row: k = elements that count, the last register may have fewer.
template <class T, class F>
TX_INLINE void for_registers(int64_t n, const F& f) {
  constexpr int64_t size = Vec<T>::size;
  int64_t i = 0;
  for (; i + size <= n; i += size) f(i, size);
  if (i < n) f(i, n - i);
}

template <class T> TX_INLINE Vec<T> load_some(const T* x, int64_t k) {
  return k == Vec<T>::size ? load<T>(x) : load_partial<T>(x, k);
}
template <class T> TX_INLINE void store_some(T* x, Vec<T> v, int64_t k) {
  if (k == Vec<T>::size) store(x, v);
  else store_partial(x, v, k);
}

struct Add {
  template <class V> TX_INLINE V combine(V a, V b) const { return a + b; }
};

// The sum of f(i, k) over the registers of a row; f gives 0 in lanes that do not count.
template <class T, class F>
TX_INLINE T sum_registers(int64_t n, const F& f) {
  constexpr int64_t size = Vec<T>::size;
  Vec<T> acc[4] = {Vec<T>(0), Vec<T>(0), Vec<T>(0), Vec<T>(0)};
  int64_t i = 0;
  for (; i + 4 * size <= n; i += 4 * size) {
    TX_UNROLL
    for (int r = 0; r < 4; r++) acc[r] = acc[r] + f(i + r * size, size);
  }
  for (int r = 0; i < n; i += size, r++) acc[r & 3] = acc[r & 3] + f(i, n - i < size ? n - i : size);
  return fold_one<T>(Add{}, (acc[0] + acc[1]) + (acc[2] + acc[3]));
}

template <class T>
TX_INLINE Vec<T> keep_first(Vec<T> v, int64_t k) {
  if (k == Vec<T>::size) return v;
  return where(fold_detail::first_lanes<T>(k, std::make_integer_sequence<int, Vec<T>::size>{}), v, Vec<T>(0));
}

template <class T>
void forward_row(const LayerNormArgs& a, int64_t row) {
  const int64_t n = a.n;
  const T *x = (const T*)a.x + row * n, *weight = (const T*)a.weight, *bias = (const T*)a.bias;
  T* out = (T*)a.out + row * n;
  const T mean = sum_registers<T>(n, [&](int64_t i, int64_t k) { return load_some(x + i, k); }) / T(n);
  const T variance = sum_registers<T>(n,
                                      [&](int64_t i, int64_t k) {
                                        const Vec<T> d = keep_first(load_some(x + i, k) - Vec<T>(mean), k);
                                        return d * d;
                                      }) /
                     T(n);
  const T rstd = T(1) / __builtin_sqrt(double(variance + T(a.eps)));
  ((T*)a.mean)[row] = mean;
  ((T*)a.rstd)[row] = rstd;
  for_registers<T>(n, [&](int64_t i, int64_t k) {
    Vec<T> v = (load_some(x + i, k) - Vec<T>(mean)) * Vec<T>(rstd);
    if (weight) v = v * load_some(weight + i, k);
    if (bias) v = v + load_some(bias + i, k);
    store_some(out + i, v, k);
  });
}

template <class T>
void gradient_row(const LayerNormArgs& a, int64_t row) {
  const int64_t n = a.n;
  const T *x = (const T*)a.x + row * n, *g = (const T*)a.grad + row * n, *weight = (const T*)a.weight;
  T* out = (T*)a.out + row * n;
  const Vec<T> mean(((const T*)a.mean)[row]), rstd(((const T*)a.rstd)[row]);
  auto weighted = [&](int64_t i, int64_t k) {
    const Vec<T> v = load_some(g + i, k);
    return weight ? v * load_some(weight + i, k) : v;
  };
  auto normal = [&](int64_t i, int64_t k) { return keep_first((load_some(x + i, k) - mean) * rstd, k); };
  const T sum = sum_registers<T>(n, weighted),
          product = sum_registers<T>(n, [&](int64_t i, int64_t k) { return weighted(i, k) * normal(i, k); });
  const Vec<T> mean_g(sum / T(n)), mean_product(product / T(n));
  for_registers<T>(n, [&](int64_t i, int64_t k) {
    store_some(out + i, rstd * (weighted(i, k) - mean_g - normal(i, k) * mean_product), k);
  });
}

// Sums over rows [begin, end) of g * normal(x) and g, for grad_weight and grad_bias.
template <class T>
void parameter_sums(const LayerNormArgs& a, int64_t begin, int64_t end, T* weight_sum, T* bias_sum) {
  for (int64_t row = begin; row < end; row++) {
    const T *x = (const T*)a.x + row * a.n, *g = (const T*)a.grad + row * a.n;
    const Vec<T> mean(((const T*)a.mean)[row]), rstd(((const T*)a.rstd)[row]);
    for_registers<T>(a.n, [&](int64_t i, int64_t k) {
      const Vec<T> gradient = load_some(g + i, k);
      if (weight_sum)
        store_some(weight_sum + i, load_some(weight_sum + i, k) + gradient * ((load_some(x + i, k) - mean) * rstd), k);
      if (bias_sum) store_some(bias_sum + i, load_some(bias_sum + i, k) + gradient, k);
    });
  }
}

// Rows are summed in blocks whose number follows from the problem alone, and the blocks' sums in order.
template <class T>
void parameter_gradients(const LayerNormArgs& a) {
  const int64_t blocks = a.rows < 32 ? 1 : 32, rows = (a.rows + blocks - 1) / blocks;
  Workspace space(size_t(2 * blocks * a.n) * sizeof(T));
  T* sums = space.as<T>();
  memset(sums, 0, size_t(2 * blocks * a.n) * sizeof(T));
  parallel_for(blocks, greater(1, kGrainElements / greater(1, rows * a.n)), [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; b++) {
      const int64_t begin = b * rows, end = begin + rows < a.rows ? begin + rows : a.rows;
      parameter_sums<T>(a, begin, end, a.grad_weight ? sums + b * a.n : nullptr,
                        a.grad_bias ? sums + (blocks + b) * a.n : nullptr);
    }
  });
  auto combine = [&](T* from, char* to) {
    for (int64_t b = 1; b < blocks; b++)
      for_registers<T>(a.n, [&](int64_t i, int64_t k) {
        store_some(from + i, load_some(from + i, k) + load_some(from + b * a.n + i, k), k);
      });
    memcpy(to, from, size_t(a.n) * sizeof(T));
  };
  if (a.grad_weight) combine(sums, a.grad_weight);
  if (a.grad_bias) combine(sums + blocks * a.n, a.grad_bias);
}

template <class T>
void all_rows(const LayerNormArgs& a, void (*row)(const LayerNormArgs&, int64_t)) {
  parallel_for(a.rows, greater(1, kGrainElements / greater(1, a.n)), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; r++) row(a, r);
  });
}

template <class T>
void gradients(const LayerNormArgs& a) {
  if (a.out) all_rows<T>(a, gradient_row<T>);
  if (a.grad_weight || a.grad_bias) parameter_gradients<T>(a);
}

}  // namespace

void layer_norm(const LayerNormArgs& a) {
  if (a.dtype == DType::Float32) all_rows<float>(a, forward_row<float>);
  else all_rows<double>(a, forward_row<double>);
}

void layer_norm_grad(const LayerNormArgs& a) {
  if (a.dtype == DType::Float32) gradients<float>(a);
  else gradients<double>(a);
}

}  // namespace tx::TX_ISA
