"""elementwise: one pass over memory, from what fits in a first-level cache to far more than any cache."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from case import SAME, Case, sized
from library import Library

SIZES = (10**3, 10**4, 10**5, 10**6, 10**7)


def operands(n: int, library: Library) -> dict[str, Any]:
    columns = min(1000, n // 10)
    a, b = library.normal(n), library.normal(n)
    names = {
        "t": library.t,
        "a": a,
        "b": b,
        "positive": abs(b) + 0.5,
        "mask": b > 0,
        "i": library.integers(1000, n, dtype="int32"),
        "j": library.integers(1000, n, dtype="int32"),
        "grid": a.reshape(-1, columns),
        "bias": library.normal(columns),
        "every_second": library.normal(2 * n).reshape(-1, 2)[:, 0],
    }
    if library.name != "numpy":
        names["gelu"] = library.t.nn.functional.gelu
        names["c"] = a.to(library.t.bfloat16)
        names["d"] = b.to(library.t.bfloat16)
    return names


#   name            statement               NumPy                    bytes per element
ROWS = [
    ("add", "a + b", SAME, 12),
    ("mul", "a * b", SAME, 12),
    ("div", "a / positive", SAME, 12),
    ("exp", "t.exp(a)", SAME, 8),
    ("log", "t.log(positive)", SAME, 8),
    ("tanh", "t.tanh(a)", SAME, 8),
    ("sigmoid", "t.sigmoid(a)", "1 / (1 + t.exp(-a))", 8),
    ("gelu", "gelu(a)", None, 8),
    ("relu", "t.relu(a)", "t.maximum(a, 0)", 8),
    ("a < b", "a < b", SAME, 9),
    ("where", "t.where(mask, a, b)", SAME, 13),
    ("add bias", "grid + bias", SAME, 8),
    ("add strided", "every_second + a", SAME, 12),
    ("add int32", "i + j", SAME, 12),
    ("add bfloat16", "c + d", None, 6),
    ("to float64", "a.to(t.float64)", "a.astype(t.float64)", 12),
]


def cases() -> Iterator[Case]:
    for n in SIZES:
        setup = partial(operands, n)
        for name, statement, numpy, width in ROWS:
            tolerance = 1e-2 if "bfloat16" in name else 1e-4
            yield Case(
                name,
                statement,
                setup,
                sized(n),
                numpy=numpy,
                bytes=width * n,
                tolerance=tolerance,
                shared=True,
            )
