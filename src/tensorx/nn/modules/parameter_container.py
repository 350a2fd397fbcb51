"""Modules that hold parameters: ParameterList, ParameterDict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping

import tensorx

from ..parameter import Parameter
from ._container_arguments import pairs, position
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


def _describe(value):
    if not isinstance(value, tensorx.Tensor):
        return f"Object of type: {type(value).__name__}"
    kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
    size = "x".join(map(str, value.shape))
    return (
        f"{kind} containing: [{value.dtype} of size {size}{'' if value.device.type == 'cpu' else f' ({value.device})'}]"
    )


class ParameterList(Module):
    """A list whose tensors are registered as parameters; other objects may be in it too.

    >>> import tensorx as tx
    >>> weights = tx.nn.ParameterList([tx.zeros(2), tx.zeros(3)])
    >>> [weight.numel() for weight in weights]
    [2, 3]
    """

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        super().__init__()
        self._length = 0
        if values is not None:
            self.extend(values)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index):
        if isinstance(index, slice):
            return type(self)(self[i] for i in range(*index.indices(len(self))))
        return getattr(self, str(position(index, len(self), "ParameterList")))

    def __setitem__(self, index, value):
        setattr(self, str(position(index, len(self), "ParameterList")), _as_parameter(value))

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __iadd__(self, values):
        return self.extend(values)

    def append(self, value: Any) -> Self:
        """Add `value` at the end; a tensor becomes a Parameter. Returns self."""
        setattr(self, str(self._length), _as_parameter(value))
        self._length += 1
        return self

    def extend(self, values: Iterable[Any]) -> Self:
        """Add the values of an iterable at the end. Returns self."""
        if not isinstance(values, Iterable) or isinstance(values, tensorx.Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take the value at `index` out and return it."""
        values = list(self)
        value = values.pop(position(index, len(values), "ParameterList"))
        for i in range(len(self)):
            delattr(self, str(i))
        self._length = 0
        self.extend(values)
        return value

    def extra_repr(self) -> str:
        return "\n".join(f"  ({i}): {_describe(value)}" for i, value in enumerate(self))


class ParameterDict(Module):
    """A dictionary whose tensors are registered as parameters, in order of insertion; other objects may be in it too.

    >>> import tensorx as tx
    >>> weights = tx.nn.ParameterDict({"left": tx.zeros(2)})
    >>> weights["right"] = tx.zeros(3)
    >>> sorted(name for name, _ in weights.named_parameters())
    ['left', 'right']
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self._keys: dict[str, None] = {}
        if parameters is not None:
            self.update(parameters)

    def _attribute(self, key):
        if not isinstance(key, str):
            raise TypeError(
                f"Index given to ParameterDict cannot be used as a key as it is not a string (type is '{type(key).__name__}')."
            )
        return key if key in self._keys or not hasattr(self, key) else _refuse(key)

    def __getitem__(self, key):
        if key not in self._keys:
            raise KeyError(key)
        return getattr(self, key)

    def __setitem__(self, key, value):
        setattr(self, self._attribute(key), _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key):
        del self._keys[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(self._keys)

    def __contains__(self, key):
        return key in self._keys

    def keys(self) -> Iterable[str]:
        return self._keys.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        return [(key, self[key]) for key in self._keys]

    def values(self) -> Iterable[Any]:
        return [self[key] for key in self._keys]

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self[key] if key in self._keys else default

    def setdefault(self, key: str, default: Any = None) -> Any:
        """The value under `key`, after putting `default` there if there was none."""
        if key not in self._keys:
            self[key] = default
        return self[key]

    def pop(self, key: str) -> Any:
        """Take the value under `key` out and return it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Take the last (key, value) out and return it."""
        key = next(reversed(self._keys))
        return key, self.pop(key)

    def clear(self) -> None:
        """Remove every value."""
        for key in list(self._keys):
            del self[key]

    def copy(self) -> ParameterDict:
        """A new ParameterDict of the same values."""
        return ParameterDict(self.items())

    def fromkeys(self, keys: Iterable[str], default: Any = None) -> ParameterDict:
        """A new ParameterDict with `default` under each of `keys`."""
        return ParameterDict((key, default) for key in keys)

    def update(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add the values of a mapping or of an iterable of (key, value); those of a plain dictionary sorted by key.

        (As in PyTorch: the order of parameters is that of an optimiser's state.)
        """
        added = pairs(values, "ParameterDict.update")
        if isinstance(values, Mapping) and not isinstance(values, OrderedDict):
            added = sorted(added)
        for key, value in added:
            self[key] = value

    def __or__(self, other):
        merged = self.copy()
        merged.update(other)
        return merged

    def __ior__(self, other):
        self.update(other)
        return self

    def extra_repr(self) -> str:
        return "\n".join(f"  ({key}): {_describe(value)}" for key, value in self.items())


def _refuse(key):
    raise KeyError(f"attribute '{key}' already exists")


def _as_parameter(value):
    if isinstance(value, tensorx.Tensor) and not isinstance(value, Parameter):
        return Parameter(value)
    return value
