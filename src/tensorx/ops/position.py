"""Elements by position: reduction into indexed slices, regions of memory, diagonals, flat positions."""

from .. import _C
from ..autograd.in_place import Geometry
from .define import function, method
from .into import into
from .scatter import scatter_reduce
from .shape import _dimension, _fill_number_, copy_, expand, narrow, reshape

__all__ = ["as_strided_scatter", "fill", "index_reduce", "narrow_copy", "nonzero_static", "unravel_index"]


def _per_element(input, dim, index, source):
    """The dimension, and a vector of indices as one per element of source: what scatter takes."""
    if index.ndim > 1:
        raise IndexError(f"index_reduce_(): Index is supposed to be a vector, but got dim: {index.ndim}")
    dim = _dimension("index_reduce(): ", dim, input.ndim or 1)
    wanted = list(input.shape)
    if wanted:
        wanted[dim] = index.numel()
    if list(source.shape) != wanted and not (input.ndim <= 1 and source.numel() == index.numel()):
        raise RuntimeError(
            f"index_reduce(): source must have the shape {wanted} of input with dimension {dim} as long as the index, "
            f"but has {list(source.shape)}"
        )
    if not source.shape:
        return dim, reshape(index, ())
    return dim, expand(reshape(index, [-1 if d == dim else 1 for d in range(source.ndim)]), source.shape)


@function
def index_reduce(input, dim, index, source, reduce, *, include_self=True, out=None):
    """A copy with slice i of source combined into slice index[i]: reduce is "prod", "mean", "amax" or "amin".

    Args:
        include_self: False: what `input` holds in the slices that `index` names does not count.

    >>> import tensorx as tx
    >>> tx.index_reduce(tx.ones(2), 0, tx.tensor([0, 0]), tx.tensor([3.0, 4.0]), "prod")
    tensor([12.,  1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    dim, each = _per_element(input, dim, index, source)
    return scatter_reduce(input, dim, each, source, reduce, include_self=include_self, out=out)


@method
def index_reduce_(input, dim, index, source, reduce, *, include_self=True):
    """In-place form of `index_reduce`."""
    return copy_(input, index_reduce(input.clone(), dim, index, source, reduce, include_self=include_self))


@function
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy, of the same strides, with the region as_strided(size, stride, storage_offset) replaced by src.

    >>> import tensorx as tx
    >>> tx.as_strided_scatter(tx.zeros(4), tx.ones(2), (2,), (3,))
    tensor([1., 0., 0., 1.])
    """
    geometry = Geometry.of(input)
    if geometry.overlaps_itself():
        raise RuntimeError(
            "as_strided_scatter(): elements of the input share memory (it was expanded); clone() it first"
        )
    copy = copy_(geometry.empty(input), input)
    offset = 0 if storage_offset is None else storage_offset - geometry.offset
    region = copy.as_strided(size, stride, offset)
    if region.shape != src.shape:
        raise RuntimeError(
            f"as_strided_scatter(): expected src to have a size equal to the slice of self. src size = "
            f"{list(src.shape)}, slice size = {list(region.shape)}"
        )
    copy_(region, src)
    return copy


@function
def narrow_copy(input, dim, start, length, *, out=None):
    """The part [start, start + length) of one dimension, as a copy."""
    part = narrow(input, dim, start, length)
    return part.clone() if out is None else into(out, part, resize=True)


@function
def nonzero_static(input, *, size, fill_value=-1, out=None):
    """The first `size` rows of `nonzero`, or as many as there are and then rows of fill_value: (size, ndim).

    >>> import tensorx as tx
    >>> tx.nonzero_static(tx.tensor([0, 5, 6]), size=3)
    tensor([[ 1],
            [ 2],
            [-1]])
    """
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, but got {size}")
    result = _C.full((size, input.ndim), fill_value, _C.int64, input.device)
    found = _C.nonzero(input)[:size]
    result[: found.shape[0]] = found
    return into(out, result, resize=True)


def unravel_index(indices, shape):
    """Positions in a flattened tensor of this shape as one index tensor per dimension.

    >>> import tensorx as tx
    >>> tx.unravel_index(tx.tensor([5]), (2, 3))
    (tensor([1]), tensor([2]))
    """
    if indices.dtype.is_floating_point or indices.dtype is _C.bool:
        raise TypeError(f"unravel_index(): expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found = []
    for n in reversed(sizes):
        found.append(indices.remainder(n) if n else indices)
        indices = indices.floor_divide(n) if n else indices
    return tuple(reversed(found))


def fill(input, value):
    """A copy with every element replaced by a number or the value of a 0-dim tensor."""
    if isinstance(value, _C.TensorBase):
        if value.ndim:
            raise RuntimeError(
                f"fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions"
            )
        return value.to(input.device, input.dtype).expand(input.shape).clone()
    return input.clone().fill_(value)


@method
def fill_diagonal_(input, fill_value, wrap=False):
    """Write a number to the main diagonal, in place; `wrap` starts it anew every n + 1 rows of a tall (m, n) matrix.

    >>> import tensorx as tx
    >>> tx.zeros(2, 2).fill_diagonal_(5.0)
    tensor([[5., 0.],
            [0., 5.]])
    """
    shape = input.shape
    if len(shape) < 2:
        raise RuntimeError(f"dimensions must larger than 1, but got a {len(shape)}-D tensor")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"all dimensions of input must be of equal length, but got {list(shape)}")
    strides, length = input.stride(), min(shape)
    _fill_number_(input.as_strided((length,), (sum(strides),)), fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        fill_diagonal_(input[shape[1] + 1 :], fill_value, True)
    return input
