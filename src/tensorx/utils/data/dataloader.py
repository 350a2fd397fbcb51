"""DataLoader: batches of a data set, made in this process or by worker processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence

from ... import Generator
from ...cuda.device import is_available
from ._generic import Generic, T
from ._seed import draw_seed
from .collate import default_collate, default_convert, pin_memory
from .dataset import Dataset, IterableDataset
from .fetch import Exhausted, make_fetch
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

    Args:
        dataset: map-style, or iterable (then without sampler and shuffle).
        batch_size: examples in a batch; None switches batching off.
        shuffle: a new permutation at every run.
        sampler, batch_sampler: take the place of shuffle, or of all four.
        num_workers: processes that make the batches; 0 makes them in this process. Where the data set is deterministic,
            the batches are the same for any number.
        collate_fn: makes a batch of a list of examples; `default_collate` stacks tensors.
        pin_memory: batches in page-locked memory, where there is a CUDA device.
        drop_last: leave out a last batch that is not full.
        timeout: seconds to wait for a batch of the workers before RuntimeError; 0 waits for ever.
        worker_init_fn: called with its number in each worker, after seeding.
        multiprocessing_context: "fork", "spawn", "forkserver", or a context of `multiprocessing`; its default by default.
            Forked workers cannot use CUDA once this process has.
        generator: of the permutation, and of the workers' seeds.
        prefetch_factor: how many batches each worker is ahead, 2 by default.
        persistent_workers: keep the workers, with their data sets, from run to run.
        pin_memory_device: not used; CUDA is the only device that pins.
        in_order: give batches in the order of the sampler; False: as they are ready.

    A worker is seeded with (a number drawn at the start of the run) + its number, for tensorx, `random` and NumPy; it
    computes with one thread. Its tensors arrive in shared memory, without a copy here. An exception in a worker is raised
    here, of the same type, with the worker's traceback in its message. Workers end with the iterator.

    Batches of a TensorDataset (or a Subset of one) with the default collate_fn are indexed in one go: data that fits in
    memory is loaded fastest that way, without workers.

    ValueError for options that do not go together. RuntimeError if a worker is killed or exits.

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
    prefetch_factor: Any
    said_length: int | None = None  # what len() said of an iterable data set
    _fixed = False  # from the end of __init__ on

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
        self.num_workers, self.persistent_workers, self.timeout = num_workers, persistent_workers, timeout
        self.prefetch_factor = 2 if num_workers and prefetch_factor is None else prefetch_factor
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn, self.in_order = worker_init_fn, in_order
        self.multiprocessing_context = _context(multiprocessing_context, num_workers)
        self._iterator: Any = None
        self._fixed = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._fixed and name in _FIXED:
            raise ValueError(
                f"{name} attribute should not be set after {type(self).__name__} is initialized: make a new loader"
            )
        super().__setattr__(name, value)

    @property
    def index_sampler(self) -> Any:
        """What says which examples to load: the batch sampler, or the sampler where there are no batches."""
        return self.sampler if self.batch_sampler is None else self.batch_sampler

    @property
    def pins(self) -> bool:
        """Whether batches are pinned: pin_memory asks for it, and there is a CUDA device."""
        return self.pin_memory and is_available()

    def __iter__(self) -> Iterator[Any]:
        if self.pin_memory and not self.pins:
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be used.",
                stacklevel=2,
            )
        if not self.num_workers:
            return _InThisProcess(self)
        from .workers import WorkerIterator

        if not self.persistent_workers:
            return WorkerIterator(self)
        if self._iterator is None or self._iterator.closed:
            self._iterator = WorkerIterator(self)
        else:
            self._iterator.restart(self.said_length)
        return self._iterator

    def __len__(self) -> int:
        """The number of batches (of examples without batching). TypeError if the data set does not know its length."""
        if not isinstance(self.dataset, IterableDataset):
            return len(self.index_sampler)
        length = len(self.dataset)
        if self.batch_size is not None:
            length = length // self.batch_size if self.drop_last else -(-length // self.batch_size)
        self.said_length = length
        return length


class LoaderIterator(Iterator):
    """One run through a data set."""

    def __init__(self, loader: DataLoader) -> None:
        self._loader, self._count = loader, 0

    def __len__(self) -> int:
        return len(self._loader.index_sampler)

    def __next__(self) -> Any:
        batch = self._make()
        self._count += 1
        said = self._loader.said_length
        if said is not None and self._count == said + 1:
            warnings.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {said} (when accessing len(dataloader)), "
                f"but {self._count} samples have been fetched. With num_workers > 0 each worker runs through the whole data "
                "set, unless its __iter__ asks get_worker_info() which part it is to give.",
                stacklevel=2,
            )
        return batch

    def _make(self):
        """The next batch; StopIteration after the last one."""
        raise NotImplementedError


class _InThisProcess(LoaderIterator):
    """Batches made when they are asked for."""

    def __init__(self, loader):
        if loader.timeout:
            raise AssertionError(
                f"timeout={loader.timeout} is for worker processes: give num_workers > 0, or leave it out"
            )
        super().__init__(loader)
        self._items = iter(loader.index_sampler)
        # One draw per run, as for the seeds of workers: it keeps the default generator's sequence the same whether or
        # not there are any.
        draw_seed(loader.generator)
        self._fetch = make_fetch(loader.dataset, loader.batch_sampler is not None, loader.collate_fn, loader.drop_last)
        self._pins = loader.pins

    def _make(self):
        batch = self._fetch(next(self._items))
        if batch is Exhausted:
            raise StopIteration
        return pin_memory(batch) if self._pins else batch


_FIXED = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")


def _context(given, num_workers):
    """The multiprocessing context that an argument stands for; None for the default one."""
    if given is None:
        return None
    if not num_workers:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0"
        )
    import multiprocessing
    from multiprocessing.context import BaseContext

    if isinstance(given, str):
        methods = multiprocessing.get_all_start_methods()
        if given not in methods:
            raise ValueError(
                f"multiprocessing_context option should specify a valid start method in {methods}, but got "
                f"multiprocessing_context={given!r}"
            )
        return multiprocessing.get_context(given)
    if not isinstance(given, BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string specifying the start method, "
            f"but got multiprocessing_context={given}"
        )
    return given


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
    if timeout < 0:
        raise ValueError(f"timeout option should be non-negative, got {timeout}")
    if not num_workers and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing. let num_workers > 0 to enable "
            "multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 1:
        raise ValueError(f"prefetch_factor option should be positive, got {prefetch_factor}: no batch would be loaded")
    if persistent_workers and not num_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or num_workers
    if num_workers > cores:
        warnings.warn(
            f"This DataLoader will create {num_workers} worker processes in total. Our suggested max number of worker in "
            f"current system is {cores}: more make loading slower, unless they mostly wait for files.",
            stacklevel=3,
        )


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
