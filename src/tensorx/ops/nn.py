"""What neural networks are made of: the ops behind nn.functional, gathered from their families."""

from .activation import (
    celu,
    elu,
    gelu,
    hardsigmoid,
    hardswish,
    leaky_relu,
    logsigmoid,
    mish,
    relu,
    selu,
    silu,
    softplus,
)
from .convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .elementwise import sigmoid, tanh
from .matmul import linear
from .norm import batch_norm, layer_norm
from .pool import avg_pool1d, avg_pool2d, max_pool1d, max_pool2d

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "batch_norm",
    "celu",
    "conv1d",
    "conv2d",
    "conv_transpose1d",
    "conv_transpose2d",
    "elu",
    "gelu",
    "hardsigmoid",
    "hardswish",
    "layer_norm",
    "leaky_relu",
    "linear",
    "logsigmoid",
    "max_pool1d",
    "max_pool2d",
    "mish",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
]
