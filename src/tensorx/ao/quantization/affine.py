"""Rounding to integers and back: quantize, dequantize, and both at once with a gradient (fake quantization).

An integer q stands for (q - zero_point) * scale. A number x becomes q = round(x / scale) + zero_point, rounded half to even
and clamped to the integers there are; the division is a float32 product with 1 / scale, as in PyTorch.
"""

import numpy as np

from ... import _C
from ...ops.define import composite, op
from ...tensor import Tensor
from .schemes import quantized_dtype
from .tensor import QuantizedTensor

# ---- checks


def _check_range(name, lowest, highest):
    if lowest > highest:
        raise RuntimeError(f"{name}(): expected quant_min <= quant_max, got {lowest} and {highest}")


def _check_zero_point(name, zero_point, lowest, highest):
    if not lowest <= zero_point <= highest:
        raise RuntimeError(f"{name}(): expected a zero_point between {lowest} and {highest}, got {zero_point}")


def _number(name, what, value):
    """A number, or that of a tensor with one element."""
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise RuntimeError(f"{name}(): expected one {what}, got a tensor of shape {list(value.shape)}")
        value = value.item()
    return value


def _scale(name, scale):
    scale = float(_number(name, "scale", scale))
    if not 0 < np.float32(scale) < float("inf"):
        raise RuntimeError(f"{name}(): expected a positive, finite scale, got {scale}")
    return scale


def _float32_input(name, input):
    if not isinstance(input, Tensor) or input.dtype != _C.float32:
        given = input.dtype if isinstance(input, Tensor) else type(input).__name__
        raise RuntimeError(f"{name}(): expected a float32 tensor, got {given}: convert with .float()")


def _channels(name, input, scale, zero_point, axis):
    """Scales and zero points of each channel as float32, shaped to broadcast along `axis`; and that axis from the front."""
    if not -input.ndim <= axis < input.ndim:
        raise IndexError(f"{name}(): expected an axis of a tensor with {input.ndim} dimensions, got {axis}")
    axis %= input.ndim
    for what, values in (("scale", scale), ("zero_point", zero_point)):
        if not isinstance(values, Tensor) or values.ndim != 1 or len(values) != input.shape[axis]:
            given = list(values.shape) if isinstance(values, Tensor) else type(values).__name__
            raise RuntimeError(f"{name}(): expected a {what} for each of {input.shape[axis]} channels, got {given}")
    shape = [-1 if d == axis else 1 for d in range(input.ndim)]
    return scale.detach().to(_C.float32).view(shape), zero_point.detach().to(_C.float32).view(shape), axis


def _inverse(scale):
    """1 / scale in float32."""
    if isinstance(scale, Tensor):
        return scale.reciprocal()
    return float(np.float32(1) / np.float32(scale))


# ---- quantized tensors


def _integers(input, scale, zero_point, dtype):
    values = _C.mul(input.detach(), _inverse(scale))
    _C.round(values, values)
    _C.add(values, zero_point, values)
    if dtype.integer == _C.int32:  # its limits are no float32 numbers
        values = values.to(_C.float64)
    return _limited(values, float(dtype.lowest), float(dtype.highest)).to(dtype.integer)


def _limited(values, lowest, highest):
    """`values`, clamped in place; NaN becomes `lowest`."""
    _C.fmax(values, lowest, values)
    return _C.fmin(values, highest, values)


def quantize_per_tensor(input, scale, zero_point, dtype):
    """A float32 tensor as a quantized one: round(input / scale) + zero_point, clamped to the integers of `dtype`.

    scale, zero_point: a number, or a tensor with one element. dtype: `quint8` (0 to 255), `qint8` or `qint32`. NaN becomes
    the smallest integer. The result has no gradient: see `fake_quantize_per_tensor_affine`.

    >>> import tensorx as tx
    >>> q = tx.quantize_per_tensor(tx.tensor([-1.0, 0.0, 1.04]), 0.1, 10, tx.quint8)
    >>> q.int_repr().tolist(), q.dequantize()
    ([0, 10, 20], tensor([-1.,  0.,  1.]))
    """
    name = "quantize_per_tensor"
    _float32_input(name, input)
    dtype = quantized_dtype(dtype)
    scale, zero_point = _scale(name, scale), int(_number(name, "zero_point", zero_point))
    _check_zero_point(name, zero_point, dtype.lowest, dtype.highest)
    return QuantizedTensor(_integers(input, scale, zero_point, dtype), dtype, scale, zero_point)


def quantize_per_channel(input, scales, zero_points, axis, dtype):
    """`quantize_per_tensor` with a scale and zero point for each index of dimension `axis`.

    >>> import tensorx as tx
    >>> scales, zero_points = tx.tensor([0.1, 0.01]), tx.tensor([0, 0])
    >>> tx.quantize_per_channel(tx.ones(2, 1), scales, zero_points, 0, tx.qint8).int_repr().tolist()
    [[10], [100]]
    """
    name = "quantize_per_channel"
    _float32_input(name, input)
    dtype = quantized_dtype(dtype)
    scale, zero_point, axis = _channels(name, input, scales, zero_points, axis)
    return QuantizedTensor(
        _integers(input, scale, zero_point, dtype),
        dtype,
        scales.detach().to(_C.float64),
        zero_points.detach().to(_C.int64),
        axis,
    )


def dequantize(input):
    """The numbers a quantized tensor stands for, as float32; of a list or tuple, those of each.

    >>> import tensorx as tx
    >>> tx.dequantize(tx.quantize_per_tensor(tx.ones(2), 0.5, 0, tx.qint8))
    tensor([1., 1.])
    """
    if isinstance(input, (list, tuple)):
        return type(input)(dequantize(x) for x in input)
    return input.dequantize() if isinstance(input, QuantizedTensor) else input.float()


# ---- fake quantization


def _rounded(input, scale, lowest, highest):
    """input / scale, rounded and clamped, times scale."""
    values = _C.mul(input, _inverse(scale))
    _C.round(values, values)
    return _C.mul(_limited(values, lowest, highest), scale, values)


def _is_inside(input, scale, lowest, highest):
    rounded = (input.detach() * _inverse(scale)).round()
    return (rounded >= lowest) & (rounded <= highest)


@op(
    method=False,
    node_name="FakeQuantizePerTensorAffineCachemaskBackward0",
    input=lambda g, input, scale, lowest, highest: g * _is_inside(input, scale, lowest, highest),
)
def _fake_quantize(input, scale, lowest, highest):
    """round(input / scale), clamped, times scale. The gradient passes unchanged where nothing was clamped."""
    return _rounded(input, scale, lowest, highest)


def _learnable_gradients(needs, g, input, scale, zero_point, out, lowest, highest, grad_factor):
    ratio = input * _inverse(scale)
    rounded = ratio.round()
    low, high = rounded < lowest, rounded > highest
    inside = ~(low | high)
    step = low * lowest + high * highest + inside * (rounded - ratio)
    return (
        g * inside if needs[0] else None,
        g * step * grad_factor if needs[1] else None,
        g * ~inside * -scale * grad_factor if needs[2] else None,
    )


@op(method=False, joint=_learnable_gradients, inputs=("input", "scale", "zero_point"), broadcasts=True)
def _fake_quantize_learnable(input, scale, zero_point, lowest, highest, grad_factor):
    """`_fake_quantize` with gradients for the scale and zero point as well (learned step size, arXiv:1902.08153)."""
    return _rounded(input, scale, lowest, highest)


@composite
def fake_quantize_per_tensor_affine(input, scale, zero_point, quant_min, quant_max):
    """The values that `input` has after it was quantized and dequantized, with a gradient.

    (clamp(round(input / scale) + zero_point, quant_min, quant_max) - zero_point) * scale. The gradient is that of the
    identity where nothing was clamped and 0 elsewhere: the straight-through estimator (arXiv:1308.3432). scale,
    zero_point: a number, or a tensor with one element, from which the result has no gradient.

    >>> import tensorx as tx
    >>> x = tx.tensor([0.26, 9.0], requires_grad=True)
    >>> y = tx.fake_quantize_per_tensor_affine(x, 0.1, 0, -8, 7)
    >>> y.sum().backward()
    >>> y.detach(), x.grad
    (tensor([0.3000, 0.7000]), tensor([1., 0.]))
    """
    name = "fake_quantize_per_tensor_affine"
    _check_range(name, quant_min, quant_max)
    scale, zero_point = _scale(name, scale), int(_number(name, "zero_point", zero_point))
    _check_zero_point(name, zero_point, quant_min, quant_max)
    return _fake_quantize(input, scale, float(quant_min - zero_point), float(quant_max - zero_point))


def fake_quantize_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max):
    """`fake_quantize_per_tensor_affine` with a scale and zero point for each index of dimension `axis`.

    >>> import tensorx as tx
    >>> scale, zero_point = tx.tensor([1.0, 0.5]), tx.tensor([0, 0])
    >>> tx.fake_quantize_per_channel_affine(tx.full((2, 1), 0.7), scale, zero_point, 0, -8, 7).tolist()
    [[1.0], [0.5]]
    """
    name = "fake_quantize_per_channel_affine"
    _check_range(name, quant_min, quant_max)
    scale, zero_point, _ = _channels(name, input, scale, zero_point, axis)
    for extreme in (zero_point.min().item(), zero_point.max().item()) if zero_point.numel() else ():
        _check_zero_point(name, int(extreme), quant_min, quant_max)
    return _fake_quantize(input, scale, quant_min - zero_point, quant_max - zero_point)


def _fake_quantize_learnable_per_tensor_affine(input, scale, zero_point, quant_min, quant_max, grad_factor=1.0):
    """`fake_quantize_per_tensor_affine` whose scale and zero point are tensors of one element and learn, too."""
    _check_range("_fake_quantize_learnable_per_tensor_affine", quant_min, quant_max)
    point = zero_point.detach().round().clamp(quant_min, quant_max)
    return _fake_quantize_learnable(input, scale, zero_point, quant_min - point, quant_max - point, grad_factor)


def _fake_quantize_learnable_per_channel_affine(input, scale, zero_point, axis, quant_min, quant_max, grad_factor=1.0):
    """`fake_quantize_per_channel_affine` whose scales and zero points learn, too."""
    shape = [-1 if d == axis % input.ndim else 1 for d in range(input.ndim)]
    return _fake_quantize_learnable_per_tensor_affine(
        input, scale.view(shape), zero_point.view(shape), quant_min, quant_max, grad_factor
    )
