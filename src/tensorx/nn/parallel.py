"""One module on several GPUs of one process: DataParallel."""

from __future__ import annotations

from collections.abc import Sequence

import tensorx

from .. import _C
from .modules.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..types import Device

__all__ = ["DataParallel", "data_parallel", "gather", "scatter"]


class DataParallel(Module):
    """Runs `module` on a part of the batch per device: the same result, with the work shared.

    The tensors among the inputs are cut along `dim`, each device gets its part and, for the time of the call, the
    parameters and buffers; the results are put together on `output_device`. Without a GPU, or with one, the module is
    simply called. What the module writes to its buffers is kept from the first device alone.

    Args:
        module: its parameters are on the first device. In the state dictionary its names begin with "module.".
        device_ids: default: all CUDA devices.
        output_device: default: the first.
        dim: of the batch.

    >>> import tensorx as tx
    >>> model = tx.nn.DataParallel(tx.nn.Linear(3, 2), device_ids=[])
    >>> model(tx.ones(4, 3)).shape, list(model.state_dict())
    (tensorx.Size([4, 2]), ['module.weight', 'module.bias'])
    """

    def __init__(
        self,
        module: Module,
        device_ids: Sequence[Device | int] | None = None,
        output_device: Device | int | None = None,
        dim: int = 0,
    ) -> None:
        super().__init__()
        self.dim, self.module = dim, module
        self.device_ids = _devices(device_ids)
        self.output_device = _device(output_device) if output_device is not None else (self.device_ids or [None])[0]
        if len(self.device_ids) == 1:
            self.module.to(self.device_ids[0])

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        return data_parallel(self.module, inputs, self.device_ids, self.output_device, self.dim, kwargs)


def data_parallel(
    module: Module,
    inputs: Any,
    device_ids: Sequence[Device | int] | None = None,
    output_device: Device | int | None = None,
    dim: int = 0,
    module_kwargs: dict[str, Any] | None = None,
) -> Any:
    """`module(*inputs, **module_kwargs)` on several devices, as DataParallel does it.

    RuntimeError if the module has a parameter or buffer that is not on the first device.

    >>> import tensorx as tx
    >>> tx.nn.parallel.data_parallel(tx.nn.Linear(3, 2), tx.ones(4, 3), device_ids=[]).shape
    tensorx.Size([4, 2])
    """
    from ..func import functional_call

    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    devices = _devices(device_ids)
    if not devices:
        return module(*inputs, **(module_kwargs or {}))
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in state.items():
        if tensor.device != devices[0]:
            raise RuntimeError(
                f"module must have its parameters and buffers on device {devices[0]} (device_ids[0]) but found {name!r} on "
                f"device: {tensor.device}"
            )
    parts = scatter((inputs, module_kwargs or {}), devices, dim)
    results = [
        functional_call(module, {name: tensor.to(device) for name, tensor in state.items()}, args, kwargs)
        for device, (args, kwargs) in zip(devices, parts)
    ]
    return gather(results, devices[0] if output_device is None else output_device, dim)


def scatter(inputs: Any, target_gpus: Sequence[Device | int], dim: int = 0) -> list[Any]:
    """Cut every tensor in `inputs` (nested tuples, lists, dictionaries) along `dim`: the part of each device, there.

    Anything else goes to all devices. A batch that is too small goes to fewer.

    >>> import tensorx as tx
    >>> [part.shape[0] for part, _ in tx.nn.parallel.scatter((tx.ones(5), "text"), ["cpu", "cpu"])]
    [3, 2]
    """
    devices = [_device(each) for each in target_gpus]

    def cut(value) -> list[Any]:
        if isinstance(value, tensorx.Tensor):
            chunks = value.chunk(len(devices), dim)
            return [chunk.to(device) for chunk, device in zip(chunks, devices)]
        if isinstance(value, dict):
            columns = {key: cut(each) for key, each in value.items()}
            return [{key: column[i] for key, column in columns.items()} for i in range(shortest(columns.values()))]
        if isinstance(value, (tuple, list)):
            rows = [cut(each) for each in value]
            return [_like(value, [row[i] for row in rows]) for i in range(shortest(rows))]
        return [value] * len(devices)

    def shortest(columns):
        return min([len(column) for column in columns], default=len(devices))

    return cut(inputs)


def gather(outputs: Sequence[Any], target_device: Device | int, dim: int = 0) -> Any:
    """Put the results of several devices (of one structure) together on one: tensors are joined along `dim`.

    >>> import tensorx as tx
    >>> tx.nn.parallel.gather([tx.ones(3), tx.zeros(2)], "cpu")
    tensor([1., 1., 1., 0., 0.])
    """
    first = outputs[0]
    if isinstance(first, tensorx.Tensor):
        target = _device(target_device)
        parts = [part.to(target) for part in outputs]
        return tensorx.stack(parts) if first.dim() == 0 else tensorx.cat(parts, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        return type(first)((key, gather([part[key] for part in outputs], target_device, dim)) for key in first)
    return _like(first, [gather(column, target_device, dim) for column in zip(*outputs)])


def _like(value, items):
    """`items` in a list, tuple or named tuple as `value` is one."""
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _devices(device_ids):
    return [_device(each) for each in (range(_C.cuda_device_count()) if device_ids is None else device_ids)]


def _device(each):
    """A device with its index: an int is a CUDA device."""
    device = tensorx.device("cuda", each) if isinstance(each, int) else tensorx.device(each)
    return tensorx.device("cuda", 0) if device.type == "cuda" and device.index is None else device
