// The matrix product: how the work is cut up, and which operands are packed. Compiled once per instruction set.
#include "../kernels/matmul.h"

#include "../nditer.h"
#include "matmul_vector.h"
#include "scratch.h"

namespace tx::TX_ISA {

void copy(const NdIter<2>&);
void add(const NdIter<3>&);
void relu(const NdIter<2>&);
void gelu(const NdIter<2>&);
void gelu_tanh(const NdIter<2>&);
void silu(const NdIter<2>&);
void sigmoid(const NdIter<2>&);
void tanh(const NdIter<2>&);

namespace {

// ---- Whole matrices, by the elementwise kernels --------------------------------------------------------------------

struct Strided {
  char* data;
  int64_t batch, row, col;
};       // in elements

template <int N>
NdIter<N> iterate(DType dtype, int64_t batch, int64_t m, int64_t n, const Strided (&operands)[N]) {
  NdIter<N> it;
  it.compute = compute_dtype(dtype);
  int64_t steps[3][N];
  for (int k = 0; k < N; k++) {
    it.dtype[k] = dtype;
    it.data[k] = operands[k].data;
    steps[0][k] = operands[k].batch * itemsize(dtype);
    steps[1][k] = operands[k].row * itemsize(dtype);
    steps[2][k] = operands[k].col * itemsize(dtype);
  }
  it.push(batch, steps[0]);
  it.push(m, steps[1]);
  it.push(n, steps[2]);
  return it;
}

void activate(Activation activation, const NdIter<2>& it) {
  switch (activation) {
    case Activation::None: return;
    case Activation::Relu: return relu(it);
    case Activation::Gelu: return gelu(it);
    case Activation::GeluTanh: return gelu_tanh(it);
    case Activation::Silu: return silu(it);
    case Activation::Sigmoid: return sigmoid(it);
    case Activation::Tanh: return tanh(it);
  }
}

// ---- A matrix by a few vectors -------------------------------------------------------------------------------------

Output output_of(const MatmulArgs& x) { return {x.c, x.dtype, x.c_row, x.bias, x.bias_row, x.accumulate}; }

// Which operand, if any, is taken as a few vectors: decided by the shape alone, as the order of the sums depends on it.
enum class Thin { None, A, B };
Thin thin(const MatmulArgs& x) {
  const int64_t most = x.k < 64 ? 1 : kMaxVectors;
  if (x.n <= most && x.n <= x.m) return Thin::B;
  return x.m <= most ? Thin::A : Thin::None;
}

void multiply_by_vectors(const MatmulArgs& x, Thin operand) {
  MatrixVectors v{.batch = x.batch, .k = x.k, .c = output_of(x), .c_batch = x.c_batch};
  Strided from;  // the vectors, each a row
  if (operand == Thin::B) {
    v.rows = x.m;
    v.vectors = x.n;
    v.matrix = {x.a, x.dtype, x.a_row, x.a_col};
    v.matrix_batch = x.a_batch;
    v.transposed = false;
    from = {(char*)x.b, x.b_batch, x.b_col, x.b_row};
  } else {
    v.rows = x.n;
    v.vectors = x.m;
    v.matrix = {x.b, x.dtype, x.b_col, x.b_row};
    v.matrix_batch = x.b_batch;
    v.transposed = true;
    from = {(char*)x.a, x.a_batch, x.a_row, x.a_col};
  }
  const DType sum = sum_dtype(x.dtype);
  v.x = from.data;
  v.x_batch = from.batch;
  v.x_step = from.row;
  if (x.dtype == sum && (from.col == 1 || x.k == 1)) return multiply_vectors(v);
  Workspace room(x.batch * v.vectors * x.k * itemsize(sum));
  NdIter<2> it = iterate<2>(x.dtype, x.batch, v.vectors, x.k, {{room.as<char>(), v.vectors * x.k, x.k, 1}, from});
  it.dtype[0] = it.compute = sum;
  for (int d = 0; d < it.ndim; d++) it.strides[0][d] = it.strides[0][d] / itemsize(x.dtype) * itemsize(sum);
  copy(it);
  v.x = room.as<char>();
  v.x_step = x.k;
  v.x_batch = v.vectors * x.k;
  multiply_vectors(v);
}

// ---- A matrix by a matrix ------------------------------------------------------------------------------------------

// How C is cut into the rectangles that threads take. No sum depends on it, so it may follow the number of threads.
struct Grid {
  int64_t rows, columns;  // of a rectangle; the columns are whole strips
  int64_t down, across;  // rectangles per matrix
  int64_t grain;  // rectangles per chunk
};

// Cutting the rows costs little, because B is then packed once for all; cutting the columns repeats what is done to A.
// Both cost more the smaller the pieces are: a strip of B is fetched for every piece of rows, and a row of A for every
// piece of columns.
template <class T>
Grid cut(const MatmulArgs& x, int64_t least_columns) {
  constexpr int64_t kChunkWork = 1 << 19;  // multiply-adds that are worth a thread
  constexpr int64_t kTall = 256, kLow = 64;
  Grid g{at_most(x.m, 2048), column_piece<T>(x.n), 0, 0, 1};
  const double work = double(x.m) * double(x.n) * double(x.k + 1);
  const double worth = work * double(x.batch) / kChunkWork, threads = num_threads();
  const double wanted = threads == 1 ? 1 : worth < 4 * threads ? worth : 4 * threads;
  for (;;) {
    g.down = divide_up(x.m, g.rows);
    g.across = divide_up(x.n, g.columns);
    if (double(x.batch) * double(g.down * g.across) >= wanted) break;
    const bool by_rows = g.rows > kTall || (g.columns <= least_columns && g.rows > kLow) ||
                         (g.columns <= kStrip<T> && g.rows > kTileRows<T>);
    if (by_rows) g.rows = divide_up(x.m, 2 * g.down);
    else if (g.columns > kStrip<T>) g.columns = round_up(divide_up(g.columns, 2), kStrip<T>);
    else break;
  }
  const double one = work / double(g.down * g.across);
  if (one < kChunkWork) g.grain = int64_t(kChunkWork / one) + 1;
  return g;
}

template <class T>
struct Product {
  const MatmulArgs& x;
  const Matrix a, b;
  const Output out;
  bool pack_whole_a, pack_whole_b, share_b;  // share_b: packed beforehand, by all threads together, for all
  Grid grid;
  int64_t a_size, b_size, sums;  // scratch of one rectangle, in elements

  static constexpr int64_t kMaxShared = 256 << 20;  // bytes; a larger B is packed piece by piece

  // Rows a power of two of bytes apart meet in a few cache sets: more than a handful of them do not stay there.
  static bool collide(int64_t step, int64_t bytes) { return step * int64_t(sizeof(T)) % bytes == 0; }

  explicit Product(const MatmulArgs& args)
      : x(args), a{x.a, x.dtype, x.a_row, x.a_col}, b{x.b, x.dtype, x.b_row, x.b_col}, out(output_of(x)) {
    // Packing costs a pass over the operand; it pays when the operand is read often enough.
    constexpr int64_t kOften = 256, kNarrow = 128;
    const bool slow_a = a.col != 1 || collide(a.row, 4096);
    pack_whole_a = !a.is<T>() || (slow_a && x.n > kOften);
    grid = cut<T>(x, pack_whole_a ? kMaxColumns : kNarrow);
    if (a.is<T>() && grid.columns <= kOften) pack_whole_a = false;
    pack_whole_b = !b.is<T>() || b.col != 1 || x.m > (collide(b.row, 2048) ? kTileRows<T> : 64);
    share_b = pack_whole_b && grid.down > 1 && (x.batch == 1 || x.b_batch == 0) &&
              packed_b_size<T>(x.k, x.n) * int64_t(sizeof(T)) <= kMaxShared;
    const int64_t depth = max_depth<T>(x.k);
    a_size = pack_whole_a ? round_up(packed_a_size<T>(at_most(grid.rows, kMaxRows<T>), depth), 64) : 0;
    b_size = share_b ? 0 : round_up(packed_b_size<T>(depth, pack_whole_b ? grid.columns : kStrip<T>), 64);
    sums = 0;
    for (int64_t n : {grid.columns, x.n - (grid.across - 1) * grid.columns}) {
      const int64_t size = sums_size<T>(out, grid.rows, n, x.k);
      if (size > sums) sums = size;
    }
  }

  TilesOfA<T> tiles_of(const Matrix& rows_of_a, int64_t rows, int64_t height, int64_t depth, T* room) const {
    if (pack_whole_a) return pack_a(room, rows, height, depth, rows_of_a);
    return {(const T*)rows_of_a.data, height * a.row, a.row, a.col};
  }

  // An operand that is read in place still needs a copy of a last strip that is narrower than the others.
  StripsOfB<T> strips_of(const Matrix& columns_of_b, int64_t columns, int64_t depth, T* room) const {
    if (pack_whole_b) return pack_b(room, depth, columns, columns_of_b);
    const int64_t last = (divide_up(columns, kStrip<T>) - 1) * kStrip<T>;
    const T* data = (const T*)columns_of_b.data;
    if ((columns - last) % Vec<T>::size == 0) return {data, kStrip<T>, b.row, data + last, b.row};
    pack_b(room, depth, columns - last, columns_of_b.from(0, last));
    return {data, kStrip<T>, b.row, room, kStrip<T>};
  }

  // B packed for all rectangles: the strips of one depth block after those of another.
  T* shared_strips(T* shared, int64_t column, int64_t begin, int64_t depth) const {
    return shared + begin * round_up(x.n, kStrip<T>) + column * depth;
  }

  void pack_shared_b(T* shared) const {
    constexpr int64_t kColumns = 128;  // per chunk
    const int64_t blocks = depth_blocks<T>(x.k), across = divide_up(x.n, kColumns);
    parallel_for(blocks * across, 1, [&](int64_t first, int64_t end) {
      for (int64_t i = first; i < end; i++) {
        const int64_t begin = block_begin<T>(x.k, i / across), depth = block_begin<T>(x.k, i / across + 1) - begin;
        const int64_t column = i % across * kColumns;
        pack_b(shared_strips(shared, column, begin, depth), depth, at_most(kColumns, x.n - column),
               b.from(begin, column));
      }
    });
  }

  void multiply_rectangle(int64_t index, T* room, T* shared) const {
    const int64_t per_batch = grid.down * grid.across, batch = per_batch == 1 ? index : index / per_batch,
                  place = index - batch * per_batch;
    const int64_t row = place / grid.across * grid.rows, column = place % grid.across * grid.columns;
    const int64_t rows = at_most(grid.rows, x.m - row), columns = at_most(grid.columns, x.n - column);
    const Matrix a_here = a.shifted(batch * x.a_batch).from(row, 0),
                 b_here = b.shifted(batch * x.b_batch).from(0, column);
    Output c = out;
    c.c += batch * x.c_batch * itemsize(x.dtype);
    c = c.from(row, column);
    T *room_b = room + a_size, *room_sums = room_b + b_size;
    multiply_block<T>(
        c, rows, columns, x.k,
        [&](int64_t i, int64_t n, int64_t height, int64_t begin, int64_t depth) {
          return tiles_of(a_here.from(i, begin), n, height, depth, room);
        },
        [&](int64_t j, int64_t n, int64_t begin, int64_t depth) {
          return share_b ? packed_strips(shared_strips(shared, column + j, begin, depth), depth, n)
                         : strips_of(b_here.from(begin, j), n, depth, room_b);
        },
        room_sums);
    if (x.activation != Activation::None)
      activate(x.activation, iterate<2>(x.dtype, 1, rows, columns, {{c.c, 0, x.c_row, 1}, {c.c, 0, x.c_row, 1}}));
  }

  void run() const {
    const int64_t rectangles = x.batch * grid.down * grid.across;
    Scratch scratch(divide_up(rectangles, grid.grain), (a_size + b_size + sums) * int64_t(sizeof(T)));
    Workspace shared(share_b ? packed_b_size<T>(x.k, x.n) * int64_t(sizeof(T)) : 0);
    if (share_b) pack_shared_b(shared.as<T>());
    parallel_for(rectangles, grid.grain, [&](int64_t begin, int64_t end) {
      scratch.with_piece([&](char* room) {
        for (int64_t i = begin; i < end; i++) multiply_rectangle(i, (T*)room, shared.as<T>());
      });
    });
  }
};

// ---- Every case brought to one of the two ------------------------------------------------------------------------

void multiply(const MatmulArgs& x);

// c += act(a b + bias): through a matrix of its own.
void multiply_and_accumulate(const MatmulArgs& x) {
  Workspace room(x.batch * x.m * x.n * itemsize(x.dtype));
  MatmulArgs y = x;
  y.c = room.as<char>();
  y.c_batch = x.m * x.n;
  y.c_row = x.n;
  y.accumulate = false;
  multiply(y);
  const Strided c{x.c, x.c_batch, x.c_row, 1};
  add(iterate<3>(x.dtype, x.batch, x.m, x.n, {c, c, {y.c, y.c_batch, y.c_row, 1}}));
}

void multiply_contiguous_a(const MatmulArgs& x) {
  const int64_t batch = x.a_batch == 0 ? 1 : x.batch;
  Workspace room(batch * x.m * x.k * itemsize(x.dtype));
  MatmulArgs y = x;
  y.a = room.as<char>();
  y.a_batch = batch == 1 ? 0 : x.m * x.k;
  y.a_row = x.k;
  y.a_col = 1;
  copy(iterate<2>(x.dtype, batch, x.m, x.k,
                  {{room.as<char>(), y.a_batch, y.a_row, 1}, {(char*)x.a, x.a_batch, x.a_row, x.a_col}}));
  multiply(y);
}

void multiply_contiguous_b(const MatmulArgs& x) {
  const int64_t batch = x.b_batch == 0 ? 1 : x.batch;
  const bool columns = thin(x) != Thin::None;  // a product with vectors reads columns of b
  Workspace room(batch * x.k * x.n * itemsize(x.dtype));
  MatmulArgs y = x;
  y.b = room.as<char>();
  y.b_batch = batch == 1 ? 0 : x.k * x.n;
  y.b_row = columns ? 1 : x.n;
  y.b_col = columns ? x.k : 1;
  copy(iterate<2>(x.dtype, batch, x.k, x.n,
                  {{room.as<char>(), y.b_batch, y.b_row, y.b_col}, {(char*)x.b, x.b_batch, x.b_row, x.b_col}}));
  multiply(y);
}

void multiply(const MatmulArgs& given) {
  MatmulArgs x = given;
  if (x.batch > 1 && x.m > kMaxVectors && x.n > kMaxVectors && x.b_batch == 0 && x.a_batch == x.m * x.a_row &&
      x.c_batch == x.m * x.c_row && (!x.bias || x.bias_row == 0)) {
    x.m *= x.batch;  // the same b for every batch: one tall product
    x.batch = 1;
  }
  // The stride of a dimension of size 1 is never used: give it the value that suits.
  if (x.k == 1) {
    x.a_col = 1;
    if (x.b_col != 1) x.b_row = 1;
  }
  if (x.m == 1 && x.n == 1) x.c_row = 1;
  if (x.accumulate && x.activation != Activation::None) return multiply_and_accumulate(x);
  const Thin operand = thin(x);
  const bool a_unit = x.a_col == 1 || (x.a_row == 1 && (operand != Thin::B || x.m >= kFewRows));
  const bool b_unit = x.b_row == 1 || (x.b_col == 1 && (operand != Thin::A || x.n >= kFewRows));
  if (!a_unit && operand != Thin::A) return multiply_contiguous_a(x);
  if (!b_unit && operand != Thin::B) return multiply_contiguous_b(x);
  if (operand != Thin::None) {
    multiply_by_vectors(x, operand);
    const Strided c{x.c, x.c_batch, x.c_row, 1};
    return activate(x.activation, iterate<2>(x.dtype, x.batch, x.m, x.n, {c, c}));
  }
  switch (sum_dtype(x.dtype)) {
    case DType::Float32: return Product<float>(x).run();
    case DType::Float64: return Product<double>(x).run();
    case DType::Int64: return Product<int64_t>(x).run();
    default: return Product<int32_t>(x).run();
  }
}

}  // namespace

void matmul(const MatmulArgs& x) {
  if (x.batch > 0 && x.m > 0 && x.n > 0) multiply(x);
}

}  // namespace tx::TX_ISA
