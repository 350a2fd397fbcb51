"""The transforms of tensorx.func: values against formulas, composition, what must raise, and vmap's own rules."""

import copy
import threading
import warnings
from typing import ClassVar

import numpy as np
import pytest

import tensorx as tx
from support import Device
from tensorx.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    value_and_grad,
    vjp,
    vmap,
)
from tensorx.utils import _pytree


def rand(*shape, seed=0, dtype="float64"):
    values = np.random.default_rng((seed, *shape)).uniform(-1, 1, shape)
    return tx.tensor(values, dtype=getattr(tx, dtype), device=Device.name)


def close(a, b, tolerance=1e-9):
    a, b = (np.asarray(x.detach().cpu() if isinstance(x, tx.Tensor) else x) for x in (a, b))
    assert a.shape == b.shape, (a.shape, b.shape)
    np.testing.assert_allclose(a, b, tolerance, tolerance)


A = rand(3, 4, seed=1)


def curved(x):
    """A function of (4,) to (3,) with a full Jacobian."""
    return (A @ x).tanh() * (x * x).sum()


def bowl(x):
    return (x.sin() * x * x).sum() + (A @ x).exp().sum()


# ---- gradients


def test_grad_of_one_and_of_several_arguments():
    x, y = rand(4), rand(4, seed=2)
    f = lambda a, b: (a * b.sin()).sum()
    close(grad(f)(x, y), y.sin())
    close(grad(f, 1)(x, y), x * y.cos())
    close(grad(f, -1)(x, y), x * y.cos())
    first, second = grad(f, (0, 1))(x, y)
    close(first, y.sin())
    close(second, x * y.cos())
    assert isinstance(grad(f, (0,))(x, y), tuple)


def test_grad_with_aux_values_and_trees():
    tree = {"a": rand(2), "b": [rand(3), (rand(),)]}

    def f(t, scale):
        value = (t["a"] ** 2).sum() * scale + t["b"][0].sum() * t["b"][1][0]
        return value, {"twice": value * 2}

    found, aux = grad(f, has_aux=True)(tree, 3.0)
    close(found["a"], tree["a"] * 6)
    close(found["b"][0], tree["b"][1][0].expand(3))
    close(found["b"][1][0], tree["b"][0].sum())
    assert not aux["twice"].requires_grad
    g, (value, aux) = grad_and_value(f, has_aux=True)(tree, 3.0)
    (value2, _), g2 = value_and_grad(f, has_aux=True)(tree, 3.0)
    close(value, value2)
    close(aux["twice"], value * 2)
    close(g["a"], g2["a"])
    assert not value.requires_grad and not g["a"].requires_grad


def test_higher_derivatives():
    f = lambda x: x**5
    x = tx.tensor(2.0, dtype=tx.float64)
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0, 0.0):
        f = grad(f)
        close(f(x), expected)


def test_perturbations_are_not_confused():
    inner = lambda x: grad(lambda y: x * y)(tx.tensor(5.0))
    assert grad(lambda x: x * inner(x))(tx.tensor(3.0)).item() == 6.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (tx.tensor(1.0),), (tx.tensor(1.0),))[1],
               (tx.tensor(1.0),), (tx.tensor(1.0),))[1].item() == 1.0  # fmt: skip


def test_an_argument_used_from_outside_too_is_a_constant():
    for x in (rand(3), rand(3).requires_grad_()):
        close(grad(lambda y, x=x: (y * x).sum())(x), x)
        close(vjp(lambda y, x=x: y * x, x)[1](tx.ones_like(x))[0], x)
    close(grad(lambda x: x * grad(lambda y: x * y)(x))(tx.tensor(3.0)), 6.0)


def test_results_have_a_history_only_where_it_leads_outside():
    x, w = rand(4), rand(4, seed=3).requires_grad_()
    f = lambda a: (a * a * w).sum()
    found = grad(f)(x)
    assert found.requires_grad
    found.sum().backward()
    close(w.grad, 2 * x)
    assert not grad(lambda a: (a * a).sum())(x).requires_grad
    with tx.no_grad():
        assert not grad(f)(x).requires_grad
        close(grad(f)(x), 2 * x * w)
    assert x.grad is None and not x.requires_grad
    z = x.clone().requires_grad_()
    (second,) = tx.autograd.grad(grad(lambda a: (a**3).sum())(z).sum(), z)
    close(second, 6 * x)


def test_a_result_that_does_not_depend_on_the_argument_has_gradient_zero():
    x = rand(2)
    close(grad(lambda a: tx.tensor(1.0, device=Device.name))(x), [0.0, 0.0])
    close(jacrev(lambda a: tx.ones(3, device=Device.name))(x), np.zeros((3, 2)))
    close(jacfwd(lambda a: tx.ones(3, device=Device.name))(x), np.zeros((3, 2)))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: grad(lambda x: x)(rand(2)), "scalar"),
        (lambda: grad(lambda x: (x.sum(), x.sum()))(rand(2)), "one tensor"),
        (lambda: grad(lambda x: 1.0)(rand(2)), "tensors"),
        (lambda: grad(lambda x: x.sum())(tx.ones(2, dtype=tx.int64)), "floating-point dtype"),
        (lambda: grad(lambda x: x.sum())(3.0), "tensors"),
        (lambda: grad(lambda x: x.sum(), 1)(rand(2)), "argument 1"),
        (lambda: grad(lambda x: x.sum(), "x")(rand(2)), "argnums"),
        (lambda: grad(lambda x, y: x.sum(), (0, 0))(rand(2), rand(2)), "unique"),
        (lambda: grad(lambda x: x.sum(), has_aux=True)(rand(2)), "aux"),
        (lambda: grad(lambda x: x.argmax())(rand(2)), "floating-point"),
        (lambda: vjp(curved, rand(4))[1](rand(4)), "shape"),
        (lambda: vjp(curved, rand(4))[1]((rand(3), rand(3))), "structure"),
        (lambda: jvp(curved, rand(4), (rand(4),)), "tuple"),
        (lambda: jvp(curved, (rand(4),), rand(4)), "tuple"),
        (lambda: jvp(curved, (rand(4),), (rand(3),)), "shape"),
        (lambda: jvp(lambda x: tx.ones(2), (rand(4),), (rand(4),), strict=True), "strict"),
    ],
)
def test_what_transforms_refuse(call, message):
    with pytest.raises(RuntimeError, match=message):
        call()


# ---- products and Jacobians


def test_products_agree_with_the_jacobian():
    x, u, v = rand(4), rand(3, seed=5), rand(4, seed=6)
    J = jacrev(curved)(x)
    y, vjp_fn = vjp(curved, x)
    close(y, curved(x))
    assert not y.requires_grad
    close(vjp_fn(u)[0], u @ J)
    close(vjp_fn(u * 2)[0], 2 * u @ J)
    y, product = jvp(curved, (x,), (v,))
    close(y, curved(x))
    close(product, J @ v)
    assert not product.requires_grad
    y, times = linearize(curved, x)
    close(times(v), J @ v)
    close(times(x), J @ x)
    step = 1e-6
    close(J @ v, (curved(x + step * v) - curved(x - step * v)) / (2 * step), 1e-7)


def test_products_of_trees_with_aux():
    f = lambda t, s: ({"p": t["a"] * s, "q": t["a"].sum()}, s * 2)
    a, s = rand(3), rand()
    out, vjp_fn, aux = vjp(f, {"a": a}, s, has_aux=True)
    close(aux, 2 * s)
    found = vjp_fn({"p": tx.ones_like(a), "q": tx.ones_like(s)})
    close(found[0]["a"], s + tx.ones_like(a))
    close(found[1], a.sum())
    out, product, aux = jvp(f, ({"a": a}, s), ({"a": tx.ones_like(a)}, tx.ones_like(s)), has_aux=True)
    close(product["p"], s + a)
    close(product["q"], 3.0)


@pytest.mark.parametrize("make", [jacrev, jacfwd])
@pytest.mark.parametrize("chunk_size", [None, 1, 2])
def test_jacobians(make, chunk_size):
    x = rand(4)
    expected = np.stack([np.asarray(grad(lambda a, i=i: curved(a)[i])(x).cpu()) for i in range(3)])
    close(make(curved, chunk_size=chunk_size)(x), expected)


@pytest.mark.parametrize("make", [jacrev, jacfwd])
def test_jacobians_of_trees(make):
    f = lambda a, b: {"s": a.sum() * b, "p": (a * a, b.sum())}
    a, b = rand(2, 3), rand(4)
    found = make(f, (0, 1))(a, b)
    close(found["s"][0], b[:, None, None].expand(4, 2, 3))
    close(found["s"][1], a.sum() * tx.eye(4, dtype=a.dtype, device=a.device))
    close(found["p"][0][0].reshape(6, 6), tx.diag(2 * a.reshape(-1)))
    close(found["p"][0][1], np.zeros((2, 3, 4)))
    close(found["p"][1][0], np.zeros((2, 3)))
    close(found["p"][1][1], np.ones(4))
    value, aux = make(lambda a: (a * a, a.sum()), has_aux=True)(b)
    close(value, tx.diag(2 * b))
    close(aux, b.sum())
    assert not aux.requires_grad and not value.requires_grad


@pytest.mark.parametrize("outer", [jacrev, jacfwd])
@pytest.mark.parametrize("inner", [jacrev, jacfwd])
def test_hessians_in_every_mode(outer, inner):
    x = rand(4)
    n = A.shape[1]
    expected = tx.diag(-x.sin() * x * x + 4 * x * x.cos() + 2 * x.sin()) + A.t() @ ((A @ x).exp()[:, None] * A)
    assert expected.shape == (n, n)
    close(outer(inner(bowl))(x), expected)
    close(hessian(bowl)(x), expected)


def test_third_derivatives():
    x = rand(3)
    close(jacfwd(hessian(lambda a: (a**4).sum()))(x)[1, 1, 1], 24 * x[1])


# ---- vmap


def test_vmap_maps_the_dimensions_it_is_told_to():
    x, y = rand(2, 3, 4), rand(4, 3, seed=7)
    close(vmap(lambda a: a.sum(0))(x), x.sum(1))
    close(vmap(lambda a: a.sum(0), in_dims=2)(x), x.sum(0).t())
    close(vmap(lambda a: a * 2, in_dims=-1, out_dims=-1)(x), x * 2)
    close(vmap(lambda a, b: a @ b, in_dims=(0, None))(x, y), x @ y)
    close(vmap(lambda a, b: a @ b, in_dims=(1, 1), out_dims=1)(x, y), (x * y.t()[None]).sum(-1))
    close(vmap(lambda a, s: a * s, in_dims=(0, None))(x, 3), x * 3)
    close(vmap(lambda a, *, scale: a * scale)(x, scale=y[0, 0]), x * y[0, 0])
    out = vmap(lambda a: (a * 2, y.sum(), 3), out_dims=(0, None, None), chunk_size=1)(x)
    close(out[0], x * 2)
    close(out[1], y.sum())
    assert out[2] == 3
    with pytest.raises(ValueError, match="differs between examples"):
        vmap(lambda a: a, out_dims=None)(x)


def test_vmap_of_trees():
    tree = {"a": rand(3, 2), "b": (rand(2, 3), 1.5)}
    out = vmap(lambda t: {"s": t["a"].sum(), "l": [t["b"][0] * t["b"][1]]}, in_dims=({"a": 0, "b": (1, None)},),
               out_dims={"s": 0, "l": [1]})(tree)  # fmt: skip
    close(out["s"], tree["a"].sum(1))
    close(out["l"][0], tree["b"][0] * 1.5)
    values = vmap(lambda a: a.sort())(tree["a"])
    assert type(values).__name__ == "sort"
    close(values.values, tree["a"].sort(1).values)


def test_vmap_of_a_result_that_is_the_same_for_all():
    out = vmap(lambda a: tx.ones(2))(rand(3, 4))
    close(out, np.ones((3, 2)))


@pytest.mark.parametrize("size", [0, 1, 5])
@pytest.mark.parametrize("chunk_size", [None, 1, 2, 100])
def test_vmap_in_chunks_and_of_nothing(size, chunk_size):
    x = rand(size, 3)
    close(vmap(lambda a: a.softmax(0).cumsum(0), chunk_size=chunk_size)(x), x.softmax(1).cumsum(1))
    out = vmap(lambda a: (a.sum(), a), out_dims=(0, 1), chunk_size=chunk_size)(x)
    close(out[0], x.sum(1))
    close(out[1], x.t())


def test_vmap_looks_like_one_example():
    seen = {}

    def look(a, b):
        assert isinstance(a, tx.Tensor) and tx.is_tensor(a) and isinstance(b, tx.Tensor)
        seen.update(
            shape=a.shape, ndim=a.ndim, dim=a.dim(), numel=a.numel(), size=a.size(), last=a.size(-1), length=len(a)
        )
        seen.update(dtype=a.dtype, device=a.device.type, stride=a.stride(), cuda=a.is_cuda, text=repr(a))
        return a

    vmap(look, (1, None))(rand(2, 5, 3), rand(2))
    assert seen["shape"] == (2, 3) and type(seen["shape"]) is tx.Size
    assert (seen["ndim"], seen["dim"], seen["numel"], seen["size"], seen["last"], seen["length"]) == (
        2,
        2,
        6,
        (2, 3),
        3,
        2,
    )
    assert seen["dtype"] is tx.float64 and seen["device"] == Device.name and len(seen["stride"]) == 2
    assert seen["text"].startswith("BatchedTensor(levels=[1]")


def test_operators_of_every_kind():
    x, y = rand(3, 4), rand(3, 4, seed=8)
    plain = rand(4, seed=9)

    def f(a, b):
        c = (
            a
            + b
            - plain * a / (b + 3)
            + (plain - a)
            + 2 * b
            - (1 - a) / 2
            + (-a)
            + abs(b)
            + a**2
            + 2**b
            + (a // 0.3) % 0.7
        )
        c += a
        c *= 2
        c -= plain
        c /= 3
        m = (a > b) & (a >= plain) | ~(a < 0) ^ (plain > a)
        return c, m, a == b, a != plain, plain <= a

    for actual, expected in zip(vmap(f)(x, y), f(x, y), strict=True):
        close(actual, expected)


def test_numpy_numbers_as_operands():
    x = rand(3, 4)
    close(vmap(lambda a: np.float64(2) * a + a * np.float32(0.5) - np.int64(1))(x), x * 2.5 - 1)


def test_iteration_and_unpacking():
    x = rand(5, 3, 2)
    close(vmap(lambda a: sum(row for row in a))(x), x.sum(1))
    close(vmap(lambda a: a[0] + a[-1] * len(a))(x), x[:, 0] + x[:, -1] * 3)

    def reverse(a):
        first, *_, last = a
        return tx.stack([last, first])

    close(vmap(reverse)(x), tx.stack([x[:, 2], x[:, 0]], 1))


INDICES = [
    lambda i: (i,),
    lambda i: (slice(None), i),
    lambda i: (i, slice(None), i),
    lambda i: (slice(None), i, i),
    lambda i: (i, i),
    lambda i: (..., i),
    lambda i: (0, ..., i),
    lambda i: (None, i),
    lambda i: (slice(1, None), None, i, slice(None, None, 2)),
    lambda i: (i, 1),
    lambda i: (slice(None), 1, i),
    lambda i: (1, slice(None), i),
    lambda i: (i[:, None], i),
    lambda i: (i.new_tensor([0, 1]), i),
    lambda i: (i[0],),
    lambda i: (slice(None), i[0], i),
]


@pytest.mark.parametrize("n", range(len(INDICES)))
@pytest.mark.parametrize("dims", [(0, 0), (0, None), (None, 0)])
def test_indexing(n, dims):
    x = rand(4, 3, 3, 3)
    index = tx.tensor([[0, 2], [1, 1], [2, 0], [-1, 1]], device=Device.name)
    x, index = (v if d == 0 else v[0] for v, d in zip((x, index), dims, strict=True))

    def read(a, i):
        return a[INDICES[n](i)]

    def add(a, i):
        b = a * 1.0
        b = b.index_put(tuple(p for p in (i,)), tx.ones(3, dtype=a.dtype, device=a.device), accumulate=True)
        return b

    pick = lambda v, d, k: v[k] if d == 0 else v
    for f in (read, add):
        expected = tx.stack([f(pick(x, dims[0], k), pick(index, dims[1], k)) for k in range(4)])
        close(vmap(f, dims)(x, index), expected)

    def write(a, i):
        b = a + 0.0 * i.sum()
        b[INDICES[n](i)] = a[INDICES[n](i)] * 0 + 7
        b[0] = i.sum().to(a.dtype)
        return b

    expected = tx.stack([write(pick(x, dims[0], k), pick(index, dims[1], k)) for k in range(4)])
    close(vmap(write, dims)(x, index), expected)


def test_masks_are_refused_and_where_is_not():
    x = rand(3, 4)
    with pytest.raises(RuntimeError, match="where"):
        vmap(lambda a: a[a > 0])(x)
    close(
        vmap(lambda a: tx.where(a > 0, a, 0.0).masked_fill(a > 0.5, 9))(x),
        tx.where(x > 0, x, 0.0).masked_fill(x > 0.5, 9),
    )
    same = tx.tensor([True, False, True, True], device=Device.name)
    close(vmap(lambda a: a[same])(x), x[:, same])


@pytest.mark.parametrize(
    "f",
    [
        lambda a: a.sum().item(),
        lambda a: a if a.sum() > 0 else -a,
        lambda a: float(a.sum()),
        lambda a: int(a.sum()),
        lambda a: a.tolist(),
        lambda a: a.numpy(),
        lambda a: np.asarray(a),
        lambda a: range(a.sum()),
        lambda a: a.nonzero(),
        lambda a: a.unique(),
        lambda a: a.sum().backward(),
        lambda a: tx.equal(a, a),
        lambda a: 1.0 in a,
    ],
)
def test_what_depends_on_values_is_refused(f):
    with pytest.raises(RuntimeError, match="vmap"):
        vmap(f)(rand(3, 4))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: vmap(lambda a: a)(), "no inputs"),
        (lambda: vmap(lambda a: a, None)(rand(2)), "in_dims"),
        (lambda: vmap(lambda a: a, (0, 0))(rand(2)), "structure"),
        (lambda: vmap(lambda a: a, 1)(rand(2)), "in_dim=1"),
        (lambda: vmap(lambda a: a)(rand()), "in_dim=0"),
        (lambda: vmap(lambda a: a)(3), "no tensor"),
        (lambda: vmap(lambda a, b: a)(rand(2), rand(3)), "same size"),
        (lambda: vmap(lambda a: a, (None,))(rand(2)), "None"),
        (lambda: vmap(lambda a: 3)(rand(2)), "tensors"),
        (lambda: vmap(lambda a: a, out_dims=(0, 0))(rand(2)), "out_dims"),
        (lambda: vmap(lambda a: a, "x")(rand(2)), "in_dims"),
        (lambda: vmap(lambda a: a, chunk_size=0), "chunk_size"),
    ],
)
def test_what_vmap_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_dimensions_out_of_range_are_those_of_one_example():
    for f in (lambda a: a.sum(1), lambda a: a.transpose(0, 1), lambda a: a.softmax(-2), lambda a: tx.cat([a, a], 1)):
        with pytest.raises(IndexError, match="out of range"):
            vmap(f)(rand(3, 4))
    with pytest.raises(IndexError, match="out_dim=2"):
        vmap(lambda a: a, out_dims=2)(rand(3, 4))


def test_a_tensor_that_escaped_says_so():
    kept = []
    vmap(lambda a: kept.append(a) or a)(rand(3))
    with pytest.raises(RuntimeError, match="after vmap returned"):
        kept[0] + 1


def test_promotion_sees_the_rank_of_one_example():
    x, s = rand(3, 4, dtype="float32"), rand(3)
    out = vmap(lambda a, b: a * b)(x, s)
    assert out.dtype is tx.float32
    close(out, x * s[:, None], 1e-6)
    assert vmap(lambda a, b: tx.where(a > 0, a, b))(x, s).dtype is tx.float32
    both = vmap(lambda a: a + tx.tensor(1.5, dtype=tx.float64, device=Device.name))(x[:, 0])
    assert both.dtype is tx.float64


def test_writing_in_place():
    x, y = rand(3, 4), rand(3, 4, seed=2)

    def f(a, b):
        c = a.clone()
        c.add_(b).mul_(2)
        c[1:3] = b[:2]
        c[0].zero_()
        d = tx.zeros_like(a)
        d.copy_(b)
        e = a.new_zeros(2)
        e[0] = b[1]
        return c.index_add_(0, tx.tensor([1, 1], device=Device.name), b[:2]), d.cumsum_(0), e, c.t().fill_(1.0)

    for actual, column in zip(
        vmap(f)(x, y), zip(*[f(*row) for row in zip(x, y, strict=True)], strict=True), strict=True
    ):
        close(actual, tx.stack(column))
    kept = x.clone()
    vmap(lambda a: a.mul_(2))(kept)  # of all examples: it is their memory
    close(kept, x * 2)
    out = rand(4)
    for write in (out.add_, out.copy_, lambda a: out.__setitem__(0, a[0]), lambda a: out.__iadd__(a)):
        with pytest.raises(RuntimeError, match="same for all"):
            vmap(lambda a, write=write: write(a))(x)
    with pytest.raises(RuntimeError, match="out="):
        vmap(lambda a: tx.add(a, a, out=out))(x)


def test_gradients_through_writing_in_place():
    x = rand(3, 4)

    def f(a):
        b = a * 2
        b[0] = a[1] * a[2]
        b[1:].mul_(a[1:])
        b.add_(b[0].clone())
        return (b * b).sum()

    expected = tx.stack([grad(f)(row) for row in x])
    close(vmap(grad(f))(x), expected)
    close(grad(lambda v: vmap(f)(v).sum())(x), expected)
    y, vjp_fn = vjp(lambda a: tx.stack([f(a), f(a * 2)]), x[0])
    close(
        vmap(vjp_fn)(tx.eye(2, dtype=tx.float64, device=Device.name))[0],
        jacrev(lambda a: tx.stack([f(a), f(a * 2)]))(x[0]),
    )


def test_fallback_runs_a_loop_with_a_warning():
    x, m = rand(3, 4), rand(3, 4, seed=1) > 0
    with pytest.warns(UserWarning, match="masked_scatter.*once per example"):
        out = vmap(lambda a, b: a.masked_scatter(b, a * 10))(x, m)
    close(out, tx.stack([a.masked_scatter(b, a * 10) for a, b in zip(x, m, strict=True)]))
    with pytest.warns(UserWarning):
        assert vmap(lambda a, b: a.masked_scatter(b, a))(x[:0], m[:0]).shape == (0, 4)


# ---- custom operations


def test_functions_with_and_without_a_rule_of_their_own():
    class Cube(tx.autograd.Function):
        @staticmethod
        def forward(ctx, x, n):
            ctx.save_for_backward(x)
            return x**3 * n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x**2, None

    class Ruled(Cube):
        seen: ClassVar = []

        @staticmethod
        def vmap(info, in_dims, x, n):
            Ruled.seen.append((info.batch_size, info.randomness, in_dims))
            return Ruled.apply(x, n), 0

    x = rand(3, 4)
    with pytest.warns(UserWarning, match="Cube.*once per example"):
        close(vmap(lambda a: Cube.apply(a, 1.0))(x), x**3)
    with pytest.warns(UserWarning):
        close(vmap(grad(lambda a: Cube.apply(a, 1.0).sum()))(x), 3 * x**2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        close(vmap(grad(lambda a: Ruled.apply(a, 1.0).sum()))(x), 3 * x**2)
        close(vmap(vmap(lambda a: Ruled.apply(a, 2.0)))(x), 2 * x**3)
        y, vjp_fn = vjp(lambda a: Cube.apply(a, 1.0), x[0])  # its backward is made of ops, which have rules
        close(vmap(vjp_fn)(tx.eye(4, dtype=x.dtype, device=x.device))[0], tx.diag(3 * x[0] ** 2))
    assert Ruled.seen == [(3, "error", (0, None)), (12, "error", (0, None))]


# ---- random numbers


def test_randomness():
    x = tx.zeros(3, 5, device=Device.name)
    draws = {
        "rand": lambda a: tx.rand(5),
        "randn_like": tx.randn_like,
        "randint": lambda a: tx.randint(0, 1000000, (5,)),
        "randperm": lambda a: tx.randperm(50),
        "normal_": lambda a: tx.zeros_like(a).normal_(),
        "uniform_": lambda a: a.clone().uniform_(),
        "bernoulli": lambda a: tx.bernoulli(tx.full((50,), 0.5)),
        "dropout": lambda a: tx.nn.functional.dropout(tx.ones(50), 0.5),
        "dropout of an input": lambda a: tx.nn.functional.dropout(a.repeat(10) + 1, 0.5),
        "alpha_dropout": lambda a: tx.nn.functional.alpha_dropout(a.repeat(10) + 1, 0.5, True),
        "dropout2d": lambda a: tx.nn.functional.dropout2d(tx.ones(4, 20, 1, 1)),
        "multinomial": lambda a: tx.multinomial(tx.ones(50), 20),
        "poisson": lambda a: tx.poisson(tx.full((50,), 9.0)),
    }
    for name, draw in draws.items():
        with pytest.raises(RuntimeError, match="randomness"):
            vmap(draw)(x)
        out = vmap(draw, randomness="different")(x)
        assert out.shape[0] == 3 and not tx.equal(out[0], out[1]) and not tx.equal(out[1], out[2]), name
        out = vmap(draw, randomness="same")(x)
        assert tx.equal(out[0], out[1]) and tx.equal(out[1], out[2]), name
        assert draw(x[0]).shape == out.shape[1:]  # and outside of vmap as ever


def test_randomness_of_nested_maps():
    draw = vmap(vmap(lambda a: tx.rand(()), randomness="same"), randomness="different")
    out = draw(tx.zeros(3, 4))
    assert all(len(set(row.tolist())) == 1 for row in out) and len(set(out[:, 0].tolist())) == 3
    out = vmap(vmap(lambda a: tx.rand(()), randomness="different"), randomness="same")(tx.zeros(3, 4))
    assert all(len(set(column.tolist())) == 1 for column in out.t()) and len(set(out[0].tolist())) == 4


def test_random_numbers_by_what_differs_between_examples():
    p = tx.tensor([0.0, 1.0], device=Device.name)
    close(vmap(lambda a: tx.bernoulli(a), randomness="different")(p), p)
    with pytest.raises(RuntimeError, match="same"):
        vmap(lambda a: tx.bernoulli(a), randomness="same")(p)
    w = tx.eye(3, device=Device.name)
    assert vmap(lambda a: tx.multinomial(a, 2, True), randomness="different")(w).tolist() == [[0, 0], [1, 1], [2, 2]]
    shared = tx.zeros(2, device=Device.name)
    with pytest.raises(RuntimeError, match="same for all"):
        vmap(lambda a: shared.normal_(), randomness="different")(p)


@pytest.mark.parametrize("randomness", ["different", "same"])
def test_gradients_of_dropout_use_the_same_mask(randomness):
    x = rand(4, 30)

    def f(a):
        y = tx.nn.functional.dropout(a * 1.0, 0.4)
        return (y * y).sum() / 2, y

    found, y = vmap(grad(f, has_aux=True), randomness=randomness)(x)
    close(found, y / 0.6)
    y, vjp_fn = vjp(lambda a: tx.nn.functional.dropout(a, 0.4), x[0])
    rows = vmap(vjp_fn)(tx.eye(30, dtype=x.dtype, device=x.device))[0]
    close(rows.diagonal() * x[0], y)


def test_the_seed_decides_within_vmap_too():
    draws = []
    for _ in range(2):
        tx.manual_seed(3)
        draws.append(vmap(lambda a: tx.randn(2), randomness="different")(tx.zeros(3)))
    assert tx.equal(*draws)


# ---- composition


def test_vmap_and_grad_in_every_order():
    w, x = rand(4), rand(5, 4, seed=2)
    f = lambda w, x: ((w * x).sum() ** 2).tanh()
    per_example = tx.stack([grad(f)(w, row) for row in x])
    close(vmap(grad(f), (None, 0))(w, x), per_example)
    close(grad(lambda w: vmap(f, (None, 0))(w, x).sum())(w), per_example.sum(0))
    close(jacrev(lambda w: vmap(f, (None, 0))(w, x))(w), per_example)
    close(jacfwd(lambda w: vmap(f, (None, 0))(w, x))(w), per_example)
    close(vmap(vmap(grad(f), (None, 0)), (0, None))(tx.stack([w, w * 2]), x)[0], per_example)
    second = tx.stack([jacrev(grad(f))(w, row) for row in x])
    close(vmap(hessian(f), (None, 0))(w, x), second)
    close(vmap(jacrev(jacrev(f)), (None, 0))(w, x), second)
    tangent = rand(4, seed=3)
    close(vmap(lambda row: jvp(lambda w: f(w, row), (w,), (tangent,))[1])(x), per_example @ tangent)
    close(
        vmap(lambda v: jvp(lambda w: f(w, x[0]), (w,), (v,))[1])(tx.eye(4, dtype=w.dtype, device=w.device)),
        per_example[0],
    )


def test_gradients_within_vmap_of_what_requires_them_outside():
    w, x = rand(4).requires_grad_(), rand(5, 4, seed=2)
    out = vmap(lambda row: grad(lambda a: (a * a * w).sum())(row))(x)
    out.sum().backward()
    close(w.grad, 2 * x.sum(0))


def test_windows_of_an_expanded_tensor():
    """Their gradient is that of each row, although the rows share memory."""
    rows = rand(7).expand(3, 7).detach().requires_grad_()
    weights = rand(3, 3, 3)
    (g,) = tx.autograd.grad(rows.unfold(1, 3, 2), rows, weights)
    one = rand(7).requires_grad_()
    for k in range(3):
        close(g[k], tx.autograd.grad(one.unfold(0, 3, 2), one, weights[k])[0])


def test_vmap_within_a_function_that_is_differentiated():
    x = rand(3, 4)
    f = lambda a: vmap(lambda row: row.softmax(0).amax())(a).sum()
    assert tx.autograd.gradcheck(f, (x.clone().requires_grad_(),))
    assert tx.autograd.gradgradcheck(lambda a: vmap(lambda r: (r.exp() * r).sum())(a), (x.clone().requires_grad_(),))
    assert tx.autograd.gradcheck(lambda a: vmap(grad(lambda r: (r**3).sum()))(a), (x.clone().requires_grad_(),))


def test_autograd_grad_within_vmap():
    x = rand(3, 4)

    def f(row):
        row = row.detach().requires_grad_()
        (g,) = tx.autograd.grad((row**2).sum(), row)
        return g

    close(vmap(f)(x), 2 * x)
    outside = rand(4).requires_grad_()
    with pytest.raises(RuntimeError, match=r"func\.grad"):
        vmap(lambda row: tx.autograd.grad((row * outside).sum(), outside)[0])(x)


def test_batched_gradients():
    x = rand(4).requires_grad_()
    y = (A @ x).tanh()
    eye = tx.eye(3, dtype=x.dtype, device=x.device)
    (J,) = tx.autograd.grad(y, x, eye, is_grads_batched=True, retain_graph=True)
    close(J, jacrev(lambda a: (A @ a).tanh())(x.detach()))
    close(tx.autograd.grad(y, x, eye[:0], is_grads_batched=True, retain_graph=True)[0], np.zeros((0, 4)))
    other = rand(2).requires_grad_()
    found = tx.autograd.grad(y, (x, other), eye, is_grads_batched=True, allow_unused=True, retain_graph=True)
    assert found[1] is None
    rows = lambda a: tx.autograd.grad((A @ a).tanh(), a, eye, is_grads_batched=True, create_graph=True)
    assert tx.autograd.gradcheck(rows, (x.detach().requires_grad_(),))
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        tx.autograd.grad(y, x, tx.eye(4, device=Device.name), is_grads_batched=True, retain_graph=True)
    with pytest.raises(RuntimeError, match="is_grads_batched"):
        tx.autograd.grad(y, x, tx.tensor(1.0), is_grads_batched=True)
    hooked = []
    x.register_hook(lambda g: hooked.append(g.shape))
    tx.autograd.grad((A @ x).tanh(), x, eye, is_grads_batched=True)
    assert hooked == [(4,)]


def test_threads_map_independently():
    x, found = rand(50, 4), {}

    def work(n):
        for _ in range(20):
            found[n] = vmap(lambda row: (row * n).sum())(x)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(4):
        close(found[n], x.sum(1) * n)


# ---- modules


def network():
    tx.manual_seed(0)
    nn = tx.nn
    layers = [
        nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(27, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 4)
    ]  # fmt: skip
    return nn.Sequential(*layers).double().to(Device.name)


def test_gradients_of_each_example_of_a_network():
    model, x, y = network(), rand(5, 1, 8, 8), tx.tensor([0, 1, 2, 3, 0], device=Device.name)
    parameters = {name: p.detach() for name, p in model.named_parameters()}

    def loss(parameters, x, y):
        return tx.nn.functional.cross_entropy(functional_call(model, parameters, (x[None],)), y[None])

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # every op has a rule
        found = vmap(grad(loss), (None, 0, 0))(parameters, x, y)
    for i in range(5):
        model.zero_grad()
        tx.nn.functional.cross_entropy(model(x[i : i + 1]), y[i : i + 1]).backward()
        for name, p in model.named_parameters():
            close(found[name][i], p.grad)


def test_batch_norm_in_evaluation_and_in_training():
    bn = tx.nn.BatchNorm1d(3).double().to(Device.name)
    x = rand(4, 5, 3)
    given = dict(bn.named_parameters())
    trained = vmap(lambda a: tx.nn.functional.batch_norm(a, None, None, bn.weight, bn.bias, True))(x)
    close(trained, tx.stack([tx.nn.functional.batch_norm(a, None, None, bn.weight, bn.bias, True) for a in x]))
    with pytest.raises(RuntimeError, match="same for all"):
        vmap(lambda a: functional_call(bn, given, (a,)))(x)
    bn.eval()
    close(vmap(bn)(x), bn(x.reshape(20, 3)).reshape(4, 5, 3))


def test_an_ensemble():
    models = [network() for _ in range(3)]
    for k, m in enumerate(models):
        for p in m.parameters():
            p.data.add_(0.1 * k)
    parameters, buffers = stack_module_state(models)
    assert all(p.requires_grad and p.is_leaf for p in parameters.values())
    x = rand(2, 1, 8, 8)
    base = copy.deepcopy(models[0])
    out = vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), (0, 0, None))(parameters, buffers, x)
    close(out, tx.stack([m(x) for m in models]))
    out.sum().backward()
    models[1](x).sum().backward()
    for name, p in models[1].named_parameters():
        close(parameters[name].grad[1], p.grad)
    for bad, message in (([], "at least one"), ([models[0], tx.nn.Linear(1, 1)], "same class")):
        with pytest.raises(RuntimeError, match=message):
            stack_module_state(bad)
    models[1].eval()
    with pytest.raises(RuntimeError, match="training"):
        stack_module_state(models)


def test_functional_call():
    class Tied(tx.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = tx.nn.Linear(2, 2, bias=False)
            self.b = tx.nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight
            self.register_buffer("count", tx.zeros(()))

        def forward(self, x, *, scale=1.0):
            self.count.add_(1)
            return self.b(self.a(x)) * scale

    module = Tied()
    before = module.a.weight
    x = tx.ones(1, 2)
    count = tx.zeros(())
    out = functional_call(module, {"a.weight": tx.eye(2) * 2, "count": count}, x, {"scale": 3.0})
    assert out.tolist() == [[12.0, 12.0]]
    assert module.a.weight is before and module.b.weight is before and module.count.item() == 0 and count.item() == 1
    out = functional_call(module, ({"a.weight": tx.eye(2) * 2}, {"b.weight": tx.eye(2)}), (x,), tie_weights=False)
    assert out.tolist() == [[2.0, 2.0]]
    with pytest.raises(ValueError, match="tie_weights"):
        functional_call(module, {"a.weight": tx.eye(2), "b.weight": tx.ones(2, 2)}, x)
    with pytest.raises(AttributeError, match="no parameter"):
        functional_call(module, {"c.weight": x}, x)
    functional_call(module, {"c": x}, x)
    assert not hasattr(module, "c")
    with pytest.raises(RuntimeError, match="strict"):
        functional_call(module, {"count": x}, x, strict=True)
    with pytest.raises(ValueError, match="more than one"):
        functional_call(module, ({"count": x}, {"count": x}), x)
    with pytest.raises(TypeError):
        functional_call(module, {"a.weight": tx.eye(2)}, (x, x))
    assert module.a.weight is before


# ---- trees


def test_trees():
    from collections import OrderedDict, defaultdict, deque, namedtuple

    Point = namedtuple("Point", "x y")
    tree = {"a": (1, [2, None]), "b": OrderedDict(c=Point(3, 4)), "d": deque([5], maxlen=2), "e": defaultdict(int, f=6)}
    leaves, spec = _pytree.tree_flatten(tree)
    assert leaves == [1, 2, None, 3, 4, 5, 6] and spec.num_leaves == 7
    back = _pytree.tree_unflatten(leaves, spec)
    assert back == tree and type(back["b"]["c"]) is Point and back["d"].maxlen == 2 and back["e"].default_factory is int
    assert _pytree.tree_map(lambda v: v, tree) == tree
    assert _pytree.tree_structure(tree) == spec and _pytree.tree_structure([1]) != _pytree.tree_structure((1,))
    assert _pytree.tree_leaves([(), {}]) == []
    assert _pytree.tree_map_only(int, lambda v: -v, (1, "s")) == (-1, "s")
    assert _pytree.tree_any(lambda v: v == 2, (1, 2)) and not _pytree.tree_all(lambda v: v == 2, (1, 2))
    assert _pytree.broadcast_prefix((0, None), ((1, 2), [3])) == [0, 0, None]
    assert _pytree.broadcast_prefix((0,), (1, 2)) is None and _pytree.broadcast_prefix([0], (1,)) is None
    with pytest.raises(ValueError, match="leaves"):
        _pytree.tree_unflatten([1], spec)
    with pytest.raises(ValueError, match="structures"):
        _pytree.tree_map(lambda a, b: a, [1], (1,))

    class Box:
        def __init__(self, value):
            self.value = value

    _pytree.register_pytree_node(Box, lambda b: ([b.value], None), lambda parts, _: Box(parts[0]))
    assert grad(lambda b: (b.value**2).sum())(Box(tx.tensor(3.0))).value.item() == 6.0
