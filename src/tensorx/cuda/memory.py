"""Device memory: what is used, what is kept for reuse."""

from __future__ import annotations

from .. import _C
from ..types import Device as DeviceLike
from .device import index_of

OutOfMemoryError = _C.OutOfMemoryError


def memory_stats(device: DeviceLike | int | None = None) -> dict[str, int]:
    """Figures of a device's allocator, in bytes or numbers of events, under PyTorch's keys."""
    s = _C.cuda_memory_stats(index_of(device))
    return {
        "allocated_bytes.all.current": s["allocated"],
        "allocated_bytes.all.peak": s["peak_allocated"],
        "reserved_bytes.all.current": s["reserved"],
        "reserved_bytes.all.peak": s["peak_reserved"],
        "active_bytes.all.current": s["active"],
        "allocation.all.allocated": s["allocations"],
        "allocation.all.freed": s["frees"],
        "allocation.all.current": s["allocations"] - s["frees"],
        "segment.all.current": s["segments"],
        "inactive_split.all.current": s["inactive_split"],
        "num_alloc_retries": s["retries"],
        "num_ooms": s["out_of_memory"],
    }


def memory_allocated(device: DeviceLike | int | None = None) -> int:
    """Bytes that tensors hold."""
    return _C.cuda_memory_stats(index_of(device))["allocated"]


def max_memory_allocated(device: DeviceLike | int | None = None) -> int:
    """The most bytes that tensors held since the start, or reset_peak_memory_stats()."""
    return _C.cuda_memory_stats(index_of(device))["peak_allocated"]


def memory_reserved(device: DeviceLike | int | None = None) -> int:
    """Bytes taken from the driver: those that tensors hold, and those kept for the next ones."""
    return _C.cuda_memory_stats(index_of(device))["reserved"]


def max_memory_reserved(device: DeviceLike | int | None = None) -> int:
    """The most bytes taken from the driver since the start, or reset_peak_memory_stats()."""
    return _C.cuda_memory_stats(index_of(device))["peak_reserved"]


def reset_peak_memory_stats(device: DeviceLike | int | None = None) -> None:
    """Peaks start again from what is held now."""
    _C.cuda_reset_peak_memory(index_of(device))


def empty_cache() -> None:
    """Give memory that no tensor holds back to the driver, device memory and page-locked host memory."""
    if _C.cuda_device_count():
        _C.cuda_empty_cache()
        _C.cuda_empty_pinned_cache()


def mem_get_info(device: DeviceLike | int | None = None) -> tuple[int, int]:
    """(free, total) bytes of a device, as the driver sees it."""
    return _C.cuda_memory_info(index_of(device))


def set_per_process_memory_fraction(fraction: float, device: DeviceLike | int | None = None) -> None:
    """Take at most this share, 0 to 1, of a device's memory."""
    if not isinstance(fraction, (int, float)):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    _C.cuda_set_memory_fraction(index_of(device), float(fraction))


def memory_summary(device: DeviceLike | int | None = None, abbreviated: bool = False) -> str:
    """The figures of memory_stats() as a table."""
    index = index_of(device)
    lines = [f"cuda:{index} ({_C.cuda_properties(index)['name']})"]
    for name, value in memory_stats(index).items():
        shown = f"{value / 2**20:,.1f} MiB" if "bytes" in name else f"{value:,}"
        lines.append(f"  {name:32} {shown:>16}")
    return "\n".join(lines)
