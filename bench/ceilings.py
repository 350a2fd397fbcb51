"""What this machine can do at best: bytes copied per second, and float32 operations per second."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COPY_BYTES = 256 << 20  # far more than a core's own caches
FMA_ROUNDS = 2_000_000  # some tens of milliseconds
REPEATS = 10


@dataclass(frozen=True)
class Ceilings:
    bytes_per_second: float  # read and written, by a large copy on all threads
    flops_per_second: float | None  # fused multiply-adds in registers, on all threads; None: no compiler

    @staticmethod
    def measure(threads: int) -> Ceilings:
        return Ceilings(measure_copy(threads), measure_fma(threads))


def measure_copy(threads: int) -> float:
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    seconds = fastest(threads, lambda thread: np.copyto(*parts[thread]))  # releases the interpreter
    return 2 * COPY_BYTES / seconds


def measure_fma(threads: int) -> float | None:
    compiler = os.environ.get("CC") or shutil.which("cc")
    if not compiler:
        return None
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "fma.so"
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "-o", str(library)]
        built = subprocess.run([*command, str(Path(__file__).with_name("fma.c"))], capture_output=True)
        if built.returncode != 0:
            return None
        loop = ctypes.CDLL(str(library)).fma_loop
    loop.argtypes, loop.restype = [ctypes.c_long, ctypes.c_float], ctypes.c_double
    operations = loop(1, 0.5) * FMA_ROUNDS
    return threads * operations / fastest(threads, lambda _: loop(FMA_ROUNDS, 0.5))


def fastest(threads: int, work: Callable[[int], object]) -> float:
    """Least seconds in which `threads` threads do their part."""
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(REPEATS):
            start = time.perf_counter()
            list(pool.map(work, range(threads)))
            best = min(best, time.perf_counter() - start)
    return best
