"""Devices: how many, which, and what they can do."""

from __future__ import annotations

from typing import Any

from .. import _C
from ..types import Device as DeviceLike

_initialized = False


def is_available() -> bool:
    """Whether this build has CUDA, and this machine a device and a driver for it."""
    return _C.cuda_device_count() > 0


def is_emulated() -> bool:
    """Whether "cuda" is the emulated device of a test build, whose times say nothing about a GPU."""
    return _C.cuda_is_emulated()


def device_count() -> int:
    """The number of devices; 0 without a driver."""
    return _C.cuda_device_count()


def init() -> None:
    """Start CUDA now instead of at its first use. Raises RuntimeError with the reason where there is none."""
    global _initialized
    _C.cuda_set_device(_C.cuda_current_device())
    _initialized = True


def is_initialized() -> bool:
    """Whether CUDA has been started."""
    return _initialized or (_C.cuda_is_built() and _C.cuda_was_used())


def index_of(device: DeviceLike | int | None) -> int:
    """The number of a device: given as a number, a device or its name; the current one for None."""
    if device is None:
        return _C.cuda_current_device()
    if isinstance(device, int) and not isinstance(device, bool):
        return device if device >= 0 else _C.cuda_current_device()
    given = _C.device(device)
    if given.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {given}")
    return _C.cuda_current_device() if given.index is None else given.index


def current_device() -> int:
    """The number of the device that "cuda" means in this thread."""
    return _C.cuda_current_device()


def set_device(device: DeviceLike | int) -> None:
    """Make a device the one that "cuda" means in this thread."""
    _C.cuda_set_device(index_of(device))


class device:
    """A block in which "cuda" means another device.

    Args:
        device: its number, a `tensorx.device` or a name such as "cuda:1".
    """

    def __init__(self, device: DeviceLike | int | None) -> None:
        self.idx = index_of(device)
        self.prev_idx = -1

    def __enter__(self) -> None:
        self.prev_idx = _C.cuda_current_device()
        _C.cuda_set_device(self.idx)

    def __exit__(self, *exception: object) -> None:
        _C.cuda_set_device(self.prev_idx)


class device_of(device):
    """A block in which "cuda" means the device of a tensor; the same as before for a tensor on the CPU."""

    def __init__(self, obj: Any) -> None:
        super().__init__(obj.device if obj.is_cuda else None)


class Properties:
    """What `get_device_properties` gives: name, major, minor, total_memory (bytes), multi_processor_count and so on."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"a CUDA device has no property '{name}'; there are {', '.join(self.__dict__)}")

    def __repr__(self) -> str:
        return (
            f"CudaDeviceProperties(name='{self.name}', major={self.major}, minor={self.minor}, "
            f"total_memory={self.total_memory // 2**20}MB, multi_processor_count={self.multi_processor_count})"
        )


def get_device_properties(device: DeviceLike | int | None = None) -> Properties:
    """What a device is made of."""
    return Properties(**_C.cuda_properties(index_of(device)))


def get_device_name(device: DeviceLike | int | None = None) -> str:
    """The name of a device."""
    return _C.cuda_properties(index_of(device))["name"]


def get_device_capability(device: DeviceLike | int | None = None) -> tuple[int, int]:
    """The compute capability of a device: (8, 0) for an A100, (9, 0) for an H100."""
    found = _C.cuda_properties(index_of(device))
    return found["major"], found["minor"]


def get_arch_list() -> list[str]:
    """The architectures that this build has machine code for ("sm_90"), and those it has PTX for ("compute_90"), which a
    driver compiles for later ones.
    """
    found = []
    for name in filter(None, _C.cuda_architectures().split(",") if _C.cuda_is_built() else []):
        number, _, kind = name.partition("-")  # as CMake has it: 80-real, 90-virtual, 90 for both
        found += [f"sm_{number}"] * (kind != "virtual") + [f"compute_{number}"] * (kind != "real")
    return sorted(found, key=lambda name: (name.startswith("compute"), name))


def get_gencode_flags() -> str:
    """What get_arch_list() says, as options of nvcc."""
    return " ".join(f"-gencode compute=compute_{name.partition('_')[2]},code={name}" for name in get_arch_list())


def is_tf32_supported() -> bool:
    """Whether the current device multiplies TF32 on tensor cores: from compute capability 8.0 on."""
    return is_available() and get_device_capability() >= (8, 0)


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Whether a device computes with bfloat16: always, from compute capability 8.0 on with tensor cores."""
    return including_emulation or get_device_capability() >= (8, 0)


def can_device_access_peer(device: DeviceLike | int, peer_device: DeviceLike | int) -> bool:
    """Whether one device reads the memory of another directly."""
    return _C.cuda_can_access_peer(index_of(device), index_of(peer_device))


def synchronize(device: DeviceLike | int | None = None) -> None:
    """Wait for all that a device has been given to do. Raises here if a kernel failed."""
    _C.cuda_synchronize(index_of(device))
