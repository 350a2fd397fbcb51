"""Which part of a program NVIDIA's profilers record, when they are told to wait for it (`nsys profile -c cudaProfilerApi`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .. import _C


def start() -> None:
    """Record from here on."""
    _C.cuda_start_profiler()


def stop() -> None:
    """Record no further."""
    _C.cuda_stop_profiler()


@contextmanager
def profile() -> Iterator[None]:
    """Record a block."""
    start()
    try:
        yield
    finally:
        stop()
