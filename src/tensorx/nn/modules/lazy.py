"""Lazy layers: they learn how many features or channels they have from their first input.

Until then their parameters are UninitializedParameters (nn/parameter.py). The first call makes them, and turns the
layer into an ordinary one: a LazyLinear becomes a Linear, and nothing lazy remains.
"""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor, dtype, int64, no_grad, tensor
from ...types import Device
from ..parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from .batchnorm import BatchNorm1d, BatchNorm2d, BatchNorm3d, _NormBase
from .conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    _Convolution,
    _ForwardConvolution,
    _TransposedConvolution,
)
from .instancenorm import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .linear import Linear
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LazyModuleMixin(Module):
    """What makes a Module lazy. Inherit from it first, and from the module second.

    The constructor registers UninitializedParameters and UninitializedBuffers; `initialize_parameters` is called with
    the arguments of the first call and materializes them. Then the module's class becomes `cls_to_become`, if there is
    one. Such a module moves, converts, copies, saves and loads as any other, before and after. Give its parameters to
    an optimiser before or after: they stay the same objects.

    >>> import tensorx as tx
    >>> class LazyScale(tx.nn.modules.lazy.LazyModuleMixin, tx.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = tx.nn.UninitializedParameter()
    ...     def initialize_parameters(self, input):
    ...         self.factor.materialize(input.shape[-1:])
    ...         tx.nn.init.ones_(self.factor)
    ...     def forward(self, input):
    ...         return input * self.factor
    >>> LazyScale()(tx.ones(2, 3)).shape
    tensorx.Size([2, 3])
    """

    cls_to_become: type[Module] | None = None
    _inferred = False

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._inferred:
            return super().__call__(*args, **kwargs)
        with no_grad():
            self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"module {self._get_name()} has not been fully initialized: its initialize_parameters must materialize "
                "every uninitialized parameter and buffer"
            )
        if self.cls_to_become is None:
            self._inferred = True
        else:
            self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:
        """Materialize what is uninitialized, given the arguments of the first call; every lazy module defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {self._get_name()}")

    def has_uninitialized_params(self) -> bool:
        """Whether a parameter or buffer of this module (not of those below) has no shape yet."""
        return any(is_lazy(value) for value in (*self._parameters.values(), *self._buffers.values()))

    def _make_lazy(self, bias, device, dtype):
        """A weight, and if wanted a bias, of no shape yet."""
        for name in ("weight", "bias") if bias else ("weight",):
            self.register_parameter(name, UninitializedParameter(device=device, dtype=dtype))

    def _materialize(self, **shapes):
        """Give what has no shape yet its own, and initialise it. What was loaded keeps its values."""
        loaded = {}
        for name, shape in shapes.items():
            value = getattr(self, name)
            if is_lazy(value):
                value.materialize(shape)
            elif value is not None:
                loaded[name] = value.clone()
        self.reset_parameters()
        for name, value in loaded.items():
            getattr(self, name).copy_(value)

    def _apply(self, fn, recurse=True):
        def convert(value):  # what has no data yet changes its dtype and device, and stays what it is
            if not is_lazy(value):
                return fn(value)
            value.data = fn(value.data)
            return value

        return super()._apply(convert, recurse)

    def _load_tensor(self, name, value, key, given, assign):
        if is_lazy(value):
            if is_lazy(given):
                return None
            value.materialize(given.shape)
        return super()._load_tensor(name, value, key, given, assign)


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear whose `in_features` is the size of the last dimension of its first input.

    >>> import tensorx as tx
    >>> layer = tx.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(tx.ones(2, 5)).shape, layer
    (tensorx.Size([2, 3]), Linear(in_features=5, out_features=3, bias=True))
    """

    cls_to_become = Linear

    def __init__(
        self, out_features: int, bias: bool = True, device: Device | None = None, dtype: dtype | None = None
    ) -> None:
        super().__init__(0, 0, False)
        self.out_features = out_features
        self._make_lazy(bias, device, dtype)

    def reset_parameters(self) -> None:
        if self.out_features and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        if not self.has_uninitialized_params():  # loaded before the first call
            self.in_features = self.weight.shape[1]
            return
        if input.dim() == 0:
            raise RuntimeError("LazyLinear: expected input of shape (*, in_features), got a tensor of no dimensions")
        self.in_features = input.shape[-1]
        self._materialize(weight=(self.out_features, self.in_features), bias=(self.out_features,))


class _LazyConvolution(LazyModuleMixin, _Convolution):
    """What the lazy convolutions share: the parameters, once the number of input channels is known."""

    def reset_parameters(self) -> None:
        if self.out_channels and not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        if not self.has_uninitialized_params():  # loaded before the first call
            self.in_channels = self.weight.shape[0] if self.transposed else self.weight.shape[1] * self.groups
            return
        if input.dim() not in (self.spatial + 1, self.spatial + 2):
            raise RuntimeError(
                f"Expected {self.spatial + 1}D (unbatched) or {self.spatial + 2}D (batched) input to {self._get_name()}, "
                f"but got input of size: {list(input.shape)}"
            )
        channels = input.shape[-self.spatial - 1]
        if channels % self.groups != 0:
            raise ValueError(
                f"{self._get_name()}: in_channels must be divisible by groups, got {channels} channels (input of shape "
                f"{tuple(input.shape)}) and groups={self.groups}"
            )
        self.in_channels = channels
        self._materialize(weight=self._weight_shape(), bias=(self.out_channels,))


class _LazyForwardConvolution(_LazyConvolution, _ForwardConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | str = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode)
        self.out_channels = out_channels
        self._make_lazy(bias, device, dtype)


class _LazyTransposedConvolution(_LazyConvolution, _TransposedConvolution):
    def __init__(
        self,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] = 0,
        output_padding: int | Sequence[int] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | Sequence[int] = 1,
        padding_mode: str = "zeros",
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode)
        self.out_channels = out_channels
        self._make_lazy(bias, device, dtype)


class _LazyNorm(LazyModuleMixin, _NormBase):
    """What the lazy normalisations share."""

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, False, False)
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self._make_lazy(bias, device, dtype)
        if track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=int64, device=device)

    def reset_parameters(self) -> None:
        if not self.has_uninitialized_params():
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        self._check_input_dim(input)
        if not self.has_uninitialized_params():
            known = [value for value in (self.weight, self.running_mean) if value is not None]  # loaded before the call
            self.num_features = known[0].shape[0] if known else input.shape[self._channel_dim(input)]
            return
        self.num_features = input.shape[self._channel_dim(input)]
        each = (self.num_features,)
        self._materialize(weight=each, bias=each, running_mean=each, running_var=each, num_batches_tracked=())


class LazyConv1d(_LazyForwardConvolution, Conv1d):
    """A Conv1d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConv1d(4, 3)(tx.randn(2, 6, 8)).shape
    tensorx.Size([2, 4, 6])
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyForwardConvolution, Conv2d):
    """A Conv2d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConv2d(4, 3)(tx.randn(2, 6, 8, 8)).shape
    tensorx.Size([2, 4, 6, 6])
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyForwardConvolution, Conv3d):
    """A Conv3d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConv3d(4, 3)(tx.randn(2, 6, 8, 8, 8)).shape
    tensorx.Size([2, 4, 6, 6, 6])
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyTransposedConvolution, ConvTranspose1d):
    """A ConvTranspose1d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConvTranspose1d(4, 3)(tx.randn(2, 6, 8)).shape
    tensorx.Size([2, 4, 10])
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyTransposedConvolution, ConvTranspose2d):
    """A ConvTranspose2d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConvTranspose2d(4, 3)(tx.randn(2, 6, 8, 8)).shape
    tensorx.Size([2, 4, 10, 10])
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyTransposedConvolution, ConvTranspose3d):
    """A ConvTranspose3d whose `in_channels` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyConvTranspose3d(4, 3)(tx.randn(2, 6, 8, 8, 8)).shape
    tensorx.Size([2, 4, 10, 10, 10])
    """

    cls_to_become = ConvTranspose3d


class LazyBatchNorm1d(_LazyNorm, BatchNorm1d):
    """A BatchNorm1d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyBatchNorm1d()(tx.randn(2, 6, 8)).shape
    tensorx.Size([2, 6, 8])
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNorm, BatchNorm2d):
    """A BatchNorm2d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyBatchNorm2d()(tx.randn(2, 6, 8, 8)).shape
    tensorx.Size([2, 6, 8, 8])
    """

    cls_to_become = BatchNorm2d


class LazyBatchNorm3d(_LazyNorm, BatchNorm3d):
    """A BatchNorm3d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyBatchNorm3d()(tx.randn(2, 6, 8, 8, 8)).shape
    tensorx.Size([2, 6, 8, 8, 8])
    """

    cls_to_become = BatchNorm3d


class LazyInstanceNorm1d(_LazyNorm, InstanceNorm1d):
    """An InstanceNorm1d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyInstanceNorm1d()(tx.randn(2, 6, 8)).shape
    tensorx.Size([2, 6, 8])
    """

    cls_to_become = InstanceNorm1d


class LazyInstanceNorm2d(_LazyNorm, InstanceNorm2d):
    """An InstanceNorm2d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyInstanceNorm2d()(tx.randn(2, 6, 8, 8)).shape
    tensorx.Size([2, 6, 8, 8])
    """

    cls_to_become = InstanceNorm2d


class LazyInstanceNorm3d(_LazyNorm, InstanceNorm3d):
    """An InstanceNorm3d whose `num_features` is the number of channels of its first input.

    >>> import tensorx as tx
    >>> tx.nn.LazyInstanceNorm3d()(tx.randn(2, 6, 8, 8, 8)).shape
    tensorx.Size([2, 6, 8, 8, 8])
    """

    cls_to_become = InstanceNorm3d
