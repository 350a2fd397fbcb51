// Convolutions and matrix products of bytes: a block computes kPixels pixels of the result by a strip of channels, four
// products an instruction. The bytes under the windows are gathered into shared memory a slice of the depth at a time.
#include "../csrc/kernels/quantized.h"
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

constexpr int kPixelsPerThread = 4, kPixels = kThreads / kStripColumns * kPixelsPerThread;
constexpr int kSlice = 8;  // quads

struct Shape {
  QuantizedArgs x;
  int64_t pixels, strips, quads, channels;
  IndexDivide by_out_w, by_out_h, by_channels, by_kernel_w;
};

// Where the window of a pixel begins: the image, and the place in it.
struct Window {
  const uint8_t* image;
  int64_t top, left;
};

TX_DEVICE Window window_of(const uint8_t* x, const Shape& s, int64_t pixel, int64_t group) {
  const int64_t row = s.by_out_w.divide(pixel), column = pixel - row * s.x.out_w, image = s.by_out_h.divide(row);
  return {x + image * s.x.in_h * s.x.in_w * s.x.in_channels + group * s.channels,
          (row - image * s.x.out_h) * s.x.stride_h - s.x.pad_h, column * s.x.stride_w - s.x.pad_w};
}

// Four bytes of a window, minus 128 each: the instruction multiplies signed bytes.
TX_DEVICE int quad_of(const Shape& s, const Window& window, int64_t quad) {
  unsigned bytes = 0;
  TX_UNROLL
  for (int i = 0; i < kQuad; i++) {
    const int64_t k = quad * kQuad + i, place = s.by_channels.divide(k), channel = k - place * s.channels;
    const int64_t down = s.by_kernel_w.divide(place), across = place - down * s.x.kernel_w;
    const int64_t h = window.top + down * s.x.dilation_h, w = window.left + across * s.x.dilation_w;
    const bool inside = down < s.x.kernel_h && h >= 0 && h < s.x.in_h && w >= 0 && w < s.x.in_w;
    const unsigned byte =
        inside ? window.image[(h * s.x.in_w + w) * s.x.in_channels + channel] : unsigned(s.x.zero_point);
    bytes |= byte << (8 * i);
  }
  return int(bytes ^ 0x80808080u);
}

// blockIdx: x the pixels, y the strip of a group. A thread has one channel of kPixelsPerThread pixels.
template <class Out>
__global__ void __launch_bounds__(kThreads)
    quantized_kernel(Out* out, const uint8_t* x, const int* weight, const int32_t* weight_sums, const float* offset,
                     const float* multiplier, Shape s) {
  using Pixels = int[kPixels][kSlice + 1];
  using Weights = int[kSlice][kStripColumns];
  TX_SHARED(Pixels, pixels);
  TX_SHARED(Weights, weights);
  const int64_t group = blockIdx.y / s.strips, strip = blockIdx.y - group * s.strips;
  const int64_t first = int64_t(blockIdx.x) * kPixels;
  const int column = int(threadIdx.x) % kStripColumns, row = int(threadIdx.x) / kStripColumns;
  int sum[kPixelsPerThread] = {};
  for (int64_t begin = 0; begin < s.quads; begin += kSlice) {
    TX_UNROLL
    for (int i = 0; i < kPixels * kSlice / kThreads; i++) {
      const int at = int(threadIdx.x) + i * kThreads, p = at / kSlice, q = at % kSlice;
      const bool inside = first + p < s.pixels && begin + q < s.quads;
      pixels[p][q] = inside ? quad_of(s, window_of(x, s, first + p, group), begin + q) : 0;
    }
    if (threadIdx.x < kSlice * kStripColumns) {
      const int64_t q = begin + int(threadIdx.x) / kStripColumns;
      weights[threadIdx.x / kStripColumns][column] =
          q < s.quads ? weight[(int64_t(blockIdx.y) * s.quads + q) * kStripColumns + column] : 0;
    }
    __syncthreads();
    TX_UNROLL
    for (int q = 0; q < kSlice; q++) {
      TX_UNROLL
      for (int i = 0; i < kPixelsPerThread; i++)
        sum[i] = __dp4a(pixels[row + i * (kThreads / kStripColumns)][q], weights[q][column], sum[i]);
    }
    __syncthreads();
  }
  const int64_t per_group = s.x.out_channels / s.x.groups;
  if (strip * kStripColumns + column >= per_group) return;
  const int64_t channel = group * per_group + strip * kStripColumns + column;
  const unsigned start = unsigned(128 - s.x.zero_point) * unsigned(weight_sums[channel]);
  TX_UNROLL
  for (int i = 0; i < kPixelsPerThread; i++) {
    const int64_t pixel = first + row + i * (kThreads / kStripColumns);
    if (pixel >= s.pixels) break;
    Out* const to = out + pixel * s.x.out_channels + channel;
    const int total = int(unsigned(sum[i]) + start);
    if constexpr (std::is_same_v<Out, int32_t>) {
      *to = total;
    } else {
      float y = (float(total) + offset[channel]) * multiplier[channel];
      if constexpr (std::is_same_v<Out, float>) {
        *to = y;
      } else {
        y = y > s.x.lowest ? y : s.x.lowest;
        y = y < s.x.highest ? y : s.x.highest;
        *to = uint8_t(int(rintf(y)) + s.x.out_zero_point);
      }
    }
  }
}

template <class Out>
void run(const QuantizedArgs& x) {
  const Shape s{x,
                x.batch * x.out_h * x.out_w,
                x.strips(),
                x.quads(),
                x.channels(),
                IndexDivide(x.out_w),
                IndexDivide(x.out_h),
                IndexDivide(x.channels() > 0 ? x.channels() : 1),
                IndexDivide(x.kernel_w)};
  constexpr int64_t kMaxStrips = 65535;  // blocks along y
  if (x.groups * s.strips > kMaxStrips)
    fail(ErrorKind::Runtime, "quantized_convolution(): at most ", kMaxStrips * kStripColumns,
         " output channels on a CUDA device, got ", x.out_channels);
  const dim3 grid(unsigned((s.pixels + kPixels - 1) / kPixels), unsigned(x.groups * s.strips));
  launch("quantized_convolution", quantized_kernel<Out>, {grid, kThreads}, reinterpret_cast<Out*>(x.out), x.x,
         reinterpret_cast<const int*>(x.weight), x.weight_sums, x.offset, x.multiplier, s);
}

}  // namespace

void quantized_convolution(const QuantizedArgs& x) {
  switch (x.dtype) {
    case DType::Int32: return run<int32_t>(x);
    case DType::Float32: return run<float>(x);
    default: return run<uint8_t>(x);
  }
}

}  // namespace tx::cuda
