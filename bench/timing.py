"""How one case is timed: the libraries in turn, in one process, and a ratio for every round.

A shared machine changes its speed from second to second, so a time alone says little, and two times taken
a minute apart say nothing about each other. Hence A B A B: in each round every library runs a block of
calls, long enough for the clock; the ratio is taken within the round, and the median over the rounds is
reported. The order within a round rotates, so that no library always follows the same one.

Thread pools that share a process disturb each other: after a parallel call, idle workers keep a core busy
for a while to be ready for the next. Measured on 2 cores: PyTorch's OpenMP workers spin for 3.3 ms,
NumPy's OpenBLAS workers for 103 ms. A parallel add of 1M floats by PyTorch took 225 us alone and 1,200 to
1,800 us right after a NumPy matmul; a NumPy matmul took 0.97 ms alone and 1.54 ms right after a PyTorch
call. So before each block `settle` waits until no thread of the process runs, and then the library runs a
few calls that are not timed, which wake its workers again. Within a block every pool does as it pleases.

Other processes disturb too, and not equally: a pool that waits for each of its threads loses most when one
of them is off the processor (PyTorch's step of an 8 x 128 MLP went from 1 ms to 160 ms). The kernel counts
how long our threads were ready to run but had no core. A block in which that was more than 5% of the time
is repeated; blocks that stay disturbed are counted in the report. `--busy` measures that on purpose.

The garbage collector stays on: what a library allocates is part of its cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

DISTURBED = 0.05  # share of a block's time
REPEATS = 2  # repeated blocks allowed, per block
PAUSE = 0.02  # seconds before a block is repeated

TEMPLATE = """
def loop(count):
    for _ in repeat(None, count):
        {}
"""


class Loop:
    """A statement, compiled into a loop of its own as `timeit` does, so that no call is added to it."""

    def __init__(self, statement: str, names: dict[str, Any]) -> None:
        names = {**names, "repeat": repeat}
        exec(TEMPLATE.format(statement), names)
        self._loop: Callable[[int], None] = names["loop"]
        self.count = 1

    def seconds(self, count: int) -> float:
        start = time.perf_counter()
        self._loop(count)
        return time.perf_counter() - start

    def calibrate(self, block_seconds: float) -> None:
        """Choose how many calls make a block of about `block_seconds`."""
        settle()
        self.seconds(1)
        count = 1
        while (elapsed := self.seconds(count)) < block_seconds / 4:
            count *= 2 if elapsed > block_seconds / 50 else 10
        self.count = max(1, round(count * block_seconds / elapsed))

    def time_per_call(self) -> tuple[float, bool]:
        """Seconds per call over one block, and whether other processes disturbed it."""
        settle()
        self.seconds(max(1, self.count // 10))
        waited = seconds_without_a_core()
        elapsed = self.seconds(self.count)
        waited = seconds_without_a_core() - waited
        return elapsed / self.count, waited > DISTURBED * elapsed


def settle(window: float = 0.002, idle: float = 0.2, limit: float = 0.5) -> None:
    """Sleep until this process uses less than `idle` of one core, so until every worker sleeps."""
    deadline = time.perf_counter() + limit
    while time.perf_counter() < deadline:
        wall, cpu = time.perf_counter(), time.process_time()
        time.sleep(window)
        if time.process_time() - cpu < idle * (time.perf_counter() - wall):
            return


def seconds_without_a_core() -> float:
    """How long this process's threads, summed, were ready to run and had no core (0: not known)."""
    waited = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            waited += int(path.read_text().split()[1])
        except OSError:  # the thread has ended
            continue
    return waited * 1e-9


class Patience:
    """Takes blocks until one is undisturbed, but repeats no more than its share of blocks."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.repeats = REPEATS * blocks
        self.disturbed = 0  # blocks that could not be had undisturbed

    def time_per_call(self, loop: Loop) -> float:
        elapsed, disturbed = loop.time_per_call()
        while disturbed and self.repeats > 0:
            self.repeats -= 1
            time.sleep(PAUSE)
            elapsed, disturbed = loop.time_per_call()
        self.disturbed += disturbed
        return elapsed


def measure(loops: Sequence[Loop], rounds: int, block_seconds: float) -> tuple[np.ndarray, float]:
    """Seconds per call, shape (rounds, len(loops)), and the share of disturbed blocks."""
    for loop in loops:
        loop.calibrate(block_seconds)
    times = np.empty((rounds, len(loops)))
    patience = Patience(times.size)
    for r in range(rounds):
        for k in range(len(loops)):
            which = (r + k) % len(loops)
            times[r, which] = patience.time_per_call(loops[which])
    return times, patience.disturbed / patience.blocks


def quartiles(values: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(low), float(middle), float(high)
