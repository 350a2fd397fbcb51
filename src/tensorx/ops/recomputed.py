"""Gradients of an op by a backward pass through the ops that it could be composed of.

An op whose gradient is written out with kernels of its own, or writes into memory, has this second way for the gradients
that somebody may differentiate again, and for those that belong to the examples of a vmap.
"""

from types import NoneType

from .. import _C


def needs_ops(g):
    """Whether gradients have to be computed by ops, given those of the results."""
    return _C.is_grad_enabled() or any(not issubclass(type(x), (_C.TensorBase, NoneType)) for x in g)


def gradients_by_ops(needs, g, inputs, compose):
    """For each of inputs its gradient, or None where it is not needed; g: those of the results of compose(*inputs)."""
    from ..autograd import enable_grad, grad

    again = _C.is_grad_enabled()
    with enable_grad():
        # New tensors, so that one that is given twice has two gradients; with a history only if that is needed.
        inputs = [
            x if x is None else x.view_as(x) if again else x.detach().requires_grad_(need)
            for x, need in zip(inputs, needs)
        ]
        outputs = compose(*inputs)
        wanted = [x for x, need in zip(inputs, needs) if need]
        found = iter(grad(outputs, wanted, g[: len(outputs)], create_graph=again, allow_unused=True))
    return tuple(next(found) if need else None for need in needs)
