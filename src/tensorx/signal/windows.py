"""Window functions: weights that fade a signal out towards both ends. PyTorch's `torch.signal.windows`.

Each is of M points. `sym=True` is symmetric, for the design of filters; `sym=False` is the symmetric window of M + 1 points
without its last, for spectral analysis. Values are computed in float64 and then rounded to `dtype`.

    n = 0, ..., M - 1 is the point, and N = M - 1 (sym) or M the length of the window's period.
"""

from __future__ import annotations

from math import pi

from .. import _C
from ..ops.special import i0

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..tensor import Tensor
    from ..types import Device

__all__ = [
    "bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming", "hann",
    "kaiser", "nuttall",
]  # fmt: skip


def _window(name, M, sym, dtype, device, requires_grad, values, symmetric=True):
    """values(points as a float64 tensor, length of the period), finished.

    The points of a symmetric function are folded into its first half, so that both halves have the same bits.
    """
    if isinstance(M, bool) or not isinstance(M, int):
        raise TypeError(f"{name}(): M must be an int, not {type(M).__name__}")
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    dtype = _C.get_default_dtype() if dtype is None else dtype
    if not dtype.is_floating_point:
        raise ValueError(f"{name} expects floating point dtypes, got: {dtype}")
    if M < 2:
        made = _C.ones((M,), dtype, device)
    else:
        n, period = _C.arange(0, M, 1, _C.float64, device), M - 1 if sym else M
        made = values(n.minimum(period - n) if symmetric else n, period).to(dtype)
    made.requires_grad = requires_grad
    return made


def _cosines(name, M, a, sym, dtype, device, requires_grad):
    def values(n, period):
        made = n * 0
        for i, weight in enumerate(a):
            made = made + (-1) ** i * weight * (n * (2 * pi * i / period)).cos()
        return made

    return _window(name, M, sym, dtype, device, requires_grad, values)


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Bartlett's window, a triangle with 0 at its ends: 1 - |2 n / N - 1|.

    >>> import tensorx as tx
    >>> tx.signal.windows.bartlett(5)
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return _window("bartlett", M, sym, dtype, device, requires_grad, lambda n, period: 1 - (n * (2 / period) - 1).abs())


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window: general_cosine with a = (0.42, 0.5, 0.08).

    >>> import tensorx as tx
    >>> tx.signal.windows.blackman(3).abs().tolist()[1]
    1.0
    """
    return _cosines("blackman", M, (0.42, 0.5, 0.08), sym, dtype, device, requires_grad)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a period of a sine: sin(pi (n + 1/2) / (N + 1)).

    >>> import tensorx as tx
    >>> tx.signal.windows.cosine(3)
    tensor([0.5000, 1.0000, 0.5000])
    """
    return _window(
        "cosine", M, sym, dtype, device, requires_grad, lambda n, period: ((n + 0.5) * (pi / (period + 1))).sin()
    )


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A peak that falls by a factor of e over `tau` points: exp(-|n - center| / tau).

    Args:
        center: where the peak is; the middle, N / 2, by default. A symmetric window takes no other.

    >>> import tensorx as tx
    >>> tx.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    if tau <= 0:
        raise ValueError(f"exponential: tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("exponential: center must be None for symmetric windows")

    def values(n, period):
        return (-(n - (period / 2 if center is None else center)).abs() / tau).exp()

    return _window("exponential", M, sym, dtype, device, requires_grad, values, center is None)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A normal density of standard deviation `std`, 1 in the middle: exp(-((n - N / 2) / std)^2 / 2).

    >>> import tensorx as tx
    >>> tx.signal.windows.gaussian(3)
    tensor([0.6065, 1.0000, 0.6065])
    """
    if std <= 0:
        raise ValueError(f"gaussian: standard deviation must be positive, got: {std} instead.")
    return _window(
        "gaussian", M, sym, dtype, device, requires_grad, lambda n, period: (((n - period / 2) / std) ** 2 * -0.5).exp()
    )


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """A sum of cosines with weights of alternating sign: a[0] - a[1] cos(2 pi n / N) + a[2] cos(4 pi n / N) - ...

    >>> import tensorx as tx
    >>> tx.signal.windows.general_cosine(3, a=(0.5, 0.5))
    tensor([0., 1., 0.])
    """
    weights = tuple(a)
    if not weights:
        raise ValueError("general_cosine: coefficients cannot be empty")
    return _cosines("general_cosine", M, weights, sym, dtype, device, requires_grad)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """alpha - (1 - alpha) cos(2 pi n / N).

    >>> import tensorx as tx
    >>> tx.signal.windows.general_hamming(3, alpha=0.5)
    tensor([0., 1., 0.])
    """
    return _cosines("general_hamming", M, (alpha, 1 - alpha), sym, dtype, device, requires_grad)


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hamming's window: general_hamming with alpha = 0.54.

    >>> import tensorx as tx
    >>> tx.signal.windows.hamming(3)
    tensor([0.0800, 1.0000, 0.0800])
    """
    return _cosines("hamming", M, (0.54, 0.46), sym, dtype, device, requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Hann's window: general_hamming with alpha = 0.5.

    >>> import tensorx as tx
    >>> tx.signal.windows.hann(3)
    tensor([0., 1., 0.])
    """
    return _cosines("hann", M, (0.5, 0.5), sym, dtype, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: I0(beta sqrt(1 - (2 n / N - 1)^2)) / I0(beta), with the modified Bessel function I0.

    >>> import tensorx as tx
    >>> tx.signal.windows.kaiser(3, beta=0.0)
    tensor([1., 1., 1.])
    """
    if beta < 0:
        raise ValueError(f"kaiser: beta must be non-negative, got: {beta} instead.")

    def values(n, period):
        root = (1 - (n * (2 / period) - 1) ** 2).clamp(min=0).sqrt() * float(beta)
        return i0(root) / i0(_C.full((), float(beta), n.dtype, n.device))

    return _window("kaiser", M, sym, dtype, device, requires_grad, values)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: _C.dtype | None = None,
    layout: Any = None,
    device: Device | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window: general_cosine with a = (0.3635819, 0.4891775, 0.1365995, 0.0106411).

    >>> import tensorx as tx
    >>> tx.signal.windows.nuttall(3)[1].item()
    1.0
    """
    return _cosines("nuttall", M, (0.3635819, 0.4891775, 0.1365995, 0.0106411), sym, dtype, device, requires_grad)
