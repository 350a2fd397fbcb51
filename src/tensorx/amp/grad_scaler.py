"""GradScaler: the loss is multiplied by a scale so that float16 gradients do not vanish, and the gradients divided by it.

The scale seeks the largest value at which gradients stay finite: an overflow skips the optimiser's step and makes it
smaller, a long run without one makes it larger.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

from .. import _C, Tensor, cuda, float16, float32, float64, full, zeros

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_READY, _UNSCALED, _STEPPED = "ready", "unscaled", "stepped"


class _OptimizerState:
    """What is known of an optimiser since the last update()."""

    def __init__(self):
        self.stage = _READY
        self.found_inf = {}  # device -> 1.0 where a gradient there was infinite or NaN

    def overflowed(self):
        return any(found.item() for found in self.found_inf.values())


class GradScaler:
    """Scales losses, unscales gradients, and skips the steps of which a gradient is infinite or NaN.

    Args:
        device: the type of the devices that losses and gradients are on, 'cuda' or 'cpu'.
        init_scale: the first scale.
        growth_factor, growth_interval: the scale is multiplied by this factor after so many steps in a row without an
            overflow. AssertionError unless it is above 1.
        backoff_factor: the scale is multiplied by this factor after an overflow. AssertionError unless it is below 1.
        enabled: False for a scaler that does nothing: `scale` gives what it gets and `step` makes a plain step.

    The scale is kept in float32 and stays finite.

    >>> import tensorx as tx
    >>> model = tx.nn.Linear(4, 1)
    >>> optimizer = tx.optim.SGD(model.parameters(), lr=0.1)
    >>> scaler = tx.amp.GradScaler("cpu", init_scale=1024.0)
    >>> with tx.autocast("cpu", dtype=tx.float16):
    ...     loss = tx.nn.functional.mse_loss(model(tx.ones(2, 4)), tx.zeros(2, 1))
    >>> scaler.scale(loss).backward()
    >>> scaler.unscale_(optimizer)  # only to look at the gradients, or to clip them
    >>> _ = tx.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> scaler.get_scale()
    1024.0
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device, self._enabled = device, enabled
        if enabled and device == "cuda" and not cuda.is_available():
            warnings.warn("GradScaler('cuda') is enabled, but there is no CUDA device. Disabling.", stacklevel=2)
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError(f"GradScaler(): The growth factor must be > 1.0. Got {growth_factor}")
        if backoff_factor >= 1.0:
            raise AssertionError(f"GradScaler(): The backoff factor must be < 1.0. Got {backoff_factor}")
        self._scale = _as_float32(init_scale)
        self._growth_factor, self._backoff_factor = growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._has_scaled = False
        self._optimizers: dict[int, _OptimizerState] = {}

    def scale(self, outputs: Any) -> Any:
        """A tensor, or those in nested lists, tuples and other iterables, times the scale.

        ValueError for anything else.
        """
        if not self._enabled:
            return outputs
        self._has_scaled = True
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            return type(outputs)(map(self.scale, outputs))
        if isinstance(outputs, Iterable):
            return map(self.scale, outputs)
        raise ValueError(
            f"GradScaler.scale(): outputs must be a Tensor or an iterable of Tensors, not {type(outputs).__name__}"
        )

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of the optimiser's parameters by the scale, and note whether all are finite.

        `step` does it, if it has not been done: call it only to look at the gradients before, or to clip them. Once per
        step, when all gradients have been added up: RuntimeError the second time. ValueError for float16 gradients, which
        would lose what the scale has saved.
        """
        if not self._enabled:
            return
        state = self._state_of(optimizer, "unscale_")
        if state.stage is _UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state.stage is _STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        gradients: dict[Any, list[Tensor]] = {}
        for gradient in _gradients(optimizer):
            gradients.setdefault(gradient.device, []).append(gradient)
        inverse = 1 / self._scale
        for device, here in gradients.items():
            found = zeros((), dtype=float32, device=device)
            _C.scale_all(here, full((), inverse, dtype=float64, device=device), found)
            state.found_inf[device] = found
        state.stage = _UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`unscale_(optimizer)`, unless that has been called, then `optimizer.step(*args, **kwargs)` if all gradients are
        finite. Returns what that returns, or None for a step that was skipped.

        RuntimeError for a second step before `update()`, and with `closure`, which the scaler could not look into.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        state = self._state_of(optimizer, "step")
        if state.stage is _STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state.stage is _READY:
            self.unscale_(optimizer)
        if not state.found_inf:
            raise AssertionError(
                "GradScaler.step(): No inf checks were recorded for this optimizer: none of its parameters has a gradient"
            )
        result = None if state.overflowed() else optimizer.step(*args, **kwargs)
        state.stage = _STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what the steps since the last update found, or set it. Call it once per iteration, at its end.

        AssertionError before any step.
        """
        if not self._enabled:
            return
        self._check_scaled("update")
        if new_scale is not None:
            self._scale = _as_float32(self._number(new_scale))
        else:
            states = [state for state in self._optimizers.values() if state.found_inf]
            if not states:
                raise AssertionError("GradScaler.update(): No inf checks were recorded prior to update.")
            self._adapt(any(state.overflowed() for state in states))
        self._optimizers = {}

    def _adapt(self, overflowed):
        if overflowed:
            self._scale, self._growth_tracker = _as_float32(self._scale * self._backoff_factor), 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = _as_float32(self._scale * self._growth_factor)
            self._scale, self._growth_tracker = grown if math.isfinite(grown) else self._scale, 0

    def _number(self, new_scale):
        if not isinstance(new_scale, Tensor):
            return new_scale
        if new_scale.device.type != self._device or new_scale.numel() != 1 or new_scale.requires_grad:
            raise AssertionError(
                f"GradScaler.update(): new_scale should be a float or a 1-element tensor on a {self._device} device with "
                f"requires_grad=False, but got one of shape {tuple(new_scale.shape)} on {new_scale.device}"
            )
        return new_scale.item()

    def _check_scaled(self, name):
        if not self._has_scaled:
            raise AssertionError(
                f"Attempted {name} but nothing has been scaled yet. This may indicate your script did not use "
                "scaler.scale(loss or outputs) earlier in the iteration."
            )

    def _state_of(self, optimizer, name):
        self._check_scaled(name)
        return self._optimizers.setdefault(id(optimizer), _OptimizerState())

    # ---- asking and setting

    def get_scale(self) -> float:
        """The scale; 1.0 for a scaler that is not enabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after an overflow."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """After how many steps in a row without an overflow the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set after how many steps in a row without an overflow the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether this scaler scales."""
        return self._enabled

    # ---- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The scale, its factors and its interval, and the number of steps since it last changed; {} if not enabled.

        Take it after `update()`.
        """
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. RuntimeError for that of a scaler that was not enabled, which is empty."""
        if not self._enabled:
            return
        if len(state_dict) == 0:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._scale = _as_float32(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]

    def __getstate__(self) -> dict[str, Any]:
        if self._enabled and self._optimizers:
            raise AssertionError(
                "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after "
                "scaler.update()."
            )
        return self.__dict__.copy()


def _as_float32(number):
    return full((), number, dtype=float32).item()


def _gradients(optimizer):
    """The gradients of an optimiser's parameters; of sparse ones the values."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            gradient = parameter.grad
            if gradient is None:
                continue
            if gradient.dtype is float16:
                raise ValueError(
                    "Attempting to unscale FP16 gradients: keep the parameters in float32, and let autocast lower them."
                )
            yield gradient._values() if gradient.is_sparse else gradient
