// The elementwise op list. One row gives an op its CPU kernel for every instruction set, its CUDA kernel, its slot
// in the kernel table and its array-level function:
//
//   X(name, types, cost, expression)
//
// types       All | Numeric (no bool) | Ordered (no complex) | Real (Numeric and Ordered) | Floating | Analytic (floating
//             and complex) | Integral (bool included) | Integer (no bool) | ComplexOnly
// cost        Light: bound by memory | Heavy: bound by arithmetic | Series: hundreds of operations. Decides how much work one
//             thread takes at a time; a Series has no kernel of its own for dense or half-precision operands on CUDA
// expression  of x | a, b | a, b, c. Compiled for V = Vec<T> (a register) on the CPU and V = T on CUDA: V(1) is a
//             constant in every lane, where(mask, p, q) selects, everything else is a function by name. What takes
//             more than a line is a function of formulas.h. Parameters (a slope, a bound) are ordinary operands.
//             by_element<f> applies a function of numbers in double (special_*.h) to one lane after the other.
//
// Half types compute in float, uint16 and uint32 in int32 and int64: an expression sees float, double, Complex of either,
// the other integer types, or bool.
#pragma once

// x -> the same dtype
#define TX_UNARY_OPS(X)                                                        \
  X(neg,          Numeric,  Light, -x)                                         \
  X(abs,          Real,     Light, abs(x))                                     \
  X(sign,         Ordered,  Light, sign(x))                                    \
  X(conj,         ComplexOnly, Light, conj(x))                                 \
  X(sgn,          ComplexOnly, Light, sgn(x))                                  \
  X(square,       Numeric,  Light, x * x)                                      \
  X(bitwise_not,  Integral, Light, bitwise_not(x))                             \
  X(floor,        Real,     Light, floor(x))                                   \
  X(ceil,         Real,     Light, ceil(x))                                    \
  X(round,        Real,     Light, round(x))                                   \
  X(trunc,        Real,     Light, trunc(x))                                   \
  X(frac,         Floating, Light, x - trunc(x))                               \
  X(reciprocal,   Analytic, Light, V(1) / x)                                   \
  X(sqrt,         Analytic, Light, sqrt(x))                                    \
  X(rsqrt,        Analytic, Light, rsqrt(x))                                    \
  X(exp,          Analytic, Heavy, exp(x))                                     \
  X(exp2,         Analytic, Heavy, exp2(x))                                    \
  X(expm1,        Analytic, Heavy, expm1(x))                                   \
  X(log,          Analytic, Heavy, log(x))                                     \
  X(log2,         Analytic, Heavy, log2(x))                                    \
  X(log10,        Analytic, Heavy, log10(x))                                   \
  X(log1p,        Analytic, Heavy, log1p(x))                                   \
  X(sin,          Analytic, Heavy, sin(x))                                     \
  X(cos,          Analytic, Heavy, cos(x))                                     \
  X(tan,          Analytic, Heavy, tan(x))                                     \
  X(asin,         Analytic, Heavy, asin(x))                                    \
  X(acos,         Analytic, Heavy, acos(x))                                    \
  X(atan,         Analytic, Heavy, atan(x))                                    \
  X(sinh,         Analytic, Heavy, sinh(x))                                    \
  X(cosh,         Analytic, Heavy, cosh(x))                                    \
  X(tanh,         Analytic, Heavy, tanh(x))                                    \
  X(asinh,        Analytic, Heavy, asinh(x))                                   \
  X(acosh,        Analytic, Heavy, acosh(x))                                   \
  X(atanh,        Analytic, Heavy, atanh(x))                                   \
  X(erf,          Floating, Heavy, erf(x))                                     \
  X(erfc,         Floating, Heavy, erfc(x))                                    \
  X(erfinv,       Floating, Series, erfinv(x))                                  \
  X(lgamma,       Floating, Series, lgamma(x))                                  \
  X(digamma,      Floating, Series, digamma(x))                                 \
  X(erfcx,        Floating, Series, by_element<special::erfcx>(x))              \
  X(ndtr,         Floating, Heavy, normal_cdf(x))                              \
  X(log_ndtr,     Floating, Series, by_element<special::log_ndtr>(x))           \
  X(ndtri,        Floating, Series, ndtri(x))                                   \
  X(entr,         Floating, Heavy, entr(x))                                    \
  X(logit,        Floating, Heavy, log(x / (V(1) - x)))                        \
  X(sinc,         Floating, Heavy, sinc(x * V(3.14159265358979323846)))        \
  X(i0,           Floating, Series, by_element<special::i0>(x))                 \
  X(i0e,          Floating, Series, by_element<special::i0e>(x))                \
  X(i1,           Floating, Series, by_element<special::i1>(x))                 \
  X(i1e,          Floating, Series, by_element<special::i1e>(x))                \
  X(modified_bessel_k0,        Floating, Series, by_element<special::k0>(x))    \
  X(modified_bessel_k1,        Floating, Series, by_element<special::k1>(x))    \
  X(scaled_modified_bessel_k0, Floating, Series, by_element<special::k0e>(x))   \
  X(scaled_modified_bessel_k1, Floating, Series, by_element<special::k1e>(x))   \
  X(bessel_j0,    Floating, Series, by_element<special::j0>(x))                 \
  X(bessel_j1,    Floating, Series, by_element<special::j1>(x))                 \
  X(bessel_y0,    Floating, Series, by_element<special::y0>(x))                 \
  X(bessel_y1,    Floating, Series, by_element<special::y1>(x))                 \
  X(spherical_bessel_j0, Floating, Heavy, where(isinf(x), V(0), sinc(x)))      \
  X(airy_ai,      Floating, Series, by_element<special::airy_ai>(x))            \
  X(sigmoid,      Analytic, Heavy, sigmoid(x))                                 \
  X(logsigmoid,   Floating, Heavy, logsigmoid(x))                              \
  X(relu,         Real,     Light, where(x < V(0), V(0), x))                   \
  X(gelu,         Floating, Heavy, gelu(x))                                    \
  X(gelu_tanh,    Floating, Heavy, gelu_tanh(x))                               \
  X(silu,         Floating, Heavy, x * sigmoid(x))                             \
  X(mish,         Floating, Heavy, mish(x))                                    \
  X(selu,         Floating, Heavy, selu(x))                                    \
  X(softsign,     Floating, Light, x / (V(1) + abs(x)))                        \
  X(tanhshrink,   Floating, Heavy, x - tanh(x))                                \
  X(hardsigmoid,  Floating, Light, clamp(x + V(3), V(0), V(6)) / V(6))         \
  X(hardswish,    Floating, Light, x * clamp(x + V(3), V(0), V(6)) / V(6))

// x -> bool
#define TX_UNARY_BOOL_OPS(X)                                                   \
  X(isnan,        All,      Light, isnan(x))                                   \
  X(isinf,        All,      Light, isinf(x))                                   \
  X(isfinite,     All,      Light, isfinite(x))                                \
  X(isposinf,     Ordered,  Light, isinf(x) & (x > V(0)))                      \
  X(isneginf,     Ordered,  Light, isinf(x) & (x < V(0)))                      \
  X(signbit,      Ordered,  Light, signbit(x))                                 \
  X(logical_not,  All,      Light, x == V(0))

// a, b -> the same dtype. The rows named *_grad take (gradient of the output, what the forward saved).
#define TX_BINARY_OPS(X)                                                       \
  X(add,          All,      Light, a + b)                                      \
  X(sub,          Numeric,  Light, a - b)                                      \
  X(mul,          All,      Light, a * b)                                      \
  X(div,          Analytic, Light, a / b)                                      \
  X(floor_divide, Real,     Light, floor_divide(a, b))                         \
  X(trunc_divide, Real,     Light, trunc_divide(a, b))                         \
  X(remainder,    Real,     Light, remainder(a, b))                            \
  X(fmod,         Real,     Light, fmod(a, b))                                 \
  X(pow,          Numeric,  Heavy, pow(a, b))                                  \
  X(atan2,        Floating, Heavy, atan2(a, b))                                \
  X(hypot,        Floating, Heavy, hypot(a, b))                                \
  X(logaddexp,    Floating, Heavy, logaddexp(a, b))                            \
  X(xlogy,        Floating, Heavy, xlogy(a, b))                                \
  X(xlog1py,      Floating, Heavy, xlog1py(a, b))                              \
  X(zeta,         Floating, Series, by_element<special::zeta>(a, b))            \
  X(polygamma,    Floating, Series, by_element<special::polygamma>(a, b))       \
  X(igamma,       Floating, Series, by_element<special::igamma>(a, b))          \
  X(igammac,      Floating, Series, by_element<special::igammac>(a, b))         \
  X(standard_gamma_grad, Floating, Series, by_element<special::standard_gamma_grad>(a, b)) \
  X(maximum,      Ordered,  Light, maximum(a, b))                              \
  X(minimum,      Ordered,  Light, minimum(a, b))                              \
  X(fmax,         Ordered,  Light, fmax(a, b))                                 \
  X(fmin,         Ordered,  Light, fmin(a, b))                                 \
  X(copysign,     Floating, Light, copysign(a, b))                             \
  X(nextafter,    Floating, Light, nextafter(a, b))                            \
  X(heaviside,    Real,     Light, heaviside(a, b))                            \
  X(bitwise_and,  Integral, Light, a & b)                                      \
  X(bitwise_or,   Integral, Light, a | b)                                      \
  X(bitwise_xor,  Integral, Light, a ^ b)                                      \
  X(bitwise_left_shift,  Integer, Light, shift_left(a, b))                     \
  X(bitwise_right_shift, Integer, Light, shift_right(a, b))                    \
  X(leaky_relu,   Floating, Light, where(a > V(0), a, a * b))                  \
  X(elu,          Floating, Heavy, where(a > V(0), a, b * expm1(a)))           \
  X(celu,         Floating, Heavy, where(a > V(0), a, b * expm1(a / b)))       \
  X(hardshrink,   Floating, Light, where((a >= -b) & (a <= b), V(0), a))       \
  X(softshrink,   Floating, Light, softshrink(a, b))                           \
  X(relu_grad,        Floating, Light, where(b <= V(0), V(0), a))              \
  X(sigmoid_grad,     Analytic, Light, a * ((V(1) - b) * b))                   \
  X(tanh_grad,        Analytic, Light, a * (V(1) - b * b))                     \
  X(logsigmoid_grad,  Floating, Heavy, a * sigmoid(-b))                        \
  X(gelu_grad,        Floating, Heavy, a * gelu_derivative(b))                 \
  X(gelu_tanh_grad,   Floating, Heavy, a * gelu_tanh_derivative(b))            \
  X(silu_grad,        Floating, Heavy, a * silu_derivative(b))                 \
  X(mish_grad,        Floating, Heavy, a * mish_derivative(b))                 \
  X(selu_grad,        Floating, Heavy, a * selu_derivative(b))                 \
  X(hardsigmoid_grad, Floating, Light, where((b > V(-3)) & (b < V(3)), a / V(6), V(0))) \
  X(hardswish_grad,   Floating, Light, a * hardswish_derivative(b))

// a, b -> bool
#define TX_COMPARE_OPS(X)                                                      \
  X(eq,           All,      Light, a == b)                                     \
  X(ne,           All,      Light, a != b)                                     \
  X(lt,           Ordered,  Light, a < b)                                      \
  X(le,           Ordered,  Light, a <= b)                                     \
  X(gt,           Ordered,  Light, a > b)                                      \
  X(ge,           Ordered,  Light, a >= b)                                     \
  X(logical_and,  All,      Light, (a != V(0)) & (b != V(0)))                  \
  X(logical_or,   All,      Light, (a != V(0)) | (b != V(0)))                  \
  X(logical_xor,  All,      Light, (a != V(0)) ^ (b != V(0)))

// a, b, c -> the same dtype
#define TX_TERNARY_OPS(X)                                                      \
  X(clamp,           Real,     Light, clamp(a, b, c))                          \
  X(lerp,            Analytic, Light, lerp(a, b, c))                           \
  X(addcmul,         Numeric,  Light, fma(b, c, a))                            \
  X(addcdiv,         Analytic, Light, a + b / c)                               \
  X(threshold,       Real,     Light, where(a <= b, c, a))                     \
  X(softplus,        Floating, Heavy, softplus(a, b, c))                       \
  X(leaky_relu_grad, Floating, Light, where(b > V(0), a, a * c))               \
  X(elu_grad,        Floating, Heavy, where(b > V(0), a, a * c * exp(b)))      \
  X(celu_grad,       Floating, Heavy, where(b > V(0), a, a * exp(b / c)))

// where(condition, a, b) has operands (out, condition, a, b) and a kernel of its own; so has copy(out, x), which also casts.
