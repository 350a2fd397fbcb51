"""Views and copies: functions that change shape, layout, dtype or device, and no value."""

from .. import _C
from ..autograd.in_place import Geometry, scatter_region
from ..size import Size
from .define import alias, function, in_place, method, methods, op

__all__ = [
    "as_strided",
    "broadcast_shapes",
    "broadcast_to",
    "chunk",
    "clone",
    "diagonal",
    "expand",
    "flatten",
    "moveaxis",
    "movedim",
    "narrow",
    "permute",
    "ravel",
    "reshape",
    "select",
    "split",
    "split_with_sizes",
    "squeeze",
    "sum_to_size",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
]


def _dimension(name, dim, ndim):
    """`dim` counted from the front; IndexError, with `name` at its beginning, outside of [-ndim, ndim)."""
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"{name}Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {dim})"
        )
    return dim % ndim


@op(_C.view, view=True, method=False, input=lambda g, input_shape: g.reshape(input_shape))
def _view_shape(input, shape):
    """The shape form of view."""


def _view(input, *shape, dtype=None, size=None):
    """The same data in another shape; one size may be -1. Never copies.

    Raises RuntimeError when the strides do not allow it: use `reshape`, or `contiguous` first.

    >>> import tensorx as tx
    >>> tx.arange(6).view(2, -1).shape
    tensorx.Size([2, 3])
    """
    if size is not None:
        shape = size
    elif len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0]
        if isinstance(shape, _C.dtype):
            dtype = shape
    if dtype is not None:
        return _view_dtype(input, dtype)
    return _view_shape(input, tuple(shape))


methods["view"] = _view


@op(_C.view_dtype, view=True, method=False, nondifferentiable=True)
def _view_dtype(input, dtype):
    """The same bytes read as another dtype."""


@op(_C.reshape, view=True, input=lambda g, input_shape: g.reshape(input_shape))
def reshape(input, *shape):
    """The same values in another shape; one size may be -1. A view where possible, else a copy.

    >>> import tensorx as tx
    >>> tx.reshape(tx.arange(4), (2, 2))
    tensor([[0, 1],
            [2, 3]])
    """


@op(_C.flatten, view=True, input=lambda g, input_shape: g.reshape(input_shape))
def flatten(input, start_dim=0, end_dim=-1):
    """Dimensions start_dim to end_dim as one."""


@op(_C.expand, view=True, input=lambda g, input_shape: g.sum_to_size(input_shape))
def expand(input, *size, implicit=False):
    """A view with dimensions of size 1 repeated to `size`, without memory; -1 keeps a size."""


def _inverse(dims):
    n = len(dims)
    order = [0] * n
    for i, d in enumerate(dims):
        order[d % n] = i
    return order


@op(_C.permute, view=True, input=lambda g, dims: g.permute(_inverse(dims)))
def permute(input, *dims):
    """A view with the dimensions in another order."""


@op(_C.transpose, view=True, input=lambda g, dim0, dim1: g.transpose(dim0, dim1))
def transpose(input, dim0, dim1):
    """A view with two dimensions swapped."""


@op(_C.t, view=True, input=lambda g: g.t())
def t(input):
    """The transpose of a matrix; tensors of fewer dimensions come back as they are."""


@op(_C.squeeze, view=True, input=lambda g, input_shape: g.reshape(input_shape))
def squeeze(input, dim=None):
    """A view without the dimensions of size 1; `dim` (an int or a tuple) says which may go."""


@op(_C.unsqueeze, view=True, input=lambda g, dim: g.squeeze(dim))
def unsqueeze(input, dim):
    """A view with a new dimension of size 1 at `dim`."""


def _embed(g, shape, view):
    """Zeros of `shape` with g written into the region that `view` takes of it."""
    whole = _C.new_zeros(g, shape)
    view(whole).copy_(g)
    return whole


@op(
    _C.narrow,
    view=True,
    input=lambda g, input_shape, dim, start, length: _embed(g, input_shape, lambda w: w.narrow(dim, start, length)),
)
def narrow(input, dim, start, length):
    """The part [start, start + length) of one dimension, as a view."""


@op(
    _C.select,
    view=True,
    input=lambda g, input_shape, dim, index: _embed(g, input_shape, lambda w: w.select(dim, index)),
)
def select(input, dim, index):
    """One index of one dimension, as a view without that dimension."""


@op(
    _C.basic_view,
    view=True,
    method=False,
    node_name="SliceBackward0",
    input=lambda g, input_shape, index: _embed(g, input_shape, lambda w: w[index]),
)
def getitem(input, index):
    """input[index] for ints, slices, None and Ellipsis."""


_C.set_slot("getitem", getitem)


@op(
    _C.diagonal,
    view=True,
    input=lambda g, input_shape, offset, dim1, dim2: _embed(g, input_shape, lambda w: w.diagonal(offset, dim1, dim2)),
)
def diagonal(input, offset=0, dim1=0, dim2=1):
    """A view of the diagonal of two dimensions, as the last dimension."""


@op(
    _C.unfold,
    view=True,
    input=lambda g, input_shape, dimension, size, step: scatter_region(
        g, Geometry.dense(input_shape), _windows(Geometry.dense(input_shape), dimension, size, step)
    ),
)
def unfold(input, dimension, size, step):
    """Sliding windows of one dimension, as a view; the positions within a window become the last dimension."""


@op(
    _C.as_strided,
    view=True,
    input=lambda g, input_geometry, size, stride, storage_offset: scatter_region(
        g,
        Geometry(*input_geometry),
        Geometry(size, stride, input_geometry[2] if storage_offset is None else storage_offset),
    ),
)
def as_strided(input, size, stride, storage_offset=None):
    """A view of any shape and strides (in elements) over the storage; raises where it would reach outside it."""


def _windows(geometry, dimension, size, step):
    """The geometry of unfold()'s result."""
    shape, strides = list(geometry.shape) or [1], list(geometry.strides) or [1]
    dimension %= len(shape)
    window, apart = size, strides[dimension]
    shape[dimension] = (shape[dimension] - size) // step + 1
    strides[dimension] *= step
    return Geometry((*shape, window), (*strides, apart), geometry.offset)


def _cat_views(grads, shape, dim):
    from .join import cat

    return cat(grads, dim)


@op(
    _C.split,
    view=True,
    method=False,
    node_name="SplitBackward0",
    input=lambda g, input_shape, dim: _cat_views(g, input_shape, dim),
)
def _split(input, sizes, dim):
    """Parts of the given sizes."""


@function
def split(tensor, split_size_or_sections, dim=0):
    """Parts of one dimension, as a tuple of views: of one size (the last may be smaller), or of the given sizes.

    >>> import tensorx as tx
    >>> [p.shape[0] for p in tx.split(tx.arange(5), 2)]
    [2, 2, 1]
    """
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 0 or tensor.ndim == 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={sizes}"
                if sizes < 0
                else "split expects at least a 1-dimensional tensor"
            )
        total = tensor.size(dim)
        if sizes == 0 and total:
            raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {total}")
        count = max((total + sizes - 1) // sizes, 1) if sizes else 1
        sizes = [sizes] * (count - 1) + [total - sizes * (count - 1)]
    return _split(tensor, sizes, dim)


@function
def split_with_sizes(input, split_sizes, dim=0):
    """Parts of the given sizes of one dimension, as a tuple of views."""
    return _split(input, split_sizes, dim)


@function
def chunk(input, chunks, dim=0):
    """At most `chunks` parts of equal size (the last may be smaller), as a tuple of views."""
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    size = input.size(dim)
    each = (size + chunks - 1) // chunks
    return split(input, each, dim) if each else _split(input, [0] * chunks, dim)


@op(_C.unbind, view=True, input=lambda g, dim: _stack_views(g, dim))
def unbind(input, dim=0):
    """Every index of one dimension, as a tuple of views."""


def _stack_views(grads, dim):
    from .join import stack

    return stack(grads, dim)


# ---- copies


@op(_C.clone, method=False, input=lambda g: g)
def _clone(input):
    """The copy behind clone."""


@function
def clone(input, *, memory_format=None):
    """A copy with memory of its own, in the order of `memory_format` or, by default, of `input`; gradients flow through."""
    if memory_format is not None:
        from .convert import in_memory_format

        made = in_memory_format(input, memory_format)
        if made is not input:
            return made
    return _clone(input)


@op(_C.contiguous, view=True, method=False, node_name="CloneBackward0", input=lambda g: g)
def _contiguous(input):
    """The copy behind contiguous."""


@method
def contiguous(input, memory_format=None):
    """The same values, each next to the last in memory, in the order of `memory_format`: the tensor itself when it
    already is so, else a copy.

    >>> import tensorx as tx
    >>> tx.zeros(2, 3, 4, 5).contiguous(memory_format=tx.channels_last).stride()
    (60, 1, 15, 3)
    """
    if memory_format is None:
        return input if input.is_contiguous() else _contiguous(input)
    from .convert import in_memory_format, preserve_format

    if memory_format is preserve_format:
        raise RuntimeError("contiguous(): preserve_format asks for no order: pass contiguous_format or channels_last")
    return in_memory_format(input, memory_format)


@op(_C.cast, method=False, node_name="ToCopyBackward0", broadcasts=True, input=lambda g: g)
def _cast(input, dtype):
    """A conversion of dtype."""


@op(_C.to_device, method=False, node_name="ToCopyBackward0", broadcasts=True, input=lambda g: g)
def _move(input, device, wait=True):
    """A copy on another device."""


@op(_C.copy_into, method=False, node_name="CopyBackwards", broadcasts=True, input=lambda g: None, src=lambda g: g)
def _copy(input, src, non_blocking=False):
    """The op behind copy_."""


copy_ = in_place(_copy, "copy_", input=lambda g: None)


@op(_C.fill, method=False, broadcasts=True, input=lambda g: None)
def _fill(input, value):
    """The op behind fill_ with a number."""


_fill_number_ = in_place(_fill, "fill_", method=False)


@method
def fill_(input, value):
    """Write a number, or the value of a 0-dim tensor, to every element."""
    if not isinstance(value, _C.TensorBase):
        return _fill_number_(input, value)
    if value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return copy_(input, value)


@method
def zero_(input):
    """Write 0 to every element."""
    return _fill_number_(input, 0)


# ---- compositions


@function
def ravel(input):
    """All elements as one dimension: a view where possible, else a copy."""
    return reshape(input, (-1,))


@function
def unflatten(input, dim, sizes):
    """One dimension as several; one size may be -1."""
    d = _dimension("unflatten(): ", dim, input.ndim)
    return reshape(input, (*input.shape[:d], *sizes, *input.shape[d + 1 :]))


@method
def view_as(input, other):
    """view with the shape of another tensor."""
    return _view_shape(input, other.shape)


@method
def reshape_as(input, other):
    """reshape to the shape of another tensor."""
    return reshape(input, other.shape)


@method
def expand_as(input, other):
    """expand to the shape of another tensor."""
    return expand(input, other.shape)


@function
def broadcast_to(input, *size):
    """A view of `size`, repeated where the tensor has size 1."""
    return expand(input, *size)


def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes broadcast to.

    >>> import tensorx as tx
    >>> tx.broadcast_shapes((2, 1), (3,), 1)
    tensorx.Size([2, 3])
    """
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    result = [1] * max(map(len, shapes), default=0)
    for s in shapes:
        for i in range(-len(s), 0):
            if s[i] < 0:
                raise RuntimeError(f"broadcast_shapes(): sizes must not be negative, but got {s}")
            if s[i] != 1 and result[i] not in (1, s[i]):
                raise RuntimeError(
                    f"Shape mismatch: objects cannot be broadcast to a single shape: {', '.join(map(str, shapes))}"
                )
            result[i] = s[i] if s[i] != 1 else result[i]
    return Size(result)


@function
def movedim(input, source, destination):
    """A view with some dimensions moved to other places."""
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({source} dims) should contain the same number of dims as destination ({destination} dims)"
        )
    n = input.ndim
    moved = {
        _dimension("movedim(): ", d, n): _dimension("movedim(): ", s, n)
        for s, d in zip(source, destination, strict=True)
    }
    if len(moved) != len(source) or len(set(moved.values())) != len(source):
        raise RuntimeError(f"movedim: repeated dim in `source` ({source}) or `destination` ({destination})")
    rest = iter(i for i in range(n) if i not in moved.values())
    return permute(input, [moved[i] if i in moved else next(rest) for i in range(n)])


@function
def sum_to_size(input, *size):
    """The sum over the dimensions that broadcasting `size` to this shape would repeat."""
    if len(size) == 1 and not isinstance(size[0], int):
        size = tuple(size[0])
    shape = input.shape
    if shape == size:
        return input
    lead = len(shape) - len(size)
    fits = lead >= 0 and all(s in (1, n) for s, n in zip(size, shape[lead:], strict=True))
    if not fits:
        raise RuntimeError(f"size {list(size)} is not expandable to size {list(shape)}.")
    dims = [*range(lead), *(i + lead for i, s in enumerate(size) if s == 1 and shape[i + lead] != 1)]
    return reshape(input.sum(dims), size) if dims else reshape(input, size)


swapaxes = alias("swapaxes", transpose)
swapdims = alias("swapdims", transpose)
moveaxis = alias("moveaxis", movedim)
