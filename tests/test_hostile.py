"""Nothing passed from Python may crash, hang, or read outside a buffer; a refused call changes nothing."""

import gc
import pathlib
import subprocess
import sys

import pytest

import tensorx as tx
from support import bits
from tensorx import _C

BIG = 2**62


@pytest.mark.parametrize("seed", range(4))
def test_junk(seed, tmp_path):
    """Every function with junk of every kind; fuzz.py says what. The log's last call is the one that crashed."""
    log = tmp_path / "log"
    command = [sys.executable, str(pathlib.Path(__file__).with_name("fuzz.py")), str(seed), "12", "", str(log)]
    ran = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=500)
    call = log.read_text(errors="replace") if log.exists() else "before the first call"
    assert ran.returncode == 0, f"exit {ran.returncode} in {call}\n{ran.stdout[-2000:]}\n{ran.stderr[-4000:]}"


# ---- sizes


@pytest.mark.parametrize(
    "size", [(BIG,), (BIG, 4), (2**32, 2**32), (2**31, 2**31, 2**31), (2**63 - 1,), (1, BIG, BIG, 0), (2**40, 2**40)]
)
@pytest.mark.parametrize("make", ["zeros", "ones", "empty", "full", "rand", "randn"])
def test_sizes_that_overflow(make, size):
    function = getattr(tx, make)
    with pytest.raises((RuntimeError, MemoryError, ValueError, OverflowError, TypeError)):
        function(size, 1.0) if make == "full" else function(size)


@pytest.mark.parametrize("size", [(-1,), (2, -3), (2**63,), (2**70,), (-(2**63),)])
def test_sizes_out_of_range(size):
    for make in (tx.zeros, tx.empty, tx.ones):
        with pytest.raises((RuntimeError, OverflowError, TypeError, ValueError)):
            make(size)


@pytest.mark.parametrize("size", [(BIG,), (2**31, 2**31), (-5,), (BIG, BIG), (2**63 - 1, 2)])
def test_views_of_impossible_sizes(size):
    x = tx.zeros(4)
    for view in (
        lambda: x.view(size), lambda: x.reshape(size), lambda: x.as_strided(size, [1] * len(size)), lambda: tx.zeros(0).view(size),
        lambda: x.unfold(0, size[0], 1), lambda: x.narrow(0, 0, size[0]), lambda: x.repeat(*size), lambda: x[size[0]],
    ):  # fmt: skip
        with pytest.raises((RuntimeError, IndexError, OverflowError, MemoryError, ValueError, TypeError)):
            view()


def test_expand_to_more_elements_than_can_be_addressed():
    with pytest.raises((RuntimeError, MemoryError, OverflowError)):
        tx.zeros(1).expand(BIG).clone()
    huge = tx.zeros(1).expand(2**40)
    with pytest.raises((RuntimeError, MemoryError)):
        huge + 1
    with pytest.raises((RuntimeError, MemoryError)):
        huge.contiguous()


def test_as_strided_stays_within_its_storage():
    x = tx.zeros(10)
    for size, stride, offset in [
        ((11,), (1,), 0),
        ((2,), (10,), 0),
        ((2, 2), (8, 2), 0),
        ((1,), (1,), 10),
        ((1,), (1,), -1),
        ((3,), (BIG,), 0),
        ((2,), (-1,), 5),
        ((BIG, BIG), (0, 0), 0),
        ((2,), (1,), BIG),
    ]:
        with pytest.raises((RuntimeError, ValueError, OverflowError, MemoryError)):
            x.as_strided(size, stride, offset).sum()
    assert x.as_strided((5,), (2,), 1).shape == (5,)
    view = x[2:4]
    assert view.as_strided((8,), (1,), 2).shape == (8,)  # the bounds are the storage's, not the view's


@pytest.mark.parametrize("ndim", [64, 65, 1000])
def test_many_dimensions(ndim):
    try:
        x = tx.zeros([1] * ndim)
        (x + 1).sum().item()
        x.permute(*range(ndim)[::-1]).contiguous()
    except (RuntimeError, ValueError, IndexError) as error:
        assert "dim" in str(error)


# ---- indices


@pytest.mark.parametrize(
    "index",
    [
        BIG,
        -BIG,
        2**63,
        -(2**64),
        3,
        -4,
        1.5,
        "x",
        object(),
        None.__class__,
        (0, 0),
        (slice(None), 1),
        slice(0, 3, -1),
        slice(0, 3, 0),
        (Ellipsis, Ellipsis),
        1j,
    ],
)
def test_bad_indices(index):
    x = tx.zeros(3)
    with pytest.raises((IndexError, TypeError, ValueError, OverflowError, RuntimeError)):
        x[index]
    with pytest.raises((IndexError, TypeError, ValueError, OverflowError, RuntimeError)):
        x[index] = 1.0
    assert x.tolist() == [0.0] * 3


def test_slices_are_clipped():
    x = tx.arange(5)
    assert x[-BIG:BIG].tolist() == [0, 1, 2, 3, 4]
    assert x[BIG:].tolist() == [] and x[: -(2**70)].tolist() == [] and x[:: 2**62].tolist() == [0]


# ---- self-overlap


def test_in_place_with_overlapping_operands():
    """Defined results or a refusal, never a mixture."""
    x = tx.arange(6.0)
    try:
        x[1:].add_(x[:-1])
    except RuntimeError:
        return
    assert x.tolist() == [0.0, 1.0, 3.0, 5.0, 7.0, 9.0]


def test_out_that_is_an_input():
    x = tx.arange(6.0).view(2, 3)
    tx.mul(x, x, out=x)
    assert x.tolist() == [[0.0, 1.0, 4.0], [9.0, 16.0, 25.0]]


def test_transposed_in_place():
    x = tx.arange(9.0).view(3, 3)
    wanted = (x + x.t()).tolist()
    try:
        x.add_(x.t())
    except RuntimeError:
        return
    assert x.tolist() == wanted


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x.add_(1),
        lambda x: x.fill_(1),
        lambda x: x.copy_(tx.ones(3)),
        lambda x: tx.add(tx.ones(3), 1, out=x),
        lambda x: x.zero_(),
        lambda x: x.exp_(),
    ],
)
def test_stride_zero_is_not_written(write):
    base = tx.zeros(1)
    with pytest.raises(RuntimeError):
        write(base.expand(3))
    assert base.tolist() == [0.0]


# ---- out of memory


@pytest.fixture
def little_memory():
    gc.collect()
    _C.empty_cache()
    stats = _C.memory_stats()
    used = stats[next(k for k in stats if "current" in k or "allocated" in k)]
    _C.set_memory_limit(used + (8 << 20))
    yield
    _C.set_memory_limit(0)


@pytest.mark.parametrize(
    "allocate",
    [
        lambda x: tx.zeros(10_000_000), lambda x: x.expand(10_000, 1000).clone(), lambda x: x.expand(10_000, 1000) + 1,
        lambda x: x.expand(10_000, 1000).contiguous().sum(), lambda x: x.repeat(10_000), lambda x: tx.cat([x] * 10_000),
        lambda x: x.view(-1, 1) @ x.view(1, -1) @ (x.view(-1, 1) @ x.view(1, -1)) @ x.expand(5000, 1000).t(),
        lambda x: x.expand(10_000, 1000).exp(), lambda x: tx.outer(x.repeat(4), x.repeat(4)),
    ],
)  # fmt: skip
def test_out_of_memory(allocate, little_memory):
    x = tx.arange(1000.0, requires_grad=True)
    before = bits(x)
    with pytest.raises(MemoryError):
        allocate(x)
    gc.collect()
    assert bits(x) == before and x.grad is None and x._version == 0
    (x * 2).sum().backward()
    assert x.grad[0].item() == 2.0


def test_out_of_memory_in_backward(little_memory):
    x = tx.ones(400_000, requires_grad=True)
    y = (x * x).exp()
    with pytest.raises(MemoryError):
        hold = [tx.zeros(200_000)]
        while True:
            hold.append(tx.zeros(200_000))
    with pytest.raises(MemoryError):
        y.sum().backward()
    assert tx.is_grad_enabled()


def test_out_of_memory_in_place_leaves_the_tensor(little_memory):
    x = tx.ones(500_000)
    hold = []
    with pytest.raises(MemoryError):
        while True:
            hold.append(tx.zeros(250_000))
    version = x._version
    try:
        x.copy_(x.to(tx.float64).exp())
    except MemoryError:
        assert x._version == version
        assert x[0].item() == 1.0 and x[-1].item() == 1.0


# ---- objects that change things while they are asked


class Swaps:
    """Replaces a tensor's data while it is converted to a number."""

    def __init__(self, target):
        self.target = target

    def __index__(self):
        self.target.data = tx.zeros(1)
        gc.collect()
        return 900

    def __float__(self):
        return float(self.__index__())


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: x[n], lambda x, n: x.narrow(0, n, 10), lambda x, n: x.select(0, n), lambda x, n: x.view(n, 1), lambda x, n: x + n,
        lambda x, n: x.fill_(n), lambda x, n: x.__setitem__(n, 1.0), lambda x, n: x[n:], lambda x, n: x.sum(n), lambda x, n: x.add_(1, alpha=n),
        lambda x, n: x.as_strided((n,), (1,)), lambda x, n: x.split(n), lambda x, n: x.permute(n), lambda x, n: tx.clamp(x, 0, n),
        lambda x, n: x.unfold(0, n, 1), lambda x, n: x.expand(n), lambda x, n: x.repeat(n), lambda x, n: tx.full((n,), n),
    ],
)  # fmt: skip
def test_arguments_that_change_the_tensor(call):
    x = tx.ones(1000)
    try:
        result = call(x, Swaps(x))
    except (TypeError, IndexError, RuntimeError, ValueError):
        return
    for y in result if isinstance(result, tuple) else (result,):
        if isinstance(y, tx.Tensor):
            y.clone().tolist()


class ShrinkingList(list):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        self.clear()
        return 1.0


def test_lists_that_lie_about_their_length():
    for data in (ShrinkingList([1.0]), [ShrinkingList([1.0]), [1.0]]):
        for make in (
            tx.tensor,
            tx.zeros,
            lambda d: tx.zeros(3).sum(d),
            lambda d: tx.cat(d),
            lambda d: tx.zeros(3).view(d),
        ):
            try:
                make(data)
            except (TypeError, ValueError, RuntimeError, IndexError):
                pass


class Grows:
    """Grows the list that holds it while it is read."""

    def __init__(self, holder):
        self.holder = holder

    def __float__(self):
        self.holder.extend([1.0] * 1000)
        return 1.0

    def __index__(self):
        self.holder.clear()
        return 1


@pytest.mark.parametrize(
    "make",
    [
        tx.tensor,
        tx.zeros,
        lambda d: tx.zeros(2, 3).sum(d),
        lambda d: tx.zeros(2, 3).permute(d),
        lambda d: tx.zeros(1).expand(d),
    ],
)
def test_lists_that_change_while_they_are_read(make):
    data = [1, 2]
    data.insert(1, Grows(data))
    try:
        make(data)
    except (TypeError, ValueError, RuntimeError, IndexError):
        pass


@pytest.mark.parametrize(
    "data",
    [
        [[1, 2], [3]],
        [1, [2]],
        [[], [1]],
        [None],
        ["x"],
        [object()],
        [[[1]], [2]],
        {1: 2},
        {1, 2},
        [1, 2**70],
        [float("nan"), "x"],
    ],
)
def test_junk_data(data):
    with pytest.raises((TypeError, ValueError, RuntimeError, OverflowError)):
        tx.tensor(data)


def test_recursive_list():
    x = []
    x.append(x)
    with pytest.raises((ValueError, RecursionError, TypeError, RuntimeError)):
        tx.tensor(x)
    deep = [1.0]
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises((ValueError, RecursionError, TypeError, RuntimeError)):
        tx.tensor(deep)


# ---- the object


def test_tensor_without_initialisation():
    for make in (
        lambda: tx.Tensor.__new__(tx.Tensor),
        lambda: _C.TensorBase(),
        lambda: _C.TensorBase.__new__(tx.Tensor),
    ):
        try:
            x = make()
        except TypeError:
            continue
        for use in (
            lambda: x + 1,
            lambda: x.shape,
            lambda: repr(x),
            lambda: x.tolist(),
            lambda: x[0],
            lambda: x.backward(),
            lambda: x.view(1),
            lambda: x.data_ptr(),
        ):
            try:
                use()
            except (RuntimeError, TypeError, IndexError, ValueError):
                pass


def test_subclasses():
    class Mine(tx.Tensor):
        pass

    x = tx.ones(3).as_subclass(Mine) if hasattr(tx.Tensor, "as_subclass") else _C.make_subclass(Mine, tx.ones(3), False)
    x.note = "kept"
    assert isinstance(x, Mine) and x.note == "kept" and (x + 1).tolist() == [2.0] * 3


@pytest.mark.parametrize(
    "name", ["shape", "grad", "requires_grad", "dtype", "data", "grad_fn", "_version", "_base", "is_leaf", "ndim"]
)
def test_attributes_cannot_be_deleted_or_broken(name):
    x = tx.ones(3, requires_grad=True)
    for action in (
        lambda: delattr(x, name),
        lambda: setattr(x, name, object()),
        lambda: setattr(x, name, None),
        lambda: setattr(x, name, -1),
    ):
        try:
            action()
        except (AttributeError, TypeError, RuntimeError, ValueError):
            pass
    y = tx.ones(3, requires_grad=True)
    (x + y).sum()
    assert x.shape == (3,) and x.tolist() == [1.0] * 3


def test_data_can_be_replaced_under_a_graph():
    x = tx.ones(5, requires_grad=True)
    y = (x * x).sum()
    x.data = tx.ones(2)
    try:
        y.backward()
    except RuntimeError:
        pass
    assert x.grad is None or x.grad.shape == x.shape or True  # whatever it is, it can be read
    repr(x.grad)


def test_op_called_badly():
    for args, kwargs in [
        ((), {}),
        ((tx.ones(1),), {"nonsense": 1}),
        ((tx.ones(1), 1, 2, 3), {}),
        ((tx.ones(1),), {"input": 1, "other": 2}),
        ((), {"input": None}),
        ((tx.ones(1), 1), {"out": 3}),
        ((tx.ones(1), 1), {"alpha": "x"}),
    ]:
        with pytest.raises((TypeError, RuntimeError)):
            tx.add(*args, **kwargs)


def test_op_made_badly():
    for args in [
        (),
        ("x",),
        ("x", len, (), (), 0, 0, -1, False, False),
        ("x", None, ("a",), (), 0, 1, -1, False, False),
        ("x", _C.add, ("a",), (), 1, 1, -1, False, False),
        ("x", len, tuple("abcdefghijklmnopqrstuvwxyzABCD"), (), 0, 0, -1, False, False),
        ("x", len, (1, 2), (), 3, 2, -1, False, False),
        ("x", len, ("a",), (1, 2, 3), 0, 1, -1, False, False),
        ("x", len, ("a",), (), 2**64 - 1, 9, 7, True, True),
    ]:
        try:
            made = _C.Op(*args)
        except (TypeError, ValueError, OverflowError):
            continue
        for call in (
            lambda: made(),
            lambda: made(tx.ones(1)),
            lambda: made(a=1),
            lambda: made(tx.ones(1), 1, 2, 3, 4, 5, 6, 7, 8, 9),
        ):
            try:
                call()
            except Exception as error:
                assert not isinstance(error, SystemError)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "//", "%", "**", "@", "&", "|", "^", "<<", ">>", "==", "<"])
@pytest.mark.parametrize(
    "other", [None, "x", object(), [1], (1,), {}, 1j, b"x", 2**70, tx.float32], ids=lambda x: type(x).__name__
)
def test_operators_with_foreign_objects(operator, other):
    x = tx.ones(2, dtype=tx.int64)
    for expression in (f"x {operator} other", f"other {operator} x"):
        try:
            eval(expression, {"x": x, "other": other})
        except (TypeError, RuntimeError, ValueError, OverflowError, NotImplementedError):
            pass


@pytest.mark.parametrize("name", ["index_add", "index_copy", "scatter_add", "index_fill"])
def test_out_of_another_shape(name):
    """The indices are checked against the input's shape, so `out` must have it."""
    x, index = tx.zeros(1000), tx.tensor([999])
    value = 1.0 if name == "index_fill" else tx.ones(1)
    small = tx.zeros(2)
    try:
        getattr(tx, name)(x, 0, index, value, out=small)
    except (RuntimeError, TypeError):
        pass
    assert small.sum().item() in (0.0, 1.0) and x.sum().item() == 0.0


def test_products_of_numbers_that_overflow_wrap():
    x = tx.zeros(2, dtype=tx.int64)
    assert tx.add(x, 2**62, alpha=4).tolist() == [0, 0] and tx.sub(x, -(2**63), alpha=1).tolist() == [-(2**63)] * 2
    assert tx.add(tx.zeros(2, dtype=tx.bfloat16), -(2**63), alpha=2**62).dtype is tx.bfloat16
