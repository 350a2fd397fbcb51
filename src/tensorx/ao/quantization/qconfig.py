"""QConfig: which observers, or modules of fake quantization, a module's output and weight get."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...nn import Module
from . import fake_quantize as fake
from . import observer
from .schemes import qint8

__all__ = [
    "QConfig", "default_debug_qconfig", "default_dynamic_qat_qconfig", "default_dynamic_qconfig",
    "default_per_channel_qconfig", "default_per_channel_symmetric_qnnpack_qconfig", "default_qat_qconfig",
    "default_qat_qconfig_v2", "default_qconfig", "default_symmetric_qnnpack_qconfig", "get_default_qat_qconfig",
    "get_default_qconfig", "per_channel_dynamic_qconfig",
]  # fmt: skip


class _Pair(NamedTuple):
    activation: Any
    weight: Any


class QConfig(_Pair):
    """What makes the observer of a module's output (`activation`) and of its weight: classes, not instances.

    >>> import tensorx as tx
    >>> q = tx.ao.quantization
    >>> mine = q.QConfig(activation=q.MinMaxObserver, weight=q.default_per_channel_weight_observer)
    >>> mine.activation().dtype
    tensorx.quint8
    """

    __slots__ = ()

    def __new__(cls, activation, weight):
        if isinstance(activation, Module) or isinstance(weight, Module):
            raise ValueError(
                "QConfig takes classes of observers, or Observer.with_args(...), and was given an observer: it makes one "
                "for each module"
            )
        return super().__new__(cls, activation, weight)


default_qconfig = QConfig(observer.default_observer, observer.default_weight_observer)
default_debug_qconfig = QConfig(observer.default_debug_observer, observer.default_weight_observer)
default_per_channel_qconfig = QConfig(observer.default_observer, observer.default_per_channel_weight_observer)
default_dynamic_qconfig = QConfig(observer.default_dynamic_quant_observer, observer.default_weight_observer)
per_channel_dynamic_qconfig = QConfig(
    observer.default_dynamic_quant_observer, observer.default_per_channel_weight_observer
)
default_qat_qconfig = QConfig(fake.default_fake_quant, fake.default_weight_fake_quant)
default_qat_qconfig_v2 = QConfig(fake.default_fused_act_fake_quant, fake.default_fused_wt_fake_quant)
default_dynamic_qat_qconfig = QConfig(fake.default_dynamic_fake_quant, fake.default_weight_fake_quant)

_SIGNED = observer.HistogramObserver.with_args(dtype=qint8, reduce_range=False, eps=2**-12)
default_symmetric_qnnpack_qconfig = QConfig(_SIGNED, observer.weight_observer_range_neg_127_to_127)
default_per_channel_symmetric_qnnpack_qconfig = QConfig(
    _SIGNED, observer.per_channel_weight_observer_range_neg_127_to_127
)

_REDUCED = {"x86": True, "fbgemm": True, "onednn": False, "qnnpack": False}  # activations of 7 bits


def _reduced(backend, version, versions):
    if backend not in _REDUCED:
        raise AssertionError(f"expected a backend of {', '.join(_REDUCED)}, got {backend!r}")
    if version not in versions:
        raise AssertionError(f"expected a version of {versions}, got {version}")
    return _REDUCED[backend]


def get_default_qconfig(backend="x86", version=0):
    """PyTorch's QConfig for quantization after training: histograms for activations, minimum and maximum for weights.

    backend: 'x86', 'fbgemm', 'onednn' or 'qnnpack'. The first two have activations of 7 bits, as PyTorch's kernels may
    overflow with 8; ours never do, and are only slower without VNNI: 'onednn' (8 bits, weights per channel) is more exact.

    >>> import tensorx as tx
    >>> tx.ao.quantization.get_default_qconfig("onednn").activation().quant_max
    255
    """
    activation = observer.HistogramObserver.with_args(reduce_range=_reduced(backend, version, (0,)))
    per_tensor = backend == "qnnpack"
    return QConfig(
        activation, observer.default_weight_observer if per_tensor else observer.default_per_channel_weight_observer
    )


def get_default_qat_qconfig(backend="x86", version=1):
    """PyTorch's QConfig for training with fake quantization: moving averages of the ranges. `backend` as above.

    >>> import tensorx as tx
    >>> tx.ao.quantization.get_default_qat_qconfig().weight().is_per_channel
    True
    """
    reduced = _reduced(backend, version, (0, 1))
    made = fake.FusedMovingAvgObsFakeQuantize if version else fake.FakeQuantize
    activation = made.with_args(
        observer=observer.MovingAverageMinMaxObserver, quant_min=0, quant_max=255, reduce_range=reduced
    )
    per_tensor = backend == "qnnpack"
    if version:
        weight = fake.default_fused_wt_fake_quant if per_tensor else fake.default_fused_per_channel_wt_fake_quant
    else:
        weight = fake.default_weight_fake_quant if per_tensor else fake.default_per_channel_weight_fake_quant
    return QConfig(activation, weight)
