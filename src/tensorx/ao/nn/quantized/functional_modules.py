"""Sums and products of two tensors as modules, so that their results can be observed, and quantized."""

from __future__ import annotations

from ....nn import Identity, Module
from ....ops.join import cat
from ...quantization.affine import quantize_per_tensor
from ...quantization.schemes import quint8
from .weights import WithResult


class FloatFunctional(Module):
    """`add`, `mul`, `cat` and so on as methods: `self.skip = FloatFunctional()`, then `self.skip.add(x, y)`.

    >>> import tensorx as tx
    >>> tx.ao.nn.quantized.FloatFunctional().add(tx.ones(1), tx.ones(1))
    tensor([2.])
    """

    def __init__(self) -> None:
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x):
        raise RuntimeError(f"{type(self).__name__} is not called: use its methods, such as add(x, y)")

    def _done(self, result):
        return self.activation_post_process(result)

    def add(self, x, y):
        """x + y."""
        return self._done(x + y)

    def add_scalar(self, x, y):
        """x + y for a number y; not observed."""
        return x + y

    def mul(self, x, y):
        """x * y."""
        return self._done(x * y)

    def mul_scalar(self, x, y):
        """x * y for a number y; not observed."""
        return x * y

    def add_relu(self, x, y):
        """relu(x + y)."""
        return self._done((x + y).relu())

    def cat(self, x, dim=0):
        """The tensors of a list joined along a dimension."""
        return self._done(cat(x, dim))

    def matmul(self, x, y):
        """x @ y."""
        return self._done(x @ y)


class QFunctional(WithResult, FloatFunctional):
    """FloatFunctional of quantized tensors: computed in float32, rounded with `scale` and `zero_point`."""

    def _done(self, result):
        return quantize_per_tensor(result, self.scale, self.zero_point, quint8)

    def add(self, x, y):
        """x + y."""
        return super().add(x.dequantize(), y.dequantize())

    def add_scalar(self, x, y):
        """x + y for a number y, with the scale of x."""
        return quantize_per_tensor(x.dequantize() + y, x.q_scale(), x.q_zero_point(), x.dtype)

    def mul(self, x, y):
        """x * y."""
        return super().mul(x.dequantize(), y.dequantize())

    def mul_scalar(self, x, y):
        """x * y for a number y, with the scale of x."""
        return quantize_per_tensor(x.dequantize() * y, x.q_scale(), x.q_zero_point(), x.dtype)

    def add_relu(self, x, y):
        """relu(x + y)."""
        return super().add_relu(x.dequantize(), y.dequantize())

    def cat(self, x, dim=0):
        """The tensors of a list joined along a dimension."""
        return super().cat([part.dequantize() for part in x], dim)

    def matmul(self, x, y):
        """x @ y."""
        return super().matmul(x.dequantize(), y.dequantize())

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """Of an observed FloatFunctional."""
        made = cls()
        made._take_result(mod)
        return made

    def extra_repr(self) -> str:
        return self._result_text()
