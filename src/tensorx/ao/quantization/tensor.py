"""QuantizedTensor: integers, and what they stand for.

It is no Tensor and holds one, of uint8, int8 or int32, with its scale and zero point. An op that is given one asks its
class (`_call_op`): ops that only move elements are done on the integers, as are ReLU and max pooling, which rounding does
not disturb; average pooling is done in float32 and quantized again. Everything else is refused.
"""

from functools import partial

from ... import _C
from ...ops.define import methods
from ...size import Size
from ...tensor import Tensor
from .pooling import max_pool
from .schemes import per_channel_affine, per_tensor_affine

_MOVES = frozenset((
    "view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "expand", "select", "narrow", "slice",
    "contiguous", "clone", "_clone", "movedim", "index_select", "flip", "unfold", "as_strided", "t", "view_as", "unflatten",
))  # fmt: skip


class QuantizedTensor:
    """A tensor of integers q that stand for (q - zero_point) * scale.

    Made by `tensorx.quantize_per_tensor`, `quantize_per_channel` and the modules of `tensorx.ao.nn.quantized`.
    `int_repr()` are the integers, `dequantize()` the numbers. It has no gradient.

    >>> import tensorx as tx
    >>> q = tx.quantize_per_tensor(tx.tensor([[-1.0, 2.0]]), 0.5, 3, tx.quint8)
    >>> q.flatten().relu().int_repr(), q.q_scale(), q.q_zero_point()
    (tensor([3, 7], dtype=tensorx.uint8), 0.5, 3)
    """

    is_quantized = True
    requires_grad = False
    __array_priority__ = 1001

    def __init__(self, integers, dtype, scale, zero_point, axis=None):
        self._integers, self.dtype, self._scale, self._zero_point, self._axis = integers, dtype, scale, zero_point, axis

    # ---- what it is

    shape = property(lambda self: self._integers.shape, doc="The size of each dimension.")
    device = property(lambda self: self._integers.device, doc="Where the integers are.")
    is_cuda = property(lambda self: self._integers.is_cuda, doc="True on a CUDA device.")
    ndim = property(lambda self: self._integers.ndim, doc="The number of dimensions.")

    def dim(self):
        """The number of dimensions."""
        return self._integers.ndim

    def size(self, dim=None):
        """The shape, or one of its sizes."""
        return Size(self.shape) if dim is None else self.shape[dim]

    def numel(self):
        """The number of elements."""
        return self._integers.numel()

    def is_contiguous(self, **options):
        """Whether the integers lie in the order of their indices."""
        return self._integers.is_contiguous(**options)

    def qscheme(self):
        """`per_tensor_affine` or `per_channel_affine`."""
        return per_tensor_affine if self._axis is None else per_channel_affine

    def int_repr(self):
        """The integers: a tensor of uint8, int8 or int32."""
        return self._integers

    def q_scale(self):
        """The scale of a tensor that has one for all elements."""
        return self._whole("q_scale", self._scale)

    def q_zero_point(self):
        """The integer that stands for 0."""
        return self._whole("q_zero_point", self._zero_point)

    def q_per_channel_scales(self):
        """The scales, in float64."""
        return self._channels("q_per_channel_scales", self._scale)

    def q_per_channel_zero_points(self):
        """The zero points, in int64."""
        return self._channels("q_per_channel_zero_points", self._zero_point)

    def q_per_channel_axis(self):
        """The dimension of the channels."""
        return self._channels("q_per_channel_axis", self._axis)

    def _whole(self, name, value):
        if self._axis is not None:
            raise RuntimeError(f"{name}(): the tensor has a scale for each channel: use q_per_channel_scales()")
        return value

    def _channels(self, name, value):
        if self._axis is None:
            raise RuntimeError(f"{name}(): the tensor has one scale for all elements: use q_scale()")
        return value

    def dequantize(self):
        """(integer - zero_point) * scale of each element, in float32."""
        scale, zero_point = self._scale, self._zero_point
        if self._axis is not None:
            shape = [-1 if d == self._axis else 1 for d in range(self.ndim)]
            scale, zero_point = scale.to(_C.float32).view(shape), zero_point.view(shape)
        wide = _C.int64 if self._integers.dtype == _C.int32 else _C.int32
        return (self._integers.to(wide) - zero_point).to(_C.float32) * scale

    # ---- conversions and copies

    def _with(self, integers):
        return QuantizedTensor(integers, self.dtype, self._scale, self._zero_point, self._axis)

    def to(self, device, non_blocking=False):
        """On another device."""
        if isinstance(device, _C.dtype):
            raise RuntimeError("to(): a quantized tensor keeps its dtype: call dequantize() first")
        scale, zero_point = (x.to(device) if isinstance(x, Tensor) else x for x in (self._scale, self._zero_point))
        return QuantizedTensor(self._integers.to(device), self.dtype, scale, zero_point, self._axis)

    def cpu(self):
        """In host memory."""
        return self.to("cpu")

    def cuda(self, device="cuda"):
        """On a CUDA device."""
        return self.to(device)

    def detach(self):
        """The tensor itself: there is no history."""
        return self

    def equal(self, other):
        """Whether both have the same integers, scale and zero point."""
        same = self.dtype is other.dtype and self._axis == other._axis and self._integers.equal(other._integers)
        if self._axis is None:
            return same and (self._scale, self._zero_point) == (other._scale, other._zero_point)
        return same and self._scale.equal(other._scale) and self._zero_point.equal(other._zero_point)

    def __reduce__(self):
        return QuantizedTensor, (self._integers, self.dtype, self._scale, self._zero_point, self._axis)

    def __deepcopy__(self, memo):
        return self._with(self._integers.clone())

    def __repr__(self):
        numbers = repr(self.dequantize())[:-1]
        axis = "" if self._axis is None else f", axis={self._axis}"
        return (
            f"{numbers}, size={tuple(self.shape)}, dtype={self.dtype}, quantization_scheme={self.qscheme()}, "
            f"scale={self._scale}, zero_point={self._zero_point}{axis})"
        )

    def __len__(self):
        return len(self._integers)

    # ---- ops

    def _call_op(self, op, arguments):
        """What an op gives for these arguments, some of which are quantized. Called from C."""
        return _rule(op.name, TypeError)(*arguments)

    def __getattr__(self, name):
        """The methods of Tensor that are defined for quantized tensors."""
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(_rule(name, AttributeError), self)

    def __getitem__(self, index):
        return _move(lambda integers: integers[index], self)


def _move(function, q, *arguments, **keywords):
    if q._axis is not None:
        raise RuntimeError("a tensor with a scale for each channel cannot be moved about: call dequantize() first")
    return q._with(function(q._integers, *arguments, **keywords))


def _relu(q):
    zero_point = q.q_zero_point()
    return q._with(q._integers.clamp(min=zero_point))


def _requantized(function, q, *arguments, **keywords):
    """In float32, and quantized again with the same scale and zero point."""
    from .affine import quantize_per_tensor

    return quantize_per_tensor(function(q.dequantize(), *arguments, **keywords), q.q_scale(), q.q_zero_point(), q.dtype)


_RULES = {"relu": _relu, "_max_pool": max_pool}


def _rule(name, error):
    if name in _RULES:
        return _RULES[name]
    if name in _MOVES:
        return partial(_move, methods["clone" if name == "_clone" else name])
    if name in ("mean", "_average_pool"):
        from ...ops import pool

        return partial(_requantized, methods["mean"] if name == "mean" else getattr(pool, name))
    raise error(f"{name}() is not defined for quantized tensors: call dequantize() first, or apply it to int_repr()")
