// Winograd's minimal filtering F(m x m, 3 x 3): the linear maps that convolution_tiles.h asks for. Lavin and Gray,
// Fast Algorithms for Convolutional Neural Networks, 2015.
//
// In one dimension m outputs are out^T [(filter w) * (input^T d)] with three small matrices; in two, each is applied
// to the columns and then to the rows. A gradient needs the transposed matrices.
#pragma once
#include <utility>

#include "convolution_maps.h"

namespace tx::TX_ISA {

template <int outputs> struct WinogradMatrices;

// Points 0, 1, -1 and infinity.
template <>
struct WinogradMatrices<2> {
  static constexpr double input[4][4] = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}};
  static constexpr double filter[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  static constexpr double output[2][4] = {{1, 1, 1, 0}, {0, 1, -1, -1}};
};

// Points 0, 1, -1, 2, -2 and infinity.
template <>
struct WinogradMatrices<4> {
  static constexpr double input[6][6] = {{4, 0, -5, 0, 1, 0},  {0, -4, -4, 1, 1, 0}, {0, 4, -4, -1, 1, 0},
                                         {0, -2, -1, 2, 1, 0}, {0, 2, -1, -2, 1, 0}, {0, 4, 0, -5, 0, 1}};
  static constexpr double filter[6][3] = {{1. / 4, 0, 0},
                                          {-1. / 6, -1. / 6, -1. / 6},
                                          {-1. / 6, 1. / 6, -1. / 6},
                                          {1. / 24, 1. / 12, 1. / 6},
                                          {1. / 24, -1. / 12, 1. / 6},
                                          {0, 0, 1}};
  static constexpr double output[4][6] = {
      {1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}};
};

// The maps as (to, from, at(i, j)).
#define TX_MAP(Name, to, from, element)                                        \
  template <int m> struct Name {                                               \
    static constexpr int kTo = to, kFrom = from;                               \
    static constexpr double at(int i, int j) { return WinogradMatrices<m>::element; } \
  };
TX_MAP(InputMap, m + 2, m + 2, input[i][j])
TX_MAP(FilterMap, m + 2, 3, filter[i][j])
TX_MAP(FilterMapTransposed, 3, m + 2, filter[j][i])
TX_MAP(OutputMap, m, m + 2, output[i][j])
TX_MAP(OutputMapTransposed, m + 2, m, output[j][i])
#undef TX_MAP

template <class Map>
constexpr int first_term(int i) {
  int j = 0;
  while (Map::at(i, j) == 0) j++;
  return j;
}

template <class Map, int i, int j, class T>
TX_INLINE void add_term(Vec<T>& sum, Vec<T> x) {
  constexpr double factor = Map::at(i, j);
  if constexpr (factor == 0) return;
  else if constexpr (j == first_term<Map>(i)) sum = factor == 1 ? x : factor == -1 ? -x : Vec<T>(T(factor)) * x;
  else if constexpr (factor == 1) sum = sum + x;
  else if constexpr (factor == -1) sum = sum - x;
  else sum = fma(Vec<T>(T(factor)), x, sum);
}

template <class Map, int i, class T, int... j>
TX_INLINE Vec<T> map_row(const Vec<T>* from, int64_t step, std::integer_sequence<int, j...>) {
  Vec<T> sum;
  (add_term<Map, i, j>(sum, from[j * step]), ...);
  return sum;
}

template <class Map, class T, int... i>
TX_INLINE void map_rows(Vec<T>* to, int64_t to_step, const Vec<T>* from, int64_t step,
                        std::integer_sequence<int, i...>) {
  ((to[i * to_step] = map_row<Map, i>(from, step, std::make_integer_sequence<int, Map::kFrom>{})), ...);
}

// to (kTo, kTo) = Map from (kFrom, kFrom) Map^T; pitches in vectors.
template <class Map, class T>
TX_INLINE void map_both(Vec<T>* to, int64_t to_pitch, const Vec<T>* from, int64_t pitch) {
  constexpr auto rows = std::make_integer_sequence<int, Map::kTo>{};
  Vec<T> half[Map::kTo * Map::kFrom];
  for (int j = 0; j < Map::kFrom; j++) map_rows<Map>(half + j, Map::kFrom, from + j, pitch, rows);
  for (int i = 0; i < Map::kTo; i++) map_rows<Map>(to + i * to_pitch, 1, half + i * Map::kFrom, 1, rows);
}

template <class T, int m>
struct Winograd final : TileMaps<T> {
  static constexpr int64_t kTile = m + 2;
  Winograd() : TileMaps<T>(kTile, kTile, kTile * kTile, m, m) {}

  void input(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const override {
    map_both<InputMap<m>>(points, kTile, tile, pitch);
  }
  void filter(Vec<T>* points, const Vec<T>* tile) const override { map_both<FilterMap<m>>(points, kTile, tile, kTile); }
  void output(Vec<T>* tile, int64_t pitch, const Vec<T>* points) const override {
    map_both<OutputMap<m>>(tile, pitch, points, kTile);
  }
  void output_transposed(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const override {
    map_both<OutputMapTransposed<m>>(points, kTile, tile, pitch);
  }
  void filter_transposed(Vec<T>* tile, const Vec<T>* points) const override {
    map_both<FilterMapTransposed<m>>(tile, kTile, points, kTile);
  }
};

}  // namespace tx::TX_ISA
