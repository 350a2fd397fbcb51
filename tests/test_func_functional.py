"""autograd.functional: against formulas and finite differences, its options, what it refuses, and against PyTorch."""

import numpy as np
import pytest

import tensorx as tx
from support import Device
from tensorx.autograd import functional as F


def rand(*shape, seed=0):
    values = np.random.default_rng((seed, *shape)).uniform(-1, 1, shape)
    return tx.tensor(values, dtype=tx.float64, device=Device.name)


def close(a, b):
    a, b = (np.asarray(x.detach().cpu() if isinstance(x, tx.Tensor) else x) for x in (a, b))
    assert a.shape == b.shape, (a.shape, b.shape)
    np.testing.assert_allclose(a, b, 1e-9, 1e-9)


def two(x, y):
    return x.exp() * y.sum(), (x * x).sum() * y


def energy(x, y):
    return (x.sin() * x).sum() * (y**3).sum() + (x.sum() * y).exp().sum()


def differences(f, x, step=1e-6):
    """d f(x) / d x, of the shape of f(x) and then that of x."""
    columns = []
    for i in range(x.numel()):
        d = tx.zeros(x.numel(), dtype=x.dtype, device=x.device)
        d[i] = step
        d = d.reshape(x.shape)
        columns.append((f(x + d) - f(x - d)) / (2 * step))
    return tx.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


OPTIONS = [
    {"vectorize": vectorize, "strategy": strategy}
    for vectorize in (False, True)
    for strategy in ("reverse-mode", "forward-mode")
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_jacobian(options):
    x, y = rand(3), rand(2, seed=1)
    found = F.jacobian(two, (x, y), **options)
    for i in range(2):
        np.testing.assert_allclose(found[i][0].cpu(), differences(lambda a, i=i: two(a, y)[i], x).cpu(), 1e-6, 1e-6)
        np.testing.assert_allclose(found[i][1].cpu(), differences(lambda b, i=i: two(x, b)[i], y).cpu(), 1e-6, 1e-6)
        assert not found[i][0].requires_grad
    close(F.jacobian(lambda a: a * a, x, **options), tx.diag(2 * x))
    close(F.jacobian(lambda a: a.sum(), x, **options), np.ones(3))
    close(F.jacobian(lambda a: a.expand(2, 3), x[:1].expand(3), **options), np.broadcast_to(np.eye(3), (2, 3, 3)))
    assert F.jacobian(lambda a: a * a, rand(0), **options).shape == (0, 0)
    close(F.jacobian(lambda a: tx.ones(2, device=Device.name), x, **options), np.zeros((2, 3)))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_hessian(options):
    x, y = rand(3), rand(2, seed=1)
    options = {"vectorize": options["vectorize"], "outer_jacobian_strategy": options["strategy"]}
    found = F.hessian(energy, (x, y), **options)
    gradient = tx.func.grad(energy, (0, 1))
    for i in range(2):
        close_to = (lambda a, i=i: gradient(a, y)[i], x), (lambda b, i=i: gradient(x, b)[i], y)
        for j in range(2):
            np.testing.assert_allclose(found[i][j].cpu(), differences(*close_to[j]).cpu(), 1e-6, 1e-5)
    close(F.hessian(lambda a: (a**3).sum(), x, **options), tx.diag(6 * x))
    close(F.hessian(lambda a: a.sum(), x, **options), np.zeros((3, 3)))


def test_products():
    x, y = rand(3), rand(2, seed=1)
    J = F.jacobian(two, (x, y))
    v = (rand(3, seed=2), rand(2, seed=3))
    out, product = F.vjp(two, (x, y), v)
    close(out[0], two(x, y)[0])
    close(product[0], v[0] @ J[0][0] + v[1] @ J[1][0])
    close(product[1], v[0] @ J[0][1] + v[1] @ J[1][1])
    out, product = F.jvp(two, (x, y), v)
    close(product[0], J[0][0] @ v[0] + J[0][1] @ v[1])
    close(product[1], J[1][0] @ v[0] + J[1][1] @ v[1])
    H = F.hessian(energy, (x, y))
    for form in (F.hvp, F.vhp):
        out, product = form(energy, (x, y), v)
        close(out, energy(x, y))
        close(product[0], H[0][0] @ v[0] + H[0][1] @ v[1])
        close(product[1], H[1][0] @ v[0] + H[1][1] @ v[1])
        assert not out.requires_grad and not product[0].requires_grad
    close(F.vjp(lambda a: (a * a).sum(), x)[1], 2 * x)
    close(F.jvp(lambda a: a * x, tx.tensor(2.0, dtype=tx.float64, device=Device.name))[1], x)


def test_create_graph():
    x, y, v = rand(3).requires_grad_(), rand(2, seed=1), rand(3, seed=2)
    functions = [
        lambda a: F.jacobian(lambda b: b**3, a, create_graph=True),
        lambda a: F.jacobian(lambda b: b**3, a, create_graph=True, vectorize=True),
        lambda a: F.jacobian(lambda b: b**3, a, create_graph=True, vectorize=True, strategy="forward-mode"),
        lambda a: F.hessian(lambda b: energy(b, y), a, create_graph=True),
        lambda a: F.vjp(lambda b: b**3, a, v, create_graph=True)[1],
        lambda a: F.jvp(lambda b: b**3, a, v, create_graph=True)[1],
        lambda a: F.vhp(lambda b: energy(b, y), a, v, create_graph=True)[1],
        lambda a: F.hvp(lambda b: energy(b, y), a, v, create_graph=True),
    ]
    for f in functions:
        assert tx.autograd.gradcheck(f, (x,))
    assert not F.jacobian(lambda b: b**3, x).requires_grad
    assert x.grad is None


def test_strict():
    x, y = rand(3), rand(2)
    constant = tx.ones(2, dtype=tx.float64, device=Device.name)
    with pytest.raises(RuntimeError, match="strict mode"):
        F.jacobian(lambda a: constant, x, strict=True)
    for call in (
        lambda: F.jacobian(lambda a, b: a * 2, (x, y), strict=True),
        lambda: F.vjp(lambda a, b: a * 2, (x, y), x, strict=True),
        lambda: F.jvp(lambda a, b: a * 2, (x, y), (x, y), strict=True),
        lambda: F.vhp(lambda a: a.sum(), x, x, strict=True),
        lambda: F.hessian(lambda a, b: (a**3).sum(), (x, y), strict=True),
    ):
        with pytest.raises(RuntimeError, match="independent of input|does not require gradient"):
            call()
    close(F.jacobian(lambda a, b: a * b.sum(), (x, y), strict=True)[1], x[:, None].expand(3, 2))


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: F.jacobian(lambda a: a, [rand(2)]), TypeError, "inputs given to jacobian"),
        (lambda: F.jacobian(lambda a: [a], rand(2)), TypeError, "outputs"),
        (lambda: F.jacobian(lambda a: 3, rand(2)), TypeError, "outputs"),
        (lambda: F.vjp(lambda a: a, rand(2)), RuntimeError, "can only be None"),
        (lambda: F.vjp(lambda a: a, rand(2), rand(3)), RuntimeError, "size"),
        (lambda: F.vjp(lambda a: a, rand(2), (rand(2),)), RuntimeError, "size"),
        (lambda: F.jvp(lambda a: a, rand(2), 3.0), TypeError, "vector v"),
        (lambda: F.hessian(lambda a: a, rand(2)), RuntimeError, "single element"),
        (lambda: F.hvp(lambda a: (a, a), rand(2), rand(2)), RuntimeError, "single element"),
        (lambda: F.jacobian(lambda a: a, rand(2), strategy="sideways"), ValueError, "strategy"),
        (lambda: F.jacobian(lambda a: a, rand(2), strict=True, vectorize=True), RuntimeError, "together"),
        (lambda: F.jacobian(lambda a: a, tx.tensor([1, 2])), RuntimeError, "floating-point"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_against_pytorch():
    torch = pytest.importorskip("torch")

    def network(ns, x, w):
        h = ns.tanh(x @ w)
        return ns.softmax(h, -1) * h.sum(), ns.logsumexp(h, -1)

    x, w = np.random.default_rng(0).normal(size=(2, 3)), np.random.default_rng(1).normal(size=(3, 4))
    ours, theirs = tuple(map(tx.tensor, (x, w))), tuple(map(torch.tensor, (x, w)))
    v = tuple(np.random.default_rng(2).normal(size=s) for s in ((2, 3), (3, 4)))
    u = tuple(np.random.default_rng(3).normal(size=s) for s in ((2, 4), (2,)))
    f, g = (lambda *a: network(tx, *a)), (lambda *a: network(torch, *a))
    scalar, scalar_torch = (lambda *a: (f(*a)[0] ** 2).sum()), (lambda *a: (g(*a)[0] ** 2).sum())
    T = torch.autograd.functional
    pairs = [
        (F.jacobian(f, ours, vectorize=True), T.jacobian(g, theirs)),
        (F.hessian(scalar, ours, vectorize=True), T.hessian(scalar_torch, theirs)),
        (F.vjp(f, ours, tuple(map(tx.tensor, u))), T.vjp(g, theirs, tuple(map(torch.tensor, u)))),
        (F.jvp(f, ours, tuple(map(tx.tensor, v))), T.jvp(g, theirs, tuple(map(torch.tensor, v)))),
        (F.hvp(scalar, ours, tuple(map(tx.tensor, v))), T.hvp(scalar_torch, theirs, tuple(map(torch.tensor, v)))),
        (tx.func.jacfwd(f, (0, 1))(*ours), torch.func.jacrev(g, (0, 1))(*theirs)),
        (tx.func.hessian(scalar)(*ours), torch.func.hessian(scalar_torch)(*theirs)),
        (tx.vmap(f, (0, None))(*ours), torch.vmap(g, (0, None))(*theirs)),
        (
            tx.vmap(tx.func.grad(scalar), (0, None))(*ours),
            torch.vmap(torch.func.grad(scalar_torch), (0, None))(*theirs),
        ),
    ]
    flat = tx.utils._pytree.tree_leaves
    for a, b in pairs:
        a, b = flat(a), flat(b)
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            np.testing.assert_allclose(x.numpy(), y.numpy(), 1e-9, 1e-9)
