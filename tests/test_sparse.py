"""Sparse tensors against their dense forms: values, gradients, layouts, errors, and what they print and pickle to."""

import copy
import pickle

import numpy as np
import pytest

import tensorx as tx
from support import FLOATS, to_numpy
from tensorx.autograd import gradcheck, gradgradcheck

INDEX = [[0, 2, 1, 2, 0], [1, 0, 2, 0, 3]]  # not sorted, and (2, 0) twice
VALUES = [1.0, -2.0, 3.0, 0.5, 4.0]
DENSE = np.array([[0, 1, 0, 4], [0, 0, 3, 0], [-1.5, 0, 0, 0]])


def coo(dtype=tx.float64, **options):
    return tx.sparse_coo_tensor(INDEX, VALUES, (3, 4), dtype=dtype, **options)


def dense(*shape, seed=0):
    return tx.tensor(np.random.default_rng(seed).uniform(-2, 2, shape))


def same(ours, expected):
    ours = ours.to_dense() if type(ours) is not tx.Tensor else ours
    np.testing.assert_allclose(to_numpy(ours), to_numpy(expected), 1e-12, 1e-12)
    assert tuple(ours.shape) == tuple(np.shape(expected))


# ---- construction


def test_attributes():
    s = coo()
    assert isinstance(s, tx.Tensor) and tx.is_tensor(s) and type(s) is tx.sparse.SparseTensor
    assert s.shape == (3, 4) and s.size(1) == 4 and s.ndim == s.dim() == 2 and s.numel() == 12 and len(s) == 3
    assert s.dtype is tx.float64 and s.device == tx.device("cpu") and s.layout is tx.sparse_coo
    assert s.is_sparse and not s.is_sparse_csr and s._nnz() == 5 and not s.is_coalesced()
    assert s.sparse_dim() == 2 and s.dense_dim() == 0 and not s.requires_grad and s.is_leaf and s.grad is None
    assert s._indices().tolist() == INDEX and s._values().tolist() == VALUES
    x = tx.zeros(2)
    assert x.layout is tx.strided and not x.is_sparse and not x.is_sparse_csr and x.to_dense() is x


@pytest.mark.parametrize("dtype", [getattr(tx, d) for d in FLOATS] + [tx.int64, tx.bool], ids=str)
def test_to_dense_and_back(dtype):
    s = coo(dtype)
    assert s.dtype is dtype
    expected = DENSE if dtype.is_floating_point else to_numpy(tx.tensor(VALUES).to(dtype).to(tx.int64))
    if dtype.is_floating_point:
        same(s, expected)
    back = s.to_dense().to_sparse()
    assert back.is_coalesced() and back.dtype is dtype
    assert back.to_dense().tolist() == s.to_dense().tolist()
    assert back.to_sparse_csr().to_dense().tolist() == s.to_dense().tolist()


def test_coalesce():
    s = coo().coalesce()
    assert s.is_coalesced() and s.coalesce() is s
    assert s.indices().tolist() == [[0, 0, 1, 2], [1, 3, 2, 0]]
    assert s.values().tolist() == [1.0, 4.0, 3.0, -1.5]
    for what in ("indices", "values"):
        with pytest.raises(RuntimeError, match="uncoalesced tensor, please call .coalesce"):
            getattr(coo(), what)()
        with pytest.raises(RuntimeError, match="expected a sparse tensor"):
            getattr(tx.zeros(2), what)()


def test_size_is_inferred_and_hybrid():
    assert tx.sparse_coo_tensor(INDEX, VALUES).shape == (3, 4)
    s = tx.sparse_coo_tensor([[1, 1]], dense(2, 3), (4, 3))
    assert s.sparse_dim() == 1 and s.dense_dim() == 1
    same(s.to_dense()[1], dense(2, 3).sum(0))
    again = s.to_dense().to_sparse(1)
    assert again._values().shape == (1, 3) and again.indices().tolist() == [[1]]
    same(again, s.to_dense())


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0), (), (2, 3, 4)])
def test_shapes_round_trip(shape):
    x = dense(*shape)
    s = x.to_sparse()
    assert s.shape == shape and s._nnz() == x.numel() and s.sparse_dim() == len(shape)
    same(s, x)
    same(s.coalesce() + s, x + x)


def test_without_elements():
    s = tx.sparse_coo_tensor((2, 3))
    assert s._nnz() == 0 and s.shape == (2, 3) and s.is_coalesced()
    same(s @ tx.ones(3, 2), tx.zeros(2, 2))
    same(tx.sparse.mm(s, coo(tx.float32)), tx.zeros(2, 4))
    same(tx.sparse_coo_tensor([[], []], [], (2, 3)), tx.zeros(2, 3))
    assert s.sum().item() == 0
    same(s.to_sparse_csr() @ tx.ones(3), tx.zeros(2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tx.sparse_coo_tensor([[0, 3]], [1.0, 2.0], (3,)), "for dim 0, size is 3 but found index 3"),
        (lambda: tx.sparse_coo_tensor([[0, -1]], [1.0, 2.0], (3,)), "negative index -1"),
        (lambda: tx.sparse_coo_tensor([[0, 1]], [1.0], (3,)), "nnz"),
        (lambda: tx.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (3, 4)), "does not fit"),
        (lambda: tx.sparse_coo_tensor([[0.5]], [1.0], (3,)), "integers"),
        (lambda: tx.sparse_csr_tensor([0, 2], [0, 3], [1.0, 2.0], (1, 3)), "must lie in"),
        (lambda: tx.sparse_csr_tensor([0, 3], [0, 1], [1.0, 2.0], (1, 3)), "ascend from 0"),
        (lambda: tx.sparse_csr_tensor([0, 2, 1, 2], [0, 1], [1.0, 2.0], (3, 3)), "ascend from 0"),
        (lambda: tx.sparse_csr_tensor([0, 2], [1, 0], [1.0, 2.0], (1, 3)), "within each row"),
        (lambda: tx.sparse_csr_tensor([0, 2], [1, 2], [1.0, 2.0], (2, 3)), "does not fit"),
        (lambda: tx.zeros(2).to_sparse_csr(), "expected a matrix"),
        (lambda: tx.zeros(2).to_sparse(2), "sparse_dim must lie in"),
    ],
)
def test_construction_is_checked(make, message):
    with pytest.raises(RuntimeError, match=message):
        make()


def test_csr():
    s = coo().to_sparse_csr()
    assert s.layout is tx.sparse_csr and s.is_sparse_csr and not s.is_sparse and isinstance(s, tx.Tensor)
    assert s.crow_indices().tolist() == [0, 2, 3, 4] and s.col_indices().tolist() == [1, 3, 2, 0]
    assert s.values().tolist() == [1.0, 4.0, 3.0, -1.5]
    same(s, DENSE)
    again = tx.sparse_csr_tensor(s.crow_indices(), s.col_indices(), s.values(), (3, 4))
    same(again @ dense(4, 2), DENSE @ to_numpy(dense(4, 2)))
    same(s.to_sparse(), DENSE)
    assert (s * 2).layout is tx.sparse_csr and (-s).layout is tx.sparse_csr and (s + s).layout is tx.sparse_csr
    assert s.to_sparse(layout=tx.sparse_csr) is s and coo().to_sparse(layout=tx.sparse_csr).layout is tx.sparse_csr
    with pytest.raises(RuntimeError, match="crow_indices"):
        s.indices()


# ---- what is computed with them: a sparse tensor, its dense form, and dense operands

D34, D4, D43 = dense(3, 4, seed=1), dense(4, seed=2), dense(4, 3, seed=3)

FORMS = {
    "to_dense": lambda s: s,
    "s @ D": lambda s: s @ D43,
    "s @ v": lambda s: s @ D4,
    "D @ s": lambda s: D43 @ s,
    "v @ s": lambda s: D4[:3] @ s,
    "s @ s": lambda s: s @ s.t(),
    "s.mm": lambda s: s.mm(D43),
    "s.mv": lambda s: s.mv(D4),
    "s + s": lambda s: s + s,
    "s + s, alpha": lambda s: s.add(s * 2, alpha=3),
    "s - s": lambda s: s - s * 3,
    "D + s": lambda s: D34 + s,
    "s + D": lambda s: s + D34,
    "D - s": lambda s: D34 - s,
    "s - D": lambda s: s - D34,
    "s / D": lambda s: s / (D34 + 5),
    "s * 2": lambda s: s * 2,
    "2 * s": lambda s: 2 * s,
    "s * tensor": lambda s: s * tx.tensor(2.0),
    "s / 2": lambda s: s / 2,
    "s * D": lambda s: s * D34,
    "D * s": lambda s: D34 * s,
    "s * row": lambda s: s * D4,
    "s * s": lambda s: s * (s + s),
    "-s": lambda s: -s,
    "s.t()": lambda s: s.t(),
    "s.T": lambda s: s.T,
    "s.transpose": lambda s: s.transpose(0, -1),
    "sum()": lambda s: s.sum(),
    "sum(0)": lambda s: s.sum(0),
    "sum(-1)": lambda s: s.sum(-1),
    "sum((0, 1))": lambda s: s.sum((0, 1)),
    "sum(1, keepdim)": lambda s: s.sum(1, keepdim=True),
    "square": lambda s: s.square(),
    "abs": lambda s: s.abs(),
    "tanh": lambda s: s.tanh(),
    "relu": lambda s: s.relu(),
}


@pytest.mark.parametrize(
    "make", [coo, lambda: coo().coalesce(), lambda: coo().to_sparse_csr()], ids=["coo", "coalesced", "csr"]
)
@pytest.mark.parametrize("form", FORMS)
def test_like_dense(form, make):
    same(FORMS[form](make()), FORMS[form](tx.tensor(DENSE)))


@pytest.mark.parametrize("form", FORMS)
def test_gradients(form):
    values = tx.tensor(VALUES, dtype=tx.float64, requires_grad=True)

    def function(v):
        result = FORMS[form](tx.sparse_coo_tensor(INDEX, v, (3, 4)))
        return result.to_dense() if type(result) is not tx.Tensor else result

    assert gradcheck(function, (values,))


def test_second_order_and_gradients_of_the_dense_side():
    values = tx.tensor(VALUES, dtype=tx.float64, requires_grad=True)
    other = D43.clone().requires_grad_()

    def function(v, d):
        s = tx.sparse_coo_tensor(INDEX, v, (3, 4))
        return (s @ d).tanh() + (d.t() * s).to_dense().sum()

    assert gradcheck(function, (values, other))
    assert gradgradcheck(function, (values, other))


def test_leaf_has_a_sparse_gradient():
    s = coo(requires_grad=True)
    assert s.requires_grad and s.is_leaf
    (s @ D43).sum().backward()
    assert type(s.grad) is tx.sparse.SparseTensor and s.grad._indices().tolist() == INDEX
    np.testing.assert_allclose(to_numpy(s.grad._values()), to_numpy(D43.sum(1))[INDEX[1]])
    s.grad = None
    assert s.grad is None and not s.detach().requires_grad
    assert (s * 2).grad_fn is not None


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_counts_what_is_stored(name, dim):
    s = coo().coalesce()
    x = np.where(DENSE == 0, -np.inf, DENSE)
    with np.errstate(all="ignore"):
        powers = np.exp(x - x.max(dim, keepdims=True))
        expected = powers / powers.sum(dim, keepdims=True)
        expected = expected if name == "softmax" else np.log(expected)
    ours = getattr(tx.sparse, name)(coo(), dim)
    np.testing.assert_allclose(to_numpy(ours.values()), expected[tuple(s.indices().tolist())], atol=1e-12)
    values = tx.tensor(VALUES, dtype=tx.float64, requires_grad=True)
    assert gradcheck(
        lambda v: getattr(tx.sparse, name)(tx.sparse_coo_tensor(INDEX, v, (3, 4)), dim).values(), (values,)
    )


def test_functions_of_the_module():
    same(tx.sparse.mm(coo(), D43), DENSE @ to_numpy(D43))
    same(
        tx.sparse.addmm(dense(3, 3), coo(), D43, beta=0.5, alpha=2.0),
        0.5 * to_numpy(dense(3, 3)) + 2 * DENSE @ to_numpy(D43),
    )
    assert tx.sparse.sum(coo()).item() == DENSE.sum()
    same(tx.sparse.sum(coo(), 1), DENSE.sum(1))
    assert tx.sparse.sum(coo(tx.float32), dtype=tx.float64).dtype is tx.float64
    with pytest.raises(RuntimeError, match="expected a sparse tensor"):
        tx.sparse.mm(D43, D43)


def test_ops_take_them():
    """Functions of the package ask the class of an argument that is no dense tensor."""
    s = coo()
    for function in (tx.mm, tx.matmul):
        same(function(s, D43), DENSE @ to_numpy(D43))
        same(function(D43, s), to_numpy(D43) @ DENSE)
    same(tx.add(D34, s, alpha=2), to_numpy(D34) + 2 * DENSE)
    same(tx.mul(s, 3), 3 * DENSE)
    same(tx.div(s, 2), DENSE / 2)
    same(tx.neg(s), -DENSE)
    same(tx.sum(s, 0), DENSE.sum(0))
    same(tx.t(s), DENSE.T)
    same(tx.addmm(dense(3, 3), s, D43), to_numpy(dense(3, 3)) + DENSE @ to_numpy(D43))
    d = D43.clone().requires_grad_()
    tx.mm(s, d).sum().backward()
    np.testing.assert_allclose(to_numpy(d.grad), np.broadcast_to(DENSE.sum(0)[:, None], (4, 3)))
    with pytest.raises(TypeError, match=r"exp\(\) is not defined for sparse tensors: call to_dense"):
        tx.exp(s)
    with pytest.raises(TypeError, match="must be Tensor"):
        tx.mm(object(), D43)


@pytest.mark.parametrize(
    ("use", "error"),
    [
        (lambda s: s + 1, TypeError),
        (lambda s: 1 / s, TypeError),
        (lambda s: s.exp(), AttributeError),
        (lambda s: s @ tx.ones(3, 3, dtype=tx.float64), RuntimeError),
        (lambda s: s @ tx.ones(4, 3), RuntimeError),
        (lambda s: s + tx.ones(3, 4, dtype=tx.float64).to_sparse(1), RuntimeError),
        (lambda s: D43 + s, RuntimeError),
        (lambda s: s.sum(2), IndexError),
        (lambda s: s.transpose(0, 2), IndexError),
        (lambda s: bool(s), RuntimeError),
    ],
)
def test_refusals(use, error):
    with pytest.raises(error):
        use(coo())


# ---- as objects


@pytest.mark.parametrize("make", [coo, lambda: coo().to_sparse_csr()], ids=["coo", "csr"])
@pytest.mark.parametrize(
    "duplicate", [lambda s: pickle.loads(pickle.dumps(s)), copy.copy, copy.deepcopy, lambda s: s.clone()]
)
def test_copies(make, duplicate):
    s = make()
    made = duplicate(s)
    assert type(made) is type(s) and made.shape == s.shape and made._nnz() == s._nnz()
    assert made.is_coalesced() == s.is_coalesced() and made.layout is s.layout
    same(made, DENSE)


def test_layouts_pickle_to_themselves():
    for each in (tx.strided, tx.sparse_coo, tx.sparse_csr):
        assert pickle.loads(pickle.dumps(each)) is each and copy.deepcopy(each) is each


def test_conversion():
    s = coo()
    assert s.to(tx.float32).dtype is tx.float32 and s.float().dtype is tx.float32 and s.double() is not None
    assert s.to(tx.float64) is s and s.cpu().device.type == "cpu"
    assert s.to_sparse_csr().to(tx.float32).dtype is tx.float32
    same(tx.ones(3, 4, dtype=tx.float64).sparse_mask(s), (DENSE != 0).astype(float))


def test_printing():
    assert repr(coo(tx.float32).coalesce()) == (
        "tensor(indices=tensor([[0, 0, 1, 2],\n"
        "                       [1, 3, 2, 0]]),\n"
        "       values=tensor([ 1.0000,  4.0000,  3.0000, -1.5000]),\n"
        "       size=(3, 4), nnz=4, layout=tensorx.sparse_coo)"
    )
    text = repr(coo(requires_grad=True).to_sparse_csr())
    assert "crow_indices=tensor([0, 2, 3, 4])" in text and "dtype=tensorx.float64, layout=tensorx.sparse_csr" in text
    assert "requires_grad=True" in repr(coo(requires_grad=True)) and "grad_fn=<" in text


def test_a_module_keeps_one_as_a_buffer():
    module = tx.nn.Module()
    module.register_buffer("adjacency", coo())
    module.double()
    same(module.adjacency, DENSE)
    assert "adjacency" in module.state_dict()
