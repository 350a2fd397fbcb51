// The product of a matrix and a vector: bound by reading the matrix once, so nothing is packed. A sum is kept in
// several lanes, lane l adding up the products at p = l, l + lanes, ... in order, and the lanes are added as a tree at
// the end of each depth block. Matrices with contiguous rows and with contiguous columns keep to the same order.
#include "matmul_vector.h"

#include "scratch.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kMaxRows = 256;                            // per chunk
constexpr int64_t kChunkWork = 1 << 16;                      // elements of the matrix per chunk, about

// Columns between two additions of the lanes. Conversion needs room on the stack.
constexpr int64_t kDepth = 4096, kConvertedDepth = 512;

template <class T, int half = Vec<T>::size / 2, int... lane>
TX_INLINE Vec<T> fold(Vec<T> x, std::integer_sequence<int, lane...> all) {
  x = x + shuffle<((lane + half) % Vec<T>::size)...>(x, x);
  if constexpr (half > 1) return fold<T, half / 2>(x, all);
  else return x;
}
template <class T> TX_INLINE T sum_lanes(Vec<T> x) {
  return fold<T>(x, std::make_integer_sequence<int, Vec<T>::size>{}).v[0];
}

template <class T> TX_INLINE void add_to(T& sum, T x) {
  if constexpr (std::is_integral_v<T>) sum = T(unsigned_of<T>(sum) + unsigned_of<T>(x));
  else sum += x;
}

// sums[i] += matrix (rows, k; contiguous) x, each sum in several registers.
template <class T, int rows, int registers>
TX_INLINE void dot_rows(T* sums, const T* matrix, int64_t row, const T* x, int64_t k) {
  constexpr int lanes = Vec<T>::size;
  Vec<T> sum[rows][registers];
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < registers; j++) sum[i][j] = Vec<T>(0);
  int64_t p = 0;
  for (; p + lanes * registers <= k; p += lanes * registers)
#pragma GCC unroll 4
    for (int j = 0; j < registers; j++) {
      const Vec<T> value = load<T>(x + p + j * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < rows; i++) sum[i][j] = fma(load<T>(matrix + i * row + p + j * lanes), value, sum[i][j]);
    }
#pragma GCC unroll 4
  for (int j = 0; j < registers; j++) {
    const int64_t left = k - p - j * lanes;
    if (left <= 0) break;
    const Vec<T> value = load_first(x + p + j * lanes, left);
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++)
      sum[i][j] = fma(load_first(matrix + i * row + p + j * lanes, left), value, sum[i][j]);
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
    for (int step = registers / 2; step > 0; step /= 2)
      for (int j = 0; j < step; j++) sum[i][j] = sum[i][j] + sum[i][j + step];
    add_to(sums[i], sum_lanes(sum[i][0]));
  }
}

template <class T>
void add_dots(T* sums, const T* matrix, int64_t row, int64_t rows, const T* x, int64_t k, bool few) {
  int64_t i = 0;
  if (few) {
    for (; i < rows; i++) dot_rows<T, 1, 4>(sums + i, matrix + i * row, row, x, k);
    return;
  }
  for (; i + 8 <= rows; i += 8) dot_rows<T, 8, 1>(sums + i, matrix + i * row, row, x, k);
  for (; i + 4 <= rows; i += 4) dot_rows<T, 4, 1>(sums + i, matrix + i * row, row, x, k);
  for (; i < rows; i++) dot_rows<T, 1, 1>(sums + i, matrix + i * row, row, x, k);
}

// Contiguous columns: the lanes of a sum are rows of `lane_sums`, and registers run along the rows of the matrix.
// Up to four columns of one lane at a time spare loads and stores of the lane's sums.
template <class T>
TX_INLINE void add_columns(T* lane_sums, const T* const* column, const T* x, int count, int64_t rows) {
  for (int64_t i = 0; i < rows; i += Vec<T>::size) {
    Vec<T> sum = load<T>(lane_sums + i);
    for (int j = 0; j < count; j++) sum = fma(load_first(column[j] + i, rows - i), Vec<T>(x[j]), sum);
    store<T>(lane_sums + i, sum);
  }
}

template <class T>
void add_by_columns(T* sums, const Matrix& matrix, int64_t rows, const T* x, int64_t k) {
  constexpr int lanes = Vec<T>::size;
  alignas(64) T lane_sums[lanes][kMaxRows], converted[4][kMaxRows];
  for (int lane = 0; lane < lanes; lane++)
    for (int64_t i = 0; i < rows; i += lanes) store<T>(&lane_sums[lane][i], Vec<T>(0));
  for (int64_t p = 0; p < k; p += 4 * lanes)
    for (int lane = 0; lane < at_most(lanes, k - p); lane++) {
      const T* column[4];
      T factor[4];
      int count = 0;
      for (int64_t q = p + lane; count < 4 && q < k; q += lanes, count++) {
        column[count] = run_of(matrix.from(0, q), rows, converted[count]);
        factor[count] = x[q];
      }
      if (count == 4) add_columns(lane_sums[lane], column, factor, 4, rows);
      else add_columns(lane_sums[lane], column, factor, count, rows);
    }
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++)
      for (int64_t i = 0; i < rows; i += lanes)
        store<T>(&lane_sums[lane][i], load<T>(&lane_sums[lane][i]) + load<T>(&lane_sums[lane + half][i]));
  for (int64_t i = 0; i < rows; i++) add_to(sums[i], lane_sums[0][i]);
}

// Contiguous rows of another type are converted into a buffer first.
template <class T>
void add_converted_dots(T* sums, const Matrix& matrix, int64_t rows, const T* x, int64_t k, bool few) {
  alignas(64) T buffer[8][kConvertedDepth];
  for (int64_t i = 0; i < rows; i += 8) {
    const int64_t n = at_most(8, rows - i);
    for (int64_t j = 0; j < n; j++) run_of(matrix.from(i + j, 0), k, buffer[j]);
    add_dots(sums + i, buffer[0], kConvertedDepth, n, x, k, few);
  }
}

// Some rows of one matrix of the problem.
template <class T>
void multiply_rows(const MatrixVector& problem, int64_t batch, int64_t begin, int64_t rows) {
  alignas(64) T sums[kMaxRows] = {};
  const Matrix matrix = problem.matrix.shifted(batch * problem.matrix_batch).from(begin, 0);
  const T* x = (const T*)problem.x + batch * problem.x_batch;
  const bool few = problem.rows < kFewRows;
  const int64_t depth = matrix.is<T>() ? kDepth : kConvertedDepth;
  for (int64_t start = 0; start < problem.k; start += depth) {
    const int64_t k = at_most(depth, problem.k - start);
    const Matrix here = matrix.from(0, start);
    if (matrix.col != 1) add_by_columns(sums, here, rows, x + start, k);
    else if (matrix.is<T>()) add_dots(sums, (const T*)here.data, matrix.row, rows, x + start, k, few);
    else add_converted_dots(sums, here, rows, x + start, k, few);
  }
  const Output& c = problem.c;
  const Output here = Output{c.c + batch * problem.c_batch * itemsize(c.dtype),
                             c.dtype,
                             c.c_row,
                             c.bias,
                             c.bias_row,
                             c.bias_col,
                             c.accumulate}
                          .from(begin, 0);
  if (c.c_row == 1) finish(Output{here.c, c.dtype, 0, here.bias, 0, c.bias_row, c.accumulate}, sums, 0, 1, rows);
  else finish(here, sums, 1, rows, 1);
}

template <class T>
void multiply(const MatrixVector& problem) {
  // Short columns make short runs of memory.
  const int64_t wanted = round_up(kChunkWork / (problem.k + 1) + 1, 8), least = problem.matrix.col == 1 ? 8 : 64;
  const int64_t rows = at_most(wanted > least ? wanted : least, kMaxRows);
  const int64_t across = divide_up(problem.rows, rows),
                grain = kChunkWork / (at_most(rows, problem.rows) * (problem.k + 1)) + 1;
  parallel_for(problem.batch * across, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t row = i % across * rows;
      multiply_rows<T>(problem, i / across, row, at_most(rows, problem.rows - row));
    }
  });
}

}  // namespace

void multiply_vector(const MatrixVector& problem) {
  switch (sum_dtype(problem.matrix.dtype)) {
    case DType::Float32: return multiply<float>(problem);
    case DType::Float64: return multiply<double>(problem);
    case DType::Int64: return multiply<int64_t>(problem);
    default: return multiply<int32_t>(problem);
  }
}

}  // namespace tx::TX_ISA
