"""data: batches made by one worker process that is kept from run to run, small and large, of tensors and of files.

The data sets do next to nothing, so that what is measured is the way of a batch: collation, the message, the memory.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from case import Case
from library import Library


class Rows:
    """Examples out of a tensor, over and over."""

    def __init__(self, rows: Any, count: int) -> None:
        self.rows, self.count = rows, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.rows[index % len(self.rows)], index


def operands(elements: int, batch: int, batches: int, workers: int, library: Library) -> dict[str, Any]:
    data = importlib.import_module(f"{library.name}.utils.data")
    rows = Rows(library.normal(8, elements), batch * batches)
    options = {"num_workers": workers, "persistent_workers": True} if workers else {}
    return {"loader": data.DataLoader(rows, batch, **options)}


#  name                    elements of an example, examples in a batch, batches, workers
ROWS = [
    ("32 x 10 floats", 10, 32, 50, 0),
    ("32 x 10 floats, worker", 10, 32, 50, 1),
    ("256 kB, worker", 2048, 32, 50, 1),
    ("20 MB, worker", 1_250_000, 4, 5, 1),
]


def cases() -> Iterator[Case]:
    for name, elements, batch, batches, workers in ROWS:
        setup: Callable[[Library], dict[str, Any]] = partial(operands, elements, batch, batches, workers)
        moved = 8 * elements * batch * batches
        yield Case(name, "sum(x[-1, -1].item() for x, _ in loader)", setup, f"{batches} batches", bytes=moved)
