"""Scaled dot-product attention."""

import math

from ... import bool as bool_dtype
from ... import ones
from ...ops.random_ops import dropout
from ...ops.softmax import softmax


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ key^T * scale + mask) @ value. Vaswani et al. 2017, arXiv:1706.03762.

    query (..., L, E), key (..., S, E), value (..., S, V) give (..., L, V). A boolean mask is True where a key takes
    part; another is added. `is_causal` masks keys after the query's position. `scale` is 1 / sqrt(E) by default.
    `enable_gqa` repeats the heads (dimension -3) of key and value to match those of query. A query whose keys
    are all masked gives 0.

    >>> import tensorx as tx
    >>> x = tx.randn(2, 4, 5, 8)
    >>> tx.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    tensorx.Size([2, 4, 5, 8])
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError("scaled_dot_product_attention: explicit attn_mask should not be set when is_causal=True")
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = (query * scale) @ key.transpose(-2, -1)
    if is_causal:
        attn_mask = ones(query.shape[-2], key.shape[-2], dtype=bool_dtype, device=query.device).tril()
    if attn_mask is None:
        weights = softmax(scores, -1)
    elif attn_mask.dtype == bool_dtype:
        weights = softmax(scores.masked_fill(~attn_mask, -math.inf), -1)
        weights = weights.masked_fill(~attn_mask.any(-1, keepdim=True), 0.0)
    else:
        weights = softmax(scores + attn_mask, -1)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p, True)
    return weights @ value
