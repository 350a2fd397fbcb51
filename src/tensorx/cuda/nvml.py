"""What NVIDIA's driver says of a device, whoever uses it: made of the package nvidia-ml-py (`pip install nvidia-ml-py`)."""

from __future__ import annotations

from typing import Any

from ..types import Device as DeviceLike
from .device import get_device_properties, index_of


def _library() -> Any:
    try:
        import pynvml
    except ImportError:
        raise ModuleNotFoundError("this figure needs the package nvidia-ml-py: pip install nvidia-ml-py") from None
    pynvml.nvmlInit()
    return pynvml


def _device(device: DeviceLike | int | None) -> tuple[Any, Any]:
    """(pynvml, its handle of a device). By what identifies the device: CUDA may number devices otherwise, or see some only."""
    index = index_of(device)
    library = _library()
    return library, library.nvmlDeviceGetHandleByUUID(f"GPU-{get_device_properties(index).uuid}")


def memory_usage(device: DeviceLike | int | None = None) -> int:
    """Percent of the last sample period during which the device's memory was read or written."""
    library, handle = _device(device)
    return library.nvmlDeviceGetUtilizationRates(handle).memory


def utilization(device: DeviceLike | int | None = None) -> int:
    """Percent of the last sample period during which a kernel ran."""
    library, handle = _device(device)
    return library.nvmlDeviceGetUtilizationRates(handle).gpu


def temperature(device: DeviceLike | int | None = None) -> int:
    """Degrees Celsius."""
    library, handle = _device(device)
    return library.nvmlDeviceGetTemperature(handle, 0)


def power_draw(device: DeviceLike | int | None = None) -> int:
    """Milliwatts."""
    library, handle = _device(device)
    return library.nvmlDeviceGetPowerUsage(handle)


def clock_rate(device: DeviceLike | int | None = None) -> int:
    """The clock of the multiprocessors now, in MHz."""
    library, handle = _device(device)
    return library.nvmlDeviceGetClockInfo(handle, 1)


def device_memory_used(device: DeviceLike | int | None = None) -> int:
    """Bytes of the device's memory that are taken, by all processes."""
    library, handle = _device(device)
    return library.nvmlDeviceGetMemoryInfo(handle).used


def list_gpu_processes(device: DeviceLike | int | None = None) -> str:
    """A line for each process that uses the device, with the megabytes it holds."""
    library, handle = _device(device)
    lines = [f"GPU:{index_of(device)}"]
    processes = library.nvmlDeviceGetComputeRunningProcesses(handle)
    lines += [f"process {p.pid:>10d} uses {p.usedGpuMemory / 2**20:>12.3f} MB GPU memory" for p in processes]
    return "\n".join(lines if processes else [*lines, "no processes are running"])
