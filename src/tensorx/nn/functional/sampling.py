"""Sampling an image at the points of a grid: each point is a few taps with weights (ops/resample.py), and the grid's
gradient is that of the weights.
"""

import warnings
from itertools import product
from math import prod

from ... import arange, float32, float64, int64, linspace, ones, stack, where, zeros
from ...ops.define import composite
from ...ops.resample import resample
from .interpolation import cubic_weights

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


@composite
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The values of `input` at the points of `grid`.

    Args:
        input: (n, c, h, w) or (n, c, d, h, w).
        grid: (n, oh, ow, 2) or (n, od, oh, ow, 3): for each element of the result the point (x, y) or (x, y, z), -1 and 1
            being the ends of a dimension.
        mode: 'bilinear' (over volumes trilinear), 'nearest' or 'bicubic' (images only).
        padding_mode: outside is 0 ('zeros'), what the border is ('border') or the mirrored image ('reflection').
        align_corners: -1 and 1 are the centres of the outermost elements, rather than their outer edges (the default).

    Result: (n, c, oh, ow) or (n, c, od, oh, ow). Jaderberg et al. 2015, arXiv:1506.02025.

    >>> import tensorx as tx
    >>> x = tx.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> tx.nn.functional.grid_sample(x, tx.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[2.5000]]]])
    """
    if mode not in _MODES:
        raise ValueError(f"grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'")
    if padding_mode not in _PADDINGS:
        raise ValueError(
            f"grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding_mode}'"
        )
    align_corners = _chosen("grid_sample", align_corners)
    _check(input, grid, mode)
    spatial = input.dim() - 2
    dtype = float64 if input.dtype is float64 else float32
    axes = [
        _TAPS[mode](_unnormalized(grid[..., axis].to(dtype), size, align_corners), size, padding_mode, align_corners)
        for axis, size in zip(reversed(range(spatial)), input.shape[2:])
    ]
    steps = [prod(input.shape[3 + d :]) for d in range(spatial)]
    places, weights = [], []
    for taps in product(*axes):
        place, inside, weight = 0, None, None
        for (at, factor), step, size in zip(taps, steps, input.shape[2:]):
            within = (at >= 0) & (at <= size - 1)  # false for NaN
            place = place + where(within, at, 0.0).to(int64) * step
            inside = within if inside is None else inside & within
            weight = factor if weight is None else weight * factor
        places.append(where(inside, place, -1))
        weights.append(weight)
    count = len(places)
    offsets = arange(places[0].numel() + 1, device=input.device) * count
    out = resample(input.flatten(2).unsqueeze(3), offsets, stack(places, -1).flatten(), stack(weights, -1).flatten())
    return out.reshape(*input.shape[:2], *grid.shape[1:-1])


def _chosen(name, align_corners):
    if align_corners is None:
        warnings.warn(
            f"Default {name} behavior is align_corners=False. Specify align_corners=True if the other is desired.",
            stacklevel=3,
        )
        return False
    return align_corners


def _check(input, grid, mode):
    def fail(text):
        raise RuntimeError(
            f"grid_sample(): {text}, but got input of shape {tuple(input.shape)} and grid of shape {tuple(grid.shape)}"
        )

    if input.dim() not in (4, 5) or input.dim() != grid.dim():
        fail("expected 4D or 5D input and grid with same number of dimensions")
    if input.shape[0] != grid.shape[0]:
        fail("expected grid and input to have same batch size")
    if grid.shape[-1] != input.dim() - 2:
        fail(f"expected grid to have size {input.dim() - 2} in last dimension")
    if min(input.shape[2:]) == 0:
        fail("expected input to have non-empty spatial dimensions")
    if mode == "bicubic" and input.dim() == 5:
        fail("bicubic interpolation only supports 4D input")
    if input.dtype is not grid.dtype:
        raise RuntimeError(
            f"grid_sample(): expected input and grid to have same dtype, but input has {input.dtype} and grid has {grid.dtype}"
        )
    if not input.dtype.is_floating_point:
        raise NotImplementedError(f"grid_sample(): not implemented for {input.dtype}: convert with .float()")


def _unnormalized(x, size, align_corners):
    return (x + 1) * ((size - 1) / 2) if align_corners else ((x + 1) * size - 1) / 2


def _clipped(x, size):
    """x in [0, size - 1]; no gradient at the ends."""
    return where(x <= 0, 0.0, where(x >= size - 1, float(size - 1), x))


def _reflected(x, size, align_corners):
    """x mirrored until it lies inside."""
    low, span = (0.0, size - 1) if align_corners else (-0.5, size)
    if span == 0:
        return x * 0
    distance = (x - low).abs()
    flips = (distance.detach() / span).floor()
    extra = distance - flips * span
    return where(flips.remainder(2) == 0, extra + low, span - extra + low)


def _padded(x, size, padding_mode, align_corners):
    if padding_mode == "zeros":
        return x
    if padding_mode == "reflection":
        x = _reflected(x, size, align_corners)
    return _clipped(x, size)


def _linear(x, size, padding_mode, align_corners):
    """The (place, weight) of the elements of one dimension that make the value at x."""
    x = _padded(x, size, padding_mode, align_corners)
    left = x.detach().floor()
    return [(left, left + 1 - x), (left + 1, x - left)]


def _nearest(x, size, padding_mode, align_corners):
    x = _padded(x, size, padding_mode, align_corners)
    return [(x.detach().round(), x * 0 + 1)]  # constant, yet of x's history: its gradient is 0, not missing


def _cubic(x, size, padding_mode, align_corners):
    left = x.detach().floor()
    places = [_padded(left + i, size, padding_mode, align_corners) for i in range(-1, 3)]
    return list(zip(places, cubic_weights(x - left)))


_TAPS = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}


def affine_grid(theta, size, align_corners=None):
    """The grid by which `grid_sample` applies affine maps to images.

    Args:
        theta: the maps (n, 2, 3), or (n, 3, 4) for volumes, from points of the result to points of the input.
        size: of the result of grid_sample: (n, c, h, w) or (n, c, d, h, w).
        align_corners: as in grid_sample.

    Result: (n, h, w, 2) or (n, d, h, w, 3).

    >>> import tensorx as tx
    >>> identity = tx.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> tx.nn.functional.affine_grid(identity, (1, 1, 1, 2), align_corners=True).tolist()
    [[[[-1.0, 0.0], [1.0, 0.0]]]]
    """
    if not theta.dtype.is_floating_point:
        raise ValueError(f"affine_grid(): Expected theta to have floating point type, but got {theta.dtype}")
    size = tuple(size)
    spatial = len(size) - 2
    if spatial not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}"
        )
    if tuple(theta.shape) != (size[0], spatial, spatial + 1):
        raise ValueError(
            f"affine_grid(): Expected a batch of {spatial}D affine matrices of shape {(size[0], spatial, spatial + 1)} for "
            f"size {size}. Got {tuple(theta.shape)}."
        )
    if min(size) <= 0:
        raise ValueError(f"affine_grid(): Expected non-zero, positive output size. Got {size}")
    align_corners = _chosen("affine_grid", align_corners)
    points = size[2:]
    coordinates = []
    for dim in reversed(range(spatial)):
        n = points[dim]
        line = zeros(1, dtype=theta.dtype, device=theta.device)
        if n > 1:
            line = linspace(-1, 1, n, dtype=theta.dtype, device=theta.device) * (1 if align_corners else (n - 1) / n)
        coordinates.append(line.view(*(n if d == dim else 1 for d in range(spatial))).expand(points))
    coordinates.append(ones(points, dtype=theta.dtype, device=theta.device))
    grid = stack(coordinates, -1).view(1, prod(points), spatial + 1) @ theta.transpose(1, 2)
    return grid.view(size[0], *points, spatial)
