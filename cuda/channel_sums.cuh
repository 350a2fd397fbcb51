// Sums for each channel of contiguous operands (batch, channels, inner), over batch and inner.
//
// A Term has a State; kGrad, whether it looks at the second operand; start(); add(state, x, g, channel, row, step) with elements
// x[k] and g[k] of one channel (row + k * step is where in the batch they are, if inner is 1); merge(a, b); and
// finish(channel, state), which writes the results.
#pragma once
#include "launch.cuh"
#include "slab.cuh"

namespace tx::cuda {

struct ChannelParts {
  int64_t batch, channels, inner;
  int64_t count;  // of elements, or packs of them, of a channel
  int64_t part, parts;
  int width;  // channels that a block takes: where inner is 1, a warp reads along the channels
  FastDivide per_run;  // by the elements, or packs, of inner

  // Where element (pack) i of a channel is.
  template <int pack> TX_DEVICE int64_t place(int64_t channel, int64_t i) const {
    if (inner == 1) return i * channels + channel;
    const int64_t run = inner / pack;
    const int64_t b = count <= INT32_MAX ? int64_t(per_run.divide(uint32_t(i))) : i / run;
    return (b * channels + channel) * inner + (i - b * run) * pack;
  }
};

// partial: (channels, parts), null if there is one part.
template <class Term, class T, int pack>
__global__ void __launch_bounds__(kThreads)
    channel_sums(const T* x, const T* g, typename Term::State* partial, Term term, ChannelParts c) {
  constexpr int together = pack > 1 ? pack : 4;
  const int64_t part = blockIdx.x % c.parts;
  const ColumnTeam team(c.width, blockIdx.x / c.parts);
  const bool present = team.column < c.channels;
  auto state = Term::start();
  const int64_t channel = team.column, step = team.lanes;
  const int64_t end = !present ? 0 : (part + 1) * c.part < c.count ? (part + 1) * c.part : c.count;
  int64_t i = part * c.part + team.lane;
  if constexpr (pack > 1) {
    for (; i < end; i += step) {
      const int64_t at = c.template place<pack>(channel, i);
      T a[pack], b[pack];
      load_run(a, x + at);
      if constexpr (Term::kGrad) load_run(b, g + at);
      state = term.add(state, a, b, channel, 0, 0);
    }
  } else {
    for (; i + (together - 1) * step < end; i += together * step) {
      T a[together], b[together];
      TX_UNROLL
      for (int k = 0; k < together; k++) {
        const int64_t at = c.template place<1>(channel, i + k * step);
        a[k] = x[at];
        if constexpr (Term::kGrad) b[k] = g[at];
      }
      state = term.add(state, a, b, channel, i, step);
    }
    for (; i < end; i += step) {
      const int64_t at = c.template place<1>(channel, i);
      T a[1] = {x[at]}, b[1];
      if constexpr (Term::kGrad) b[0] = g[at];
      state = term.add(state, a, b, channel, i, step);
    }
  }
  state = team.merge(state, [](const auto& a, const auto& b) { return Term::merge(a, b); });
  if (!present || team.lane != 0) return;
  if (partial) partial[team.column * c.parts + part] = state;
  else term.finish(team.column, state);
}

template <class Term>
__global__ void __launch_bounds__(kThreads)
    merge_channels(const typename Term::State* partial, Term term, int64_t channels, int64_t parts) {
  const RowTeam team(kWarp);
  const bool present = team.row < channels;
  auto state = Term::start();
  if (present)
    for (int64_t i = team.lane; i < parts; i += kWarp) state = Term::merge(state, partial[team.row * parts + i]);
  state = team.merge(state, [](const auto& a, const auto& b) { return Term::merge(a, b); });
  if (present && team.lane == 0) term.finish(team.row, state);
}

template <class Term, class T>
void sum_channels(const char* name, const T* x, const T* g, const Term& term, int64_t batch, int64_t channels,
                  int64_t inner) {
  constexpr int pack = kPack<T>;
  const bool packed = inner % pack == 0 && aligned(x, 16) && aligned(g, 16);
  const int64_t run = packed ? inner / pack : inner;
  ChannelParts c{batch, channels, inner, batch * run, 0, 1, 1, FastDivide(run <= INT32_MAX ? uint32_t(run) : 1)};
  if (inner == 1) c.width = columns_for_block(batch, channels);
  const int64_t groups = (channels + c.width - 1) / c.width, lanes = kThreads / c.width;
  const int64_t parts = parts_for(c.count, groups, 32 * lanes, 512 * lanes);
  c.part = (c.count + parts - 1) / parts;
  if (c.count) c.parts = (c.count + c.part - 1) / c.part;
  auto run_parts = [&](typename Term::State* partial) {
    launch(name, packed ? channel_sums<Term, T, pack> : channel_sums<Term, T, 1>,
           {unsigned(groups * c.parts), kThreads}, x, g, partial, term, c);
  };
  if (c.parts == 1) return run_parts(nullptr);
  const Workspace space(size_t(channels * c.parts) * sizeof(typename Term::State));
  auto* partial = space.as<typename Term::State>();
  run_parts(partial);
  launch(name, merge_channels<Term>, {blocks_for_rows(channels, kWarp), kThreads}, partial, term, channels, c.parts);
}

}  // namespace tx::cuda
