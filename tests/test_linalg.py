"""linalg: values against NumPy, gradients by finite differences to second order, batches, devices, errors."""

import numpy as np
import pytest

import tensorx as tx
from tensorx.autograd import gradcheck, gradgradcheck

L = tx.linalg
RANDOM = np.random.default_rng(0)
DEVICES = ["cpu", "cuda"] if tx.cuda.is_available() else ["cpu"]
COMPLEX = hasattr(tx, "complex64")
DTYPES = ["float32", "float64", *(["complex64", "complex128"] if COMPLEX else [])]
needs_complex = pytest.mark.skipif(not COMPLEX, reason="needs complex dtypes")
TOLERANCE = {"float32": 3e-4, "complex64": 3e-4, "float64": 1e-10, "complex128": 1e-10}


def general(*shape, dtype="float64"):
    values = RANDOM.standard_normal(shape)
    if dtype.startswith("complex"):
        values = values + 1j * RANDOM.standard_normal(shape)
    return values.astype(dtype)


def regular(*shape, dtype="float64"):
    """Square matrices far from singular."""
    return (general(*shape, dtype=dtype) + 3 * np.eye(shape[-1])).astype(dtype)


def hermitian(*shape, dtype="float64"):
    x = general(*shape, dtype=dtype)
    return (x + x.conj().swapaxes(-1, -2)) / 2


def positive(*shape, dtype="float64"):
    x = general(*shape, dtype=dtype)
    return (x @ x.conj().swapaxes(-1, -2) + np.eye(shape[-1])).astype(dtype)


def triangle(*shape, dtype="float64"):
    return np.tril(regular(*shape, dtype=dtype))


def tensor(values, device="cpu", requires_grad=False):
    made = tx.from_numpy(np.array(values)).to(device)
    return made.requires_grad_() if requires_grad else made


def array(x):
    return x.detach().cpu().numpy()


def close(actual, expected, dtype="float64", scale=1):
    np.testing.assert_allclose(array(actual), expected, TOLERANCE[dtype] * scale, TOLERANCE[dtype] * scale)


def adjoint(x):
    return x.conj().swapaxes(-1, -2)


BATCHES = [(), (0,), (2,), (2, 1, 3)]


# ---- values: what a factorisation multiplies to, or NumPy's result


def _check_inv(a, dtype):
    close(L.inv(tensor(a)) @ tensor(a), np.broadcast_to(np.eye(a.shape[-1]), a.shape), dtype)


def _check_det(a, dtype):
    sign, logarithm = L.slogdet(tensor(a))
    expected = np.linalg.det(a)
    close(L.det(tensor(a)), expected, dtype, 10)
    close(sign * logarithm.exp(), expected, dtype, 10)
    if dtype.startswith("float"):
        logdet = array(tx.logdet(tensor(a)))
        with np.errstate(invalid="ignore"):
            np.testing.assert_allclose(logdet, np.log(expected), 1e-3, 1e-4)


def _check_cholesky(a, dtype):
    a = a @ adjoint(a) + np.eye(a.shape[-1], dtype=dtype)
    low, up = L.cholesky(tensor(a)), L.cholesky(tensor(a), upper=True)
    close(low @ low.mH, a, dtype, 10)
    close(up.mH @ up, a, dtype, 10)
    assert not np.triu(array(low), 1).any() and not np.tril(array(up), -1).any()
    b = general(*a.shape[:-1], 2, dtype=dtype)
    close(tensor(a) @ tx.cholesky_solve(tensor(b), low), b, dtype, 100)
    close(tensor(a) @ tx.cholesky_solve(tensor(b), up, upper=True), b, dtype, 100)
    close(tx.cholesky_inverse(low) @ tensor(a), np.broadcast_to(np.eye(a.shape[-1]), a.shape), dtype, 100)


def _check_eigh(a, dtype):
    a = (a + adjoint(a)) / 2
    for triangle_read, garbage in (("L", np.triu), ("U", np.tril)):
        spoiled = a + 100 * garbage(np.ones_like(a), 1 if triangle_read == "L" else -1)
        values, vectors = L.eigh(tensor(spoiled), triangle_read)
        close(vectors * values.unsqueeze(-2) @ vectors.mH, a, dtype, 10)
        assert (np.diff(array(values)) >= 0).all()
        close(L.eigvalsh(tensor(spoiled), triangle_read), array(values), dtype)


def _check_lu(a, dtype):
    p, low, up = L.lu(tensor(a))
    close(p @ low @ up, a, dtype)
    factors, pivots = L.lu_factor(tensor(a))
    assert abs(array(low)).max(initial=0) <= 1 + 1e-6  # partial pivoting
    assert pivots.dtype is tx.int32
    for got, expected in zip(tx.lu_unpack(factors, pivots), (p, low, up), strict=True):
        close(got, array(expected), dtype)
    for left in (True, False):
        for flipped in (False, True):
            b = general(*a.shape[:-2], *((a.shape[-1], 2) if left else (2, a.shape[-1])), dtype=dtype)
            x = L.lu_solve(factors, pivots, tensor(b), left=left, adjoint=flipped)
            m = tensor(a).mH if flipped else tensor(a)
            close(m @ x if left else x @ m, b, dtype, 10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", [_check_inv, _check_det, _check_cholesky, _check_eigh, _check_lu])
def test_square(check, dtype):
    for batch in BATCHES:
        for n in (1, 4):
            check(regular(*batch, n, n, dtype=dtype), dtype)
    check(regular(2, 0, 0, dtype=dtype), dtype)


def _check_qr(a, dtype):
    for mode in ("reduced", "complete"):
        q, r = L.qr(tensor(a), mode)
        close(q @ r, a, dtype)
        close(q.mH @ q, np.broadcast_to(np.eye(q.shape[-1]), (*a.shape[:-2], q.shape[-1], q.shape[-1])), dtype)
        assert q.shape[-1] == (min(a.shape[-2:]) if mode == "reduced" else a.shape[-2])
    nothing, r = L.qr(tensor(a), "r")
    assert nothing.shape == (0,)
    close(r, array(L.qr(tensor(a))[1]), dtype)


def _check_svd(a, dtype):
    for full in (True, False):
        u, s, vh = L.svd(tensor(a), full_matrices=full)
        k = min(a.shape[-2:])
        close(u[..., :k] * s.unsqueeze(-2) @ vh[..., :k, :], a, dtype)
        assert u.shape[-1] == (a.shape[-2] if full else k) and vh.shape[-2] == (a.shape[-1] if full else k)
    close(L.svdvals(tensor(a)), np.linalg.svd(a, compute_uv=False), dtype)
    u, s, v = tx.svd(tensor(a))
    close(u * s.unsqueeze(-2) @ v.mH, a, dtype)


def _check_pinv(a, dtype):
    close(L.pinv(tensor(a)), np.linalg.pinv(a), dtype, 10)
    assert array(L.matrix_rank(tensor(a))).tolist() == np.linalg.matrix_rank(a).tolist()


def _check_lu_any(a, dtype):
    p, low, up = L.lu(tensor(a))
    close(p @ low @ up, a, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", [_check_qr, _check_svd, _check_pinv, _check_lu_any])
def test_any_shape(check, dtype):
    for batch in BATCHES:
        for m, n in ((4, 4), (5, 3), (2, 4), (1, 1)):
            check(general(*batch, m, n, dtype=dtype), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_solve(dtype):
    for of_a, of_b in [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (3, 2)), ((3, 3), (4, 3, 1)),
                       ((2, 1, 3, 3), (5, 3, 2)), ((0, 3, 3), (0, 3, 2)), ((3, 3), (3, 0)), ((0, 0), (0, 2))]:  # fmt: skip
        a, b = regular(*of_a, dtype=dtype), general(*of_b, dtype=dtype)
        x = L.solve(tensor(a), tensor(b))
        back = a @ array(x) if x.ndim > 1 and b.shape != a.shape[:-1] else (a @ array(x)[..., None])[..., 0]
        close(tensor(back), np.broadcast_to(b, back.shape), dtype)
    a, b = regular(2, 3, 3, dtype=dtype), general(2, 4, 3, dtype=dtype)
    close(L.solve(tensor(a), tensor(b), left=False) @ tensor(a), b, dtype)


@pytest.mark.parametrize("n", [0, 1, 3, 100])
@pytest.mark.parametrize("upper", [False, True])
def test_solve_triangular(upper, n):
    for unit in (False, True):
        full = regular(2, n, n) / max(n, 1) + 3 * np.eye(n)  # what lies outside the triangle must not be read
        read = np.triu(full) if upper else np.tril(full)
        if unit:
            read = read - read * np.eye(n) + np.eye(n)
        b = general(3, 1, n, 2)
        x = L.solve_triangular(tensor(full), tensor(b), upper=upper, unitriangular=unit)
        close(tensor(read) @ x, np.broadcast_to(b, (3, 2, n, 2)))
        c = general(2, n)
        x = L.solve_triangular(tensor(full), tensor(c), upper=upper, left=False, unitriangular=unit)
        close(x @ tensor(read), np.broadcast_to(c, (2, 2, n)))
    singular = L.solve_triangular(tx.tensor([[1.0, 0.0], [1.0, 0.0]]), tx.ones(2, 1), upper=False)
    assert not singular.isfinite().all()


@pytest.mark.parametrize("size", [(100, 100), (130, 60), (60, 130)])
def test_lu_in_blocks(size):
    a = general(2, *size)
    for pivot in (True, False):
        p, low, up = L.lu(tensor(a if pivot else a + 20 * np.eye(*size)), pivot=pivot)
        made = p @ low @ up if pivot else low @ up
        close(made, a if pivot else a + 20 * np.eye(*size))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("driver", [None, "gels", "gelsd"])
def test_lstsq(driver, dtype):
    for batch in [(), (2,)]:
        for m, n in ((5, 3), (3, 5), (3, 3)):
            a, b = general(*batch, m, n, dtype=dtype), general(*batch, m, 2, dtype=dtype)
            x, residuals, rank, values = L.lstsq(tensor(a), tensor(b), driver=driver)
            close(x, np.linalg.pinv(a) @ b, dtype, 10)
            if m > n:
                close(residuals, (abs(a @ array(x) - b) ** 2).sum(-2), dtype, 10)
            else:
                assert residuals.shape == (0,)
            assert rank.tolist() == ([] if driver == "gels" else np.linalg.matrix_rank(a).tolist())
            assert values.shape == ((*batch, min(m, n)) if driver == "gelsd" else (0,))
    assert L.lstsq(tensor(general(5, 3)), tensor(general(5))).solution.shape == (3,)


@needs_complex
@pytest.mark.parametrize("dtype", DTYPES)
def test_eig(dtype):
    for batch in BATCHES:
        a = general(*batch, 4, 4, dtype=dtype)
        values, vectors = L.eig(tensor(a))
        assert values.dtype is (tx.complex64 if dtype in ("float32", "complex64") else tx.complex128)
        close(tensor(a).to(values.dtype) @ vectors, array(vectors * values.unsqueeze(-2)), dtype)
        close(vectors.abs().square().sum(-2), np.ones((*batch, 4)), dtype)
        np.testing.assert_array_equal(array(L.eigvals(tensor(a))), array(values))


# ---- norms

ORDERS = ["fro", "nuc", np.inf, -np.inf, 1, -1, 2, -2]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("ord", ORDERS)
def test_matrix_norm(ord, dtype):
    a = general(2, 3, 4, dtype=dtype)
    for dim in ((-2, -1), (0, 1), (2, 0)):
        for keepdim in (False, True):
            expected = np.linalg.norm(a, ord, dim, keepdim)
            for got in (L.matrix_norm(tensor(a), ord, dim, keepdim), L.norm(tensor(a), ord, dim, keepdim)):
                close(got, expected, dtype)
    close(L.norm(tensor(a[0]), ord), np.linalg.norm(a[0], ord), dtype)


@pytest.mark.parametrize("ord", [0, 1, 2, 3, 0.5, -1, np.inf, -np.inf])
def test_vector_norm(ord):
    a = general(2, 3, 4)
    close(L.vector_norm(tensor(a), ord), np.linalg.norm(a.reshape(-1), ord))
    close(L.vector_norm(tensor(a), ord, 1, True), np.linalg.norm(a, ord, 1, True))
    close(L.norm(tensor(a), ord, 2), np.linalg.norm(a, ord, 2))
    close(L.norm(tensor(a[0, 0]), ord), np.linalg.norm(a[0, 0], ord))
    assert L.vector_norm(tensor(a), ord, dtype=tx.float32).dtype is tx.float32


def test_norm_of_everything():
    a = general(2, 3, 4)
    close(L.norm(tensor(a)), np.linalg.norm(a))
    close(L.norm(tensor(a), dim=(0, 1)), np.linalg.norm(a, axis=(0, 1)))
    close(tensor(a).norm("nuc", (0, 1)), np.linalg.norm(a, "nuc", (0, 1)))


@pytest.mark.parametrize("p", [None, *ORDERS])
def test_cond(p):
    a = regular(2, 3, 3)
    close(L.cond(tensor(a), p), np.linalg.cond(a, p))
    assert L.cond(tx.zeros(1, 1), 1).item() == np.inf
    if p in (None, 2, -2):
        b = general(2, 4, 3)
        close(L.cond(tensor(b), p), np.linalg.cond(b, p))


def test_rank_and_pinv_of_singular_matrices():
    low = general(2, 5, 2) @ general(2, 2, 4)
    assert L.matrix_rank(tensor(low)).tolist() == [2, 2]
    close(L.pinv(tensor(low)), np.linalg.pinv(low, rcond=1e-12))
    symmetric = low @ low.swapaxes(-1, -2)
    assert L.matrix_rank(tensor(symmetric), hermitian=True).tolist() == [2, 2]
    close(L.pinv(tensor(symmetric), hermitian=True), np.linalg.pinv(symmetric, rcond=1e-12), scale=100)
    diagonal = np.diag([1.0, 0.1, 0.01])
    assert L.matrix_rank(tensor(diagonal), atol=0.05).item() == 2
    assert L.matrix_rank(tensor(diagonal), rtol=0.5).item() == 1
    assert L.matrix_rank(tensor(np.stack([diagonal] * 2)), atol=tensor(np.array([0.5, 0.05]))).tolist() == [1, 2]
    close(L.pinv(tensor(diagonal), atol=0.05), np.diag([1.0, 10.0, 0.0]))
    assert L.pinv(tx.zeros(2, 0, 3)).shape == (2, 3, 0)


# ---- products


@pytest.mark.parametrize("n", [0, 1, 2, 3, 8, 13, -1, -3])
def test_matrix_power(n):
    a = regular(2, 3, 3)
    close(L.matrix_power(tensor(a), n), np.linalg.matrix_power(a, n))
    assert L.matrix_power(tx.tensor([[1, 1], [0, 1]]), 5).tolist() == [[1, 5], [0, 1]]


def _exponential(a):
    """By eigenvalues."""
    values, vectors = np.linalg.eig(a)
    return ((vectors * np.exp(values)[..., None, :]) @ np.linalg.inv(vectors)).real


@pytest.mark.parametrize("scale", [1e-8, 0.1, 1, 10, 40])
def test_matrix_exp(scale):
    a = general(2, 3, 4, 4) * scale
    a[0, 0] *= 1e-3  # matrices of one batch are scaled apart
    expected = _exponential(a)
    size = abs(expected).max((-1, -2), keepdims=True)
    np.testing.assert_allclose(array(L.matrix_exp(tensor(a))) / size, expected / size, 1e-9, 1e-11)
    if scale < 10:
        got = array(L.matrix_exp(tensor(a).float()))
        np.testing.assert_allclose(got / size, expected / size, 1e-3, 2e-5)
    assert L.matrix_exp(tx.zeros(2, 0, 0)).shape == (2, 0, 0)
    assert L.matrix_exp(tx.full((2, 2), np.nan)).isnan().all()


def test_multi_dot():
    sizes = [(10, 100), (100, 5), (5, 50), (50, 1)]
    matrices = [general(*s) for s in sizes]
    close(L.multi_dot([tensor(m) for m in matrices]), np.linalg.multi_dot(matrices), scale=1e3)
    close(L.multi_dot([tensor(m) for m in (matrices[0][0], *matrices[1:3], matrices[3][:, 0])]),
          np.linalg.multi_dot([matrices[0][0], *matrices[1:3], matrices[3][:, 0]]), scale=1e3)  # fmt: skip
    assert L.multi_dot([tx.ones(3), tx.ones(3)]).item() == 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_products_of_vectors(dtype):
    a, b = general(2, 3, dtype=dtype), general(4, 1, 3, dtype=dtype)
    close(L.vecdot(tensor(a), tensor(b)), (a.conj() * b).sum(-1), dtype)
    close(L.cross(tensor(a), tensor(b[:, 0][:2])), np.cross(a, b[:2, 0]), dtype)
    close(L.cross(tensor(a.T.copy()), tensor(b[:2, 0].T.copy()), dim=0), np.cross(a, b[:2, 0]).T, dtype)
    for count in (None, 2, 5):
        expected = np.stack([np.vander(row, count, increasing=True) for row in a])
        close(L.vander(tensor(a), N=count), expected, dtype)
    close(L.diagonal(tensor(general(2, 3, 3, dtype=dtype) * 0 + 1)), np.ones((2, 3)), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_householder_product(dtype):
    a = general(5, 3, dtype=dtype)
    h, tau = np.linalg.qr(a, "raw")
    q, _ = np.linalg.qr(a)
    close(L.householder_product(tensor(h.T.copy()), tensor(tau)), q, dtype)
    close(L.householder_product(tensor(h.T.copy()), tensor(tau[:0])), np.eye(5, 3), dtype)


def test_tensor_equations():
    a, b = general(2, 3, 6), general(2, 3)
    close(L.tensorsolve(tensor(a), tensor(b)), np.linalg.tensorsolve(a, b))
    c = general(6, 2, 3)
    close(L.tensorsolve(tensor(c), tensor(b), dims=(0,)), np.linalg.tensorsolve(c, b, axes=(0,)))
    close(L.tensorinv(tensor(a)), np.linalg.tensorinv(a, 2))
    close(L.tensorinv(tensor(c), ind=1), np.linalg.tensorinv(c, 1))


# ---- gradients


def symmetric(x):
    return (x + x.mT) / 2


def of_triangle(x):
    return x.tril() + 3 * tx.eye(x.shape[-1], dtype=x.dtype)


def without_signs(*factors):
    return [f.square() for f in factors]


GRADIENTS = {
    "inv": (L.inv, [regular(2, 3, 3)]),
    "inv_ex": (lambda a: L.inv_ex(a).inverse, [regular(2, 3, 3)]),
    "solve": (L.solve, [regular(2, 3, 3), general(3, 2)]),
    "solve, vector": (L.solve, [regular(3, 3), general(3)]),
    "solve, broadcast": (L.solve, [regular(3, 3), general(2, 3, 1)]),
    "solve, right": (lambda a, b: L.solve(a, b, left=False), [regular(3, 3), general(2, 2, 3)]),
    "solve_triangular": (lambda a, b: L.solve_triangular(a, b, upper=False), [triangle(2, 3, 3), general(3, 2)]),
    "solve_triangular, upper, right": (
        lambda a, b: L.solve_triangular(a, b, upper=True, left=False), [regular(3, 3), general(2, 2, 3)]),
    "solve_triangular, unit": (
        lambda a, b: L.solve_triangular(a, b, upper=True, unitriangular=True), [general(3, 3), general(3, 2)]),
    "det": (L.det, [regular(2, 3, 3)]),
    "det, negative": (L.det, [np.array([[0.0, 1.0], [2.0, 1.0]])]),
    "slogdet": (lambda a: L.slogdet(a).logabsdet, [regular(2, 3, 3)]),
    "logdet": (tx.logdet, [positive(3, 3)]),
    "cholesky": (lambda a: L.cholesky(symmetric(a)), [positive(2, 3, 3)]),
    "cholesky, upper": (lambda a: L.cholesky(symmetric(a), upper=True), [positive(3, 3)]),
    "cholesky_solve": (lambda b, a: tx.cholesky_solve(b, of_triangle(a)), [general(3, 2), general(3, 3)]),
    "cholesky_inverse": (lambda a: tx.cholesky_inverse(of_triangle(a)), [general(3, 3)]),
    "qr": (L.qr, [general(2, 3, 3)]),
    "qr, tall": (L.qr, [general(4, 2)]),
    "qr, wide": (L.qr, [general(2, 2, 4)]),
    "qr, complete": (lambda a: L.qr(a, "complete"), [general(2, 3)]),
    "eigh": (lambda a: without_signs(*L.eigh(symmetric(a))), [hermitian(2, 3, 3)]),
    "eigvalsh": (lambda a: L.eigvalsh(symmetric(a)), [hermitian(3, 3)]),
    "svd": (lambda a: without_signs(*L.svd(a, False)), [general(2, 3, 3)]),
    "svd, tall": (lambda a: without_signs(*L.svd(a, False)), [general(4, 2)]),
    "svd, wide": (lambda a: without_signs(*L.svd(a, False)), [general(2, 4)]),
    "svd, full": (lambda a: L.svd(a)[1], [general(2, 4)]),
    "svdvals": (L.svdvals, [general(3, 2)]),
    "lu": (lambda a: L.lu(a)[1:], [regular(2, 3, 3)]),
    "lu, swapped": (lambda a: L.lu(a)[1:], [np.array([[0.1, 1.0, 0.3], [2.0, 1.0, 0.7], [0.5, 3.0, 1.0]])]),
    "lu, tall": (lambda a: L.lu(a)[1:], [general(4, 2)]),
    "lu, wide": (lambda a: L.lu(a)[1:], [general(2, 4)]),
    "lu_factor": (lambda a: L.lu_factor(a).LU, [regular(3, 3)]),
    "lu_solve": (lambda a, b: L.lu_solve(*L.lu_factor(a), b), [regular(3, 3), general(2, 3, 2)]),
    "lu_solve, adjoint": (
        lambda a, b: L.lu_solve(*L.lu_factor(a), b, left=False, adjoint=True), [regular(3, 3), general(2, 3)]),
    "pinv": (L.pinv, [general(2, 3, 3)]),
    "pinv, tall": (L.pinv, [general(4, 2)]),
    "pinv, wide": (L.pinv, [general(2, 4)]),
    "pinv, hermitian": (lambda a: L.pinv(symmetric(a), hermitian=True), [hermitian(3, 3)]),
    "lstsq": (lambda a, b: L.lstsq(a, b).solution, [general(4, 2), general(4, 2)]),
    "lstsq, wide": (lambda a, b: L.lstsq(a, b).solution, [general(2, 2, 4), general(2, 1)]),
    "matrix_power": (lambda a: L.matrix_power(a, 5), [regular(3, 3) / 3]),
    "matrix_power, inverse": (lambda a: L.matrix_power(a, -2), [regular(3, 3)]),
    "matrix_exp": (L.matrix_exp, [general(2, 2, 2)]),
    "matrix_norm, nuc": (lambda a: L.matrix_norm(a, "nuc"), [general(2, 3, 3)]),
    "matrix_norm, 2": (lambda a: L.matrix_norm(a, 2), [general(2, 3, 2)]),
    "matrix_norm, 1": (lambda a: L.matrix_norm(a, 1), [general(3, 2)]),
    "cond": (L.cond, [regular(3, 3)]),
    "cond, fro": (lambda a: L.cond(a, "fro"), [regular(3, 3)]),
    "multi_dot": (lambda *m: L.multi_dot(m), [general(2, 3), general(3, 1), general(1, 2)]),
    "vecdot": (L.vecdot, [general(2, 3), general(3)]),
    "cross": (L.cross, [general(2, 3), general(1, 3)]),
    "vander": (L.vander, [general(3)]),
    "householder_product": (L.householder_product, [general(3, 2), general(2)]),
    "tensorinv": (L.tensorinv, [general(2, 2, 4)]),
    "tensorsolve": (L.tensorsolve, [general(2, 2, 4), general(2, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients(name):
    function, values = GRADIENTS[name]
    inputs = tuple(tensor(v, requires_grad=True) for v in values)
    assert gradcheck(function, inputs)
    assert gradgradcheck(function, inputs, atol=1e-4)


def test_gradient_of_a_singular_determinant():
    """That of a matrix without inverse is its matrix of cofactors."""
    for values in (
        [[1.0, 2.0], [2.0, 4.0]],
        [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
    ):
        assert gradcheck(L.det, (tensor(np.array(values), requires_grad=True),))
    x = tensor(np.stack([np.zeros((3, 3)), np.eye(3)]), requires_grad=True)
    L.det(x).sum().backward()
    close(x.grad, np.stack([np.zeros((3, 3)), np.eye(3)]))


def test_gradients_of_equal_eigenvalues():
    """Eigenvalues and singular values alone have gradients where some are equal."""
    x = tx.eye(3, dtype=tx.float64, requires_grad=True)
    (L.eigvalsh(x).sum() + L.svdvals(x).sum()).backward()
    close(x.grad, 2 * np.eye(3))
    x = tx.eye(3, dtype=tx.float64, requires_grad=True)
    L.matrix_norm(x, "nuc").backward()
    close(x.grad, np.eye(3))


def test_second_order_where_a_gradient_is_zero():
    """The Hessian of a function of eigenvectors at a point where its gradient with respect to them is exactly 0."""
    a = tensor(hermitian(3, 3))
    wanted = L.eigh(a).eigenvectors.detach()

    def loss(x):
        return ((L.eigh(symmetric(x)).eigenvectors - wanted) ** 2).sum()

    x = a.clone().requires_grad_()
    (g,) = tx.autograd.grad(loss(x), x, create_graph=True)
    (hessian_row,) = tx.autograd.grad(g[0, 1], x)
    assert hessian_row.abs().max().item() > 1e-3


@needs_complex
@pytest.mark.parametrize("name", ["inv", "solve", "solve_triangular", "det", "cholesky", "qr", "qr, wide", "lu, tall", "lu, wide",
                                  "lu", "pinv", "pinv, tall", "lstsq", "matrix_exp", "matrix_norm, nuc", "svdvals",
                                  "householder_product", "eigvalsh", "slogdet"])  # fmt: skip
def test_complex_gradients(name):
    function, values = GRADIENTS[name]
    if name in ("cholesky", "eigvalsh"):
        own = L.cholesky if name == "cholesky" else L.eigvalsh

        def function(x):
            return own(x @ x.mH + tx.eye(3, dtype=x.dtype))

    inputs = tuple(tensor(v + 0.5j * RANDOM.standard_normal(v.shape), requires_grad=True) for v in values)
    assert gradcheck(function, inputs)


@needs_complex
def test_gradients_of_eig():
    def values(x):
        eigenvalues = L.eigvals(x)
        return eigenvalues.real.square().sum() + eigenvalues.imag.square().sum()

    def vectors(x):
        return L.eig(x).eigenvectors.abs()

    for function in (values, vectors):
        assert gradcheck(function, (tensor(general(3, 3), requires_grad=True),))
        assert gradcheck(function, (tensor(general(3, 3, dtype="complex128"), requires_grad=True),))
    assert gradgradcheck(values, (tensor(general(3, 3), requires_grad=True),))


# ---- devices, layouts, results


@pytest.mark.parametrize("device", DEVICES)
def test_devices_and_layouts(device):
    """The same values for a transposed and a strided matrix, and on the device of the input."""
    a = regular(3, 3)
    wide = tx.zeros(3, 6, dtype=tx.float64)
    wide[:, ::2] = tensor(a)
    for x in (tensor(a), tensor(a.T.copy()).mT, wide[:, ::2]):
        x = x.to(device) if device != "cpu" else x
        for function in (L.inv, L.qr, L.svd, L.det, L.lu, L.eigvalsh, L.matrix_exp, L.pinv, L.matrix_rank, L.slogdet,
                         lambda x: L.solve(x, x), lambda x: L.lstsq(x, x).solution):  # fmt: skip
            got, expected = function(x), function(tensor(a))
            pairs = zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]
            for g, e in pairs:
                assert g.device.type == device
                close(g, array(e))


@pytest.mark.parametrize("device", DEVICES)
def test_training_through_a_factorisation(device):
    """A gradient arrives on the device of the leaf."""
    x = tensor(positive(3, 3)).to(device).requires_grad_()
    L.cholesky(x).sum().backward()
    assert x.grad.device == x.device and x.grad.isfinite().all()


def test_named_results_and_out():
    a = tensor(regular(3, 3))
    result = L.svd(a)
    assert all(a is b for a, b in zip(result, (result.U, result.S, result.Vh), strict=True))
    out = tx.empty(3, 3, dtype=tx.float64)
    assert L.inv(a, out=out) is out
    close(out, np.linalg.inv(array(a)))
    q, r = tx.empty(0, dtype=tx.float64), tx.empty(0, dtype=tx.float64)
    made = L.qr(a, out=(q, r))
    assert made.Q is q and made.R is r
    close(q @ r, array(a))
    with pytest.raises(RuntimeError, match="out="):
        L.inv(tensor(regular(3, 3), requires_grad=True), out=out)


def test_methods_are_the_functions():
    a = tensor(positive(3, 3))
    b = tensor(general(3, 2))
    for name, arguments in {"inverse": (), "det": (), "logdet": (), "slogdet": (), "cholesky": (), "qr": (), "svd": (),
                            "pinverse": (), "matrix_exp": (), "matrix_power": (3,), "lu": (), "cholesky_inverse": ()}.items():  # fmt: skip
        for f, m in zip(
            tx_flatten(getattr(tx, name)(a, *arguments)), tx_flatten(getattr(a, name)(*arguments)), strict=True
        ):
            np.testing.assert_array_equal(array(f), array(m))
    close(b.cholesky_solve(L.cholesky(a)), np.linalg.solve(array(a), array(b)))
    close(b.triangular_solve(a).solution, np.linalg.solve(np.triu(array(a)), array(b)))
    close(b.triangular_solve(a, transpose=True).solution, np.linalg.solve(np.triu(array(a)).T, array(b)))
    close(b.lu_solve(*tx.lu(a)), np.linalg.solve(array(a), array(b)))
    assert len(tx.lu(a, get_infos=True)) == 3


def tx_flatten(result):
    return list(result) if isinstance(result, tuple) else [result]


# ---- errors

SINGULAR = np.stack([np.eye(3), np.diag([1.0, 0.0, 1.0])])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: L.inv(tensor(SINGULAR)), r"linalg.inv: \(Batch element 1\): The diagonal element 2 is zero"),
        (lambda: L.inv(tensor(SINGULAR[1])), "linalg.inv: The diagonal element 2 is zero"),
        (lambda: L.solve(tensor(SINGULAR), tensor(np.ones((3, 1)))), r"\(Batch element 1\).*singular"),
        (lambda: L.cholesky(tensor(-SINGULAR)), r"\(Batch element 0\).*minor of order 1 is not positive-definite"),
        (lambda: L.cholesky(tensor(SINGULAR)), r"\(Batch element 1\).*minor of order 2"),
        (lambda: L.lu_factor(tensor(SINGULAR)), r"\(Batch element 1\): U\[2,2\] is zero"),
        (lambda: L.svd(tensor(np.stack([np.eye(2), np.full((2, 2), np.nan)]))), r"\(Batch element 1\).*non-finite"),
        (lambda: L.matrix_power(tensor(SINGULAR), -1), "singular"),
    ],
)  # fmt: skip
def test_matrices_that_do_not_work(call, text):
    with pytest.raises(L.LinAlgError, match=text):
        call()


def test_no_errors_in_the_ex_forms():
    inverse, info = L.inv_ex(tensor(SINGULAR))
    assert info.tolist() == [0, 2] and info.dtype is tx.int32
    close(inverse[0], np.eye(3))
    assert L.solve_ex(tensor(SINGULAR), tensor(np.ones(3))).info.tolist() == [0, 2]
    factor, info = L.cholesky_ex(tensor(SINGULAR))
    assert info.tolist() == [0, 2]
    close(factor[0], np.eye(3))
    assert L.lu_factor_ex(tensor(SINGULAR)).info.tolist() == [0, 2]
    for function in (L.inv_ex, L.cholesky_ex, L.lu_factor_ex):
        with pytest.raises(L.LinAlgError):
            function(tensor(SINGULAR), check_errors=True)
    close(L.det(tensor(SINGULAR)), [1, 0])
    assert L.slogdet(tensor(SINGULAR)).logabsdet.tolist() == [0, -np.inf]


@pytest.mark.parametrize("name", ["inv", "det", "cholesky", "eigh", "slogdet", "eig", "qr", "svd", "lu", "lu_factor", "pinv",
                                  "matrix_rank", "cond", "inv_ex", "svdvals"])  # fmt: skip
def test_inputs_that_are_no_matrices(name):
    function = getattr(L, name)
    with pytest.raises(RuntimeError, match="at least 2 dimensions"):
        function(tx.ones(3))
    with pytest.raises(RuntimeError, match=r"floating point or complex.*int64.*\.float\(\)"):
        function(tx.ones(2, 2, dtype=tx.int64))
    with pytest.raises(RuntimeError, match="Low precision"):
        function(tx.ones(2, 2, dtype=tx.bfloat16))
    if name not in ("qr", "svd", "lu", "lu_factor", "pinv", "matrix_rank", "cond", "svdvals"):
        with pytest.raises(RuntimeError, match="square matrices, but they are 2 by 3"):
            function(tx.ones(2, 3))
    with pytest.raises(TypeError):
        function(3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: L.solve(tx.ones(3, 3), tx.ones(4)), RuntimeError, r"\(3x3 and 4x1\)"),
        (lambda: L.solve(tx.eye(3), tx.ones(3).double()), RuntimeError, "same dtype"),
        (lambda: L.solve(tx.eye(3), tx.ones(3), left=False), RuntimeError, "left=False"),
        (lambda: L.solve_triangular(tx.eye(3), tx.ones(3), upper=True), RuntimeError, "at least 2 dimensions"),
        (lambda: L.inv(tx.zeros(2**40, 0, 0)), RuntimeError, "too long"),
        (lambda: L.lstsq(tx.ones(3, 2), tx.ones(4, 1)), RuntimeError, "should match"),
        (lambda: L.lstsq(tx.ones(3, 2), tx.ones(3, 1), driver="x"), RuntimeError, "driver"),
        (lambda: L.matrix_power(tx.eye(3), 1.5), TypeError, "must be int"),
        (lambda: L.matrix_power(tx.ones(2, 3), 2), RuntimeError, "square"),
        (lambda: L.cross(tx.ones(3), tx.ones(4)), RuntimeError, "length 3"),
        (lambda: L.vecdot(tx.ones(3), tx.ones(4)), RuntimeError, "same size"),
        (lambda: L.multi_dot([tx.ones(3)]), RuntimeError, "at least 2"),
        (lambda: L.multi_dot([tx.ones(3, 2), tx.ones(3)]), RuntimeError, "cannot be multiplied"),
        (lambda: L.multi_dot([tx.ones(3, 2), tx.ones(3, 2, 1), tx.ones(3)]), RuntimeError, "tensor 1 must be 2D"),
        (lambda: L.matrix_norm(tx.ones(3)), RuntimeError, "at least 2"),
        (lambda: L.matrix_norm(tx.ones(3, 3), 3), RuntimeError, "Order 3"),
        (lambda: L.matrix_norm(tx.ones(3, 3), dim=(0, 0)), RuntimeError, "different"),
        (lambda: L.matrix_norm(tx.ones(3, 3), dim=(0, 5)), IndexError, "out of range"),
        (lambda: L.norm(tx.ones(3, 3, 3), 2), RuntimeError, "1D or 2D"),
        (lambda: L.norm(tx.ones(3, 3), "fro", dim=0), RuntimeError, "2-tuple"),
        (lambda: L.norm(tx.ones(3, 3, 3), dim=(0, 1, 2)), RuntimeError, "length 1 or 2"),
        (lambda: L.vector_norm(tx.ones(3), "fro"), TypeError, "number"),
        (lambda: L.qr(tx.ones(3, 3), "x"), RuntimeError, "reduced"),
        (lambda: L.cond(tx.eye(3), "x"), RuntimeError, "norm type"),
        (lambda: L.eigh(tx.eye(3), "X"), RuntimeError, "UPLO"),
        (lambda: L.tensorinv(tx.eye(3), -1), RuntimeError, "positive"),
        (lambda: L.tensorsolve(tx.eye(3), tx.ones(2)), RuntimeError, "shape of B"),
        (lambda: L.householder_product(tx.ones(2, 3), tx.ones(3)), RuntimeError, "greater than"),
        (lambda: L.vander(tx.ones(3), N=0), RuntimeError, "greater than 1"),
        (lambda: L.lu_solve(tx.eye(2), tx.tensor([1, 9], dtype=tx.int32), tx.ones(2, 1)), RuntimeError, "pivots"),
        (lambda: L.lu_solve(tx.eye(2), tx.tensor([1, 2]), tx.ones(2, 1)), RuntimeError, "int32"),
    ],
)  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_modes_without_gradients():
    x = tensor(general(3, 2), requires_grad=True)
    for mode in ("complete", "r"):
        with pytest.raises(RuntimeError, match="reduced"):
            L.qr(x, mode)[1].sum().backward()
