"""Random numbers within vmap: an error, numbers of its own for each example, or the same for all, as vmap was told."""

from .. import _C
from .batched import BatchedTensor, outside
from .dispatch import DRAWS, composed, drawing_levels, leading, levels_of, shown, sizes_of, wrapped


def _sampler(*names):
    """Register what samplers do within vmap: draw(op, arguments, levels whose examples get numbers of their own)."""

    def register(draw):
        def within(op, arguments, out):
            levels = drawing_levels(op)
            if levels is None:
                return NotImplemented
            if out is not None:
                raise RuntimeError(f"vmap: {shown(op)}(out=...) is not supported within vmap")
            with outside():
                return draw(op, arguments, levels)

        DRAWS.update(dict.fromkeys(names, within))
        return draw

    return register


@_sampler("rand", "randn", "randint")
def _new(op, arguments, levels):
    """A tensor from sizes."""
    arguments = list(arguments)
    at = 2 if op.__name__ == "randint" else 0
    sizes = arguments[at]
    sizes = (sizes,) if isinstance(sizes, int) else sizes
    if len(sizes) == 1 and not isinstance(sizes[0], int):
        sizes = sizes[0]
    arguments[at] = (*sizes_of(levels), *sizes)
    return _of_levels(op(*arguments), levels)


def _of_levels(made, levels):
    return wrapped(made, levels) if levels else made


@_sampler("randperm")
def _permutation(op, arguments, levels):
    if not levels:
        return op(*arguments)
    n, dtype, device, generator = arguments
    order = _C.argsort(_C.rand((*sizes_of(levels), n), _C.float64, device, generator), -1, False)
    return wrapped(order if dtype is None else order.to(dtype), levels)


def _check_same(op, arguments, levels):
    if any(level not in levels for level in levels_of(arguments)):
        raise RuntimeError(
            f"vmap: {shown(op)}() with randomness='same' cannot give the same numbers to examples with different "
            "probabilities: use randomness='different'"
        )


@_sampler("bernoulli_by", "poisson", "standard_gamma", "multinomial")
def _by_input(op, arguments, levels):
    """A sampler whose first argument holds probabilities, rates or weights."""
    input, *rest = arguments
    _check_same(op, (input,), levels)
    value = leading(input, levels)
    if op.__name__ != "multinomial" or not levels:
        return _of_levels(op(value, *rest), levels)
    rows = value.reshape((-1, value.shape[-1]))  # it takes one batch dimension
    return wrapped(op(rows, *rest).reshape((*value.shape[:-1], rest[0])), levels)


@_sampler("binomial")
def _by_two_inputs(op, arguments, levels):
    """A sampler whose first two arguments are of one shape."""
    *inputs, generator = arguments
    _check_same(op, inputs, levels)
    return _of_levels(op(*(leading(x, levels) for x in inputs), generator), levels)


@_sampler("uniform", "normal", "exponential", "random_integers", "bernoulli")
def _filling(op, arguments, levels):
    """A sampler that fills a tensor (of which it needs no values), or makes one like it."""
    target, *rest = arguments
    in_place = getattr(op, "in_place", False)
    own = levels_of((target,))
    if in_place and any(level not in own for level in levels):
        raise RuntimeError(
            f"vmap: {shown(op)}() cannot give each example random numbers of its own in a tensor that is the same for all: "
            "make the tensor with one of vmap's inputs (zeros_like, new_empty), or use randomness='same'"
        )
    draw = op.run if in_place else op
    sizes = [level.size if level in levels else 1 for level in own] if in_place else sizes_of(levels)
    drawn = draw(_C.empty((*sizes, *target.shape), target.dtype, target.device), *rest)
    if not in_place:
        return _of_levels(drawn, levels)
    (target.value if own else target).copy_(drawn)
    return target


@_sampler("take_stream")
def _stream(op, arguments, levels):
    """The stream of numbers for one dropout, which knows the levels whose examples get numbers of their own."""
    return BatchedTensor(op(*arguments), levels)


@composed("dropout")
def _dropout(op, input, p, stream):
    # A stream without levels comes from backward: the mask is that of the values, the same for every gradient.
    different, stream = (stream.levels, stream.value) if type(stream) is BatchedTensor else ((), stream)
    levels = tuple(sorted({*levels_of((input,)), *different}, key=lambda level: level.depth))
    value = leading(input, levels)
    if different == levels:
        return _of_levels(op(value, p, stream), levels)
    sizes = tuple(level.size if level in different else 1 for level in levels)
    ones = _C.full((*sizes, *input.shape), 1, input.dtype, input.device)
    return wrapped(value * _C.dropout(ones, p, stream), levels)
