"""Layers without integer weights, for quantized tensors."""

from __future__ import annotations

from .... import Tensor, nn, tensor
from ...quantization.affine import dequantize, quantize_per_tensor
from ...quantization.schemes import quint8
from .weights import observed_result


class Quantize(nn.Module):
    """Float tensors to quantized ones, with a given scale and zero point.

    >>> import tensorx as tx
    >>> tx.ao.nn.quantized.Quantize(0.5, 3, tx.quint8)(tx.ones(1)).int_repr()
    tensor([5], dtype=tensorx.uint8)
    """

    def __init__(self, scale, zero_point, dtype, factory_kwargs=None) -> None:
        super().__init__()
        self.register_buffer("scale", nn.Buffer(_one(scale)))
        self.register_buffer("zero_point", nn.Buffer(_one(zero_point)))
        self.dtype = dtype
        self._numbers = None

    def forward(self, X):
        if self._numbers is None:  # asked once: on a CUDA device it takes waiting
            self._numbers = self.scale.item(), int(self.zero_point.item())
        return quantize_per_tensor(X, *self._numbers, self.dtype)

    def _load_from_state_dict(self, *args):
        super()._load_from_state_dict(*args)
        self._numbers = None

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of an observed QuantStub."""
        return cls(*mod.activation_post_process.calculate_qparams(), mod.activation_post_process.dtype)

    def extra_repr(self) -> str:
        return f"scale={self.scale}, zero_point={self.zero_point}, dtype={self.dtype}"


def _one(value):
    return value.detach().clone().reshape(1) if isinstance(value, Tensor) else tensor([value])


class DeQuantize(nn.Module):
    """Quantized tensors to float ones."""

    def forward(self, Xq):
        return dequantize(Xq)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of a DeQuantStub."""
        return cls()


class Dropout(nn.Dropout):
    """Passes its input on: a quantized model does not train."""

    def forward(self, input):
        return input

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of a Dropout."""
        return cls(mod.p, mod.inplace)


class MaxPool2d(nn.MaxPool2d):
    """`tensorx.nn.MaxPool2d`, which takes quantized tensors as well."""

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of a MaxPool2d."""
        return cls(mod.kernel_size, mod.stride, mod.padding, mod.dilation, mod.return_indices, mod.ceil_mode)


class ReLU6(nn.ReLU6):
    """min(max(x, 0), 6), on the integers."""

    def forward(self, input):
        six = round(6 / input.q_scale()) + input.q_zero_point()
        low, high = input.q_zero_point(), min(six, input.dtype.highest)
        return input._with(input.int_repr().clamp(low, high))

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of a ReLU6."""
        return cls(mod.inplace)


class Sigmoid(nn.Module):
    """The sigmoid, computed in float32, to quint8 with a given scale and zero point."""

    def __init__(self, output_scale, output_zero_point) -> None:
        super().__init__()
        self.output_scale, self.output_zero_point = output_scale, output_zero_point

    def forward(self, input):
        return quantize_per_tensor(input.dequantize().sigmoid(), self.output_scale, self.output_zero_point, quint8)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of an observed Sigmoid."""
        return cls(*observed_result(mod))


class BatchNorm2d(nn.BatchNorm2d):
    """Batch norm of a quantized tensor by its running statistics, computed in float32; better is to fuse it away."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.register_buffer("scale", _one(1.0))
        self.register_buffer("zero_point", _one(0))
        self.eval()

    def forward(self, input):
        return quantize_per_tensor(super().forward(input.dequantize()), self.scale, self.zero_point, quint8)

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of an observed BatchNorm2d."""
        made = cls(mod.num_features, mod.eps, mod.momentum)
        made.weight, made.bias, made.running_mean, made.running_var = (
            mod.weight, mod.bias, mod.running_mean, mod.running_var,
        )  # fmt: skip
        made.scale, made.zero_point = mod.activation_post_process.calculate_qparams()
        return made
