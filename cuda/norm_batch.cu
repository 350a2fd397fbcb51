// Batch norm of x (batch, channels, inner). Statistics take one pass over x; the gradient's two sums one over x and grad.
#include "../csrc/kernels.h"
#include "channel_sums.cuh"
#include "moments.cuh"

namespace tx::cuda {

namespace {

template <class T>
struct Statistics {
  using State = Moments;
  static constexpr bool kGrad = false;
  double eps;
  T *mean, *variance, *rstd;

  TX_DEVICE static State start() { return Moments::nothing(); }
  TX_DEVICE static State merge(const State& a, const State& b) { return merged(a, b); }
  template <int count>
  TX_DEVICE State add(const State& state, const T (&x)[count], const T (&)[count], int64_t, int64_t, int64_t) const {
    return with_elements(state, x);
  }
  TX_DEVICE void finish(int64_t channel, const State& s) const {
    const double v = s.m2 / s.n;
    mean[channel] = T(s.mean);
    variance[channel] = T(v);
    rstd[channel] = T(1 / ::sqrt(v + eps));
  }
};

// Sums of grad and of grad * normal(x), and, where training, their means for the gradient of x.
template <class T>
struct GradientSums {
  struct State {
    double g, product;
  };
  static constexpr bool kGrad = true;
  double count;
  const T *mean, *rstd;
  T *grad_weight, *grad_bias, *mean_g, *mean_product;  // null: not wanted

  TX_DEVICE static State start() { return {0, 0}; }
  TX_DEVICE static State merge(const State& a, const State& b) { return {a.g + b.g, a.product + b.product}; }
  template <int n>
  TX_DEVICE State add(const State& s, const T (&x)[n], const T (&g)[n], int64_t channel, int64_t, int64_t) const {
    const T center = mean[channel], scale = rstd[channel];
    T sum = 0, product = 0;
    TX_UNROLL
    for (int k = 0; k < n; k++) {
      sum += g[k];
      product += g[k] * ((x[k] - center) * scale);
    }
    return {s.g + double(sum), s.product + double(product)};
  }
  TX_DEVICE void finish(int64_t channel, const State& s) const {
    if (grad_weight) grad_weight[channel] = T(s.product);
    if (grad_bias) grad_bias[channel] = T(s.g);
    if (mean_g) mean_g[channel] = T(s.g / count);
    if (mean_product) mean_product[channel] = T(s.product / count);
  }
};

// ---- Elementwise -------------------------------------------------------------------------------------------------

// Packs of elements and their channels: all of one, or, where inner is 1, of neighbouring ones.
struct Elements {
  int64_t packs, channels, inner;
  FastDivide by_inner, by_channels;

  TX_DEVICE int64_t channel(int64_t i) const {
    if (i > INT32_MAX) return i / inner % channels;
    const uint32_t run = by_inner.divide(uint32_t(i));
    return run - by_channels.divide(run) * channels;
  }
};

template <class T, int pack>
__global__ void __launch_bounds__(kThreads)
    normalize_channels(const T* x, const T* mean, const T* rstd, const T* weight, const T* bias, T* out, Elements e) {
  TX_FOR_EACH(i, e.packs) {
    const int64_t channel = e.channel(i * pack);
    T a[pack];
    load_run(a, x + i * pack);
    TX_UNROLL
    for (int k = 0; k < pack; k++) {
      const int64_t c = e.inner == 1 ? channel + k : channel;
      const T scale = weight ? rstd[c] * weight[c] : rstd[c];
      a[k] = (a[k] - mean[c]) * scale + (bias ? bias[c] : T(0));
    }
    store_run(out + i * pack, a);
  }
}

template <class T, int pack>
__global__ void __launch_bounds__(kThreads)
    normalize_channels_grad(const T* x, const T* g, const T* mean, const T* rstd, const T* weight, const T* mean_g,
                            const T* mean_product, T* out, Elements e) {
  TX_FOR_EACH(i, e.packs) {
    const int64_t channel = e.channel(i * pack);
    T a[pack], b[pack];
    load_run(a, x + i * pack);
    load_run(b, g + i * pack);
    TX_UNROLL
    for (int k = 0; k < pack; k++) {
      const int64_t c = e.inner == 1 ? channel + k : channel;
      const T scale = weight ? rstd[c] * weight[c] : rstd[c], normal = (a[k] - mean[c]) * rstd[c];
      a[k] = scale * (b[k] - (mean_g ? mean_g[c] : T(0)) - normal * (mean_product ? mean_product[c] : T(0)));
    }
    store_run(out + i * pack, a);
  }
}

Elements elements_of(const BatchNormArgs& a, int pack) {
  return {a.batch * a.channels * a.inner / pack, a.channels, a.inner,
          FastDivide(a.inner <= INT32_MAX ? uint32_t(a.inner) : 1),
          FastDivide(a.channels <= INT32_MAX ? uint32_t(a.channels) : 1)};
}

template <class T>
bool in_packs(const BatchNormArgs& a) {
  return (a.inner == 1 ? a.channels : a.inner) % kPack<T> == 0 && aligned(a.x, 16) && aligned(a.out, 16) &&
         aligned(a.grad, 16);
}

template <class T>
void forward(const BatchNormArgs& a) {
  if (a.training)
    sum_channels("batch_norm", as<T>(a.x), static_cast<const T*>(nullptr),
                 Statistics<T>{a.eps, as<T>(a.mean), as<T>(a.variance), as<T>(a.rstd)}, a.batch, a.channels, a.inner);
  const bool packed = in_packs<T>(a);
  const Elements e = elements_of(a, packed ? kPack<T> : 1);
  launch("batch_norm", packed ? normalize_channels<T, kPack<T>> : normalize_channels<T, 1>,
         {grid_for(e.packs, kThreads), kThreads}, as<T>(a.x), as<T>(a.mean), as<T>(a.rstd), as<T>(a.weight),
         as<T>(a.bias), as<T>(a.out), e);
}

template <class T>
void gradient(const BatchNormArgs& a) {
  const bool means = a.training && a.out;
  const Workspace space(means ? size_t(2 * a.channels) * sizeof(T) : 0);
  T *mean_g = means ? space.as<T>() : nullptr, *mean_product = means ? mean_g + a.channels : nullptr;
  if (means || a.grad_weight || a.grad_bias)
    sum_channels("batch_norm_grad", as<T>(a.x), as<T>(a.grad),
                 GradientSums<T>{double(a.batch * a.inner), as<T>(a.mean), as<T>(a.rstd), as<T>(a.grad_weight),
                                 as<T>(a.grad_bias), mean_g, mean_product},
                 a.batch, a.channels, a.inner);
  if (!a.out) return;
  const bool packed = in_packs<T>(a);
  const Elements e = elements_of(a, packed ? kPack<T> : 1);
  launch("batch_norm_grad", packed ? normalize_channels_grad<T, kPack<T>> : normalize_channels_grad<T, 1>,
         {grid_for(e.packs, kThreads), kThreads}, as<T>(a.x), as<T>(a.grad), as<T>(a.mean), as<T>(a.rstd),
         as<T>(a.weight), mean_g, mean_product, as<T>(a.out), e);
}

}  // namespace

void batch_norm(const BatchNormArgs& a) {
  if (a.dtype == DType::Float32) forward<float>(a);
  else forward<double>(a);
}

void batch_norm_grad(const BatchNormArgs& a) {
  if (a.dtype == DType::Float32) gradient<float>(a);
  else gradient<double>(a);
}

}  // namespace tx::cuda
