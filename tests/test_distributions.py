"""Distributions by what defines them: densities integrate to 1, moments and entropies are integrals, samples follow the cdf."""

import math

import numpy as np
import pytest

import tensorx as tx
from distribution_cases import NAMED, Named
from tensorx import distributions as D
from tensorx.distributions import constraints

N = 40_000
LINALG = hasattr(tx, "linalg")
ALL = [case for case in NAMED if LINALG or "Multivariate" not in case.name]
CONTINUOUS = [case for case in ALL if case.continuous]
by_case = pytest.mark.parametrize("case", ALL, ids=repr)


pytestmark = pytest.mark.usefixtures("seeded")


def values_of(case, dtype=tx.float64, device="cpu"):
    return tx.tensor(case.values, dtype=dtype, device=device)


def integrate(function, low, high):
    """The integral of a function of arrays (n, 3), whose ends may be singular: the double exponential rule."""
    t = np.linspace(-4.3, 4.3, 3001)
    u = np.exp(-math.pi * np.sinh(t))
    low, high = np.broadcast_to(low, 3), np.broadcast_to(high, 3)
    x = low + (high - low) * (1 / (1 + u))[:, None]
    weight = (math.pi * np.cosh(t) * u / (1 + u) ** 2 * (t[1] - t[0]))[:, None] * (high - low)
    inside = (x > low) & (x < high)
    with np.errstate(all="ignore"):
        return np.where(inside, function(x) * weight, 0).sum(0)


def density(distribution):
    return lambda x: np.exp(log_density(distribution)(x))


def log_density(distribution):
    def function(x):
        safe = tx.from_numpy(np.ascontiguousarray(x))
        return distribution.log_prob(safe).numpy()

    return function


def defined(ask):
    """What a distribution answers, or None."""
    try:
        return ask()
    except NotImplementedError:
        return None


# ---- densities, moments, entropies, cdfs


@pytest.mark.parametrize("case", CONTINUOUS, ids=repr)
def test_densities_and_their_integrals(case):
    made, _ = case.make(tx)
    made._validate_args = False
    p = density(made)
    low, high = np.array(case.low), np.array(case.high)
    if case.name == "Uniform":
        low, high = made.low.numpy(), made.high.numpy()
    if case.name == "Laplace":  # a kink, which the rule would not see
        total = integrate(p, low, made.loc.numpy()) + integrate(p, made.loc.numpy(), high)
    else:
        total = integrate(p, low, high)
    np.testing.assert_allclose(total, 1, atol=2e-6)
    if case.name == "VonMises" or case.name == "Laplace":
        return
    mean, entropy = defined(lambda: made.mean), defined(made.entropy)
    if mean is not None:
        first = integrate(lambda x: x * p(x), low, high)
        np.testing.assert_allclose(mean.numpy(), first, rtol=2e-5, atol=1e-12)
        second = integrate(lambda x: (x - first) ** 2 * p(x), low, high)
        np.testing.assert_allclose(made.variance.numpy(), second, rtol=2e-3)
        np.testing.assert_allclose(made.stddev.numpy() ** 2, made.variance.numpy(), rtol=1e-12)
    if entropy is not None:
        logarithm = log_density(made)
        terms = integrate(lambda x: np.nan_to_num(-p(x) * logarithm(x)), low, high)
        np.testing.assert_allclose(entropy.numpy(), terms, rtol=1e-4, atol=1e-5)
    cdf = defined(lambda: made.cdf(values_of(case)))
    if cdf is not None:
        below = integrate(p, low, np.minimum(np.array(case.values), high))
        np.testing.assert_allclose(cdf.numpy(), below, atol=2e-6)


@by_case
def test_quantiles_and_modes(case):
    made, _ = case.make(tx)
    value = values_of(case)
    quantile = defined(lambda: made.icdf(made.cdf(value)))
    if quantile is not None and case.name != "Uniform":
        np.testing.assert_allclose(quantile.numpy(), value.numpy(), rtol=1e-9, atol=1e-12)
    mode = defined(lambda: made.mode)
    made._validate_args = False  # the mode of a density that grows without bound lies outside its support
    if mode is not None and not mode.double().isnan().any().item():
        best = made.log_prob(mode)
        assert (best >= made.log_prob(value) - 1e-12).all().item()


COUNTS = [case for case in ALL if case.name in ("Geometric", "Binomial", "NegativeBinomial", "Poisson", "Bernoulli")]


@pytest.mark.parametrize("case", COUNTS, ids=repr)
def test_probabilities_of_counts(case):
    made, _ = case.make(tx)
    made._validate_args = False
    most = {"Bernoulli": 1, "Binomial": 5}.get(case.name, 400)
    k = tx.arange(0, most + 1, dtype=tx.float64).unsqueeze(-1)
    p = made.log_prob(k).exp()
    assert tx.allclose(p.sum(0), tx.ones(3, dtype=tx.float64))
    assert tx.allclose((p * k).sum(0), made.mean)
    assert tx.allclose((p * (k - made.mean).square()).sum(0), made.variance)
    entropy = defined(made.entropy)
    if entropy is not None:
        assert tx.allclose(-tx.xlogy(p, p).sum(0), entropy, atol=1e-7)
        assert tx.allclose(made.perplexity(), entropy.exp())


def test_vectors_of_counts():
    made = D.Multinomial(3, tx.tensor([0.2, 0.5, 0.3], dtype=tx.float64))
    grid = [(i, j, 3 - i - j) for i in range(4) for j in range(4 - i)]
    values = tx.tensor(grid, dtype=tx.float64)
    p = made.log_prob(values).exp()
    assert abs(p.sum().item() - 1) < 1e-12
    assert tx.allclose((p.unsqueeze(-1) * values).sum(0), made.mean)
    assert abs(made.entropy().item() + (p * p.log()).sum().item()) < 1e-9


# ---- samples


@by_case
def test_samples_follow_the_distribution(case):
    made, _ = case.make(tx)
    x = made.sample((N,))
    assert x.shape == (N, *made.batch_shape, *made.event_shape) and not x.requires_grad
    assert made.support.check(x).all().item() and not made.log_prob(x).isnan().any().item()
    cdf = defined(lambda: made.cdf(x))
    if cdf is not None:
        u = np.sort(cdf.numpy(), 0)
        steps = np.arange(N)[:, None] / N
        distance = np.maximum(np.abs(u - steps), np.abs(u - steps - 1 / N)).max(0) * math.sqrt(N)
        assert (distance < 1.95).all(), distance  # above 1.95 once in a thousand times
    mean = defined(lambda: made.mean)
    if mean is not None and case.name not in ("Cauchy", "HalfCauchy", "Categorical", "VonMises"):
        error = (x.double().mean(0) - mean).abs() / (made.variance / N).sqrt()
        assert (error < 5).all().item(), error
    if case.name == "VonMises":
        direction = tx.stack([x.cos().mean(0), x.sin().mean(0)])
        length = 1 - made.variance
        expected = tx.stack([made.loc.cos() * length, made.loc.sin() * length])
        assert (direction - expected).abs().max().item() < 5 / math.sqrt(N)
    if case.name == "Categorical":
        shares = tx.stack([(x == k).double().mean(0) for k in range(3)], -1)
        assert (shares - made.probs).abs().max().item() < 5 * 0.5 / math.sqrt(N)
        assert tx.allclose(made.enumerate_support()[:, 0], tx.arange(3))


@by_case
def test_samples_do_not_depend_on_the_number_of_threads(case):
    before = tx._C.get_num_threads()
    seen = []
    try:
        for threads in (1, 3):
            tx._C.set_num_threads(threads)
            tx.manual_seed(3)
            seen.append(case.make(tx, dtype="float32")[0].sample((700,)).numpy().tobytes())
    finally:
        tx._C.set_num_threads(before)
    assert seen[0] == seen[1]


REPARAMETERISED = [case for case in ALL if case.make(tx)[0].has_rsample]


@pytest.mark.parametrize("case", REPARAMETERISED, ids=repr)
def test_gradients_through_samples(case):
    """Against the definition: at a fixed probability u = F(x), dx = -dF / p."""
    made, parameters = case.make(tx, requires_grad=True)
    parameters = [p for p in parameters if p.requires_grad]
    x = made.rsample((50,))
    assert x.requires_grad
    fixed = x.detach()
    below = defined(lambda: made.cdf(fixed))
    if below is None or made.event_shape:
        assert all(g is not None for g in tx.autograd.grad(x.sum(), parameters, allow_unused=True))
        return
    weight = tx.linspace(0.5, 1.5, 50, dtype=tx.float64).unsqueeze(-1)
    found = tx.autograd.grad((x * weight).sum(), parameters)
    slope = made.log_prob(fixed).exp().detach()
    expected = tx.autograd.grad(-(below * weight / slope).sum(), parameters)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


@pytest.mark.parametrize("shape", [0.01, 0.3, 1.0, 2.5, 30.0, 1500.0, 3000.0])
def test_gradient_of_gamma_samples(shape):
    """dx/da at a fixed probability, by finite differences of the incomplete gamma functions."""
    from tensorx.ops.special import standard_gamma_grad

    a = tx.full((300,), shape, dtype=tx.float64)
    x = D.Gamma(a, 1.0).sample().clamp_min(1e-250)
    x = x[(tx.igamma(a, x) > 1e-6) & (tx.igammac(a, x) > 1e-6)]
    a = a[: x.numel()]
    h = shape * 1e-5
    density = ((a - 1) * x.log() - x - tx.lgamma(a)).exp()
    lower = (tx.igamma(a + h, x) - tx.igamma(a - h, x)) / (2 * h)
    upper = (tx.igammac(a + h, x) - tx.igammac(a - h, x)) / (2 * h)
    expected = tx.where(x < a, -lower, upper) / density
    np.testing.assert_allclose(standard_gamma_grad(a, x).numpy(), expected.numpy(), rtol=2e-5, atol=1e-300)


def test_gradients_of_means_by_samples():
    """The mean of the samples' gradients is the gradient of the mean: for beta and Dirichlet variables."""
    a = tx.tensor([0.4, 1.0, 3.0], dtype=tx.float64, requires_grad=True)
    for index in range(3):
        x = D.Dirichlet(a).rsample((N,))[:, index]
        (found,) = tx.autograd.grad(x.mean(), a)
        (expected,) = tx.autograd.grad(D.Dirichlet(a).mean[index], a)
        assert (found - expected).abs().max().item() < 0.01
    one, zero = (tx.tensor(v, dtype=tx.float64, requires_grad=True) for v in (0.7, 2.0))
    made = D.Beta(one, zero)
    found = tx.autograd.grad(made.rsample((N,)).mean(), (one, zero))
    expected = tx.autograd.grad(made.mean, (one, zero))
    assert all(abs(f.item() - e.item()) < 0.01 for f, e in zip(found, expected, strict=True))


def test_small_concentrations():
    """Shapes at which float32 would underflow: samples stay on the simplex, near its corners."""
    x = D.Dirichlet(tx.full((3,), 0.01)).sample((2000,))
    assert not x.isnan().any().item() and (x.sum(-1) - 1).abs().max().item() < 1e-5
    assert (x.max(-1).values > 0.99).float().mean().item() > 0.9
    assert D.Gamma(tx.full((1000,), 1e-3), 1.0).sample().min().item() > 0


# ---- shapes


@by_case
def test_expand(case):
    made, _ = case.make(tx)
    larger = made.expand((4, *made.batch_shape))
    assert larger.batch_shape == (4, *made.batch_shape) and larger.event_shape == made.event_shape
    assert type(larger) is type(made)
    assert larger.sample((2,)).shape == (2, 4, *made.batch_shape, *made.event_shape)
    value = values_of(case)
    assert tx.allclose(larger.log_prob(value), made.log_prob(value).expand(larger.batch_shape))
    for name in made.arg_constraints:
        assert getattr(larger, name).shape[0] == 4, name


@by_case
def test_repr_and_numbers(case):
    made, _ = case.make(tx)
    assert repr(made).startswith(case.name + "(")
    tx.distributions.Distribution.set_default_validate_args(False)
    try:
        assert case.make(tx)[0]._validate_args is False
    finally:
        tx.distributions.Distribution.set_default_validate_args(True)


def test_numbers_as_parameters():
    made = D.Normal(0.0, 1.0)
    assert made.batch_shape == () and made.sample().shape == () and made.sample().dtype is tx.float32
    assert D.Normal(0, tx.ones(2, dtype=tx.float64)).loc.dtype is tx.float64
    assert D.Bernoulli(0.5).sample((3,)).shape == (3,)
    with pytest.raises(ValueError, match="Number or Tensor"):
        D.Normal("a", 1.0)


# ---- validation

BAD = [
    (lambda: D.Normal(0.0, -1.0), "scale"),
    (lambda: D.Normal(math.nan, 1.0), "loc"),
    (lambda: D.Normal(tx.zeros(2), 1.0).log_prob(tx.zeros(3)), "not broadcastable"),
    (lambda: D.Normal(0.0, 1.0).log_prob(tx.tensor(math.nan)), "support"),
    (lambda: D.Normal(0.0, 1.0).log_prob(1.0), "must be a Tensor"),
    (lambda: D.Uniform(1.0, 0.0), "low >= high"),
    (lambda: D.Uniform(0.0, 1.0).log_prob(tx.tensor(2.0)), "support"),
    (lambda: D.Exponential(1.0).log_prob(tx.tensor(-1.0)), "support"),
    (lambda: D.Bernoulli(1.5), "probs"),
    (lambda: D.Bernoulli(), "not both"),
    (lambda: D.Bernoulli(0.5, logits=0.0), "not both"),
    (lambda: D.Bernoulli(0.5).log_prob(tx.tensor(0.5)), "support"),
    (lambda: D.Geometric(0.0), "positive"),
    (lambda: D.Categorical(tx.tensor(0.5)), "one-dimensional"),
    (lambda: D.Categorical(tx.tensor([-0.5, 1.5])), "probs"),
    (lambda: D.Categorical(tx.ones(3)).log_prob(tx.tensor(3)), "support"),
    (lambda: D.OneHotCategorical(tx.ones(3)).log_prob(tx.tensor([1.0, 1.0, 0.0])), "support"),
    (lambda: D.OneHotCategorical(tx.ones(3)).log_prob(tx.tensor([1.0, 0.0])), "event_shape"),
    (lambda: D.Dirichlet(tx.tensor(1.0)), "one-dimensional"),
    (lambda: D.Dirichlet(tx.tensor([1.0, 0.0])), "concentration"),
    (lambda: D.Poisson(-1.0), "rate"),
    (lambda: D.Binomial(3, 0.5).log_prob(tx.tensor(4.0)), "support"),
    (lambda: D.Independent(D.Normal(0.0, 1.0), 1), "reinterpreted_batch_ndims"),
    (lambda: D.TransformedDistribution(D.Normal(0.0, 1.0), [3]), "Transform"),
    (lambda: D.MixtureSameFamily(D.Categorical(tx.ones(2)), D.Normal(tx.zeros(3), 1.0)), "does not equal"),
    (lambda: D.MixtureSameFamily(D.Normal(0.0, 1.0), D.Normal(tx.zeros(3), 1.0)), "Categorical"),
    (lambda: D.Distribution.set_default_validate_args(3), "True or False"),
]


@pytest.mark.parametrize("call, words", BAD)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_unchecked():
    assert D.Normal(0.0, -1.0, validate_args=False).scale.item() == -1
    assert D.Exponential(1.0, validate_args=False).log_prob(tx.tensor(-1.0)).item() == 1
    for ask in (D.Poisson(1.0).entropy, D.Gamma(1.0, 1.0).rsample, lambda: D.Beta(1.0, 1.0).cdf(tx.tensor(0.5))):
        try:
            ask()
        except NotImplementedError as error:
            assert str(error)
    with pytest.raises(NotImplementedError, match="rsample"):
        D.Bernoulli(0.5).rsample()


# ---- divergences

KL_PAIRS = [
    (lambda: D.Normal(0.0, 1.0), lambda: D.Normal(1.0, 2.0)),
    (lambda: D.LogNormal(0.0, 1.0), lambda: D.LogNormal(1.0, 2.0)),
    (lambda: D.HalfNormal(1.0), lambda: D.HalfNormal(2.0)),
    (lambda: D.Laplace(0.0, 1.0), lambda: D.Laplace(1.0, 2.0)),
    (lambda: D.Cauchy(0.0, 1.0), lambda: D.Cauchy(1.0, 2.0)),
    (lambda: D.Gumbel(0.0, 1.0), lambda: D.Gumbel(1.0, 2.0)),
    (lambda: D.Exponential(1.0), lambda: D.Exponential(2.0)),
    (lambda: D.Exponential(1.0), lambda: D.Gamma(3.0, 2.0)),
    (lambda: D.Gamma(2.0, 1.0), lambda: D.Gamma(3.0, 2.0)),
    (lambda: D.Chi2(2.0), lambda: D.Gamma(3.0, 2.0)),
    (lambda: D.Beta(2.0, 1.0), lambda: D.Beta(1.5, 3.0)),
    (lambda: D.Dirichlet(tx.tensor([1.0, 2.0])), lambda: D.Dirichlet(tx.tensor([3.0, 1.0]))),
    (lambda: D.Pareto(2.0, 3.0), lambda: D.Pareto(1.0, 2.0)),
    (lambda: D.Uniform(0.2, 0.5), lambda: D.Uniform(0.0, 1.0)),
    (lambda: D.Uniform(0.2, 0.5), lambda: D.Normal(0.0, 1.0)),
    (lambda: D.Normal(0.0, 1.0), lambda: D.Laplace(1.0, 2.0)),
    (lambda: D.Bernoulli(0.2), lambda: D.Bernoulli(0.6)),
    (lambda: D.Binomial(4, 0.2), lambda: D.Binomial(4, 0.6)),
    (lambda: D.Geometric(0.2), lambda: D.Geometric(0.6)),
    (lambda: D.Poisson(2.0), lambda: D.Poisson(3.0)),
    (lambda: D.Categorical(tx.tensor([0.2, 0.8])), lambda: D.Categorical(tx.tensor([0.6, 0.4]))),
    (lambda: D.OneHotCategorical(tx.tensor([0.2, 0.8])), lambda: D.OneHotCategorical(tx.tensor([0.6, 0.4]))),
    (
        lambda: D.Independent(D.Normal(tx.zeros(2), 1.0), 1),
        lambda: D.Independent(D.Normal(tx.ones(2), 2.0), 1),
    ),
]  # fmt: skip


@pytest.mark.parametrize("make_p, make_q", KL_PAIRS)
def test_divergence_is_a_mean_of_log_ratios(make_p, make_q):
    p, q = make_p(), make_q()
    x = p.sample((N,))
    ratio = (p.log_prob(x) - q.log_prob(x)).double()
    error = (ratio.mean() - D.kl_divergence(p, q)).abs() / (ratio.std() / math.sqrt(N) + 1e-6)
    assert error.item() < 5
    assert abs(D.kl_divergence(p, p).item()) < 1e-6


def test_divergences_at_the_edge():
    half, sure = D.Bernoulli(tx.tensor([0.5, 1.0, 0.0])), D.Bernoulli(tx.tensor([1.0, 1.0, 0.0]))
    assert D.kl_divergence(half, sure).tolist() == [math.inf, 0, 0]
    assert D.kl_divergence(D.Uniform(0.0, 2.0), D.Uniform(0.0, 1.0)).item() == math.inf
    with pytest.raises(NotImplementedError, match="register_kl"):
        D.kl_divergence(D.Normal(0.0, 1.0), D.Bernoulli(0.5))

    class Mine(D.Normal):
        pass

    @D.register_kl(Mine, D.Normal)
    def kl(p, q):
        return tx.tensor(7.0)

    assert D.kl_divergence(Mine(0.0, 1.0), D.Normal(0.0, 1.0)).item() == 7
    assert D.kl_divergence(D.Normal(0.0, 1.0), Mine(0.0, 1.0)).item() == 0


# ---- distributions of distributions


def test_independent():
    base = D.Normal(tx.zeros(2, 3), tx.ones(2, 3))
    made = D.Independent(base, 1)
    x = made.sample((5,))
    assert made.batch_shape == (2,) and made.event_shape == (3,)
    assert tx.allclose(made.log_prob(x), base.log_prob(x).sum(-1))
    assert tx.allclose(made.entropy(), base.entropy().sum(-1))
    assert made.expand((4, 2)).sample().shape == (4, 2, 3)
    assert made.support.event_dim == 1


def test_mixture():
    weights = tx.tensor([0.2, 0.8], dtype=tx.float64)
    made = D.MixtureSameFamily(D.Categorical(weights), D.Normal(tx.tensor([-2.0, 1.0]).double(), 0.5))
    x = made.sample((N,))
    normal = [D.Normal(tx.tensor(m).double(), 0.5) for m in (-2.0, 1.0)]
    expected = (0.2 * normal[0].log_prob(x).exp() + 0.8 * normal[1].log_prob(x).exp()).log()
    assert tx.allclose(made.log_prob(x), expected)
    assert abs(x.mean().item() - made.mean.item()) < 0.05 and abs(x.var().item() - made.variance.item()) < 0.1
    u = np.sort(made.cdf(x).numpy())
    assert np.abs(u - np.arange(N) / N).max() * math.sqrt(N) < 1.95
    vectors = D.MixtureSameFamily(
        D.Categorical(tx.ones(3, 2)), D.Independent(D.Normal(tx.randn(3, 2, 4), tx.ones(3, 2, 4)), 1)
    )
    assert vectors.batch_shape == (3,) and vectors.event_shape == (4,)
    assert vectors.sample((5,)).shape == (5, 3, 4) and vectors.log_prob(vectors.sample((5,))).shape == (5, 3)
    assert vectors.expand((2, 3)).sample().shape == (2, 3, 4)
    assert vectors.mean.shape == vectors.variance.shape == (3, 4)


def test_transformed():
    normal = D.Normal(tx.tensor([0.5, -1.0], dtype=tx.float64), tx.tensor([1.0, 2.0], dtype=tx.float64))
    made = D.TransformedDistribution(normal, [D.ExpTransform(), D.AffineTransform(1.0, -2.0)])
    x = made.sample((1000,))
    plain = D.LogNormal(normal.loc, normal.scale)
    assert tx.allclose(made.log_prob(x), plain.log_prob((x - 1) / -2) - math.log(2))
    assert tx.allclose(made.cdf(x), 1 - plain.cdf((x - 1) / -2))
    assert tx.allclose(made.icdf(made.cdf(x)), x)
    simplex = D.TransformedDistribution(D.Normal(tx.zeros(4, 2), tx.ones(4, 2)), D.StickBreakingTransform())
    assert simplex.batch_shape == (4,) and simplex.event_shape == (3,)
    assert simplex.log_prob(simplex.rsample((2,))).shape == (2, 4)
    assert simplex.expand((5, 4)).sample().shape == (5, 4, 3)
    reshaped = D.TransformedDistribution(D.Normal(tx.zeros(3, 4), tx.ones(3, 4)), D.ReshapeTransform((4,), (2, 2)))
    assert reshaped.event_shape == (2, 2) and reshaped.log_prob(reshaped.sample()).shape == (3,)


def test_straight_through_and_relaxed():
    logits = tx.zeros(3, requires_grad=True)
    x = D.OneHotCategoricalStraightThrough(logits=logits).rsample()
    assert sorted(x.round().tolist()) == [0, 0, 1]
    (x * tx.tensor([1.0, 2.0, 3.0])).sum().backward()
    assert tx.allclose(logits.grad, tx.tensor([-1 / 3, 0.0, 1 / 3]), atol=1e-6)
    cold = D.RelaxedOneHotCategorical(0.01, tx.tensor([0.2, 0.8])).sample((4000,))
    assert abs((cold[:, 1] > 0.5).float().mean().item() - 0.8) < 0.04


# ---- transforms and constraints

TRANSFORMS = [
    D.ExpTransform(), D.SigmoidTransform(), D.TanhTransform(), D.SoftplusTransform(), D.AffineTransform(1.0, -2.0),
    D.AffineTransform(tx.ones(3).double(), tx.full((3,), 0.5).double()), D.StickBreakingTransform(),
    D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.TanhTransform()]),
    D.ComposeTransform([D.AffineTransform(1.0, 2.0), D.StickBreakingTransform()]),
    D.IndependentTransform(D.ExpTransform(), 1), D.CumulativeDistributionTransform(D.Normal(0.0, 1.0)),
    D.ExpTransform().inv, D.PowerTransform(2.5), D.PowerTransform(-1),
]  # fmt: skip


@pytest.mark.parametrize("transform", TRANSFORMS, ids=repr)
def test_transforms(transform):
    x = tx.tensor([0.4, 1.3, 0.7], dtype=tx.float64, requires_grad=True)
    y = transform(x)
    assert tx.allclose(transform.inv(y), x)
    assert transform.inv.inv is transform or transform.inv.inv == transform
    assert transform.forward_shape((2, 3)) == (2, *y.shape) and transform.inverse_shape((2, *y.shape)) == (2, 3)
    assert transform.codomain.check(y).all().item()
    kept = y[:3]
    rows = [tx.autograd.grad(kept[i], x, retain_graph=True)[0].numpy() for i in range(3)]
    found = transform.log_abs_det_jacobian(x, y)
    expected = np.linalg.slogdet(np.stack(rows))[1]
    assert abs(found.sum().item() - expected) < 1e-9
    cached = transform.with_cache()
    z = cached(x)
    assert cached.inv(z) is x and cached(x) is z


def test_transforms_that_forget():
    x = tx.tensor([-1.0, 2.0])
    assert D.AbsTransform()(x).tolist() == [1, 2] and not D.AbsTransform().bijective
    y = D.SoftmaxTransform()(x)
    assert tx.allclose(D.SoftmaxTransform()(D.SoftmaxTransform().inv(y)), y)
    lower = D.LowerCholeskyTransform()(tx.randn(2, 3, 3))
    assert constraints.lower_cholesky.check(lower).all().item()
    assert tx.allclose(D.LowerCholeskyTransform()(D.LowerCholeskyTransform().inv(lower)), lower)
    assert D.transforms.identity_transform(x) is x
    with pytest.raises(ValueError, match="cache_size"):
        D.ExpTransform(2)
    with pytest.raises(ValueError, match="elements"):
        D.ReshapeTransform((4,), (3,))


CONSTRAINTS = [
    (constraints.real, [-1.0, 2.0], [math.nan]),
    (constraints.boolean, [0.0, 1.0], [0.5]),
    (constraints.positive, [0.1], [0.0]),
    (constraints.nonnegative, [0.0], [-0.1]),
    (constraints.less_than(2.0), [1.9], [2.0]),
    (constraints.interval(0.0, 2.0), [0.0, 2.0], [2.1]),
    (constraints.half_open_interval(0.0, 2.0), [0.0], [2.0]),
    (constraints.integer_interval(0, 2), [0.0, 2.0], [0.5, 3.0]),
    (constraints.nonnegative_integer, [0.0, 3.0], [-1.0, 0.5]),
    (constraints.positive_integer, [1.0], [0.0]),
    (constraints.simplex, [[0.5, 0.5]], [[0.5, 0.6], [-0.5, 1.5]]),
    (constraints.one_hot, [[0.0, 1.0]], [[1.0, 1.0], [0.0, 0.0]]),
    (constraints.multinomial(3), [[1.0, 2.0]], [[2.0, 2.0], [-1.0, 1.0]]),
    (constraints.lower_triangular, [[[1.0, 0.0], [1.0, -1.0]]], [[[1.0, 1.0], [1.0, 1.0]]]),
    (constraints.lower_cholesky, [[[1.0, 0.0], [1.0, 1.0]]], [[[1.0, 0.0], [1.0, -1.0]]]),
    (constraints.symmetric, [[[1.0, 2.0], [2.0, -1.0]]], [[[1.0, 1.0], [2.0, 1.0]]]),
    (constraints.independent(constraints.positive, 1), [[1.0, 2.0]], [[1.0, 0.0]]),
]


@pytest.mark.parametrize("constraint, good, bad", CONSTRAINTS, ids=lambda v: repr(v)[:40])
def test_constraints(constraint, good, bad):
    assert constraint.check(tx.tensor(good)).all().item()
    assert not constraint.check(tx.tensor(bad)).any().item()
    assert constraint.check(tx.tensor(good)).ndim == tx.tensor(good).ndim - constraint.event_dim


@pytest.mark.parametrize("registry", [D.biject_to, D.transform_to])
def test_registries(registry):
    for constraint in (
        constraints.real, constraints.positive, constraints.greater_than(1.0), constraints.less_than(2.0),
        constraints.interval(-1.0, 3.0), constraints.unit_interval, constraints.simplex, constraints.real_vector,
        constraints.independent(constraints.positive, 1),
    ):  # fmt: skip
        transform = registry(constraint)
        y = transform(tx.randn(2, 3))
        assert constraint.check(y).all().item(), constraint
        assert registry is D.transform_to or transform.bijective
    with pytest.raises(NotImplementedError, match="register"):
        registry(constraints.one_hot)
    assert constraints.is_dependent(D.Uniform.support) and not constraints.is_dependent(constraints.real)
    with pytest.raises(ValueError, match="dependent"):
        D.Uniform.support.check(tx.zeros(1))


# ---- on CUDA


@by_case
def test_the_same_on_cuda(case):
    if not tx.cuda.is_available():
        pytest.skip("this build or machine has no CUDA device")
    here, there = case.make(tx, dtype="float32")[0], case.make(tx, dtype="float32", device="cuda")[0]
    value = values_of(case, tx.float32), values_of(case, tx.float32, "cuda")
    np.testing.assert_allclose(
        there.log_prob(value[1]).cpu().numpy(), here.log_prob(value[0]).numpy(), rtol=1e-4, atol=1e-5
    )
    samples = []
    for made in (here, there):
        tx.manual_seed(11)
        samples.append(made.sample((20,)).cpu().numpy())
    np.testing.assert_allclose(samples[0], samples[1], rtol=1e-4, atol=1e-5)


def test_table_names_what_exists():
    assert {case.name for case in NAMED} <= set(D.__all__)
    assert isinstance(NAMED[0], Named)
