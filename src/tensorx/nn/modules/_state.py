"""state_dict and load_state_dict of a Module: its parameters and persistent buffers under dotted names.

The layout is PyTorch's, `_metadata` included, so that state dictionaries are interchangeable.
"""

from __future__ import annotations

import collections
from collections import OrderedDict
from collections.abc import Callable, Mapping

import tensorx

from ...utils.hooks import RemovableHandle, add_hook
from ..parameter import Parameter
from ._hooks import hook_table, hooks_of
from ._kinds import BUFFER, PARAMETER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EXTRA_STATE_KEY = "_extra_state"


class IncompatibleKeys(collections.namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What `load_state_dict` returns: the names it looked for in vain, and those it had no use for."""

    __slots__ = ()

    def __repr__(self):
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


class StateMethods:
    """The part of Module that saves and loads its state."""

    if TYPE_CHECKING:  # the other parts of Module, and what is registered by name; not at run time, see module.py

        def __getattr__(self, name: str) -> Any: ...

    # Saving ---------------------------------------------------------------------------------------

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """An OrderedDict of name -> parameter or persistent buffer, of this module and all below it.

        The tensors are detached but share memory with the module; `keep_vars=True` gives the Parameters.

        >>> import tensorx as tx
        >>> list(tx.nn.Sequential(tx.nn.Linear(2, 3)).state_dict())
        ['0.weight', '0.bias']
        """
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()  # type: ignore[attr-defined]  # PyTorch's way
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for _, hook in hooks_of(self, "_state_dict_pre_hooks"):
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for _, hook in hooks_of(self, "_state_dict_hooks"):
            replaced = hook(self, destination, prefix, local_metadata)
            if replaced is not None:
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        """Write this module's own entries; a subclass with a state of another kind overrides it."""
        for name, tensor in self._saved_tensors():
            if tensor is not None:
                destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + EXTRA_STATE_KEY] = self.get_extra_state()

    def _saved_tensors(self):
        """(name, tensor) of parameters, then of persistent buffers."""
        return self._members(PARAMETER) + self._members(BUFFER)

    def get_extra_state(self) -> Any:
        """Override, with `set_extra_state`, to put one more object into the state dictionary."""
        raise RuntimeError("Reached a code path in Module.get_extra_state() that should never be called.")

    def set_extra_state(self, state: Any) -> None:
        """Override, with `get_extra_state`: called with the object that was saved."""
        raise RuntimeError("Reached a code path in Module.set_extra_state() that should never be called.")

    # Loading --------------------------------------------------------------------------------------

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Copy the values of `state_dict` into this module and all below it.

        With `strict`, a name missing or left over is a RuntimeError, as a tensor of another shape always is;
        all of them are listed in one message. `assign` makes the given tensors the module's own instead of
        copying (it keeps the `requires_grad` of the parameters). Returns (missing_keys, unexpected_keys).

        >>> import tensorx as tx
        >>> a, b = tx.nn.Linear(2, 3), tx.nn.Linear(2, 3)
        >>> b.load_state_dict(a.state_dict())
        <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None) or {}
        missing: list[str] = []
        unexpected: list[str] = []
        errors: list[str] = []

        def load(module, entries, prefix):
            local_metadata = dict(metadata.get(prefix[:-1], {}))
            if assign:
                local_metadata["assign_to_params_buffers"] = True
            module._load_from_state_dict(entries, prefix, local_metadata, True, missing, unexpected, errors)
            for name, child in module._modules.items():
                if child is not None:
                    below = f"{prefix}{name}."
                    load(
                        child,
                        OrderedDict((key, value) for key, value in entries.items() if key.startswith(below)),
                        below,
                    )
            keys = IncompatibleKeys(missing, unexpected)
            for _, hook in hooks_of(module, "_load_state_dict_post_hooks"):
                if hook(module, keys) is not None:
                    raise AssertionError(
                        "a load_state_dict post hook must return None; to change the incompatible keys, change the lists in place"
                    )

        load(self, OrderedDict(state_dict), "")
        if strict:
            for title, keys in (("Unexpected", unexpected), ("Missing", missing)):
                if keys:
                    quoted = ", ".join(f'"{key}"' for key in keys)
                    errors.insert(0, f"{title} key(s) in state_dict: {quoted}. ")
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {self._get_name()}:\n\t" + "\n\t".join(errors))
        return IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        """Load this module's own entries. Problems go into the three lists, they are not raised."""
        for _, hook in hooks_of(self, "_load_state_dict_pre_hooks"):
            hook(state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)
        own = {name: tensor for name, tensor in self._saved_tensors() if tensor is not None}
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                problem = self._load_tensor(
                    name, tensor, key, state_dict[key], local_metadata.get("assign_to_params_buffers", False)
                )
                if problem:
                    error_msgs.append(problem)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + EXTRA_STATE_KEY
        takes_extra = type(self).set_extra_state is not StateMethods.set_extra_state
        if takes_extra and extra_key in state_dict:
            self.set_extra_state(state_dict[extra_key])
        elif strict and takes_extra:
            missing_keys.append(extra_key)
        if strict:
            children = self._modules
            for key in state_dict:
                if not key.startswith(prefix) or (key == extra_key and takes_extra):
                    continue
                name, dot, _ = key[len(prefix) :].partition(".")
                if name not in (children if dot else own):
                    unexpected_keys.append(key)

    def _load_tensor(self, name, tensor, key, given, assign):
        """Copy (or assign) one tensor. Returns what is wrong, or None."""
        if not isinstance(given, tensorx.Tensor):
            return (
                f'While copying the parameter named "{key}", expected Tensor or Tensor-like object from checkpoint '
                f"but received {type(given)}"
            )
        if tensor.dim() == 0 and tuple(given.shape) == (1,):
            given = given[0]  # scalars were once saved with shape (1,)
        if given.shape != tensor.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from checkpoint, "
                f"the shape in current model is {tensor.shape}."
            )
        try:
            with tensorx.no_grad():
                if not assign:
                    tensor.copy_(given)
                    return None
                if isinstance(tensor, Parameter):
                    if isinstance(given, Parameter):
                        given.requires_grad_(tensor.requires_grad)
                    else:
                        given = Parameter(given, requires_grad=tensor.requires_grad)
                setattr(self, name, given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are {tensor.shape} and whose '
                f"dimensions in the checkpoint are {given.shape}, an exception occurred : {error.args}."
            )
        return None

    # Hooks ----------------------------------------------------------------------------------------

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before this module's state is collected."""
        return add_hook(hook_table(self, "_state_dict_pre_hooks"), hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata)` after; it changes the dictionary in place."""
        return add_hook(hook_table(self, "_state_dict_hooks"), _SilentHook(hook))

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        return add_hook(hook_table(self, "_state_dict_hooks"), hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)` before loading."""
        return add_hook(hook_table(self, "_load_state_dict_pre_hooks"), _BoundHook(hook, self))

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return add_hook(hook_table(self, "_load_state_dict_pre_hooks"), _BoundHook(hook, self) if with_module else hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, incompatible_keys)` after loading; it may change the two lists in place."""
        return add_hook(hook_table(self, "_load_state_dict_post_hooks"), hook)


class _BoundHook:
    """`hook` with the module as its first argument; a class, so that it copies and pickles with the module."""

    def __init__(self, hook, module):
        self.hook, self.module = hook, module

    def __call__(self, *args):
        return self.hook(self.module, *args)


class _SilentHook:
    """`hook`, which must not return anything."""

    def __init__(self, hook):
        self.hook = hook

    def __call__(self, *args):
        if self.hook(*args) is not None:
            raise RuntimeError("state_dict post-hook must return None")
