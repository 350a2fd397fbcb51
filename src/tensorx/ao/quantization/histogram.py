"""HistogramObserver: the range that costs least in squared error, not the one that covers every outlier."""

from __future__ import annotations

import warnings

import numpy as np

from ... import _C, histc, tensor, zeros
from .observer_base import EPS, UniformQuantizationObserverBase
from .schemes import per_tensor_affine, quantized_dtype, quint8

__all__ = [
    "HistogramObserver",
]  # fmt: skip

_FINER = 16  # parts that a bin is cut into when a histogram is carried over to a larger range


class HistogramObserver(UniformQuantizationObserverBase):
    """Keeps a histogram of all values seen, and narrows its range for as long as the error of quantization shrinks.

    The range shrinks from whichever side gives up fewer values, a quantile of 0.00001 at a time. The error is the integral
    of the squared distance to the nearest quantized value, every bin taken as evenly filled. bins: of the histogram; the
    other arguments are those of MinMaxObserver. Infinite values are not counted.

    >>> import tensorx as tx
    >>> observer = tx.ao.quantization.HistogramObserver(bins=256)
    >>> x = observer(tx.cat([tx.linspace(0, 1, 10000), tx.tensor([100.0])]))
    >>> observer.calculate_qparams()[0].item() < 100 / 255
    True
    """

    def __init__(
        self, bins=2048, dtype=quint8, qscheme=per_tensor_affine, reduce_range=False, quant_min=None, quant_max=None,
        factory_kwargs=None, eps=EPS, is_dynamic=False,
    ) -> None:  # fmt: skip
        if qscheme.per_channel:
            raise NotImplementedError(f"HistogramObserver: expected a qscheme per tensor, got {qscheme}")
        if is_dynamic:
            raise NotImplementedError(
                "HistogramObserver: a histogram is of tensors seen before; use PlaceholderObserver"
            )
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic)
        self.bins = bins
        self.register_buffer("histogram", zeros(bins, **(factory_kwargs or {})))
        self.register_buffer("min_val", tensor(float("inf"), **(factory_kwargs or {})))
        self.register_buffer("max_val", tensor(float("-inf"), **(factory_kwargs or {})))
        limits = quantized_dtype(dtype)
        self.dst_nbins = limits.highest - limits.lowest + 1

    def forward(self, x):
        values = x.detach().to(self.histogram.dtype)
        if not values.numel():
            return x
        low, high = values.amin().item(), values.amax().item()
        if low == float("-inf") or high == float("inf"):
            warnings.warn("HistogramObserver: infinite values in the input are ignored", stacklevel=2)
            values = values[values.isfinite()]
            if not values.numel():
                return x
            low, high = values.amin().item(), values.amax().item()
        if not low <= high:
            raise RuntimeError("HistogramObserver: the input has NaN values, which have no place in a histogram")
        before, begin, end = self.histogram, self.min_val.item(), self.max_val.item()
        fresh = begin == float("inf")
        low, high = (low, high) if fresh else (min(low, begin), max(high, end))
        counted = histc(values, self.bins, low, high)
        self.histogram = counted if fresh else counted + self._carried_over(before, begin, end, low, high)
        self.min_val, self.max_val = self.min_val.new_tensor(low), self.max_val.new_tensor(high)
        return x

    def _carried_over(self, histogram, begin, end, low, high):
        """A histogram of [begin, end] as one of [low, high]."""
        if (begin, end) == (low, high):
            return histogram
        counts = histogram.cpu().numpy().astype(np.float64)
        if begin == end:
            middles, weights = np.array([begin]), counts.sum(keepdims=True)
        else:
            edges = np.linspace(begin, end, self.bins * _FINER + 1)
            middles, weights = (edges[:-1] + edges[1:]) / 2, np.repeat(counts / _FINER, _FINER)
        place = np.floor((middles - low) * (self.bins / (high - low))).astype(np.int64).clip(0, self.bins - 1)
        moved = np.bincount(place, weights, self.bins)
        return tensor(moved, dtype=histogram.dtype, device=histogram.device)

    def calculate_qparams(self, **keywords):
        """Scale and zero point of the range with the least error."""
        if self.min_val.item() == float("inf"):
            return self._calculate_qparams(self.min_val, self.max_val)
        counts = self.histogram.cpu().numpy().astype(np.float64)
        low, high = self.min_val.item(), self.max_val.item()
        width = (high - low) / self.bins
        first, last = _best_bins(counts, width, self.dst_nbins)
        limits = (low + width * first, low + width * (last + 1))
        return self._calculate_qparams(*(tensor(x, dtype=_C.float32, device=self.min_val.device) for x in limits))


def _best_bins(counts, width, levels):
    """The first and the last bin of the range to keep."""
    step, below = 1e-5, np.cumsum(counts)
    total = below[-1]
    alpha, beta, first, last, least = 0.0, 1.0, 0, len(counts) - 1, float("inf")
    while alpha < beta:
        # The bins that the next quantiles, on the left and on the right, lie in.
        left = min(first + int(np.searchsorted(below[first : last + 1], (alpha + step) * total)), last)
        right = first + int(np.searchsorted(below[first : last + 1], (beta - step) * total, side="right")) - 1
        right = min(max(right, first), last)
        next_first, next_last = first, last
        if left - first > last - right:
            next_first, alpha = left, alpha + step
        else:
            next_last, beta = right, beta - step
        if (next_first, next_last) == (first, last):
            continue
        error = _squared_error(counts, width, levels, next_first, next_last)
        if error > least:
            break
        least, first, last = error, next_first, next_last
    return first, last


def _squared_error(counts, width, levels, first, last):
    """The squared error of quantizing all values to `levels` numbers spread over the bins first .. last."""
    step = width * (last - first + 1) / levels
    if step == 0:
        return 0.0
    begin = (np.arange(len(counts)) - first) * width
    end = begin + width
    from_level = np.clip(np.floor(begin / step), 0, levels - 1)
    to_level = np.clip(np.floor(end / step), 0, levels - 1)

    def integral(low, high):
        return (high**3 - low**3) / 3

    head = integral(begin - (from_level + 0.5) * step, step / 2)
    middle = (to_level - from_level - 1) * integral(-step / 2, step / 2)
    tail = integral(-step / 2, end - (to_level + 0.5) * step)
    return float((counts / width * (head + middle + tail)).sum())
