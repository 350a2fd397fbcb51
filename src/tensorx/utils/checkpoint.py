"""Checkpointing: keep the inputs of a part of a model instead of its intermediate results, and compute those again when
backward wants them. Chen et al. 2016, arXiv:1604.06174.

A checkpointed call runs under saved-tensor hooks (autograd.graph.saved_tensors_hooks): what its graph saves is dropped, and
a numbered Slot is kept in its place. When backward opens the first of these slots, the call is run again from its inputs,
and the i-th tensor that this second run saves fills the i-th slot.

The inputs of a checkpointed call are saved tensors of the graph around it. In a checkpoint within a checkpoint they are
hence slots of the outer one, and nesting needs no care.
"""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from weakref import ref

from .. import _C, cuda, random
from ..amp.autocast_mode import same_region
from ..autograd.grad_mode import enable_grad
from ..autograd.saved_tensors import saved_tensors_hooks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Any


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function saved other tensors than the first."""


def noop_context_fn() -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """The default of checkpoint's `context_fn`: two contexts that do nothing."""
    return nullcontext(), nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """function(*args, **kwargs), whose intermediate results are not kept for backward but computed again by it.

    The gradients are those of the plain call, bit for bit, if the function computes the same again: it must not depend on
    state that changes in between, other than the random generators.

    Args:
        use_reentrant: accepted for PyTorch's sake. There is one kind of checkpoint here, which does what PyTorch's kind with
            use_reentrant=False does.
        context_fn: a function giving two context managers, for the first and the second run.
        determinism_check: "default" compares shape, dtype and device of what the two runs save; "none" does not.
        debug: let a CheckpointError say where the first run saved the tensors that do not fit. Slow.
        early_stop: end the second run as soon as it has saved all that is wanted.
        preserve_rng_state: the second run draws the same random numbers as the first, on the CPU and on CUDA devices.

    CheckpointError (a RuntimeError), from backward: the second run saved other tensors.

    >>> import tensorx as tx
    >>> from tensorx.utils.checkpoint import checkpoint
    >>> layer = tx.nn.Sequential(tx.nn.Linear(4, 4), tx.nn.Tanh(), tx.nn.Dropout(0.5))
    >>> x = tx.ones(2, 4, requires_grad=True)
    >>> checkpoint(layer, x, use_reentrant=False).sum().backward()
    >>> x.grad.shape
    tensorx.Size([2, 4])
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    if not _C.is_grad_enabled():
        return function(*args, **kwargs)
    forward_context, recompute_context = context_fn()
    rerun = _Rerun(function, args, kwargs, recompute_context, preserve_rng_state)
    record = _Record(
        rerun,
        _override("early_stop", early_stop),
        determinism_check == "default",
        _override("debug", debug),
    )
    with record.hooks(), forward_context:
        result = function(*args, **kwargs)
    rerun.check_generators()
    record.is_complete = True
    return result


def checkpoint_sequential(
    functions: Iterable[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """Run `functions` (an nn.Sequential or a list) one after the other in `segments` checkpoints of equal length.

    The last segment is run plainly: backward would compute it again at once. With n functions and sqrt(n) segments, memory
    grows as sqrt(n) for one more forward pass.

    >>> import tensorx as tx
    >>> from tensorx.utils.checkpoint import checkpoint_sequential
    >>> model = tx.nn.Sequential(*(tx.nn.Linear(4, 4) for _ in range(9)))
    >>> x = tx.ones(2, 4, requires_grad=True)
    >>> checkpoint_sequential(model, 3, x, use_reentrant=False).sum().backward()
    """
    chain = list(functions)
    if not 1 <= segments <= max(1, len(chain)):
        raise ValueError(f"checkpoint_sequential(): segments must be between 1 and {len(chain)}, but got {segments}")

    def run(start, end, x):
        for function in chain[start:end]:
            x = function(x)
        return x

    size = len(chain) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        input = checkpoint(run, start, start + size, input, preserve_rng_state=preserve_rng_state)
    return run(last, len(chain), input)


# ---- settings that hold for a block


_overrides: dict[str, bool | None] = {"early_stop": None, "debug": None}


def _override(name, given):
    value = _overrides[name]
    return given if value is None else value


class _Setting:
    def __init__(self, name, value):
        self.name, self.value = name, value

    def __enter__(self):
        self.before, _overrides[self.name] = _overrides[self.name], self.value

    def __exit__(self, *error):
        _overrides[self.name] = self.before


def set_checkpoint_early_stop(enable: bool) -> AbstractContextManager[None]:
    """Within the block, every checkpoint stops its second run early (or does not), whatever its own `early_stop` says."""
    return _Setting("early_stop", enable)


def set_checkpoint_debug_enabled(enabled: bool | None) -> AbstractContextManager[None]:
    """Within the block, every checkpoint is made with (or without) `debug`; None leaves it to each."""
    return _Setting("debug", enabled)


# ---- the mechanism


class _Rerun:
    """How to run a call a second time: its arguments, and the random generators' states before it."""

    def __init__(self, function, args, kwargs, context, preserve_rng_state):
        self.function, self.context = function, context
        self.args = [self._saved(x) for x in args]
        self.kwargs = {name: self._saved(x) for name, x in kwargs.items()}
        self.rng = _generator_states() if preserve_rng_state else None
        self.autocast = same_region()

    def name(self):
        return "checkpoint"  # by which the error calls it that an input was changed in place

    def _saved(self, x):
        return _C.save(x, False, 0) if isinstance(x, _C.TensorBase) else _Plain(x)

    def _unpacked(self, saved):
        return saved.value if type(saved) is _Plain else _C.unpack((saved,), self)[0]

    def check_generators(self):
        """Raise if the first run drew from a generator whose state before it is not known."""
        if self.rng is not None and _C.cuda_generator_count() > len(self.rng) - 1:
            raise RuntimeError(
                "checkpoint(): the function drew the first random numbers of a CUDA device, so that it cannot draw the "
                "same again: use the device before, or pass preserve_rng_state=False"
            )

    def __call__(self):
        with ExitStack() as stack:
            if self.rng is not None:
                devices = range(len(self.rng) - 1)
                stack.enter_context(random.fork_rng(devices))
                _set_generator_states(self.rng)
            stack.enter_context(enable_grad())
            stack.enter_context(self.autocast)
            stack.enter_context(self.context)
            args = [self._unpacked(x) for x in self.args]
            kwargs = {name: self._unpacked(x) for name, x in self.kwargs.items()}
            self.function(*args, **kwargs)


class _Plain:
    """An argument that is no tensor."""

    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


def _generator_states():
    """Of the CPU, then of the CUDA devices that have drawn or may be next to."""
    count = _C.cuda_generator_count()
    if cuda.is_initialized():
        count = max(count, cuda.current_device() + 1)
    return [random.get_rng_state(), *(_C.cuda_generator(i).get_state() for i in range(count))]


def _set_generator_states(states):
    random.set_rng_state(states[0])
    for i, state in enumerate(states[1:]):
        _C.cuda_generator(i).set_state(state)


class _Slot:
    """What the graph keeps instead of a saved tensor. `tensor` is there between the second run and its use."""

    __slots__ = ("__weakref__", "record", "tensor")

    def __init__(self, record):
        self.record, self.tensor = record, None

    def take(self):
        if self.tensor is None:
            self.record.fill()
        tensor, self.tensor = self.tensor, None
        if tensor is None:
            raise CheckpointError(
                "checkpoint(): the second run did not save a tensor that the first had saved: the function took another "
                "path. Make it depend on its arguments only."
            )
        return tensor


class _Stop(BaseException):
    """Ends a second run that has saved all that is wanted. No Exception: the function may catch those."""


class _Record:
    """What one checkpointed call saved, in order."""

    def __init__(self, rerun, early_stop, check, debug):
        self.rerun, self.early_stop, self.check, self.debug = rerun, early_stop, check, debug
        self.slots = []  # weak references: a slot lives as long as the graph wants it
        self.kinds = []  # shape, dtype and device of each
        self.places = []  # with debug: where each was saved
        self.is_complete = False  # backward may run within the function

    def hooks(self):
        def pack(x):
            slot = _Slot(self)
            self.slots.append(ref(slot))
            self.kinds.append((x.shape, x.dtype, x.device))
            if self.debug:
                self.places.append(_place())
            return slot

        return saved_tensors_hooks(pack, _Slot.take)

    def fill(self):
        """Run the call again and fill the slots that are still wanted."""
        wanted = [slot() for slot in self.slots]
        last = max(i for i, slot in enumerate(wanted) if slot is not None)
        stop, saved = _Stop(), 0

        def pack(x):
            nonlocal saved
            i, saved = saved, saved + 1
            x = x.detach()
            if i < len(wanted) and wanted[i] is not None:
                if self.check:
                    self._compare(i, x)
                wanted[i].tensor = x
            if self.early_stop and i == last:
                raise stop
            return x  # not a slot: the function may run a backward pass of its own

        try:
            with saved_tensors_hooks(pack, lambda x: x):
                self.rerun()
        except _Stop as raised:
            if raised is not stop:
                raise  # of a checkpoint around this one
            stop.__traceback__ = None  # it holds this frame, which holds `stop`
        if self.check and self.is_complete and (saved <= last or (not self.early_stop and saved != len(wanted))):
            raise CheckpointError(
                "checkpoint(): A different number of tensors was saved during the original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(wanted)}\n"
                f"Number of tensors saved during recomputation: {saved}\n"
                "The function must compute the same again: make it depend on its arguments only."
            )

    def _compare(self, i, x):
        kind = (x.shape, x.dtype, x.device)
        if kind == self.kinds[i]:
            return
        error = CheckpointError(
            "checkpoint(): Recomputed values for the following tensors have different metadata than during the forward "
            f"pass.\ntensor at position {i}:\nsaved metadata: {_described(self.kinds[i])}\n"
            f"recomputed metadata: {_described(kind)}\n"
            "The function must compute the same again: make it depend on its arguments only."
            + ("" if self.debug else " checkpoint(..., debug=True) says where the tensor was saved.")
        )
        if self.debug:
            error.add_note(f"The first run saved it here:\n{self.places[i]}\nThe second run saves it here:\n{_place()}")
        raise error


def _described(kind):
    shape, dtype, device = kind
    return f"shape {list(shape)}, {dtype}, {device}"


def _place():
    from traceback import format_stack

    return "".join(format_stack()[:-2])
