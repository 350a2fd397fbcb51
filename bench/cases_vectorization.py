"""vectorization: the same result by a Python loop and by tensor operations. Compare the two lines of a pair."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from case import SAME, Case
from library import Library


def operands(library: Library) -> dict[str, Any]:
    a, b = library.normal(1000), library.normal(1000)
    return {
        "t": library.t,
        "a": a,
        "b": b,
        "p": library.normal(30, 8),
        "q": library.normal(40, 8),
        "numbers": list(zip(a.tolist(), b.tolist())),
    }


#   name                         statement                                                              NumPy
ROWS = [
    ("a * b: loop, numbers", "[x * y for x, y in numbers]", SAME),
    ("a * b: loop, elements", "[a[i] * b[i] for i in range(1000)]", SAME),
    ("a * b: tensors", "a * b", SAME),
    ("dot: loop, numbers", "sum(x * y for x, y in numbers)", SAME),
    ("dot: tensors", "a @ b", SAME),
    ("distances: loop, rows", "[((x - y) ** 2).sum() for x in p for y in q]", SAME),
    (
        "distances: broadcast",
        "((p.unsqueeze(1) - q) ** 2).sum(-1).reshape(-1)",
        "((p[:, None] - q) ** 2).sum(-1).reshape(-1)",
    ),
]


def cases() -> Iterator[Case]:
    for name, statement, numpy in ROWS:
        yield Case(name, statement, operands, numpy=numpy, shared=True)
