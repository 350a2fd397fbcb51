"""Scaled dot-product attention."""

import math

from ... import bool as bool_dtype
from ... import broadcast_shapes, cat, zeros
from ...ops.attention import Plan, attention
from ...ops.define import composite
from ...ops.matmul import linear
from ...ops.random_ops import dropout
from ...ops.softmax import softmax
from .. import attention as backends
from .padding import pad


@composite
def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ key^T * scale + mask) @ value. Vaswani et al. 2017, arXiv:1706.03762.

    query (..., L, E), key (..., S, E), value (..., S, V) give (..., L, V). A boolean mask, which broadcasts to
    (..., L, S), is True where a key takes part; another is added. `is_causal` masks keys after the query's position.
    `dropout_p` drops weights, whether training or not. `scale` is 1 / sqrt(E) by default. `enable_gqa`: each head
    (dimension -3) of key and value serves several of the query, which has a multiple of their number. A query whose
    keys are all masked gives 0.

    Memory is linear in L and S, forward and backward: long sequences are computed a block of queries at a time
    (`nn.attention.sdpa_kernel` chooses otherwise). Only derivatives of the gradient take memory for all L * S weights.

    >>> import tensorx as tx
    >>> x = tx.randn(2, 4, 5, 8)
    >>> tx.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
    tensorx.Size([2, 4, 5, 8])
    """
    name = "scaled_dot_product_attention"
    if is_causal and attn_mask is not None:
        raise RuntimeError(f"{name}: explicit attn_mask should not be set when is_causal=True")
    _check_shapes(name, query, key, value, enable_gqa)
    _check_types(name, query, key, value, attn_mask)
    if not 0 <= dropout_p <= 1:
        raise RuntimeError(f"{name}: dropout probability has to be between 0 and 1, but got {dropout_p}")
    length, width = query.shape[-2:]
    if enable_gqa:
        batch, shared = query.shape[:-2], key.shape[:-2]
        if batch[:-1] != shared[:-1]:
            shared = (*broadcast_shapes(batch[:-1], shared[:-1], value.shape[:-3]), shared[-1])
            batch = (*shared[:-1], batch[-1])
    else:
        batch = shared = broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    groups = batch[-1] // shared[-1] if enable_gqa else 1
    count = math.prod(shared)
    query = query.expand(*batch, length, width).reshape(count, groups, length, width)
    key, value = (x.expand(*shared, *x.shape[-2:]).reshape(count, *x.shape[-2:]) for x in (key, value))
    if attn_mask is not None:
        _check_mask(name, attn_mask, (*batch, length, key.shape[1]))
    scale = (1 / math.sqrt(width) if width else 1.0) if scale is None else scale
    plan = Plan(query, key, batch, scale, is_causal, dropout_p, backends.whole())
    return attention(query, key, value, attn_mask, plan).reshape(*batch, length, value.shape[-1])


def _check_shapes(name, query, key, value, enable_gqa):
    given = f"query {tuple(query.shape)}, key {tuple(key.shape)} and value {tuple(value.shape)}"
    least = 3 if enable_gqa else 2
    if min(query.dim(), key.dim(), value.dim()) < least:
        raise RuntimeError(f"{name}: expected at least {least} dimensions, got {given}")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise RuntimeError(f"{name}: expected query (..., L, E), key (..., S, E) and value (..., S, V), got {given}")
    heads, groups = query.shape[-3:-2], (key.shape[-3:-2], value.shape[-3:-2])
    if enable_gqa and (groups[0] != groups[1] or 0 in groups[0] or heads[0] % groups[0][0]):
        raise RuntimeError(
            f"{name}: with enable_gqa, expected the query's heads (dimension -3) to be a multiple of those of key and "
            f"value, got {given}"
        )


def _check_types(name, query, key, value, mask):
    if not (query.dtype is key.dtype is value.dtype):
        raise RuntimeError(
            f"{name}: Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} "
            f"key.dtype: {key.dtype} and value.dtype: {value.dtype} instead."
        )
    if mask is not None and mask.dtype not in (bool_dtype, query.dtype):
        raise RuntimeError(
            f"{name}: Expected attn_mask dtype to be bool or to match query dtype, but got attn_mask.dtype: {mask.dtype} "
            f"and query.dtype: {query.dtype} instead."
        )


def _check_mask(name, mask, scores):
    given = tuple(mask.shape)
    if mask.dim() > len(scores) or any(m not in (1, s) for m, s in zip(given[::-1], scores[::-1])):
        raise RuntimeError(f"{name}: expected attn_mask to broadcast to (..., L, S) = {scores}, got shape {given}")


def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """What nn.MultiheadAttention computes: attention of several heads, with projections in and out.

    Args:
        query (L, N, E), key (S, N, E), value (S, N, E); all without N for one example.
        in_proj_weight (3 E, E), in_proj_bias (3 E): of query, key and value, one under the other; or, with
            use_separate_proj_weight, q_proj_weight (E, E), k_proj_weight (E, Ek) and v_proj_weight (E, Ev).
        bias_k, bias_v (1, 1, E): one more key and value. add_zero_attn: one more, of zeros.
        key_padding_mask (N, S), attn_mask (L, S) or (N * num_heads, L, S): True, or added -inf, is a key left out.
        is_causal: says that attn_mask is the causal one, which must be given, and lets it be left out of the
            computation.
        static_k, static_v (N * num_heads, S, E / num_heads): instead of the projected key and value.

    Returns the result (L, N, E) and, if need_weights, the attention weights (N, L, S) averaged over the heads, or
    (N, num_heads, L, S). Vaswani et al. 2017, arXiv:1706.03762.

    >>> import tensorx as tx
    >>> x, w = tx.randn(5, 2, 4), tx.eye(4)
    >>> out, weights = tx.nn.functional.multi_head_attention_forward(
    ...     x, x, x, 4, 2, tx.cat([w, w, w]), None, None, None, False, 0.0, w, None
    ... )
    >>> out.shape, weights.shape
    (tensorx.Size([5, 2, 4]), tensorx.Size([2, 5, 5]))
    """
    name = "multi_head_attention_forward"
    batched = query.dim() == 3
    _check_attention(name, query, key, value, key_padding_mask, attn_mask, num_heads, embed_dim_to_check)
    if is_causal and attn_mask is None:
        raise RuntimeError(f"{name}: Need attn_mask if specifying the is_causal hint.")
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, width = query.shape
    head_width = width // num_heads
    mask = None if attn_mask is None else _added(attn_mask, query)
    causal = is_causal and key_padding_mask is None and not need_weights and bias_k is None and not add_zero_attn
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
        if any(w is None for w in weights):
            raise AssertionError(f"{name}: use_separate_proj_weight is True but a projection weight is None")
    else:
        if in_proj_weight is None:
            raise AssertionError(f"{name}: use_separate_proj_weight is False but in_proj_weight is None")
        weights = in_proj_weight.chunk(3)
    biases = (None, None, None) if in_proj_bias is None else in_proj_bias.chunk(3)
    if query is key and key is value and not use_separate_proj_weight:
        q, k, v = linear(query, in_proj_weight, in_proj_bias).chunk(3, -1)
    else:
        q, k, v = (linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases))
    if (bias_k is None) != (bias_v is None):
        raise AssertionError(f"{name}: bias_k and bias_v go together: give both or none")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError(f"{name}: bias_k and bias_v cannot be added to static_k and static_v")
        k, v = cat([k, bias_k.expand(1, batch, -1)]), cat([v, bias_v.expand(1, batch, -1)])
    # (N, heads, positions, head_width)
    q = q.reshape(length, batch, num_heads, head_width).permute(1, 2, 0, 3)
    k, v = (
        x.reshape(-1, batch, num_heads, head_width).permute(1, 2, 0, 3)
        if static is None
        else _static(name, static, batch, num_heads, head_width)
        for x, static in ((k, static_k), (v, static_v))
    )
    if add_zero_attn:
        k, v = pad(k, (0, 0, 0, 1)), pad(v, (0, 0, 0, 1))
    more = k.size(2) - (key.size(0) if static_k is None else static_k.size(1))
    if mask is not None:
        if mask.dim() == 3:
            mask = mask.unflatten(0, (batch, num_heads))
        mask = pad(mask, (0, more)) if more else mask
    if key_padding_mask is not None:
        padding = _added(key_padding_mask, query)
        padding = (pad(padding, (0, more)) if more else padding)[:, None, None]
        mask = padding if mask is None else mask + padding
    dropout_p = dropout_p if training else 0.0
    attention = None
    if need_weights:
        scores = (q / math.sqrt(head_width)) @ k.transpose(-2, -1)
        attention = softmax(scores if mask is None else scores + mask, -1)
        if dropout_p > 0:
            attention = dropout(attention, dropout_p, True)
        out = attention @ v
        attention = attention.mean(1) if average_attn_weights else attention
        attention = attention if batched else attention.squeeze(0)
    else:
        out = scaled_dot_product_attention(q, k, v, None if causal else mask, dropout_p, causal)
    out = linear(out.permute(2, 0, 1, 3).reshape(length, batch, width), out_proj_weight, out_proj_bias)
    return (out if batched else out.squeeze(1)), attention


def _check_attention(name, query, key, value, key_padding_mask, attn_mask, num_heads, width):
    """Shapes of what a caller of the layer gives."""
    if query.dim() not in (2, 3):
        raise AssertionError(
            f"{name}: query should be unbatched 2D or batched 3D tensor but received {query.dim()}-D query tensor"
        )
    if key.dim() != query.dim() or value.dim() != query.dim():
        raise AssertionError(
            f"{name}: expected key and value of {query.dim()} dimensions, as the query has, but found {key.dim()}-D and {value.dim()}-D"
        )
    if query.shape[-1] != width:
        raise AssertionError(f"{name}: was expecting embedding dimension of {width}, but got {query.shape[-1]}")
    if num_heads <= 0 or width % num_heads:
        raise AssertionError(f"{name}: embed_dim {width} not divisible by num_heads {num_heads}")
    if key.shape[:-1] != value.shape[:-1]:
        raise AssertionError(
            f"{name}: key's sequence and batch dims {tuple(key.shape[:-1])} do not match value's {tuple(value.shape[:-1])}"
        )
    length, source = query.shape[0], key.shape[0]
    batch = query.shape[1:-1]
    if key.shape[1:-1] != batch:
        raise AssertionError(f"{name}: query has batch size {tuple(batch)}, key has {tuple(key.shape[1:-1])}")
    if key_padding_mask is not None and tuple(key_padding_mask.shape) != (*batch, source):
        raise AssertionError(
            f"{name}: expected key_padding_mask of shape {(*batch, source)} but got {tuple(key_padding_mask.shape)}"
        )
    if attn_mask is not None:
        per_head = (num_heads * (batch[0] if batch else 1), length, source)
        if tuple(attn_mask.shape) not in ((length, source), per_head):
            raise RuntimeError(
                f"{name}: The shape of the attn_mask is {tuple(attn_mask.shape)}, but should be {(length, source)} or {per_head}."
            )


def _added(mask, like):
    """A mask as what is added to the scores: 0, and -inf where it is True."""
    if mask.dtype == bool_dtype:
        return zeros(mask.shape, dtype=like.dtype, device=like.device).masked_fill(mask, -math.inf)
    if not mask.dtype.is_floating_point:
        raise AssertionError(
            f"multi_head_attention_forward: only bool and floating types of masks are supported, got {mask.dtype}"
        )
    return mask


def _static(name, x, batch, num_heads, head_width):
    if x.dim() != 3 or x.size(0) != batch * num_heads or x.size(2) != head_width:
        raise AssertionError(
            f"{name}: expecting static_k and static_v of shape ({batch * num_heads}, S, {head_width}), got {tuple(x.shape)}"
        )
    return x.unflatten(0, (batch, num_heads))
