"""Padding as a function."""

from ... import arange, cat
from ...ops.convert import in_order_of


def pad(input, pad, mode="constant", value=None):
    """Add (or, with a negative count, remove) elements at both ends of the last dimensions.

    `pad` is (left, right) of the last dimension, then of the one before, and so on. `mode` is 'constant'
    (filled with `value`, 0 by default), 'reflect', 'replicate' or 'circular'.

    >>> import tensorx as tx
    >>> tx.nn.functional.pad(tx.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    """
    pad, given = tuple(pad), input
    if len(pad) % 2 or len(pad) // 2 > input.dim():
        raise RuntimeError(
            f"pad(): expected an even number of counts, at most {2 * input.dim()}, for an input of shape {tuple(input.shape)}; got {pad}"
        )
    if mode != "constant" and mode not in _LONGEST:
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if mode != "constant" and value not in (None, 0):
        raise ValueError(f'Padding mode "{mode}" doesn\'t take in value argument')
    for i in range(len(pad) // 2):
        dim, left, right = input.dim() - 1 - i, pad[2 * i], pad[2 * i + 1]
        if input.shape[dim] + min(left, 0) + min(right, 0) < 0:
            raise RuntimeError(
                f"pad(): the counts ({left}, {right}) remove more than dimension {dim} has, {input.shape[dim]}"
            )
        if mode == "constant":
            input = _pad_constant(input, dim, left, right, value or 0)
        elif left or right:
            input = _pad_from_input(input, dim, left, right, mode)
    return in_order_of(given, input)


def _pad_constant(input, dim, left, right, value):
    if left < 0 or right < 0:
        begin = max(-left, 0)
        input = input.narrow(dim, begin, input.shape[dim] - begin - max(-right, 0))

    def block(count):
        return [input.new_full((*input.shape[:dim], count, *input.shape[dim + 1 :]), value)] if count > 0 else []

    blocks = [*block(left), input, *block(right)]
    return cat(blocks, dim) if len(blocks) > 1 else input


# The longest padding of a mode, by the size of the dimension.
_LONGEST = {
    "reflect": lambda size: size - 1,
    "circular": lambda size: size,
    "replicate": lambda size: 2**62 if size else 0,
}


def _pad_from_input(input, dim, left, right, mode):
    size = input.shape[dim]
    longest = _LONGEST[mode](size)
    if max(left, right) > longest:
        raise RuntimeError(
            f"pad(): {mode} padding of dimension {dim}, of size {size}, takes counts up to {longest}, got ({left}, {right})"
        )
    index = arange(-left, size + right, device=input.device)
    if mode == "replicate":
        index = index.clamp(0, size - 1)
    elif mode == "circular":
        index = index.remainder(size)
    else:
        index = (size - 1) - (index.abs() - (size - 1)).abs()
    return input.index_select(dim, index)
