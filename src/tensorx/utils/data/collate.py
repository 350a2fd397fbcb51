"""Putting examples together into a batch."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from copy import copy

from ... import Tensor, as_tensor, float64, stack, strided, tensor
from .worker_info import get_worker_info

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


SMALL = 1 << 16  # bytes; a smaller tensor is sent to the loader as a copy, which costs less than sharing its memory


def default_collate(batch: Sequence[Any]) -> Any:
    """Stack a list of examples: tensors, NumPy arrays, numbers, strings, or mappings and sequences of those.

    Tensors, arrays and numbers become one tensor with a new first dimension, strings stay a list, and
    containers keep their form with every part collated. TypeError for anything else.

    >>> import tensorx as tx
    >>> tx.utils.data.default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ('a', 'b')]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        if first.layout is not strided:
            raise RuntimeError(
                "Batches of sparse tensors are not currently supported by the default collate_fn: give a collate_fn, which "
                "may return the list of them"
            )
        return stack(batch, 0, out=_memory_for(batch))
    if isinstance(first, float):
        return tensor(batch, dtype=float64)
    if isinstance(first, int):
        return tensor(batch)
    if isinstance(first, (str, bytes)):
        return batch
    if _is_numpy(first):
        if first.dtype.kind in "SUOV":
            raise TypeError(f"default_collate: cannot make a tensor of NumPy elements of dtype {first.dtype}")
        return default_collate([as_tensor(x) for x in batch]) if first.shape else as_tensor(_numpy_array(batch))
    if isinstance(first, Mapping):
        parts = {key: default_collate([example[key] for example in batch]) for key in first}
        return _like(first, parts)
    if isinstance(first, Sequence):
        if any(len(example) != len(first) for example in batch):
            raise RuntimeError(
                f"each element in list of batch should be of equal size, got lengths {sorted({len(e) for e in batch})}"
            )
        items = [default_collate(list(part) if not isinstance(part[0], (str, bytes)) else part) for part in zip(*batch)]
        if isinstance(first, tuple) and hasattr(first, "_fields"):
            return type(first)(*items)
        return items if isinstance(first, tuple) else _like(first, items)
    raise TypeError(
        f"default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {type(first)}"
    )


def _memory_for(batch):
    """In a worker, shared memory for a stack of tensors that is worth it: it is made where it will be read."""
    first = batch[0]
    if get_worker_info() is None or first.is_cuda or first.nbytes * len(batch) < SMALL:
        return None
    if any(x.shape != first.shape or x.dtype is not first.dtype or x.requires_grad for x in batch):
        return None
    from .._shared_memory import segments

    return segments.empty((len(batch), *first.shape), first.dtype)


def pin_memory(data: Any) -> Any:
    """The tensors inside `data` in page-locked memory, and other objects as their own pin_memory() gives them."""
    if isinstance(data, Tensor):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, (Mapping, Sequence)):
        return _with_parts(data, pin_memory)
    return data.pin_memory() if hasattr(data, "pin_memory") else data


def default_convert(data: Any) -> Any:
    """NumPy arrays inside `data` as tensors, without making a batch; anything else stays as it is."""
    if isinstance(data, (Tensor, str, bytes)):
        return data
    if _is_numpy(data):
        return data if data.dtype.kind in "OSU" else as_tensor(data)
    if isinstance(data, (Mapping, Sequence)):
        made = _with_parts(data, default_convert)
        return list(made) if type(made) is tuple else made
    return data


def _with_parts(container, convert):
    """A container of the same form, its parts converted."""
    if isinstance(container, Mapping):
        return _like(container, {key: convert(value) for key, value in container.items()})
    parts = [convert(value) for value in container]
    if isinstance(container, tuple):
        return type(container)(*parts) if hasattr(container, "_fields") else tuple(parts)
    return _like(container, parts)


def _is_numpy(value):
    """NumPy arrays and scalars, recognised without importing NumPy."""
    return type(value).__module__ == "numpy" and hasattr(value, "dtype")


def _numpy_array(scalars):
    import numpy

    return numpy.asarray(scalars)


def _like(container, parts):
    """`parts` in a container of the same kind, with what else it has; in a plain one where that cannot be made."""
    try:
        if isinstance(container, MutableMapping):
            made = copy(container)
            made.update(parts)
            return made
        if isinstance(container, MutableSequence):
            made = copy(container)
            for place, part in enumerate(parts):
                made[place] = part
            return made
        return type(container)(parts)
    except TypeError:
        return parts
