"""files: saving and loading, of a few large tensors and of many small ones.

Files lie in the page cache, so no case waits for a disk but `save to a file`: there we bring the data to the disk before
the file gets its name, and PyTorch does not. For safetensors PyTorch is measured with the package, or, where that is not
installed, with its own format, mapped as well.
"""

from __future__ import annotations

import importlib
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from case import Case
from library import Library

FOLDER = tempfile.TemporaryDirectory(prefix="bench-files-")
LARGE, SMALL = "89 MB", "1000 tensors"
SHAPES: dict[str, list[tuple[int, ...]]] = {LARGE: [(300, 1000), (300,)] * 74, SMALL: [(3, 10)] * 1000}


def operands(size: str, library: Library) -> dict[str, Any]:
    t = library.t
    state = {f"layer{i}": library.normal(*shape) for i, shape in enumerate(SHAPES[size])}
    path = Path(FOLDER.name) / f"{library.name} {size}.pt"
    t.save(state, path)
    safetensors, load_file = path.with_suffix(".safetensors"), partial(t.load, path, mmap=True)
    if package := package_of(library):
        package.save_file(state, safetensors)
        load_file = partial(package.load_file, safetensors)
    return {"t": t, "state": state, "path": path, "memory": io.BytesIO(), "load_file": load_file}


def package_of(library: Library) -> Any:
    """What reads and writes safetensors."""
    try:
        return importlib.import_module(
            "tensorx.serialization.safetensors" if library.name == "tensorx" else "safetensors.torch"
        )
    except ModuleNotFoundError:
        return None


VALUES = "list(_.values())"
SAVED = "list(t.load(path).values())"

#   name, statement, what to compare
ROWS = [
    ("load", "t.load(path)", VALUES),
    ("load, mapped", "t.load(path, mmap=True)", VALUES),
    ("load safetensors, mapped", "load_file()", VALUES),
    ("save to memory", "memory.seek(0), t.save(state, memory)", SAVED),
    ("save to a file", "t.save(state, path)", SAVED),
]


def cases() -> Iterator[Case]:
    for size, shapes in SHAPES.items():
        setup = partial(operands, size)
        elements = sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes)
        for name, statement, result in ROWS:
            moved = 0 if "mapped" in name else 8 * elements
            yield Case(name, statement, setup, size, result=result, bytes=moved, shared=True)
