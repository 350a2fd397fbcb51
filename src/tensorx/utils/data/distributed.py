"""A sampler for training on several machines or processes, each with a part of the data set."""

from __future__ import annotations

from collections.abc import Iterator, Sized

from ... import Generator, randperm
from .sampler import Sampler


class DistributedSampler(Sampler[int]):
    """The part of the indices of process `rank`, of `num_replicas`: every num_replicas-th of a permutation that all share.

    Args:
        num_replicas, rank: how many processes there are, and which of them this is.
        shuffle: permute, by a generator seeded with seed + epoch; call set_epoch before each run for another order.
        drop_last: leave out what does not fill all parts; otherwise the first indices are repeated to fill them.

    ValueError for a rank that is not below num_replicas.

    >>> import tensorx as tx
    >>> [list(tx.utils.data.DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in range(2)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None or rank is None:
            raise RuntimeError(
                "Requires distributed package to be available: tensorx has none yet, so give num_replicas and rank"
            )
        if not 0 <= rank < num_replicas:
            raise ValueError(f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]")
        self.dataset, self.num_replicas, self.rank = dataset, num_replicas, rank
        self.shuffle, self.seed, self.drop_last, self.epoch = shuffle, seed, drop_last, 0
        count = len(dataset)
        self.num_samples = count // num_replicas if drop_last else -(-count // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        count = len(self.dataset)
        if self.shuffle:
            generator = Generator()
            generator.manual_seed(self.seed + self.epoch)
            indices = randperm(count, generator=generator).tolist()
        else:
            indices = list(range(count))
        return iter([indices[place % count] for place in range(self.rank, self.total_size, self.num_replicas)])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Choose the permutation of the next run."""
        self.epoch = epoch
