"""Fused layers for training with fake quantization.

A convolution and the batch norm after it are one product in the end, so the weight that is rounded is the one with the
norm's factor in it: weight * gamma / sqrt(running_var + eps). The convolution's result is divided by that factor again
before the norm, which then sees what it would without quantization. Krishnamoorthi 2018, arXiv:1806.08342.
"""

from __future__ import annotations

from ....nn import BatchNorm1d, BatchNorm2d, Conv1d, Conv2d
from .. import qat


class LinearReLU(qat.Linear):
    """`tensorx.ao.nn.qat.Linear` and a ReLU."""

    relu = True


class ConvReLU1d(qat.Conv1d):
    """`tensorx.ao.nn.qat.Conv1d` and a ReLU."""

    relu = True


class ConvReLU2d(qat.Conv2d):
    """`tensorx.ao.nn.qat.Conv2d` and a ReLU."""

    relu = True


class _ConvBn(qat._Convolution):
    """A convolution and a batch norm; `freeze_bn_stats` trains with the norm's running statistics from then on."""

    norm: type

    def __init__(self, *arguments, qconfig=None, eps=1e-5, momentum=0.1, freeze_bn=False, **keywords) -> None:
        super().__init__(*arguments, qconfig=qconfig, **keywords)
        self.bn = self.norm(self.out_channels, eps, momentum)
        self.freeze_bn = freeze_bn
        self.train(self.training)

    def _factor_and_weight(self):
        """The norm's factor of each channel, and the weight with it."""
        factor = self.bn.weight / (self.bn.running_var + self.bn.eps).sqrt()
        return factor, self.weight * factor.reshape(-1, *[1] * (self.spatial + 1))

    def forward(self, input):
        shape = [1, -1] + [1] * self.spatial
        factor, weight = self._factor_and_weight()
        output = self._with(input, self.weight_fake_quant(weight), None) / factor.reshape(shape)
        if self.bias is not None:
            output = output + self.bias.reshape(shape)
        output = self.bn(output)
        return output.relu() if self.relu else output

    def freeze_bn_stats(self):
        """Normalise by the running statistics, and leave them as they are, in training too."""
        self.freeze_bn = True
        self.bn.eval()
        return self

    def update_bn_stats(self):
        """Normalise by the statistics of the batch in training, and follow them."""
        self.freeze_bn = False
        self.bn.train(self.training)
        return self

    def train(self, mode=True):
        super().train(mode)
        if self.freeze_bn:
            self.bn.eval()
        return self

    def folded(self):
        """Weight and bias of the convolution that does both."""
        factor, weight = self._factor_and_weight()
        before = 0 if self.bias is None else self.bias
        return weight.detach(), (self.bn.bias + (before - self.bn.running_mean) * factor).detach()

    @classmethod
    def from_float(cls, mod, use_precomputed_fake_quant=False):
        """The layer for training that takes the place of a fused `mod`."""
        convolution, norm = mod[0], mod[1]
        arguments = cls._arguments(convolution) | {"bias": convolution.bias is not None}
        made = cls(**arguments, qconfig=mod.qconfig, eps=norm.eps, momentum=norm.momentum)
        made.weight, made.bias, made.bn = convolution.weight, convolution.bias, norm
        made.weight_fake_quant.to(convolution.weight.device)
        return made.train(mod.training)


def freeze_bn_stats(mod) -> None:
    """Freeze the batch norms of a model's fused layers: `model.apply(freeze_bn_stats)`."""
    if isinstance(mod, _ConvBn):
        mod.freeze_bn_stats()


def update_bn_stats(mod) -> None:
    """Let the batch norms of a model's fused layers follow the batches again: `model.apply(update_bn_stats)`."""
    if isinstance(mod, _ConvBn):
        mod.update_bn_stats()


class ConvBn1d(_ConvBn, Conv1d):
    """A Conv1d and a BatchNorm1d that are rounded as one convolution."""

    norm = BatchNorm1d


class ConvBn2d(_ConvBn, Conv2d):
    """A Conv2d and a BatchNorm2d that are rounded as one convolution.

    >>> import tensorx as tx
    >>> qconfig = tx.ao.quantization.get_default_qat_qconfig()
    >>> layer = tx.ao.nn.intrinsic.qat.ConvBn2d(1, 2, 3, qconfig=qconfig)
    >>> layer(tx.randn(4, 1, 5, 5)).shape
    tensorx.Size([4, 2, 3, 3])
    """

    norm = BatchNorm2d


class ConvBnReLU1d(ConvBn1d):
    """ConvBn1d and a ReLU."""

    relu = True


class ConvBnReLU2d(ConvBn2d):
    """ConvBn2d and a ReLU."""

    relu = True
