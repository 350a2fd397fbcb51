"""einsum: every form of expression against NumPy, gradients, the order of contraction, errors."""

import itertools

import numpy as np
import pytest

import tensorx as tx
from tensorx.autograd import gradcheck, gradgradcheck
from tensorx.ops.einsum import _order

DEVICES = ["cpu", "cuda"] if tx.cuda.is_available() else ["cpu"]
COMPLEX = hasattr(tx, "complex64")

# (equation, shapes). Each is also called without spaces or arrows where NumPy allows, on both devices, with gradients.
EXPRESSIONS = [
    ("i->i", [(3,)]),
    ("i->", [(3,)]),
    ("ij->ji", [(2, 3)]),
    ("ij->j", [(2, 3)]),
    ("ii", [(3, 3)]),
    ("ii->i", [(3, 3)]),
    ("iii->i", [(2, 2, 2)]),
    ("iij->j", [(2, 2, 3)]),
    ("ijij->ji", [(2, 3, 2, 3)]),
    ("ba", [(2, 3)]),
    ("bA", [(2, 3)]),
    ("...ij->...ji", [(2, 3, 4)]),
    ("i...->...", [(2, 3, 4)]),
    ("i...i->...i", [(2, 3, 2)]),
    ("...", [(2, 3)]),
    ("", [()]),
    (" i j , j k -> i k ", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("i,i", [(3,), (3,)]),
    ("i,i->i", [(3,), (3,)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,j->ji", [(2,), (3,)]),
    ("i,j->", [(2,), (3,)]),
    ("ij,j->i", [(2, 3), (3,)]),
    ("ij,kj->ik", [(2, 3), (4, 3)]),
    ("ij,ij->", [(2, 3), (2, 3)]),
    ("ij,ij->j", [(2, 3), (2, 3)]),
    ("ij,->ij", [(2, 3), ()]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    ("bij,bjk->ik", [(2, 3, 4), (2, 4, 2)]),
    ("bij,bkj->kib", [(2, 3, 4), (2, 2, 4)]),
    ("bqhd,bkhd->bhqk", [(2, 3, 2, 4), (2, 5, 2, 4)]),
    ("bhqk,bkhd->bqhd", [(2, 2, 3, 5), (2, 5, 2, 4)]),
    ("abc,cbd->ad", [(2, 3, 2), (2, 3, 4)]),
    ("ijk,ilm,njm->nl", [(2, 3, 1), (2, 2, 2), (4, 3, 2)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
    ("...ij,jk->...ik", [(2, 3, 4), (4, 2)]),
    ("i...,...i->...", [(2, 3, 1), (4, 2)]),
    ("...,...", [(2, 1), (3,)]),
    ("ii,ij->j", [(3, 3), (3, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
    ("ij,jk,kl,lm->im", [(2, 3), (3, 4), (4, 2), (2, 3)]),
    ("i,j,k->ijk", [(2,), (3,), (2,)]),
    ("i,i,i->", [(3,), (3,), (3,)]),
    ("ij,ik,il->jkl", [(2, 3), (2, 2), (2, 2)]),
    ("bn,anm,bm->ba", [(2, 3), (4, 3, 2), (2, 2)]),
    ("a,ab,bc,cd,de,ef,fg,g->", [(2,), (2, 3), (3, 2), (2, 3), (3, 2), (2, 3), (3, 2), (2,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    ("ij,jk->", [(2, 0), (0, 3)]),
    ("xyz,zy->x", [(2, 3, 4), (4, 3)]),
]


def values(shapes, dtype="float64"):
    random = np.random.default_rng(0)
    made = [random.standard_normal(s) for s in shapes]
    return [
        (m + 1j * random.standard_normal(m.shape) if dtype.startswith("complex") else m).astype(dtype) for m in made
    ]


def reference(equation, arrays):
    return np.einsum(equation.replace(" ", ""), *arrays)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("equation", "shapes"), EXPRESSIONS)
def test_values(equation, shapes, device):
    arrays = values(shapes)
    made = tx.einsum(equation, *[tx.tensor(a).to(device) for a in arrays])
    assert made.device.type == device
    np.testing.assert_allclose(made.cpu().numpy(), reference(equation, arrays), 1e-12, 1e-12)


@pytest.mark.parametrize(("equation", "shapes"), [e for e in EXPRESSIONS if all(0 not in s for s in e[1])])
def test_gradients(equation, shapes):
    inputs = [tx.tensor(a, requires_grad=True) for a in values(shapes)]
    assert gradcheck(lambda *x: tx.einsum(equation, *x), inputs)
    if len(shapes) < 4:
        assert gradgradcheck(lambda *x: tx.einsum(equation, *x), inputs)


@pytest.mark.skipif(not COMPLEX, reason="needs complex dtypes")
@pytest.mark.parametrize(("equation", "shapes"), EXPRESSIONS[::3])
def test_complex(equation, shapes):
    arrays = values(shapes, "complex128")
    made = tx.einsum(equation, *[tx.tensor(a) for a in arrays])
    np.testing.assert_allclose(made.numpy(), reference(equation, arrays), 1e-12, 1e-12)


@pytest.mark.parametrize("equation", ["ij,jk->ik", "ij,kj->ik", "ij,ij->ij", "ij,ij->i", "i,j->ij", "ij,jk->k"])
def test_layouts_and_dtypes(equation):
    """The same values for transposed operands, and the dtype of the operands."""
    for dtype in ("float32", "float16", "bfloat16", "int64", "int32"):
        x, y = tx.randint(-4, 5, (3, 3)).to(getattr(tx, dtype)), tx.randint(-4, 5, (3, 3)).to(getattr(tx, dtype))
        rank = [len(t) for t in equation.partition("->")[0].split(",")]
        operands = [a if r == 2 else a[0] for a, r in zip((x, y), rank, strict=False)]
        turned = [a.mT.contiguous().mT if a.ndim == 2 else a for a in operands]
        made = tx.einsum(equation, *turned)
        assert made.dtype is x.dtype
        assert made.tolist() == tx.einsum(equation, *operands).tolist()
        assert made.tolist() == np.einsum(equation, *[a.to(tx.int64).numpy() for a in operands]).tolist()


def test_sizes_of_one_broadcast():
    """As in PyTorch, a letter's dimension of size 1 stands for any size: also where it is summed over."""
    x, y = tx.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), tx.tensor([[10.0], [100.0]])
    assert tx.einsum("ij,ij->ij", x, y).tolist() == (x * y).tolist()
    assert tx.einsum("ij,ij->i", x, y).tolist() == (x * y).sum(1).tolist()
    assert tx.einsum("ij,jk->ik", y, x[:1].mT @ y.mT).tolist() == (y.expand(2, 3) @ (x[:1].mT @ y.mT)).tolist()
    assert tx.einsum("ij,ij->ij", x[:, :1], y).shape == (2, 1)


def test_forms_of_calls():
    x, y = tx.randn(2, 3), tx.randn(3, 4)
    expected = tx.einsum("ij,jk->ik", x, y).tolist()
    assert tx.einsum("ij,jk->ik", [x, y]).tolist() == expected
    assert tx.einsum("ij,jk->ik", (x, y)).tolist() == expected
    assert tx.einsum(x, [0, 1], y, [1, 2], [0, 2]).tolist() == expected
    assert tx.einsum(x, [0, 1], y, [1, 2]).tolist() == expected
    assert tx.einsum(x, [51, 1], y, [1, 2], [2, 51]).mT.tolist() == expected
    assert tx.einsum(x, [..., 1], y, [1, 2], [..., 2]).tolist() == expected
    assert tx.einsum(x, [0, 1], [1, 0]).tolist() == x.mT.tolist()


def cost(tree, labels, result, sizes):
    """(multiplications, labels kept) of a tree, written apart from the code under test."""
    if isinstance(tree, int):
        return 0, labels[tree]

    def leaves(t):
        return {t} if isinstance(t, int) else leaves(t[0]) | leaves(t[1])

    (a, own), (b, other) = (cost(t, labels, result, sizes) for t in tree)
    outside = set(result).union(*(labels[i] for i in set(range(len(labels))) - leaves(tree)))
    return a + b + int(np.prod([sizes[x] for x in own | other])), (own | other) & outside


def trees(items):
    """Every way to multiply the items in pairs."""
    if len(items) == 1:
        yield items[0]
        return
    first, rest = items[0], items[1:]
    for count in range(len(rest)):
        for chosen in itertools.combinations(rest, count):
            other = [x for x in rest if x not in chosen]
            for left in trees([first, *chosen]):
                for right in trees(other):
                    yield left, right


@pytest.mark.parametrize("seed", range(5))
def test_order_is_the_cheapest(seed):
    random = np.random.default_rng(seed)
    names = "abcdef"
    sizes = {n: int(random.integers(1, 9)) for n in names}
    labels = [set(random.choice(list(names), int(random.integers(1, 4)), replace=False)) for _ in range(5)]
    result = [n for n in sorted(set().union(*labels)) if random.random() < 0.3]
    best = min(cost(t, labels, result, sizes)[0] for t in trees(list(range(5))))
    assert cost(_order(labels, result, sizes), labels, result, sizes)[0] == best


def test_order_of_many_operands():
    """A chain whose naive order is a million times dearer is put into a good one, in time that does not explode."""
    n = 14
    labels = [{chr(97 + i), chr(98 + i)} for i in range(n)]
    sizes = {chr(97 + i): 1 if i == n else 30 for i in range(n + 1)}
    tree = _order(labels, ["a", chr(97 + n)], sizes)
    assert cost(tree, labels, ["a", chr(97 + n)], sizes)[0] == (n - 1) * 30 * 30


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: tx.einsum("ij,jk", x, x), RuntimeError, "subscript j has size 2 for operand 1 .* seen size 3"),
        (lambda x: tx.einsum("ij->k", x), RuntimeError, "output subscript k does not appear"),
        (lambda x: tx.einsum("i", x), RuntimeError, r"\(1\) does not match the number of dimensions \(2\) for operand 0"),
        (lambda x: tx.einsum("ijk...", x), RuntimeError, r"\(3\) is more than the number of dimensions \(2\)"),
        (lambda x: tx.einsum("ij,kl", x), RuntimeError, "fewer operands"),
        (lambda x: tx.einsum("ij", x, x), RuntimeError, "more operands"),
        (lambda x: tx.einsum("i1", x), RuntimeError, "invalid subscript '1'.*operand 0"),
        (lambda x: tx.einsum("ij->ii", x), RuntimeError, "more than once in the output"),
        (lambda x: tx.einsum("ii->i", x), RuntimeError, "i is repeated for operand 0"),
        (lambda x: tx.einsum("i.j", x), RuntimeError, "not part of any ellipsis"),
        (lambda x: tx.einsum("...i...", x), RuntimeError, "second ellipsis"),
        (lambda x: tx.einsum("ij->i->j", x), RuntimeError, "invalid subscript '-'"),
        (lambda x: tx.einsum("ij"), ValueError, "at least one operand"),
        (lambda x: tx.einsum("ij,ij", x, 3), TypeError, "operand 1 must be a Tensor, not int"),
        (lambda x: tx.einsum(5), TypeError, "expected an equation"),
        (lambda x: tx.einsum(x, x), TypeError, "expected an equation"),
        (lambda x: tx.einsum(x, [0, 52]), ValueError, "valid range"),
        (lambda x: tx.einsum(x, ["a", 1]), ValueError, "valid range"),
    ],
)  # fmt: skip
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(tx.ones(2, 3))


def test_against_torch():
    torch = pytest.importorskip("torch")
    for equation, shapes in EXPRESSIONS:
        arrays = values(shapes)
        expected = torch.einsum(equation, *[torch.from_numpy(np.array(a)) for a in arrays]).numpy()
        made = tx.einsum(equation, *[tx.tensor(a) for a in arrays]).numpy()
        np.testing.assert_allclose(made, expected, 1e-12, 1e-12, err_msg=equation)
