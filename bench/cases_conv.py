"""conv: each algorithm of convolutions as LeNet and ResNet have them, and of larger kernels, against PyTorch's choice.

`tx.backends.conv.flags(benchmark=True)` chooses among these. "gx" is the gradient of the input, "gw" of the weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

from case import Case
from cases_nn import convolution_flops
from library import Library

#    name                 input              weight              options
SHAPES = [
    ("lenet 5x5, 1", (64, 1, 28, 28), (6, 1, 5, 5), {"padding": 2}),
    ("lenet 5x5, 6", (64, 6, 14, 14), (16, 6, 5, 5), {}),
    ("resnet 7x7/2", (1, 3, 224, 224), (64, 3, 7, 7), {"padding": 3, "stride": 2}),
    ("resnet 3x3, 56", (2, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
    ("resnet 3x3, 28", (4, 128, 28, 28), (128, 128, 3, 3), {"padding": 1}),
    ("resnet 3x3, 14", (4, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    ("resnet 3x3, 7", (4, 512, 7, 7), (512, 512, 3, 3), {"padding": 1}),
    ("resnet 1x1", (1, 64, 56, 56), (256, 64, 1, 1), {}),
    ("7x7", (2, 64, 28, 28), (64, 64, 7, 7), {"padding": 3}),
    ("11x11", (2, 32, 32, 32), (32, 32, 11, 11), {"padding": 5}),
    ("31x31", (1, 16, 64, 64), (16, 16, 31, 31), {"padding": 15}),
]
ALGORITHMS = ("direct", "implicit_gemm", "winograd_2x2", "winograd_4x4", "fft")


def applies(algorithm: str, weight: tuple[int, ...], options: dict[str, int]) -> bool:
    if algorithm in ("direct", "implicit_gemm"):
        return True
    return options.get("stride", 1) == 1 and (algorithm == "fft" or weight[2:] == (3, 3))


def setup(
    algorithm: str, shape: tuple[int, ...], weight: tuple[int, ...], options: dict[str, int], library: Library
) -> dict[str, Any]:
    t = library.t
    x, w = library.normal(*shape, grad=True), library.normal(*weight, grad=True)
    out = t.nn.functional.conv2d(x, w, **options)
    incoming = library.normal(*out.shape)
    ours = library.name == "tensorx"
    chosen = partial(t.backends.conv.flags, algorithm=algorithm) if ours else nullcontext

    def fwd() -> Any:
        with chosen(), t.no_grad():
            return t.nn.functional.conv2d(x, w, **options)

    def gradient(of: Any) -> Any:
        with chosen():
            return t.autograd.grad(out, of, incoming, retain_graph=True)

    return {"fwd": fwd, "gx": lambda: gradient(x), "gw": lambda: gradient(w)}


def cases() -> Iterator[Case]:
    for name, shape, weight, options in SHAPES:
        flops = convolution_flops(shape, weight, options)
        for direction in ("fwd", "gx", "gw"):
            for algorithm in ALGORITHMS:
                if applies(algorithm, weight, options):
                    made = partial(setup, algorithm, shape, weight, options)
                    yield Case(f"{name} {algorithm}", f"{direction}()", made, direction, flops=flops, tolerance=1e-3)
