"""Every row of cases.py in torch: values, dtypes, shapes, strides of views, forms, gradients, types of errors."""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import numpy as np  # noqa: E402
from both import assert_same, assert_same_error, outcome, to_torch  # noqa: E402

import tensorx as tx  # noqa: E402
from cases import CASES  # noqa: E402
from support import FLOATS, Drawn, dtype_name, flatten, materialize, to_library, to_tx, walk  # noqa: E402
from test_cases import SPECIAL  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
ROWS = [c for c in CASES.values() if c.resolve(torch)]

# torch computes some of its half-precision results in half precision throughout.
HALF_SCALE = {"float16": 4, "bfloat16": 4}


def call(case, arguments, namespace):
    convert = to_tx if namespace is tx else to_torch
    args, kwargs = to_library(arguments, convert, namespace)
    return outcome(case.resolve(namespace), *args, **kwargs)


def leaves(result):
    return flatten(tuple(result) if isinstance(result, (tuple, list)) else result)


@pytest.mark.parametrize("case", ROWS, ids=repr)
def test_results(case):
    for dtype in case.dtypes:
        for made in case.calls:
            arguments = materialize(made, dtype, case.name)
            theirs, refused = call(case, arguments, torch)
            if refused is not None:  # what torch lacks, we may have
                continue
            ours, error = call(case, arguments, tx)
            message = f"{case}{made} in {dtype}"
            assert error is None, f"{message}: {error!r}"
            ours, theirs = leaves(ours), leaves(theirs)
            assert len(ours) == len(theirs), message
            for a, b in zip(ours, theirs, strict=True):
                assert_same(a, b, message, case.tolerance, HALF_SCALE.get(dtype, 1))


@pytest.mark.parametrize("case", [c for c in ROWS if c.special], ids=repr)
def test_special_values(case):
    made = case.calls[0]
    grids = np.meshgrid(*[np.array(SPECIAL)] * len(made.tensors()), indexing="ij")
    for dtype in ("float32", "float64"):
        each = iter(grids)
        args = [Drawn(a, next(each), dtype) if a in made.tensors() else a for a in made.args]
        (ours, error), (theirs, refused) = call(case, (args, made.kwargs), tx), call(case, (args, made.kwargs), torch)
        assert_same_error(error, refused, f"{case} of special values")
        assert_same(ours, theirs, f"{case} of special values", case.tolerance)


@pytest.mark.parametrize("case", [c for c in ROWS if c.view], ids=repr)
def test_strides_of_views(case):
    for made in case.calls:
        arguments = materialize(made, "float32", case.name)
        ours, theirs = leaves(call(case, arguments, tx)[0]), leaves(call(case, arguments, torch)[0])
        for a, b in zip(ours, theirs, strict=True):
            strides = [(x, y) for n, x, y in zip(b.shape, a.stride(), b.stride(), strict=True) if n > 1 and b.numel()]
            assert all(x == y for x, y in strides), f"{case}{made}: {a.stride()}, in torch {b.stride()}"
            assert a.storage_offset() == b.storage_offset() or not b.numel(), f"{case}{made}"


@pytest.mark.parametrize("case", [c for c in ROWS if c.gradient_calls and "float64" in c.dtypes], ids=repr)
def test_gradients(case):
    for made in case.gradient_calls:
        args, kwargs = materialize(made, "float64", case.name)
        found = []
        for namespace, convert in ((tx, to_tx), (torch, to_torch)):
            inputs = []

            def leaf(v, convert=convert, inputs=inputs, namespace=namespace):
                if not isinstance(v, Drawn):
                    return getattr(namespace, v.name) if type(v).__name__ == "D" else v
                x = convert(v.values, v.dtype)
                if v.dtype in FLOATS:
                    inputs.append(x.requires_grad_())
                return x

            new_args, new_kwargs = walk((args, kwargs), leaf)
            result, error = outcome(case.resolve(namespace), *new_args, **new_kwargs)
            assert error is None, f"{case}{made}: {error!r}"
            outputs = [y for y in leaves(result) if hasattr(y, "requires_grad") and y.requires_grad]
            generator = np.random.default_rng(0)
            seeds = [convert(generator.uniform(-1, 1, tuple(y.shape)), dtype_name(y)) for y in outputs]
            gradients, error = outcome(namespace.autograd.grad, outputs, inputs, seeds, allow_unused=True)
            if namespace is torch and isinstance(error, RuntimeError) and "not implemented" in str(error):
                return  # torch has no rule here (floor_divide)
            assert error is None, f"{case}{made}: {error!r}"
            found.append(gradients)
        for i, (ours, theirs) in enumerate(zip(*found, strict=True)):
            if theirs is None or ours is None:
                given = ours if theirs is None else theirs
                assert given is None or not given.abs().sum().item(), f"{case}{made}, input {i}"
            else:
                assert_same(ours, theirs, f"gradient of {case}{made} for input {i}", case.tolerance)


@pytest.mark.parametrize(("case", "made"), [(c, e[0]) for c in ROWS for e in c.errors], ids=lambda v: str(v)[:50])
def test_types_of_errors(case, made):
    arguments = materialize(made, "float32" if "float32" in case.dtypes else "int64", case.name)
    (_, ours), (_, theirs) = call(case, arguments, tx), call(case, arguments, torch)
    assert_same_error(ours, theirs, f"{case}{made}")


@pytest.mark.parametrize("case", [c for c in CASES.values() if "." not in c.name and not c.function], ids=repr)
def test_forms(case):
    """Where torch has a function, a method or an in-place method of a name, so do we."""
    for namespace, ours, name in (
        (torch, tx, case.name),
        (torch.Tensor, tx.Tensor, case.name),
        (torch.Tensor, tx.Tensor, case.name + "_"),
    ):
        if hasattr(namespace, name):
            assert hasattr(ours, name), f"{namespace.__name__}.{name}"


@pytest.mark.parametrize("case", [c for c in ROWS if c.gradient_calls and "float64" in c.dtypes], ids=repr)
def test_what_may_be_written_to_afterwards(case):
    """What a gradient saves is part of the behaviour: `y = f(x); y += 1` must not fail where it works in torch."""
    for changed in ("input", "result"):
        errors = []
        for namespace, convert in ((torch, to_torch), (tx, to_tx)):
            inputs = []

            def intermediate(v, convert=convert, inputs=inputs, namespace=namespace):
                if not isinstance(v, Drawn):
                    return getattr(namespace, v.name) if type(v).__name__ == "D" else v
                x = convert(v.values, v.dtype)
                if v.dtype not in FLOATS:
                    return x
                inputs.append(x.requires_grad_() * 1)
                return inputs[-1]

            args, kwargs = walk(materialize(case.gradient_calls[0], "float64", case.name), intermediate)
            outputs = [
                y
                for y in leaves(case.resolve(namespace)(*args, **kwargs))
                if hasattr(y, "requires_grad") and y.requires_grad
            ]
            total = sum((y.sum() for y in outputs), namespace.zeros((), dtype=namespace.float64))
            for x in outputs if changed == "result" else inputs:
                if outcome(x.add_, 0)[1] is not None:  # several views of one op: torch does not write to them
                    return
            errors.append(outcome(total.backward)[1])
        assert errors[1] is None or errors[0] is not None, f"{case}, {changed} written to: {errors[1]}"
