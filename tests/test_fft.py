"""Fourier transforms against NumPy, with gradients; short-time transforms; frequencies and windows."""

import numpy as np
import pytest

import tensorx as tx
from tensorx.autograd import gradcheck, gradgradcheck
from tensorx.signal import windows

DEVICES = ["cpu", "cuda"] if tx.cuda.is_available() else ["cpu"]
needs_complex = pytest.mark.skipif(not hasattr(tx, "complex64"), reason="needs complex dtypes")
NORMS = [None, "backward", "ortho", "forward"]
RANDOM = np.random.default_rng(0)


def real(*shape):
    return RANDOM.standard_normal(shape)


def mixed(*shape):
    return real(*shape) + 1j * real(*shape)


def tensor(values, device="cpu", requires_grad=False):
    made = tx.from_numpy(np.array(values)).to(device)
    return made.requires_grad_() if requires_grad else made


def close(actual, expected, tolerance=1e-11):
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual.detach().cpu().numpy(), expected, tolerance, tolerance)


# ---- one dimension

ONE = {"fft": mixed, "ifft": mixed, "rfft": real, "irfft": mixed, "hfft": mixed, "ihfft": real}


@needs_complex
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_one_dimension(name, norm):
    function, reference, draw = getattr(tx.fft, name), getattr(np.fft, name), ONE[name]
    for shape, dim in (((6,), -1), ((7,), 0), ((3, 5), 1), ((4, 3), 0), ((2, 3, 4), -2)):
        x = draw(*shape)
        for n in (None, 3, 4, 9):
            if n is None and shape[dim] == 1:
                continue
            close(function(tensor(x), n, dim, norm), reference(x, n, dim, norm))


@needs_complex
@pytest.mark.parametrize("name", ONE)
def test_dtypes(name):
    function, reference = getattr(tx.fft, name), getattr(np.fft, name)
    x = real(6)
    kind = tx.float32 if name in ("irfft", "hfft") else tx.complex64
    single = function(tensor(x.astype(np.float32)))
    assert single.dtype is kind
    np.testing.assert_allclose(single.numpy(), reference(x), 1e-4, 1e-5)
    assert function(tensor(x)).dtype is (tx.float64 if kind is tx.float32 else tx.complex128)
    assert function(tx.arange(6)).dtype is kind
    assert function(tx.tensor([True, False, True])).dtype is kind
    with pytest.raises(RuntimeError, match=r"Unsupported dtype.*\.float\(\)"):
        function(tx.ones(4, dtype=tx.float16))


@needs_complex
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE)
def test_gradients(name, norm):
    function, draw = getattr(tx.fft, name), ONE[name]
    for n in (None, 3, 6):  # whole, cut off, padded
        assert gradcheck(lambda x, n=n: function(x, n, 0, norm), (tensor(draw(5, 2), requires_grad=True),))
    assert gradgradcheck(lambda x: function(x, 4, 0, norm), (tensor(draw(5, 1), requires_grad=True),))


# ---- several dimensions

SEVERAL = {"fftn": mixed, "ifftn": mixed, "rfftn": real, "irfftn": mixed}


@needs_complex
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", SEVERAL)
def test_several_dimensions(name, norm):
    function, reference, draw = getattr(tx.fft, name), getattr(np.fft, name), SEVERAL[name]
    x = draw(3, 4, 5)
    for s, dim in ((None, None), (None, (0, 2)), ((2, 6), (0, 1)), ((4, 3), (-1, -3)), (None, (1,))):
        close(function(tensor(x), s, dim, norm), reference(x, s, dim, norm))
    close(function(tensor(x), (4, 6), None, norm), reference(x, (4, 6), (1, 2), norm))
    plane = getattr(tx.fft, name[:-1] + "2")
    close(plane(tensor(x), norm=norm), reference(x, None, (-2, -1), norm))
    close(plane(tensor(x), (-1, 4), norm=norm), reference(x, (4, 4), (-2, -1), norm))
    assert gradcheck(lambda x: function(x, (3, 2), (0, 1), norm), (tensor(draw(2, 3), requires_grad=True),))


@needs_complex
@pytest.mark.parametrize("norm", NORMS)
def test_hermitian_in_several_dimensions(norm):
    """hfftn is hfft along the last dimension and fft along the others; ihfftn undoes it."""
    x = mixed(3, 4)
    expected = np.fft.hfft(np.fft.fft(x, None, 0, norm), None, 1, norm)
    close(tx.fft.hfftn(tensor(x), norm=norm), expected)
    close(tx.fft.hfft2(tensor(x), norm=norm), expected)
    y = real(3, 6)
    close(tx.fft.hfftn(tx.fft.ihfftn(tensor(y), norm=norm), norm=norm), y)
    close(tx.fft.hfft2(tx.fft.ihfft2(tensor(y), norm=norm), norm=norm), y)


@needs_complex
@pytest.mark.parametrize("device", DEVICES)
def test_devices_and_layouts(device):
    x = real(4, 6)
    turned = tensor(x.T.copy()).mT.to(device)
    made = tx.fft.fft2(turned)
    assert made.device.type == device
    close(made, np.fft.fft2(x))
    close(tx.fft.irfft2(tx.fft.rfft2(turned)), x)
    out = tx.empty(0, dtype=tx.complex128, device=device)
    assert tx.fft.fft(turned, out=out) is out
    close(out, np.fft.fft(x))


@needs_complex
def test_convolution_by_transforms():
    """A program that uses them: a filter learned through the product of spectra."""
    signal, wanted = tensor(real(16)), tensor(real(4))
    target = tx.fft.irfft(tx.fft.rfft(signal) * tx.fft.rfft(wanted, 16))
    guess = tx.zeros(4, dtype=tx.float64, requires_grad=True)
    optimizer = tx.optim.SGD([guess], lr=0.01)
    for _ in range(400):
        optimizer.zero_grad()
        loss = (tx.fft.irfft(tx.fft.rfft(signal) * tx.fft.rfft(guess, 16)) - target).square().sum()
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3


# ---- errors

ERRORS = [
    (lambda x: tx.fft.fft(x, 0), RuntimeError, r"data points \(0\)"),
    (lambda x: tx.fft.irfft(x, -1), RuntimeError, r"data points \(-1\)"),
    (lambda x: tx.fft.fft(x, norm="x"), RuntimeError, 'normalization mode: "x"'),
    (lambda x: tx.fft.fft(x, dim=2), IndexError, "out of range"),
    (lambda x: tx.fft.fftn(x, dim=(0, -2)), RuntimeError, "unique"),
    (lambda x: tx.fft.fftn(x, (2,), (0, 1)), RuntimeError, "same length"),
    (lambda x: tx.fft.fftn(x, (2, 2, 2)), RuntimeError, "only has 2 dimensions"),
    (lambda x: tx.fft.rfftn(x, dim=()), RuntimeError, "at least one axis"),
    (lambda x: tx.fft.irfft(x[:, :1]), RuntimeError, r"data points \(0\)"),
    (lambda x: tx.fft.rfft(tx.fft.fft(x)), RuntimeError, "real input"),
    (lambda x: tx.fft.fft(tx.tensor(1.0)), IndexError, "out of range"),
    (lambda x: tx.stft(x, 4, return_complex=True, center=False), RuntimeError, "n_fft of at most 3"),
    (lambda x: tx.stft(x[0], 4), RuntimeError, "return_complex"),
    (lambda x: tx.stft(x[None], 4, return_complex=True), RuntimeError, "1D or 2D"),
    (lambda x: tx.stft(x, 4, hop_length=0, return_complex=True), RuntimeError, "hop_length > 0"),
    (lambda x: tx.stft(x, 4, window=x[0], return_complex=True), RuntimeError, "equal to win_length=4"),
    (lambda x: tx.stft(x, 4, win_length=5, return_complex=True), RuntimeError, "win_length <= n_fft"),
    (lambda x: tx.istft(x, 4), RuntimeError, "complex tensor"),
    (lambda x: tx.istft(tx.fft.fft(x), 4), RuntimeError, "expected 3 frequencies"),
    (lambda x: tx.istft(tx.fft.fft(tx.ones(5, 4)), 8, window=tx.zeros(8)), RuntimeError, "without weight"),
]  # fmt: skip


@needs_complex
@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(tx.ones(2, 3))


# ---- short-time transforms


def spectra(signal, n, hop, window, center=True, onesided=True, normalized=False):
    """stft written out, in NumPy."""
    if center:
        signal = np.pad(signal, (n // 2, n // 2), "reflect")
    left = (n - len(window)) // 2
    window = np.pad(window, (left, n - len(window) - left))
    frames = [signal[i : i + n] * window for i in range(0, len(signal) - n + 1, hop)]
    made = (np.fft.rfft if onesided else np.fft.fft)(np.array(frames), norm="ortho" if normalized else None)
    return made.T


@needs_complex
@pytest.mark.parametrize(
    "options", [{}, {"center": False}, {"onesided": False}, {"normalized": True}, {"hop_length": 3}, {"win_length": 5}]
)
def test_stft(options):
    x = real(2, 20)
    size = options.get("win_length", 8)
    window = np.hamming(size)
    made = tx.stft(tensor(x), 8, window=tensor(window), return_complex=True, **options)
    rest = {k: v for k, v in options.items() if k not in ("hop_length", "win_length")}
    expected = np.stack([spectra(row, 8, options.get("hop_length", 2), window, **rest) for row in x])
    close(made, expected)
    close(tx.stft(tensor(x[0]), 8, window=tensor(window), return_complex=True, **options), expected[0])
    pairs = tx.stft(tensor(x), 8, window=tensor(window), return_complex=False, **options)
    close(pairs, np.stack([expected.real, expected.imag], -1))
    back = tx.istft(made, 8, window=tensor(window), length=None, **options)
    close(back, x[:, : back.shape[1]])
    assert tx.istft(made, 8, window=tensor(window), length=16, **options).shape == (2, 16)


@needs_complex
def test_gradients_of_short_time_transforms():
    window = tensor(np.hamming(4), requires_grad=True)
    assert gradcheck(
        lambda x, w: tx.stft(x, 4, 2, window=w, return_complex=True), (tensor(real(8), requires_grad=True), window)
    )
    assert gradcheck(lambda x, w: tx.istft(x, 4, 2, window=w), (tensor(mixed(3, 4), requires_grad=True), window))


@needs_complex
def test_stft_of_complex_signals():
    x = mixed(16)
    made = tx.stft(tensor(x), 8, window=tensor(np.hanning(8)), pad_mode="constant")
    assert made.shape == (8, 9)
    back = tx.istft(made, 8, window=tensor(np.hanning(8)), return_complex=True, onesided=False)
    close(back, x)


# ---- frequencies


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_frequencies(n):
    for d in (1.0, 0.1):
        for name in ("fftfreq", "rfftfreq"):
            made = getattr(tx.fft, name)(n, d, dtype=tx.float64)
            close(made, getattr(np.fft, name)(n, d))
    x = real(n, 3, 4)
    for name in ("fftshift", "ifftshift"):
        for dim in (None, 0, (1, 2)):
            close(getattr(tx.fft, name)(tensor(x), dim), getattr(np.fft, name)(x, dim))
    assert tx.fft.fftfreq(4, requires_grad=True).requires_grad
    with pytest.raises(RuntimeError, match="data points"):
        tx.fft.fftfreq(0)
    assert gradcheck(tx.fft.fftshift, (tensor(real(n), requires_grad=True),))


# ---- windows


def _sum_of_cosines(weights):
    return lambda n, period: sum((-1) ** i * w * np.cos(2 * np.pi * i * n / period) for i, w in enumerate(weights))


# name -> (arguments, values of the points n for a period)
WINDOWS = {
    "bartlett": ({}, lambda n, period: 1 - abs(2 * n / period - 1)),
    "blackman": ({}, _sum_of_cosines((0.42, 0.5, 0.08))),
    "cosine": ({}, lambda n, period: np.sin(np.pi * (n + 0.5) / (period + 1))),
    "exponential": ({"tau": 2.0}, lambda n, period: np.exp(-abs(n - period / 2) / 2)),
    "gaussian": ({"std": 1.5}, lambda n, period: np.exp(-(((n - period / 2) / 1.5) ** 2) / 2)),
    "general_cosine": ({"a": (0.4, 0.3, 0.2, 0.1)}, _sum_of_cosines((0.4, 0.3, 0.2, 0.1))),
    "general_hamming": ({"alpha": 0.7}, _sum_of_cosines((0.7, 0.3))),
    "hamming": ({}, _sum_of_cosines((0.54, 0.46))),
    "hann": ({}, _sum_of_cosines((0.5, 0.5))),
    "kaiser": ({"beta": 8.0}, lambda n, period: np.i0(8 * np.sqrt(1 - (2 * n / period - 1) ** 2)) / np.i0(8.0)),
    "nuttall": ({}, _sum_of_cosines((0.3635819, 0.4891775, 0.1365995, 0.0106411))),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, device):
    arguments, formula = WINDOWS[name]
    make = getattr(windows, name)
    for count in (2, 3, 8, 9):
        for sym in (True, False):
            made = make(count, sym=sym, dtype=tx.float64, device=device, **arguments)
            assert made.device.type == device
            close(made, formula(np.arange(count), count - 1 if sym else count))
        assert (
            make(count, device=device, **arguments).flip(0).tolist() == make(count, device=device, **arguments).tolist()
        )
    assert make(0, **arguments).shape == (0,)
    assert make(1, **arguments).tolist() == [1]
    assert make(4, **arguments).dtype is tx.float32
    assert make(4, dtype=tx.float16, requires_grad=True, **arguments).requires_grad
    with pytest.raises(ValueError, match="non-negative"):
        make(-1, **arguments)
    with pytest.raises(ValueError, match="floating point"):
        make(4, dtype=tx.int64, **arguments)
    with pytest.raises(TypeError, match="must be an int"):
        make(4.0, **arguments)


@pytest.mark.parametrize("name", ["bartlett", "blackman", "hamming", "hann", "kaiser"])
def test_windows_under_older_names(name):
    older, reference = getattr(tx, f"{name}_window"), getattr(windows, name)
    for count in (0, 1, 5):
        for periodic in (True, False):
            assert older(count, periodic).tolist() == reference(count, sym=not periodic).tolist()
    assert older(4).tolist() == reference(4, sym=False).tolist()  # periodic by default
    with pytest.raises(RuntimeError, match="non-negative"):
        older(-1)


def test_parameters_of_windows():
    assert tx.hamming_window(5, False, 0.6, 0.4).tolist() == windows.general_cosine(5, a=(0.6, 0.4)).tolist()
    assert tx.kaiser_window(5, False, 3.0).tolist() == windows.kaiser(5, beta=3.0).tolist()
    assert windows.exponential(5, center=1.0, sym=False).argmax().item() == 1
    for call in (lambda: windows.exponential(5, center=1.0), lambda: windows.exponential(5, tau=0.0),
                 lambda: windows.gaussian(5, std=0.0), lambda: windows.kaiser(5, beta=-1.0),
                 lambda: windows.general_cosine(5, a=())):  # fmt: skip
        with pytest.raises(ValueError):
            call()
