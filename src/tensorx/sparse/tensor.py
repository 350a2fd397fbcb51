"""The classes of sparse tensors: indices and values, what is known about them, and their conversions.

A SparseTensor holds two ordinary tensors. What is computed with it is computed with those, so that gradients flow to its
values as through any other ops, on every device. It passes for a Tensor (`isinstance`), but has no storage of its own:
an op that is given one asks `_call_op`, which looks the op up in `rules.RULES`.
"""

from functools import partial

from .. import _C
from ..ops.join import cat
from ..ops.layout import sparse_coo, sparse_csr
from ..size import Size
from ..tensor import Tensor


def product(sizes):
    total = 1
    for n in sizes:
        total *= n
    return total


def flat_positions(index, sizes):
    """The row-major position of each column of an index matrix in a tensor of these sizes."""
    if product(sizes) >= 2**63:
        raise RuntimeError(f"a sparse tensor of sizes {list(sizes)} has more positions than an int64 can count")
    position = _C.full((index.shape[1],), 0, _C.int64, index.device)
    for row, n in zip(index, sizes, strict=True):
        position = position * n + row
    return position


def index_of(position, sizes):
    """The index matrix of row-major positions: the inverse of flat_positions."""
    rows = []
    for n in reversed(sizes):
        rows.append(position % max(n, 1))
        position = position.floor_divide(max(n, 1))
    empty = _C.empty((0, position.shape[0]), _C.int64, position.device)
    return _C.stack(rows[::-1], 0) if rows else empty


def summed(values, place, count):
    """The sums of the slices of `values` that go to each of `count` places, in their order."""
    if values.dtype is _C.bool:
        return summed(values.to(_C.int64), place, count) != 0
    return values.new_zeros((count, *values.shape[1:])).index_add(0, place, values)


class SparseTensor:
    """A tensor in coordinate form (COO): a matrix of indices, one column per stored element, and their values.

    Made by `tensorx.sparse_coo_tensor` or `Tensor.to_sparse`. The last dimensions of a hybrid tensor are dense: its
    values then have more than one dimension. Elements with equal indices add up; `coalesce` stores their sum.
    """

    layout = sparse_coo
    is_sparse = True
    is_sparse_csr = False
    __array_priority__ = 1001

    def __init__(self, index, values, shape, coalesced=False):
        self._index, self._stored, self.shape, self._coalesced = index, values, Size(shape), coalesced

    @property  # type: ignore[misc]
    def __class__(self):
        """Tensor, so that isinstance(x, tensorx.Tensor) holds; type(x) is the class itself."""
        return Tensor

    # ---- what it is

    dtype = property(lambda self: self._stored.dtype, doc="The dtype of the values.")
    device = property(lambda self: self._stored.device, doc="Where the values are.")
    is_cuda = property(lambda self: self._stored.is_cuda, doc="True on a CUDA device.")
    ndim = property(lambda self: len(self.shape), doc="The number of dimensions.")
    requires_grad = property(lambda self: self._stored.requires_grad, doc="Whether gradients flow to the values.")
    is_leaf = property(lambda self: self._stored.is_leaf, doc="Whether the values are a leaf.")
    grad_fn = property(lambda self: self._stored.grad_fn, doc="The node that made the values.")
    T = property(lambda self: self.t(), doc="The transpose of a matrix.")

    @property
    def grad(self):
        """The gradient of the values, as a sparse tensor with the same indices."""
        gradient = self._stored.grad
        return None if gradient is None else self._with(gradient)

    @grad.setter
    def grad(self, value):
        self._stored.grad = value if value is None else value._values()

    def dim(self):
        """The number of dimensions."""
        return len(self.shape)

    def size(self, dim=None):
        """The shape, or one of its sizes."""
        return self.shape if dim is None else self.shape[dim]

    def numel(self):
        """The number of elements, of which only some are stored."""
        return product(self.shape)

    def sparse_dim(self):
        """How many dimensions (the first ones) are sparse."""
        return self._index.shape[0]

    def dense_dim(self):
        """How many dimensions (the last ones) are dense."""
        return self.ndim - self.sparse_dim()

    def _nnz(self):
        return self._stored.shape[0]

    def is_coalesced(self):
        """True when the indices are sorted and distinct."""
        return self._coalesced

    def is_floating_point(self):
        """True for the float dtypes."""
        return self.dtype.is_floating_point

    def is_complex(self):
        """True for the complex dtypes."""
        return self.dtype.is_complex

    def _checked(self, what):
        if not self._coalesced:
            raise RuntimeError(f"Cannot get {what} on an uncoalesced tensor, please call .coalesce() first")

    def indices(self):
        """The indices of a coalesced tensor: (sparse_dim, nnz)."""
        self._checked("indices")
        return self._index

    def values(self):
        """The values of a coalesced tensor: (nnz, ...), the very tensor that is stored."""
        self._checked("values")
        return self._stored

    def _indices(self):
        return self._index

    def _values(self):
        return self._stored

    # ---- other forms

    def _with(self, values):
        """The same indices with other values."""
        return SparseTensor(self._index, values, (*self._sizes(), *values.shape[1:]), self._coalesced)

    def _sizes(self):
        return self.shape[: self.sparse_dim()]

    def _flat(self):
        return flat_positions(self._index, self._sizes())

    def coalesce(self):
        """The same tensor with sorted, distinct indices; values of equal indices are summed, in their order."""
        if self._coalesced:
            return self
        keys, place = self._flat().unique(return_inverse=True)
        values = summed(self._stored, place, keys.shape[0])
        return SparseTensor(index_of(keys, self._sizes()), values, self.shape, True)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """The tensor with all its elements; gradients flow to the values."""
        values = self._stored if dtype is None else self._stored.to(dtype)
        return summed(values, self._flat(), product(self._sizes())).reshape(self.shape)

    def to_sparse(self, sparse_dim=None, *, layout=None):
        """The tensor itself, or in the layout asked for."""
        if layout is sparse_csr:
            return self.to_sparse_csr()
        return self

    def to_sparse_coo(self):
        """The tensor itself."""
        return self

    def to_sparse_csr(self, dense_dim=None):
        """A matrix in compressed row form."""
        if self.ndim != 2 or self.dense_dim():
            raise RuntimeError(
                f"to_sparse_csr(): expected a matrix with two sparse dimensions, but got {self.sparse_dim()} sparse and "
                f"{self.dense_dim()} dense dimensions"
            )
        s = self.coalesce()
        counts = s._index[0].bincount(minlength=s.shape[0])
        crow = cat([counts.new_zeros(1), counts.cumsum(0)])
        return SparseCsrTensor(crow, s._index[1], s._stored, s.shape)

    def sparse_mask(self, mask):
        """The elements of this tensor at the indices of another sparse tensor."""
        return self.to_dense().sparse_mask(mask)

    # ---- autograd and copies

    def requires_grad_(self, requires_grad=True):
        """Whether gradients flow to the values, which must be a leaf."""
        self._stored.requires_grad_(requires_grad)
        return self

    def backward(self, gradient=None, **options):
        """Backward from the values; `gradient` is a sparse tensor with the same indices."""
        self._stored.backward(None if gradient is None else gradient._values(), **options)

    def detach(self):
        """The same data without history."""
        return self._with(self._stored.detach())

    def clone(self, *, memory_format=None):
        """A copy with memory of its own; gradients flow through."""
        made = self._with(self._stored.clone())
        made._index = self._index.clone()
        return made

    def zero_(self):
        """Store no element any more. For gradients: `zero_grad(set_to_none=False)`."""
        self._index, self._stored = self._index[:, :0], self._stored[:0]
        return self

    def _converted(self, values):
        made = self._with(values)
        return made if values is self._stored else made._on(values.device)

    def _on(self, device):
        self._index = self._index.to(device)
        return self

    def to(self, *args, **kwargs):
        """The tensor in another dtype or on another device; see `Tensor.to`."""
        values = self._stored.to(*args, **kwargs)
        return self if values is self._stored else self._converted(values)

    # ---- as an object

    def __reduce__(self):
        return type(self), (self._index, self._stored, tuple(self.shape), self._coalesced)

    def __repr__(self):
        return _text(self, [("indices", self._index), ("values", self._stored)])

    def __len__(self):
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __bool__(self):
        raise RuntimeError("the truth of a sparse tensor is not defined: use _nnz(), or to_dense()")

    def __hash__(self):
        return id(self)

    def _call_op(self, op, arguments):
        """What an op gives for these arguments, some of which are sparse. Called from C."""
        return _rule(op.name)(*arguments)

    def __getattr__(self, name):
        """The methods of Tensor that have a rule for sparse tensors."""
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(_rule(name, AttributeError), self)

    def __add__(self, other):
        return _rule("add")(self, other)

    __radd__ = __add__

    def __sub__(self, other):
        return _rule("sub")(self, other)

    def __rsub__(self, other):
        return _rule("sub")(other, self)

    def __mul__(self, other):
        return _rule("mul")(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return _rule("true_divide")(self, other)

    def __neg__(self):
        return _rule("neg")(self)

    def __matmul__(self, other):
        return _rule("matmul")(self, other)

    def __rmatmul__(self, other):
        return _rule("matmul")(other, self)


def _rule(name, error=TypeError):
    """What the op of this name does with sparse tensors."""
    from .rules import RULES

    if name not in RULES:
        raise error(f"{name}() is not defined for sparse tensors: call to_dense() first, or apply it to values()")
    return RULES[name]


def _moved_by(name):
    def convert(self, *args, **kwargs):
        return self._converted(getattr(self._stored, name)(*args, **kwargs))

    convert.__name__ = name
    convert.__doc__ = f"Tensor.{name} of the values, and the indices on the same device."
    return convert


for _name in ("cpu", "cuda", "double", "float", "half", "bfloat16", "int", "long"):
    setattr(SparseTensor, _name, _moved_by(_name))


class SparseCsrTensor(SparseTensor):
    """A matrix in compressed row form (CSR): where each row begins, the column of each element, and the values.

    Made by `tensorx.sparse_csr_tensor` or `Tensor.to_sparse_csr`. Ops take it as its coordinate form.
    """

    layout = sparse_csr
    is_sparse = False
    is_sparse_csr = True

    def __init__(self, crow, column, values, shape):
        self._crow, self._column, self._stored, self.shape = crow, column, values, Size(shape)
        self._coalesced = True

    @property
    def _index(self):
        """The indices of the coordinate form."""
        rows = self._crow.new_zeros(0) if not self.shape[0] else self._crow.diff().repeat_interleave()
        return _C.stack([rows.to(_C.int64), self._column.to(_C.int64)], 0)

    def _with(self, values):
        return SparseCsrTensor(self._crow, self._column, values, self.shape)

    def _on(self, device):
        self._crow, self._column = self._crow.to(device), self._column.to(device)
        return self

    def clone(self, *, memory_format=None):
        """A copy with memory of its own; gradients flow through."""
        return SparseCsrTensor(self._crow.clone(), self._column.clone(), self._stored.clone(), self.shape)

    def sparse_dim(self):
        """2: both dimensions are sparse."""
        return 2

    def crow_indices(self):
        """Where each row begins among the values, and where the last one ends: (rows + 1)."""
        return self._crow

    def col_indices(self):
        """The column of each value: (nnz)."""
        return self._column

    def indices(self):
        """Raises: a CSR tensor has crow_indices and col_indices."""
        raise RuntimeError("indices(): a sparse_csr tensor has crow_indices() and col_indices(); or call to_sparse()")

    def to_sparse(self, sparse_dim=None, *, layout=None):
        """The coordinate form, unless `layout` asks for CSR."""
        return self if layout is sparse_csr else SparseTensor(self._index, self._stored, self.shape, True)

    to_sparse_coo = to_sparse

    def to_sparse_csr(self, dense_dim=None):
        """The tensor itself."""
        return self

    def __reduce__(self):
        return type(self), (self._crow, self._column, self._stored, tuple(self.shape))

    def __repr__(self):
        parts = [("crow_indices", self._crow), ("col_indices", self._column), ("values", self._stored)]
        return _text(self, parts)


def _text(x, parts):
    """How a sparse tensor prints: its parts, below each other, and what a reader could not infer."""
    lines = []
    for name, part in parts:
        body = repr(part.detach()).replace("\n", "\n" + " " * (7 + len(name) + 1))
        lines.append(f"{name}={body}")
    more = [f"size={tuple(x.shape)}", f"nnz={x._nnz()}"]
    if x.device.type != "cpu":
        more.append(f"device='{x.device}'")
    if x.dtype is not _C.get_default_dtype():
        more.append(f"dtype={x.dtype}")
    more.append(f"layout={x.layout}")
    if x.grad_fn is not None:
        more.append(f"grad_fn=<{x.grad_fn.name()}>")
    elif x.requires_grad:
        more.append("requires_grad=True")
    return "tensor(" + ",\n       ".join([*lines, ", ".join(more)]) + ")"
