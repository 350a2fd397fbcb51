"""Scaled dot-product attention as one op, whose memory grows with the length of the sequences and not with its square.

Queries are taken a block at a time, and only the weights of one block exist at any time. Backward computes them again, by
the same blocks. (Rabe and Staats 2021, arXiv:2112.05682, do so too, with blocks of keys besides.) Where everything is one
block anyway, ops compute it, which keep its weights.

query is (N, G, L, E), key (N, S, E), value (N, S, V): G heads of the query share those of key and value. A mask has any shape
that broadcasts to (*batch, L, S), where batch are the sizes that became N and G.
"""

from math import inf

from .. import _C
from ..creation import ones
from .define import op
from .join import cat
from .random_ops import _dropout, _stream
from .recomputed import gradients_by_ops, needs_ops
from .softmax import softmax

BLOCK = 1 << 22  # weights that exist at a time,
LEAST = 16  # or those of so many queries, if that is more


class Plan:
    """What a call does beside its tensors: which queries make a block, and what happens to their scores."""

    def __init__(self, query, key, batch, scale, causal, dropout_p, whole):
        self.batch, self.scale, self.causal, self.dropout_p = batch, scale, causal, dropout_p
        count, groups, length, _ = query.shape
        self.keys = key.shape[1]
        rows = max(length, 1) if whole else max(BLOCK // max(count * groups * self.keys, 1), LEAST)
        self.blocks = [(start, min(start + rows, length)) for start in range(0, length, rows)] or [(0, 0)]
        self.streams = [_stream(None, query) for _ in self.blocks] if dropout_p > 0 else None

    def end(self, stop):
        """How many keys the queries before number `stop` see."""
        return min(stop, self.keys) if self.causal else self.keys

    def rows(self, x, start, stop):
        """Some queries, or what belongs to them, of (N, G, L, E) as (N, G * rows, E)."""
        return x[:, :, start:stop].flatten(1, 2)

    def weights(self, query, key, mask, start, stop):
        """The attention of queries start to stop (N, G * rows, keys), before dropout."""
        end = self.end(stop)
        scores = self.rows(query, start, stop) * self.scale @ key[:, :end].transpose(1, 2)
        if self.causal:  # every query sees the first key
            later = ones(stop - start, end, dtype=_C.bool, device=query.device).triu(start + 1)
            grouped = scores.unflatten(1, (query.shape[1], stop - start))
            return softmax(grouped.masked_fill(later, -inf), -1).view(scores.shape)
        if mask is None:
            return softmax(scores, -1)
        mask = self.part(mask, start, stop)
        blind = ~(mask if mask.dtype is _C.bool else mask != -inf).any(-1, keepdim=True)  # queries that see no key
        shape, scores = scores.shape, scores.view(*self.batch, stop - start, end)
        if mask.dtype is _C.bool:
            weights = softmax(scores.masked_fill(~(mask | blind), -inf), -1)
        else:
            weights = softmax(scores + mask.masked_fill(blind, 0.0), -1)
        return weights.masked_fill(blind, 0.0).view(shape)

    def part(self, mask, start, stop):
        """The mask of queries start to stop."""
        return mask if mask.ndim < 2 or mask.shape[-2] == 1 else mask[..., start:stop, :]

    def drop(self, weights, block):
        return weights if self.streams is None else _dropout(weights, self.dropout_p, self.streams[block])


def compose(query, key, value, mask, plan):
    """Attention made of ops."""
    out = []
    for block, (start, stop) in enumerate(plan.blocks):
        weights = plan.drop(plan.weights(query, key, mask, start, stop), block)
        out.append((weights @ value[:, : plan.end(stop)]).unflatten(1, (query.shape[1], stop - start)))
    return (out[0] if len(out) == 1 else cat(out, 2),)


def _gradients(needs, g, query, key, value, mask, plan):
    if needs_ops(g):
        return gradients_by_ops(needs, g, (query, key, value, mask), lambda *inputs: compose(*inputs, plan))
    grad_query = query.new_empty(query.shape) if needs[0] else None
    grad_key = key.new_zeros(key.shape) if needs[1] else None
    grad_value = value.new_zeros(value.shape) if needs[2] else None
    grad_mask = mask.new_zeros(mask.shape) if needs[3] else None
    for block, (start, stop) in enumerate(plan.blocks):
        end, shape = plan.end(stop), (*query.shape[:2], stop - start, query.shape[3])
        grad = plan.rows(g[0], start, stop)
        weights = plan.weights(query, key, mask, start, stop)
        if needs[2]:
            grad_value[:, :end].baddbmm_(plan.drop(weights, block).transpose(1, 2), grad)
        if not (needs[0] or needs[1] or needs[3]):
            continue
        grad_weights = plan.drop(grad @ value[:, :end].transpose(1, 2), block)
        grad_scores = _C.softmax_grad(grad_weights, weights, -1)
        del grad_weights, weights
        if needs[0]:
            grad_query[:, :, start:stop] = (grad_scores @ key[:, :end] * plan.scale).view(shape)
        if needs[1]:
            grad_key[:, :end].baddbmm_(grad_scores.transpose(1, 2), plan.rows(query, start, stop), alpha=plan.scale)
        if needs[3]:
            part = plan.part(grad_mask, start, stop)
            part.add_(grad_scores.view(*plan.batch, stop - start, end).sum_to_size(part.shape))
    return grad_query, grad_key, grad_value, grad_mask


@op(
    method=False,
    outputs=1,
    name="_scaled_dot_product_attention",
    joint=_gradients,
    inputs=("query", "key", "value", "mask"),
)
def _by_blocks(query, key, value, mask, plan):
    """(result (N, G, L, V),)"""
    query, key, value, mask = (None if x is None else x.detach() for x in (query, key, value, mask))
    out = query.new_empty(*query.shape[:3], value.shape[2])
    for block, (start, stop) in enumerate(plan.blocks):
        weights = plan.weights(query, key, mask, start, stop)
        result = plan.drop(weights, block) @ value[:, : plan.end(stop)]
        out[:, :, start:stop] = result.view(*query.shape[:2], stop - start, value.shape[2])
    return (out,)


def attention(query, key, value, mask, plan):
    """The result (N, G, L, V)."""
    return (compose if len(plan.blocks) == 1 else _by_blocks)(query, key, value, mask, plan)[0]
