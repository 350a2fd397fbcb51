"""What observers are made of: their arguments, and scale and zero point of a range."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

from ... import _C, finfo, full_like, tensor
from ...nn import Module
from . import schemes
from .schemes import per_tensor_affine, quantized_dtype, quint8

__all__ = ["ObserverBase", "UniformQuantizationObserverBase"]

EPS = finfo(_C.float32).eps


class Partial:
    """A class with some of its arguments given: calling it makes a new instance. `with_args` gives further ones."""

    def __init__(self, made: partial) -> None:
        self.p = made

    def __call__(self, *args, **keywords):
        return self.p(*args, **keywords)

    def with_args(self, **keywords: Any) -> Partial:
        """The same with more arguments."""
        return Partial(partial(self.p, **keywords))

    def __repr__(self):
        given = ", ".join(f"{name}={value!r}" for name, value in self.p.keywords.items())
        return f"{self.p.func.__name__}.with_args({given})"


class WithArguments(Module):
    """A module that QConfig names with arguments, but without making it."""

    @classmethod
    def with_args(cls, **keywords: Any) -> Partial:
        """The class with arguments given: a QConfig wants something that makes observers, not an observer.

        >>> import tensorx as tx
        >>> tx.ao.quantization.MinMaxObserver.with_args(dtype=tx.qint8)().dtype
        tensorx.qint8
        """
        return Partial(partial(cls, **keywords))

    def _take_any_size(self, names, state_dict, prefix):
        """Buffers as they were saved: the number of channels is only known once a tensor was seen."""
        for name in names:
            if prefix + name in state_dict:
                setattr(self, name, state_dict[prefix + name].clone().to(getattr(self, name).device))


class ObserverBase(WithArguments):
    """What observers share: `forward(x)` sees a tensor and returns it, `calculate_qparams()` gives (scale, zero_point)."""

    def __init__(self, dtype, is_dynamic: bool = False) -> None:
        super().__init__()
        self.dtype, self.is_dynamic = dtype, is_dynamic

    def forward(self, x):
        raise RuntimeError(f"{type(self).__name__} has no forward: an observer must define one")

    def calculate_qparams(self, **keywords):
        raise RuntimeError(f"{type(self).__name__} has no calculate_qparams: its tensors are not quantized by it")


class UniformQuantizationObserverBase(ObserverBase):
    """An observer that finds a range of numbers, and scale and zero point of the integers that are to cover it.

    Args:
        dtype: `quint8`, `qint8` or `qint32`.
        qscheme: affine: the integers cover [min, max]; symmetric: [-largest, largest] for the largest magnitude.
        reduce_range: one bit less. PyTorch's kernels for processors without VNNI are wrong without it; ours only slower.
        quant_min, quant_max: the integers to use, instead of all that the dtype has.
        eps: the smallest scale.
    """

    _version = 3

    def __init__(
        self, dtype=quint8, qscheme=per_tensor_affine, reduce_range=False, quant_min=None, quant_max=None,
        factory_kwargs=None, eps=EPS, is_dynamic=False,
    ) -> None:  # fmt: skip
        super().__init__(dtype, is_dynamic)
        if not isinstance(qscheme, schemes.QuantizationScheme):
            raise TypeError(
                f"{type(self).__name__}: expected a qscheme such as tensorx.per_tensor_affine, got {qscheme!r}"
            )
        self.qscheme, self.reduce_range = qscheme, reduce_range
        self.register_buffer("eps", tensor([eps], **(factory_kwargs or {})))
        self.has_customized_qrange = quant_min is not None and quant_max is not None
        integers = quantized_dtype(dtype)
        if self.has_customized_qrange:
            if not quant_min <= 0 <= quant_max or quant_min >= quant_max:
                raise AssertionError(
                    f"{type(self).__name__}: expected quant_min <= 0 <= quant_max, and two integers at least, got "
                    f"{quant_min} and {quant_max}"
                )
            self.quant_min, self.quant_max = quant_min, quant_max
        else:
            self.quant_min, self.quant_max = integers.lowest, integers.highest
        if reduce_range and (self.has_customized_qrange or integers is not schemes.qint32):
            self.quant_min, self.quant_max = self.quant_min // 2, self.quant_max // 2

    def _calculate_qparams(self, smallest, largest):
        """Scale (float32) and zero point (int64) of each range."""
        if not _is_range(smallest, largest):
            return tensor([1.0], device=smallest.device), tensor([0], device=smallest.device)
        low, high = smallest.clamp(max=0), largest.clamp(min=0)  # 0 has an integer of its own: padding is exact
        count = float(self.quant_max - self.quant_min)
        if self.qscheme.symmetric:
            scale = _C.maximum(_C.maximum(-low, high) / (count / 2), self.eps.to(low.device))
            middle = 0
            if self.dtype in (quint8, _C.uint8):
                middle = (self.quant_min + self.quant_max) // 2 if self.has_customized_qrange else 128
            zero_point = full_like(scale, middle, dtype=_C.int64)
        else:
            scale = _C.maximum((high - low) / count, self.eps.to(low.device))
            zero_point = (self.quant_min - (low / scale).round()).clamp(self.quant_min, self.quant_max).to(_C.int64)
        return scale.reshape(-1), zero_point.reshape(-1)


def _is_range(smallest, largest):
    if smallest.numel() == 0 or largest.numel() == 0 or (smallest.ndim == 0 and smallest.item() == float("inf")):
        warnings.warn(
            "must run observer before calling calculate_qparams: returning scale 1 and zero point 0", stacklevel=4
        )
        return False
    if (smallest > largest).any().item():
        raise AssertionError(f"an observer saw a minimum above its maximum: {smallest} and {largest}")
    return True
