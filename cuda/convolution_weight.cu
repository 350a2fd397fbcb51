// The gradient of a convolution's weight: the product of the output's gradient, a row for each output channel, and the patches
// of the input, a column for each element of a filter. The sums run over all positions of all images, so they are split.
#include "convolution.cuh"
#include "tensor_tile.cuh"

namespace tx::cuda {

namespace {

constexpr int kSize = 64;  // of a tile

struct WeightGradient {
  int64_t batch, groups, rows, channels;  // per group: rows of output channels, input channels
  int64_t in_h, in_w, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;
  IndexDivide positions, width;  // of the output
  int64_t depth, part, first;  // depth: positions of all images; part: of one block
  unsigned down, across;
  Target to;

  struct Place {
    int64_t batch, position, h, w;
  };
  TX_DEVICE Place place(int64_t k) const {
    const int64_t image = positions.divide(k), position = k - image * positions.divisor, h = width.divide(position);
    return {image, position, h, position - h * width.divisor};
  }
};

// Rows of the output's gradient.
template <class T>
struct GradientRows {
  const T* data;
  int64_t next, end, step;
  unsigned inside = 0;
  const WeightGradient& x;
  Places<kSize> places{false};

  TX_DEVICE GradientRows(const T* g, const WeightGradient& x, int64_t group, int64_t row, int64_t begin, int64_t end)
      : end(end), x(x) {
    const int64_t plane = x.positions.divisor;
    data = g + (group * x.rows + row + places.wide) * plane;
    step = places.wide_step * plane;
    next = begin + places.depth;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) inside |= unsigned(row + places.wide + i * places.wide_step < x.rows) << i;
  }
  TX_DEVICE void load(T (&to)[kLoads]) {
    const bool there = next < end;
    const auto place = x.place(there ? next : 0);
    const T* const from = data + place.batch * x.groups * x.rows * x.positions.divisor + place.position;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) to[i] = there && (inside >> i & 1) ? from[i * step] : T(0);
    next += kSliceDepth<kSize>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    places.stash(slice, from);
  }
};

// Patches of the input; a thread stays at its elements of the filter.
template <class T>
struct InputPatches {
  const T* data;
  int64_t next, end;
  int64_t channel[kLoads];  // offset of its plane; negative outside the filter
  unsigned tap_h[kLoads], tap_w[kLoads];  // wrap around below 0
  const WeightGradient& x;
  Places<kSize> places{false};

  TX_DEVICE InputPatches(const T* image, const WeightGradient& x, int64_t group, int64_t column, int64_t begin,
                         int64_t end)
      : end(end), x(x) {
    const int64_t plane = x.in_h * x.in_w, area = x.kernel_h * x.kernel_w;
    data = image + group * x.channels * plane;
    next = begin + places.depth;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) {
      const int64_t n = column + places.wide + i * places.wide_step, c = n / area, tap = n - c * area,
                    h = tap / x.kernel_w;
      channel[i] = c < x.channels ? c * plane : -1;
      tap_h[i] = unsigned(h * x.dilation_h - x.pad_h);
      tap_w[i] = unsigned((tap - h * x.kernel_w) * x.dilation_w - x.pad_w);
    }
  }
  TX_DEVICE void load(T (&to)[kLoads]) {
    const bool there = next < end;
    const auto place = x.place(there ? next : 0);
    const T* const from = data + place.batch * x.groups * x.channels * x.in_h * x.in_w;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) {
      const unsigned h = unsigned(place.h * x.stride_h) + tap_h[i], w = unsigned(place.w * x.stride_w) + tap_w[i];
      to[i] = there && channel[i] >= 0 && h < unsigned(x.in_h) && w < unsigned(x.in_w)
                  ? from[channel[i] + int64_t(h) * x.in_w + w]
                  : T(0);
    }
    next += kSliceDepth<kSize>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    places.stash(slice, from);
  }
};

// Grid: tiles, parts of the sums, groups.
template <class T, class Tile>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 8 ? 1 : 2)
    weight_tile(T* out, T* sums, const T* image, const T* g, WeightGradient x) {
  constexpr int each = Tile::kEach;
  const TilePlace place(blockIdx.x, x.down, x.across);
  const int64_t group = x.first + blockIdx.z, row = int64_t(place.row) * kSize, column = int64_t(place.column) * kSize;
  const int64_t begin = int64_t(blockIdx.y) * x.part, end = begin + x.part < x.depth ? begin + x.part : x.depth;
  T sum[each][each] = {};
  {
    GradientRows<T> rows(g, x, group, row, begin, end);
    InputPatches<T> columns(image, x, group, column, begin, end);
    multiply_tile<Tile>(sum, rows, columns, int(end - begin));
  }
  const int64_t width = x.channels * x.kernel_h * x.kernel_w;
  T* const to = (sums ? sums + blockIdx.y * x.to.split : out) + group * x.to.batch;
  TX_UNROLL
  for (int i = 0; i < each; i++) {
    const int64_t r = row + Tile::row(i);
    TX_UNROLL
    for (int j = 0; j < each; j++) {
      const int64_t n = column + Tile::column(j);
      if (r < x.rows && n < width) to[r * x.to.row + n] = sum[i][j];
    }
  }
}

// A block for each element of the weight, for few output channels per group.
template <class T>
__global__ void __launch_bounds__(kThreads) weight_direct(T* out, const T* image, const T* g, WeightGradient x) {
  constexpr int warps = kThreads / kWarp;
  TX_SHARED(T[warps], warp_sums);
  const int64_t number = blockIdx.x, line = number / x.kernel_w, kw = number - line * x.kernel_w,
                filter = line / x.kernel_h, kh = line - filter * x.kernel_h, output = filter / x.channels,
                channel = filter - output * x.channels, group = output / x.rows;
  const int64_t plane = x.in_h * x.in_w;
  const T* const from = image + (group * x.channels + channel) * plane;
  const T* const factor = g + output * x.positions.divisor;
  T sum = 0;
  for (int64_t k = threadIdx.x; k < x.depth; k += kThreads) {
    const auto place = x.place(k);
    const int64_t h = place.h * x.stride_h - x.pad_h + kh * x.dilation_h,
                  w = place.w * x.stride_w - x.pad_w + kw * x.dilation_w;
    if (h >= 0 && h < x.in_h && w >= 0 && w < x.in_w)
      sum = fma(from[place.batch * x.groups * x.channels * plane + h * x.in_w + w],
                factor[place.batch * x.groups * x.rows * x.positions.divisor + place.position], sum);
  }
  TX_UNROLL
  for (int step = kWarp / 2; step > 0; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
  if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int i = 1; i < warps; i++) sum += warp_sums[i];
    out[number] = sum;
  }
}

template <class T> auto* tile_of(bool tf32) {
  if constexpr (std::is_same_v<T, float>)
    if (tf32) return weight_tile<T, TensorTile<kSize>>;
  return weight_tile<T, Tile<kSize>>;
}

}  // namespace

template <class T>
void weight_gradient(const ConvolutionArgs& a) {
  WeightGradient x{};
  x.batch = a.batch, x.groups = a.groups, x.rows = a.out_channels / a.groups, x.channels = a.in_channels / a.groups;
  x.in_h = a.in_h, x.in_w = a.in_w, x.out_h = a.out_h, x.out_w = a.out_w;
  x.kernel_h = a.kernel_h, x.kernel_w = a.kernel_w, x.stride_h = a.stride_h, x.stride_w = a.stride_w;
  x.pad_h = a.pad_h, x.pad_w = a.pad_w, x.dilation_h = a.dilation_h, x.dilation_w = a.dilation_w;
  x.positions = IndexDivide(a.out_h * a.out_w);
  x.width = IndexDivide(a.out_w);
  x.depth = a.batch * a.out_h * a.out_w;
  auto* out = reinterpret_cast<T*>(a.out);
  const auto *image = reinterpret_cast<const T*>(a.x), *g = reinterpret_cast<const T*>(a.weight);
  const int64_t width = x.channels * a.kernel_h * a.kernel_w;
  if (directly(a.algorithm, x.rows))
    return launch("convolution_grad_weight", weight_direct<T>, {unsigned(a.out_channels * width), kThreads}, out, image,
                  g, x);
  const int64_t down = divide_up(x.rows, kSize), across = divide_up(width, kSize);
  x.down = unsigned(down), x.across = unsigned(across);
  const Split split(down * across * a.groups, x.depth);
  x.part = split.depth;
  MatmulArgs product{};  // as which the sums are finished
  product.batch = a.groups, product.m = x.rows, product.n = width;
  product.c = a.out, product.c_batch = x.rows * width, product.c_row = width;
  with_target<T>(product, split.parts, [&](T* sums, const Target& to) {
    x.to = to;
    for_batches(a.groups, [&](int64_t first, int64_t count) {
      x.first = first;
      launch("convolution_grad_weight", tile_of<T>(a.tf32),
             {dim3(unsigned(down * across), unsigned(split.parts), unsigned(count)), kThreads}, out, sums, image, g, x);
    });
  });
}
template void weight_gradient<float>(const ConvolutionArgs&);
template void weight_gradient<double>(const ConvolutionArgs&);

}  // namespace tx::cuda
