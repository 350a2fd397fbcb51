"""Elementwise functions of one tensor."""

from math import log as _log
from math import pi as _pi
from math import sqrt as _sqrt

from .. import _C
from .define import alias, function, in_place, op

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "bitwise_not",
    "ceil",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "frac",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_not",
    "neg",
    "negative",
    "polygamma",
    "positive",
    "reciprocal",
    "round",
    "rsqrt",
    "sgn",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
]


@op(_C.neg, broadcasts=True, input=lambda g: -g)
def neg(input):
    """The negative of each element.

    >>> import tensorx as tx
    >>> tx.neg(tx.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """


def _direction(input):
    """The derivative of the absolute value."""
    return _sgn(input).conj() if input.dtype.is_complex else sign(input)


@op(_C.absolute, broadcasts=True, input=lambda g, input: g * _direction(input))
def abs(input):
    """The absolute value of each element, real also for complex ones; the gradient at 0 is 0."""


@op(_C.sign, broadcasts=True, input=lambda g: g * 0)
def sign(input):
    """-1, 0 or 1 by the sign of each real element."""


def _sgn_gradient(g, input, out):
    size = abs(input)
    return ((g - (g * out).real * out.conj()) / size).masked_fill(size == 0, 0)


@op(_C.sgn, broadcasts=True, method=False, node_name="SgnBackward0", input=_sgn_gradient)
def _sgn(input):
    """The direction of each complex number: divided by its absolute value; 0 for 0."""


@op(_C.square, broadcasts=True, input=lambda g, input: g * (input * 2))
def square(input):
    """The square of each element."""


@op(_C.reciprocal, broadcasts=True, input=lambda g, out: -g * (out * out))
def reciprocal(input):
    """1 divided by each element."""


@op(_C.sqrt, broadcasts=True, input=lambda g, out: g / (out * 2))
def sqrt(input):
    """The square root of each element; NaN for negative ones."""


@op(_C.rsqrt, broadcasts=True, input=lambda g, out: g * (out * out * out) * -0.5)
def rsqrt(input):
    """1 divided by the square root of each element."""


@op(_C.exp, broadcasts=True, input=lambda g, out: g * out)
def exp(input):
    """e to the power of each element.

    >>> import tensorx as tx
    >>> tx.exp(tx.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """


@op(_C.exp2, broadcasts=True, input=lambda g, out: g * (out * _log(2)))
def exp2(input):
    """2 to the power of each element."""


@op(_C.expm1, broadcasts=True, input=lambda g, out: g * (out + 1))
def expm1(input):
    """exp(x) - 1, accurate near 0."""


@op(_C.log, broadcasts=True, input=lambda g, input: g / input)
def log(input):
    """The natural logarithm of each element."""


@op(_C.log2, broadcasts=True, input=lambda g, input: g / (input * _log(2)))
def log2(input):
    """The logarithm to base 2 of each element."""


@op(_C.log10, broadcasts=True, input=lambda g, input: g / (input * _log(10)))
def log10(input):
    """The logarithm to base 10 of each element."""


@op(_C.log1p, broadcasts=True, input=lambda g, input: g / (input + 1))
def log1p(input):
    """log(1 + x), accurate near 0."""


@op(_C.sin, broadcasts=True, input=lambda g, input: g * cos(input))
def sin(input):
    """The sine of each element, in radians."""


@op(_C.cos, broadcasts=True, input=lambda g, input: -g * sin(input))
def cos(input):
    """The cosine of each element, in radians."""


@op(_C.tan, broadcasts=True, input=lambda g, out: g * (1 + out * out))
def tan(input):
    """The tangent of each element, in radians."""


@op(_C.asin, broadcasts=True, input=lambda g, input: g * rsqrt(1 - input * input))
def asin(input):
    """The arc sine of each element, in radians."""


@op(_C.acos, broadcasts=True, input=lambda g, input: -g * rsqrt(1 - input * input))
def acos(input):
    """The arc cosine of each element, in radians."""


@op(_C.atan, broadcasts=True, input=lambda g, input: g / (input * input + 1))
def atan(input):
    """The arc tangent of each element, in radians."""


@op(_C.sinh, broadcasts=True, input=lambda g, input: g * cosh(input))
def sinh(input):
    """The hyperbolic sine of each element."""


@op(_C.cosh, broadcasts=True, input=lambda g, input: g * sinh(input))
def cosh(input):
    """The hyperbolic cosine of each element."""


@op(_C.tanh_grad, broadcasts=True, method=False, g=lambda d, y: tanh_grad(d, y), y=lambda d, g, y: d * g * (y * -2))
def tanh_grad(g, y):
    """g * (1 - y^2): the gradient of y = tanh(x) in one pass."""


@op(_C.tanh, broadcasts=True, input=lambda g, out: tanh_grad(g, out))
def tanh(input):
    """The hyperbolic tangent of each element.

    >>> import tensorx as tx
    >>> tx.tanh(tx.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """


@op(_C.asinh, broadcasts=True, input=lambda g, input: g * rsqrt(input * input + 1))
def asinh(input):
    """The inverse hyperbolic sine of each element."""


@op(_C.acosh, broadcasts=True, input=lambda g, input: g * (rsqrt(input - 1) * rsqrt(input + 1)))
def acosh(input):
    """The inverse hyperbolic cosine of each element."""


@op(_C.atanh, broadcasts=True, input=lambda g, input: g / (1 - input * input))
def atanh(input):
    """The inverse hyperbolic tangent of each element."""


@op(_C.erf, broadcasts=True, input=lambda g, input: g * (exp(-(input * input)) * (2 / _sqrt(_pi))))
def erf(input):
    """The error function of each element."""


@op(_C.erfc, broadcasts=True, input=lambda g, input: g * (exp(-(input * input)) * (-2 / _sqrt(_pi))))
def erfc(input):
    """1 - erf(x), accurate for large x."""


@op(_C.erfinv, broadcasts=True, input=lambda g, out: g * (exp(out * out) * (_sqrt(_pi) / 2)))
def erfinv(input):
    """The inverse of the error function, on (-1, 1)."""


@op(_C.lgamma, broadcasts=True, input=lambda g, input: g * digamma(input))
def lgamma(input):
    """The logarithm of the absolute value of the gamma function."""


@op(_C.digamma, broadcasts=True, input=lambda g, input: g * polygamma(1, input))
def digamma(input):
    """The logarithmic derivative of the gamma function."""


@op(
    _C.polygamma,
    broadcasts=True,
    method=False,
    name="polygamma",
    input=lambda g, n, input: g * polygamma(n + 1, input),
)
def _polygamma(n, input):
    """The n-th derivative of digamma, without the check of n."""


def polygamma(n, input, *, out=None):
    """The n-th derivative of digamma, for an integer n >= 0.

    >>> import tensorx as tx
    >>> tx.polygamma(1, tx.tensor([1.0, 0.5]))
    tensor([1.6449, 4.9348])
    """
    if n < 0:
        raise RuntimeError(f"polygamma(n, x) does not support negative n, got n={n}")
    return _polygamma(n, input, out=out)


def _polygamma_of(self, n):
    """The n-th derivative of digamma, for an integer n >= 0."""
    return polygamma(n, self)


def _polygamma_into(self, n):
    """In-place form of `polygamma`: the result is written into `self`, which is returned."""
    return self.copy_(polygamma(n, self))


_polygamma_of.__name__, _polygamma_into.__name__ = "polygamma", "polygamma_"
alias("polygamma", _polygamma_of)
alias("polygamma_", _polygamma_into)


@op(
    _C.sigmoid_grad,
    broadcasts=True,
    method=False,
    g=lambda d, y: sigmoid_grad(d, y),
    y=lambda d, g, y: d * g * (1 - y * 2),
)
def sigmoid_grad(g, y):
    """g * y * (1 - y): the gradient of y = sigmoid(x) in one pass."""


@op(_C.sigmoid, broadcasts=True, input=lambda g, out: sigmoid_grad(g, out))
def sigmoid(input):
    """1 / (1 + exp(-x)) of each element."""


@op(_C.floor, broadcasts=True, input=lambda g: g * 0)
def floor(input):
    """The largest integer not above each element."""


@op(_C.ceil, broadcasts=True, input=lambda g: g * 0)
def ceil(input):
    """The smallest integer not below each element."""


@op(_C.trunc, broadcasts=True, input=lambda g: g * 0)
def trunc(input):
    """Each element rounded towards 0."""


@op(_C.frac, broadcasts=True, input=lambda g: g)
def frac(input):
    """The fractional part of each element, with its sign."""


def _round(input, decimals):
    if decimals == 0 or not input.dtype.is_floating_point:
        return _C.round(input)
    scale = 10.0**decimals if decimals > 0 else 10.0**-decimals
    if decimals > 0:
        return _C.div(_C.round(_C.mul(input, scale)), scale)
    return _C.mul(_C.round(_C.div(input, scale)), scale)


@op(_round, input=lambda g: g * 0)
def round(input, *, decimals=0):
    """The nearest integer to each element, halves to even; or the nearest multiple of 10**-decimals.

    >>> import tensorx as tx
    >>> tx.round(tx.tensor([0.5, 1.5, -1.7]))
    tensor([ 0.,  2., -2.])
    """


def _round_into(input, decimals):
    return _C.copy_into(input, _round(input, decimals), False)


@op(_C.bitwise_not)
def bitwise_not(input):
    """Every bit flipped; the logical negation of booleans."""


@op(_C.isnan)
def isnan(input):
    """True where an element is not a number."""


@op(_C.isinf)
def isinf(input):
    """True where an element is infinite."""


@op(_C.isfinite)
def isfinite(input):
    """True where an element is neither infinite nor NaN."""


@op(_C.isposinf)
def isposinf(input):
    """True where an element is +inf."""


@op(_C.isneginf)
def isneginf(input):
    """True where an element is -inf."""


@op(_C.signbit)
def signbit(input):
    """True where the sign bit is set (also for -0.0)."""


@op(_C.logical_not)
def logical_not(input):
    """True where an element is 0."""


_IN_PLACE = (
    neg, abs, sign, square, reciprocal, sqrt, rsqrt, exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan, asin, acos,
    atan, sinh, cosh, tanh, asinh, acosh, atanh, erf, erfc, erfinv, lgamma, digamma, sigmoid, floor, ceil, trunc, frac,
    bitwise_not, logical_not,
)  # fmt: skip
in_place_forms = {made.name + "_": in_place(made) for made in _IN_PLACE}
in_place_forms["round_"] = in_place(round, forward=_round_into)

negative = alias("negative", neg)
absolute = alias("absolute", abs)
arcsin = alias("arcsin", asin)
arccos = alias("arccos", acos)
arctan = alias("arctan", atan)
arcsinh = alias("arcsinh", asinh)
arccosh = alias("arccosh", acosh)
arctanh = alias("arctanh", atanh)
fix = alias("fix", trunc)


@function
def sgn(input, *, out=None):
    """-1, 0 or 1 by the sign of each element; of a complex one, its direction z / abs(z), and 0 for 0.

    >>> import tensorx as tx
    >>> tx.sgn(tx.tensor([3 + 4j, 0j]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """
    return (_sgn if input.dtype.is_complex else sign)(input, out=out)


_sgn_ = in_place(_sgn, "sgn_", method=False)


@function
def sgn_(input):
    """In-place form of `sgn`: the result is written into `input`, which is returned."""
    return (_sgn_ if input.dtype.is_complex else in_place_forms["sign_"])(input)


@function  # no op: the result is the input itself, whose history must not change
def positive(input):
    """The tensor itself; not defined for booleans."""
    if input.dtype is _C.bool:
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


for _slot, _op in {"neg": neg, "positive": positive, "abs": abs, "bitwise_not": bitwise_not}.items():
    _C.set_slot(_slot, _op)
