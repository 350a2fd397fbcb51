"""The gradients of convolutions as functions: with respect to the input, and to the weight."""

from __future__ import annotations

from collections.abc import Sequence

from .. import Tensor, autograd, enable_grad, is_grad_enabled
from . import functional as F
from .modules._sizes import sizes

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _input(spatial, input_size, weight, grad_output, stride, padding, dilation, groups):
    """The transposed convolution whose output has the size `input_size`."""
    stride, padding, dilation = sizes(stride, spatial), sizes(padding, spatial), sizes(dilation, spatial)
    output_padding = [
        wanted - ((size - 1) * step - 2 * pad + spread * (kernel - 1) + 1)
        for wanted, size, step, pad, spread, kernel in zip(
            tuple(input_size)[-spatial:],
            grad_output.shape[-spatial:],
            stride,
            padding,
            dilation,
            weight.shape[2:],
            strict=True,
        )
    ]
    if any(not 0 <= extra < step for extra, step in zip(output_padding, stride)):
        raise RuntimeError(
            f"conv{spatial}d_input(): an input of size {tuple(input_size)} does not give an output of shape "
            f"{tuple(grad_output.shape)} with a weight of shape {tuple(weight.shape)}, stride {stride}, padding {padding} "
            f"and dilation {dilation}"
        )
    transposed = getattr(F, f"conv_transpose{spatial}d")
    return transposed(grad_output, weight, None, stride, padding, output_padding, groups, dilation)


def _weight(spatial, input, weight_size, grad_output, stride, padding, dilation, groups):
    """A convolution is linear in its weight: the gradient at any weight."""
    differentiable = is_grad_enabled()
    weight = grad_output.new_zeros(tuple(weight_size)).requires_grad_()
    with enable_grad():
        output = getattr(F, f"conv{spatial}d")(input, weight, None, stride, padding, dilation, groups)
    return autograd.grad(output, weight, grad_output, create_graph=differentiable)[0]


def conv1d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to its input, of shape `input_size` (minibatch, in_channels, l).

    weight: (out_channels, in_channels / groups, kl); grad_output: of the shape of the output.

    RuntimeError if the shapes do not belong together.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv1d_input((1, 3, 5), tx.ones(4, 3, 2), tx.ones(1, 4, 4)).shape
    tensorx.Size([1, 3, 5])
    """
    return _input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv1d with respect to its weight, of shape `weight_size`.

    weight_size: (out_channels, in_channels / groups, kl); input: (minibatch, in_channels, l);
    grad_output: of the shape of the output.

    It costs one convolution more than the gradient alone.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv1d_weight(tx.ones(1, 3, 5), (4, 3, 2), tx.ones(1, 4, 4)).shape
    tensorx.Size([4, 3, 2])
    """
    return _weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to its input, of shape `input_size` (minibatch, in_channels, h, w).

    weight: (out_channels, in_channels / groups, kh, kw); grad_output: of the shape of the output.

    RuntimeError if the shapes do not belong together.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv2d_input((1, 3, 5, 5), tx.ones(4, 3, 2, 2), tx.ones(1, 4, 4, 4)).shape
    tensorx.Size([1, 3, 5, 5])
    """
    return _input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv2d with respect to its weight, of shape `weight_size`.

    weight_size: (out_channels, in_channels / groups, kh, kw); input: (minibatch, in_channels, h, w);
    grad_output: of the shape of the output.

    It costs one convolution more than the gradient alone.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv2d_weight(tx.ones(1, 3, 5, 5), (4, 3, 2, 2), tx.ones(1, 4, 4, 4)).shape
    tensorx.Size([4, 3, 2, 2])
    """
    return _weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Tensor,
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to its input, of shape `input_size` (minibatch, in_channels, d, h, w).

    weight: (out_channels, in_channels / groups, kd, kh, kw); grad_output: of the shape of the output.

    RuntimeError if the shapes do not belong together.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv3d_input((1, 3, 5, 5, 5), tx.ones(4, 3, 2, 2, 2), tx.ones(1, 4, 4, 4, 4)).shape
    tensorx.Size([1, 3, 5, 5, 5])
    """
    return _input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Tensor,
    weight_size: Sequence[int],
    grad_output: Tensor,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of conv3d with respect to its weight, of shape `weight_size`.

    weight_size: (out_channels, in_channels / groups, kd, kh, kw); input: (minibatch, in_channels, d, h, w);
    grad_output: of the shape of the output.

    It costs one convolution more than the gradient alone.

    >>> import tensorx as tx
    >>> tx.nn.grad.conv3d_weight(tx.ones(1, 3, 5, 5, 5), (4, 3, 2, 2, 2), tx.ones(1, 4, 4, 4, 4)).shape
    tensorx.Size([4, 3, 2, 2, 2])
    """
    return _weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)
