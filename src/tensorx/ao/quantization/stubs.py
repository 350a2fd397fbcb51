"""Where a model's tensors become quantized, and floats again."""

from __future__ import annotations

from ...nn import Module

__all__ = [
    "DeQuantStub", "QuantStub", "QuantWrapper",
]  # fmt: skip


class QuantStub(Module):
    """Passes its input on; `convert` makes a `Quantize` of it. Put it where quantized computation begins.

    >>> import tensorx as tx
    >>> tx.ao.quantization.QuantStub()(tx.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, qconfig=None) -> None:
        super().__init__()
        if qconfig:
            self.qconfig = qconfig

    def forward(self, x):
        return x


class DeQuantStub(QuantStub):
    """Passes its input on; `convert` makes a `DeQuantize` of it. Put it where quantized computation ends."""


class QuantWrapper(Module):
    """A module between a QuantStub and a DeQuantStub.

    >>> import tensorx as tx
    >>> tx.ao.quantization.QuantWrapper(tx.nn.Linear(2, 3))(tx.zeros(1, 2)).shape
    tensorx.Size([1, 3])
    """

    def __init__(self, module) -> None:
        super().__init__()
        qconfig = getattr(module, "qconfig", None)
        self.quant, self.dequant, self.module = QuantStub(qconfig), DeQuantStub(qconfig), module
        self.train(module.training)

    def forward(self, X):
        return self.dequant(self.module(self.quant(X)))
