"""optim: one step of each optimiser on a single large parameter and on fifty small ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from case import Case
from library import Library

#   name                 class   options                                 arrays read and written
OPTIMISERS: list[tuple[str, str, dict[str, float], int]] = [
    ("SGD", "SGD", {"lr": 1e-4}, 3),
    ("SGD momentum", "SGD", {"lr": 1e-4, "momentum": 0.9}, 5),
    ("Adam", "Adam", {"lr": 1e-4}, 7),
    ("AdamW", "AdamW", {"lr": 1e-4}, 7),
]

PARAMETERS = {"1 of 1e6": [(1000, 1000)], "50 of 4096": [(64, 64)] * 50}


def optimiser(
    kind: str, options: dict[str, float], shapes: Sequence[tuple[int, ...]], library: Library
) -> dict[str, Any]:
    parameters = [library.normal(*shape, grad=True) for shape in shapes]
    for parameter in parameters:
        parameter.grad = library.normal(*parameter.shape)
    step = getattr(library.t.optim, kind)(parameters, **options).step
    return {"step": step, "parameters": parameters}


def cases() -> Iterator[Case]:
    for name, kind, options, arrays in OPTIMISERS:
        for size, shapes in PARAMETERS.items():
            elements = sum(rows * columns for rows, columns in shapes)
            setup = partial(optimiser, kind, options, shapes)
            yield Case(name, "step()", setup, size, result="parameters", bytes=4 * arrays * elements)
