"""What happens to tensors that the graph saves for backward: kept as they are, or packed by hooks of the user's.

The hooks in force are one slot per thread, in C (csrc/python/saved.cpp): a pair (pack, unpack); None; or, while hooks are
refused, the reason. A saved value remembers the pair it was packed with.
"""

from __future__ import annotations

from weakref import WeakSet

from .. import _C
from ..watching import watch_calls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..tensor import Tensor


class saved_tensors_hooks:
    """Within the block, the graph keeps `pack_hook(tensor)` of every tensor it saves for backward instead of the tensor,
    and `unpack_hook` of that gives the tensor back when backward wants it.

    Blocks nest; the innermost pair acts. Per thread. The pack hook runs without recording and must not change its tensor
    in place (RuntimeError); the unpack hook must give a tensor of the same shape (RuntimeError).

    >>> import tensorx as tx
    >>> sizes = []
    >>> def pack(x):
    ...     sizes.append(x.numel())
    ...     return x.numpy()
    >>> x = tx.ones(3, requires_grad=True)
    >>> with tx.autograd.graph.saved_tensors_hooks(lambda x: pack(x.detach()), tx.from_numpy):
    ...     y = x.exp().sum()
    >>> y.backward()
    >>> sizes, x.grad
    ([3], tensor([2.7183, 2.7183, 2.7183]))
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        for name, hook in (("pack_hook", pack_hook), ("unpack_hook", unpack_hook)):
            if not callable(hook):
                raise TypeError(f"saved_tensors_hooks(): {name} must be a function, not {type(hook).__name__}")
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._before: list[Any] = []

    def __enter__(self) -> None:
        before = _C.swap_saved_hooks((self.pack_hook, self.unpack_hook))
        if isinstance(before, str):
            _C.swap_saved_hooks(before)
            raise RuntimeError(before)
        self._before.append(before)

    def __exit__(self, *error: object) -> None:
        _C.swap_saved_hooks(self._before.pop())


class save_on_cpu(saved_tensors_hooks):
    """Within the block, tensors saved for backward wait in the CPU's memory and go back to their device for backward.

    Args:
        pin_memory: keep them in page-locked memory, so that the copies do not hold up the CPU.
        device_type: accepted for PyTorch's sake; there is only "cuda".

    >>> import tensorx as tx
    >>> x = tx.ones(3, requires_grad=True)
    >>> with tx.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 2., 2.])
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(x):
            if not pin_memory or x.device.type == "cpu":
                return x.device, x.detach().cpu()
            from ..creation import empty

            packed = empty(x.shape, dtype=x.dtype, pin_memory=True)
            return x.device, packed.copy_(x.detach(), non_blocking=True)

        def unpack(packed):
            device, x = packed
            return x.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


class disable_saved_tensors_hooks:
    """Within the block, entering `saved_tensors_hooks` raises RuntimeError with this message.

    >>> import tensorx as tx
    >>> with tx.autograd.graph.disable_saved_tensors_hooks("not here"):
    ...     with tx.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
    RuntimeError: not here
    """

    def __init__(self, error_message: str) -> None:
        self.error_message = str(error_message)
        self._before: list[Any] = []

    def __enter__(self) -> None:
        before = _C.swap_saved_hooks(self.error_message)
        if isinstance(before, tuple):
            _C.swap_saved_hooks(before)
            raise RuntimeError(self.error_message)
        self._before.append(before)

    def __exit__(self, *error: object) -> None:
        _C.swap_saved_hooks(self._before.pop())


class allow_mutation_on_saved_tensors(saved_tensors_hooks):
    """Within the block, changing a tensor in place that the graph saved is allowed: the old values are copied first.

    Only what is changed is copied. The backward pass may come after the block.

    >>> import tensorx as tx
    >>> x = tx.tensor([1.0, 2.0], requires_grad=True)
    >>> with tx.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x * 3
    ...     z = y * y
    ...     _ = y.zero_()
    >>> z.sum().backward()
    >>> x.grad
    tensor([18., 36.])
    """

    def __init__(self) -> None:
        self._kept: WeakSet[_Kept] = WeakSet()
        super().__init__(self._keep, _Kept.get)

    def _keep(self, x):
        kept = _Kept(x.detach())
        self._kept.add(kept)
        return kept

    def _before_call(self, op, args):
        if op.in_place and args:
            for kept in list(self._kept):
                kept.copy_before_change(args[0])

    def __enter__(self) -> None:
        super().__enter__()
        self._watching = watch_calls(self._before_call)

    def __exit__(self, *error: object) -> None:
        self._watching.remove()
        super().__exit__(*error)


class _Kept:
    """A saved tensor: its own copy once someone changes it."""

    __slots__ = ("__weakref__", "own", "x")

    def __init__(self, x):
        self.x, self.own = x, False

    def get(self):
        return self.x

    def copy_before_change(self, changed):
        if not self.own and isinstance(changed, _C.TensorBase) and self.x._shares_storage(changed):
            self.x, self.own = self.x.clone(), True
