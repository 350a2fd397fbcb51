"""Parameter and Buffer: tensors that a Module registers when they are assigned to it."""

from __future__ import annotations

from .. import Tensor, empty

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self


class Parameter(Tensor):
    """A tensor that is a parameter of the module it is assigned to, and that an optimiser updates.

    `data` is shared, not copied; without it the parameter is empty. Only floating-point tensors can
    have `requires_grad=True`.

    >>> import tensorx as tx
    >>> weight = tx.nn.Parameter(tx.zeros(2))
    >>> weight
    Parameter containing:
    tensor([0., 0.], requires_grad=True)
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Self:
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"{cls.__name__}(): data must be a Tensor, not {type(data).__name__}; make one with tensor(data)"
            )
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        copy = memo.get(id(self))
        if copy is None:
            copy = memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return copy

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        return type(self), (self.data, self.requires_grad)


class Buffer(Tensor):
    """A tensor that is a buffer of the module it is assigned to: part of its state, not trained.

    `persistent=False` leaves it out of the module's `state_dict`.

    >>> import tensorx as tx
    >>> module = tx.nn.Module()
    >>> module.mean = tx.nn.Buffer(tx.zeros(3))
    >>> list(module.state_dict())
    ['mean']
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Self:
        if data is None:
            data = empty(0)
        elif not isinstance(data, Tensor):
            raise TypeError(
                f"{cls.__name__}(): data must be a Tensor, not {type(data).__name__}; make one with tensor(data)"
            )
        buffer = Tensor._make_subclass(cls, data, data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo):
        copy = memo.get(id(self))
        if copy is None:
            copy = memo[id(self)] = type(self)(self.data.clone(), persistent=self.persistent)
        return copy

    def __reduce_ex__(self, protocol):
        return _rebuild_buffer, (type(self), self.data, self.persistent)


def _rebuild_buffer(cls, data, persistent):
    return cls(data, persistent=persistent)
