"""The backward pass: takes the youngest node first, runs its rules, hands the gradients to older nodes.

Iterative, so that a graph of any depth is safe; frees what each node saved as it goes. Gradients on their way wait in a
Backlog (csrc/python/backlog.cpp), which adds up those that meet and gives them out in the order of the nodes' age.
"""

from __future__ import annotations

from _thread import _local
from itertools import count

from .. import _C
from .graph import AccumulateGrad, GradientEdge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..tensor import Tensor


watchers: list[
    Callable[..., Any]
] = []  # watcher(gradients, node, g) runs gradients(node, g): anomaly mode, the profiler
_this_thread = _local()
_next_walk = count().__next__
_remembers_walks = False


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Accumulate the gradients of `tensors` into the leaves of their graph.

    Args:
        tensors: a tensor or a sequence of tensors.
        grad_tensors: the vector of the vector-Jacobian product, one per tensor, of its shape; may be None for
            tensors of one element.
        retain_graph: keep what the graph saved, for another backward pass. Default: the value of create_graph.
        create_graph: record the backward pass itself, for gradients of gradients.
        inputs: the only tensors to accumulate into. Default: every leaf.

    >>> import tensorx as tx
    >>> x = tx.tensor([1.0, 2.0], requires_grad=True)
    >>> tx.autograd.backward([(x * x).sum()])
    >>> x.grad
    tensor([2., 4.])
    """
    tensors = _sequence(tensors, "tensors")
    edges, gradients = _roots(tensors, grad_tensors, create_graph)
    if inputs is not None:
        inputs = _sequence(inputs, "inputs")
        if not inputs:
            raise RuntimeError("backward(): `inputs` argument cannot be empty.")
        captured = _run(edges, gradients, retain_graph, create_graph, _edges(inputs))
        for x, g in zip(inputs, captured, strict=True):
            if g is not None:
                _accumulate(_leaf(x), g, create_graph)
        return
    _run(edges, gradients, retain_graph, create_graph, None)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple; no `.grad` is touched.

    Args:
        outputs, inputs: a tensor or a sequence of tensors.
        grad_outputs: the vector of the vector-Jacobian product, one per output.
        retain_graph, create_graph: as in `backward`.
        allow_unused: give None for an input that the outputs do not depend on, instead of raising RuntimeError.
        is_grads_batched: grad_outputs have one more dimension in front; so have the results.
        materialize_grads: give zeros instead of None for unused inputs.

    >>> import tensorx as tx
    >>> x = tx.tensor(3.0, requires_grad=True)
    >>> tx.autograd.grad(x ** 2, x)
    (tensor(6.),)
    """
    outputs, inputs = _sequence(outputs, "outputs"), _sequence(inputs, "inputs")
    if allow_unused is False and materialize_grads:
        raise ValueError("Expected allow_unused to be True or not passed when materialize_grads=True, but got: False.")
    for i, x in enumerate(inputs):
        if not isinstance(x, GradientEdge) and not x.requires_grad:
            raise RuntimeError(
                f"grad(): input {i} does not require grad: one of the differentiated Tensors does not require grad"
            )
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads)
    if any(not issubclass(type(x), (_C.TensorBase, GradientEdge)) for x in (*outputs, *inputs)):  # within vmap
        from ..func.gradients import grad_of_batched

        options = (retain_graph, create_graph, allow_unused, False, materialize_grads)
        return grad_of_batched(outputs, inputs, grad_outputs, *options)
    edges, gradients = _roots(outputs, grad_outputs, create_graph)
    found = _run(edges, gradients, retain_graph, create_graph, _edges(inputs))
    if materialize_grads:
        from ..creation import zeros_like

        if any(isinstance(x, GradientEdge) for x in inputs):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")

        found = [zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]
    elif not allow_unused and any(g is None for g in found):
        unused = [i for i, g in enumerate(found) if g is None]
        raise RuntimeError(
            f"grad(): inputs {unused} were not used in the graph. One of the differentiated Tensors appears to not "
            "have been used in the graph. Set allow_unused=True if this is the desired behavior."
        )
    return tuple(found)


def _batched(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads):
    """One backward pass for all rows of the gradients, as vmap would run it."""
    from ..func.batched import enter
    from ..func.mapping import batch, unbatch

    rows = _sequence(grad_outputs, "grad_outputs")
    sizes = {g.shape[0] for g in rows if g is not None and g.ndim}
    if len(sizes) != 1:
        raise RuntimeError(
            f"grad(): is_grads_batched=True expects gradients of one size in dimension 0, got sizes {sorted(sizes)}"
        )
    with enter(sizes.pop(), "error") as level:
        given = [None if g is None else batch(g, 0, level) for g in rows]
        found = grad(outputs, inputs, given, retain_graph, create_graph, allow_unused, False, materialize_grads)
        return tuple(None if g is None else unbatch(g, level) for g in found)


def _sequence(value, name):
    if isinstance(value, (_C.TensorBase, GradientEdge)):
        return (value,)
    if value is None:
        raise TypeError(f"{name} must be a tensor or a sequence of tensors, not None")
    return tuple(value)


def _edges(inputs):
    return [tuple(x) if isinstance(x, GradientEdge) else x._edge for x in inputs]


def _leaf(x):
    """The tensor whose `grad` an input of backward() stands for."""
    if not isinstance(x, GradientEdge):
        return x
    if type(x.node) is not AccumulateGrad:
        raise RuntimeError(
            f"backward(): the GradientEdge of a tensor that is no leaf ({x.node.name()}) cannot accumulate: use grad()"
        )
    return x.node.variable


def _roots(tensors, grad_tensors, create_graph):
    """The edges to start from, and their gradients: given, or 1 for a tensor of one element."""
    if grad_tensors is None:
        grad_tensors = (None,) * len(tensors)
    else:
        grad_tensors = _sequence(grad_tensors, "grad_tensors")
    if len(grad_tensors) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(grad_tensors)} gradients")
    edges, gradients = [], []
    for i, (x, g) in enumerate(zip(tensors, grad_tensors, strict=True)):
        if not isinstance(x, _C.TensorBase):
            if not isinstance(x, GradientEdge):
                raise TypeError(f"backward(): expected tensors, but element {i} is {type(x).__name__}")
            if not isinstance(g, _C.TensorBase):
                raise RuntimeError(f"element {i} of tensors is a GradientEdge: give its gradient, a tensor")
            edges.append(tuple(x))
            gradients.append(g)
            continue
        if not x.requires_grad:
            raise RuntimeError(f"element {i} of tensors does not require grad and does not have a grad_fn")
        if g is None:
            if x.numel() != 1:
                raise RuntimeError(
                    f"grad can be implicitly created only for scalar outputs, but this one has shape {list(x.shape)}: "
                    "reduce it (for example with .sum()), or pass gradient=, a tensor of its shape"
                )
            if not x.dtype.is_floating_point:
                raise RuntimeError(f"grad can be implicitly created only for real scalar outputs but got {x.dtype}")
            g = _C.full_like(x, 1, None, None)
        elif not isinstance(g, _C.TensorBase):
            raise TypeError(f"gradients can be either Tensors or None, but got {type(g).__name__}")
        elif g.shape != x.shape:
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {x.shape}."
            )
        elif g.dtype != x.dtype:
            g = g.to(x.dtype)
        edges.append(x._edge)
        gradients.append(g)
    return edges, gradients


def _run(edges, gradients, retain_graph, create_graph, capture):
    """Walk the graph from `edges`. With `capture`, return the gradients of those edges instead of accumulating."""
    if _C.is_autocasting():  # the rules' ops run in the dtypes that forward chose
        from ..amp.casting import without_autocast

        return without_autocast((), _run, edges, gradients, retain_graph, create_graph, capture)
    retain = create_graph if retain_graph is None else retain_graph
    captured = None  # by node, by output number
    if capture is not None:
        captured = {}
        for node, number in capture:
            captured.setdefault(node, {})[number] = None
    backlog = _C.Backlog(edges, gradients, captured)
    gradients = _watched(backlog.gradients) if watchers else backlog.gradients
    before = _C.is_grad_enabled()
    outer = _begin_walk(edges, backlog, captured) if _remembers_walks else None
    try:
        _C.set_grad_enabled(create_graph)  # within `try`: Ctrl-C may come right after it
        for node, g in backlog:  # the youngest first
            if node.pre_hooks is not None:
                g = _run_pre_hooks(node, g)
            if captured is not None and node in captured:
                found = captured[node]
                for number in found:
                    found[number] = g if node.outputs is None else g[number]
                if not backlog.leads_on(node):
                    continue
            if type(node) is AccumulateGrad:
                if captured is None:
                    _accumulate(node.variable, g, create_graph)
                continue
            if node.outputs is not None and node.materialize_grads:
                g = _fill_missing(node, g)
            results = gradients(node, g)
            if node.hooks is not None:
                results = _run_hooks(node, results, g)
            if not retain:
                node.release()
            g = None
            backlog.deliver(node, results)
            results = None  # keeps alive no gradient that a leaf could own
    finally:
        _C.set_grad_enabled(before)
        if _remembers_walks:
            _this_thread.walk = outer
    return None if captured is None else [captured[node][number] for node, number in capture]


def remember_walks():
    """From now on `current_walk` knows; backward passes do not pay for it before."""
    global _remembers_walks
    _remembers_walks = True


def current_walk():
    """(number, edges started from, backlog, nodes captured or None) of the backward pass that this thread is in, or None."""
    return getattr(_this_thread, "walk", None)


def _begin_walk(*walk):
    """Makes this the walk that the thread is in, and gives the one around it."""
    outer = current_walk()
    _this_thread.walk = (_next_walk(), *walk)
    return outer


def _watched(gradients):
    for watcher in watchers:
        gradients = _watched_by(watcher, gradients)
    return gradients


def _watched_by(watcher, gradients):
    return lambda node, g: watcher(gradients, node, g)


def _fill_missing(node, g):
    """Zeros for the outputs that no gradient reached."""
    return tuple(
        _C.full(m.shape, 0, m.dtype, m.device) if x is None and m is not None else x
        for x, m in zip(g, node.outputs, strict=True)
    )


def reduce_to(g, shape, dtype, device):
    """Sum the gradient of a broadcast input back to the input's shape, and give it the input's dtype and device."""
    if g.shape != shape:
        g = g.sum_to_size(shape)
    return g if g.dtype is dtype and g.device == device else g.to(device, dtype)


def _accumulate(leaf, g, create_graph):
    """leaf.grad += g, and the hooks that wait for it."""
    if leaf._grad is None:  # not `grad`, which warns of a tensor that is no leaf: one of backward's inputs
        leaf.grad = g if create_graph else _C.own(g)
    elif create_graph or g.is_sparse or leaf._grad.is_sparse:
        leaf.grad = leaf._grad + g
    else:
        leaf.grad.add_(g)
    if leaf._post_accumulate_grad_hooks is not None:
        for hook in list(leaf._post_accumulate_grad_hooks.values()):
            hook(leaf)


def _run_pre_hooks(node, g):
    """Hooks on the gradients of a node's outputs: of the node itself, and of the tensors it made."""
    several = node.outputs is not None
    for hook in list(node.pre_hooks.values()):
        grads = tuple(g) if several else (g,)
        result = hook(grads)
        if result is not None:
            if not isinstance(result, tuple):
                result = (result,)
            if len(result) != len(grads):
                raise RuntimeError(
                    f"a pre-hook of {node.name()} returned {len(result)} gradients for {len(grads)} outputs"
                )
            g = result if several else result[0]
    return g


def _run_hooks(node, results, g):
    grad_outputs = g if node.outputs is not None else (g,)
    for hook in list(node.hooks.values()):
        changed = hook(tuple(results), grad_outputs)
        if changed is not None:
            if not isinstance(changed, tuple):
                changed = (changed,)
            if len(changed) != len(results):
                raise RuntimeError(
                    f"a hook of {node.name()} returned {len(changed)} gradients for {len(results)} inputs"
                )
            results = list(changed)
    return results


_C.set_hook("reduce_to", reduce_to)
