"""nn.init: distributions, order of draws, errors."""

import math

import numpy
import pytest

import tensorx as tx
from tensorx.nn import init

SEEDED = [
    (init.uniform_, (-2.0, 3.0), lambda fan_in, fan_out: (0.5, 5 / math.sqrt(12))),
    (init.normal_, (1.0, 2.0), lambda fan_in, fan_out: (1.0, 2.0)),
    (init.xavier_uniform_, (2.0,), lambda fan_in, fan_out: (0.0, 2 * math.sqrt(2 / (fan_in + fan_out)))),
    (init.xavier_normal_, (), lambda fan_in, fan_out: (0.0, math.sqrt(2 / (fan_in + fan_out)))),
    (init.kaiming_uniform_, (), lambda fan_in, fan_out: (0.0, math.sqrt(2 / fan_in))),
    (init.kaiming_normal_, (1.0, "fan_out"), lambda fan_in, fan_out: (0.0, math.sqrt(1 / fan_out))),
]


@pytest.mark.parametrize("fill, arguments, moments", SEEDED)
def test_moments(fill, arguments, moments):
    tx.manual_seed(0)
    weight = tx.nn.Parameter(tx.empty(60, 50, 3, 3, dtype=tx.float64))
    assert fill(weight, *arguments) is weight and weight.requires_grad and weight.is_leaf
    mean, std = moments(50 * 9, 60 * 9)
    assert abs(weight.detach().mean().item() - mean) < 5 * std / math.sqrt(weight.numel())
    assert abs(weight.detach().std().item() / std - 1) < 0.02
    bounds = {init.uniform_: (-2.0, 3.0)}.get(fill)
    if bounds:
        assert bounds[0] <= weight.amin().item() and weight.amax().item() < bounds[1]


@pytest.mark.parametrize(
    "arguments", [(), (0.5, 2.0, -1.0, 3.0), (0.0, 1.0, 2.0, 3.0), (0.0, 1.0, -0.1, 0.1), (3.0, 1.0, -1.0, 1.0)]
)
def test_trunc_normal(arguments):
    mean, std, a, b = arguments or (0.0, 1.0, -2.0, 2.0)
    tx.manual_seed(0)
    values = numpy.sort(init.trunc_normal_(tx.empty(40000, dtype=tx.float64), *arguments).numpy())
    assert a <= values[0] and values[-1] <= b
    cdf = numpy.vectorize(lambda x: 0.5 * (1 + math.erf((x - mean) / (std * math.sqrt(2)))))
    expected = (cdf(values) - cdf(a)) / (cdf(b) - cdf(a))
    assert numpy.abs(expected - (numpy.arange(40000) + 0.5) / 40000).max() < 1.63 / math.sqrt(
        40000
    )  # Kolmogorov-Smirnov, 1%


def test_trunc_normal_warns_far_away():
    with pytest.warns(UserWarning, match="more than 2 std"):
        init.trunc_normal_(tx.empty(3), mean=5.0, std=1.0, a=-1.0, b=1.0)


def test_constants():
    weight = tx.empty(3, 4)
    assert init.constant_(weight, 0.25) is weight and (weight == 0.25).all()
    assert (init.ones_(weight) == 1).all() and (init.zeros_(weight) == 0).all()
    assert tx.equal(init.eye_(weight), tx.eye(3, 4))


@pytest.mark.parametrize("shape, groups", [((4, 4, 3), 1), ((4, 2, 3, 3), 2), ((2, 5, 1, 3, 3), 1), ((6, 2, 3), 3)])
def test_dirac(shape, groups):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    expected = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert init.dirac_(tx.empty(shape), groups).tolist() == expected.tolist()


@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (5, 5), (3, 2, 4)])
def test_orthogonal(shape):
    tx.manual_seed(0)
    weight = init.orthogonal_(tx.empty(shape, dtype=tx.float64), gain=2.0).reshape(shape[0], -1).numpy() / 2
    gram = weight @ weight.T if weight.shape[0] < weight.shape[1] else weight.T @ weight
    numpy.testing.assert_allclose(gram, numpy.eye(len(gram)), atol=1e-12)


def test_sparse():
    tx.manual_seed(0)
    weight = init.sparse_(tx.empty(10, 50), sparsity=0.33, std=1.0)
    assert ((weight == 0).sum(0) == 4).all() and len({tuple(column) for column in (weight == 0).t().tolist()}) > 5


@pytest.mark.parametrize(
    "nonlinearity, parameter, gain",
    [
        ("linear", None, 1),
        ("conv2d", None, 1),
        ("sigmoid", None, 1),
        ("tanh", None, 5 / 3),
        ("relu", None, math.sqrt(2)),
        ("leaky_relu", None, math.sqrt(2 / 1.0001)),
        ("leaky_relu", 0.5, math.sqrt(2 / 1.25)),
        ("selu", None, 0.75),
    ],
)
def test_gain(nonlinearity, parameter, gain):
    assert init.calculate_gain(nonlinearity, parameter) == pytest.approx(gain, rel=1e-15)


def test_errors():
    for call, message in (
        (lambda: init.calculate_gain("other"), "Unsupported nonlinearity other"),
        (lambda: init.calculate_gain("leaky_relu", "x"), "not a valid number"),
        (lambda: init.xavier_uniform_(tx.empty(3)), "fewer than 2 dimensions"),
        (lambda: init.kaiming_normal_(tx.empty(3, 3), mode="fan"), "Mode fan not supported"),
        (lambda: init.eye_(tx.empty(3)), "2 dimensions"),
        (lambda: init.dirac_(tx.empty(3, 3)), "3, 4, or 5 dimensions"),
        (lambda: init.dirac_(tx.empty(3, 3, 3), 2), "divisible by groups"),
        (lambda: init.orthogonal_(tx.empty(3)), "2 or more dimensions"),
        (lambda: init.sparse_(tx.empty(3), 0.5), "2 dimensions"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.warns(UserWarning, match="no-op"):
        init.kaiming_uniform_(tx.empty(0, 3))


def test_layers_draw_in_order():
    """weight first, then bias: what a layer is initialised with is what the same draws give by hand."""
    tx.manual_seed(5)
    layer = tx.nn.Linear(7, 3)
    tx.manual_seed(5)
    weight = tx.empty(3, 7).uniform_(-1 / math.sqrt(7), 1 / math.sqrt(7))
    bias = tx.empty(3).uniform_(-1 / math.sqrt(7), 1 / math.sqrt(7))
    assert tx.allclose(layer.weight, weight) and tx.allclose(layer.bias, bias)
    tx.manual_seed(5)
    layer = tx.nn.Conv2d(2, 4, 3)
    tx.manual_seed(5)
    bound = 1 / math.sqrt(2 * 9)
    assert tx.allclose(layer.weight, tx.empty(4, 2, 3, 3).uniform_(-bound, bound)) and tx.allclose(
        layer.bias, tx.empty(4).uniform_(-bound, bound)
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda nn: nn.Linear(40, 60),
        lambda nn: nn.Bilinear(20, 10, 30),
        lambda nn: nn.Conv1d(30, 40, 3),
        lambda nn: nn.Conv2d(12, 20, 3, groups=2),
        lambda nn: nn.ConvTranspose2d(12, 20, 3),
        lambda nn: nn.Embedding(50, 40),
        lambda nn: nn.BatchNorm2d(30),
        lambda nn: nn.LayerNorm(30),
        lambda nn: nn.PReLU(30),
    ],
)
def test_layers_start_with_pytorchs_distributions(make):
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    tx.manual_seed(0)
    torch.manual_seed(0)
    ours, theirs = make(tx.nn), make(torch.nn)
    for (name, mine), (other, reference) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert name == other and tuple(mine.shape) == tuple(reference.shape)
        a, b = numpy.sort(mine.detach().numpy().ravel()), numpy.sort(reference.detach().numpy().ravel())
        if b[0] == b[-1]:
            assert numpy.array_equal(a, b)
        else:  # two-sample Kolmogorov-Smirnov, 0.1%
            grid = numpy.concatenate([a, b])
            distance = numpy.abs(
                numpy.searchsorted(a, grid, "right") - numpy.searchsorted(b, grid, "right")
            ).max() / len(a)
            assert distance < 1.95 * math.sqrt(2 / len(a))


def test_generator():
    for fill in (
        init.uniform_,
        init.normal_,
        init.trunc_normal_,
        init.xavier_normal_,
        init.kaiming_uniform_,
        init.orthogonal_,
    ):
        draws = []
        for _ in range(2):
            generator = tx.Generator()
            generator.manual_seed(3)
            draws.append(fill(tx.empty(4, 4), generator=generator))
        assert tx.equal(*draws)


@pytest.mark.parametrize("name", [name for name in vars(init) if hasattr(init, name + "_") and name != "eye"])
def test_deprecated_names(name):
    arguments = {"constant": (0.5,), "sparse": (0.5,)}.get(name, ())
    shape = (2, 2, 3) if name == "dirac" else (3, 4)
    results = []
    for each in (name, name + "_"):
        tx.manual_seed(1)
        x = tx.empty(shape)
        if each == name:
            with pytest.warns(FutureWarning, match=f"`nn.init.{name}_`"):
                assert getattr(init, each)(x, *arguments) is x
        else:
            getattr(init, each)(x, *arguments)
        results.append(x)
    assert tx.equal(*results)
