"""The loss of sequences without an alignment."""

from math import inf

from ... import int32, int64, tensor
from ...ops.ctc import ctc
from ...ops.define import composite
from ._reduction import reduced


@composite
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Connectionist temporal classification: minus the log likelihood of `targets` under all their alignments.

    Args:
        log_probs: log-probabilities (t, n, classes) or (t, classes), as log_softmax makes them.
        targets: classes (n, s), or all of them one after the other (the sum of target_lengths,).
        input_lengths, target_lengths: of each example (n); numbers, tuples or tensors of integers.
        blank: the class that is no label.
        reduction: 'mean' divides each loss by the target's length first.
        zero_infinity: losses of examples too short for their targets, and their gradients, are 0 instead of infinite.

    Graves et al. 2006.

    >>> import tensorx as tx
    >>> log_probs = tx.full((3, 1, 2), 0.5).log()
    >>> tx.nn.functional.ctc_loss(log_probs, tx.tensor([[1]]), (3,), (1,)).exp()  # 6 of 8 sequences collapse to 1
    tensor(1.3333)
    """
    if log_probs.dim() not in (2, 3):
        raise RuntimeError(
            f"ctc_loss(): expected log_probs of shape (time, batch, classes) or (time, classes), got {tuple(log_probs.shape)}"
        )
    batched = log_probs.dim() == 3
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    times, count, classes = log_probs.shape
    if times == 0:
        raise RuntimeError("ctc_loss(): log_probs tensor must not be empty")
    if not 0 <= blank < classes:
        raise RuntimeError(f"ctc_loss(): blank must be in label range [0, {classes}), got {blank}")
    if targets.dtype not in (int32, int64):
        raise RuntimeError(f"ctc_loss(): expected int32 or int64 targets, got {targets.dtype}")
    input_lengths = _lengths("input_lengths", input_lengths, count, times)
    target_lengths = _lengths("target_lengths", target_lengths, count, None)
    targets = _padded(targets.to(int64), target_lengths, count, batched)
    if targets.numel() and not 0 <= min(bounds := targets.aminmax()) <= max(bounds) < classes:
        raise RuntimeError(
            f"ctc_loss(): targets must be classes in [0, {classes}), got values from {bounds[0].item()} to {bounds[1].item()}"
        )
    loss = ctc(
        log_probs,
        targets,
        tensor(input_lengths, dtype=int64, device=log_probs.device),
        tensor(target_lengths, dtype=int64, device=log_probs.device),
        blank,
    )[0]
    if zero_infinity:
        loss = loss.masked_fill(loss == inf, 0.0)
    if reduction == "mean":
        loss = loss / tensor([max(n, 1) for n in target_lengths], dtype=loss.dtype, device=loss.device)
    elif reduction == "none" and not batched:
        return loss.squeeze(0)
    return reduced(loss, reduction)


def _lengths(name, given, count, most):
    """The lengths as a list, checked."""
    lengths = given.reshape(-1).tolist() if hasattr(given, "tolist") else given
    lengths = [int(n) for n in (lengths if isinstance(lengths, (tuple, list)) else [lengths])]
    if len(lengths) != count:
        raise RuntimeError(f"ctc_loss(): {name} must be of size batch_size {count}, got {len(lengths)}")
    for n in lengths:
        if n < 0 or (most is not None and n > most):
            raise RuntimeError(
                f"ctc_loss(): Expected {name} to have values from 0 to {'the length of targets' if most is None else most}, "
                f"but got value {n}"
            )
    return lengths


def _padded(targets, lengths, count, batched):
    """Targets (n, longest). What lies beyond a target's length is 0."""
    longest = max(lengths, default=0)
    if batched and targets.dim() == 2:
        if targets.shape[0] != count or targets.shape[1] < longest:
            raise RuntimeError(
                f"ctc_loss(): Expected targets to have size {count} at dimension 0 and at least {longest} at dimension 1, but "
                f"got size {tuple(targets.shape)}"
            )
        rows = [row[:n] for row, n in zip(targets, lengths)]
    elif targets.dim() == 1:
        if sum(lengths) != targets.numel():
            raise RuntimeError(
                f"ctc_loss(): Expected targets to have sum(target_lengths) = {sum(lengths)} elements, but got {targets.numel()}"
            )
        rows = targets.split(lengths)
    else:
        raise RuntimeError(
            f"ctc_loss(): expected targets of one dimension or, for a batch, two, got shape {tuple(targets.shape)}"
        )
    padded = targets.new_zeros((count, longest))
    for to, row in zip(padded, rows):
        to[: row.numel()] = row
    return padded
