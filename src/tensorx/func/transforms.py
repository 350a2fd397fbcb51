"""Transforms of functions into their derivatives: grad, vjp, jvp, and the Jacobians and Hessians made of them.

There is reverse mode only. A Jacobian-vector product comes from it twice: the vector-Jacobian product u -> u J is linear
in u, so that the derivative of it in the direction v is J v, which is a backward pass through the backward pass.
"""

from __future__ import annotations

from functools import wraps

from .. import _C
from ..autograd.grad_mode import enable_grad
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten
from .gradients import Tracked, gradients
from .mapping import vmap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# ---- what the transforms share


def _call(name, func, args, kwargs, chosen, has_aux):
    """Call func with the chosen arguments tracked: (tracked, spec of them, outputs, their spec, aux)."""
    leaves, spec = tree_flatten(chosen)
    _check_tensors(name, leaves, "inputs")
    tracked = Tracked(leaves, name)
    with enable_grad():
        result = func(*args(tree_unflatten(tracked.inputs, spec)), **kwargs)
    aux = None
    if has_aux:
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(f"{name}(): with has_aux=True the function must return a tuple (output, aux)")
        result, aux = result
    outputs, out_spec = tree_flatten(result)
    _check_tensors(name, outputs, "outputs")
    return tracked, spec, outputs, out_spec, aux


def _check_tensors(name, leaves, what):
    for x in leaves:
        if not isinstance(x, _C.TensorBase):
            raise RuntimeError(f"{name}(): expected {what} to be tensors, or trees of them, but got {type(x).__name__}")


def _released(tree, keep):
    """Results for the caller: without a history, unless it leads to something outside that requires a gradient."""
    return tree if keep else tree_map(lambda x: x.detach() if isinstance(x, _C.TensorBase) else x, tree)


def _chosen(name, argnums, args):
    """The positional arguments that argnums names, and how to put others in their place."""
    several = isinstance(argnums, (tuple, list))
    if not several and (not isinstance(argnums, int) or isinstance(argnums, bool)):
        raise RuntimeError(f"{name}(): argnums must be an int or a tuple of ints, got {argnums!r}")
    numbers = tuple(argnums) if several else (argnums,)
    if not numbers:
        raise RuntimeError(f"{name}(): argnums is empty: name at least one argument")
    for n in numbers:
        if not -len(args) <= n < len(args):
            raise RuntimeError(f"{name}(): argnums names argument {n}, but there are {len(args)} positional arguments")
    numbers = tuple(n % len(args) for n in numbers)
    if len(set(numbers)) < len(numbers):
        raise RuntimeError(f"{name}(): argnums must be unique, got {argnums}")
    chosen = tuple(args[n] for n in numbers) if several else args[numbers[0]]

    def replaced(new):
        out = list(args)
        for n, value in zip(numbers, new if several else (new,), strict=True):
            out[n] = value
        return out

    return chosen, replaced


# ---- gradients


def _value_and_gradient(name, func, argnums, has_aux, args, kwargs):
    chosen, replaced = _chosen(name, argnums, args)
    tracked, spec, outputs, out_spec, aux = _call(name, func, replaced, kwargs, chosen, has_aux)
    if len(outputs) != 1 or out_spec.type is not None:
        raise RuntimeError(f"{name}(): expected the function to return one tensor, got {out_spec.type.__name__}")
    (output,) = outputs
    if output.ndim:
        raise RuntimeError(
            f"{name}(): expected the function to return a scalar, a tensor with 0 dimensions, got shape "
            f"{list(output.shape)}: reduce it (for example with .sum()), or use vjp or jacrev"
        )
    if not output.dtype.is_floating_point:
        raise RuntimeError(f"{name}(): expected the function to return a floating-point tensor, got {output.dtype}")
    keep = tracked.matter_outside(outputs)
    found = gradients(outputs, tracked.inputs, None, keep)
    return _released(output, keep), tree_unflatten(found, spec), _released(aux, keep)


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that gives the gradient of `func`, a function of tensors with a scalar result.

    Args:
        argnums: the argument to differentiate with respect to, by position; a tuple of ints gives a tuple of gradients.
            An argument may be a tree of tensors, and so is its gradient.
        has_aux: func returns (result, aux), and the gradient function (gradient, aux).

    Gradients of gradients are grad of grad; for many examples at once, vmap of grad.

    >>> import tensorx as tx
    >>> tx.func.grad(tx.sin)(tx.tensor(0.0))
    tensor(1.)
    >>> tx.vmap(tx.func.grad(lambda x: x ** 3))(tx.tensor([1.0, 2.0]))
    tensor([ 3., 12.])
    """

    @wraps(func, updated=())
    def gradient(*args, **kwargs):
        _, found, aux = _value_and_gradient("grad", func, argnums, has_aux, args, kwargs)
        return (found, aux) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As `grad`, but the function gives (gradient, value), or with has_aux (gradient, (value, aux)).

    >>> import tensorx as tx
    >>> tx.func.grad_and_value(lambda x: x ** 2)(tx.tensor(3.0))
    (tensor(6.), tensor(9.))
    """

    @wraps(func, updated=())
    def gradient_and_value(*args, **kwargs):
        value, found, aux = _value_and_gradient("grad_and_value", func, argnums, has_aux, args, kwargs)
        return found, ((value, aux) if has_aux else value)

    return gradient_and_value


def value_and_grad(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """As `grad_and_value` with the value first, as in JAX: (value, gradient), or with has_aux ((value, aux), gradient).

    >>> import tensorx as tx
    >>> tx.func.value_and_grad(lambda x: x ** 2)(tx.tensor(3.0))
    (tensor(9.), tensor(6.))
    """

    @wraps(func, updated=())
    def value_and_gradient(*args, **kwargs):
        value, found, aux = _value_and_gradient("value_and_grad", func, argnums, has_aux, args, kwargs)
        return ((value, aux) if has_aux else value), found

    return value_and_gradient


# ---- products with the Jacobian


def _cotangents(name, given, outputs, out_spec):
    leaves, spec = tree_flatten(given)
    if spec != out_spec:
        raise RuntimeError(f"{name}(): expected the structure of the function's results {out_spec}, got {spec}")
    return _matching(name, leaves, outputs)


def _matching(name, leaves, like):
    _check_tensors(name, leaves, "vectors")
    for v, y in zip(leaves, like, strict=True):
        if v.shape != y.shape:
            raise RuntimeError(f"{name}(): expected a vector of shape {list(y.shape)}, got {list(v.shape)}")
    return leaves


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The results of func(*primals), and the function that multiplies a vector with its Jacobian from the left.

    Args:
        primals: the arguments: trees of tensors.
        has_aux: func returns (result, aux).

    Returns (result, vjp_fn), or with has_aux (result, vjp_fn, aux). vjp_fn takes a vector of the shape and structure of
    the result and gives a tuple with the product for each of primals.

    >>> import tensorx as tx
    >>> y, vjp_fn = tx.func.vjp(tx.sin, tx.tensor([0.0, 0.0]))
    >>> vjp_fn(tx.tensor([1.0, 2.0]))
    (tensor([1., 2.]),)
    """
    tracked, spec, outputs, out_spec, aux = _call("vjp", func, lambda new: new, {}, primals, has_aux)
    keep = tracked.matter_outside(outputs)

    def vjp_fn(*cotangents, retain_graph=True, create_graph=None):
        given = cotangents[0] if len(cotangents) == 1 else cotangents
        vectors = _cotangents("vjp_fn", given, outputs, out_spec)
        record = _C.is_grad_enabled() if create_graph is None else create_graph
        record = record and (keep or any(v.requires_grad for v in vectors))
        return tree_unflatten(gradients(outputs, tracked.inputs, vectors, record, retain_graph), spec)

    results = _released(tree_unflatten(outputs, out_spec), keep)
    return (results, vjp_fn, _released(aux, keep)) if has_aux else (results, vjp_fn)


class _Linearized:
    """A function at a point: its results, and the product of its Jacobian with a vector from the right."""

    def __init__(self, name, func, primals, has_aux):
        parts = _call(name, func, lambda new: new, {}, primals, has_aux)
        self.tracked, self.spec, outputs, out_spec, aux = parts
        self.name, self.outputs = name, outputs
        self.keep = self.tracked.matter_outside(outputs)
        self.results = _released(tree_unflatten(outputs, out_spec), self.keep)
        self.aux, self.out_spec = _released(aux, self.keep), out_spec
        with enable_grad():
            # Any u will do for the derivative of something linear in it.
            self.vectors = Tracked([_C.full_like(y.detach(), 1, None, None) for y in outputs], name).inputs
            self.products = gradients(outputs, self.tracked.inputs, self.vectors, True)

    def times(self, tangents):
        """J v, for the leaves of v."""
        tangents = _matching(self.name, tangents, self.tracked.inputs)
        tangents = [
            v if v.dtype is x.dtype else v.to(x.dtype) for v, x in zip(tangents, self.tracked.inputs, strict=True)
        ]
        keep = _C.is_grad_enabled() and (self.keep or any(v.requires_grad for v in tangents))
        return gradients(self.products, self.vectors, tangents, keep, True)


def _tangent_leaves(name, primals, tangents):
    leaves, spec = tree_flatten(tangents)
    expected = tree_flatten(primals)[1]
    if not isinstance(tangents, tuple) or spec != expected:
        raise RuntimeError(
            f"{name}(): expected tangents to be a tuple of the structure of primals {expected}, got {spec}"
        )
    return leaves


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """The results of func(*primals), and the product of its Jacobian with the vector `tangents`.

    Args:
        primals: a tuple of arguments, trees of tensors. tangents: the vector, of the same structure and shapes.
        strict: raise RuntimeError where a result does not depend on the arguments, instead of giving zeros.
        has_aux: func returns (result, aux); then (result, product, aux) is returned.

    It takes two backward passes (see the module): about the time of a vjp and its vjp, and the memory of both.

    >>> import tensorx as tx
    >>> tx.func.jvp(tx.sin, (tx.tensor(0.0),), (tx.tensor(2.0),))
    (tensor(0.), tensor(2.))
    """
    if not isinstance(primals, tuple) or not primals:
        raise RuntimeError(f"jvp(): expected primals to be a tuple of at least one argument, got {primals!r}")
    leaves = _tangent_leaves("jvp", primals, tangents)
    at = _Linearized("jvp", func, primals, has_aux)
    if strict and not all(y.requires_grad for y in at.outputs):
        raise RuntimeError("jvp(): strict=True, but a result does not depend on the arguments")
    product = tree_unflatten(at.times(leaves), at.out_spec)
    return (at.results, product, at.aux) if has_aux else (at.results, product)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The results of func(*primals), and the function of tangents that gives the product of the Jacobian there with them.

    func is called once, however many products are then asked for.

    >>> import tensorx as tx
    >>> y, times = tx.func.linearize(lambda x: x ** 2, tx.tensor(3.0))
    >>> times(tx.tensor(1.0)), times(tx.tensor(2.0))
    (tensor(6.), tensor(12.))
    """
    at = _Linearized("linearize", func, primals, False)

    def jvp_fn(*tangents):
        return tree_unflatten(at.times(_tangent_leaves("linearize", primals, tangents)), at.out_spec)

    return at.results, jvp_fn


# ---- Jacobians


def _basis(tensors):
    """The unit vectors of the space of these tensors together: for each tensor, (all its elements, *shape)."""
    total = sum(x.numel() for x in tensors)
    parts, start = [], 0
    for x in tensors:
        n = x.numel()
        part = _C.new_zeros(x.detach(), (total, n))
        part.narrow(0, start, n).diagonal().fill_(1)
        parts.append(part.reshape((total, *x.shape)))
        start += n
    return parts


def _pieces(x, tensors):
    """What belongs to each of the tensors, with its shape, of a tensor whose first dimension is as in _basis."""
    parts = x.split([y.numel() for y in tensors], 0)
    return [part.reshape((*y.shape, *part.shape[1:])) for part, y in zip(parts, tensors, strict=True)]


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that gives the Jacobian of `func`, by reverse mode: one vector-Jacobian product per element of the
    result, all at once. Right where there are fewer results than inputs.

    Args:
        argnums, has_aux: as in `grad`.
        chunk_size: how many rows to compute at a time. Default: all.

    The Jacobian of a result of shape (*m) with respect to an argument of shape (*n) has shape (*m, *n). For several
    results or arguments: for each leaf of the result, a tree as the arguments are.

    >>> import tensorx as tx
    >>> tx.func.jacrev(lambda x: x ** 2)(tx.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """

    @wraps(func, updated=())
    def jacobian(*args, **kwargs):
        chosen, replaced = _chosen("jacrev", argnums, args)
        tracked, spec, outputs, out_spec, aux = _call("jacrev", func, replaced, kwargs, chosen, has_aux)
        keep = tracked.matter_outside(outputs)

        def rows(*vectors):
            return tuple(gradients(outputs, tracked.inputs, list(vectors), keep, True))

        found = vmap(rows, randomness="same", chunk_size=chunk_size)(*_basis(outputs))
        by_input = [_pieces(rows_of_input, outputs) for rows_of_input in found]  # [input][output]
        trees = [tree_unflatten([pieces[i] for pieces in by_input], spec) for i in range(len(outputs))]
        result = tree_unflatten(trees, out_spec)
        return (result, _released(aux, keep)) if has_aux else result

    return jacobian


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that gives the Jacobian of `func` column by column: one Jacobian-vector product per element of the
    input, all at once. Right where there are fewer inputs than results. Arguments and result as in `jacrev`.

    >>> import tensorx as tx
    >>> tx.func.jacfwd(lambda x: x ** 2)(tx.tensor([1.0, 3.0]))
    tensor([[2., 0.],
            [0., 6.]])
    """

    @wraps(func, updated=())
    def jacobian(*args, **kwargs):
        chosen, replaced = _chosen("jacfwd", argnums, args)
        leaves, spec = tree_flatten(chosen)
        at = _Linearized(
            "jacfwd", lambda *new: func(*replaced(tree_unflatten(new, spec)), **kwargs), tuple(leaves), has_aux
        )

        def columns(*tangents):
            return tuple(at.times(list(tangents)))

        found = vmap(columns, out_dims=-1, randomness=randomness, chunk_size=chunk_size)(*_basis(at.tracked.inputs))
        trees = []
        for columns_of_output in found:
            first = columns_of_output.ndim - 1
            pieces = _pieces(columns_of_output.movedim(-1, 0), at.tracked.inputs)
            moved = [
                piece.movedim(tuple(range(x.ndim)), tuple(range(first, first + x.ndim))) if x.ndim else piece
                for piece, x in zip(pieces, at.tracked.inputs, strict=True)
            ]
            trees.append(tree_unflatten(moved, spec))
        result = tree_unflatten(trees, at.out_spec)
        return (result, at.aux) if has_aux else result

    return jacobian


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """The function that gives the Hessian of `func`, a function with a scalar result: the Jacobian of its gradient.

    It is jacfwd of jacrev; for an argument of shape (*n) its shape is (*n, *n).

    >>> import tensorx as tx
    >>> tx.func.hessian(lambda x: (x ** 3).sum())(tx.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
