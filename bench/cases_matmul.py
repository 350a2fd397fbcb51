"""matmul: square, thin, batched and transposed products, and the shapes of linear layers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from math import prod
from typing import Any

from case import SAME, Case
from library import Library

Shape = tuple[int, ...]


def product(a: Shape, b: Shape, dtype: str, library: Library) -> dict[str, Any]:
    return {"a": library.normal(*a, dtype=dtype), "b": library.normal(*b, dtype=dtype)}


def linear(batch: int, inputs: int, outputs: int, library: Library) -> dict[str, Any]:
    return {
        "linear": library.t.nn.functional.linear,
        "x": library.normal(batch, inputs),
        "weight": library.normal(outputs, inputs),
        "bias": library.normal(outputs),
    }


#   name             a                b                dtype
SHAPES = [
    ("a @ b", (64, 64), (64, 64), "float32"),
    ("a @ b", (128, 128), (128, 128), "float32"),
    ("a @ b", (256, 256), (256, 256), "float32"),
    ("a @ b", (512, 512), (512, 512), "float32"),
    ("a @ b", (1024, 1024), (1024, 1024), "float32"),
    ("a @ b", (2048, 2048), (2048, 2048), "float32"),
    ("float64", (256, 256), (256, 256), "float64"),
    ("float64", (1024, 1024), (1024, 1024), "float64"),
    ("bfloat16", (256, 256), (256, 256), "bfloat16"),
    ("bfloat16", (1024, 1024), (1024, 1024), "bfloat16"),
    ("matrix @ vector", (1024, 1024), (1024,), "float32"),
    ("matrix @ vector", (4096, 4096), (4096,), "float32"),
    ("rank 16", (1024, 16), (16, 1024), "float32"),
    ("batched", (64, 32, 32), (64, 32, 32), "float32"),
    ("batched", (16, 128, 128), (16, 128, 128), "float32"),
]

LINEAR = [(1, 784, 256), (64, 784, 256), (64, 128, 128), (256, 768, 3072)]


def cases() -> Iterator[Case]:
    for name, a, b, dtype in SHAPES:
        size = "x".join(map(str, a)) if name in ("batched", "rank 16") else str(a[0])
        flops = 2 * prod(a) * (b[-1] if len(b) > 1 else 1)
        numpy = None if dtype == "bfloat16" else SAME
        tolerance = 2e-2 if dtype == "bfloat16" else 1e-4
        setup = partial(product, a, b, dtype)
        single = dtype == "float32"
        yield Case(name, "a @ b", setup, size, numpy=numpy, tolerance=tolerance, flops=flops, float32=single)
    setup = partial(product, (512, 512), (512, 512), "float32")
    yield Case("a.T @ b", "a.T @ b", setup, "512", numpy=SAME, flops=2 * 512**3)
    yield Case("a @ b.T", "a @ b.T", setup, "512", numpy=SAME, flops=2 * 512**3)
    for batch, inputs, outputs in LINEAR:
        yield Case(
            "linear",
            "linear(x, weight, bias)",
            partial(linear, batch, inputs, outputs),
            f"{batch}x{inputs}-{outputs}",
            numpy=None,
            flops=2 * batch * inputs * outputs,
        )
