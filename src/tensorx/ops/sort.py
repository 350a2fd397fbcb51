"""Sorting, ranks, search in sorted data, distinct values. NaN counts as the largest value; equal elements keep their order."""

from .. import _C, return_types
from .define import function, numpy_names, op
from .index import _zeros, index_select
from .into import into
from .shape import reshape

__all__ = [
    "argsort", "bucketize", "isin", "kthvalue", "median", "msort", "nanmedian", "searchsorted", "sort", "topk", "unique",
    "unique_consecutive",
]  # fmt: skip


def _taken_gradient(g, input_shape, out, dim):
    """The gradient of values taken from positions along `dim`."""
    return g[0] if not input_shape else _zeros(g[0], input_shape).scatter(dim, out[1], g[0])


def _one_taken_gradient(g, input_shape, out, dim, keepdim):
    if not input_shape:
        return g[0]
    values, positions = (g[0], out[1]) if keepdim else (g[0].unsqueeze(dim), out[1].unsqueeze(dim))
    return _zeros(values, input_shape).scatter(dim, positions, values)


@op(_C.sort, method=False, node_name="SortBackward0", input=_taken_gradient)
def _sort(input, dim, descending):
    """The op behind sort."""


@op(_C.argsort, method=False)
def _argsort(input, dim, descending):
    """The op behind argsort."""


@op(_C.topk, method=False, node_name="TopkBackward0", input=_taken_gradient)
def _topk(input, k, dim, largest):
    """The op behind topk."""


@op(_C.kthvalue, method=False, node_name="KthvalueBackward0", input=_one_taken_gradient)
def _kthvalue(input, k, dim, keepdim):
    """The op behind kthvalue."""


@op(_C.median, method=False, node_name="MedianBackward0", input=_one_taken_gradient)
def _median(input, dim, keepdim, ignore_nan):
    """The op behind median and nanmedian."""


@function
@numpy_names
def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """The values in ascending (or descending) order along a dimension, and where they were: (values, indices).

    Always stable: equal elements keep their order. NaN counts as larger than every number.

    >>> import tensorx as tx
    >>> values, indices = tx.sort(tx.tensor([3, 1, 2]))
    >>> values, indices
    (tensor([1, 2, 3]), tensor([1, 2, 0]))
    """
    return into(out, return_types.sort(*_sort(input, dim, descending)), resize=True)


@function
@numpy_names
def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that sort a tensor along a dimension; equal elements keep their order.

    >>> import tensorx as tx
    >>> tx.argsort(tx.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return _argsort(input, dim, descending)


@function
def msort(input, *, out=None):
    """The values in ascending order along the first dimension."""
    return into(out, _sort(input, 0, False)[0])


@function
def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """The k largest (or smallest) elements along a dimension, and where they were: (values, indices), best first.

    Of equal elements the first ones are taken.

    >>> import tensorx as tx
    >>> tx.topk(tx.tensor([1, 5, 3]), 2).values
    tensor([5, 3])
    """
    return into(out, return_types.topk(*_topk(input, k, dim, largest)), resize=True)


@function
def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """The k-th smallest element (from 1) along a dimension, and where it was: (values, indices)."""
    return into(out, return_types.kthvalue(*_kthvalue(input, k, dim, keepdim)), resize=True)


def _flat_median(input, ignore_nan):
    if input.numel() == 0:
        return _C.full((), float("nan") if input.dtype._differentiable else 0, input.dtype, input.device)
    return _median(reshape(input, (-1,)), 0, False, ignore_nan)[0]


@function
@numpy_names
def median(input, dim=None, keepdim=False, *, out=None):
    """The median, the lower of two; along `dim`, with where it was: (values, indices). NaN if there is one.

    >>> import tensorx as tx
    >>> tx.median(tx.tensor([4, 1, 3, 2]))
    tensor(2)
    """
    if dim is None:
        return into(out, _flat_median(input, False))
    return into(out, return_types.median(*_median(input, dim, keepdim, False)), resize=True)


@function
@numpy_names
def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The median of what is not NaN; see `median`."""
    if dim is None:
        return into(out, _flat_median(input, True))
    return into(out, return_types.nanmedian(*_median(input, dim, keepdim, True)), resize=True)


# ---- search


@op(_C.searchsorted, method=False)
def _searchsorted(sorted_sequence, input, right, sorter, out_int32):
    """The op behind searchsorted and bucketize."""


def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None, out=None):
    """Where each value would go in a sorted sequence: before equal elements, or (right=True) after them.

    Args:
        sorted_sequence: ascending along its last dimension: a vector, or one row per row of `input`.
        input: a tensor or a number.
        side: "left" or "right", another way to say `right`.
        sorter: the indices that sort `sorted_sequence`, when it is not sorted.

    >>> import tensorx as tx
    >>> tx.searchsorted(tx.tensor([1, 3, 5]), tx.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise RuntimeError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    return _searchsorted(sorted_sequence, input, right or side == "right", sorter, out_int32, out=out)


def bucketize(input, boundaries, *, out_int32=False, right=False, out=None):
    """Which bucket each value falls in: the index of the first boundary not below it (right=True: above it)."""
    if boundaries.ndim != 1:
        raise RuntimeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})")
    return _searchsorted(boundaries, input, right, None, out_int32, out=out)


# ---- distinct values


@op(_C.unique, method=False)
def _unique(input, dim, consecutive):
    """The op behind unique: (values, inverse, counts)."""


def _chosen(results, return_inverse, return_counts):
    values, inverse, counts = results
    chosen = (values, *((inverse,) * bool(return_inverse)), *((counts,) * bool(return_counts)))
    return chosen if len(chosen) > 1 else values


@function
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct values (or, with `dim`, slices) in ascending order.

    Args:
        sorted: kept for compatibility: the result is always sorted.
        return_inverse: also return, for each element, the index of its value.
        return_counts: also return how often each value occurs.

    >>> import tensorx as tx
    >>> tx.unique(tx.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    return _chosen(_unique(input, dim, False), return_inverse, return_counts)


@function
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The values (or, with `dim`, slices) without those that equal the one before them; see `unique`.

    >>> import tensorx as tx
    >>> tx.unique_consecutive(tx.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    return _chosen(_unique(input, dim, True), return_inverse, return_counts)


def isin(elements, test_elements, *, assume_unique=False, invert=False):
    """For each element, whether it is one of test_elements (a tensor or a number)."""
    if not isinstance(elements, _C.TensorBase):
        elements = _C.from_data(elements, None)
    if not isinstance(test_elements, _C.TensorBase):
        found = elements == test_elements
    elif test_elements.numel() == 0:
        found = _C.full(elements.shape, False, _C.bool, elements.device)
    else:
        ordered = _sort(reshape(test_elements, (-1,)), 0, False)[0]
        place = _searchsorted(ordered, elements, False, None, False).clamp(max=ordered.numel() - 1)
        found = reshape(index_select(ordered, 0, reshape(place, (-1,))), elements.shape) == elements
    return found.logical_not() if invert else found
