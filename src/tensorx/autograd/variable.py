"""The name that tensors with gradients had before PyTorch 0.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _C

if TYPE_CHECKING:
    from ..tensor import Tensor


class _VariableType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _C.TensorBase)


class Variable(metaclass=_VariableType):
    """Variable(tensor, requires_grad): a tensor with the same data, and a leaf. Any tensor is an instance.

    >>> import tensorx as tx
    >>> x = tx.autograd.Variable(tx.ones(2), requires_grad=True)
    >>> x.requires_grad, isinstance(x, tx.autograd.Variable)
    (True, True)
    """

    def __new__(cls, data: Tensor, requires_grad: bool = False) -> Tensor:  # type: ignore[misc]
        if not isinstance(data, _C.TensorBase):
            raise TypeError(f"Variable: expected a Tensor, got {type(data).__name__}: tensorx.tensor makes one")
        return data.detach().requires_grad_(requires_grad)
