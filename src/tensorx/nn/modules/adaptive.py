"""AdaptiveLogSoftmaxWithLoss. Grave et al. 2016, arXiv:1609.04309."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from itertools import pairwise

from ... import Tensor, cat, dtype
from ...types import Device
from .. import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """log_softmax over many classes of which few are frequent: rare ones are in clusters, with smaller projections.

    Classes are sorted by frequency. Those below cutoffs[0] are in the head, together with one entry for each cluster;
    cluster i has those from cutoffs[i] to cutoffs[i + 1] (`n_classes` for the last one), and is projected to
    in_features / div_value^(i + 1) first. forward takes input (N, in_features) or (in_features) and target (N) or (),
    and returns the targets' log-probabilities `output` and `loss`, the mean of their negatives.

    ValueError unless the cutoffs ascend strictly within 1 to n_classes - 1.

    >>> import tensorx as tx
    >>> layer = tx.nn.AdaptiveLogSoftmaxWithLoss(16, 100, cutoffs=[10, 50])
    >>> layer(tx.randn(4, 16), tx.tensor([3, 20, 99, 0])).output.shape
    tensorx.Size([4])
    >>> layer.log_prob(tx.randn(2, 16)).shape, layer.predict(tx.randn(2, 16)).shape
    (tensorx.Size([2, 100]), tensorx.Size([2]))
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        bounds = [0, *cutoffs, n_classes]
        if not cutoffs or any(int(c) != c for c in cutoffs) or any(a >= b for a, b in pairwise(bounds)):
            raise ValueError(
                "AdaptiveLogSoftmaxWithLoss: cutoffs should be a sequence of unique, positive integers sorted in an "
                f"increasing order, where each value is between 1 and n_classes-1 = {n_classes - 1}; got {cutoffs}"
            )
        cutoffs = [int(c) for c in cutoffs]
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, head_bias, device, dtype)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            width = int(in_features // div_value ** (i + 1))
            self.tail.append(
                Sequential(
                    Linear(in_features, width, False, device, dtype), Linear(width, high - low, False, device, dtype)
                )
            )

    def reset_parameters(self) -> None:
        for layer in self.modules():
            if isinstance(layer, Linear):
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> Any:
        if target_.dim() > 1 or input_.dim() != target_.dim() + 1 or input_.shape[:-1] != target_.shape:
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: expected input of shape (N, {self.in_features}) and target (N), or input "
                f"({self.in_features}) and target (), got {tuple(input_.shape)} and {tuple(target_.shape)}"
            )
        input, target = input_.reshape(-1, input_.shape[-1]), target_.reshape(-1)
        least, most = (bound.item() for bound in target.aminmax()) if target.numel() else (0, 0)
        if not (0 <= least and most < self.n_classes):
            raise RuntimeError(
                f"AdaptiveLogSoftmaxWithLoss: target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{least}, {most}] were found"
            )
        column = target  # of the head: the class, or the cluster that it is in
        output = input.new_zeros(target.numel())
        for i, (low, high) in enumerate(pairwise(self.cutoffs)):
            inside = (target >= low) & (target < high)
            rows = inside.nonzero()[:, 0]
            if rows.numel() == 0:
                continue
            within = (target.index_select(0, rows) - low).unsqueeze(1)
            log_probability = F.log_softmax(self.tail[i](input.index_select(0, rows)), 1).gather(1, within)
            output = output.index_copy(0, rows, log_probability.squeeze(1))
            column = column.masked_fill(inside, self.shortlist_size + i)
        head = F.log_softmax(self.head(input), 1)
        output = output + head.gather(1, column.unsqueeze(1)).squeeze(1)
        return _ASMoutput(output.reshape(target_.shape), -output.mean())

    def _log_prob(self, input, head_output):
        head = F.log_softmax(head_output, 1)
        clusters = head[:, self.shortlist_size :].unbind(1)
        parts = [F.log_softmax(tail(input), 1) + cluster.unsqueeze(1) for tail, cluster in zip(self.tail, clusters)]
        return cat([head[:, : self.shortlist_size], *parts], 1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log-probabilities of all classes: (N, in_features) to (N, n_classes)."""
        return self._log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class of each example: (N, in_features) to (N).

        Clusters are looked into where it takes that.
        """
        head_output = self.head(input)
        best = head_output.argmax(1)
        rows = (best >= self.shortlist_size).nonzero()[:, 0]
        if rows.numel() == 0:
            return best
        found = self._log_prob(input.index_select(0, rows), head_output.index_select(0, rows)).argmax(1)
        return best.index_copy(0, rows, found)
