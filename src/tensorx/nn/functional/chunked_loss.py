"""Cross entropy of a linear map, without all of its logits in memory at once."""

from __future__ import annotations

from collections import namedtuple
from math import prod

from ... import bfloat16, cat, float16, float32, float64, int64
from ...ops.loss import cross_entropy
from ...ops.matmul import linear
from ._reduction import check_reduction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ... import dtype


class LinearCrossEntropyOptions(
    namedtuple(
        "LinearCrossEntropyOptions",
        ["allow_retain_graph", "batch_chunk_size", "chunking_method", "acc_policy", "acc_dtype"],
    )
):
    """How `linear_cross_entropy` goes through its batch in chunks.

    allow_retain_graph: accepted for PyTorch's sake; backward may always run again.
    batch_chunk_size: rows per chunk.
    chunking_method: the rule for batch_chunk_size. "aspect_ratio": the logits of a chunk take about the memory of the
        input; "aspect_ratio:N": an N-th of it; "auto" is "aspect_ratio:2"; None: batch_chunk_size alone counts.
    acc_policy: "accurate", "balanced", "compact" or "auto": accepted for PyTorch's sake; there is one policy, which
        adds up all gradients in acc_dtype.
    acc_dtype: of the computation; None is float32 for half types, and else the input's dtype.

    ValueError for anything else.

    >>> import tensorx as tx
    >>> tx.nn.LinearCrossEntropyOptions(batch_chunk_size=128).batch_chunk_size
    128
    """

    __slots__ = ()

    def __new__(
        cls,
        allow_retain_graph: bool = False,
        batch_chunk_size: int | None = None,
        chunking_method: str | None = "auto",
        acc_policy: str = "auto",
        acc_dtype: dtype | None = None,
    ) -> LinearCrossEntropyOptions:
        if acc_policy not in ("auto", "accurate", "balanced", "compact"):
            raise ValueError(f"invalid acc_policy: {acc_policy!r}")
        if chunking_method not in (None, "auto"):
            name, colon, factor = chunking_method.partition(":")
            if name != "aspect_ratio" or (colon and not (factor.isdigit() and int(factor) > 0)):
                raise ValueError(
                    f"invalid chunking_method: {chunking_method!r}: expected 'auto', 'aspect_ratio', 'aspect_ratio:N' or None"
                )
        if not (batch_chunk_size is None or (isinstance(batch_chunk_size, int) and batch_chunk_size > 0)):
            raise ValueError(f"batch_chunk_size must be positive int or None, got {batch_chunk_size!r}")
        if acc_dtype not in (None, float16, bfloat16, float32, float64):
            raise ValueError(f"acc_dtype must be a floating-point dtype or None, got {acc_dtype!r}")
        return super().__new__(cls, allow_retain_graph, batch_chunk_size, chunking_method, acc_policy, acc_dtype)

    def rows(self, batch: int, features: int, classes: int) -> int:
        """Rows per chunk, for an input (batch, features) and so many classes."""
        given, method = self.batch_chunk_size, self.chunking_method
        if method is None or (method == "auto" and given is not None):
            return batch if given is None else min(given, batch)
        factor = int(("aspect_ratio:2" if method == "auto" else method).partition(":")[2] or 1)
        target = -(-batch // max(-(-classes // max(features, 1)), 1))
        rows = max(min((1 << max(target - 1, 0).bit_length()) // factor, batch), 1)  # the next power of two, divided
        if given not in (None, rows):
            raise ValueError(
                f"batch_chunk_size (={given}) and chunking_method ({method!r}) give different chunk sizes "
                f"({given} vs {rows}); pass only one"
            )
        return rows


def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """cross_entropy(linear(input, linear_weight, linear_bias), target); with `options` in chunks of the batch.

    Args:
        input: (features) or (n, features).
        linear_weight, linear_bias: (classes, ..., features) and (classes, ...); the logits are then (n, classes, ...).
        target, weight, reduction, label_smoothing: as in cross_entropy. ignore_index (-100 by default) is for targets
            that are classes.
        options: a LinearCrossEntropyOptions. Each chunk's logits are dropped after the forward pass, and computed again
            by backward: peak memory is that of one chunk's.

    >>> import tensorx as tx
    >>> x, weight = tx.zeros(4, 2), tx.zeros(3, 2)
    >>> tx.nn.functional.linear_cross_entropy(x, weight, tx.tensor([0, 1, 2, 0]))
    tensor(1.0986)
    """
    classes, shape = _check(input, linear_weight, target, linear_bias, ignore_index)
    check_reduction(reduction)
    ignored = -100 if ignore_index is None else ignore_index
    rows = input if input.dim() == 2 else input.unsqueeze(0)
    goal = target if input.dim() == 2 else target.unsqueeze(0)
    flat_weight = linear_weight.reshape(-1, rows.shape[1])
    bias = None if linear_bias is None else linear_bias.reshape(-1)

    def loss_of(rows, goal, reduction):
        logits = linear(rows, flat_weight, bias).unflatten(1, (classes, *shape))
        return cross_entropy(
            logits, goal, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
        )

    if options is None:
        loss = loss_of(rows, goal, reduction)
        return loss.squeeze(0) if reduction == "none" and input.dim() == 1 else loss

    from ...utils.checkpoint import checkpoint

    given = rows.dtype
    accumulator = options.acc_dtype or (float32 if given in (float16, bfloat16) else given)
    rows, flat_weight = rows.to(accumulator), flat_weight.to(accumulator)
    bias, weight = (None if x is None else x.to(accumulator) for x in (bias, weight))
    size = options.rows(rows.shape[0], rows.shape[1], classes * prod(shape))
    each = "none" if reduction == "none" else "sum"
    losses = [
        checkpoint(loss_of, part, goal_part, each, use_reentrant=False, preserve_rng_state=False)
        for part, goal_part in zip(rows.split(size), goal.split(size), strict=True)
    ]
    if reduction == "none":
        loss = cat(losses)
        return (loss if input.dim() == 2 else loss.squeeze(0)).to(given)
    total = losses[0]
    for loss in losses[1:]:
        total = total + loss
    if reduction == "mean":
        total = total / _count(goal, weight, ignored, classes, total)
    return total.to(given)


def _check(input, linear_weight, target, linear_bias, ignore_index):
    """The number of classes, and the other dimensions of the logits."""

    def fail(text):
        raise RuntimeError(
            f"linear_cross_entropy(): {text}; got input {tuple(input.shape)}, linear_weight {tuple(linear_weight.shape)}, "
            f"target {tuple(target.shape)}"
            + ("" if linear_bias is None else f", linear_bias {tuple(linear_bias.shape)}")
        )

    if input.dim() not in (1, 2):
        fail("expected input with dimensionality 1 or 2")
    if linear_weight.dim() < 2:
        fail("expected linear_weight with dimensionality at least 2")
    if input.shape[-1] != linear_weight.shape[-1]:
        fail("expected equal input and linear_weight last dimensions (in_features)")
    classes, *shape = linear_weight.shape[:-1]
    if linear_bias is not None and tuple(linear_bias.shape) != (classes, *shape):
        fail(f"expected linear_bias of shape {(classes, *shape)}")
    if shape and input.dim() == 1:
        fail("a linear_weight of more than two dimensions requires batched input")
    if tuple(target.shape) == (*input.shape[:-1], classes, *shape) and ignore_index is not None:
        fail("ignore_index cannot be specified when target contains probabilities")
    return classes, shape


def _count(target, weight, ignored, classes, loss):
    """What the sum is divided by for the mean: the weights of the targets that count, or the number of examples."""
    if target.dtype is not int64:
        return target.numel() // classes
    counted = target != ignored
    if weight is None:
        return counted.sum().to(loss.dtype)
    return (weight[target.where(counted, 0)] * counted).sum()
