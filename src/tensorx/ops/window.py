"""Window functions under their older, top-level names; `tensorx.signal.windows` has more of them."""

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]


def _made(name, window_length, periodic, options, **arguments):
    from ..signal import windows

    if window_length < 0:
        raise RuntimeError(f"{name}_window requires non-negative window_length, got window_length={window_length}")
    dtype, layout, device, requires_grad = options
    make = getattr(windows, name)
    return make(
        window_length,
        sym=not periodic,
        dtype=dtype,
        layout=layout,
        device=device,
        requires_grad=requires_grad,
        **arguments,
    )


def bartlett_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Bartlett's window, a triangle with 0 at its ends; see `signal.windows.bartlett`.

    Args:
        periodic: without the last point of the symmetric window that is one longer, as spectral analysis wants it.

    >>> import tensorx as tx
    >>> tx.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _made("bartlett", window_length, periodic, (dtype, layout, device, requires_grad))


def blackman_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Blackman's window, of three cosines; see `signal.windows.blackman`."""
    return _made("blackman", window_length, periodic, (dtype, layout, device, requires_grad))


def hann_window(window_length, periodic=True, *, dtype=None, layout=None, device=None, requires_grad=False):
    """Hann's window, a period of a cosine raised to 0; see `signal.windows.hann`.

    >>> import tensorx as tx
    >>> tx.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _made("hann", window_length, periodic, (dtype, layout, device, requires_grad))


def hamming_window(
    window_length, periodic=True, alpha=0.54, beta=0.46, *, dtype=None, layout=None, device=None, requires_grad=False
):
    """Hamming's window, alpha - beta cos(2 pi n / N); see `signal.windows.hamming`."""
    return _made("general_cosine", window_length, periodic, (dtype, layout, device, requires_grad), a=(alpha, beta))


def kaiser_window(
    window_length, periodic=True, beta=12.0, *, dtype=None, layout=None, device=None, requires_grad=False
):
    """Kaiser's window, narrower for a larger beta; see `signal.windows.kaiser`."""
    return _made("kaiser", window_length, periodic, (dtype, layout, device, requires_grad), beta=beta)
