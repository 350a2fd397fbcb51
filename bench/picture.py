"""--picture: the ratio of every case on a log scale, one panel per group, one row per kind of call."""

from __future__ import annotations

import argparse
from itertools import groupby
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

if TYPE_CHECKING:
    from session import Result

COLUMNS = 2
ROW_INCHES = 0.19
HEAD_ROWS = 3  # title and axis of a panel, in rows


def draw(results: list[Result], options: argparse.Namespace) -> None:
    ours, *others = options.libraries
    other = next((name for name in others if any(name in result.ratios for result in results)), None)
    if other is None:
        print("no picture: there is nothing to compare with")
        return
    timed = [result for result in results if other in result.ratios]
    panels = [(group, list(rows)) for group, rows in groupby(timed, lambda result: result.group)]
    heights = [len(kinds(rows)) + HEAD_ROWS for _, rows in panels]
    columns = split(heights)
    limits = shared_limits(timed, other)

    total = max(sum(heights[k] for k in column) for column in columns)
    figure = plt.figure(figsize=(6.5 * len(columns), ROW_INCHES * total + 0.8))
    outer = figure.add_gridspec(
        1,
        len(columns),
        wspace=0.32,
        left=0.12,
        right=0.98,
        top=1 - 0.65 / (ROW_INCHES * total + 0.8),
        bottom=0.02,
    )
    for c, column in enumerate(columns):
        used = [heights[k] for k in column]
        ratios = [*used, total - sum(used)] if total > sum(used) else used
        grid = outer[c].subgridspec(len(ratios), 1, height_ratios=ratios, hspace=0)
        for row, k in enumerate(column):
            cell = grid[row].subgridspec(2, 1, height_ratios=[heights[k] - HEAD_ROWS, HEAD_ROWS], hspace=0)
            draw_panel(figure.add_subplot(cell[0]), *panels[k], other, limits)
    figure.suptitle(f"{ours} against {other}: how many times faster, {options.threads} threads", weight="bold")
    options.picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.picture, dpi=110)
    print(f"picture: {options.picture}")


def kinds(rows: list[Result]) -> list[str]:
    return list(dict.fromkeys(row.case.name for row in rows))


def split(heights: list[int]) -> list[list[int]]:
    """Panels in order, cut into columns of about the same height."""
    columns: list[list[int]] = [[]]
    for k in range(len(heights)):
        filled = sum(heights[i] for i in columns[-1])
        if columns[-1] and len(columns) < COLUMNS and filled + heights[k] / 2 > sum(heights) / COLUMNS:
            columns.append([])
        columns[-1].append(k)
    return columns


def shared_limits(results: list[Result], other: str) -> tuple[float, float]:
    middles = [result.ratios[other][1] for result in results]
    return min(0.5, 0.8 * min(middles)), max(2.0, 1.25 * max(middles))


def draw_panel(axes: Any, group: str, rows: list[Result], other: str, limits: tuple[float, float]) -> None:
    names = kinds(rows)
    colours = plt.get_cmap("viridis")
    for y, name in enumerate(names):
        same = [row for row in rows if row.case.name == name]
        for k, row in enumerate(same):
            low, middle, high = row.ratios[other]
            colour = colours(0.15 + 0.7 * k / max(1, len(same) - 1))
            axes.plot([low, high], [y, y], color=colour, alpha=0.4, linewidth=3, solid_capstyle="butt")
            axes.plot(middle, y, "o", color=colour, markersize=4.5)
    axes.axvline(1, color="0.3", linewidth=1)
    axes.axvspan(limits[0], 1, color="tab:red", alpha=0.06)
    axes.set_xscale("log")
    axes.set_xlim(limits)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    ticks = [x for x in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if limits[0] <= x <= limits[1]]
    axes.set_xticks(ticks, [f"{x:g}x" for x in ticks], fontsize=8)
    axes.set_xticks([], minor=True)
    axes.grid(axis="x", alpha=0.3)
    sizes = list(dict.fromkeys(row.case.size for row in rows if row.case.size))
    note = f"   (dark to light: {sizes[0]} ... {sizes[-1]})" if group in ("elementwise", "reduction") else ""
    axes.set_title(f"{group}{note}", loc="left", fontsize=9, weight="bold", pad=3)
