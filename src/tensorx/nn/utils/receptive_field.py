"""What an output unit of a convolutional network sees of the input: by the layers' sizes, and by the gradient.

Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks" (the formula; here the units
themselves are followed from the output back to the input, so that edges and holes come out right); Luo et al. 2016, arXiv:1701.04128 (the gradient, and how
much less it is in the corners than in the middle).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence

from ... import Tensor, autograd, no_grad
from ..modules import activation, batchnorm, dropout, pooling
from ..modules._sizes import sizes
from ..modules.conv import _Convolution
from ..modules.linear import Identity
from ..modules.module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ReceptiveField", "receptive_field", "receptive_field_by_gradient", "receptive_fields"]


class ReceptiveField(namedtuple("ReceptiveField", ["layer", "size", "step"])):
    """The receptive fields of one layer's units, per spatial dimension: `layer` is its name, `size` how many units of the
    input each of them has, `step` how many there are from one to the next.
    """

    __slots__ = ()


# One call of a layer. before(i, unit): the units of the input that one of the output sees, in dimension i.
_Call = namedtuple("_Call", ["name", "input_shape", "output_shape", "before", "stride"])


def receptive_field(model: Module, input: Tensor, position: Sequence[int] | None = None) -> tuple[range, ...]:
    """The part of the input that an output unit depends on, per spatial dimension, as the sizes of the layers say.

    Args:
        model: layers that run one after the other: convolutions, transposed or not, pooling, and layers that treat each
            element by itself. Residual connections that change no shape are permitted, as they see no more.
        input: (N, C, *sizes), to run the model once.
        position: of the output unit, an index per dimension. Default: the middle.

    ValueError: there is another kind of layer, or a branch; `receptive_field_by_gradient` is for these.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils.receptive_field import receptive_field
    >>> model = tx.nn.Sequential(tx.nn.Conv1d(1, 1, 3, dilation=2), tx.nn.ReLU(), tx.nn.Conv1d(1, 1, 3, stride=2))
    >>> receptive_field(model, tx.zeros(1, 1, 20))
    (range(6, 13),)
    """
    calls = _calls(model, input)
    spatial = input.dim() - 2
    where = _checked_position(position, calls[-1].output_shape[2:] if calls else input.shape[2:])
    return tuple(_extent(_back(calls, i, where[i])) for i in range(spatial))


def receptive_fields(model: Module, input: Tensor) -> list[ReceptiveField]:
    """The size and step of the receptive fields in each layer of `model` that changes them, from first to last.

    The sizes are those in an input without an edge. Arguments and errors are those of `receptive_field`.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils.receptive_field import receptive_fields
    >>> model = tx.nn.Sequential(tx.nn.Conv2d(3, 8, 3), tx.nn.MaxPool2d(2), tx.nn.Conv2d(8, 8, 3))
    >>> for field in receptive_fields(model, tx.zeros(1, 3, 16, 16)):
    ...     print(field.layer, field.size, field.step)
    0 (3, 3) (1.0, 1.0)
    1 (4, 4) (2.0, 2.0)
    2 (8, 8) (2.0, 2.0)
    """
    calls = _calls(model, input)
    step = (1.0,) * (input.dim() - 2)
    found = []
    for count, call in enumerate(calls, start=1):
        step = tuple(a * b for a, b in zip(step, call.stride))
        middle = [size // 2 for size in call.output_shape[2:]]
        seen = [_extent(_back(calls[:count], i, at, clip=False)) for i, at in enumerate(middle)]
        found.append(ReceptiveField(call.name, tuple(len(each) for each in seen), step))
    return found


def receptive_field_by_gradient(model: Module, input: Tensor, position: Sequence[int] | None = None) -> Tensor:
    """How much an output unit depends on each place of the input: the mean of |gradient| over batch and channels.

    For any model from (N, C, *sizes) to (N, C', *sizes'); returns a tensor of the input's sizes. It is 0 outside of the
    receptive field, and where ReLU or max pooling let nothing pass for any of the N inputs: give it a batch of random
    ones.

    >>> import tensorx as tx
    >>> from tensorx.nn.utils.receptive_field import receptive_field_by_gradient
    >>> seen = receptive_field_by_gradient(tx.nn.Conv1d(1, 1, 3, dilation=2), tx.randn(1, 1, 9))
    >>> (seen > 0).int()
    tensor([0, 0, 1, 0, 1, 0, 1, 0, 0], dtype=tensorx.int32)
    """
    leaf = input.detach().requires_grad_()
    output = model(leaf)
    where = _checked_position(position, output.shape[2:])
    (gradient,) = autograd.grad(output[(slice(None), slice(None), *where)].sum(), leaf)
    return gradient.abs().mean((0, 1))


def _checked_position(position, shape):
    if position is None:
        return tuple(size // 2 for size in shape)
    position = tuple(position)
    if len(position) != len(shape) or not all(0 <= at < size for at, size in zip(position, shape)):
        raise IndexError(f"position {position} is not one of an output of sizes {tuple(shape)}")
    return position


def _back(calls, i, unit, clip=True):
    """The units of the input that one of the output sees, in dimension i; with `clip`, without the padding."""
    units = {unit}
    for call in reversed(calls):
        units = {seen for each in units for seen in call.before(i, each)}
        if clip:
            units = {each for each in units if 0 <= each < call.input_shape[2 + i]}
    return units


def _extent(units):
    return range(min(units), max(units) + 1) if units else range(0)


def _calls(model, input):
    """The calls of the layers that look beyond one element, in the order in which they run."""
    calls: list[_Call] = []
    shape = [tuple(input.shape)]
    handles = []

    def note(name, layer):
        def hook(module, args, output):
            given = tuple(args[0].shape)
            if given != shape[0]:
                raise ValueError(
                    f"receptive_field(): layer {name!r} gets an input of shape {given}, but the layer before gave "
                    f"{shape[0]}: the model is no chain of layers. Use receptive_field_by_gradient()"
                )
            shape[0] = tuple(output.shape)
            rule = _rule(name, layer, given[2:], shape[0][2:])
            if rule is not None:
                calls.append(_Call(name, given, shape[0], *rule))

        return layer.register_forward_hook(hook)

    try:
        for name, layer in model.named_modules():
            if not list(layer.children()):
                handles.append(note(name, layer))
        with no_grad():
            model(input)
    finally:
        for handle in handles:
            handle.remove()
    return calls


_POOLING = ("MaxPool", "AvgPool", "LPPool")
_POINTWISE = {activation.__name__, batchnorm.__name__, dropout.__name__}


def _rule(name, layer, given, made) -> Any:
    """(before, stride) of a layer; None if it treats each element by itself."""
    n = len(given)
    if isinstance(layer, Identity) or type(layer).__module__ in _POINTWISE:
        return None
    kind = type(layer).__name__
    if type(layer).__module__ == pooling.__name__ and kind.startswith("Adaptive"):
        return (
            lambda i, unit: range(unit * given[i] // made[i], -(-(unit + 1) * given[i] // made[i])),
            tuple(a / b for a, b in zip(given, made)),
        )
    if not (isinstance(layer, _Convolution) or kind.startswith(_POOLING)):
        raise ValueError(
            f"receptive_field(): no rule for layer {name!r}, {layer}: only convolutions, pooling, batch normalisation, "
            "activations and dropout have one. Use receptive_field_by_gradient()"
        )
    kernel, stride = sizes(layer.kernel_size, n), sizes(layer.stride, n)
    dilation = sizes(getattr(layer, "dilation", 1), n)
    reach = [(size - 1) * apart for size, apart in zip(kernel, dilation)]
    if layer.padding == "same":
        padding: Sequence[int] = [each // 2 for each in reach]
    else:
        padding = [0] * n if layer.padding == "valid" else sizes(layer.padding, n)
    if getattr(layer, "transposed", False):  # input j adds to outputs j * stride - padding + tap * dilation
        taps = [range(0, each + 1, apart) for each, apart in zip(reach, dilation)]
        return (
            lambda i, unit: [
                (unit + padding[i] - tap) // stride[i] for tap in taps[i] if (unit + padding[i] - tap) % stride[i] == 0
            ],
            tuple(1 / each for each in stride),
        )
    return (
        lambda i, unit: range(unit * stride[i] - padding[i], unit * stride[i] - padding[i] + reach[i] + 1, dilation[i]),
        tuple(float(each) for each in stride),
    )
