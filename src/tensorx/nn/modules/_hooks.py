"""Hooks of a Module: before and after forward, before and after its part of the backward pass.

A module without hooks pays nothing for them: the tables are made by the first registration, which also
sets the flag `_hooked` that `Module.__call__` looks at.
"""

from __future__ import annotations

import warnings
from collections import namedtuple
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

        With `with_kwargs`, `hook(module, args, kwargs, output)`. With `always_call` it is called, too, when forward
        (output is None then) or another hook raised.
        """
        return self._register_call_hook("_forward_hooks", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` when the gradients of the output are known; it may return others."""
        return self._register_call_hook("_backward_pre_hooks", hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are known.

        Both are tuples. grad_input has None where an argument is no tensor, and zeros where no gradient came;
        grad_output has None where no gradient came. What the hook returns, if anything, replaces grad_input.
        Parameters are not in it: use `Tensor.register_hook` for those.

        >>> import tensorx as tx
        >>> layer = tx.nn.Identity()
        >>> _ = layer.register_full_backward_hook(lambda module, inputs, outputs: (inputs[0] * 10,))
        >>> x = tx.ones(2, requires_grad=True)
        >>> layer(x).sum().backward()
        >>> x.grad
        tensor([10., 10.])
        """
        return self._register_call_hook("_backward_hooks", hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Deprecated, as in PyTorch: `register_full_backward_hook`, which this is."""
        _warn_of_backward_hook("register_backward_hook", "register_full_backward_hook")
        return self.register_full_backward_hook(hook)

    def _register_call_hook(self, table, hook, prepend, with_kwargs=False, always_call=False):
        handle = add_hook(hook_table(self, table), hook, prepend)
        for flag, ids in ((with_kwargs, "_hooks_with_kwargs"), (always_call, "_hooks_always_called")):
            if flag:  # ids are never used again: those of removed hooks do no harm
                self.__dict__[ids] = self.__dict__.get(ids, frozenset()) | {handle.id}
        return handle

    def _call_with_hooks(self, args, kwargs):
        """Forward, with the hooks around it."""
        result, called = None, set()
        try:
            for _, hook, with_kwargs, _ in _call_hooks(self, "_forward_pre_hooks"):
                args, kwargs = _call_forward_pre_hook(self, hook, with_kwargs, args, kwargs)
            gate = self._backward_gate()
            if gate is not None:
                args = gate.enter(args)
            result = self.forward(*args, **kwargs)
            for i, hook, with_kwargs, _ in _call_hooks(self, "_forward_hooks"):
                called.add(i)
                result = _call_forward_hook(self, hook, with_kwargs, args, kwargs, result)
            return result if gate is None else gate.leave(result)
        except Exception:
            for i, hook, with_kwargs, always_call in _call_hooks(self, "_forward_hooks"):
                if always_call and i not in called:
                    try:
                        result = _call_forward_hook(self, hook, with_kwargs, args, kwargs, result)
                    except Exception as error:  # the first error is the one to report
                        warnings.warn(
                            f"forward hook with ``always_call=True`` raised an exception that was silenced: {error}",
                            stacklevel=3,
                        )
            raise

    def _backward_gate(self):
        """What runs the backward hooks of this call; None if there are none."""
        pre_hooks = [hook for _, hook, _, _ in _call_hooks(self, "_backward_pre_hooks")]
        hooks = [hook for _, hook, _, _ in _call_hooks(self, "_backward_hooks")]
        if not (pre_hooks or hooks):
            return None
        from ._backward_hooks import BackwardGate

        return BackwardGate(self, pre_hooks, hooks)


def _warn_of_backward_hook(older, newer):
    warnings.warn(f"{older} is deprecated: use {newer}, which is the same here", FutureWarning, stacklevel=3)


def _call_forward_pre_hook(module, hook, with_kwargs, args, kwargs):
    """The arguments (args, kwargs) that the hook makes of these."""
    replaced = hook(module, args, kwargs) if with_kwargs else hook(module, args)
    if replaced is None:
        return args, kwargs
    if not with_kwargs:
        return (replaced if isinstance(replaced, tuple) else (replaced,)), kwargs
    if isinstance(replaced, tuple) and len(replaced) == 2:
        return replaced
    raise RuntimeError(f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {replaced}.")


def _call_forward_hook(module, hook, with_kwargs, args, kwargs, result):
    """The result that the hook makes of this."""
    replaced = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
    return result if replaced is None else replaced


# A hook that is every module's: which table of a module it adds to, and what a module's tables keep apart.
_OfEveryModule = namedtuple("_OfEveryModule", "table hook with_kwargs always_call", defaults=(False, False))

CALL_HOOKS_OF_EVERY_MODULE: dict[int, _OfEveryModule] = {}  # `Module.__call__` looks whether it is empty
_registration_hooks: dict[int, tuple[str, Callable[..., Any]]] = {}  # id -> (family, hook)


def _call_hooks(module, table):
    """(id, hook, with_kwargs, always_call): those of every module, then those of this one.

    A list, safe against hooks that remove themselves.
    """
    found = [
        (i, each.hook, each.with_kwargs, each.always_call)
        for i, each in list(CALL_HOOKS_OF_EVERY_MODULE.items())
        if each.table == table
    ]
    own = hooks_of(module, table)
    if own:
        state = module.__dict__
        with_kwargs, always_call = state.get("_hooks_with_kwargs", ()), state.get("_hooks_always_called", ())
        found += [(i, hook, i in with_kwargs, i in always_call) for i, hook in own]
    return found


def _add_to_every_module(table, hook, **flags):
    return add_hook(CALL_HOOKS_OF_EVERY_MODULE, _OfEveryModule(table, hook, **flags))


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, args)` before the forward of every module; see Module.register_forward_pre_hook.

    Hooks of every module run before a module's own. They are for debugging and profiling: nothing else in a program
    should depend on such a global setting.

    >>> import tensorx as tx
    >>> from tensorx.nn.modules.module import register_module_forward_pre_hook
    >>> with register_module_forward_pre_hook(lambda module, args: print(type(module).__name__)):
    ...     _ = tx.nn.Sequential(tx.nn.ReLU(), tx.nn.Tanh())(tx.zeros(1))
    Sequential
    ReLU
    Tanh
    """
    return _add_to_every_module("_forward_pre_hooks", hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after the forward of every module; see Module.register_forward_hook."""
    return _add_to_every_module("_forward_hooks", hook, with_kwargs=with_kwargs, always_call=always_call)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_output)` in backward, for every module; see Module.register_full_backward_pre_hook."""
    return _add_to_every_module("_backward_pre_hooks", hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` for every module; see Module.register_full_backward_hook."""
    return _add_to_every_module("_backward_hooks", hook)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Deprecated, as in PyTorch: `register_module_full_backward_hook`, which this is."""
    _warn_of_backward_hook("register_module_backward_hook", "register_module_full_backward_hook")
    return register_module_full_backward_hook(hook)


def register_module_parameter_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, parameter)` when a module registers one; what it returns, if anything, is registered."""
    return add_hook(_registration_hooks, ("parameter", hook))


def register_module_buffer_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, buffer)` when a module registers one; what it returns, if anything, is registered."""
    return add_hook(_registration_hooks, ("buffer", hook))


def register_module_module_registration_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(module, name, child)` when a module registers one; what it returns, if anything, is registered."""
    return add_hook(_registration_hooks, ("module", hook))


def run_registration_hooks(family, module, name, value):
    """`value`, or what the registration hooks of its family ("parameter", "buffer", "module") replace it by."""
    for hooked, hook in list(_registration_hooks.values()):
        if hooked == family:
            replaced = hook(module, name, value)
            value = value if replaced is None else replaced
    return value
