"""Fetch: from indices to a batch, in this process or in a worker."""

from __future__ import annotations

from collections.abc import Callable

from ... import tensor
from .collate import default_collate
from .dataset import IterableDataset, Subset, TensorDataset, items_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Exhausted:
    """What a fetch gives (the class itself) when an iterable data set has no more examples."""


def make_fetch(dataset: Any, batched: bool, collate_fn: Callable[[Any], Any], drop_last: bool) -> Callable[[Any], Any]:
    """The function from one item of a sampler (an index, or a list of them if `batched`) to what the loader gives."""
    if isinstance(dataset, IterableDataset):
        return _fetch_iterable(iter(dataset), batched, collate_fn, drop_last)
    if not batched:
        return _guarded(lambda index: collate_fn(dataset[index]))
    tensors, subsets = _tensors_of(dataset) if collate_fn is default_collate else (None, ())

    def fetch(indices):
        if tensors is None or not all(type(index) is int for index in indices):
            return collate_fn(items_of(dataset, indices))
        for subset in subsets:
            indices = [subset.indices[index] for index in indices]
        rows = tensor(indices)
        return [each[rows] for each in tensors]

    return _guarded(fetch)


def _fetch_iterable(examples, batched, collate_fn, drop_last):
    def fetch(places):
        if not batched:
            example = next(examples, Exhausted)
            return Exhausted if example is Exhausted else collate_fn(example)
        batch = [example for _, example in zip(places, examples)]
        if not batch or (len(batch) < len(places) and drop_last):
            return Exhausted
        return collate_fn(batch)

    return _guarded(fetch)


def _guarded(fetch):
    """A StopIteration out of a data set would end the loop around the loader, silently."""

    def guarded(item):
        try:
            return fetch(item)
        except StopIteration as error:
            raise RuntimeError("the data set or collate_fn raised StopIteration: let it raise another error") from error

    return guarded


def _tensors_of(dataset):
    """The tensors of a TensorDataset and the Subsets around it, outermost first; (None, ()) for other data sets."""
    subsets = []
    while type(dataset) is Subset:
        subsets.append(dataset)
        dataset = dataset.dataset
    return (dataset.tensors, subsets) if type(dataset) is TensorDataset else (None, ())
