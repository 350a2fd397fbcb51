"""The kind of device that is quicker than the CPU, whichever it is: here, CUDA. Names of `torch.accelerator`.

>>> import tensorx as tx
>>> device = tx.accelerator.current_accelerator() if tx.accelerator.is_available() else "cpu"
>>> tx.ones(2, device=device).sum().item()
2.0

Without a device, what asks one raises RuntimeError, as the functions of `tensorx.cuda` do.
"""

from __future__ import annotations

from typing import Any

from . import _C
from .cuda import current_device as current_device_index
from .cuda import (
    current_stream,
    device_count,
    empty_cache,
    is_available,
    max_memory_allocated,
    max_memory_reserved,
    memory_allocated,
    memory_reserved,
    memory_stats,
    reset_accumulated_memory_stats,
    reset_peak_memory_stats,
    set_stream,
    synchronize,
)
from .cuda import device as device_index
from .cuda import mem_get_info as get_memory_info
from .cuda import set_device as set_device_index
from .cuda.device import index_of
from .types import Device as DeviceLike

__all__ = [
    "current_accelerator",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "empty_host_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def current_accelerator(check_available: bool = False) -> _C.device | None:
    """The kind of accelerator that this build is for, `device(type='cuda')`; None where it is for none.

    Args:
        check_available: None also where this machine has no such device.
    """
    return _C.device("cuda") if (is_available() if check_available else _C.cuda_is_built()) else None


def get_device_capability(device: DeviceLike | int | None = None, /) -> dict[str, Any]:
    """What a device can do: `supported_dtypes`, a set."""
    index_of(device)
    return {"supported_dtypes": {value for value in vars(_C).values() if isinstance(value, _C.dtype)}}


def empty_host_cache() -> None:
    """Give page-locked host memory that nothing uses back to the driver."""
    if is_available():
        _C.cuda_empty_pinned_cache()
