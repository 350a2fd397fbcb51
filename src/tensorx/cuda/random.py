"""The random numbers of CUDA devices: the same streams as the CPU's for the same seed."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _C
from ..tensor import Tensor
from ..types import Device as DeviceLike
from .device import device_count, index_of


def _generator(device: DeviceLike | int | None) -> _C.Generator:
    return _C.cuda_generator(index_of(device))


def default_generators() -> tuple[_C.Generator, ...]:
    """The generators of all devices, in their order."""
    return tuple(_generator(i) for i in range(device_count()))


def manual_seed(seed: int) -> None:
    """Start the generator of the current device from a seed."""
    _generator(None).manual_seed(seed)


def manual_seed_all(seed: int) -> None:
    """Start the generators of all devices from a seed."""
    for i in range(device_count()):
        _generator(i).manual_seed(seed)


def seed() -> None:
    """Start the generator of the current device from a seed that nobody can know."""
    _generator(None).seed()


def seed_all() -> None:
    """Start the generators of all devices from one seed that nobody can know."""
    if device_count():
        manual_seed_all(_generator(0).seed())


def initial_seed() -> int:
    """The seed of the current device's generator."""
    return _generator(None).initial_seed()


def get_rng_state(device: DeviceLike | int | None = "cuda") -> Tensor:
    """The state of a device's generator, as bytes on the CPU."""
    return _generator(device).get_state()


def set_rng_state(new_state: Tensor, device: DeviceLike | int | None = "cuda") -> None:
    """Continue from a state that get_rng_state gave."""
    _generator(device).set_state(new_state)


def get_rng_state_all() -> list[Tensor]:
    """The states of all devices' generators."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Continue from the states that get_rng_state_all gave."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
