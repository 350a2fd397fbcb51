"""MultiheadAttention."""

from __future__ import annotations

from ... import Tensor, dtype, empty
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .linear import Linear
from .module import Module


class MultiheadAttention(Module):
    """Attention of several heads, with projections in and out. Vaswani et al. 2017, arXiv:1706.03762.

    Args:
        embed_dim: features of the query and of the result; each head has embed_dim / num_heads of them.
        dropout: probability of dropping attention weights in training.
        bias: of the projections.
        add_bias_kv: one more key and value, learned.
        add_zero_attn: one more key and value, of zeros.
        kdim, vdim: features of key and value; embed_dim by default.
        batch_first: query, key, value and result are (N, L, E), not (L, N, E).

    in_proj_weight (3 * embed_dim, embed_dim), those of query, key and value one under the other, starts uniform by
    Xavier's rule; with kdim or vdim there are q_proj_weight, k_proj_weight and v_proj_weight instead.

    >>> import tensorx as tx
    >>> attention = tx.nn.MultiheadAttention(8, num_heads=2, batch_first=True)
    >>> x = tx.randn(3, 5, 8)
    >>> result, weights = attention(x, x, x)
    >>> result.shape, weights.shape
    (tensorx.Size([3, 5, 8]), tensorx.Size([3, 5, 5]))
    """

    in_proj_weight: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "MultiheadAttention: embed_dim and num_heads must be greater than 0, got "
                f"embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(
                f"MultiheadAttention: embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}"
            )
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "in_proj_weight": (3 * embed_dim, embed_dim),
            "q_proj_weight": (embed_dim, embed_dim),
            "k_proj_weight": (embed_dim, self.kdim),
            "v_proj_weight": (embed_dim, self.vdim),
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        absent = (
            ("q_proj_weight", "k_proj_weight", "v_proj_weight") if self._qkv_same_embed_dim else ("in_proj_weight",)
        )
        for name, shape in shapes.items():
            made = None if shape is None or name in absent else Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, made)
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The result, shaped as query, and with need_weights the attention weights, else None.

        Args:
            query (L, N, embed_dim), key (S, N, kdim), value (S, N, vdim): see batch_first; all without N for one
                example.
            key_padding_mask (N, S), attn_mask (L, S) or (N * num_heads, L, S): True leaves a key out; floats are added.
            need_weights: False takes the way whose memory is linear in L and S.
            average_attn_weights: weights are the mean over heads (N, L, S), else (N, num_heads, L, S).
            is_causal: says that attn_mask, which must be given, is the causal one.
        """
        swap = self.batch_first and query.dim() == 3
        if swap:
            same, pair = query is key, key is value
            query = query.transpose(0, 1)
            key = query if same else key.transpose(0, 1)
            value = key if pair else value.transpose(0, 1)
        result, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (result.transpose(0, 1) if swap else result), weights
