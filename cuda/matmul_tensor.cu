// Products on tensor cores, of half types, and of float32 where it may be rounded to TF32. A block computes a tile of c; slices
// of a and b arrive in shared memory by asynchronous copies, some slices ahead, and stay as they lie in memory: what loads the
// fragments transposes.
#include "matmul.cuh"
#include "ptx.cuh"

namespace tx::cuda {

namespace {

constexpr int kStages = 3;
template <class S> constexpr int kCopy = 16 / sizeof(S);  // elements that are copied at once
template <class S> constexpr int kDepth = 64 / sizeof(S);  // of a slice
template <class S> constexpr int kStep = 32 / sizeof(S);  // of the fragments that one instruction multiplies

// An operand's rows are contiguous along the tile (along), or in depth.
struct TensorProduct {
  int64_t m, n, k, part;
  unsigned down, across;
  int64_t a_step, b_step;  // elements between contiguous rows
  int64_t a_batch, b_batch, first_batch;
  bool packed;  // c may be written 2 elements at a time
  Target to;
};

// A slice in shared memory: (depth, size) or (size, depth), padded so that the rows that a load reads spread over all banks.
template <class S, int size, bool along>
struct Slab {
  static constexpr int kRow = along ? size + 8 : kDepth<S> + kCopy<S>, kElements = (along ? kDepth<S> : size) * kRow;

  // Fetches a slice from `depth` on, zero outside `limit` and `end`. data: of the tile's first row or column.
  static TX_DEVICE void fetch(S* slab, const S* data, int64_t step, int64_t limit, int64_t depth, int64_t end) {
    constexpr int inner_copies = (along ? size : kDepth<S>) / kCopy<S>, threads = size * 2;
    TX_UNROLL
    for (int i = 0; i < 2; i++) {
      const int number = threadIdx.x + i * threads, outer = number / inner_copies,
                inner = number % inner_copies * kCopy<S>;
      const int64_t outer_left = along ? end - depth - outer : limit - outer,
                    inner_left = along ? limit - inner : end - depth - inner;
      const int64_t count = outer_left <= 0 || inner_left <= 0 ? 0 : inner_left < kCopy<S> ? inner_left : kCopy<S>;
      const int64_t at = along ? (depth + outer) * step + inner : outer * step + depth + inner;
      ptx::copy_16(slab + outer * kRow + inner, count ? data + at : data, unsigned(count * sizeof(S)));
    }
  }
  // A fragment of a, (16, kStep): rows from `wide` and depths from `depth` on.
  static TX_DEVICE void load_a(unsigned (&to)[4], const S* slab, int wide, int depth) {
    const int lane = threadIdx.x % kWarp;
    if constexpr (!along) {
      load_as_it_lies(to, slab + (wide + lane % 16) * kRow + depth + lane / 16 * kCopy<S>);
    } else if constexpr (sizeof(S) == 2) {
      ptx::load_matrices<true>(to, slab + (depth + lane / 16 * 8 + lane % 8) * kRow + wide + lane / 8 % 2 * 8);
    } else {
      TX_UNROLL
      for (int i = 0; i < 4; i++) to[i] = tf32(slab, wide + i % 2 * 8, depth + i / 2 * 4);
    }
  }
  // Two fragments of b, (kStep, 8), side by side.
  static TX_DEVICE void load_b(unsigned (&to)[4], const S* slab, int wide, int depth) {
    const int lane = threadIdx.x % kWarp;
    if constexpr (!along) {
      load_as_it_lies(to, slab + (wide + lane / 16 * 8 + lane % 8) * kRow + depth + lane / 8 % 2 * kCopy<S>);
    } else if constexpr (sizeof(S) == 2) {
      ptx::load_matrices<true>(to, slab + (depth + lane % 16) * kRow + wide + lane / 16 * 8);
    } else {
      TX_UNROLL
      for (int i = 0; i < 4; i++) to[i] = tf32(slab, wide + i / 2 * 8, depth + i % 2 * 4);
    }
  }

 private:
  static TX_DEVICE void load_as_it_lies(unsigned (&to)[4], const S* row) {
    ptx::load_matrices<false>(to, row);
    if constexpr (std::is_same_v<S, float>) {
      TX_UNROLL
      for (unsigned& x : to) x = ptx::rounded_to_tf32(x);
    }
  }
  // Matrix loads transpose elements of 16 bits only. Of (depth 4, wide 8), this lane's, as they would give it.
  static TX_DEVICE unsigned tf32(const S* slab, int wide, int depth) {
    const int lane = threadIdx.x % kWarp;
    return ptx::tf32_of(slab[(depth + lane % 4) * kRow + wide + lane / 4]);
  }
};

template <class S, int size, bool a_along, bool b_along>
constexpr int kStage = Slab<S, size, a_along>::kElements + Slab<S, size, b_along>::kElements;

// Two rows of warps; each computes size / 2 rows by 32 columns. Grid: tiles, parts of k, batch.
template <class S, int size, bool a_along, bool b_along>
__global__ void __launch_bounds__(size * 2, size == 128 ? 2 : 4)
    tensor_core_product(S* c, float* sums, const S* a, const S* b, const S* bias, TensorProduct p) {
  using A = Slab<S, size, a_along>;
  using B = Slab<S, size, b_along>;
  constexpr int stage = kStage<S, size, a_along, b_along>, rows = size / 32, columns = 4;  // fragments of c
  TX_DYNAMIC_SHARED(S, slabs);
  const int warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const int warp_row = warp / (size / 32) * (size / 2), warp_column = warp % (size / 32) * 32;
  const TilePlace place(blockIdx.x, p.down, p.across);
  const int64_t batch = p.first_batch + blockIdx.z, row = int64_t(place.row) * size,
                column = int64_t(place.column) * size;
  const int64_t begin = int64_t(blockIdx.y) * p.part, end = begin + p.part < p.k ? begin + p.part : p.k;
  const S* const from_a = a + batch * p.a_batch + row * (a_along ? 1 : p.a_step);
  const S* const from_b = b + batch * p.b_batch + column * (b_along ? 1 : p.b_step);
  const int slices = int((end - begin + kDepth<S> - 1) / kDepth<S>);
  auto fetch = [&](int i) {
    S* const slab = slabs + i % kStages * stage;
    const int64_t depth = begin + int64_t(i) * kDepth<S>;
    A::fetch(slab, from_a, p.a_step, p.m - row, depth, end);
    B::fetch(slab + A::kElements, from_b, p.b_step, p.n - column, depth, end);
  };
  TX_UNROLL
  for (int i = 0; i < kStages - 1; i++) {
    if (i < slices) fetch(i);
    ptx::end_group();
  }
  float sum[rows][columns][4] = {};
  for (int i = 0; i < slices; i++) {
    ptx::wait_groups<kStages - 2>();
    __syncthreads();  // slice i is there for all, and no warp reads the one before it any more
    if (i + kStages - 1 < slices) fetch(i + kStages - 1);
    ptx::end_group();
    const S *slab_a = slabs + i % kStages * stage, *slab_b = slab_a + A::kElements;
    TX_UNROLL
    for (int depth = 0; depth < kDepth<S>; depth += kStep<S>) {
      unsigned x[rows][4], y[columns / 2][4];
      TX_UNROLL
      for (int r = 0; r < rows; r++) A::load_a(x[r], slab_a, warp_row + r * 16, depth);
      TX_UNROLL
      for (int j = 0; j < columns / 2; j++) B::load_b(y[j], slab_b, warp_column + j * 16, depth);
      TX_UNROLL
      for (int r = 0; r < rows; r++) {
        TX_UNROLL
        for (int j = 0; j < columns; j++) {
          const unsigned half[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
          ptx::multiply<S>(sum[r][j], x[r], half);
        }
      }
    }
  }
  ptx::wait_groups<0>();
  TX_UNROLL
  for (int i = 0; i < rows * 2; i++) {
    const int64_t r = row + warp_row + i / 2 * 16 + i % 2 * 8 + lane / 4;
    TX_UNROLL
    for (int j = 0; j < columns; j++) {
      const int64_t first = column + warp_column + j * 8 + lane % 4 * 2, left = r < p.m ? p.n - first : 0,
                    at = batch * p.to.batch + r * p.to.row + first;
      const float x = sum[i / 2][j][i % 2 * 2], y = sum[i / 2][j][i % 2 * 2 + 1];
      if (sums) {
        float* const to = sums + blockIdx.y * p.to.split + at;
        if (left > 0) to[0] = x;
        if (left > 1) to[1] = y;
        continue;
      }
      auto result = [&](float sum, int i) {
        return finished(sum, bias ? bias + r * p.to.bias_row + first + i : nullptr,
                        p.to.accumulate ? c + at + i : nullptr);
      };
      if (p.packed && left > 1) {
        *reinterpret_cast<Pack<S, 2>*>(c + at) = {result(x, 0), result(y, 1)};
      } else {
        if (left > 0) c[at] = result(x, 0);
        if (left > 1) c[at + 1] = result(y, 1);
      }
    }
  }
}

template <class S, int size, bool a_along, bool b_along>
void multiply_on_tensor_cores(const MatmulArgs& x) {
  const int64_t down = divide_up(x.m, size), across = divide_up(x.n, size);
  const Split split(down * across * x.batch, x.k);
  TensorProduct p{x.m,
                  x.n,
                  x.k,
                  split.depth,
                  unsigned(down),
                  unsigned(across),
                  a_along ? x.a_col : x.a_row,
                  b_along ? x.b_row : x.b_col,
                  x.a_batch,
                  x.b_batch,
                  0,
                  false,
                  {}};
  p.packed = x.c_row % 2 == 0 && x.c_batch % 2 == 0 && aligned(x.c, 2 * sizeof(S));
  with_target<S>(x, split.parts, [&](float* sums, const Target& to) {
    p.to = to;
    for_batches(x.batch, [&](int64_t first, int64_t count) {
      p.first_batch = first;
      launch("matmul", tensor_core_product<S, size, a_along, b_along>,
             {dim3(unsigned(down * across), unsigned(split.parts), unsigned(count)), unsigned(size * 2),
              size_t(kStages * kStage<S, size, a_along, b_along>) * sizeof(S)},
             reinterpret_cast<S*>(x.c), sums, reinterpret_cast<const S*>(x.a), reinterpret_cast<const S*>(x.b),
             reinterpret_cast<const S*>(x.bias), p);
    });
  });
}

template <class S, bool a_along, bool b_along>
bool multiply_laid_out(const MatmulArgs& x) {
  const int64_t large = divide_up(x.m, 128) * divide_up(x.n, 128) * x.batch;
  if (x.m > 64 && x.n > 64 && large >= properties(used_device()).multiProcessorCount)
    multiply_on_tensor_cores<S, 128, a_along, b_along>(x);
  else multiply_on_tensor_cores<S, 64, a_along, b_along>(x);
  return true;
}

}  // namespace

template <class S>
bool multiply_tensor_cores(const MatmulArgs& x) {
  auto suits = [](const char* data, int64_t batch, int64_t step, int64_t unit) {
    return unit == 1 && step % kCopy<S> == 0 && batch % kCopy<S> == 0 && aligned(data, 16);
  };
  const bool a_deep = suits(x.a, x.a_batch, x.a_row, x.a_col), a_along = suits(x.a, x.a_batch, x.a_col, x.a_row);
  const bool b_deep = suits(x.b, x.b_batch, x.b_col, x.b_row), b_along = suits(x.b, x.b_batch, x.b_row, x.b_col);
  if (a_deep && b_along) return multiply_laid_out<S, false, true>(x);
  if (a_deep && b_deep) return multiply_laid_out<S, false, false>(x);
  if (a_along && b_along) return multiply_laid_out<S, true, true>(x);
  if (a_along && b_deep) return multiply_laid_out<S, true, false>(x);
  return false;
}
template bool multiply_tensor_cores<float>(const MatmulArgs&);
template bool multiply_tensor_cores<Float16>(const MatmulArgs&);
template bool multiply_tensor_cores<BFloat16>(const MatmulArgs&);

}  // namespace tx::cuda
