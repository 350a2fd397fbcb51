"""Products of integers of eight bits: packing of weights, and the one kernel that all of them use."""

from math import prod

from ... import _C
from ...nn.functional import pad
from ...tensor import Tensor
from .schemes import qint8, quint8

STRIP, QUAD = 16, 4  # columns of a strip and steps of a quad: kernels/quantized.h


def pack(weight, groups=1):
    """int8 weights (out, ...) in the order that the kernel reads them: (groups, strips, quads, STRIP, QUAD)."""
    rows = weight.reshape(groups, weight.shape[0] // groups, prod(weight.shape[1:]))
    columns, depth = -rows.shape[1] % STRIP, -rows.shape[2] % QUAD
    rows = pad(rows, (0, depth, 0, columns))
    strips, quads = rows.shape[1] // STRIP, rows.shape[2] // QUAD
    return rows.view(groups, strips, STRIP, quads, QUAD).permute(0, 1, 3, 2, 4).contiguous()


def sums_of(weight):
    """The sum of each row of weights (out, ...), in int32."""
    return weight.flatten(1).sum(1, dtype=_C.int32)


def unsigned(name, q):
    """The integers of a quantized tensor as uint8, and the zero point that goes with them."""
    if q.dtype is quint8:
        return q.int_repr(), q.q_zero_point()
    if q.dtype is qint8:
        return q.int_repr().bitwise_xor(-128).view(_C.uint8), q.q_zero_point() + 128
    raise RuntimeError(
        f"quantized {name}: expected a quantized tensor of quint8 or qint8, got {q.dtype}: put a QuantStub before it, or call "
        "tensorx.quantize_per_tensor"
    )


def multiply(x, zero_point, packed, sums, offset, multiplier, dtype, out_zero_point=0, lowest=0):
    """The product of rows (m, k) with packed weights, as (m, out) of `dtype`."""
    ones, none = (1, 1), (0, 0)
    images = x.reshape(x.shape[0], 1, 1, x.shape[1])
    out = _C.quantized_convolution(
        images, zero_point, packed, sums, offset, multiplier, ones, ones, none, ones, dtype, out_zero_point, lowest
    )
    return out.view(x.shape[0], sums.shape[0])


def _int_mm(input, mat2):
    """The product of int8 matrices (m, k) and (k, n), in int32; sums wrap around.

    >>> import tensorx as tx
    >>> tx._int_mm(tx.tensor([[100, -100]], dtype=tx.int8), tx.tensor([[100], [-100]], dtype=tx.int8))
    tensor([[20000]], dtype=tensorx.int32)
    """
    for name, matrix in (("input", input), ("mat2", mat2)):
        if not isinstance(matrix, Tensor) or matrix.dtype != _C.int8 or matrix.ndim != 2:
            given = f"{matrix.dtype} of shape {list(matrix.shape)}" if isinstance(matrix, Tensor) else type(matrix)
            raise RuntimeError(f"_int_mm(): expected {name} to be an int8 matrix, got {given}")
    if input.shape[1] != mat2.shape[0]:
        raise RuntimeError(f"_int_mm(): expected (m, k) and (k, n), got {list(input.shape)} and {list(mat2.shape)}")
    weight = mat2.t()
    return multiply(input.bitwise_xor(-128).view(_C.uint8), 128, pack(weight), sums_of(weight), None, None, _C.int32)
