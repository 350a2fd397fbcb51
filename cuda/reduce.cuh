// Reductions (csrc/kernels/reduce.h): what they do to the elements (an Op), and the kernels that bring the elements to it.
//
// An Op has
//   Element, State                       what elements arrive as; all there is to know of some of them
//   kPositional                          it needs to know where in logical order an element is; else the order is free
//   kRare                                not worth kernels of its own for every stored type
//   start()                              the state of nothing
//   add(state, x, at, step)              with elements x[0], x[1], ... of positions at, at + step, ...
//   merge(a, b)
//   first(state, n), second(state, n)    the results of n elements
//
// reduce_rows: dense rows, 16 bytes at a time. reduce_columns: everything else. When there are few results or very many
// elements to each, blocks reduce parts, and merge_parts puts those together.
#pragma once
#include "../csrc/kernels.h"
#include "team.cuh"

namespace tx::cuda {

struct Reduction {  // (outputs, count), as laid out in memory
  int kept_ndim, reduced_ndim;
  uint32_t outputs, parts;
  int64_t count, part;  // elements of an output; and of a part of it
  DType in_dtype, out_dtype, second_dtype;
  int out_size, second_size;
  FastDivide kept_size[kMaxDims], reduced_size[kMaxDims];
  int64_t kept_in[kMaxDims], kept_out[kMaxDims], reduced_in[kMaxDims];  // bytes; elements; bytes
  int64_t reduced_shape[kMaxDims];
  double reduced_inverse[kMaxDims];

  TX_DEVICE void place(uint32_t output, int64_t& in_at, int64_t& out_at) const {
    in_at = out_at = 0;
    for (int d = kept_ndim - 1; d >= 0; d--) {
      const uint32_t rest = kept_size[d].divide(output), at = output - rest * kept_size[d].divisor;
      in_at += at * kept_in[d];
      out_at += at * kept_out[d];
      output = rest;
    }
  }

  // i / reduced_shape[d] for i < 2^52. A division of 64 bits would be a call.
  TX_DEVICE int64_t divide_wide(int64_t i, int d) const {
    const int64_t guess = int64_t(double(i) * reduced_inverse[d]), left = i - guess * reduced_shape[d];
    return guess + (left >= reduced_shape[d]) - (left < 0);
  }

  // Where element i of an output is, in bytes from its first.
  TX_DEVICE int64_t element(int64_t i) const {
    if (reduced_ndim == 1) return i * reduced_in[0];
    int64_t at = 0;
    for (int d = reduced_ndim - 1; d >= 0; d--) {
      const int64_t rest = count <= INT32_MAX ? reduced_size[d].divide(uint32_t(i)) : divide_wide(i, d);
      at += (i - rest * reduced_shape[d]) * reduced_in[d];
      i = rest;
    }
    return at;
  }

  TX_DEVICE int64_t begin(uint32_t of_part) const { return of_part * part; }
  TX_DEVICE int64_t end(uint32_t of_part) const {
    const int64_t last = (of_part + 1) * part;
    return last < count ? last : count;
  }

  template <class Op>
  TX_DEVICE void write(const Op& op, const typename Op::State& state, uint32_t output, char* out, char* second) const {
    int64_t in_at, out_at;
    place(output, in_at, out_at);
    if (out) store_as(out + out_at * out_size, out_dtype, op.first(state, count));
    if constexpr (requires { op.second(state, count); })
      if (second) store_as(second + out_at * second_size, second_dtype, op.second(state, count));
  }
};

// Elements of a row that are read at once: 16 bytes, but no more than registers hold when they are widened.
template <class S> constexpr int kRowPack = kPack<stored_as<S>> < 8 ? kPack<stored_as<S>> : 8;

// in: (outputs, count), rows dense but anywhere. The block's teams take outputs, or parts of outputs.
template <class Op, class S>
__global__ void __launch_bounds__(kThreads, kBlocks<typename Op::Element>)
    reduce_rows(const stored_as<S>* in, char* out, char* second, typename Op::State* partial, Op op, Reduction r,
                int lanes) {
  using E = typename Op::Element;
  constexpr int pack = kRowPack<S>;
  const RowTeam team(lanes);
  const uint32_t unit = uint32_t(team.row), output = unit / r.parts, part = unit % r.parts;
  const bool present = output < r.outputs;
  auto state = op.start();
  int64_t in_at, out_at;
  r.place(output, in_at, out_at);
  const int64_t begin = r.begin(part), n = present ? r.end(part) - begin : 0;
  const auto* row = reinterpret_cast<const stored_as<S>*>(reinterpret_cast<const char*>(in) + in_at) + begin;
  team.walk<pack>(unaligned_head<pack>(row, n), n, [&](int64_t i, auto count) {
    const auto raw = *reinterpret_cast<const Pack<stored_as<S>, count.value>*>(row + i);
    E x[count.value];
    TX_UNROLL
    for (int k = 0; k < count.value; k++) x[k] = element_of<E, S>(raw.value[k]);
    state = op.add(state, x, begin + i, 1);
  });
  state = team.merge(state, [&](const auto& a, const auto& b) { return op.merge(a, b); });
  if (!present || team.lane != 0) return;
  if (partial) partial[unit] = state;
  else r.write(op, state, output, out, second);
}

// in: anything. A block takes `width` outputs, or a part of each.
template <class Op, class S>
__global__ void __launch_bounds__(kThreads, kBlocks<typename Op::Element>)
    reduce_columns(const char* in, char* out, char* second, typename Op::State* partial, Op op, Reduction r, int width,
                   bool along_column) {
  using E = typename Op::Element;
  const uint32_t part = blockIdx.x % r.parts;
  const ColumnTeam team(width, blockIdx.x / r.parts, along_column);
  const bool present = team.column < r.outputs;
  auto state = op.start();
  int64_t in_at, out_at;
  r.place(uint32_t(team.column), in_at, out_at);
  const char* column = in + in_at;
  auto load = [&](int64_t i) {
    const char* p = column + r.element(i);
    if constexpr (std::is_void_v<S>) return load_as<E>(p, r.in_dtype);
    else return element_of<E, S>(*reinterpret_cast<const stored_as<S>*>(p));
  };
  const int64_t end = present ? r.end(part) : 0, step = team.lanes;
  int64_t i = r.begin(part) + team.lane;
  if constexpr (!std::is_void_v<S>) {
    constexpr int together = 4;  // loads under way
    for (; i + (together - 1) * step < end; i += together * step) {
      E x[together];
      TX_UNROLL
      for (int k = 0; k < together; k++) x[k] = load(i + k * step);
      state = op.add(state, x, i, step);
    }
  }
  for (; i < end; i += step) {
    const E x[1] = {load(i)};
    state = op.add(state, x, i, step);
  }
  state = team.merge(state, [&](const auto& a, const auto& b) { return op.merge(a, b); });
  if (!present || team.lane != 0) return;
  if (partial) partial[team.column * r.parts + part] = state;
  else r.write(op, state, uint32_t(team.column), out, second);
}

// partial: (outputs, parts)
template <class Op>
__global__ void __launch_bounds__(kThreads)
    merge_parts(const typename Op::State* partial, char* out, char* second, Op op, Reduction r, int lanes) {
  const RowTeam team(lanes);
  const bool present = team.row < r.outputs;
  auto state = op.start();
  if (present)
    for (uint32_t i = team.lane; i < r.parts; i += lanes) state = op.merge(state, partial[team.row * r.parts + i]);
  state = team.merge(state, [&](const auto& a, const auto& b) { return op.merge(a, b); });
  if (present && team.lane == 0) r.write(op, state, uint32_t(team.row), out, second);
}

// ---- Host --------------------------------------------------------------------------------------------------------

// Which strides threads should run along: the smaller, but not 0, where all read the same.
inline int64_t distance(int64_t stride) { return stride == 0 ? INT64_MAX : stride < 0 ? -stride : stride; }

// The dimensions in the order of memory, merged where they can be. Positions depend on the order of the reduced ones.
inline ReduceArgs in_memory_order(const ReduceArgs& args, bool positional) {
  ReduceArgs result = args;
  result.kept_ndim = result.reduced_ndim = 0;
  result.count = 1;
  int order[kMaxDims];
  auto sort = [&](int ndim, const int64_t* strides) {
    for (int d = 0; d < ndim; d++) {
      int i = d;
      for (; i > 0 && distance(strides[order[i - 1]]) < distance(strides[d]); i--) order[i] = order[i - 1];
      order[i] = d;
    }
  };
  sort(args.kept_ndim, args.kept_in);
  for (int d = 0; d < args.kept_ndim; d++)
    result.keep(args.kept_shape[order[d]], args.kept_in[order[d]], args.kept_out[order[d]]);
  if (positional)
    for (int d = 0; d < args.reduced_ndim; d++) order[d] = d;
  else sort(args.reduced_ndim, args.reduced_in);
  for (int d = 0; d < args.reduced_ndim; d++) result.reduce(args.reduced_shape[order[d]], args.reduced_in[order[d]]);
  return result;
}

inline Reduction as_reduction(const ReduceArgs& args, DType second_dtype) {
  Reduction r{};
  r.kept_ndim = args.kept_ndim, r.reduced_ndim = args.reduced_ndim;
  r.outputs = uint32_t(args.outputs());
  r.count = args.count;
  r.in_dtype = args.in_dtype, r.out_dtype = args.out_dtype, r.second_dtype = second_dtype;
  r.out_size = int(itemsize(args.out_dtype)), r.second_size = int(itemsize(second_dtype));
  for (int d = 0; d < args.kept_ndim; d++) {
    r.kept_size[d] = FastDivide(uint32_t(args.kept_shape[d]));
    r.kept_in[d] = args.kept_in[d], r.kept_out[d] = args.kept_out[d];
  }
  for (int d = 0; d < args.reduced_ndim; d++) {
    r.reduced_shape[d] = args.reduced_shape[d];
    r.reduced_inverse[d] = 1 / double(args.reduced_shape[d]);
    if (args.count > 0 && args.count <= INT32_MAX) r.reduced_size[d] = FastDivide(uint32_t(args.reduced_shape[d]));
    r.reduced_in[d] = args.reduced_in[d];
  }
  return r;
}

// Cuts the reduction into parts: see parts_for.
inline void cut(Reduction& r, int64_t blocks, int64_t least, int64_t most) {
  constexpr int64_t whole = 64;  // parts of dense rows begin where packs do
  r.part = r.parts = 1;
  if (r.count == 0) return;
  const int64_t parts = parts_for(r.count, blocks, least, most);
  r.part = ((r.count + parts - 1) / parts + whole - 1) / whole * whole;
  r.parts = uint32_t((r.count + r.part - 1) / r.part);
}

template <class Op, class S>
void reduce_stored(const char* name, const ReduceArgs& args, Reduction r, const Op& op) {
  using State = typename Op::State;
  auto in_parts = [&](const auto& run) {
    if (r.parts == 1) return run(static_cast<State*>(nullptr));
    const Workspace space(size_t(r.outputs) * r.parts * sizeof(State));
    State* partial = space.as<State>();
    run(partial);
    const int lanes = r.parts > 2 * kWarp ? kThreads : kWarp;
    launch(name, merge_parts<Op>, {blocks_for_rows(r.outputs, lanes), kThreads}, partial, args.out, args.second, op, r,
           lanes);
  };
  if constexpr (!std::is_void_v<S>) {
    constexpr int64_t size = sizeof(stored_as<S>);
    if (args.count > 1 && args.reduced_ndim == 1 && args.reduced_in[0] == size) {
      const int lanes = lanes_for_row(args.count, kRowPack<S>);
      cut(r, lanes == kThreads ? r.outputs : 1, lanes == kThreads ? 8192 : args.count, 1 << 18);
      return in_parts([&](State* partial) {
        launch(name, reduce_rows<Op, S>, {blocks_for_rows(int64_t(r.outputs) * r.parts, lanes), kThreads},
               reinterpret_cast<const stored_as<S>*>(args.in), args.out, args.second, partial, op, r, lanes);
      });
    }
  }
  const int last_kept = args.kept_ndim - 1, last_reduced = args.reduced_ndim - 1;
  const bool along_column = last_reduced >= 0 && (last_kept < 0 || distance(args.reduced_in[last_reduced]) <
                                                                       distance(args.kept_in[last_kept]));
  int width = columns_for_block(r.count, r.outputs);
  if (along_column)
    for (width = kThreads; width > 1 && kThreads / width * 4 < r.count;) width /= 2;
  const int64_t groups = (r.outputs + width - 1) / width, lanes = kThreads / width;
  cut(r, groups, 32 * lanes, 512 * lanes);
  in_parts([&](State* partial) {
    launch(name, reduce_columns<Op, S>, {unsigned(groups * r.parts), kThreads}, args.in, args.out, args.second, partial,
           op, r, width, along_column);
  });
}

// Stored types that Op has kernels for; void for the others.
template <class Op>
void reduce_piece(const char* name, const ReduceArgs& args, const Op& op) {
  using E = typename Op::Element;
  DType second = DType::Int64;
  if constexpr (requires { op.second(op.start(), 0); })
    if (!std::is_same_v<decltype(op.second(op.start(), 0)), int64_t>) second = args.out_dtype;
  const Reduction r = as_reduction(args, second);
#define X(S) \
  if (args.in_dtype == dtype_of<S>::value) return reduce_stored<Op, S>(name, args, r, op);
  X(E)
  if constexpr (!Op::kRare && std::is_same_v<E, float>) {
    X(Float16) X(BFloat16)
  }
  if constexpr (!Op::kRare && std::is_same_v<E, int64_t>) {
    X(int32_t) X(bool)
  }
  if constexpr (!Op::kRare && std::is_same_v<E, bool>) {
    X(float)
  }
#undef X
  reduce_stored<Op, void>(name, args, r, op);
}

template <class Op>
void reduce_pieces(const char* name, const ReduceArgs& args, const Op& op) {
  if (args.outputs() <= INT32_MAX) return reduce_piece(name, args, op);
  int longest = 0;  // 32-bit numbers of outputs reach half of it, or less
  for (int d = 1; d < args.kept_ndim; d++)
    if (args.kept_shape[d] > args.kept_shape[longest]) longest = d;
  const int64_t size = args.kept_shape[longest], half = size / 2, out_step = half * args.kept_out[longest];
  ReduceArgs piece = args;
  piece.kept_shape[longest] = half;
  reduce_pieces(name, piece, op);
  piece.kept_shape[longest] = size - half;
  piece.in += half * args.kept_in[longest];
  if (piece.out) piece.out += out_step * itemsize(args.out_dtype);
  if (piece.second) {
    const bool index = Op::kPositional;
    piece.second += out_step * itemsize(index ? DType::Int64 : args.out_dtype);
  }
  reduce_pieces(name, piece, op);
}

template <class Op>
void reduce(const char* name, const ReduceArgs& args, const Op& op = {}) {
  if (!args.empty) reduce_pieces(name, in_memory_order(args, Op::kPositional), op);
}

// f.operator()<A>() with the type in which results of dtype are computed.
template <class F> void with_compute_type(DType dtype, const F& f) {
  if (dtype == DType::Float64) f.template operator()<double>();
  else if (is_floating(dtype)) f.template operator()<float>();
  else f.template operator()<int64_t>();
}
template <class F> void with_floating_type(DType dtype, const F& f) {
  if (dtype == DType::Float64) f.template operator()<double>();
  else f.template operator()<float>();
}

// ---- Ops that fold elements with one operation -------------------------------------------------------------------

// Fold has identity, map(x) and combine(a, b). Elements that come together are folded pairwise.
template <class Fold, class E, class A>
struct FoldOp {
  using Element = E;
  using State = A;
  static constexpr bool kPositional = false, kRare = false;

  TX_BOTH A start() const { return Fold::identity; }
  TX_DEVICE A merge(A a, A b) const { return Fold::combine(a, b); }
  TX_DEVICE A first(A value, int64_t) const { return value; }

  template <int count> TX_DEVICE A add(A state, const E (&x)[count], int64_t, int64_t) const {
    A y[count];
    TX_UNROLL
    for (int k = 0; k < count; k++) y[k] = static_cast<const Fold*>(this)->map(x[k]);
    TX_UNROLL
    for (int half = count / 2; half; half /= 2) {
      TX_UNROLL
      for (int k = 0; k < half; k++) y[k] = Fold::combine(y[k], y[k + half]);
    }
    return Fold::combine(state, y[0]);
  }
};

template <class T> TX_DEVICE T plus(T a, T b) {
  if constexpr (is_float<T>) return a + b;
  else return T(unsigned_of<T>(a) + unsigned_of<T>(b));  // wraps
}
template <class T> TX_DEVICE T times(T a, T b) {
  if constexpr (is_float<T>) return a * b;
  else return T(unsigned_of<T>(a) * unsigned_of<T>(b));
}

template <class Derived, class A, class E = A>
struct SumFold : FoldOp<Derived, E, A> {
  static constexpr A identity = A(-0.0);  // x + 0 is not x where x is -0
  TX_DEVICE static A combine(A a, A b) { return plus(a, b); }
};
template <class Derived, class A>
struct MaximumFold : FoldOp<Derived, A, A> {
  static constexpr A identity = is_float<A> ? A(-__builtin_huge_val()) : A(INT64_MIN);
  TX_DEVICE static A map(A x) { return x; }
  TX_DEVICE static A combine(A a, A b) { return maximum(a, b); }
};
template <class Derived, class A>
struct MinimumFold : FoldOp<Derived, A, A> {
  static constexpr A identity = is_float<A> ? A(__builtin_huge_val()) : A(INT64_MAX);
  TX_DEVICE static A map(A x) { return x; }
  TX_DEVICE static A combine(A a, A b) { return minimum(a, b); }
};

}  // namespace tx::cuda
