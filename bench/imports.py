"""--import-time: how long `import` takes in a fresh process, the libraries in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys

SOURCE = "from time import perf_counter as now; start = now(); import {}; print(now() - start)"


def import_seconds(name: str) -> float:
    command = [sys.executable, "-c", SOURCE.format(name)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def report_import_times(names: list[str], rounds: int = 7) -> int:
    times: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        import_seconds(name)  # reads the files into the page cache
    for _ in range(rounds):
        for name in names:
            times[name].append(import_seconds(name))
    ours = names[0]
    for name in names:
        median = statistics.median(times[name])
        ratio = statistics.median(t / o for t, o in zip(times[name], times[ours], strict=True))
        print(f"import {name:8} {median * 1e3:8.1f} ms" + (f"   {ratio:.1f} x {ours}" if name != ours else ""))
    return 0
