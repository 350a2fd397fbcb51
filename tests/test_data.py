"""utils.data: data sets, samplers, collation, the loader."""

from collections import namedtuple

import numpy
import pytest

import tensorx as tx
from tensorx.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)


class Squares(Dataset):
    def __init__(self, count=10):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return tx.tensor([index, index**2]), index


class Counting(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))

    def __len__(self):
        return self.count


# Data sets ----------------------------------------------------------------------------------------


def test_tensor_dataset():
    data = TensorDataset(tx.arange(4), tx.arange(8).reshape(4, 2))
    assert (
        len(data) == 4 and data[2][0].item() == 2 and data[-1][1].tolist() == [6, 7] and data[1:3][0].tolist() == [1, 2]
    )
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(tx.zeros(3), tx.zeros(4))


def test_concat_dataset():
    data = Squares(3) + Squares(2) + [("x", "y")]
    assert len(data) == 6 and data[3][1] == 0 and data[-1] == ("x", "y") and data[2][1] == 2 and data[-6][1] == 0
    with pytest.raises(ValueError, match="should not exceed dataset length"):
        data[-7]
    with pytest.raises(IndexError):
        data[6]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Counting(1)])
    assert list(Counting(2) + Counting(3)) == [0, 1, 0, 1, 2] and len(Counting(2) + Counting(3)) == 5


def test_stack_dataset():
    assert StackDataset([1, 2], "ab")[1] == (2, "b") and len(StackDataset(x=[1, 2])) == 2
    with pytest.raises(ValueError, match="Size mismatch"):
        StackDataset([1], [1, 2])
    with pytest.raises(ValueError):
        StackDataset()


def test_subset():
    subset = Subset(Squares(), [5, 3])
    assert len(subset) == 2 and subset[1][1] == 3 and Subset(subset, [0])[0][1] == 5
    assert Subset(TensorDataset(tx.arange(9)), [5, 3])[[1, 0]][0].tolist() == [3, 5]


def test_random_split():
    generator = tx.Generator()
    generator.manual_seed(4)
    parts = random_split(range(10), [6, 3, 1], generator)
    assert [len(part) for part in parts] == [6, 3, 1] and sorted(
        part[i] for part in parts for i in range(len(part))
    ) == list(range(10))
    generator.manual_seed(4)
    assert [part.indices for part in random_split(range(10), [6, 3, 1], generator)] == [part.indices for part in parts]
    assert [len(part) for part in random_split(range(10), [0.35, 0.35, 0.3])] == [4, 3, 3]
    assert [len(part) for part in random_split(range(7), [1 / 3, 1 / 3, 1 / 3])] == [3, 2, 2]
    with pytest.raises(ValueError, match=r"does not equal the length of the input dataset: 9 \(of \[6, 3\]\) and 10"):
        random_split(range(10), [6, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(range(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(range(1), [0.5, 0.5])


# Samplers -----------------------------------------------------------------------------------------


def test_samplers():
    assert list(SequentialSampler(range(3))) == [0, 1, 2]
    assert sorted(RandomSampler(range(50))) == list(range(50)) and len(RandomSampler(range(50))) == 50
    assert len(set(map(tuple, (list(RandomSampler(range(50))) for _ in range(3))))) == 3  # a new order each time
    assert len(list(RandomSampler(range(3), num_samples=8))) == 8 and set(RandomSampler(range(3), num_samples=8)) == {
        0,
        1,
        2,
    }
    draws = list(RandomSampler(range(4), replacement=True, num_samples=100))
    assert len(draws) == 100 and set(draws) == {0, 1, 2, 3}
    assert sorted(SubsetRandomSampler([7, 1, 3])) == [1, 3, 7] and len(SubsetRandomSampler([7, 1, 3])) == 3
    assert (
        list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]] and len(BatchSampler(range(5), 2, False)) == 3
    )
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]] and len(BatchSampler(range(5), 2, True)) == 2
    tx.manual_seed(0)
    counts = numpy.bincount(list(WeightedRandomSampler([1.0, 0.0, 3.0], 4000)), minlength=3)
    assert counts[1] == 0 and abs(counts[2] / 4000 - 0.75) < 0.03
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]


def test_samplers_are_reproducible():
    for make in (
        lambda **k: RandomSampler(range(20), **k),
        lambda **k: RandomSampler(range(20), replacement=True, **k),
        lambda **k: SubsetRandomSampler(range(20), **k),
        lambda **k: WeightedRandomSampler([1.0] * 20, 20, **k),
    ):
        runs = []
        for _ in range(2):
            generator = tx.Generator()
            generator.manual_seed(1)
            runs.append(list(make(generator=generator)))
            tx.manual_seed(1)
            runs.append(list(make()))
        assert runs[0] == runs[2] and runs[1] == runs[3]


@pytest.mark.parametrize(
    "make, error",
    [
        (lambda: RandomSampler([1], replacement=1), TypeError),
        (lambda: RandomSampler([1], num_samples=0), ValueError),
        (lambda: RandomSampler([1], num_samples=1.5), ValueError),
        (lambda: WeightedRandomSampler([1.0], 0), ValueError),
        (lambda: WeightedRandomSampler([1.0], 1, replacement=1), ValueError),
        (lambda: WeightedRandomSampler([[1.0]], 1), ValueError),
        (lambda: BatchSampler([1], 0, False), ValueError),
        (lambda: BatchSampler([1], 2.5, False), ValueError),
        (lambda: BatchSampler([1], 2, 1), ValueError),
    ],
)
def test_sampler_errors(make, error):
    with pytest.raises(error, match="should be"):
        make()


# Collation ----------------------------------------------------------------------------------------

Point = namedtuple("Point", ["x", "y"])


def test_collate():
    assert default_collate([1, 2]).dtype == tx.int64 and default_collate([1.0, 2.0]).dtype == tx.float64
    assert default_collate([True, False]).dtype == tx.bool
    assert default_collate([tx.zeros(2), tx.ones(2)]).tolist() == [[0, 0], [1, 1]]
    batch = default_collate([numpy.zeros(2, dtype="float32"), numpy.ones(2, dtype="float32")])
    assert isinstance(batch, tx.Tensor) and batch.dtype == tx.float32 and batch.shape == (2, 2)
    assert default_collate([numpy.float32(1), numpy.float32(2)]).tolist() == [1, 2]
    assert default_collate(["a", "b"]) == ["a", "b"]
    batch = default_collate([{"x": 1, "y": ("a", 2.0)}, {"x": 2, "y": ("b", 3.0)}])
    assert batch["x"].tolist() == [1, 2] and batch["y"][0] == ("a", "b") and batch["y"][1].tolist() == [2, 3]
    batch = default_collate([Point(1, tx.zeros(1)), Point(2, tx.ones(1))])
    assert isinstance(batch, Point) and batch.x.tolist() == [1, 2] and batch.y.tolist() == [[0], [1]]
    assert [part.tolist() for part in default_collate([[1, 2], [3, 4]])] == [[1, 3], [2, 4]]
    with pytest.raises(RuntimeError, match="equal size"):
        default_collate([[1], [1, 2]])
    with pytest.raises(TypeError, match="found <class 'object'>"):
        default_collate([object()])
    with pytest.raises(TypeError, match="NumPy"):
        default_collate([numpy.array(["a"])])


# The loader ---------------------------------------------------------------------------------------


def test_loader():
    loader = DataLoader(Squares(), batch_size=4)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert batches[1][0].tolist() == [[4, 16], [5, 25], [6, 36], [7, 49]] and batches[2][1].tolist() == [8, 9]
    assert len(DataLoader(Squares(), batch_size=4, drop_last=True)) == 2
    assert sorted(i for _, index in DataLoader(Squares(), batch_size=3, shuffle=True) for i in index.tolist()) == list(
        range(10)
    )
    assert [index for _, index in DataLoader(Squares(3), batch_size=None)] == [0, 1, 2]
    assert [b.tolist() for b in DataLoader([1, 2, 3], batch_size=2)] == [[1, 2], [3]]
    assert list(DataLoader([1, 2, 3], batch_size=2, collate_fn=sum)) == [3, 3]
    assert [b.tolist() for b in DataLoader(range(9), batch_sampler=[[3, 1], [8]])] == [[3, 1], [8]]
    assert [b.tolist() for b in DataLoader(range(9), sampler=[4, 2, 0], batch_size=2)] == [[4, 2], [0]]


def test_loader_of_an_iterable():
    assert [b.tolist() for b in DataLoader(Counting(5), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Counting(5), batch_size=2, drop_last=True)] == [[0, 1], [2, 3]]
    assert [b.tolist() for b in DataLoader(Counting(4), batch_size=2)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Counting(3), batch_size=None)) == [0, 1, 2]
    assert (
        len(DataLoader(Counting(5), batch_size=2)) == 3
        and len(DataLoader(Counting(5), batch_size=2, drop_last=True)) == 2
    )


def test_two_runs_at_once():
    loader = DataLoader(range(4), batch_size=2)
    assert [(a.tolist(), b.tolist()) for a in loader for b in loader][1] == ([0, 1], [2, 3])


def test_tensor_dataset_is_indexed_once_per_batch():
    """The fast way gives what the slow one does, through subsets, for negative indices and other samplers too."""
    tensors = tx.randn(20, 3), tx.arange(20), tx.randn(20, dtype=tx.float64)
    data = TensorDataset(*tensors)
    subset = Subset(Subset(data, range(19, 0, -1)), [2, 2, -1, 5, 11, 0])
    for dataset, sampler in (
        (data, None),
        (data, [3, -1, 7]),
        (data, [tx.tensor(3), tx.tensor(1)]),
        (subset, None),
        (subset, [-1, 0]),
    ):
        fast, slow = (
            DataLoader(dataset, 4, sampler=sampler),
            DataLoader(dataset, 4, sampler=sampler, collate_fn=lambda batch: default_collate(batch)),
        )
        for a, b in zip(fast, slow, strict=True):
            assert type(a) is type(b) is list and all(
                tx.equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True)
            )
    counted = []

    class CountedTensors(TensorDataset):
        def __getitem__(self, index):
            counted.append(index)
            return super().__getitem__(index)

    list(DataLoader(CountedTensors(*tensors), 4))
    assert counted == list(range(20))  # a subclass may do anything: it is asked item by item
    (batch,) = next(iter(DataLoader(TensorDataset(tensors[1]), 4)))
    batch += 1
    assert tensors[1].tolist() == list(range(20))  # a batch is a copy
    with pytest.raises(IndexError):
        list(DataLoader(data, sampler=[20]))


def test_getitems():
    class Whole(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [10 * i for i in indices]

    assert [b.tolist() for b in DataLoader(Whole(), 2)] == [[0, 10], [20, 30]]


def test_shuffling_is_reproducible():
    def orders(**options):
        loader = DataLoader(range(30), batch_size=30, shuffle=True, **options)
        return [next(iter(loader)).tolist() for _ in range(2)]

    tx.manual_seed(2)
    first = orders()
    tx.manual_seed(2)
    assert orders() == first and first[0] != first[1]
    generator = tx.Generator()
    runs = []
    for _ in range(2):
        generator.manual_seed(3)
        runs.append(orders(generator=generator))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_workers": -1}, "non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor"),
        ({"persistent_workers": True}, "persistent_workers"),
        ({"shuffle": True, "sampler": [1]}, "mutually exclusive with shuffle"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "mutually exclusive with drop_last"),
        ({"batch_size": 0}, "positive integer"),
    ],
)
def test_loader_errors(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(range(4), **options)


def test_iterable_loader_errors():
    for options in ({"shuffle": True}, {"sampler": [1]}, {"batch_sampler": [[1]]}):
        with pytest.raises(ValueError, match="DataLoader with IterableDataset: expected unspecified"):
            DataLoader(Counting(3), **options)
    with pytest.raises(NotImplementedError):
        iter(Sampler())
    with pytest.raises(NotImplementedError):
        Dataset()[0]
    assert isinstance(Counting(1) + Counting(1), ChainDataset)
