"""One run over the chosen cases: set up, compare the results, time."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from busy import BusyProcess, measure_busy
from case import Case
from library import Library
from timing import Loop, measure, quartiles

try:
    from tqdm import tqdm
except ImportError:
    sys.exit("bench: the progress bar needs tqdm: pip install '.[bench]'")


@dataclass
class Result:
    """Figures of one case. Keys are library names; the first library is ours."""

    group: str
    case: Case
    seconds: dict[str, float] = field(default_factory=dict)  # median per call
    ratios: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # quartiles of theirs / ours
    slowdown: dict[str, float] = field(default_factory=dict)  # with --busy: median of busy / quiet
    disturbed: float = 0  # share of the blocks during which other processes held the cores
    problem: str = ""  # it did not run, or the results differ


class Session:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.libraries = [Library(name, options.threads) for name in options.libraries]
        self.setup: Any = None  # what made `names`, where the next case may reuse them
        self.names: dict[str, dict[str, Any]] = {}

    def run(self, groups: dict[str, list[Case]]) -> list[Result]:
        cases = [(group, case) for group, rows in groups.items() for case in rows]
        cases = [(group, case) for group, case in cases if self.options.filter in case.label]
        return [self.run_case(group, case) for group, case in progress(cases)]

    def run_case(self, group: str, case: Case) -> Result:
        result = Result(group, case)
        try:
            names = self.operands(case)
            if case.compare:
                result.problem = difference(case, names, self.libraries)
            loops = {name: Loop(case.source(name) or "", names[name]) for name in names}
            self.time(result, loops)
        except Exception as error:  # one library lacks the operation: say so and go on with the next case
            result.problem = f"{type(error).__name__}: {error}".splitlines()[0]
            self.setup = None
        return result

    def operands(self, case: Case) -> dict[str, dict[str, Any]]:
        """The names of the statement in every library that has the operation."""
        if not (case.shared and case.setup is self.setup):
            self.names = {}
            gc.collect()
        for library in self.libraries:
            if case.source(library.name) and library.name not in self.names:
                library.reseed()
                self.names[library.name] = dict(case.setup(library))
        self.setup = case.setup if case.shared else None
        return {name: names for name, names in self.names.items() if case.source(name)}

    def time(self, result: Result, loops: dict[str, Loop]) -> None:
        names, rounds, block_seconds = list(loops), self.options.rounds, self.options.block_seconds
        if self.options.busy:
            with BusyProcess() as busy:
                times = measure_busy(list(loops.values()), busy, rounds, block_seconds)
            quiet, beside, result.disturbed = times
            result.slowdown = dict(zip(names, np.median(beside / quiet, axis=0).tolist(), strict=True))
        else:
            quiet, result.disturbed = measure(list(loops.values()), rounds, block_seconds)
        result.seconds = dict(zip(names, np.median(quiet, axis=0).tolist(), strict=True))
        for k, name in enumerate(names[1:], start=1):
            result.ratios[name] = quartiles(quiet[:, k] / quiet[:, 0])


def difference(case: Case, names: dict[str, dict[str, Any]], libraries: list[Library]) -> str:
    """Run the statement once in each library; "" where the results agree."""
    values = {}
    for library in libraries:
        if library.name in names:
            scope = dict(names[library.name])
            scope["_"] = eval(case.source(library.name) or "", scope)
            values[library.name] = library.numpy_values(eval(case.result, scope))
    ours, expected = next(iter(values)), list(values)[-1]
    for x, y in zip(values[ours], values[expected], strict=True):
        if x.shape != y.shape:
            return f"shape {x.shape}, {expected} has {y.shape}"
        x, y = x.astype(np.float64), y.astype(np.float64)
        largest = np.abs(y).max(initial=1e-30)
        if not (error := np.abs(x - y).max(initial=0) / largest) <= case.tolerance:
            return f"differs from {expected} by {error:.1e} of the largest value"
    return ""


def progress(cases: list[tuple[str, Case]]) -> Iterator[tuple[str, Case]]:
    tqdm.monitor_interval = 0  # no thread of its own beside the measurement
    with tqdm(total=len(cases), bar_format="{l_bar}{bar:30}{r_bar}") as bar:
        for group, case in cases:
            bar.set_description(f"{group:11} {case.label:24.24}")
            yield group, case
            bar.update()
