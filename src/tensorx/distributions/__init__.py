"""Probability distributions, as torch.distributions: sampling, densities, entropies, divergences, transforms.

Parameters are tensors (or numbers) whose shape is the batch; log_prob, cdf, entropy and, where `has_rsample`, rsample are
differentiable in them. A sample of one seed is the same on every device.

>>> import tensorx as tx
>>> policy = tx.distributions.Categorical(logits=tx.zeros(2, 3))
>>> action = policy.sample()
>>> policy.log_prob(action)
tensor([-1.0986, -1.0986])
"""

from . import constraints, transforms
from .bernoulli import Bernoulli, Geometric
from .beta import Beta, Dirichlet
from .by_quantile import Cauchy, Exponential, Gumbel, HalfCauchy, Kumaraswamy, Laplace, Pareto, Weibull
from .categorical import Categorical, Multinomial, OneHotCategorical, OneHotCategoricalStraightThrough
from .constraint_registry import biject_to, transform_to
from .counts import Binomial, NegativeBinomial, Poisson
from .distribution import Distribution, ExponentialFamily
from .gamma import Chi2, FisherSnedecor, Gamma, InverseGamma, StudentT
from .independent import Independent
from .kl import kl_divergence, register_kl
from .mixture import MixtureSameFamily
from .multivariate_normal import LowRankMultivariateNormal, MultivariateNormal
from .normal import HalfNormal, LogNormal, Normal
from .relaxed import RelaxedBernoulli, RelaxedOneHotCategorical
from .transformed_distribution import TransformedDistribution
from .transforms import *
from .uniform import Uniform
from .von_mises import VonMises

__all__ = [
    "Bernoulli", "Beta", "Binomial", "Categorical", "Cauchy", "Chi2", "Dirichlet", "Distribution", "Exponential",
    "ExponentialFamily", "FisherSnedecor", "Gamma", "Geometric", "Gumbel", "HalfCauchy", "HalfNormal", "Independent",
    "InverseGamma", "Kumaraswamy", "Laplace", "LogNormal", "LowRankMultivariateNormal", "MixtureSameFamily",
    "Multinomial", "MultivariateNormal", "NegativeBinomial", "Normal", "OneHotCategorical",
    "OneHotCategoricalStraightThrough", "Pareto", "Poisson", "RelaxedBernoulli", "RelaxedOneHotCategorical", "StudentT",
    "TransformedDistribution", "Uniform", "VonMises", "Weibull", "biject_to", "constraints", "kl_divergence",
    "register_kl", "transform_to", "transforms", *transforms.__all__,
]  # fmt: skip
