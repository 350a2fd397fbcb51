"""Row 20, sparse tensors: coordinate and compressed forms, products with gradients, memory by what is stored."""

import io
import pickle

import numpy as np
import pytest
from memory_use import peak

import tensorx as tx
from tensorx.autograd import gradcheck

INDEX = [[0, 2, 1, 2], [1, 0, 2, 0]]
VALUES = [1.0, -2.0, 3.0, 0.5]
DENSE = [[0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [-1.5, 0.0, 0.0]]


@pytest.fixture
def s(device):
    return tx.sparse_coo_tensor(INDEX, VALUES, (3, 3), dtype=tx.float64, device=device)


def test_coordinate_form(s, device):
    assert s.is_sparse and s.device.type == device and s._nnz() == 4
    c = s.coalesce()
    assert c.indices().tolist() == [[0, 1, 2], [1, 2, 0]] and c.values().tolist() == [1.0, 3.0, -1.5]
    assert s.to_dense().tolist() == DENSE and s.to_dense().device.type == device
    assert s.to_dense().to_sparse().indices().tolist() == c.indices().tolist()
    assert (s + s).to_dense().tolist() == (s.to_dense() * 2).tolist()
    assert (s * 3).to_dense().tolist() == (s.to_dense() * 3).tolist()
    assert s.t().to_dense().tolist() == s.to_dense().t().tolist()
    assert s.sum().item() == 2.5 and s.sum(0).to_dense().tolist() == [-1.5, 1.0, 3.0]


def test_pickle_and_save(s, device):
    buffer = io.BytesIO()
    pickle.dump({"adjacency": s}, buffer)
    buffer.seek(0)
    loaded = pickle.load(buffer)["adjacency"]
    assert loaded.device.type == device and loaded.to_dense().tolist() == DENSE


def test_products_and_their_gradients(s, device):
    other = tx.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=tx.float64, device=device)
    assert (s @ other).tolist() == (s.to_dense() @ other).tolist()
    assert (s.to_sparse_csr() @ other).tolist() == (s.to_dense() @ other).tolist()
    values = tx.tensor(VALUES, dtype=tx.float64, device=device, requires_grad=True)
    other.requires_grad_()
    assert gradcheck(lambda v, d: tx.sparse.mm(tx.sparse_coo_tensor(INDEX, v, (3, 3)), d), (values, other))
    leaf = s.detach().requires_grad_()
    (leaf @ other.detach()).sum().backward()
    assert leaf.grad.is_sparse and leaf.grad.device.type == device


def test_same_bits_for_any_number_of_threads(device):
    generator = np.random.default_rng(0)
    index = generator.integers(0, 50, (2, 4000))
    s = tx.sparse_coo_tensor(index, generator.normal(size=4000), (50, 50), dtype=tx.float32, device=device)
    other = tx.tensor(generator.normal(size=(50, 8)), dtype=tx.float32, device=device)
    before, found = tx.get_num_threads(), set()
    try:
        for threads in (1, 2, 4):
            tx.set_num_threads(threads)
            found.add((s @ other).cpu().numpy().tobytes() + s.coalesce().values().cpu().numpy().tobytes())
    finally:
        tx.set_num_threads(before)
    assert len(found) == 1


def test_memory_is_that_of_what_is_stored(device):
    """A 100000 x 100000 matrix would take 40 GB; its 5000 elements, their product and gradients take a few MB."""
    n, nnz = 100_000, 5000
    generator = np.random.default_rng(0)
    index = tx.tensor(generator.integers(0, n, (2, nnz)), device=device)
    values = tx.tensor(generator.normal(size=nnz), dtype=tx.float32, device=device, requires_grad=True)
    vector = tx.ones(n, device=device)

    def run():
        s = tx.sparse_coo_tensor(index, values, (n, n))
        c = s.coalesce()
        (c @ vector).sum().backward()
        assert (c + c.t())._nnz() <= 2 * nnz and tx.sparse.softmax(c, 1)._nnz() == c._nnz()
        assert s.to_sparse_csr().crow_indices().shape == (n + 1,)

    stored = nnz * (2 * 8 + 4)
    assert peak(device, run) < 40 * stored + 8 * 4 * n  # some temporaries over the elements, some vectors of n
