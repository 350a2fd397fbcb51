"""Resizing of images: every mode but nearest and area is a table of taps for each dimension (ops/resample.py)."""

import warnings
from math import floor

from ... import arange, float32, float64, int64, stack, where
from ...ops.convert import in_order_of
from ...ops.define import composite
from ...ops.resample import resample_last, table
from .adaptive_pooling import adaptive_avg_pool

_NEAREST = ("nearest", "nearest-exact")
_RANKS = {"linear": 3, "bilinear": 4, "bicubic": 4, "trilinear": 5}  # of the modes that exist for one rank


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """The input (n, c, ...) with its one to three last dimensions resized to `size`, or by `scale_factor`.

    Args:
        size, scale_factor: one of them, a number or one for each dimension.
        mode: 'nearest' (of which 'nearest-exact' mends the off-centre choice), 'linear' (n, c, l), 'bilinear' or
            'bicubic' (n, c, h, w), 'trilinear' (n, c, d, h, w), or 'area' (adaptive_avg_pool).
        align_corners: for the linear and cubic modes: the centres of the corner elements keep their places, rather than
            the corners of the image.
        recompute_scale_factor: use the ratio of the sizes, where a `scale_factor` does not give a whole size.
        antialias: with 'bilinear' and 'bicubic', smooth as far as an element of the smaller image reaches.

    >>> import tensorx as tx
    >>> x = tx.tensor([[[[0.0, 1.0]]]])
    >>> tx.nn.functional.interpolate(x, scale_factor=(1, 2), mode="bilinear")
    tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    if mode in (*_NEAREST, "area"):
        if align_corners is not None:
            raise ValueError(
                "interpolate(): align_corners option can only be set with the interpolating modes: linear | bilinear | "
                f"bicubic | trilinear, not with {mode}"
            )
    elif mode in _RANKS and input.ndim in (3, 4, 5) and input.ndim != _RANKS[mode]:
        raise NotImplementedError(
            f"interpolate(): Got {input.ndim}D input, but {mode} mode needs {_RANKS[mode]}D input"
        )
    if input.ndim not in (3, 4, 5) or mode not in (*_NEAREST, "area", *_RANKS):
        raise NotImplementedError(
            "interpolate(): Input Error: Only 3D, 4D and 5D input Tensors supported for the modes: nearest | linear | "
            f"bilinear | bicubic | trilinear | area | nearest-exact (got {input.ndim}D and mode={mode!r})"
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            "interpolate(): Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as input"
        )
    sizes, scales = _sizes(input, size, scale_factor, mode, recompute_scale_factor)
    if min(sizes) <= 0 or min(input.shape[1:]) == 0:
        raise RuntimeError(
            "interpolate(): Input and output sizes should be greater than 0, but got input of shape "
            f"{tuple(input.shape)} and output size {tuple(sizes)}"
        )
    if mode not in _NEAREST and not input.dtype.is_floating_point:
        raise NotImplementedError(
            f"interpolate(): mode {mode!r} is not implemented for {input.dtype}: convert with .float()"
        )
    if mode == "area":
        return adaptive_avg_pool("interpolate", input, sizes, len(sizes))
    return _interpolate(input, sizes, scales, mode, align_corners, antialias)


@composite
def _interpolate(input, sizes, scales, mode, align_corners, antialias):
    """Every mode but 'area'."""
    if mode in _NEAREST:
        return in_order_of(input, _nearest(input, sizes, scales, mode == "nearest-exact"))
    taps = _antialiased if antialias else _cubic if mode == "bicubic" else _linear
    dtype = float64 if input.dtype is float64 else float32
    tables = [
        None
        if n == m and not antialias and scale in (None, 1.0)
        else taps(n, m, _step(n, m, scale, align_corners), align_corners, mode, dtype, input.device)
        for n, m, scale in zip(input.shape[2:], sizes, scales)
    ]
    return resample_last(input, tables) if any(tables) else input.clone()


def _sizes(input, size, scale_factor, mode, recompute):
    """The size of the result and, of each dimension, the scale factor that decides where points lie, or None."""
    spatial = input.ndim - 2
    if size is not None and scale_factor is not None:
        raise ValueError("interpolate(): only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("interpolate(): either size or scale_factor should be defined")
    given, name = (size, "size") if scale_factor is None else (scale_factor, "scale_factor")
    given = list(given) if isinstance(given, (tuple, list)) else [given] * spatial
    if len(given) != spatial:
        raise ValueError(
            f"interpolate(): Input and {name} must have the same number of spatial dimensions, but got input with spatial "
            f"dimensions of {list(input.shape[2:])} and {name} of {given}: expected one number, or {spatial}"
        )
    if size is not None:
        if recompute:
            raise ValueError("interpolate(): recompute_scale_factor is not meaningful with an explicit size.")
        return [int(n) for n in given], [None] * spatial
    scales = [float(scale) for scale in given]
    sizes = [floor(n * scale) for n, scale in zip(input.shape[2:], scales)]
    return sizes, [None] * spatial if recompute or mode == "area" else scales


def _step(size, points, scale, align_corners):
    """From one point to the next, in elements of the input."""
    if align_corners:
        return (size - 1) / (points - 1) if points > 1 else 0.0
    return 1 / scale if scale else size / points


def _nearest(input, sizes, scales, exact):
    for dim, (points, scale) in enumerate(zip(sizes, scales), 2):
        size = input.shape[dim]
        if points == size and scale in (None, 1.0):
            continue
        places = arange(points, dtype=float32, device=input.device) + (0.5 if exact else 0)
        index = (places * _step(size, points, scale, False)).to(int64).clamp(max=size - 1)
        input = input.index_select(dim, index)
    return input


def _places(points, step, align_corners, dtype, device):
    """Where the points lie among the elements of the input."""
    i = arange(points, dtype=dtype, device=device)
    return i * step if align_corners else (i + 0.5) * step - 0.5


def _linear(size, points, step, align_corners, mode, dtype, device):
    places = _places(points, step, align_corners, dtype, device).clamp(0, size - 1)
    left = places.to(int64)
    right = (left + 1).clamp(max=size - 1)
    weight = places - left
    return table(stack([left, right], 1), stack([1 - weight, weight], 1))


def cubic_weights(t, a=-0.75):
    """The weights of the elements at -1, 0, 1 and 2 for a point at t in [0, 1): cubic convolution. Keys 1981."""

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]


def _cubic(size, points, step, align_corners, mode, dtype, device):
    places = _places(points, step, align_corners, dtype, device)
    left = places.floor()
    index = left.to(int64).unsqueeze(1) + arange(-1, 3, device=device)
    return table(index.clamp(0, size - 1), stack(cubic_weights(places - left), 1))


def _antialiased(size, points, step, align_corners, mode, dtype, device):
    """The filter of the mode, stretched to the distance of the points where that is more than an element."""
    reach, stretch = (2 if mode == "bicubic" else 1), max(step, 1.0)
    centre = ((arange(points, dtype=dtype, device=device) + 0.5) * step).unsqueeze(1)
    begin = (centre - reach * stretch + 0.5).to(int64).clamp(min=0)
    end = (centre + reach * stretch + 0.5).to(int64).clamp(max=size)
    index = begin + arange(int((end - begin).max().item()), device=device)
    x = ((index - centre + 0.5) / stretch).abs()
    if mode == "bicubic":
        near, far = cubic_weights(x, -0.5)[1], cubic_weights(x - 1, -0.5)[0]
        weight = where(x < 1, near, where(x < 2, far, 0.0))
    else:
        weight = (1 - x).clamp(min=0)
    weight = weight * (index < end)
    return table(index, weight / weight.sum(1, True), index < end)


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """`interpolate` by its old name."""
    warnings.warn(
        "nn.functional.upsample is deprecated. Use nn.functional.interpolate instead.", DeprecationWarning, stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode 'nearest', by its old name."""
    warnings.warn(
        "nn.functional.upsample_nearest is deprecated. Use nn.functional.interpolate instead.",
        DeprecationWarning,
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode 'bilinear' and align_corners=True, by its old name."""
    warnings.warn(
        "nn.functional.upsample_bilinear is deprecated. Use nn.functional.interpolate instead.",
        DeprecationWarning,
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
