"""Checking gradients against finite differences, to first and second order.

The slow mode compares every element of the Jacobian; the fast mode compares u' J v for random u and v, which costs two calls
and one backward pass per pair of an input and an output.
"""

from __future__ import annotations

import warnings
from itertools import product

from .. import _C
from ..ops.complex import view_as_complex, view_as_real
from .engine import grad
from .grad_mode import enable_grad

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from ..tensor import Tensor


class GradcheckError(RuntimeError):
    """A gradient does not agree with what was compared with it."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """True when the gradients of `func(*inputs)` agree with central differences.

    Complex inputs and outputs are checked as pairs of reals: the real and the imaginary part.

    Args:
        func: a function of tensors giving a tensor or a tuple of tensors.
        inputs: a tensor or a tuple; those that require a gradient should be float64 or complex128 (others bring a warning).
        eps: the step of the differences. atol, rtol: |a - n| <= atol + rtol * |n| must hold for every element.
        raise_exception: raise GradcheckError, a RuntimeError, on a mismatch; else return False.
        nondet_tol: how much a second backward pass may differ from the first.
        check_undefined_grad: an output that no gradient reaches must count as one whose gradient is zero.
        check_grad_dtypes: gradients must have the dtypes of their inputs.
        check_batched_grad: is_grads_batched=True must give what one backward pass per vector gives.
        check_forward_ad: also check products J v, which are taken as gradients of gradients here; with
            check_batched_forward_grad they are checked as well.
        check_backward_ad: check products v J, the backward pass.
        fast_mode: compare random projections of the Jacobian instead of all of it.
        masked: accepted for PyTorch's sake.

    ValueError when no input requires a gradient, RuntimeError for an input with overlapping elements.

    >>> import tensorx as tx
    >>> x = tx.tensor([0.5, -0.3], dtype=tx.float64, requires_grad=True)
    >>> tx.autograd.gradcheck(tx.tanh, (x,))
    True
    """
    func, inputs = _in_reals(func, _as_tuple(inputs))
    _check_inputs(inputs)
    try:
        with enable_grad():
            call = _Call(func, inputs)
            if check_backward_ad:
                _compare_jacobians(call, eps, atol, rtol, nondet_tol, fast_mode)
                _check_zero_gradients(call, check_grad_dtypes)
                if check_undefined_grad:
                    _check_undefined(call)
            if check_batched_grad:
                _check_batched(call)
            if check_forward_ad or check_batched_forward_grad:
                _compare_forward(call, eps, atol, rtol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """gradcheck of the gradients of `func`: True when second-order gradients agree with central differences.

    Args:
        grad_outputs: the vectors of the first backward pass, one per output that requires a gradient; random by default.
        gen_non_contig_grad_outputs: make the random ones non-contiguous.
        check_rev_over_rev, check_fwd_over_rev: check_backward_ad and check_forward_ad of the gradients.

    The others are those of `gradcheck`.

    >>> import tensorx as tx
    >>> x = tx.tensor([0.5, -0.3], dtype=tx.float64, requires_grad=True)
    >>> tx.autograd.gradgradcheck(tx.tanh, (x,))
    True
    """
    func, inputs = _in_reals(func, _as_tuple(inputs))
    _check_inputs(inputs)
    if grad_outputs is None:
        outputs = [y for y in _float_tensors(func(*inputs)) if y.requires_grad]
        vectors = [_random_like(y, gen_non_contig_grad_outputs).requires_grad_() for y in outputs]
    else:
        vectors = list(_as_tuple(grad_outputs))
    count = len(inputs)

    def first(*args):
        xs = [x for x in args[:count] if isinstance(x, _C.TensorBase) and x.requires_grad]
        ys = [y for y in _float_tensors(func(*args[:count])) if y.requires_grad]
        found = grad(ys, xs, args[count:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first,
        (*inputs, *vectors),
        eps=eps,
        atol=atol,
        rtol=rtol,
        raise_exception=raise_exception,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=masked,
    )


# ---- a call and its inputs


class _Call:
    """A function with its inputs, those of them that require a gradient, and its outputs that have dtypes for one."""

    def __init__(self, function, inputs):
        self.function, self.inputs = function, inputs
        self.checked = [x for x in inputs if isinstance(x, _C.TensorBase) and x.requires_grad]

    def outputs(self):
        """Of a new call."""
        return _float_tensors(self.function(*self.inputs))

    def values(self):
        """The outputs as float64 vectors on the CPU."""
        return [_vector(y) for y in self.outputs()]


def _in_reals(function, inputs):
    """The function and its inputs with every complex tensor as its pairs of reals, which have derivatives of their own."""

    def to_real(value):
        return view_as_real(value) if isinstance(value, _C.TensorBase) and value.dtype.is_complex else value

    turned = [isinstance(x, _C.TensorBase) and x.dtype.is_complex for x in inputs]
    if not any(turned):
        return lambda *args: tuple(map(to_real, _as_tuple(function(*args)))), inputs
    leaves = tuple(
        view_as_real(x.detach().clone()).requires_grad_(x.requires_grad) if turn else x
        for x, turn in zip(inputs, turned, strict=True)
    )

    def of_reals(*args):
        args = (view_as_complex(x) if turn else x for x, turn in zip(args, turned, strict=True))
        return tuple(map(to_real, _as_tuple(function(*args))))

    return of_reals, leaves


def _as_tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _float_tensors(value):
    return [x for x in _as_tuple(value) if isinstance(x, _C.TensorBase) and x.dtype.is_floating_point]


def _vector(x):
    return x.detach().to("cpu", _C.float64).reshape(-1).clone()


def _random_like(x, non_contiguous=False):
    from ..random import Generator, rand

    generator = Generator(x.device).manual_seed(x.numel())
    if not non_contiguous:
        return rand(x.shape, dtype=x.dtype, device=x.device, generator=generator) - 0.5
    return (rand((*x.shape, 2), dtype=x.dtype, device=x.device, generator=generator) - 0.5)[..., 0]


def _check_inputs(inputs):
    wanted = [(i, x) for i, x in enumerate(inputs) if isinstance(x, _C.TensorBase) and x.requires_grad]
    if not wanted:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True."
        )
    for i, x in wanted:
        if x.dtype is not _C.float64:
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point. This check will likely fail if "
                "all the inputs are not of double precision floating point.",
                stacklevel=3,
            )
        if any(stride == 0 and size > 1 for stride, size in zip(x.stride(), x.shape, strict=True)):
            raise RuntimeError(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping to "
                "be able to compute the numerical gradients correctly. You should call .contiguous on the input before "
                "passing it to gradcheck."
            )


# ---- Jacobians


def _numerical(call, x, eps):
    """d outputs / d x by central differences: per output a list of rows, one per element of x."""
    elements = x.detach()
    rows = [[] for _ in call.values()]
    for at in product(*map(range, x.shape)):
        before = elements[at].item()
        elements[at] = before + eps
        up = call.values()
        elements[at] = before - eps
        down = call.values()
        elements[at] = before
        for row, a, b in zip(rows, up, down, strict=True):
            row.append(((a - b) / (2 * eps)).tolist())
    return rows


def _analytical(output, x):
    """d output / d x by backward passes: a list of rows, one per element of the output."""
    rows = []
    flat = output.reshape(-1)
    for i in range(flat.numel()):
        seed = _C.full(flat.shape, 0, flat.dtype, flat.device)
        seed[i] = 1
        rows.append(_vector(_gradient(flat, x, seed)).tolist())
    return rows


def _gradient(output, x, seed):
    (g,) = grad(output, x, seed, retain_graph=True, allow_unused=True)
    return _C.full(x.shape, 0, x.dtype, x.device) if g is None else g


def _compare_jacobians(call, eps, atol, rtol, nondet_tol, fast_mode):
    for k, x in enumerate(call.checked):
        if not x.numel():
            continue
        if fast_mode:
            _compare_projections(call, k, x, eps, atol, rtol, nondet_tol)
            continue
        numerical = _numerical(call, x, eps)
        for j, output in enumerate(call.outputs()):  # after x was moved and put back
            if not output.requires_grad:
                _refuse_dependence(j, k, numerical[j], atol)
                continue
            analytical = _analytical(output, x)
            for row, column in enumerate(analytical):
                for i, a in enumerate(column):
                    if not _agree(a, numerical[j][i][row], atol, rtol):
                        raise GradcheckError(
                            f"Jacobian mismatch for output {j} with respect to input {k}: d output[{row}] / d input[{i}] is "
                            f"{numerical[j][i][row]:.8g} by differences but {a:.8g} by the gradient rules"
                        )
            _check_repeatable(analytical, _analytical(output, x), nondet_tol)


def _compare_projections(call, k, x, eps, atol, rtol, nondet_tol):
    """u' J v per output, with random u over the output and v over the input."""
    v = _random_like(x)
    slopes = _slopes(call, x, v, eps)
    for j, output in enumerate(call.outputs()):
        if not output.numel():
            continue
        u = _random_like(output)
        numerical = (_vector(u) * slopes[j]).sum().item()
        if not output.requires_grad:
            _refuse_dependence(j, k, [[numerical]], atol)
            continue
        g = _vector(_gradient(output, x, u))
        analytical = (g * _vector(v)).sum().item()
        scale = _vector(u).abs().sum().item()  # of the element-wise tolerance, as it adds up
        if not _agree(analytical, numerical, atol * max(1.0, scale), rtol):
            raise GradcheckError(
                f"Jacobian mismatch for output {j} with respect to input {k}, in fast mode: a random projection of it is "
                f"{numerical:.8g} by differences but {analytical:.8g} by the gradient rules. fast_mode=False says where."
            )
        _check_repeatable([g.tolist()], [_vector(_gradient(output, x, u)).tolist()], nondet_tol)


def _slopes(call, x, v, eps):
    """J v by differences: how each output, as a vector, changes as x moves along v."""
    moved = x.detach()
    before = moved.clone()
    moved.copy_(before + eps * v)
    up = call.values()
    moved.copy_(before - eps * v)
    down = call.values()
    moved.copy_(before)
    return [(a - b) / (2 * eps) for a, b in zip(up, down, strict=True)]


def _agree(a, n, atol, rtol):
    return abs(a - n) <= atol + rtol * abs(n) or (a != a and n != n) or a == n


def _refuse_dependence(j, k, numerical, atol):
    """An output that requires no gradient must not depend on the input."""
    if any(abs(n) > atol for row in numerical for n in row):
        raise GradcheckError(
            f"Numerical gradient for function expected to be zero: output {j} does not require grad, but depends on input {k}"
        )


def _check_repeatable(first, second, nondet_tol):
    for a, b in zip(first, second, strict=True):
        if not all(abs(x - y) <= nondet_tol or x == y or (x != x and y != y) for x, y in zip(a, b, strict=True)):
            raise GradcheckError(
                "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                "different values, although analytical gradient matches numerical gradient. The tolerance for "
                f"nondeterminism was {nondet_tol}."
            )


# ---- other properties of a backward pass


def _differentiable(call):
    return [y for y in call.outputs() if y.requires_grad]


def _zeros(tensors):
    return [_C.full(y.shape, 0, y.dtype, y.device) for y in tensors]


def _check_zero_gradients(call, check_dtypes):
    """Gradients are linear: zeros in, zeros out; and they have the shapes, devices and dtypes of their inputs."""
    outputs = _differentiable(call)
    if not outputs:
        return
    for k, (x, g) in enumerate(
        zip(call.checked, grad(outputs, call.checked, _zeros(outputs), allow_unused=True), strict=True)
    ):
        if g is None:
            continue
        if g.shape != x.shape or g.device != x.device:
            raise GradcheckError(
                f"grad of input {k} is incorrect: it has shape {list(g.shape)} on {g.device}, and the input {list(x.shape)} "
                f"on {x.device}"
            )
        if check_dtypes and g.dtype is not x.dtype:
            raise GradcheckError(f"grad of input {k} is incorrect type: {g.dtype}, and the input {x.dtype}")
        if not (g == 0).all().item():
            raise GradcheckError(
                f"backward not multiplied by grad_output: the gradient of input {k} of zeros is not zero"
            )


def _check_undefined(call):
    """An output alone must give what it gives with zeros for the others."""
    count = len(_differentiable(call))
    for i in range(count if count > 1 else 0):
        outputs = _differentiable(call)
        seeds = [
            _random_like(y) if j == i else z for j, (y, z) in enumerate(zip(outputs, _zeros(outputs), strict=True))
        ]
        with_zeros = grad(outputs, call.checked, seeds, retain_graph=True, allow_unused=True)
        alone = grad(outputs[i], call.checked, seeds[i], allow_unused=True)
        for k, (a, b) in enumerate(zip(alone, with_zeros, strict=True)):
            a, b = (0 if g is None else _vector(g) for g in (a, b))
            if a is not b and not bool(((a - b) == 0).all()):
                raise GradcheckError(
                    f"Expected backward function to handle undefined output grads: with a gradient for output {i} only, that "
                    f"of input {k} is not what zeros for the other outputs give"
                )


def _check_batched(call):
    """Two vectors at once give what they give one by one."""
    from ..ops.join import stack

    for j, output in enumerate(_differentiable(call)):
        pair = [_random_like(output), _random_like(output) * 2]
        together = grad(output, call.checked, stack(pair), retain_graph=True, allow_unused=True, is_grads_batched=True)
        single = [grad(output, call.checked, u, retain_graph=True, allow_unused=True) for u in pair]
        for k, (both, *each) in enumerate(zip(together, *single, strict=True)):
            if both is not None and not all(
                _agree(a, b, 1e-9, 1e-6)
                for a, b in zip(_vector(both).tolist(), _vector(stack(each)).tolist(), strict=True)
            ):
                raise GradcheckError(f"While computing batched gradients, got different values: output {j}, input {k}")


def _compare_forward(call, eps, atol, rtol):
    """J v, as the gradient of u' J with respect to u, against differences along v."""
    for k, x in enumerate(call.checked):
        if not x.numel():
            continue
        v = _random_like(x)
        slopes = _slopes(call, x, v, eps)
        for j, output in enumerate(call.outputs()):
            if not output.requires_grad:
                continue
            u = _C.full(output.shape, 0, output.dtype, output.device).requires_grad_()
            (g,) = grad(output, x, u, create_graph=True, allow_unused=True)
            found = None if g is None or not g.requires_grad else grad(g, u, v, allow_unused=True)[0]
            along = [0.0] * output.numel() if found is None else _vector(found).tolist()
            for i, (a, n) in enumerate(zip(along, slopes[j].tolist(), strict=True)):
                if not _agree(a, n, atol * max(1, x.numel()), rtol):
                    raise GradcheckError(
                        f"Jacobian-vector product mismatch for output {j} with respect to input {k}: element {i} is {n:.8g} "
                        f"by differences but {a:.8g} by the gradient rules"
                    )
