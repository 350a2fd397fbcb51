"""Row 38, one_hot, Embedding and EmbeddingBag: a look-up is a product with one-hot rows, without the product."""

import numpy as np
import pytest
from memory_use import peak

import tensorx as tx

F = tx.nn.functional
INDEX = [[0, 2, 2], [5, 0, 1]]


@pytest.fixture
def table(device):
    return tx.tensor(np.random.default_rng(0).standard_normal((6, 3)), device=device).requires_grad_()


def index(device):
    return tx.tensor(INDEX, device=device)


def test_one_hot(device):
    hot = F.one_hot(index(device), 6)
    assert hot.dtype == tx.int64 and hot.shape == (2, 3, 6) and hot.device.type == device
    assert hot.sum(-1).tolist() == [[1, 1, 1], [1, 1, 1]] and hot.argmax(-1).tolist() == INDEX
    assert F.one_hot(index(device)).shape == (2, 3, 6)  # as many classes as it takes
    with pytest.raises(RuntimeError, match="."):
        F.one_hot(index(device), 3)


def test_a_look_up_is_a_product_with_one_hot_rows(table, device):
    looked_up = F.embedding(index(device), table)
    product = F.one_hot(index(device), 6).to(table.dtype) @ table
    assert tx.equal(looked_up, product)
    g = tx.randn_like(looked_up)
    (by_look_up,) = tx.autograd.grad(looked_up, table, g)
    (by_product,) = tx.autograd.grad(product, table, g)
    assert tx.allclose(by_look_up, by_product)
    assert by_look_up[3:5].count_nonzero().item() == 0  # rows that were not looked up
    assert tx.autograd.gradgradcheck(lambda w: F.embedding(index(device), w).sin(), (table,))


def test_a_look_up_does_not_take_the_product_s_memory(device):
    weight, numbers = tx.zeros(2000, 4, device=device), tx.zeros(500, dtype=tx.int64, device=device)
    assert peak(device, lambda: F.embedding(numbers, weight)) < 500 * 4 * 4 + 4096
    assert peak(device, lambda: F.one_hot(numbers, 2000).float() @ weight) > 500 * 2000 * 4


def test_padding_idx(device):
    layer = tx.nn.Embedding(6, 3, padding_idx=2, device=device)
    assert layer.weight[2].tolist() == [0.0] * 3
    layer(index(device)).sum().backward()
    assert layer.weight.grad.tolist() == [[2.0] * 3, [1.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3, [1.0] * 3]


def test_max_norm(device):
    layer = tx.nn.Embedding(6, 3, max_norm=1.0, device=device)
    with tx.no_grad():
        layer.weight.fill_(3.0)
    layer(index(device))
    lengths = layer.weight.detach().norm(dim=1).cpu()
    assert tx.allclose(lengths[[0, 1, 2, 5]], tx.ones(4)) and tx.allclose(lengths[[3, 4]], tx.tensor(27.0).sqrt())


def test_sparse_gradients(table, device):
    for sparse in (True, False):
        table.grad = None
        for _ in range(2):  # they accumulate
            F.embedding(index(device), table, padding_idx=1, sparse=sparse).square().sum().backward()
        gradient = table.grad
        assert gradient.is_sparse is sparse and gradient.shape == table.shape and gradient.device.type == device
        if sparse:
            stored, expected = gradient.coalesce().indices().tolist(), gradient.to_dense()
    assert stored == [[0, 2, 5]]  # the rows in use, without the padding
    assert tx.allclose(expected, gradient)


def test_sparse_gradients_take_memory_for_the_rows_in_use(device):
    weight = tx.zeros(20_000, 8, device=device).requires_grad_()
    numbers = tx.arange(100, device=device)

    def step(sparse):
        weight.grad = None
        F.embedding(numbers, weight, sparse=sparse).sum().backward()

    size = 20_000 * 8 * 4
    assert peak(device, lambda: step(True)) < size / 10
    assert peak(device, lambda: step(False)) >= size


def test_a_gradient_that_is_sparse_and_dense(table, device):
    (F.embedding(index(device), table, sparse=True).sum() + table.sum()).backward()
    table_again = table.detach().clone().requires_grad_()
    (F.embedding(index(device), table_again).sum() + table_again.sum()).backward()
    assert not table.grad.is_sparse and tx.equal(table.grad, table_again.grad)
    F.embedding(index(device), table, sparse=True).sum().backward()  # dense += sparse
    assert tx.equal(table.grad, table_again.grad * 2 - 1)


def test_sparse_gradients_to_second_order(table, device):
    def once(sparse):
        out = F.embedding(index(device), table, sparse=sparse)
        (first,) = tx.autograd.grad((out**3).sum(), table, create_graph=True)
        dense = first.to_dense() if sparse else first
        return tx.autograd.grad(dense.square().sum(), table)[0]

    mine = once(True)
    assert tx.allclose(mine.to_dense() if mine.is_sparse else mine, once(False))


def test_zero_grad_of_sparse_gradients(device):
    layer = tx.nn.Embedding(6, 3, sparse=True, device=device)
    layer(index(device)).sum().backward()
    layer.zero_grad(set_to_none=False)
    assert layer.weight.grad.to_dense().count_nonzero().item() == 0
    layer.zero_grad()
    assert layer.weight.grad is None


def test_sparse_gradients_that_do_not_fit(table):
    with pytest.raises(TypeError, match="a sparse one must have the shape, dtype and device of the tensor"):
        table.grad = tx.eye(3, dtype=table.dtype).to_sparse()
    with pytest.raises(RuntimeError, match="scale_grad_by_freq not supported with sparse gradients"):
        F.embedding(tx.tensor([0]), table, scale_grad_by_freq=True, sparse=True)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags(table, device, mode, sparse):
    flat, offsets = index(device).flatten(), tx.tensor([0, 2, 2, 5], device=device)
    layer = tx.nn.EmbeddingBag.from_pretrained(table.detach(), freeze=False, mode=mode, sparse=sparse)
    rows = F.embedding(flat, table)
    bags = [rows[0:2], rows[2:5], rows[5:6]]
    reduce = {"sum": lambda bag: bag.sum(0), "mean": lambda bag: bag.mean(0), "max": lambda bag: bag.amax(0)}[mode]
    first, second, last = (reduce(bag) for bag in bags)
    expected = tx.stack([first, tx.zeros_like(first), second, last])
    out = layer(flat, offsets)
    assert tx.allclose(out, expected)
    factors = tx.arange(1.0, 13.0, dtype=out.dtype, device=device).reshape(4, 3)
    (out * factors).sum().backward()
    (expected * factors).sum().backward()
    gradient = layer.weight.grad
    assert gradient.is_sparse is sparse
    assert tx.allclose(gradient.to_dense() if sparse else gradient, table.grad)
