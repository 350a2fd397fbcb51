"""Hooks: functions of the user's, called with gradients on their way."""

from __future__ import annotations

from itertools import count
from weakref import ref

from .. import _C

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_next_id = count().__next__


class RemovableHandle:
    """What registering a hook returns: `remove()` takes the hook out again; so does leaving a `with` block."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.id = _next_id()
        self._hooks = hooks

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


def add_hook(hooks, hook):
    """Put `hook` into the dict `hooks` and return its handle."""
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


def register_tensor_hook(x, hook):
    """Tensor.register_hook: hook(grad) runs when x's gradient is complete, and may return a new one."""
    if not x.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not callable(hook):
        raise TypeError(f"register_hook(): expected a function of one gradient, got {type(hook).__name__}")
    node, number = x._edge
    if x.is_leaf:
        # The node of a leaf lives as long as some graph uses it: the leaf keeps its hooks, and so the node, alive.
        if x._backward_hooks is None:
            x._backward_hooks = {}
            x._hooked_node = node
        node.pre_hooks = x._backward_hooks
        node = x._hooked_node
    elif node.pre_hooks is None:
        node.pre_hooks = {}

    def run(grads):
        g = grads[number]
        if g is None:
            return None
        result = hook(g)
        if result is None:
            return None
        if not isinstance(result, _C.TensorBase):
            raise TypeError(f"a hook must return a Tensor or None, but returned {type(result).__name__}")
        if result.shape != g.shape:
            raise RuntimeError(
                f"hook has changed the size of value: expected {list(g.shape)}, got {list(result.shape)}"
            )
        return (*grads[:number], result, *grads[number + 1 :])

    return add_hook(node.pre_hooks, run)


def retain_grad(x):
    """Tensor.retain_grad: keep the gradient of a tensor that is no leaf in its `grad`."""
    if not x.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if x.is_leaf or x._retains_grad:
        return
    x._retains_grad = True
    weak = ref(x)

    def keep(g):
        tensor = weak()
        if tensor is not None:
            tensor.grad = g.clone() if tensor.grad is None else tensor.grad + g

    register_tensor_hook(x, keep)


def register_post_accumulate_grad_hook(x, hook):
    """Tensor.register_post_accumulate_grad_hook: hook(leaf) runs when a backward pass has added to leaf.grad."""
    if not x.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not x.is_leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    if x._post_accumulate_grad_hooks is None:
        x._post_accumulate_grad_hooks = {}
    return add_hook(x._post_accumulate_grad_hooks, hook)
