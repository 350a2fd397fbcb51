"""linalg in torch: its names and parameters, and gradients where several are possible (of one triangle, of a sign)."""

import inspect
import re

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import numpy as np  # noqa: E402

import tensorx as tx  # noqa: E402

RANDOM = np.random.default_rng(0)
NO_PUBLIC_FORM = {"common_notes", "ldl_factor", "ldl_factor_ex", "ldl_solve"}  # the last three: not built


def test_names():
    theirs = {n for n in dir(torch.linalg) if not n.startswith("_")}
    assert theirs - set(tx.linalg.__all__) - NO_PUBLIC_FORM == set()
    assert {n for n in dir(torch.fft) if not n.startswith("_")} - set(tx.fft.__all__) - {
        "Tensor", "common_args", "factory_common_args", "sys", "torch"} == set()  # fmt: skip
    assert set(torch.signal.windows.__all__) == set(tx.signal.windows.__all__)


def parameters_in_docstring(function):
    """[(name, keyword only)] of the signature in a docstring, without `out`; None where there is none."""
    found = re.match(r"\s*[\w.]+\((.*)\) *->", function.__doc__ or "")
    if not found:
        return None
    names, keyword_only = [], False
    for part in re.split(r", (?![^(]*\))", found.group(1)):
        if part.startswith("*"):
            keyword_only = True
            continue
        names.append((part.partition("=")[0].split()[-1], keyword_only))
    return [n for n in names if n[0] != "out"]


@pytest.mark.parametrize("name", sorted(set(tx.linalg.__all__) - {"LinAlgError", "matmul", "multi_dot"}))
def test_parameters(name):
    theirs = parameters_in_docstring(getattr(torch.linalg, name))
    ours = [
        (p.name, p.kind is p.KEYWORD_ONLY)
        for p in inspect.signature(getattr(tx.linalg, name)).parameters.values()
        if p.name != "out"
    ]
    extra = {"tol", "rcond", "hermitian"} if name in ("pinv", "matrix_rank") else set()
    shown = {(n if n != "matrix_exp" else "A", k) for n, k in ours if n not in extra}
    assert theirs is None or shown == {p for p in theirs if p[0] not in extra}, name


def matrix(*shape):
    return RANDOM.standard_normal(shape)


def positive(n):
    x = matrix(n, n)
    return x @ x.T + np.eye(n)


def without_signs(factors):
    """LAPACKs differ in the signs of vectors."""
    return tuple(f * f for f in factors)


CASES = {
    "cholesky": (lambda L, a: L.cholesky(a), [positive(3)]),
    "eigh": (lambda L, a: without_signs(L.eigh(a)), [matrix(3, 3)]),
    "eigh, upper": (lambda L, a: without_signs(L.eigh(a, "U")), [matrix(3, 3)]),
    "eigvalsh": (lambda L, a: L.eigvalsh(a), [matrix(3, 3)]),
    "qr": (lambda L, a: L.qr(a), [matrix(2, 4, 3)]),
    "qr, wide": (lambda L, a: L.qr(a), [matrix(2, 4)]),
    "svd": (lambda L, a: without_signs(L.svd(a, False)), [matrix(2, 4, 3)]),
    "svd, full": (lambda L, a: without_signs(L.svd(a)), [matrix(3, 3)]),
    "lu": (lambda L, a: L.lu(a), [matrix(2, 3, 3)]),
    "lu, tall": (lambda L, a: L.lu(a), [matrix(4, 2)]),
    "lu, wide": (lambda L, a: L.lu(a), [matrix(2, 4)]),
    "lu_factor": (lambda L, a: L.lu_factor(a), [matrix(3, 3)]),
    "inv_ex": (lambda L, a: L.inv_ex(a), [matrix(2, 3, 3)]),
    "solve_ex": (lambda L, a, b: L.solve_ex(a, b), [matrix(3, 3), matrix(2, 3, 2)]),
    "solve_triangular": (lambda L, a, b: L.solve_triangular(a, b, upper=False), [matrix(3, 3), matrix(3, 2)]),
    "slogdet": (lambda L, a: L.slogdet(a), [matrix(2, 3, 3)]),
    "pinv": (lambda L, a: L.pinv(a), [matrix(2, 4, 3)]),
    "lstsq": (lambda L, a, b: L.lstsq(a, b, driver="gelsd"), [matrix(4, 3), matrix(4, 2)]),
    "matrix_exp": (lambda L, a: L.matrix_exp(a), [matrix(2, 3, 3)]),
    "matrix_norm, nuc": (lambda L, a: L.matrix_norm(a, "nuc"), [matrix(3, 3)]),
    "matrix_norm, inf": (lambda L, a: L.matrix_norm(a, float("inf")), [matrix(3, 3)]),
    "cond": (lambda L, a: L.cond(a), [matrix(3, 3)]),
    "householder_product": (lambda L, a, t: L.householder_product(a, t), [matrix(4, 2), matrix(2)]),
    "vander": (lambda L, a: L.vander(a, N=4), [matrix(3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_results_and_gradients(name):
    function, values = CASES[name]
    found = []
    for namespace in (tx, torch):
        inputs = [namespace.tensor(v, requires_grad=True) for v in values]
        made = function(namespace.linalg, *inputs)
        made = list(made) if isinstance(made, tuple) else [made]
        chosen = [y for y in made if y.requires_grad]
        weights = [namespace.tensor(np.cos(np.arange(y.numel())).reshape(y.shape)) for y in chosen]
        grads = namespace.autograd.grad(chosen, inputs, weights)
        found.append(
            ([y.detach().numpy() for y in made], [g.numpy() for g in grads], [str(y.dtype)[-5:] for y in made])
        )
    (ours, our_grads, our_dtypes), (theirs, their_grads, their_dtypes) = found
    assert our_dtypes == their_dtypes
    for a, b in zip((*ours, *our_grads), (*theirs, *their_grads), strict=True):
        np.testing.assert_allclose(a, b, 1e-9, 1e-9)
