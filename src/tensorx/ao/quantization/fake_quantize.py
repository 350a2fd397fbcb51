"""Modules that observe a tensor and round it as quantization would, so that training gets used to it."""

from __future__ import annotations

from ... import _C, tensor
from ...nn import Module, Parameter
from .affine import (
    _fake_quantize_learnable_per_channel_affine,
    _fake_quantize_learnable_per_tensor_affine,
    fake_quantize_per_channel_affine,
    fake_quantize_per_tensor_affine,
)
from .observer import (
    FixedQParamsObserver,
    HistogramObserver,
    MovingAverageMinMaxObserver,
    MovingAveragePerChannelMinMaxObserver,
    default_fixed_qparams_range_0to1_observer,
    default_fixed_qparams_range_neg1to1_observer,
)
from .observer_base import Partial, WithArguments
from .schemes import per_channel_symmetric, per_tensor_affine, per_tensor_symmetric, qint8, quantized_dtype, quint8

__all__ = [
    "FakeQuantize", "FakeQuantizeBase", "FixedQParamsFakeQuantize", "FusedMovingAvgObsFakeQuantize",
    "default_dynamic_fake_quant", "default_fake_quant", "default_fixed_qparams_range_0to1_fake_quant",
    "default_fixed_qparams_range_neg1to1_fake_quant", "default_fused_act_fake_quant",
    "default_fused_per_channel_wt_fake_quant", "default_fused_wt_fake_quant", "default_histogram_fake_quant",
    "default_per_channel_weight_fake_quant", "default_weight_fake_quant", "disable_fake_quant", "disable_observer",
    "enable_fake_quant", "enable_observer", "fused_per_channel_wt_fake_quant_range_neg_127_to_127",
    "fused_wt_fake_quant_range_neg_127_to_127",
]  # fmt: skip


class FakeQuantizeBase(WithArguments):
    """What modules of fake quantization share: observing and rounding, each of which can be turned off."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fake_quant_enabled", tensor([1], dtype=_C.uint8))
        self.register_buffer("observer_enabled", tensor([1], dtype=_C.uint8))

    def calculate_qparams(self, **keywords):
        raise RuntimeError(f"{type(self).__name__} has no calculate_qparams")

    def enable_fake_quant(self, enabled: bool = True) -> None:
        """Round from now on, or (`enabled=False`) let values pass."""
        self.fake_quant_enabled.fill_(int(enabled))

    def disable_fake_quant(self) -> None:
        """Let values pass."""
        self.enable_fake_quant(False)

    def enable_observer(self, enabled: bool = True) -> None:
        """Observe from now on, or (`enabled=False`) keep scale and zero point as they are."""
        self.observer_enabled.fill_(int(enabled))

    def disable_observer(self) -> None:
        """Keep scale and zero point as they are."""
        self.enable_observer(False)


class FakeQuantize(FakeQuantizeBase):
    """Observes its input and returns it rounded to what the quantized dtype can hold; gradients pass straight through.

    Args:
        observer: makes the observer `activation_post_process`, which is given the other arguments.
        quant_min, quant_max: the integers to use; default: those of the observer.

    >>> import tensorx as tx
    >>> fake = tx.ao.quantization.FakeQuantize(observer=tx.ao.quantization.MinMaxObserver, quant_min=0, quant_max=255)
    >>> fake(tx.tensor([0.0, 1.001, 2.55]))
    tensor([0.0000, 1.0000, 2.5500])
    """

    def __init__(
        self, observer=MovingAverageMinMaxObserver, quant_min=None, quant_max=None, is_dynamic=False, **observer_kwargs
    ) -> None:
        super().__init__()
        if quant_min is not None and quant_max is not None:
            given = getattr(getattr(observer, "p", None), "keywords", {}).get("dtype", quint8)
            dtype = quantized_dtype(observer_kwargs.get("dtype", given))
            if not dtype.lowest <= quant_min <= quant_max <= dtype.highest:
                raise AssertionError(
                    f"FakeQuantize: expected {dtype.lowest} <= quant_min <= quant_max <= {dtype.highest} for {dtype}, got "
                    f"{quant_min} and {quant_max}"
                )
            observer_kwargs |= {"quant_min": quant_min, "quant_max": quant_max}
        made = observer(**(observer_kwargs | {"is_dynamic": True} if is_dynamic else observer_kwargs))
        self.activation_post_process = made
        self.quant_min, self.quant_max = made.quant_min, made.quant_max
        self.dtype, self.qscheme, self.is_dynamic = made.dtype, made.qscheme, made.is_dynamic
        self.ch_axis = getattr(made, "ch_axis", -1)
        self.is_per_channel = made.qscheme.per_channel
        self.register_buffer("scale", tensor([1.0]))
        self.register_buffer("zero_point", tensor([0], dtype=_C.int32))

    def calculate_qparams(self, **keywords):
        """Scale and zero point of the observer."""
        return self.activation_post_process.calculate_qparams()

    def forward(self, X):
        if self.observer_enabled.item():
            self.activation_post_process(X.detach())
            scale, zero_point = self.calculate_qparams()
            self.scale, self.zero_point = scale.to(self.scale.device), zero_point.to(self.zero_point.device, _C.int32)
        if not self.fake_quant_enabled.item():
            return X
        limits = self.quant_min, self.quant_max
        if self.is_per_channel:
            return fake_quantize_per_channel_affine(X, self.scale, self.zero_point, self.ch_axis, *limits)
        return fake_quantize_per_tensor_affine(X, self.scale, self.zero_point, *limits)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        self._take_any_size(("scale", "zero_point"), state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return (
            f"fake_quant_enabled={self.fake_quant_enabled}, observer_enabled={self.observer_enabled}, "
            f"quant_min={self.quant_min}, quant_max={self.quant_max}, dtype={self.dtype}, qscheme={self.qscheme}, "
            f"ch_axis={self.ch_axis}, scale={self.scale}, zero_point={self.zero_point}"
        )


class FixedQParamsFakeQuantize(FakeQuantize):
    """FakeQuantize with the scale and zero point of a FixedQParamsObserver."""

    def __init__(self, observer) -> None:
        super().__init__(observer=observer)
        if not isinstance(self.activation_post_process, FixedQParamsObserver):
            raise AssertionError(f"FixedQParamsFakeQuantize: expected a FixedQParamsObserver, got {observer}")
        self.scale, self.zero_point = self.activation_post_process.calculate_qparams()


class FusedMovingAvgObsFakeQuantize(FakeQuantize):
    """FakeQuantize with a moving average of the range: PyTorch's name for doing both in one kernel.

    For a symmetric range PyTorch's kernel takes the scale max(-min / 128, max / 127), where its observer takes
    max(-min, max) / 127.5. Here both take the observer's, so that `convert` rounds weights exactly as training did.
    """

    def __init__(self, observer=MovingAverageMinMaxObserver, quant_min=0, quant_max=255, **observer_kwargs) -> None:
        super().__init__(observer, quant_min, quant_max, **observer_kwargs)
        if not hasattr(self.activation_post_process, "averaging_constant"):
            raise AssertionError(
                f"FusedMovingAvgObsFakeQuantize: expected an observer of moving averages, got {observer}"
            )


class _LearnableFakeQuantize(Module):
    """FakeQuantize whose scale and zero point are parameters. Esser et al. 2020, arXiv:1902.08153.

    scale, zero_point: where to start; use_grad_scaling: divide their gradients by sqrt(elements * quant_max).

    >>> import tensorx as tx
    >>> from tensorx.ao.quantization.fake_quantize import _LearnableFakeQuantize
    >>> fake = _LearnableFakeQuantize(quant_min=-8, quant_max=7, scale=0.1)
    >>> fake(tx.tensor([0.26])).sum().backward()
    >>> fake.scale.grad
    tensor([0.4000])
    """

    def __init__(
        self, observer=None, quant_min=0, quant_max=255, scale=1.0, zero_point=0.0, channel_len=1,
        use_grad_scaling=False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.quant_min, self.quant_max, self.use_grad_scaling = quant_min, quant_max, use_grad_scaling
        self.activation_post_process = observer() if observer else None
        self.scale = Parameter(tensor([float(scale)] * channel_len))
        self.zero_point = Parameter(tensor([float(zero_point)] * channel_len))

    def forward(self, X):
        if self.activation_post_process is not None:  # starts from what it sees first, and learns from there
            self.activation_post_process(X.detach())
            scale, zero_point = self.activation_post_process.calculate_qparams()
            self.scale.data.copy_(scale)
            self.zero_point.data.copy_(zero_point)
            self.activation_post_process = None
        factor = (X.numel() * self.quant_max) ** -0.5 if self.use_grad_scaling and X.numel() else 1.0
        limits = self.quant_min, self.quant_max, factor
        if self.scale.numel() > 1:
            return _fake_quantize_learnable_per_channel_affine(X, self.scale, self.zero_point, 0, *limits)
        return _fake_quantize_learnable_per_tensor_affine(X, self.scale, self.zero_point, *limits)


_ACTIVATION = {"quant_min": 0, "quant_max": 255, "dtype": quint8}
_WEIGHT = {"quant_min": -128, "quant_max": 127, "dtype": qint8}
_TENSOR = {"observer": MovingAverageMinMaxObserver, "qscheme": per_tensor_symmetric}
_CHANNEL = {"observer": MovingAveragePerChannelMinMaxObserver, "qscheme": per_channel_symmetric}
_NARROW = {"quant_min": -127, "quant_max": 127, "dtype": qint8, "eps": 2**-12}

default_fake_quant: Partial = FakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, qscheme=per_tensor_affine, reduce_range=True, **_ACTIVATION
)
default_weight_fake_quant: Partial = FakeQuantize.with_args(reduce_range=False, **_TENSOR, **_WEIGHT)
default_per_channel_weight_fake_quant: Partial = FakeQuantize.with_args(
    reduce_range=False, ch_axis=0, **_CHANNEL, **_WEIGHT
)
default_dynamic_fake_quant: Partial = FakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, is_dynamic=True, averaging_constant=1, **_ACTIVATION
)
default_histogram_fake_quant: Partial = FakeQuantize.with_args(
    observer=HistogramObserver, qscheme=per_tensor_affine, reduce_range=True, **_ACTIVATION
)
default_fused_act_fake_quant: Partial = FusedMovingAvgObsFakeQuantize.with_args(
    observer=MovingAverageMinMaxObserver, **_ACTIVATION
)
default_fused_wt_fake_quant: Partial = FusedMovingAvgObsFakeQuantize.with_args(**_TENSOR, **_WEIGHT)
default_fused_per_channel_wt_fake_quant: Partial = FusedMovingAvgObsFakeQuantize.with_args(**_CHANNEL, **_WEIGHT)
fused_wt_fake_quant_range_neg_127_to_127: Partial = FusedMovingAvgObsFakeQuantize.with_args(**_TENSOR, **_NARROW)
fused_per_channel_wt_fake_quant_range_neg_127_to_127: Partial = FusedMovingAvgObsFakeQuantize.with_args(
    **_CHANNEL, **_NARROW
)
default_fixed_qparams_range_0to1_fake_quant: Partial = FixedQParamsFakeQuantize.with_args(
    observer=default_fixed_qparams_range_0to1_observer
)
default_fixed_qparams_range_neg1to1_fake_quant: Partial = FixedQParamsFakeQuantize.with_args(
    observer=default_fixed_qparams_range_neg1to1_observer
)


def _for_each(name, doc):
    def switch(mod) -> None:
        if isinstance(mod, FakeQuantizeBase):
            getattr(mod, name)()

    switch.__name__ = switch.__qualname__ = name
    switch.__doc__ = doc + f" For `model.apply({name})`."
    return switch


enable_fake_quant = _for_each("enable_fake_quant", "Make a FakeQuantize round from now on.")
disable_fake_quant = _for_each("disable_fake_quant", "Make a FakeQuantize let values pass.")
enable_observer = _for_each("enable_observer", "Make a FakeQuantize observe from now on.")
disable_observer = _for_each("disable_observer", "Make a FakeQuantize keep its scale and zero point.")
