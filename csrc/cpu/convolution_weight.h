// The gradient of a convolution's weight: for every output channel, input channel and tap a sum over all images and
// output positions. The positions are cut into blocks, the blocks into a few ranges, all by the shapes alone; each range
// is summed on its own, and the ranges' sums are added in order.
#pragma once
#include "convolution_planes.h"
#include "scratch.h"

namespace tx::TX_ISA {

// out[m, c] = sum over positions of grad[m] * x[c], for every group, where h and w say what tap and position read.
template <class T>
struct WeightGradient {
  Axis h, w;
  int64_t batch, groups, channels, out_channels;  // channels of one group
  const T *x, *grad;
  T* out;  // dense (groups, out_channels, channels, taps)

  TX_INLINE int64_t taps() const { return h.taps * w.taps; }
  TX_INLINE int64_t depth() const { return channels * taps(); }
  TX_INLINE int64_t positions() const { return h.out * w.out; }
};

// Blocks of output positions and ranges of them; blocks of channels.
class WeightWork {
  static constexpr int64_t kUnits = 16;  // enough to occupy the threads of a usual machine
 public:
  int64_t rows, columns, down, across;  // of positions
  int64_t blocks, ranges;  // of all images
  int64_t channel_blocks;

  template <class T>
  WeightWork(const WeightGradient<T>& x, const Part& part, int64_t channel_blocks)
      : rows(part.rows),
        columns(part.columns),
        down(divide_up(x.h.out, rows)),
        across(divide_up(x.w.out, columns)),
        blocks(x.batch * down * across),
        ranges(at_most(blocks, divide_up(kUnits, x.groups * channel_blocks))),
        channel_blocks(channel_blocks) {}

  struct Block {
    int64_t image, row, rows, column, columns;
  };
  template <class T> TX_INLINE Block block(const WeightGradient<T>& x, int64_t index) const {
    const int64_t row = index / across % down * rows, column = index % across * columns;
    return {index / (across * down), row, at_most(rows, x.h.out - row), column, at_most(columns, x.w.out - column)};
  }
  TX_INLINE int64_t first_block(int64_t range) const { return blocks * range / ranges; }
  template <class T> TX_INLINE int64_t first_channel(const WeightGradient<T>& x, int64_t block) const {
    return x.channels * block / channel_blocks;
  }
  template <class T> TX_INLINE int64_t most_channels(const WeightGradient<T>& x) const {
    return divide_up(x.channels, channel_blocks);
  }

  // run(group, channel block, range, memory) for all, with `bytes` of scratch memory.
  template <class T, class F>
  TX_INLINE void for_units(const WeightGradient<T>& x, int64_t bytes, const F& run) const {
    constexpr double kChunkWork = 1 << 19;
    const int64_t units = x.groups * channel_blocks * ranges;
    const double work = double(x.batch * x.positions()) * double(x.out_channels * x.depth()) * double(x.groups) / units;
    const int64_t grain = work < kChunkWork ? int64_t(kChunkWork / (work + 1)) + 1 : 1;
    Scratch scratch(divide_up(units, grain), bytes);
    parallel_for(units, grain, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        for (int64_t i = begin; i < end; i++)
          run(i / (ranges * channel_blocks), i / ranges % channel_blocks, i % ranges, memory);
      });
    });
  }
};

// ---- As a matrix product: (depth, positions) @ (positions, out_channels) -----------------------------------------

template <class T>
class WeightByProduct {
  static constexpr int64_t kLanes = Vec<T>::size, kPositions = 1024 / sizeof(T), kRows = 18 * kTileRows<T>;

  const WeightGradient<T>& x;
  const WeightWork work;
  const int64_t width;  // of the sums' rows

  static Part part(const WeightGradient<T>& x) {
    const int64_t rows = at_least(1, kPositions / x.w.out);
    return {divide_up(x.h.out, divide_up(x.h.out, at_most(rows, x.h.out))),
            divide_up(x.w.out, divide_up(x.w.out, 2 * kPositions))};
  }

  TX_INLINE T* sums_of(T* sums, int64_t range, int64_t group) const {
    return sums + (range * x.groups + group) * x.depth() * width;
  }

  // (depth, positions) of some channels, rows `row` apart.
  void take_patches(T* to, int64_t row, const T* images, int64_t channels, const WeightWork::Block& b) const {
    for (int64_t c = 0; c < channels; c++, images += x.h.in * x.w.in)
      for (int64_t i = 0; i < x.h.taps; i++)
        for (int64_t j = 0; j < x.w.taps; j++, to += row)
          for (int64_t y = 0; y < b.rows; y++) {
            const int64_t from = (b.row + y) * x.h.step + x.h.shift + i * x.h.shift_step;
            copy_row(to + y * b.columns, from >= 0 && from < x.h.in ? images + from * x.w.in : nullptr, x.w.in,
                     b.column * x.w.step + x.w.shift + j * x.w.shift_step, x.w.step, b.columns);
          }
  }

  void multiply(T* sums, const T* patches, int64_t row, int64_t rows, const StripsOfB<T>& grad, int64_t k,
                bool add) const {
    const int64_t height = divide_up(rows, divide_up(rows, kTileRows<T>));
    for (int64_t s = 0; s * kStrip<T> < width; s++) {
      const int64_t vectors = at_most(kStrip<T>, width - s * kStrip<T>) / kLanes;
      for (int64_t i = 0; i < rows; i += height) {
        const TileProduct<T> tile{.k = k,
                                  .a = patches + i * row,
                                  .a_row = row,
                                  .a_col = 1,
                                  .b = grad.data + s * grad.step,
                                  .b_row = grad.row,
                                  .c = sums + i * width + s * kStrip<T>,
                                  .c_row = width,
                                  .add = add,
                                  .bias = nullptr};
        tile_kernel<T>(at_most(height, rows - i), vectors)(tile);
      }
    }
  }

  // out[m][p] = the sum of the ranges' sums[p][m].
  void add_ranges(T* sums) const {
    const int64_t strips = width / kLanes;
    parallel_for(x.groups * strips, at_least(1, (1 << 14) / (kLanes * x.depth() * work.ranges)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t at = begin; at < end; at++) {
                     const int64_t group = at / strips, m = at % strips * kLanes;
                     T* out = x.out + (group * x.out_channels + m) * x.depth();
                     for (int64_t p = 0; p < x.depth(); p += kLanes) {
                       Vec<T> block[kLanes];
                       for (int64_t i = 0; i < kLanes; i++) {
                         block[i] = Vec<T>(0);
                         for (int64_t range = 0; range < work.ranges && p + i < x.depth(); range++) {
                           const Vec<T> sum = load<T>(sums_of(sums, range, group) + (p + i) * width + m);
                           block[i] = range == 0 ? sum : block[i] + sum;
                         }
                       }
                       transpose<T>(block);
                       for (int64_t i = 0; i < at_most(kLanes, x.out_channels - m); i++)
                         store_first(out + i * x.depth() + p, block[i], x.depth() - p);
                     }
                   }
                 });
  }

 public:
  explicit WeightByProduct(const WeightGradient<T>& gradient)
      : x(gradient),
        work(x, part(x), divide_up(x.channels, at_least(1, kRows / x.taps()))),
        width(round_up(x.out_channels, kLanes)) {}

  void run() const {
    const int64_t row = packed_row<T>(work.rows * work.columns), positions = work.rows * work.columns;
    const int64_t patches = round_up(work.most_channels(x) * x.taps() * row, 64),
                  grads = round_up(packed_b_size<T>(positions, x.out_channels), 64);
    Workspace room(size_t(work.ranges * x.groups * x.depth() * width) * sizeof(T));
    T* sums = room.as<T>();
    work.for_units(x, (patches + grads) * int64_t(sizeof(T)),
                   [&](int64_t group, int64_t channel_block, int64_t range, char* memory) {
                     T *taken = (T*)memory, *packed = taken + patches;
                     const int64_t first = work.first_channel(x, channel_block),
                                   channels = work.first_channel(x, channel_block + 1) - first;
                     T* sum = sums_of(sums, range, group) + first * x.taps() * width;
                     const int64_t begin = work.first_block(range), end = work.first_block(range + 1);
                     for (int64_t i = begin; i < end; i++) {
                       const auto b = work.block(x, i);
                       const int64_t image = b.image * x.groups + group, k = b.rows * b.columns;
                       take_patches(taken, row, x.x + (image * x.channels + first) * x.h.in * x.w.in, channels, b);
                       const Matrix grad{
                           (const char*)(x.grad + image * x.out_channels * x.positions() + b.row * x.w.out + b.column),
                           dtype_of<T>::value, 1, x.positions()};
                       multiply(sum, taken, row, channels * x.taps(), pack_b(packed, k, x.out_channels, grad), k,
                                i > begin);
                     }
                   });
    add_ranges(sums);
  }
};

// ---- As dot products, for few output channels --------------------------------------------------------------------

template <class T>
class WeightByDots {
  static constexpr int64_t kLanes = Vec<T>::size, kMaxTaps = kVecBytes == 64 ? 12 : 6;

  const WeightGradient<T>& x;
  const WeightWork work;
  const PlaneLayout layout;

  static int64_t channels_at_once(const WeightGradient<T>& x) {
    return at_most(x.channels, at_least(1, 512 / x.taps()));
  }

  // sums[i] += grad (rows, columns) . planes from offsets[i] on.
  template <int taps>
  static void add_dots(T* sums, const T* planes, int64_t pitch, const int64_t* offsets, const T* grad, int64_t grad_row,
                       int64_t rows, int64_t columns) {
    Vec<T> sum[taps];
    TX_UNROLL
    for (int i = 0; i < taps; i++) sum[i] = Vec<T>(0);
    for (int64_t y = 0; y < rows; y++, planes += pitch, grad += grad_row) {
      int64_t k = 0;
      for (; k + 2 * kLanes <= columns; k += 2 * kLanes) {
        const Vec<T> a = load<T>(grad + k), b = load<T>(grad + k + kLanes);
        TX_UNROLL
        for (int i = 0; i < taps; i++) {
          const T* from = planes + offsets[i] + k;
          sum[i] = fma(b, load<T>(from + kLanes), fma(a, load<T>(from), sum[i]));
        }
      }
      for (; k < columns; k += kLanes) {
        const Vec<T> a = load_first(grad + k, columns - k);
        TX_UNROLL
        for (int i = 0; i < taps; i++) sum[i] = fma(a, load_first(planes + offsets[i] + k, columns - k), sum[i]);
      }
    }
    for (int i = 0; i < taps; i++) {
      alignas(64) T lane[kLanes];
      store<T>(lane, sum[i]);
      for (int half = kLanes / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++) lane[l] += lane[l + half];
      sums[i] += lane[0];
    }
  }

  using AddDots = decltype(&add_dots<1>);
  template <int... i> static AddDots dots_of(int64_t taps, std::integer_sequence<int, i...>) {
    constexpr AddDots table[] = {add_dots<i + 1>...};
    return table[taps - 1];
  }

 public:
  // What a position costs: here two loads for every product, there a tile at least one register wide.
  static bool suits(const WeightGradient<T>& x) { return x.out_channels <= kLanes / 2; }

  explicit WeightByDots(const WeightGradient<T>& gradient)
      : x(gradient),
        work(x, part_in_cache<T>(x.h, x.w, channels_at_once(x)), divide_up(x.channels, channels_at_once(x))),
        layout(PlaneLayout::of<T>(x.h, x.w, work.rows, work.columns)) {}

  void run() const {
    const int64_t most = work.most_channels(x) * x.taps(), size = x.groups * x.out_channels * x.depth();
    Workspace room(size_t(most) * sizeof(int64_t) + size_t(work.ranges * size) * sizeof(T));
    int64_t* offsets = room.as<int64_t>();
    T* sums = (T*)(offsets + most);
    for (int64_t p = 0; p < most; p++)
      offsets[p] = layout.offset(x.h, x.w, p / x.taps(), p / x.w.taps % x.h.taps, p % x.w.taps);
    work.for_units(x, layout.size<T>(work.most_channels(x)) * int64_t(sizeof(T)),
                   [&](int64_t group, int64_t channel_block, int64_t range, char* memory) {
                     T* planes = (T*)memory;
                     const int64_t first = work.first_channel(x, channel_block),
                                   channels = work.first_channel(x, channel_block + 1) - first,
                                   depth = channels * x.taps(), each = divide_up(depth, divide_up(depth, kMaxTaps));
                     T* sum = sums + range * size + group * x.out_channels * x.depth() + first * x.taps();
                     for (int64_t m = 0; m < x.out_channels; m++)
                       memset(sum + m * x.depth(), 0, size_t(depth) * sizeof(T));
                     for (int64_t i = work.first_block(range); i < work.first_block(range + 1); i++) {
                       const auto b = work.block(x, i);
                       const int64_t image = b.image * x.groups + group;
                       copy_planes(planes, layout, x.h, x.w, x.x + (image * x.channels + first) * x.h.in * x.w.in,
                                   channels, b.row, b.rows, b.column, b.columns);
                       const T* grad = x.grad + image * x.out_channels * x.positions() + b.row * x.w.out + b.column;
                       for (int64_t m = 0; m < x.out_channels; m++)
                         for (int64_t p = 0; p < depth; p += each) {
                           const int64_t taps = at_most(each, depth - p);
                           dots_of(taps, std::make_integer_sequence<int, kMaxTaps>{})(
                               sum + m * x.depth() + p, planes, layout.pitch, offsets + p, grad + m * x.positions(),
                               x.w.out, b.rows, b.columns);
                         }
                     }
                   });
    for (int64_t i = 0; i < size; i++) {
      T sum = sums[i];
      for (int64_t range = 1; range < work.ranges; range++) sum += sums[range * size + i];
      x.out[i] = sum;
    }
  }
};

}  // namespace tx::TX_ISA
