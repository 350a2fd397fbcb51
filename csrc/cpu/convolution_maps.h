// What convolution_tiles.h asks of a bilinear algorithm: the linear maps between tiles and lists of points.
#pragma once
#include "vec_arithmetic.h"

namespace tx::TX_ISA {

// Tiles are rows of registers, `pitch` registers apart; a filter's rows are tile_w apart.
template <class T>
struct TileMaps {
  const int64_t tile_h, tile_w;        // of the input, and the room for a filter
  const int64_t points;
  const int64_t out_h, out_w;          // of a tile of outputs

  TileMaps(int64_t tile_h, int64_t tile_w, int64_t points, int64_t out_h, int64_t out_w)
      : tile_h(tile_h), tile_w(tile_w), points(points), out_h(out_h), out_w(out_w) {}

  virtual void input(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const = 0;
  virtual void filter(Vec<T>* points, const Vec<T>* tile) const = 0;
  virtual void output(Vec<T>* tile, int64_t pitch, const Vec<T>* points) const = 0;
  virtual void output_transposed(Vec<T>* points, const Vec<T>* tile, int64_t pitch) const = 0;
  virtual void filter_transposed(Vec<T>* tile, const Vec<T>* points) const = 0;
};

}  // namespace tx::TX_ISA
