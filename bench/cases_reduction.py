"""reduction: sums, extrema and normalisations, over everything and along either dimension."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from case import SAME, Case
from library import Library

SHAPES = {"1e3": (10, 100), "1e4": (100, 100), "1e5": (100, 1000), "1e6": (1000, 1000), "1e7": (10**4, 1000)}


def operands(rows: int, columns: int, library: Library) -> dict[str, Any]:
    names = {"t": library.t, "a": library.normal(rows, columns)}
    if library.name != "numpy":
        names["layer_norm"] = library.t.nn.functional.layer_norm
        names["weight"], names["bias"] = library.normal(columns), library.normal(columns)
    return names


#   name            statement            NumPy                  bytes per element
ROWS = [
    ("sum", "a.sum()", SAME, 4),
    ("sum dim 0", "a.sum(0)", SAME, 4),
    ("sum dim 1", "a.sum(1)", SAME, 4),
    ("mean", "a.mean()", SAME, 4),
    ("max", "a.max()", SAME, 4),
    ("argmax dim 1", "a.argmax(1)", SAME, 4),
    ("var", "a.var()", "a.var(ddof=1)", 4),
    ("logsumexp", "a.logsumexp(1)", None, 4),
    ("softmax", "a.softmax(1)", None, 8),
    ("log_softmax", "a.log_softmax(1)", None, 8),
    ("layer_norm", "layer_norm(a, bias.shape, weight, bias)", None, 8),
    ("cumsum", "a.cumsum(1)", SAME, 8),
]


def cases() -> Iterator[Case]:
    for size, (rows, columns) in SHAPES.items():
        setup = partial(operands, rows, columns)
        for name, statement, numpy, width in ROWS:
            tolerance = 1e-3 if name in ("sum", "mean") else 1e-4  # these cancel to almost nothing
            yield Case(
                name,
                statement,
                setup,
                size,
                numpy=numpy,
                bytes=width * rows * columns,
                tolerance=tolerance,
                shared=True,
            )
