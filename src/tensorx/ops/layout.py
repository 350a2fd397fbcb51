"""Layouts, and the ways from dense tensors to sparse ones (tensorx.sparse), which is loaded when it is first used."""

from .. import _C
from .convert import Constant
from .define import method

__all__ = ["layout", "sparse_coo", "sparse_csr", "strided"]


class layout(Constant):
    """How a tensor is kept in memory: tensorx.strided, tensorx.sparse_coo or tensorx.sparse_csr."""

    __slots__ = ()


strided, sparse_coo, sparse_csr = layout("strided"), layout("sparse_coo"), layout("sparse_csr")


@method
def to_sparse(input, sparse_dim=None, *, layout=None):
    """The elements that are not 0, as a sparse tensor: `sparse_dim` first dimensions (all) sparse, the others dense.

    >>> import tensorx as tx
    >>> tx.tensor([[0.0, 2.0], [0.0, 0.0]]).to_sparse()
    tensor(indices=tensor([[0],
                           [1]]),
           values=tensor([2.]),
           size=(2, 2), nnz=1, layout=tensorx.sparse_coo)
    """
    from ..sparse.tensor import SparseTensor, index_of, product

    if layout not in (None, sparse_coo, sparse_csr):
        raise RuntimeError(f"to_sparse(): layout must be tensorx.sparse_coo or tensorx.sparse_csr, but got {layout}")
    if layout is sparse_csr:
        return to_sparse_csr(input)
    first = input.ndim if sparse_dim is None else sparse_dim
    if not 0 <= first <= input.ndim:
        raise RuntimeError(f"to_sparse(): sparse_dim must lie in [0, {input.ndim}], but got {sparse_dim}")
    sizes, dense = input.shape[:first], input.shape[first:]
    slices = input.reshape(product(sizes), *dense)
    used = slices.detach() != 0
    used = used.reshape(product(sizes), product(dense)).any(1) if dense else used
    position = _C.nonzero(used)[:, 0]
    return SparseTensor(index_of(position, sizes), slices.index_select(0, position), input.shape, True)


@method
def to_sparse_coo(input):
    """`to_sparse` with all dimensions sparse."""
    return to_sparse(input)


@method
def to_sparse_csr(input, dense_dim=None):
    """The elements of a matrix that are not 0, in compressed row form."""
    if input.ndim != 2:
        raise RuntimeError(f"to_sparse_csr(): expected a matrix, but got a {input.ndim}-D tensor")
    return to_sparse(input).to_sparse_csr()


@method
def to_dense(input, dtype=None, *, masked_grad=None):
    """The tensor itself, which is dense."""
    return input if dtype is None else input.to(dtype)


@method
def sparse_mask(input, mask):
    """The elements at the indices of a sparse tensor, as a sparse tensor."""
    s = mask.coalesce()
    return s._with(input[tuple(s.indices())])


def _of_sparse_tensors(name):
    def refuse(input):
        raise RuntimeError(f"{name}(): expected a sparse tensor, but got a dense one: call to_sparse() first")

    refuse.__name__ = refuse.__qualname__ = name
    refuse.__doc__ = f"`SparseTensor.{name}`; raises RuntimeError, as this tensor is dense."
    return method(refuse)


for _name in (
    "coalesce",
    "is_coalesced",
    "indices",
    "values",
    "crow_indices",
    "col_indices",
    "sparse_dim",
    "dense_dim",
):
    _of_sparse_tensors(_name)
