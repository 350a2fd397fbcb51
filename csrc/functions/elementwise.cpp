#include "elementwise.h"

#include "../kernels.h"
#include "complex.h"
#include "copy.h"
#include "iterate.h"

namespace tx {

namespace {

enum class Types { All, Numeric, Ordered, Real, Floating, Analytic, Integral, Integer, ComplexOnly };

// The type an op of this class computes in: integers become the default floating type where only floats make sense.
DType computed_in(Types types, DType t) {
  return (types == Types::Floating || types == Types::Analytic) && is_integral(t) ? default_dtype() : t;
}

template <int N>
DType result_type(const Operand (&inputs)[N]) {
  ResultType type;
  for (const Operand& o : inputs) type.add(o);
  return type.get();
}

template <int N>
Array call(const char* op, void (*Kernels::*kernel)(const NdIter<N>&), const Operand (&inputs)[N - 1], DType compute,
           DType result, Array* out) {
  Elementwise<N> e(op, inputs, compute, result, out);
  (kernels(e.result.device()).*kernel)(e.it);
  if (out) *out = e.result;
  return std::move(e.result);
}

}  // namespace

#define X(name, types, ...)                                      \
  Array name(const Array& x, Array* out) {                       \
    DType t = computed_in(Types::types, x.dtype);                \
    return call<2>(#name, &Kernels::name, {x}, t, t, out);       \
  }
TX_UNARY_OPS(X)
#undef X

#define X(name, types, ...)                                           \
  Array name(const Array& x, Array* out) {                            \
    DType t = computed_in(Types::types, x.dtype);                     \
    return call<2>(#name, &Kernels::name, {x}, t, DType::Bool, out);  \
  }
TX_UNARY_BOOL_OPS(X)
#undef X

#define X(name, types, ...)                                           \
  Array name(const Operand& a, const Operand& b, Array* out) {        \
    DType t = computed_in(Types::types, result_type<2>({a, b}));      \
    return call<3>(#name, &Kernels::name, {a, b}, t, t, out);         \
  }
TX_BINARY_OPS(X)
#undef X

#define X(name, types, ...)                                              \
  Array name(const Operand& a, const Operand& b, Array* out) {           \
    DType t = computed_in(Types::types, result_type<2>({a, b}));         \
    return call<3>(#name, &Kernels::name, {a, b}, t, DType::Bool, out);  \
  }
TX_COMPARE_OPS(X)
#undef X

#define X(name, types, ...)                                                       \
  Array name(const Operand& a, const Operand& b, const Operand& c, Array* out) {  \
    DType t = computed_in(Types::types, result_type<3>({a, b, c}));               \
    return call<4>(#name, &Kernels::name, {a, b, c}, t, t, out);                  \
  }
TX_TERNARY_OPS(X)
#undef X

Array absolute(const Array& x, Array* out) {
  if (!is_complex(x.dtype)) return abs(x, out);
  if (out && out->storage.get() == x.storage.get() && is_complex(out->dtype))
    fail(ErrorKind::Runtime, "In-place abs is not supported for complex tensors: their absolute values are real");
  return hypot(real(x), imag(x), out);
}

// alpha * b in the result's type, so that a half or integer result does not pass through another.
template <class Function>
static Array scaled(const char* op, Function function, const Operand& a, const Operand& b, const Scalar& alpha,
                    Array* out) {
  if (alpha.as_double() == 1 && alpha.imag == 0) return function(a, b, out);
  DType t = result_type<2>({a, b});
  if (!alpha.is_int() && is_integral(t))
    fail(ErrorKind::Runtime, op, "(): for integral input tensors, argument alpha must not be a floating point number");
  if (alpha.imag != 0 && !is_complex(t))
    fail(ErrorKind::Runtime, op, "(): for non-complex input tensors, argument alpha must not be a complex number");
  if (!b.array && b.scalar.imag == 0 && alpha.imag == 0) {
    if (!b.scalar.is_int() || !alpha.is_int())
      return function(a, Scalar(b.scalar.as_double() * alpha.as_double()), out);
    return function(a, Scalar(int64_t(uint64_t(b.scalar.i) * uint64_t(alpha.i))), out);  // wraps, as tensors do
  }
  if (!b.array) return function(a, mul(scalar_array(b.scalar, t), alpha, nullptr), out);
  return function(a, mul(cast(*b.array, t), alpha, nullptr), out);
}

Array add_scaled(const Operand& a, const Operand& b, const Scalar& alpha, Array* out) {
  return scaled("add", add, a, b, alpha, out);
}
Array sub_scaled(const Operand& a, const Operand& b, const Scalar& alpha, Array* out) {
  return scaled("sub", sub, a, b, alpha, out);
}

Array where(const Array& condition, const Operand& a, const Operand& b, Array* out) {
  if (condition.dtype != DType::Bool)
    fail(ErrorKind::Runtime, "where(): expected condition to be a boolean tensor, but got a tensor with dtype ",
         dtype_name(condition.dtype));
  return where_as("where", condition, a, b, result_type<2>({a, b}), out);
}

Array where_as(const char* op, const Array& condition, const Operand& a, const Operand& b, DType t, Array* out) {
  // Values may be numbers on the host, but not the condition: kernels take numbers of the type that they compute in.
  const Device device = elementwise_device(op, {condition, a, b, out ? Operand(*out) : a});
  return call<4>(op, &Kernels::where, {to_device(condition, device), a, b}, t, t, out);
}

}  // namespace tx
