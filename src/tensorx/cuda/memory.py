"""Device memory: what is used, what is kept for reuse."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..types import Device as DeviceLike
from .device import index_of
from .streams import ExternalStream, Stream, StreamContext

OutOfMemoryError = _C.OutOfMemoryError


def memory_stats_as_nested_dict(device: DeviceLike | int | None = None) -> dict[str, Any]:
    """The figures of memory_stats() as dictionaries: statistic, kind of segment, metric."""
    return _C.cuda_memory_stats(index_of(device))


def memory_stats(device: DeviceLike | int | None = None) -> dict[str, int]:
    """Figures of a device's allocator, under PyTorch's keys: "statistic.pool.metric", and a few numbers of events.

    - statistic: `allocation` (blocks that tensors hold), `segment` (pieces of memory from the driver), `active` (blocks that
      tensors hold or streams still use), `inactive_split` (free blocks that are part of a segment); `allocated_bytes`,
      `reserved_bytes`, `active_bytes` and `inactive_split_bytes` of these; `requested_bytes`, before rounding up.
    - pool: `small_pool` (blocks of at most 1 MB share segments), `large_pool`, `all`.
    - metric: `current`, `peak`, and all that was ever `allocated` and `freed`.
    """
    return _flat(memory_stats_as_nested_dict(device))


def _flat(stats: dict[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in sorted(stats.items()):
        found |= (
            {f"{name}.{key}": each for key, each in _flat(value).items()} if isinstance(value, dict) else {name: value}
        )
    return found


def memory_allocated(device: DeviceLike | int | None = None) -> int:
    """Bytes that tensors hold."""
    return _C.cuda_memory_held(index_of(device))[0]


def max_memory_allocated(device: DeviceLike | int | None = None) -> int:
    """The most bytes that tensors held since the start, or reset_peak_memory_stats()."""
    return _C.cuda_memory_held(index_of(device))[1]


def memory_reserved(device: DeviceLike | int | None = None) -> int:
    """Bytes taken from the driver: those that tensors hold, and those kept for the next ones."""
    return _C.cuda_memory_held(index_of(device))[2]


def max_memory_reserved(device: DeviceLike | int | None = None) -> int:
    """The most bytes taken from the driver since the start, or reset_peak_memory_stats()."""
    return _C.cuda_memory_held(index_of(device))[3]


def reset_peak_memory_stats(device: DeviceLike | int | None = None) -> None:
    """Peaks start again from what is held now."""
    _C.cuda_reset_peak_memory(index_of(device))


def reset_accumulated_memory_stats(device: DeviceLike | int | None = None) -> None:
    """What was ever allocated and freed is counted from 0 again."""
    _C.cuda_reset_accumulated_memory(index_of(device))


def host_memory_stats_as_nested_dict() -> dict[str, Any]:
    """The figures of host_memory_stats() as dictionaries: statistic, metric."""
    return _C.cuda_pinned_stats()


def host_memory_stats() -> dict[str, int]:
    """Figures of page-locked host memory, under PyTorch's keys: "statistic.metric", metrics as in memory_stats().

    `allocations` and `allocated_bytes` come from the driver; of these, tensors and copies hold `active_requests` and
    `active_bytes`, and the rest is kept for the next ones.
    """
    return _flat(host_memory_stats_as_nested_dict())


def reset_peak_host_memory_stats() -> None:
    """Peaks of host_memory_stats() start again from what is held now."""
    _C.cuda_reset_peak_pinned()


def reset_accumulated_host_memory_stats() -> None:
    """What was ever allocated and freed of page-locked memory is counted from 0 again."""
    _C.cuda_reset_accumulated_pinned()


_STATES = "inactive", "active_pending_free", "active_allocated"  # as csrc/cuda_library.h numbers them


def memory_snapshot() -> list[dict[str, Any]]:
    """The segments of all devices, each with the blocks that it is cut into, in the order of addresses.

    Of a segment: device, stream, segment_type ("small" or "large"), address, total_size, allocated_size, active_size,
    requested_size, blocks. Of a block: address, size, requested_size and state: "active_allocated" (a tensor's),
    "active_pending_free" (freed, and in use on another stream) or "inactive".
    """
    segments: list[dict[str, Any]] = []
    for device, stream, small, segment, address, size, requested, state in _C.cuda_memory_blocks():
        if not segments or segments[-1]["address"] != segment:
            segments.append(
                {"device": device, "stream": stream, "segment_type": "small" if small else "large", "address": segment}
                | dict.fromkeys(("total_size", "allocated_size", "active_size", "requested_size"), 0)
                | {"blocks": []}
            )
        into = segments[-1]
        into["total_size"] += size
        into["requested_size"] += requested
        into["active_size"] += size if state else 0
        into["allocated_size"] += size if state == 2 else 0
        into["blocks"].append({"address": address, "size": size, "requested_size": requested, "state": _STATES[state]})
    return segments


def get_allocator_backend() -> str:
    """What device memory comes from: "native", tensorx's own allocator."""
    return "native"


def caching_allocator_alloc(
    size: int, device: DeviceLike | int | None = None, stream: Stream | int | None = None
) -> int:
    """The address of `size` bytes of device memory, for another library: for work of a stream, the current one by default.

    To be given back with caching_allocator_delete().
    """
    index = index_of(device)
    if size < 0:
        raise ValueError(f"caching_allocator_alloc(): size must not be negative, got {size}")
    if stream is None:
        return _C.cuda_allocate(index, size)
    with StreamContext(stream if isinstance(stream, Stream) else ExternalStream(stream, index)):
        return _C.cuda_allocate(index, size)


def caching_allocator_delete(mem_ptr: int) -> None:
    """Give back memory of caching_allocator_alloc(). Later work of its stream may use it."""
    _C.cuda_deallocate(mem_ptr)


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


def get_per_process_memory_fraction(device: DeviceLike | int | None = None) -> float:
    """The share of a device's memory that set_per_process_memory_fraction allowed; 1 without it."""
    return _C.cuda_memory_fraction(index_of(device))


def memory_summary(device: DeviceLike | int | None = None, abbreviated: bool = False) -> str:
    """The figures of memory_stats() as a table, with a row for all pools and, unless abbreviated, for each."""
    index = index_of(device)
    stats = memory_stats_as_nested_dict(index)
    metrics = ("current", "peak", "allocated", "freed")
    lines = [f"cuda:{index} ({_C.cuda_properties(index)['name']})", f"  {'':32}" + "".join(f"{m:>16}" for m in metrics)]

    def row(label: str, figures: dict[str, int], in_bytes: bool) -> str:
        shown = (f"{figures[m] / 2**20:,.1f} MiB" if in_bytes else f"{figures[m]:,}" for m in metrics)
        return f"  {label:32}" + "".join(f"{each:>16}" for each in shown)

    for name, pools in stats.items():
        if not isinstance(pools, dict):
            lines.append(f"  {name:32}{pools:>16,}")
            continue
        for pool, figures in pools.items():
            if pool == "all" or not abbreviated:
                lines.append(row(name if pool == "all" else f"  {pool}", figures, "bytes" in name))
    return "\n".join(lines)
