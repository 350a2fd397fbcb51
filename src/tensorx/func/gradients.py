"""autograd.grad within vmap, and the tracking of a function's inputs, on which the transforms stand.

Gradients are recorded on the values of BatchedTensors, the tensors of all examples. Since no example's output depends
on another's input, one backward pass over the values gives the gradients of all examples.
"""

from .. import _C
from ..autograd import engine
from ..ops.shape import _view_shape
from .batched import BatchedTensor, running_levels
from .dispatch import leading


def _levels(x):
    return x.levels if type(x) is BatchedTensor else ()


def _value(x):
    return x.value if type(x) is BatchedTensor else x


def _reordered(value, before, after):
    """The tensor whose first dimensions are those of the levels `before`, with these in the order of `after`."""
    order = [before.index(level) for level in after]
    if order == list(range(len(order))):
        return value
    return value.permute(*order, *range(len(order), value.ndim))


def _merged(*levels):
    return tuple(sorted({level for some in levels for level in some}, key=lambda level: level.depth))


def _on_value(g, y):
    """The gradient of y as one of y's value: batched only by the levels that y is not batched by."""
    own, both = _levels(y), _merged(_levels(y), _levels(g))
    extra = tuple(level for level in both if level not in own)
    value = _reordered(leading(g, both), both, (*extra, *own)) if both else g
    return BatchedTensor(value, extra) if extra else value


def _of_value(g, x):
    """The gradient of x's value as one of x: the inverse of `_on_value`."""
    own = _levels(x)
    if g is None or not own:
        return g
    extra = _levels(g)
    both = _merged(own, extra)
    return BatchedTensor(_reordered(_value(g), (*extra, *own), both), both)


def grad_of_batched(outputs, inputs, grad_outputs, *options):
    """autograd.grad where some of the outputs or inputs are BatchedTensors."""
    for i, x in enumerate(inputs):
        if any(level not in _levels(x) for y in outputs for level in _levels(y)):
            raise RuntimeError(
                f"grad(): within vmap, an output differs between examples but input {i} is the same for all of them: "
                "differentiate with tensorx.func.grad or vjp, which give each example a gradient of its own"
            )
    given = [None] * len(outputs) if grad_outputs is None else list(engine._sequence(grad_outputs, "grad_outputs"))
    for i, (g, y) in enumerate(zip(given, outputs, strict=True)):
        if g is None and y.numel() == 1:
            given[i] = _C.full_like(_value(y), 1, None, None)
        elif g is not None and g.shape == y.shape:
            given[i] = _on_value(g, y)
    found = engine.grad([_value(y) for y in outputs], [_value(x) for x in inputs], given, *options)
    return tuple(_of_value(g, x) for g, x in zip(found, inputs, strict=True))


# ---- a function's inputs, tracked


class Tracked:
    """Inputs of a function that is being differentiated, as tensors of their own.

    `inputs` are what the function is to be called with: they have the values of the given tensors, and the history too
    where that matters to someone outside, so that derivatives can be differentiated in turn; but a gradient for them
    is not one for the same tensors that the function reaches in another way. Within vmap each example has its own.
    """

    def __init__(self, tensors, name, outer=None):
        self.outer = _C.is_grad_enabled() if outer is None else outer
        self.given = tensors
        before = _C.set_grad_enabled(True)
        try:
            self.inputs = [self._track(x, name) for x in tensors]
        finally:
            _C.set_grad_enabled(before)

    def _track(self, x, name):
        if not x.dtype.is_floating_point:
            raise RuntimeError(f"{name}(): expected inputs of a floating-point dtype, but got {x.dtype}")
        levels = tuple(running_levels())
        if levels:
            x = BatchedTensor(leading(x, levels), levels)
        if self.outer and x.requires_grad:
            return _view_shape(x, x.shape)
        return x.detach().requires_grad_()

    def matter_outside(self, outputs):
        """Whether the outputs depend on something that requires a gradient besides the inputs themselves."""
        if not self.outer:
            return False
        if any(x.requires_grad for x in self.given):
            return True
        own = {x._edge[0] for x in self.inputs}
        waiting = [y._edge[0] for y in outputs if y.requires_grad]
        seen = set()
        while waiting:
            node = waiting.pop()
            if node in seen or node in own:
                continue
            seen.add(node)
            if type(node) is engine.AccumulateGrad:
                return True
            waiting += [edge[0] for edge in node.edges if edge is not None]
        return False


def gradients(outputs, inputs, grad_outputs, create_graph, retain_graph=None):
    """Gradients of outputs, of which some may not depend on the inputs, for inputs, of which some may not be used."""
    found = [None] * len(inputs)
    used = [i for i, y in enumerate(outputs) if y.requires_grad]
    if used:
        given = None if grad_outputs is None else [grad_outputs[i] for i in used]
        found = engine.grad([outputs[i] for i in used], inputs, given, retain_graph, create_graph, allow_unused=True)
    return [zeros_for(x) if g is None else g for g, x in zip(found, inputs, strict=True)]


def zeros_for(x):
    """Zeros of the shape, dtype, device and batch dimensions of x."""
    return _C.full_like(x.detach(), 0, None, None)
