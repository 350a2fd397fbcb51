"""Normalisation as functions. layer_norm is a fused op of the engine; the others are built on the engine's two."""

from ... import finfo, float32
from ...ops.convert import in_order_of
from ...ops.define import composite
from ...ops.norm import batch_norm as _batch_norm
from ...ops.norm import layer_norm
from ...ops.pool import avg_pool2d
from .padding import pad


def batch_norm(input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    """(input - mean) / sqrt(var + eps) * weight + bias per channel (dimension 1).

    In training, mean and variance are those of the batch, and move the running ones, if given, by `momentum`
    (the running variance is the unbiased one); else they are the running ones. Ioffe and Szegedy 2015,
    arXiv:1502.03167.
    """
    if training and input.dim() > 1 and input.numel() == input.shape[1]:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {tuple(input.shape)}")
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


@composite
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5):
    """Channels (dimension 1) normalised in `num_groups` groups, each with its own mean and variance per example.

    `weight` and `bias` are per channel. Wu and He 2018, arXiv:1803.08494.
    """
    if input.dim() < 2:
        raise RuntimeError(f"group_norm(): expected at least 2 dimensions (N, C, ...), got shape {tuple(input.shape)}")
    batch, channels = input.shape[:2]
    if num_groups <= 0 or channels % num_groups != 0:
        raise RuntimeError(
            f"group_norm(): expected number of channels in input to be divisible by num_groups, but got input of shape {tuple(input.shape)} and num_groups={num_groups}"
        )
    per_channel = (channels, *[1] * (input.dim() - 2))
    groups = input.reshape(batch, num_groups, input.numel() // max(batch * num_groups, 1))
    output = in_order_of(input, layer_norm(groups, groups.shape[-1:], None, None, eps).reshape(input.shape))
    if weight is not None:
        output = output * weight.reshape(per_channel)
    return output if bias is None else output + bias.reshape(per_channel)


@composite
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """input / sqrt(mean(input^2) + eps) * weight over the last dimensions, of shape `normalized_shape`.

    Without `eps` it is the machine epsilon of the input's dtype. Zhang and Sennrich 2019, arXiv:1910.07467.
    """
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(
            f"rms_norm(): expected input of shape (*, {', '.join(map(str, shape))}), got {tuple(input.shape)}"
        )
    wide = input.to(float32) if input.dtype.itemsize == 2 else input
    dims = tuple(range(-len(shape), 0))
    scale = (wide.square().mean(dims, True) + (finfo(wide.dtype).eps if eps is None else eps)).rsqrt()
    output = (wide * scale).to(input.dtype)
    return output if weight is None else output * weight


def instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):
    """batch_norm of every example by itself: mean and variance per channel and example. Ulyanov et al. 2016, arXiv:1607.08022.

    With `use_input_stats=False` the running statistics are used instead; else they move towards the mean over
    the batch of the examples' own.
    """
    if not use_input_stats:
        return _batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    batch, channels = input.shape[:2]
    if input.numel() <= batch * channels:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {tuple(input.shape)}")
    examples = input.reshape(1, batch * channels, *input.shape[2:])
    means = None if running_mean is None else running_mean.repeat(batch)
    variances = None if running_var is None else running_var.repeat(batch)
    output = _batch_norm(examples, means, variances, None, None, True, momentum, eps).reshape(input.shape)
    if means is not None:
        running_mean.copy_(means.reshape(batch, channels).mean(0))
        running_var.copy_(variances.reshape(batch, channels).mean(0))
    per_channel = (channels, *[1] * (input.dim() - 2))
    if weight is not None:
        output = output * weight.reshape(per_channel)
    return output if bias is None else output + bias.reshape(per_channel)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """input / (k + alpha * mean of input^2 over `size` neighbouring channels)^beta; channels are dimension 1.

    Krizhevsky et al. 2012.

    >>> import tensorx as tx
    >>> tx.nn.functional.local_response_norm(tx.ones(1, 3, 1), 2, alpha=1.0, beta=1.0).flatten()
    tensor([0.6667, 0.5000, 0.5000])
    """
    if input.dim() < 3:
        raise ValueError(
            f"local_response_norm(): Expected 3D or higher dimensionality input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares = input.square().flatten(2).unsqueeze(1)  # channels are the rows of an image
    mean = avg_pool2d(pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), 1)
    return input / (in_order_of(input, mean.reshape(input.shape)) * alpha + k) ** beta
