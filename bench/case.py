"""One row of the benchmark: a statement, its operands, and what it moves and computes.

A statement is Python source and is run as it stands by every library: `t` is the library itself (tensorx,
torch or numpy) and the other names come from `setup(library)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from library import Library

SAME = "same statement"  # for `numpy`: NumPy runs the statement as it is


@dataclass(frozen=True)
class Case:
    name: str
    statement: str
    setup: Callable[[Library], dict[str, Any]]
    size: str = ""  # one picture row per name, one dot per size
    numpy: str | None = None  # NumPy's way to write it; None: NumPy does not have it
    result: str = "_"  # what to compare after one run; `_` is the statement's own value
    compare: bool = True  # False for random results
    tolerance: float = 1e-4  # largest difference allowed, relative to the largest value
    shared: bool = False  # changes no operand: neighbours with the same setup object reuse what it made
    bytes: float = 0  # read and written, each operand once
    flops: float = 0
    float32: bool = True  # whether the float32 ceiling applies to `flops`

    @property
    def label(self) -> str:
        return f"{self.name} {self.size}".strip()

    def source(self, library: str) -> str | None:
        """The statement for `library`, or None where the library does not have the operation."""
        if library != "numpy" or self.numpy == SAME:
            return self.statement
        return self.numpy


def sized(n: int) -> str:
    """`sized(1000)` is "1e3"."""
    exponent = len(str(n)) - 1
    return f"1e{exponent}" if n == 10**exponent else str(n)
