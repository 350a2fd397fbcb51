"""Scans: running sums, products, extrema and log-sums along a dimension."""

from .. import _C, return_types
from .arithmetic import where
from .define import function, in_place, op
from .into import into


def _as(g, dtype):
    return g if g.dtype is dtype else g.to(dtype)


@op(
    _C.cumsum,
    method=False,
    node_name="CumsumBackward0",
    input=lambda g, input_dtype, dim, reverse: _cumsum(_as(g, input_dtype), dim, None, not reverse),
)
def _cumsum(input, dim, dtype, reverse):
    """The running sum from either end."""


@op(
    lambda input, dim, dtype: _C.cumsum(input, dim, dtype, False),
    input=lambda g, input_dtype, dim: _cumsum(_as(g, input_dtype), dim, None, True),
)
def cumsum(input, dim, *, dtype=None):
    """The running sum along `dim`. Integers sum to int64; floats are summed in double.

    Args:
        dtype: what the elements are cast to first, and the dtype of the result.

    >>> import tensorx as tx
    >>> tx.cumsum(tx.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """


def _cumprod_gradient(g, input, out, input_dtype, dim):
    g, out = _as(g, input_dtype), _as(out, input_dtype)
    if not (input.detach() == 0).any().item():
        return _cumsum(g * out, dim, None, True) / input
    if input.ndim == 0:
        return g
    from .join import cat

    # Where some are 0: for each element k, the sum over i >= k of g[i] times the product of all up to i but k.
    n, parts = input.shape[dim], []
    one = input.new_ones([1 if d == dim % input.ndim else size for d, size in enumerate(input.shape)])
    for k in range(n):
        before = out.narrow(dim, k - 1, 1) if k else one
        after = cat([one, input.narrow(dim, k + 1, n - k - 1).cumprod(dim)], dim)
        parts.append((g.narrow(dim, k, n - k) * before * after).sum(dim, True))
    return cat(parts, dim) if parts else g


@op(_C.cumprod, input=_cumprod_gradient)
def cumprod(input, dim, *, dtype=None):
    """The running product along `dim`. Integers multiply to int64; floats are multiplied in double.

    >>> import tensorx as tx
    >>> tx.cumprod(tx.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """


def _logcumsumexp_gradient(g, input, out, dim):
    # exp(x[k]) times the sum over i >= k of g[i] exp(-out[i]), in logarithms, for the two signs of g apart.
    log_g = g.abs().log() - out
    positive = _logcumsumexp(where(g > 0, log_g, float("-inf")), dim, True)
    negative = _logcumsumexp(where(g < 0, log_g, float("-inf")), dim, True)
    return (positive + input).exp() - (negative + input).exp()


@op(
    _C.logcumsumexp,
    method=False,
    node_name="LogcumsumexpBackward0",
    input=lambda g, input, out, dim, reverse: _reversed_gradient(g, input, out, dim, reverse),
)
def _logcumsumexp(input, dim, reverse):
    """The running log-sum from either end."""


def _reversed_gradient(g, input, out, dim, reverse):
    if not reverse:
        return _logcumsumexp_gradient(g, input, out, dim)
    return _logcumsumexp_gradient(g.flip(dim), input.flip(dim), out.flip(dim), dim).flip(dim)


@function
def logcumsumexp(input, dim, *, out=None):
    """The logarithm of the running sum of exp(input) along `dim`, without overflow."""
    return _logcumsumexp(input, dim, False, out=out)


def _scattered(g, input_shape, out, dim):
    """The gradient of values taken from positions along `dim`, which may repeat."""
    if not input_shape:
        return g[0]
    return _C.full(input_shape, 0, g[0].dtype, g[0].device).scatter_add(dim, out[1], g[0])


@op(_C.cummax, method=False, node_name="CummaxBackward0", input=_scattered)
def _cummax(input, dim):
    """The running maximum and its positions."""


@op(_C.cummin, method=False, node_name="CumminBackward0", input=_scattered)
def _cummin(input, dim):
    """The running minimum and its positions."""


@function
def cummax(input, dim, *, out=None):
    """The running maximum along `dim` and where it is (the last of equal ones), as (values, indices).

    >>> import tensorx as tx
    >>> tx.cummax(tx.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return into(out, return_types.cummax(*_cummax(input, dim)))


@function
def cummin(input, dim, *, out=None):
    """The running minimum along `dim` and where it is (the last of equal ones), as (values, indices)."""
    return into(out, return_types.cummin(*_cummin(input, dim)))


cumsum_ = in_place(cumsum, forward=lambda input, dim, dtype: _C.cumsum(input, dim, dtype, False, input))
cumprod_ = in_place(cumprod)
