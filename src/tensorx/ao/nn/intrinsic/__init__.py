"""Modules that `fuse_modules` makes: several layers in one, so that their result is rounded once."""

from ....nn import BatchNorm1d, BatchNorm2d, Conv1d, Conv2d, Linear, ReLU, Sequential


class _FusedModule(Sequential):
    """Layers that are quantized as one. Subclasses say which."""

    parts: tuple = ()

    def __init__(self, *layers) -> None:
        if tuple(type(layer) for layer in layers) != self.parts:
            expected = ", ".join(part.__name__ for part in self.parts)
            given = ", ".join(type(layer).__name__ for layer in layers)
            raise AssertionError(f"{type(self).__name__}: expected {expected}, got {given}")
        super().__init__(*layers)


class ConvReLU1d(_FusedModule):
    """A Conv1d and a ReLU."""

    parts = (Conv1d, ReLU)


class ConvReLU2d(_FusedModule):
    """A Conv2d and a ReLU.

    >>> import tensorx as tx
    >>> fused = tx.ao.nn.intrinsic.ConvReLU2d(tx.nn.Conv2d(1, 2, 3), tx.nn.ReLU())
    >>> fused(tx.zeros(1, 1, 4, 4)).shape
    tensorx.Size([1, 2, 2, 2])
    """

    parts = (Conv2d, ReLU)


class LinearReLU(_FusedModule):
    """A Linear and a ReLU."""

    parts = (Linear, ReLU)


class ConvBn1d(_FusedModule):
    """A Conv1d and a BatchNorm1d, for training."""

    parts = (Conv1d, BatchNorm1d)


class ConvBn2d(_FusedModule):
    """A Conv2d and a BatchNorm2d, for training."""

    parts = (Conv2d, BatchNorm2d)


class ConvBnReLU1d(_FusedModule):
    """A Conv1d, a BatchNorm1d and a ReLU, for training."""

    parts = (Conv1d, BatchNorm1d, ReLU)


class ConvBnReLU2d(_FusedModule):
    """A Conv2d, a BatchNorm2d and a ReLU, for training."""

    parts = (Conv2d, BatchNorm2d, ReLU)


from . import qat as qat, quantized as quantized
