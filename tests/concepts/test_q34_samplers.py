"""rand, randn and all common samplers: tests of the distributions that they promise, on every device."""

import math

import numpy as np
import pytest

import tensorx as tx

N = 20_000
erf = np.vectorize(math.erf)


def normal_cdf(x):
    return 0.5 * (1 + erf(x / math.sqrt(2)))


def kolmogorov_smirnov(samples, cdf):
    """The largest distance of the empirical from the true distribution function, times sqrt(n)."""
    x = np.sort(samples.double().cpu().numpy().ravel())
    n, f = len(x), cdf(x)
    return max(np.max(f - np.arange(n) / n), np.max(np.arange(1, n + 1) / n - f)) * math.sqrt(n)


def chi_square(samples, expected):
    """(statistic - degrees of freedom) / its deviation, over values 0, 1, ... of which some are expected."""
    expected = np.asarray(expected) * samples.numel()
    counts = np.bincount(samples.cpu().long().numpy().ravel(), minlength=len(expected))[: len(expected)]
    kept = expected > 10
    degrees = kept.sum() - 1
    return (((counts - expected) ** 2)[kept] / expected[kept]).sum().item() / math.sqrt(2 * degrees) - math.sqrt(
        degrees / 2
    )


def logarithms(k):
    return np.array([math.lgamma(v + 1) for v in k])


def poisson(rate, k):
    return np.exp(k * math.log(rate) - rate - logarithms(k))


def binomial(n, p, k):
    return np.exp(math.lgamma(n + 1) - logarithms(k) - logarithms(n - k) + k * math.log(p) + (n - k) * math.log1p(-p))


CONTINUOUS = {
    "rand": (lambda x: tx.rand(N, device=x), lambda v: np.clip(v, 0, 1)),
    "rand_like": (lambda x: tx.rand_like(tx.empty(N, device=x, dtype=tx.float64)), lambda v: np.clip(v, 0, 1)),
    "uniform_": (lambda x: tx.empty(N, device=x).uniform_(-2, 3), lambda v: (v + 2) / 5),
    "randn": (lambda x: tx.randn(N, device=x), normal_cdf),
    "randn double": (lambda x: tx.randn(N, device=x, dtype=tx.float64), normal_cdf),
    "randn_like": (lambda x: tx.randn_like(tx.empty(N, device=x)), normal_cdf),
    "normal": (lambda x: tx.normal(1.0, 2.0, (N,), device=x), lambda v: normal_cdf((v - 1) / 2)),
    "normal of tensors": (
        lambda x: tx.normal(tx.full((N,), 1.0, device=x), tx.full((N,), 2.0, device=x)),
        lambda v: normal_cdf((v - 1) / 2),
    ),
    "normal_": (lambda x: tx.empty(N, device=x).normal_(1, 2), lambda v: normal_cdf((v - 1) / 2)),
    "exponential_": (lambda x: tx.empty(N, device=x).exponential_(1.5), lambda v: -np.expm1(-1.5 * v)),
    "cauchy_": (lambda x: tx.empty(N, device=x).cauchy_(1, 2), lambda v: 0.5 + np.arctan((v - 1) / 2) / math.pi),
    "log_normal_": (
        lambda x: tx.empty(N, device=x).log_normal_(0.5, 0.7),
        lambda v: normal_cdf((np.log(v) - 0.5) / 0.7),
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name, device):
    tx.manual_seed(0)
    draw, cdf = CONTINUOUS[name]
    samples = draw(device)
    assert samples.device.type == device
    assert kolmogorov_smirnov(samples, cdf) < 1.95  # more than that once in a thousand times


@pytest.mark.parametrize("shape", [0.2, 1.0, 3.5, 200.0])
def test_gamma(shape, device):
    tx.manual_seed(0)
    samples = tx.distributions.Gamma(tx.full((N,), shape, dtype=tx.float64, device=device), 1.0).sample()
    cdf = lambda v: tx.igamma(tx.full((N,), shape, dtype=tx.float64), tx.from_numpy(v)).numpy()
    assert kolmogorov_smirnov(samples, cdf) < 1.95


DISCRETE = {
    "randint": (lambda x: tx.randint(0, 10, (N,), device=x), np.full(10, 0.1)),
    "randint_like": (lambda x: tx.randint_like(tx.empty(N, device=x), 10), np.full(10, 0.1)),
    "random_": (lambda x: tx.empty(N, device=x, dtype=tx.int32).random_(10), np.full(10, 0.1)),
    "randperm": (lambda x: tx.stack([tx.randperm(5, device=x)[2] for _ in range(500)]), np.full(5, 0.2)),
    "bernoulli": (lambda x: tx.bernoulli(tx.full((N,), 0.3, device=x)), [0.7, 0.3]),
    "bernoulli_": (lambda x: tx.empty(N, device=x).bernoulli_(0.3), [0.7, 0.3]),
    "geometric_": (lambda x: tx.empty(N, device=x).geometric_(0.3) - 1, 0.3 * 0.7 ** np.arange(20)),
    "poisson, few": (lambda x: tx.poisson(tx.full((N,), 3.0, device=x)), poisson(3, np.arange(15))),
    "poisson, many": (lambda x: tx.poisson(tx.full((N,), 80.0, device=x)), poisson(80, np.arange(130))),
    "binomial, few": (
        lambda x: tx.binomial(tx.full((N,), 20.0, device=x), tx.full((N,), 0.8, device=x)),
        binomial(20, 0.8, np.arange(21)),
    ),
    "binomial, many": (
        lambda x: tx.binomial(tx.full((N,), 200.0, device=x), tx.full((N,), 0.4, device=x)),
        binomial(200, 0.4, np.arange(201)),
    ),
    "multinomial": (lambda x: tx.multinomial(tx.tensor([0.0, 1, 3, 6], device=x), N, True), [0, 0.1, 0.3, 0.6]),
    "multinomial, distinct": (
        lambda x: tx.multinomial(tx.tensor([1.0, 3, 6], device=x).expand(2000, 3), 2)[:, 0],
        [0.1, 0.3, 0.6],
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_discrete(name, device):
    tx.manual_seed(0)
    draw, expected = DISCRETE[name]
    assert chi_square(draw(device), expected) < 5


@pytest.mark.parametrize("draw", [tx.rand, tx.randn])
def test_numbers_are_independent(draw, device):
    """Of those before them, and of those of the next call and of the next seed."""
    tx.manual_seed(0)
    x, y = draw(N, device=device).cpu().numpy(), draw(N, device=device).cpu().numpy()
    tx.manual_seed(1)
    z = draw(N, device=device).cpu().numpy()
    pairs = [(x, y), (x, z)] + [(x[lag:], x[:-lag]) for lag in (1, 2, 4, 8, 16, 32)]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(N)
