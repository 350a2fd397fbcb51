"""Making sparse tensors from indices and values, which are checked: no later op reads outside of the shape."""

from .. import _C
from ..creation import as_tensor
from .tensor import SparseCsrTensor, SparseTensor


def _values(values, dtype, device, requires_grad):
    made = values if isinstance(values, _C.TensorBase) else as_tensor(values)
    made = made.to(device=made.device if device is None else device, dtype=made.dtype if dtype is None else dtype)
    return made.detach().requires_grad_() if requires_grad else made


def _integers(name, part, index, device):
    index = as_tensor(index) if not isinstance(index, _C.TensorBase) else index
    if not index.numel() and index.dtype.is_floating_point:  # an empty list
        index = index.to(_C.int64)
    if index.dtype.is_floating_point or index.dtype is _C.bool:
        raise RuntimeError(f"{name}(): {part} must be integers, but got {index.dtype}")
    return index.to(device=device, dtype=_C.int64)


def sparse_coo_tensor(
    indices,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A sparse tensor in coordinate form. With a size alone, in the place of indices: one without elements.

    Args:
        indices: (sparse_dim, nnz) integers, a column for each value. They may repeat: such values add up.
        values: (nnz, ...) numbers. Gradients flow to a tensor that requires them.
        size: the shape; by default just large enough. Sizes beyond sparse_dim are those of dense dimensions.
        requires_grad: make the values a leaf that gradients flow to.
        is_coalesced: a promise that the indices are sorted and distinct.

    Raises RuntimeError where shapes do not fit or an index is outside of the size.

    >>> import tensorx as tx
    >>> tx.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    name = "sparse_coo_tensor"
    if values is None:
        size, given = (indices if size is None else size), True
        made = _values(_C.empty((0,), dtype or _C.get_default_dtype(), device or "cpu"), None, None, requires_grad)
        return SparseTensor(_C.empty((len(size), 0), _C.int64, made.device), made, size, given)
    values = _values(values, dtype, device, requires_grad)
    index = _integers(name, "indices", indices, values.device)
    if values.ndim == 0:
        values = values.expand(index.shape[1] if index.ndim == 2 else 1)
    if index.ndim == 1 and not index.numel():
        index = index.reshape(0 if size is None else len(size) - values.ndim + 1, 0)
    if index.ndim != 2 or index.shape[1] != values.shape[0]:
        raise RuntimeError(
            f"{name}(): indices must be (sparse_dim, nnz) with nnz the first size of values, but got shapes "
            f"{list(index.shape)} and {list(values.shape)}"
        )
    dense = tuple(values.shape[1:])
    stored = index.shape[1] > 0 and index.shape[0] > 0
    largest = index.amax(1).tolist() if stored else [-1] * index.shape[0]
    size = (*(n + 1 for n in largest), *dense) if size is None else tuple(size)
    if len(size) != index.shape[0] + len(dense) or size[index.shape[0] :] != dense:
        raise RuntimeError(
            f"{name}(): size {list(size)} does not fit {index.shape[0]} sparse dimensions and values of shape "
            f"{list(values.shape)}"
        )
    if stored and index.min().item() < 0:
        raise RuntimeError(f"{name}(): found negative index {index.min().item()}")
    for d, (found, n) in enumerate(zip(largest, size)):  # the sparse sizes come first
        if found >= n:
            raise RuntimeError(
                f"{name}(): size is inconsistent with indices: for dim {d}, size is {n} but found index {found}"
            )
    return SparseTensor(index, values, size, bool(is_coalesced))


def sparse_csr_tensor(
    crow_indices,
    col_indices,
    values,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
):
    """A matrix in compressed row form.

    Args:
        crow_indices: (rows + 1) integers: row i has the values from crow_indices[i] to crow_indices[i + 1].
        col_indices: (nnz) integers, ascending and distinct within each row.
        values: (nnz) numbers. Gradients flow to a tensor that requires them.
        size: (rows, columns), by default just large enough.

    >>> import tensorx as tx
    >>> tx.sparse_csr_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    name = "sparse_csr_tensor"
    values = _values(values, dtype, device, requires_grad)
    crow = _integers(name, "crow_indices", crow_indices, values.device)
    column = _integers(name, "col_indices", col_indices, values.device)
    if crow.ndim != 1 or column.ndim != 1 or values.ndim != 1 or column.shape != values.shape or not crow.numel():
        raise RuntimeError(
            f"{name}(): expected vectors of rows + 1 crow_indices, and as many col_indices as values, but got shapes "
            f"{list(crow.shape)}, {list(column.shape)} and {list(values.shape)}"
        )
    nnz = values.shape[0]
    rows = crow.shape[0] - 1
    columns = (column.max().item() + 1 if nnz else 0) if size is None else None
    size = (rows, columns) if size is None else tuple(size)
    if len(size) != 2 or size[0] != rows:
        raise RuntimeError(
            f"{name}(): size {list(size)} does not fit {rows + 1} crow_indices: expected ({rows}, columns)"
        )
    steps = crow.diff()
    if crow[0].item() != 0 or crow[-1].item() != nnz or (rows and steps.min().item() < 0):
        raise RuntimeError(f"{name}(): crow_indices must ascend from 0 to the number of values, {nnz}")
    if nnz and (column.min().item() < 0 or column.max().item() >= size[1]):
        raise RuntimeError(f"{name}(): col_indices must lie in [0, {size[1]})")
    starts_row = _C.full((nnz + 1,), False, _C.bool, values.device).index_fill(0, crow, True)
    if nnz > 1 and ((column.diff() <= 0) & starts_row[1:nnz].logical_not()).any().item():
        raise RuntimeError(f"{name}(): col_indices must ascend within each row and be distinct")
    return SparseCsrTensor(crow, column, values, size)
