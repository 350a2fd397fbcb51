"""Losses as modules: each calls the function of nn.functional that has its name.

In all of them `reduction` is 'mean' (default), 'sum' or 'none'; `size_average` and `reduce` are its old names.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from math import prod

from ... import Tensor, dtype
from ...types import Device
from .. import functional as F
from ..functional._reduction import reduction_of
from ..functional.chunked_loss import LinearCrossEntropyOptions
from .linear import Linear
from .module import Module


class _Loss(Module):
    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class _WeightedLoss(_Loss):
    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MSELoss(_Loss):
    """(input - target)^2, of any shape.

    >>> import tensorx as tx
    >>> tx.nn.MSELoss()(tx.tensor([1.0, 2.0]), tx.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """|input - target|, of any shape.

    >>> import tensorx as tx
    >>> tx.nn.L1Loss()(tx.tensor([1.0, 2.0]), tx.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Quadratic where |input - target| is below `beta`, linear above, of any shape. Girshick 2015, arXiv:1504.08083.

    >>> import tensorx as tx
    >>> tx.nn.SmoothL1Loss()(tx.tensor([0.0]), tx.tensor([4.0]))
    tensor(3.5000)
    """

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean", beta: float = 1.0
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """`delta` times SmoothL1Loss with beta = delta. ValueError unless delta > 0.

    >>> import tensorx as tx
    >>> tx.nn.HuberLoss(delta=2.0)(tx.tensor([0.0]), tx.tensor([4.0]))
    tensor(6.)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """-log(softmax(input)[target]), fused and stable.

    input: logits (C), (N, C) or (N, C, d1, ...). target: class indices (), (N) or (N, d1, ...), of which
    `ignore_index` is skipped, or probabilities of input's shape. `weight` (C) weighs the classes, and the mean is
    then weighted; `label_smoothing` mixes the target with the uniform distribution.

    >>> import tensorx as tx
    >>> tx.nn.CrossEntropyLoss()(tx.zeros(3, 4), tx.tensor([0, 1, 3]))
    tensor(1.3863)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """-input[target]: input are log-probabilities, otherwise as in CrossEntropyLoss.

    >>> import tensorx as tx
    >>> tx.nn.NLLLoss()(tx.tensor([[-1.0, -2.0]]), tx.tensor([1]))
    tensor(2.)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The old name of NLLLoss, for images (N, C, H, W). FutureWarning: use NLLLoss."""

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        warnings.warn("`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead.", FutureWarning, stacklevel=2)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class BCELoss(_WeightedLoss):
    """Binary cross entropy of probabilities `input`, of any shape; `weight` is per element. Logits: BCEWithLogitsLoss.

    >>> import tensorx as tx
    >>> tx.nn.BCELoss()(tx.tensor([0.5]), tx.tensor([1.0]))
    tensor(0.6931)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of logits `input`, exact for every logit; `pos_weight` weighs the positive examples.

    >>> import tensorx as tx
    >>> tx.nn.BCEWithLogitsLoss()(tx.tensor([0.0]), tx.tensor([1.0]))
    tensor(0.6931)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """The Kullback-Leibler divergence of `target` from `input` (log-probabilities); use reduction='batchmean'.

    >>> import tensorx as tx
    >>> half = tx.tensor([[0.5, 0.5]])
    >>> tx.nn.KLDivLoss(reduction="batchmean")(half.log(), half)
    tensor(0.)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """Negative log likelihood of counts; input is the rate, or its logarithm with `log_input`.

    >>> import tensorx as tx
    >>> tx.nn.PoissonNLLLoss()(tx.tensor([0.0]), tx.tensor([3.0]))
    tensor(1.)
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.poisson_nll_loss(
            input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """Negative log likelihood under normal distributions of mean `input` and variance `var`.

    >>> import tensorx as tx
    >>> tx.nn.GaussianNLLLoss()(tx.tensor([0.0]), tx.tensor([2.0]), tx.tensor([1.0]))
    tensor(2.)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full, self.eps = full, eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class CTCLoss(_Loss):
    """Connectionist temporal classification: minus the log likelihood of sequences under all their alignments.

    log_probs (T, N, C) or (T, C), targets (N, S) or all of them one after the other, the lengths (N). The mean divides
    each loss by the target's length first; `zero_infinity` makes the losses of impossible targets 0. Graves et al.
    2006.

    >>> import tensorx as tx
    >>> log_probs = tx.full((3, 1, 2), 0.5).log()
    >>> tx.nn.CTCLoss()(log_probs, tx.tensor([[1]]), (3,), (1,)).exp()  # 6 of 8 sequences collapse to 1
    tensor(1.3333)
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank, self.zero_infinity = blank, zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class LinearCrossEntropyLoss(_WeightedLoss):
    """CrossEntropyLoss of a Linear, which is part of it: input (N, in_features) or (in_features) to the loss.

    `out_features` (d1, ...) are further dimensions of the logits, (N, num_classes, d1, ...). `options`, a
    LinearCrossEntropyOptions, goes through the batch in chunks, so that not all logits are in memory at once.

    >>> import tensorx as tx
    >>> tx.nn.LinearCrossEntropyLoss(5, 10)(tx.randn(3, 5), tx.tensor([0, 9, 2])).shape
    tensorx.Size([])
    """

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(
                f"LinearCrossEntropyLoss: expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(
                f"LinearCrossEntropyLoss: expected label_smoothing to be in range [0, 1], got {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing, self.options = ignore_index, label_smoothing, options
        self.linear = Linear(in_features, num_classes * prod(out_features), bias, device, dtype)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        logits_shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*logits_shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(logits_shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        text = f"in_features={self.linear.in_features}, num_classes={self.num_classes}"
        text += f", out_features={self.out_features}, bias={self.linear.bias is not None}"
        for name in ("reduction", "ignore_index", "label_smoothing", "options"):
            text += f", {name}={getattr(self, name)}"
        return text
