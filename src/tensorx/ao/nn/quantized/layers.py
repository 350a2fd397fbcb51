"""Linear and convolutions of integers: uint8 times int8, added up in int32, rounded to uint8."""

from __future__ import annotations

from .... import _C
from ....nn.modules._sizes import sizes
from ...quantization.products import multiply, unsigned
from ...quantization.schemes import quint8
from ...quantization.tensor import QuantizedTensor
from ..intrinsic import _FusedModule
from ..intrinsic.qat import _ConvBn
from .weights import WithResult, WithWeight, quantized_weight


class _QuantizedLayer(WithResult, WithWeight):
    """A layer of a quantized tensor with a quantized result. `relu`: a ReLU follows."""

    relu = False

    def _lowest(self):
        return self.zero_point if self.relu else 0

    def _result(self, integers):
        return QuantizedTensor(integers, quint8, self.scale, self.zero_point)

    def _take(self, mod):
        """Scale and zero point of the result, weight and bias from a layer that was observed, or trained for it."""
        layer = mod[0] if isinstance(mod, _FusedModule) else mod
        weight, bias = layer.folded() if isinstance(layer, _ConvBn) else (layer.weight, layer.bias)
        observer = getattr(layer, "weight_fake_quant", None)
        if observer is None:
            observer = mod.qconfig.weight().to(weight.device)
        self.set_weight_bias(quantized_weight(weight, observer), bias)
        self._take_result(mod)
        return self


class Linear(_QuantizedLayer):
    """Linear of a quantized tensor (*, in_features), to quint8 with the layer's `scale` and `zero_point`.

    >>> import tensorx as tx
    >>> layer = tx.ao.nn.quantized.Linear(2, 1)
    >>> weight = tx.quantize_per_tensor(tx.tensor([[1.0, -2.0]]), 0.1, 0, tx.qint8)
    >>> layer.set_weight_bias(weight, tx.tensor([0.5]))
    >>> layer.scale, layer.zero_point = 0.1, 100
    >>> layer(tx.quantize_per_tensor(tx.tensor([[1.0, 0.5]]), 0.05, 0, tx.quint8)).dequantize()
    tensor([[0.5000]])
    """

    def __init__(self, in_features, out_features, bias_=True, dtype=None) -> None:
        super().__init__((out_features, in_features), bias_)
        self.in_features, self.out_features = in_features, out_features

    def forward(self, x):
        integers, zero_point = unsigned(type(self).__name__, x)
        if not integers.ndim or integers.shape[-1] != self.in_features:
            raise RuntimeError(
                f"quantized Linear: expected an input (*, {self.in_features}), got shape {list(integers.shape)}"
            )
        weight = self._prepare(x.q_scale(), self.scale)
        rows = integers.reshape(-1, self.in_features)
        out = multiply(rows, zero_point, *weight, _C.uint8, self.zero_point, self._lowest())
        return self._result(out.view(*integers.shape[:-1], self.out_features))

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The quantized layer for an observed Linear (or LinearReLU), or one trained with fake quantization."""
        layer = mod[0] if isinstance(mod, _FusedModule) else mod
        return cls(layer.in_features, layer.out_features)._take(mod)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, {self._result_text()}"


class _QuantizedConvolution(_QuantizedLayer):
    spatial = 0

    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True,
        padding_mode="zeros",
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise NotImplementedError(f"{type(self).__name__}: padding_mode='zeros' alone, got {padding_mode!r}")
        n = self.spatial
        self.kernel_size, self.stride, self.dilation = sizes(kernel_size, n), sizes(stride, n), sizes(dilation, n)
        super().__init__((out_channels, in_channels // groups, *self.kernel_size), bias)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        if padding == "same":
            whole = [d * (k - 1) for d, k in zip(self.dilation, self.kernel_size, strict=True)]
            if any(total % 2 for total in whole):
                raise NotImplementedError(f"{type(self).__name__}: padding='same' of kernels with an odd size alone")
            padding = tuple(total // 2 for total in whole)
        self.padding = sizes(0 if padding == "valid" else padding, n)

    def _channels_last(self, integers):
        return integers.movedim(1, -1)

    def forward(self, x):
        integers, zero_point = unsigned(type(self).__name__, x)
        unbatched = integers.ndim == self.spatial + 1
        if not unbatched and integers.ndim != self.spatial + 2:
            raise RuntimeError(
                f"quantized {type(self).__name__}: expected (n, {self.in_channels}, {'h, w' if self.spatial == 2 else 'l'}), "
                f"got shape {list(integers.shape)}"
            )
        images = integers.unsqueeze(0) if unbatched else integers
        if images.shape[1] != self.in_channels:
            raise RuntimeError(
                f"quantized {type(self).__name__}: expected {self.in_channels} channels, got shape {list(integers.shape)}"
            )
        flat = self.spatial == 1  # one spatial dimension is two, the first of size 1
        if flat:
            images = images.unsqueeze(2)
        kernel, stride, padding, dilation = (
            (first, *own) if flat else own
            for first, own in zip((1, 1, 0, 1), (self.kernel_size, self.stride, self.padding, self.dilation))
        )
        out = _C.quantized_convolution(
            images.permute(0, 2, 3, 1), zero_point, *self._prepare(x.q_scale(), self.scale), kernel, stride, padding,
            dilation, _C.uint8, self.zero_point, self._lowest(),
        ).permute(0, 3, 1, 2)  # fmt: skip
        if flat:
            out = out.squeeze(2)
        return self._result(out.squeeze(0) if unbatched else out)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The quantized layer for an observed convolution (alone or fused), or one trained with fake quantization."""
        layer = mod[0] if isinstance(mod, _FusedModule) else mod
        return cls(
            layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride, layer.padding, layer.dilation,
            layer.groups, layer.bias is not None, layer.padding_mode,
        )._take(mod)  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"padding={self.padding}, dilation={self.dilation}, groups={self.groups}, {self._result_text()}"
        )


class Conv1d(_QuantizedConvolution):
    """Conv1d of a quantized tensor (n, c, l) or (c, l), to quint8 with the layer's `scale` and `zero_point`."""

    spatial = 1


class Conv2d(_QuantizedConvolution):
    """Conv2d of a quantized tensor (n, c, h, w) or (c, h, w), to quint8 with the layer's `scale` and `zero_point`.

    The result has its channels last in memory. Arguments as `tensorx.nn.Conv2d`; `padding_mode` is 'zeros'.

    >>> import tensorx as tx
    >>> layer = tx.ao.nn.quantized.Conv2d(3, 8, 3, padding=1)
    >>> layer(tx.quantize_per_tensor(tx.zeros(1, 3, 5, 5), 0.1, 0, tx.quint8)).shape
    tensorx.Size([1, 8, 5, 5])
    """

    spatial = 2
