"""The weight and bias of a quantized layer, as they are saved and as the kernel wants them, and what its result is like."""

from __future__ import annotations

from .... import _C, Tensor, tensor
from ....nn import Module
from ...quantization.affine import quantize_per_channel, quantize_per_tensor
from ...quantization.products import pack, sums_of
from ...quantization.schemes import qint8
from ...quantization.tensor import QuantizedTensor


def observed_result(mod):
    """Scale and zero point, as numbers, of the observer of what `mod` gives."""
    scale, zero_point = mod.activation_post_process.calculate_qparams()
    return scale.item(), int(zero_point.item())


class WithResult(Module):
    """A layer whose result is quantized with `scale`, a float, and `zero_point`, an int; the state dictionary has both."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.scale, self.zero_point = 1.0, 0

    def _take_result(self, mod):
        """Those of the observer of `mod`."""
        self.scale, self.zero_point = observed_result(mod)

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "scale"] = tensor(self.scale)
        destination[prefix + "zero_point"] = tensor(self.zero_point)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys, *args):
        for name, number in (("scale", float), ("zero_point", int)):
            if prefix + name in state_dict:
                setattr(self, name, number(state_dict.pop(prefix + name).item()))
            elif strict:
                missing_keys.append(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys, *args)

    def _result_text(self):
        return f"scale={self.scale}, zero_point={self.zero_point}"


class WithWeight(Module):
    """A layer with an int8 weight (out, ...), a scale for each output channel, and a float32 bias.

    The state dictionary has `weight_integers`, `weight_scales` and `bias_values`; packed weights are made of them anew.
    """

    groups = 1
    weight_integers: Tensor
    weight_scales: Tensor
    bias_values: Tensor | None

    def __init__(self, shape, bias) -> None:
        super().__init__()
        self.register_buffer("weight_integers", _C.full(tuple(shape), 0, _C.int8, "cpu"))
        self.register_buffer("weight_scales", _C.full((shape[0],), 1, _C.float32, "cpu"))
        self.register_buffer("bias_values", _C.full((shape[0],), 0, _C.float32, "cpu") if bias else None)
        self.per_channel = False
        self._packed: tuple[Tensor, Tensor] | None = None
        self._factors: dict[tuple, tuple[Tensor, Tensor]] = {}

    def _channels_last(self, integers):
        """The weight in the order in which inputs are read."""
        return integers

    def _prepare(self, input_scale, output_scale):
        """What kernels/quantized.h wants: packed weights, their sums, offset and multiplier. Kept for the next call."""
        device = self.weight_integers.device
        if self._packed is None or self._packed[0].device != device:
            self._packed = pack(self._channels_last(self.weight_integers), self.groups), sums_of(self.weight_integers)
            self._factors = {}
        key = (input_scale, output_scale)
        if key not in self._factors:
            product = self.weight_scales * input_scale
            offset = product * 0 if self.bias_values is None else self.bias_values / product
            self._factors = {key: (offset, product if output_scale is None else product / output_scale)}
        return *self._packed, *self._factors[key]

    def set_weight_bias(self, w, b) -> None:
        """Take a quantized weight (qint8, zero points 0) and a float bias, or None."""
        if not isinstance(w, QuantizedTensor) or w.dtype is not qint8:
            raise RuntimeError(f"{type(self).__name__}: expected a weight of qint8, got {getattr(w, 'dtype', type(w))}")
        if tuple(w.shape) != tuple(self.weight_integers.shape):
            raise RuntimeError(
                f"{type(self).__name__}: expected a weight of shape {list(self.weight_integers.shape)}, got {list(w.shape)}"
            )
        self.per_channel = w._axis is not None
        zero_points = w._zero_point.any().item() if self.per_channel else w.q_zero_point()
        if zero_points or (self.per_channel and w.q_per_channel_axis() != 0):
            raise RuntimeError(
                f"{type(self).__name__}: expected a symmetric weight, whose zero points are 0, per tensor or along dimension "
                "0: use an observer with qscheme=tensorx.per_channel_symmetric or tensorx.per_tensor_symmetric"
            )
        scales = w._scale if self.per_channel else tensor([w._scale] * w.shape[0], device=w.device)
        self.weight_integers, self.weight_scales = w.int_repr(), scales.to(_C.float32)
        self.bias_values = None if b is None else b.detach().to(_C.float32)
        self._packed = None

    def weight(self):
        """The weight, as a quantized tensor."""
        if self.per_channel:
            zeros = self.weight_scales.new_zeros(self.weight_scales.shape, dtype=_C.int64)
            return QuantizedTensor(self.weight_integers, qint8, self.weight_scales.to(_C.float64), zeros, 0)
        return QuantizedTensor(self.weight_integers, qint8, self.weight_scales[0].item(), 0)

    def bias(self):
        """The bias in float32, or None."""
        return self.bias_values

    def _load_from_state_dict(self, state_dict, prefix, *args):
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._packed = None
        scales = self.weight_scales
        self.per_channel = scales.numel() > 0 and (scales != scales[0]).any().item()


def quantized_weight(weight, observer):
    """The weight rounded by the scale and zero point of an observer, or module of fake quantization, that is shown it."""
    weight = weight.detach()
    observer(weight)
    scale, zero_point = observer.calculate_qparams()
    if observer.qscheme.per_channel:
        return quantize_per_channel(weight, scale, zero_point, observer.ch_axis, observer.dtype)
    return quantize_per_tensor(weight, scale, zero_point, observer.dtype)
