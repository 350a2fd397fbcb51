"""The memory format of convolutions' weights."""

from __future__ import annotations

from ..modules.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    AnyModule = TypeVar("AnyModule", bound=Module)


def convert_conv2d_weight_memory_format(module: AnyModule, memory_format: Any) -> AnyModule:
    """Lay the weights of every 2d convolution in `module` out in `memory_format`; their values stay. Returns `module`.

    >>> import tensorx as tx
    >>> conv = tx.nn.utils.convert_conv2d_weight_memory_format(tx.nn.Conv2d(4, 2, 3), tx.channels_last)
    >>> conv.weight.is_contiguous(memory_format=tx.channels_last)
    True
    """
    return _convert(module, 2, memory_format)


def convert_conv3d_weight_memory_format(module: AnyModule, memory_format: Any) -> AnyModule:
    """Lay the weights of every 3d convolution in `module` out in `memory_format`; their values stay. Returns `module`."""
    return _convert(module, 3, memory_format)


def _convert(module, spatial, memory_format):
    from ..modules.conv import _Convolution

    for part in module.modules():
        if isinstance(part, _Convolution) and part.spatial == spatial:
            part.weight.data = part.weight.detach().clone(memory_format=memory_format)
    return module
