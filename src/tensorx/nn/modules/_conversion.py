"""Moving and converting a Module: `to`, `double`, `cuda` and their kind."""

from __future__ import annotations

import tensorx

from ... import dtype
from ...types import Device
from ._kinds import BUFFER, PARAMETER, TRANSIENT_BUFFER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self


class ConversionMethods:
    """The part of Module that moves and converts parameters, gradients and buffers."""

    def _apply(self, fn, recurse=True):
        """Replace the data of every parameter, gradient and buffer by fn of it; the Parameter objects stay."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        with tensorx.no_grad():
            for _, parameter in self._members(PARAMETER):
                if parameter is None:
                    continue
                data = fn(parameter.data)
                gradient = None if parameter.grad is None else fn(parameter.grad)
                parameter.grad = None  # a gradient must fit the data whenever it is set
                parameter.data = data
                parameter.grad = gradient
            for name, buffer in self._members(BUFFER, TRANSIENT_BUFFER):
                if buffer is not None:
                    self.__dict__[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move and convert in place: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`, `to(memory_format=...)`.

        Only floating-point parameters and buffers change their dtype. Returns self.

        >>> import tensorx as tx
        >>> tx.nn.Linear(2, 1).to(tx.float64).weight.dtype
        tensorx.float64
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                f"nn.Module.to only accepts floating point or complex dtypes, but got desired dtype={dtype}"
            )

        def convert(tensor):
            options = {"non_blocking": non_blocking}
            if device is not None:
                options["device"] = device
            if dtype is not None and tensor.is_floating_point():
                options["dtype"] = dtype
            if memory_format is not None and tensor.dim() in (4, 5):
                options["memory_format"] = memory_format
            return tensor.to(**options)

        return self._apply(convert)

    def _to_floating(self, dtype):
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.is_floating_point() else tensor)

    def float(self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._to_floating(tensorx.float32)

    def double(self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._to_floating(tensorx.float64)

    def half(self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self._to_floating(tensorx.float16)

    def bfloat16(self) -> Self:
        """Convert floating-point parameters and buffers to bfloat16."""
        return self._to_floating(tensorx.bfloat16)

    def type(self, dst_type: dtype | str) -> Self:
        """Convert every parameter and buffer to `dst_type`."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self, device: Device | int | None = None) -> Self:
        """Move to a CUDA device, the current one by default."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def share_memory(self) -> Self:
        """Move parameters and buffers to memory that other processes can share: see `Tensor.share_memory_`."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def to_empty(self, *, device: Device | None, recurse: bool = True) -> Self:
        """Move to `device` without copying: the values are whatever the new memory held."""
        return self._apply(lambda tensor: tensorx.empty_like(tensor, device=device), recurse)


def _parse_to(device=None, dtype=None, non_blocking=False, *, tensor=None, memory_format=None):
    """The arguments of `to`: (device, dtype, non_blocking), (dtype, non_blocking) or (tensor, non_blocking)."""
    if isinstance(device, tensorx.Tensor):
        tensor, non_blocking, device, dtype = device, non_blocking or bool(dtype), None, None
    elif isinstance(device, tensorx.dtype):
        device, dtype, non_blocking = None, device, non_blocking or bool(dtype)
    if tensor is not None:
        device, dtype = tensor.device, tensor.dtype
    if dtype is not None and not isinstance(dtype, tensorx.dtype):
        raise TypeError(f"to(): dtype must be a tensorx.dtype, not {type(dtype).__name__}")
    return device, dtype, non_blocking, memory_format
