"""vmap: a function of one example as a function of many."""

from __future__ import annotations

from functools import wraps

from .. import _C
from ..ops.join import cat
from ..utils._pytree import broadcast_prefix, tree_flatten, tree_unflatten
from . import rules, rules_index, rules_matmul, rules_random, rules_sequence  # noqa: F401  they register themselves
from .batched import BatchedTensor, enter
from .dispatch import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_C.set_batched(BatchedTensor, call)


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """`func`, a function of one example, as a function of many at once: its ops run once, with one more dimension.

    Args:
        func: a function of tensors, or of trees (tuples, lists, dicts) of tensors.
        in_dims: which dimension of each argument counts the examples; None: the argument is the same for all. An int
            for all arguments, or a tuple with one entry for each, which may be a tree as the argument is. Keyword
            arguments are the same for all.
        out_dims: where the results have that dimension; an int, or a tuple (tree) for several results. None: the result
            is the same for all examples, and may be no tensor.
        randomness: what functions that draw random numbers do: "error" raises, "different" gives each example numbers
            of its own, "same" gives all the same.
        chunk_size: take so many examples at a time, to save memory.

    Returns a function of the same signature. It works on devices of all kinds, with gradients inside and outside, and
    within another vmap.

    Within `func` a tensor has the shape of one example. What needs its values as Python numbers raises RuntimeError
    (`item()`, `if x > 0`, results whose size depends on values): write `tensorx.where` instead. An op that has no rule
    runs once per example, with a warning. In-place ops may write what differs between examples only into tensors that
    differ between examples themselves.

    >>> import tensorx as tx
    >>> x, y = tx.tensor([[1.0, 2.0], [3.0, 4.0]]), tx.tensor([1.0, 10.0])
    >>> tx.vmap(tx.dot, in_dims=(0, None))(x, y)
    tensor([21., 43.])
    """
    if not callable(func):
        raise TypeError(f"vmap(): expected a function, got {type(func).__name__}")
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"vmap(): randomness must be 'error', 'different' or 'same', got {randomness!r}")
    if chunk_size is not None and (not isinstance(chunk_size, int) or chunk_size <= 0):
        raise ValueError(f"vmap(): chunk_size must be None or a positive int, got {chunk_size!r}")

    @wraps(func, updated=())
    def mapped(*args, **kwargs):
        leaves, dims, spec = _flatten_inputs(func, in_dims, args, kwargs)
        size = _examples(func, leaves, dims)
        if chunk_size is None or size <= chunk_size:
            return _run(func, leaves, dims, spec, size, out_dims, randomness)
        parts = []
        for start in range(0, size, chunk_size):
            count = min(chunk_size, size - start)
            chunk = [x if d is None else x.narrow(d, start, count) for x, d in zip(leaves, dims, strict=True)]
            parts.append(_run(func, chunk, dims, spec, count, out_dims, randomness))
        return _joined(parts, out_dims)

    return mapped


def _name(func):
    return getattr(func, "__name__", type(func).__name__)


def _flatten_inputs(func, in_dims, args, kwargs):
    """The leaves of all arguments, the dimension to map of each (None: none), and their spec."""
    where = f"vmap({_name(func)}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)) or isinstance(in_dims, bool):
        raise ValueError(
            f"{where}: expected in_dims to be an int or a tuple of ints and Nones, got {type(in_dims).__name__}"
        )
    if not args:
        raise ValueError(f"{where}: there are no inputs: give at least one tensor to map over")
    dims = broadcast_prefix(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args)
    if dims is None:
        raise ValueError(f"{where}: in_dims does not have the structure of the inputs, which are {len(args)} arguments")
    leaves, spec = tree_flatten((args, kwargs))
    dims += [None] * (len(leaves) - len(dims))  # keyword arguments
    for i, (x, d) in enumerate(zip(leaves, dims, strict=True)):
        if d is None:
            continue
        if not isinstance(d, int) or isinstance(d, bool):
            raise ValueError(f"{where}: in_dims has {d!r} for input {i}: expected an int or None")
        if not isinstance(x, _C.TensorBase):
            raise ValueError(
                f"{where}: got in_dim={d} for input {i}, which is no tensor but {type(x).__name__}: give None for it"
            )
        if not -x.ndim <= d < x.ndim:
            raise ValueError(f"{where}: got in_dim={d} for input {i}, a tensor of {x.ndim} dimensions")
        dims[i] = d % x.ndim
    return leaves, dims, spec


def _examples(func, leaves, dims):
    sizes = {x.shape[d] for x, d in zip(leaves, dims, strict=True) if d is not None}
    if not sizes:
        raise ValueError(f"vmap({_name(func)}): all in_dims are None: give at least one input to map over")
    if len(sizes) > 1:
        raise ValueError(
            f"vmap({_name(func)}): expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sorted(sizes)} for the mapped dimension"
        )
    return sizes.pop()


def _run(func, leaves, dims, spec, size, out_dims, randomness):
    with enter(size, randomness) as level:
        given = [x if d is None else batch(x, d, level) for x, d in zip(leaves, dims, strict=True)]
        args, kwargs = tree_unflatten(given, spec)
        results, out_spec = tree_flatten(func(*args, **kwargs))
        places = broadcast_prefix(out_dims, tree_unflatten(results, out_spec))
        if places is None:
            raise ValueError(f"vmap({_name(func)}): out_dims={out_dims} does not have the structure of the results")
        out = [_unbatched(func, x, d, level) for x, d in zip(results, places, strict=True)]
        return tree_unflatten(out, out_spec)


def batch(x, dim, level):
    """A tensor whose dimension `dim` counts the examples of a new innermost level."""
    value, levels = (x.value, x.levels) if type(x) is BatchedTensor else (x, ())
    at = len(levels)
    return BatchedTensor(value if dim == 0 else value.movedim(at + dim, at), (*levels, level))


def unbatch(x, level):
    """A tensor with the examples of a level, the innermost, as its first dimension."""
    if type(x) is not BatchedTensor or level not in x.levels:
        return x.expand((level.size, *x.shape))
    levels = x.levels[:-1]
    return BatchedTensor(x.value, levels) if levels else x.value


def _unbatched(func, x, dim, level):
    if dim is None:
        if type(x) is BatchedTensor and level in x.levels:
            raise ValueError(
                f"vmap({_name(func)}): a result with out_dims=None differs between examples: say where it has their dimension"
            )
        return x
    if not isinstance(x, _C.TensorBase):
        raise ValueError(
            f"vmap({_name(func)}): the function must return tensors, or trees of them, but returned {type(x).__name__}: give "
            "None in out_dims for results that are the same for all examples"
        )
    if not isinstance(dim, int):
        raise ValueError(f"vmap({_name(func)}): out_dims must be ints or None, got {dim!r}")
    whole = unbatch(x, level)
    if not -whole.ndim <= dim < whole.ndim:
        raise IndexError(
            f"vmap({_name(func)}): got out_dim={dim} for a result of {whole.ndim} dimensions with the mapped one"
        )
    return whole if dim == 0 else whole.movedim(0, dim)


def _joined(parts, out_dims):
    """The results of all chunks as one."""
    columns, spec = [], None
    for part in parts:
        leaves, spec = tree_flatten(part)
        columns.append(leaves)
    places = broadcast_prefix(out_dims, tree_unflatten(columns[0], spec))
    joined = [
        pieces[0] if d is None else cat(pieces, d) for pieces, d in zip(zip(*columns, strict=True), places, strict=True)
    ]
    return tree_unflatten(joined, spec)
