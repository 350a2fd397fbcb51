// Layer norm of x (rows, n). A row is read three times, but from memory once: mean and variance are two passes over it (no
// cancellation), and the result a third.
#include "../csrc/kernels.h"
#include "channel_sums.cuh"

namespace tx::cuda {

namespace {

template <class T> TX_DEVICE T add(T a, T b) { return a + b; }

// Elements i .. i + count - 1 of a parameter, or `otherwise` if it is null.
template <class T, int count> TX_DEVICE void load_parameter(T (&p)[count], const T* from, int64_t i, T otherwise) {
  TX_UNROLL
  for (int k = 0; k < count; k++) p[k] = from ? from[i + k] : otherwise;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_rows(const T* x, const T* weight, const T* bias, T* out, T* mean, T* rstd, T eps, RowSlab slab) {
  const RowTeam team = slab.team();
  T sum = 0;
  slab.walk<T>(team, x, [&](int64_t at, int64_t, auto count) {
    T a[count.value];
    load_run(a, x + at);
    TX_UNROLL
    for (int k = 1; k < count.value; k++) a[0] += a[k];
    sum += a[0];
  });
  const T center = team.merge(sum, add<T>) / T(slab.n);
  T squares = 0;
  slab.walk<T>(team, x, [&](int64_t at, int64_t, auto count) {
    T a[count.value], here = 0;
    load_run(a, x + at);
    TX_UNROLL
    for (int k = 0; k < count.value; k++) here += (a[k] - center) * (a[k] - center);
    squares += here;
  });
  const T variance = team.merge(squares, add<T>) / T(slab.n);
  const T scale = rsqrt(variance + eps);
  slab.walk<T>(team, x, [&](int64_t at, int64_t i, auto count) {
    T a[count.value], w[count.value], b[count.value];
    load_run(a, x + at);
    load_parameter(w, weight, i, T(1));
    load_parameter(b, bias, i, T(0));
    TX_UNROLL
    for (int k = 0; k < count.value; k++) {
      a[k] = (a[k] - center) * scale;
      if (weight) a[k] *= w[k];
      if (bias) a[k] += b[k];
    }
    store_run(out + at, a);
  });
  if (slab.present(team) && team.lane == 0) {
    mean[team.row] = center;
    rstd[team.row] = scale;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    layer_norm_grad_rows(const T* x, const T* g, const T* weight, const T* mean, const T* rstd, T* out, RowSlab slab) {
  const RowTeam team = slab.team();
  const bool present = slab.present(team);
  const T center = present ? mean[team.row] : T(0), scale = present ? rstd[team.row] : T(0);
  T sum = 0, product = 0;
  slab.walk<T>(team, x, [&](int64_t at, int64_t i, auto count) {
    T a[count.value], b[count.value], w[count.value], sum_here = 0, product_here = 0;
    load_run(a, x + at);
    load_run(b, g + at);
    load_parameter(w, weight, i, T(1));
    TX_UNROLL
    for (int k = 0; k < count.value; k++) {
      sum_here += b[k] * w[k];
      product_here += b[k] * w[k] * ((a[k] - center) * scale);
    }
    sum += sum_here;
    product += product_here;
  });
  const T mean_g = team.merge(sum, add<T>) / T(slab.n), mean_product = team.merge(product, add<T>) / T(slab.n);
  slab.walk<T>(team, x, [&](int64_t at, int64_t i, auto count) {
    T a[count.value], b[count.value], w[count.value];
    load_run(a, x + at);
    load_run(b, g + at);
    load_parameter(w, weight, i, T(1));
    TX_UNROLL
    for (int k = 0; k < count.value; k++)
      a[k] = scale * (b[k] * w[k] - mean_g - (a[k] - center) * scale * mean_product);
    store_run(out + at, a);
  });
}

// Sums over the rows of g * normal(x) and g.
template <class T>
struct ParameterSums {
  struct State {
    T product, g;
  };
  static constexpr bool kGrad = true;
  const T *mean, *rstd;
  T *grad_weight, *grad_bias;  // null: not wanted

  TX_DEVICE static State start() { return {0, 0}; }
  TX_DEVICE static State merge(const State& a, const State& b) { return {a.product + b.product, a.g + b.g}; }
  template <int n>
  TX_DEVICE State add(const State& s, const T (&x)[n], const T (&g)[n], int64_t, int64_t row, int64_t step) const {
    T product = 0, sum = 0;
    TX_UNROLL
    for (int k = 0; k < n; k++) {
      product += g[k] * ((x[k] - mean[row + k * step]) * rstd[row + k * step]);
      sum += g[k];
    }
    return {s.product + product, s.g + sum};
  }
  TX_DEVICE void finish(int64_t i, const State& s) const {
    if (grad_weight) grad_weight[i] = s.product;
    if (grad_bias) grad_bias[i] = s.g;
  }
};

RowSlab slab_of(const LayerNormArgs& a, int pack) {
  const bool packed = (a.x - a.out) % 16 == 0 && (!a.grad || (a.x - a.grad) % 16 == 0);
  return {a.rows, a.n, lanes_for_row(a.n, pack), packed};
}

template <class T>
void forward(const LayerNormArgs& a) {
  if (a.rows == 0) return;
  const RowSlab slab = slab_of(a, kPack<T>);
  launch("layer_norm", layer_norm_rows<T>, {slab.blocks(), kThreads}, as<T>(a.x), as<T>(a.weight), as<T>(a.bias),
         as<T>(a.out), as<T>(a.mean), as<T>(a.rstd), T(a.eps), slab);
}

template <class T>
void gradients(const LayerNormArgs& a) {
  const T *x = as<T>(a.x), *g = as<T>(a.grad);
  const T *mean = as<T>(static_cast<const char*>(a.mean)), *rstd = as<T>(static_cast<const char*>(a.rstd));
  if (a.out && a.rows) {
    const RowSlab slab = slab_of(a, kPack<T>);
    launch("layer_norm_grad", layer_norm_grad_rows<T>, {slab.blocks(), kThreads}, x, g, as<T>(a.weight), mean, rstd,
           as<T>(a.out), slab);
  }
  if (a.grad_weight || a.grad_bias)
    sum_channels("layer_norm_grad", x, g, ParameterSums<T>{mean, rstd, as<T>(a.grad_weight), as<T>(a.grad_bias)},
                 a.rows, a.n, 1);
}

}  // namespace

void layer_norm(const LayerNormArgs& a) {
  if (a.dtype == DType::Float32) forward<float>(a);
  else forward<double>(a);
}

void layer_norm_grad(const LayerNormArgs& a) {
  if (a.dtype == DType::Float32) gradients<float>(a);
  else gradients<double>(a);
}

}  // namespace tx::cuda
