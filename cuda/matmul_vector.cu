// A matrix by a few vectors: bound by reading the matrix once.
#include "matmul.cuh"

namespace tx::cuda {

namespace {

constexpr int kRows = kThreads / kWarp;  // of a block whose warps take a row each

struct VectorProduct {
  int64_t rows, k, part, matrix_batch, row, column;  // matrix (rows, k)
  int64_t x_batch, x_step, x_element;                // vectors (count, k)
  int count;
  int slices;  // by_columns: threads that share a row. by_rows: kRows or 1 rows a block
  int64_t first_batch, to_row, to_vector, bias_row, bias_vector;
  Target to;
};

template <class S, class T>
TX_DEVICE void put(S* c, T* sums, const S* bias, const VectorProduct& p, int64_t row, int vector, T sum) {
  const int64_t at = (p.first_batch + blockIdx.z) * p.to.batch + row * p.to_row + vector * p.to_vector;
  if (sums) sums[blockIdx.y * p.to.split + at] = sum;
  else
    c[at] = finished(sum, bias ? bias + row * p.bias_row + vector * p.bias_vector : nullptr,
                     p.to.accumulate ? c + at : nullptr);
}

// A warp, or a whole block when rows are few, goes along a row. packed: rows and vectors may be read 16 bytes at a time.
template <class S, class T, int vectors, bool packed>
__global__ void __launch_bounds__(kThreads)
    by_rows(S* c, T* sums, const S* matrix, const S* x, const S* bias, VectorProduct p) {
  constexpr int count = packed ? kPack<S> : 1;
  using Elements = Pack<S, count>;
  TX_SHARED(T[kRows][vectors], part_sums);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const bool shares = p.slices == 1;
  const int lanes = shares ? kThreads : kWarp, first = shares ? threadIdx.x : lane;
  const int64_t batch = p.first_batch + blockIdx.z, row = int64_t(blockIdx.x) * p.slices + (shares ? 0 : warp);
  const int64_t begin = int64_t(blockIdx.y) * p.part, end = begin + p.part < p.k ? begin + p.part : p.k;
  T sum[vectors] = {};
  if (row < p.rows) {
    const S* const from = matrix + batch * p.matrix_batch + row * p.row;
    const S* vector[vectors];
    TX_UNROLL
    for (int v = 0; v < vectors; v++) vector[v] = x + batch * p.x_batch + (v < p.count ? v : 0) * p.x_step;
    int64_t rest = begin;
    if constexpr (packed) {
      rest = begin + (end - begin) / count * count;
      for (int64_t k = begin + first * count; k < rest; k += lanes * count) {
        const Elements element = *reinterpret_cast<const Elements*>(from + k);
        TX_UNROLL
        for (int v = 0; v < vectors; v++) {
          const Elements factor = *reinterpret_cast<const Elements*>(vector[v] + k);
          TX_UNROLL
          for (int j = 0; j < count; j++)
            sum[v] = multiply_add(convert<T>(element.value[j]), convert<T>(factor.value[j]), sum[v]);
        }
      }
    }
    for (int64_t k = rest + first; k < end; k += lanes) {
      const T element = convert<T>(from[k * p.column]);
      TX_UNROLL
      for (int v = 0; v < vectors; v++) sum[v] = multiply_add(element, convert<T>(vector[v][k * p.x_element]), sum[v]);
    }
  }
  TX_UNROLL
  for (int v = 0; v < vectors; v++) {
    TX_UNROLL
    for (int step = kWarp / 2; step > 0; step /= 2) sum[v] = sum[v] + __shfl_xor_sync(kAllLanes, sum[v], step);
  }
  if (shares) {
    if (lane == 0) {
      TX_UNROLL
      for (int v = 0; v < vectors; v++) part_sums[warp][v] = sum[v];
    }
    __syncthreads();
    TX_UNROLL
    for (int v = 0; v < vectors; v++) {
      sum[v] = part_sums[0][v];
      TX_UNROLL
      for (int i = 1; i < kRows; i++) sum[v] = sum[v] + part_sums[i][v];
    }
  }
  if (row < p.rows && first == 0) {
    TX_UNROLL
    for (int v = 0; v < vectors; v++)
      if (v < p.count) put(c, sums, bias, p, row, v, sum[v]);
  }
}

// A thread for each row, or `slices` of them that share its depth: for rows that lie beside one another, or are short.
template <class S, class T, int vectors>
__global__ void __launch_bounds__(kThreads)
    by_columns(S* c, T* sums, const S* matrix, const S* x, const S* bias, VectorProduct p) {
  TX_SHARED(T[vectors][kThreads], slice_sums);
  const int rows = kThreads / p.slices, place = threadIdx.x % rows, slice = threadIdx.x / rows;
  const int64_t batch = p.first_batch + blockIdx.z, row = int64_t(blockIdx.x) * rows + place;
  const int64_t begin = int64_t(blockIdx.y) * p.part, end = begin + p.part < p.k ? begin + p.part : p.k;
  T sum[vectors] = {};
  if (row < p.rows) {
    const S* const from = matrix + batch * p.matrix_batch + row * p.row;
    const S* vector[vectors];
    TX_UNROLL
    for (int v = 0; v < vectors; v++) vector[v] = x + batch * p.x_batch + (v < p.count ? v : 0) * p.x_step;
#pragma unroll 4
    for (int64_t k = begin + slice; k < end; k += p.slices) {
      const T element = convert<T>(from[k * p.column]);
      TX_UNROLL
      for (int v = 0; v < vectors; v++) sum[v] = multiply_add(element, convert<T>(vector[v][k * p.x_element]), sum[v]);
    }
  }
  TX_UNROLL
  for (int v = 0; v < vectors; v++) slice_sums[v][threadIdx.x] = sum[v];
  __syncthreads();
  if (slice == 0 && row < p.rows) {
    TX_UNROLL
    for (int v = 0; v < vectors; v++) {
      for (int i = 1; i < p.slices; i++) sum[v] = sum[v] + slice_sums[v][i * rows + place];
      if (v < p.count) put(c, sums, bias, p, row, v, sum[v]);
    }
  }
}

}  // namespace

template <class S>
void multiply_vectors(const MatmulArgs& x, bool vectors_in_a) {
  using T = sum_of<S>;
  constexpr int64_t kShort = 32, kLong = 2048;  // rows
  VectorProduct p{};
  p.k = x.k;
  const char *matrix = x.a, *vector = x.b;
  if (vectors_in_a) {
    matrix = x.b, vector = x.a;
    p.rows = x.n, p.count = int(x.m);
    p.matrix_batch = x.b_batch, p.row = x.b_col, p.column = x.b_row;
    p.x_batch = x.a_batch, p.x_step = x.a_row, p.x_element = x.a_col;
  } else {
    p.rows = x.m, p.count = int(x.n);
    p.matrix_batch = x.a_batch, p.row = x.a_row, p.column = x.a_col;
    p.x_batch = x.b_batch, p.x_step = x.b_col, p.x_element = x.b_row;
  }
  const int64_t busy = int64_t(properties(used_device()).multiProcessorCount) * 2048;  // threads
  const bool columns = x.k < kShort || (p.row == 1 && p.column != 1);
  int64_t rows_of_block = kRows;
  if (columns) {
    p.slices = x.k < kShort || p.rows * x.batch >= busy ? 1 : 8;
    rows_of_block = kThreads / p.slices;
  } else {
    p.slices = x.k >= kLong && p.rows * x.batch * kWarp < busy ? 1 : kRows;
    rows_of_block = p.slices;
  }
  const int64_t blocks = divide_up(p.rows, rows_of_block);
  const Split split(blocks * x.batch, x.k);
  p.part = split.depth;
  auto packs = [](const char* data, int64_t batch, int64_t step, int64_t unit) {
    return unit == 1 && step % kPack<S> == 0 && batch % kPack<S> == 0 && aligned(data, 16);
  };
  const bool packed = packs(matrix, p.matrix_batch, p.row, p.column) &&
                      packs(vector, p.x_batch, p.count == 1 ? 0 : p.x_step, p.x_element);
  with_target<S>(x, split.parts, [&](T* sums, const Target& to) {
    p.to = to;
    p.to_row = vectors_in_a ? 1 : to.row, p.to_vector = vectors_in_a ? to.row : 1;
    p.bias_row = vectors_in_a ? 1 : to.bias_row, p.bias_vector = vectors_in_a ? to.bias_row : 1;
    for_batches(x.batch, [&](int64_t first, int64_t count) {
      p.first_batch = first;
      auto run = [&](auto kernel) {
        launch("matmul", kernel, {dim3(unsigned(blocks), unsigned(split.parts), unsigned(count)), kThreads},
               reinterpret_cast<S*>(x.c), sums, reinterpret_cast<const S*>(matrix), reinterpret_cast<const S*>(vector),
               reinterpret_cast<const S*>(x.bias), p);
      };
      if (columns) return p.count == 1 ? run(by_columns<S, T, 1>) : run(by_columns<S, T, 4>);
      if constexpr (std::is_floating_point_v<S> || is_half_type<S>)
        if (packed) return p.count == 1 ? run(by_rows<S, T, 1, true>) : run(by_rows<S, T, 4, true>);
      p.count == 1 ? run(by_rows<S, T, 1, false>) : run(by_rows<S, T, 4, false>);
    });
  });
}
#define X(e, S, name) template void multiply_vectors<S>(const MatmulArgs&, bool);
TX_KERNEL_DTYPES(X)
#undef X

}  // namespace tx::cuda
