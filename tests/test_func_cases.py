"""vmap over every row of cases.py: equal to a loop over the examples, with gradients, nested, and with batched gradients.

The rows that have no rule and run once per example, and those that refuse, are listed here: a new op without a rule
fails the test that counts them.
"""

import warnings

import numpy as np
import pytest

import tensorx as tx
from cases import CASES
from support import FLOATS, T, draw, flatten, to_library, to_numpy, to_tx, walk

SIZE = 3
ROWS = list(CASES.values())
by_row = pytest.mark.parametrize("case", ROWS, ids=repr)

# Data-dependent: their result is no tensor of a fixed shape.
REFUSES = {
    "allclose", "argwhere", "equal", "histc", "masked_select", "nonzero", "nonzero_static", "unique",
    "unique_consecutive",
}  # fmt: skip
# They look at the values of an argument (a variance, lengths, an order): no refusal where those are the same for all
# examples.
POLYNOMIALS = {case.name for case in ROWS if "_polynomial_" in case.name}
CHECKS_VALUES = POLYNOMIALS | {
    "nn.functional.ctc_loss", "nn.functional.embedding_bag", "nn.functional.gaussian_nll_loss", "histogram", "nanquantile",
    "quantile",
}  # fmt: skip
# No rule: once per example.
LOOPS = {
    "cdist", "frexp", "masked_scatter", "nn.functional.ctc_loss", "nn.functional.adaptive_avg_pool1d", "nn.functional.adaptive_avg_pool2d",
    "nn.functional.adaptive_avg_pool3d", "nn.functional.grid_sample", "nn.functional.interpolate",
    "nn.functional.upsample", "nn.functional.upsample_bilinear",
}  # fmt: skip


def main_dtype(case):
    return "float32" if "float32" in case.dtypes else case.dtypes[-1]


def prepared(case, made, dtype):
    """(specs of the tensor arguments, batches of SIZE examples of them, call(tensors) -> results)."""
    specs = made.tensors()
    batches = []
    for n, spec in enumerate(specs):
        name = spec.dtype or dtype
        rows = [draw(spec, dtype, (case.name, n, i)) for i in range(SIZE)]
        batches.append(to_tx(np.stack(rows), name))

    def run(*tensors):
        given = iter(tensors)
        args, kwargs = walk((made.args, made.kwargs), lambda v: next(given) if isinstance(v, T) else v)
        args, kwargs = to_library((args, kwargs), to_tx, tx)
        return [x for x in flatten(case.resolve(tx)(*args, **kwargs)) if x is not None]

    return specs, batches, run


def patterns(count):
    """Which tensors are batched: all of them, and each alone."""
    yield (0,) * count
    if count > 1:
        for i in range(count):
            yield tuple(0 if i == k else None for k in range(count))


def example(batches, dims, i):
    return [b[i] if d == 0 else b[0] for b, d in zip(batches, dims, strict=True)]


def given(batches, dims):
    return [b if d == 0 else b[0] for b, d in zip(batches, dims, strict=True)]


def calls(case):
    dtype = main_dtype(case)
    for made in case.calls:
        if made.tensors():
            yield made, *prepared(case, made, dtype)


def looped(run, batches, dims):
    """The results of a loop, stacked; None where an example fails."""
    try:
        rows = [run(*example(batches, dims, i)) for i in range(SIZE)]
        return [tx.stack(column) for column in zip(*rows, strict=True)]
    except (RuntimeError, IndexError, ValueError, TypeError):
        return None


def check(actual, expected, message):
    assert len(actual) == len(expected), message
    for a, e in zip(actual, expected, strict=True):
        assert a.shape == e.shape and a.dtype is e.dtype, (
            f"{message}: {a.shape} {a.dtype}, expected {e.shape} {e.dtype}"
        )
        np.testing.assert_allclose(to_numpy(a), to_numpy(e), 1e-5, 1e-5, err_msg=message)


@by_row
def test_equals_a_loop(case):
    slow = set()
    for made, _, batches, run in calls(case):
        for dims in patterns(len(batches)):
            if case.name in REFUSES:
                with pytest.raises((RuntimeError, ValueError), match="vmap"):
                    tx.vmap(run, dims)(*given(batches, dims))
                continue
            expected = looped(run, batches, dims)
            if expected is None:
                continue
            message = f"{case}{made} in_dims={dims}"
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    actual = tx.vmap(run, dims)(*given(batches, dims))
                except RuntimeError as error:
                    if case.name in CHECKS_VALUES and "vmap" in str(error):
                        continue
                    raise
            slow |= {message for w in caught if "once per example" in str(w.message)}
            check(actual, expected, message)
    assert bool(slow) == (case.name in LOOPS), slow


@by_row
def test_nested(case):
    if case.name in REFUSES | LOOPS | CHECKS_VALUES:
        return
    for made, _, batches, run in calls(case):
        dims = (0,) * len(batches)
        pairs = [tx.stack([b, b.flip(0)]) for b in batches]
        expected = looped(run, batches, dims)
        if expected is None:
            continue
        actual = tx.vmap(tx.vmap(run))(*pairs)
        check([x[0] for x in actual], expected, f"{case}{made}")
        check([x[1] for x in actual], [x.flip(0) for x in expected], f"{case}{made}")
        # One argument from the outer vmap, the others from the inner one: every combination of levels meets.
        for i in range(len(batches) if len(batches) > 1 else 0):
            outer = tuple(0 if i == k else None for k in dims_of(batches))
            inner = tuple(None if i == k else 0 for k in dims_of(batches))
            expected = [
                looped(run, [b[j].expand(b.shape) if k == i else b for k, b in enumerate(batches)], dims)
                for j in (0, 1)
            ]
            if None in expected:
                continue
            actual = tx.vmap(tx.vmap(run, inner), outer)(*[b[:2] if k == i else b for k, b in enumerate(batches)])
            for j in (0, 1):
                check([x[j] for x in actual], expected[j], f"{case}{made} outer {outer}")


def dims_of(batches):
    return range(len(batches))


@by_row
def test_no_examples(case):
    if case.name in REFUSES | LOOPS | CHECKS_VALUES | {"bincount"}:  # whose size is that of the largest value
        return
    for made, _, batches, run in calls(case):
        some = looped(run, batches, (0,) * len(batches))
        if some is None:
            continue
        for x, y in zip(tx.vmap(run)(*[b[:0] for b in batches]), some, strict=True):
            assert x.shape == (0, *y.shape[1:]) and x.dtype is y.dtype, f"{case}{made}"


def differentiable(case):
    """Calls in float64, with which of their tensors take a gradient."""
    for made in case.gradient_calls:
        specs, batches, run = prepared(case, made, "float64")
        chosen = [i for i, s in enumerate(specs) if s.dtype is None or s.dtype in FLOATS]
        if chosen:
            yield made, batches, run, chosen


def weighted(results):
    """A number that depends on every floating-point result."""
    total = 0.0
    for x in results:
        if x.dtype.is_floating_point:
            total = (
                total + (x * tx.linspace(0.5, 1.5, x.numel(), dtype=x.dtype, device=x.device).reshape(x.shape)).sum()
            )
    return total


@by_row
def test_gradients_of_each_example(case):
    if case.name in REFUSES | LOOPS | CHECKS_VALUES:
        return
    for made, batches, run, chosen in differentiable(case):
        dims = (0,) * len(batches)
        if looped(run, batches, dims) is None:
            continue
        numbers = tuple(chosen)
        gradient = tx.func.grad(lambda *xs, run=run: weighted(run(*xs)), numbers)
        expected = [gradient(*example(batches, dims, i)) for i in range(SIZE)]
        actual = tx.vmap(gradient)(*batches)
        check(actual, [tx.stack(column) for column in zip(*expected, strict=True)], f"{case}{made}")


@by_row
def test_batched_gradients(case):
    """Many vectors for one graph: the gradient rules themselves under vmap."""
    if case.name in REFUSES | LOOPS | CHECKS_VALUES:
        return
    for made, batches, run, chosen in differentiable(case):
        inputs = [b[0].clone() for b in batches]
        for i in chosen:
            inputs[i].requires_grad_()
        try:
            results = [x for x in run(*inputs) if x.requires_grad]
        except (RuntimeError, IndexError):
            continue
        if not results:
            continue
        vectors = [
            tx.linspace(-1, 2, SIZE * x.numel(), dtype=x.dtype, device=x.device).reshape(SIZE, *x.shape)
            for x in results
        ]
        leaves = [inputs[i] for i in chosen]
        for record in (False, True):  # some gradients are one kernel when they will not be differentiated
            options = {"retain_graph": True, "allow_unused": True, "create_graph": record}
            rows = [tx.autograd.grad(results, leaves, [v[k] for v in vectors], **options) for k in range(SIZE)]
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                actual = tx.autograd.grad(results, leaves, vectors, is_grads_batched=True, **options)
            for a, column in zip(actual, zip(*rows, strict=True), strict=True):
                if column[0] is None:
                    assert a is None or not a.any()
                else:
                    check([a], [tx.stack(column)], f"{case}{made} create_graph={record}")


@by_row
def test_products_with_the_jacobian(case):
    """<u, J v> from jvp, which differentiates the gradient rules, and from vjp, which runs them; for several v at once."""
    if case.name in REFUSES | LOOPS | CHECKS_VALUES or not case.second:
        return
    for made, batches, run, chosen in differentiable(case):
        inputs = [b[0] for b in batches]

        def floats(*xs, inputs=inputs, run=run, chosen=chosen):
            given = list(inputs)
            for i, x in zip(chosen, xs, strict=True):
                given[i] = x
            return tuple(y for y in run(*given) if y.dtype.is_floating_point)

        primals = tuple(inputs[i] for i in chosen)
        try:
            outputs, vjp_fn = tx.func.vjp(floats, *primals)
        except (RuntimeError, IndexError):
            continue
        if not outputs:
            continue
        vectors = tuple((y * 0 + 1).cumsum(0) if y.ndim else y * 0 + 2 for y in outputs)
        rows = vjp_fn(vectors)
        expected = sum((batches[i] * row).reshape(SIZE, -1).sum(1) for i, row in zip(chosen, rows, strict=True))

        def product(*tangents, floats=floats, primals=primals, vectors=vectors):
            _, found = tx.func.jvp(floats, primals, tangents)
            return sum((y * u).sum() for y, u in zip(found, vectors, strict=True))

        check([tx.vmap(product)(*[batches[i] for i in chosen])], [expected], f"{case}{made}")
