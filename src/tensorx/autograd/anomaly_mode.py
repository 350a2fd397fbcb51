"""Anomaly mode: every node remembers where its call was made, and backward checks what nodes give for NaN.

Off, it costs nothing. On, recording a call takes some ten times as long.
"""

from __future__ import annotations

import sys
import warnings
from _thread import _local

from .. import _C
from . import engine
from .grad_mode import no_grad

_is_on = False
_checks_nan = True


class _ThisThread(_local):
    def __init__(self):
        self.running = []  # the nodes that backward is in, outermost first


_this_thread = _ThisThread()


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on."""
    return _is_on


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode, when it is on, checks gradients for NaN."""
    return _checks_nan


class set_detect_anomaly:
    """Turn anomaly mode on or off: as a function at once, as a context manager for a block. For the whole process.

    While it is on, an error in backward carries the traceback of the forward call whose gradient failed, as a note; and
    with `check_nan`, a gradient rule that gives NaN is such an error (RuntimeError).

    >>> import tensorx as tx
    >>> with tx.autograd.set_detect_anomaly(True):
    ...     tx.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (_is_on, _checks_nan)
        _set(bool(mode), bool(check_nan))

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        _set(*self._before)


class detect_anomaly:
    """Within the block, anomaly mode is on: see `set_detect_anomaly`. Warns that it is slow.

    The forward pass must run in the block too, so that the error can say where it was.

    >>> import tensorx as tx, warnings
    >>> x = tx.tensor([-1.0], requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"), tx.autograd.detect_anomaly():
    ...     x.sqrt().sum().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output. ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._before = (_is_on, _checks_nan)
        _set(True, bool(self._check_nan))

    def __exit__(self, *error: object) -> None:
        _set(*self._before)


def _set(mode, check_nan):
    global _is_on, _checks_nan
    if mode != _is_on:
        _C.set_hook("trace", _remember if mode else None)
        if mode:
            engine.watchers.append(_watch)
        else:
            engine.watchers.remove(_watch)
    _is_on, _checks_nan = mode, check_nan


def _remember(node):
    """Note on a new node the stack of its call and, in backward, the node whose gradient it computes."""
    from traceback import StackSummary, walk_stack

    frames = list(walk_stack(sys._getframe(1)))
    node.metadata["traceback_"] = StackSummary.extract(reversed(frames), lookup_lines=False)
    if _this_thread.running:
        node.metadata["parent_"] = _this_thread.running[-1]


def _watch(gradients, node, g):
    running = _this_thread.running
    running.append(node)
    try:
        found = gradients(node, g)
        if _checks_nan:
            _refuse_nan(node, found)
    except Exception as error:
        error.add_note(_history(node))
        raise
    finally:
        running.pop()
    return found


def _refuse_nan(node, gradients):
    with no_grad():
        for i, g in enumerate(gradients):
            if isinstance(g, _C.TensorBase) and g.dtype.is_floating_point and g.isnan().any().item():
                raise RuntimeError(
                    f"Function '{node.name()}' returned nan values in its {i}th output. The note below, where there is "
                    "one, shows the forward call."
                )


def _history(node):
    """Where the call of `node` was made, and those that led to it."""
    notes = node.metadata
    if "traceback_" not in notes:
        return f"{node.name()}: no forward pass information: enable anomaly mode during the forward pass too."
    text = f"{node.name()} belongs to this forward call:\n{_shown(notes)}"
    while "parent_" in notes:
        node = notes["parent_"]
        notes = node.metadata
        text += f"\nwhich computed the gradient of {node.name()}, which belongs to this one:\n{_shown(notes)}"
    return text


def _shown(notes):
    if "traceback_" not in notes:
        return "(unknown: anomaly mode was off)"
    return "".join(notes["traceback_"].format())
