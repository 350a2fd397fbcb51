"""--busy: what a call costs while another process keeps one core busy.

On a shared machine a thread that holds a part of the work can be off the processor for milliseconds; a
kernel that cuts its work into equal shares then waits for it. Quiet and busy blocks alternate, so the
slow-down compares neighbours in time.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType

import numpy as np

from timing import Loop, Patience

SEVERAL_SLICES = 0.05  # seconds; the kernel lets a process run for some 3 ms before the next has its turn


# Ends with the process that started it, should that be killed.
SPIN = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"


class BusyProcess:
    """A process that spins on the last core this process may use; stopped until `resume`."""

    def __enter__(self) -> BusyProcess:
        self.process = subprocess.Popen([sys.executable, "-c", SPIN])
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})
        self.pause()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def measure_busy(
    loops: Sequence[Loop], busy: BusyProcess, rounds: int, block_seconds: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Seconds per call without and with the busy process, (rounds, len(loops)); share of disturbed blocks."""
    quiet, beside = np.empty((2, rounds, len(loops)))
    patience = Patience(quiet.size)
    for loop in loops:
        loop.calibrate(max(block_seconds, SEVERAL_SLICES))
    for r in range(rounds):
        for k, loop in enumerate(loops):
            quiet[r, k] = patience.time_per_call(loop)
            busy.resume()
            beside[r, k], _ = loop.time_per_call()
            busy.pause()
    return quiet, beside, patience.disturbed / patience.blocks
