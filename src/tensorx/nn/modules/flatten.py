"""Flatten, Unflatten."""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor
from .module import Module


class Flatten(Module):
    """Merge the dimensions `start_dim` to `end_dim` into one; by default all but the batch.

    >>> import tensorx as tx
    >>> tx.nn.Flatten()(tx.zeros(32, 1, 5, 5)).shape
    tensorx.Size([32, 25])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split dimension `dim` into several, of the sizes `unflattened_size` (one of them may be -1).

    >>> import tensorx as tx
    >>> tx.nn.Unflatten(1, (2, 5, 5))(tx.zeros(2, 50)).shape
    tensorx.Size([2, 2, 5, 5])
    """

    def __init__(self, dim: int | str, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(
                f"Unflatten: dim must be an int, not {type(dim).__name__}: tensors have no named dimensions here"
            )
        if not isinstance(unflattened_size, (tuple, list)) or not all(
            isinstance(size, int) for size in unflattened_size
        ):
            raise TypeError(f"unflattened_size must be tuple of ints, but found {unflattened_size!r}")
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
