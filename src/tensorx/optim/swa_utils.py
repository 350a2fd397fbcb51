"""Averages of weights: stochastic weight averaging (SWA) and exponential moving averages (EMA) of a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from itertools import chain

from .. import device as Device
from .. import int64, no_grad, tensor
from ..nn import Module
from ..nn.modules.batchnorm import _BatchNorm
from .lr_scheduler.base import LRScheduler, per_group
from .optimizer import Optimizer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    from .. import Tensor

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel(avg_fn=)`: average, current -> decay * average + (1 - decay) * current.

    ValueError for a decay outside [0, 1].

    >>> import tensorx as tx
    >>> tx.optim.swa_utils.get_ema_avg_fn(0.75)(tx.tensor(4.0), tx.tensor(8.0), 1)
    tensor(5.)
    """
    _check_decay(decay)

    @no_grad()
    def ema(averaged, current, num_averaged):
        return decay * averaged + (1 - decay) * current

    return ema


def get_swa_avg_fn() -> Callable[[Tensor, Tensor, Any], Tensor]:
    """For `AveragedModel(avg_fn=)`: the mean of all models so far, of which `num_averaged` are in the average.

    >>> import tensorx as tx
    >>> tx.optim.swa_utils.get_swa_avg_fn()(tx.tensor(4.0), tx.tensor(8.0), 3)
    tensor(5.)
    """

    @no_grad()
    def swa(averaged, current, num_averaged):
        return averaged + (current - averaged) / (num_averaged + 1)

    return swa


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """For `AveragedModel(multi_avg_fn=)`: as `get_ema_avg_fn`, on lists of tensors and in place.

    >>> import tensorx as tx
    >>> average = tx.tensor(4.0)
    >>> tx.optim.swa_utils.get_ema_multi_avg_fn(0.75)([average], [tx.tensor(8.0)], 1)
    >>> average
    tensor(5.)
    """
    _check_decay(decay)
    return _multi(lambda num_averaged: 1 - decay)


def get_swa_multi_avg_fn() -> Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]:
    """For `AveragedModel(multi_avg_fn=)`: as `get_swa_avg_fn`, on lists of tensors and in place.

    >>> import tensorx as tx
    >>> average = tx.tensor(4.0)
    >>> tx.optim.swa_utils.get_swa_multi_avg_fn()([average], [tx.tensor(8.0)], 3)
    >>> average
    tensor(5.)
    """
    return _multi(lambda num_averaged: 1 / (float(num_averaged) + 1))


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _multi(weight_of):
    @no_grad()
    def average(averaged, current, num_averaged):
        weight = weight_of(num_averaged)
        for mean, new in zip(averaged, current):
            if mean.is_floating_point() or mean.is_complex():
                mean.lerp_(new, weight)
            else:  # counters among the buffers: what is left of the fraction is dropped
                mean.copy_(mean * (1 - weight) + new * weight)

    return average


class AveragedModel(Module):
    """A copy of `model` whose parameters are an average of those that `update_parameters(model)` has been given.

    Izmailov et al. 2018, arXiv:1803.05407. The average is the mean of all; `avg_fn` (average, current, number averaged ->
    average) or `multi_avg_fn` (the same in place on lists) chooses another, such as `get_ema_multi_avg_fn(0.999)`. The first
    call copies. Buffers are copied at every call, or averaged as well with `use_buffers`. `device`: where the average is kept.
    The buffer `n_averaged` counts the calls. AssertionError if both functions are given.

    >>> import tensorx as tx
    >>> model = tx.nn.Linear(1, 1, bias=False)
    >>> average = tx.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = tx.nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average(tx.ones(1)).item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: int | str | Device | None = None,
        avg_fn: Callable[[Tensor, Tensor, Any], Tensor] | None = None,
        multi_avg_fn: Callable[[Sequence[Tensor], Sequence[Tensor], Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        self.register_buffer("n_averaged", tensor(0, dtype=int64))
        if device is not None:
            self.to(device)
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present weights of `model` into the average."""
        mine, theirs = self._tensors(self.module), self._tensors(model)
        pairs = [(mean.detach(), new.detach().to(mean.device)) for mean, new in zip(mine, theirs)]
        averaged, current = [mean for mean, _ in pairs], [new for _, new in pairs]
        if self.n_averaged == 0:
            for mean, new in pairs:
                mean.copy_(new)
        elif self.avg_fn is not None:
            for mean, new in pairs:
                mean.copy_(self.avg_fn(mean, new, self.n_averaged.to(mean.device)))
        elif self.multi_avg_fn is not None:
            for kind in {(mean.device, mean.dtype): None for mean in averaged}:
                alike = [i for i, mean in enumerate(averaged) if (mean.device, mean.dtype) == kind]
                chosen = [averaged[i] for i in alike], [current[i] for i in alike]
                self.multi_avg_fn(*chosen, self.n_averaged.to(kind[0]))
        else:
            get_swa_multi_avg_fn()(averaged, current, self.n_averaged)
        if not self.use_buffers:
            for mean, new in zip(self.module.buffers(), model.buffers()):
                mean.copy_(new)
        self.n_averaged += 1

    def _tensors(self, module):
        return chain(module.parameters(), module.buffers()) if self.use_buffers else module.parameters()


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: int | str | Device | None = None) -> None:
    """Compute the running statistics of the BatchNorm layers of `model` anew, as the means over the batches of `loader`.

    An averaged model needs it: its layers' inputs are none that training has seen. A batch is a tensor, or a sequence with the
    input first; `device`, if given, is where it is sent.

    >>> import tensorx as tx
    >>> model = tx.nn.BatchNorm1d(1)
    >>> tx.optim.swa_utils.update_bn([tx.tensor([[1.0], [3.0]]), tx.tensor([[3.0], [5.0]])], model)
    >>> model.running_mean
    tensor([3.])
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    try:
        for module in momenta:
            module.momentum = None  # the plain mean
        for batch in loader:
            batch = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(batch if device is None else batch.to(device))
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Anneals the learning rate to `swa_lr`, a number or one per group, within `anneal_epochs` (10), and keeps it there.

    `anneal_strategy` is "cos" or "linear". ValueError for another one, or a number of epochs that is no int from 0 on.

    >>> import tensorx as tx
    >>> optimizer = tx.optim.SGD([tx.nn.Parameter(tx.zeros(1))], lr=1.0)
    >>> scheduler = tx.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> rates = []
    >>> for _ in range(4):
    ...     rates.append(scheduler.get_last_lr()[0])
    ...     optimizer.step()
    ...     scheduler.step()
    >>> rates
    [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr)):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step):
        """How far the way to swa_lr is done after a number of steps."""
        part = max(0, min(1, step / max(1, self.anneal_epochs)))
        return (1 - math.cos(math.pi * part)) / 2 if self._anneal_strategy == "cos" else part

    def get_lr(self) -> list[float]:
        self._warn_outside_step()
        step = max(1, self._step_count - 1) if self.anneal_epochs == 0 else self._step_count - 1
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
