"""Special functions that have names of their own in tensorx; tensorx.special has the others."""

from math import log as _log
from math import pi as _pi

from .. import _C
from .arithmetic import where, xlogy
from .define import function, in_place, op
from .elementwise import abs, cos, exp, lgamma
from .into import into

__all__ = ["i0", "igamma", "igammac", "logit", "mvlgamma", "sinc"]


@op(
    _C.i1,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (i0(input) - where(input == 0, 0.5, out / input)),
)
def i1(input):
    """The modified Bessel function of the first kind of order 1 of each element."""


@op(_C.i0, broadcasts=True, input=lambda g, input: g * i1(input))
def i0(input):
    """The modified Bessel function of the first kind of order 0 of each element.

    >>> import tensorx as tx
    >>> tx.i0(tx.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """


def _sinc_slope(x):
    """The derivative of sinc, by its series near 0, where the formula would cancel."""
    u = (x * _pi) * (x * _pi)
    series = x * (_pi * _pi) * (-1 / 3 + u * (1 / 30 - u * (1 / 840 - u * (1 / 45360))))
    small = abs(x) < 0.1
    safe = where(small, 1.0, x)
    return where(small, series, (cos(safe * _pi) - sinc(safe)) / safe)


@op(_C.sinc, broadcasts=True, input=lambda g, input: g * _sinc_slope(input))
def sinc(input):
    """sin(pi x) / (pi x), and 1 at 0.

    >>> import tensorx as tx
    >>> tx.sinc(tx.tensor([0.0, 0.5]))
    tensor([1.0000, 0.6366])
    """


@op(_C.logit, broadcasts=True, method=False, name="logit", input=lambda g, input: g / (input * (1 - input)))
def _logit(input):
    """log(x / (1 - x))."""


@function
def logit(input, eps=None, *, out=None):
    """log(x / (1 - x)), the inverse of sigmoid; NaN outside [0, 1].

    Args:
        eps: when given, elements are first clamped to [eps, 1 - eps].

    >>> import tensorx as tx
    >>> tx.logit(tx.tensor([0.5, 1.0]), eps=0.1)
    tensor([0.0000, 2.1972])
    """
    return _logit(input if eps is None else input.clamp(eps, 1 - eps), out=out)


@function
def logit_(self, eps=None):
    """In-place form of `logit`: the result is written into `self`, which is returned."""
    return _logit_(self if eps is None else self.clamp_(eps, 1 - eps))


def _gamma_density(shape, x):
    """The density of a gamma variable at x; the slope of igamma in x."""
    return exp(xlogy(shape - 1, x) - x - lgamma(shape))


def _slope_in_shape(shape, x):
    """The slope of igamma in its first argument, from how a quantile of the distribution moves with it."""
    return -_gamma_density(shape, x) * standard_gamma_grad(shape, x)


@op(_C.standard_gamma_grad, broadcasts=True, method=False)
def standard_gamma_grad(shape, sample):
    """How a variate of the gamma distribution moves with its shape at a fixed probability: d sample / d shape.

    By implicit differentiation of the distribution function (Figurnov, Mohamed, Mnih, "Implicit reparameterization
    gradients", 2018); see csrc/special_gamma.h. Relative error 2e-7. It has no derivative itself.
    """


@op(
    _C.igamma,
    broadcasts=True,
    input=lambda g, input, other: g * _slope_in_shape(input, other),
    other=lambda g, input, other: g * _gamma_density(input, other),
)
def igamma(input, other):
    """The regularized lower incomplete gamma function P(a, x), for a = input and x = other, neither negative.

    It is the probability that a gamma variable of shape a is below x. The gradient in `input`, which PyTorch does not have,
    has no derivative in turn.

    >>> import tensorx as tx
    >>> tx.igamma(tx.tensor([1.0, 2.0]), tx.tensor([1.0, 1.0]))
    tensor([0.6321, 0.2642])
    """


@op(
    _C.igammac,
    broadcasts=True,
    input=lambda g, input, other: -g * _slope_in_shape(input, other),
    other=lambda g, input, other: -g * _gamma_density(input, other),
)
def igammac(input, other):
    """The regularized upper incomplete gamma function, 1 - igamma(input, other), accurate where it is small."""


@function
def mvlgamma(input, p, *, out=None):
    """The logarithm of the multivariate gamma function of dimension p of each element.

    >>> import tensorx as tx
    >>> tx.mvlgamma(tx.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma(): p has to be greater than or equal to 1, got {p}")
    if p > 1 << 16:
        raise RuntimeError(f"mvlgamma(): a sum of p = {p} terms is not feasible: p can be 65536 at most")
    total = lgamma(input) + p * (p - 1) / 4 * _log(_pi)
    for j in range(1, p):
        total = total + lgamma(input - j / 2)
    return into(out, total)


@function
def mvlgamma_(self, p):
    """In-place form of `mvlgamma`: the result is written into `self`, which is returned."""
    return self.copy_(mvlgamma(self, p))


_logit_ = in_place(_logit, method=False)
in_place_forms = {made.name + "_": in_place(made) for made in (i0, sinc, igamma, igammac)}
