"""Derivatives of functions at a point: products with the Jacobian and the Hessian, and these themselves.

The older of two interfaces to the same: `tensorx.func` has transforms that compose and take trees of tensors. Here `func`
takes and returns a tensor or a tuple of tensors; results have no history unless `create_graph=True`.
"""

from __future__ import annotations

from .. import _C
from ..func.gradients import Tracked, gradients
from ..func.mapping import vmap
from ..func.transforms import _basis, _pieces
from ..ops.join import stack
from .engine import grad
from .grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..tensor import Tensor

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


class _Point:
    """A function at a point: its tracked inputs and its outputs, as tuples, and whether each came as one tensor."""

    def __init__(self, name, func, inputs, create_graph, strict):
        self.name, self.strict, self.create_graph = name, strict, create_graph
        self.one_input, given = _tuple(name, inputs, "inputs given to")
        self.inputs = Tracked(given, name, create_graph).inputs
        with enable_grad():
            self.one_output, self.outputs = _tuple(name, func(*self.inputs), "outputs of the user-provided function of")
        for i, y in enumerate(self.outputs):
            if strict and not y.requires_grad:
                raise RuntimeError(
                    f"Output {i} of the user-provided function does not require gradient. The outputs must be computed in "
                    "a differentiable manner from the input when running in strict mode."
                )

    def results(self):
        return _shaped(self.outputs, self.one_output, self.create_graph)

    def vector(self, v, like, one):
        """The vector v as a tuple; None is 1, for the only tensor of one element."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"{self.name}(): the vector v can only be None if there is a single tensor with a single element: give "
                    f"one of shape {[list(x.shape) for x in like]}"
                )
            return (_C.full_like(like[0].detach(), 1, None, None),)
        given_one, v = _tuple(self.name, v, "vector v given to")
        shapes = [x.shape for x in v]
        if given_one != one or shapes != [x.shape for x in like]:
            raise RuntimeError(
                f"{self.name}(): v has invalid size: expected {[list(x.shape) for x in like]}, got {list(map(list, shapes))}"
            )
        return v

    def gradients(self, outputs, vectors, record, what="Output"):
        """Of the outputs, for the inputs; in strict mode they all have to depend on all inputs."""
        inputs = self.inputs
        if self.strict:
            used = [y for y in outputs if y.requires_grad]
            given = [v for v, y in zip(vectors, outputs, strict=True) if y.requires_grad]
            found = grad(used, inputs, given, True, record, allow_unused=True) if used else [None] * len(inputs)
            for j, g in enumerate(found):
                if g is None or (record and not g.requires_grad):
                    raise RuntimeError(
                        f"{what} of the user-provided function is independent of input {j}. This is not allowed in strict mode."
                    )
            return found
        return gradients(outputs, inputs, vectors, record, True)

    def scalar(self):
        """The only output, which has to be one number."""
        if not self.one_output or self.outputs[0].numel() != 1:
            raise RuntimeError(
                f"{self.name}(): The function given to {self.name} should return a single Tensor with a single element"
            )
        return self.outputs[0]


def _tuple(name, value, what):
    """(whether it is one tensor, the tensors)."""
    if isinstance(value, _C.TensorBase):
        return True, (value,)
    if not isinstance(value, tuple) or not all(isinstance(x, _C.TensorBase) for x in value):
        kind = type(value).__name__
        raise TypeError(f"The {what} {name} must be either a Tensor or a tuple of Tensors but is a {kind}.")
    return False, value


def _shaped(tensors, one, keep):
    tensors = tuple(x if keep else x.detach() for x in tensors)
    return tensors[0] if one else tensors


def vjp(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    v: Tensor | tuple[Tensor, ...] | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs of func(*inputs), and the product of the vector v with its Jacobian from the left.

    Args:
        func: takes and returns a tensor or a tuple of tensors.
        inputs: a tensor or a tuple. v: as the outputs; may be left out for a single number.
        create_graph: the results can be differentiated with respect to the inputs.
        strict: raise RuntimeError where an output does not depend on an input, instead of giving zeros.

    >>> import tensorx as tx
    >>> tx.autograd.functional.vjp(lambda x: x ** 2, tx.tensor([1.0, 2.0]), tx.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    at = _Point("vjp", func, inputs, create_graph, strict)
    v = at.vector(v, at.outputs, at.one_output)
    found = at.gradients(at.outputs, v, create_graph)
    return at.results(), _shaped(found, at.one_input, create_graph)


def _products(at, v, outputs, record):
    """J v, by a backward pass through the backward pass, which is linear in its vector."""
    with enable_grad():
        vectors = Tracked([_C.full_like(y.detach(), 1, None, None) for y in outputs], at.name, False).inputs
        products = at.gradients(outputs, vectors, True, "Output")
    return gradients(products, vectors, v, record, True)


def jvp(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    v: Tensor | tuple[Tensor, ...] | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The outputs of func(*inputs), and the product of its Jacobian with the vector v (as the inputs) from the right.

    Arguments as in `vjp`. It takes two backward passes; see `tensorx.func.jvp`.

    >>> import tensorx as tx
    >>> tx.autograd.functional.jvp(lambda x: x ** 2, tx.tensor([1.0, 2.0]), tx.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    at = _Point("jvp", func, inputs, create_graph, strict)
    v = at.vector(v, at.inputs, at.one_input)
    return at.results(), _shaped(_products(at, v, at.outputs, create_graph), at.one_output, create_graph)


def _each(rows, basis):
    """rows(*vectors) for the vectors of a basis, one after the other, stacked: what vmap does at once."""
    count = basis[0].shape[0]
    if count == 0:
        return vmap(rows)(*basis)
    found = [rows(*(b[i] for b in basis)) for i in range(count)]
    return tuple(stack(column) for column in zip(*found, strict=True))


def jacobian(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of func at `inputs`: for an output (*m) and an input (*n), a tensor (*m, *n).

    Args:
        create_graph, strict: as in `vjp`.
        vectorize: all rows at once, by vmap: quicker, and takes the memory of all of them. Not with strict.
        strategy: "reverse-mode" (a backward pass per element of the outputs) or "forward-mode" (a product per element of
            the inputs).

    Returns a tensor; for a tuple of inputs a tuple of them, and for a tuple of outputs a tuple of that.

    >>> import tensorx as tx
    >>> tx.autograd.functional.jacobian(lambda x: x ** 2, tx.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """
    if strategy not in ("reverse-mode", "forward-mode"):
        raise ValueError(f'jacobian(): expected strategy "reverse-mode" or "forward-mode", got {strategy!r}')
    if strict and vectorize:
        raise RuntimeError("jacobian(): strict=True and vectorize=True are not supported together: leave one out")
    at = _Point("jacobian", func, inputs, create_graph, strict)
    over = vmap if vectorize else lambda f: lambda *basis: _each(f, basis)
    if strategy == "reverse-mode":
        found = over(lambda *v: tuple(at.gradients(at.outputs, v, create_graph)))(*_basis(at.outputs))
        pieces = [_pieces(rows, at.outputs) for rows in found]
        table = [[pieces[j][i] for j in range(len(at.inputs))] for i in range(len(at.outputs))]
    else:
        found = over(lambda *v: tuple(_products(at, v, at.outputs, create_graph)))(*_basis(at.inputs))
        table = [
            [
                part.movedim(tuple(range(x.ndim)), tuple(range(y.ndim, y.ndim + x.ndim))) if x.ndim else part
                for part, x in zip(_pieces(columns, at.inputs), at.inputs, strict=True)
            ]
            for columns, y in zip(found, at.outputs, strict=True)
        ]
    rows = tuple(_shaped(row, at.one_input, create_graph) for row in table)
    return rows[0] if at.one_output else rows


def hessian(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian at `inputs` of func, which gives a single number: for inputs (*n) and (*m), a tensor (*n, *m).

    Arguments as in `jacobian`; outer_jacobian_strategy is the strategy for the Jacobian of the gradient.

    >>> import tensorx as tx
    >>> tx.autograd.functional.hessian(lambda x: (x ** 3).sum(), tx.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """

    def gradient(*xs):
        at = _Point("hessian", func, xs[0] if isinstance(inputs, _C.TensorBase) else xs, True, strict)
        y = at.scalar()
        found = at.gradients((y,), (_C.full_like(y.detach(), 1, None, None),), True)
        return found[0] if at.one_input else tuple(found)

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    v: Tensor | tuple[Tensor, ...] | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The value at `inputs` of func, which gives a single number, and the product of v (as the inputs) with its Hessian.

    Arguments as in `vjp`.

    >>> import tensorx as tx
    >>> tx.autograd.functional.vhp(lambda x: (x ** 3).sum(), tx.tensor([1.0, 2.0]), tx.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    at = _Point("vhp", func, inputs, create_graph, strict)
    return _hessian_product(at, v, create_graph)


def hvp(
    func: Callable[..., Any],
    inputs: Tensor | tuple[Tensor, ...],
    v: Tensor | tuple[Tensor, ...] | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Any, Any]:
    """The value at `inputs` of func, which gives a single number, and the product of its Hessian with v.

    The Hessian is symmetric, so that this is `vhp`. Arguments as in `vjp`.

    >>> import tensorx as tx
    >>> tx.autograd.functional.hvp(lambda x: (x ** 3).sum(), tx.tensor([1.0, 2.0]), tx.tensor([1.0, 1.0]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    at = _Point("hvp", func, inputs, create_graph, strict)
    return _hessian_product(at, v, create_graph)


def _hessian_product(at, v, create_graph):
    y = at.scalar()
    v = at.vector(v, at.inputs, at.one_input)
    with enable_grad():
        slopes = at.gradients((y,), (_C.full_like(y.detach(), 1, None, None),), True)
        products = at.gradients(slopes, v, create_graph, "The gradient")
    return at.results(), _shaped(products, at.one_input, create_graph)
