"""Rows of nn.functional beyond those of nn.py: three dimensions, resizing, sampling, adaptive and inverse pooling, blocks,
bags, sequences. Their reference is torch.
"""

import numpy as np

import tensorx as tx
from support import call, index, t

from .nn import layer

F = tx.nn.functional


def _positions(values, high):
    return t(*np.shape(values), values=tuple(np.ravel(values).tolist()), dtype="int64", high=high)


IMAGE, VOLUME = t(1, 2, 3, 4), t(1, 1, 2, 3, 4)
GRID = t(1, 2, 3, 2, low=-1.4, high=1.4)
EMPTY_BAG = t(3, values=(0, 2, 2), dtype="int64")
LOG_PROBS = t(5, 2, 3, low=-3, high=-0.1)
LABELS = t(2, 2, values=(1, 2, 2, 2), dtype="int64")


def interpolations():
    for mode, x, size in (("linear", t(1, 2, 5), 8), ("bilinear", IMAGE, (5, 3)), ("bicubic", IMAGE, (5, 3))):
        for align in (False, True):
            yield call(x, size, mode=mode, align_corners=align)
        yield call(x, scale_factor=1.7, mode=mode)
    for mode in ("bilinear", "bicubic"):
        yield call(t(1, 1, 7, 8), (3, 11), mode=mode, antialias=True)
    yield call(VOLUME, (3, 2, 5), mode="trilinear")
    yield call(VOLUME, (3, 2, 5), mode="trilinear", align_corners=True)
    for mode in ("nearest", "nearest-exact", "area"):
        for x in (t(1, 2, 5), IMAGE, VOLUME):
            yield call(x, scale_factor=1.6, mode=mode)
    yield call(IMAGE, (3, 4), mode="bilinear")
    yield call(IMAGE, scale_factor=(2.3, 0.5), mode="bilinear", recompute_scale_factor=True)
    yield call(t(0, 2, 3, 4), 2, mode="bilinear")


def samples():
    for mode in ("bilinear", "nearest", "bicubic"):
        for padding in ("zeros", "border", "reflection"):
            for align in (False, True):
                yield call(IMAGE, GRID, mode, padding, align)
    for mode in ("bilinear", "nearest"):
        for padding in ("zeros", "border", "reflection"):
            yield call(VOLUME, t(1, 2, 2, 1, 3, low=-1.6, high=1.6), mode, padding, False)
    yield call(t(2, 3, 4, 5), t(2, 3, 2, 2, low=-3, high=3), "bilinear", "reflection", True)
    yield call(t(0, 3, 4, 5), t(0, 3, 2, 2), align_corners=False)


def ctc(log_probs, *arguments, **options):
    """ctc_loss of log-probabilities, for which alone torch's gradient is that of the function."""
    if isinstance(log_probs, tx.Tensor):
        library = F
    else:
        import torch

        library = torch.nn.functional
    return library.ctc_loss(log_probs.log_softmax(-1), *arguments, **options)


ROWS = [
    layer(
        "conv3d",
        [
            call(t(1, 1, 3, 3, 3), t(2, 1, 2, 2, 2), t(2)),
            call(t(1, 2, 4, 3, 2), t(2, 1, 2, 1, 1), None, (2, 1, 1), (1, 0, 1), (2, 1, 1), 2),
            call(t(1, 3, 3, 3), t(2, 1, 2, 1, 2), padding="same"),
            call(t(0, 1, 3, 3, 3), t(2, 1, 2, 2, 2)),
        ],
        large=call(t(2, 6, 7, 20, 21), t(8, 6, 3, 3, 3), t(8), 1, 1),
        errors=[
            (call(t(1, 3, 4, 4, 4), t(4, 2, 3, 3, 3)), RuntimeError, "to have 2 channels, but got 3"),
            (call(t(1, 3, 2, 4, 4), t(4, 3, 3, 3, 3)), RuntimeError, "greater than actual input size"),
            (call(t(1, 3, 4, 2, 4), t(4, 3, 3, 3, 3)), RuntimeError, "greater than actual input size"),
            (call(t(3, 4, 4), t(4, 3, 3, 3, 3)), RuntimeError, "conv3d"),
            (call(t(1, 3, 4, 4, 4), t(4, 3, 3, 3, 3), None, 0), RuntimeError, "stride"),
            (call(t(1, 3, 4, 4, 4), t(4, 3, 3, 3, 3), None, 1, -1), RuntimeError, "padding"),
        ],
    ),
    layer(
        "conv_transpose3d",
        [
            call(t(1, 1, 2, 2, 2), t(1, 2, 2, 2, 1), t(2)),
            call(t(1, 2, 2, 3, 2), t(2, 1, 2, 1, 1), None, 2, (1, 0, 0), 1, 2),
            call(t(1, 2, 2, 2), t(1, 1, 2, 2, 2), None, 1, 1, 1, 1, 2),
        ],
        large=call(t(2, 6, 5, 12, 11), t(6, 5, 3, 2, 3), t(5), 2),
        errors=[(call(t(1, 3, 4, 4, 4), t(4, 2, 3, 3, 3)), RuntimeError, "to have 4 channels, but got 3")],
    ),
    layer(
        "max_pool3d",
        [
            call(t(1, 2, 4, 3, 2), 2),
            call(t(2, 5, 3, 4), (3, 2, 2), (2, 1, 2), 1, return_indices=True),
            call(t(1, 1, 5, 4, 5), 2, 2, 0, (2, 1, 1), True, True),
        ],
        large=call(t(2, 3, 20, 30, 31), 3, 2, 1),
        errors=[
            (call(t(1, 2, 4, 4, 4), 0), RuntimeError, "max_pool3d"),
            (call(t(1, 2, 4, 4, 4), 2, 1, 2), RuntimeError, "pad"),
            (call(t(4, 4, 4), 2), RuntimeError, "max_pool3d"),
        ],
    ),
    layer(
        "avg_pool3d",
        [
            call(t(1, 2, 4, 3, 2), 2),
            call(t(2, 5, 3, 4), (3, 2, 2), (2, 1, 2), 1, count_include_pad=False),
            call(t(1, 1, 5, 4, 5), 2, 2, 1, True),
            call(t(1, 1, 4, 4, 4), 2, divisor_override=3),
        ],
        large=call(t(2, 3, 20, 30, 31), 3, 2, 1),
        errors=[(call(t(1, 2, 4, 4, 4), 2, divisor_override=0), RuntimeError, "divisor")],
    ),
    layer(
        "lp_pool1d",
        [call(t(2, 3, 8, low=0.2), 2, 2), call(t(3, 7, low=0.2), 3, 3, 2, True)],
        large=call(t(20, 30, 200), 2, 2),
    ),
    layer("lp_pool2d", [call(t(1, 2, 4, 6, low=0.2), 2, 2)], large=call(t(5, 9, 60, 60), 2, 3)),
    layer("lp_pool3d", [call(t(1, 2, 4, 3, 2, low=0.2), 2, 2)], large=call(t(2, 3, 20, 30, 31), 2, 3)),
    layer(
        "adaptive_avg_pool3d",
        [
            call(t(1, 2, 4, 3, 2), (2, 1, 2)),
            call(t(2, 5, 3, 4), (3, None, 2)),
            call(t(1, 2, 3, 3, 3), 1),
            call(t(1, 1, 2, 3, 2), (3, 5, 2)),
        ],
        large=call(t(2, 3, 20, 30, 31), 7),
        errors=[(call(t(2, 3), 2), RuntimeError, "adaptive_avg_pool3d")],
    ),
    layer(
        "adaptive_max_pool1d",
        [call(t(2, 3, 8), 3), call(t(3, 7), 2, True), call(t(3, 8), 4, True)],
        large=call(t(20, 30, 200), 7),
        errors=[(call(t(3), 2), RuntimeError, "adaptive_max_pool1d")],
    ),
    layer(
        "adaptive_max_pool2d",
        [call(t(1, 2, 5, 6), (3, 2)), call(t(2, 5, 6), (None, 4), True), call(t(1, 1, 3, 2), 5, True)],
        large=call(t(5, 9, 60, 60), 7),
    ),
    layer(
        "adaptive_max_pool3d",
        [call(t(1, 2, 4, 3, 2), 2), call(t(2, 5, 3, 4), (3, None, 2), True)],
        large=call(t(2, 3, 20, 30, 31), 7),
    ),
    layer(
        "max_unpool1d",
        [
            call(t(1, 2, 2), _positions([[[1, 2], [0, 3]]], 4), 2),
            call(t(2, 2), _positions([[1, 2], [0, 3]], 4), 2, output_size=(5,)),
        ],
        large=call(t(20, 30, 100), index(20, 30, 100, high=1), 2),
        errors=[
            (call(t(1, 2, 2), _positions([[[1, 2], [0, 9]]], 9), 2), (RuntimeError, IndexError), ""),
            (call(t(1, 2, 2), _positions([[[1, 2]]], 4), 2), RuntimeError, "same"),
            (call(t(1, 2, 2), _positions([[[1, 2], [0, 3]]], 4), 2, output_size=(9,)), ValueError, "must be between"),
        ],
    ),
    layer(
        "max_unpool2d",
        [
            call(t(1, 1, 1, 2), _positions([[[[5, 2]]]], 8), 2),
            call(t(1, 1, 2), _positions([[[5, 2]]], 8), 2, 2, 0, (2, 5)),
        ],
        large=call(t(5, 9, 30, 30), index(5, 9, 30, 30, high=1), 2),
    ),
    layer(
        "max_unpool3d",
        [call(t(1, 1, 1, 1, 2), _positions([[[[[5, 10]]]]], 16), 2)],
        large=call(t(2, 3, 9, 10, 11), index(2, 3, 9, 10, 11, high=1), 2),
    ),
    layer(
        "fractional_max_pool2d",
        [
            call(t(1, 2, 5, 6), 2, (3, 4), None, True, t(1, 2, 2, low=0.0, high=1.0)),
            call(t(2, 6, 6), (2, 1), None, (0.5, 0.7), True, t(1, 2, 2, low=0.0, high=1.0)),
        ],
        dtypes=("float32", "float64"),
        large=call(t(5, 9, 60, 60), 2, 31, None, False, t(5, 9, 2, low=0.0, high=1.0)),
        errors=[
            (call(t(1, 2, 5, 6), 2), ValueError, "output_size or an output_ratio"),
            (call(t(1, 2, 5, 6), 4, 4), RuntimeError, "too large"),
        ],
        gradient=False,
    ),
    layer(
        "fractional_max_pool3d",
        [call(t(1, 2, 4, 5, 4), 2, (2, 3, 2), None, True, t(1, 2, 3, low=0.0, high=1.0))],
        dtypes=("float32", "float64"),
        large=call(t(2, 3, 20, 30, 31), 2, 9, None, False, t(2, 3, 3, low=0.0, high=1.0)),
        gradient=False,
    ),
    layer(
        "interpolate",
        list(interpolations()),
        large=call(t(2, 3, 60, 70), (101, 90), mode="bicubic"),
        errors=[
            (call(IMAGE), ValueError, "either size or scale_factor"),
            (call(IMAGE, 3, 2.0), ValueError, "only one of size or scale_factor"),
            (call(IMAGE, (3, 3, 3)), ValueError, "same number of spatial dimensions"),
            (call(IMAGE, 3, mode="linear"), NotImplementedError, "needs 3D input"),
            (call(IMAGE, 3, mode="cubic"), NotImplementedError, "mode="),
            (call(IMAGE, 3, align_corners=True), ValueError, "align_corners"),
            (call(IMAGE, 0), RuntimeError, "greater than 0"),
            (call(t(2, 3), 3), NotImplementedError, "2D"),
            (call(t(1, 2, 5), 3, mode="linear", antialias=True), ValueError, "Anti-alias"),
        ],
    ),
    layer("upsample", [call(IMAGE, 5), call(IMAGE, None, 2, "bilinear", True)], large=call(t(2, 3, 60, 70), 99)),
    layer("upsample_nearest", [call(IMAGE, 5)], large=call(t(2, 3, 60, 70), 99)),
    layer("upsample_bilinear", [call(IMAGE, 5)], large=call(t(2, 3, 60, 70), 99)),
    layer(
        "grid_sample",
        list(samples()),
        large=call(t(2, 3, 40, 50), t(2, 60, 61, 2, low=-1.2, high=1.2), "bilinear", "zeros", False),
        errors=[
            (call(IMAGE, GRID, "cubic"), ValueError, "mode"),
            (call(IMAGE, GRID, "bilinear", "wrap"), ValueError, "padding_mode"),
            (call(IMAGE, t(2, 2, 3, 2), align_corners=True), RuntimeError, "same batch size"),
            (call(IMAGE, t(1, 2, 3, 3), align_corners=True), RuntimeError, "last dimension"),
            (call(VOLUME, t(1, 2, 2, 2, 3), "bicubic", align_corners=True), RuntimeError, "4D"),
            (call(t(2, 3), GRID, align_corners=True), RuntimeError, "4D or 5D"),
        ],
    ),
    layer(
        "affine_grid",
        [
            call(t(2, 2, 3), (2, 1, 3, 2), False),
            call(t(1, 2, 3), (1, 1, 1, 4), True),
            call(t(1, 3, 4), (1, 2, 2, 3, 2), False),
        ],
        large=call(t(2, 2, 3), (2, 1, 150, 160), False),
        errors=[
            (call(t(2, 3, 3), (2, 1, 3, 2), False), ValueError, "affine matrices"),
            (call(t(2, 2, 3), (2, 1, 3), False), NotImplementedError, "4D and 5D"),
        ],
    ),
    layer(
        "pixel_shuffle",
        [call(t(2, 8, 2, 3), 2), call(t(9, 1, 2), 3)],
        large=call(t(4, 16, 40, 41), 4),
        errors=[
            (call(t(1, 3, 2, 2), 2), RuntimeError, "divisible"),
            (call(t(4, 2), 2), RuntimeError, "3 dimensions"),
            (call(t(1, 4, 2, 2), 0), RuntimeError, "positive"),
        ],
    ),
    layer(
        "pixel_unshuffle",
        [call(t(2, 2, 4, 6), 2), call(t(1, 3, 6), 3)],
        large=call(t(4, 4, 80, 84), 4),
        errors=[(call(t(1, 3, 3, 2), 2), RuntimeError, "divisible")],
    ),
    layer(
        "channel_shuffle",
        [call(t(2, 6, 3), 2), call(t(1, 6, 2, 2), 3)],
        large=call(t(4, 16, 40, 41), 4),
        errors=[(call(t(1, 3, 2), 2), RuntimeError, "divisible")],
    ),
    layer(
        "unfold",
        [call(t(1, 2, 4, 5), 2), call(t(2, 5, 5), (2, 3), (2, 1), 1, (2, 1))],
        large=call(t(4, 8, 40, 41), 3, 1, 1),
        errors=[
            (call(t(1, 2, 2, 5), 3), RuntimeError, "sliding blocks"),
            (call(t(1, 2, 4, 5), 0), RuntimeError, "kernel_size"),
        ],
    ),
    layer(
        "fold",
        [call(t(1, 8, 12), (4, 5), 2), call(t(12, 6), (4, 4), (3, 2))],
        large=call(t(4, 72, 1640), (40, 41), 3, 1, 1),
        errors=[
            (call(t(1, 8, 11), (4, 5), 2), RuntimeError, "sliding blocks"),
            (call(t(1, 7, 12), (4, 5), 2), RuntimeError, "divisible"),
            (call(t(8), (4, 5), 2), RuntimeError, "2D or 3D"),
        ],
    ),
    layer(
        "local_response_norm",
        [call(t(2, 4, 3), 2), call(t(1, 3, 2, 2), 3, 0.5, 0.6, 2.0)],
        large=call(t(4, 16, 40, 41), 5),
        errors=[(call(t(2, 3), 2), ValueError, "3D")],
    ),
    layer(
        "embedding_bag",
        [
            call(index(2, 3, high=5), t(5, 4), mode="sum"),
            call(index(2, 3, high=5), t(5, 4)),
            call(index(2, 3, high=5), t(5, 4), mode="max"),
            call(index(6, high=5), t(5, 4), EMPTY_BAG),
            call(index(6, high=5), t(5, 4), EMPTY_BAG, mode="max"),
            call(index(6, high=5), t(5, 4), EMPTY_BAG, mode="sum", per_sample_weights=t(6)),
            call(index(2, high=5), t(5, 4), EMPTY_BAG, mode="sum", include_last_offset=True),
            call(index(2, 3, high=3), t(3, 4), padding_idx=1),
            call(index(2, 3, high=3), t(3, 4), mode="max", padding_idx=-1),
        ],
        large=call(index(400, 30, high=50), t(50, 40)),
        errors=[
            (call(index(2, 3, high=5), t(5, 4), mode="product"), ValueError, "mode"),
            (call(index(6, high=5), t(5, 4)), ValueError, "offsets"),
            (call(index(6, high=5), t(5, 4), t(2, values=(1, 2), dtype="int64")), RuntimeError, "offsets"),
            (call(index(2, 3, high=5), t(5, 4), per_sample_weights=t(2, 3)), NotImplementedError, "per_sample_weights"),
        ],
    ),
    layer(
        "ctc_loss",
        [call(LOG_PROBS, LABELS, (5, 4), (2, 1), reduction=reduction) for reduction in ("mean", "sum", "none")]
        + [
            call(t(5, 3, low=-3, high=-0.1), t(2, values=(1, 0), dtype="int64"), (5,), (2,), blank=2),
            call(LOG_PROBS, t(3, values=(1, 2, 2), dtype="int64"), (5, 4), (1, 2), reduction="none"),
            call(LOG_PROBS, LABELS, (5, 2), (2, 2), reduction="none", zero_infinity=True),
            call(LOG_PROBS, LABELS, (5, 3), (0, 2), reduction="none"),
        ],
        function=ctc,
        dtypes=("float32", "float64"),
        second=False,
        large=call(t(60, 20, 9), t(20, 12, low=1, high=9, dtype="int64"), (60,) * 20, (12,) * 20),
        errors=[
            (call(LOG_PROBS, LABELS, (6, 4), (2, 1)), RuntimeError, "input_lengths"),
            (call(LOG_PROBS, LABELS, (5, 4), (2, 1), blank=3), RuntimeError, "blank"),
            (call(LOG_PROBS, LABELS, (5,), (2, 1)), RuntimeError, "input_lengths"),
            (call(LOG_PROBS, LABELS, (5, 4), (3, 1)), RuntimeError, "targets"),
        ],
    ),
    layer(
        "multilabel_margin_loss",
        [
            call(t(2, 4), t(2, 4, values=(3, 0, -1, 1, 2, -1, 0, 0), dtype="int64"), reduction=reduction)
            for reduction in ("mean", "sum", "none")
        ],
        large=call(t(300, 40), index(300, 40, high=40, low=-1)),
        errors=[(call(t(2, 4), index(2, 3, high=4)), RuntimeError, "same shape")],
    ),
    layer(
        "triplet_margin_with_distance_loss",
        [call(t(3, 4), t(3, 4), t(3, 4)), call(t(3, 4), t(3, 4), t(3, 4), margin=2.0, swap=True, reduction="none")],
        large=call(t(300, 433), t(300, 433), t(300, 433)),
        errors=[(call(t(3, 4), t(3, 4), t(3, 4), margin=-1.0), ValueError, "margin")],
    ),
    layer(
        "pdist",
        [call(t(4, 3)), call(t(4, 3), 1.0), call(t(4, 3), 3.0), call(t(1, 3))],
        dtypes=("float32", "float64"),
        large=call(t(100, 40)),
        errors=[(call(t(3)), RuntimeError, "2D"), (call(t(3, 4), -1.0), RuntimeError, "non-negative")],
    ),
]
