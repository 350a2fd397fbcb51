// Batch norm. A channel's values are `batch` runs of `inner` elements: with long runs a thread takes a channel and walks its
// runs; with inner == 1 (and channels-last images, which come as such) it takes a register's width of channels and walks
// down the rows. Sums of runs, or of blocks of rows, are added in double, so that mean and variance of a large batch are exact
// enough to subtract.
#include "../kernels/norm.h"
#include "allocator.h"
#include "fold.h"
#include "parallel.h"
#include "vec_math.h"

namespace tx::TX_ISA {

namespace {

constexpr int64_t kGrainElements = 1 << 13, kBlockRows = 64;

TX_INLINE int64_t greater(int64_t a, int64_t b) { return a > b ? a : b; }

template <class T> TX_INLINE Vec<T> load_some(const T* x, int64_t k) {
  return k == Vec<T>::size ? load<T>(x) : load_partial<T>(x, k);
}
template <class T> TX_INLINE void store_some(T* x, Vec<T> v, int64_t k) {
  if (k == Vec<T>::size) store(x, v);
  else store_partial(x, v, k);
}
template <class T> TX_INLINE Vec<T> keep_first(Vec<T> v, int64_t k) {
  if (k == Vec<T>::size) return v;
  return where(fold_detail::first_lanes<T>(k, std::make_integer_sequence<int, Vec<T>::size>{}), v, Vec<T>(0));
}

struct Add {
  template <class V> TX_INLINE V combine(V a, V b) const { return a + b; }
};

// One channel of x (batch, channels, inner).
template <class T>
struct Runs {
  const BatchNormArgs& a;
  int64_t channel;

  TX_INLINE int64_t at(int64_t b) const { return (b * a.channels + channel) * a.inner; }
  TX_INLINE Vec<T> spread(const void* values) const { return Vec<T>(((const T*)values)[channel]); }

  // total[0] = the sum of f(position, k) over all elements, in double.
  template <class F> TX_INLINE void sum(const F& f, double* total) const {
    constexpr int64_t size = Vec<T>::size;
    total[0] = 0;
    for (int64_t b = 0; b < a.batch; b++) {
      const int64_t base = at(b);
      Vec<T> acc[4] = {Vec<T>(0), Vec<T>(0), Vec<T>(0), Vec<T>(0)};
      int64_t i = 0;
      for (; i + 4 * size <= a.inner; i += 4 * size) {
        TX_UNROLL
        for (int r = 0; r < 4; r++) acc[r] = acc[r] + f(base + i + r * size, size);
      }
      for (int r = 0; i < a.inner; i += size, r++) {
        const int64_t k = a.inner - i < size ? a.inner - i : size;
        acc[r & 3] = acc[r & 3] + keep_first(f(base + i, k), k);
      }
      total[0] += double(fold_one<T>(Add{}, (acc[0] + acc[1]) + (acc[2] + acc[3])));
    }
  }

  template <class F> TX_INLINE void each(const F& f) const {
    constexpr int64_t size = Vec<T>::size;
    for (int64_t b = 0; b < a.batch; b++)
      for (int64_t i = 0, base = at(b); i < a.inner; i += size) f(base + i, a.inner - i < size ? a.inner - i : size);
  }

  TX_INLINE int64_t count() const { return 1; }
  TX_INLINE void put(void* to, const double* values) const { ((T*)to)[channel] = T(values[0]); }
};

// A register's width of channels of x (rows, channels).
template <class T>
struct Columns {
  const BatchNormArgs& a;
  int64_t channel;  // the first of count()

  TX_INLINE int64_t count() const { return a.channels - channel < Vec<T>::size ? a.channels - channel : Vec<T>::size; }
  TX_INLINE Vec<T> spread(const void* values) const { return load_some((const T*)values + channel, count()); }

  template <class F> TX_INLINE void sum(const F& f, double* total) const {
    const int64_t k = count();
    for (int64_t l = 0; l < k; l++) total[l] = 0;
    for (int64_t row = 0; row < a.batch; row += kBlockRows) {
      const int64_t end = row + kBlockRows < a.batch ? row + kBlockRows : a.batch;
      Vec<T> acc(0);
      for (int64_t r = row; r < end; r++) acc = acc + f(r * a.channels + channel, k);
      for (int64_t l = 0; l < k; l++) total[l] += double(acc.v[l]);
    }
  }

  template <class F> TX_INLINE void each(const F& f) const {
    const int64_t k = count();
    for (int64_t r = 0; r < a.batch; r++) f(r * a.channels + channel, k);
  }

  TX_INLINE void put(void* to, const double* values) const {
    for (int64_t l = 0; l < count(); l++) ((T*)to)[channel + l] = T(values[l]);
  }
};

constexpr int kMostLanes = 64 / 4;

template <class T, class Channel>
void forward(const BatchNormArgs& a, const Channel& c) {
  const T* x = (const T*)a.x;
  if (a.training) {
    const double count = double(a.batch * a.inner);
    double mean[kMostLanes], variance[kMostLanes], rstd[kMostLanes];
    c.sum([&](int64_t at, int64_t k) { return load_some(x + at, k); }, mean);
    for (int64_t l = 0; l < c.count(); l++) mean[l] /= count;
    c.put(a.mean, mean);
    const Vec<T> center = c.spread(a.mean);
    c.sum(
        [&](int64_t at, int64_t k) {
          const Vec<T> d = load_some(x + at, k) - center;
          return d * d;
        },
        variance);
    for (int64_t l = 0; l < c.count(); l++) {
      variance[l] /= count;
      rstd[l] = 1 / __builtin_sqrt(variance[l] + a.eps);
    }
    c.put(a.variance, variance);
    c.put(a.rstd, rstd);
  }
  const Vec<T> center = c.spread(a.mean), scale = a.weight ? c.spread(a.rstd) * c.spread(a.weight) : c.spread(a.rstd);
  const Vec<T> shift = a.bias ? c.spread(a.bias) : Vec<T>(0);
  c.each(
      [&](int64_t at, int64_t k) { store_some((T*)a.out + at, (load_some(x + at, k) - center) * scale + shift, k); });
}

template <class T, class Channel>
void gradient(const BatchNormArgs& a, const Channel& c) {
  const T *x = (const T*)a.x, *g = (const T*)a.grad;
  const Vec<T> center = c.spread(a.mean), rstd = c.spread(a.rstd);
  double sum_g[kMostLanes], sum_product[kMostLanes];
  c.sum([&](int64_t at, int64_t k) { return load_some(g + at, k); }, sum_g);
  c.sum([&](int64_t at, int64_t k) { return load_some(g + at, k) * ((load_some(x + at, k) - center) * rstd); },
        sum_product);
  if (a.grad_bias) c.put(a.grad_bias, sum_g);
  if (a.grad_weight) c.put(a.grad_weight, sum_product);
  if (!a.out) return;
  const Vec<T> scale = a.weight ? rstd * c.spread(a.weight) : rstd;
  Vec<T> mean_g(0), mean_product(0);
  if (a.training)
    for (int64_t l = 0; l < Vec<T>::size; l++) {
      const int64_t lane = l < c.count() ? l : 0;  // Runs has one value for all lanes
      mean_g.v[l] = T(sum_g[lane] / double(a.batch * a.inner));
      mean_product.v[l] = T(sum_product[lane] / double(a.batch * a.inner));
    }
  c.each([&](int64_t at, int64_t k) {
    const Vec<T> normal = (load_some(x + at, k) - center) * rstd;
    store_some((T*)a.out + at, scale * (load_some(g + at, k) - mean_g - normal * mean_product), k);
  });
}

template <class T, bool kForward>
void channels(const BatchNormArgs& a) {
  const int64_t elements = a.batch * a.inner;
  auto one = [&](const auto& c) {
    if constexpr (kForward) forward<T>(a, c);
    else gradient<T>(a, c);
  };
  if (a.inner == 1) {
    constexpr int64_t size = Vec<T>::size;
    const int64_t groups = (a.channels + size - 1) / size;
    parallel_for(groups, greater(1, kGrainElements / greater(1, elements * size)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) one(Columns<T>{a, i * size});
    });
  } else {
    parallel_for(a.channels, greater(1, kGrainElements / greater(1, elements)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) one(Runs<T>{a, i});
    });
  }
}

}  // namespace

void batch_norm(const BatchNormArgs& a) {
  if (a.dtype == DType::Float32) channels<float, true>(a);
  else channels<double, true>(a);
}

void batch_norm_grad(const BatchNormArgs& a) {
  if (a.dtype == DType::Float32) channels<float, false>(a);
  else channels<double, false>(a);
}

}  // namespace tx::TX_ISA
