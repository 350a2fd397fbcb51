"""What a worker process knows about itself."""

from __future__ import annotations

from collections import namedtuple

WorkerInfo = namedtuple("WorkerInfo", ["id", "num_workers", "seed", "dataset"])
WorkerInfo.__doc__ = (
    """About a worker process: its number, of how many, the seed of its random numbers, its copy of the data set."""
)

_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process of a DataLoader its WorkerInfo (id, num_workers, seed, dataset); None elsewhere.

    An iterable data set uses it to give each worker a part of its own:

    >>> import tensorx as tx
    >>> class Numbers(tx.utils.data.IterableDataset):
    ...     def __iter__(self):
    ...         info = tx.utils.data.get_worker_info()
    ...         return iter(range(6)) if info is None else iter(range(info.id, 6, info.num_workers))
    >>> [batch.tolist() for batch in tx.utils.data.DataLoader(Numbers(), 2, num_workers=2)]
    [[0, 2], [1, 3], [4], [5]]
    """
    return _info


def set_worker_info(info: WorkerInfo) -> None:
    global _info
    _info = info
