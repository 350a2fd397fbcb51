// A convolution by register tiles over planes: the forward pass, and one phase of the gradient of the input.
#pragma once
#include "convolution_tile.h"
#include "scratch.h"

namespace tx::TX_ISA {

// out[m] = bias[m] + sum over channels c of weight[m, c] * x[c], for every image and group.
template <class T>
struct Convolution {
  Axis h, w;
  int64_t batch, groups, channels, out_channels;       // channels of one group
  const T *x, *weight, *bias;                          // bias: or null
  int64_t weight_group, weight_out, weight_channel, weight_row;  // elements from one to the next
  T* out;
  int64_t out_h, out_w;                                // of the whole output tensor

  TX_INLINE int64_t taps() const { return h.taps * w.taps; }
  // Elements from the first weight of a channel to that of tap (i, j).
  TX_INLINE int64_t tap(int64_t i, int64_t j) const {
    return (h.kernel + i * h.kernel_step) * weight_row + w.kernel + j * w.kernel_step;
  }
};

// A run of outputs in a tile that was kept beside the output tensor.
struct Run {
  int64_t from, to, count;
};

template <class T>
class DirectConvolution {
  static constexpr int64_t kLanes = Vec<T>::size;
  static constexpr int64_t kDepth = 2048 / sizeof(T);  // taps of a tile's weights that stay in the first
  static constexpr int64_t kRows = 18 * kTileRows<T>;  // output channels per pass over the planes
  static constexpr int64_t kChunkWork = 1 << 19;  // multiply-adds that are worth a thread

  const Convolution<T>& x;
  int64_t depth_blocks;  // the channels are summed in blocks: these follow from the shapes alone
  int64_t rows, columns, out_channels;  // of a unit of work; no sum depends on them
  int64_t down, across, parts;  // units per image
  PlaneLayout layout;
  bool flat;  // rows of outputs are read as one, with what lies between them
  bool beside;  // tiles are not written to the output tensor right away
  int64_t vectors;  // of a tile

  TX_INLINE int64_t first_channel(int64_t block) const { return x.channels * block / depth_blocks; }
  TX_INLINE int64_t most_channels() const { return divide_up(x.channels, depth_blocks); }
  TX_INLINE int64_t units() const { return x.batch * x.groups * parts * down * across; }

  // The largest part of an image whose planes stay in the cache, and smaller ones to occupy all threads.
  void cut() {
    const Part part = part_in_cache<T>(x.h, x.w, most_channels());
    rows = part.rows;
    columns = part.columns;
    out_channels = even_part(x.out_channels, kRows);
    const double threads = num_threads(), each = double(x.channels * x.taps() + kLanes);
    const double worth = each * double(x.batch * x.groups * x.out_channels) * double(x.h.out * x.w.out) / kChunkWork;
    const double wanted = threads == 1 ? 1 : worth < 4 * threads ? worth : 4 * threads;
    for (;;) {
      down = divide_up(x.h.out, rows);
      across = divide_up(x.w.out, columns);
      parts = divide_up(x.out_channels, out_channels);
      if (double(units()) >= wanted) break;
      if (rows > 2 * x.h.border() + 1) rows = divide_up(rows, 2);
      else if (out_channels > kTileRows<T>) out_channels = even_part(x.out_channels, divide_up(out_channels, 2));
      else break;
    }
  }
  // Of n output channels: whole tiles, in parts of nearly equal size.
  static int64_t even_part(int64_t n, int64_t most) {
    const int64_t tiles = divide_up(n, kTileRows<T>), pieces = divide_up(n, most);
    return at_most(n, divide_up(tiles, pieces) * divide_up(n, tiles));
  }

  TX_INLINE int64_t flat_vectors(int64_t m, int64_t n) const { return divide_up((m - 1) * layout.pitch + n, kLanes); }
  TX_INLINE int64_t count_vectors(int64_t m, int64_t n) const {
    return flat ? flat_vectors(m, n) : m * divide_up(n, kLanes);
  }
  TX_INLINE int64_t height(int64_t n) const { return divide_up(n, divide_up(n, tile_rows())); }
  TX_INLINE int64_t tile_rows() const {
    return vectors == 2 ? kConvolutionRows<T, 2> : vectors == 4 ? kConvolutionRows<T, 4> : kConvolutionRows<T, 8>;
  }

  void choose_tile() {
    flat = false;
    const int64_t apart = count_vectors(rows, columns);
    flat = 8 * apart > 9 * flat_vectors(rows, columns);
    beside = flat || x.w.to_step != 1;
    vectors = out_channels <= kConvolutionRows<T, 8> ? 8 : out_channels <= kConvolutionRows<T, 4> ? 4 : 2;
    while (vectors > 2 && vectors / 2 >= count_vectors(rows, columns)) vectors /= 2;
  }

  // ---- Weights: for each group, part, block of channels and tile, (depth, rows of the tile)

  TX_INLINE int64_t packed_place(int64_t group, int64_t row) const {
    return (group * x.out_channels + row) * x.channels * x.taps();
  }

  void pack_weight(T* to, const T* from, int64_t channels, int64_t n) const {
    for (int64_t c = 0; c < channels; c++)
      for (int64_t i = 0; i < x.h.taps; i++)
        for (int64_t j = 0; j < x.w.taps; j++, to += n) {
          const T* tap = from + c * x.weight_channel + x.tap(i, j);
          for (int64_t r = 0; r < n; r++) to[r] = tap[r * x.weight_out];
        }
  }

  void pack_weights(T* to) const {
    parallel_for(x.groups * parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t at = begin; at < end; at++) {
        const int64_t group = at / parts, part = at % parts * out_channels,
                      most = at_most(out_channels, x.out_channels - part), tile = height(most);
        T* packed = to + packed_place(group, part);
        for (int64_t block = 0; block < depth_blocks; block++) {
          const int64_t first = first_channel(block), channels = first_channel(block + 1) - first;
          for (int64_t i = 0; i < most; i += tile) {
            const int64_t n = at_most(tile, most - i);
            pack_weight(packed,
                        x.weight + group * x.weight_group + (part + i) * x.weight_out + first * x.weight_channel,
                        channels, n);
            packed += channels * x.taps() * n;
          }
        }
      }
    });
  }

  // ---- Where the outputs of a unit are

  struct Places {
    int64_t rows = 0, columns = 0, count = 0;
    Positions* positions;
    int64_t* first_run;  // of each tile
    Run* runs;
  };

  TX_INLINE int64_t place(int64_t row, int64_t column) const {
    return row * x.h.to_step * x.out_w + column * x.w.to_step;
  }
  TX_INLINE int64_t most_tiles() const { return divide_up(count_vectors(rows, columns), vectors); }
  TX_INLINE int64_t most_runs() const { return rows + most_tiles() * vectors; }

  void find_places(Places& places, int64_t m, int64_t n) const {
    if (places.rows == m && places.columns == n) return;
    places.rows = m;
    places.columns = n;
    places.count = round_up(count_vectors(m, n), vectors);
    const int64_t across = divide_up(n, kLanes);
    for (int64_t v = 0; v < places.count; v++) {
      Positions& p = places.positions[v];
      p = {0, 0, 0};  // the rest of the last tile repeats vector 0
      const int64_t row = v / across, column = v % across * kLanes;
      if (flat) p.from = v < count_vectors(m, n) ? v * kLanes : 0;
      else if (row < m) p = {row * layout.pitch + column, place(row, column), at_most(kLanes, n - column)};
      if (beside) p = {p.from, v % vectors * kLanes, kLanes};
    }
    if (!beside) return;
    Run* run = places.runs;
    const int64_t width = vectors * kLanes, pitch = flat ? layout.pitch : across * kLanes;
    for (int64_t tile = 0; tile * vectors < places.count; tile++) {
      places.first_run[tile] = run - places.runs;
      const int64_t begin = tile * width, end = begin + width;
      for (int64_t row = begin / pitch; row < m && row * pitch < end; row++) {
        const int64_t from = at_least(begin, row * pitch), stop = at_most(end, row * pitch + n);
        if (from < stop) *run++ = {from - begin, place(row, from - row * pitch), stop - from};
      }
    }
    places.first_run[places.count / vectors] = run - places.runs;
  }

  void place_tile(const T* tile, const Run* runs, int64_t count, int64_t n, T* out, bool add, const T* bias) const {
    const int64_t step = x.w.to_step, width = vectors * kLanes, channel = x.out_h * x.out_w;
    for (int64_t i = 0; i < n; i++, tile += width, out += channel) {
      const T extra = bias ? bias[i] : T(0);
      for (int64_t r = 0; r < count; r++) {
        const T* from = tile + runs[r].from;
        T* to = out + runs[r].to;
        for (int64_t k = 0; k < runs[r].count; k++, to += step) {
          T value = add ? *to + from[k] : from[k];
          *to = bias ? value + extra : value;
        }
      }
    }
  }

  // ---- One unit

  struct Room {
    T *planes, *tile;
    Places places;
  };

  void run_unit(int64_t unit, const T* packed, const int64_t* offsets, Room& room) const {
    const int64_t column = unit % across * columns, row = unit / across % down * rows,
                  part = unit / (across * down) % parts * out_channels,
                  group = unit / (across * down * parts) % x.groups, image = unit / (across * down * parts * x.groups);
    const int64_t m = at_most(rows, x.h.out - row), n = at_most(columns, x.w.out - column),
                  most = at_most(out_channels, x.out_channels - part), tile_height = height(most),
                  plane = x.h.in * x.w.in, out_plane = x.out_h * x.out_w;
    const T* images = x.x + (image * x.groups + group) * x.channels * plane;
    T* out = x.out + ((image * x.groups + group) * x.out_channels + part) * out_plane +
             (x.h.to + row * x.h.to_step) * x.out_w + x.w.to + column * x.w.to_step;
    const T* bias = x.bias ? x.bias + group * x.out_channels + part : nullptr;
    const T* weight = packed + packed_place(group, part);
    find_places(room.places, m, n);
    for (int64_t block = 0; block < depth_blocks; block++) {
      const int64_t first = first_channel(block), channels = first_channel(block + 1) - first,
                    depth = channels * x.taps();
      copy_planes(room.planes, layout, x.h, x.w, images + first * plane, channels, row, m, column, n);
      const bool add = block > 0;
      const T* last_bias = block + 1 == depth_blocks ? bias : nullptr;
      for (int64_t v = 0; v < room.places.count; v += vectors)
        for (int64_t i = 0; i < most; i += tile_height) {
          const int64_t height = at_most(tile_height, most - i);
          const ConvolutionTile<T> tile{depth,
                                        weight + i * depth,
                                        room.planes,
                                        offsets,
                                        room.places.positions + v,
                                        beside ? room.tile : out + i * out_plane,
                                        beside ? vectors * kLanes : out_plane,
                                        add && !beside,
                                        last_bias && !beside ? last_bias + i : nullptr};
          convolution_kernel<T>(height, vectors)(tile);
          if (!beside) continue;
          const int64_t* runs = room.places.first_run + v / vectors;
          place_tile(room.tile, room.places.runs + runs[0], runs[1] - runs[0], height, out + i * out_plane, add,
                     last_bias ? last_bias + i : nullptr);
        }
      weight += most * depth;
    }
  }

 public:
  explicit DirectConvolution(const Convolution<T>& convolution) : x(convolution) {
    depth_blocks = at_least(1, divide_up(x.channels, at_least(1, kDepth / x.taps())));
    cut();
    layout = PlaneLayout::of<T>(x.h, x.w, rows, columns);
    choose_tile();
  }

  void run() const {
    const int64_t depth = most_channels() * x.taps(), weights = x.groups * x.out_channels * x.channels * x.taps();
    Workspace shared(size_t(weights) * sizeof(T) + size_t(depth) * sizeof(int64_t));
    int64_t* offsets = shared.as<int64_t>();
    T* packed = (T*)(offsets + depth);
    for (int64_t p = 0; p < depth; p++)
      offsets[p] = layout.offset(x.h, x.w, p / x.taps(), p / x.w.taps % x.h.taps, p % x.w.taps);
    pack_weights(packed);

    const int64_t planes = round_up(layout.size<T>(most_channels()), 64),
                  tile = kTileRows<T> * kMaxTileVectors * kLanes, positions = most_tiles() * vectors;
    const int64_t bytes = (planes + tile) * int64_t(sizeof(T)) + positions * int64_t(sizeof(Positions)) +
                          (most_tiles() + 1) * int64_t(sizeof(int64_t)) + most_runs() * int64_t(sizeof(Run));
    const double work = double(depth * depth_blocks + kLanes) * double(rows * columns * out_channels);
    const int64_t grain = work < kChunkWork ? int64_t(kChunkWork / work) + 1 : 1;
    Scratch scratch(divide_up(units(), grain), bytes);
    parallel_for(units(), grain, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* memory) {
        Room room;
        room.planes = (T*)memory;
        room.tile = room.planes + planes;
        room.places.positions = (Positions*)(room.tile + tile);
        room.places.runs = (Run*)(room.places.positions + positions);
        room.places.first_run = (int64_t*)(room.places.runs + most_runs());
        for (int64_t unit = begin; unit < end; unit++) run_unit(unit, packed, offsets, room);
      });
    });
  }
};

}  // namespace tx::TX_ISA
