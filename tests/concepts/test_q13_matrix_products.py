"""Elementwise products broadcast, matrix products contract: every combination of ranks, with gradients, against NumPy."""

import itertools

import numpy as np
import pytest

import tensorx as tx

RANDOM = np.random.default_rng(0)
TOLERANCE = 1e-12

# The shapes of a left and a right operand by rank: (..., 3, 4) @ (..., 4, 2), with batch dimensions that broadcast.
LEFT = {1: [(4,)], 2: [(3, 4)], 3: [(2, 3, 4), (1, 3, 4)], 4: [(5, 2, 3, 4), (5, 1, 3, 4)], 5: [(2, 1, 2, 3, 4)]}
RIGHT = {1: [(4,)], 2: [(4, 2)], 3: [(2, 4, 2), (1, 4, 2)], 4: [(1, 2, 4, 2), (5, 2, 4, 2)], 5: [(2, 5, 1, 4, 2)]}
PAIRS = [(a, b) for m, n in itertools.product(LEFT, RIGHT) for a in LEFT[m] for b in RIGHT[n]]


def leaf(shape, device):
    return tx.tensor(RANDOM.standard_normal(shape), device=device, requires_grad=True)


def values(x):
    return x.detach().cpu().numpy()


def check(reference, operands, result):
    """The result, and its gradients by a derivative in a random direction, against the NumPy reference."""
    expected = reference(*map(values, operands))
    np.testing.assert_allclose(values(result), expected, TOLERANCE, TOLERANCE)
    weights = RANDOM.standard_normal(expected.shape)
    grads = tx.autograd.grad(result, operands, tx.tensor(weights, device=result.device))
    for i, (x, g) in enumerate(zip(operands, grads, strict=True)):
        assert g.shape == x.shape and g.device == x.device
        direction = RANDOM.standard_normal(x.shape)
        moved = [values(y) + (direction if i == j else 0) for j, y in enumerate(operands)]
        # Products are linear in each operand, so that one difference is the whole derivative.
        change = ((reference(*moved) - expected) * weights).sum()
        np.testing.assert_allclose((values(g) * direction).sum(), change, 1e-9, 1e-9)


@pytest.mark.parametrize(("left", "right"), PAIRS)
def test_matmul_of_every_rank(left, right, device):
    a, b = leaf(left, device), leaf(right, device)
    check(np.matmul, (a, b), a @ b)
    assert (a @ b).shape == np.matmul(np.ones(left), np.ones(right)).shape
    assert (a @ b).tolist() == tx.matmul(a, b).tolist() == a.matmul(b).tolist()


SHAPES = [(), (4,), (1,), (3, 1), (3, 4), (2, 3, 4), (2, 1, 4), (5, 1, 3, 1)]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(SHAPES, SHAPES)))
def test_elementwise_products_broadcast(left, right, device):
    a, b = leaf(left, device), leaf(right, device)
    check(np.multiply, (a, b), a * b)


NAMED = {
    "mm": (tx.mm, np.matmul, [(3, 4), (4, 2)]),
    "bmm": (tx.bmm, np.matmul, [(2, 3, 4), (2, 4, 2)]),
    "mv": (tx.mv, np.matmul, [(3, 4), (4,)]),
    "dot": (tx.dot, np.dot, [(4,), (4,)]),
    "outer": (tx.outer, np.outer, [(3,), (4,)]),
    "inner": (tx.inner, np.inner, [(2, 4), (3, 4)]),
    "tensordot": (tx.tensordot, np.tensordot, [(2, 3, 4), (3, 4, 5)]),
    "einsum": (lambda a, b: tx.einsum("bij,bkj->ik", a, b), lambda a, b: np.einsum("bij,bkj->ik", a, b), [(2, 3, 4), (2, 2, 4)]),
    "kron": (tx.kron, np.kron, [(2, 3), (3, 2)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_named_products(name, device):
    product, reference, shapes = NAMED[name]
    operands = [leaf(s, device) for s in shapes]
    check(reference, operands, product(*operands))


@pytest.mark.parametrize("bias", [(), (2,), (3, 1), (3, 2)])
def test_products_with_a_bias(bias, device):
    x, a, b = leaf(bias, device), leaf((3, 4), device), leaf((4, 2), device)
    for beta, alpha in ((1, 1), (2, 3), (0.5, -1)):
        made = tx.addmm(x, a, b, beta=beta, alpha=alpha)
        np.testing.assert_allclose(values(made), beta * values(x) + alpha * values(a) @ values(b), TOLERANCE, TOLERANCE)
    batch = leaf((2, 3, 4), device), leaf((2, 4, 2), device)
    made = tx.baddbmm(x, *batch, beta=2)
    np.testing.assert_allclose(values(made), 2 * values(x) + values(batch[0]) @ values(batch[1]), TOLERANCE, TOLERANCE)
    grads = tx.autograd.grad(made.sum(), (x, *batch))
    assert [g.shape for g in grads] == [x.shape, batch[0].shape, batch[1].shape]


WRONG = [((3, 4), (3, 4)), ((4,), (3,)), ((2, 3, 4), (3, 4, 2)), ((), (4,)), ((3, 4), ())]


@pytest.mark.parametrize(("left", "right"), WRONG)
def test_shapes_that_do_not_fit_are_named(left, right, device):
    with pytest.raises(RuntimeError) as caught:
        tx.ones(left, device=device) @ tx.ones(right, device=device)
    text = str(caught.value)
    assert any(str(size) in text for size in (*left, *right, "0D")), text


def test_mul_is_not_matmul(device):
    """The two meanings side by side, on one pair of matrices."""
    a = tx.tensor([[1, 2], [3, 4]], device=device)
    b = tx.tensor([[5, 6], [7, 8]], device=device)
    assert (a * b).tolist() == [[5, 12], [21, 32]]
    assert (a @ b).tolist() == tx.mm(a, b).tolist() == [[19, 22], [43, 50]]
