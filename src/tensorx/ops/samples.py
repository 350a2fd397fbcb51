"""Covariances, correlations, and integrals of samples."""

from .. import _C
from .complex import conj
from .define import function
from .elementwise import sqrt
from .matmul import mm
from .reduce import sum as _sum
from .shape import reshape

__all__ = ["corrcoef", "cov", "cumulative_trapezoid", "trapezoid", "trapz"]


def _check_weights(name, weights, input, integral):
    if weights.ndim > 1 or weights.numel() != input.shape[1]:
        raise RuntimeError(
            f"cov(): expected {name} to be a vector with one number for each of the {input.shape[1]} observations, but got "
            f"shape {list(weights.shape)}"
        )
    if integral is weights.dtype.is_floating_point or weights.dtype.is_complex:
        raise RuntimeError(
            f"cov(): expected {name} to have {'integral' if integral else 'floating point'} dtype but got {weights.dtype}"
        )
    if weights.numel() and weights.detach().min().item() < 0:
        raise RuntimeError(f"cov(): {name} cannot be negative")


@function
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables, the rows of `input`, of which each column is an observation.

    Args:
        input: (variables, observations), or a vector: one variable, whose variance is the result.
        correction: the divisor is the number of observations less this.
        fweights: how often each observation was made, integers.
        aweights: how much each observation counts, floats.

    >>> import tensorx as tx
    >>> tx.cov(tx.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim}")
    if input.dtype is _C.bool:
        raise RuntimeError("cov(): bool dtype is not supported for input: convert it with .float()")
    x = reshape(input, (1, input.numel())) if input.ndim < 2 else input
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        x = x.to(_C.get_default_dtype())
    weights = None
    if fweights is not None:
        _check_weights("fweights", fweights, x, True)
        weights = fweights.to(x.dtype)
    if aweights is not None:
        _check_weights("aweights", aweights, x, False)
        weights = aweights.to(x.dtype) if weights is None else weights * aweights
    if weights is None:
        weighted = centred = x - x.mean(1, True)
        divisor = max(x.shape[1] - correction, 0)
    else:
        total = weights.sum()
        centred = x - (x * weights).sum(1, True) / total
        weighted = centred * weights
        spread = total if aweights is None else (weights * aweights).sum() / total
        divisor = (total - correction * (1 if aweights is None else spread)).clamp(min=0)
    made = mm(weighted, conj(centred).t()) / divisor
    return made.squeeze() if input.ndim < 2 else made


@function
def corrcoef(input):
    """Pearson's correlation coefficients of variables, the rows of `input`, of which each column is an observation.

    >>> import tensorx as tx
    >>> tx.corrcoef(tx.tensor([[0.0, 1.0, 2.0], [4.0, 2.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim}"
        )
    covariance = cov(input)
    if covariance.ndim == 0:
        return covariance / covariance
    variances = covariance.diagonal()
    deviations = sqrt(variances.real if variances.dtype.is_complex else variances)
    made = covariance / deviations.unsqueeze(1) / deviations
    return made if made.dtype.is_complex else made.clamp(-1, 1)


def _steps(name, y, x, dx, dim):
    """Twice the area between each sample and the next along `dim`."""
    if x is not None and dx is not None:
        raise TypeError(f"{name}(): give either x or dx, not both")
    size = y.size(dim)
    pairs = y.narrow(dim, 0, max(size - 1, 0)) + y.narrow(dim, min(size, 1), max(size - 1, 0))
    if x is None:
        return pairs if dx is None else pairs * dx
    if x.ndim == 1:
        if x.shape[0] != size:
            raise RuntimeError(
                f"{name}: There must be one `x` value for each sample point, but x has {x.shape[0]} and y has {size}"
            )
        x = reshape(x, [size if d == dim % y.ndim else 1 for d in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = reshape(x, (1,) * (y.ndim - x.ndim) + tuple(x.shape))
    width = x.size(dim)
    return pairs * (x.narrow(dim, min(width, 1), max(width - 1, 0)) - x.narrow(dim, 0, max(width - 1, 0)))


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of samples along `dim` by the trapezoidal rule.

    Args:
        x: where the samples are: a vector, or a tensor that broadcasts to y. dx: instead, how far apart (default 1).

    >>> import tensorx as tx
    >>> tx.trapezoid(tx.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    >>> tx.trapezoid(tx.tensor([1.0, 5.0, 10.0]), tx.tensor([1.0, 3.0, 6.0]))
    tensor(28.5000)
    """
    return _sum(_steps("trapezoid", y, x, dx, dim), dim) / 2


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral up to each sample but the first, by the trapezoidal rule; see `trapezoid`.

    >>> import tensorx as tx
    >>> tx.cumulative_trapezoid(tx.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    return _steps("cumulative_trapezoid", y, x, dx, dim).cumsum(dim) / 2
