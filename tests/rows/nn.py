"""Rows of convolution, pooling, normalisation, attention and padding. Their reference is torch."""

import numpy as np

from cases import Case
from support import FLOATS, call, t

F = "nn.functional."
# Sums of some dozens of products that cancel, in another order than torch's; half types round the result once more.
SUMS = {"float16": (1e-2, 2e-2), "bfloat16": (6e-2, 1.5e-1), "float32": (3e-5, 3e-5)}
WHY = "sums in another order than torch's"


def layer(name, calls, reference=None, dtypes=FLOATS, **options):
    return Case(F + name, calls, reference, dtypes, tolerance=SUMS, lenient=True, **{"why": WHY, **options})


def _layer_norm(x, shape, weight=1.0, bias=0.0, eps=1e-5):
    dims = tuple(range(x.ndim - len(shape), x.ndim))
    return (x - x.mean(dims, keepdims=True)) / np.sqrt(x.var(dims, keepdims=True) + eps) * weight + bias


def _rms_norm(x, shape, weight=1.0, eps=None):
    dims = tuple(range(x.ndim - len(shape), x.ndim))
    return x / np.sqrt((x * x).mean(dims, keepdims=True) + (eps or 0)) * weight


SINGLE = ("float32", "float64")

ROWS = [
    layer(
        "conv1d",
        [
            call(t(2, 3, 8), t(4, 3, 3), t(4)),
            call(t(2, 4, 8), t(4, 2, 3), None, 2, 1, 2, 2),
            call(t(3, 8), t(2, 3, 2)),
            call(t(1, 2, 5), t(2, 2, 3), padding="same"),
            call(t(0, 2, 5), t(2, 2, 3)),
        ],
        large=call(t(4, 16, 300), t(24, 16, 5), t(24)),
        errors=[
            (call(t(1, 3, 8), t(4, 2, 3)), RuntimeError, "to have 2 channels, but got 3"),
            (call(t(1, 3, 2), t(4, 3, 3)), RuntimeError, "greater than actual input size"),
            (call(t(8), t(4, 3, 3)), RuntimeError, ""),
            (call(t(1, 3, 8), t(4, 3, 3), t(5)), RuntimeError, "expected bias of shape"),
            (call(t(1, 3, 8), t(4, 3, 3), None, 0), RuntimeError, "stride"),
            (call(t(1, 3, 8), t(4, 3, 3), None, 1, -1), RuntimeError, "negative padding"),
        ],
    ),
    layer(
        "conv2d",
        [
            call(t(1, 2, 5, 4), t(2, 2, 3, 3), t(2)),
            call(t(1, 2, 5, 5), t(2, 1, 2, 2), None, (2, 1), (1, 0), 2, 2),
            call(t(2, 5, 5), t(3, 2, 3, 3), padding=1),
            call(t(1, 2, 4, 4), t(3, 2, 1, 1)),
            call(t(2, 2, 9, 9), t(3, 2, 3, 3), t(3)),
        ],
        large=call(t(2, 8, 30, 31), t(16, 8, 3, 3), t(16), 1, 1),
        errors=[
            (call(t(1, 3, 8, 8), t(4, 2, 3, 3)), RuntimeError, "to have 2 channels, but got 3"),
            (call(t(1, 3, 2, 2), t(4, 3, 3, 3)), RuntimeError, "greater than actual input size"),
            (call(t(1, 3, 8, 8), t(4, 3, 3, 3), None, 1, 0, 1, 2), RuntimeError, "groups=2"),
        ],
    ),
    layer(
        "conv_transpose1d",
        [call(t(1, 3, 4), t(3, 2, 3), t(2)), call(t(1, 4, 4), t(4, 2, 3), None, 2, 1, 1, 2)],
        large=call(t(2, 16, 200), t(16, 8, 4), t(8), 2),
    ),
    layer(
        "conv_transpose2d",
        [call(t(1, 2, 3, 3), t(2, 2, 3, 2), t(2)), call(t(1, 2, 3, 3), t(2, 1, 2, 2), None, 2, 1, 1, 2)],
        large=call(t(2, 8, 20, 20), t(8, 6, 3, 3), t(6), 2),
    ),
    layer(
        "max_pool1d",
        [call(t(2, 3, 8), 2), call(t(3, 7), 3, 2, 1)],
        large=call(t(20, 30, 200), 2),
        errors=[(call(t(1, 2, 8), 0), RuntimeError, "kernel size"), (call(t(1, 2, 8), 2, 1, 2), RuntimeError, "pad")],
    ),
    layer(
        "max_pool2d",
        [
            call(t(1, 2, 4, 6), 2),
            call(t(2, 5, 5), (3, 2), (2, 1), 1),
            call(t(1, 1, 7, 7), 2, 2, 0, 2),
            call(t(1, 1, 5, 5), 2, ceil_mode=True),
        ],
        large=call(t(5, 9, 60, 60), 3, 2, 1),
        errors=[
            (call(t(1, 2, 8, 8), 0), RuntimeError, ""),
            (call(t(1, 2, 8, 8), 2, 1, 2), RuntimeError, ""),
            (call(t(1, 2, 2, 2), 5), RuntimeError, ""),
        ],
    ),
    layer("avg_pool1d", [call(t(2, 3, 8), 2), call(t(3, 7), 3, 2, 1)], large=call(t(20, 30, 200), 2)),
    layer(
        "avg_pool2d",
        [
            call(t(1, 2, 4, 6), 2),
            call(t(2, 5, 5), (3, 2), (2, 1), 1),
            call(t(1, 1, 5, 5), 3, 2, 1, count_include_pad=False),
            call(t(1, 1, 5, 5), 2, ceil_mode=True),
        ],
        large=call(t(5, 9, 60, 60), 3, 2, 1),
    ),
    layer("adaptive_avg_pool1d", [call(t(2, 3, 8), 3)], large=call(t(20, 30, 200), 7)),
    layer(
        "adaptive_avg_pool2d",
        [call(t(1, 2, 5, 6), (3, 2)), call(t(1, 2, 5, 6), 1), call(t(1, 2, 5, 6), (None, 2))],
        large=call(t(5, 9, 60, 60), 7),
    ),
    layer(
        "layer_norm",
        [call(t(3, 4), (4,)), call(t(3, 4), (4,), t(4), t(4)), call(t(2, 3, 4), (3, 4)), call(t(0, 4), (4,))],
        _layer_norm,
        large=call(t(300, 433), (433,), t(433), t(433)),
        errors=[(call(t(3, 4), (5,)), RuntimeError, ""), (call(t(3, 4), (4,), t(3)), RuntimeError, "")],
    ),
    layer(
        "rms_norm",
        [call(t(3, 4), (4,)), call(t(3, 4), (4,), t(4), 1e-5)],
        None,
        large=call(t(300, 433), (433,), t(433)),
    ),
    layer(
        "group_norm",
        [call(t(2, 4, 3), 2), call(t(2, 4, 3), 2, t(4), t(4))],
        large=call(t(20, 32, 100), 4, t(32), t(32)),
        errors=[(call(t(2, 4, 3), 3), RuntimeError, "")],
    ),
    layer("instance_norm", [call(t(2, 3, 4)), call(t(2, 3, 4), weight=t(3), bias=t(3))], large=call(t(20, 32, 100))),
    layer(
        "batch_norm",
        [
            call(t(4, 3), t(3), t(3, low=0.5)),
            call(t(2, 3, 4), t(3), t(3, low=0.5), t(3), t(3)),
            call(t(2, 3, 4), None, None, t(3), t(3), True),
        ],
        large=call(t(20, 32, 100), None, None, t(32), t(32), True),
        errors=[(call(t(1, 3), None, None, None, None, True), ValueError, "more than 1 value per channel")],
        gradient=False,
    ),
    layer(
        "pad",
        [
            call(t(2, 3), (1, 2)),
            call(t(2, 3), (1, 0, -1, 2), value=3.0),
            call(t(1, 2, 4), (2, 1), "reflect"),
            call(t(1, 2, 4), (2, 1), "replicate"),
            call(t(1, 2, 4), (2, 1), "circular"),
        ],
        large=call(t(300, 433), (3, 5, 7, 2)),
        errors=[(call(t(2, 3), (1,)), RuntimeError, ""), (call(t(2, 3), (-2, -2)), RuntimeError, "")],
    ),
    layer("normalize", [call(t(3, 4)), call(t(3, 4), 1.0, 0)], large=call(t(300, 433))),
    layer(
        "cosine_similarity",
        [call(t(3, 4), t(3, 4)), call(t(3, 4), t(4), 1)],
        large=call(t(300, 433), t(300, 433)),
        second=False,
    ),
    layer(
        "pairwise_distance", [call(t(3, 4), t(3, 4)), call(t(3, 4), t(3, 4), 1.0)], large=call(t(300, 433), t(300, 433))
    ),
    layer("bilinear", [call(t(2, 3), t(2, 4), t(5, 3, 4), t(5))], large=call(t(70, 30), t(70, 40), t(50, 30, 40))),
    layer(
        "scaled_dot_product_attention",
        [
            call(t(2, 3, 4), t(2, 5, 4), t(2, 5, 4)),
            call(t(2, 3, 4), t(2, 3, 4), t(2, 3, 4), is_causal=True),
            call(t(1, 2, 3, 4), t(1, 2, 5, 4), t(1, 2, 5, 4), t(3, 5)),
        ],
        large=call(t(2, 3, 70, 20), t(2, 3, 90, 20), t(2, 3, 90, 20)),
    ),
]
