"""Parameter and Buffer, tensors that a Module registers when they are assigned to it; and both without a shape yet."""

from __future__ import annotations

from collections.abc import Sequence

from .. import Tensor, dtype, empty
from ..types import Device

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


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


class UninitializedTensorMixin:
    """What UninitializedParameter and UninitializedBuffer share: a dtype and a device, but no shape and no values.

    They can be moved and converted. Whatever else is done with them raises an error, until `materialize`.
    """

    cls_to_become: type[Tensor]

    if TYPE_CHECKING:
        data: Tensor
        requires_grad: bool

    def materialize(self, shape: Sequence[int], device: Device | None = None, dtype: dtype | None = None) -> None:
        """Make this an ordinary parameter or buffer of a shape; the values are whatever the memory held.

        >>> import tensorx as tx
        >>> weight = tx.nn.UninitializedParameter()
        >>> weight.materialize((2, 3))
        >>> type(weight).__name__, weight.shape
        ('Parameter', tensorx.Size([2, 3]))
        """
        self.data = empty(tuple(shape), device=device or self.data.device, dtype=dtype or self.data.dtype)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]

    def detach(self) -> Self:
        """Itself: there is nothing to detach."""
        return self

    def __deepcopy__(self, memo):
        copy = memo.get(id(self))
        if copy is None:
            cls, arguments = self.__reduce_ex__(4)
            copy = memo[id(self)] = cls(*arguments)
        return copy

    def __repr__(self):
        return f"<{type(self).__name__}>"


# What may be done without a shape.
_WITHOUT_SHAPE = {
    "__array_priority__", "bfloat16", "cpu", "cuda", "data", "detach", "device", "double", "dtype", "float", "get_device",
    "grad", "grad_fn", "half", "is_complex", "is_cpu", "is_cuda", "is_floating_point", "is_leaf", "is_sparse",
    "is_sparse_csr", "itemsize", "layout", "register_hook", "register_post_accumulate_grad_hook", "requires_grad",
    "requires_grad_", "retain_grad", "retains_grad", "to", "type",
}  # fmt: skip


def _refuse(name):
    """A method or property that says why it cannot be had."""
    attribute = getattr(Tensor, name)

    def method(self, *args, **kwargs):
        raise ValueError(
            f"Attempted to use an uninitialized parameter in Tensor.{name}. It has no shape and no values before the first "
            "call of the lazy module that it belongs to: call the module with a batch (a dummy one will do) first"
        )

    def attribute_of(self):
        raise RuntimeError(
            f"Can't access the {name} of an uninitialized parameter or buffer. It is known after the first call of the lazy "
            "module that it belongs to (or after load_state_dict of a state that has it): call the module with a batch first"
        )

    return method if callable(attribute) else property(attribute_of)


def _refuse_the_rest():
    """Every public method, operator and attribute of Tensor that needs a shape, refused."""
    for name in dir(Tensor):
        public = not name.startswith("_") or (name.startswith("__") and name not in vars(object))
        if public and name not in _WITHOUT_SHAPE and name not in vars(UninitializedTensorMixin):
            setattr(UninitializedTensorMixin, name, _refuse(name))


_refuse_the_rest()


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; see LazyModuleMixin.

    >>> import tensorx as tx
    >>> tx.nn.UninitializedParameter()
    <UninitializedParameter>
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Device | None = None, dtype: dtype | None = None) -> Self:
        return Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad, self.data.device, self.data.dtype)


class UninitializedBuffer(UninitializedTensorMixin, Buffer):
    """A buffer whose shape is not known yet; see LazyModuleMixin.

    >>> import tensorx as tx
    >>> tx.nn.UninitializedBuffer()
    <UninitializedBuffer>
    """

    cls_to_become = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
        persistent: bool = True,
    ) -> Self:
        buffer = Tensor._make_subclass(cls, empty(0, device=device, dtype=dtype), requires_grad)
        buffer.persistent = persistent
        return buffer

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad, self.data.device, self.data.dtype, self.persistent)


def is_lazy(param: Any) -> bool:
    """Whether this is an UninitializedParameter or UninitializedBuffer.

    >>> import tensorx as tx
    >>> tx.nn.parameter.is_lazy(tx.nn.UninitializedParameter())
    True
    """
    return isinstance(param, UninitializedTensorMixin)
