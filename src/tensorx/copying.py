"""copy, deepcopy and pickle of tensors."""

from . import _C
from .ops.define import method
from .tensor import Tensor


@method
def __copy__(self):
    """Another tensor over the same data, without history."""
    made = self.detach()
    return _finish(made, self, dict(self.__dict__))


@method
def __deepcopy__(self, memo):
    """A copy of the data, of `grad` and of the attributes. Tensors that share memory still do in the copy."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: "
            "use .clone() to copy it with its history, or .detach().clone() without"
        )
    if id(self) in memo:
        return memo[id(self)]
    from copy import deepcopy

    storage = _C.storage_bytes(self)
    key = ("tensorx.storage", storage.data_ptr())
    copied = memo.get(key) if storage.numel() else storage
    if copied is None:
        copied = memo[key] = storage.clone()
        memo.setdefault("tensorx.kept", []).append(self)  # so that no other storage takes the address meanwhile
    plain = _C.over_storage(copied, self.dtype, self.shape, self.stride(), self.storage_offset())
    made = memo[id(self)] = _finish(plain, self, None)
    if self.grad is not None:
        made.grad = deepcopy(self.grad, memo)
    made.__dict__.update(deepcopy(self.__dict__, memo))
    return made


@method
def __reduce_ex__(self, protocol):
    """The values, in this tensor's memory order; no more of the storage than the tensor uses."""
    dense = self.detach().cpu().clone()  # without gaps, from the start of its storage
    data = _C.array_buffer(_C.storage_bytes(dense)[: dense.nbytes])
    if protocol >= 5:
        from pickle import PickleBuffer

        data = PickleBuffer(data)
    else:
        data = bytes(data)
    arguments = (type(self), data, self.dtype, tuple(self.shape), dense.stride(), self.requires_grad, str(self.device))
    return _rebuild, arguments, self.__dict__ or None


def _rebuild(cls, data, dtype, shape, strides, requires_grad, device="cpu"):
    made = _C.empty_strided(shape, strides, dtype, device)
    _C.write_bytes(made, data)
    if cls is not Tensor:
        made = _C.make_subclass(cls, made)
    made.requires_grad = requires_grad
    return made


def _finish(made, original, attributes):
    if type(original) is not Tensor:
        made = _C.make_subclass(type(original), made)
    made.requires_grad = original.requires_grad
    if attributes:
        made.__dict__.update(attributes)
    return made
