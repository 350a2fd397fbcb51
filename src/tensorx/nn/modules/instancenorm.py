"""Instance normalisation. Ulyanov et al. 2016, arXiv:1607.08022."""

from __future__ import annotations

import warnings

from ... import Tensor, dtype
from ...types import Device
from .. import functional as F
from .batchnorm import _NormBase


class _InstanceNorm(_NormBase):
    """What the instance normalisations share; they differ in the dimensions they expect, without and with a batch."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _channel_dim(self, input):
        return 0 if input.dim() == min(self.expected_dims) else 1

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        unbatched = self._channel_dim(input) == 0
        batch = input.unsqueeze(0) if unbatched else input
        if batch.shape[1] != self.num_features:
            text = (
                f"{self._get_name()}: expected input of {self.num_features} channels (num_features), "
                f"got {batch.shape[1]}: input of shape {tuple(input.shape)}"
            )
            if self.affine:
                raise ValueError(text)
            warnings.warn(f"{text}; without affine parameters num_features is not used", stacklevel=3)
        output = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return output.squeeze(0) if unbatched else output


class InstanceNorm1d(_InstanceNorm):
    """(input - mean) / sqrt(var + eps) * weight + bias with the statistics of each channel of each example.

    input: (N, C, L) or (C, L). By default there are no weight and bias (`affine`), and no running statistics for
    evaluation (`track_running_stats`). ValueError for other numbers of dimensions.

    >>> import tensorx as tx
    >>> tx.nn.InstanceNorm1d(2)(tx.tensor([[1.0, 3.0], [0.0, 10.0]]))
    tensor([[-1.0000,  1.0000],
            [-1.0000,  1.0000]])
    """

    expected_dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """InstanceNorm1d for (N, C, H, W) or (C, H, W).

    >>> import tensorx as tx
    >>> tx.nn.InstanceNorm2d(3)(tx.randn(2, 3, 4, 4)).shape
    tensorx.Size([2, 3, 4, 4])
    """

    expected_dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """InstanceNorm1d for (N, C, D, H, W) or (C, D, H, W).

    >>> import tensorx as tx
    >>> tx.nn.InstanceNorm3d(3)(tx.randn(2, 3, 2, 4, 4)).shape
    tensorx.Size([2, 3, 2, 4, 4])
    """

    expected_dims = (4, 5)
