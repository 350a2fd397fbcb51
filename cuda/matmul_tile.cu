// Matrix products of any types and strides, a tile of the result per block.
#include "matmul.cuh"

namespace tx::cuda {

namespace {

// One operand of one product, as a tile sees it: strides in elements along the tile and in depth.
struct Operand {
  int64_t wide, depth;
};

struct Product {
  int64_t m, n, k, part;  // part: depth of the sums of one block
  unsigned down, across;  // tiles
  Operand a, b;
  int64_t a_batch, b_batch, first_batch;
  bool a_along, b_along;  // read along the tile rather than in depth
  bool packed;            // c may be written 4 elements at a time
  Target to;
};

// Where a tile's slices begin: data and limit (rows or columns of the matrix from there on), and their depth in all.
template <class S>
struct Origin {
  const S* data;
  int64_t limit;
  int depth;
  bool along;
};

// Element by element, any strides.
template <class S, class T, int size>
struct AnyOperand {
  const S* data;  // of this thread's first element in the next slice
  int64_t step, slice_step;
  int left;             // depths from there on
  unsigned inside = 0;  // bit i: element i lies within the matrix along the tile
  Places<size> places;

  TX_DEVICE AnyOperand(const Origin<S>& from, const Operand& x) : places(from.along) {
    data = from.data + places.wide * x.wide + places.depth * x.depth;
    step = places.wide_step * x.wide + places.depth_step * x.depth;
    slice_step = kSliceDepth<size> * x.depth;
    left = from.depth - places.depth;
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) inside |= unsigned(places.wide + i * places.wide_step < from.limit) << i;
  }
  TX_DEVICE void load(T (&to)[kLoads]) {
    TX_UNROLL
    for (int i = 0; i < kLoads; i++)
      to[i] = (inside >> i & 1) && i * places.depth_step < left ? convert<T>(data[i * step]) : T(0);
    data += slice_step;
    left -= kSliceDepth<size>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const T (&from)[kLoads]) const {
    places.stash(slice, from);
  }
};

// 16 bytes at a time. Sizes and strides are multiples of 4 elements. along: contiguous along the tile, else in depth.
template <int size, bool along>
struct PackedOperand {
  using Elements = Pack<float, kLoads>;
  static constexpr int kRow = (along ? size : kSliceDepth<size>) / kLoads;  // packs in a contiguous row of the slice

  const float* data;
  int64_t slice_step;
  int left;  // depths, or none outside the matrix along the tile

  static TX_DEVICE int wide() { return along ? threadIdx.x % kRow * kLoads : threadIdx.x / kRow; }
  static TX_DEVICE int depth() { return along ? threadIdx.x / kRow : threadIdx.x % kRow * kLoads; }

  TX_DEVICE PackedOperand(const Origin<float>& from, const Operand& x) {
    data = from.data + (along ? wide() + depth() * x.depth : wide() * x.wide + depth());
    slice_step = along ? kSliceDepth<size> * x.depth : kSliceDepth<size>;
    left = wide() < from.limit ? from.depth - depth() : 0;
  }
  TX_DEVICE void load(float (&to)[kLoads]) {
    Elements x{};
    if (left > 0) x = *reinterpret_cast<const Elements*>(data);
    TX_UNROLL
    for (int i = 0; i < kLoads; i++) to[i] = x.value[i];
    data += slice_step;
    left -= kSliceDepth<size>;
  }
  template <class Slice> TX_DEVICE void stash(Slice& slice, const float (&from)[kLoads]) const {
    if constexpr (along) {
      Elements x;
      TX_UNROLL
      for (int i = 0; i < kLoads; i++) x.value[i] = from[i];
      *reinterpret_cast<Elements*>(&slice[depth()][wide()]) = x;
    } else {
      TX_UNROLL
      for (int i = 0; i < kLoads; i++) slice[depth() + i][wide()] = from[i];
    }
  }
};

// Grid: tiles, parts of k, batch. blocks: per multiprocessor, a bound on registers that nvcc needs or keeps to by itself. c is written, or sums where they are given.
template <class S, class T, int size, template <class, int> class A, template <class, int> class B, int blocks>
__global__ void __launch_bounds__(kThreads, blocks)
    tile_product(S* c, T* sums, const S* a, const S* b, const S* bias, Product p) {
  constexpr int each = Tile<size>::kEach, group = Tile<size>::kGroup;
  const TilePlace place(blockIdx.x, p.down, p.across);
  const int64_t batch = p.first_batch + blockIdx.z;
  const int64_t begin = int64_t(blockIdx.y) * p.part, end = begin + p.part < p.k ? begin + p.part : p.k;
  const int depth = int(end - begin);
  T sum[each][each] = {};
  {
    const int64_t row = int64_t(place.row) * size, column = int64_t(place.column) * size;
    A<S, size> rows({a + batch * p.a_batch + row * p.a.wide + begin * p.a.depth, p.m - row, depth, p.a_along}, p.a);
    B<S, size> columns({b + batch * p.b_batch + column * p.b.wide + begin * p.b.depth, p.n - column, depth, p.b_along},
                       p.b);
    multiply_tile<Tile<size>>(sum, rows, columns, depth);
  }
  TX_UNROLL
  for (int i = 0; i < each; i++) {
    const int64_t r = int64_t(place.row) * size + Tile<size>::row(i);
    TX_UNROLL
    for (int g = 0; g < each / group; g++) {
      const int64_t first = int64_t(place.column) * size + Tile<size>::column(g * group);
      const int64_t left = r < p.m ? p.n - first : 0, at = batch * p.to.batch + r * p.to.row + first;
      if (sums) {
        T* to = sums + blockIdx.y * p.to.split + at;
        TX_UNROLL
        for (int j = 0; j < group; j++)
          if (j < left) to[j] = sum[i][g * group + j];
        continue;
      }
      const S* const with = bias ? bias + r * p.to.bias_row + first : nullptr;
      Pack<S, group> result;
      TX_UNROLL
      for (int j = 0; j < group; j++)
        if (j < left)
          result.value[j] =
              finished(sum[i][g * group + j], with ? with + j : nullptr, p.to.accumulate ? c + at + j : nullptr);
      if (p.packed && left >= group) {
        *reinterpret_cast<Pack<S, group>*>(c + at) = result;
      } else {
        TX_UNROLL
        for (int j = 0; j < group; j++)
          if (j < left) c[at + j] = result.value[j];
      }
    }
  }
}

template <class S, int size> using Any = AnyOperand<S, sum_of<S>, size>;
template <class, int size> using Along = PackedOperand<size, true>;
template <class, int size> using Deep = PackedOperand<size, false>;

template <class S, int size>
void multiply_in_tiles(const MatmulArgs& x) {
  using T = sum_of<S>;
  const int64_t down = divide_up(x.m, size), across = divide_up(x.n, size);
  const Split split(down * across * x.batch, x.k);
  const auto* a = reinterpret_cast<const S*>(x.a);
  const auto* b = reinterpret_cast<const S*>(x.b);
  const auto* bias = reinterpret_cast<const S*>(x.bias);
  auto* c = reinterpret_cast<S*>(x.c);
  // a (m, k) is wide along m, b (k, n) along n.
  Product p{x.m,
            x.n,
            x.k,
            split.depth,
            unsigned(down),
            unsigned(across),
            {x.a_row, x.a_col},
            {x.b_col, x.b_row},
            x.a_batch,
            x.b_batch,
            0,
            x.a_col != 1 && x.a_row == 1,
            x.b_col == 1 || x.b_row != 1,
            false,
            {}};
  p.packed = x.c_row % 4 == 0 && x.c_batch % 4 == 0 && aligned(c, 4 * sizeof(S));
  with_target<S>(x, split.parts, [&](T* sums, const Target& to) {
    p.to = to;
    for_batches(x.batch, [&](int64_t first, int64_t count) {
      p.first_batch = first;
      auto run = [&](auto kernel) {
        launch("matmul", kernel, {dim3(unsigned(down * across), unsigned(split.parts), unsigned(count)), kThreads}, c,
               sums, a, b, bias, p);
      };
      if constexpr (std::is_same_v<S, float>) {
        auto packs = [](const float* data, int64_t batch, int64_t step, int64_t unit, int64_t size_of_unit) {
          return unit == 1 && step % 4 == 0 && batch % 4 == 0 && size_of_unit % 4 == 0 && aligned(data, 16);
        };
        const bool a_deep = packs(a, x.a_batch, x.a_row, x.a_col, x.k),
                   a_along = packs(a, x.a_batch, x.a_col, x.a_row, x.m);
        const bool b_deep = packs(b, x.b_batch, x.b_col, x.b_row, x.k),
                   b_along = packs(b, x.b_batch, x.b_row, x.b_col, x.n);
        if (a_deep && b_along) return run(tile_product<S, T, size, Deep, Along, 2>);
        if (a_deep && b_deep) return run(tile_product<S, T, size, Deep, Deep, 2>);
        if (a_along && b_along) return run(tile_product<S, T, size, Along, Along, 1>);
        if (a_along && b_deep) return run(tile_product<S, T, size, Along, Deep, 2>);
      }
      run(tile_product < S, T, size, Any, Any, size == 128 ? 1 : 2 >);
    });
  });
}

}  // namespace

template <class S>
void multiply_tiles(const MatmulArgs& x) {
  if constexpr (std::is_same_v<sum_of<S>, float>) {
    const int64_t large = divide_up(x.m, 128) * divide_up(x.n, 128) * x.batch;
    if (x.m > 64 && x.n > 64 && large >= properties(used_device()).multiProcessorCount)
      return multiply_in_tiles<S, 128>(x);
  }
  multiply_in_tiles<S, 64>(x);
}
#define X(e, S, name) template void multiply_tiles<S>(const MatmulArgs&);
TX_KERNEL_DTYPES(X)
#undef X

}  // namespace tx::cuda
