"""Checking gradients against finite differences, to first and second order."""

from __future__ import annotations

from .. import _C
from ..ops.complex import view_as_complex, view_as_real
from .engine import grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..tensor import Tensor


def _tensors(value):
    return tuple(x for x in (value if isinstance(value, (tuple, list)) else (value,)) if isinstance(x, _C.TensorBase))


def _differentiable(value):
    return [x for x in _tensors(value) if x.requires_grad]


def _in_reals(function, inputs):
    """The function and its inputs with every complex tensor as its pairs of reals, which have derivatives of their own."""

    def to_real(value):
        return view_as_real(value) if isinstance(value, _C.TensorBase) and value.dtype.is_complex else value

    turned = [isinstance(x, _C.TensorBase) and x.dtype.is_complex for x in inputs]
    if not any(turned):
        return lambda *args: tuple(map(to_real, _tensors(function(*args)))), inputs
    leaves = tuple(
        view_as_real(x.detach().clone()).requires_grad_(x.requires_grad) if turn else x
        for x, turn in zip(inputs, turned, strict=True)
    )

    def of_reals(*args):
        args = (view_as_complex(x) if turn else x for x, turn in zip(args, turned, strict=True))
        return tuple(map(to_real, _tensors(function(*args))))

    return of_reals, leaves


def _numerical(function, inputs, x, eps):
    """d outputs / d x by central differences: one (x.numel(), output.numel()) list of rows per output."""
    flat = x.detach().reshape(-1)
    if not flat._shares_storage(x):
        raise ValueError("gradcheck(): inputs must be contiguous enough to be viewed as one dimension")
    rows = None
    for i in range(flat.numel()):
        value = flat[i].item()
        results = []
        for shifted in (value + eps, value - eps):
            flat[i] = shifted
            results.append(
                [
                    y.detach().clone().reshape(-1).tolist()
                    for y in _tensors(function(*inputs))
                    if y.dtype.is_floating_point
                ]
            )
        flat[i] = value
        rows = rows or [[] for _ in results[0]]
        for row, up, down in zip(rows, *results, strict=True):
            row.append([(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)])
    return rows or []


def _analytical(output, x, create_graph):
    """d output / d x by backward passes, one per element of the output: rows as in _numerical, transposed."""
    columns = []
    flat = output.reshape(-1)
    for i in range(flat.numel()):
        seed = _C.full(flat.shape, 0, flat.dtype, flat.device)
        seed[i] = 1
        (g,) = grad(flat, x, seed, retain_graph=True, create_graph=create_graph, allow_unused=True)
        columns.append([0.0] * x.numel() if g is None else g.detach().reshape(-1).tolist())
    return columns


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """True when the gradients of `func(*inputs)` agree with central differences.

    Complex inputs and outputs are checked as pairs of reals: the real and the imaginary part.

    Args:
        func: a function of tensors giving a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require a gradient should be float64 or complex128.
        eps: the step of the differences. atol, rtol: |a - n| <= atol + rtol * |n| must hold for every element.
        raise_exception: raise RuntimeError on a mismatch, else return False.
        nondet_tol: accepted for compatibility; every op here is deterministic.

    >>> import tensorx as tx
    >>> x = tx.tensor([0.5, -0.3], dtype=tx.float64, requires_grad=True)
    >>> tx.autograd.gradcheck(tx.tanh, (x,))
    True
    """
    func, inputs = _in_reals(func, tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,))
    checked = _differentiable(inputs)
    if not checked:
        raise ValueError("gradcheck(): expected at least one input tensor that requires grad")
    for k, x in enumerate(checked):
        before = _C.set_grad_enabled(True)
        try:
            numerical = _numerical(func, inputs, x, eps)
        finally:
            _C.set_grad_enabled(before)
        outputs = [y for y in _tensors(func(*inputs)) if y.dtype.is_floating_point]  # after x was moved and put back
        for j, output in enumerate(outputs):
            if x.numel() == 0:
                continue
            analytical = _analytical(output, x, False) if output.requires_grad else [[0.0] * x.numel()] * output.numel()
            for row, column in enumerate(analytical):
                for i, a in enumerate(column):
                    n = numerical[j][i][row]
                    if not abs(a - n) <= atol + rtol * abs(n) and not (a != a and n != n):
                        if not raise_exception:
                            return False
                        raise RuntimeError(
                            f"Jacobian mismatch for output {j} with respect to input {k}: d output[{row}] / d input[{i}] is "
                            f"{n:.8g} by differences but {a:.8g} by the gradient rules"
                        )
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
) -> bool:
    """gradcheck of the gradients of `func`: True when second-order gradients agree with central differences.

    Args: as in `gradcheck`; grad_outputs: the vectors of the first backward pass, random by default.
    """
    func, inputs = _in_reals(func, tuple(inputs) if isinstance(inputs, (tuple, list)) else (inputs,))
    outputs = [y for y in _tensors(func(*inputs)) if y.requires_grad]
    if grad_outputs is None:
        from ..random import randn_like

        vectors = [randn_like(y).requires_grad_() for y in outputs]
    else:
        vectors = list(grad_outputs) if isinstance(grad_outputs, (tuple, list)) else [grad_outputs]
    count = len(inputs)

    def first(*args):
        xs, gs = args[:count], args[count:]
        ys = [y for y in _tensors(func(*xs)) if y.requires_grad]
        found = grad(ys, _differentiable(xs), gs, create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(first, (*inputs, *vectors), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception)
