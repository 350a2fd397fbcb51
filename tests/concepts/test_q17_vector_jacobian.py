"""Concept 17, vector-Jacobian products: backward with a gradient, autograd.grad and its options, autograd.functional, and
the transforms of tensorx.func."""

import pytest

import tensorx as tx
from tensorx.autograd import functional


def vector(device, *values):
    return tx.tensor(values, dtype=tx.float64, device=device)


def close(a, b):
    assert a.shape == b.shape and tx.allclose(a, b, 1e-9, 1e-9), (a, b)


def test_backward_takes_the_vector_of_the_product(device):
    x = vector(device, 1.0, 2.0, 3.0).requires_grad_()
    v = vector(device, 1.0, 10.0, 100.0)
    (x * x).backward(gradient=v)
    close(x.grad, 2 * x.detach() * v)
    with pytest.raises(RuntimeError, match="gradient="):
        (x * x).backward()


def test_grad_and_its_options(device):
    x, y = vector(device, 1.0, 2.0).requires_grad_(), vector(device, 5.0).requires_grad_()
    out = x**3
    (g,) = tx.autograd.grad(out, x, grad_outputs=vector(device, 1.0, 10.0), create_graph=True)
    close(g, vector(device, 3.0, 120.0))
    (second,) = tx.autograd.grad(g.sum(), x)
    close(second, vector(device, 6.0, 120.0))
    out = x**3
    with pytest.raises(RuntimeError, match="allow_unused"):
        tx.autograd.grad(out.sum(), (x, y), retain_graph=True)
    assert tx.autograd.grad(out.sum(), (x, y), allow_unused=True)[1] is None
    assert tx.autograd.grad((x**3).sum(), (x, y), materialize_grads=True)[1].tolist() == [0.0]


def test_batched_gradients_take_one_pass(device):
    """All rows of a Jacobian, in one walk of the graph: each node's rule runs once."""
    x = vector(device, 1.0, 2.0, 3.0).requires_grad_()
    y = (x * x).sin()
    walks = []
    y.grad_fn.register_hook(lambda inputs, outputs: walks.append(len(outputs)))
    eye = tx.eye(3, dtype=tx.float64, device=device)
    (J,) = tx.autograd.grad(y, x, eye, is_grads_batched=True)
    close(J, tx.diag((2 * x * (x * x).cos()).detach()))
    assert walks == [1]


def test_functional_forms_agree(device):
    x, v, u = vector(device, 0.1, 0.2, 0.3), vector(device, 1.0, 2.0, 3.0), vector(device, 3.0, 4.0)

    def f(x):
        return tx.stack([(x * x).sum().exp(), (x.sin() * x).sum()])

    def scalar(x):
        return f(x).prod()

    J = functional.jacobian(f, x)
    close(functional.vjp(f, x, u)[1], u @ J)
    close(functional.jvp(f, x, v)[1], J @ v)
    close(functional.jacobian(f, x, vectorize=True), J)
    H = functional.hessian(scalar, x)
    close(H, H.t())
    close(functional.hvp(scalar, x, v)[1], H @ v)
    close(functional.vhp(scalar, x, v)[1], v @ H)
    close(tx.func.jacrev(f)(x), J)
    close(tx.func.jacfwd(f)(x), J)
    close(tx.func.hessian(scalar)(x), H)
    close(tx.func.vjp(f, x)[1](u)[0], u @ J)
    close(tx.func.jvp(f, (x,), (v,))[1], J @ v)
    close(tx.func.grad(scalar)(x), functional.jacobian(scalar, x))


def test_gradients_of_each_example_without_a_loop(device):
    model = tx.nn.Sequential(tx.nn.Linear(3, 4), tx.nn.Tanh(), tx.nn.Linear(4, 2)).double().to(device)
    parameters = {name: p.detach() for name, p in model.named_parameters()}
    x = tx.linspace(-1, 1, 15, dtype=tx.float64, device=device).reshape(5, 3)
    calls = []

    def loss(parameters, x):
        calls.append(x.shape)
        return tx.func.functional_call(model, parameters, (x,)).square().sum()

    found = tx.vmap(tx.func.grad(loss), in_dims=(None, 0))(parameters, x)
    assert calls == [(3,)]  # once, with the shape of one example
    for i in range(5):
        model.zero_grad()
        model(x[i]).square().sum().backward()
        for name, p in model.named_parameters():
            close(found[name][i], p.grad)
