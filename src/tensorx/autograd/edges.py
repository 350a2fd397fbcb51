"""Edges of the graph in the user's hands: GradientEdge, and hooks that wait for the gradients of several tensors."""

from __future__ import annotations

from weakref import ref

from .. import _C
from .engine import current_walk, remember_walks
from .graph import GradientEdge
from .hooks import RemovableHandle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from ..tensor import Tensor


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where gradients of `tensor` go; `autograd.grad(loss, edge)` is then `autograd.grad(loss, tensor)`.

    An edge holds the graph, but not the tensor's memory. RuntimeError for a tensor that requires no gradient.

    >>> import tensorx as tx
    >>> x = tx.tensor(3.0, requires_grad=True)
    >>> y = x * 2
    >>> edge = tx.autograd.graph.get_gradient_edge(y)
    >>> tx.autograd.grad(y.exp().log(), edge)
    (tensor(1.),)
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require gradients: call "
            "requires_grad_() on it first"
        )
    return GradientEdge(*tensor._edge)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Say that a tensor (or each of several) was changed in place by something that the engine does not see.

    >>> import tensorx as tx
    >>> x = tx.ones(2)
    >>> tx.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    tensors: Any = (tensor,) if isinstance(tensor, _C.TensorBase) else tensor
    for x in tensors:
        x._bump_version()


class _Handles(RemovableHandle):
    """Several handles as one."""

    __slots__ = ("handles",)

    def __init__(self, handles):
        super().__init__({})
        self.handles = handles

    def remove(self):
        for handle in self.handles:
            handle.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[[Any], None],
    *,
    mode: str = "all",
) -> RemovableHandle:
    """Call `fn` once per backward pass, when gradients of `tensors` are there.

    Args:
        mode: "all": fn(gradients) when every gradient that this backward pass computes has been computed, with None for
            those of the other tensors. "any": fn(gradient) with the first one.

    >>> import tensorx as tx
    >>> a, b = tx.ones(2, requires_grad=True), tx.ones(2, requires_grad=True)
    >>> unused = tx.ones(2, requires_grad=True)
    >>> def hook(gradients):
    ...     print([g is not None for g in gradients])
    >>> _ = tx.autograd.graph.register_multi_grad_hook((a, b, unused), hook)
    >>> (a * b).sum().backward()
    [True, True, False]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    remember_walks()
    tensors = list(tensors)
    if mode == "any":
        once = _once_per_walk(fn)
        return _Handles([x.register_hook(once) for x in tensors if x.requires_grad])
    waiting = _Waiting(fn)
    handles = [x.register_hook(waiting.hook(i)) for i, x in enumerate(tensors)]
    # Weak: hooks must not keep their nodes alive. Only now: a leaf has a node of its own from its first hook on.
    waiting.nodes = [ref(x._edge[0]) for x in tensors]
    return _Handles(handles)


def _once_per_walk(fn):
    last = None

    def hook(g):
        nonlocal last
        walk = current_walk()
        if walk is not None and walk[0] != last:
            last = walk[0]
            fn(g)

    return hook


class _Waiting:
    """The gradients of one backward pass, until all that it computes are there."""

    def __init__(self, fn):
        self.fn = fn
        self.nodes = []  # of the tensors, weakly
        self.walk = None

    def hook(self, index):
        def collect(g):
            if current_walk() is None:
                return  # a pass that had begun when the hook was registered
            number, *walk = current_walk()
            if number != self.walk:
                reached = _reached(*walk)
                self.walk, self.gradients = number, [None] * len(self.nodes)
                self.missing = sum(node() in reached for node in self.nodes)
            self.gradients[index] = g
            self.missing -= 1
            if not self.missing:
                gradients, self.gradients = self.gradients, None
                self.fn(gradients)

        return collect


def _reached(edges, backlog, captured):
    """The nodes that a backward pass comes to."""
    reached, stack = set(), [node for node, _ in edges]
    while stack:
        node = stack.pop()
        if node in reached:
            continue
        if captured is not None and node in captured:
            reached.add(node)
        if backlog.leads_on(node):
            reached.add(node)
            stack += [edge[0] for edge in node.edges if edge is not None]
    return reached
