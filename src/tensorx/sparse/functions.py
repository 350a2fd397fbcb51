"""The functions of tensorx.sparse, for tensors at least one of which is sparse."""

from . import rules


def _sparse(name, *tensors):
    if not any(rules.is_sparse(x) for x in tensors):
        raise RuntimeError(f"sparse.{name}(): expected a sparse tensor, but got dense ones: use tensorx.{name}")


def mm(mat1, mat2):
    """The product of two matrices, at least one of which is sparse; of two sparse ones it is sparse.

    Shapes: (m, k) and (k, n) give (m, n). Gradients flow to the dense matrix and to the values of the sparse one.

    >>> import tensorx as tx
    >>> s = tx.eye(2).to_sparse()
    >>> tx.sparse.mm(s, tx.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[1., 2.],
            [3., 4.]])
    """
    _sparse("mm", mat1, mat2)
    return rules.mm(mat1, mat2)


def addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2), where mat1 (or mat2) is sparse."""
    _sparse("addmm", mat1, mat2)
    return rules.addmm(mat, mat1, mat2, beta, alpha)


def sum(input, dim=None, dtype=None):
    """The sum of all elements; or along dimensions: sparse, unless all sparse dimensions are summed.

    >>> import tensorx as tx
    >>> tx.sparse.sum(tx.tensor([[0.0, 2.0], [0.0, 3.0]]).to_sparse(), 0)
    tensor(indices=tensor([[1]]),
           values=tensor([5.]),
           size=(2,), nnz=1, layout=tensorx.sparse_coo)
    """
    _sparse("sum", input)
    return rules.sum(input, dim, False, dtype)


def softmax(input, dim, *, dtype=None):
    """The softmax along a dimension over the stored elements: those that are not stored count as -inf."""
    _sparse("softmax", input)
    return rules.softmax(input, dim, dtype)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of `softmax`."""
    _sparse("log_softmax", input)
    return rules.log_softmax(input, dim, dtype)
