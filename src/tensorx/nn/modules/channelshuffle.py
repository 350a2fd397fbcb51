"""ChannelShuffle."""

from __future__ import annotations

from ... import Tensor
from .. import functional as F
from .module import Module


class ChannelShuffle(Module):
    """Channels (dimension 1) dealt out: (groups, c / groups) transposed. Zhang et al. 2018, arXiv:1707.01083.

    RuntimeError if `groups` does not divide the channels.

    >>> import tensorx as tx
    >>> tx.nn.ChannelShuffle(2)(tx.arange(4.0).view(1, 4, 1)).flatten()
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
