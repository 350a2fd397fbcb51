"""quantization: layers of integers ("int8") beside the same layers of floats ("float32"), and a float Linear with int8 weights.

PyTorch runs its quantized layers where an engine of its own supports this processor.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from case import Case
from library import Library

#    name              layer     arguments               input
LAYERS: list[tuple[str, str, tuple[Any, ...], tuple[int, ...]]] = [
    ("linear 512", "Linear", (512, 512), (256, 512)),
    ("linear 1024, one row", "Linear", (1024, 1024), (1, 1024)),
    ("conv 3x3", "Conv2d", (32, 64, 3, 1, 1), (16, 32, 32, 32)),
    ("conv 3x3 deep", "Conv2d", (128, 128, 3, 1, 1), (4, 128, 16, 16)),
    ("conv 1x1", "Conv2d", (64, 128, 1), (16, 64, 32, 32)),
]


def without_gradients(library: Library, run: Callable[[], Any]) -> Callable[[], Any]:
    def call() -> Any:
        with library.t.no_grad():
            return run()

    return call


def operands(layer: str, arguments: tuple[Any, ...], shape: tuple[int, ...], library: Library) -> dict[str, Any]:
    t = library.t
    quantization = importlib.import_module(f"{t.__name__}.ao.quantization")
    module = library.fill(getattr(t.nn, layer)(*arguments)).eval()
    x = library.normal(*shape)
    model = quantization.QuantWrapper(module).eval()
    model.qconfig = quantization.get_default_qconfig("x86")
    model = quantization.prepare(model)
    model(x)
    converted = quantization.convert(model)
    q = converted.quant(x)
    return {
        "float32": without_gradients(library, lambda: module(x)),
        "int8": without_gradients(library, lambda: converted.module(q)),
    }


def dynamic(library: Library) -> dict[str, Any]:
    quantization = importlib.import_module(f"{library.t.__name__}.ao.quantization")
    model = library.t.nn.Sequential(library.fill(library.t.nn.Linear(512, 512)))
    converted, x = quantization.quantize_dynamic(model), library.normal(256, 512)
    return {"dynamic": without_gradients(library, lambda: converted(x))}


def work(layer: str, arguments: tuple[Any, ...], shape: tuple[int, ...]) -> float:
    per_pixel = arguments[0] * arguments[1] * (arguments[2] ** 2 if layer == "Conv2d" else 1)
    return 2.0 * per_pixel * shape[0] * (shape[2] * shape[3] if layer == "Conv2d" else 1)


def cases() -> Iterator[Case]:
    for name, layer, arguments, shape in LAYERS:
        setup, flops = partial(operands, layer, arguments, shape), work(layer, arguments, shape)
        yield Case(name, "float32()", setup, "float32", flops=flops, tolerance=1e-3)
        # PyTorch and tensorx search ranges and round in slightly different ways.
        yield Case(name, "int8()", setup, "int8", result="_.dequantize()", flops=flops, tolerance=0.05, float32=False)
    yield Case(
        "linear 512", "dynamic()", dynamic, "dynamic", flops=2.0 * 256 * 512 * 512, tolerance=0.05, float32=False
    )
