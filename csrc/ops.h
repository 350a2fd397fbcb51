// The elementwise op list. One row gives an op its CPU kernel for every instruction set, its CUDA kernel, its slot
// in the kernel table and its array-level function:
//
//   X(name, types, cost, expression)
//
// types       All | Numeric (no bool) | Floating | Integral (bool included) | Integer (no bool)
// cost        Light: bound by memory | Heavy: bound by arithmetic. Decides how much work one thread takes at a time
// expression  of x | a, b | a, b, c. Compiled for V = Vec<T> (a register) on the CPU and V = T on CUDA: V(1) is a
//             constant in every lane, where(mask, p, q) selects, everything else is a function by name. What takes
//             more than a line is a function of formulas.h. Parameters (a slope, a bound) are ordinary operands.
//             by_element<f> applies a function of numbers in double (special_*.h) to one lane after the other.
//
// Half types compute in float: an expression sees float, double, the integer types, or bool.
#pragma once

// x -> the same dtype
#define TX_UNARY_OPS(X)                                                        \
  X(neg,          Numeric,  Light, -x)                                         \
  X(abs,          Numeric,  Light, abs(x))                                     \
  X(sign,         All,      Light, sign(x))                                    \
  X(square,       Numeric,  Light, x * x)                                      \
  X(bitwise_not,  Integral, Light, bitwise_not(x))                             \
  X(floor,        Numeric,  Light, floor(x))                                   \
  X(ceil,         Numeric,  Light, ceil(x))                                    \
  X(round,        Numeric,  Light, round(x))                                   \
  X(trunc,        Numeric,  Light, trunc(x))                                   \
  X(frac,         Floating, Light, x - trunc(x))                               \
  X(reciprocal,   Floating, Light, V(1) / x)                                   \
  X(sqrt,         Floating, Light, sqrt(x))                                    \
  X(rsqrt,        Floating, Light, rsqrt(x))                                    \
  X(exp,          Floating, Heavy, exp(x))                                     \
  X(exp2,         Floating, Heavy, exp2(x))                                    \
  X(expm1,        Floating, Heavy, expm1(x))                                   \
  X(log,          Floating, Heavy, log(x))                                     \
  X(log2,         Floating, Heavy, log2(x))                                    \
  X(log10,        Floating, Heavy, log10(x))                                   \
  X(log1p,        Floating, Heavy, log1p(x))                                   \
  X(sin,          Floating, Heavy, sin(x))                                     \
  X(cos,          Floating, Heavy, cos(x))                                     \
  X(tan,          Floating, Heavy, tan(x))                                     \
  X(asin,         Floating, Heavy, asin(x))                                    \
  X(acos,         Floating, Heavy, acos(x))                                    \
  X(atan,         Floating, Heavy, atan(x))                                    \
  X(sinh,         Floating, Heavy, sinh(x))                                    \
  X(cosh,         Floating, Heavy, cosh(x))                                    \
  X(tanh,         Floating, Heavy, tanh(x))                                    \
  X(asinh,        Floating, Heavy, asinh(x))                                   \
  X(acosh,        Floating, Heavy, acosh(x))                                   \
  X(atanh,        Floating, Heavy, atanh(x))                                   \
  X(erf,          Floating, Heavy, erf(x))                                     \
  X(erfc,         Floating, Heavy, erfc(x))                                    \
  X(erfinv,       Floating, Heavy, erfinv(x))                                  \
  X(lgamma,       Floating, Heavy, lgamma(x))                                  \
  X(digamma,      Floating, Heavy, digamma(x))                                 \
  X(erfcx,        Floating, Heavy, by_element<special::erfcx>(x))              \
  X(ndtr,         Floating, Heavy, normal_cdf(x))                              \
  X(log_ndtr,     Floating, Heavy, by_element<special::log_ndtr>(x))           \
  X(ndtri,        Floating, Heavy, ndtri(x))                                   \
  X(entr,         Floating, Heavy, entr(x))                                    \
  X(logit,        Floating, Heavy, log(x / (V(1) - x)))                        \
  X(sinc,         Floating, Heavy, sinc(x * V(3.14159265358979323846)))        \
  X(i0,           Floating, Heavy, by_element<special::i0>(x))                 \
  X(i0e,          Floating, Heavy, by_element<special::i0e>(x))                \
  X(i1,           Floating, Heavy, by_element<special::i1>(x))                 \
  X(i1e,          Floating, Heavy, by_element<special::i1e>(x))                \
  X(modified_bessel_k0,        Floating, Heavy, by_element<special::k0>(x))    \
  X(modified_bessel_k1,        Floating, Heavy, by_element<special::k1>(x))    \
  X(scaled_modified_bessel_k0, Floating, Heavy, by_element<special::k0e>(x))   \
  X(scaled_modified_bessel_k1, Floating, Heavy, by_element<special::k1e>(x))   \
  X(bessel_j0,    Floating, Heavy, by_element<special::j0>(x))                 \
  X(bessel_j1,    Floating, Heavy, by_element<special::j1>(x))                 \
  X(bessel_y0,    Floating, Heavy, by_element<special::y0>(x))                 \
  X(bessel_y1,    Floating, Heavy, by_element<special::y1>(x))                 \
  X(spherical_bessel_j0, Floating, Heavy, where(isinf(x), V(0), sinc(x)))      \
  X(airy_ai,      Floating, Heavy, by_element<special::airy_ai>(x))            \
  X(sigmoid,      Floating, Heavy, sigmoid(x))                                 \
  X(logsigmoid,   Floating, Heavy, logsigmoid(x))                              \
  X(relu,         Numeric,  Light, where(x < V(0), V(0), x))                   \
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
  X(isposinf,     All,      Light, isinf(x) & (x > V(0)))                      \
  X(isneginf,     All,      Light, isinf(x) & (x < V(0)))                      \
  X(signbit,      All,      Light, signbit(x))                                 \
  X(logical_not,  All,      Light, x == V(0))

// a, b -> the same dtype. The rows named *_grad take (gradient of the output, what the forward saved).
#define TX_BINARY_OPS(X)                                                       \
  X(add,          All,      Light, a + b)                                      \
  X(sub,          Numeric,  Light, a - b)                                      \
  X(mul,          All,      Light, a * b)                                      \
  X(div,          Floating, Light, a / b)                                      \
  X(floor_divide, Numeric,  Light, floor_divide(a, b))                         \
  X(trunc_divide, Numeric,  Light, trunc_divide(a, b))                         \
  X(remainder,    Numeric,  Light, remainder(a, b))                            \
  X(fmod,         Numeric,  Light, fmod(a, b))                                 \
  X(pow,          Numeric,  Heavy, pow(a, b))                                  \
  X(atan2,        Floating, Heavy, atan2(a, b))                                \
  X(hypot,        Floating, Heavy, hypot(a, b))                                \
  X(logaddexp,    Floating, Heavy, logaddexp(a, b))                            \
  X(xlogy,        Floating, Heavy, xlogy(a, b))                                \
  X(xlog1py,      Floating, Heavy, xlog1py(a, b))                              \
  X(zeta,         Floating, Heavy, by_element<special::zeta>(a, b))            \
  X(polygamma,    Floating, Heavy, by_element<special::polygamma>(a, b))       \
  X(igamma,       Floating, Heavy, by_element<special::igamma>(a, b))          \
  X(igammac,      Floating, Heavy, by_element<special::igammac>(a, b))         \
  X(standard_gamma_grad, Floating, Heavy, by_element<special::standard_gamma_grad>(a, b)) \
  X(maximum,      All,      Light, maximum(a, b))                              \
  X(minimum,      All,      Light, minimum(a, b))                              \
  X(fmax,         All,      Light, fmax(a, b))                                 \
  X(fmin,         All,      Light, fmin(a, b))                                 \
  X(copysign,     Floating, Light, copysign(a, b))                             \
  X(nextafter,    Floating, Light, nextafter(a, b))                            \
  X(heaviside,    Numeric,  Light, heaviside(a, b))                            \
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
  X(sigmoid_grad,     Floating, Light, a * ((V(1) - b) * b))                   \
  X(tanh_grad,        Floating, Light, a * (V(1) - b * b))                     \
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
  X(lt,           All,      Light, a < b)                                      \
  X(le,           All,      Light, a <= b)                                     \
  X(gt,           All,      Light, a > b)                                      \
  X(ge,           All,      Light, a >= b)                                     \
  X(logical_and,  All,      Light, (a != V(0)) & (b != V(0)))                  \
  X(logical_or,   All,      Light, (a != V(0)) | (b != V(0)))                  \
  X(logical_xor,  All,      Light, (a != V(0)) ^ (b != V(0)))

// a, b, c -> the same dtype
#define TX_TERNARY_OPS(X)                                                      \
  X(clamp,           Numeric,  Light, clamp(a, b, c))                          \
  X(lerp,            Floating, Light, lerp(a, b, c))                           \
  X(addcmul,         Numeric,  Light, fma(b, c, a))                            \
  X(addcdiv,         Floating, Light, a + b / c)                               \
  X(threshold,       Numeric,  Light, where(a <= b, c, a))                     \
  X(softplus,        Floating, Heavy, softplus(a, b, c))                       \
  X(leaky_relu_grad, Floating, Light, where(b > V(0), a, a * c))               \
  X(elu_grad,        Floating, Heavy, where(b > V(0), a, a * c * exp(b)))      \
  X(celu_grad,       Floating, Heavy, where(b > V(0), a, a * exp(b / c)))

// where(condition, a, b) has operands (out, condition, a, b) and a kernel of its own; so has copy(out, x), which also casts.
