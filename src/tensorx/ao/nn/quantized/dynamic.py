"""Layers with quantized weights whose inputs and results are floats: inputs are quantized as they come."""

from __future__ import annotations

from .... import _C
from ...quantization.affine import quantize_per_tensor
from ...quantization.observer_base import EPS
from ...quantization.products import multiply
from ...quantization.schemes import quint8
from .weights import WithWeight, quantized_weight

LARGEST = 127  # seven bits, as in PyTorch: what processors without VNNI multiply fastest


def _scale_and_zero_point(x):
    """Those that cover the values of x, and 0."""
    low, high = (value.item() for value in x.detach().aminmax())
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / LARGEST, EPS)
    return scale, min(max(round(-low / scale), 0), LARGEST)


class Linear(WithWeight):
    """Linear of a float32 tensor (*, in_features): its range is measured, it is rounded to 0 to 127 of quint8, and multiplied as such.

    >>> import tensorx as tx
    >>> model = tx.ao.quantization.quantize_dynamic(tx.nn.Sequential(tx.nn.Linear(20, 30)))
    >>> model(tx.zeros(2, 20)).shape
    tensorx.Size([2, 30])
    """

    def __init__(self, in_features, out_features, bias_=True, dtype=None) -> None:
        super().__init__((out_features, in_features), bias_)
        self.in_features, self.out_features = in_features, out_features

    def forward(self, x):
        if not x.ndim or x.shape[-1] != self.in_features:
            raise RuntimeError(f"dynamic Linear: expected an input (*, {self.in_features}), got shape {list(x.shape)}")
        if not x.numel():
            return x.new_zeros((*x.shape[:-1], self.out_features)) + (
                0 if self.bias_values is None else self.bias_values
            )
        q = quantize_per_tensor(x, *_scale_and_zero_point(x), quint8)
        rows = q.int_repr().reshape(-1, self.in_features)
        out = multiply(rows, q.q_zero_point(), *self._prepare(q.q_scale(), None), _C.float32)
        return out.view(*x.shape[:-1], self.out_features)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer for a float Linear with a `qconfig`."""
        made = cls(mod.in_features, mod.out_features)
        observer = mod.qconfig.weight().to(mod.weight.device)
        made.set_weight_bias(quantized_weight(mod.weight, observer), mod.bias)
        return made

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, dtype=tensorx.qint8"
