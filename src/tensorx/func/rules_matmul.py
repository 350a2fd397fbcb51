"""Rules of matrix products, convolutions, pooling and normalisation (see dispatch.py for what a rule is)."""

from ..ops import norm
from ..ops.activation import gelu, relu
from ..ops.matmul import linear, matmul
from .batched import BatchedTensor
from .dispatch import aligned, composed, flat_rule, leading, levels_of, wrapped

# ---- products


def _checked(name, tensors, ranks):
    if [x.ndim for x in tensors] != list(ranks):
        raise RuntimeError(
            f"{name}(): expected tensors of {' and '.join(map(str, ranks))} dimensions, but got "
            f"{' and '.join(str(x.ndim) for x in tensors)}"
        )


@composed("matmul")
def _matmul(op, input, other):
    if not input.ndim or not other.ndim:
        raise RuntimeError("both arguments to matmul need to be at least 1D, but they are 0D")
    if input.ndim == 1 and other.ndim == 1:
        return _product(input.unsqueeze(0), other.unsqueeze(1)).squeeze(0).squeeze(0)
    if input.ndim == 1:
        return _product(input.unsqueeze(0), other).squeeze(-2)
    if other.ndim == 1:
        return _product(input, other.unsqueeze(1)).squeeze(-1)
    return _product(input, other)


def _product(input, other):
    """The product of (..., m, k) and (..., k, n), at least one of them batched."""
    levels = levels_of((input, other))
    if type(other) is not BatchedTensor and other.ndim == 2:
        return wrapped(matmul(input.value, other), levels)  # one matrix for all examples: one product
    rank = max(input.ndim, other.ndim)
    return wrapped(matmul(aligned(input, levels, rank), aligned(other, levels, rank)), levels)


_RANKS = {"mm": (2, 2), "bmm": (3, 3), "mv": (2, 1), "dot": (1, 1)}


@composed(*_RANKS)
def _ranked_product(op, input, other):
    _checked(op.__name__, (input, other), _RANKS[op.__name__])
    return matmul(input, other)


@composed("addmm", "baddbmm")
def _added_product(op, input, first, second, beta, alpha):
    _checked(op.__name__, (first, second), (2, 2) if op.__name__.startswith("addmm") else (3, 3))
    product = matmul(first, second)
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else product + (input if beta == 1 else input * beta)


@composed("addmm_activation")
def _activated_product(op, input, first, second, activation):
    _checked(op.__name__, (first, second), (2, 2))
    made = matmul(first, second) + input
    return relu(made) if activation == "relu" else gelu(made)


@composed("linear")
def _linear(op, input, weight, bias):
    if type(weight) is not BatchedTensor and type(bias) is not BatchedTensor and input.ndim:
        return wrapped(linear(input.value, weight, bias), input.levels)
    out = matmul(input, weight.t() if weight.ndim == 2 else weight)
    return out if bias is None else out + bias


# ---- convolutions. One image of b examples is an image of b times the channels, and convolved in b groups.


def _value(x, size):
    """The tensor behind an argument, with the batch dimension even if it is the same for all examples."""
    return x.value if type(x) is BatchedTensor else x.expand((size, *x.shape))


def _to_channels(x, size, dim):
    """(b, ..., c, ...) as (..., b * c, ...), where c is dimension `dim` of one example."""
    return _value(x, size).movedim(0, dim).flatten(dim, dim + 1)


def _from_channels(x, size, dim):
    return x.unflatten(dim, (size, x.shape[dim] // size)).movedim(dim, 0)


def _to_images(x):
    return x.value.flatten(0, 1)


def _from_images(x, size):
    return x.unflatten(0, (size, x.shape[0] // size if size else 0))


def _one_kernel(op, size, input, weight, arguments):
    """The same kernel for all examples: they are more images."""
    return _from_images(op(_to_images(input), weight, *arguments), size)


@flat_rule("convolution")
def _convolution(op, size, input, weight, bias, *geometry):
    if type(input) is BatchedTensor and type(weight) is not BatchedTensor and type(bias) is not BatchedTensor:
        return _one_kernel(op, size, input, weight, (bias, *geometry))
    *geometry, groups = geometry
    bias = None if bias is None else _value(bias, size).flatten()
    kernels = _value(weight, size).flatten(0, 1)
    return _from_channels(op(_to_channels(input, size, 1), kernels, bias, *geometry, size * groups), size, 1)


@flat_rule("convolution_input")
def _convolution_input(op, size, g, weight, *geometry):
    if type(weight) is not BatchedTensor:
        return _one_kernel(op, size, g, weight, geometry)
    *geometry, groups = geometry
    kernels = _value(weight, size).flatten(0, 1)
    return _from_channels(op(_to_channels(g, size, 1), kernels, *geometry, size * groups), size, 1)


@flat_rule("convolution_weight")
def _convolution_weight(op, size, input, g, *geometry):
    *geometry, groups = geometry
    found = op(_to_channels(input, size, 1), _to_channels(g, size, 1), *geometry, size * groups)
    return _from_channels(found, size, 0)


# ---- pooling: more images


@flat_rule("max_pool", "average_pool", "average_pool_grad")
def _pool(op, size, input, *geometry):
    out = op(_to_images(input), *geometry)
    return tuple(_from_images(x, size) for x in out) if isinstance(out, tuple) else _from_images(out, size)


@flat_rule("max_pool_grad")
def _max_pool_grad(op, size, g, indices, *geometry):
    return _from_images(op(_value(g, size).flatten(0, 1), _value(indices, size).flatten(0, 1), *geometry), size)


# ---- normalisation


@composed("layer_norm")
def _layer_norm(op, input, normalized_shape, weight, bias, eps):
    if type(weight) is BatchedTensor or type(bias) is BatchedTensor:
        out, mean, rstd = norm._layer_norm(input, normalized_shape, None, None, eps)
        out = out if weight is None else out * weight
        return out if bias is None else out + bias, mean, rstd
    return wrapped(op(input.value, normalized_shape, weight, bias, eps), input.levels)


@composed("layer_norm_grad")
def _layer_norm_grad(op, g, input, mean, rstd, weight, *needs):
    levels = levels_of((g, input, mean, rstd, weight))
    rows = mean.ndim  # dimensions in front of the normalised ones
    found = [None, None, None]
    if needs[0]:
        weighted = g if weight is None else g * weight
        given = [leading(x, levels) for x in (weighted, input, mean, rstd)]
        found[0] = wrapped(op(*given, None, True, False, False)[0], levels)
    per_row = (..., *(None,) * (input.ndim - rows))
    if needs[1]:
        normal = (input.to(mean.dtype) - mean[per_row]) * rstd[per_row]
        found[1] = _sum_of_rows(g.to(mean.dtype) * normal, rows).to(weight.dtype)
    if needs[2]:
        found[2] = _sum_of_rows(g, rows)
    return tuple(found)


def _sum_of_rows(x, rows):
    return x.sum(tuple(range(rows))) if rows else x


@flat_rule("batch_norm")
def _batch_norm(op, size, input, mean, variance, weight, bias, training, eps):
    per_channel = [None if x is None else _value(x, size).flatten() for x in (mean, variance, weight, bias)]
    out, *statistics = op(_to_channels(input, size, 1), *per_channel, training, eps)
    return (_from_channels(out, size, 1), *(_from_channels(x, size, 0) for x in statistics))


@flat_rule("batch_norm_grad")
def _batch_norm_grad(op, size, g, input, mean, rstd, weight, training, *needs):
    per_channel = [None if x is None else _value(x, size).flatten() for x in (mean, rstd, weight)]
    found = op(_to_channels(g, size, 1), _to_channels(input, size, 1), *per_channel, training, *needs)
    return tuple(None if x is None else _from_channels(x, size, d) for d, x in zip((1, 0, 0), found, strict=True))
