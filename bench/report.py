"""The tables, the summary against the floors, and the JSON file."""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ceilings import Ceilings

if TYPE_CHECKING:
    from session import Result

# What docs/performance.md promises against PyTorch: (geometric mean, slowest case). None: no promise.
FLOORS: dict[str, tuple[float, float | None]] = {
    "overhead": (3.0, 1.0),
    "autograd": (3.0, None),
    "elementwise": (1.2, 0.9),
    "reduction": (1.2, 0.9),
    "matmul": (1.0, 0.85),
    "nn": (0.7, None),
    "train": (1.5, None),
}
DISTURBED_LIMIT = 0.02
BEYOND_CACHES = 32 << 20  # bytes
BUSY_LIMIT = 3.0  # largest slow-down with one core taken away


def print_report(results: list[Result], options: argparse.Namespace, ceilings: Ceilings) -> None:
    ours, *others = options.libraries
    print(f"\n{describe_machine(options, ceilings)}")
    for group, rows in groupby(results, lambda result: result.group):
        print_group(group, list(rows), ours, others, ceilings)
    print_summary(results, others)


def describe_machine(options: argparse.Namespace, ceilings: Ceilings) -> str:
    text = f"{processor()}, {options.threads} threads, Python {platform.python_version()}"
    text += f"; a copy moves {ceilings.bytes_per_second / 1e9:.1f} GB/s"
    if ceilings.flops_per_second:
        text += f", fused multiply-adds reach {ceilings.flops_per_second / 1e9:.0f} GFLOP/s"
    return text


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def print_group(group: str, rows: list[Result], ours: str, others: list[str], ceilings: Ceilings) -> None:
    heading = f"\n{group:34}{ours:>11}"
    heading += "".join(f"{name:>11}{'ratio':>8}{'(quartiles)':>14}" for name in others)
    print(bold(heading + f"{'rate':>16}{'of ceiling':>12}"))
    for row in rows:
        line = f"  {row.case.label:32}"
        if row.seconds:
            line += f"{duration(row.seconds[ours]):>11}"
            line += "".join(comparison(row, name) for name in others)
            line += rate(row, row.seconds[ours], ceilings)
        print(line + (f"  {red(row.problem)}" if row.problem else ""))


def comparison(row: Result, name: str) -> str:
    if name not in row.ratios:
        return f"{'':>33}"
    low, middle, high = row.ratios[name]
    text = f"{middle:8.2f}"
    text = red(text) if middle < 0.9 else green(text) if middle > 1.1 else text
    return f"{duration(row.seconds[name]):>11}{text}{f'({low:.2f} {high:.2f})':>14}"


def rate(row: Result, seconds: float, ceilings: Ceilings) -> str:
    """How fast we move or compute; for what caches cannot hold, the share of what memory can do."""
    if row.case.flops:
        text, ceiling = f"{row.case.flops / seconds / 1e9:.1f} GFLOP/s", ceilings.flops_per_second
        share = row.case.flops / seconds / ceiling if ceiling and row.case.float32 else None
    elif row.case.bytes:
        text = f"{row.case.bytes / seconds / 1e9:.1f} GB/s"
        large = row.case.bytes >= BEYOND_CACHES
        share = row.case.bytes / seconds / ceilings.bytes_per_second if large else None
    else:
        return ""
    return f"{text:>16}" + (f"{share:>12.0%}" if share is not None else "")


def print_summary(results: list[Result], others: list[str]) -> None:
    """Geometric mean and slowest case of every group, beside the floors (which are against PyTorch)."""
    for other in others:
        print(bold(f"\nratio to {other:24}{'geometric mean':>16}{'floor':>8}{'slowest':>10}{'floor':>8}"))
        for group, rows in groupby(results, lambda result: result.group):
            timed = [row for row in rows if other in row.ratios]
            if not timed:
                continue
            mean = math.exp(sum(math.log(row.ratios[other][1]) for row in timed) / len(timed))
            slowest = min(timed, key=lambda row: row.ratios[other][1])
            least = slowest.ratios[other][1]
            floors = FLOORS.get(group, (None, None)) if other == "torch" else (None, None)
            figures = against(mean, 16, floors[0]) + against(least, 10, floors[1])
            print(f"  {group:31}{figures}  {slowest.case.label}")
    disturbed = sum(result.disturbed for result in results) / max(1, len(results))
    if disturbed > DISTURBED_LIMIT:
        print(red(f"\nother processes disturbed {disturbed:.0%} of the blocks: run again on a quieter machine"))
    print_problems(results)


def print_problems(results: list[Result]) -> None:
    labels: dict[str, list[str]] = {}
    for result in results:
        if result.problem:
            labels.setdefault(result.problem, []).append(f"{result.group} {result.case.label}")
    if labels:
        print(red(f"\n{sum(map(len, labels.values()))} cases did not run or gave other results:"))
    for problem, cases in labels.items():
        shown = ", ".join(cases[:3]) + (f" and {len(cases) - 3} more" if len(cases) > 3 else "")
        print(f"  {shown}: {problem}")


def against(value: float, width: int, floor: float | None) -> str:
    text = f"{value:{width}.2f}"
    if floor is None:
        return text + " " * 8
    return (red(text) if value < floor else green(text)) + f"{floor:8.2f}"


def print_busy_report(results: list[Result], options: argparse.Namespace) -> None:
    names = options.libraries
    print(bold(f"\n{'slow-down beside a busy process':40}" + "".join(f"{name:>12}" for name in names)))
    for result in results:
        figures = [result.slowdown.get(name) for name in names]
        cells = [f"{figure:12.2f}" if figure else f"{'':12}" for figure in figures]
        if figures[0] and figures[0] > BUSY_LIMIT:
            cells[0] = red(cells[0])
        print(f"  {result.group:12}{result.case.label:26}" + "".join(cells) + f"  {red(result.problem)}".rstrip())
    for name in names:
        slowdowns = sorted(result.slowdown[name] for result in results if name in result.slowdown)
        if slowdowns:
            print(f"{name:10} median {slowdowns[len(slowdowns) // 2]:.2f}, worst {slowdowns[-1]:.2f}")


def write_json(path: Path, results: list[Result], options: argparse.Namespace, ceilings: Ceilings) -> None:
    cases: list[dict[str, Any]] = []
    for result in results:
        case = result.case
        cases.append(
            {
                "group": result.group,
                "name": case.name,
                "size": case.size,
                "statement": case.statement,
                "bytes": case.bytes,
                "flops": case.flops,
                "seconds": result.seconds,
                "ratio_quartiles": result.ratios,
                "slowdown": result.slowdown,
                "disturbed": result.disturbed,
                "problem": result.problem,
            }
        )
    machine = {
        "processor": processor(),
        "threads": options.threads,
        "rounds": options.rounds,
        "python": platform.python_version(),
        "versions": {name: getattr(sys.modules[name], "__version__", "") for name in options.libraries},
        "copy_bytes_per_second": ceilings.bytes_per_second,
        "fma_flops_per_second": ceilings.flops_per_second,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "cases": cases}, indent=1) + "\n")
    print(f"\nfigures: {path}")


def duration(seconds: float) -> str:
    for unit, scale in (("ns", 1e9), ("us", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:.3g} s"


def paint(text: str, code: str) -> str:
    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    return f"\033[{code}m{text}\033[0m" if coloured and text.strip() else text


def bold(text: str) -> str:
    return paint(text, "1")


def red(text: str) -> str:
    return paint(text, "31")


def green(text: str) -> str:
    return paint(text, "32")
