"""Orthogonal polynomials by their recurrences: p_0 = 1, p_1, and p_(k+1) from p_k and p_(k-1).

They are made of ordinary ops, one step a degree, so that gradients of any order follow.
"""

from .. import _C
from ..creation import as_tensor, zeros_like
from ..ops.arithmetic import where
from ..ops.into import into
from ..ops.reduce import amax

_HIGHEST = 10_000


def _polynomial(name, input, n, first, step):
    """The polynomial of degree n (a number, or a tensor of integers that broadcasts with input) at each element of input.

    first: p_1 as a function of x. step: p_(k+1) as a function of x, k, p_k and p_(k-1).
    """
    by_element = isinstance(n, _C.TensorBase)
    if not isinstance(input, (_C.TensorBase, int, float)) or not (by_element or isinstance(n, (int, float))):
        raise TypeError(
            f"{name}(): expected input and n to be tensors or numbers, got {type(input).__name__} and {type(n).__name__}"
        )
    if not isinstance(input, _C.TensorBase):
        if not by_element:
            raise TypeError(f"{name}(): expected a tensor as input or as n, got two numbers")
        input = as_tensor(input, dtype=_C.get_default_dtype(), device=n.device)
    elif not input.dtype.is_floating_point:
        input = input.to(_C.get_default_dtype())
    highest = n if not by_element else amax(n.detach()).item() if n.numel() else 0
    if not highest <= _HIGHEST:
        raise ValueError(f"{name}(): degrees of at most {_HIGHEST} are computed, got n={highest}")
    highest = int(highest)
    before, value = zeros_like(input) + 1, first(input)
    if by_element:
        n = n.trunc()
        result = where(n < 0, 0.0, before)
        for k in range(1, highest + 1):
            result = where(n >= k, value, result)
            before, value = value, step(input, k, value, before)
        return result
    if highest <= 0:
        return before if highest == 0 else zeros_like(input)
    for k in range(1, highest):
        before, value = value, step(input, k, value, before)
    return value


def _double(x, k, value, before):
    return x * 2 * value - before


def chebyshev_polynomial_t(input, n, *, out=None):
    """The Chebyshev polynomial of the first kind of degree n: cos(n arccos(x)); 0 for negative n.

    Args:
        input: a tensor (or a number, when n is a tensor). n: a number, or a tensor that broadcasts with input.

    >>> import tensorx as tx
    >>> tx.special.chebyshev_polynomial_t(tx.tensor([0.5, 2.0]), 2)
    tensor([-0.5000,  7.0000])
    """
    return into(out, _polynomial("chebyshev_polynomial_t", input, n, lambda x: x, _double))


def chebyshev_polynomial_u(input, n, *, out=None):
    """The Chebyshev polynomial of the second kind of degree n: p_1 = 2x."""
    return into(out, _polynomial("chebyshev_polynomial_u", input, n, lambda x: x * 2, _double))


def chebyshev_polynomial_v(input, n, *, out=None):
    """The Chebyshev polynomial of the third kind of degree n: p_1 = 2x - 1."""
    return into(out, _polynomial("chebyshev_polynomial_v", input, n, lambda x: x * 2 - 1, _double))


def chebyshev_polynomial_w(input, n, *, out=None):
    """The Chebyshev polynomial of the fourth kind of degree n: p_1 = 2x + 1."""
    return into(out, _polynomial("chebyshev_polynomial_w", input, n, lambda x: x * 2 + 1, _double))


def shifted_chebyshev_polynomial_t(input, n, *, out=None):
    """chebyshev_polynomial_t(2x - 1, n): orthogonal on [0, 1]."""
    return chebyshev_polynomial_t(input * 2 - 1, n, out=out)


def shifted_chebyshev_polynomial_u(input, n, *, out=None):
    """chebyshev_polynomial_u(2x - 1, n): orthogonal on [0, 1]."""
    return chebyshev_polynomial_u(input * 2 - 1, n, out=out)


def shifted_chebyshev_polynomial_v(input, n, *, out=None):
    """chebyshev_polynomial_v(2x - 1, n): orthogonal on [0, 1]."""
    return chebyshev_polynomial_v(input * 2 - 1, n, out=out)


def shifted_chebyshev_polynomial_w(input, n, *, out=None):
    """chebyshev_polynomial_w(2x - 1, n): orthogonal on [0, 1]."""
    return chebyshev_polynomial_w(input * 2 - 1, n, out=out)


def hermite_polynomial_h(input, n, *, out=None):
    """The physicist's Hermite polynomial of degree n, orthogonal for the weight exp(-x^2).

    >>> import tensorx as tx
    >>> tx.special.hermite_polynomial_h(tx.tensor([0.5, 2.0]), 2)
    tensor([-1., 14.])
    """
    step = lambda x, k, value, before: x * 2 * value - before * (2 * k)
    return into(out, _polynomial("hermite_polynomial_h", input, n, lambda x: x * 2, step))


def hermite_polynomial_he(input, n, *, out=None):
    """The probabilist's Hermite polynomial of degree n, orthogonal for the weight exp(-x^2 / 2)."""
    step = lambda x, k, value, before: x * value - before * k
    return into(out, _polynomial("hermite_polynomial_he", input, n, lambda x: x, step))


def laguerre_polynomial_l(input, n, *, out=None):
    """The Laguerre polynomial of degree n, orthogonal on [0, inf) for the weight exp(-x)."""
    step = lambda x, k, value, before: ((2 * k + 1 - x) * value - before * k) / (k + 1)
    return into(out, _polynomial("laguerre_polynomial_l", input, n, lambda x: 1 - x, step))


def legendre_polynomial_p(input, n, *, out=None):
    """The Legendre polynomial of degree n, orthogonal on [-1, 1].

    >>> import tensorx as tx
    >>> tx.special.legendre_polynomial_p(tx.tensor([0.5, 1.0]), 2)
    tensor([-0.1250,  1.0000])
    """
    step = lambda x, k, value, before: (x * (2 * k + 1) * value - before * k) / (k + 1)
    return into(out, _polynomial("legendre_polynomial_p", input, n, lambda x: x, step))
