"""The transformer: layers of attention and feed-forward nets, and stacks. Vaswani et al. 2017, arXiv:1706.03762."""

from __future__ import annotations

import copy
from collections.abc import Callable

from ... import Tensor, dtype, full, inf
from ...types import Device
from .. import functional as F
from .. import init
from .attention import MultiheadAttention
from .container import ModuleList
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .normalization import LayerNorm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Activation = str | Callable[[Tensor], Tensor]


class _Layer(Module):
    """What encoder and decoder layers share: the modules of their blocks, and how a block joins what it is given."""

    _blocks: int  # of attention, and one that feeds forward

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        place: dict[str, Any] = {"device": device, "dtype": dtype}
        attention: dict[str, Any] = {"dropout": dropout, "bias": bias, "batch_first": batch_first, **place}
        self.self_attn = MultiheadAttention(d_model, nhead, **attention)
        if self._blocks == 3:
            self.multihead_attn = MultiheadAttention(d_model, nhead, **attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **place)
        for i in range(1, self._blocks + 1):
            setattr(self, f"norm{i}", LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place))
        for i in range(1, self._blocks + 1):
            setattr(self, f"dropout{i}", Dropout(dropout))
        self.activation = _activation(activation) if isinstance(activation, str) else activation
        self.norm_first = norm_first

    def _add(self, x, norm, block):
        """x and what a block makes of it, normalised before the block or after."""
        return x + block(norm(x)) if self.norm_first else norm(x + block(x))

    @staticmethod
    def _attend(attention, x, memory, mask, padding, is_causal, dropout):
        """A block of attention. memory None: of x to itself."""
        memory = x if memory is None else memory
        out, _ = attention(
            x, memory, memory, attn_mask=mask, key_padding_mask=padding, need_weights=False, is_causal=is_causal
        )
        return dropout(out)

    def _feed_forward(self, x):
        return self.linear2(self.dropout(self.activation(self.linear1(x))))


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward net, each added to its input and normalised.

    Args:
        d_model, nhead: features and heads of attention.
        dim_feedforward: features between the two linear layers.
        dropout: probability, for attention weights, between the linear layers, and behind each of the two blocks.
        activation: between the linear layers: "relu", "gelu" or a function.
        layer_norm_eps: of both norms.
        batch_first: (N, S, d_model), not (S, N, d_model).
        norm_first: normalise what a block is given, not what it gives (Xiong et al. 2020, arXiv:2002.04745).
        bias: of linear layers and norms.

    forward(src, src_mask, src_key_padding_mask, is_causal): masks as those of MultiheadAttention.

    >>> import tensorx as tx
    >>> layer = tx.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(tx.zeros(3, 5, 8)).shape
    tensorx.Size([3, 5, 8])
    """

    _blocks = 2

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        masks = src_mask, src_key_padding_mask, is_causal
        x = self._add(src, self.norm1, lambda x: self._attend(self.self_attn, x, None, *masks, self.dropout1))
        return self._add(x, self.norm2, lambda x: self.dropout2(self._feed_forward(x)))


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to `memory`, and a feed-forward net, each added to its input and normalised.

    Arguments as those of TransformerEncoderLayer.

    forward(tgt, memory, ...): tgt (T, N, d_model), memory (S, N, d_model).

    >>> import tensorx as tx
    >>> layer = tx.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> layer(tx.zeros(5, 3, 8), tx.zeros(6, 3, 8)).shape
    tensorx.Size([5, 3, 8])
    """

    _blocks = 3

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        own, other = (
            (tgt_mask, tgt_key_padding_mask, tgt_is_causal),
            (memory_mask, memory_key_padding_mask, memory_is_causal),
        )
        x = self._add(tgt, self.norm1, lambda x: self._attend(self.self_attn, x, None, *own, self.dropout1))
        x = self._add(x, self.norm2, lambda x: self._attend(self.multihead_attn, x, memory, *other, self.dropout2))
        return self._add(x, self.norm3, lambda x: self.dropout3(self._feed_forward(x)))


class TransformerEncoder(Module):
    """num_layers copies of an encoder layer, one after the other, and a norm.

    They start with the same weights: initialise them anew if they should not. enable_nested_tensor and mask_check are
    accepted: padded batches are computed as they are.

    >>> import tensorx as tx
    >>> layer = tx.nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> tx.nn.TransformerEncoder(layer, num_layers=2)(tx.zeros(5, 3, 8)).shape
    tensorx.Size([5, 3, 8])
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _copies(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor, self.mask_check = enable_nested_tensor, mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """is_causal None: see for itself whether mask is the causal one."""
        is_causal = _is_causal(mask, is_causal)
        for layer in self.layers:
            src = layer(src, src_mask=mask, is_causal=is_causal, src_key_padding_mask=src_key_padding_mask)
        return src if self.norm is None else self.norm(src)


class TransformerDecoder(Module):
    """num_layers copies of a decoder layer, one after the other, and a norm. They start with the same weights.

    >>> import tensorx as tx
    >>> layer = tx.nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16)
    >>> tx.nn.TransformerDecoder(layer, num_layers=2)(tx.zeros(5, 3, 8), tx.zeros(6, 3, 8)).shape
    tensorx.Size([5, 3, 8])
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _copies(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """tgt_is_causal None: see for itself whether tgt_mask is the causal one."""
        tgt_is_causal = _is_causal(tgt_mask, tgt_is_causal)
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal,
                memory_is_causal=memory_is_causal,
            )
        return tgt if self.norm is None else self.norm(tgt)


class Transformer(Module):
    """An encoder, and a decoder that attends to what the encoder gives. Arguments as those of their layers and stacks;
    custom_encoder and custom_decoder replace them.

    forward(src, tgt, ...): src (S, N, d_model), tgt (T, N, d_model) give (T, N, d_model); with batch_first N comes
    first, and all may be without N. Masks as those of MultiheadAttention; an is_causal of None is found out from the
    mask.

    >>> import tensorx as tx
    >>> model = tx.nn.Transformer(d_model=8, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=16)
    >>> mask = model.generate_square_subsequent_mask(5)
    >>> model(tx.zeros(6, 3, 8), tx.zeros(5, 3, 8), tgt_mask=mask).shape
    tensorx.Size([5, 3, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        place: dict[str, Any] = {"device": device, "dtype": dtype}

        def norm():
            return LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **place)

        if custom_encoder is None:
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*layer, **place), num_encoder_layers, norm())
        if custom_decoder is None:
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*layer, **place), num_decoder_layers, norm())
        self.encoder: Any = custom_encoder
        self.decoder: Any = custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        given = f"got src {tuple(src.shape)} and tgt {tuple(tgt.shape)} with batch_first={self.batch_first}"
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_dim) != tgt.size(batch_dim):
            raise RuntimeError(f"Transformer: the batch number of src and tgt must be equal, {given}")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError(
                f"Transformer: the feature number of src and tgt must be equal to d_model, {self.d_model}, {given}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        return self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Device | None = None, dtype: dtype | None = None) -> Tensor:
        """The causal mask (sz, sz): 0 up to the position itself, -inf after it.

        >>> import tensorx as tx
        >>> tx.nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return full((sz, sz), -inf, device=device, dtype=dtype).triu(1)


def _activation(name):
    if name not in ("relu", "gelu"):
        raise RuntimeError(f"activation should be relu/gelu, not {name}")
    return F.relu if name == "relu" else F.gelu


def _copies(layer, count):
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


def _is_causal(mask, given):
    """Whether mask is the causal one: as given, else by comparing."""
    if given is not None or mask is None or mask.dim() != 2 or mask.size(0) != mask.size(1):
        return bool(given)
    if not mask.dtype.is_floating_point:
        return False
    causal = Transformer.generate_square_subsequent_mask(mask.size(0), device=mask.device, dtype=mask.dtype)
    return bool((mask == causal).all())
