"""Indices, masks, gather and scatter, against PyTorch where it is installed."""

import random

import numpy
import pytest

import tensorx as tx
from test_join import DTYPES, both, gradients_match, pair, same

torch = pytest.importorskip("torch")
F = torch.nn.functional


def long(values):
    return tx.tensor(values, dtype=tx.int64), torch.tensor(values, dtype=torch.int64)


def random_index(rng, shape):
    """A random index for this shape, as (tensorx index, torch index)."""
    a, b, d = [], [], 0
    broadcast = rng.choice([(3,), (2, 1), (2, 3), (1,), ()])
    while d < len(shape):
        size = shape[d]
        kind = rng.choice(["slice", "int", "none", "long", "long", "list", "mask", "ellipsis", "true"])
        if kind == "slice":
            s = slice(rng.choice([None, 0, 1, -2]), rng.choice([None, size, -1]), rng.choice([None, 1, 2]))
            a.append(s), b.append(s)
        elif kind == "int":
            i = rng.randrange(-size, size)
            a.append(i), b.append(i)
        elif kind == "none":
            a.append(None), b.append(None)
            continue
        elif kind == "true":
            if rng.random() < 0.8:
                continue
            a.append(True), b.append(True)
            continue
        elif kind == "list":
            i = [rng.randrange(-size, size) for _ in range(broadcast[-1] if broadcast else 1)]
            a.append(i), b.append(i)
        elif kind == "long":
            t = torch.randint(-size, size, broadcast)
            a.append(tx.tensor(t.tolist(), dtype=tx.int64).reshape(broadcast)), b.append(t)
        elif kind == "mask":
            n = rng.choice([1, 1, 2]) if d + 1 < len(shape) else 1
            t = torch.rand(shape[d : d + n]) < 0.6
            a.append(tx.tensor(t.tolist())), b.append(t)
            d += n
            continue
        elif kind == "ellipsis":
            if Ellipsis in [x for x in b if x is Ellipsis]:
                continue
            a.append(...), b.append(...)
            break
        d += 1
    return tuple(a), tuple(b)


def test_random_indices():
    """Reading, writing, accumulating and both gradients, for random indices; the same errors too."""
    rng = random.Random(1)
    torch.manual_seed(1)
    agreed = 0
    for trial in range(600):
        shape = tuple(rng.choice([1, 2, 3, 4]) for _ in range(rng.randrange(1, 5)))
        a, b = random_index(rng, shape)
        x, t = pair(shape, "float64", trial)
        if rng.random() < 0.3 and len(shape) > 1:
            x, t = x.transpose(0, -1), t.transpose(0, -1)
        try:
            expected = t[b]
        except IndexError:
            with pytest.raises(IndexError):
                x[a]
            continue
        agreed += 1
        same(x[a], expected)
        x.requires_grad_(), t.requires_grad_()
        values, tvalues = pair(expected.shape, "float64", trial + 1)
        x[a].backward(values)
        try:
            t[b].backward(tvalues)
            same(x.grad, t.grad)
        except IndexError:  # PyTorch fails on some indices with True among them
            assert True in [i for i in b if isinstance(i, bool)]
        y, u = x.detach().clone(), t.detach().clone()
        unique = len(set(torch.arange(t.numel()).reshape(t.shape)[b].reshape(-1).tolist())) == expected.numel()
        if unique:
            y[a], u[b] = values, tvalues
            same(y, u)
            v, w = values.clone().requires_grad_(), tvalues.clone().requires_grad_()
            y, u = x.detach().clone().requires_grad_(), t.detach().clone().requires_grad_()
            z, s = y * 2, u * 2
            z[a], s[b] = v, w
            same(z.detach(), s.detach())
            z.backward(z.detach()), s.backward(s.detach())
            same(y.grad, u.grad), same(v.grad, w.grad)
        y, u = x.detach().clone(), t.detach().clone()
        y[a], u[b] = -1, -1
        same(y, u)
    assert agreed > 200


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(dtype):
    x, t = pair((3, 4), dtype)
    i, j = long([2, 0, -1])
    for a, b in [(i, j), ((slice(None), i), (slice(None), j)), ((i, i), (j, j)), (x != 0, t != 0)]:
        same(x[a], t[b])
        y, u = x.clone(), t.clone()
        y[a], u[b] = 1, 1
        same(y, u)


def test_kinds_of_index():
    x, t = pair((4, 5))
    for i in (
        [0, 2],
        range(3),
        numpy.array([1, -1]),
        numpy.array([[1], [2]], dtype=numpy.int32),
        numpy.array([True, False, True, False]),
        numpy.int64(2),
        numpy.array(1),
        True,
        False,
        [],
        [True, False, False, True],
        (0, [1, 2]),
        ([0, 1], [1, 2]),
    ):
        b = torch.as_tensor(list(i)) if isinstance(i, range) else i
        same(x[i], t[b])
    same(x[tx.tensor(1)], t[torch.tensor(1)])
    same(x[tx.tensor(1), tx.tensor(2)], t[torch.tensor(1), torch.tensor(2)])
    same(x[numpy.bool_(True)], t[True])
    same(x[numpy.arange(10)[::3] % 4], t[torch.arange(10)[::3] % 4])


def test_index_errors():
    x = tx.zeros(2, 3)
    i = tx.tensor
    for index, message in [
        (i([5]), "index 5 is out of bounds for dimension 0 with size 2"),
        (i([-3]), "index -3 is out of bounds"),
        ((slice(None), i([3])), "dimension 1 with size 3"),
        ((i([0]), i([7])), "index 7 is out of bounds for dimension 1"),
        (i([True]), "mask"),
        (i([1.0]), "long, int, byte or bool"),
        (i([1], dtype=tx.int16), "long, int, byte or bool"),
        ((i([0, 1]), i([0, 1, 2])), "broadcast"),
        ((0, 0, i([0])), "too many indices"),
        (1.5, "valid indices"),
        (numpy.array([1.0]), "long, int, byte or bool"),
    ]:
        with pytest.raises(IndexError, match=message):
            x[index]
        with pytest.raises(IndexError, match=message):
            x[index] = 0
    assert x.tolist() == [[0, 0, 0], [0, 0, 0]]
    for bad in ("a", [slice(0, 1)], {}):
        with pytest.raises((IndexError, TypeError, RuntimeError)):
            x[bad]
    with pytest.raises(IndexError):
        tx.zeros(0, 3)[i([0])]
    with pytest.raises(RuntimeError, match="shape mismatch"):
        x[i([0, 1])] = tx.zeros(2)
    with pytest.raises(RuntimeError, match="single memory location"):
        tx.zeros(1).expand(3)[i([0])] = 1.0
    mask = i([255, 2, 0], dtype=tx.uint8).view(tx.bool)  # bytes that are neither 0 nor 1
    assert i([1, 2, 3])[mask].tolist() == [1, 2]


def test_setitem_forms():
    def run(m, x, index):
        x = x.clone()
        x[index] = 5
        x[index] = x[index] * 2
        x[0, index] = 7.5
        x[:, index] = x[:, index].flip(1)
        x[x > 50] = -x[x > 50]
        x[x < 0] = m.zeros(())
        x[[0, 1]] = x[[1, 0]]
        return x

    (x, t), (i, j) = pair((4, 4)), long([1, 3])
    same(run(tx, x, i), run(torch, t, j))
    y = tx.zeros(3)
    y[tx.tensor([0, 2])] = [1, 2]
    y[1] = numpy.float32(4)
    assert y.tolist() == [1, 4, 2]
    z = tx.arange(4) if hasattr(tx, "arange") else tx.tensor([0, 1, 2, 3])
    z[z] = z.flip(0)
    assert z.tolist() == [3, 2, 1, 0]


def test_setitem_gradients():
    def program(m, x, v):
        y = x * 1
        y[0] = v
        y[:, 1] = 2.0
        y[[1, 2], [0, 2]] = v[:2]
        y[y > 90] = 0.0
        w = y[1]
        w[0] = v[0]
        return y

    gradients_match(program, pair((3, 3)), pair((3,), seed=5))
    x = tx.zeros(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf"):
        x[tx.tensor([0])] = 1.0
    y = x * 1
    index = tx.tensor([0, 1])
    z = y[index]
    index[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward(tx.ones(2))


def test_index_put():
    i, j = long([0, 2, 0])
    for accumulate in (False, True):
        both(lambda m, x, v, i: x.index_put((i,), v, accumulate)[1:], pair((3, 2)), pair((3, 2), seed=1), (i, j))
    both(lambda m, x, v, i: x.clone().index_put_((i, i), v, True), pair((3, 3)), pair((3,), seed=1), (i, j))
    gradients_match(lambda m, x, v: x.index_put((i if m is tx else j,), v, True), pair((3, 2)), pair((2,), seed=1))


@pytest.mark.parametrize("dtype", DTYPES)
def test_gather_scatter_dtypes(dtype):
    i, j = long([[0, 1, 2], [2, 0, 0]])
    both(lambda m, x, i: m.gather(x, 0, i), pair((3, 3), dtype), (i, j))
    both(lambda m, x, i: m.gather(x.t(), 1, i), pair((3, 3), dtype), (i, j))
    u, v = long([[2, 0, 1], [0, 1, 2]])
    both(lambda m, x, i, s: m.scatter(x, 1, i, s), pair((2, 3), dtype), (u, v), pair((2, 4), dtype, 1))
    both(lambda m, x, i: m.scatter(x, 1, i, 1), pair((2, 3), dtype), (u, v))
    if dtype != "bool":
        both(lambda m, x, i, s: m.scatter_add(x, 0, i, s), pair((3, 3), dtype), (i, j), pair((2, 3), dtype, 1))
        both(lambda m, x, i, s: m.index_add(x, 0, i, s), pair((3, 3), dtype), long([0, 0, 2]), pair((3, 3), dtype, 1))
    both(lambda m, x, i, s: m.index_copy(x, 1, i, s), pair((3, 3), dtype), long([0, 2]), pair((3, 2), dtype, 1))
    both(lambda m, x, i: m.index_fill(x, 1, i, 1), pair((3, 3), dtype), long([0, -1]))
    both(lambda m, x, i: m.index_select(x, 1, i), pair((3, 3), dtype), long([0, 2, 0]))
    both(lambda m, x, i: m.take(x, i), pair((3, 3), dtype), (i, j))


@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
def test_scatter_reduce(reduce, include_self):
    i, j = long([[0, 1, 1], [2, 2, 0], [2, 1, 1]])
    for dtype in ("int32", "int64", "float64"):
        both(
            lambda m, x, i, s: m.scatter_reduce(x, 0, i, s, reduce, include_self=include_self),
            pair((4, 3), dtype),
            (i, j),
            pair((3, 3), dtype, 3),
        )
    x, s = (
        tx.tensor([[1.0, 2.0, 0.0], [4.0, 0.0, 6.0], [3.0, 5.0, 0.0]], dtype=tx.float64),
        tx.tensor([[1.0, 0.0, 4.0], [2.0, 3.0, 0.0], [2.0, 0.0, 9.0]], dtype=tx.float64),
    )
    if not include_self and reduce != "prod":
        x = x + 0.25  # PyTorch halves the gradient where what is in input ties, although it does not count
    t, u = (torch.tensor(a.tolist(), dtype=torch.float64) for a in (x, s))
    gradients_match(
        lambda m, x, s: m.scatter_reduce(x, 0, i if m is tx else j, s, reduce, include_self=include_self),
        (x, t),
        (s, u),
    )


def test_scatter_forms():
    i, j = long([[0, 1], [1, 0]])
    for reduce in ("add", "multiply"):
        both(lambda m, x, i, s: m.scatter(x, 0, i, s, reduce=reduce), pair((2, 2)), (i, j), pair((2, 2), seed=1))
        both(lambda m, x, i: x.clone().scatter_(0, i, 3, reduce=reduce), pair((2, 2)), (i, j))
    both(lambda m, x, i: x.clone().scatter_(1, i, value=2.5), pair((2, 2)), (i, j))
    both(lambda m, x, i, s: x.clone().scatter_add_(1, i, s), pair((2, 2)), (i, j), pair((2, 2), seed=1))
    both(lambda m, x, i: m.scatter(x, 0, i, m.ones(())), pair((), "float32"), long(0))
    both(lambda m, x, i: m.gather(x, 0, i), pair((5,)), long([]))
    both(lambda m, x, i: m.gather(x, 0, i), pair(()), long(0))


def test_gradients():
    i, j = long([[0, 1, 2], [2, 0, 0]])
    pick = lambda m: i if m is tx else j
    gradients_match(lambda m, x: m.gather(x, 1, pick(m)), pair((2, 3)))
    gradients_match(lambda m, x, s: m.scatter_add(x, 1, pick(m), s), pair((2, 3)), pair((2, 3), seed=1))
    x, s = tx.zeros(2, 3), tx.ones(2, 4, requires_grad=True)
    tx.scatter_add(x, 1, i, s).backward(tx.ones(2, 3))
    assert s.grad.tolist() == [[1, 1, 1, 0]] * 2
    k, l = long([[0, 1, 2], [2, 0, 1]])
    gradients_match(lambda m, x, s: m.scatter(x, 1, k if m is tx else l, s), pair((2, 3)), pair((2, 3), seed=1))
    a, b = long([2, 0])
    vector = lambda m: a if m is tx else b
    gradients_match(lambda m, x: m.index_select(x, 1, vector(m)), pair((2, 3)))
    gradients_match(lambda m, x, s: m.index_add(x, 1, vector(m), s, alpha=3), pair((2, 3)), pair((2, 2), seed=1))
    gradients_match(lambda m, x, s: m.index_copy(x, 1, vector(m), s), pair((2, 3)), pair((2, 2), seed=1))
    gradients_match(lambda m, x: m.index_fill(x, 1, vector(m), 2.0), pair((2, 3)))
    gradients_match(lambda m, x: m.take(x, pick(m)), pair((2, 3)))
    gradients_match(lambda m, x, s: x.put(vector(m), s, accumulate=True), pair((2, 3)), pair((2,)))
    gradients_match(lambda m, x: m.tril(x, 1), pair((3, 3)))
    gradients_match(lambda m, x: m.diag_embed(x, 1), pair((2, 3)))
    gradients_match(lambda m, x: m.masked_fill(x, x > 50, 0.0), pair((3, 3)))
    gradients_match(lambda m, x: m.masked_select(x, x > 50), pair((3, 3)))
    gradients_match(lambda m, x, s: m.masked_scatter(x, x > 50, s), pair((3, 3)), pair((9,), seed=4))
    gradients_match(lambda m, x, s: m.select_scatter(x, s, 0, 1), pair((3, 3)), pair((3,), seed=4))
    gradients_match(lambda m, x, s: m.slice_scatter(x, s, 1, 0, 2), pair((3, 3)), pair((3, 2), seed=4))
    gradients_match(lambda m, x, s: m.diagonal_scatter(x, s, 1), pair((3, 3)), pair((2,), seed=4))


@pytest.mark.parametrize("name", ["getitem", "mask", "gather", "scatter_add", "index_add", "take", "embedding"])
def test_second_order(name):
    i, m = tx.tensor([[0, 1], [1, 1]]), tx.tensor([[True, False, True], [False, True, True]])
    f = {
        "getitem": lambda x: x[:, tx.tensor([0, 2, 0])] ** 2,
        "mask": lambda x: x[m] ** 3,
        "gather": lambda x: tx.gather(x, 0, i) ** 2,
        "scatter_add": lambda x: tx.scatter_add(x, 0, i, x) ** 2,
        "index_add": lambda x: tx.index_add(x * x, 0, tx.tensor([1, 1]), x) ** 2,
        "take": lambda x: tx.take(x, i) ** 2,
        "embedding": lambda x: tx.embedding(i, x) ** 2,
    }[name]
    x = tx.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradcheck(f, (x,))
    assert tx.autograd.gradgradcheck(f, (x,))


def test_checks_before_writing():
    x = tx.zeros(3, 2)
    i = tx.tensor([0, 3])
    for f in (
        lambda: x.index_add_(0, i, tx.ones(2, 2)),
        lambda: x.index_copy_(0, i, tx.ones(2, 2)),
        lambda: x.index_fill_(0, i, 1.0),
        lambda: x.put_(tx.tensor([0, 9]), tx.ones(2)),
    ):
        with pytest.raises(IndexError):
            f()
    for f in (
        lambda: x.scatter_(0, tx.tensor([[0, 3]]), 1.0),
        lambda: x.scatter_add_(0, tx.tensor([[0, -4]]), tx.ones(1, 2)),
        lambda: x.scatter_(0, tx.tensor([[0, 1, 1]]), 1.0),
        lambda: x.scatter_add_(0, tx.tensor([[0, 1]]), tx.ones(1, 1)),
        lambda: tx.gather(x, 0, tx.tensor([[0, 3]])),
        lambda: x.scatter_(0, tx.tensor([[0]]), tx.ones(1, 1, dtype=tx.float64)),
        lambda: x.index_add_(0, tx.tensor([0]), tx.ones(1, 3)),
        lambda: x.put_(tx.tensor([0]), tx.ones(2)),
    ):
        with pytest.raises(RuntimeError):
            f()
    with pytest.raises(IndexError):
        x.index_select(0, tx.tensor([[0]]))
    with pytest.raises(RuntimeError):
        x.index_select(0, tx.tensor([0.0]))
    with pytest.raises(IndexError):
        x.take(tx.tensor([6]))
    assert x.tolist() == [[0, 0]] * 3


def test_masks():
    m, n = (
        tx.tensor([[True, False, True], [False, False, True]]),
        torch.tensor([[True, False, True], [False, False, True]]),
    )
    for dtype in DTYPES:
        both(lambda _, x, m: x.masked_select(m), pair((2, 3), dtype), (m, n))
        both(lambda _, x, m: x.masked_fill(m, 1), pair((2, 3), dtype), (m, n))
        both(lambda _, x, m, s: x.masked_scatter(m, s), pair((2, 3), dtype), (m, n), pair((4,), dtype, 1))
        both(lambda f, x: (f.nonzero(x), f.argwhere(x), x.nonzero(as_tuple=True)), pair((3, 4), dtype))
    both(lambda _, x, m: (x.masked_select(m), x.masked_fill(m, 2.0)), pair((3,)), (m, n))
    both(lambda _, x, m: x.t().clone().masked_fill_(m.t(), 2.0), pair((2, 3)), (m, n))
    both(lambda f, x: (f.nonzero(x), x.nonzero(as_tuple=True)), pair(()))
    both(lambda f, x: (f.nonzero(x), x.nonzero(as_tuple=True)), pair((0, 3)))
    big, other = pair((50000,), "bool")
    both(lambda f, x, m: (x[m], f.nonzero(m)), pair((50000,)), (big, other))
    both(lambda f, x, m: x.clone().masked_scatter_(m, x.flip(0)), pair((50000,)), (big, other))
    with pytest.raises(RuntimeError, match="as many elements"):
        tx.zeros(3).masked_scatter_(tx.tensor([True, True, True]), tx.zeros(2))
    with pytest.raises(RuntimeError, match="bool"):
        tx.zeros(3).masked_fill(tx.tensor([1, 0, 1]), 1.0)


def test_triangles_and_diagonals():
    for k in (-5, -1, 0, 1, 2, 7):
        for shape in ((3, 4), (2, 4, 3), (0, 3)):
            both(lambda m, x, k=k: (m.tril(x, k), m.triu(x, k), m.triu(x.transpose(-1, -2), k)), pair(shape))
        both(lambda m, x, k=k: x.clone().t().tril_(k), pair((3, 4)))
        both(lambda m, k=k: (m.tril_indices(3, 4, k), m.triu_indices(4, 3, k)))
        if abs(k) < 3:
            both(lambda m, x, k=k: (m.diag(x, k), m.diagflat(x, k), m.diag_embed(x, k)), pair((3,)))
            both(lambda m, x, k=k: (m.diag(x, k), m.diag_embed(x, k, 0, 2)), pair((3, 4)))
    with pytest.raises(RuntimeError, match="at least 2"):
        tx.zeros(3).tril()


def test_embedding_and_counts():
    (w, v), (i, j) = pair((6, 4)), long([[0, 2, 2], [5, 2, 0]])
    same(tx.embedding(i, w), F.embedding(j, v))
    for options in ({}, {"padding_idx": 2}, {"padding_idx": -1}, {"scale_grad_by_freq": True}):
        x, t = w.detach().requires_grad_(), v.detach().requires_grad_()
        g, h = pair((2, 3, 4), seed=3)
        tx.embedding(i, x, **options).backward(g)
        F.embedding(j, t, **options).backward(h)
        numpy.testing.assert_allclose(x.grad.tolist(), t.grad.tolist(), rtol=1e-6)
    with pytest.raises(IndexError, match="6"):
        tx.embedding(tx.tensor([6]), w)
    with pytest.raises(IndexError):
        tx.embedding(tx.tensor([-1]), w)
    from tensorx.ops.index import one_hot

    same(one_hot(i), F.one_hot(j))
    same(one_hot(i, 8), F.one_hot(j, 8))
    with pytest.raises(RuntimeError, match="smaller than num_classes"):
        one_hot(i, 3)
    both(lambda m, i: (m.bincount(i), m.bincount(i, minlength=9)), long([1, 4, 1, 0]))
    both(lambda m, i, w: m.bincount(i, w), long([1, 4, 1, 0]), pair((4,), "float64"))
    both(lambda m, x, i: m.take_along_dim(x, i, 1), pair((3, 4)), long([[0, 3]]))
    both(lambda m, x, i: m.take_along_dim(x, i), pair((3, 4)), long([[0, 3]]))


def test_any_number_of_threads():
    """Sums that collide have the same bits for any number of threads."""
    g = torch.Generator().manual_seed(0)
    values = tx.tensor(torch.randn(3000, 64, generator=g).tolist())
    index = tx.tensor(torch.randint(0, 50, (3000,), generator=g).tolist())
    results = []
    before = tx._C.get_num_threads()
    try:
        for n in (1, 2, 5):
            tx._C.set_num_threads(n)
            x = tx.zeros(50, 64)
            flat = tx.zeros(50).index_add(0, index, values[:, 0])
            results.append(
                (x.index_add(0, index, values).tolist(), x.index_put((index,), values, True).tolist(), flat.tolist())
            )
    finally:
        tx._C.set_num_threads(before)
    assert results[0] == results[1] == results[2]


def test_large():
    """Sizes at which threads share the work."""
    x, t = pair((70000,), "int64")
    i, j = long(torch.randint(-70000, 70000, (100000,)).tolist())
    same(x[i], t[j])
    same(tx.gather(x, 0, i % 70000), torch.gather(t, 0, j % 70000))
    y, u = pair((300, 400))
    rows, trows = long(torch.randint(0, 300, (500,)).tolist())
    same(y[rows], u[trows])
    same(y.t()[:, rows], u.t()[:, trows])
    same(y.index_add(0, rows, y[rows]), u.index_add(0, trows, u[trows]))
    same(y.t().contiguous().index_add(1, rows, y[rows].t()), u.t().contiguous().index_add(1, trows, u[trows].t()))


@pytest.mark.parametrize("shape", [(20000,), (300, 70), (40, 3, 50), (7000, 2)])
def test_nonzero_of_many(shape):
    x = numpy.random.default_rng(3).integers(0, 3, shape)
    numpy.testing.assert_array_equal(tx.from_numpy(x).nonzero().numpy(), numpy.argwhere(x))


@pytest.mark.parametrize("dtype", ["int8", "int16", "float32", "float64"])
def test_gather_with_plain_and_with_negative_indices(dtype):
    rng = numpy.random.default_rng(4)
    x = rng.integers(-100, 100, (90, 110)).astype(dtype)
    for low in (0, -110):
        index = rng.integers(low, 110, (90, 130))
        expected = numpy.take_along_axis(x, index, 1)
        numpy.testing.assert_array_equal(tx.from_numpy(x).gather(1, tx.from_numpy(index)).numpy(), expected)
        numpy.testing.assert_array_equal(
            tx.from_numpy(x.T.copy()).gather(0, tx.from_numpy(index.T.copy())).numpy(), expected.T
        )
    index[80, 7] = 110
    with pytest.raises(RuntimeError, match="110"):
        tx.from_numpy(x).gather(1, tx.from_numpy(index))
