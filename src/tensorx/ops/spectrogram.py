"""Short-time Fourier transforms: the spectra of overlapping windows of a signal, and the signal of such spectra."""

from .. import _C
from .define import composite, function
from .join import stack
from .shape import reshape

__all__ = ["istft", "stft"]


def _arguments(name, n_fft, hop_length, win_length, window, like):
    """(hop, window of n_fft points), checked."""
    hop = n_fft // 4 if hop_length is None else hop_length
    size = n_fft if win_length is None else win_length
    if n_fft <= 0:
        raise RuntimeError(f"{name}(): expected n_fft > 0, but got n_fft={n_fft}")
    if hop <= 0:
        raise RuntimeError(f"{name}(): expected hop_length > 0, but got hop_length={hop}")
    if not 0 < size <= n_fft:
        raise RuntimeError(f"{name}(): expected 0 < win_length <= n_fft, but got win_length={size} and n_fft={n_fft}")
    if window is None:
        window = _C.ones((size,), like.dtype.to_real(), like.device)
    if window.ndim != 1 or window.shape[0] != size:
        raise RuntimeError(
            f"{name}(): expected a 1D window tensor of size equal to win_length={size}, but got shape {list(window.shape)}"
        )
    if window.device != like.device:
        raise RuntimeError(
            f"{name}(): input and window must be on the same device, but are on {like.device} and {window.device}"
        )
    if size < n_fft:
        from ..nn.functional import pad

        left = (n_fft - size) // 2
        window = pad(window, (left, n_fft - size - left))
    return hop, window


@function
@composite
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
):
    """The Fourier transforms of windows of a signal: (..., length) to (..., frequencies, frames), at most one dimension
    in front.

    Args:
        n_fft: points of each transform. hop_length: from one window to the next, n_fft // 4 by default.
        window: weights of `win_length` points (default: n_fft ones), padded with zeros on both sides to n_fft.
        center: frame t has sample t * hop_length in its middle: the signal is padded by n_fft // 2 on both sides, in
            the way that pad_mode says (see nn.functional.pad). False: frame t begins there.
        normalized: divide by sqrt(n_fft).
        onesided: only n_fft // 2 + 1 frequencies, which determine the others; by default for real signals.
        return_complex: True for a complex result; False for a last dimension of real and imaginary parts. To be given
            for real signals.

    >>> import tensorx as tx
    >>> tx.stft(tx.ones(16), 8, window=tx.hann_window(8), return_complex=True).shape
    tensorx.Size([5, 9])
    """
    from .. import fft

    if input.ndim not in (1, 2):
        raise RuntimeError(f"stft(): expected a 1D or 2D tensor, but got {input.ndim}D")
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    if return_complex is None:
        if not is_complex:
            raise RuntimeError(
                "stft requires the return_complex parameter be given for real inputs: pass return_complex=True"
            )
        return_complex = True
    if onesided and is_complex:
        raise RuntimeError("stft(): onesided must be False for a complex signal or window")
    hop, weights = _arguments("stft", n_fft, hop_length, win_length, window, input)
    signal = input if input.ndim == 2 else input.unsqueeze(0)
    if center:
        from ..nn.functional import pad

        signal = pad(signal.unsqueeze(1), (n_fft // 2, n_fft // 2), pad_mode).squeeze(1)
    if signal.shape[-1] < n_fft:
        raise RuntimeError(
            f"stft(): expected n_fft of at most {signal.shape[-1]}, the length of the (padded) signal, but got n_fft={n_fft}"
        )
    frames = signal.unfold(-1, n_fft, hop) * weights
    norm = "ortho" if normalized else "backward"
    transform = fft.fft if is_complex or onesided is False else fft.rfft
    made = transform(frames, norm=norm).transpose(-2, -1)
    made = made if input.ndim == 2 else made.squeeze(0)
    return made if return_complex else stack([made.real, made.imag], -1)


@function
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The inverse of `stft`: the signal whose windows have spectra nearest to these, by sums of squares.

    Args: as of `stft`, and
        input: (..., frequencies, frames), complex, at most one dimension in front.
        length: of the signal; by default all that the frames cover.

    Griffin and Lim, "Signal estimation from modified short-time Fourier transform" (1984). Raises RuntimeError where
    the windows leave a sample without weight.

    >>> import tensorx as tx
    >>> signal, window = tx.arange(16.0), tx.hann_window(8)
    >>> spectra = tx.stft(signal, 8, window=window, return_complex=True)
    >>> tx.allclose(tx.istft(spectra, 8, window=window), signal, atol=1e-5)
    True
    """
    from .. import fft

    if input.ndim not in (2, 3) or not input.dtype.is_complex:
        raise RuntimeError(
            f"istft(): expected a complex tensor of 2 or 3 dimensions, but got {input.dtype} of shape {list(input.shape)}"
        )
    frequencies, count = input.shape[-2:]
    onesided = frequencies != n_fft if onesided is None else onesided
    expected = n_fft // 2 + 1 if onesided else n_fft
    if frequencies != expected:
        raise RuntimeError(f"istft(): expected {expected} frequencies for n_fft={n_fft}, but got {frequencies}")
    if return_complex and onesided:
        raise RuntimeError("istft(): cannot have onesided output if window or input is complex: pass onesided=False")
    hop, weights = _arguments("istft", n_fft, hop_length, win_length, window, input)
    if hop > n_fft:
        raise RuntimeError(f"istft(): expected hop_length <= win_length, but got hop_length={hop} and n_fft={n_fft}")
    spectra = (input if input.ndim == 3 else input.unsqueeze(0)).transpose(-2, -1)
    norm = "ortho" if normalized else "backward"
    if onesided:
        frames = fft.irfft(spectra, n_fft, norm=norm)
    else:
        frames = fft.ifft(spectra, norm=norm)
        frames = frames if return_complex else frames.real
    total = n_fft + hop * (count - 1)
    starts = _C.arange(0, count * hop, hop, _C.int64, input.device).unsqueeze(1)
    places = reshape(starts + _C.arange(0, n_fft, 1, _C.int64, input.device), (-1,))

    def overlapped(values):
        """The sum of frames, each in its place."""
        flat = reshape(values, (values.shape[0], -1))
        return flat.new_zeros((flat.shape[0], total)).index_add(1, places, flat)

    signal = overlapped(frames * weights)
    envelope = overlapped((weights * weights).abs().expand(1, count, n_fft))
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total - start
    signal, envelope = signal[:, start:stop], envelope[:, start:stop]
    if envelope.numel() and envelope.detach().min().item() < 1e-11:
        raise RuntimeError(
            "istft(): window overlap add min: the windows leave a sample without weight: choose a smaller hop_length, or "
            "center=True for a window that begins with 0"
        )
    signal = signal / envelope
    if length is not None and signal.shape[1] < length:
        from ..nn.functional import pad

        signal = pad(signal, (0, length - signal.shape[1]))
    return signal if input.ndim == 3 else signal.squeeze(0)
