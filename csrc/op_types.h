// The classes of types that the rows of ops.h name: whether an op has a type that it computes in.
#pragma once
#include "dtype.h"

namespace tx::TX_ISA {

struct All {
  template <class T> static constexpr bool has = true;
};
struct Numeric {
  template <class T> static constexpr bool has = !std::is_same_v<T, bool>;
};
struct Ordered {
  template <class T> static constexpr bool has = !is_complex_type<T>;
};
struct Real {
  template <class T> static constexpr bool has = Numeric::has<T> && Ordered::has<T>;
};
struct Analytic {
  template <class T> static constexpr bool has = std::is_floating_point_v<T> || is_complex_type<T>;
};
struct Floating {
  template <class T> static constexpr bool has = std::is_floating_point_v<T>;
};
struct Integral {
  template <class T> static constexpr bool has = std::is_integral_v<T>;
};
struct Integer {
  template <class T> static constexpr bool has = std::is_integral_v<T> && !std::is_same_v<T, bool>;
};
struct ComplexOnly {
  template <class T> static constexpr bool has = is_complex_type<T>;
};

}  // namespace tx::TX_ISA
