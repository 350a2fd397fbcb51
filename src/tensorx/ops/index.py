"""Reading and writing elements by index or mask: x[...], slices, positions, masks, triangles, look-ups."""

from .. import _C
from .define import composite, function, in_place, method, op
from .into import into
from .shape import _cast, copy_, expand, getitem, reshape

__all__ = [
    "argwhere", "bincount", "diag", "diag_embed", "diagflat", "diagonal_scatter", "embedding", "index_add", "index_copy",
    "index_fill", "index_put", "index_select", "masked_fill", "masked_scatter", "masked_select", "nonzero", "put",
    "select_scatter", "slice_scatter", "take", "tril", "tril_indices", "triu", "triu_indices",
]  # fmt: skip


def _zeros(like, shape):
    return _C.new_zeros(like, shape)


# ---- x[index] and x[index] = value


def _picked(g, index, shape):
    """g[index] with the rank of the value that was written there, whose leading sizes of 1 were dropped."""
    g = g[index]
    return reshape(g, (1,) * (len(shape) - g.ndim) + g.shape) if shape is not None and len(shape) > g.ndim else g


@op(
    _C.index_set,
    method=False,
    broadcasts=True,
    node_name="IndexPutBackward0",
    input=lambda g, index, accumulate: g if accumulate else _index_set(g, index, 0),
    value=lambda g, index, value_shape: _picked(g, index, value_shape),
)
def _index_set(input, index, value, accumulate=False):
    """A copy with input[index] replaced by (or, accumulating, increased by) value."""


_index_set_ = in_place(_index_set, method=False)


@op(
    _C.index_get,
    method=False,
    node_name="IndexBackward0",
    input=lambda g, input_shape, index: _index_set(_zeros(g, input_shape), index, g, True),
)
def advanced_getitem(input, index):
    """input[index] with tensors among the indices."""


def _setitem(input, index, value):
    """input[index] = value, where a gradient is involved or the value is no tensor or number."""
    if not isinstance(value, (_C.TensorBase, int, float)):
        value = _C.from_data(value.tolist() if hasattr(value, "tolist") else value, None)
    parts = index if type(index) is tuple else (index,)
    if any(isinstance(part, _C.TensorBase) for part in parts):
        return _index_set_(input, index, value)
    region = getitem(input, index)
    if not isinstance(value, _C.TensorBase):
        return region.fill_(value)
    while value.ndim > region.ndim and value.shape[0] == 1:
        value = value[0]
    return copy_(region, value)


_C.set_slot("advanced_getitem", advanced_getitem)
_C.set_slot("setitem", _setitem)


def _whole_for_none(indices):
    return tuple(slice(None) if i is None else i for i in indices)


@function
@composite
def index_put(input, indices, values, accumulate=False):
    """A copy with input[indices] = values; accumulate adds instead, and adds up where indices repeat.

    >>> import tensorx as tx
    >>> tx.zeros(3).index_put((tx.tensor([0, 0]),), tx.tensor([1.0, 2.0]), accumulate=True)
    tensor([3., 0., 0.])
    """
    return _index_set(input, _C.canonical_index(_whole_for_none(indices)), values, accumulate)


@method
def index_put_(input, indices, values, accumulate=False):
    """In-place form of `index_put`."""
    return _index_set_(input, _C.canonical_index(_whole_for_none(indices)), values, accumulate)


# ---- slices along one dimension


@op(_C.index_select, input=lambda g, input_shape, dim, index: index_add(_zeros(g, input_shape), dim, index, g))
def index_select(input, dim, index):
    """The slices of one dimension that a vector of indices names.

    >>> import tensorx as tx
    >>> tx.index_select(tx.tensor([10, 20, 30]), 0, tx.tensor([2, 0]))
    tensor([30, 10])
    """


@op(
    _C.index_add,
    input=lambda g: g,
    source=lambda g, dim, index, source_shape, alpha: _scaled(index_select(g, dim, index).reshape(source_shape), alpha),
)
def index_add(input, dim, index, source, *, alpha=1):
    """A copy with slice i of alpha * source added to slice index[i] of one dimension, in the order of the index."""


def _scaled(g, alpha):
    return g if alpha == 1 else g * alpha


@op(
    _C.index_copy,
    input=lambda g, dim, index: _index_fill(g, dim, index, 0),
    source=lambda g, dim, index, source_shape: index_select(g, dim, index).reshape(source_shape),
)
def index_copy(input, dim, index, source):
    """A copy with slice index[i] of one dimension replaced by slice i of source."""


@op(
    _C.index_fill,
    method=False,
    node_name="IndexFillBackward0",
    input=lambda g, dim, index: _index_fill(g, dim, index, 0),
)
def _index_fill(input, dim, index, value):
    """index_fill with a number."""


index_add_ = in_place(index_add)
index_copy_ = in_place(index_copy)
_index_fill_ = in_place(_index_fill, "index_fill_", method=False)


def _fill_source(input, dim, index, value):
    """A 0-dim tensor as the source of index_copy, so that its gradient is the sum over what it filled."""
    if value.ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    shape = list(input.shape)
    if shape:
        shape[dim] = index.numel()
    return expand(_cast(value, input.dtype), shape)


@function
def index_fill(input, dim, index, value):
    """A copy with the slices of one dimension that `index` names filled with a number (or 0-dim tensor)."""
    if isinstance(value, _C.TensorBase):
        return index_copy(input, dim, index, _fill_source(input, dim, index, value))
    return _index_fill(input, dim, index, value)


@method
def index_fill_(input, dim, index, value):
    """In-place form of `index_fill`."""
    if isinstance(value, _C.TensorBase):
        return index_copy_(input, dim, index, _fill_source(input, dim, index, value))
    return _index_fill_(input, dim, index, value)


# ---- positions in the flattened tensor


@op(_C.take, input=lambda g, input_shape, index: put(_zeros(g, input_shape), index, g, True))
def take(input, index):
    """The elements at these positions of the flattened tensor, in the shape of the index."""


@op(
    _C.put,
    input=lambda g, index, source_shape, accumulate: g if accumulate else put(g, index, _zeros(g, source_shape)),
    source=lambda g, index, source_shape: take(g, index).reshape(source_shape),
)
def put(input, index, source, accumulate=False):
    """A copy with the elements at these positions of the flattened tensor replaced (or, accumulating, increased)."""


put_ = in_place(put)


# ---- masks


@op(
    _C.masked_fill,
    broadcasts=True,
    input=lambda g, mask: masked_fill(g, mask, 0),
    value=lambda g, mask: masked_fill(g, mask.logical_not(), 0),
)
def masked_fill(input, mask, value):
    """A copy with the elements where mask is True replaced by a number (or 0-dim tensor).

    >>> import tensorx as tx
    >>> tx.masked_fill(tx.tensor([1, 2]), tx.tensor([True, False]), 0)
    tensor([0, 2])
    """


masked_fill_ = in_place(masked_fill)


def _masked_gradient(g, shape, mask):
    whole = _C.broadcast_shape([_C.empty(shape, g.dtype, g.device), mask])
    return masked_scatter(_zeros(g, whole), mask, g).sum_to_size(shape)


@op(_C.masked_select, input=lambda g, input_shape, mask: _masked_gradient(g, input_shape, mask))
def masked_select(input, mask):
    """The elements where mask is True, as a vector."""


def _packed(g, mask, shape):
    """The elements where mask is True as the first ones of zeros of this shape."""
    used = masked_select(g, mask)
    whole = _zeros(g, (shape.numel(),))
    whole[: used.numel()] = used
    return reshape(whole, shape)


@op(
    _C.masked_scatter,
    broadcasts=True,
    input=lambda g, mask: masked_fill(g, mask, 0),
    source=lambda g, mask, source_shape: _packed(g, mask, source_shape),
)
def masked_scatter(input, mask, source):
    """A copy with the elements where mask is True replaced by those of source, in order."""


masked_scatter_ = in_place(masked_scatter)


@op(_C.nonzero, method=False)
def _nonzero(input):
    """The op behind nonzero."""


@op(_C.nonzero_columns, method=False)
def _nonzero_columns(input):
    """nonzero with as_tuple."""


@function
def nonzero(input, *, as_tuple=False, out=None):
    """The indices of the nonzero elements: (n, ndim), or as_tuple one vector per dimension.

    >>> import tensorx as tx
    >>> tx.nonzero(tx.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    return _nonzero_columns(input) if as_tuple else _nonzero(input, out=out)


@op(_C.nonzero)
def argwhere(input):
    """The indices of the nonzero elements: (n, ndim)."""


# ---- triangles and diagonals


@op(_C.tril, input=lambda g, diagonal: tril(g, diagonal))
def tril(input, diagonal=0):
    """The lower triangle of matrices: what lies above the given diagonal is 0."""


@op(_C.triu, input=lambda g, diagonal: triu(g, diagonal))
def triu(input, diagonal=0):
    """The upper triangle of matrices: what lies below the given diagonal is 0."""


tril_ = in_place(tril)
triu_ = in_place(triu)


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The indices of the lower triangle of a (row, col) matrix: (2, n), row by row."""
    return _C.cast(_C.triangle_indices(row, col, offset, False, device), dtype or _C.int64)


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """The indices of the upper triangle of a (row, col) matrix: (2, n), row by row."""
    return _C.cast(_C.triangle_indices(row, col, offset, True, device), dtype or _C.int64)


@op(_C.diag_embed, input=lambda g, offset, dim1, dim2: g.diagonal(offset, dim1, dim2))
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """The last dimension as a diagonal of matrices that are 0 elsewhere."""


@function
def diag(input, diagonal=0, *, out=None):
    """A vector as the diagonal of a matrix, or the diagonal of a matrix as a vector."""
    if input.ndim == 1:
        return diag_embed(input, diagonal, out=out)
    if input.ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D")
    result = input.diagonal(diagonal)
    return result.clone() if out is None else into(out, result)


@function
def diagflat(input, offset=0):
    """All elements as the diagonal of a matrix."""
    return diag_embed(reshape(input, (-1,)), offset)


def _cloned(input, source):
    return _C.clone(input)


@op(_cloned, method=False, node_name="CloneBackward0", input=lambda g: g)
def _room_for(input, source):
    """A copy of input for `source` to be written into; within vmap, one for each example of either."""


def _written(input, src, view, name):
    if view(input).shape != src.shape:
        raise RuntimeError(
            f"{name}(): expected src to have a size equal to the slice of self. src size = {list(src.shape)}, slice size = {list(view(input).shape)}"
        )
    out = _room_for(input, src)
    copy_(view(out), src)
    return out


@function
def select_scatter(input, src, dim, index):
    """A copy with input.select(dim, index) replaced by src."""
    return _written(input, src, lambda x: x.select(dim, index), "select_scatter")


@function
def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """A copy with the slice start:end:step of one dimension replaced by src."""
    dim = dim % max(input.ndim, 1)
    index = (*(slice(None),) * dim, slice(start, end, step))
    return _written(input, src, lambda x: x[index], "slice_scatter")


@function
def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """A copy with a diagonal replaced by src."""
    return _written(input, src, lambda x: x.diagonal(offset, dim1, dim2), "diagonal_scatter")


# ---- look-ups and counts


def one_hot(tensor, num_classes=-1):
    """Integers as vectors of 0 with a 1 at the integer's place, along a new last dimension."""
    if tensor.dtype is not _C.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    smallest, largest = _C.index_bounds(tensor)
    if tensor.numel() == 0 and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if smallest < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = largest + 1
    elif num_classes < 1:
        raise RuntimeError(f"num_classes should be positive, got {num_classes}")
    elif largest >= num_classes:
        raise RuntimeError(f"Class values must be smaller than num_classes: got {largest} for {num_classes} classes")
    return _C.scatter(_C.full((*tensor.shape, num_classes), 0, _C.int64, tensor.device), -1, tensor.unsqueeze(-1), 1)


def _embedding_gradient(g, weight_shape, indices, padding_idx, scale_grad_by_freq):
    rows = reshape(indices, (-1,))
    g = reshape(g, (rows.numel(), weight_shape[1]))
    if padding_idx >= 0:
        g = masked_fill(g, (rows == padding_idx).unsqueeze(1), 0)
    if scale_grad_by_freq:
        g = g / _C.index_select(bincount(rows, minlength=weight_shape[0]), 0, rows).unsqueeze(1)
    return index_add(_zeros(g, weight_shape), 0, rows, g)


@op(_C.embedding, method=False, node_name="EmbeddingBackward0", weight=_embedding_gradient)
def _embedding(weight, indices, padding_idx, scale_grad_by_freq):
    """The op behind embedding."""


def _sparse_embedding_gradient(g, weight_shape, indices, padding_idx):
    from ..sparse.tensor import SparseTensor

    rows = reshape(indices, (-1,)).to(_C.int64)
    g = reshape(g, (rows.numel(), weight_shape[1]))
    if padding_idx >= 0:
        kept = (rows != padding_idx).nonzero()[:, 0]
        rows, g = _C.index_select(rows, 0, kept), g.index_select(0, kept)
    return SparseTensor(rows.unsqueeze(0), g, weight_shape)


@op(_C.embedding, method=False, node_name="EmbeddingBackward0", weight=_sparse_embedding_gradient)
def _sparse_embedding(weight, indices, padding_idx, scale_grad_by_freq):
    """_embedding with a sparse gradient."""


def embedding(input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` that integers name: input (*) and weight (n, d) give (*, d).

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: rows in use that are longer (in the norm_type-norm) are first scaled to it, in place.
        scale_grad_by_freq: divide each row's gradient by how often it was used.
        sparse: weight's gradient is a sparse tensor that holds the rows in use, and takes memory for them alone.

    The gradient adds up rows in the order of the input, whatever the number of threads.
    """
    if padding_idx is None:
        padding_idx = -1
    else:
        rows = weight.shape[0]
        if not -rows <= padding_idx < rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        padding_idx %= rows
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    if not sparse:
        return _embedding(weight, input, padding_idx, scale_grad_by_freq)
    if scale_grad_by_freq:
        raise RuntimeError("embedding(): scale_grad_by_freq not supported with sparse gradients: choose one of the two")
    return _sparse_embedding(weight, input, padding_idx, False)


def _no_grad():
    from ..autograd.grad_mode import no_grad

    return no_grad()


def _renormalize(weight, input, max_norm, norm_type):
    """Scale the rows in use that are longer than max_norm, without a gradient."""
    with _no_grad():
        used = bincount(reshape(input, (-1,)), minlength=weight.shape[0])[: weight.shape[0]].nonzero()[:, 0]
        rows = _C.index_select(weight, 0, used)
        norms = (rows.abs() ** norm_type).sum(1, True) ** (1.0 / norm_type)
        scale = masked_fill(max_norm / (norms + 1e-7), norms <= max_norm, 1)
        index_copy_(weight.detach(), 0, used, rows * scale)


@function
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs, or the sum of its weights (float64 unless they are float32).

    >>> import tensorx as tx
    >>> tx.bincount(tx.tensor([1, 1, 3]))
    tensor([0, 2, 0, 1])
    """
    if input.ndim != 1 or input.dtype.is_floating_point or input.dtype is _C.bool:
        raise RuntimeError(
            f"bincount only supports 1-d non-negative integral inputs, got a {input.ndim}-d tensor of {input.dtype}"
        )
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if weights is not None and weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    smallest, largest = _C.index_bounds(input)
    if smallest < 0:
        raise RuntimeError(f"bincount only supports 1-d non-negative integral inputs, got {smallest}")
    if weights is None:
        weights = _C.full(input.shape, 1, _C.int64, input.device)
    elif weights.dtype is not _C.float32:
        weights = _C.cast(weights, _C.float64)
    counts = _C.full((max(largest + 1, minlength),), 0, weights.dtype, input.device)
    return _C.index_add(counts, 0, input, weights, 1)
