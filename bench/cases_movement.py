"""movement: copies that rearrange, select, join and sort, and compute nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from case import SAME, Case, sized
from library import Library

SIDES = (100, 1000)  # square operands of 1e4 and 1e6 elements


def operands(side: int, library: Library) -> dict[str, Any]:
    a, b = library.normal(side, side), library.normal(side, side)
    return {
        "t": library.t,
        "a": a,
        "b": b,
        "row": library.normal(side),
        "mask": b > 0,
        "rows": library.integers(side, side),
        "where": library.integers(side, side, side),
        "images": library.normal(side * side // 400, 4, 10, 10),
        "zeros": a * 0,
    }


#   name, statement, the same in NumPy, bytes per element
ROWS = [
    ("transpose", "a.t().contiguous()", "a.T.copy()", 8),
    ("NCHW to NHWC", "images.permute(0, 2, 3, 1).contiguous()", "images.transpose(0, 2, 3, 1).copy()", 8),
    ("expand", "row.expand_as(a).contiguous()", "t.broadcast_to(row, a.shape).copy()", 4),
    ("cat dim 0", "t.cat((a, b))", "t.concatenate((a, b))", 16),
    ("cat dim 1", "t.cat((a, b), 1)", "t.concatenate((a, b), 1)", 16),
    ("stack", "t.stack((a, b))", SAME, 16),
    ("flip", "a.flip(0)", "t.flip(a, 0).copy()", 8),
    ("a[1:-1, 1:-1]", "a[1:-1, 1:-1].contiguous()", "a[1:-1, 1:-1].copy()", 8),
    ("a[rows]", "a[rows]", SAME, 8),
    ("index_select", "a.index_select(1, rows)", "a.take(rows, 1)", 8),
    ("gather", "a.gather(1, where)", "t.take_along_axis(a, where, 1)", 16),
    ("scatter_add", "zeros.scatter_add(1, where, a)", None, 24),
    ("a[mask]", "a[mask]", SAME, 7),
    ("masked_fill", "a.masked_fill(mask, 0.0)", "t.where(mask, t.float32(0), a)", 9),
    ("nonzero", "mask.nonzero()", "t.argwhere(mask)", 9),
    ("tril", "a.tril()", "t.tril(a)", 8),
    ("sort", "a.sort(1)[0]", "t.sort(a, 1)", 8),
    ("topk", "a.topk(5, 1)[0]", None, 4),
]


def cases() -> Iterator[Case]:
    for side in SIDES:
        setup = partial(operands, side)
        for name, statement, numpy, width in ROWS:
            yield Case(name, statement, setup, sized(side**2), numpy=numpy, bytes=width * side**2, shared=True)
