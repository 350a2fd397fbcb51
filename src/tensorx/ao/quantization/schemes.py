"""The dtypes of quantized tensors, and how a tensor's scales and zero points are laid out."""

from ... import _C
from ...ops.convert import Constant


class QuantizedDType(Constant):
    """A dtype of quantized tensors: integers that stand for (integer - zero_point) * scale."""

    __slots__ = ("highest", "integer", "lowest")

    def __init__(self, name, integer, lowest, highest):
        super().__init__(name)
        self.integer, self.lowest, self.highest = integer, lowest, highest


class QuantizationScheme(Constant):
    """One scale and zero point for a whole tensor, or one for each channel; symmetric: the zero point is in the middle."""

    __slots__ = ("per_channel", "symmetric")

    def __init__(self, name):
        super().__init__(name)
        self.per_channel, self.symmetric = "channel" in name, "symmetric" in name


quint8 = QuantizedDType("quint8", _C.uint8, 0, 255)
qint8 = QuantizedDType("qint8", _C.int8, -128, 127)
qint32 = QuantizedDType("qint32", _C.int32, -(2**31), 2**31 - 1)

per_tensor_affine = QuantizationScheme("per_tensor_affine")
per_tensor_symmetric = QuantizationScheme("per_tensor_symmetric")
per_channel_affine = QuantizationScheme("per_channel_affine")
per_channel_symmetric = QuantizationScheme("per_channel_symmetric")

BY_INTEGER = {_C.uint8: quint8, _C.int8: qint8, _C.int32: qint32}


def quantized_dtype(dtype):
    """`dtype`, given as a quantized dtype or as that of its integers."""
    found = BY_INTEGER.get(dtype, dtype) if not isinstance(dtype, QuantizedDType) else dtype
    if not isinstance(found, QuantizedDType):
        raise TypeError(f"expected quint8, qint8 or qint32, or the dtype of their integers, got {dtype}")
    return found
