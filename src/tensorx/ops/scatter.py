"""gather, scatter and their kind: an index per element, along one dimension."""

from .. import _C
from .define import composite, function, in_place, method, op
from .index import _zeros, masked_fill
from .into import into
from .shape import _cast, copy_, expand, reshape

__all__ = ["gather", "scatter", "scatter_add", "scatter_reduce", "take_along_dim"]


@op(
    _C.gather,
    method=False,
    node_name="GatherBackward0",
    input=lambda g, input_shape, dim, index: scatter_add(_zeros(g, input_shape), dim, index, g),
)
def _gather(input, dim, index):
    """The op behind gather."""


@function
def gather(input, dim, index, *, sparse_grad=False, out=None):
    """out[i][j] = input[index[i][j]][j] for dim 0, input[i][index[i][j]] for dim 1, and so on for any rank.

    >>> import tensorx as tx
    >>> tx.gather(tx.tensor([[1, 2], [3, 4]]), 1, tx.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    return _gather(input, dim, index, out=out)


def _gather_for(g, dim, index, shape):
    """The gradient of a scatter's source, which may be larger than the index: the rest of it was not used."""
    if shape is None:  # a number
        return None
    used = _gather(g, dim, index)
    if used.shape == shape:
        return used
    whole = _zeros(g, shape)
    whole[tuple(slice(n) for n in index.shape)] = used
    return whole


@op(
    _C.scatter,
    method=False,
    node_name="ScatterBackward0",
    input=lambda g, dim, index: _scatter(g, dim, index, 0),
    src=lambda g, dim, index, src_shape: _gather_for(g, dim, index, src_shape),
)
def _scatter(input, dim, index, src):
    """The op behind scatter: src is a tensor or a number."""


_scatter_ = in_place(_scatter, "scatter_", method=False)
_REDUCTIONS = {"add": "sum", "multiply": "prod"}


def _source(src, value):
    if src is None and value is None:
        raise TypeError("scatter(): missing required argument 'src' (a tensor) or 'value' (a number)")
    return value if src is None else src


def _reduced(name, input, index, src, reduce):
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"{name}(): reduce argument must be either add or multiply, got {reduce!r}")
    if not isinstance(src, _C.TensorBase):
        src = _C.full(index.shape, src, input.dtype, input.device)
    return src, _REDUCTIONS[reduce]


@function
def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """A copy with out[index[i][j]][j] = src[i][j] for dim 0, out[i][index[i][j]] = src[i][j] for dim 1, and so on.

    Args:
        input, dim: what is written to, and along which dimension the index counts.
        index: an integer tensor, no larger than `src` in any dimension and than `input` in those but `dim`.
        src: a tensor of input's dtype, or a number. Where indices repeat, the last one counts.
        reduce: "add" or "multiply" combines with what is there, instead of replacing it.

    >>> import tensorx as tx
    >>> tx.scatter(tx.zeros(3), 0, tx.tensor([2, 0]), tx.tensor([1.0, 2.0]))
    tensor([2., 0., 1.])
    """
    src = _source(src, value)
    if reduce is None:
        return _scatter(input, dim, index, src, out=out)
    src, reduce = _reduced("scatter", input, index, src, reduce)
    return scatter_reduce(input, dim, index, src, reduce)


@method
def scatter_(input, dim, index, src=None, *, value=None, reduce=None):
    """In-place form of `scatter`."""
    src = _source(src, value)
    if reduce is None:
        return _scatter_(input, dim, index, src)
    src, reduce = _reduced("scatter_", input, index, src, reduce)
    return scatter_reduce_(input, dim, index, src, reduce)


@op(
    _C.scatter_reduce,
    method=False,
    node_name="ScatterAddBackward0",
    input=lambda g: g,
    src=lambda g, dim, index, src_shape: _gather_for(g, dim, index, src_shape),
)
def _scatter_sum(input, dim, index, src, reduce):
    """The op behind scatter_add."""


_scatter_sum_ = in_place(_scatter_sum, "scatter_add_", method=False)


@function
@composite
def scatter_add(input, dim, index, src, *, out=None):
    """As scatter, but adds: where indices repeat, in their order, whatever the number of threads.

    >>> import tensorx as tx
    >>> tx.scatter_add(tx.zeros(2), 0, tx.tensor([0, 0, 1]), tx.tensor([1.0, 2.0, 3.0]))
    tensor([3., 3.])
    """
    return _scatter_sum(input, dim, index, src, "sum", out=out)


@method
def scatter_add_(input, dim, index, src):
    """In-place form of `scatter_add`."""
    return _scatter_sum_(input, dim, index, src, "sum")


@op(
    _C.scatter_reduce,
    method=False,
    node_name="ScatterReduceBackward0",
    joint=lambda needs, g, input, dim, index, src, reduce, out: _reduce_gradients(
        needs, g, input, dim, index, src, reduce, out
    ),
    inputs=("input", "src"),
)
def _scatter_reduce(input, dim, index, src, reduce):
    """The op behind scatter_reduce with prod, amax and amin: what is in input counts."""


def _reduce_gradients(needs, g, input, dim, index, src, reduce, out):
    used = src[tuple(slice(n) for n in index.shape)]
    g_at, out_at = _gather(g, dim, index), _gather(out, dim, index)
    if reduce == "prod":
        return _prod_gradients(needs, g, input, dim, index, src, used, g_at, out_at)
    mine, theirs = input == out, used == out_at
    ties = scatter_add(_cast(mine, g.dtype), dim, index, _cast(theirs, g.dtype))
    to_input = masked_fill(g / ties, mine.logical_not(), 0) if needs[0] else None
    to_src = masked_fill(g_at / _gather(ties, dim, index), theirs.logical_not(), 0) if needs[1] else None
    return to_input, _padded(to_src, src.shape)


def _prod_gradients(needs, g, input, dim, index, src, used, g_at, out_at):
    """The product of all others: out / x, or where x is 0 the product of those that are not, if x is the only 0."""
    zeros_in = scatter_add(_cast(input == 0, g.dtype), dim, index, _cast(used == 0, g.dtype))
    others = _scatter_reduce(masked_fill(input, input == 0, 1), dim, index, masked_fill(used, used == 0, 1), "prod")

    def factor(x, zeros, product):
        # Zero for every x but the only 0 of a product that has one, and for all of a product with several.
        is_zero = x == 0
        lone = (zeros == 1).logical_and(is_zero)
        keep = (zeros == 0).logical_or(lone)
        return masked_fill(product / masked_fill(x, is_zero, 1), keep.logical_not(), 0)

    to_input = g * factor(input, zeros_in, others) if needs[0] else None
    to_src = g_at * factor(used, _gather(zeros_in, dim, index), _gather(others, dim, index)) if needs[1] else None
    return to_input, _padded(to_src, src.shape)


def _padded(g, shape):
    if g is None or g.shape == shape:
        return g
    whole = _zeros(g, shape)
    whole[tuple(slice(n) for n in g.shape)] = g
    return whole


def _lowest(dtype, largest):
    """The value that counts for nothing under amax (or, negated, amin)."""
    if dtype.is_floating_point:
        return float("inf") if largest else float("-inf")
    if dtype is _C.bool:
        return largest
    bits = 8 * dtype.itemsize
    if not dtype.is_signed:
        return 2**bits - 1 if largest else 0
    return 2 ** (bits - 1) - 1 if largest else -(2 ** (bits - 1))


@function
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """As scatter, but combines all values that go to one place: reduce is "sum", "prod", "mean", "amax" or "amin".

    With include_self=False, what `input` holds there does not count.

    >>> import tensorx as tx
    >>> tx.scatter_reduce(tx.zeros(2), 0, tx.tensor([0, 0, 1]), tx.tensor([1.0, 2.0, 3.0]), "mean", include_self=False)
    tensor([1.5000, 3.0000])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"scatter_reduce(): reduce argument must be either sum, prod, mean, amax or amin, got {reduce}."
        )
    start = input
    if not include_self:
        neutral = {"prod": 1, "amax": _lowest(input.dtype, False), "amin": _lowest(input.dtype, True)}.get(reduce, 0)
        start = _scatter(input, dim, index, neutral)
    if reduce in ("sum", "mean"):
        result = _scatter_sum(start, dim, index, src, "sum")
    else:
        result = _scatter_reduce(start, dim, index, src, reduce)
    if reduce == "mean":
        ones = _C.full(index.shape, 1, input.dtype, input.device)
        count = _C.full(input.shape, 1, input.dtype, input.device)
        if not include_self:
            count = _C.scatter(count, dim, index, 0)
        count = _C.scatter_reduce(count, dim, index, ones, "sum")
        result = result / count if input.dtype._differentiable else result.floor_divide(count)
    return into(out, result)


@method
def scatter_reduce_(input, dim, index, src, reduce, *, include_self=True):
    """In-place form of `scatter_reduce`."""
    return copy_(input, scatter_reduce(input.clone(), dim, index, src, reduce, include_self=include_self))


@function
def take_along_dim(input, indices, dim=None, *, out=None):
    """gather with broadcasting: what argsort or argmax along `dim` point at. Without dim, of the flattened tensor."""
    if indices.dtype is not _C.int64:
        raise RuntimeError(f"take_along_dim(): dtype of indices should be Long but got {indices.dtype}")
    if dim is None:
        return gather(reshape(input, (-1,)), 0, reshape(indices, (-1,)), out=out)
    if input.ndim != indices.ndim:
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices"
        )
    size = input.size(dim)
    dim %= input.ndim
    shape = list(
        _C.broadcast_shape(
            [input.detach().narrow(dim, 0, 1) if size else input, indices.narrow(dim, 0, min(indices.size(dim), 1))]
        )
    )
    return gather(
        expand(input, shape[:dim] + [size] + shape[dim + 1 :]),
        dim,
        expand(indices, shape[:dim] + [indices.size(dim)] + shape[dim + 1 :]),
        out=out,
    )
