// The register tile of the matrix product: a few rows and vectors of C, kept in registers while k runs.
//
// Every element of C is summed in the same way wherever it falls in a tile: over k in order, one
// multiply-add per step. The tile's size and place, and how its operands are stored, cannot be seen in the result.
#pragma once
#include <type_traits>
#include <utility>
#include "../dtype.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tx::TX_ISA {

#if defined(__AVX512F__)
constexpr int kRegisterBytes = 64;
#elif defined(__AVX2__)
constexpr int kRegisterBytes = 32;
#else
constexpr int kRegisterBytes = 16;
#endif

template <class T>
struct RegisterOf {
  typedef T Type __attribute__((vector_size(kRegisterBytes)));
  typedef T Unaligned __attribute__((vector_size(kRegisterBytes), aligned(alignof(T)), may_alias));
};
template <class T> using Register = typename RegisterOf<T>::Type;
template <class T> constexpr int kLanes = kRegisterBytes / int(sizeof(T));

template <class T> TX_INLINE Register<T> load(const T* p) { return *(const typename RegisterOf<T>::Unaligned*)p; }
template <class T> TX_INLINE void store(T* p, Register<T> x) { *(typename RegisterOf<T>::Unaligned*)p = x; }
template <class T> TX_INLINE Register<T> broadcast(T x) { return x - Register<T>{}; }   // x - 0 keeps -0; x + 0 would not

// a * b + c, rounded once where the instruction set can
template <class T>
TX_INLINE Register<T> multiply_add(Register<T> a, Register<T> b, Register<T> c) {
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>) return _mm512_fmadd_ps(a, b, c);
  else if constexpr (std::is_same_v<T, double>) return _mm512_fmadd_pd(a, b, c);
  else
#elif defined(__FMA__)
  if constexpr (std::is_same_v<T, float>) return _mm256_fmadd_ps(a, b, c);
  else if constexpr (std::is_same_v<T, double>) return _mm256_fmadd_pd(a, b, c);
  else
#endif
  return a * b + c;
}

// A tile is at most kTileRows x (kTileVectors registers); a strip is kStrip<T> columns of B.
constexpr int kTileVectors = 2;
template <class T>
constexpr int kTileRows = std::is_integral_v<T> ? 4 : kRegisterBytes == 64 ? 14 : kRegisterBytes == 32 ? 6 : 4;
template <class T> constexpr int kStrip = kTileVectors * kLanes<T>;

template <class T>
struct TileProduct {
  int64_t k;
  const T* a; int64_t a_row, a_col;     // any strides
  const T* b; int64_t b_row;            // unit column stride, whole registers may be read
  T* c; int64_t c_row;                  // unit column stride, whole registers are written
  bool add;                             // to what c holds
  const T* bias;                        // one per column, added last; or null
};

template <class T, int rows, int vectors>
void multiply_tile(const TileProduct<T>& x) {
  constexpr int lanes = kLanes<T>;
  Register<T> sum[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
    for (int j = 0; j < vectors; j++) sum[i][j] = Register<T>{};

  // C is next read or written when the sums are done: its lines can be on their way meanwhile.
#pragma GCC unroll 16
  for (int i = 0; i < rows; i++)
#pragma GCC unroll 16
    for (int j = 0; j < vectors; j++) __builtin_prefetch(x.c + i * x.c_row + j * lanes + lanes - 1, 1);

  // Three rows share a pointer: their addresses are base, base + a_row and base + 2 a_row, which x86 adds for nothing.
  constexpr int groups = (rows + 2) / 3;
  const int64_t a_row = x.a_row, a_col = x.a_col, b_row = x.b_row;
  const T* a[groups];
#pragma GCC unroll 16
  for (int g = 0; g < groups; g++) a[g] = x.a + 3 * g * a_row;
  const T* b = x.b;
#pragma GCC unroll 4
  for (int64_t p = 0; p < x.k; p++) {
    Register<T> row_of_b[vectors];
#pragma GCC unroll 16
    for (int j = 0; j < vectors; j++) row_of_b[j] = load(b + j * lanes);
    b += b_row;
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
      const Register<T> value = broadcast(a[i / 3][i % 3 * a_row]);
#pragma GCC unroll 16
      for (int j = 0; j < vectors; j++) sum[i][j] = multiply_add<T>(value, row_of_b[j], sum[i][j]);
    }
#pragma GCC unroll 16
    for (int g = 0; g < groups; g++) a[g] += a_col;
  }

#pragma GCC unroll 16
  for (int j = 0; j < vectors; j++) {
    if (x.add)
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) sum[i][j] = load(x.c + i * x.c_row + j * lanes) + sum[i][j];
    if (x.bias) {
      const Register<T> bias = load(x.bias + j * lanes);
#pragma GCC unroll 16
      for (int i = 0; i < rows; i++) sum[i][j] += bias;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) store(x.c + i * x.c_row + j * lanes, sum[i][j]);
  }
}

template <class T> using TileKernel = void (*)(const TileProduct<T>&);

template <class T, class Rows> struct TileKernels;
template <class T, int... i>
struct TileKernels<T, std::integer_sequence<int, i...>> {
  static constexpr TileKernel<T> table[kTileVectors][sizeof...(i)] = {{multiply_tile<T, i + 1, 1>...}, {multiply_tile<T, i + 1, 2>...}};
};

// The kernel for 1 <= rows <= kTileRows<T> and 1 <= vectors <= kTileVectors.
template <class T>
TX_INLINE TileKernel<T> tile_kernel(int64_t rows, int64_t vectors) {
  return TileKernels<T, std::make_integer_sequence<int, kTileRows<T>>>::table[vectors - 1][rows - 1];
}

}  // namespace tx::TX_ISA
