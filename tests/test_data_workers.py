"""DataLoader with worker processes: what it gives, in which order, with which seeds, through which memory."""

import os
import random
import threading
import time

import numpy
import pytest

import tensorx as tx
from tensorx import _C
from tensorx.utils._shared_memory import Segments, receive
from tensorx.utils.data import (
    DataLoader,
    Dataset,
    DistributedSampler,
    StackDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    get_worker_info,
)
from worker_cases import LARGE, Calls, Rows, Sharded, values

pytestmark = [
    pytest.mark.usefixtures("nothing_leaks"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
]


# ---- the same batches as without workers


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 3},
        {"batch_size": 3, "drop_last": True},
        {"batch_size": 4, "shuffle": True},
        {"batch_size": 2, "sampler": [5, 1, 1, 0, 7]},
        {"batch_sampler": [[3], [1, 2, 4], [0, 0]]},
        {"batch_size": 3, "prefetch_factor": 1},
        {"batch_size": 3, "prefetch_factor": 50},
        {"batch_size": 3, "in_order": True},
    ],
    ids=str,
)
def test_batches_do_not_depend_on_the_number_of_workers(options):
    runs = []
    for workers in (0, 1, 3):
        tx.manual_seed(5)
        made = {k: v for k, v in options.items() if workers or k != "prefetch_factor"}
        loader = DataLoader(Rows(), num_workers=workers, **made)
        twice = values(loader), values(loader)
        runs.append((twice, tx.rand(1).item()))  # and the default generator goes on alike
    assert runs[0] == runs[1] == runs[2]


@pytest.mark.parametrize(
    "method, persistent", [("fork", False), ("fork", True), ("spawn", False), ("forkserver", True)]
)
def test_start_methods(method, persistent):
    generator = tx.Generator()
    runs = []
    for workers in (0, 2):
        options = {"multiprocessing_context": method, "persistent_workers": persistent} if workers else {}
        loader = DataLoader(
            Rows(size=LARGE),
            4,
            shuffle=True,
            generator=generator,
            num_workers=workers and 1 + (method == "fork"),
            **options,
        )
        generator.manual_seed(3)
        order = values(loader)
        if persistent:
            values(loader)
        runs.append(order)
    assert runs[0] == runs[1] and len(runs[0]) == 5


def test_without_batches():
    loader = DataLoader(Rows(5), batch_size=None, num_workers=2)
    assert [(x[0].item(), i) for x, i in loader] == [(float(i), i) for i in range(5)] and len(loader) == 5


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_iterable(workers):
    parts = [list(range(w, 10, workers)) for w in range(workers)]
    expected = [part[i : i + 2] for i in range(0, 10, 2) for part in parts if part[i : i + 2]]
    assert [b.tolist() for b in DataLoader(Sharded(), 2, num_workers=workers)] == expected
    full = [b for b in expected if len(b) == 2]
    assert [b.tolist() for b in DataLoader(Sharded(), 2, num_workers=workers, drop_last=True)] == full
    loader = DataLoader(Sharded(), None, num_workers=workers, persistent_workers=True)
    assert sorted(loader) == sorted(loader) == list(range(10))


def test_an_iterable_that_gives_more_than_it_says():
    class Whole(Sharded):
        def __iter__(self):
            return iter(range(self.count))

        def __len__(self):
            return self.count

    loader = DataLoader(Whole(4), 2, num_workers=2, persistent_workers=True)
    assert [b.tolist() for b in loader] == [[0, 1], [0, 1], [2, 3], [2, 3]] and len(loader) == 2
    for _ in range(2):
        with pytest.warns(
            UserWarning, match="was reported to be 2 .* but 3 samples have been fetched.*get_worker_info"
        ):
            list(loader)


def test_lengths_and_sampled_loaders():
    loader = DataLoader(Rows(), 3, num_workers=1)
    assert len(loader) == len(iter(loader)) == 7 and len(iter(DataLoader(Rows(), 3))) == 7
    tx.manual_seed(0)
    weighted = WeightedRandomSampler([0.0] * 19 + [1.0], 6)
    assert values(DataLoader(Rows(), 6, sampler=weighted, num_workers=2)) == [([19.0] * 6, [19] * 6)]
    assert values(DataLoader(Rows(0), 6, num_workers=2)) == []


def test_batches_as_they_are_ready(tmp_path):
    first_arrived = tmp_path / "arrived"

    def slow_first(index):
        end = time.monotonic() + 20
        while index == 0 and not first_arrived.exists() and time.monotonic() < end:
            time.sleep(0.01)
        return index

    loader = DataLoader(Calls(slow_first), 1, num_workers=2, in_order=False)
    order = []
    start = time.monotonic()
    for batch in loader:
        order.append(batch.item())
        if len(order) == 6:  # all that the other worker may do while this one is at its first
            first_arrived.touch()
    assert sorted(order) == list(range(8)) and order[0] != 0 and time.monotonic() - start < 15


def test_prefetching(tmp_path):
    def note(index):
        (tmp_path / str(index)).touch()
        return index

    def settled(expected):
        end = time.monotonic() + 10
        while len(os.listdir(tmp_path)) < expected and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(0.05)  # would another one come?
        return len(os.listdir(tmp_path)) == expected

    batches = iter(DataLoader(Calls(note, 40), 2, num_workers=2, prefetch_factor=3))
    assert settled(12)  # 2 workers, 3 batches each, 2 examples in a batch
    next(batches)
    assert settled(14)


def test_persistent_workers_are_the_same_processes():
    loader = DataLoader(Calls(lambda index: os.getpid()), 1, num_workers=2, persistent_workers=True)
    first, second = ({pid.item() for pid in loader} for _ in range(2))
    assert first == second and len(first) == 2
    for in_order in (True, False):
        loader = DataLoader(Rows(), 1, num_workers=2, persistent_workers=True, in_order=in_order)
        next(iter(loader))  # a run that is broken off leaves nothing behind
        assert sorted(values(loader)) == [([float(i)], [i]) for i in range(20)]
    loader = DataLoader(Calls(lambda index: os.getpid()), 1, num_workers=2)
    first, second = ({pid.item() for pid in loader} for _ in range(2))
    assert not first & second


def test_two_iterators_at_once():
    loader = DataLoader(Rows(6), 2, num_workers=1)
    assert [(a[1].tolist(), b[1].tolist()) for a in loader for b in loader][1] == ([0, 1], [2, 3])


def test_a_loader_in_another_thread():
    found = []
    thread = threading.Thread(target=lambda: found.append(values(DataLoader(Rows(6, LARGE), 2, num_workers=2))))
    thread.start()
    thread.join()
    assert found == [values(DataLoader(Rows(6, LARGE), 2))]


def test_a_loader_within_a_worker():
    def inner(index):
        loader = DataLoader(Rows(4, LARGE), 2, num_workers=1)
        return sum(x.sum() / LARGE for x, _ in loader) + index

    assert [b.item() for b in DataLoader(Calls(inner, 3), 1, num_workers=1)] == [6, 7, 8]


# ---- what a worker is like


def test_seeds():
    class Draws(Dataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            info = get_worker_info()
            return info.id, info.num_workers, info.seed, random.random(), tx.rand(1).item(), numpy.random.rand()

    assert get_worker_info() is None
    tx.manual_seed(11)
    first = list(DataLoader(Draws(), None, num_workers=2))
    tx.manual_seed(11)
    assert list(DataLoader(Draws(), None, num_workers=2)) == first
    assert list(DataLoader(Draws(), None, num_workers=2)) != first  # the next run has other seeds
    base = first[0][2]
    for worker, (id, count, seed, *draws) in enumerate(first):
        assert (id, count, seed) == (worker, 2, base + worker)
        generator = tx.Generator()
        generator.manual_seed(seed)
        state = numpy.random.SeedSequence([worker, base & 0xFFFFFFFF, base >> 32, 0]).generate_state(4)
        expected = [
            random.Random(seed).random(),
            tx.rand(1, generator=generator).item(),
            numpy.random.RandomState(state).rand(),
        ]
        assert draws == expected
    generator = tx.Generator()
    seeds = []
    for _ in range(2):
        generator.manual_seed(3)
        seeds.append([d[2] for d in DataLoader(Draws(), None, num_workers=1, generator=generator)])
    assert seeds[0] == seeds[1]


def test_worker_info_and_init():
    class Named(Rows):
        name = "before"

        def __getitem__(self, index):
            return self.name, repr(get_worker_info())[:22]

    def init(worker):
        get_worker_info().dataset.name = f"worker {worker}"
        with pytest.raises(AttributeError):
            get_worker_info().id = 3

    loader = DataLoader(Named(2), None, num_workers=2, worker_init_fn=init)
    assert list(loader) == [["worker 0", "WorkerInfo(id=0, num_w"], ["worker 1", "WorkerInfo(id=1, num_w"]]


def test_workers_compute_with_one_thread(threads):
    """And can compute at all: the threads of the parent are not there after a fork."""
    threads(2)
    a = tx.rand(400, 400)
    expected = (a @ a).sum().item()
    for count, total in DataLoader(
        Calls(lambda i: (tx.get_num_threads(), (a @ a).sum().item()), 2), None, num_workers=2
    ):
        assert count == 1 and total == expected
    assert (a @ a).sum().item() == expected and tx.get_num_threads() == 2


# ---- memory


def test_large_tensors_arrive_in_shared_memory():
    (x, y), *rest = DataLoader(Rows(8, LARGE), 4, num_workers=1)
    assert _C.is_shared(x) and not _C.is_shared(y) and _C.shared_file(x) == -1
    x += 1  # it is ours
    assert x[:, -1].tolist() == [1, 2, 3, 4] and rest[0][0][:, -1].tolist() == [4, 5, 6, 7]
    assert x.is_contiguous() and not x.requires_grad and x.is_leaf


def test_memory_is_used_again_but_not_while_somebody_has_it():
    """With a few kept, and views of some: every kept one has its values at the end."""
    kept = []
    for step, (x, y) in enumerate(DataLoader(Rows(120, LARGE), 2, num_workers=2)):
        if step % 3 == 0:
            kept.append((x[1, 5:9], y[1].item()) if step % 2 else (x, y[0].item()))
        del x, y
    for x, value in kept:
        assert x.flatten()[0].item() == value


def test_segments_are_used_again():
    segments = Segments()
    first = segments.empty((1000, 100), tx.float32)
    address = first.data_ptr()
    assert segments.empty((1000, 100), tx.float32).data_ptr() != address  # in use here
    view = first[3]
    del first
    assert segments.empty((1000, 100), tx.float32).data_ptr() != address  # still, by a view
    memory = _C.storage_bytes(view)
    borrowed = receive(os.dup(_C.shared_file(memory)))
    _C.lend_shared(memory)
    del memory, view
    found = [segments.empty((1000, 100), tx.float32) for _ in range(4)]
    assert address not in [x.data_ptr() for x in found]  # lent out
    del borrowed
    assert segments.empty((1000, 100), tx.float32).data_ptr() == address
    assert segments.empty((10, 100), tx.float32).data_ptr() != address  # far too large for this


def test_memory_borrowed_before_a_fork_is_never_given_back():
    """The child has it too, and does not tell when it is done."""
    segments = Segments()
    memory = _C.storage_bytes(segments.empty((1000, 100), tx.float32))
    address = memory.data_ptr()
    borrowed = receive(os.dup(_C.shared_file(memory)))
    _C.lend_shared(memory)
    del memory
    child = os.fork()
    if child == 0:
        del borrowed
        os._exit(0)
    os.waitpid(child, 0)
    del borrowed
    assert segments.empty((1000, 100), tx.float32).data_ptr() != address


def test_keeping_batches_takes_no_descriptors():
    before = len(os.listdir("/proc/self/fd"))
    loader = DataLoader(Rows(60, LARGE), 1, num_workers=1, persistent_workers=True)
    kept = list(loader)
    assert len(kept) == 60 and len(os.listdir("/proc/self/fd")) < before + 10


class Tagged(tx.Tensor):
    pass


def test_kinds_of_values():
    """Whatever a worker sends arrives as it was: views, kinds of tensors, other objects, large and small."""
    large = tx.arange(float(LARGE)).reshape(200, 200)
    tagged = tx.ones(LARGE).as_subclass(Tagged)
    tagged.note = "kept"
    cases = [
        {"t": large.t(), "every second": large[::2, 1::2], "row": large[3], "expanded": large[:1].expand(300, 200)},
        (tx.empty(0), tx.empty(3, 0), tx.tensor(3), tx.zeros(0, dtype=tx.int8), None, "text", b"x" * 300_000),
        [tx.ones(LARGE, requires_grad=True), tagged, tx.ones(LARGE, dtype=tx.bool), large.to(tx.bfloat16)],
        [tx.complex(large, large), numpy.arange(LARGE), numpy.float32(3), {"k": [large, large]}],
        [tx.ones(LARGE // 2) for _ in range(80)],  # more than go beside one message
        tx.eye(3).to_sparse(),
    ]
    for (sent,) in zip(cases):
        (got,) = DataLoader(Calls(lambda index: sent, 1), None, collate_fn=lambda x: x, num_workers=1)
        assert_same(got, sent)
    (got,) = DataLoader(Calls(lambda index: cases[2], 1), None, collate_fn=lambda x: x, num_workers=1)
    assert got[0].requires_grad and type(got[1]) is Tagged and got[1].note == "kept"


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(b, tx.Tensor):
        a, b = a.to_dense(), b.to_dense()
        assert a.dtype == b.dtype and a.shape == b.shape and tx.equal(a.detach(), b.detach())
    elif isinstance(b, numpy.ndarray):
        numpy.testing.assert_array_equal(a, b)
    elif isinstance(b, dict):
        assert list(a) == list(b)
        assert_same(list(a.values()), list(b.values()))
    elif isinstance(b, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same(x, y)
    else:
        assert a == b


def test_large_messages_both_ways():
    """More than the sockets hold, in tasks and in batches, and many at once: neither side waits for the other."""
    batches = [list(range(50_000)) for _ in range(6)]
    loader = DataLoader(
        range(50_000), batch_sampler=batches, collate_fn=lambda b: [str(i) for i in b], num_workers=1, prefetch_factor=6
    )
    assert [len(b) for b in loader] == [50_000] * 6
    # Each message is small enough for a socket, and all of either side are not.
    batches = [list(range(10_000)) for _ in range(60)]
    loader = DataLoader(
        range(10_000), batch_sampler=batches, collate_fn=lambda b: "x" * 50_000, num_workers=1, prefetch_factor=60
    )
    assert [len(b) for b in loader] == [50_000] * 60


def test_collating_with_mixed_dtypes_is_the_same_in_a_worker():
    def mixed(index):
        return tx.ones(LARGE, dtype=tx.float32 if index % 2 else tx.float64)

    for workers in (0, 1):
        (batch,) = DataLoader(Calls(mixed, 4), 4, num_workers=workers)
        assert batch.dtype == tx.float64 and batch.shape == (4, LARGE)


# ---- page-locked memory, devices


def test_pinned_batches():
    if not tx.cuda.is_available():
        with pytest.warns(UserWarning, match="no accelerator is found"):
            list(DataLoader(Rows(2), pin_memory=True))
        return
    loader = DataLoader(Rows(10, LARGE), 2, num_workers=2, pin_memory=True, persistent_workers=True)
    for _ in range(2):
        for step, (x, y) in enumerate(loader):
            assert x.is_pinned() and y.is_pinned() and x[:, 0].tolist() == [2 * step, 2 * step + 1]
    with pytest.raises(ValueError, match="seven"):
        list(DataLoader(Calls(refuse_seven), 1, num_workers=1, pin_memory=True))


def refuse_seven(index):
    if index == 7:
        raise ValueError("seven")
    return index


@pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")
def test_forked_workers_and_cuda():
    there = tx.ones(3, device="cuda")
    there.sum().item()

    class Holds(Rows):
        tensor = there

        def __getitem__(self, index):
            return tx.ones(3) if index < 2 else self.tensor + 1

    batches = iter(DataLoader(Holds(4), 1, num_workers=1))
    assert next(batches).shape == next(batches).shape == (1, 3)  # it may have one
    with pytest.raises(RuntimeError, match="Cannot re-initialize CUDA in forked subprocess"):
        next(batches)


@pytest.mark.skipif(not tx.cuda.is_available(), reason="this build or machine has no CUDA device")
def test_spawned_workers_may_use_cuda():
    (batch,) = DataLoader(Calls(on_cuda, 1), None, num_workers=1, multiprocessing_context="spawn")
    assert batch.is_cuda and batch.tolist() == [2, 2]


def on_cuda(index):
    return tx.ones(2, device="cuda") * 2


# ---- data sets of data sets


def test_getitems():
    class Many(Rows):
        def __getitems__(self, indices):
            return [(i, -i) for i in indices]

    class Short(Rows):
        def __getitems__(self, indices):
            return [1]

    assert [b[1].tolist() for b in DataLoader(Subset(Many(), [5, 3, 1]), 2, num_workers=1)] == [[-5, -3], [-1]]
    stacked = StackDataset(a=Many(), b=range(20))
    assert stacked.__getitems__([2]) == [{"a": (2, -2), "b": 2}] and stacked[1]["b"] == 1
    assert StackDataset(Many(), range(20)).__getitems__([2, 3]) == [((2, -2), 2), ((3, -3), 3)]
    with pytest.raises(ValueError, match="gave 1 elements for 2 indices"):
        StackDataset(Short(), Many()).__getitems__([1, 2])
    with pytest.raises(NotImplementedError, match="overrides __getitem__ but not __getitems__"):

        class Half(Subset):
            def __getitem__(self, index):
                return index

        Half(Rows(), [1])


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count, replicas", [(10, 3), (9, 3), (2, 5), (0, 2), (7, 1)])
def test_distributed_sampler(count, replicas, drop_last):
    for shuffle in (False, True):
        parts = [DistributedSampler(range(count), replicas, r, shuffle, 4, drop_last) for r in range(replicas)]
        lists = [list(p) for p in parts]
        assert {len(p) for p in parts} == {len(p) for p in lists} == {parts[0].num_samples}
        together = [i for column in zip(*lists) for i in column]
        if drop_last:
            assert len(set(together)) == len(together) == count // replicas * replicas
        elif count:
            assert set(together) == set(range(count)) and len(together) - count < replicas
        if not shuffle:
            assert together == [i % count for i in range(len(together))]
    if count > 5:
        parts[0].set_epoch(1)
        assert list(parts[0]) != lists[0]


# ---- arguments


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"num_workers": 1, "multiprocessing_context": "thread"}, ValueError, "valid start method in"),
        ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "valid context object"),
        ({"multiprocessing_context": "fork"}, ValueError, "can only be used with multi-process loading"),
        ({"num_workers": 1, "prefetch_factor": -1}, ValueError, "prefetch_factor option should be"),
        ({"num_workers": 1, "prefetch_factor": 0}, ValueError, "no batch would be loaded"),
        ({"num_workers": 1, "timeout": -1}, ValueError, "non-negative"),
    ],
)
def test_argument_errors(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(Rows(), **options)


def test_other_argument_errors():
    with pytest.raises(AssertionError, match="num_workers > 0"):
        iter(DataLoader(Rows(), timeout=3))
    loader = DataLoader(Rows(), num_workers=1)
    assert loader.prefetch_factor == 2 and DataLoader(Rows()).prefetch_factor is None
    for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"):
        with pytest.raises(ValueError, match="should not be set after DataLoader is initialized"):
            setattr(loader, name, 1)
    with pytest.raises(ValueError, match=r"rank should be in the interval \[0, 1\]"):
        DistributedSampler(Rows(), 2, 2)
    with pytest.raises(RuntimeError, match="give num_replicas and rank"):
        DistributedSampler(Rows())
    assert [b.tolist() for (b,) in DataLoader(TensorDataset(tx.arange(4)), 2, num_workers=1)] == [[0, 1], [2, 3]]


@pytest.mark.filterwarnings("default:This DataLoader will create")
def test_more_workers_than_cores():
    with pytest.warns(UserWarning, match=r"This DataLoader will create 5000 worker processes in total"):
        DataLoader(Rows(), num_workers=5000)
