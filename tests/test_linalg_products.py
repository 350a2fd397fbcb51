"""What the rows of products, distances and statistics do not show: equal points, weights, unread inputs, forms in place."""

import numpy as np
import pytest

import tensorx as tx
from tensorx.autograd import gradcheck, gradgradcheck

RANDOM = np.random.default_rng(0)
DEVICES = ["cpu", "cuda"] if tx.cuda.is_available() else ["cpu"]
MODES = ["use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist"]


def tensor(*shape, requires_grad=False):
    return tx.tensor(RANDOM.standard_normal(shape), requires_grad=requires_grad)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("mode", MODES)
def test_distance_of_equal_points(mode, device):
    """Where a distance is 0 its gradient is 0, not NaN."""
    x = tx.tensor([[1.0, 2.0], [3.0, 5.0]], dtype=tx.float64, device=device, requires_grad=True)
    distances = tx.cdist(x, x.detach(), compute_mode=mode)
    assert distances.diagonal().tolist() == [0, 0]
    distances.sum().backward()
    np.testing.assert_allclose(x.grad.cpu().numpy(), [[-2 / 13**0.5, -3 / 13**0.5], [2 / 13**0.5, 3 / 13**0.5]])


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, float("inf")])
def test_gradients_of_distances(p):
    shapes = ((3, 2), (2, 2)), ((2, 3, 2), (2, 2)), ((2, 1, 2), (1, 3, 2))
    for first, second in shapes:
        inputs = tensor(*first, requires_grad=True), tensor(*second, requires_grad=True)
        assert gradcheck(lambda a, b: tx.cdist(a, b, p), inputs)
        for mode in MODES if p == 2 else ():
            assert gradcheck(lambda a, b, mode=mode: tx.cdist(a, b, p, mode), inputs)
            assert gradgradcheck(lambda a, b, mode=mode: tx.cdist(a, b, p, mode), inputs)


def test_many_rows_by_one_product():
    """More than 25 rows: the same distances, and no tensor of all differences."""
    x, y = tensor(30, 4), tensor(40, 4)
    np.testing.assert_allclose(tx.cdist(x, y).numpy(), tx.cdist(x, y, 2.0, MODES[1]).numpy(), 1e-10, 1e-10)
    assert tx.cdist(x, x.detach()).diagonal().abs().max().item() < 1e-6


@pytest.mark.parametrize("correction", [0, 1, 2])
def test_weights_of_covariances(correction):
    x = RANDOM.standard_normal((3, 6))
    counts, weights = RANDOM.integers(1, 4, 6), RANDOM.uniform(0.5, 2, 6)
    for f in (None, counts):
        for a in (None, weights):
            made = tx.cov(tx.tensor(x), correction=correction,
                          fweights=None if f is None else tx.tensor(f), aweights=None if a is None else tx.tensor(a))  # fmt: skip
            np.testing.assert_allclose(made.numpy(), np.cov(x, ddof=correction, fweights=f, aweights=a), 1e-12)
    inputs = tx.tensor(x, requires_grad=True), tx.tensor(weights, requires_grad=True)
    assert gradcheck(lambda x, a: tx.cov(x, correction=correction, aweights=a), inputs)


@pytest.mark.parametrize(
    ("weights", "text"),
    [({"fweights": [1, 2]}, "one number for each of the 3"), ({"fweights": [1.0, 2.0, 3.0]}, "integral dtype"),
     ({"aweights": [1, 2, 3]}, "floating point dtype"), ({"fweights": [1, -2, 3]}, "negative")],
)  # fmt: skip
def test_wrong_weights(weights, text):
    with pytest.raises(RuntimeError, match=text):
        tx.cov(tx.ones(2, 3), **{k: tx.tensor(v) for k, v in weights.items()})


def test_samples_of_other_dtypes():
    assert tx.cov(tx.tensor([[1, 2, 3]])).item() == 1.0
    assert tx.corrcoef(tx.tensor([1, 2, 3])).item() == 1.0
    assert tx.trapezoid(tx.tensor([1, 2, 3])).item() == 4.0
    with pytest.raises(RuntimeError, match="bool"):
        tx.cov(tx.ones(2, 3) > 0)
    with pytest.raises(TypeError, match="either x or dx"):
        tx.trapezoid(tx.ones(3), tx.ones(3), dx=1.0)


@pytest.mark.parametrize("device", DEVICES)
def test_an_input_that_counts_for_nothing_is_not_read(device):
    unknown = tx.full((2, 2), float("nan"), device=device)
    a, b = tx.ones(3, 2, 2, device=device), tx.ones(2, device=device)
    for made in (unknown.addr(b, b, beta=0), unknown.addbmm(a, a, beta=0), unknown[0].addmv(a[0], b, beta=0)):
        assert made.isfinite().all().item()


def test_forms_in_place():
    x, a, b = tx.ones(2, 3), tx.tensor([1.0, 2.0]), tx.tensor([1.0, 0.0, 1.0])
    expected = tx.addr(x, a, b, beta=2).tolist()
    assert x.addr_(a, b, beta=2) is x and x.tolist() == expected
    batch = tx.ones(4, 2, 5), tx.ones(4, 5, 3)
    expected = x.addbmm(*batch, alpha=0.5).tolist()
    assert x.addbmm_(*batch, alpha=0.5) is x and x.tolist() == expected
    expected = x.renorm(2, 0, 1.0).tolist()
    assert x.renorm_(2, 0, 1.0) is x and x.tolist() == expected
    leaf = tx.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        leaf.renorm_(2, 0, 1.0)
    (leaf * 1).renorm_(2, 0, 1.0).sum().backward()
    assert leaf.grad.isfinite().all()


def test_out():
    out = tx.empty(0)
    assert tx.kron(tx.ones(1, 2), tx.ones(2, 1), out=out) is out and out.shape == (2, 2)
    assert tx.cross(tx.ones(3), tx.ones(3), 0, out=tx.empty(0)).tolist() == [0, 0, 0]


def test_chain_of_products_is_in_the_cheapest_order():
    """(row column) row: left to right takes 2 n products, from right to left n^2."""
    n = 3000
    row, column = tx.ones(1, n), tx.ones(n, 1)
    assert tx.chain_matmul(row, column, row).sum().item() == n * n
    assert tx.linalg.multi_dot([column, row, column]).sum().item() == n * n  # without the matrix of n^2 elements
    assert tx.chain_matmul(row) is row
