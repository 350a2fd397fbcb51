"""Modules that hold modules: Sequential, ModuleList, ModuleDict, and the old Container.

The lists name their members "0", "1", ...; members are ordinary attributes (see module.py).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping

from ... import Tensor
from ._container_arguments import pairs, position
from ._kinds import MODULE
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class Container(Module):
    """Deprecated, as in PyTorch: a Module with the given modules as its members."""

    def __init__(self, **kwargs: Any) -> None:
        warnings.warn(
            "nn.Container is deprecated. All of its functionality is now implemented in nn.Module. Subclass that instead.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class _NumberedModules(Module):
    """What Sequential and ModuleList have in common: members named by their position."""

    def __len__(self) -> int:
        return len(self._members(MODULE))

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._members(MODULE)])

    def __dir__(self):
        return [name for name in super().__dir__() if not name.isdigit()]

    def _replace_all(self, modules):
        modules = list(modules)
        for name, _ in self._members(MODULE):
            delattr(self, name)
        for i, module in enumerate(modules):
            self.add_module(str(i), module)

    def _name_at(self, index):
        modules = self._members(MODULE)
        return modules[position(index, len(modules), self._get_name())][0]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def append(self, module: Module) -> Self:
        """Add `module` at the end. Returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Self:
        """Add the modules of an iterable at the end. Returns self."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                f"{self._get_name()}.extend should be called with an iterable, but got {type(modules).__name__}"
            )
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Self:
        """Put `module` before position `index` (negative counts from the end). Returns self in Sequential."""
        if not isinstance(module, Module):
            raise TypeError(f"module should be of type: {Module}, not {type(module).__name__}")
        modules = list(self)
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"Index out of range: {index} for a {self._get_name()} of length {len(modules)}")
        modules.insert(index, module)
        self._replace_all(modules)
        return self

    def pop(self, index: int) -> Any:
        """Take the module at `index` out and return it."""
        module = getattr(self, self._name_at(index))
        del self[index]
        return module


class Sequential(_NumberedModules):
    """Modules run one after the other, each on the output of the one before.

    Takes the modules, or one dictionary of name -> module. Indexing gives a module, slicing a Sequential.

    >>> import tensorx as tx
    >>> model = tx.nn.Sequential(tx.nn.Linear(4, 8), tx.nn.ReLU(), tx.nn.Linear(8, 2))
    >>> model(tx.zeros(3, 4)).shape
    tensorx.Size([3, 2])
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named: Mapping[str, Any] = modules[0]
        else:
            named = {str(i): module for i, module in enumerate(modules)}
        for name, module in named.items():
            self.add_module(name, module)

    def forward(self, input: Tensor) -> Any:
        members = self.__dict__
        for name, kind in members["_member_kinds"].items():
            if kind == MODULE:
                input = members[name](input)
        return input

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(dict(self._members(MODULE)[index]))
        return getattr(self, self._name_at(index))

    def __delitem__(self, index):
        names = [name for name, _ in self._members(MODULE)]
        for name in names[index] if isinstance(index, slice) else [self._name_at(index)]:
            delattr(self, name)
        self._replace_all(self)

    def __add__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)

    def __iadd__(self, other):
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return self.extend(other)

    def __mul__(self, times):
        if not isinstance(times, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(times)}")
        if times <= 0:
            raise ValueError(f"Non-positive multiplication factor {times} for {type(self)}")
        return Sequential(*(module for _ in range(times) for module in self))

    __rmul__ = __mul__


class ModuleList(_NumberedModules):
    """A list of modules, registered; it has no forward of its own.

    >>> import tensorx as tx
    >>> layers = tx.nn.ModuleList(tx.nn.Linear(2, 2) for _ in range(3))
    >>> layers
    ModuleList(
      (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)
    )
    >>> len(layers[1:])
    2
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.extend(modules)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return getattr(self, self._name_at(index))

    def __delitem__(self, index):
        modules = list(self)
        del modules[index if isinstance(index, slice) else position(index, len(modules), self._get_name())]
        self._replace_all(modules)

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def insert(self, index: int, module: Module) -> None:  # type: ignore[override]
        """Put `module` before position `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._replace_all(modules)

    def __repr__(self):
        """Runs of modules with the same repr take one line."""
        runs = []  # [first, last, repr]
        for i, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][2] == text:
                runs[-1][1] = i
            else:
                runs.append([i, i, text])
        if not runs:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in runs
        ]
        return f"{self._get_name()}(\n  " + "\n".join(lines).replace("\n", "\n  ") + "\n)"


class ModuleDict(Module):
    """A dictionary of modules, registered, in order of insertion; it has no forward of its own.

    >>> import tensorx as tx
    >>> heads = tx.nn.ModuleDict({"a": tx.nn.Linear(2, 1), "b": tx.nn.Linear(2, 3)})
    >>> list(heads.keys())
    ['a', 'b']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules)

    def __contains__(self, key):
        return key in self._modules

    def clear(self) -> None:
        """Remove every module."""
        self._modules.clear()

    def pop(self, key: str) -> Module:
        """Take the module under `key` out and return it."""
        return self._modules.pop(key)

    def keys(self) -> Iterable[str]:
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Module]]:
        return self._modules.items()

    def values(self) -> Iterable[Module]:
        return self._modules.values()

    def update(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]]) -> None:
        """Add the modules of a mapping or of an iterable of (key, module)."""
        for key, module in pairs(modules, "ModuleDict.update"):
            self[key] = module
