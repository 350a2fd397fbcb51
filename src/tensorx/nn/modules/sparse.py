"""Embedding, EmbeddingBag."""

from __future__ import annotations

from ... import Tensor, dtype, empty, no_grad
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


class Embedding(Module):
    """A table of vectors, looked up by integers: (*) to (*, embedding_dim).

    weight (num_embeddings, embedding_dim) starts standard normal. The row `padding_idx` starts 0 and gets no
    gradient. With `max_norm`, looked-up rows whose `norm_type`-norm exceeds it are scaled down in place.
    `scale_grad_by_freq` divides a row's gradient by how often it was looked up.

    >>> import tensorx as tx
    >>> tx.nn.Embedding(10, 3, padding_idx=0)(tx.tensor([[0, 2, 0, 5]])).shape
    tensorx.Size([1, 4, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = _row("Embedding", padding_idx, num_embeddings)
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = (
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
        )
        if _weight is None:
            self.weight = Parameter(
                empty(num_embeddings, embedding_dim, device=device, dtype=dtype), requires_grad=not _freeze
            )
            self.reset_parameters()
        else:
            self.weight = Parameter(_table(_weight, num_embeddings, embedding_dim), requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        _reset(self)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding that holds the given table (num_embeddings, embedding_dim), frozen by default."""
        rows, columns = _matrix(embeddings)
        return cls(rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in (
            ("padding_idx", None),
            ("max_norm", None),
            ("norm_type", 2.0),
            ("scale_grad_by_freq", False),
            ("sparse", False),
        ):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class EmbeddingBag(Module):
    """Sums, means or maxima of bags of looked-up vectors, without the vectors in between: (bags, embedding_dim).

    forward takes bags of one size (bags, size), or all of them one after the other, (*), with `offsets` (bags), where
    each begins; with `include_last_offset` also where the last one ends. `per_sample_weights` of input's shape scale
    the vectors, with mode 'sum'. An empty bag gives 0. The row `padding_idx` does not count. weight (num_embeddings,
    embedding_dim), `max_norm`, `norm_type` and `scale_grad_by_freq` are as in Embedding.

    >>> import tensorx as tx
    >>> layer = tx.nn.EmbeddingBag(10, 3, mode="sum")
    >>> layer(tx.tensor([1, 2, 4, 5, 4]), tx.tensor([0, 3])).shape
    tensorx.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = _row("EmbeddingBag", padding_idx, num_embeddings)
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset
        if _weight is None:
            self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
            self.reset_parameters()
        else:
            self.weight = Parameter(_table(_weight, num_embeddings, embedding_dim))

    def reset_parameters(self) -> None:
        _reset(self)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An EmbeddingBag that holds the given table (num_embeddings, embedding_dim), frozen by default."""
        rows, columns = _matrix(embeddings)
        bag = cls(
            rows,
            columns,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode,
            sparse,
            embeddings,
            include_last_offset,
            padding_idx,
        )
        bag.weight.requires_grad_(not freeze)
        return bag

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, default in (("max_norm", None), ("norm_type", 2.0), ("scale_grad_by_freq", False)):
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        text += f", mode={self.mode!r}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"


def _row(name, padding_idx, rows):
    """padding_idx counted from the first row."""
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise AssertionError(
            f"{name}: Padding_idx must be within num_embeddings, got padding_idx={padding_idx} and num_embeddings={rows}"
        )
    return padding_idx % rows


def _table(weight, rows, columns):
    if tuple(weight.shape) != (rows, columns):
        raise AssertionError(
            f"Shape of weight does not match num_embeddings and embedding_dim: got {tuple(weight.shape)}, "
            f"expected {(rows, columns)}"
        )
    return weight


def _matrix(embeddings):
    if embeddings.dim() != 2:
        raise AssertionError(
            f"Embeddings parameter is expected to be 2-dimensional, got shape {tuple(embeddings.shape)}"
        )
    return embeddings.shape


def _reset(module):
    init.normal_(module.weight)
    if module.padding_idx is not None:
        with no_grad():
            module.weight[module.padding_idx].fill_(0)
