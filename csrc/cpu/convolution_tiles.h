// Convolutions of stride 1 by a bilinear algorithm on tiles:
//   tile of outputs = output [(filter w) * (input d)]
// where `filter`, `input` and `output` are linear maps to and from a list of points (convolution_winograd.h,
// convolution_fourier.h), and * multiplies them one by one. Summed over the input channels, the products at one point
// are those of a matrix of tiles x channels by one of channels x output channels, for all tiles together.
//
// The same maps transposed give the gradient of the weight: filter^T [sum over tiles of (output^T g) * (input d)].
//
// A register holds one element of as many channels as it has lanes, so the maps know nothing of registers.
#pragma once
#include "convolution_direct.h"
#include "convolution_fourier.h"
#include "convolution_weight.h"
#include "convolution_winograd.h"
#include "matmul_block.h"

namespace tx::TX_ISA {

// ---- Between images, channel by channel, and strips of them, a register of channels at each place --------------------

// Elements from, from + 1, ... of a row of `size`; 0 outside of it.
template <class T>
TX_INLINE Vec<T> load_window(const T* row, int64_t from, int64_t size) {
  constexpr int64_t lanes = Vec<T>::size;
  if (from >= 0 && from + lanes <= size) return load<T>(row + from);
  alignas(64) T window[lanes];
  for (int64_t i = 0; i < lanes; i++) window[i] = from + i >= 0 && from + i < size ? row[from + i] : T(0);
  return load<T>(window);
}

struct Rectangle {
  int64_t row, rows, column, columns;
};

// to (rows, columns): that part of the first `channels` planes of h by w; 0 outside of them.
template <class T>
void take_strip(Vec<T>* to, const T* planes, int64_t channels, int64_t h, int64_t w, const Rectangle& part) {
  constexpr int64_t lanes = Vec<T>::size;
  for (int64_t y = part.row; y < part.row + part.rows; y++, to += part.columns)
    for (int64_t i = 0; i < part.columns; i += lanes) {
      const int64_t n = at_most(lanes, part.columns - i);
      Vec<T> block[lanes];
      for (int64_t c = 0; c < lanes; c++)
        block[c] =
            c < channels && y >= 0 && y < h ? load_window(planes + (c * h + y) * w, part.column + i, w) : Vec<T>(0);
      transpose<T>(block);
      for (int64_t k = 0; k < n; k++) to[i + k] = block[k];
    }
}

// The other way round, where the part may end beyond the planes. bias: one per channel, or null.
template <class T>
void put_strip(T* planes, const Vec<T>* from, int64_t channels, int64_t h, int64_t w, const Rectangle& part,
               const T* bias) {
  constexpr int64_t lanes = Vec<T>::size;
  const int64_t rows = at_most(part.rows, h - part.row), columns = at_most(part.columns, w - part.column);
  for (int64_t y = 0; y < rows; y++, from += part.columns)
    for (int64_t i = 0; i < columns; i += lanes) {
      const int64_t n = at_most(lanes, columns - i);
      Vec<T> block[lanes];
      for (int64_t k = 0; k < lanes; k++) block[k] = k < n ? from[i + k] : Vec<T>(0);
      transpose<T>(block);
      T* to = planes + (part.row + y) * w + part.column + i;
      for (int64_t c = 0; c < channels; c++)
        store_first(to + c * h * w, bias ? block[c] + Vec<T>(bias[c]) : block[c], n);
    }
}

// ---- Tiles -----------------------------------------------------------------------------------------------------------

// A matrix for each point, elements apart.
template <class T>
struct Panels {
  T* data;
  int64_t panel, row;

  // An odd number of cache lines keeps the panels off one cache set.
  TX_INLINE static int64_t size(int64_t elements) { return packed_row<T>(elements); }
  TX_INLINE T* at(int64_t point, int64_t row_index, int64_t column) const {
    return data + point * panel + row_index * row + column;
  }
  TX_INLINE void put(const Vec<T>* from, int64_t points, int64_t row_index, int64_t column) const {
    for (int64_t p = 0; p < points; p++) store<T>(at(p, row_index, column), from[p]);
  }
  TX_INLINE void get(Vec<T>* to, int64_t points, int64_t row_index, int64_t column) const {
    for (int64_t p = 0; p < points; p++) to[p] = load<T>(at(p, row_index, column));
  }
};

// Rows of tiles, in all images, and how many of them are in work at a time.
template <class T>
class TileRows {
 protected:
  static constexpr int64_t kLanes = Vec<T>::size;
  static constexpr int64_t kAtOnce =
      (4 << 20) / sizeof(T);  // elements: what is in work stays in the third-level cache,
  static constexpr int64_t kLeastTiles = 48;  // but for no fewer the filters' points are brought there

  const TileMaps<T>& maps;
  const Axis h, w;
  const int64_t down, across, rows;  // tiles per image; rows of all images
  int64_t step;  // rows at once

  // channels: of both panels, in whole registers. most: tiles at once.
  TileRows(const TileMaps<T>& maps, const Axis& h, const Axis& w, int64_t batch, int64_t channels, int64_t most)
      : maps(maps),
        h(h),
        w(w),
        down(divide_up(h.out, maps.out_h)),
        across(divide_up(w.out, maps.out_w)),
        rows(batch * down) {
    step = at_least(kAtOnce / (maps.points * channels * across), divide_up(kLeastTiles, across));
    step = divide_up(rows, divide_up(rows, at_least(1, at_most(step, most / across))));
  }

  TX_INLINE int64_t input_columns() const { return across * maps.out_w + maps.tile_w - maps.out_w; }
  TX_INLINE int64_t grain(int64_t channels) const {
    return at_least(1, (1 << 15) / (maps.points * across * at_least(1, channels)));
  }
  TX_INLINE static int64_t grain_of_products(int64_t work) { return at_least(1, (1 << 19) / at_least(1, work)); }

  // The points of `count` rows of tiles from row `first` on, of one group's input: (tiles, channels).
  void take_input(const Panels<T>& to, const T* x, int64_t groups, int64_t group, int64_t channels, int64_t first,
                  int64_t count) const {
    take<false>(to, x, groups, group, channels, first, count, h.in, w.in,
                {h.lowest(), maps.tile_h, w.lowest(), input_columns()});
  }
  // Of the gradient of the output.
  void take_output(const Panels<T>& to, const T* g, int64_t groups, int64_t group, int64_t channels, int64_t first,
                   int64_t count) const {
    take<true>(to, g, groups, group, channels, first, count, h.out, w.out, {0, maps.out_h, 0, across * maps.out_w});
  }
  void put_output(T* out, const Panels<T>& from, const T* bias, int64_t groups, int64_t group, int64_t channels,
                  int64_t first, int64_t count) const {
    const int64_t columns = across * maps.out_w;
    for_strips(channels, count, maps.out_h * columns, [&](int64_t i, int64_t c, Vec<T>* points, Vec<T>* strip) {
      const int64_t row = first + i;
      for (int64_t t = 0; t < across; t++) {
        from.get(points, maps.points, i * across + t, c);
        maps.output(strip + t * maps.out_w, columns, points);
      }
      put_strip(out + ((row / down * groups + group) * channels + c) * h.out * w.out, strip,
                at_most(kLanes, channels - c), h.out, w.out, {row % down * maps.out_h, maps.out_h, 0, columns},
                bias ? bias + group * channels + c : nullptr);
    });
  }

  // f(channel, first output channel, points, tile) for every channel and register of output channels.
  template <class F>
  TX_INLINE void for_filters(int64_t channels, int64_t out_channels, const F& f) const {
    const int64_t units = channels * divide_up(out_channels, kLanes), each = at_least(1, (1 << 13) / maps.points);
    Scratch scratch(divide_up(units, each), (maps.points + maps.tile_h * maps.tile_w) * kVecBytes);
    parallel_for(units, each, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        auto* points = (Vec<T>*)memory;
        for (int64_t i = begin; i < end; i++) f(i % channels, i / channels * kLanes, points, points + maps.points);
      });
    });
  }

 private:
  // f(row, channel, points, strip) for every row and register of channels, with room for a strip of n registers.
  template <class F>
  TX_INLINE void for_strips(int64_t channels, int64_t count, int64_t n, const F& f) const {
    const int64_t registers = divide_up(channels, kLanes), units = count * registers, each = grain(kLanes);
    Scratch scratch(divide_up(units, each), (maps.points + n) * kVecBytes);
    parallel_for(units, each, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        auto* points = (Vec<T>*)memory;
        for (int64_t i = begin; i < end; i++) f(i / registers, i % registers * kLanes, points, points + maps.points);
      });
    });
  }

  // `part`: what the first row of tiles reads; the next one starts maps.out_h below it.
  template <bool of_output>
  TX_INLINE void take(const Panels<T>& to, const T* x, int64_t groups, int64_t group, int64_t channels, int64_t first,
                      int64_t count, int64_t in_h, int64_t in_w, const Rectangle& part) const {
    for_strips(channels, count, part.rows * part.columns, [&](int64_t i, int64_t c, Vec<T>* points, Vec<T>* strip) {
      const int64_t row = first + i;
      Rectangle here = part;
      here.row += row % down * maps.out_h;
      take_strip(strip, x + ((row / down * groups + group) * channels + c) * in_h * in_w, at_most(kLanes, channels - c),
                 in_h, in_w, here);
      for (int64_t t = 0; t < across; t++) {
        if constexpr (of_output) maps.output_transposed(points, strip + t * maps.out_w, part.columns);
        else maps.input(points, strip + t * maps.out_w, part.columns);
        to.put(points, maps.points, i * across + t, c);
      }
    });
  }
};

// ---- The forward pass, and the gradient of the input ------------------------------------------------------------------

template <class T>
class TiledConvolution : TileRows<T> {
  using Base = TileRows<T>;
  using Base::across, Base::kLanes, Base::maps, Base::rows, Base::step;

  const Convolution<T>& x;
  const int64_t channels, out_channels;  // in whole registers

  // Strips of (channels, out channels).
  void take_filters(const Panels<T>& to, int64_t group) const {
    const int64_t strip = kStrip<T> * x.channels;
    Base::for_filters(x.channels, x.out_channels, [&](int64_t c, int64_t m, Vec<T>* points, Vec<T>* tile) {
      const int64_t n = at_most(kLanes, x.out_channels - m);
      const T* from = x.weight + group * x.weight_group + m * x.weight_out + c * x.weight_channel;
      for (int64_t i = 0; i < maps.tile_h * maps.tile_w; i++) tile[i] = Vec<T>(0);
      for (int64_t i = 0; i < x.h.taps; i++)
        for (int64_t j = 0; j < x.w.taps; j++) {
          const T* tap = from + x.tap(i, j);
          alignas(64) T lane[kLanes] = {};
          for (int64_t k = 0; k < n; k++) lane[k] = tap[k * x.weight_out];
          tile[x.h.reach(i) * maps.tile_w + x.w.reach(j)] = load<T>(lane);
        }
      maps.filter(points, tile);
      to.put(points, maps.points, 0, m / kStrip<T> * strip + c * kStrip<T> + m % kStrip<T>);
    });
  }

  void multiply(const Panels<T>& out, const Panels<T>& input, const Panels<T>& filter, int64_t tiles) const {
    const int64_t strip = kStrip<T> * x.channels;
    const int64_t each = Base::grain_of_products(tiles * x.channels * out_channels);
    parallel_for(maps.points, each, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++)
        multiply_block<T>(
            {(char*)out.at(p, 0, 0), dtype_of<T>::value, out.row, nullptr, 0, false}, tiles, out_channels, x.channels,
            [&](int64_t row, int64_t, int64_t height, int64_t k, int64_t) {
              return TilesOfA<T>{input.at(p, row, k), height * input.row, input.row, 1};
            },
            [&](int64_t column, int64_t columns, int64_t k, int64_t) {
              const T* data = filter.at(p, 0, column / kStrip<T> * strip + k * kStrip<T>);
              return StripsOfB<T>{data, strip, kStrip<T>, data + (divide_up(columns, kStrip<T>) - 1) * strip,
                                  kStrip<T>};
            },
            nullptr);
    });
  }

 public:
  TiledConvolution(const Convolution<T>& convolution, const TileMaps<T>& maps)
      : Base(maps, convolution.h, convolution.w, convolution.batch,
             round_up(convolution.channels, kLanes) + round_up(convolution.out_channels, kLanes), INT64_MAX),
        x(convolution),
        channels(round_up(x.channels, kLanes)),
        out_channels(round_up(x.out_channels, kLanes)) {}

  void run() const {
    const int64_t tiles = step * across;
    const int64_t input_panel = Panels<T>::size(tiles * channels), out_panel = Panels<T>::size(tiles * out_channels),
                  filter_panel = Panels<T>::size(round_up(out_channels, kStrip<T>) * x.channels);
    Workspace room(size_t(maps.points * (input_panel + out_panel + filter_panel)) * sizeof(T));
    const Panels<T> input{room.as<T>(), input_panel, channels},
        out{input.data + maps.points * input_panel, out_panel, out_channels},
        filter{out.data + maps.points * out_panel, filter_panel, 0};
    for (int64_t group = 0; group < x.groups; group++) {
      take_filters(filter, group);
      for (int64_t first = 0; first < rows; first += step) {
        const int64_t count = at_most(step, rows - first);
        Base::take_input(input, x.x, x.groups, group, x.channels, first, count);
        multiply(out, input, filter, count * across);
        Base::put_output(x.out, out, x.bias, x.groups, group, x.out_channels, first, count);
      }
    }
  }
};

// ---- The gradient of the weight ---------------------------------------------------------------------------------------

template <class T>
class TiledWeightGradient : TileRows<T> {
  using Base = TileRows<T>;
  using Base::across, Base::kLanes, Base::maps, Base::rows, Base::step;

  const WeightGradient<T>& x;
  const int64_t channels, out_channels;  // in whole registers

  // sums (channels, out channels) += input^T grad. The order of the sums follows from the shapes alone.
  void multiply(const Panels<T>& sums, const Panels<T>& input, const Panels<T>& grad, int64_t tiles, bool add) const {
    const int64_t each = Base::grain_of_products(tiles * x.channels * out_channels);
    const auto output = [&](int64_t p) -> Output {
      return {(char*)sums.at(p, 0, 0), dtype_of<T>::value, sums.row, nullptr, 0, add};
    };
    Scratch scratch(divide_up(maps.points, each),
                    sums_size<T>(output(0), x.channels, out_channels, tiles) * int64_t(sizeof(T)));
    parallel_for(maps.points, each, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        for (int64_t p = begin; p < end; p++)
          multiply_block<T>(
              output(p), x.channels, out_channels, tiles,
              [&](int64_t row, int64_t, int64_t height, int64_t k, int64_t) {
                return TilesOfA<T>{input.at(p, k, row), height, 1, input.row};
              },
              [&](int64_t column, int64_t columns, int64_t k, int64_t) {
                const T* data = grad.at(p, k, column);
                return StripsOfB<T>{data, kStrip<T>, grad.row, data + (divide_up(columns, kStrip<T>) - 1) * kStrip<T>,
                                    grad.row};
              },
              (T*)memory);
      });
    });
  }

  void put_filters(const Panels<T>& from, int64_t group) const {
    Base::for_filters(x.channels, x.out_channels, [&](int64_t c, int64_t m, Vec<T>* points, Vec<T>* tile) {
      const int64_t n = at_most(kLanes, x.out_channels - m);
      from.get(points, maps.points, c, m);
      maps.filter_transposed(tile, points);
      T* to = x.out + ((group * x.out_channels + m) * x.channels + c) * x.taps();
      for (int64_t i = 0; i < x.h.taps; i++)
        for (int64_t j = 0; j < x.w.taps; j++, to++) {
          alignas(64) T lane[kLanes];
          store<T>(lane, tile[x.h.reach(i) * maps.tile_w + x.w.reach(j)]);
          for (int64_t k = 0; k < n; k++) to[k * x.depth()] = lane[k];
        }
    });
  }

 public:
  TiledWeightGradient(const WeightGradient<T>& gradient, const TileMaps<T>& maps)
      : Base(maps, gradient.h, gradient.w, gradient.batch,
             round_up(gradient.channels, kLanes) + round_up(gradient.out_channels, kLanes), kMaxDepth<T>),
        x(gradient),
        channels(round_up(x.channels, kLanes)),
        out_channels(round_up(x.out_channels, kLanes)) {}

  void run() const {
    const int64_t tiles = step * across;
    const int64_t input_panel = Panels<T>::size(tiles * channels), grad_panel = Panels<T>::size(tiles * out_channels),
                  sums_panel = Panels<T>::size(x.channels * out_channels);
    Workspace room(size_t(maps.points * (input_panel + grad_panel + sums_panel)) * sizeof(T));
    const Panels<T> input{room.as<T>(), input_panel, channels},
        grad{input.data + maps.points * input_panel, grad_panel, out_channels},
        sums{grad.data + maps.points * grad_panel, sums_panel, out_channels};
    for (int64_t group = 0; group < x.groups; group++) {
      for (int64_t first = 0; first < rows; first += step) {
        const int64_t count = at_most(step, rows - first);
        Base::take_input(input, x.x, x.groups, group, x.channels, first, count);
        Base::take_output(grad, x.grad, x.groups, group, x.out_channels, first, count);
        multiply(sums, input, grad, count * across, first > 0);
      }
      put_filters(sums, group);
    }
  }
};

// f(maps) for those of the algorithm.
template <class T, class F>
TX_INLINE void with_maps(ConvolutionAlgorithm algorithm, const Axis& h, const Axis& w, const F& f) {
  if (algorithm == ConvolutionAlgorithm::Winograd2x2) return f(Winograd<T, 2>{});
  if (algorithm == ConvolutionAlgorithm::Winograd4x4) return f(Winograd<T, 4>{});
  const int64_t extent_h = h.border() + 1, extent_w = w.border() + 1;
  // Of the tiles that the filter fits into, those with the fewest points in all.
  const auto cost = [&](int64_t tile_h, int64_t tile_w) {
    return tile_h < extent_h || tile_w < extent_w
               ? INT64_MAX
               : divide_up(h.out, tile_h - extent_h + 1) * divide_up(w.out, tile_w - extent_w + 1) * tile_h * tile_w;
  };
  const int64_t line = at_most(cost(1, 32), cost(1, 64)), square = at_most(cost(16, 16), cost(32, 32)),
                least = at_most(at_most(line, square), cost(64, 64));
  if (cost(1, 32) == least) return f(Fourier<T, 1, 32>{extent_h, extent_w});
  if (cost(1, 64) == least) return f(Fourier<T, 1, 64>{extent_h, extent_w});
  if (cost(16, 16) == least) return f(Fourier<T, 16, 16>{extent_h, extent_w});
  if (cost(32, 32) == least) return f(Fourier<T, 32, 32>{extent_h, extent_w});
  f(Fourier<T, 64, 64>{extent_h, extent_w});
}

}  // namespace tx::TX_ISA
