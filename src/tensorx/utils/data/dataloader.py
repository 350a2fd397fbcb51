"""DataLoader: batches of a data set, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ... import Generator, tensor
from ...cuda.device import is_available
from ._generic import Generic, T
from ._seed import draw_seed
from .collate import default_collate, default_convert, pin_memory
from .dataset import Dataset, IterableDataset, Subset, TensorDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Forever(Sampler[None]):
    """The sampler of an iterable data set: it only says how many examples to take."""

    def __iter__(self):
        while True:
            yield None


class DataLoader(Generic[T]):
    """Run through a data set in batches.

    dataset: map-style, or iterable (then without sampler and shuffle). batch_size: None switches batching off.
    shuffle: a new permutation at every run. sampler, batch_sampler: take the place of shuffle, or of all four.
    collate_fn: makes a batch of a list of examples; `default_collate` stacks tensors. drop_last: leave out a last
    batch that is not full. generator: of the permutation. num_workers: only 0 for now. pin_memory: batches in
    page-locked memory, where there is a CUDA device. timeout, worker_init_fn, multiprocessing_context,
    pin_memory_device and in_order concern workers.

    Batches of a TensorDataset (or a Subset of one) with the default collate_fn are indexed in one go.

    >>> import tensorx as tx
    >>> data = tx.utils.data.TensorDataset(tx.arange(5), tx.arange(5) * 10)
    >>> for x, y in tx.utils.data.DataLoader(data, batch_size=2):
    ...     print(x.tolist(), y.tolist())
    [0, 1] [0, 10]
    [2, 3] [20, 30]
    [4] [40]
    """

    sampler: Any
    batch_sampler: Any
    collate_fn: Callable[[Any], Any]

    def __init__(
        self,
        dataset: Dataset[T] | Sequence[T],
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[Any] | None = None,
        batch_sampler: Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], object] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        _check_sampling(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        if sampler is None:
            if isinstance(dataset, IterableDataset):
                sampler = _Forever()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_sampler is not None:
            batch_size, drop_last = None, False
        elif batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset, self.batch_size, self.drop_last = dataset, batch_size, drop_last
        self.sampler, self.batch_sampler, self.generator = sampler, batch_sampler, generator
        self.collate_fn = collate_fn or (default_convert if batch_sampler is None else default_collate)
        self.num_workers, self.prefetch_factor, self.persistent_workers = (
            num_workers,
            prefetch_factor,
            persistent_workers,
        )
        self.pin_memory, self.pin_memory_device, self.timeout = pin_memory, pin_memory_device, timeout
        self.worker_init_fn, self.multiprocessing_context, self.in_order = (
            worker_init_fn,
            multiprocessing_context,
            in_order,
        )

    def __iter__(self) -> Iterator[Any]:
        # One draw per run, as PyTorch makes for the seeds of its workers: it keeps the default generator's
        # sequence the same whether or not there are workers.
        draw_seed(self.generator)
        batches = self._batches()
        return map(pin_memory, batches) if self.pin_memory and is_available() else batches

    def _batches(self):
        if isinstance(self.dataset, IterableDataset):
            return self._iterate_iterable()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[index]) for index in self.sampler)
        return self._iterate_batches()

    def _iterate_batches(self):
        tensors, subsets = _tensors_of(self.dataset) if self.collate_fn is default_collate else (None, ())
        for indices in self.batch_sampler:
            if tensors is not None and all(type(index) is int for index in indices):
                for subset in subsets:
                    indices = [subset.indices[index] for index in indices]
                rows = tensor(indices)
                yield [each[rows] for each in tensors]
            elif hasattr(self.dataset, "__getitems__"):
                yield self.collate_fn(self.dataset.__getitems__(indices))
            else:
                yield self.collate_fn([self.dataset[index] for index in indices])

    def _iterate_iterable(self):
        examples = iter(self.dataset)
        if self.batch_sampler is None:
            yield from map(self.collate_fn, examples)
            return
        for places in self.batch_sampler:
            batch = [example for _, example in zip(places, examples)]
            if not batch or (len(batch) < len(places) and self.drop_last):
                return
            yield self.collate_fn(batch)
            if len(batch) < len(places):
                return

    def __len__(self) -> int:
        """The number of batches (of examples without batching). TypeError if the data set does not know its length."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)
        examples = len(self.dataset)
        if self.batch_size is None:
            return examples
        return examples // self.batch_size if self.drop_last else -(-examples // self.batch_size)


def _tensors_of(dataset):
    """The tensors of a TensorDataset and the Subsets around it, outermost first; (None, ()) for other data sets."""
    subsets = []
    while type(dataset) is Subset:
        subsets.append(dataset)
        dataset = dataset.dataset
    return (dataset.tensors, subsets) if type(dataset) is TensorDataset else (None, ())


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if num_workers > 0:
        raise ValueError(
            f"num_workers={num_workers}: worker processes are not available yet. Use num_workers=0, which loads in this "
            "process; for data that fits in memory, a TensorDataset is loaded fastest that way."
        )
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. let num_workers > 0 to enable multiprocessing"
        )
    if persistent_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_sampling(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last):
    if isinstance(dataset, IterableDataset):
        for name, value in (("shuffle", shuffle or None), ("sampler", sampler), ("batch_sampler", batch_sampler)):
            if value is not None:
                raise ValueError(
                    f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                )
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None and (batch_size != 1 or shuffle or sampler is not None or drop_last):
        raise ValueError("batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last")
    if batch_size is None and drop_last:
        raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
