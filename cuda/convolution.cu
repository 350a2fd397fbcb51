// Convolution and the gradient of its input as products of the weight, a row for each channel of the result, and the patches of
// the image, a column for each position: the patches are gathered as slices of them go to shared memory.
#include "convolution.cuh"
#include "tensor_tile.cuh"

namespace tx::cuda {

namespace {

// Per multiprocessor: what the registers of one thread allow.
template <class T, int size> constexpr int kTileBlocks = sizeof(T) == 8 || size == 128 ? 1 : 2;

struct Work {
  Convolution c;
  int64_t first;  // number of the first phase and group in this launch
  unsigned down, across;
  int64_t part, total;  // depth of the sums of one block; results
  bool packed;  // results may be written 4 at a time
};

// Depth k of the product: a channel, and a tap in both dimensions.
struct Depths {
  FastDivide area, width;
  int count;

  TX_DEVICE Depths(int64_t channels, int taps_h, int taps_w)
      : area(uint32_t(taps_h && taps_w ? taps_h * taps_w : 1)),
        width(uint32_t(taps_w ? taps_w : 1)),
        count(int(channels) * taps_h * taps_w) {}
  struct Place {
    int channel, h, w;
  };
  TX_DEVICE Place operator[](int k) const {
    const uint32_t channel = area.divide(uint32_t(k)), tap = uint32_t(k) - channel * area.divisor,
                   h = width.divide(tap);
    return {int(channel), int(h), int(tap - h * width.divisor)};
  }
};

// Neighbouring threads fetch neighbours in depth.
template <class T, int size>
struct Weights {
  const T* data;
  int64_t step, channel;
  int step_h, step_w, next;
  unsigned inside = 0;
  const Depths& depths;
  Places<size> places{false};

  TX_DEVICE Weights(const T* weight, const Work& x, int64_t row, const AxisPhase& h, const AxisPhase& w,
                    const Depths& depths, int begin)
      : depths(depths) {
    data = weight + (row + places.wide) * x.c.weight_row + h.kernel_first * x.c.w.kernel + w.kernel_first;
    step = places.wide_step * x.c.weight_row;
    channel = x.c.weight_channel;
    step_h = int(h.kernel_step * x.c.w.kernel);
    step_w = int(w.kernel_step);
    next = begin + places.depth;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) inside |= unsigned(row + places.wide + i * places.wide_step < x.c.rows) << i;
  }
  TX_DEVICE void load(T (&to)[kLoads]) {
    const bool there = next < depths.count;
    const auto place = depths[there ? next : 0];
    const T* const from = data + place.channel * channel + int64_t(place.h) * step_h + int64_t(place.w) * step_w;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) to[i] = there && (inside >> i & 1) ? from[i * step] : T(0);
    next += kSliceDepth<size>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    places.stash(slice, from);
  }
};

// Neighbouring threads fetch for neighbouring positions; a thread stays at one.
template <class T, int size>
struct Patches {
  const T* data;
  int64_t plane;
  unsigned top, left;  // in arithmetic that wraps around: what is outside of the image is at or above its size
  unsigned height, width;
  int delta_h, delta_w, next;
  const Depths& depths;
  Places<size> places{true};

  TX_DEVICE Patches(const T* image, const Work& x, int64_t group, int64_t column, const AxisPhase& h,
                    const AxisPhase& w, const Depths& depths, int begin)
      : depths(depths) {
    height = unsigned(x.c.h.image), width = unsigned(x.c.w.image);
    plane = x.c.h.image * x.c.w.image;
    delta_h = h.delta, delta_w = w.delta;
    const int64_t n = column + places.wide, area = h.count * w.count, batch = n / area, rest = n - batch * area,
                  u = rest / w.count, v = rest - u * w.count;
    data = image + (batch * x.c.groups + group) * x.c.channels * plane;
    top = unsigned(h.top + u * h.top_step), left = unsigned(w.top + v * w.top_step);
    next = begin + places.depth;
    if (batch >= x.c.batch) height = 0;  // outside for every tap
  }
  TX_DEVICE void load(T (&to)[kLoads]) {
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) {
      const int k = next + i * places.depth_step;
      const bool there = k < depths.count;
      const auto place = depths[there ? k : 0];
      const unsigned h = top + unsigned(place.h * delta_h), w = left + unsigned(place.w * delta_w);
      to[i] = there && h < height && w < width ? data[place.channel * plane + int64_t(h) * width + w] : T(0);
    }
    next += kSliceDepth<size>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    places.stash(slice, from);
  }
};

// Grid: tiles, parts of the sums, phases and groups. The results of part i are written to out + i total.
template <class T, class Tile, bool gradient>
__global__ void __launch_bounds__(kThreads, kTileBlocks<T, Tile::kSize>)
    convolution_tile(T* out, const T* image, const T* weight, const T* bias, Work x) {
  constexpr int size = Tile::kSize, each = Tile::kEach, group_size = Tile::kGroup;
  const TilePlace place(blockIdx.x, x.down, x.across);
  const int64_t number = x.first + blockIdx.z, phase = number / x.c.groups, group = number - phase * x.c.groups;
  const int64_t phase_h = phase / x.c.phases_w, phase_w = phase - phase_h * x.c.phases_w;
  T sum[each][each] = {};
  {
    const AxisPhase h = AxisPhase::of<gradient>(x.c.h, phase_h), w = AxisPhase::of<gradient>(x.c.w, phase_w);
    if (int64_t(place.column) * size >= x.c.batch * h.count * w.count)
      return;  // the whole block: later phases are smaller
    Depths depths(x.c.channels, h.taps, w.taps);
    const int64_t begin = int64_t(blockIdx.y) * x.part;
    if (depths.count > begin + x.part) depths.count = int(begin + x.part);
    Weights<T, size> rows(weight + group * x.c.weight_group, x, int64_t(place.row) * size, h, w, depths, int(begin));
    Patches<T, size> columns(image, x, group, int64_t(place.column) * size, h, w, depths, int(begin));
    multiply_tile<Tile>(sum, rows, columns, depths.count - int(begin));
  }
  const int64_t step_h = gradient ? x.c.h.stride : 1, step_w = gradient ? x.c.w.stride : 1;
  const int64_t count_h = gradient ? (x.c.h.result - phase_h + step_h - 1) / step_h : x.c.h.result,
                count_w = gradient ? (x.c.w.result - phase_w + step_w - 1) / step_w : x.c.w.result;
  const int64_t area = count_h * count_w, plane = x.c.h.result * x.c.w.result;
  const int64_t row = int64_t(place.row) * size;
  auto with_bias = [&](T value, int64_t r) {
    return bias && blockIdx.y == 0 ? value + bias[group * x.c.rows + r] : value;
  };
  auto place_of = [&](int64_t n) {
    const int64_t batch = n / area, rest = n - batch * area, u = rest / count_w, v = rest - u * count_w;
    return blockIdx.y * x.total + (batch * x.c.groups + group) * x.c.rows * plane +
           (phase_h + u * step_h) * x.c.w.result + phase_w + v * step_w;
  };
  TX_UNROLL
  for (int g = 0; g < each; g += group_size) {
    const int64_t n = int64_t(place.column) * size + Tile::column(g);
    if (x.packed && n < x.c.batch * area) {
      T* const to = out + place_of(n);
      TX_UNROLL
      for (int i = 0; i < each; i++) {
        const int64_t r = row + Tile::row(i);
        if (r >= x.c.rows) continue;
        Pack<T, group_size> result;
        TX_UNROLL
        for (int j = 0; j < group_size; j++) result.value[j] = with_bias(sum[i][g + j], r);
        *reinterpret_cast<Pack<T, group_size>*>(to + r * plane) = result;
      }
      continue;
    }
    TX_UNROLL
    for (int j = 0; j < group_size; j++) {
      if (n + j >= x.c.batch * area) continue;
      T* const to = out + place_of(n + j);
      TX_UNROLL
      for (int i = 0; i < each; i++) {
        const int64_t r = row + Tile::row(i);
        if (r < x.c.rows) to[r * plane] = with_bias(sum[i][g + j], r);
      }
    }
  }
}

template <class T, class Tile, bool gradient>
void convolve_in_tiles(const Convolution& c, const T* image, const T* weight, const T* bias, T* out) {
  constexpr int size = Tile::kSize;
  const int64_t positions = c.batch * divide_up(c.h.result, c.phases_h) * divide_up(c.w.result, c.phases_w);
  const int64_t down = divide_up(c.rows, size), across = divide_up(positions, size),
                numbers = c.phases_h * c.phases_w * c.groups;
  auto most_taps = [](const ConvolutionAxis& a) { return gradient ? divide_up(a.kernel, a.tap_step) : a.kernel; };
  const Split split(down * across * numbers, c.channels * most_taps(c.h) * most_taps(c.w));
  Work x{c, 0, unsigned(down), unsigned(across), split.depth, c.results(), false};
  x.packed = std::is_same_v<T, float> && c.phases_h * c.phases_w == 1 && c.h.result * c.w.result % Tile::kGroup == 0 &&
             aligned(out, Tile::kGroup * sizeof(T));
  MatmulArgs product{};  // as which the sums are finished
  product.batch = product.m = 1, product.n = x.total;
  product.c = reinterpret_cast<char*>(out);
  with_target<T>(product, split.parts, [&](T* sums, const Target&) {
    for_batches(numbers, [&](int64_t first, int64_t count) {
      x.first = first;
      launch(gradient ? "convolution_grad_x" : "convolution", convolution_tile<T, Tile, gradient>,
             {dim3(x.down * x.across, unsigned(split.parts), unsigned(count)), kThreads}, sums ? sums : out, image,
             weight, bias, x);
    });
  });
}

template <class T, bool gradient>
void convolve(const ConvolutionArgs& a, const Convolution& c) {
  const auto *image = reinterpret_cast<const T*>(a.x), *weight = reinterpret_cast<const T*>(a.weight),
             *bias = gradient ? nullptr : reinterpret_cast<const T*>(a.bias);
  auto* out = reinterpret_cast<T*>(a.out);
  if (directly(a.algorithm, c.rows)) return convolve_directly<T, gradient>(c, image, weight, bias, out);
  if constexpr (std::is_same_v<T, float>) {
    const int64_t tiles = divide_up(c.rows, 128) * divide_up(c.batch * c.h.result * c.w.result, 128) * c.groups;
    const bool large = c.rows > 64 && tiles >= properties(used_device()).multiProcessorCount;
    auto in = [&]<class Tile>(Tile) { convolve_in_tiles<T, Tile, gradient>(c, image, weight, bias, out); };
    if (a.tf32) return large ? in(TensorTile<128>()) : in(TensorTile<64>());
    if (large) return in(Tile<128>());
  }
  convolve_in_tiles<T, Tile<64>, gradient>(c, image, weight, bias, out);
}

}  // namespace

void convolution(const ConvolutionArgs& a) {
  const int64_t area = a.kernel_h * a.kernel_w, channels = a.in_channels / a.groups, rows = a.out_channels / a.groups;
  const Convolution c{{a.in_h, a.out_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h},
                      {a.in_w, a.out_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w},
                      a.batch,
                      a.groups,
                      rows,
                      channels,
                      rows * channels * area,
                      channels * area,
                      area,
                      1,
                      1};
  a.dtype == DType::Float32 ? convolve<float, false>(a, c) : convolve<double, false>(a, c);
}

void convolution_grad_x(const ConvolutionArgs& a) {
  const int64_t area = a.kernel_h * a.kernel_w, rows = a.in_channels / a.groups, channels = a.out_channels / a.groups;
  const Convolution c{{a.out_h, a.in_h, a.kernel_h, a.stride_h, a.pad_h, a.dilation_h},
                      {a.out_w, a.in_w, a.kernel_w, a.stride_w, a.pad_w, a.dilation_w},
                      a.batch,
                      a.groups,
                      rows,
                      channels,
                      rows * channels * area,
                      area,
                      rows * area,
                      at_most(a.stride_h, a.in_h),
                      at_most(a.stride_w, a.in_w)};
  a.dtype == DType::Float32 ? convolve<float, true>(a, c) : convolve<double, true>(a, c);
}

void convolution_grad_weight(const ConvolutionArgs& a) {
  a.dtype == DType::Float32 ? weight_gradient<float>(a) : weight_gradient<double>(a);
}

}  // namespace tx::cuda
