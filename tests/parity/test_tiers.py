"""Calls of every kind in torch and tensorx: sizes 0 and 1, no dimensions, strides, dtypes, keywords, negative dimensions.

Each name is called as a function and as a method, in every way that its family is called. Where torch gives a result, it
must be the same one here; where torch raises for a dimension out of range, so must we.
"""

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")

import zlib  # noqa: E402

import numpy as np  # noqa: E402
from both import assert_same, outcome, to_torch  # noqa: E402

import tensorx as tx  # noqa: E402
from support import flatten, to_tx  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")

SHAPES = ((), (0,), (1,), (4,), (2, 3), (3, 1), (2, 0, 3), (2, 3, 4))
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")

UNARY = """
    abs acos acosh asin asinh atan atanh ceil cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 floor frac isfinite
    isinf isnan isneginf isposinf lgamma log log10 log1p log2 logical_not logit nan_to_num neg positive rad2deg reciprocal
    round rsqrt sgn sigmoid sign signbit sin sinh sqrt square tan tanh trunc frexp clone nonzero argwhere flatten ravel
    numel count_nonzero msort  t diag diagflat trace fliplr flipud unique relu
    """.split()
BINARY = """
    add atan2 bitwise_and bitwise_or bitwise_xor copysign div eq float_power floor_divide fmax fmin fmod ge gt heaviside
    hypot le logaddexp logaddexp2 logical_and logical_or logical_xor lt maximum minimum mul ne nextafter pow remainder rsub
    sub true_divide xlogy gcd lcm isclose allclose equal dist ldexp
    """.split()
REDUCTIONS = """
    all amax amin any argmax argmin logsumexp max mean median min nanmean nanmedian nansum norm prod std std_mean sum var
    var_mean cummax cummin cumprod cumsum logcumsumexp sort argsort mode diff quantile nanquantile flip roll unbind
    squeeze unsqueeze softmax log_softmax count_nonzero
    """.split()
LISTS = {
    "amax",
    "amin",
    "all",
    "any",
    "logsumexp",
    "mean",
    "sum",
    "nansum",
    "std",
    "var",
    "std_mean",
    "var_mean",
    "flip",
}
LISTS |= {"squeeze", "count_nonzero"}
KEEPDIM = (
    set(REDUCTIONS)
    - set("cummax cummin cumprod cumsum logcumsumexp sort argsort diff flip roll unbind squeeze unsqueeze".split())
    - {"softmax", "log_softmax", "count_nonzero"}
)
BEFORE = {"quantile": (0.3,), "nanquantile": (0.3,), "roll": (1,), "norm": (2,)}  # arguments in front of dim

# What rests on a choice that torch leaves open, or where it is another on purpose; (name, dtype or None).
DIFFERENT = {
    ("argsort", None): "equal elements: ours keeps their order",
    ("median", None): "equal elements: the index is any of them",
    ("nanmedian", None): "as median",
    ("max", "bool"): "as median",
    ("min", "bool"): "as median",
    **{
        (name, dtype): "refused, also without elements"
        for name in ("softmax", "log_softmax")
        for dtype in ("int64", "bool")
    },
    ("square", "bool"): "refused here",
    ("heaviside", "bool"): "refused here",
    ("pow", "bool"): "refused here",
    ("sort", "bool"): "as argsort",
    ("sort", "uint8"): "as argsort",
}


def values(shape, dtype, name, positive=False):
    generator = np.random.default_rng(zlib.crc32(repr((shape, dtype, name)).encode()))
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype == "uint8":
        return generator.permutation(np.arange(1, 1 + int(np.prod(shape)))).reshape(shape).astype(dtype)
    count = int(np.prod(shape))
    grid = np.arange(count) - (0 if positive else count // 2)
    return (generator.permutation(grid) * (0.37 if "float" in dtype else 1)).reshape(shape).astype(dtype)


def strided(x):
    """The same values, not contiguous."""
    return x.permute(*range(x.ndim - 1, -1, -1)).clone().permute(*range(x.ndim - 1, -1, -1)) if x.ndim > 1 else x


def compare(name, arguments, keywords, message, found):
    """One call as function and as method on both sides; `found` collects what differs."""
    for form in ("function", "method"):
        results = []
        for namespace, make in ((tx, to_tx), (torch, to_torch)):
            made = [strided(make(a, str(a.dtype))) if isinstance(a, np.ndarray) else a for a in arguments]
            holder = namespace if form == "function" else made[0]
            function = getattr(holder, name, None)
            if function is None:
                results.append(("missing", None))
                continue
            given = {k: getattr(namespace, v) if k == "dtype" else v for k, v in keywords.items()}
            results.append(outcome(function, *(made if form == "function" else made[1:]), **given))
        (ours, error), (theirs, refused) = results
        if isinstance(theirs, str) and theirs == "missing":
            continue
        if refused is not None:
            if isinstance(refused, IndexError) and "out of range" in str(refused) and error is None:
                found.append(f"{message} as {form}: torch raises {refused!r}")
            continue
        if isinstance(error, IndexError) and not any(y.numel() for y in flatten(theirs)):
            continue  # torch looks at no dimension where there is nothing to do
        if error is not None or (isinstance(ours, str) and ours == "missing"):
            found.append(f"{message} as {form}: {error!r}, in torch {str(theirs)[:80]}")
            continue
        try:
            a, b = (flatten(tuple(r) if isinstance(r, (tuple, list)) else r) for r in (ours, theirs))
            assert len(a) == len(b), f"{message}: {len(a)} results, in torch {len(b)}"
            for x, y in zip(a, b, strict=True):
                assert_same(x, y, message, scale=4)
        except AssertionError as different:
            found.append(f"{message} as {form}: {' '.join(str(different).split())[:300]}")


def known(name, dtype):
    return (name, None) in DIFFERENT or (name, dtype) in DIFFERENT


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    found = []
    for dtype in DTYPES:
        for shape in SHAPES:
            if not known(name, dtype):
                compare(name, [values(shape, dtype, name)], {}, f"{name}({dtype} {shape})", found)
    assert not found, "\n".join(found[:8])


PAIRS = (((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 4)), ((), (3,)), ((0,), (1,)), ((), ()), ((2, 0), (1, 1)))


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    found = []
    for first, second in (
        ("float32", "float32"),
        ("int64", "int32"),
        ("float32", "int64"),
        ("bool", "bool"),
        ("uint8", "int64"),
    ):
        if known(name, first):
            continue
        for left, right in PAIRS:
            other = values(right, second, name + "'", True) + (second != "bool")  # no division by 0
            arguments = [values(left, first, name), np.asarray(other).astype(second)]
            compare(name, arguments, {}, f"{name}({first} {left}, {second} {right})", found)
        for number in (2, 1.5, True):
            compare(name, [values((2, 3), first, name), number], {}, f"{name}({first}, {number})", found)
    assert not found, "\n".join(found[:8])


@pytest.mark.parametrize("name", REDUCTIONS)
def test_along_dimensions(name):
    found = []
    for dtype in ("float32", "int64", "bool"):
        if known(name, dtype):
            continue
        for shape in ((), (0,), (4,), (2, 3), (2, 0, 3)):
            x, before = values(shape, dtype, name), BEFORE.get(name, ())
            dims = [0, -1, 1, -2, len(shape), -len(shape) - 2] + ([(0, -1), [0]] if name in LISTS else [])
            forms = [((d,), {}) for d in dims] + [((), {"dim": d}) for d in dims[:2]] + [((), {})]
            if name in KEEPDIM:
                forms += [((), {"dim": 0, "keepdim": True}), ((-1, True), {})]
            if name in ("sum", "mean", "prod", "cumsum", "cumprod", "nansum", "softmax"):
                forms += [((), {"dim": 0, "dtype": "float64"})]
            if name in ("sum", "mean", "amax", "std", "var", "max", "nanmean", "norm", "prod"):
                forms += [((), {"axis": 0}), ((), {"axis": 0, "keepdims": True})]
            for args, keywords in forms:
                if name in ("std", "var", "std_mean", "var_mean") and args[:1] == (-1,) and len(args) == 2:
                    continue
                text = f"{name}({dtype} {shape}, {before + args}, {keywords})"
                compare(name, [x, *before, *args], keywords, text, found)
    assert not found, "\n".join(found[:8])
