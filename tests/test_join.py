"""Joining, splitting, repeating and rearranging, against PyTorch where it is installed."""

import random

import pytest

import tensorx as tx

torch = pytest.importorskip("torch")

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"]


def pair(shape, dtype="float32", seed=0):
    """The same values as a tensorx and a torch tensor."""
    g = torch.Generator().manual_seed(seed)
    t = torch.randint(0, 2 if dtype == "bool" else 100, tuple(shape), generator=g).to(getattr(torch, dtype))
    return tx.tensor(t.tolist(), dtype=getattr(tx, dtype)).reshape(tuple(shape)), t


def same(x, t):
    if isinstance(t, (tuple, list)):
        assert len(x) == len(t)
        for a, b in zip(x, t, strict=True):
            same(a, b)
        return
    assert tuple(x.shape) == tuple(t.shape)
    assert str(x.dtype).split(".")[1] == str(t.dtype).split(".")[1]
    assert x.tolist() == t.tolist()


def both(f, *tensors):
    """f(module, tensors...) gives the same with tensorx and with torch."""
    same(f(tx, *[a for a, _ in tensors]), f(torch, *[b for _, b in tensors]))


def gradients_match(f, *tensors):
    xs = [a.detach().requires_grad_() for a, _ in tensors]
    ts = [b.detach().requires_grad_() for _, b in tensors]
    for module, leaves in ((tx, xs), (torch, ts)):
        y = f(module, *leaves)
        y = y if isinstance(y, (tuple, list)) else (y,)
        module.autograd.backward(y, [p.detach() * (i + 1) for i, p in enumerate(y)])
    for x, t in zip(xs, ts, strict=True):
        same(x.grad, t.grad)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_cat_dtypes(dtype, dim):
    shapes = {0: [(2, 3), (1, 3), (0, 3)], 1: [(2, 3), (2, 1), (2, 4)], -1: [(2, 3), (2, 1), (2, 0)]}[dim]
    both(lambda m, *xs: m.cat(xs, dim), *[pair(s, dtype, i) for i, s in enumerate(shapes)])


def test_cat_promotes():
    both(lambda m, a, b, c: m.cat([a, b, c], 0), pair((2,), "int32"), pair((3,), "float16"), pair((1,), "bool"))


def test_cat_many_and_large():
    both(lambda m, *xs: m.cat(xs, 0), *[pair((3, 2), seed=i) for i in range(40)])
    both(lambda m, a, b: m.cat([a, b], 1), pair((300, 500)), pair((300, 7)))
    both(lambda m, a, b: m.cat([a, b], 0), pair((300, 500)), pair((7, 500)))
    both(lambda m, a, b: m.cat([a, b], 1), pair((2, 40000)), pair((2, 50001)))
    both(lambda m, a, b: m.stack([a, b], -1), pair((70000,)), pair((70000,)))


def test_cat_strided_and_empty():
    both(lambda m, a, b: m.cat([a.t(), b], 1), pair((3, 2)), pair((2, 3)))
    both(lambda m, a, b: m.cat([a, b], 1), pair((0,)), pair((2, 3)))
    both(lambda m, a, b: m.cat([b, a], -1), pair((0,)), pair((2, 3)))
    both(lambda m, a: m.cat([a, a], 0), pair((0,)))
    both(lambda m, a, b: m.cat([a[:, ::2], b.expand(2, 3)], 1), pair((2, 4)), pair((1, 3)))


def test_cat_out():
    a, b = tx.tensor([1.0, 2.0]), tx.tensor([3.0])
    out = tx.zeros(3)
    assert tx.cat([a, b], out=out) is out and out.tolist() == [1, 2, 3]
    shared = tx.tensor([1.0, 2.0, 3.0, 4.0])
    tx.cat([shared[2:], shared[:2]], out=shared)
    assert shared.tolist() == [3, 4, 1, 2]
    wide = tx.zeros(3, dtype=tx.float64)
    assert tx.cat([a, b], out=wide).dtype is tx.float64
    with pytest.raises(RuntimeError, match="cat"):
        tx.cat([a, b], out=tx.zeros(3, dtype=tx.int64))


def test_cat_errors():
    a = tx.zeros(2, 3)
    with pytest.raises(ValueError, match="non-empty"):
        tx.cat([])
    with pytest.raises(RuntimeError, match="Expected size 3 but got size 4"):
        tx.cat([a, tx.zeros(2, 4)])
    with pytest.raises(RuntimeError, match="same number of dimensions"):
        tx.cat([a, tx.zeros(2)])
    with pytest.raises(RuntimeError, match="zero-dimensional"):
        tx.cat([tx.tensor(1.0)])
    with pytest.raises(IndexError, match="Dimension out of range"):
        tx.cat([a], 2)
    with pytest.raises(TypeError, match="element 1 is int"):
        tx.cat([a, 1])
    with pytest.raises(RuntimeError, match="equal size"):
        tx.stack([a, tx.zeros(3, 2)])


@pytest.mark.parametrize("name", ["stack", "hstack", "vstack", "dstack", "column_stack", "row_stack"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 3, 2)])
def test_stacks(name, shape):
    if name == "row_stack" and not hasattr(torch, name):
        return
    both(lambda m, a, b: getattr(m, name)([a, b]), pair(shape, seed=1), pair(shape, seed=2))
    gradients_match(lambda m, a, b: getattr(m, name)([a, b]), pair(shape, seed=1), pair(shape, seed=2))


@pytest.mark.parametrize("dim", [0, 1, 2, -1, -3])
def test_stack_dims(dim):
    both(lambda m, a, b: m.stack([a, b], dim), pair((2, 3)), pair((2, 3), seed=1))
    gradients_match(lambda m, a, b: m.stack([a, b], dim), pair((2, 3)), pair((2, 3), seed=1))


def test_cat_gradients():
    gradients_match(lambda m, a, b: m.cat([a, b, a], -1), pair((2, 3)), pair((2, 1)))
    a, b = tx.tensor([1.0, 2.0], requires_grad=True), tx.tensor([3.0], dtype=tx.float64, requires_grad=True)
    tx.cat([a, tx.tensor([5]), b]).backward(tx.ones(4, dtype=tx.float64))
    assert a.grad.dtype is tx.float32 and b.grad.dtype is tx.float64
    x = tx.tensor([1.0, 2.0], dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradgradcheck(lambda x: tx.cat([x * x, x]) ** 2, (x,))


@pytest.mark.parametrize("shape", [(12,), (4, 6), (2, 4, 6)])
def test_splits(shape):
    for cut in (1, 2, 3, 5, [1, 3], [2, 2, 5], [-1], [100], []):
        both(lambda m, a, c=cut: m.tensor_split(a, c), pair(shape))
        both(lambda m, a, c=cut: m.tensor_split(a, c, -1), pair(shape))
    for name, least in (("hsplit", 1), ("vsplit", 2), ("dsplit", 3)):
        if len(shape) >= least:
            both(lambda m, a, n=name: getattr(m, n)(a, 2), pair(shape))
            both(lambda m, a, n=name: getattr(m, n)(a, [1, 2]), pair(shape))
    with pytest.raises(RuntimeError, match="larger than 0"):
        tx.tensor_split(tx.zeros(shape), 0)
    with pytest.raises(RuntimeError, match="not divisible"):
        tx.hsplit(tx.zeros(shape), 5)


def test_repeat_and_tile():
    for repeats in [(2,), (1,), (3, 2), (2, 1, 3), (0, 2), (1, 1)]:
        if len(repeats) >= 1:
            both(lambda m, a, r=repeats: a.repeat(*r), pair((3,)))
            gradients_match(lambda m, a, r=repeats: a.repeat(r), pair((3,)))
        both(lambda m, a, r=repeats: m.tile(a, r), pair((2, 3)))
        both(lambda m, a, r=repeats: m.tile(a.t(), r), pair((2, 3), "int16"))
    gradients_match(lambda m, a: a.repeat(2, 1, 3), pair((2, 3)))
    both(lambda m, a: a.repeat(2, 3), pair(()))
    with pytest.raises(RuntimeError, match="smaller"):
        tx.zeros(2, 2).repeat(2)
    with pytest.raises(RuntimeError, match="negative"):
        tx.zeros(2).repeat(-1)


@pytest.mark.parametrize("dims", [(0,), (1,), (0, 2), (-1,), (0, 1, 2), ()])
def test_flip(dims):
    for dtype in DTYPES:
        both(lambda m, a: m.flip(a, dims), pair((2, 3, 4), dtype))
    both(lambda m, a: m.flip(a.permute(2, 0, 1), dims), pair((2, 3, 4)))
    both(lambda m, a: a.flip(dims), pair((2, 0, 4)))
    gradients_match(lambda m, a: m.flip(a, dims), pair((2, 3, 4)))


def test_flip_errors_and_forms():
    both(lambda m, a: (m.fliplr(a), m.flipud(a), a.flip(0), a.flip(0, 1)), pair((2, 3)))
    with pytest.raises(RuntimeError, match="multiple times"):
        tx.zeros(2, 2).flip(0, -2)
    with pytest.raises(IndexError):
        tx.zeros(2).flip(1)


def test_roll_and_rot90():
    for shifts, dims in [(1, None), (-2, None), (5, 0), ((1, -1), (0, 1)), ((2, 3), (1, 1)), (0, 0)]:
        both(lambda m, a, s=shifts, d=dims: m.roll(a, s, d), pair((3, 4)))
        gradients_match(lambda m, a, s=shifts, d=dims: m.roll(a, s, d), pair((3, 4)))
    for k in range(-2, 6):
        both(lambda m, a, k=k: m.rot90(a, k), pair((3, 4)))
        both(lambda m, a, k=k: m.rot90(a, k, (2, 0)), pair((3, 4, 2)))
    with pytest.raises(RuntimeError, match="align"):
        tx.roll(tx.zeros(2), (1, 2), (0,))


def test_grids():
    a, b, c = pair((2,)), pair((3,), seed=1), pair((), seed=2)
    for indexing in ("ij", "xy"):
        both(lambda m, *xs: m.meshgrid(*xs, indexing=indexing), a, b, c)
        both(lambda m, *xs: m.meshgrid(xs, indexing=indexing), b)
    both(lambda m, *xs: m.broadcast_tensors(*xs), pair((2, 1)), pair((3,)), pair(()))
    both(lambda m, *xs: m.cartesian_prod(*xs), a, b)
    both(lambda m, *xs: m.atleast_1d(*xs), c)
    both(lambda m, *xs: m.atleast_2d(xs), a, c)
    both(lambda m, *xs: m.atleast_3d(*xs), a, c, pair((2, 3)))
    both(lambda m, *xs: m.block_diag(*xs), a, pair((2, 3)), c)
    gradients_match(lambda m, *xs: m.block_diag(*xs), a, pair((2, 3)), c)


def test_random_programs():
    """Sequences of joins and rearrangements, step by step equal to torch's."""
    rng = random.Random(0)
    steps = [
        lambda m, x, r: m.cat([x, x.flip(0)], r % x.ndim),
        lambda m, x, r: m.stack([x, x], r % (x.ndim + 1)) if x.ndim < 4 else x[0],
        lambda m, x, r: m.roll(x, r, r % x.ndim),
        lambda m, x, r: x.transpose(0, r % x.ndim),
        lambda m, x, r: x.narrow(r % x.ndim, 0, (x.shape[r % x.ndim] + 1) // 2),
        lambda m, x, r: m.tensor_split(x, 2, r % x.ndim)[r % 2],
        lambda m, x, r: x.repeat([1] * (x.ndim - 1) + [2]) if x.numel() < 500 else x,
    ]
    for trial in range(60):
        x, t = pair((2, 3), rng.choice(DTYPES), trial)
        for _ in range(6):
            step, r = rng.choice(steps), rng.randrange(5)
            x, t = step(tx, x, r), step(torch, t, r)
            same(x, t)


@pytest.mark.parametrize("parts", [lambda x: x.split(1), lambda x: x.unbind(0), lambda x: x.chunk(200)])
def test_gradient_of_many_parts(parts):
    x = tx.arange(200.0).requires_grad_()
    sum(part.sum() ** 2 for part in parts(x)).backward()
    assert tx.equal(x.grad, 2 * x.detach())
