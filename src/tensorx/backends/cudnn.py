"""PyTorch's names for how convolutions are computed. There is no cuDNN here: the kernels are tensorx's, on every device.

- `benchmark`, `deterministic` and `allow_tf32` are those of `backends.conv`. Unlike PyTorch's, `allow_tf32` is False at first:
  the digits of float32 are given up where a program says so.
- `benchmark_limit` is the number of algorithms that PyTorch tries. tensorx has five, and tries all that apply.
- `enabled` is kept for who asks: there is nothing to switch off.

>>> import tensorx as tx
>>> tx.backends.cudnn.is_available(), tx.backends.cudnn.version()
(False, None)
>>> with tx.backends.cudnn.flags(enabled=True, benchmark=True):
...     tx.backends.conv.benchmark
True
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import conv
from .settings import install, remembered

if TYPE_CHECKING:
    from ..tensor import Tensor

enabled: bool  # settings, installed below
benchmark: bool
benchmark_limit: int | None
deterministic: bool
allow_tf32: bool

_limit = [10]


def _set_limit(value: int | None) -> None:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError(f"backends.cudnn.benchmark_limit is an int from 0 on, or None; got {value!r}")
    _limit[0] = 0 if value is None else value


_SETTINGS = {
    "enabled": remembered("backends.cudnn.enabled", True),
    "benchmark": (lambda: conv.benchmark, lambda value: setattr(conv, "benchmark", value)),
    "benchmark_limit": (lambda: _limit[0], _set_limit),
    "deterministic": (lambda: conv.deterministic, lambda value: setattr(conv, "deterministic", value)),
    "allow_tf32": (lambda: conv.allow_tf32, lambda value: setattr(conv, "allow_tf32", value)),
}
install(__name__, **_SETTINGS)


def is_available() -> bool:
    """Whether tensorx was built with cuDNN: never. `tx.cuda.is_available()` says whether there is a GPU."""
    return False


def version() -> int | None:
    """The version of cuDNN: None, as there is none."""
    return None


def is_acceptable(tensor: Tensor) -> bool:
    """Whether cuDNN could compute with this tensor: never."""
    return False


def set_flags(
    _enabled: bool | None = None,
    _benchmark: bool | None = None,
    _benchmark_limit: int | None = None,
    _deterministic: bool | None = None,
    _allow_tf32: bool | None = None,
) -> tuple[Any, ...]:
    """Assign the settings that are given, and return what all of them were.

    >>> import tensorx as tx
    >>> before = tx.backends.cudnn.set_flags(_benchmark=True)
    >>> _ = tx.backends.cudnn.set_flags(*before)
    >>> tx.backends.cudnn.benchmark
    False
    """
    before = tuple(get() for get, _ in _SETTINGS.values())
    given = (_enabled, _benchmark, _benchmark_limit, _deterministic, _allow_tf32)
    for (_, assign), value in zip(_SETTINGS.values(), given, strict=True):
        if value is not None:
            assign(value)
    return before


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = False,
) -> Iterator[None]:
    """These settings for a `with` block.

    >>> import tensorx as tx
    >>> with tx.backends.cudnn.flags(deterministic=True):
    ...     tx.backends.cudnn.deterministic
    True
    """
    before = set_flags()
    try:
        set_flags(enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
        yield
    finally:
        set_flags(*before)
