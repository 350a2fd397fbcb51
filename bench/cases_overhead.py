"""overhead: twenty kinds of call on ten elements, where the work is nothing and the call is everything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from case import SAME, Case
from library import Library


def operands(library: Library) -> dict[str, Any]:
    t = library.t
    return {
        "t": t,
        "a": library.normal(10),
        "b": library.normal(10),
        "total": library.normal(10),
        "grid": library.normal(2, 5),
        "mask": library.array(np.arange(10) % 2 == 0),
        "one": library.normal(1),
        "p": library.normal(3, 4),
        "q": library.normal(4, 3),
        "values": [float(i) for i in range(10)],
    }


#   name              statement               the same in NumPy
ROWS = [
    ("a + b", "a + b", SAME),
    ("a * 2", "a * 2", SAME),
    ("tanh", "t.tanh(a)", SAME),
    ("a < b", "a < b", SAME),
    ("where", "t.where(mask, a, b)", SAME),
    ("add_", "total.add_(b)", "t.add(total, b, out=total)"),
    ("sum", "a.sum()", SAME),
    ("max", "a.max()", SAME),
    ("softmax", "a.softmax(0)", None),
    ("a[2:5]", "a[2:5]", SAME),
    ("a[3]", "a[3]", SAME),
    ("view", "a.view(2, 5)", "a.reshape(2, 5)"),
    ("transpose", "grid.transpose(0, 1)", "grid.transpose(1, 0)"),
    ("item", "one.item()", SAME),
    ("3x4 @ 4x3", "p @ q", SAME),
    ("cat", "t.cat((a, b))", "t.concatenate((a, b))"),
    ("clone", "a.clone()", "a.copy()"),
    ("zeros", "t.zeros(10)", "t.zeros(10, t.float32)"),
    ("tensor(list)", "t.tensor(values)", "t.array(values, t.float32)"),
    ("to(float64)", "a.to(t.float64)", "a.astype(t.float64)"),
]


def cases() -> Iterator[Case]:
    for name, statement, numpy in ROWS:
        yield Case(name, statement, operands, numpy=numpy)
