// Copies from any strides and type to any, and where().
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

struct Identity {
  template <class V> TX_DEVICE V operator()(V x) const { return x; }
};

template <class T>
__global__ void __launch_bounds__(kThreads)
    strided_where(char* out, const char* condition, const char* a, const char* b, Numbers<T> numbers, Strided<4> it) {
  TX_FOR_EACH(i, it.numel) {
    int64_t offset[4];
    it.place(uint32_t(i), offset);
    const bool chosen = load_as<bool>(condition + offset[1], it.dtype[1]);
    const char* from = chosen ? a : b;
    const int k = chosen ? 2 : 3;
    const T x = from ? load_as<T>(from + offset[k], it.dtype[k]) : numbers.value[k - 1];
    store_as(out + offset[0], it.dtype[0], x);
  }
}

template <class T>
void where_of(const NdIter<4>& it) {
  if (it.empty) return;
  Numbers<T> numbers{};
  for (int k = 2; k < 4; k++)
    if (it.host >> k & 1) numbers.value[k - 1] = host_number<T>(it.data[k], it.dtype[k]);
  in_pieces(it, [&](const NdIter<4>& piece) {
    launch("where", strided_where<T>, {grid_for(piece.numel(), kThreads), kThreads}, piece.data[0], piece.data[1],
           piece.host >> 2 & 1 ? nullptr : piece.data[2], piece.host >> 3 & 1 ? nullptr : piece.data[3], numbers,
           strided(piece));
  });
}

}  // namespace

// The bits of equal types move as integers of their size.
void copy(const NdIter<2>& it) {
  NdIter<2> bits = it;
  if (it.dtype[0] == it.dtype[1]) {
    const int64_t size = itemsize(it.dtype[0]);
    bits.compute = bits.dtype[0] = bits.dtype[1] = size == 1   ? DType::UInt8
                                                   : size == 2 ? DType::Int16
                                                   : size == 4 ? DType::Int32
                                                               : DType::Int64;
  } else {
    bits.compute = compute_dtype(it.dtype[0]);
  }
  elementwise_of<Identity, All, 1, false>("copy", bits);
}

void where(const NdIter<4>& it) {
#define X(T) \
  if (it.compute == dtype_of<T>::value) return where_of<T>(it);
  // clang-format off
  X(bool) X(uint8_t) X(int8_t) X(int16_t) X(int32_t) X(int64_t) X(float) X(double)
  // clang-format on
#undef X
      unsupported("where", it.compute);
}

}  // namespace tx::cuda
