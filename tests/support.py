"""What the table-driven tests share: dtypes, seeded values, memory layouts, and comparison by value and by bits."""

import zlib
from dataclasses import dataclass, field

import numpy as np

import tensorx as tx

HALVES = ("float16", "bfloat16")
FLOATS = (*HALVES, "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
NUMBERS = INTEGERS + FLOATS
INTEGRAL = ("bool", *INTEGERS)
ALL = ("bool", *NUMBERS)

# (relative, absolute) error allowed against a float64 reference that gets the same, already rounded, inputs.
TOLERANCE = {
    "float64": (1e-11, 1e-11),  # a few ULP of the function, times cancellation in what is composed of several
    "float32": (4e-6, 4e-6),  # about 32 ULP: room for sums of some dozens of terms
    "float16": (2e-3, 2e-3),  # computed in float32 and rounded once (2**-11), and compositions round twice or thrice
    "bfloat16": (1.6e-2, 1.6e-2),  # as above: 2**-8 for one rounding
}


# ---- specifications: what a row says about its arguments


@dataclass(frozen=True)
class T:
    """A tensor argument. Values are distinct, spread over (low, high) in random order, and of the dtype under test
    unless `dtype` fixes another. Integers are drawn from [4 * low, 4 * high], or [low, high) for a fixed dtype."""

    shape: tuple
    low: float = -2.0
    high: float = 2.0
    dtype: str | None = None
    values: tuple | None = None  # given outright instead


@dataclass(frozen=True)
class D:
    """A dtype argument, by name."""

    name: str


@dataclass(frozen=True)
class Call:
    args: tuple
    kwargs: dict = field(default_factory=dict)

    def tensors(self):
        found = []
        walk((self.args, self.kwargs), lambda leaf: found.append(leaf) if isinstance(leaf, T) else None)
        return found

    def __str__(self):
        parts = [str(a) for a in self.args] + [f"{k}={v}" for k, v in self.kwargs.items()]
        return f"({', '.join(parts)})"


def call(*args, **kwargs):
    return Call(args, kwargs)


def t(*shape, **options):
    return T(tuple(shape), **options)


def index(*shape, high, low=0):
    return T(tuple(shape), low, high, "int64")


def mask(*shape):
    return T(tuple(shape), dtype="bool")


def walk(value, leaf):
    """`value` with every leaf of its lists, tuples and dicts replaced by leaf(it)."""
    if isinstance(value, (list, tuple)):
        return type(value)(walk(v, leaf) for v in value)
    if isinstance(value, dict):
        return {k: walk(v, leaf) for k, v in value.items()}
    return leaf(value)


# ---- values


def round_to(values, dtype):
    """float64 or int64 values representable in `dtype`."""
    if dtype == "bfloat16":
        bits = np.asarray(values, np.float32).view(np.uint32)
        kept = ((bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)
        return np.where(np.isnan(values), np.nan, kept).astype(np.float64)
    with np.errstate(over="ignore"):
        return np.asarray(values).astype(dtype).astype(np.float64 if dtype in FLOATS else dtype)


def draw(spec, dtype, seed):
    """The NumPy array of a tensor argument: float64 for float dtypes, else of the dtype itself."""
    fixed, dtype = spec.dtype is not None, spec.dtype or dtype
    if spec.values is not None:
        return round_to(np.array(spec.values).reshape(spec.shape), dtype)
    generator = np.random.default_rng(zlib.crc32(repr((seed, spec.shape, spec.low, spec.high)).encode()))
    count = int(np.prod(spec.shape))
    if dtype == "bool":
        return generator.integers(0, 2, spec.shape).astype(bool)
    if dtype in INTEGERS:
        low, high = (spec.low, spec.high) if fixed else (int(np.ceil(spec.low * 4)), int(spec.high * 4) + 1)
        if dtype == "uint8":
            low, high = max(low, 0), max(high, 1)
        return generator.integers(low, high, spec.shape).astype(dtype)
    step = (spec.high - spec.low) / (count + 1)
    grid = spec.low + step * (np.arange(count) + generator.uniform(0.3, 0.7))
    return round_to(generator.permutation(grid).reshape(spec.shape), dtype)


@dataclass
class Drawn:
    """A tensor argument with its values."""

    spec: T
    values: np.ndarray
    dtype: str


def materialize(made, dtype, seed):
    """The arguments of a call with T replaced by Drawn."""
    count = iter(range(1000))

    def leaf(value):
        if isinstance(value, T):
            return Drawn(value, draw(value, dtype, (seed, next(count))), value.dtype or dtype)
        return value

    return walk(made.args, leaf), walk(made.kwargs, leaf)


# ---- tensors


class Device:
    """Where the tests' tensors are: pytest --device cuda."""

    name = "cpu"


def to_tx(values, dtype):
    target = getattr(tx, dtype)
    if dtype == "bfloat16":
        return tx.from_numpy(np.asarray(values, np.float32)).to(target).to(Device.name)
    return tx.from_numpy(np.array(values, dtype=dtype)).to(Device.name)


def to_numpy(x):
    """The values of a tensor, in float64 for floats."""
    if not isinstance(x, tx.Tensor):
        return np.asarray(x)
    x = x.detach().cpu()
    name = dtype_name(x)
    if name == "bfloat16":
        x = x.to(tx.float32)
    values = x.numpy()
    return values.astype(np.float64) if name in FLOATS else values


def bits(x):
    """Shape, dtype and the bytes of a tensor, NaNs made alike."""
    if not isinstance(x, tx.Tensor):
        return repr(x)
    values = to_numpy(x)
    if values.dtype == np.float64:
        values = np.where(np.isnan(values), np.nan, values)
    return tuple(x.shape), dtype_name(x), values.tobytes()


def assert_same(actual, expected, message=""):
    """The same bits. On a device, where a reduction takes another path through memory for each layout: as close as
    sums in another order are.
    """
    actual, expected = flatten(actual), flatten(expected)
    assert len(actual) == len(expected), message
    for a, e in zip(actual, expected, strict=True):
        if Device.name == "cpu" or not isinstance(e, tx.Tensor) or dtype_name(e) not in FLOATS:
            assert bits(a) == bits(e), message
            continue
        assert a.shape == e.shape and a.dtype is e.dtype, message
        a, e = to_numpy(a), to_numpy(e)
        scale = np.abs(e[np.isfinite(e)]).max(initial=0)
        np.testing.assert_allclose(a, e, 0, SUM_ERROR[dtype_name(actual[0])] * scale, err_msg=message)


SUM_ERROR = {"float32": 1e-6, "float64": 2e-15, "float16": 2e-3, "bfloat16": 1.6e-2}


def dtype_name(x):
    return str(x.dtype).removeprefix("tensorx.").removeprefix("torch.")


def flatten(result):
    """The leaves of a result, in order."""
    leaves = []
    walk(list(result) if isinstance(result, tuple) else result, leaves.append)
    return leaves


def all_bits(result):
    return [bits(leaf) for leaf in flatten(result)]


def assert_close(actual, expected, dtype, tolerance=None, message=""):
    """`actual`, of `dtype`, equals the float64 `expected` within the tolerance of that dtype."""
    assert actual.shape == np.shape(expected), f"{message}: shape {actual.shape}, expected {np.shape(expected)}"
    if dtype not in FLOATS:
        np.testing.assert_array_equal(actual, expected, err_msg=message)
        return
    relative, absolute = (tolerance or {}).get(dtype) or TOLERANCE[dtype]
    expected = round_to(expected, dtype) if dtype in HALVES else np.asarray(expected)  # overflow is inf there
    np.testing.assert_allclose(actual, expected, relative, absolute, err_msg=message)


# ---- layouts: the same values elsewhere in memory


def _transposed(x):
    order = tuple(range(x.ndim))[::-1]
    return x.permute(order).clone().permute(order)


def _stepped(x):
    """Every second element of a buffer whose other elements are garbage."""
    if x.ndim == 0:
        return tx.full((3,), 1, dtype=x.dtype, device=x.device)[1:].copy_(x.view(1))[0]
    buffer = tx.full(tuple(2 * n + 1 for n in x.shape), 1, dtype=x.dtype, device=x.device)
    region = buffer[tuple(slice(1, 2 * n + 1, 2) for n in x.shape)]
    return region.copy_(x)


def _offset(x):
    """Contiguous, but starting in the middle of a buffer, off every alignment but the element's."""
    buffer = tx.full((x.numel() + 3,), 1, dtype=x.dtype, device=x.device)
    return buffer[3:].view(x.shape).copy_(x)


def _padded_rows(x):
    """Rows contiguous, with a gap between them."""
    if x.ndim == 0:
        return _stepped(x)
    buffer = tx.full((*x.shape[:-1], x.shape[-1] + 3), 1, dtype=x.dtype, device=x.device)
    return buffer[..., 1 : x.shape[-1] + 1].copy_(x)


LAYOUTS = {"transposed": _transposed, "stepped": _stepped, "offset": _offset, "padded rows": _padded_rows}


def expand_first(values):
    """NumPy values that repeat along the first dimension, for a stride of 0."""
    return np.broadcast_to(values[:1], values.shape) if values.ndim and values.shape[0] else values


def expanded(values, dtype):
    """The same as a tensor with a stride of 0."""
    if not values.ndim or not values.shape[0]:
        return to_tx(values, dtype)
    return to_tx(values[:1], dtype).expand(values.shape)


def to_library(value, convert, namespace):
    """Arguments with Drawn converted by convert(values, dtype) and D by name."""

    def leaf(v):
        if isinstance(v, Drawn):
            return convert(v.values, v.dtype)
        return getattr(namespace, v.name) if isinstance(v, D) else v

    return walk(value, leaf)
