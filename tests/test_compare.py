"""equal, isclose, allclose."""

import pytest

import tensorx as tx

INF, NAN = float("inf"), float("nan")


def test_equal():
    a = tx.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert tx.equal(a, a.clone()) and a.equal(a) and tx.equal(a.t(), a.t().contiguous())
    assert not tx.equal(a, a + 1) and not tx.equal(a, a[0]) and not tx.equal(tx.zeros(0), tx.zeros(0, 1))
    assert (
        tx.equal(tx.zeros(0, 3), tx.zeros(0, 3))
        and tx.equal(tx.tensor(1), tx.tensor(1))
        and not tx.equal(tx.tensor(NAN), tx.tensor(NAN))
    )
    assert tx.equal(tx.tensor([1]), tx.tensor([1.0]))


def test_isclose():
    a = tx.tensor([1.0, 1.0, INF, INF, NAN, -INF, 0.0])
    b = tx.tensor([1.000001, 1.1, INF, 1.0, NAN, INF, 1e-9])
    assert tx.isclose(a, b).tolist() == [True, False, True, False, False, False, True]
    assert tx.isclose(a, b, equal_nan=True).tolist() == [True, False, True, False, True, False, True]
    assert a.isclose(b, rtol=0, atol=0.2).tolist() == [True, True, True, False, False, False, True]
    assert tx.isclose(tx.tensor([1, 5]), tx.tensor([2, 9]), atol=1).tolist() == [True, False]
    assert tx.isclose(tx.tensor([0], dtype=tx.uint8), tx.tensor([1], dtype=tx.uint8), atol=1).tolist() == [True]
    assert tx.isclose(tx.tensor([True, False]), tx.tensor([True, True])).tolist() == [True, False]
    assert tx.isclose(tx.ones(2, 1), tx.ones(3)).shape == (2, 3)
    with pytest.raises(RuntimeError, match="same dtype"):
        tx.isclose(tx.tensor([1]), tx.tensor([1.0]))
    with pytest.raises(RuntimeError, match="greater than or equal to zero"):
        tx.isclose(tx.ones(1), tx.ones(1), rtol=-1)


def test_allclose():
    assert tx.allclose(tx.ones(3), tx.ones(3) + 1e-7) and not tx.allclose(tx.ones(3), tx.tensor([1.0, 1.0, 2.0]))
    assert tx.ones(3, requires_grad=True).allclose(tx.ones(3)) and tx.allclose(tx.zeros(0), tx.zeros(0))
