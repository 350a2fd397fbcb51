"""Joining, splitting, repeating and rearranging tensors."""

from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _combinations_with_replacement
from math import comb as _comb

from .. import _C
from .define import function, op
from .shape import _split, expand, reshape, transpose

__all__ = [
    "atleast_1d", "atleast_2d", "atleast_3d", "block_diag", "broadcast_tensors", "cartesian_prod", "cat", "column_stack",
    "combinations", "concat", "concatenate", "dsplit", "dstack", "flip", "fliplr", "flipud", "hsplit", "hstack", "meshgrid",
    "repeat_interleave", "roll", "rot90", "row_stack", "stack", "tensor_split", "tile", "vsplit", "vstack",
]  # fmt: skip


def _cat_gradients(g, tensors_shape, dim):
    dim = dim % g.ndim
    grads, start = [], 0
    for shape in tensors_shape:
        if shape == (0,) and g.ndim != 1:  # an empty input that cat skips
            grads.append(None)
            continue
        grads.append(g.narrow(dim, start, shape[dim]))
        start += shape[dim]
    return grads


@op(_C.cat, broadcasts=True, tensors=_cat_gradients)
def cat(tensors, dim=0):
    """The tensors one after the other along a dimension.

    Args:
        tensors: a sequence of tensors whose shapes agree except in `dim`. Tensors of shape (0,) are skipped.
        dim: the dimension to join along.

    >>> import tensorx as tx
    >>> tx.cat([tx.tensor([1, 2]), tx.tensor([3])])
    tensor([1, 2, 3])
    """


@op(_C.stack, broadcasts=True, tensors=lambda g, dim: g.unbind(dim))
def stack(tensors, dim=0):
    """Tensors of one shape, along a new dimension.

    >>> import tensorx as tx
    >>> tx.stack([tx.tensor([1, 2]), tx.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """


concat = concatenate = cat


# ---- splitting


@function
def tensor_split(input, indices_or_sections, dim=0):
    """Parts of one dimension, as a tuple of views: so many of nearly equal size, or cut before the given indices.

    >>> import tensorx as tx
    >>> [p.tolist() for p in tx.tensor_split(tx.arange(5), 2)]
    [[0, 1, 2], [3, 4]]
    """
    if input.ndim == 0:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    size, cuts = input.size(dim), indices_or_sections
    if isinstance(cuts, _C.TensorBase):
        cuts = cuts.tolist()
    if isinstance(cuts, int):
        if cuts <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {cuts}")
        small, larger = divmod(size, cuts)
        return _split(input, [small + (i < larger) for i in range(cuts)], dim)
    parts, start = [], 0
    for end in (*cuts, size):
        stop = max(0, min(size, end + size if end < 0 else end))
        parts.append(input.narrow(dim, min(start, size), max(0, stop - start)))
        start = stop
    return tuple(parts)


def _split_along(name, input, cuts, dim, least):
    if input.ndim < least:
        raise RuntimeError(
            f"{name}() requires a tensor with at least {least} dimension{'s' * (least > 1)}, but got a tensor with {input.ndim} dimensions!"
        )
    if isinstance(cuts, int) and (cuts <= 0 or input.size(dim) % cuts):
        raise RuntimeError(
            f"{name} attempted to split along dimension {dim}, but the size of the dimension {input.size(dim)} is not divisible by the split_size {cuts}!"
        )
    return tensor_split(input, cuts, dim)


@function
def hsplit(input, indices_or_sections):
    """tensor_split along the columns: dimension 1, or 0 of a 1-dim tensor; sections must be of equal size."""
    return _split_along("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


@function
def vsplit(input, indices_or_sections):
    """tensor_split along dimension 0; sections must be of equal size."""
    return _split_along("vsplit", input, indices_or_sections, 0, 2)


@function
def dsplit(input, indices_or_sections):
    """tensor_split along dimension 2; sections must be of equal size."""
    return _split_along("dsplit", input, indices_or_sections, 2, 3)


# ---- at least so many dimensions, and stacks of those


def _each(f, tensors):
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
        return tuple(f(x) for x in tensors)
    return f(tensors[0]) if len(tensors) == 1 else tuple(f(x) for x in tensors)


def atleast_1d(*tensors):
    """Views with at least one dimension."""
    return _each(lambda x: x if x.ndim else reshape(x, (1,)), tensors)


def _two(x):
    return x if x.ndim > 1 else reshape(x, (1, x.numel()))


def atleast_2d(*tensors):
    """Views with at least two dimensions; new ones come in front."""
    return _each(_two, tensors)


def _three(x):
    if x.ndim > 2:
        return x
    return x.unsqueeze(-1) if x.ndim == 2 else reshape(x, (1, x.numel(), 1))


def atleast_3d(*tensors):
    """Views with at least three dimensions: a vector of n becomes (1, n, 1), an (n, m) matrix (n, m, 1)."""
    return _each(_three, tensors)


def hstack(tensors, *, out=None):
    """The tensors side by side: along dimension 1, or 0 for 1-dim tensors."""
    tensors = [atleast_1d(x) for x in tensors]
    return cat(tensors, 0 if tensors and tensors[0].ndim == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """The tensors on top of each other: along dimension 0, vectors as rows."""
    return cat([_two(x) for x in tensors], 0, out=out)


def dstack(tensors, *, out=None):
    """The tensors along dimension 2, after atleast_3d."""
    return cat([_three(x) for x in tensors], 2, out=out)


def column_stack(tensors, *, out=None):
    """The tensors side by side as columns: vectors become columns of a matrix."""
    return cat([reshape(x, (x.numel(), 1)) if x.ndim < 2 else x for x in tensors], 1, out=out)


row_stack = vstack


def block_diag(*tensors):
    """A matrix with the given matrices (or vectors, as rows) along its diagonal and 0 elsewhere."""
    blocks = [_two(x) for x in tensors] or [_C.empty((1, 0), _C.get_default_dtype(), "cpu")]
    for i, x in enumerate(blocks):
        if x.ndim > 2:
            raise RuntimeError(
                f"block_diag(): Input tensors must have 2 or fewer dimensions. Input {i} has {x.ndim} dimensions"
            )
    columns = sum(x.shape[1] for x in blocks)
    rows, before = [], 0
    for x in blocks:
        height, width = x.shape
        left = _C.full((height, before), 0, x.dtype, x.device)
        right = _C.full((height, columns - before - width), 0, x.dtype, x.device)
        rows.append(cat([left, x, right], 1))
        before += width
    return cat(rows, 0)


# ---- repeating


def _sum_repeats(g, shape, repeats):
    """The sum over the copies that repeat() made."""
    added = len(repeats) - len(shape)
    split = []
    for i, r in enumerate(repeats):
        split += (r, 1 if i < added else shape[i - added])
    if 0 in repeats:
        return _C.full(shape, 0, g.dtype, g.device)
    copies = [2 * i for i, r in enumerate(repeats) if i < added or r != 1]
    g = reshape(g, split)
    return reshape(g.sum(copies) if copies else g, shape)


@op(_C.repeat, input=lambda g, input_shape, repeats: _sum_repeats(g, input_shape, tuple(_flat(repeats))))
def repeat(input, *repeats):
    """A copy with each dimension repeated so many times; more repeats than dimensions add dimensions in front.

    >>> import tensorx as tx
    >>> tx.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """


def _flat(value):
    return (value,) if isinstance(value, int) else value


@function
def tile(input, *dims):
    """As repeat, but missing repeats count as 1."""
    if len(dims) == 1 and not isinstance(dims[0], int):
        dims = tuple(dims[0])
    return repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@function
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element repeated in place: [1, 2] becomes [1, 1, 2, 2].

    Args:
        input: the tensor; given alone, it is the repeats, and the result holds i repeats[i] times.
        repeats: how often: an int, or an integer tensor with one number (for all) or one per index.
        dim: the dimension to repeat along. Default: the flattened tensor.
        output_size: the sum of the repeats, checked when given.

    >>> import tensorx as tx
    >>> tx.repeat_interleave(tx.tensor([1, 2]), tx.tensor([1, 2]))
    tensor([1, 2, 2])
    """
    if repeats is None:
        return _C.repeat_index(input, output_size)
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    elif input.ndim == 0:
        input = reshape(input, (1,))
    size = input.size(dim)
    dim %= input.ndim
    if isinstance(repeats, _C.TensorBase) and repeats.ndim < 2 and repeats.numel() == 1:
        repeats = repeats.item()
    if isinstance(repeats, int):
        if repeats < 0:
            raise RuntimeError(f"repeat_interleave(): repeats must be non-negative, got {repeats}")
        if output_size is not None and output_size != size * repeats:
            raise RuntimeError(
                f"repeat_interleave(): Invalid output_size, expected {size * repeats} but got {output_size}"
            )
        shape = input.shape
        wide = expand(input.unsqueeze(dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :]))
        repeated = reshape(wide, (*shape[:dim], size * repeats, *shape[dim + 1 :]))
        return repeated if repeats > 1 else repeated.clone()
    if not isinstance(repeats, _C.TensorBase):
        repeats = _C.from_data(repeats, None)
    if repeats.ndim > 1 or repeats.numel() != size:
        raise RuntimeError(
            f"repeat_interleave(): repeats must have the same size as input along dim, but got repeats.size(0) = {repeats.numel()} and input.size({dim}) = {size}"
        )
    return input.index_select(dim, _C.repeat_index(repeats, output_size))


# ---- rearranging


@op(_C.flip, input=lambda g, dims: flip(g, dims))
def flip(input, *dims):
    """A copy with the order of the given dimensions reversed.

    >>> import tensorx as tx
    >>> tx.flip(tx.tensor([1, 2, 3]), [0])
    tensor([3, 2, 1])
    """


@function
def fliplr(input):
    """A copy with the columns (dimension 1) reversed."""
    if input.ndim < 2:
        raise RuntimeError(f"fliplr(): Input must be >= 2-d, but got shape {list(input.shape)}")
    return flip(input, (1,))


@function
def flipud(input):
    """A copy with the rows (dimension 0) reversed."""
    if input.ndim < 1:
        raise RuntimeError("flipud(): Input must be >= 1-d, but got a 0-d tensor")
    return flip(input, (0,))


def _negated(shifts):
    return -shifts if isinstance(shifts, int) else tuple(-s for s in shifts)


@op(_C.roll, input=lambda g, shifts, dims: roll(g, _negated(shifts), dims))
def roll(input, shifts, dims=None):
    """A copy rolled along dimensions: what leaves at the end comes back at the start. Without dims, flattened.

    >>> import tensorx as tx
    >>> tx.roll(tx.tensor([1, 2, 3]), 1)
    tensor([3, 1, 2])
    """


@function
def rot90(input, k=1, dims=(0, 1)):
    """A copy rotated k times by 90 degrees in the plane of two dimensions, from the first towards the second."""
    if len(dims) != 2 or input.ndim < 2:
        raise RuntimeError(
            f"rot90(): expected 2 rotation dims of a tensor of 2 or more dimensions, but got dims = {list(dims)} and {input.ndim} dimensions"
        )
    n = input.ndim
    for d in dims:
        if not -n <= d < n:
            raise RuntimeError(
                f"rot90(): Rotation dim out of range (expected to be in range of [{-n}, {n - 1}], but got {d})"
            )
    a, b = (d % n for d in dims)
    if a == b:
        raise RuntimeError(
            f"rot90(): expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    k %= 4
    if k == 0:
        return input.clone()
    if k == 1:
        return transpose(flip(input, (b,)), a, b)
    return flip(input, (a, b)) if k == 2 else flip(transpose(input, a, b), (b,))


# ---- grids and broadcasts


def broadcast_tensors(*tensors):
    """Views of the tensors, all expanded to the shape they broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tensors[0]
    shape = _C.broadcast_shape(tensors)
    return tuple(expand(x, shape) for x in tensors)


def meshgrid(*tensors, indexing="ij"):
    """Coordinate grids: for vectors of n and m, two (n, m) views. indexing="xy" swaps the first two dimensions."""
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'meshgrid(): indexing must be one of "xy" or "ij", but received: {indexing}')
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    for x in tensors:
        if x.ndim > 1:
            raise RuntimeError(f"meshgrid(): Expected 0D or 1D tensor in the tensor list but got: {x.ndim}D")
    swap = indexing == "xy" and len(tensors) > 1
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = [x.numel() for x in tensors]
    grids = [expand(reshape(x, [-1 if i == d else 1 for i in range(len(shape))]), shape) for d, x in enumerate(tensors)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors):
    """All combinations of one element of each vector, as rows."""
    if len(tensors) == 1:
        return tensors[0]
    return stack([reshape(x, (-1,)) for x in meshgrid(*tensors)], 1)


@function
def combinations(input, r=2, with_replacement=False):
    """All combinations of r elements of a vector, as rows, in the order of itertools."""
    if input.ndim != 1:
        raise RuntimeError(f"combinations(): Expect a 1D vector, but got shape {list(input.shape)}")
    if r < 0:
        raise RuntimeError(f"combinations(): Expect a non-negative number, but got {r}")
    if r == 0:
        return _C.empty((0,), input.dtype, input.device)
    n = input.numel()
    count = (_comb(n + r - 1, r) if n else 0) if with_replacement else _comb(n, r)
    if not count:
        return _C.empty((0, r), input.dtype, input.device)
    if count * r >= 1 << 31:
        raise RuntimeError(f"combinations(): {count} rows of {r} elements are too many to list")
    choose = _combinations_with_replacement if with_replacement else _combinations
    rows = list(choose(range(n), r))
    positions = _C.from_data([i for row in rows for i in row], _C.int64).to(input.device)
    return reshape(input.index_select(0, positions), (len(rows), r))
