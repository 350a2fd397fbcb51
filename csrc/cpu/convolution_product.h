// A convolution as a matrix product: the weight, a row for each output channel, by the patches of the input, a column
// for each output position. Only the patches of a few positions exist at a time.
#pragma once
#include "convolution_direct.h"
#include "matmul_block.h"

namespace tx::TX_ISA {

template <class T>
class ProductConvolution {
  static constexpr int64_t kPositions = 256;  // of a unit: their patches stay in the second-level cache

  const Convolution<T>& x;
  const int64_t k, weight_row;  // depth of the product; elements between rows of the weight
  int64_t rows, columns, down, across;  // of output positions in a unit; units per image

  TX_INLINE int64_t width() const { return round_up(rows * columns, kStrip<T>); }

  // (out channels of all groups, k), dense.
  void take_weight(T* to) const {
    parallel_for(x.groups * x.out_channels, at_least(1, (1 << 14) / at_least(1, k)), [&](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; m++) {
        const T* from = x.weight + m / x.out_channels * x.weight_group + m % x.out_channels * x.weight_out;
        T* row = to + m * weight_row;
        for (int64_t c = 0; c < x.channels; c++)
          for (int64_t i = 0; i < x.h.taps; i++)
            for (int64_t j = 0; j < x.w.taps; j++) *row++ = from[c * x.weight_channel + x.tap(i, j)];
      }
    });
  }

  // Rows [begin, begin + depth) of the patches of m by n positions, in strips.
  void take_patches(T* to, T* line, const T* images, int64_t begin, int64_t depth, int64_t row, int64_t m,
                    int64_t column, int64_t n) const {
    const int64_t strips = divide_up(m * n, kStrip<T>);
    clear(line + m * n, strips * kStrip<T> - m * n);
    for (int64_t p = 0; p < depth; p++) {
      const int64_t tap = begin + p, i = tap / x.w.taps % x.h.taps, j = tap % x.w.taps;
      const T* image = images + tap / x.taps() * x.h.in * x.w.in;
      for (int64_t y = 0; y < m; y++) {
        const int64_t from = (row + y) * x.h.step + x.h.shift + i * x.h.shift_step;
        copy_row(line + y * n, from >= 0 && from < x.h.in ? image + from * x.w.in : nullptr, x.w.in,
                 column * x.w.step + x.w.shift + j * x.w.shift_step, x.w.step, n);
      }
      for (int64_t s = 0; s < strips; s++)
        for (int v = 0; v < kStrip<T>; v += Vec<T>::size)
          store<T>(to + (s * depth + p) * kStrip<T> + v, load<T>(line + s * kStrip<T> + v));
    }
  }

  void place(const T* sums, T* out, const T* bias, int64_t m, int64_t n) const {
    const int64_t plane = x.out_h * x.out_w;
    for (int64_t channel = 0; channel < x.out_channels; channel++, sums += width(), out += plane)
      for (int64_t y = 0; y < m; y++) {
        const T* from = sums + y * n;
        T* to = out + y * x.h.to_step * x.out_w;
        const T extra = bias ? bias[channel] : T(0);
        for (int64_t i = 0; i < n; i++) to[i * x.w.to_step] = bias ? from[i] + extra : from[i];
      }
  }

  void run_unit(int64_t unit, const T* weight, T* room) const {
    const int64_t column = unit % across * columns, row = unit / across % down * rows, at = unit / (across * down),
                  group = at % x.groups, m = at_most(rows, x.h.out - row), n = at_most(columns, x.w.out - column);
    const T* images = x.x + at * x.channels * x.h.in * x.w.in;
    T *strips = room, *sums = strips + max_depth<T>(k) * width(), *line = sums + x.out_channels * width();
    const Output product{(char*)sums, dtype_of<T>::value, width(), nullptr, 0, false};
    const int64_t used = round_up(m * n, Vec<T>::size);
    multiply_block<T>(
        product, x.out_channels, used, k,
        [&](int64_t i, int64_t, int64_t height, int64_t begin, int64_t) {
          return TilesOfA<T>{weight + (group * x.out_channels + i) * weight_row + begin, height * weight_row,
                             weight_row, 1};
        },
        [&](int64_t, int64_t, int64_t begin, int64_t depth) {
          take_patches(strips, line, images, begin, depth, row, m, column, n);
          return packed_strips(strips, depth, used);
        },
        nullptr);
    place(sums,
          x.out + at * x.out_channels * x.out_h * x.out_w + (x.h.to + row * x.h.to_step) * x.out_w + x.w.to +
              column * x.w.to_step,
          x.bias ? x.bias + group * x.out_channels : nullptr, m, n);
  }

 public:
  explicit ProductConvolution(const Convolution<T>& convolution)
      : x(convolution), k(x.channels * x.taps()), weight_row(packed_row<T>(k)) {
    static_assert(kPositions <= kMaxColumns);  // the patches are taken once
    columns = at_most(x.w.out, kPositions);
    rows = at_most(x.h.out, at_least(1, kPositions / columns));
    down = divide_up(x.h.out, rows);
    across = divide_up(x.w.out, columns);
    rows = divide_up(x.h.out, down);
  }

  void run() const {
    const int64_t units = x.batch * x.groups * down * across;
    Workspace shared(size_t(x.groups * x.out_channels * weight_row) * sizeof(T));
    take_weight(shared.as<T>());
    Scratch scratch(units, (max_depth<T>(k) + x.out_channels + 1) * width() * int64_t(sizeof(T)));
    parallel_for(units, 1, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        for (int64_t unit = begin; unit < end; unit++) run_unit(unit, shared.as<T>(), (T*)memory);
      });
    });
  }
};

}  // namespace tx::TX_ISA
