"""The error bounds stated in csrc/cpu/vec_*.h, in units in the last place, over all arguments.

Float32: one value in 1,999 of all 2^32, denormals, infinities and NaN included, and dense samples where functions are
used, against float64. Float64: random bits and the same dense samples, against long double.
"""

import math

import numpy as np
import pytest

import tensorx as tx

LONG = np.longdouble
LONG_IS_LONGER = np.finfo(LONG).nmant > 60


def by_element(function):
    """A function of Python floats as one of arrays; what math refuses is NaN."""

    def call(x):
        try:
            return function(x)
        except (ValueError, OverflowError):
            return math.nan

    return lambda x: np.frompyfunc(call, 1, 1)(x).astype(np.float64)


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, x.dtype.type(1)) / (1 + e)


# name: (function, reference, bound for float32, bound for float64). A reference by math is good to about 1 ULP of
# float64 itself, which its bound includes.
FUNCTIONS = {
    "exp": (tx.exp, np.exp, 1.5, 1.5),
    "exp2": (tx.exp2, np.exp2, 1.5, 1.5),
    "expm1": (tx.expm1, np.expm1, 2, 2),
    "log": (tx.log, np.log, 1, 1),
    "log2": (tx.log2, np.log2, 2.5, 2.5),
    "log10": (tx.log10, np.log10, 2.5, 2.5),
    "log1p": (tx.log1p, np.log1p, 1.5, 1.5),
    "sin": (tx.sin, np.sin, 2.5, 2.5),
    "cos": (tx.cos, np.cos, 2.5, 2.5),
    "tan": (tx.tan, np.tan, 3.5, 3.5),
    "asin": (tx.asin, np.arcsin, 2.5, 2.5),
    "acos": (tx.acos, np.arccos, 1.5, 1.5),
    "atan": (tx.atan, np.arctan, 2, 2),
    "sinh": (tx.sinh, np.sinh, 2, 2),
    "cosh": (tx.cosh, np.cosh, 1.6, 1.6),
    "tanh": (tx.tanh, np.tanh, 3, 3),
    "asinh": (tx.asinh, np.arcsinh, 2.5, 2.5),
    "acosh": (tx.acosh, np.arccosh, 2.5, 2.5),
    "atanh": (tx.atanh, np.arctanh, 2.5, 2.5),
    "sqrt": (tx.sqrt, np.sqrt, 0.5, 0.501),
    "rsqrt": (tx.rsqrt, lambda x: 1 / np.sqrt(x), 1.5, 1.51),
    "sigmoid": (tx.sigmoid, sigmoid, 2.5, 2.5),
    "erf": (tx.erf, by_element(math.erf), 2, 3),
    "erfc": (tx.erfc, by_element(math.erfc), 5.5, 6),
}

SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1, -1, 0.5, -0.5, 2, -2, 88.7228, -103.97, 709.78, -745.1, 1e5, 8192, 8193,
           4194304, 1e6, 1e10, 1e20, -1e20, 1e38, 1e300, 1e-40, 5e-324, 0.625, 0.75, 1.5, np.pi, np.pi / 2, -np.pi]  # fmt: skip


def samples(dtype, every=1999, dense=40_000):
    rng = np.random.default_rng(0)
    if dtype == np.float32:
        bits = np.arange(0, 1 << 32, every, dtype=np.uint64).astype(np.uint32).view(np.float32)
    else:
        bits = rng.integers(0, 1 << 64, 200_000, dtype=np.uint64).view(np.float64)
    with np.errstate(over="ignore"):
        parts = [bits, np.array(SPECIAL), rng.uniform(-1.2, 1.2, 2 * dense), 1 + rng.normal(0, 1e-3, dense)]
        parts += [rng.normal(0, scale, dense) for scale in (0.1, 1, 3, 10, 30, 300)]
        return np.concatenate([p.astype(dtype) for p in parts])


def check(got, expected, bound, *arguments):
    """`got` (float32 or float64) is within `bound` ULP of `expected`, and infinite, NaN or -0 where that is."""
    rounded = expected.astype(got.dtype)
    limits = np.finfo(got.dtype)
    overflow = np.isinf(got) & np.isfinite(expected)  # as good as the first number that does not fit
    value = np.where(overflow, np.copysign(expected.dtype.type(2) ** limits.maxexp, got), got.astype(expected.dtype))
    ulp = np.spacing(np.minimum(np.abs(np.where(np.isfinite(rounded), rounded, limits.max)), limits.max)).astype(
        expected.dtype
    )
    # The reference may be beyond the type while its rounding is infinite: then got must be infinite too, checked here.
    same = (np.isnan(got) & np.isnan(expected)) | (np.isinf(rounded) & (got == rounded))
    error = np.where(same, 0, np.abs(value - expected) / ulp)
    error = np.where(np.isnan(error), np.inf, error)
    worst = int(np.argmax(error))
    where = ", ".join(repr(a[worst]) for a in arguments)
    assert error[worst] <= bound, f"{error[worst]:.3g} ULP at {where}: {got[worst]!r} for {expected[worst]!r}"
    zeros = (expected == 0) & (got == 0)
    assert (np.signbit(got) == np.signbit(expected))[zeros].all(), "sign of zero"


def reference(function, x, wide):
    with np.errstate(all="ignore"):
        return function(x.astype(wide))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(name):
    function, expected, bound, _ = FUNCTIONS[name]
    x = (
        samples(np.float32)
        if expected in (np.exp, np.log, np.sin) or hasattr(expected, "nin")
        else samples(np.float32, 39_999)
    )
    with np.errstate(all="ignore"):
        check(function(tx.from_numpy(x)).numpy(), reference(expected, x, np.float64), bound, x)


@pytest.mark.skipif(not LONG_IS_LONGER, reason="long double is double here, so there is no reference")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_float64(name):
    function, expected, _, bound = FUNCTIONS[name]
    x = samples(np.float64, dense=10_000)
    with np.errstate(all="ignore"):
        check(function(tx.from_numpy(x)).numpy(), reference(expected, x, LONG), bound, x)


def pairs(dtype):
    rng = np.random.default_rng(1)
    special = np.array(SPECIAL, dtype=np.float64)
    grid = np.meshgrid(special, special)
    n = 200_000
    a = [
        grid[0].ravel(),
        rng.uniform(0, 10, n),
        1 + rng.normal(0, 1e-2, n),
        rng.normal(0, 3, n),
        np.exp(rng.normal(0, 30, n)),
    ]
    b = [
        grid[1].ravel(),
        rng.normal(0, 20, n),
        rng.normal(0, 5000, n),
        rng.integers(-20, 20, n),
        np.exp(rng.normal(0, 30, n)),
    ]
    with np.errstate(over="ignore"):
        return np.concatenate(a).astype(dtype), np.concatenate(b).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name, expected, bound", [("pow", np.power, 1.5), ("atan2", np.arctan2, 2), ("hypot", np.hypot, 1.5)]
)
def test_two_arguments(name, expected, bound, dtype):
    if dtype == np.float64 and not LONG_IS_LONGER:
        pytest.skip("long double is double here, so there is no reference")
    a, b = pairs(dtype)
    wide = np.float64 if dtype == np.float32 else LONG
    with np.errstate(all="ignore"):
        check(
            getattr(tx, name)(tx.from_numpy(a), tx.from_numpy(b)).numpy(),
            expected(a.astype(wide), b.astype(wide)),
            bound,
            a,
            b,
        )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_inverse_error_function(dtype):
    """erfinv through its defining equation: the error of erf(erfinv(x)) divided by the derivative there."""
    x = np.random.default_rng(2).uniform(-0.99, 0.99, 50_000).astype(dtype)
    y = tx.erfinv(tx.from_numpy(x)).numpy()
    wide = y.astype(np.float64)
    residual = by_element(math.erf)(wide) - x.astype(np.float64)
    error = np.abs(residual) / (2 / math.sqrt(math.pi) * np.exp(-wide * wide))
    bound = 5 if dtype == np.float32 else 40  # in double, erf itself is off by its rounding, which is divided by little
    assert (error / np.spacing(np.abs(y))).max() <= bound
    edge = tx.erfinv(tx.tensor([0.0, 1.0, -1.0, 1.5, math.nan])).numpy()
    assert edge[0] == 0 and edge[1] == np.inf and edge[2] == -np.inf and np.isnan(edge[3:]).all()


def test_gamma_functions():
    rng = np.random.default_rng(3)
    x = np.concatenate([rng.uniform(0.01, 60, 20_000), rng.uniform(-20, 0, 5_000)]).astype(np.float32)
    check(tx.lgamma(tx.from_numpy(x)).numpy(), by_element(math.lgamma)(x.astype(np.float64)), 2, x)
    n = np.arange(1, 40)
    harmonic = np.cumsum(1 / n) - 0.57721566490153286061  # digamma(n + 1)
    np.testing.assert_allclose(tx.digamma(tx.tensor(n + 1.0, dtype=tx.float64)).numpy(), harmonic, rtol=1e-14)
    edge = tx.digamma(tx.tensor([0.0, -0.0, -1.0, math.inf])).numpy()
    assert edge[0] == -np.inf and edge[1] == np.inf and np.isnan(edge[2]) and edge[3] == np.inf


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "tan", "tanh", "erf", "rsqrt", "sqrt"])
def test_a_value_does_not_depend_on_its_neighbours(name):
    """Alone, among others, at any offset and stride: the same bits, also beside lanes that take a slow path."""
    function = getattr(tx, name)
    rng = np.random.default_rng(4)
    x = rng.normal(0, 3, 999).astype(np.float32)
    x[::7] = rng.choice(np.array([1e20, 9000, 1e7, np.inf, np.nan, 0, 1e-40], dtype=np.float32), len(x[::7]))
    t = tx.from_numpy(x)
    whole = function(t).numpy().view(np.uint32)
    strided = tx.from_numpy(np.repeat(x, 3))[::3]
    assert (function(strided).numpy().view(np.uint32) == whole).all()
    for i in range(0, 999, 37):
        assert function(t[i:]).numpy().view(np.uint32)[0] == whole[i]
        assert function(t[i : i + 1]).numpy().view(np.uint32)[0] == whole[i]
