"""Batch normalisation. Ioffe and Szegedy 2015, arXiv:1502.03167."""

from __future__ import annotations

from ... import Tensor, dtype, empty, int64, ones, tensor, zeros
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _NormBase(Module):
    """What batch and instance normalisation share: the parameters, the running statistics, checks and repr."""

    _version = 2  # 2: num_batches_tracked
    expected_dims: tuple[int, ...] = ()

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name, Parameter(empty(num_features, device=device, dtype=dtype)) if wanted else None
            )
        tracked = track_running_stats
        self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype) if tracked else None)
        self.register_buffer("num_batches_tracked", tensor(0, dtype=int64, device=device) if tracked else None)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Mean 0, variance 1, no batches."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input):
        if input.dim() not in self.expected_dims:
            expected = " or ".join(f"{dims}D" for dims in self.expected_dims)
            raise ValueError(
                f"{self._get_name()}: expected {expected} input "
                f"(got {input.dim()}D input, of shape {tuple(input.shape)})"
            )

    def _channel_dim(self, input):
        """Where the channels of an input are."""
        return 1

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        key = prefix + "num_batches_tracked"
        if (local_metadata.get("version") or 1) < 2 and self.track_running_stats and key not in state_dict:
            state_dict[key] = (
                self.num_batches_tracked if self.num_batches_tracked is not None else tensor(0, dtype=int64)
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class _BatchNorm(_NormBase):
    """What the batch normalisations share; they differ in the dimensions they expect."""

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # a plain average over all batches
                momentum = 1.0 / self.num_batches_tracked.item()
        # Without running statistics those of the batch are used in evaluation, too. In training, running
        # statistics that are not tracked any more are left alone.
        of_batch = self.training or (self.running_mean is None and self.running_var is None)
        tracking = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracking else None,
            self.running_var if tracking else None,
            self.weight,
            self.bias,
            of_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """(input - mean) / sqrt(var + eps) * weight + bias per channel of (N, C) or (N, C, L).

    In training, mean and variance are those of the batch, and running averages of them are kept:
    running = (1 - momentum) running + momentum batch; `momentum=None` keeps the plain average over all batches.
    In evaluation the running ones are used, if `track_running_stats`. ValueError for other numbers of dimensions.

    >>> import tensorx as tx
    >>> norm = tx.nn.BatchNorm1d(3)
    >>> norm(tx.randn(8, 3)).shape, norm.num_batches_tracked
    (tensorx.Size([8, 3]), tensor(1))
    """

    expected_dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """BatchNorm1d for (N, C, H, W).

    >>> import tensorx as tx
    >>> tx.nn.BatchNorm2d(3)(tx.randn(8, 3, 4, 4)).shape
    tensorx.Size([8, 3, 4, 4])
    """

    expected_dims = (4,)


class BatchNorm3d(_BatchNorm):
    """BatchNorm1d for (N, C, D, H, W).

    >>> import tensorx as tx
    >>> tx.nn.BatchNorm3d(3)(tx.randn(8, 3, 2, 4, 4)).shape
    tensorx.Size([8, 3, 2, 4, 4])
    """

    expected_dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """BatchNorm over (N, C, ...) of any rank from 2 on, whose batch may be spread over processes.

    There is one process here, so it does what BatchNorm does; `process_group` is kept, and ignored.

    >>> import tensorx as tx
    >>> tx.nn.SyncBatchNorm(3)(tx.randn(8, 3, 4)).shape
    tensorx.Size([8, 3, 4])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(
                f"{self._get_name()}: expected at least 2D input "
                f"(got {input.dim()}D input, of shape {tuple(input.shape)})"
            )

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """`module` with every BatchNorm in it replaced by a SyncBatchNorm that has its parameters and statistics.

        >>> import tensorx as tx
        >>> model = tx.nn.Sequential(tx.nn.Linear(4, 3), tx.nn.BatchNorm1d(3))
        >>> type(tx.nn.SyncBatchNorm.convert_sync_batchnorm(model)[1]).__name__
        'SyncBatchNorm'
        """
        converted = module
        if isinstance(module, _BatchNorm):
            options = (module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats)
            converted = cls(*options, process_group, bias=module.bias is not None)
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked", "training"):
                setattr(converted, name, getattr(module, name))
        for name, child in module.named_children():
            converted.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return converted
