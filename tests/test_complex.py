"""Complex tensors: values against NumPy, gradients against differences and PyTorch's convention, on both devices."""

import itertools
import pickle

import numpy as np
import pytest

import tensorx as tx

DTYPES = ("complex64", "complex128")
TOLERANCE = {"complex64": 2e-5, "complex128": 1e-12}  # of the absolute value: a part may lose digits to the other


def numbers(shape, dtype="complex128", seed=0, scale=2.0):
    generator = np.random.default_rng(seed)
    return (scale * (generator.uniform(-1, 1, shape) + 1j * generator.uniform(-1, 1, shape))).astype(dtype)


def tensor(array, device="cpu"):
    return tx.from_numpy(np.ascontiguousarray(array).copy()).to(device)


def assert_close(ours, wanted, dtype, message="", scale=1.0):
    ours, wanted = ours.detach().cpu().numpy(), np.asarray(wanted)
    assert ours.shape == wanted.shape, message
    if ours.dtype == bool:
        assert np.array_equal(ours, wanted), message
        return
    error = np.abs(ours - wanted)
    assert (error <= scale * TOLERANCE[dtype] * (1 + np.abs(wanted))).all(), f"{message}: {error.max()}"


UNARY = {
    "neg": np.negative, "abs": np.abs, "square": np.square, "reciprocal": np.reciprocal, "sqrt": np.sqrt,
    "rsqrt": lambda z: 1 / np.sqrt(z), "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log,
    "log2": np.log2, "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh,
    "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh, "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "sgn": lambda z: z / np.abs(z), "angle": np.angle, "conj": np.conj, "conj_physical": np.conj, "real": np.real,
    "imag": np.imag, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "isreal": np.isreal,
    "logical_not": np.logical_not, "positive": np.positive,
}  # fmt: skip
BINARY = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "true_divide": np.divide, "pow": np.power, "eq": np.equal,
    "ne": np.not_equal, "logical_and": np.logical_and, "logical_or": np.logical_or, "logical_xor": np.logical_xor,
}  # fmt: skip
HOLOMORPHIC = [
    "neg", "square", "reciprocal", "sqrt", "rsqrt", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin",
    "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid",
]  # fmt: skip
OTHERS = ["abs", "angle", "sgn", "conj", "real", "imag", "view_as_real"]


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_unary(name, dtype, device):
    for n in (1, 3, 7, 40):
        array = numbers((n,), dtype, seed=n)
        assert_close(
            getattr(tx, name)(tensor(array, device)), UNARY[name](array.astype("complex128")), dtype, f"{name} {n}"
        )


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("dtype", DTYPES)
def test_binary(name, dtype, device):
    a, b = numbers((5, 7), dtype, 1), numbers((5, 7), dtype, 2)
    b[0] = a[0]
    wanted = BINARY[name](a.astype("complex128"), b.astype("complex128"))
    assert_close(getattr(tx, name)(tensor(a, device), tensor(b, device)), wanted, dtype, name, 4)
    wanted = BINARY[name](a.astype("complex128"), 2 - 1j)
    assert_close(getattr(tx, name)(tensor(a, device), 2 - 1j), wanted, dtype, f"{name} of a number", 4)


@pytest.mark.parametrize("name", ["exp", "mul", "where", "clone"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_layouts_give_the_same_bits(name, dtype, device):
    array = numbers((12, 10), dtype, 3)
    layouts = {
        "transposed": lambda x: x.t().contiguous().t(),
        "strided": lambda x: tx.cat([x, x], 1)[:, :10] if x.ndim == 2 else x,
        "gaps": lambda x: tx.stack([x, x], 2)[:, :, 0],
    }

    def run(x):
        if name == "mul":
            return x * x
        if name == "where":
            return tx.where(x.real > 0, x, x.conj())
        return getattr(tx, name)(x)

    x = tensor(array, device)
    plain = run(x)
    for layout, move in layouts.items():
        assert tx.equal(run(move(x)), plain), layout
    column = tensor(array[:, :1], device)
    assert tx.equal(run(column.expand(12, 10)), run(column.repeat(1, 10)))
    assert run(x[:0]).shape == (0, 10) and run(x[0, 0]).shape == ()


def test_large_transposes_and_chunks():
    array = numbers((300, 517), "complex128", 4)
    x = tensor(array)
    assert np.array_equal((x.t() * 2).numpy(), array.T * 2)
    assert np.array_equal(x.t().contiguous().numpy(), array.T)
    assert np.array_equal(x.to(tx.complex64).numpy(), array.astype("complex64"))
    assert np.array_equal((x + x[:1]).numpy(), array + array[:1])


@pytest.mark.parametrize("name", ["sqrt", "log", "asin", "acos", "atan", "asinh", "acosh", "atanh"])
def test_branch_cuts(name, device):
    """Real and imaginary axes, from both sides: the signs of zero choose them."""
    points = [complex(x, y) for x in (-3.0, -0.5, 0.0, 0.5, 3.0) for y in (0.0, -0.0)]
    points += [complex(x, y) for y in (-3.0, -0.5, 0.5, 3.0) for x in (0.0, -0.0)]
    points = [z for z in points if not (name == "log" and z == 0)]
    array = np.array(points)
    assert_close(getattr(tx, name)(tensor(array, device)), UNARY[name](array), "complex128", name)


def test_special_values(device):
    one, zero, infinite = (tensor(np.array([z]), device) for z in (1 + 0j, 0j, complex(np.inf, 0)))
    assert (one / infinite).item() == 0
    assert np.isinf((one / zero).item().real) and np.isnan((one / zero).item().imag)
    assert zero.pow(0).item() == 1 and zero.pow(2.5).item() == 0
    assert tensor(np.array([1000 + 0j]), device).exp().item() == complex(np.inf, 0)
    big = tensor(np.array([1e200 + 1e200j]), device)
    assert abs((big / big).item() - 1) < 1e-15 and np.isfinite(big.abs().item())
    near = tensor(np.array([1 + 1e-9j, 1 + 1e-12 + 0j]), device).log()
    np.testing.assert_allclose(near.real.cpu().numpy(), [5e-19, 1e-12], rtol=1e-4)
    assert tx.isnan(tensor(np.array([complex(0, np.nan), 1j]), device)).tolist() == [True, False]


REDUCTIONS = {
    "sum": np.sum, "mean": np.mean, "prod": np.prod, "any": np.any, "all": np.all, "count_nonzero": np.count_nonzero,
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reductions(name, dtype, device):
    array = numbers((3, 5, 4), dtype, 5, 1.5)
    array[0, 1, 2] = 0
    wide = array.astype("complex128")
    x = tensor(array, device)
    function = getattr(tx, name)
    for dim in (None, 0, 1, -1, (0, 2)):
        wanted = REDUCTIONS[name](wide, axis=dim)
        assert_close(function(x, dim) if dim is not None else function(x), wanted, dtype, f"{name} {dim}", 4)
    assert_close(function(x.permute(2, 0, 1), 1), REDUCTIONS[name](wide.transpose(2, 0, 1), axis=1), dtype, name, 4)
    if name in ("sum", "prod"):
        assert (
            function(tx.zeros(0, 3, dtype=tx.complex64, device=device), 0).tolist()
            == [1 + 0j if name == "prod" else 0j] * 3
        )
        assert_close(function(x, 1, keepdim=True), REDUCTIONS[name](wide, axis=1, keepdims=True), dtype, name, 4)
        out = tx.empty(0, dtype=tx.complex128, device=device)
        assert_close(function(x.to(tx.complex128), 1, out=out), REDUCTIONS[name](wide, axis=1), dtype, name, 4)
        assert_close(out, REDUCTIONS[name](wide, axis=1), dtype, name, 4)


@pytest.mark.parametrize("name, reference", [("cumsum", np.cumsum), ("cumprod", np.cumprod)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_scans(name, reference, dtype, device):
    array = numbers((4, 9), dtype, 6)
    for dim in (0, 1):
        wanted = reference(array.astype("complex128"), axis=dim)
        assert_close(getattr(tx, name)(tensor(array, device), dim), wanted, dtype, f"{name} {dim}", 20)


def test_spread_and_norms(device):
    array = numbers((4, 6), "complex128", 7)
    x = tensor(array, device)
    assert_close(tx.var(x, 1), np.var(array, 1, ddof=1), "complex128")
    assert_close(tx.std(x, correction=0), np.std(array), "complex128")
    assert_close(tx.norm(x), np.linalg.norm(array), "complex128")
    assert_close(tx.norm(x, 1, dim=1), np.abs(array).sum(1), "complex128")
    assert x.norm(float("inf")).dtype is tx.float64


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "logsumexp", "cumsum", "cumprod"])
def test_a_single_number_along_its_dimension(name, device):
    x = tx.tensor(3 + 1j, dtype=tx.complex128, device=device)
    assert_close(getattr(tx, name)(x, -1), 3 + 1j, "complex128")


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod", "logsumexp"])
def test_a_single_number_into_a_neighbour(name, device):
    """The result may be the operand itself; `out`, in the same memory, gets it all the same."""
    x = tx.tensor([3 + 1j, 5], dtype=tx.complex128, device=device)
    getattr(tx, name)(x[0], 0, out=x[1])
    assert_close(x, [3 + 1j, 3 + 1j], "complex128")


def test_logsumexp(device):
    array = numbers((4, 6), "complex128", 7)
    array[1] += 800  # exp would overflow
    x = tensor(array, device)
    top = array.real.max(1, keepdims=True)
    wanted = np.log(np.exp(array - top).sum(1)) + top[:, 0]
    assert_close(tx.logsumexp(x, 1), wanted, "complex128")
    assert_close(tx.logsumexp(x, 1, keepdim=True), wanted[:, None], "complex128")
    assert tx.logsumexp(x[:, :0], 1).real.eq(-float("inf")).all()
    assert tx.logsumexp(tensor(array * 0 - np.inf, device), 1).real.eq(-float("inf")).all()
    assert tx.autograd.gradcheck(lambda z: z.logsumexp(0), (tensor(array[2:], device).requires_grad_(),))


@pytest.mark.parametrize("dtype", DTYPES)
def test_matrix_products(dtype, device):
    def check(ours, wanted, message):
        assert_close(ours, wanted, dtype, message, 20)

    a, b = numbers((2, 3, 5), dtype, 8), numbers((2, 5, 4), dtype, 9)
    wide_a, wide_b = a.astype("complex128"), b.astype("complex128")
    x, y = tensor(a, device), tensor(b, device)
    check(x @ y, wide_a @ wide_b, "bmm")
    check(x @ y[0], wide_a @ wide_b[0], "one right matrix")
    check(x[0] @ y, wide_a[0] @ wide_b, "one left matrix")
    check(x[0] @ y[0], wide_a[0] @ wide_b[0], "mm")
    check(x[0].t().conj() @ x[0], wide_a[0].conj().T @ wide_a[0], "gram")
    check(y[0].t() @ x[0].t(), wide_b[0].T @ wide_a[0].T, "transposes")
    check(x[0] @ y[0][:, 1], wide_a[0] @ wide_b[0][:, 1], "mv")
    check(tx.dot(x[0, 0], y[0, :, 0]), wide_a[0, 0] @ wide_b[0, :, 0], "dot")
    check(tx.vdot(x[0, 0], y[0, :, 0]), np.vdot(wide_a[0, 0], wide_b[0, :, 0]), "vdot")
    bias = tensor(numbers((4,), dtype, 10), device)
    check(tx.addmm(bias, x[0], y[0]), numbers((4,), dtype, 10) + wide_a[0] @ wide_b[0], "addmm")
    check(tx.addmm(bias, x[0], y[0], beta=2j, alpha=1 - 1j),
          2j * numbers((4,), dtype, 10) + (1 - 1j) * (wide_a[0] @ wide_b[0]), "scaled addmm")  # fmt: skip
    check(x[:, :, :0] @ y[:, :0], np.zeros((2, 3, 4)), "empty")
    big = numbers((70, 65), dtype, 11)
    check(tensor(big, device) @ tensor(big.T, device), big.astype("complex128") @ big.T.astype("complex128"), "large")


def test_indexing_and_movement(device):
    array = numbers((4, 5, 3), "complex128", 12)
    x = tensor(array, device)
    index = tx.tensor([2, 0, 2], device=device)

    def check(ours, wanted):
        assert np.array_equal(ours.cpu().numpy(), wanted)

    check(x[index], array[[2, 0, 2]])
    check(x[:, index], array[:, [2, 0, 2]])
    check(x[index, index], array[[2, 0, 2], [2, 0, 2]])
    check(x[x.real > 0], array[array.real > 0])
    check(x.masked_fill(x.real > 0, 1 - 1j), np.where(array.real > 0, 1 - 1j, array))
    check(tx.cat([x, x], 1), np.concatenate([array, array], 1))
    check(tx.stack([x, x], -1), np.stack([array, array], -1))
    check(x.flip(0, 2), array[::-1, :, ::-1])
    check(x.roll(2, 1), np.roll(array, 2, 1))
    check(x.permute(2, 0, 1).contiguous(), array.transpose(2, 0, 1))
    check(x[0].tril(), np.tril(array[0]))
    check(x.gather(0, index.reshape(3, 1, 1).expand(3, 5, 3)), array[[2, 0, 2]])
    check(x.take(index), array.reshape(-1)[[2, 0, 2]])
    y = x.clone()
    y[1:3, 0] = 5 + 1j
    wanted = array.copy()
    wanted[1:3, 0] = 5 + 1j
    check(y, wanted)
    y.index_add_(0, index, x[:3])
    np.add.at(wanted, [2, 0, 2], array[:3])
    np.testing.assert_allclose(y.cpu().numpy(), wanted)
    check(tx.masked_select(x, x.imag < 0), array[array.imag < 0])
    check(x.nonzero(), np.argwhere(array))
    many = tx.zeros(3, dtype=tx.complex64, device=device).index_add(
        0, tx.arange(120, device=device) % 3, tx.ones(120, dtype=tx.complex64, device=device) * 1j
    )
    assert many.tolist() == [40j] * 3


def test_creation(device):
    assert tx.tensor(1 + 2j, device=device).dtype is tx.complex64
    assert tx.tensor([1, 2j], dtype=tx.complex128).tolist() == [1, 2j]
    assert tx.full((2,), 1j, device=device).tolist() == [1j, 1j]
    assert tx.zeros(2, dtype=tx.cfloat, device=device).tolist() == [0, 0]
    assert tx.ones(2, dtype=tx.cdouble, device=device).dtype is tx.complex128
    assert tx.eye(2, dtype=tx.complex64, device=device).tolist() == [[1, 0], [0, 1]]
    assert tx.linspace(0, 1 + 1j, 3, device=device).tolist() == [0, 0.5 + 0.5j, 1 + 1j]
    assert tx.linspace(0, 1, 3, dtype=tx.complex64, device=device).tolist() == [0, 0.5, 1]
    assert tx.complex(tx.tensor([1.0, 2.0]), tx.tensor(3.0)).tolist() == [1 + 3j, 2 + 3j]
    assert abs(tx.polar(tx.tensor([2.0]), tx.tensor([np.pi / 2])).item() - 2j) < 1e-6
    x = tx.randn(20000, dtype=tx.complex64, device=device)
    assert abs(x.abs().square().mean().item() - 1) < 0.05 and abs((x.real * x.imag).mean().item()) < 0.05
    assert (tx.rand(100, dtype=tx.complex128, device=device).imag >= 0).all()
    before = tx.get_default_dtype()
    tx.set_default_dtype(tx.float64)
    try:
        assert tx.tensor(1j).dtype is tx.complex128
    finally:
        tx.set_default_dtype(before)


def test_views_of_the_parts(device):
    z = tx.tensor([[1 + 2j, 3 - 4j]], device=device)
    z.real.mul_(10)
    z.imag[0, 1] = 7
    assert z.tolist() == [[10 + 2j, 30 + 7j]]
    z.real = 0
    assert z.tolist() == [[2j, 7j]]
    pairs = tx.view_as_real(z)
    assert pairs.shape == (1, 2, 2) and pairs._shares_storage(z)
    assert tx.view_as_complex(pairs).tolist() == z.tolist()
    assert z.t().real.stride() == (2, 4)
    assert z.view(tx.float32).tolist() == [[0, 2, 0, 7]]
    x = tx.ones(2)
    assert x.real is x and x.conj() is x
    assert not z.is_conj() and z.resolve_conj() is z


def test_conversions(device):
    z = tx.tensor([1.5 + 2j, 0j], device=device)
    assert z.to(tx.float64).tolist() == [1.5, 0]
    assert z.to(tx.int32).tolist() == [1, 0]
    assert z.bool().tolist() == [True, False] and tx.tensor([2j], device=device).bool().tolist() == [True]
    for dtype in (tx.bool, tx.uint8, tx.int64, tx.float16, tx.bfloat16, tx.float64, tx.uint16, tx.uint64):
        assert tx.ones(3, dtype=dtype, device=device).to(tx.complex64).tolist() == [1, 1, 1]
        assert tx.ones(3, dtype=dtype, device=device).to(tx.complex128).tolist() == [1, 1, 1]
    assert z.cdouble().dtype is tx.complex128 and z.cdouble().cfloat().tolist() == z.tolist()
    assert (tx.ones(2, device=device) * 1j).dtype is tx.complex64
    assert (tx.ones(2, dtype=tx.int64, device=device) + z).tolist() == [2.5 + 2j, 1]
    real = tx.zeros(2, device=device)
    real.copy_(z)
    assert real.tolist() == [1.5, 0]


def test_numbers():
    assert tx.tensor(1 + 2j).item() == 1 + 2j
    assert complex(tx.tensor(1 + 2j)) == 1 + 2j and complex(tx.tensor(2.0)) == 2
    assert float(tx.tensor(2 + 0j)) == 2 and int(tx.tensor(3 + 0j)) == 3 and bool(tx.tensor(2j))
    with pytest.raises(RuntimeError, match="imaginary part"):
        float(tx.tensor(1j))
    assert (1j * tx.tensor([2.0])).tolist() == [2j]
    assert (tx.tensor([2.0]) + np.complex64(1j)).tolist() == [2 + 1j]
    assert (2 ** tx.tensor([2 + 0j])).tolist() == [4]
    assert (tx.tensor([1 + 1j]) == 1 + 1j).tolist() == [True]


def test_printing():
    assert repr(tx.tensor(1 + 2j)) == "tensor(1.+2.j)"
    assert repr(tx.tensor([1.5 + 2j, -3e6 - 1j])) == "tensor([ 1.5000e+00+2.j, -3.0000e+06-1.j])"
    assert repr(tx.tensor([1.5 + 2j, complex("nan")])) == "tensor([1.5000+2.j,    nan+0.j])"
    assert repr(tx.tensor([[1.25 + 2j, 3 - 4.5j], [0, 1e-9j]])) == (
        "tensor([[1.2500+2.0000e+00j, 3.0000-4.5000e+00j],\n        [0.0000+0.0000e+00j, 0.0000+1.0000e-09j]])"
    )
    assert repr(tx.tensor([1j], dtype=tx.complex128)) == "tensor([0.+1.j], dtype=tensorx.complex128)"


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_dlpack(dtype):
    array = numbers((3, 4), dtype)
    x = tx.from_numpy(array)
    assert x.dtype is getattr(tx, dtype) and np.shares_memory(x.numpy(), array)
    x.mul_(2)
    assert np.array_equal(x.numpy(), array) and x.numpy().dtype == dtype
    assert np.array_equal(np.asarray(x.t()), array.T)
    assert np.array_equal(np.from_dlpack(x), array)
    assert tx.equal(tx.from_dlpack(array), x)
    assert tx.equal(pickle.loads(pickle.dumps(x)), x)
    with pytest.raises(TypeError, match="numpy.clongdouble|numpy.complex256"):
        tx.from_numpy(np.zeros(2, np.clongdouble))


ORDERED = ["lt", "ge", "maximum", "fmin", "floor_divide", "remainder", "atan2", "fmod", "hypot", "copysign"]
UNSUPPORTED = ["floor", "round", "sign", "relu", "erf", "max", "amin", "argmax", "sort", "msort", "median", "unique",
               "nansum", "isposinf", "signbit", "softmax", "cummax", "topk", "frac"]  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
def test_what_needs_an_order_raises(name, device):
    z = tx.ones(3, dtype=tx.complex64, device=device)
    with pytest.raises(RuntimeError, match="complex"):
        getattr(tx, name)(z, z)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_is_not_defined_raises(name, device):
    z = tx.ones(3, dtype=tx.complex64, device=device)
    extra = {"logsumexp": (0,), "softmax": (0,), "cummax": (0,), "topk": (1,)}.get(name, ())
    with pytest.raises(RuntimeError, match="complex"):
        getattr(tx, name)(z, *extra)


def test_errors():
    z = tx.ones(2, dtype=tx.complex64)
    for wrong in (lambda: tx.ones(2).add_(1j), lambda: tx.ones(2).mul_(z), lambda: tx.add(z, z, out=tx.ones(2))):
        with pytest.raises(RuntimeError, match="can't be cast"):
            wrong()
    for wrong in (lambda: tx.ones(2).fill_(1j), lambda: tx.tensor([1j], dtype=tx.float32)):
        with pytest.raises((RuntimeError, TypeError)):
            wrong()
    with pytest.raises(RuntimeError, match="imag is not implemented"):
        tx.ones(2).imag
    with pytest.raises(RuntimeError, match="last dimension of size 2"):
        tx.view_as_complex(tx.ones(3))
    with pytest.raises(RuntimeError, match="stride 1"):
        tx.view_as_complex(tx.ones(2, 3).t())
    with pytest.raises(RuntimeError, match="only supported for float32"):
        tx.view_as_complex(tx.ones(3, 2, dtype=tx.float16))
    with pytest.raises(RuntimeError, match="scalar type"):
        tx.complex(tx.ones(2), tx.ones(2, dtype=tx.float64))
    with pytest.raises(RuntimeError, match="same dtype"):
        tx.ones(2, 2) @ tx.ones(2, 2, dtype=tx.complex64)
    with pytest.raises(TypeError, match="floating-point"):
        tx.set_default_dtype(tx.complex64)
    with pytest.raises(RuntimeError, match="real scalar outputs"):
        (z.requires_grad_() * 1).sum().backward()


# ---- gradients


def leaf(shape=(3,), seed=0, scale=1.0):
    return tensor(numbers(shape, seed=seed, scale=scale)).requires_grad_()


@pytest.mark.parametrize("name", HOLOMORPHIC + OTHERS)
def test_gradients(name):
    z = tensor(np.array([0.3 + 0.4j, -0.6 + 0.2j, 0.5 - 0.7j])).requires_grad_()
    assert tx.autograd.gradcheck(getattr(tx, name), (z,))
    assert tx.autograd.gradgradcheck(getattr(tx, name), (z,), atol=1e-4)


COMPOSED = {
    "add": lambda a, b: a + b * 2, "mul": lambda a, b: a * b, "div": lambda a, b: a / b, "pow": lambda a, b: a**b,
    "power": lambda a, b: a**3 + b**0.5, "base": lambda a, b: 2**a + (1 + 1j) ** b, "lerp": lambda a, b: tx.lerp(a, b, 0.3),
    "addcmul": lambda a, b: tx.addcmul(a, a, b, value=2j), "addcdiv": lambda a, b: tx.addcdiv(a, a, b),
    "where": lambda a, b: tx.where(tx.tensor([True, False, True]), a, b), "dot": lambda a, b: tx.dot(a, b),
    "vdot": lambda a, b: tx.vdot(a, b), "outer": lambda a, b: a.outer(b), "cat": lambda a, b: tx.cat([a, b]),
    "prod": lambda a, b: a.prod() * b, "cumprod": lambda a, b: tx.cumprod(a * b, 0), "cumsum": lambda a, b: tx.cumsum(a, 0) * b,
    "mean": lambda a, b: a.mean() + b.sum(), "norm": lambda a, b: a.norm() * b.abs(), "var": lambda a, b: a.var() + b.std(),
    "index": lambda a, b: a[tx.tensor([0, 0, 2])] * b, "parts": lambda a, b: tx.complex(a.real * b.imag, a.imag),
    "polar": lambda a, b: tx.polar(a.abs(), b.angle()), "matmul": lambda a, b: a.outer(b) @ b, "real": lambda a, b: (a * b.conj()).real,
    "cast": lambda a, b: a.real.to(tx.complex128) * b, "index_add": lambda a, b: a.index_add(0, tx.tensor([0, 0, 1]), b),
    "masked_fill": lambda a, b: a.masked_fill(tx.tensor([True, False, False]), 2j) * b, "norm1": lambda a, b: a.norm(1) + b.norm(3),
    "adjoint": lambda a, b: a.outer(b).mH @ a, "expand": lambda a, b: a.reshape(3, 1) * b, "select": lambda a, b: a[1] * b[:2],
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_gradients(name):
    a, b = leaf(seed=1), leaf(seed=2)
    assert tx.autograd.gradcheck(COMPOSED[name], (a, b))
    assert tx.autograd.gradgradcheck(COMPOSED[name], (a, b), atol=1e-4)


def test_a_real_input_gets_a_real_gradient(device):
    x = tx.tensor([1.0, 2.0], device=device, requires_grad=True)
    z = tx.tensor([1j, 1 + 1j], device=device, requires_grad=True)
    (x * z).abs().sum().backward()
    assert x.grad.dtype is tx.float32 and z.grad.dtype is tx.complex64
    np.testing.assert_allclose(x.grad.cpu().numpy(), [1, 2**0.5], rtol=1e-6)
    np.testing.assert_allclose(z.grad.cpu().numpy(), [1j, (2 + 2j) / 2**0.5], rtol=1e-6)


def test_steepest_descent_goes_along_the_gradient():
    """PyTorch's convention: for a real loss, z - rate * z.grad descends."""
    z = tx.tensor([2 + 1j], dtype=tx.complex128, requires_grad=True)
    for _ in range(60):
        loss = (z - (1 - 3j)).abs().square().sum()
        (g,) = tx.autograd.grad(loss, z)
        with tx.no_grad():
            z -= 0.2 * g
    assert abs(z.item() - (1 - 3j)) < 1e-6


def test_writing_to_views_of_the_parts_is_differentiated():
    def function(z, x):
        y = z * 1
        y.real.mul_(x)
        y.imag[1:] = x[1:] ** 2
        tx.view_as_real(y)[0, 0] += x[0]
        return y

    def backwards(x):
        y = x * 1
        tx.view_as_complex(y.reshape(2, 2)).mul_(2j)
        return y

    x = tx.tensor([0.5, -1.0, 2.0], dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradcheck(function, (leaf(seed=3), x))
    assert tx.autograd.gradcheck(backwards, (tx.tensor([0.5, 1, 2, 3], dtype=tx.float64, requires_grad=True),))


def test_custom_functions_and_hooks_see_pytorchs_convention():
    class Square(tx.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            (z,) = ctx.saved_tensors
            return g * (2 * z).conj()

    z = leaf()
    assert tx.autograd.gradcheck(Square.apply, (z,))
    seen = []
    y = z * 1j
    y.register_hook(seen.append)
    y.real.sum().backward()
    assert seen[0].tolist() == [1, 1, 1] and z.grad.tolist() == [-1j] * 3


def test_gradients_equal_pytorchs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    arrays = numbers((3,), seed=5, scale=1.0), numbers((3,), seed=6, scale=1.0)
    functions = {**{n: (lambda a, b, m, n=n: getattr(m, n)(a) * b) for n in HOLOMORPHIC + OTHERS[:-1]}}
    functions["pow"] = lambda a, b, m: a**b
    functions["vdot"] = lambda a, b, m: m.vdot(a, b)
    functions["std"] = lambda a, b, m: m.std(a) * b
    for (name, function), seed in zip(functions.items(), itertools.count()):
        results = []
        for module in (tx, torch):
            a, b = (module.from_numpy(x.copy()).requires_grad_() for x in arrays)
            y = function(a, b, module)
            vector = numbers(tuple(y.shape), seed=seed) if y.is_complex() else numbers(tuple(y.shape), seed=seed).real
            y.backward(module.from_numpy(np.array(vector)))
            results.append([x.detach().resolve_conj().numpy() for x in (y, a.grad, b.grad)])
        for ours, theirs in zip(*results, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9, err_msg=name)
