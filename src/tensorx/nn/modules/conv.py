"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ... import Tensor, dtype, empty
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from ._sizes import sizes
from .module import Module


class _Convolution(Module):
    """What the convolutions share: checks, weight, bias, initialisation, repr."""

    spatial = 0  # number of spatial dimensions
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | Sequence[int],
        stride: int | Sequence[int],
        padding: int | Sequence[int] | str,
        output_padding: int | Sequence[int],
        dilation: int | Sequence[int],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Device | None,
        dtype: dtype | None,
    ) -> None:
        super().__init__()
        self._check(in_channels, out_channels, groups, stride, padding, padding_mode)
        n = self.spatial
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size, self.stride, self.dilation = sizes(kernel_size, n), sizes(stride, n), sizes(dilation, n)
        self.padding = padding if isinstance(padding, str) else sizes(padding, n)
        self.output_padding = sizes(output_padding, n)
        self.weight = Parameter(empty(self._weight_shape(), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check(self, in_channels, out_channels, groups, stride, padding, padding_mode):
        if groups <= 0:
            raise ValueError(f"groups must be a positive integer, got {groups}")
        if in_channels % groups != 0:
            raise ValueError(f"in_channels must be divisible by groups, got {in_channels} and {groups}")
        if out_channels % groups != 0:
            raise ValueError(f"out_channels must be divisible by groups, got {out_channels} and {groups}")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of 'same', 'valid'")
            if padding == "same" and any(step != 1 for step in sizes(stride, self.spatial)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                f"padding_mode must be one of 'zeros', 'reflect', 'replicate', 'circular', but got {padding_mode!r}"
            )

    def _weight_shape(self):
        channels = (self.in_channels, self.out_channels) if self.transposed else (self.out_channels, self.in_channels)
        return (channels[0], channels[1] // self.groups, *self.kernel_size)

    def reset_parameters(self) -> None:
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def _pad(self, input):
        """The input padded as `padding_mode` says, for a convolution without padding."""
        counts = []
        for i in reversed(range(self.spatial)):
            if self.padding == "valid":
                counts += [0, 0]
            elif self.padding == "same":
                total = self.dilation[i] * (self.kernel_size[i] - 1)
                counts += [total // 2, total - total // 2]
            else:
                counts += [self.padding[i], self.padding[i]]
        return F.pad(input, counts, self.padding_mode)

    def extra_repr(self) -> str:
        ones, zeros = (1,) * self.spatial, (0,) * self.spatial
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        for name, default in (("padding", zeros), ("dilation", ones), ("output_padding", zeros), ("groups", 1)):
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _ForwardConvolution(_Convolution):
    convolve: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
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
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            0,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor) -> Tensor:
        if self.padding_mode != "zeros":
            return self.convolve(self._pad(input), self.weight, self.bias, self.stride, 0, self.dilation, self.groups)
        return self.convolve(input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Conv1d(_ForwardConvolution):
    """Convolution over (N, in_channels, L) or (in_channels, L).

    The output has L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1). `padding` may be
    'same' (stride 1) or 'valid'. weight (out_channels, in_channels / groups, kernel_size) and bias start uniform
    in [-1/sqrt(fan_in), 1/sqrt(fan_in)]. ValueError if `groups` does not divide the channels.

    >>> import tensorx as tx
    >>> tx.nn.Conv1d(16, 33, 3, stride=2)(tx.zeros(20, 16, 50)).shape
    tensorx.Size([20, 33, 24])
    """

    spatial = 1
    convolve = staticmethod(F.conv1d)


class Conv2d(_ForwardConvolution):
    """Convolution over (N, in_channels, H, W) or (in_channels, H, W); see Conv1d.

    Sizes are a number or a pair (height, width).

    >>> import tensorx as tx
    >>> tx.nn.Conv2d(3, 8, 3, padding=1)(tx.zeros(1, 3, 28, 28)).shape
    tensorx.Size([1, 8, 28, 28])
    """

    spatial = 2
    convolve = staticmethod(F.conv2d)


class Conv3d(_ForwardConvolution):
    """Convolution over (N, in_channels, D, H, W) or (in_channels, D, H, W); see Conv1d.

    Sizes are a number or three of them (depth, height, width).

    >>> import tensorx as tx
    >>> tx.nn.Conv3d(2, 4, 3, stride=(2, 1, 1), padding=(0, 1, 1))(tx.zeros(1, 2, 5, 8, 8)).shape
    tensorx.Size([1, 4, 2, 8, 8])
    """

    spatial = 3
    convolve = staticmethod(F.conv3d)


class _TransposedConvolution(_Convolution):
    transposed = True
    convolve: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
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
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}, got {padding_mode!r}')
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            output_padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def forward(self, input: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        output_padding = self.output_padding if output_size is None else self._output_padding(input, output_size)
        return self.convolve(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )

    def _output_padding(self, input, output_size):
        """The output padding that gives `output_size` (with or without batch and channels)."""
        n = self.spatial
        wanted = tuple(output_size)
        if len(wanted) == input.dim():
            wanted = wanted[-n:]
        if len(wanted) != n:
            raise ValueError(
                f"{self._get_name()}: output_size must have {n} or {input.dim()} elements, got {len(wanted)}"
            )
        smallest = [
            (size - 1) * self.stride[i] - 2 * self.padding[i] + self.dilation[i] * (self.kernel_size[i] - 1) + 1
            for i, size in enumerate(input.shape[-n:])
        ]
        extra = tuple(size - least for size, least in zip(wanted, smallest))
        if any(not 0 <= e < step for e, step in zip(extra, self.stride)):
            largest = [least + step - 1 for least, step in zip(smallest, self.stride)]
            raise ValueError(
                f"requested an output size of {list(wanted)}, but valid sizes range from {smallest} to {largest} "
                f"(for an input of {list(input.shape[-n:])})"
            )
        return extra


class ConvTranspose1d(_TransposedConvolution):
    """Transposed convolution over (N, in_channels, L) or (in_channels, L): the gradient of a Conv1d by its input.

    The output has L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1; forward's
    `output_size` chooses the output padding. weight is (in_channels, out_channels / groups, kernel_size).

    >>> import tensorx as tx
    >>> tx.nn.ConvTranspose1d(4, 2, 3, stride=2)(tx.zeros(1, 4, 5)).shape
    tensorx.Size([1, 2, 11])
    """

    spatial = 1
    convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_TransposedConvolution):
    """Transposed convolution over (N, in_channels, H, W) or (in_channels, H, W); see ConvTranspose1d.

    >>> import tensorx as tx
    >>> tx.nn.ConvTranspose2d(16, 8, 2, stride=2)(tx.zeros(1, 16, 7, 7)).shape
    tensorx.Size([1, 8, 14, 14])
    """

    spatial = 2
    convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_TransposedConvolution):
    """Transposed convolution over (N, in_channels, D, H, W) or (in_channels, D, H, W); see ConvTranspose1d.

    >>> import tensorx as tx
    >>> tx.nn.ConvTranspose3d(4, 2, 2, stride=2)(tx.zeros(1, 4, 2, 3, 3)).shape
    tensorx.Size([1, 2, 4, 6, 6])
    """

    spatial = 3
    convolve = staticmethod(F.conv_transpose3d)
