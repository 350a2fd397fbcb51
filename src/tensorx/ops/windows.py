"""Windows of some dimensions, as a view, and added back up: im2col and col2im in any number of dimensions.

The two are each other's gradients. Windows move along the dimensions from `first` on, as many as `kernel` has sizes:
(before, *size, after) has the windows (before, *kernel, *counts, after).
"""

from math import prod

from .. import _C
from .define import op


def count(size, kernel, stride, dilation):
    """How many windows fit along one dimension; less than one when none does."""
    return (size - dilation * (kernel - 1) - 1) // stride + 1


def _view(x, first, kernel, counts, stride, dilation):
    shape, strides, after = x.shape, x.stride(), first + len(kernel)
    steps = strides[first:after]
    return _C.as_strided(
        x,
        (*shape[:first], *kernel, *counts, *shape[after:]),
        (
            *strides[:first],
            *(step * d for step, d in zip(steps, dilation)),
            *(step * s for step, s in zip(steps, stride)),
            *strides[after:],
        ),
        None if x.numel() else 0,
    )


@op(
    view=True,
    method=False,
    node_name="Im2ColBackward0",
    input=lambda g, input_shape, first, kernel, counts, stride, dilation: overlap_add(
        g, first, input_shape[first : first + len(kernel)], kernel, stride, dilation
    ),
)
def windows(input, first, kernel, counts, stride, dilation):
    """The first `counts` windows along each dimension, as a view. `stride` is from one to the next, `dilation` from element
    to element within one.
    """
    return _view(input, first, kernel, counts, stride, dilation)


def _counts(shape, first, kernel):
    return shape[first + len(kernel) : first + 2 * len(kernel)]


@op(
    method=False,
    node_name="Col2ImBackward0",
    input=lambda g, input_shape, first, kernel, stride, dilation: windows(
        g, first, kernel, _counts(input_shape, first, kernel), stride, dilation
    ),
)
def overlap_add(input, first, size, kernel, stride, dilation):
    """Windows added up where they lie in a tensor of `size` along these dimensions."""
    after = first + 2 * len(kernel)
    out = _C.full((*input.shape[:first], *size, *input.shape[after:]), 0, input.dtype, input.device)
    places = _view(out, first, kernel, _counts(input.shape, first, kernel), stride, dilation)
    values = input.detach()
    for position in range(prod(kernel)):  # one position within all windows at a time: there they do not overlap
        place, value = places, values
        for d in reversed(range(len(kernel))):
            position, offset = divmod(position, kernel[d])
            place, value = _C.select(place, first + d, offset), _C.select(value, first + d, offset)
        place.add_(value)
    return out
