// Copies from any strides and type to any, and where().
#include "elementwise.cuh"

namespace tx::cuda {

namespace {

struct Identity {
  template <class V> TX_DEVICE V operator()(V x) const { return x; }
};

// ---- Copies that change the order of dimensions ----

constexpr int kTile = 32;

// out (..., rows, columns), columns dense; x has the rows dense. `rest`: the other dimensions.
struct Transposition {
  int64_t rows, columns, out_row, x_column;  // bytes from one row of out to the next, and from one column of x
  uint32_t down, across;  // tiles
  Strided<2> rest;
};

// Reads tiles along x and writes them along out, by way of shared memory. One tile a block; 8 rows of it at a time.
template <class T>
__global__ void __launch_bounds__(kThreads) transpose_tiles(char* out, const char* x, Transposition t) {
  TX_SHARED(T[kTile][kTile + 1], tile);  // (column, row); the odd width spreads a column over all banks
  const uint32_t above = blockIdx.x / t.across, batch = above / t.down;
  const int64_t row = int64_t(above - batch * t.down) * kTile, column = int64_t(blockIdx.x - above * t.across) * kTile;
  const int lane = int(threadIdx.x % kWarp), first = int(threadIdx.x / kWarp);
  int64_t offset[2];
  t.rest.place(batch, offset);
  TX_UNROLL
  for (int i = first; i < kTile; i += kThreads / kWarp)
    if (row + lane < t.rows && column + i < t.columns)
      tile[i][lane] = reinterpret_cast<const T*>(x + offset[1] + (column + i) * t.x_column)[row + lane];
  __syncthreads();
  TX_UNROLL
  for (int i = first; i < kTile; i += kThreads / kWarp)
    if (row + i < t.rows && column + lane < t.columns)
      reinterpret_cast<T*>(out + offset[0] + (row + i) * t.out_row)[column + lane] = tile[lane][i];
}

// Whether `it` is such a copy, and worth tiles.
template <class T>
bool try_transpose(const NdIter<2>& it) {
  const int last = it.ndim - 1;
  if (it.ndim < 2 || it.strides[0][last] != int64_t(sizeof(T)) || it.strides[1][last] == int64_t(sizeof(T)) || it.host)
    return false;
  int dense = -1;
  for (int d = 0; d < last; d++)
    if (it.strides[1][d] == int64_t(sizeof(T))) dense = d;
  if (dense < 0 || it.shape[dense] < kTile / 2 || it.shape[last] < kTile / 2) return false;
  in_pieces(it, [&](const NdIter<2>& piece) {
    NdIter<2> rest = piece;
    rest.ndim = 0;
    for (int d = 0; d < last; d++)
      if (d != dense) rest.push(piece.shape[d], {piece.strides[0][d], piece.strides[1][d]});
    Transposition t{piece.shape[dense], piece.shape[last], piece.strides[0][dense], piece.strides[1][last], 0, 0,
                    strided(rest)};
    t.down = uint32_t((t.rows + kTile - 1) / kTile);
    t.across = uint32_t((t.columns + kTile - 1) / kTile);
    launch("copy", transpose_tiles<T>, {t.down * t.across * t.rest.numel, kThreads}, piece.data[0],
           static_cast<const char*>(piece.data[1]), t);
  });
  return true;
}

template <class T>
__global__ void __launch_bounds__(kThreads)
    strided_where(char* out, const char* condition, const char* a, const char* b, Numbers<T> numbers, Strided<4> it) {
  TX_FOR_EACH(i, it.numel) {
    int64_t offset[4];
    it.place(uint32_t(i), offset);
    T x;
    if (load_as<bool>(condition + offset[1], it.dtype[1]))
      x = a ? load_as<T>(a + offset[2], it.dtype[2]) : numbers.value[1];
    else x = b ? load_as<T>(b + offset[3], it.dtype[3]) : numbers.value[2];
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
                                                   : size == 8 ? DType::Int64
                                                               : DType::Complex128;
    if (it.empty) return;
    if (size == 1   ? try_transpose<uint8_t>(bits)
        : size == 2 ? try_transpose<int16_t>(bits)
        : size == 4 ? try_transpose<int32_t>(bits)
        : size == 8 ? try_transpose<int64_t>(bits)
                    : try_transpose<Complex<double>>(bits))
      return;
  } else {
    bits.compute = compute_dtype(it.dtype[0]);
  }
  elementwise_of<Identity, All, 1, false, Light>("copy", bits);
}

void where(const NdIter<4>& it) {
#define X(T) \
  if (it.compute == dtype_of<T>::value) return where_of<T>(it);
  TX_COMPUTE_TYPES(X)
#undef X
  unsupported("where", it.compute);
}

}  // namespace tx::cuda
