"""Quantiles, histograms, modes and finite differences."""

import builtins
from math import isfinite

from .. import _C, return_types
from .define import composite, function
from .elementwise import ceil, floor, round
from .index import _no_grad
from .into import into
from .join import cat
from .reduce import sum as _sum
from .shape import _dimension, reshape
from .sort import _searchsorted, _sort

__all__ = ["diff", "gradient", "histc", "histogram", "mode", "nanquantile", "quantile", "trace"]


# ---- quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _levels(name, input, q):
    """q as a tensor of the input's dtype, checked."""
    if not isinstance(q, _C.TensorBase):
        q = _C.full((), q, input.dtype, input.device)
    if q.ndim > 1:
        raise RuntimeError(f"{name}() q must be a scalar or 1D tensor, but got {q.ndim}-D")
    if q.dtype is not input.dtype:
        raise RuntimeError(
            f"{name}() q tensor must be same dtype as the input tensor, but got {q.dtype} and {input.dtype}"
        )
    if not ((q >= 0) & (q <= 1)).all().item():
        raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    return q


def _quantile(name, input, q, dim, keepdim, interpolation, ignore_nan, out):
    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype, but got {input.dtype}")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )
    q = _levels(name, input, q)
    shape = list(input.shape)
    if dim is None:
        moved, kept = reshape(input, (-1,)), [1] * len(shape)
    else:
        dim = _dimension(f"{name}(): ", dim, len(shape) or 1)
        moved = input.movedim(dim, -1) if shape else reshape(input, (1,))
        kept = [1 if d == dim else n for d, n in enumerate(shape)]
    n = moved.shape[-1]
    if n == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    ordered = _sort(moved, -1, False)[0]  # NaN last
    missing = moved.detach().isnan()
    present = (n - _sum(missing, -1, True)).to(input.dtype)
    if ignore_nan:
        ranks = (reshape(q, (-1,)) * (present - 1)).clamp(min=0)
    else:  # a row with NaN answers NaN, which is its last
        ranks = (reshape(q, (-1,)) * (n - 1)).masked_fill(present < n, n - 1)
    if interpolation == "nearest":
        values = ordered.gather(-1, round(ranks).to(_C.int64))
    elif interpolation in ("lower", "higher"):
        values = ordered.gather(-1, (floor if interpolation == "lower" else ceil)(ranks).to(_C.int64))
    else:
        below = floor(ranks.detach())
        weight = 0.5 * (ceil(ranks.detach()) - below) if interpolation == "midpoint" else ranks - below
        low = ordered.gather(-1, below.to(_C.int64))
        high = ordered.gather(-1, ceil(ranks.detach()).to(_C.int64))
        values = low.lerp(high, weight)
    values = values.movedim(-1, 0)  # (levels, what was kept)
    final = kept if keepdim else [m for d, m in enumerate(shape) if dim is not None and d != dim]
    return into(out, reshape(values, [*q.shape, *final]))


@function
@composite
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles of all elements, or of those along `dim`: NaN where there is one.

    Args:
        input: a float32 or float64 tensor.
        q: a number in [0, 1], or a vector of them (in the input's dtype), which becomes the result's first dimension.
        interpolation: between the two nearest elements: "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import tensorx as tx
    >>> tx.quantile(tx.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False, out)


@function
@composite
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear", out=None):
    """The q-quantiles of the elements that are not NaN; see `quantile`.

    >>> import tensorx as tx
    >>> tx.nanquantile(tx.tensor([1.0, float("nan"), 3.0]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True, out)


@function
def mode(input, dim=-1, keepdim=False, *, out=None):
    """The most frequent value along a dimension, the smallest of equally frequent ones, and where it stands last.

    Returns (values, indices).

    >>> import tensorx as tx
    >>> values, indices = tx.mode(tx.tensor([3, 1, 3, 1, 2]))
    >>> values, indices
    (tensor(1), tensor(3))
    """

    if input.ndim == 0:
        _dimension("mode(): ", dim, 1)
        values, indices = input.clone(), _C.full((), 0, _C.int64, input.device)
        return into(out, return_types.mode(values, indices), resize=True)
    dim = _dimension("mode(): ", dim, input.ndim)
    n = input.shape[dim]
    if n == 0:
        raise IndexError(f"mode(): Expected reduction dim {dim} to have non-zero size.")
    moved = input.movedim(dim, -1)
    ordered, order = _sort(moved.detach(), -1, False)
    # The length of the run of equal values up to each place; the longest run ends where it is largest, first.
    place = _C.arange(0, n, 1, _C.int64, input.device)
    first = _C.full((*ordered.shape[:-1], 1), True, _C.bool, input.device)
    begins = cat([first, ordered[..., 1:] != ordered[..., :-1]], -1)
    length = place - (begins.to(_C.int64) * place).cummax(-1)[0]
    indices = order.gather(-1, length.argmax(-1, True))
    values = moved.gather(-1, indices)
    pair = [x.movedim(-1, dim) if keepdim else x.squeeze(-1) for x in (values, indices)]
    return into(out, return_types.mode(*pair), resize=True)


# ---- histograms


def _limits(name, input, low, high, spread):
    """The ends of a histogram: those given, or those of the data where they are equal; never both the same."""
    low, high = float(low), float(high)
    if low == high and input.numel():
        low, high = float(input.min().item()), float(input.max().item())
    if not (isfinite(low) and isfinite(high)):
        raise RuntimeError(f"{name}(): range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"{name}(): max must be larger than min, but got min {low} and max {high}")
    return (low - spread, high + spread) if low == high else (low, high)


def _counted(place, weight, bins, dtype):
    """The sum of weights (or the count) of each bin, where place is a vector of bin numbers."""
    if weight is None:
        weight = _C.full(place.shape, 1, _C.float64 if dtype is _C.float64 else _C.int64, place.device)
    return _C.cast(_C.index_add(_C.full((bins,), 0, weight.dtype, place.device), 0, place, weight, 1), dtype)


@function
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements fall in each of `bins` bins of equal width between min and max (of the data, if both are 0).

    Elements outside, and NaN, are not counted. The counts have the input's dtype.

    >>> import tensorx as tx
    >>> tx.histc(tx.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if bins <= 0:
        raise RuntimeError(f"histc(): bins must be > 0, but got {bins}")
    if input.dtype is _C.bool:
        raise RuntimeError("histc(): expected a tensor of numbers, but got tensorx.bool")
    with _no_grad():
        low, high = _limits("histc", input, min, max, 1)
        flat = reshape(input.detach(), (-1,))
        flat = flat[(flat >= low) & (flat <= high)].to(_C.float64)
        place = ((flat - low) * bins / (high - low)).to(_C.int64).clamp(max=bins - 1)
        return into(out, _counted(place, None, bins, input.dtype))


def _edges(input, bins, range):
    if isinstance(bins, _C.TensorBase):
        if range is not None:
            raise TypeError("histogram(): range is for a number of bins; tensor bins are the edges themselves")
        if bins.ndim != 1:
            raise RuntimeError(f"histogram(): bins tensor should have one dimension, but got {bins.ndim} dimensions")
        if bins.dtype is not input.dtype:
            raise RuntimeError(
                f"histogram(): input tensor and bins tensors should have the same dtype, but got input with "
                f"{input.dtype} and bins with {bins.dtype}"
            )
        if bins.numel() < 2:
            raise RuntimeError(f"histogram(): bins must have at least 2 edges, but got {bins.numel()}")
        return bins.detach()
    if bins <= 0:
        raise RuntimeError(f"histogram(): bins must be > 0, but got {bins}")
    low, high = (0.0, 0.0) if range is None else range
    if range is not None and low == high:
        low, high = low - 0.5, high + 0.5
    low, high = (0.0, 1.0) if range is None and not input.numel() else _limits("histogram", input, low, high, 0.5)
    return _C.linspace(low, high, bins + 1, input.dtype, input.device)


@function
def histogram(input, bins, *, range=None, weight=None, density=False, out=None):
    """How many elements (or the sum of their weights) fall in each bin, and the edges of the bins: (hist, bin_edges).

    Args:
        input: a float32 or float64 tensor, taken as flat.
        bins: how many bins of equal width, or their ascending edges. The last bin includes its right edge.
        range: (min, max) of the bins, by default those of the data.
        weight: a tensor of input's shape.
        density: divide by the total and by each bin's width, so that the integral is 1.

    >>> import tensorx as tx
    >>> hist, bin_edges = tx.histogram(tx.tensor([1.0, 2.0, 1.0]), 3, range=(0.0, 3.0))
    >>> hist
    tensor([0., 2., 1.])
    """

    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError(f"histogram(): input must have dtype float32 or float64, but got {input.dtype}")
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            f"histogram(): if weight tensor is provided it should have the same shape as the input tensor, but got "
            f"{list(input.shape)} and {list(weight.shape)}"
        )
    if weight is not None and weight.dtype is not input.dtype:
        raise RuntimeError(
            f"histogram(): if weight tensor is provided, input tensor and weight tensor should have the same dtype, "
            f"but got {input.dtype} and {weight.dtype}"
        )
    with _no_grad():
        edges = _edges(input, bins, range)
        count = edges.numel() - 1
        flat = reshape(input.detach(), (-1,))
        inside = (flat >= edges[0]) & (flat <= edges[-1])
        place = (_searchsorted(edges, flat[inside], True, None, False) - 1).clamp(0, count - 1)
        hist = _counted(place, None if weight is None else reshape(weight.detach(), (-1,))[inside], count, input.dtype)
        if density:
            hist = hist / _sum(hist) / (edges[1:] - edges[:-1])
        return into(out, return_types.histogram(hist, edges), resize=True)


# ---- differences


@function
def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """The differences of neighbours along a dimension, taken `n` times; for booleans, where neighbours differ.

    Args:
        prepend, append: tensors to put before and after the input first.

    >>> import tensorx as tx
    >>> tx.diff(tx.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    if input.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    dim = _dimension("diff(): ", dim, input.ndim)
    if n == 0:
        return into(out, input.clone())
    parts = [x for x in (prepend, input, append) if x is not None]
    for part in parts:
        if part.ndim != input.ndim:
            raise RuntimeError(
                f"diff expects prepend or append to be the same dimension as input: {input.ndim}, but got {part.ndim}"
            )
    x = cat(parts, dim) if len(parts) > 1 else input
    for _ in builtins.range(builtins.min(n, x.shape[dim] + 1)):
        length = builtins.max(x.shape[dim] - 1, 0)
        after, before = x.narrow(dim, x.shape[dim] - length, length), x.narrow(dim, 0, length)
        x = after.logical_xor(before) if x.dtype is _C.bool else after - before
    return into(out, x)


def _gradient_along(x, spacing, dim, edge_order):
    """Differences along one dimension: of second order inside, of `edge_order` at the ends."""
    n = x.shape[dim]

    def at(start, length):
        return x.narrow(dim, start, length)

    if isinstance(spacing, _C.TensorBase):
        steps = (spacing[1:] - spacing[:-1]).reshape([-1 if d == dim else 1 for d in builtins.range(x.ndim)])
        left, right = steps.narrow(dim, 0, n - 2), steps.narrow(dim, 1, n - 2)
        inside = (
            at(0, n - 2) * (-right / (left * (left + right)))
            + at(1, n - 2) * ((right - left) / (left * right))
            + at(2, n - 2) * (left / (right * (left + right)))
        )
        first, last = steps.narrow(dim, 0, 1), steps.narrow(dim, n - 2, 1)
        second, before = (right.narrow(dim, 0, 1), left.narrow(dim, n - 3, 1)) if n > 2 else (first, last)
    else:
        inside = (at(2, n - 2) - at(0, n - 2)) / (2 * spacing)
        first = second = before = last = spacing
    if edge_order == 1:
        start = (at(1, 1) - at(0, 1)) / first
        end = (at(n - 1, 1) - at(n - 2, 1)) / last
    else:
        start = (
            at(0, 1) * (-(2 * first + second) / (first * (first + second)))
            + at(1, 1) * ((first + second) / (first * second))
            - at(2, 1) * (first / (second * (first + second)))
        )
        end = (
            at(n - 3, 1) * (last / (before * (before + last)))
            - at(n - 2, 1) * ((before + last) / (before * last))
            + at(n - 1, 1) * ((before + 2 * last) / (last * (before + last)))
        )
    return cat([start, inside, end], dim)


@function
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The slope along each dimension by differences: a tuple of tensors of input's shape.

    Args:
        spacing: the distance of neighbours: a number, or one per dimension; or one tensor of coordinates per dimension.
        dim: the dimensions, by default all.
        edge_order: 1 or 2, the order of the differences at the ends.

    >>> import tensorx as tx
    >>> tx.gradient(tx.tensor([1.0, 4.0, 9.0]))
    (tensor([3., 4., 5.]),)
    """
    if edge_order not in (1, 2):
        raise RuntimeError(f"gradient(): edge_order must be 1 or 2, but got {edge_order}")
    dims = list(builtins.range(input.ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    dims = [_dimension("gradient(): ", d, input.ndim or 1) for d in dims]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"gradient(): dim {dim} names a dimension twice")
    spacing = 1 if spacing is None else spacing
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    if len(spacings) != len(dims):
        raise RuntimeError(
            f"gradient(): expected spacing to be a number, or to have one entry for each of {len(dims)} dimensions, "
            f"but got {len(spacings)}"
        )
    x = input if input.dtype.is_floating_point else input.to(_C.get_default_dtype())
    for d, h in zip(dims, spacings, strict=True):
        if input.shape[d] < edge_order + 1:
            raise RuntimeError(
                f"gradient(): each dimension needs at least edge_order + 1 = {edge_order + 1} elements, but dimension "
                f"{d} has {input.shape[d]}"
            )
        if isinstance(h, _C.TensorBase) and h.shape != (input.shape[d],):
            raise RuntimeError(
                f"gradient(): coordinates of dimension {d} must be a vector of {input.shape[d]} elements, but have "
                f"shape {list(h.shape)}"
            )
    return tuple(_gradient_along(x, h, d, edge_order) for d, h in zip(dims, spacings, strict=True))


@function
@composite
def trace(input):
    """The sum of the diagonal of a matrix. Integers sum to int64.

    >>> import tensorx as tx
    >>> tx.trace(tx.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if input.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    return _sum(input.diagonal())
