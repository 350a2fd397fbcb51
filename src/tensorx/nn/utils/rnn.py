"""Batches of sequences of various lengths: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable

import tensorx

from ... import Tensor, arange, cat, empty_like, full, tensor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NamedTuple, Self

    class _Fields(NamedTuple):
        data: Tensor
        batch_sizes: Tensor
        sorted_indices: Tensor | None
        unsorted_indices: Tensor | None

else:
    from collections import namedtuple

    _Fields = namedtuple("PackedSequence_", "data batch_sizes sorted_indices unsorted_indices")

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


class PackedSequence(_Fields):
    """A batch of sequences without padding, as recurrent nets take it; made by `pack_sequence` or `pack_padded_sequence`.

    data: the first elements of all sequences, the longest first, then the second elements of those that have one, and so on.
    batch_sizes: how many there are at each step, int64, always on the CPU.
    sorted_indices: the number that each sequence, from the longest to the shortest, had when they were given;
    unsorted_indices: the inverse. Both None if they were given in that order.

    >>> import tensorx as tx
    >>> packed = tx.nn.utils.rnn.pack_sequence([tx.tensor([1, 2, 3]), tx.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Any,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> Self:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError(
                    "PackedSequence: without batch_sizes, expected data to be a pair (data, batch_sizes)"
                )
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                f"PackedSequence: batch_sizes should always be on CPU, got {batch_sizes.device}: make packed sequences by "
                "pack_sequence or pack_padded_sequence, and move them by PackedSequence.to"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _indices(self, change):
        return [None if x is None else change(x) for x in (self.sorted_indices, self.unsorted_indices)]

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """With data moved or converted as by Tensor.to; batch_sizes stay where they are."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, *self._indices(lambda x: x.to(data.device)))

    def cuda(self, device: Any = None) -> Self:
        """With data on a CUDA device."""
        return self.to("cuda" if device is None else device)

    def cpu(self) -> Self:
        """With data on the CPU."""
        return self.to("cpu")

    def pin_memory(self) -> Self:
        """With data in page-locked memory."""
        return type(self)(self.data.pin_memory(), self.batch_sizes, *self._indices(lambda x: x.pin_memory()))

    def is_pinned(self) -> bool:
        """Whether data is in page-locked memory."""
        return self.data.is_pinned()

    @property
    def is_cuda(self) -> bool:
        """Whether data is on a CUDA device."""
        return self.data.is_cuda

    def double(self) -> Self:
        """With data as float64."""
        return self.to(tensorx.float64)

    def float(self) -> Self:
        """With data as float32."""
        return self.to(tensorx.float32)

    def half(self) -> Self:
        """With data as float16."""
        return self.to(tensorx.float16)

    def long(self) -> Self:
        """With data as int64."""
        return self.to(tensorx.int64)

    def int(self) -> Self:
        """With data as int32."""
        return self.to(tensorx.int32)

    def short(self) -> Self:
        """With data as int16."""
        return self.to(tensorx.int16)

    def char(self) -> Self:
        """With data as int8."""
        return self.to(tensorx.int8)

    def byte(self) -> Self:
        """With data as uint8."""
        return self.to(tensorx.uint8)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The inverse of a permutation given as a 1-d tensor of indices; None stays None.

    >>> import tensorx as tx
    >>> tx.nn.utils.rnn.invert_permutation(tx.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    positions = arange(permutation.numel(), device=permutation.device)
    return empty_like(permutation).scatter_(0, permutation, positions.to(permutation.dtype))


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | list[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch: input (T, N, *), or (N, T, *) with batch_first, and the length of each sequence (N), on the CPU.

    With enforce_sorted=False the sequences may be in any order; else lengths must not increase.

    >>> import tensorx as tx
    >>> padded = tx.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    >>> packed = tx.nn.utils.rnn.pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False)
    >>> packed.data, packed.batch_sizes, packed.sorted_indices
    (tensor([4, 1, 3, 5, 2, 6]), tensor([3, 2, 1]), tensor([2, 0, 1]))
    """
    name = "pack_padded_sequence"
    lengths = lengths.to(tensorx.int64) if isinstance(lengths, Tensor) else tensor(lengths, dtype=tensorx.int64)
    if lengths.dim() != 1 or lengths.device.type != "cpu":
        raise RuntimeError(
            f"{name}: 'lengths' argument should be a 1D CPU int64 tensor, but got {lengths.dim()}D {lengths.device} tensor"
        )
    if input.dim() < 2:
        raise IndexError(
            f"{name}: expected input (T, N, *) or, with batch_first, (N, T, *), got shape {tuple(input.shape)}"
        )
    if input.numel() == 0:
        raise RuntimeError(f"{name}: Cannot pack empty tensors.")
    input = input.transpose(0, 1) if batch_first else input
    steps, batch = input.shape[:2]
    if lengths.numel() != batch:
        other = "" if lengths.numel() != steps else f": with batch_first={not batch_first} it would be"
        raise RuntimeError(
            f"{name}: Expected `len(lengths)` to be equal to batch_size, but got {lengths.numel()} (batch_size={batch}){other}"
        )
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest <= 0:
        raise RuntimeError(
            f"{name}: Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if longest > steps:
        raise RuntimeError(
            f"{name}: found length {longest} in 'lengths', but the padded sequences have {steps} elements"
        )
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True, stable=True)
        sorted_indices = sorted_indices.to(input.device)
        input = input.index_select(1, sorted_indices)
    elif (lengths[1:] > lengths[:-1]).any():
        raise RuntimeError(
            f"{name}: `lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement"
        )
    within = arange(longest).unsqueeze(1) < lengths
    return PackedSequence(input[:longest][within.to(input.device)], within.sum(1), sorted_indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """The inverse of `pack_padded_sequence`: (padded, lengths), in the order in which the sequences were packed.

    padded is (T, N, *), or (N, T, *) with batch_first; T is the longest length, or total_length if that is given.

    >>> import tensorx as tx
    >>> packed = tx.nn.utils.rnn.pack_sequence([tx.tensor([1, 2]), tx.tensor([3])])
    >>> tx.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    data, batch_sizes = sequence.data, sequence.batch_sizes
    longest = batch_sizes.size(0)
    steps = longest if total_length is None else total_length
    if steps < longest:
        raise ValueError(
            "pad_packed_sequence: Expected total_length to be at least the length of the longest sequence in input, but "
            f"got total_length={total_length} and max sequence length being {longest}"
        )
    within = arange(int(batch_sizes[0])) < batch_sizes.unsqueeze(1)
    lengths = within.sum(0)
    padded = full((steps, *within.shape[1:], *data.shape[1:]), padding_value, dtype=data.dtype, device=data.device)
    padded[:longest][within.to(data.device)] = data
    padded = padded.transpose(0, 1) if batch_first else padded
    if sequence.unsorted_indices is None:
        return padded, lengths
    indices = sequence.unsorted_indices
    return padded.index_select(0 if batch_first else 1, indices), lengths[indices.cpu()]


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right"
) -> Tensor:
    """Sequences (L, *) of various lengths L as one tensor (T, N, *), or (N, T, *) with batch_first, T the longest L.

    padding_side: "right" puts the padding after a sequence, "left" before it.

    >>> import tensorx as tx
    >>> tx.nn.utils.rnn.pad_sequence([tx.tensor([1, 2]), tx.tensor([3])], batch_first=True, padding_value=-1)
    tensor([[ 1,  2],
            [ 3, -1]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("pad_sequence: received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"pad_sequence: Expected padding_side to be one of left or right, but got {padding_side}.")
    first = sequences[0]
    for i, x in enumerate(sequences):
        if x.dim() == 0 or x.shape[1:] != first.shape[1:]:
            raise RuntimeError(
                f"pad_sequence: expected sequences (L, *) that agree in all but their length, got shape {tuple(first.shape)} "
                f"for number 0 and {tuple(x.shape)} for number {i}"
            )
    lengths = tensor([len(x) for x in sequences]).unsqueeze(1)
    longest = int(lengths.max())
    position = arange(longest)
    within = (position < lengths if padding_side == "right" else position >= longest - lengths).to(first.device)
    shape = (len(sequences), longest, *first.shape[1:])
    padded = full(shape, padding_value, dtype=first.dtype, device=first.device)
    padded[within] = cat([x.to(first.dtype) for x in sequences])
    return padded if batch_first else padded.transpose(0, 1).contiguous()


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded batch (T, N, *), or (N, T, *) with batch_first, without their padding.

    >>> import tensorx as tx
    >>> tx.nn.utils.rnn.unpad_sequence(tx.tensor([[1, 2], [3, 0]]), tx.tensor([2, 1]), batch_first=True)
    [tensor([1, 2]), tensor([3])]
    """
    sequences = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    if sequences.size(0) != len(lengths):
        raise ValueError(
            f"unpad_sequence: expected a length for each of the {sequences.size(0)} sequences, got {len(lengths)}; is "
            f"batch_first={batch_first} right for a batch of shape {tuple(padded_sequences.shape)}?"
        )
    lengths = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    return [sequence[:length] for sequence, length in zip(sequences, lengths)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L, *); with enforce_sorted=False they may be in any order, else their lengths must not increase.

    >>> import tensorx as tx
    >>> tx.nn.utils.rnn.pack_sequence([tx.tensor([1, 2]), tx.tensor([3])]).data
    tensor([1, 3, 2])
    """
    lengths = [x.size(0) for x in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences of a packed batch, in the order in which they were packed.

    >>> import tensorx as tx
    >>> packed = tx.nn.utils.rnn.pack_sequence([tx.tensor([1, 2]), tx.tensor([3])])
    >>> tx.nn.utils.rnn.unpack_sequence(packed)
    [tensor([1, 2]), tensor([3])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
