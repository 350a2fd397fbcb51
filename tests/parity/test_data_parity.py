"""utils.data beside PyTorch's: collation of nested values, orders of iterable data sets, parts, seeds, and errors."""

from collections import OrderedDict, defaultdict, namedtuple

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

from torch.utils import data as theirs  # noqa: E402

import tensorx as tx  # noqa: E402
from tensorx.utils import data as ours  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

Point = namedtuple("Point", ["x", "y"])


class Tags(dict):
    pass


def plain(value):
    """A result with its tensors as (dtype, values)."""
    if isinstance(value, (tx.Tensor, torch.Tensor)):
        return "tensor", str(value.dtype).split(".")[1], value.tolist()
    if isinstance(value, dict):
        return type(value), {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [plain(v) for v in value]
    return ("array", value.tolist()) if isinstance(value, np.ndarray) else value


EXAMPLES = {
    "numbers": lambda t, i: (i, i * 0.5, i % 2 == 0, "text", b"bytes"),
    "tensors": lambda t, i: {"x": t.full((2, 3), float(i)), "y": [t.tensor(i), t.ones(1, dtype=t.uint8)]},
    "numpy": lambda t, i: (np.full((2,), i, "int16"), np.float32(i), np.float64(i), np.int8(i), np.bool_(i)),
    "0-d numpy": lambda t, i: np.array(i * 0.5),
    "named tuple": lambda t, i: Point(i, {"a": (i, "b")}),
    "kinds of dict": lambda t, i: [Tags(a=i), OrderedDict(b=i), defaultdict(list, c=i)],
    "nested lists": lambda t, i: [[i, i + 1], [[float(i)]]],
    "none": lambda t, i: (i, None),
    "object": lambda t, i: object(),
    "text array": lambda t, i: np.array(["a", "b"]),
    "object array": lambda t, i: np.array([None, 1]),
    "unequal": lambda t, i: list(range(i)),
    "unequal shapes": lambda t, i: t.ones(i + 1),
    "set": lambda t, i: {i},
    "range": lambda t, i: range(3),
}


def outcome(function, *args):
    try:
        return plain(function(*args))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("name", EXAMPLES)
def test_collation(name):
    make = EXAMPLES[name]
    assert outcome(ours.default_collate, [make(tx, i) for i in range(3)]) == outcome(
        theirs.default_collate, [make(torch, i) for i in range(3)]
    )
    if name != "object":
        assert outcome(ours.default_convert, make(tx, 3)) == outcome(theirs.default_convert, make(torch, 3))


class Numbers:
    """0 to 10, each worker its part; made into an IterableDataset of both libraries below."""

    def __iter__(self):
        info = self.library.get_worker_info()
        return iter(range(11) if info is None else range(info.id, 11, info.num_workers))


@pytest.mark.parametrize("workers", [0, 2, 3])
@pytest.mark.parametrize(
    "options", [{"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_size": None}], ids=str
)
def test_orders_of_an_iterable(workers, options):
    orders = []
    for library in (ours, theirs):
        kind = type("Numbers", (Numbers, library.IterableDataset), {"library": library})
        loader = library.DataLoader(kind(), num_workers=workers, **options)
        orders.append([b if isinstance(b, int) else b.tolist() for b in loader])
    assert orders[0] == orders[1]


def test_numpy_is_seeded_alike():
    from torch.utils.data._utils.worker import _generate_state

    for base, worker in ((0, 0), (123456789012345678, 3), (2**63 - 1, 7)):
        seeds = np.random.SeedSequence([worker, base & 0xFFFFFFFF, base >> 32, 0]).generate_state(4)
        assert seeds.tolist() == _generate_state(base, worker)


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count, replicas", [(10, 3), (2, 5), (9, 3), (0, 2)])
def test_distributed_sampler(count, replicas, drop_last):
    for rank in range(replicas):
        options = {"num_replicas": replicas, "rank": rank, "shuffle": False, "drop_last": drop_last}
        parts = [
            outcome(lambda: list(library.DistributedSampler(range(count), **options))) for library in (ours, theirs)
        ]
        assert parts[0] == parts[1] or parts[1] is ZeroDivisionError


WRONG = [
    {"num_workers": -1},
    {"timeout": -1},
    {"prefetch_factor": 2},
    {"prefetch_factor": -2, "num_workers": 1},
    {"persistent_workers": True},
    {"multiprocessing_context": "fork"},
    {"multiprocessing_context": "fast", "num_workers": 1},
    {"multiprocessing_context": 3, "num_workers": 1},
    {"sampler": [1], "shuffle": True},
    {"batch_sampler": [[1]], "drop_last": True},
    {"batch_size": None, "drop_last": True},
    {"batch_size": 0},
    {"batch_size": 1.5},
    {"batch_size": True},
    {"timeout": 3},
]


@pytest.mark.parametrize("options", WRONG, ids=str)
def test_errors(options):
    kinds = [outcome(lambda: iter(library.DataLoader(range(4), **options))) for library in (ours, theirs)]
    assert isinstance(kinds[1], type) and kinds[0] is kinds[1]


def raise_key(index):
    raise KeyError("a key")


def raise_decoding(index):
    return b"\xff".decode()


def raise_os(index):
    return open("/no/such/file")


@pytest.mark.parametrize("function", [raise_key, raise_decoding, raise_os], ids=lambda f: f.__name__)
def test_exceptions_of_workers(function):
    """The message begins as theirs does, where they keep the type; and we keep it where they do not."""
    errors = []
    for library in (ours, theirs):
        kind = type("Raises", (library.Dataset,), {"__len__": lambda s: 1, "__getitem__": lambda s, i: function(i)})
        with pytest.raises(Exception) as raised:
            next(iter(library.DataLoader(kind(), num_workers=1)))
        errors.append(raised.value)
    if type(errors[0]) is type(errors[1]):
        assert str(errors[0]).split("\n")[:2] == str(errors[1]).split("\n")[:2]
    else:
        assert type(errors[0]) is UnicodeDecodeError and "Original Traceback" in errors[0].__notes__[0]
