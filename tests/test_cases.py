"""Every row of cases.py against NumPy in float64, and against itself: layouts, threads, forms, gradients."""

import inspect
import warnings

import numpy as np
import pytest

import tensorx as tx
from cases import CASES
from support import (
    ALL,
    HALVES,
    LAYOUTS,
    Drawn,
    all_bits,
    assert_close,
    assert_same,
    bits,
    draw,
    dtype_name,
    expand_first,
    expanded,
    flatten,
    materialize,
    round_to,
    to_library,
    to_numpy,
    to_tx,
    walk,
)

ROWS = list(CASES.values())
by_row = pytest.mark.parametrize("case", ROWS, ids=repr)


def evaluate(case, arguments, convert=to_tx):
    args, kwargs = to_library(arguments, convert, tx)
    return case.resolve(tx)(*args, **kwargs)


def expect(case, arguments):
    """The reference's results, as a list."""
    args, kwargs = to_library(arguments, lambda values, dtype: values, np)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = case.reference(*args, **kwargs)
    return list(result) if isinstance(result, (tuple, list)) else [result]


def main_dtype(case):
    return "float32" if "float32" in case.dtypes else case.dtypes[-1]


def check_values(case, arguments, message):
    results = flatten(evaluate(case, arguments))
    expected = expect(case, arguments)
    assert len(results) == len(expected), message
    for result, wanted in zip(results, expected, strict=True):
        name = dtype_name(result) if isinstance(result, tx.Tensor) else "int64"
        assert_close(to_numpy(result), wanted, name, case.tolerance, message)


# ---- values


@pytest.mark.parametrize("case", [c for c in ROWS if c.reference], ids=repr)
def test_values(case):
    for dtype in case.dtypes:
        for made in case.calls:
            check_values(case, materialize(made, dtype, case.name), f"{case}{made} in {dtype}")


SPECIAL = (float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.0, -1.0, 0.5)


def special_arguments(case, dtype):
    """Every combination of special values, for the first call's tensors (one or two)."""
    made = case.calls[0]
    count = len(made.tensors())
    grids = iter(np.meshgrid(*[np.array(SPECIAL)] * count, indexing="ij"))
    args = [Drawn(a, next(grids), dtype) if a in made.tensors() else a for a in made.args]
    return args, made.kwargs


@pytest.mark.parametrize("case", [c for c in ROWS if c.special and c.reference], ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_nan_and_infinity(case):
    for dtype in ("float32", "float64", *HALVES):
        if dtype in case.dtypes:
            check_values(case, special_arguments(case, dtype), f"{case} of special values in {dtype}")


# ---- the same bits, however the values lie in memory and however many threads there are


@by_row
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(case, layout):
    dtype = main_dtype(case)
    for made in case.calls:
        arguments = materialize(made, dtype, case.name)
        plain = evaluate(case, arguments)
        moved = evaluate(case, arguments, lambda values, name: LAYOUTS[layout](to_tx(values, name)))
        assert_same(moved, plain, f"{case}{made}")


@by_row
def test_stride_zero(case):
    dtype = main_dtype(case)
    for made in case.calls:
        drawn = walk(
            materialize(made, dtype, case.name),
            lambda a: Drawn(a.spec, expand_first(a.values), a.dtype) if isinstance(a, Drawn) else a,
        )
        assert_same(evaluate(case, drawn, expanded), evaluate(case, drawn), f"{case}{made}")


@pytest.mark.parametrize("case", [c for c in ROWS if c.large], ids=repr)
def test_threads(case, threads):
    """1, 2 and 5 threads, contiguous and not: the same bits."""
    arguments = materialize(case.large, main_dtype(case), case.name)
    found = []
    for count in (1, 2, 5):
        threads(count)
        found.append(all_bits(evaluate(case, arguments)))
        found.append(
            all_bits(evaluate(case, arguments, lambda values, name: LAYOUTS["transposed"](to_tx(values, name))))
        )
    assert all(f == found[0] for f in found)


def test_rows_have_a_large_call_or_a_reason():
    assert [c.name for c in ROWS if not c.large and not c.view and not c.why] == []


# ---- forms of the same op


def first_tensor_call(case, made):
    return bool(made.args) and made.args[0] in made.tensors()


@by_row
def test_method(case):
    method = getattr(tx.Tensor, case.method, None)
    if method is None or "." in case.name:
        return
    for made in case.calls:
        if case.name == "where":  # Tensor.where(condition, other): another order
            continue
        if first_tensor_call(case, made):
            args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
            assert all_bits(getattr(args[0], case.method)(*args[1:], **kwargs)) == all_bits(
                case.resolve(tx)(*args, **kwargs)
            )


@by_row
def test_in_place(case):
    """x.op_(...) writes what op(x, ...) gives, into x itself, through any layout."""
    method = getattr(tx.Tensor, case.method + "_", None)
    if method is None or "." in case.name or case.view:  # those of views are in test_ops_in_place.py
        return
    tried = 0
    for dtype in case.dtypes:
        for made in case.calls:
            if not first_tensor_call(case, made):
                continue
            args, kwargs = to_library(materialize(made, dtype, case.name), to_tx, tx)
            wanted = case.resolve(tx)(*args, **kwargs)
            if wanted.shape != args[0].shape or not tx.can_cast(wanted.dtype, args[0].dtype):
                continue
            for name, layout in LAYOUTS.items():
                target = layout(args[0].clone())
                version = target._version
                assert method(target, *args[1:], **kwargs) is target
                assert target._version > version
                assert bits(target) == bits(wanted.to(target.dtype)), f"{case}{made} in {dtype}, {name}"
                tried += 1
    assert tried


def takes_out(case):
    return "out" in inspect.signature(case.resolve(tx)).parameters


@pytest.mark.parametrize("case", [c for c in ROWS if takes_out(c)], ids=repr)
def test_out(case):
    function = case.resolve(tx)
    for made in case.calls:
        args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
        wanted = function(*args, **kwargs)
        for layout in LAYOUTS.values():
            outs = [layout(tx.zeros(w.shape, dtype=w.dtype, device=w.device)) for w in flatten(wanted)]
            given = function(*args, **kwargs, out=outs[0] if isinstance(wanted, tx.Tensor) else tuple(outs))
            assert type(given) is type(wanted)
            for out, result, value in zip(outs, flatten(given), flatten(wanted), strict=True):
                assert result is out
                assert bits(out) == bits(value), f"{case}{made}"
        with pytest.raises(TypeError, match="out"):
            function(*args, **kwargs, out=[])


# ---- gradients


def differentiable_inputs(args, kwargs):
    found = []
    walk((args, kwargs), lambda a: found.append(a) if isinstance(a, tx.Tensor) and a.dtype.is_floating_point else None)
    return found


def with_inputs(case, args, kwargs, inputs):
    """A function of the differentiable inputs alone."""

    def function(*given):
        replace = {id(old): new for old, new in zip(inputs, given, strict=True)}
        new_args, new_kwargs = walk((args, kwargs), lambda a: replace.get(id(a), a))
        results = case.resolve(tx)(*new_args, **new_kwargs)
        return tuple(r for r in flatten(results) if isinstance(r, tx.Tensor) and r.dtype.is_floating_point)

    return function


def gradient_setup(case, made, dtype="float64"):
    args, kwargs = to_library(materialize(made, dtype, case.name), to_tx, tx)
    inputs = differentiable_inputs(args, kwargs)
    for x in inputs:
        x.requires_grad_()
    return with_inputs(case, args, kwargs, inputs), tuple(inputs)


WITH_GRADIENT = [c for c in ROWS if c.gradient_calls and "float64" in c.dtypes]


@pytest.mark.parametrize("case", WITH_GRADIENT, ids=repr)
def test_gradient(case):
    for made in case.gradient_calls:
        function, inputs = gradient_setup(case, made)
        assert all(y.requires_grad for y in function(*inputs)), f"{case}{made}"
        assert tx.autograd.gradcheck(function, inputs), f"{case}{made}"


@pytest.mark.parametrize("case", [c for c in WITH_GRADIENT if c.second], ids=repr)
def test_second_gradient(case):
    made = case.gradient_calls[0]
    function, inputs = gradient_setup(case, made)
    outputs = function(*inputs)
    seeds = [to_tx(draw_like(y, i), "float64").requires_grad_() for i, y in enumerate(outputs)]
    assert tx.autograd.gradgradcheck(function, inputs, seeds), f"{case}{made}"


def draw_like(x, seed):
    from support import T

    return draw(T(tuple(x.shape), -1, 1), "float64", seed)


def gradients(case, made, dtype, exact=None):
    """Gradients of a fixed weighting of the results; `exact` gives the dtype the inputs are rounded to."""
    arguments = materialize(made, exact or dtype, case.name)
    arguments = walk(
        arguments, lambda a: Drawn(a.spec, a.values, dtype) if isinstance(a, Drawn) and a.dtype == exact else a
    )
    args, kwargs = to_library(arguments, to_tx, tx)
    inputs = differentiable_inputs(args, kwargs)
    for x in inputs:
        x.requires_grad_()
    outputs = with_inputs(case, args, kwargs, inputs)(*inputs)
    seeds = [to_tx(round_to(draw_like(y, i), exact or dtype), dtype_name(y)) for i, y in enumerate(outputs)]
    return tx.autograd.grad(outputs, inputs, seeds, allow_unused=True)


# The backward pass rounds at every step, so a gradient may be off by some units in the last place of the half type,
# of the largest term in it; what is looked for here is a wrong formula, an overflow, or a float32 cast that is missing.
HALF_GRADIENT = {"float16": 2e-2, "bfloat16": 1.5e-1}


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("case", WITH_GRADIENT, ids=repr)
def test_half_gradients(case, dtype):
    if dtype not in case.dtypes:
        return
    made = case.gradient_calls[0]
    half = gradients(case, made, dtype)
    single = gradients(case, made, "float32", exact=dtype)
    for h, s in zip(half, single, strict=True):
        assert (h is None) == (s is None)
        if h is not None:
            assert dtype_name(h) == dtype
            h, s = to_numpy(h), to_numpy(s)
            assert np.isfinite(h).all()
            scale = max(1.0, float(np.abs(s).max(initial=0)))
            np.testing.assert_allclose(
                h, s, HALF_GRADIENT[dtype], HALF_GRADIENT[dtype] * scale, err_msg=f"{case}{made}"
            )


@pytest.mark.parametrize("case", WITH_GRADIENT, ids=repr)
def test_gradients_of_layouts_and_threads(case, threads):
    """Strided inputs have the gradients of contiguous ones, bit for bit; so do 1 and 2 threads."""
    made = case.gradient_calls[0]
    found = []
    for layout in (None, *LAYOUTS.values()):
        args, kwargs = to_library(
            materialize(made, "float32", case.name),
            lambda v, n: (layout(to_tx(v, n)) if layout else to_tx(v, n)).detach(),
            tx,
        )
        inputs = differentiable_inputs(args, kwargs)
        for x in inputs:
            x.requires_grad_()
        outputs = with_inputs(case, args, kwargs, inputs)(*inputs)
        seeds = [to_tx(draw_like(y, i), dtype_name(y)) for i, y in enumerate(outputs)]
        found.append(tx.autograd.grad(outputs, inputs, seeds, allow_unused=True))
    for gradients in found[1:]:
        assert_same(list(gradients), list(found[0]), f"{case}{made}")


# ---- errors


ERRORS = [(c, *error) for c in ROWS for error in c.errors]


@pytest.mark.parametrize(("case", "made", "exception", "text"), ERRORS, ids=lambda v: str(v)[:40])
def test_errors(case, made, exception, text):
    args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
    named = f"{case.shown or case.method}|out of bounds for dimension"
    with pytest.raises(exception, match=text or named):
        case.resolve(tx)(*args, **kwargs)


@pytest.mark.parametrize("case", [c for c in ROWS if set(ALL) - set(c.dtypes) and not c.lenient], ids=repr)
def test_other_dtypes_are_refused(case):
    for dtype in ALL:
        if dtype not in case.dtypes:
            args, kwargs = to_library(materialize(case.calls[0], dtype, case.name), to_tx, tx)
            with pytest.raises(
                (RuntimeError, NotImplementedError, TypeError, IndexError), match=case.shown or case.method
            ):
                case.resolve(tx)(*args, **kwargs)


@by_row
def test_wrong_types_are_refused(case):
    """None, a string or an object in place of the first tensor is a TypeError that names the op."""
    for made in case.calls[:1]:
        if case.function or case.name == "isin" or not first_tensor_call(case, made):  # isin takes numbers too
            continue
        for wrong in (None, "text", object()):
            args, kwargs = to_library(materialize(made, main_dtype(case), case.name), to_tx, tx)
            with pytest.raises((TypeError, AttributeError)):
                case.resolve(tx)(wrong, *args[1:], **kwargs)
