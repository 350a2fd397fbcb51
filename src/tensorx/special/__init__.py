"""Special functions, as torch.special: of the gamma function's family, the normal distribution, Bessel's, polynomials.

Every function takes and gives tensors element by element and has a gradient, except where its description says otherwise.
Floating results are computed in double precision where float32 would lose digits; csrc/special_*.h states the errors.
"""

from math import pi as _pi
from math import sqrt as _sqrt

from .. import _C
from ..ops.arithmetic import where, xlogy
from ..ops.define import op
from ..ops.elementwise import (
    cos,
    digamma,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    lgamma,
    log,
    log1p,
    polygamma,
    round,
    sigmoid,
    sign,
)
from ..ops.reduce import logsumexp
from ..ops.softmax import log_softmax, softmax
from ..ops.special import i0, i1, igamma, igammac, logit, mvlgamma, sinc
from .polynomials import (
    chebyshev_polynomial_t,
    chebyshev_polynomial_u,
    chebyshev_polynomial_v,
    chebyshev_polynomial_w,
    hermite_polynomial_h,
    hermite_polynomial_he,
    laguerre_polynomial_l,
    legendre_polynomial_p,
    shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w,
)

__all__ = [
    "airy_ai", "bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1", "chebyshev_polynomial_t", "chebyshev_polynomial_u",
    "chebyshev_polynomial_v", "chebyshev_polynomial_w", "digamma", "entr", "erf", "erfc", "erfcx", "erfinv", "exp2",
    "expit", "expm1", "gammainc", "gammaincc", "gammaln", "hermite_polynomial_h", "hermite_polynomial_he", "i0", "i0e",
    "i1", "i1e", "laguerre_polynomial_l", "legendre_polynomial_p", "log1p", "log_ndtr", "log_softmax", "logit",
    "logsumexp", "modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1",
    "multigammaln", "ndtr", "ndtri", "polygamma", "psi", "round", "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1", "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w", "sinc", "softmax", "spherical_bessel_j0",
    "xlog1py", "xlogy", "zeta",
]  # fmt: skip

psi, expit, gammaln, multigammaln = digamma, sigmoid, lgamma, mvlgamma
gammainc, gammaincc = igamma, igammac
modified_bessel_i0, modified_bessel_i1 = i0, i1


# ---- the error function and the normal distribution


@op(_C.erfcx, broadcasts=True, method=False, input=lambda g, input, out: g * (input * out * 2 - 2 / _sqrt(_pi)))
def erfcx(input):
    """exp(x^2) erfc(x), which neither overflows nor vanishes for large x.

    >>> import tensorx as tx
    >>> tx.special.erfcx(tx.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """


@op(_C.ndtr, broadcasts=True, method=False, input=lambda g, input: g * (exp(input * input / -2) / _sqrt(2 * _pi)))
def ndtr(input):
    """The probability that a standard normal variable is below x.

    >>> import tensorx as tx
    >>> tx.special.ndtr(tx.tensor([0.0, 1.0]))
    tensor([0.5000, 0.8413])
    """


@op(
    _C.log_ndtr,
    broadcasts=True,
    method=False,
    input=lambda g, input: g * (_sqrt(2 / _pi) / erfcx(input * -_sqrt(0.5))),
)
def log_ndtr(input):
    """The logarithm of `ndtr`, accurate where that is 0.

    >>> import tensorx as tx
    >>> tx.special.log_ndtr(tx.tensor([-30.0, 0.0]))
    tensor([-454.3213,   -0.6931])
    """


@op(_C.ndtri, broadcasts=True, method=False, input=lambda g, out: g * (exp(out * out / 2) * _sqrt(2 * _pi)))
def ndtri(input):
    """The x below which a standard normal variable is with this probability: the inverse of `ndtr`; NaN outside [0, 1].

    >>> import tensorx as tx
    >>> tx.special.ndtri(tx.tensor([0.5, 0.975]))
    tensor([0.0000, 1.9600])
    """


# ---- logarithms


@op(_C.entr, broadcasts=True, method=False, input=lambda g, input: g * (-1 - log(input)))
def entr(input):
    """-x log(x), the share of a probability in an entropy: 0 at 0, -inf below it.

    >>> import tensorx as tx
    >>> tx.special.entr(tx.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """


@op(
    _C.xlog1py,
    broadcasts=True,
    method=False,
    input=lambda g, input, other: where((input == 0) & (other <= -1), 0.0, g * log1p(other)),
    other=lambda g, input, other: g * (input / (other + 1)),
)
def xlog1py(input, other):
    """input * log1p(other), and 0 where input is 0.

    >>> import tensorx as tx
    >>> tx.special.xlog1py(tx.tensor([0.0, 2.0]), tx.tensor([-1.0, 1.0]))
    tensor([0.0000, 1.3863])
    """


# ---- the gamma function


@op(_C.zeta, broadcasts=True, method=False, other=lambda g, input, other: g * (-input * zeta(input + 1, other)))
def zeta(input, other):
    """The Hurwitz zeta function: the sum of (other + k)**-input over k = 0, 1, ... No gradient passes to `input`.

    >>> import tensorx as tx
    >>> tx.special.zeta(tx.tensor([2.0]), tx.tensor([1.0]))
    tensor([1.6449])
    """


# ---- Bessel functions


def _over(value, x, at_zero):
    """value / x, and its limit where x is 0."""
    return where(x == 0, at_zero, value / where(x == 0, 1.0, x))


@op(_C.i0e, broadcasts=True, method=False, input=lambda g, input, out: g * (i1e(input) - sign(input) * out))
def i0e(input):
    """exp(-|x|) i0(x): `i0` without its growth.

    >>> import tensorx as tx
    >>> tx.special.i0e(tx.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0399])
    """


@op(
    _C.i1e,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (i0e(input) - sign(input) * out - _over(out, input, 0.5)),
)
def i1e(input):
    """exp(-|x|) i1(x): `i1` without its growth."""


@op(_C.modified_bessel_k0, broadcasts=True, method=False, input=lambda g, input: -g * modified_bessel_k1(input))
def modified_bessel_k0(input):
    """The modified Bessel function of the second kind of order 0; NaN for negative elements.

    >>> import tensorx as tx
    >>> tx.special.modified_bessel_k0(tx.tensor([1.0, 2.0]))
    tensor([0.4210, 0.1139])
    """


@op(
    _C.modified_bessel_k1,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: -g * (modified_bessel_k0(input) + out / input),
)
def modified_bessel_k1(input):
    """The modified Bessel function of the second kind of order 1; NaN for negative elements."""


@op(
    _C.scaled_modified_bessel_k0,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (out - scaled_modified_bessel_k1(input)),
)
def scaled_modified_bessel_k0(input):
    """exp(x) modified_bessel_k0(x), which does not vanish for large x."""


@op(
    _C.scaled_modified_bessel_k1,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (out - scaled_modified_bessel_k0(input) - out / input),
)
def scaled_modified_bessel_k1(input):
    """exp(x) modified_bessel_k1(x), which does not vanish for large x."""


@op(_C.bessel_j0, broadcasts=True, method=False, input=lambda g, input: -g * bessel_j1(input))
def bessel_j0(input):
    """The Bessel function of the first kind of order 0.

    >>> import tensorx as tx
    >>> tx.special.bessel_j0(tx.tensor([0.0, 1.0]))
    tensor([1.0000, 0.7652])
    """


@op(
    _C.bessel_j1,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (bessel_j0(input) - _over(out, input, 0.5)),
)
def bessel_j1(input):
    """The Bessel function of the first kind of order 1."""


@op(_C.bessel_y0, broadcasts=True, method=False, input=lambda g, input: -g * bessel_y1(input))
def bessel_y0(input):
    """The Bessel function of the second kind of order 0; NaN for negative elements."""


@op(
    _C.bessel_y1,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * (bessel_y0(input) - out / input),
)
def bessel_y1(input):
    """The Bessel function of the second kind of order 1; NaN for negative elements."""


@op(
    _C.spherical_bessel_j0,
    broadcasts=True,
    method=False,
    input=lambda g, input, out: g * _over(cos(input) - out, input, 0.0),
)
def spherical_bessel_j0(input):
    """sin(x) / x, and 1 at 0: the spherical Bessel function of order 0.

    >>> import tensorx as tx
    >>> tx.special.spherical_bessel_j0(tx.tensor([0.0, 1.0]))
    tensor([1.0000, 0.8415])
    """


@op(_C.airy_ai, broadcasts=True, method=False, nondifferentiable=True)
def airy_ai(input):
    """The Airy function Ai. It has no gradient here, as in PyTorch: results do not require one.

    >>> import tensorx as tx
    >>> tx.special.airy_ai(tx.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
