"""Discrete Fourier transforms: PyTorch's `torch.fft`.

The transforms are NumPy's (its pocketfft); those of CUDA tensors run on the host, with one copy there and one back.
float32 gives complex64 and float64 complex128; integers count as the default dtype. Everything has gradients of any order.

What is common to all:
    n, s: how many points of a dimension, or of each of several, are transformed: the input is cut off or padded with zeros
        there. -1 in s keeps a size.
    norm: "backward" divides the inverse transform by the number of points n, "forward" the forward one, and "ortho"
        both by sqrt(n). None is "backward".
"""

from __future__ import annotations

from . import _C
from .ops.define import composite, op
from .ops.into import into
from .ops.join import cat, roll
from .ops.shape import _dimension

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .tensor import Tensor
    from .types import Device

__all__ = [
    "fft", "fft2", "fftfreq", "fftn", "fftshift", "hfft", "hfft2", "hfftn", "ifft", "ifft2", "ifftn", "ifftshift", "ihfft",
    "ihfft2", "ihfftn", "irfft", "irfft2", "irfftn", "rfft", "rfft2", "rfftfreq", "rfftn",
]  # fmt: skip

# The norm under which the inverse transform divides as the forward one does under another.
_OTHER = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


# ---- the three transforms
#
# A rule gets the conjugate of PyTorch's gradient and returns that of the input's (csrc/python/node.cpp, at `conjugated`).
# The matrix of a transform is symmetric, so that the rule of a complex transform is the transform itself.


def _run(function, input, dtype):
    array = function(input.detach().cpu().numpy())
    return _C.from_array(array, False).to(input.device).to(dtype)  # NumPy 1 computes in complex128


@op(
    method=False,
    node_name="FftC2CBackward0",
    input=lambda g, dims, norm, inverse: _complex_to_complex(g, dims, norm, inverse),
)
def _complex_to_complex(input, dims, norm, inverse):
    """The transform of complex numbers along several dimensions."""
    import numpy

    transform = numpy.fft.ifftn if inverse else numpy.fft.fftn
    return _run(lambda a: transform(a, axes=dims, norm=norm), input, input.dtype)


def _real_input_gradient(g, input_shape, dim, norm):
    return _complex_to_complex(_resized(g, input_shape[dim], dim), (dim,), norm, False).real


@op(method=False, node_name="FftR2CBackward0", input=_real_input_gradient)
def _real_to_complex(input, dim, norm):
    """The first half of the transform of real numbers; the other half is its mirrored conjugate."""
    import numpy

    return _run(lambda a: numpy.fft.rfft(a, axis=dim, norm=norm), input, input.dtype.to_complex())


def _real_output_gradient(g, n, dim, norm):
    half = _real_to_complex(g, dim, _OTHER[norm])
    twice = [1.0] + [2.0] * (half.shape[dim] - 1)  # all but the first, and the middle of an even n, stand for two
    if n % 2 == 0:
        twice[-1] = 1.0
    shape = [-1 if d == dim else 1 for d in range(half.ndim)]
    return half.conj() * _C.from_data(twice, g.dtype).to(g.device).reshape(shape)


@op(method=False, node_name="FftC2RBackward0", input=_real_output_gradient)
def _complex_to_real(input, n, dim, norm):
    """The inverse of _real_to_complex with n points."""
    import numpy

    return _run(lambda a: numpy.fft.irfft(a, n, dim, norm), input, input.dtype.to_real())


# ---- arguments


def _resized(x, n, dim):
    """x with n points along a dimension: cut off, or padded with zeros."""
    size = x.shape[dim]
    if n == size:
        return x
    if n < size:
        return x.narrow(dim, 0, n)
    return cat([x, x.new_zeros([n - size if d == dim else s for d, s in enumerate(x.shape)])], dim)


def _checked_norm(name, norm):
    if norm is not None and norm not in _OTHER:
        raise RuntimeError(f'{name}: Invalid normalization mode: "{norm}": it is "backward", "ortho" or "forward"')
    return norm or "backward"


def _checked_count(name, n):
    if n < 1:
        raise RuntimeError(f"{name}: Invalid number of data points ({n}) specified")
    return n


def _floating(name, x):
    """x as float32, float64 or complex."""
    if not (x.dtype.is_floating_point or x.dtype.is_complex):
        return x.to(_C.get_default_dtype())
    if x.dtype.itemsize < 4:
        raise RuntimeError(f"{name}: Unsupported dtype {x.dtype}: convert the tensor with .float()")
    return x


def _as_complex(name, x):
    x = _floating(name, x)
    return x if x.dtype.is_complex else x.to(x.dtype.to_complex())


def _as_real(name, x):
    if x.dtype.is_complex:
        raise RuntimeError(f"{name} expects a real input tensor, but got {x.dtype}")
    return _floating(name, x)


def _dims(name, x, s, dim):
    """The dimensions to transform, and how many points of each."""
    if dim is not None and isinstance(dim, int):
        dim = (dim,)
    if isinstance(s, int):  # n, of one dimension: -1 has no meaning there
        s = (_checked_count(name, s),)
    if dim is None:
        if s is not None and len(s) > x.ndim:
            raise RuntimeError(f"{name}: Got shape with {len(s)} values but input tensor only has {x.ndim} dimensions.")
        dim = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    dims = [_dimension(f"{name}: ", d, x.ndim) for d in dim]
    if len(set(dims)) != len(dims):
        raise RuntimeError(f"{name}: FFT dims must be unique, but got {list(dim)}")
    if s is None:
        return dims, [x.shape[d] for d in dims]
    if len(s) != len(dims):
        raise RuntimeError(
            f"{name}: When given, dim and shape arguments must have the same length, but they have {len(dims)} and {len(s)}"
        )
    return dims, [x.shape[d] if n == -1 else n for d, n in zip(dims, s, strict=True)]


def _transformed(name, x, s, dim, norm, inverse):
    """The complex transform along several dimensions."""
    norm, x = _checked_norm(name, norm), _as_complex(name, x)
    dims, sizes = _dims(name, x, s, dim)
    for d, n in zip(dims, sizes, strict=True):
        x = _resized(x, _checked_count(name, n), d)
    return _complex_to_complex(x, tuple(dims), norm, inverse) if dims else x.clone()


def _halved(name, x, s, dim, norm):
    """The transform of real numbers: the half along the last dimension, then all of it along the others."""
    norm, x = _checked_norm(name, norm), _as_real(name, x)
    dims, sizes = _dims(name, x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    for d, n in zip(dims, sizes, strict=True):
        x = _resized(x, _checked_count(name, n), d)
    half = _real_to_complex(x, dims[-1], norm)
    return _complex_to_complex(half, tuple(dims[:-1]), norm, False) if dims[1:] else half


def _whole(name, x, s, dim, norm):
    """The inverse of _halved: along the last dimension from half of the points."""
    norm, x = _checked_norm(name, norm), _as_complex(name, x)
    dims, sizes = _dims(name, x, s, dim)
    if not dims:
        raise RuntimeError(f"{name} must transform at least one axis")
    given = isinstance(s, int) or (s is not None and s[-1] != -1)
    n = _checked_count(name, sizes[-1] if given else 2 * (x.shape[dims[-1]] - 1))
    for d, size in zip(dims, [*sizes[:-1], n // 2 + 1], strict=True):
        x = _resized(x, _checked_count(name, size), d)
    if dims[1:]:
        x = _complex_to_complex(x, tuple(dims[:-1]), norm, True)
    return _complex_to_real(x, n, dims[-1], norm)


# ---- one dimension


@composite
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The discrete Fourier transform along a dimension: sum over k of input[k] exp(-2 pi i j k / n), for each j.

    >>> import tensorx as tx
    >>> tx.fft.fft(tx.tensor([1.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1., 1.])
    """
    return into(out, _transformed("fft", input, n, dim, norm, False))


@composite
def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft`.

    >>> import tensorx as tx
    >>> tx.fft.ifft(tx.fft.fft(tx.tensor([1.0, 2.0]))).real
    tensor([1., 2.])
    """
    return into(out, _transformed("ifft", input, n, dim, norm, True))


@composite
def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first n // 2 + 1 points of the transform of real numbers, which determine the others.

    >>> import tensorx as tx
    >>> tx.fft.rfft(tx.ones(4)).real
    tensor([4., 0., 0.])
    """
    return into(out, _halved("rfft", input, n, dim, norm))


@composite
def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft`: n real numbers, by default 2 (m - 1) from m points. Say n when it is odd.

    >>> import tensorx as tx
    >>> x = tx.tensor([1.0, 2.0, 3.0])
    >>> tx.allclose(tx.fft.irfft(tx.fft.rfft(x), n=3), x)
    True
    """
    return into(out, _whole("irfft", input, n, dim, norm))


@composite
def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform, n real numbers, of a signal that is Hermitian, of which the first n // 2 + 1 points are given.

    >>> import tensorx as tx
    >>> tx.fft.hfft(tx.tensor([1.0, 1.0]))
    tensor([2., 0.])
    """
    return into(out, _whole("hfft", _conjugate("hfft", input), n, dim, _OTHER[_checked_norm("hfft", norm)]))


@composite
def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft`: the first n // 2 + 1 points of a Hermitian signal.

    >>> import tensorx as tx
    >>> tx.fft.ihfft(tx.tensor([2.0, 0.0])).real
    tensor([1., 1.])
    """
    return into(out, _halved("ihfft", input, n, dim, _OTHER[_checked_norm("ihfft", norm)]).conj())


def _conjugate(name, x):
    return _as_complex(name, x).conj()


# ---- two and more


@composite
def fft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform along two dimensions; see `fft`."""
    return into(out, _transformed("fft2", input, s, dim, norm, False))


@composite
def ifft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `fft2`."""
    return into(out, _transformed("ifft2", input, s, dim, norm, True))


@composite
def rfft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of real numbers along two dimensions, halved along the last; see `rfft`."""
    return into(out, _halved("rfft2", input, s, dim, norm))


@composite
def irfft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `rfft2`; see `irfft`."""
    return into(out, _whole("irfft2", input, s, dim, norm))


def hfft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of a Hermitian signal along two dimensions; see `hfft`."""
    return hfftn(input, s, dim, norm, out=out)


def ihfft2(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `hfft2`; see `ihfft`."""
    return ihfftn(input, s, dim, norm, out=out)


@composite
def fftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform along several dimensions: by default all, or the last len(s); see `fft`.

    >>> import tensorx as tx
    >>> tx.fft.fftn(tx.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    return into(out, _transformed("fftn", input, s, dim, norm, False))


@composite
def ifftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `fftn`."""
    return into(out, _transformed("ifftn", input, s, dim, norm, True))


@composite
def rfftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of real numbers along several dimensions, halved along the last; see `rfft`."""
    return into(out, _halved("rfftn", input, s, dim, norm))


@composite
def irfftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `rfftn`; see `irfft`."""
    return into(out, _whole("irfftn", input, s, dim, norm))


def hfftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of a Hermitian signal along several dimensions; see `hfft`."""
    return into(out, _whole("hfftn", _conjugate("hfftn", input), s, dim, _OTHER[_checked_norm("hfftn", norm)]))


def ihfftn(
    input: Tensor,
    s: int | Sequence[int] | None = None,
    dim: Sequence[int] | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `hfftn`; see `ihfft`."""
    return into(out, _halved("ihfftn", input, s, dim, _OTHER[_checked_norm("ihfftn", norm)]).conj())


# ---- frequencies and their order


def _frequencies(name, n, d, first, count, dtype, device, requires_grad, out):
    _checked_count(name, n)
    dtype = _C.get_default_dtype() if dtype is None else dtype
    counts = _C.arange(first, first + count, 1, dtype, device)
    made = counts * (1 / (n * d))
    if name == "fftfreq":
        made = ifftshift(made)
    made = into(out, made)
    made.requires_grad = requires_grad
    return made


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: _C.dtype | None = None,
    layout: Any | None = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the points of `fft` with n points, for samples d apart, in cycles per unit of d.

    >>> import tensorx as tx
    >>> tx.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies("fftfreq", n, d, -(n // 2), n, dtype, device, requires_grad, out)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: _C.dtype | None = None,
    layout: Any | None = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies of the points of `rfft` with n points, for samples d apart, in cycles per unit of d.

    >>> import tensorx as tx
    >>> tx.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies("rfftfreq", n, d, 0, n // 2 + 1, dtype, device, requires_grad, out)


def _shifted(input, dim, half):
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    dims = [_dimension("fftshift: ", d, input.ndim) for d in dims]
    return roll(input, [half(input.shape[d]) for d in dims], dims) if dims else input.clone()


def fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """The points of a transform in the order of their frequencies, with 0 in the middle; dim None is all dimensions.

    >>> import tensorx as tx
    >>> tx.fft.fftshift(tx.tensor([0, 1, -2, -1]))
    tensor([-2, -1,  0,  1])
    """
    return _shifted(input, dim, lambda n: n // 2)


def ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`.

    >>> import tensorx as tx
    >>> tx.fft.ifftshift(tx.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    return _shifted(input, dim, lambda n: (n + 1) // 2)
