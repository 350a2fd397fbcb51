// The input of a convolution, laid out so that the kernels need not know of stride, padding and dilation: a copy of
// part of an image with its border, split into one plane for each class of places that a tap can meet. From any output
// position to the next, every tap then moves on by one element, and from row to row by one pitch.
#pragma once
#include <cstring>

#include "../kernels/convolution.h"
#include "matmul_pack.h"

namespace tx::TX_ISA {

TX_INLINE int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
TX_INLINE int64_t magnitude(int64_t a) { return a < 0 ? -a : a; }
TX_INLINE int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

// One spatial axis: output o is the sum over taps t of
//   weight[kernel + t * kernel_step] * input[o * step + shift + t * shift_step]      (0 outside of the input)
// and its place in the output tensor is to + o * to_step.
struct Axis {
  int64_t in, out, step;
  int64_t taps, kernel, kernel_step, shift, shift_step;
  int64_t to, to_step;

  // The lowest input that output 0 reads, and how far from it tap t reads.
  TX_INLINE int64_t lowest() const { return shift_step < 0 ? shift + (taps - 1) * shift_step : shift; }
  TX_INLINE int64_t reach(int64_t t) const { return shift + t * shift_step - lowest(); }

  // Taps whose reach is equal modulo the step read the same inputs: those of one plane, `step` apart.
  TX_INLINE int64_t cycle() const { return taps > 1 ? step / greatest_divisor(magnitude(shift_step), step) : 1; }
  TX_INLINE int64_t planes() const { return at_most(taps, cycle()); }
  TX_INLINE int64_t first_of_plane(int64_t plane) const { return lowest() + reach(plane) % step; }
  TX_INLINE int64_t plane_of(int64_t t) const { return t % cycle(); }
  TX_INLINE int64_t place_in_plane(int64_t t) const { return reach(t) / step; }
  TX_INLINE int64_t border() const {
    return (taps - 1) * magnitude(shift_step) / step;
  }  // elements beyond the outputs'
};

// Output o of a convolution.
TX_INLINE Axis forward_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
  return {in, out, stride, kernel, 0, 1, -pad, dilation, 0, 1};
}

// The gradient at inputs phase, phase + stride, ...: a convolution of the output's gradient with every so many-th tap.
// `in` and `out` are the convolution's.
TX_INLINE Axis gradient_axis(int64_t in, int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation,
                             int64_t phase) {
  const int64_t divisor = greatest_divisor(stride, dilation), cycle = stride / divisor;
  int64_t first = 0;
  while (first < at_most(cycle, kernel) && (phase + pad - first * dilation) % stride != 0) first++;
  const bool meets = first < at_most(cycle, kernel);
  return {out,
          phase < in ? divide_up(in - phase, stride) : 0,
          1,
          meets ? divide_up(kernel - first, cycle) : 0,
          first,
          cycle,
          meets ? (phase + pad - first * dilation) / stride : 0,
          -(dilation / divisor),
          phase,
          stride};
}

// Where a copy keeps what: the same for every part of an image, the last ones are only not filled.
struct PlaneLayout {
  int64_t rows, pitch;                     // of one plane
  int64_t channel;                         // elements per channel

  template <class T>
  TX_INLINE static PlaneLayout of(const Axis& h, const Axis& w, int64_t rows, int64_t columns) {
    constexpr int64_t line = 64 / sizeof(T);
    PlaneLayout layout{rows + h.border(), columns + w.border(), 0};
    // An odd number of cache lines keeps the channels off one cache set.
    layout.channel = (divide_up(h.planes() * w.planes() * layout.rows * layout.pitch, line) | 1) * line;
    return layout;
  }
  TX_INLINE int64_t plane(const Axis& w, int64_t of_h, int64_t of_w) const {
    return (of_h * w.planes() + of_w) * rows * pitch;
  }
  TX_INLINE int64_t offset(const Axis& h, const Axis& w, int64_t channel_index, int64_t tap_h, int64_t tap_w) const {
    return channel_index * channel + plane(w, h.plane_of(tap_h), w.plane_of(tap_w)) + h.place_in_plane(tap_h) * pitch +
           w.place_in_plane(tap_w);
  }
  // Whole registers may be read from the last element on.
  template <class T> TX_INLINE int64_t size(int64_t channels) const { return channels * channel + Vec<T>::size; }
};

// A part of the outputs: the largest whose planes stay in the second-level cache.
struct Part {
  int64_t rows, columns;
};

template <class T>
TX_INLINE Part part_in_cache(const Axis& h, const Axis& w, int64_t channels) {
  constexpr int64_t elements = (256 << 10) / sizeof(T), few = 4 * Vec<T>::size;
  const int64_t most = elements / (at_least(1, channels) * h.planes() * w.planes());
  const int64_t rows = most / (w.out + w.border()) - h.border();
  if (rows >= 1) return {divide_up(h.out, divide_up(h.out, at_most(rows, h.out))), w.out};
  return {1, at_most(w.out, round_up(at_least(1, most / (1 + h.border()) - w.border()), few))};
}

template <class T>
TX_INLINE void clear(T* to, int64_t n) {
  for (int64_t i = 0; i < n; i += Vec<T>::size) store_first(to + i, Vec<T>(0), n - i);
}

// n elements, `step` apart.
template <class T, int... lane>
TX_INLINE void copy_elements(T* to, const T* from, int64_t n, int64_t step, std::integer_sequence<int, lane...>) {
  constexpr int64_t lanes = Vec<T>::size;
  int64_t i = 0;
  if (step == 1) {
    for (; i < n; i += lanes) store_first(to + i, load_first(from + i, n - i), n - i);
    return;
  }
  if (step == 2)
    for (; i + lanes < n; i += lanes)
      store<T>(to + i, shuffle<2 * lane...>(load<T>(from + 2 * i), load<T>(from + 2 * i + lanes)));
  for (; i < n; i++) to[i] = from[i * step];
}

// Elements first, first + step, ... of a row of `size`; 0 outside of it. null: all 0.
template <class T>
TX_INLINE void copy_row(T* to, const T* row, int64_t size, int64_t first, int64_t step, int64_t n) {
  int64_t begin = 0, end = 0;                              // those inside
  if (row && first < size) {
    begin = first < 0 ? at_most(divide_up(-first, step), n) : 0;
    end = at_least(begin, at_most(n, first + (n - 1) * step < size ? n : (size - 1 - first) / step + 1));
  }
  clear(to, begin);
  if (begin < end)
    copy_elements(to + begin, row + first + begin * step, end - begin, step,
                  std::make_integer_sequence<int, Vec<T>::size>{});
  clear(to + end, n - end);
}

// What outputs [row, row + rows) x [column, column + columns) read of some channels of x.
template <class T>
void copy_planes(T* to, const PlaneLayout& layout, const Axis& h, const Axis& w, const T* x, int64_t channels,
                 int64_t row, int64_t rows, int64_t column, int64_t columns) {
  const int64_t planes_h = h.planes(), planes_w = w.planes(), height = rows + h.border(), width = columns + w.border();
  const int64_t used = planes_h * planes_w * layout.rows * layout.pitch;
  for (int64_t c = 0; c < channels; c++, x += h.in * w.in, to += layout.channel) {
    for (int64_t i = 0; i < planes_h; i++)
      for (int64_t j = 0; j < planes_w; j++) {
        T* plane = to + layout.plane(w, i, j);
        int64_t from = h.first_of_plane(i) + row * h.step;
        const int64_t first = w.first_of_plane(j) + column * w.step;
        for (int64_t y = 0; y < height; y++, from += h.step, plane += layout.pitch)
          copy_row(plane, from >= 0 && from < h.in ? x + from * w.in : nullptr, w.in, first, w.step, width);
      }
    clear(to + used, layout.channel - used);
  }
  clear(to, Vec<T>::size);
}

}  // namespace tx::TX_ISA
