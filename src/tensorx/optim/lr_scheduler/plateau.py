"""Reducing the learning rate when a metric stops improving."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ..optimizer import Optimizer
from .base import LRScheduler, check_optimizer, per_group, set_rate, warn_epoch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import SupportsFloat


class ReduceLROnPlateau(LRScheduler):
    """lr *= factor (0.1) after more than `patience` (10) epochs without an improvement of the metric given to `step`.

    An improvement is more than `threshold` (1e-4), relative ('rel') or absolute ('abs'), towards 'min' or 'max'. After
    a reduction `cooldown` (0) epochs do not count. The rate stays at least `min_lr`, and changes of less than
    `eps` are not made.

    >>> import tensorx as tx
    >>> optimizer = tx.optim.SGD([tx.nn.Parameter(tx.zeros(1))], lr=1.0)
    >>> scheduler = tx.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    >>> for loss in (3.0, 3.0, 3.0):
    ...     scheduler.step(loss)
    >>> scheduler.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0,
        eps: float = 1e-8,
    ) -> None:
        if factor >= 1.0:
            raise ValueError(f"Factor should be < 1.0, got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        check_optimizer(optimizer)
        self.optimizer, self.factor, self.patience, self.cooldown, self.eps = optimizer, factor, patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.min_lrs = per_group("min_lr", optimizer, min_lr)
        self.last_epoch = 0
        self.best = inf if mode == "min" else -inf
        self.cooldown_counter = self.num_bad_epochs = 0
        self._last_lr = self._current()

    def step(self, metrics: SupportsFloat, epoch: int | None = None) -> None:  # type: ignore[override]  # needs a metric
        """Take note of the metric of an epoch, and reduce the learning rate if it is time."""
        if epoch is not None:
            warn_epoch()
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        current = float(metrics)
        if self._is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self._current()

    def _reduce_lr(self):
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):  # a group was added
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from when `ReduceLROnPlateau` was "
                    f"initialized ({len(self.min_lrs)}). Extend `min_lrs` to match the groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lowest in zip(groups, self.min_lrs):
            old = float(group["lr"])
            new = max(old * self.factor, lowest)
            if old - new > self.eps:
                set_rate(group, new)

    @property
    def in_cooldown(self) -> bool:
        return self.cooldown_counter > 0

    def _is_better(self, value, best):
        change = -self.threshold if self.mode == "min" else self.threshold
        limit = best * (1 + change) if self.threshold_mode == "rel" else best + change
        return value < limit if self.mode == "min" else value > limit
