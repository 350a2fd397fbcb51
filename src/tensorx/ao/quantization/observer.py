"""Observers: modules that let tensors pass and keep the range of their values, from which scale and zero point follow."""

from __future__ import annotations

from ... import _C, full_like, tensor, zeros
from . import schemes
from .histogram import HistogramObserver
from .observer_base import EPS, ObserverBase, Partial, UniformQuantizationObserverBase
from .schemes import per_channel_symmetric, per_tensor_affine, per_tensor_symmetric, qint8, quint8

__all__ = [
    "FixedQParamsObserver", "HistogramObserver", "MinMaxObserver", "MovingAverageMinMaxObserver",
    "MovingAveragePerChannelMinMaxObserver", "NoopObserver", "ObserverBase", "PerChannelMinMaxObserver",
    "PlaceholderObserver", "RecordingObserver", "UniformQuantizationObserverBase", "default_debug_observer",
    "default_dynamic_quant_observer", "default_fixed_qparams_range_0to1_observer",
    "default_fixed_qparams_range_neg1to1_observer", "default_histogram_observer", "default_observer",
    "default_per_channel_weight_observer", "default_placeholder_observer", "default_weight_observer",
    "get_observer_state_dict", "load_observer_state_dict", "per_channel_weight_observer_range_neg_127_to_127",
    "weight_observer_range_neg_127_to_127",
]  # fmt: skip


class _Range(UniformQuantizationObserverBase):
    """Keeps `min_val` and `max_val`, which `_update` makes of the old ones and those of a new tensor."""

    def calculate_qparams(self, **keywords):
        """Scale and zero point of the range seen so far."""
        return self._calculate_qparams(self.min_val, self.max_val)

    def forward(self, x):
        if x.numel():
            smallest, largest = self._extremes(x.detach().to(self.min_val.dtype))
            if self._is_fresh():
                self.min_val, self.max_val = smallest, largest
            else:
                self.min_val, self.max_val = self._update(smallest, largest)
        return x

    def _update(self, smallest, largest):
        return _C.minimum(self.min_val, smallest), _C.maximum(self.max_val, largest)

    def _load_from_state_dict(self, state_dict, prefix, *args):
        self._take_any_size(("min_val", "max_val"), state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}"


class MinMaxObserver(_Range):
    """The smallest and the largest value of all tensors seen; see UniformQuantizationObserverBase for the arguments.

    >>> import tensorx as tx
    >>> observer = tx.ao.quantization.MinMaxObserver()
    >>> x = observer(tx.tensor([-1.0, 0.0, 1.55]))
    >>> observer.calculate_qparams()
    (tensor([0.0100]), tensor([100]))
    """

    def __init__(
        self, dtype=quint8, qscheme=per_tensor_affine, reduce_range=False, quant_min=None, quant_max=None,
        factory_kwargs=None, eps=EPS, is_dynamic=False,
    ) -> None:  # fmt: skip
        if qscheme.per_channel:
            raise NotImplementedError(f"{type(self).__name__}: expected a qscheme per tensor, got {qscheme}")
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic)
        self.register_buffer("min_val", tensor(float("inf"), **(factory_kwargs or {})))
        self.register_buffer("max_val", tensor(float("-inf"), **(factory_kwargs or {})))

    def _is_fresh(self):
        return self.min_val.item() == float("inf")

    def _extremes(self, x):
        return x.amin(), x.amax()

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        self.min_val, self.max_val = full_like(self.min_val, float("inf")), full_like(self.max_val, float("-inf"))


class MovingAverageMinMaxObserver(MinMaxObserver):
    """MinMaxObserver of averages: min_val += averaging_constant (min of the tensor - min_val), and so for the maximum."""

    def __init__(
        self, averaging_constant=0.01, dtype=quint8, qscheme=per_tensor_affine, reduce_range=False, quant_min=None,
        quant_max=None, eps=EPS, is_dynamic=False, factory_kwargs=None,
    ) -> None:  # fmt: skip
        self.averaging_constant = averaging_constant
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic)

    def _update(self, smallest, largest):
        return _approach(self, smallest, largest)


def _approach(observer, smallest, largest):
    c, low, high = observer.averaging_constant, observer.min_val, observer.max_val
    return low + c * (smallest - low), high + c * (largest - high)


class PerChannelMinMaxObserver(_Range):
    """MinMaxObserver with a range for each index of dimension `ch_axis`.

    >>> import tensorx as tx
    >>> observer = tx.ao.quantization.PerChannelMinMaxObserver(dtype=tx.qint8, qscheme=tx.per_channel_symmetric)
    >>> x = observer(tx.tensor([[1.275, 0.0], [-2.55, 1.0]]))
    >>> observer.calculate_qparams()
    (tensor([0.0100, 0.0200]), tensor([0, 0]))
    """

    def __init__(
        self, ch_axis=0, dtype=quint8, qscheme=schemes.per_channel_affine, reduce_range=False, quant_min=None,
        quant_max=None, factory_kwargs=None, eps=EPS, is_dynamic=False,
    ) -> None:  # fmt: skip
        if not qscheme.per_channel:
            raise NotImplementedError(f"{type(self).__name__}: expected a qscheme per channel, got {qscheme}")
        super().__init__(dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic)
        self.ch_axis = ch_axis
        self.register_buffer("min_val", zeros(0, **(factory_kwargs or {})))
        self.register_buffer("max_val", zeros(0, **(factory_kwargs or {})))

    def _is_fresh(self):
        return self.min_val.numel() == 0

    def _extremes(self, x):
        rows = x.movedim(self.ch_axis, 0).flatten(1)
        return rows.amin(1), rows.amax(1)

    def reset_min_max_vals(self) -> None:
        """Forget what was seen."""
        self.min_val, self.max_val = self.min_val.new_zeros(0), self.max_val.new_zeros(0)


class MovingAveragePerChannelMinMaxObserver(PerChannelMinMaxObserver):
    """MovingAverageMinMaxObserver with a range for each index of dimension `ch_axis`."""

    def __init__(
        self, averaging_constant=0.01, ch_axis=0, dtype=quint8, qscheme=schemes.per_channel_affine, reduce_range=False,
        quant_min=None, quant_max=None, eps=EPS, is_dynamic=False, factory_kwargs=None,
    ) -> None:  # fmt: skip
        self.averaging_constant = averaging_constant
        super().__init__(ch_axis, dtype, qscheme, reduce_range, quant_min, quant_max, factory_kwargs, eps, is_dynamic)

    def _update(self, smallest, largest):
        return _approach(self, smallest, largest)


class FixedQParamsObserver(ObserverBase):
    """Scale and zero point that are given, for results whose range is known: those of a sigmoid, say."""

    def __init__(
        self, scale, zero_point, dtype=quint8, qscheme=per_tensor_affine, quant_min=0, quant_max=255, is_dynamic=False
    ) -> None:
        super().__init__(dtype, is_dynamic)
        self.quant_min, self.quant_max, self.qscheme = quant_min, quant_max, qscheme
        self.register_buffer("scale", tensor([float(scale)]))
        self.register_buffer("zero_point", tensor([int(zero_point)]))

    def forward(self, x):
        return x

    def calculate_qparams(self, **keywords):
        """The scale and zero point given."""
        return self.scale, self.zero_point


class PlaceholderObserver(ObserverBase):
    """Observes nothing and keeps the dtype: for activations that are quantized as they come (dynamic quantization)."""

    def __init__(
        self, dtype=_C.float32, custom_op_name="", compute_dtype=None, quant_min=None, quant_max=None, qscheme=None,
        eps=None, is_dynamic=False,
    ) -> None:  # fmt: skip
        super().__init__(dtype, is_dynamic or compute_dtype is not None)
        self.qscheme = qscheme or per_tensor_affine
        self.quant_min, self.quant_max, self.eps, self.custom_op = quant_min, quant_max, eps, custom_op_name

    def forward(self, x):
        return x

    def calculate_qparams(self, **keywords):
        raise RuntimeError("calculate_qparams should not be called for PlaceholderObserver: it observes nothing")


class NoopObserver(ObserverBase):
    """Observes nothing."""

    def __init__(self, dtype=_C.float16, custom_op_name="") -> None:
        super().__init__(dtype)
        self.custom_op = custom_op_name

    def forward(self, x):
        return x

    def calculate_qparams(self, **keywords):
        raise RuntimeError("calculate_qparams should not be called for NoopObserver: it observes nothing")


class RecordingObserver(ObserverBase):
    """Keeps a copy of every tensor seen, for debugging: `get_tensor_value()` lists them."""

    def __init__(self, dtype=quint8) -> None:
        super().__init__(dtype)
        self.tensor_val: list = []

    def forward(self, x):
        self.tensor_val.append(x.detach().clone())
        return x

    def calculate_qparams(self, **keywords):
        raise RuntimeError("calculate_qparams should not be called for RecordingObserver: it keeps tensors")

    def get_tensor_value(self) -> list:
        """The tensors seen, in order."""
        return self.tensor_val


def get_observer_state_dict(mod):
    """What the observers of a prepared model keep: `mod.state_dict()` without everything else."""
    return type(state := mod.state_dict())((k, v) for k, v in state.items() if "activation_post_process" in k)


def load_observer_state_dict(mod, obs_dict) -> None:
    """Load what `get_observer_state_dict` gave into a model prepared in the same way. RuntimeError for other keys."""
    missing, unexpected = mod.load_state_dict(obs_dict, strict=False)
    missing = [key for key in missing if "activation_post_process" in key]
    if missing or unexpected:
        raise RuntimeError(f"load_observer_state_dict(): missing keys {missing}, unexpected keys {list(unexpected)}")


default_observer: Partial = MinMaxObserver.with_args(quant_min=0, quant_max=127)
default_placeholder_observer = PlaceholderObserver
default_debug_observer = RecordingObserver
default_weight_observer: Partial = MinMaxObserver.with_args(dtype=qint8, qscheme=per_tensor_symmetric)
weight_observer_range_neg_127_to_127: Partial = default_weight_observer.with_args(
    quant_min=-127, quant_max=127, eps=2**-12
)
default_histogram_observer: Partial = HistogramObserver.with_args(quant_min=0, quant_max=127)
default_per_channel_weight_observer: Partial = PerChannelMinMaxObserver.with_args(
    dtype=qint8, qscheme=per_channel_symmetric
)
per_channel_weight_observer_range_neg_127_to_127: Partial = default_per_channel_weight_observer.with_args(
    quant_min=-127, quant_max=127, eps=2**-12
)
default_dynamic_quant_observer: Partial = PlaceholderObserver.with_args(
    dtype=quint8, quant_min=0, quant_max=255, is_dynamic=True
)
default_fixed_qparams_range_neg1to1_observer: Partial = FixedQParamsObserver.with_args(
    scale=2.0 / 256.0, zero_point=128
)
default_fixed_qparams_range_0to1_observer: Partial = FixedQParamsObserver.with_args(scale=1.0 / 256.0, zero_point=0)
