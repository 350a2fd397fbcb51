"""nn: convolution, pooling, normalisation, loss and look-up, forward ("fwd") and with gradients ("both")."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from case import Case
from library import Library

Setup = Callable[[Library], dict[str, Any]]


def convolution(
    shape: tuple[int, ...], weight: tuple[int, ...], options: dict[str, int], library: Library
) -> dict[str, Any]:
    function = getattr(library.t.nn.functional, f"conv{len(shape) - 2}d")
    x, w = library.normal(*shape, grad=True), library.normal(*weight, grad=True)
    bias = library.normal(weight[0], grad=True)
    return gradients(library, lambda: function(x, w, bias, **options), [x, w, bias])


def gradients(library: Library, forward: Callable[[], Any], inputs: list[Any]) -> dict[str, Any]:
    """Names for two statements: `fwd()` does not record, `both()` returns the gradients of `inputs`."""
    t = library.t
    with t.no_grad():
        output = forward()
        incoming = library.normal(*output.shape)

    def fwd() -> Any:
        with t.no_grad():
            return forward()

    def both() -> Any:
        return t.autograd.grad(forward(), inputs, incoming)

    return {"fwd": fwd, "both": both}


#    name              input              weight            options
CONVOLUTIONS = [
    ("conv 5x5", (64, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    ("conv 3x3 rgb", (8, 3, 64, 64), (32, 3, 3, 3), {"padding": 1}),
    ("conv 3x3", (16, 32, 32, 32), (64, 32, 3, 3), {"padding": 1}),
    ("conv 3x3 deep", (4, 128, 16, 16), (128, 128, 3, 3), {"padding": 1}),
    ("conv 3x3 stride 2", (16, 32, 32, 32), (64, 32, 3, 3), {"padding": 1, "stride": 2}),
    ("conv 3x3 depthwise", (16, 32, 32, 32), (32, 1, 3, 3), {"padding": 1, "groups": 32}),
    ("conv 1x1", (16, 64, 32, 32), (128, 64, 1, 1), {}),
    ("conv1d", (16, 32, 256), (64, 32, 5), {"padding": 2}),
]


def convolution_flops(shape: tuple[int, ...], weight: tuple[int, ...], options: dict[str, int]) -> int:
    flops = 2 * shape[0]
    for size in weight:
        flops *= size
    for size, kernel in zip(shape[2:], weight[2:], strict=True):
        flops *= (size + 2 * options.get("padding", 0) - kernel) // options.get("stride", 1) + 1
    return flops


def max_pool(library: Library) -> dict[str, Any]:
    x = library.normal(16, 32, 32, 32, grad=True)
    return gradients(library, lambda: library.t.nn.functional.max_pool2d(x, 2), [x])


def avg_pool(library: Library) -> dict[str, Any]:
    x = library.normal(16, 32, 32, 32, grad=True)
    return gradients(library, lambda: library.t.nn.functional.avg_pool2d(x, 2), [x])


def batch_norm(library: Library) -> dict[str, Any]:
    layer = library.t.nn.BatchNorm2d(32)
    x = library.normal(16, 32, 32, 32, grad=True)
    return gradients(library, lambda: layer(x), [x, layer.weight, layer.bias])


def layer_norm(library: Library) -> dict[str, Any]:
    layer = library.t.nn.LayerNorm(512)
    x = library.normal(256, 512, grad=True)
    return gradients(library, lambda: layer(x), [x, layer.weight, layer.bias])


def linear_relu(library: Library) -> dict[str, Any]:
    functional = library.t.nn.functional
    layer = library.fill(library.t.nn.Linear(512, 512))
    x = library.normal(64, 512, grad=True)
    return gradients(library, lambda: functional.relu(layer(x)), [x, layer.weight, layer.bias])


def cross_entropy(library: Library) -> dict[str, Any]:
    x, targets = library.normal(256, 1000, grad=True), library.integers(1000, 256)
    return gradients(library, lambda: library.t.nn.functional.cross_entropy(x, targets), [x])


def embedding(library: Library) -> dict[str, Any]:
    table = library.normal(10000, 64, grad=True)
    rows = library.integers(10000, 32, 64)
    return gradients(library, lambda: library.t.nn.functional.embedding(rows, table), [table])


def dropout(library: Library) -> dict[str, Any]:
    x = library.normal(1000, 1000, grad=True)
    return gradients(library, lambda: library.t.nn.functional.dropout(x, 0.5), [x])


def conv_transpose(library: Library) -> dict[str, Any]:
    x, w = library.normal(16, 32, 16, 16, grad=True), library.normal(32, 16, 4, 4, grad=True)
    function = library.t.nn.functional.conv_transpose2d
    return gradients(library, lambda: function(x, w, stride=2, padding=1), [x, w])


LAYERS: list[tuple[str, Setup]] = [
    ("conv_transpose2d", conv_transpose),
    ("max_pool2d", max_pool),
    ("avg_pool2d", avg_pool),
    ("batch_norm", batch_norm),
    ("layer_norm", layer_norm),
    ("linear + relu", linear_relu),
    ("cross_entropy", cross_entropy),
    ("embedding", embedding),
    ("dropout", dropout),
]


def cases() -> Iterator[Case]:
    for name, shape, weight, options in CONVOLUTIONS:
        setup = partial(convolution, shape, weight, options)
        flops = convolution_flops(shape, weight, options)
        yield Case(name, "fwd()", setup, "fwd", flops=flops, tolerance=1e-3)
        yield Case(name, "both()", setup, "both", flops=3 * flops, tolerance=1e-3)
    for name, layer in LAYERS:
        for size in ("fwd", "both"):
            yield Case(name, f"{size}()", layer, size, compare=name != "dropout", tolerance=1e-3)
