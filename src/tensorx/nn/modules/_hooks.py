"""Hooks of a Module: before and after forward, before and after its part of the backward pass.

A module without hooks pays nothing for them: the tables are made by the first registration, which also
sets the flag `_hooked` that `Module.__call__` looks at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

from ...utils.hooks import RemovableHandle, add_hook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CALL_TABLES = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
STATE_TABLES = (
    "_state_dict_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)
HOOK_TABLES = CALL_TABLES + STATE_TABLES


def hook_table(module, name):
    """The table of one kind of hook, id -> hook, made when it is first asked for."""
    table = module.__dict__.get(name)
    if table is None:
        table = module.__dict__[name] = {}
        if name in CALL_TABLES:
            module.__dict__["_hooked"] = True
    return table


def hooks_of(module, name):
    """A list of (id, hook), safe against hooks that remove themselves."""
    return list(module.__dict__.get(name, {}).items())


def _table(name):
    """A table as an attribute of the module, for code that counts, clears or replaces it."""

    def replace(module, table):
        hook_table(module, name)
        module.__dict__[name] = table

    return property(lambda module: hook_table(module, name), replace)


class HookMethods:
    """The part of Module that has to do with forward and backward hooks."""

    _forward_pre_hooks = _table("_forward_pre_hooks")
    _forward_hooks = _table("_forward_hooks")
    _backward_pre_hooks = _table("_backward_pre_hooks")
    _backward_hooks = _table("_backward_hooks")
    _state_dict_pre_hooks = _table("_state_dict_pre_hooks")
    _state_dict_hooks = _table("_state_dict_hooks")
    _load_state_dict_pre_hooks = _table("_load_state_dict_pre_hooks")
    _load_state_dict_post_hooks = _table("_load_state_dict_post_hooks")

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before forward; what it returns, if anything, replaces the arguments.

        With `with_kwargs`, `hook(module, args, kwargs)`, which may return a tuple (args, kwargs).

        >>> import tensorx as tx
        >>> layer = tx.nn.Identity()
        >>> handle = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
        >>> layer(tx.zeros(2))
        tensor([1., 1.])
        >>> handle.remove()
        """
        return self._register_call_hook("_forward_pre_hooks", hook, prepend, with_kwargs)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after forward; what it returns, if anything, replaces the output.

        With `with_kwargs`, `hook(module, args, kwargs, output)`. With `always_call` it is called with output
        None when forward or another hook raised.
        """
        return self._register_call_hook("_forward_hooks", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the output are known; it may return others."""
        return self._register_call_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples, None where an argument is no tensor or needs no gradient. What the hook returns,
        if anything, replaces grad_input. Parameters are not in it: use `Tensor.register_hook` for those.

        >>> import tensorx as tx
        >>> layer = tx.nn.Identity()
        >>> _ = layer.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 10,))
        >>> x = tx.ones(2, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return self._register_call_hook("_backward_hooks", hook, prepend)

    def _register_call_hook(self, table, hook, prepend, with_kwargs=False, always_call=False):
        handle = add_hook(hook_table(self, table), hook, prepend)
        for flag, ids in ((with_kwargs, "_hooks_with_kwargs"), (always_call, "_hooks_always_called")):
            if flag:  # ids are never used again: those of removed hooks do no harm
                self.__dict__[ids] = self.__dict__.get(ids, frozenset()) | {handle.id}
        return handle

    def _call_with_hooks(self, args, kwargs):
        pending = {
            i: hook
            for i, hook in hooks_of(self, "_forward_hooks")
            if i in self.__dict__.get("_hooks_always_called", ())
        }
        try:
            return self._run_with_hooks(args, kwargs, pending)
        except Exception:
            for i, hook in pending.items():
                try:
                    self._call_forward_hook(i, hook, args, kwargs, None)
                except Exception as error:  # the first error is the one to report
                    warnings.warn(
                        f"forward hook with ``always_call=True`` raised an exception that was silenced: {error}",
                        stacklevel=3,
                    )
            raise

    def _run_with_hooks(self, args, kwargs, pending):
        """Forward with the hooks around it. A hook that must always be called leaves `pending` when it is."""
        for i, hook in hooks_of(self, "_forward_pre_hooks"):
            args, kwargs = self._call_forward_pre_hook(i, hook, args, kwargs)
        gate = None
        backward_hooks, backward_pre_hooks = hooks_of(self, "_backward_hooks"), hooks_of(self, "_backward_pre_hooks")
        if backward_hooks or backward_pre_hooks:
            from ._backward_hooks import BackwardGate

            gate = BackwardGate(self, [hook for _, hook in backward_pre_hooks], [hook for _, hook in backward_hooks])
            args = gate.enter(args)
        result = self.forward(*args, **kwargs)
        for i, hook in hooks_of(self, "_forward_hooks"):
            pending.pop(i, None)
            replaced = self._call_forward_hook(i, hook, args, kwargs, result)
            if replaced is not None:
                result = replaced
        return result if gate is None else gate.leave(result)

    def _call_forward_pre_hook(self, i, hook, args, kwargs):
        if i not in self.__dict__.get("_hooks_with_kwargs", ()):
            replaced = hook(self, args)
            if replaced is None:
                return args, kwargs
            return (replaced if isinstance(replaced, tuple) else (replaced,)), kwargs
        replaced = hook(self, args, kwargs)
        if replaced is None:
            return args, kwargs
        if isinstance(replaced, tuple) and len(replaced) == 2:
            return replaced
        raise RuntimeError(
            f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}."
        )

    def _call_forward_hook(self, i, hook, args, kwargs, result):
        if i in self.__dict__.get("_hooks_with_kwargs", ()):
            return hook(self, args, kwargs, result)
        return hook(self, args, result)
