"""Sparse tensors: the indices and values of what is not 0, in memory that grows with their number alone.

>>> import tensorx as tx
>>> s = tx.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
>>> s @ tx.ones(3, 1)
tensor([[3.],
        [4.]])
"""

from .construct import sparse_coo_tensor, sparse_csr_tensor
from .functions import addmm, log_softmax, mm, softmax, sum
from .tensor import SparseCsrTensor, SparseTensor

__all__ = [
    "SparseCsrTensor", "SparseTensor", "addmm", "log_softmax", "mm", "softmax", "sparse_coo_tensor", "sparse_csr_tensor",
    "sum",
]  # fmt: skip
