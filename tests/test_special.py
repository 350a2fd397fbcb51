"""Special functions: values to the last digits, edges, gradients, identities that tie them to each other."""

import math

import numpy as np
import pytest

import tensorx as tx
from special_values import ONE, TWO
from tensorx import special

NAN, INF = math.nan, math.inf


def find(name):
    return getattr(special, name.removeprefix("special."))


# Relative error for doubles, where it is more than 3e-15: of exp(x^2), or of x^a, whose exponents are large.
LOOSE = {"special.airy_ai": 2e-13, "special.ndtr": 5e-14, "special.log_ndtr": 1e-14, "igamma": 5e-13, "igammac": 5e-13, "i0": 5e-14, "special.i1": 5e-14,
         "special.modified_bessel_k0": 2e-14, "special.modified_bessel_k1": 2e-14, "special.bessel_j0": 1e-14,
         "special.bessel_j1": 1e-14, "special.bessel_y0": 1e-14, "special.bessel_y1": 1e-14, "special.zeta": 1e-14, "polygamma": 1e-14}  # fmt: skip


@pytest.mark.parametrize("name", [*ONE, *TWO])
def test_values(name, device):
    table = np.array(ONE[name] if name in ONE else TWO[name])
    arguments, expected = table[:, :-1].T, table[:, -1]
    if name == "polygamma":
        found = [
            special.polygamma(int(n), tx.tensor(x, dtype=tx.float64, device=device)).item() for n, x in arguments.T
        ]
    else:
        found = find(name)(*[tx.tensor(a, device=device) for a in arguments]).cpu().numpy()
    np.testing.assert_allclose(
        found, expected, rtol=LOOSE.get(name, 3e-15), atol=1e-15 if "bessel_" in name else 1e-300
    )


@pytest.mark.parametrize("name", [n for n in [*ONE, *TWO] if n != "polygamma"])
def test_float32_is_the_rounded_double(name, device):
    """To 8 ULP: of float32 arguments, computed in double where it matters."""
    table = np.array(ONE[name] if name in ONE else TWO[name])
    arguments = [tx.tensor(a, device=device).float() for a in table[:, :-1].T]
    found = find(name)(*arguments).double().cpu().numpy()
    expected = find(name)(*[a.double() for a in arguments]).cpu().numpy()
    normal = (np.abs(expected) < 3e38) & (np.abs(expected) > 1e-37)
    np.testing.assert_allclose(found[normal], expected[normal], rtol=1e-6)


EDGES = {
    "i0": [(INF, INF), (-INF, INF), (NAN, NAN), (1000.0, INF)],
    "i0e": [(INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "i1": [(INF, INF), (-INF, -INF), (NAN, NAN)],
    "i1e": [(INF, 0.0), (NAN, NAN)],
    "modified_bessel_k0": [(0.0, INF), (-1.0, NAN), (INF, 0.0), (NAN, NAN)],
    "modified_bessel_k1": [(0.0, INF), (-1.0, NAN), (INF, 0.0), (NAN, NAN)],
    "bessel_j0": [(INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "bessel_j1": [(INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "bessel_y0": [(0.0, -INF), (-1.0, NAN), (INF, 0.0), (NAN, NAN)],
    "bessel_y1": [(0.0, -INF), (-1.0, NAN), (INF, 0.0), (NAN, NAN)],
    "spherical_bessel_j0": [(INF, 0.0), (NAN, NAN)],
    "airy_ai": [(INF, 0.0), (-INF, 0.0), (NAN, NAN)],
    "erfcx": [(INF, 0.0), (-INF, INF), (-30.0, INF), (NAN, NAN)],
    "ndtr": [(INF, 1.0), (-INF, 0.0), (NAN, NAN)],
    "log_ndtr": [(INF, 0.0), (-INF, -INF), (NAN, NAN)],
    "ndtri": [(0.0, -INF), (1.0, INF), (-0.1, NAN), (1.1, NAN), (NAN, NAN)],
    "entr": [(0.0, 0.0), (-1.0, -INF), (INF, -INF), (NAN, NAN)],
    "sinc": [(0.0, 1.0), (INF, NAN), (NAN, NAN)],
    "logit": [(0.0, -INF), (1.0, INF), (-1.0, NAN), (2.0, NAN), (NAN, NAN)],
    "digamma": [(0.0, -INF), (-1.0, NAN), (INF, INF)],
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("dtype", [tx.float32, tx.float64])
def test_edges(name, dtype, device):
    x, expected = zip(*EDGES[name])
    found = find(name)(tx.tensor(x, dtype=dtype, device=device)).cpu().numpy()
    np.testing.assert_array_equal(found, np.array(expected, found.dtype))


TWO_EDGES = {
    "zeta": [(1.0, 2.0, INF), (0.5, 2.0, NAN), (2.0, 0.0, INF), (2.0, -3.0, INF), (2.5, -0.5, NAN), (NAN, 1.0, NAN), (2.0, INF, 0.0),
             (2.0, -1e300, INF), (1e300, 2.0, 0.0), (3.0, -1e15 - 0.5, None)],
    "gammainc": [(1.0, 0.0, 0.0), (0.0, 1.0, 1.0), (0.0, 0.0, NAN), (-1.0, 1.0, NAN), (1.0, -1.0, NAN), (1.0, INF, 1.0), (INF, 1.0, 0.0),
                 (INF, INF, NAN), (NAN, 1.0, NAN), (1e300, 1e300, None), (1e-300, 1.0, 1.0), (5e-324, 5e-324, None)],
    "gammaincc": [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, NAN), (1.0, INF, 0.0), (INF, 1.0, 1.0), (NAN, 1.0, NAN), (1e300, 1e300, None)],
    "xlog1py": [(0.0, -1.0, 0.0), (0.0, -2.0, 0.0), (0.0, NAN, NAN), (1.0, -1.0, -INF), (0.0, INF, 0.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_EDGES)
def test_edges_of_two(name, device):
    """None: any finite value, in finite time."""
    a, b, expected = zip(*TWO_EDGES[name])
    a, b = (tx.tensor(v, dtype=tx.float64, device=device) for v in (a, b))
    for value, wanted in zip(find(name)(a, b).tolist(), expected, strict=True):
        assert math.isfinite(value) if wanted is None else value == wanted or (math.isnan(wanted) and math.isnan(value))


def test_extreme_arguments_end():
    """No argument makes a loop run on: the whole square of powers of ten, and of special values."""
    powers = [0.0, *[s * 10.0**e for e in range(-308, 309, 44) for s in (1, -1)], INF, -INF, NAN, 170.5, 200.0, 2000.5]
    a = tx.tensor(powers, dtype=tx.float64)
    for function in (special.gammainc, special.gammaincc, special.zeta, special.xlog1py):
        assert function(a.unsqueeze(1), a).shape == (len(powers), len(powers))
    for n in (0, 1, 2, 170, 171, 100_000, 10**9):
        special.polygamma(n, a)


def test_identities():
    x = tx.linspace(0.1, 60, 2000, dtype=tx.float64)
    wronskian = special.bessel_j1(x) * special.bessel_y0(x) - special.bessel_j0(x) * special.bessel_y1(x)
    assert tx.allclose(wronskian, 2 / (math.pi * x), rtol=1e-12, atol=1e-15)
    mixed = special.i0e(x) * special.scaled_modified_bessel_k1(x) + special.i1e(x) * special.scaled_modified_bessel_k0(
        x
    )
    assert tx.allclose(mixed, 1 / x, rtol=1e-13)
    p = tx.linspace(1e-6, 1 - 1e-6, 1000, dtype=tx.float64)
    assert tx.allclose(special.ndtr(special.ndtri(p)), p, rtol=1e-13)
    assert tx.allclose(special.expit(special.logit(p)), p)
    a = tx.tensor([0.01, 0.9, 5.0, 199.0, 201.0, 5e3], dtype=tx.float64).unsqueeze(1)
    y = a * tx.linspace(0.2, 3, 300, dtype=tx.float64)
    assert tx.allclose(special.gammainc(a, y) + special.gammaincc(a, y), tx.ones_like(y), rtol=1e-13)
    integers = special.gammaincc(tx.tensor([3.0], dtype=tx.float64), x)
    assert tx.allclose(integers, tx.exp(-x) * (1 + x + x * x / 2), rtol=1e-12, atol=1e-300)
    brute = sum((213.5 + k) ** -18.0 for k in range(20_000))
    assert abs(special.zeta(tx.tensor([18.0]).double(), tx.tensor([213.5]).double()).item() / brute - 1) < 1e-13


def test_aliases_and_names():
    assert special.psi is tx.digamma and special.expit is tx.sigmoid and special.gammaln is tx.lgamma
    assert special.gammainc is tx.igamma and special.multigammaln is tx.mvlgamma and special.modified_bessel_i0 is tx.i0
    assert all(hasattr(special, name) for name in special.__all__)
    x = tx.tensor([0.5, 1.5])
    for name in ("i0", "sinc", "digamma"):
        assert tx.equal(getattr(x.clone(), name + "_")(), getattr(tx, name)(x))
    assert tx.equal(x.clone().polygamma_(2), x.polygamma(2))
    assert tx.equal((x + 2).mvlgamma_(2), tx.mvlgamma(x + 2, 2))
    assert tx.equal(x.clone().logit_(0.1), tx.logit(x, 0.1))
    out = tx.empty(0)
    assert tx.logit(x, 0.1, out=out) is out and out.shape == (2,)


def test_slopes_at_zero():
    x = tx.zeros(1, dtype=tx.float64, requires_grad=True)
    for function, first, second in (
        (tx.sinc, 0, -math.pi**2 / 3), (tx.i0, 0, 0.5), (special.i1, 0.5, None), (special.bessel_j0, 0, -0.5),
        (special.bessel_j1, 0.5, None), (special.spherical_bessel_j0, 0, None),
    ):  # fmt: skip
        (slope,) = tx.autograd.grad(function(x).sum(), x, create_graph=True)
        assert abs(slope.item() - first) < 1e-12
        if second is not None:
            assert abs(tx.autograd.grad(slope.sum(), x)[0].item() - second) < 1e-12
    near = tx.tensor([1e-4, 0.0999, 0.1001], requires_grad=True)
    found = tx.autograd.grad(tx.sinc(near).sum(), near)[0].double().numpy()
    u = math.pi * near.detach().double().numpy()
    np.testing.assert_allclose(found, math.pi * (np.cos(u) * u - np.sin(u)) / u**2, rtol=1e-4)


def test_incomplete_gamma_slopes():
    a, x = (tx.tensor(v, dtype=tx.float64, requires_grad=True) for v in ([0.4, 3.0, 40.0], [0.7, 2.0, 45.0]))
    for function in (tx.igamma, tx.igammac):
        assert tx.autograd.gradcheck(function, (a, x))
        assert tx.autograd.gradgradcheck(lambda x: function(a.detach(), x), (x,))


# ---- polynomials

POLYNOMIALS = {
    "chebyshev_polynomial_t": lambda x, n: np.cos(n * np.arccos(x)),
    "chebyshev_polynomial_u": lambda x, n: np.sin((n + 1) * np.arccos(x)) / np.sin(np.arccos(x)),
    "chebyshev_polynomial_v": lambda x, n: np.cos((n + 0.5) * np.arccos(x)) / np.cos(np.arccos(x) / 2),
    "chebyshev_polynomial_w": lambda x, n: np.sin((n + 0.5) * np.arccos(x)) / np.sin(np.arccos(x) / 2),
    "hermite_polynomial_h": lambda x, n: np.polynomial.hermite.hermval(x, [0] * n + [1]),
    "hermite_polynomial_he": lambda x, n: np.polynomial.hermite_e.hermeval(x, [0] * n + [1]),
    "laguerre_polynomial_l": lambda x, n: np.polynomial.laguerre.lagval(x, [0] * n + [1]),
    "legendre_polynomial_p": lambda x, n: np.polynomial.legendre.legval(x, [0] * n + [1]),
}


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name, device):
    x = np.linspace(-0.95, 0.95, 11)
    function, values = find(name), tx.tensor(x, device=device)
    degrees = range(7)
    for n in degrees:
        np.testing.assert_allclose(function(values, n).cpu().numpy(), POLYNOMIALS[name](x, n), rtol=1e-11, atol=1e-12)
    table = function(values.unsqueeze(1), tx.tensor(list(degrees), device=device))
    np.testing.assert_allclose(table.cpu().numpy()[:, 5], POLYNOMIALS[name](x, 5), rtol=1e-11, atol=1e-12)
    assert function(values, -1).abs().sum().item() == 0
    if name.startswith("chebyshev"):
        shifted = find("shifted_" + name)((values + 1) / 2, 4)
        np.testing.assert_allclose(shifted.cpu().numpy(), POLYNOMIALS[name](x, 4), rtol=1e-10, atol=1e-10)
    variable = tx.tensor(x[1::4], requires_grad=True)
    assert tx.autograd.gradcheck(lambda v: function(v, 4), (variable,))


def test_polynomials_of_unusual_arguments():
    x = tx.tensor([0.5, 2.0])
    assert special.legendre_polynomial_p(tx.tensor([1, 2]), 2).dtype is tx.float32
    assert special.hermite_polynomial_h(0.5, tx.tensor([0, 1])).tolist() == [1, 1]
    assert special.laguerre_polynomial_l(tx.empty(0), tx.empty(0, dtype=tx.int64)).shape == (0,)
    assert special.chebyshev_polynomial_t(x, 3, out=tx.empty(0)).tolist() == [-1, 26]
    for n in (10**12, tx.tensor([1, 10**12]), math.inf, math.nan):
        with pytest.raises((ValueError, OverflowError), match="degrees"):
            special.chebyshev_polynomial_t(x, n)
