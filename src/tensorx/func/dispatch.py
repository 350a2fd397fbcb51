"""What a call with BatchedTensors becomes: calls with Tensors, by the op's rule (rules.py and its neighbours).

A rule is known by the name of the op's C forward, or of the op where that is a Python function. There are three kinds:

- elementwise: all tensors are lined up, the dimensions of the levels first and those of one example behind them, and
  the op broadcasts as ever.
- leading(op, k, *arguments): every tensor has the sizes of all levels as its first k dimensions.
- flat(op, size, *arguments): the levels are one dimension of this size, the first; an argument that is batched is a
  BatchedTensor of one level, any other is as given. Results must have the dimension.

An op without a rule runs once per example, with a warning.
"""

from math import prod
from warnings import warn

from .. import _C
from ..ops.join import stack
from .batched import BatchedTensor, Level, running_levels

_FORWARD = type(_C.add)
ELEMENTWISE: set[str] = set()
RULES: dict[str, tuple] = {}  # name -> (apply, rule)
REFUSED: dict[str, str] = {}  # name -> why
PER_EXAMPLE = {"masked_scatter"}  # it broadcasts, but what an element becomes depends on those before it


# ---- batched tensors as tensors


def batched_in(arguments):
    """The BatchedTensors among arguments and in the lists and tuples among them."""
    for x in arguments:
        if type(x) is BatchedTensor:
            yield x
        elif isinstance(x, (tuple, list)):
            yield from (y for y in x if type(y) is BatchedTensor)


def levels_of(arguments):
    """The levels of all BatchedTensors among the arguments, outermost first."""
    found = {level for x in batched_in(arguments) for level in x.levels}
    for level in found:
        if not level.active:
            raise RuntimeError(
                "vmap: a tensor was kept from a function that vmap mapped, and used after vmap returned: make it one of "
                "the function's results instead"
            )
    return tuple(sorted(found, key=lambda level: level.depth))


def map_tensors(f, arguments):
    """f(tensor) for the tensors, batched or not, among arguments and in their lists and tuples."""

    def one(x):
        if isinstance(x, _C.TensorBase):
            return f(x)
        return type(x)(map(one, x)) if type(x) in (tuple, list) else x

    return tuple(map(one, arguments))


def sizes_of(levels):
    """How many examples each level has."""
    return tuple(level.size for level in levels)


def aligned(x, levels, rank):
    """The value of x with a dimension for each level (of size 1 where x is not batched) and `rank` more; a tensor that is
    not batched as it is."""
    if type(x) is not BatchedTensor:
        return x
    if x.levels == levels and x.ndim == rank:
        return x.value
    shape = x.shape
    own = [level.size if level in x.levels else 1 for level in levels]
    return x.value.reshape((*own, *(1,) * (rank - len(shape)), *shape))


def leading(x, levels):
    """x, batched or not, as a tensor whose first dimensions are those of all levels."""
    if type(x) is not BatchedTensor:
        return x.expand((*sizes_of(levels), *x.shape))
    if x.levels == levels:
        return x.value
    return aligned(x, levels, x.ndim).expand((*sizes_of(levels), *x.shape))


def wrapped(result, levels):
    """Tensors, alone or in tuples, as BatchedTensors."""
    if isinstance(result, _C.TensorBase):
        return BatchedTensor(result, levels)
    if isinstance(result, (tuple, list)):
        return type(result)([wrapped(x, levels) for x in result])
    return result


# ---- registering rules


def rule(*names):
    """Register a leading rule under these names."""

    def register(function):
        RULES.update(dict.fromkeys(names, (_call_leading, function)))
        return function

    return register


def flat_rule(*names):
    """Register a flat rule under these names."""

    def register(function):
        RULES.update(dict.fromkeys(names, (call_flat, function)))
        return function

    return register


def composed(*names):
    """Register a rule that computes with the BatchedTensors themselves: rule(op, *arguments)."""

    def register(function):
        RULES.update(dict.fromkeys(names, (lambda rule, op, arguments, levels: rule(op, *arguments), function)))
        return function

    return register


def key_of(op):
    """The name that an op's or a C forward's rule is registered under."""
    if type(op) is _FORWARD:
        return op.__name__
    return op.run.__name__ if type(op.run) is _FORWARD else op.name


def shown(op):
    """An op's name in messages, where it may stand behind a function of another."""
    return _SHOWN.get(op.__name__, op.__name__.lstrip("_"))


_SHOWN = {"take_stream": "dropout", "_index_set": "index_put", "_index_set_": "index_put_", "index_get": "getitem"}


# ---- applying rules

_VARIADIC = 0x04  # inspect.CO_VARARGS
_by_position: dict = {}


def by_position(op):
    """The op, or C forward, as a function that takes all its arguments by position, as `call` is given them."""
    found = _by_position.get(op)
    if found is None:
        names = ()
        if type(op) is not _FORWARD:
            code = op.__wrapped__.__code__
            count = code.co_argcount + bool(code.co_flags & _VARIADIC)
            names = op.parameters[count:]
        found = _by_position[op] = _with_keywords(op, count, names) if names else op
    return found


def _with_keywords(op, count, names):
    def run(*arguments):
        return op(*arguments[:count], **dict(zip(names, arguments[count:], strict=False)))

    run.__name__ = op.__name__
    return run


def _promoted(arguments):
    """0-dim tensors cast to the result's dtype: with a batch dimension they would count as more than 0-dim."""
    tensors = [x for x in arguments if isinstance(x, _C.TensorBase)]
    if len({x.dtype for x in tensors}) < 2 or all(x.ndim for x in tensors):
        return arguments
    dtype = None
    for x in tensors:
        like = _C.empty((1,) * x.ndim, x.dtype, None)
        dtype = like if dtype is None else _C.empty((1,) * max(dtype.ndim, x.ndim), _C.result_type(dtype, like), None)
    return map_tensors(lambda x: x if x.ndim else x.to(dtype.dtype), arguments)


def _call_elementwise(op, arguments, levels):
    name = key_of(op)
    if name == "where":
        arguments = (arguments[0], *_promoted(arguments[1:]))
    elif name not in _ONE_DTYPE:
        arguments = _promoted(arguments)
    rank = max(x.ndim for x in arguments if isinstance(x, _C.TensorBase))
    return wrapped(by_position(op)(*map_tensors(lambda x: aligned(x, levels, rank), arguments)), levels)


_ONE_DTYPE = {"copy_into", "fill"}  # ops whose result has the dtype of their first argument


def _call_leading(rule, op, arguments, levels):
    given = map_tensors(lambda x: leading(x, levels), arguments)
    return wrapped(rule(op, len(levels), *given), levels)


def flattened(x, levels, joint):
    """A BatchedTensor of all levels as one of a single level `joint`."""
    if type(x) is not BatchedTensor:
        return x
    if 0 in sizes_of(levels):
        return BatchedTensor(_C.new_zeros(x.value.detach(), (1, *x.shape)), (joint,))
    value = leading(x, levels)
    return BatchedTensor(value if len(levels) == 1 else value.reshape((joint.size, *x.shape)), (joint,))


def _joint(levels):
    """One level for all. Where there are no examples it has one, of zeros, which tells the shapes of the results."""
    return levels[0] if len(levels) == 1 and levels[0].size else Level(prod(sizes_of(levels)) or 1, None, 0)


def _split(result, levels):
    """Results with one batch dimension as BatchedTensors of these levels."""
    sizes = sizes_of(levels)
    if len(levels) > 1 or sizes == (0,):
        (result,) = map_tensors(lambda y: (y if all(sizes) else y[:0]).reshape((*sizes, *y.shape[1:])), (result,))
    return wrapped(result, levels)


def call_flat(rule, op, arguments, levels):
    joint = _joint(levels)
    given = map_tensors(lambda x: flattened(x, levels, joint), arguments)
    return _split(rule(op, joint.size, *given), levels)


def call_each(op, arguments, levels):
    """The op once per example."""
    warn(
        f"vmap: {shown(op)}() has no rule for batches and runs once per example, which is slow",
        UserWarning,
        stacklevel=3,
    )
    joint = _joint(levels)
    given = map_tensors(lambda x: flattened(x, levels, joint), arguments)
    rows = [
        op(*map_tensors(lambda x, i=i: x.value[i] if type(x) is BatchedTensor else x, given)) for i in range(joint.size)
    ]
    return _split(_stacked(op, rows), levels)


def _stacked(op, rows):
    first = rows[0]
    if isinstance(first, _C.TensorBase):
        shapes = {row.shape for row in rows}
        if len(shapes) > 1:
            raise RuntimeError(f"vmap: {shown(op)}() gave results of different shapes: {sorted(map(tuple, shapes))}")
        return stack(rows)
    if isinstance(first, (tuple, list)):
        return type(first)([_stacked(op, column) for column in zip(*rows, strict=True)])
    if any(row != first for row in rows):
        raise RuntimeError(f"vmap: {shown(op)}() gave results that are no tensors and differ between examples")
    return first


def _call_in_place(op, arguments, levels):
    target = arguments[0]
    if type(target) is not BatchedTensor or target.levels != levels:
        raise RuntimeError(
            f"vmap: {shown(op)}() cannot write values that differ between examples into a tensor that is the same for all: "
            "use the out-of-place form, or make the tensor with one of vmap's inputs (new_zeros, zeros_like)"
        )
    if key_of(op.functional) in ELEMENTWISE:
        ranks = [x.ndim for x in arguments[1:] if isinstance(x, _C.TensorBase)]
        if max(ranks, default=0) > target.ndim:
            raise RuntimeError(f"vmap: {shown(op)}() cannot write a result of more dimensions into a tensor of fewer")
        _call_elementwise(op, arguments, levels)
    else:
        target.value.copy_(leading(call(op.functional, arguments, None), levels))
    return target


def call(op, arguments, out):
    """Called from C for an op, or a C forward, given BatchedTensors, or one that draws random numbers."""
    name = key_of(op.functional if getattr(op, "in_place", False) else op)
    if name in DRAWS:
        return DRAWS[name](op, arguments, out)
    levels = levels_of(arguments)
    if out is not None:
        raise RuntimeError(f"vmap: {shown(op)}(out=...) is not supported with tensors that vmap batches")
    if name in REFUSED:
        raise RuntimeError(f"vmap: {shown(op)}() {REFUSED[name]}")
    if getattr(op, "in_place", False):
        return _call_in_place(op, arguments, levels)
    if name in ELEMENTWISE or (getattr(op, "broadcasts", False) and name not in RULES and name not in PER_EXAMPLE):
        return _call_elementwise(op, arguments, levels)
    if name in RULES:
        apply, rule = RULES[name]
        return apply(rule, by_position(op), arguments, levels)
    return call_each(by_position(op), arguments, levels)


# ---- random numbers

DRAWS: dict = {}  # name of a sampler -> what it does within vmap: f(op, arguments, out)


def drawing_levels(op):
    """The running levels whose examples get random numbers of their own. None: no vmap is running."""
    running = running_levels()
    if not running:
        return None
    if any(level.randomness == "error" for level in running):
        raise RuntimeError(
            f"vmap: {shown(op)}() draws random numbers: say with vmap(..., randomness='different') that each example gets "
            "its own, or with randomness='same' that all get the same; or draw them outside of vmap"
        )
    return tuple(level for level in running if level.randomness == "different")


# ---- custom operations


def apply_function(cls, arguments, keywords):
    """autograd.Function.apply with BatchedTensors."""
    levels = levels_of(arguments)
    if hasattr(cls, "vmap"):
        return call_flat(_own_rule(cls), cls.apply, arguments, levels)

    def apply(*given):
        return cls.apply(*given, **keywords)

    apply.__name__ = cls.__name__
    return call_each(apply, arguments, levels)


class _Info:
    """What a Function's own vmap rule is told."""

    def __init__(self, batch_size):
        self.batch_size = batch_size
        randomness = {level.randomness for level in running_levels()}
        self.randomness = randomness.pop() if len(randomness) == 1 else "error"


def _own_rule(cls):
    def rule(op, size, *arguments):
        in_dims = tuple(0 if type(x) is BatchedTensor else None for x in arguments)
        values = [x.value if type(x) is BatchedTensor else x for x in arguments]
        outputs, out_dims = cls.vmap(_Info(size), in_dims, *values)
        if not isinstance(outputs, tuple):
            return _first(outputs, out_dims, size)
        dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(outputs)
        return tuple(_first(x, d, size) for x, d in zip(outputs, dims, strict=True))

    return rule


def _first(x, dim, size):
    """A tensor with its batch dimension in front."""
    if not isinstance(x, _C.TensorBase):
        return x
    return x.expand((size, *x.shape)) if dim is None else x.movedim(dim, 0)
