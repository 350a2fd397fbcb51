"""Custom operations: subclasses of Function with a forward and a backward of their own."""

from __future__ import annotations

from .. import _C
from .graph import Metadata, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FunctionNode(Node):
    """The node of one call of a Function, and the `ctx` that its forward and backward see."""

    __slots__ = ("__dict__", "function")

    def __init__(self, function):
        self.function = function
        self.to_save = ()
        self.dirty = ()
        self.non_differentiable = ()
        self.materialize_grads = True

    def name(self):
        return f"{self.function.__name__}Backward"

    def save_for_backward(self, *tensors):
        """Keep tensors for backward; only inputs and outputs of the function should go here."""
        self.to_save = tensors

    @property
    def saved_tensors(self):
        """The tensors kept by `save_for_backward`; raises if one was modified in place since."""
        if self.saved is None:
            raise RuntimeError(
                f"{self.name()}: trying to backward through the graph a second time: its saved tensors have been "
                "freed. Specify retain_graph=True on the first backward."
            )
        return _C.unpack(self.saved, self)

    def mark_dirty(self, *tensors):
        """Say which inputs forward modified in place; they must be among its outputs."""
        self.dirty = tensors

    def mark_non_differentiable(self, *tensors):
        """Say which outputs have no gradient; backward is given zeros for them."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value):
        """False: backward sees None, not zeros, for outputs that no gradient reached."""
        self.materialize_grads = value

    def gradients(self, g):
        if not isinstance(g, (tuple, list)):
            g = (g,)
        if self.saved is None:
            self.saved_tensors  # noqa: B018  raises the error that says so
        result = self.function.backward(self, *g)
        if not isinstance(result, tuple):
            result = (result,)
        expected = len(self.needs_input_grad)
        while len(result) > expected and result[-1] is None:
            result = result[:-1]
        if len(result) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {expected}, got {len(result)})"
            )
        return [self._checked(i, result[i]) for i in self.positions]

    def _checked(self, i, g):
        if g is None:
            return None
        if not isinstance(g, _C.TensorBase):
            raise TypeError(
                f"function {self.name()} returned a {type(g).__name__} as gradient {i}: expected a Tensor or None"
            )
        wanted = self.inputs_metadata[i]
        if g.shape != wanted.shape:
            try:
                g = g.sum_to_size(wanted.shape)
            except RuntimeError:
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {i} - got {list(g.shape)} but "
                    f"expected shape compatible with {list(wanted.shape)}"
                ) from None
        return g if g.dtype is wanted.dtype else g.to(wanted.dtype)


class Function:
    """A differentiable operation with hand-written forward and backward.

    Subclass it with static methods `forward(ctx, *args)` and `backward(ctx, *grad_outputs)`, or with
    `forward(*args)`, `setup_context(ctx, inputs, output)` and `backward`. Call it through `apply`.

    >>> import tensorx as tx
    >>> class Square(tx.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return 2 * x * grad
    >>> x = tx.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: a tensor or a tuple. Runs without recording."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """Compute a gradient, or None, for every argument of forward."""
        raise NotImplementedError(
            "You must implement the backward function to use backward mode AD with your custom autograd.Function."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run forward on the arguments and record the call.

        Within `vmap`, where arguments are batched, the static method `vmap(info, in_dims, *args)` is called instead, if
        there is one: with tensors of all examples, where they have the batch dimension (or None), and
        `info.batch_size` and `info.randomness`. It returns (outputs, out_dims). Without it forward and backward run
        once per example, with a warning.
        """
        if any(isinstance(a, _C.TensorBase) and not issubclass(type(a), _C.TensorBase) for a in args):
            from ..func.dispatch import apply_function

            return apply_function(cls, args, kwargs)
        node = FunctionNode(cls)
        needs = tuple(isinstance(a, _C.TensorBase) and a.requires_grad for a in args)
        recording = _C.is_grad_enabled() and any(needs)
        node.needs_input_grad = needs
        before = _C.is_grad_enabled()
        try:
            _C.set_grad_enabled(False)  # within `try`: Ctrl-C may come right after it
            if hasattr(cls, "setup_context"):
                out = cls.forward(*args, **kwargs)
                cls.setup_context(node, args, out)
            else:
                out = cls.forward(node, *args, **kwargs)
        finally:
            _C.set_grad_enabled(before)
        several = isinstance(out, (tuple, list))
        outputs = tuple(out) if several else (out,)
        dirty = {id(x) for x in node.dirty}
        for x in node.dirty:
            if not any(x is y for y in outputs):
                raise RuntimeError(f"{cls.__name__}: a tensor given to mark_dirty() must be returned by forward")
            if recording and x.is_leaf and x.requires_grad:
                raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
            x._bump_version()
        if not recording:
            return out
        return _connect(node, args, outputs, dirty, several)


def _connect(node, args, outputs, dirty, several):
    """Give the outputs their history."""
    node.positions = [i for i, need in enumerate(node.needs_input_grad) if need]
    mask = sum(1 << i for i in node.positions)
    _C.connect(node, args, mask)
    node.inputs_metadata = {i: Metadata(args[i]) for i in node.positions}
    inputs = {id(a) for a in args}
    fixed = {id(x) for x in node.non_differentiable}
    # An input that comes back untouched is a new tensor to the graph.
    outputs = tuple(
        x._alias()
        if isinstance(x, _C.TensorBase) and id(x) in inputs and id(x) not in dirty and id(x) not in fixed
        else x
        for x in outputs
    )
    saved = []
    for x in node.to_save:
        number = next((n for n, y in enumerate(outputs) if x is y), None)
        if number is None:
            saved.append(_C.save(x, False, 0))
        else:
            saved.append(_C.save(x, True, number))
    node.saved = tuple(saved)
    node.outputs = tuple(Metadata(x) if isinstance(x, _C.TensorBase) else None for x in outputs)
    for number, x in enumerate(outputs):
        if _may_require(x, fixed):
            x._set_history(node, number)
    node.to_save = node.dirty = node.non_differentiable = ()
    return outputs if several else outputs[0]


def _may_require(x, fixed):
    return isinstance(x, _C.TensorBase) and id(x) not in fixed and x.dtype._differentiable
