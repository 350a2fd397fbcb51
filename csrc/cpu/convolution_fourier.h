// Convolution by the discrete Fourier transform of tiles: the linear maps that convolution_tiles.h asks for.
//
// The spectrum of a real tile is kept as its independent numbers. Two real sequences a and b are transformed as one,
// a + i b, and taken apart; the same happens to the two columns that are real, the first and the middle one. A
// product of complex numbers (a + ib)(c + id) is made of three of real ones (Gauss): k1 = c (a + b), k2 = a (d - c),
// k3 = b (c + d), and then k1 - k3 and k1 + k2 are its parts. So a spectrum is a list of points that are multiplied
// one by one, as Winograd's are.
//
// Taking apart leaves out the division by two, which makes putting together the transposed map of it. Every gradient
// follows from that: synthesise() is the transposed map of analyse(). What was left out is done once, to the filter:
// its points are multiplied by 1 / (4 H W), or by 1 / (H W) where nothing was left out; all are powers of two.
#pragma once
#include <utility>

#include "convolution_maps.h"

namespace tx::TX_ISA {

template <class T> using Wave = Complex<Vec<T>>;
template <class T> TX_INLINE Wave<T> conjugate(Wave<T> x) { return {x.real, -x.imag}; }
template <class T> TX_INLINE Wave<T> quarter_turn(Wave<T> x) { return {-x.imag, x.real}; }

// cos(2 pi k / 64) for a quarter of a turn.
constexpr double kCosines[17] = {1.0,
                                 0.99518472667219692873,
                                 0.98078528040323043058,
                                 0.95694033573220882438,
                                 0.92387953251128673848,
                                 0.88192126434835504956,
                                 0.83146961230254523567,
                                 0.77301045336273699338,
                                 0.70710678118654752440,
                                 0.63439328416364549822,
                                 0.55557023301960222475,
                                 0.47139673682599764204,
                                 0.38268343236508977173,
                                 0.29028467725446236764,
                                 0.19509032201612826785,
                                 0.09801714032956060200,
                                 0.0};
constexpr double cosine(int k) {
  k %= 64;
  return k > 32 ? cosine(64 - k) : k > 16 ? -kCosines[32 - k] : kCosines[k];
}

// x e^(sign 2 pi i k / n)
template <int sign, int k, int n, class T>
TX_INLINE Wave<T> turned(Wave<T> x) {
  constexpr double c = cosine(64 / n * k), s = sign * cosine(64 / n * k + 48);
  if constexpr (k == 0) return x;
  else if constexpr (s == 0 && c == -1) return {-x.real, -x.imag};
  else {
    const Vec<T> a{T(c)}, b{T(s)};
    return {fma(a, x.real, -(b * x.imag)), fma(a, x.imag, b * x.real)};
  }
}

template <int sign, int n, class T, int... k>
TX_INLINE void combine_quarters(Wave<T>* x, std::integer_sequence<int, k...>) {
  (
      [&]() __attribute__((always_inline)) {
        constexpr int q = n / 4;
        const Wave<T> a = x[k], b = turned<sign, k, n>(x[k + q]), c = turned<sign, 2 * k, n>(x[k + 2 * q]),
                      d = turned<sign, 3 * k, n>(x[k + 3 * q]);
        const Wave<T> even = a + c, odd = a - c, sum = b + d,
                      turn = sign > 0 ? quarter_turn<T>(b - d) : quarter_turn<T>(d - b);
        x[k] = even + sum;
        x[k + q] = odd + turn;
        x[k + 2 * q] = even - sum;
        x[k + 3 * q] = odd - turn;
      }(),
      ...);
}

// to[k] = sum over j of from[j step] e^(sign 2 pi i j k / n); n: a power of two up to 64.
template <int sign, int n, class T>
void fourier(Wave<T>* to, const Wave<T>* from, int64_t step) {
  if constexpr (n == 1) to[0] = from[0];
  else if constexpr (n == 2) {
    const Wave<T> a = from[0], b = from[step];
    to[0] = a + b;
    to[1] = a - b;
  } else {
    for (int i = 0; i < 4; i++) fourier<sign, n / 4>(to + i * (n / 4), from + i * step, 4 * step);
    combine_quarters<sign, n>(to, std::make_integer_sequence<int, n / 4>{});
  }
}

// The spectra of real a and b from that of a + i b: 0 to n / 2 of both; twice what they are but for 0 and n / 2.
template <int n, class T>
TX_INLINE void take_apart(Wave<T>* a, Wave<T>* b, const Wave<T>* both) {
  const Vec<T> zero(0);
  a[0] = {both[0].real, zero};
  b[0] = {both[0].imag, zero};
  if constexpr (n > 1) {
    for (int k = 1; k < n / 2; k++) {
      const Wave<T> x = both[k], y = conjugate<T>(both[n - k]);
      a[k] = x + y;
      b[k] = quarter_turn<T>(y - x);
    }
    a[n / 2] = {both[n / 2].real, zero};
    b[n / 2] = {both[n / 2].imag, zero};
  }
}

// The transposed map of take_apart().
template <int n, class T>
TX_INLINE void put_together(Wave<T>* both, const Wave<T>* a, const Wave<T>* b) {
  both[0] = {a[0].real, b[0].real};
  if constexpr (n > 1) {
    for (int k = 1; k < n / 2; k++) {
      const Wave<T> turn = quarter_turn<T>(b[k]);
      both[k] = a[k] + turn;
      both[n - k] = conjugate<T>(a[k] - turn);
    }
    both[n / 2] = {a[n / 2].real, b[n / 2].real};
  }
}

template <class T, int H, int W>
class Fourier final : public TileMaps<T> {
  static constexpr int kReal = H > 1 ? 4 : 2;  // numbers of the spectrum that are real
  static_assert(W >= 4 && W <= 64 && H <= 64);
  const int64_t extent_h, extent_w;  // of the filter
  using TileMaps<T>::out_h, TileMaps<T>::out_w;  // results of a tile that no border wraps around to

 public:
  Fourier(int64_t extent_h, int64_t extent_w)
      : TileMaps<T>(H, W, 3 * ((H * W - kReal) / 2) + kReal, H - extent_h + 1, W - extent_w + 1),
        extent_h(extent_h),
        extent_w(extent_w) {}

  void input(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const override {
    analyse(tile, pitch, H, W, [&](Wave<T> x, bool real) __attribute__((always_inline)) {
      if (real) return void(*points++ = x.real);
      points[0] = x.real + x.imag;
      points[1] = x.real;
      points[2] = x.imag;
      points += 3;
    });
  }

  void filter(Vec<T>* points, const Vec<T>* tile) const override {
    analyse(tile, W, extent_h, extent_w, [&](Wave<T> x, bool real) __attribute__((always_inline)) {
      if (real) return void(*points++ = weight(1) * x.real);
      const Vec<T> c = weight(4) * x.real, d = weight(4) * -x.imag;
      points[0] = c;
      points[1] = d - c;
      points[2] = c + d;
      points += 3;
    });
  }

  void output(Vec<T>* tile, int64_t pitch, const Vec<T>* points) const override {
    synthesise(tile, pitch, out_h, out_w, [&](bool real) __attribute__((always_inline)) -> Wave<T> {
      if (real) return {*points++, Vec<T>(0)};
      const Vec<T>* k = points;
      points += 3;
      return {k[0] - k[2], k[0] + k[1]};
    });
  }

  void output_transposed(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const override {
    analyse(tile, pitch, out_h, out_w, [&](Wave<T> x, bool real) __attribute__((always_inline)) {
      if (real) return void(*points++ = x.real);
      points[0] = x.real + x.imag;
      points[1] = x.imag;
      points[2] = -x.real;
      points += 3;
    });
  }

  void filter_transposed(Vec<T>* tile, const Vec<T>* points) const override {
    synthesise(tile, W, extent_h, extent_w, [&](bool real) __attribute__((always_inline)) -> Wave<T> {
      if (real) return {weight(1) * *points++, Vec<T>(0)};
      const Vec<T>* k = points;
      points += 3;
      return {weight(4) * (k[0] - k[1] + k[2]), -(weight(4) * (k[1] + k[2]))};
    });
  }

 private:
  TX_INLINE static Vec<T> weight(int left_out) { return Vec<T>(T(1. / (left_out * H * W))); }
  static constexpr int kColumns = W / 2 + 1;

  // give(number, whether it is real) for the independent numbers of the spectrum of `rows` by `columns` of a tile.
  template <class Give>
  TX_INLINE void analyse(const Vec<T>* tile, int64_t pitch, int64_t rows, int64_t columns, const Give& give) const {
    const Vec<T> zero(0);
    Wave<T> spectrum[H + 1][kColumns], line[W > H ? W : H], both[W > H ? W : H];
    for (int64_t y = 0; y < H; y += 2) {
      if (y >= rows) {
        for (int64_t v = 0; v < kColumns; v++) spectrum[y][v] = spectrum[y + 1][v] = {zero, zero};
        continue;
      }
      const Vec<T>*first = tile + y * pitch, *second = first + pitch;
      for (int64_t i = 0; i < W; i++)
        line[i] = i >= columns ? Wave<T>{zero, zero} : Wave<T>{first[i], y + 1 < rows ? second[i] : zero};
      fourier<-1, W>(both, line, 1);
      take_apart<W>(spectrum[y], spectrum[y + 1], both);
    }
    for (int64_t y = 0; y < H; y++) line[y] = {spectrum[y][0].real, spectrum[y][W / 2].real};
    fourier<-1, H>(both, line, 1);
    Wave<T> a[H / 2 + 1], b[H / 2 + 1];
    take_apart<H>(a, b, both);
    for (int64_t u = 0; u <= H / 2; u++) {
      const bool real = u == 0 || u == H / 2;
      give(a[u], real);
      give(b[u], real);
    }
    for (int64_t v = 1; v < W / 2; v++) {
      fourier<-1, H>(both, &spectrum[0][v], kColumns);
      for (int64_t u = 0; u < H; u++) give(both[u], false);
    }
  }

  // The transposed map of analyse().
  template <class Take>
  TX_INLINE void synthesise(Vec<T>* tile, int64_t pitch, int64_t rows, int64_t columns, const Take& take) const {
    Wave<T> spectrum[H + 1][kColumns], line[W > H ? W : H], both[W > H ? W : H];
    Wave<T> a[H / 2 + 1], b[H / 2 + 1];
    for (int64_t u = 0; u <= H / 2; u++) {
      const bool real = u == 0 || u == H / 2;
      a[u] = take(real);
      b[u] = take(real);
    }
    put_together<H>(both, a, b);
    fourier<1, H>(line, both, 1);
    for (int64_t y = 0; y < H; y++) {
      spectrum[y][0].real = line[y].real;
      spectrum[y][W / 2].real = line[y].imag;
    }
    for (int64_t v = 1; v < W / 2; v++) {
      for (int64_t u = 0; u < H; u++) both[u] = take(false);
      fourier<1, H>(line, both, 1);
      for (int64_t y = 0; y < H; y++) spectrum[y][v] = line[y];
    }
    if constexpr (H == 1)
      for (int64_t v = 0; v < kColumns; v++) spectrum[1][v] = {Vec<T>(0), Vec<T>(0)};
    for (int64_t y = 0; y < rows; y += 2) {
      put_together<W>(both, spectrum[y], spectrum[y + 1]);
      fourier<1, W>(line, both, 1);
      for (int64_t i = 0; i < columns; i++) tile[y * pitch + i] = line[i].real;
      if (y + 1 < rows)
        for (int64_t i = 0; i < columns; i++) tile[(y + 1) * pitch + i] = line[i].imag;
    }
  }
};

}  // namespace tx::TX_ISA
