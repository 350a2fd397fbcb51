"""Layers for training with fake quantization: their weight is rounded whenever it is used."""

from __future__ import annotations

from ...nn import Conv1d as FloatConv1d
from ...nn import Conv2d as FloatConv2d
from ...nn import Linear as FloatLinear
from ...nn import Module
from ...nn import functional as F
from ...nn.modules.conv import _ForwardConvolution

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")


class _WithFakeQuantizedWeight(Module):
    """Mixed into a float layer: `weight_fake_quant`, and `from_float`, which takes over the layer's parameters.

    `relu`: a ReLU follows.
    """

    relu = False

    def __init__(self, *arguments, qconfig=None, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        if not qconfig:
            raise AssertionError(
                f"{type(self).__name__}: a qconfig must be provided, which says how weights are quantized"
            )
        self.qconfig = qconfig
        self.weight_fake_quant = qconfig.weight()

    def forward(self, input):
        output = self._with(input, self.weight_fake_quant(self.weight), self.bias)
        return output.relu() if self.relu else output

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer for training that takes the place of `mod`, a float layer (with ReLU where the class has one)."""
        layer = mod[0] if cls.relu else mod
        made = cls(**cls._arguments(layer), bias=layer.bias is not None, qconfig=mod.qconfig)
        made.weight, made.bias = layer.weight, layer.bias
        made.weight_fake_quant.to(layer.weight.device)
        return made.train(mod.training)


class _Convolution(_WithFakeQuantizedWeight, _ForwardConvolution):
    def _with(self, input, weight, bias):
        """The convolution with another weight and bias than its own."""
        padding = self.padding
        if self.padding_mode != "zeros":
            input, padding = self._pad(input), 0
        return self.convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    @staticmethod
    def _arguments(layer):
        return {name: getattr(layer, name) for name in (*_CONVOLUTION, "padding_mode")}


class Linear(_WithFakeQuantizedWeight, FloatLinear):
    """A Linear whose weight is rounded by `qconfig.weight()`.

    >>> import tensorx as tx
    >>> qconfig = tx.ao.quantization.get_default_qat_qconfig()
    >>> tx.ao.nn.qat.Linear(2, 3, qconfig=qconfig)(tx.zeros(1, 2)).shape
    tensorx.Size([1, 3])
    """

    def _with(self, input, weight, bias):
        return F.linear(input, weight, bias)

    @staticmethod
    def _arguments(layer):
        return {"in_features": layer.in_features, "out_features": layer.out_features}


class Conv1d(_Convolution, FloatConv1d):
    """A Conv1d whose weight is rounded by `qconfig.weight()`."""


class Conv2d(_Convolution, FloatConv2d):
    """A Conv2d whose weight is rounded by `qconfig.weight()`."""
