"""Module: the base class of every layer and network. Registration, traversal, conversion, the call.

A parameter, buffer or sub-module is an ordinary attribute: its value lives in the instance `__dict__`, where the
interpreter finds it in a few nanoseconds. (PyTorch keeps it in one of three side dictionaries, behind a `__getattr__`
written in Python: 0.4 us, twice per Linear. This class must not have a `__getattr__`: CPython 3.11 gives up its fast
attribute access for classes that do.) What makes the attribute special is one entry in `_member_kinds`, an ordered
dictionary of name -> kind. `_parameters`, `_buffers` and `_modules` are views made from the two, for code that uses them.

Hooks are in `_hooks.py`, `state_dict` and `load_state_dict` in `_state.py`, `to` and its kind in `_conversion.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tensorx

from ...utils._gradient import zero_gradient
from ..parameter import Buffer, Parameter
from ._conversion import ConversionMethods
from ._hooks import (
    CALL_HOOKS_OF_EVERY_MODULE,
    HOOK_TABLES,
    HookMethods,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
    run_registration_hooks,
)
from ._kinds import BUFFER, MODULE, PARAMETER, TRANSIENT_BUFFER
from ._members_view import MembersView
from ._state import StateMethods

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

Tensor = tensorx.Tensor


class Module(HookMethods, StateMethods, ConversionMethods):
    """Base class of layers and networks: subclass it, build the parts in `__init__`, use them in `forward`.

    Parameters, buffers and modules that are assigned as attributes are registered: they are found by
    `parameters()`, saved by `state_dict()`, moved by `to()`. Call `super().__init__()` first.

    >>> import tensorx as tx
    >>> class Scale(tx.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tx.nn.Parameter(tx.ones(1))
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> [name for name, _ in Scale().named_parameters()]
    ['factor']
    >>> Scale()(tx.ones(2)).shape
    tensorx.Size([2])
    """

    call_super_init = False  # whether __init__ calls, with its arguments, that of the next class: for a mixin
    _version = 1  # of the state_dict's layout; a subclass that changes its own raises it
    _hooked = False  # True from the first forward or backward hook on

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (args or kwargs) and not self.call_super_init:
            raise TypeError(
                f"{type(self).__name__}: Module.__init__() takes no arguments, but was given "
                f"{', '.join([repr(arg) for arg in args] + [f'{key}={value!r}' for key, value in kwargs.items()])}"
            )
        members = self.__dict__
        members["_member_kinds"] = {}
        members["training"] = True
        members["_hooked"] = False  # here, not only on the class, because it is found quicker
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._hooked or CALL_HOOKS_OF_EVERY_MODULE:
                return self._call_with_hooks(args, kwargs)
            return self.forward(*args, **kwargs)
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            _note_call(error, self, args)
            raise

    # Registration ---------------------------------------------------------------------------------

    def __setattr__(self, name, value):
        members = self.__dict__
        kinds = members.get("_member_kinds")
        known = None if kinds is None else kinds.get(name)
        if isinstance(value, Parameter):
            kind = PARAMETER
        elif isinstance(value, Module):
            kind = MODULE
        elif isinstance(value, Buffer):
            kind = BUFFER if value.persistent else TRANSIENT_BUFFER
        elif known is None:
            object.__setattr__(self, name, value)
            return
        else:  # something plain for a registered name: it must fit there
            kind = known
            if value is not None and (kind == PARAMETER or kind == MODULE or not isinstance(value, Tensor)):
                raise TypeError(f"cannot assign '{_type_name(value)}' as {_ASSIGNABLE[kind].format(name)}")
        if known != kind:
            if known == PARAMETER or (known == MODULE and kind != PARAMETER):
                raise TypeError(f"cannot assign '{_type_name(value)}' as {_ASSIGNABLE[known].format(name)}")
            if kinds is None:
                raise AttributeError(f"cannot assign {kind} before Module.__init__() call")
            if _family(kind) not in (BUFFER, _family(known)):  # to the end of the new one
                kinds.pop(name, None)
                members.pop(name, None)
        self._register(kind, name, value, replace=kind == MODULE)

    def _register(self, kind, name, value, replace=False):
        """Make `value` the member `name`, after the checks that every way of registering shares.

        `replace` permits the name of an attribute that the class has.
        """
        kinds = self.__dict__.get("_member_kinds")
        family = _family(kind)
        if kinds is None:
            raise AttributeError(f"cannot assign {family} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{family} name should be a string. Got {_type_name(name)}")
        if "." in name:
            raise KeyError(f'{family} name can\'t contain ".", got: {name}')
        if name == "":
            raise KeyError(f'{family} name can\'t be empty string ""')
        if _family(kinds.get(name)) != family and not replace and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if kind == PARAMETER and value is not None and value.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created explicitly. "
                f"To express '{name}' as a function of another Tensor, compute the value in the forward() method."
            )
        if value is not None or kind != PARAMETER:
            value = run_registration_hooks(family, self, name, value)
        kinds[name] = kind
        self.__dict__[name] = value

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None declares it as absent (it is not in `parameters()` then)."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{_type_name(param)}' object to parameter '{name}' (nn.Parameter or None required)"
            )
        self._register(PARAMETER, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but is not trained. `persistent=False` leaves it out of `state_dict()`."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"cannot assign '{_type_name(tensor)}' object to buffer '{name}' (Tensor or None required)")
        self._register(BUFFER if persistent else TRANSIENT_BUFFER, name, tensor)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a sub-module under `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_type_name(module)} is not a Module subclass")
        self._register(MODULE, name, module)

    register_module = add_module

    def __delattr__(self, name):
        object.__delattr__(self, name)
        self.__dict__.get("_member_kinds", {}).pop(name, None)

    def __dir__(self):
        return [name for name in super().__dir__() if not name[:1].isdigit()]

    def __getstate__(self):  # of copy.copy, too: the copy must not share the registry or the hook tables
        state = self.__dict__.copy()
        for name in ("_member_kinds", *HOOK_TABLES):
            if name in state:
                state[name] = state[name].copy()
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)

    # The members, by kind: (name, value) in order of registration ----------------------------------

    def _members(self, *kinds):
        values = self.__dict__
        return [(name, values[name]) for name, kind in values["_member_kinds"].items() if kind in kinds]

    @property
    def _parameters(self):
        return MembersView(self, PARAMETER)

    @property
    def _buffers(self):
        return MembersView(self, BUFFER, TRANSIENT_BUFFER)

    @property
    def _modules(self):
        return MembersView(self, MODULE)

    # Traversal ------------------------------------------------------------------------------------

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for this module and all below it, each once. Its own name is `prefix`."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._members(MODULE):
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for the modules directly inside this one, each once."""
        seen = set()
        for name, module in self._members(MODULE):
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def _named_tensors(self, kinds, prefix, recurse, remove_duplicate):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, tensor in module._members(*kinds):
                if tensor is None or id(tensor) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(tensor))
                yield f"{path}.{name}" if path else name, tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (name, parameter), a shared one once; of this module alone with `recurse=False`."""
        yield from self._named_tensors((PARAMETER,), prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, a shared one once."""
        seen = set()
        for module in self._all_modules() if recurse else (self,):
            for _, parameter in module._members(PARAMETER):
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield parameter

    def _all_modules(self):
        """What modules() yields, as a list: quicker than the named way."""
        found, waiting, seen = [], [self], set()
        while waiting:
            module = waiting.pop()
            if module is not None and module not in seen:
                seen.add(module)
                found.append(module)
                waiting.extend([child for _, child in reversed(module._members(MODULE))])
        return found

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, buffer), a shared one once; of this module alone with `recurse=False`."""
        yield from self._named_tensors((BUFFER, TRANSIENT_BUFFER), prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, a shared one once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target: str) -> Module:
        """The module at a dotted path such as "encoder.0"; "" is this module. AttributeError if there is none."""
        module: Any = self
        for name in target.split(".") if target else ():
            owner, module = module, getattr(module, name, None)
            if module is None:
                raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a dotted path; with `strict` something must already be there."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        present = getattr(parent, name, None)
        if present is None and strict:
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if present is not None and not isinstance(present, Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def _get_tensor(self, target, kinds, description):
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if module._member_kinds.get(name) not in kinds:
            raise AttributeError(f"`{name}` is not {description}")
        return getattr(module, name)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a dotted path such as "encoder.0.weight". AttributeError if there is none."""
        return self._get_tensor(target, (PARAMETER,), "an nn.Parameter")

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a dotted path. AttributeError if there is none."""
        return self._get_tensor(target, (BUFFER, TRANSIENT_BUFFER), "a buffer")

    # Modes and gradients --------------------------------------------------------------------------

    def apply(self, fn: Callable[[Module], object]) -> Self:
        """Call `fn(module)` for every module below, children first, then for this one. Returns self."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode (or to evaluation with False): it matters to Dropout, BatchNorm and the like."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze every parameter. Returns self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop every parameter's gradient, or fill it with zeros with `set_to_none=False`."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            else:
                zero_gradient(parameter)

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Accepted for programs that call it: every op runs as it is called, and there is nothing to compile."""

    # Printing -------------------------------------------------------------------------------------

    def _get_name(self):
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of a layer's repr; layers override it."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        children = [f"({name}): {_indent(repr(module))}" for name, module in self._members(MODULE)]
        if not children and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + children) + "\n)"


def _family(kind):
    return BUFFER if kind == TRANSIENT_BUFFER else kind


_ASSIGNABLE = {
    PARAMETER: "parameter '{}' (nn.Parameter or None expected)",
    MODULE: "child module '{}' (nn.Module or None expected)",
    BUFFER: "buffer '{}' (nn.Buffer, Tensor or None expected)",
    TRANSIENT_BUFFER: "buffer '{}' (nn.Buffer, Tensor or None expected)",
}


def _note_call(error, module, args):
    """Say in the error which layer it came from and what that was given; the innermost layer has the word."""
    if getattr(error, "__notes__", None):
        return
    try:
        given = ", ".join(
            f"{arg.dtype} {tuple(arg.shape)}" if isinstance(arg, Tensor) else _type_name(arg) for arg in args
        )
        layer = module._get_name() if module._members(MODULE) else repr(module)
        error.add_note(f"in {layer}, called with ({given})")
    except Exception:  # a broken repr, no stack left: the error itself matters more
        pass


def _type_name(value):
    cls = type(value)
    return cls.__name__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__name__}"


def _indent(text):
    return text.replace("\n", "\n  ")
