"""The Kullback-Leibler divergence of pairs of distributions, by formulas registered for their types."""

from collections.abc import Callable
from math import inf, log, pi

import tensorx as tx

from .bernoulli import Bernoulli, Geometric
from .beta import Beta, Dirichlet
from .by_quantile import Cauchy, Exponential, Gumbel, Laplace, Pareto
from .categorical import Categorical, OneHotCategorical
from .counts import Binomial, Poisson
from .distribution import ExponentialFamily
from .gamma import Gamma
from .independent import Independent
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal, _half_log_det, _squared_norm
from .normal import HalfNormal, Normal
from .transformed_distribution import TransformedDistribution
from .uniform import Uniform
from .utils import sum_rightmost

__all__ = ["kl_divergence", "register_kl"]

_FORMULAS: dict[tuple[type, type], Callable[..., tx.Tensor]] = {}


def register_kl(type_p, type_q):
    """A decorator: kl_divergence(p, q) of these types, and of types derived from them, is the function's result.

    >>> from tensorx.distributions import Normal, register_kl
    >>> class Mine(Normal):
    ...     pass
    >>> @register_kl(Mine, Mine)
    ... def kl(p, q):
    ...     return p.loc * 0
    """

    def decorate(function):
        _FORMULAS[type_p, type_q] = function
        return function

    return decorate


def kl_divergence(p, q):
    """KL(p || q), the mean under p of log p(x) - log q(x), for each pair of the batches.

    Raises NotImplementedError where no formula is registered for the two types.

    >>> import tensorx as tx
    >>> from tensorx.distributions import Normal, kl_divergence
    >>> kl_divergence(Normal(0.0, 1.0), Normal(1.0, 1.0))
    tensor(0.5000)
    """
    for kind_p in type(p).__mro__:
        for kind_q in type(q).__mro__:
            if (kind_p, kind_q) in _FORMULAS:
                return _FORMULAS[kind_p, kind_q](p, q)
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}: "
        "add a formula with register_kl"
    )


# ---- trials and categories


def _weighted_ratio(p, q):
    """p log(p / q), 0 where p is 0, and infinite where only q is."""
    ratio = tx.xlogy(p, p) - tx.xlogy(p, q)
    return tx.where((q == 0) & (p > 0), inf, ratio)


@register_kl(Bernoulli, Bernoulli)
def _bernoulli(p, q):
    return _weighted_ratio(p.probs, q.probs) + _weighted_ratio(1 - p.probs, 1 - q.probs)


@register_kl(Binomial, Binomial)
def _binomial(p, q):
    if (p.total_count < q.total_count).any().item():
        raise NotImplementedError("KL between Binomials where q.total_count > p.total_count is not implemented")
    kl = p.total_count * _bernoulli(p, q)
    return tx.where(p.total_count > q.total_count, inf, kl)


@register_kl(Categorical, Categorical)
def _categorical(p, q):
    term = p.probs * (p.logits - q.logits)
    term = tx.where(q.probs == 0, inf, term)
    return tx.where(p.probs == 0, 0.0, term).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def _one_hot(p, q):
    return _categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def _geometric(p, q):
    return -p.entropy() - tx.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def _poisson(p, q):
    return p.rate * (p.rate.log() - q.rate.log()) - (p.rate - q.rate)


# ---- numbers


@register_kl(Normal, Normal)
def _normal(p, q):
    ratio = (p.scale / q.scale).square()
    return 0.5 * (ratio + ((p.loc - q.loc) / q.scale).square() - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def _half_normal(p, q):
    return _normal(p.base_dist, q.base_dist)


@register_kl(Laplace, Laplace)
def _laplace(p, q):
    ratio, distance = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + distance / q.scale + ratio * tx.exp(-distance / p.scale) - 1


@register_kl(Cauchy, Cauchy)
def _cauchy(p, q):
    above = (p.scale + q.scale).square() + (p.loc - q.loc).square()
    return above.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def _gumbel(p, q):
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    gap = tx.exp(-shift + tx.lgamma(1 + ratio))
    return -ratio.log() + shift + (ratio - 1) * 0.57721566490153286061 + gap - 1


@register_kl(Exponential, Exponential)
def _exponential(p, q):
    ratio = q.rate / p.rate
    return ratio - 1 - ratio.log()


@register_kl(Gamma, Gamma)
def _gamma(p, q):
    a, b = p.concentration, q.concentration
    t1 = b * (p.rate / q.rate).log()
    return t1 + tx.lgamma(b) - tx.lgamma(a) + (a - b) * tx.digamma(a) + (q.rate - p.rate) * (a / p.rate)


@register_kl(Dirichlet, Dirichlet)
def _dirichlet(p, q):
    a, b = p.concentration, q.concentration
    total = a.sum(-1)
    normalizers = tx.lgamma(total) - tx.lgamma(b.sum(-1)) - (tx.lgamma(a) - tx.lgamma(b)).sum(-1)
    return normalizers + ((a - b) * (tx.digamma(a) - tx.digamma(total).unsqueeze(-1))).sum(-1)


@register_kl(Beta, Beta)
def _beta(p, q):
    return _dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Uniform, Uniform)
def _uniform(p, q):
    kl = ((q.high - q.low) / (p.high - p.low)).log()
    return tx.where((q.low > p.low) | (q.high < p.high), inf, kl)


@register_kl(Pareto, Pareto)
def _pareto(p, q):
    ratio = q.alpha / p.alpha
    kl = q.alpha * (p.scale / q.scale).log() - ratio.log() + ratio - 1
    return tx.where(p.scale < q.scale, inf, kl)


@register_kl(Uniform, Normal)
def _uniform_normal(p, q):
    width, center = p.high - p.low, (p.high + p.low) / 2
    spread = (width.square() / 12 + (center - q.loc).square()) / (2 * q.scale.square())
    return (q.scale * (2 * pi) ** 0.5 / width).log() + spread


@register_kl(Normal, Laplace)
def _normal_laplace(p, q):
    z = (p.loc - q.loc) / p.scale
    mean = (2 / pi) ** 0.5 * p.scale * tx.exp(-0.5 * z.square()) + p.scale * z * tx.erf(z * 0.5**0.5)
    return mean / q.scale - (p.scale / q.scale).log() + 0.5 * log(2 / pi) - 0.5


@register_kl(Exponential, Gamma)
def _exponential_gamma(p, q):
    ratio = q.rate / p.rate
    b = q.concentration
    return -b * ratio.log() + ratio + tx.lgamma(b) + b * 0.57721566490153286061 - (1 + 0.57721566490153286061)


@register_kl(ExponentialFamily, ExponentialFamily)
def _exponential_family(p, q):
    """The Bregman divergence of the log normalizers."""
    if type(p) is not type(q):
        raise NotImplementedError(
            f"KL(p || q) of two exponential families, {type(p).__name__} and {type(q).__name__}: add a formula with register_kl"
        )
    with tx.enable_grad():
        theta = [x.detach().requires_grad_() for x in p._natural_params]
        normalizer = p._log_normalizer(*theta)
        slopes = tx.autograd.grad(normalizer.sum(), theta, create_graph=True)
    result = q._log_normalizer(*q._natural_params) - normalizer
    for mine, theirs, slope in zip(theta, q._natural_params, slopes):
        result = result - sum_rightmost((theirs - mine) * slope, len(q.event_shape))
    return result


# ---- vectors


@register_kl(MultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
def _multivariate_normal(p, q):
    if p.event_shape != q.event_shape:
        raise ValueError(
            f"KL-divergence between two Multivariate Normals with different event shapes: {p.event_shape}, {q.event_shape}"
        )
    lp, lq = p.scale_tril, q.scale_tril
    shape = tuple(tx.broadcast_tensors(lp, lq)[0].shape)
    solved = tx.linalg.solve_triangular(lq.expand(shape), lp.expand(shape), upper=False)
    trace = solved.square().sum((-2, -1))
    distance = _squared_norm(lq, q.loc - p.loc)
    return _half_log_det(lq) - _half_log_det(lp) + 0.5 * (trace + distance - p.event_shape[0])


# ---- distributions of distributions


@register_kl(Independent, Independent)
def _independent(p, q):
    if p.reinterpreted_batch_ndims != q.reinterpreted_batch_ndims:
        raise NotImplementedError("KL of Independents needs the same reinterpreted_batch_ndims")
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), p.reinterpreted_batch_ndims)


@register_kl(TransformedDistribution, TransformedDistribution)
def _transformed(p, q):
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotImplementedError("KL of transformed distributions needs the same transforms")
    return kl_divergence(p.base_dist, q.base_dist)
