// The matrix product: which operands are packed, how the work is cut up, and the types.
#include "allocator.h"
#include "matmul_block.h"
#include "parallel.h"

namespace tx::TX_ISA {
namespace {

// Strides in elements of one matrix product, and what its threads share.
template <class S>
struct Product {
  using T = SumType<S>;
  const MatmulArgs& x;
  bool copy_a, copy_b;
  int64_t block_rows, block_columns;       // of C, one chunk of work

  // A stride of whole pages puts a column on one cache set: such a matrix is copied if it is read more than once.
  static bool collides(int64_t stride, int64_t count) { return count > 8 && stride * int64_t(sizeof(S)) % 2048 == 0; }

  explicit Product(const MatmulArgs& x) : x(x) {
    const bool unit_a = x.a_col == 1 || x.a_row == 1;
    const int64_t other = x.a_col == 1 ? x.a_row : x.a_col;
    copy_a = !std::is_same_v<S, T> || !unit_a || (x.n > 128) || (collides(other, x.k) && x.n > 32);
    copy_b = !std::is_same_v<S, T> || x.b_col != 1 || x.m > 64 || (collides(x.b_row, x.k) && x.m > kTileRows<T>);
  }

  int64_t a_size() const { return copy_a ? packed_a_size<T>(block_rows < kRowsPerBlock<T> ? block_rows : kRowsPerBlock<T>, max_depth<T>(x.k)) : 0; }
  int64_t b_size() const {
    const int64_t columns = copy_b ? (block_columns < kColumnsPerBlock ? block_columns : kColumnsPerBlock) : 1;      // at least the last, narrow strip
    return (columns + kStrip<T> - 1) / kStrip<T> * kStrip<T> * max_depth<T>(x.k);
  }
};

template <class S>
void multiply(const MatmulArgs& x) {
  using T = SumType<S>;
  Product<S> p(x);
  p.block_rows = x.m < 2048 ? x.m : 2048;
  p.block_columns = x.n < 1024 ? x.n : 1024;
  const int threads = num_threads();
  if (threads > 1) {
    const double work = 2.0 * x.batch * x.m * x.n * x.k;
    int64_t wanted = int64_t(work / 2e6); if (wanted > 4 * threads) wanted = 4 * threads;
    while (x.batch * ((x.m + p.block_rows - 1) / p.block_rows) * ((x.n + p.block_columns - 1) / p.block_columns) < wanted) {
      if (p.block_rows >= p.block_columns && p.block_rows > kTileRows<T>) p.block_rows = (p.block_rows / 2 + kTileRows<T> - 1) / kTileRows<T> * kTileRows<T>;
      else if (p.block_columns > kStrip<T>) p.block_columns = (p.block_columns / 2 + kStrip<T> - 1) / kStrip<T> * kStrip<T>;
      else break;
    }
  }
  const int64_t down = (x.m + p.block_rows - 1) / p.block_rows, across = (x.n + p.block_columns - 1) / p.block_columns;
  const int64_t chunks = x.batch * down * across;
  Output<S> whole{(S*)x.c, x.c_row, (const S*)x.bias, x.bias_row, x.bias_col, x.accumulate, x.activation};
  const int64_t a_size = p.a_size(), b_size = p.b_size();
  const int64_t full = SumPlaces<S>(whole, p.block_rows, p.block_columns < kColumnsPerBlock ? p.block_columns : kColumnsPerBlock, x.k).size(), edge = SumPlaces<S>(whole, p.block_rows, (x.n - (across - 1) * p.block_columns) % kColumnsPerBlock, x.k).size();
  const int64_t sums_size = full > edge ? full : edge;
  const int64_t total = a_size + b_size + sums_size + 64;
  const int slots = threads;
  Workspace scratch(total * sizeof(T) * slots);
  char busy[256] = {};
  int64_t grain = 1;
  { double per = 2.0 * p.block_rows * p.block_columns * x.k; if (per < 1e6) grain = int64_t(1e6 / (per + 1)) + 1; }
  parallel_for(chunks, grain, [&](int64_t cb, int64_t ce) {
    int slot = 0;
    while (__atomic_exchange_n(&busy[slot], 1, __ATOMIC_ACQUIRE)) slot = (slot + 1) % slots;
    T* mine = scratch.as<T>() + slot * total;
    T *pa = mine, *pb = mine + (a_size + 15) / 16 * 16, *ps = pb + (b_size + 15) / 16 * 16;
    for (int64_t chunk = cb; chunk < ce; chunk++) {
      const int64_t batch = chunk / (down * across), tile = chunk % (down * across);
      const int64_t row0 = tile / across * p.block_rows, col0 = tile % across * p.block_columns;
      const int64_t rows = x.m - row0 < p.block_rows ? x.m - row0 : p.block_rows;
      const int64_t cols = x.n - col0 < p.block_columns ? x.n - col0 : p.block_columns;
      const S* a = (const S*)x.a + batch * x.a_batch + row0 * x.a_row;
      const S* b = (const S*)x.b + batch * x.b_batch + col0 * x.b_col;
      Output<S> out = whole;
      out.c += batch * x.c_batch + row0 * x.c_row + col0;
      if (out.bias) out.bias += row0 * x.bias_row + col0 * x.bias_col;
      multiply_block<S>(out, rows, cols, x.k,
        [&](int64_t row, int64_t n, int64_t height, int64_t begin, int64_t depth) -> TilesOfA<T> {
          const S* from = a + row * x.a_row + begin * x.a_col;
          if constexpr (std::is_same_v<S, T>) if (!p.copy_a) return {from, height * x.a_row, x.a_row, x.a_col};
          return pack_a<S>(pa, n, height, depth, from, x.a_row, x.a_col);
        },
        [&](int64_t col, int64_t wide, int64_t begin, int64_t depth) -> StripsOfB<T> {
          const S* from = b + begin * x.b_row + col * x.b_col;
          const int64_t strips = (wide + kStrip<T> - 1) / kStrip<T>, last = (strips - 1) * kStrip<T>;
          if constexpr (std::is_same_v<S, T>) if (!p.copy_b) {
            if (strips * kStrip<T> == wide) return {from, kStrip<T>, x.b_row, from + last, x.b_row};
            pack_strips<S>(pb, depth, wide - last, from + last, x.b_row, 1);
            return {from, kStrip<T>, x.b_row, pb, kStrip<T>};
          }
          pack_strips<S>(pb, depth, wide, from, x.b_row, x.b_col);
          return {pb, depth * kStrip<T>, kStrip<T>, pb + depth * last, kStrip<T>};
        }, ps);
    }
    __atomic_store_n(&busy[slot], 0, __ATOMIC_RELEASE);
  });
}

}  // namespace

void matmul(const MatmulArgs& x) {
  if (x.batch <= 0 || x.m <= 0 || x.n <= 0) return;
  switch (x.dtype) {
    case DType::Float32: return multiply<float>(x);
    case DType::Float64: return multiply<double>(x);
    case DType::Int8: case DType::UInt8: return multiply<uint8_t>(x);
    case DType::Int16: return multiply<uint16_t>(x);
    case DType::Int32: return multiply<uint32_t>(x);
    case DType::Int64: return multiply<uint64_t>(x);
    default: return;
  }
}

}  // namespace tx::TX_ISA
