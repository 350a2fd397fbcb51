"""The autocast region: `autocast`, and the functions that ask and set what it sets. All of it is per thread."""

from __future__ import annotations

import warnings
from functools import wraps

from .. import cuda
from .._C import bfloat16, float16
from .._C import dtype as dtype_class
from .casting import DEVICE_TYPES, region

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

_LOWER_DTYPES = (bfloat16, float16)


class autocast:
    """Within the block, ops run in the dtype that suits each: matrix products and convolutions in `dtype`, sums of many
    terms, norms and losses in float32, and all others in that of their arguments. docs/amp.md has the lists.

    A context manager and a decorator; per thread. The casts are ops, so gradients arrive in the dtype of the parameters,
    which stay in float32. Run backward outside of the block: its ops run in the dtypes that forward chose. A block with
    `enabled=False` within another computes as usual; convert the tensors that come from outside of it with `.float()`.

    Args:
        device_type: 'cpu' or 'cuda': which tensors this is about.
        dtype: float16 or bfloat16. Default: bfloat16 on the CPU, float16 on CUDA devices, whose gradients want a
            GradScaler.
        enabled: False for a block without autocast.
        cache_enabled: cast each weight once per region rather than at each use. Default: as around the block (True).

    ValueError if `device_type` is no string, RuntimeError if there is no such device type. A dtype other than the two, and
    'cuda' without a CUDA device, warn and disable the block.

    >>> import tensorx as tx
    >>> layer = tx.nn.Linear(4, 2)
    >>> with tx.autocast("cpu"):
    ...     y = layer(tx.ones(1, 4))
    >>> y.dtype
    tensorx.bfloat16
    >>> y.sum().backward()
    >>> layer.weight.grad.dtype
    tensorx.float32
    """

    def __init__(
        self,
        device_type: str,
        dtype: dtype_class | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        self.device = _checked("autocast", device_type)
        self.fast_dtype = region.dtypes[device_type] if dtype is None else dtype
        self._enabled, self._cache_enabled = enabled, cache_enabled
        if not enabled:
            return
        if device_type == "cuda" and not cuda.is_available():
            warnings.warn("autocast('cuda'): there is no CUDA device. Disabling autocast.", stacklevel=2)
            self._enabled = False
        elif self.fast_dtype not in _LOWER_DTYPES:
            warnings.warn(
                f"In {device_type.upper()} autocast, but the target dtype {self.fast_dtype} is not supported. Disabling "
                f"autocast.\n{device_type.upper()} autocast only supports dtypes of "
                f"{', '.join(map(str, _LOWER_DTYPES))} currently.",
                stacklevel=2,
            )
            self._enabled = False

    def __enter__(self) -> autocast:
        region.blocks.append((region.on, region.dtypes[self.device], region.is_caching))
        autocast_increment_nesting()
        _turn(self.device, self._enabled)
        region.dtypes[self.device] = self.fast_dtype
        if self._cache_enabled is not None:
            region.is_caching = self._cache_enabled
        return self

    def __exit__(self, *error: object) -> None:
        on, region.dtypes[self.device], region.is_caching = region.blocks.pop()
        _end_block(on)

    def __call__(self, func: F) -> F:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as a "
                "context manager? For example:\n    with tensorx.autocast(device_type=...):\n        output = model(input)"
            )

        @wraps(func)
        def call(*args, **kwargs):
            with self:
                return func(*args, **kwargs)

        return call  # type: ignore[return-value]


class same_region:
    """A block with the autocast of where this object was made: for what is computed again later, or in another thread."""

    def __init__(self):
        self.state = region.on, dict(region.dtypes), region.is_caching

    def __enter__(self):
        self.before = region.on, region.dtypes, region.is_caching
        on, region.dtypes, region.is_caching = self.state
        region.set_on(on)
        autocast_increment_nesting()

    def __exit__(self, *error):
        on, region.dtypes, region.is_caching = self.before
        _end_block(on)


def _checked(name, device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"{name}(): Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if device_type not in DEVICE_TYPES:
        raise RuntimeError(
            f"{name}(): User specified an unsupported autocast device_type '{device_type}': expected 'cpu' or 'cuda'"
        )
    return device_type


def _turn(device_type, enabled):
    others = tuple(device for device in region.on if device != device_type)
    region.set_on((*others, device_type) if enabled else others)


def _end_block(on):
    region.set_on(on)
    if autocast_decrement_nesting() == 0:
        clear_autocast_cache()


# ---- asking and setting


def is_autocast_available(device_type: str) -> bool:
    """Whether there is autocast for tensors on this type of device: 'cpu' and 'cuda'.

    >>> import tensorx as tx
    >>> tx.amp.is_autocast_available("cpu"), tx.amp.is_autocast_available("meta")
    (True, False)
    """
    return device_type in DEVICE_TYPES


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether this thread autocasts tensors on this type of device.

    >>> import tensorx as tx
    >>> with tx.autocast("cpu"):
    ...     tx.is_autocast_enabled("cpu")
    True
    """
    return _checked("is_autocast_enabled", device_type) in region.on


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Turn autocast on or off in this thread, without a block. With one argument: for 'cuda'."""
    if enabled is None:
        device_type, enabled = "cuda", bool(device_type)
    _turn(_checked("set_autocast_enabled", device_type), enabled)


def get_autocast_dtype(device_type: str) -> dtype_class:
    """The dtype to which autocast lowers tensors on this type of device.

    >>> import tensorx as tx
    >>> tx.get_autocast_dtype("cpu"), tx.get_autocast_dtype("cuda")
    (tensorx.bfloat16, tensorx.float16)
    """
    return region.dtypes[_checked("get_autocast_dtype", device_type)]


def set_autocast_dtype(device_type: str, dtype: dtype_class) -> None:
    """Set the dtype to which this thread's autocast lowers: float16 or bfloat16."""
    if dtype not in _LOWER_DTYPES:
        raise RuntimeError(f"set_autocast_dtype(): expected tensorx.float16 or tensorx.bfloat16, but got {dtype}")
    region.dtypes[_checked("set_autocast_dtype", device_type)] = dtype


def is_autocast_cpu_enabled() -> bool:
    """`is_autocast_enabled('cpu')`, by its old name."""
    return is_autocast_enabled("cpu")


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """`set_autocast_enabled('cpu', enabled)`, by its old name."""
    set_autocast_enabled("cpu", enabled)


def get_autocast_cpu_dtype() -> dtype_class:
    """`get_autocast_dtype('cpu')`, by its old name."""
    return get_autocast_dtype("cpu")


def set_autocast_cpu_dtype(dtype: dtype_class) -> None:
    """`set_autocast_dtype('cpu', dtype)`, by its old name."""
    set_autocast_dtype("cpu", dtype)


def get_autocast_gpu_dtype() -> dtype_class:
    """`get_autocast_dtype('cuda')`, by its old name."""
    return get_autocast_dtype("cuda")


def set_autocast_gpu_dtype(dtype: dtype_class) -> None:
    """`set_autocast_dtype('cuda', dtype)`, by its old name."""
    set_autocast_dtype("cuda", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether this thread's autocast keeps the casts of weights until the outermost block ends."""
    return region.is_caching


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Set whether this thread's autocast keeps the casts of weights."""
    region.is_caching = bool(enabled)


def clear_autocast_cache() -> None:
    """Drop the casts of weights that this thread's autocast keeps."""
    region.cache.clear()


def autocast_increment_nesting() -> int:
    """Count this thread one autocast block deeper; returns how deep. `autocast` does it."""
    region.depth += 1
    return region.depth


def autocast_decrement_nesting() -> int:
    """Count one block less; returns how many there are. Whoever ends the last one clears the cache."""
    region.depth -= 1
    return region.depth
