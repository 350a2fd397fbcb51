"""Reductions: sums, means, products, norms, variances, extrema and their positions.

`dim` is an int, a tuple of them, or None for all; with `keepdim` the reduced dimensions stay, with size 1.
Sums are pairwise: their error grows with the logarithm of the number of elements, half types add up in float32, and
the result depends neither on the number of threads nor on the layout of the input.
"""

import builtins
from math import inf
from math import prod as _product

from .. import _C, return_types
from .arithmetic import maximum, minimum, where
from .define import composite, function, numpy_names, op
from .into import into

__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "dist", "logsumexp", "max", "mean",
    "min", "nanmean", "nansum", "norm", "prod", "std", "std_mean", "sum", "var", "var_mean", "vector_norm",
]  # fmt: skip


def _dims(dim, ndim):
    """The dimensions that `dim` means, none of them negative."""
    if dim is None or dim == ():
        return builtins.tuple(range(ndim))
    limit = ndim or 1
    return builtins.tuple(d % limit for d in ((dim,) if isinstance(dim, int) else dim)) if ndim else ()


def _restored(g, shape, dim, keepdim):
    """g with the dimensions that a reduction of `shape` removed put back, with size 1."""
    if keepdim or dim is None or not shape:
        return g
    if isinstance(dim, int):
        return g.unsqueeze(dim)
    dims = _dims(dim, len(shape))
    return g.reshape([1 if d in dims else size for d, size in enumerate(shape)])


def _spread(g, shape, dim, keepdim):
    """The gradient of a sum: g for every element that went into it."""
    return _restored(g, shape, dim, keepdim).expand(shape)


def _reduced_count(shape, dim):
    return _product([shape[d] for d in _dims(dim, len(shape))])


def _as(g, dtype):
    return g if g.dtype is dtype else g.to(dtype)


# ---- Sums


@op(
    _C.sum,
    input=lambda g, input_shape, input_dtype, dim, keepdim: _spread(_as(g, input_dtype), input_shape, dim, keepdim),
)
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum of the elements, or of those along `dim`. Integers sum to int64.

    Args:
        dtype: what the elements are cast to first, and the dtype of the result.

    >>> import tensorx as tx
    >>> x = tx.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> tx.sum(x)
    tensor(10.)
    >>> tx.sum(x, 0)
    tensor([4., 6.])
    """


@op(
    _C.nansum,
    input=lambda g, input, input_dtype, dim, keepdim: where(
        input.isnan(), 0.0, _spread(_as(g, input_dtype), input.shape, dim, keepdim)
    ),
)
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum, with NaN as 0."""


@op(
    _C.mean,
    input=lambda g, input_shape, input_dtype, dim, keepdim: _spread(
        _as(g, input_dtype) / _reduced_count(input_shape, dim), input_shape, dim, keepdim
    ),
)
def mean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean of the elements, or of those along `dim`.

    >>> import tensorx as tx
    >>> tx.mean(tx.tensor([[1.0, 2.0], [3.0, 5.0]]), 1, keepdim=True)
    tensor([[1.5000],
            [4.0000]])
    """


@function
@numpy_names
def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The mean of the elements that are not NaN."""
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"nanmean(): expected input to have floating point dtype but got {input.dtype}")
    return into(out, nansum(input, dim, keepdim, dtype=dtype) / sum(input.isnan().logical_not(), dim, keepdim))


@op(_C.count_nonzero)
def count_nonzero(input, dim=None):
    """How many elements are not 0.

    >>> import tensorx as tx
    >>> tx.count_nonzero(tx.tensor([0, 3, 0, 2]))
    tensor(2)
    """


def _product_gradient(g, input, out, input_dtype, dim, keepdim):
    g, out = _as(g, input_dtype), _as(out, input_dtype)
    shape = input.shape
    if not (input.detach() == 0).any().item():
        return _restored(g * out, shape, dim, keepdim) / input
    return _restored(g, shape, dim, keepdim) * _product_of_others(input, dim)


def _product_of_others(x, dim):
    """For each element along `dim`, the product of all the others: right where some are 0."""
    from .join import cat

    dims = _dims(dim, x.ndim)
    kept = [d for d in range(x.ndim) if d not in dims]
    moved = x.permute(*kept, *dims)
    flat = moved.reshape(*[x.shape[d] for d in kept], -1)
    one = flat.new_ones(*flat.shape[:-1], 1)
    before = cat([one, flat.narrow(-1, 0, flat.shape[-1] - 1)], -1).cumprod(-1)
    after = cat([one, flat.flip(-1).narrow(-1, 0, flat.shape[-1] - 1)], -1).cumprod(-1).flip(-1)
    order = [(*kept, *dims).index(d) for d in range(x.ndim)]
    return (before * after).reshape(moved.shape).permute(*order)


@op(_C.prod, input=_product_gradient)
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """The product of the elements, or of those along `dim`. Integers multiply to int64.

    >>> import tensorx as tx
    >>> tx.prod(tx.tensor([2, 3, 4]))
    tensor(24)
    """


@op(
    _C.logsumexp,
    input=lambda g, input, out, dim, keepdim: (
        _restored(g, input.shape, dim, keepdim) * (input - _restored(out, input.shape, dim, keepdim)).exp()
    ),
)
def logsumexp(input, dim, keepdim=False):
    """log(sum(exp(input))), without overflow.

    >>> import tensorx as tx
    >>> tx.logsumexp(tx.tensor([1000.0, 1000.0]), 0)
    tensor(1000.6932)
    """


# ---- Norms


def _norm_gradient(g, input, out, input_dtype, p, dim, keepdim):
    g, x = _restored(_as(g, input_dtype), input.shape, dim, keepdim), input
    out = _restored(_as(out, input_dtype), input.shape, dim, keepdim)
    if p == 0:
        return x * 0
    if p == 1:
        return g * x.sign()
    if p == 2:
        return where(out == 0, 0.0, x * (g / out))
    if p in (inf, -inf):
        reached = (x.abs() == out).to(input_dtype)
        return x.sign() * reached * (g / sum(reached, dim, True))
    powers = x.sign() * x.abs().pow(p - 1) if p > 1 else where(x == 0, 0.0, x.sign() * x.abs().pow(p - 1))
    return powers * where(out == 0, 0.0, g / out.pow(p - 1))


@op(_C.norm, method=False, node_name="LinalgVectorNormBackward0", input=_norm_gradient)
def _vector_norm(input, p, dim, keepdim, dtype):
    """The p-norm of the elements along `dim`."""


def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """The norm of order `ord` (any number, inf or -inf) of all elements, or along `dim`."""
    if x.dtype.is_complex:  # that of the absolute values
        x, dtype = x.abs(), dtype and dtype.to_real()
    return _vector_norm(x, ord, dim, keepdim, dtype, out=out)


@function
@numpy_names
@composite
def norm(input, p="fro", dim=None, keepdim=False, dtype=None, *, out=None):
    """The p-norm of all elements, or along `dim`; 'fro' is p = 2 and 'nuc' the nuclear norm of matrices.

    >>> import tensorx as tx
    >>> tx.norm(tx.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "nuc":
        from .. import linalg

        return linalg.matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out)
    if isinstance(p, str) and p != "fro":
        raise ValueError(f"norm(): p must be a number, 'fro' or 'nuc', got {p!r}")
    return vector_norm(input, 2.0 if p is None or p == "fro" else p, dim, keepdim, dtype=dtype, out=out)


@function
@composite
def dist(input, other, p=2):
    """The p-norm of input - other."""
    return vector_norm(input - other, p)


# ---- Variances


def _variance_gradient(g, input, dim, correction, keepdim):
    count = _reduced_count(input.shape, dim)
    freedom = builtins.max(count - correction, 0)
    scale = 2 / freedom if freedom else (inf if count else 0.0)
    return _restored(g, input.shape, dim, keepdim) * ((input - mean(input, dim, True)) * scale)


def _deviation_gradient(g, input, out, dim, correction, keepdim):
    return _variance_gradient(where(out == 0, 0.0, g / (out * 2)), input, dim, correction, keepdim)


def _mean_part(g, input, dim, keepdim):
    return _spread(g / _reduced_count(input.shape, dim), input.shape, dim, keepdim)


@op(_C.var, method=False, node_name="VarBackward0", input=_variance_gradient)
def _var(input, dim, correction, keepdim):
    """The variance, with the correction as a number."""


@op(_C.std, method=False, node_name="StdBackward0", input=_deviation_gradient)
def _std(input, dim, correction, keepdim):
    """The standard deviation, with the correction as a number."""


@op(
    _C.var_mean,
    method=False,
    node_name="VarMeanBackward0",
    input=lambda g, input, dim, correction, keepdim: (
        _variance_gradient(g[0], input, dim, correction, keepdim) + _mean_part(g[1], input, dim, keepdim)
    ),
)
def _var_mean(input, dim, correction, keepdim):
    """The variance and the mean, in one pass."""


@op(
    _C.std_mean,
    method=False,
    node_name="StdMeanBackward0",
    input=lambda g, input, out, dim, correction, keepdim: (
        _deviation_gradient(g[0], input, out[0], dim, correction, keepdim) + _mean_part(g[1], input, dim, keepdim)
    ),
)
def _std_mean(input, dim, correction, keepdim):
    """The standard deviation and the mean, in one pass."""


def _spread_of(form):
    """The public form of var and its like: (input, dim, *, correction) or the older (input, dim, unbiased)."""

    def call(input, dim, unbiased, keepdim, correction, out=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if unbiased is not None:
            if correction is not None:
                raise TypeError("give either correction or unbiased, not both")
            correction = 1 if unbiased else 0
        arguments = (input, dim, 1 if correction is None else correction, keepdim)
        return form(*arguments) if out is None else form(*arguments, out=out)

    return call


def _by_parts(real_form, complex_form):
    """A form for real tensors, or for complex ones, which are spread in two dimensions."""

    def form(input, dim, correction, keepdim, *, out=None):
        arguments = (input, dim, correction, keepdim)
        if not input.dtype.is_complex:
            return real_form(*arguments) if out is None else real_form(*arguments, out=out)
        made = complex_form(*arguments)
        return into(out, made)

    return form


def _complex_var(input, dim, correction, keepdim):
    return _var(input.real, dim, correction, keepdim) + _var(input.imag, dim, correction, keepdim)


_variance, _deviation, _variance_and_mean, _deviation_and_mean = map(
    _spread_of,
    (
        _by_parts(_var, _complex_var),
        _by_parts(_std, lambda *arguments: _complex_var(*arguments).sqrt()),
        _by_parts(_var_mean, lambda x, dim, *rest: (_complex_var(x, dim, *rest), mean(x, dim, rest[1]))),
        _by_parts(_std_mean, lambda x, dim, *rest: (_complex_var(x, dim, *rest).sqrt(), mean(x, dim, rest[1]))),
    ),
)


@function
@numpy_names
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The variance: the sum of squared distances from the mean, divided by n - correction.

    Args:
        correction: 1 by default (Bessel's). `unbiased` True or False is its older form, for 1 or 0.

    >>> import tensorx as tx
    >>> tx.var(tx.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    return _variance(input, dim, unbiased, keepdim, correction, out)


@function
@numpy_names
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None):
    """The standard deviation: the square root of `var`."""
    return _deviation(input, dim, unbiased, keepdim, correction, out)


@numpy_names
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The variance and the mean, in one pass."""
    return _variance_and_mean(input, dim, unbiased, keepdim, correction)


@numpy_names
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation and the mean, in one pass."""
    return _deviation_and_mean(input, dim, unbiased, keepdim, correction)


# ---- Extrema


def _extremum_gradient(g, input, out, dim=None, keepdim=False):
    """The gradient goes in equal parts to the elements that are the extremum."""
    reached = (input == _restored(out, input.shape, dim, keepdim)).to(input.dtype)
    return _restored(g, input.shape, dim, keepdim) * (reached / sum(reached, dim, True))


@op(_C.amax, input=_extremum_gradient)
def amax(input, dim=None, keepdim=False):
    """The largest element, or the largest ones along `dim`; NaN if there is one. Equal ones share the gradient."""


@op(_C.amin, input=_extremum_gradient)
def amin(input, dim=None, keepdim=False):
    """The smallest element, or the smallest ones along `dim`; NaN if there is one. Equal ones share the gradient."""


@op(_C.argmax)
def argmax(input, dim=None, keepdim=False):
    """The position of the largest element along `dim`, or in the flattened tensor: the first of equal ones.

    >>> import tensorx as tx
    >>> tx.argmax(tx.tensor([[1, 5], [7, 2]]), 1)
    tensor([1, 0])
    """


@op(_C.argmin)
def argmin(input, dim=None, keepdim=False):
    """The position of the smallest element along `dim`, or in the flattened tensor: the first of equal ones."""


def _selected_gradient(g, input_shape, out, dim, keepdim):
    """The gradient of values taken from positions along `dim`."""
    if not input_shape:
        return g[0]
    values, positions = g[0], out[1]
    if not keepdim:
        values, positions = values.unsqueeze(dim), positions.unsqueeze(dim)
    return _C.full(input_shape, 0, values.dtype, values.device).scatter(dim, positions, values)


@op(_C.max_index, method=False, node_name="MaxBackward0", input=_selected_gradient)
def _max_index(input, dim, keepdim):
    """Largest elements along a dimension, and their positions."""


@op(_C.min_index, method=False, node_name="MinBackward0", input=_selected_gradient)
def _min_index(input, dim, keepdim):
    """Smallest elements along a dimension, and their positions."""


def _extremum(input, dim, keepdim, out, index_form, flat_form, pair_form, result):
    """The three meanings of max(input, ...) and min(input, ...)."""
    if dim is None:
        return flat_form(input, out=out)
    if isinstance(dim, _C.TensorBase):
        return pair_form(input, dim, out=out)
    values, indices = index_form(input, dim, keepdim)
    return into(out, result(values, indices))


@function
@numpy_names
def max(input, dim=None, keepdim=False, *, other=None, out=None):
    """The largest element; or values and indices along a dimension; or, with a second tensor, elementwise `maximum`.

    >>> import tensorx as tx
    >>> x = tx.tensor([[1.0, 5.0], [7.0, 2.0]])
    >>> tx.max(x)
    tensor(7.)
    >>> values, indices = tx.max(x, 1)
    >>> indices
    tensor([1, 0])
    >>> tx.max(x, tx.tensor(3.0))
    tensor([[3., 5.],
            [7., 3.]])
    """
    return _extremum(input, dim if other is None else other, keepdim, out, _max_index, amax, maximum, return_types.max)


@function
@numpy_names
def min(input, dim=None, keepdim=False, *, other=None, out=None):
    """The smallest element; or values and indices along a dimension; or, with a second tensor, elementwise `minimum`."""
    return _extremum(input, dim if other is None else other, keepdim, out, _min_index, amin, minimum, return_types.min)


@function
@numpy_names
def aminmax(input, *, dim=None, keepdim=False, out=None):
    """The smallest and the largest element, as (min, max)."""
    return into(out, return_types.aminmax(amin(input, dim, keepdim), amax(input, dim, keepdim)))


# ---- Truth


@op(_C.any)
def any(input, dim=None, keepdim=False):
    """True if some element is not 0."""


@op(_C.all)
def all(input, dim=None, keepdim=False):
    """True if no element is 0."""
