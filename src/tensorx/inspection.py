"""What a tensor or a model is, and what memory it takes: `tensorx.describe` and `tensorx.memory_report`."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import _C
from .autograd.graph import AccumulateGrad
from .profiler.table import format_memory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, overload

    from .nn import Module
    from .tensor import Tensor


@dataclass(frozen=True)
class GraphSummary:
    """The graph behind a tensor: recorded calls, leaves, and the bytes that are kept for backward."""

    nodes: int
    leaves: int
    saved_bytes: int

    def __str__(self) -> str:
        return (
            f"{_count(self.nodes, 'node')}, {_count(self.leaves, 'leaf', 'leaves')}, "
            f"{format_memory(self.saved_bytes)} saved for backward"
        )


@dataclass(frozen=True)
class TensorDescription:
    """What `describe` says of a tensor. Strides and offset in elements, the rest in bytes."""

    shape: tuple[int, ...]
    dtype: Any
    device: Any
    strides: tuple[int, ...]
    storage_offset: int
    is_contiguous: bool
    nbytes: int
    storage_nbytes: int
    base_shape: tuple[int, ...] | None
    requires_grad: bool
    is_leaf: bool
    grad_shape: tuple[int, ...] | None
    grad_fn: str | None
    graph: GraphSummary | None

    def __str__(self) -> str:
        layout = "contiguous" if self.is_contiguous else "not contiguous"
        storage = f"{format_memory(self.storage_nbytes)}, from element {self.storage_offset} on"
        if self.base_shape is not None:
            storage += f", shared with the tensor of shape {list(self.base_shape)} that this is a view of"
        lines = [
            f"{_name(self.dtype)} tensor of shape {list(self.shape)} on {self.device}, {format_memory(self.nbytes)}",
            f"  strides   {list(self.strides)}, {layout}",
            f"  storage   {storage}",
            f"  gradient  {self._gradient()}",
        ]
        if self.graph is not None:
            lines.append(f"  graph     {self.graph}")
        return "\n".join(lines)

    def _gradient(self):
        if not self.requires_grad:
            return "none wanted (requires_grad is False)"
        kind = "a leaf that requires grad" if self.is_leaf else f"made by {self.grad_fn}"
        return kind + ("" if self.grad_shape is None else f"; grad of shape {list(self.grad_shape)}")

    __repr__ = __str__


@dataclass(frozen=True)
class LayerDescription:
    """One line of a model's table: what the module itself holds, without the modules within it."""

    name: str
    type: str
    shapes: tuple[str, ...]
    parameters: int
    trainable: int
    nbytes: int


@dataclass(frozen=True)
class ModuleDescription:
    """What `describe` says of a module: its layers, and sums in which shared parameters count once."""

    type: str
    layers: tuple[LayerDescription, ...]
    parameters: int
    trainable: int
    parameter_bytes: int
    buffer_bytes: int

    def __str__(self) -> str:
        rows = [("layer", "type", "parameters", "trainable", "memory", "shapes")]
        for layer in self.layers:
            rows.append(
                (
                    layer.name or "(itself)",
                    layer.type,
                    f"{layer.parameters:,}",
                    f"{layer.trainable:,}",
                    format_memory(layer.nbytes),
                    ", ".join(layer.shapes),
                )
            )
        total = (
            f"{self.type}: {self.parameters:,} parameters, {self.trainable:,} trainable; "
            f"{format_memory(self.parameter_bytes)} of parameters, {format_memory(self.buffer_bytes)} of buffers"
        )
        return "\n".join([*_aligned(rows, left=(0, 1, 5)), total])

    __repr__ = __str__


if TYPE_CHECKING:

    @overload
    def describe(x: Tensor) -> TensorDescription: ...
    @overload
    def describe(x: Module) -> ModuleDescription: ...


def describe(x: Any) -> TensorDescription | ModuleDescription:
    """What a tensor or an nn.Module is, in a few lines: shapes, dtype, memory, graph; or a table of layers.

    Returns an object whose `str()` is the text and whose fields are the figures.

    >>> import tensorx as tx
    >>> w = tx.ones(2, 3, requires_grad=True)
    >>> tx.describe((w * 2).t())
    float32 tensor of shape [3, 2] on cpu, 24 B
      strides   [1, 3], not contiguous
      storage   24 B, from element 0 on, shared with the tensor of shape [2, 3] that this is a view of
      gradient  made by TBackward0
      graph     2 nodes, 1 leaf, 0 B saved for backward
    >>> tx.describe(tx.nn.Sequential(tx.nn.Linear(4, 8), tx.nn.ReLU()))
    layer  type    parameters  trainable  memory  shapes
    0      Linear          40         40   160 B  weight [8, 4], bias [8]
    1      ReLU             0          0     0 B
    Sequential: 40 parameters, 40 trainable; 160 B of parameters, 0 B of buffers
    """
    if isinstance(x, _C.TensorBase):
        return _described_tensor(x)
    if hasattr(x, "named_modules"):
        return _described_module(x)
    raise TypeError(f"describe(): expected a Tensor or an nn.Module, not {type(x).__name__}")


def _described_tensor(x):
    return TensorDescription(
        shape=tuple(x.shape),
        dtype=x.dtype,
        device=x.device,
        strides=tuple(x.stride()),
        storage_offset=x.storage_offset(),
        is_contiguous=x.is_contiguous(),
        nbytes=x.nbytes,
        storage_nbytes=_C.storage_bytes(x).numel(),
        base_shape=None if x._base is None else tuple(x._base.shape),
        requires_grad=x.requires_grad,
        is_leaf=x.is_leaf,
        grad_shape=None if not x.is_leaf or x.grad is None else tuple(x.grad.shape),
        grad_fn=None if x.grad_fn is None else x.grad_fn.name(),
        graph=None if x.grad_fn is None else _graph_summary([x]),
    )


def _described_module(module):
    layers = []
    for name, layer in module.named_modules():
        held = [*layer.named_parameters(recurse=False), *layer.named_buffers(recurse=False)]
        if not held and any(True for _ in layer.children()):
            continue  # a container
        own = [p for _, p in layer.named_parameters(recurse=False)]
        layers.append(
            LayerDescription(
                name=name,
                type=type(layer).__name__,
                shapes=tuple(f"{label} {list(p.shape)}" for label, p in held),
                parameters=sum(p.numel() for p in own),
                trainable=sum(p.numel() for p in own if p.requires_grad),
                nbytes=sum(p.nbytes for _, p in held),
            )
        )
    parameters, buffers = list(module.parameters()), list(module.buffers())
    return ModuleDescription(
        type=type(module).__name__,
        layers=tuple(layers),
        parameters=sum(p.numel() for p in parameters),
        trainable=sum(p.numel() for p in parameters if p.requires_grad),
        parameter_bytes=sum(p.nbytes for p in parameters),
        buffer_bytes=sum(b.nbytes for b in buffers),
    )


# ---- memory


@dataclass(frozen=True)
class MemoryReport:
    """Bytes per kind and dtype, as `memory_report` counts them. `total` is the sum of all."""

    parameters: dict[Any, int] = field(default_factory=dict)
    gradients: dict[Any, int] = field(default_factory=dict)
    buffers: dict[Any, int] = field(default_factory=dict)
    optimizer_state: dict[Any, int] = field(default_factory=dict)
    saved_for_backward: dict[Any, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(sum(self._kind(kind).values()) for kind in _KINDS)

    def _kind(self, kind):
        return getattr(self, kind)

    def __str__(self) -> str:
        dtypes = list({dtype: None for kind in _KINDS for dtype in self._kind(kind)})
        rows = [("", *map(_name, dtypes), "total")]
        for kind in _KINDS:
            sizes = self._kind(kind)
            if sizes:
                cells = (format_memory(sizes[d]) if d in sizes else "" for d in dtypes)
                rows.append((kind.replace("_", " "), *cells, format_memory(sum(sizes.values()))))
        sums = (format_memory(sum(self._kind(kind).get(d, 0) for kind in _KINDS)) for d in dtypes)
        rows.append(("total", *sums, format_memory(self.total)))
        return "\n".join(_aligned(rows, left=(0,)))

    __repr__ = __str__


_KINDS = ("parameters", "gradients", "buffers", "optimizer_state", "saved_for_backward")


def memory_report(model: Any, optimizer: Any = None, outputs: Tensor | Iterable[Tensor] | None = None) -> MemoryReport:
    """The memory that a model takes in training, by kind and dtype.

    Args:
        model: an nn.Module, or its parameters.
        optimizer: count its state, too; it is made in the first step.
        outputs: count what the graph behind these tensors keeps for backward, too, without what the model holds anyway.

    A tensor that occurs twice counts once. Returns a MemoryReport, whose `str()` is a table.

    >>> import tensorx as tx
    >>> model = tx.nn.Linear(100, 10)
    >>> optimizer = tx.optim.Adam(model.parameters())
    >>> model(tx.ones(5, 100)).sum().backward()
    >>> optimizer.step()
    >>> report = tx.memory_report(model, optimizer)
    >>> sum(report.optimizer_state.values()) // sum(report.parameters.values())
    2
    >>> tx.memory_report(model)
                 float32     total
    parameters  3.95 KiB  3.95 KiB
    gradients   3.95 KiB  3.95 KiB
    total       7.89 KiB  7.89 KiB
    """
    is_module = hasattr(model, "named_modules")
    parameters = list(model.parameters()) if is_module else list(model)
    buffers = list(model.buffers()) if is_module else []
    gradients = [p.grad for p in parameters if p.grad is not None]
    state = list(_tensors_in(optimizer.state)) if optimizer is not None else []
    known: set[int] = set()
    saved = [] if outputs is None else [_Whole(x) for x in _saved_tensors(_nodes(outputs))]
    return MemoryReport(
        *(_bytes_by_dtype(tensors, known) for tensors in (parameters, gradients, buffers, state, saved))
    )


class _Whole:
    """The storage of a saved tensor, all of which is kept."""

    def __init__(self, x):
        self.x, self.dtype = x, x.dtype


def _bytes_by_dtype(tensors, known):
    """dtype -> bytes; storages in `known` are left out, and those counted put into it."""
    sizes: dict[Any, int] = {}
    for x in tensors:
        whole = type(x) is _Whole
        storage = _C.storage_bytes(x.x if whole else x)
        if storage.data_ptr() not in known or not storage.numel():
            known.add(storage.data_ptr())
            sizes[x.dtype] = sizes.get(x.dtype, 0) + (storage.numel() if whole else x.nbytes)
    return sizes


def _tensors_in(value):
    if isinstance(value, _C.TensorBase):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors_in(item)
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors_in(item)


# ---- the graph


def _nodes(outputs):
    """Every node of the graph behind some tensors."""
    outputs = (outputs,) if isinstance(outputs, _C.TensorBase) else outputs
    found = {x._edge[0] for x in outputs if x.requires_grad}
    stack = list(found)
    while stack:
        for edge in stack.pop().edges:
            if edge is not None and edge[0] not in found:
                found.add(edge[0])
                stack.append(edge[0])
    return found


def _saved_tensors(nodes):
    """What nodes keep for backward, as far as no hook has packed it."""
    stack = [node.saved for node in nodes if node.saved is not None]
    while stack:
        value = stack.pop()
        if isinstance(value, (tuple, list)):
            stack += value
        elif isinstance(value, _C.SavedTensor) and value.data is not None:
            yield value.data


def _graph_summary(outputs):
    nodes = _nodes(outputs)
    leaves = [node.variable for node in nodes if type(node) is AccumulateGrad]
    known: set[int] = set()
    _bytes_by_dtype(leaves, known)  # they are there anyway
    sizes = _bytes_by_dtype([_Whole(x) for x in _saved_tensors(nodes)], known)
    return GraphSummary(len(nodes) - len(leaves), len(leaves), sum(sizes.values()))


# ---- text


def _name(dtype):
    return str(dtype).removeprefix("tensorx.")


def _count(n, one, many=None):
    return f"{n} {one if n == 1 else many or one + 's'}"


def _aligned(rows, left):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
