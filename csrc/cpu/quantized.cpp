// Convolutions and matrix products of bytes. Compiled once per instruction set.
//
// Pixels of the result are taken a few tiles at a time: the bytes under each pixel's window are gathered into tiles, and the
// strips of weights pass over those. Nothing of the size of all windows is ever in memory.
#include "quantized_tile.h"

#include <cstring>

#include "matmul_pack.h"
#include "scratch.h"

namespace tx::TX_ISA {

namespace {

// What follows the sums of a strip's columns, filled up to whole strips.
struct Columns {
  const int32_t* start;  // -zero_point times the sum of the weights
  const float *offset, *multiplier;
};

// The bytes under the window of one pixel of the result, for one group of channels.
class Windows {
 public:
  explicit Windows(const QuantizedArgs& args)
      : x(args),
        channels(args.channels()),
        together(args.groups == 1 && args.dilation_w == 1),
        in_place(together && args.depth() == args.quads() * kQuad && args.kernel_h * args.kernel_w == 1 &&
                 args.pad_h == 0 && args.pad_w == 0) {}

  // All of them in a row: in `line`, which has room for whole quads, or where they are. What fills up the last quad meets
  // weights of 0.
  const uint8_t* of(int64_t pixel, int64_t group, uint8_t* line) const {
    const int64_t row = pixel / x.out_w, column = pixel - row * x.out_w, image = row / x.out_h;
    const int64_t top = (row - image * x.out_h) * x.stride_h - x.pad_h, left = column * x.stride_w - x.pad_w;
    const uint8_t* const from = x.x + image * x.in_h * x.in_w * x.in_channels + group * channels;
    if (in_place) return from + (top * x.in_w + left) * channels;
    uint8_t* to = line;
    for (int64_t i = 0; i < x.kernel_h; i++, to += x.kernel_w * channels) {
      const int64_t h = top + i * x.dilation_h;
      if (h < 0 || h >= x.in_h) memset(to, x.zero_point, size_t(x.kernel_w * channels));
      else copy_row(to, from + h * x.in_w * x.in_channels, left);
    }
    return line;
  }

 private:
  // One row of the window, from the row of the image that it lies in.
  void copy_row(uint8_t* to, const uint8_t* row, int64_t left) const {
    if (together) {
      const int64_t before = left < 0 ? at_most(-left, x.kernel_w) : 0;
      const int64_t inside = at_most(x.kernel_w, x.in_w - left), end = inside > before ? inside : before;
      if (before) memset(to, x.zero_point, size_t(before * channels));
      copy(to + before * channels, row + (left + before) * channels, (end - before) * channels);
      if (end < x.kernel_w) memset(to + end * channels, x.zero_point, size_t((x.kernel_w - end) * channels));
      return;
    }
    for (int64_t j = 0; j < x.kernel_w; j++, to += channels) {
      const int64_t w = left + j * x.dilation_w;
      if (w < 0 || w >= x.in_w) memset(to, x.zero_point, size_t(channels));
      else copy(to, row + w * x.in_channels, channels);
    }
  }

  static void copy(uint8_t* to, const uint8_t* from, int64_t n) {
    if (n >= kVecBytes) memcpy(to, from, size_t(n));
    else copy_bytes<1>((char*)to, (const char*)from, n);
  }

  const QuantizedArgs& x;
  const int64_t channels;
  const bool together,
      in_place;  // a window's row is one piece of the image's row; the window is, with nothing to fill up
};

template <class T> TX_INLINE void write(T* to, const T (&values)[kStripColumns], int64_t columns) {
  if (columns == kStripColumns) memcpy(to, values, sizeof(values));
  else memcpy(to, values, size_t(columns) * sizeof(T));
}

// One pixel's part of a strip: from its sums to elements of the result.
TX_INLINE void finish(const QuantizedArgs& x, const Columns& c, const int32_t* sums, char* out, int64_t columns) {
  alignas(kVecBytes) int32_t numbers[kStripColumns];
  alignas(kVecBytes) float values[kStripColumns];
  for (int j = 0; j < kStripColumns; j += Sum::size) {
    const Sum sum = load<int32_t>(sums + j) + load<int32_t>(c.start + j);
    if (x.dtype == DType::Int32) {
      store<int32_t>(numbers + j, sum);
      continue;
    }
    Vec<float> y = __builtin_convertvector(sum.v, Raw<float>);
    y = (y + load<float>(c.offset + j)) * load<float>(c.multiplier + j);
    if (x.dtype == DType::Float32) {
      store<float>(values + j, y);
      continue;
    }
    y = round(min(max(y, Vec<float>(x.lowest)), Vec<float>(x.highest)));
    store<int32_t>(numbers + j, Sum(__builtin_convertvector(y.v, Raw<int32_t>)) + Sum(x.out_zero_point));
  }
  if (x.dtype == DType::Int32) return write((int32_t*)out, numbers, columns);
  if (x.dtype == DType::Float32) return write((float*)out, values, columns);
  uint8_t bytes[kStripColumns];
  narrow_to_bytes(bytes, numbers);
  write((uint8_t*)out, bytes, columns);
}

template <class Inner>
class Product {
  using Wide = typename Inner::Wide;
  static constexpr int64_t kMostTiles = 16;

 public:
  explicit Product(const QuantizedArgs& args)
      : x(args), windows(args), quads(args.quads()), strips(args.strips()), row(quads + kLine / int64_t(sizeof(Wide))) {
    constexpr int64_t kTilesBytes = 1 << 16, kChunkWork = 1 << 18;  // multiply-adds that are worth a thread
    const int64_t tile_bytes = row * kByteRows * int64_t(sizeof(Wide));
    tiles = at_most(kMostTiles, kTilesBytes / (tile_bytes + 1) + 1);
    pixels = x.batch * x.out_h * x.out_w;
    down = divide_up(pixels, tiles * kByteRows);
    across = at_most(strips, divide_up(4 * num_threads(), down * x.groups));
    const int64_t work = at_most(pixels, tiles * kByteRows) * quads * kQuad * divide_up(strips, across) * kStripColumns;
    grain = kChunkWork / (work + 1) + 1;
  }

  void run(const Columns& columns) const {
    const int64_t pieces = x.groups * down * across;
    const int64_t tiles_bytes = tiles * row * kByteRows * int64_t(sizeof(Wide));
    const int64_t line_bytes = round_up(quads * kQuad, kLine);
    const int64_t high_bytes = Inner::kHighBits ? tiles * kByteRows * quads * int64_t(sizeof(BySmallBytes::High)) : 0;
    Scratch scratch(divide_up(pieces, grain), tiles_bytes + line_bytes + high_bytes);
    parallel_for(pieces, grain, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* room) {
        for (int64_t i = begin; i < end; i++) {
          const int64_t group = i / (down * across), place = i - group * down * across;
          multiply(columns, group, place / across, place % across, (Wide*)room, (uint8_t*)room + tiles_bytes,
                   (BySmallBytes::High*)(room + tiles_bytes + line_bytes));
        }
      });
    });
  }

 private:
  // Room for the pixels of a piece, for one line of bytes and, with kHighBits, for as many quads as the pixels have.
  void multiply(const Columns& columns, int64_t group, int64_t piece, int64_t part, Wide* room, uint8_t* line,
                BySmallBytes::High* high) const {
    const int64_t first = piece * tiles * kByteRows, end = at_most(pixels, first + tiles * kByteRows);
    const BySmallBytes::High* high_ends[kMostTiles * kByteRows + 1] = {high};
    for (int64_t pixel = first; pixel < end; pixel++) {
      Wide* const to = room + (pixel - first) * row;
      const uint8_t* const from = windows.of(pixel, group, line);
      if constexpr (Inner::kHighBits) high_ends[pixel - first + 1] = high = Inner::widen(to, from, quads, high);
      else Inner::widen(to, from, quads);
    }
    alignas(kVecBytes) int32_t sums[kByteRows * kStripColumns];
    const int64_t per_group = x.columns(), size = itemsize(x.dtype);
    for (int64_t strip = strips * part / across; strip < strips * (part + 1) / across; strip++) {
      const int64_t column = strip * kStripColumns, width = at_most(kStripColumns, per_group - column);
      const int64_t whole = (group * strips + strip) * kStripColumns;
      const Columns here{columns.start + whole, columns.offset + whole, columns.multiplier + whole};
      for (int64_t pixel = first; pixel < end; pixel += kByteRows) {
        const auto kernel = end - pixel == 1 ? multiply_bytes<Inner, 1> : multiply_bytes<Inner, kByteRows>;
        const int8_t* const weight = x.weight + whole * quads * kQuad;
        kernel(quads, room + (pixel - first) * row, row, weight, sums);
        if constexpr (Inner::kHighBits)
          for (int64_t i = 0; i < at_most(kByteRows, end - pixel); i++)
            for (auto* h = high_ends[pixel - first + i]; h < high_ends[pixel - first + i + 1]; h++)
              Inner::add_high(sums + i * kStripColumns, *h, weight);
        char* out = x.out + (pixel * x.out_channels + group * per_group + column) * size;
        for (int64_t i = 0; i < at_most(kByteRows, end - pixel); i++, out += x.out_channels * size)
          finish(x, here, sums + i * kStripColumns, out, width);
      }
    }
  }

  const QuantizedArgs& x;
  const Windows windows;
  static constexpr int64_t kLine = 64;  // between rows, which else might all meet in a few cache sets
  const int64_t quads, strips, row;
  int64_t tiles, pixels, down, across, grain;  // tiles of a piece; pieces are cut down the pixels and across the strips
};

// Whether few bytes are 128 or more, as where activations were quantized to 7 bits (reduce_range): then only outliers are.
bool mostly_small(const uint8_t* x, int64_t n) {
  constexpr int64_t kWord = 8, kMostShare = 8;
  int64_t words = 0, large = 0;
  for (; (words + 1) * kWord <= n; words++) {
    uint64_t word;
    memcpy(&word, x + words * kWord, sizeof word);
    large += (word & 0x8080808080808080) != 0;
  }
  return large * kMostShare <= words;
}

}  // namespace

void quantized_convolution(const QuantizedArgs& x) {
  const int64_t strips = x.groups * x.strips(), per_group = x.columns();
  Workspace room(size_t(3 * strips * kStripColumns) * sizeof(float));
  int32_t* const start = room.as<int32_t>();
  float *const offset = room.as<float>() + strips * kStripColumns, *const multiplier = offset + strips * kStripColumns;
  for (int64_t i = 0; i < strips * kStripColumns; i++) {
    const int64_t in_group = i % (x.strips() * kStripColumns),
                  column = i / (x.strips() * kStripColumns) * per_group + in_group;
    const bool there = in_group < per_group;
    start[i] = there ? int32_t(-uint32_t(x.zero_point) * uint32_t(x.weight_sums[column])) : 0;
    offset[i] = there && x.offset ? x.offset[column] : 0;
    multiplier[i] = there && x.multiplier ? x.multiplier[column] : 0;
  }
  const Columns columns{start, offset, multiplier};
#if defined(__AVX512BW__)
  if (__builtin_cpu_supports("avx512vnni")) return Product<ByQuads>(x).run(columns);
#endif
  if (x.zero_point < 128 && mostly_small(x.x, x.batch * x.in_h * x.in_w * x.in_channels))
    Product<BySmallBytes>(x).run(columns);
  else Product<ByPairs>(x).run(columns);
}

}  // namespace tx::TX_ISA
