"""Look-ups that are summed, averaged or compared at once."""

import math

from ... import arange, cat, int32, int64
from ...ops.index import bincount, embedding


def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima of bags of rows of `weight` (n, d): (bags, d).

    Args:
        input: the rows' numbers: (bags, size), or all bags one after the other with `offsets`.
        offsets: where each bag begins; with include_last_offset also where the last one ends: what comes after is in
            no bag.
        mode: 'sum', 'mean' or 'max'. An empty bag gives 0.
        per_sample_weights: factors of input's shape, with mode 'sum'.
        padding_idx: a row that does not count and gets no gradient.
        max_norm, norm_type, scale_grad_by_freq, sparse: as in `embedding`.

    >>> import tensorx as tx
    >>> table = tx.tensor([[1.0], [2.0], [4.0]])
    >>> tx.nn.functional.embedding_bag(tx.tensor([0, 1, 2]), table, tx.tensor([0, 1]), mode="sum").tolist()
    [[1.0], [6.0]]
    """
    if mode not in ("sum", "mean", "max"):
        raise ValueError(f"embedding_bag(): mode has to be one of sum, mean or max, got {mode!r}")
    if input.dtype not in (int32, int64):
        raise RuntimeError(f"embedding_bag(): expected input of dtype int32 or int64, got {input.dtype}")
    if weight.dim() != 2:
        raise RuntimeError(f"embedding_bag(): expected weight of 2 dimensions, got shape {tuple(weight.shape)}")
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                f"embedding_bag(): per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got mode='{mode}')"
            )
        if per_sample_weights.shape != input.shape:
            raise ValueError(
                f"embedding_bag(): If per_sample_weights ({tuple(per_sample_weights.shape)}) is not None, then it must have "
                f"the same shape as the input ({tuple(input.shape)})"
            )
    if mode == "max" and scale_grad_by_freq:
        raise RuntimeError("embedding_bag(): max mode does not support scaling the gradient by the frequency")
    begins, ends, used = _bags(input, offsets, include_last_offset)
    numbers = input.reshape(-1)[:used].to(int64)
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise RuntimeError(
                f"embedding_bag(): padding_idx must be within the number of embeddings, {weight.shape[0]}, got {padding_idx}"
            )
        padding_idx %= weight.shape[0]
    rows = embedding(numbers, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    counted = None if padding_idx is None else numbers != padding_idx
    if mode == "max":
        return _maxima(rows, begins, ends, counted)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)[:used]
    if counted is not None:
        rows = rows.masked_fill(~counted.unsqueeze(1), 0.0)
    count = begins.numel()
    bag = _bag_of_each(begins, numbers.numel())
    sums = rows.new_zeros((count, rows.shape[1])).index_add(0, bag, rows)
    if mode == "sum":
        return sums
    sizes = bincount(bag if counted is None else bag[counted], minlength=count)
    return sums / sizes.clamp(min=1).to(sums.dtype).unsqueeze(1)


def _bags(input, offsets, include_last_offset):
    """Where each bag begins and ends among all numbers, and how many of those are in a bag."""
    if input.dim() == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag(): if input is 2D, then offsets has to be None, as input is treated as a mini-batch of fixed "
                f"length sequences. However, found offsets of shape {tuple(offsets.shape)}"
            )
        bags, size = input.shape
        begins = arange(bags, device=input.device) * size
        return begins, begins + size, input.numel()
    if input.dim() != 1:
        raise ValueError(f"embedding_bag(): input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}")
    if offsets is None:
        raise ValueError("embedding_bag(): offsets has to be a 1D Tensor but got None, for an input of one dimension")
    if offsets.dim() != 1 or offsets.dtype not in (int32, int64):
        raise ValueError(
            f"embedding_bag(): offsets has to be a 1D Tensor of integers, got {offsets.dtype} of shape {tuple(offsets.shape)}"
        )
    offsets = offsets.to(int64)
    places, total = offsets.tolist(), input.numel()
    if include_last_offset and not places:
        raise ValueError("embedding_bag(): with include_last_offset, expected at least one offset")
    if places and places[0] != 0:
        raise RuntimeError(
            "embedding_bag(): offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position "
            f"0. However, got {places[0]}"
        )
    if any(a > b for a, b in zip(places, [*places[1:], total])):
        raise RuntimeError(
            f"embedding_bag(): offsets must not decrease, nor exceed the input's length, {total}: got {places[:8]}"
        )
    if include_last_offset:
        return offsets[:-1], offsets[1:], places[-1]
    return offsets, cat([offsets[1:], offsets.new_full((1,), total)])[: offsets.numel()], total


def _bag_of_each(begins, total):
    """The bag of each number: of those that begin at or before it, the last."""
    from ... import searchsorted

    return searchsorted(begins, arange(total, device=begins.device), right=True) - 1


def _maxima(rows, begins, ends, counted):
    longest = int((ends - begins).max().item()) if begins.numel() else 0
    if longest == 0:
        return rows.new_zeros((begins.numel(), rows.shape[1])) + rows[:0].sum()  # 0, and of their history
    place = begins.unsqueeze(1) + arange(longest, device=begins.device)
    there = place < ends.unsqueeze(1)
    place = place.where(there, 0)
    if counted is not None:
        there = there & counted[place]
    largest = rows[place].masked_fill(~there.unsqueeze(2), -math.inf).max(1).values
    return largest.masked_fill(~there.any(1, keepdim=True), 0.0)
