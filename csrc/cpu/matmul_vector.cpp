// The product of a matrix and a few vectors: bound by reading the matrix once, so nothing is packed. A sum is kept in
// several lanes, lane l adding up the products at p = l, l + lanes, ... in order, and the lanes are added as a tree at
// the end of each depth block. Matrices with contiguous rows and with contiguous columns keep to the same order.
#include "matmul_vector.h"

#include "scratch.h"

namespace tx::TX_ISA {
namespace {

constexpr int64_t kMaxSums = 512;                            // rows times vectors, per chunk
constexpr int64_t kChunkWork = 1 << 16;                      // elements of the matrix per chunk, about

// Columns between two additions of the lanes. Conversion needs room on the stack.
constexpr int64_t kDepth = 4096, kConvertedDepth = 512;

template <class T> using Sums = T[kMaxVectors][kMaxSums];    // [vector][row]

// The vectors, and the length of the piece of them that is at hand.
template <class T>
struct Vectors {
  const T* data;
  int64_t step, k;
};

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

// ---- Contiguous rows -----------------------------------------------------------------------------------------------

// sums[v][i] += row i of the matrix times vector v, for a few rows; each sum in several registers.
template <class T, int rows, int vectors, int registers>
TX_INLINE void dot_rows(Sums<T>& sums, int64_t first, const T* matrix, int64_t row, const Vectors<T>& x) {
  constexpr int lanes = Vec<T>::size;
  Vec<T> sum[rows][vectors][registers];
  TX_UNROLL
  for (int i = 0; i < rows; i++) {
    TX_UNROLL
    for (int v = 0; v < vectors; v++) {
      TX_UNROLL
      for (int j = 0; j < registers; j++) sum[i][v][j] = Vec<T>(0);
    }
  }
  const auto add = [&](int64_t p, int j, auto load_at) __attribute__((always_inline)) {
    Vec<T> value[vectors];
    TX_UNROLL
    for (int v = 0; v < vectors; v++) value[v] = load_at(x.data + v * x.step + p);
    TX_UNROLL
    for (int i = 0; i < rows; i++) {
      const Vec<T> element = load_at(matrix + i * row + p);
      TX_UNROLL
      for (int v = 0; v < vectors; v++) sum[i][v][j] = fma(element, value[v], sum[i][v][j]);
    }
  };
  int64_t p = 0;
  for (; p + lanes * registers <= x.k; p += lanes * registers) {
    TX_UNROLL
    for (int j = 0; j < registers; j++)
      add(p + j * lanes, j, [](const T* at) __attribute__((always_inline)) { return load<T>(at); });
  }
  TX_UNROLL
  for (int j = 0; j < registers; j++) {
    const int64_t left = x.k - p - j * lanes;
    if (left > 0)
      add(p + j * lanes, j, [left](const T* at) __attribute__((always_inline)) { return load_first(at, left); });
  }
  TX_UNROLL
  for (int i = 0; i < rows; i++) {
    TX_UNROLL
    for (int v = 0; v < vectors; v++) {
      for (int step = registers / 2; step > 0; step /= 2)
        for (int j = 0; j < step; j++) sum[i][v][j] = sum[i][v][j] + sum[i][v][j + step];
      add_to(sums[v][first + i], sum_lanes(sum[i][v][0]));
    }
  }
}

template <class T, int vectors>
void add_dots(Sums<T>& sums, int64_t first, const T* matrix, int64_t row, int64_t rows, const Vectors<T>& x, bool few) {
  constexpr int group = vectors == 1 ? 8 : 4;
  int64_t i = 0;
  if (few) {
    for (; i < rows; i++) dot_rows<T, 1, vectors, 4>(sums, first + i, matrix + i * row, row, x);
    return;
  }
  for (; i + group <= rows; i += group) dot_rows<T, group, vectors, 1>(sums, first + i, matrix + i * row, row, x);
  for (; i < rows; i++) dot_rows<T, 1, vectors, 1>(sums, first + i, matrix + i * row, row, x);
}

// Contiguous rows of another type are converted into a buffer first.
template <class T, int vectors>
void add_converted_dots(Sums<T>& sums, const Matrix& matrix, int64_t rows, const Vectors<T>& x, bool few) {
  alignas(64) T buffer[8][kConvertedDepth];
  for (int64_t i = 0; i < rows; i += 8) {
    const int64_t n = at_most(8, rows - i);
    for (int64_t j = 0; j < n; j++) run_of(matrix.from(i + j, 0), x.k, buffer[j]);
    add_dots<T, vectors>(sums, i, buffer[0], kConvertedDepth, n, x, few);
  }
}

// ---- Contiguous columns --------------------------------------------------------------------------------------------

// The lanes of a sum are rows of `lane_sums`, and registers run along the rows of the matrix. Up to four columns of one
// lane at a time spare loads and stores of the lane's sums.
template <class T, int vectors>
TX_INLINE void add_columns(T* const* lane_sums, const T* const* column, const T (*x)[vectors], int count,
                           int64_t rows) {
  for (int64_t i = 0; i < rows; i += Vec<T>::size) {
    Vec<T> sum[vectors];
    TX_UNROLL
    for (int v = 0; v < vectors; v++) sum[v] = load<T>(lane_sums[v] + i);
    for (int j = 0; j < count; j++) {
      const Vec<T> element = load_first(column[j] + i, rows - i);
      TX_UNROLL
      for (int v = 0; v < vectors; v++) sum[v] = fma(element, Vec<T>(x[j][v]), sum[v]);
    }
    TX_UNROLL
    for (int v = 0; v < vectors; v++) store<T>(lane_sums[v] + i, sum[v]);
  }
}

template <class T, int vectors>
void add_by_columns(Sums<T>& sums, const Matrix& matrix, int64_t rows, const Vectors<T>& x) {
  constexpr int lanes = Vec<T>::size;
  constexpr int64_t space = kMaxSums / vectors / 64 * 64;
  alignas(64) T lane_sums[vectors][lanes][space], converted[4][space];
  TX_UNROLL
  for (int v = 0; v < vectors; v++)
    for (int lane = 0; lane < lanes; lane++)
      for (int64_t i = 0; i < rows; i += lanes) store<T>(&lane_sums[v][lane][i], Vec<T>(0));
  for (int64_t p = 0; p < x.k; p += 4 * lanes)
    for (int lane = 0; lane < at_most(lanes, x.k - p); lane++) {
      const T* column[4];
      T factor[4][vectors], *at[vectors];
      int count = 0;
      for (int64_t q = p + lane; count < 4 && q < x.k; q += lanes, count++) {
        column[count] = run_of(matrix.from(0, q), rows, converted[count]);
        TX_UNROLL
        for (int v = 0; v < vectors; v++) factor[count][v] = x.data[v * x.step + q];
      }
      TX_UNROLL
      for (int v = 0; v < vectors; v++) at[v] = lane_sums[v][lane];
      if (count == 4) add_columns<T, vectors>(at, column, factor, 4, rows);
      else add_columns<T, vectors>(at, column, factor, count, rows);
    }
  TX_UNROLL
  for (int v = 0; v < vectors; v++) {
    for (int half = lanes / 2; half > 0; half /= 2)
      for (int lane = 0; lane < half; lane++)
        for (int64_t i = 0; i < rows; i += lanes)
          store<T>(&lane_sums[v][lane][i], load<T>(&lane_sums[v][lane][i]) + load<T>(&lane_sums[v][lane + half][i]));
    for (int64_t i = 0; i < rows; i++) add_to(sums[v][i], lane_sums[v][0][i]);
  }
}

// ---- The whole -----------------------------------------------------------------------------------------------------

template <class T>
void write_sums(const MatrixVectors& problem, const Output& c, const Sums<T>& sums, int64_t rows) {
  if (problem.transposed) return finish(c, sums[0], kMaxSums, problem.vectors, rows);
  T by_row[kMaxSums];
  for (int64_t i = 0; i < rows; i++)
    for (int64_t v = 0; v < problem.vectors; v++) by_row[i * problem.vectors + v] = sums[v][i];
  const bool dense = c.c_row == problem.vectors && (!c.bias || (problem.vectors == 1 && c.bias_row == 1));
  if (dense) finish(Output{c.c, c.dtype, 0, c.bias, 0, c.accumulate}, by_row, 0, 1, rows * problem.vectors);
  else finish(c, by_row, problem.vectors, rows, problem.vectors);
}

// Some rows of one matrix of the batch.
template <class T, int vectors>
void multiply_rows(const MatrixVectors& problem, int64_t batch, int64_t begin, int64_t rows) {
  alignas(64) Sums<T> sums;
  TX_UNROLL
  for (int v = 0; v < vectors; v++)
    for (int64_t i = 0; i < rows; i++) sums[v][i] = 0;
  const Matrix matrix = problem.matrix.shifted(batch * problem.matrix_batch).from(begin, 0);
  const bool few = problem.rows < kFewRows;
  const int64_t depth = matrix.is<T>() ? kDepth : kConvertedDepth;
  for (int64_t start = 0; start < problem.k; start += depth) {
    const Vectors<T> x{(const T*)problem.x + batch * problem.x_batch + start, problem.x_step,
                       at_most(depth, problem.k - start)};
    const Matrix here = matrix.from(0, start);
    if (matrix.col != 1) add_by_columns<T, vectors>(sums, here, rows, x);
    else if (matrix.is<T>()) add_dots<T, vectors>(sums, 0, (const T*)here.data, matrix.row, rows, x, few);
    else add_converted_dots<T, vectors>(sums, here, rows, x, few);
  }
  Output c = problem.c;
  c.c += batch * problem.c_batch * itemsize(c.dtype);
  write_sums(problem, problem.transposed ? c.from(0, begin) : c.from(begin, 0), sums, rows);
}

template <class T, int vectors>
void multiply(const MatrixVectors& problem) {
  // Short columns make short runs of memory.
  const int64_t most = kMaxSums / vectors / 64 * 64, wanted = round_up(kChunkWork / (problem.k + 1) + 1, 8),
                least = problem.matrix.col == 1 ? 8 : most;
  const int64_t rows = at_most(wanted > least ? wanted : least, most);
  const int64_t across = divide_up(problem.rows, rows),
                grain = kChunkWork / (at_most(rows, problem.rows) * (problem.k + 1)) + 1;
  parallel_for(problem.batch * across, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t row = i % across * rows;
      multiply_rows<T, vectors>(problem, i / across, row, at_most(rows, problem.rows - row));
    }
  });
}

template <class T>
void multiply_as(const MatrixVectors& problem) {
  switch (problem.vectors) {
    case 1: return multiply<T, 1>(problem);
    case 2: return multiply<T, 2>(problem);
    case 3: return multiply<T, 3>(problem);
    default: return multiply<T, 4>(problem);
  }
}

}  // namespace

void multiply_vectors(const MatrixVectors& problem) {
  switch (sum_dtype(problem.matrix.dtype)) {
    case DType::Float32: return multiply_as<float>(problem);
    case DType::Float64: return multiply_as<double>(problem);
    case DType::Int64: return multiply_as<int64_t>(problem);
    default: return multiply_as<int32_t>(problem);
  }
}

}  // namespace tx::TX_ISA
