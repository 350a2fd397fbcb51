"""What this machine can do at best: bytes copied per second, and float32 operations per second."""

from __future__ import annotations

import importlib
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

COPY_BYTES = 256 << 20  # far more than a core's own caches
COPIES = 20
FMA_LOOPS = 5


@dataclass(frozen=True)
class Ceilings:
    bytes_per_second: float  # read and written, by a large copy on all threads
    flops_per_second: float | None  # by independent fused multiply-adds in registers, on all threads

    @staticmethod
    def measure(threads: int) -> Ceilings:
        return Ceilings(measure_copy(threads), measure_fma(threads))


def measure_copy(threads: int) -> float:
    """NumPy's copy runs on one thread and releases the interpreter: give each thread a part."""
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(COPIES):
            start = time.perf_counter()
            list(pool.map(lambda part: np.copyto(*part), parts))
            best = min(best, time.perf_counter() - start)
    return 2 * COPY_BYTES / best


def measure_fma(threads: int) -> float | None:
    """tensorx carries such a loop for each instruction set; None where it is not installed."""
    try:
        extension = importlib.import_module("tensorx._C")
    except ImportError:
        return None
    loop = getattr(extension, "measure_fma", None)  # operations per second of one thread
    return threads * max(loop() for _ in range(FMA_LOOPS)) if loop else None
