"""The table of distributions under test: how to make each, with what parameters, and values of its support."""

from dataclasses import dataclass, field

POSITIVE = ((0.5, 2.0, 3.5), (1.5, 0.7, 4.0))
LOC_SCALE = ((-0.5, 0.3, 2.0), (1.5, 0.7, 0.4))
PROBS = ((0.2, 0.5, 0.9),)
LOGITS = ((-1.2, 0.1, 2.0),)
SIMPLEX = (((0.2, 0.5, 0.3), (0.1, 0.1, 0.8)),)
MATRIX = (((2.0, 0.5), (0.5, 1.0)), ((1.0, -0.3), (-0.3, 0.5)))
FACTOR = (((1.4, 0.0), (0.3, 0.9)), ((1.0, 0.0), (-0.3, 0.6)))
VECTORS = ((0.5, -0.5), (1.0, 2.0))


@dataclass
class Named:
    """A distribution: its name, its parameters by name (nested tuples become float64 tensors), values of its support.

    continuous: has a density of numbers, that integrates to 1 over (low, high). unlike: what PyTorch gives differently, and
    why.
    """

    name: str
    parameters: dict
    values: tuple
    continuous: bool = False
    low: float = 0.0
    high: float = 60.0
    variant: str = ""
    unlike: dict = field(default_factory=dict)

    def __repr__(self):
        return self.name + self.variant

    def make(self, library, requires_grad=False, dtype="float64", device="cpu"):
        """The distribution, and its parameters that are tensors of numbers."""
        dtype = getattr(library, dtype)
        made = {
            name: library.tensor(value, dtype=dtype, device=device, requires_grad=requires_grad)
            if isinstance(value, (tuple, float))
            else value
            for name, value in self.parameters.items()
        }
        tensors = [v for v in made.values() if isinstance(v, library.Tensor)]
        return getattr(library.distributions, self.name)(**made), tensors


def _pair(first, second, values):
    return {first: values[0], second: values[1]}


UNIT = (0.2, 0.7, 0.4)
APPROXIMATE = "PyTorch approximates the Bessel functions to 1e-7"
NO_SLOPE = {"cdf": "igamma has no gradient in its first argument in PyTorch"}
NUMBERS = (-1.5, 0.2, 2.5)
ABOVE = (0.3, 1.2, 2.5)
ONE_HOT = ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0))

NAMED = [
    Named("Normal", _pair("loc", "scale", LOC_SCALE), NUMBERS, True, -20, 20),
    Named("LogNormal", _pair("loc", "scale", LOC_SCALE), ABOVE, True, 1e-9, 1e6),
    Named("HalfNormal", {"scale": LOC_SCALE[1]}, ABOVE, True, 0, 20),
    Named("Uniform", {"low": (-1.0, 0.0, 2.0), "high": (1.0, 0.5, 5.0)}, (0.3, 0.2, 2.5), True, -1.5, 5.5),
    Named("Exponential", {"rate": POSITIVE[0]}, ABOVE, True, 0, 90),
    Named("Laplace", _pair("loc", "scale", LOC_SCALE), NUMBERS, True, -60, 60),
    Named("Cauchy", _pair("loc", "scale", LOC_SCALE), NUMBERS),
    Named("HalfCauchy", {"scale": LOC_SCALE[1]}, ABOVE),
    Named("Gumbel", _pair("loc", "scale", LOC_SCALE), NUMBERS, True, -10, 70),
    Named(
        "Weibull",
        _pair("scale", "concentration", POSITIVE),
        ABOVE,
        True,
        1e-12,
        400,
        unlike={"mode": "NaN in PyTorch for concentrations below 1, where it is 0"},
    ),
    Named("Pareto", {"scale": (0.5, 0.2, 1.0), "alpha": (2.5, 3.0, 4.0)}, (0.7, 1.2, 2.5)),
    Named(
        "Kumaraswamy",
        _pair("concentration1", "concentration0", POSITIVE),
        UNIT,
        True,
        1e-12,
        1 - 1e-12,
        unlike={"mode": "always NaN in PyTorch"},
    ),
    Named("Gamma", _pair("concentration", "rate", POSITIVE), ABOVE, True, 1e-14, 60, unlike=NO_SLOPE),
    Named("Chi2", {"df": POSITIVE[0]}, ABOVE, unlike=NO_SLOPE),
    Named("InverseGamma", {"concentration": (2.5, 3.0, 4.0), "rate": (1.5, 0.7, 4.0)}, ABOVE, unlike=NO_SLOPE),
    Named("StudentT", {"df": (2.5, 3.0, 9.0), "loc": LOC_SCALE[0], "scale": LOC_SCALE[1]}, NUMBERS),
    Named("FisherSnedecor", {"df1": POSITIVE[0], "df2": (4.5, 9.0, 6.0)}, ABOVE),
    Named("Beta", _pair("concentration1", "concentration0", POSITIVE), UNIT),
    Named("Dirichlet", {"concentration": ((0.5, 2.0, 3.5), (1.5, 0.7, 4.0))}, ((0.2, 0.5, 0.3), (0.6, 0.1, 0.3))),
    Named(
        "VonMises",
        {"loc": LOC_SCALE[0], "concentration": POSITIVE[0]},
        NUMBERS,
        True,
        -3.14159265358979,
        3.14159265358979,
        unlike={"variance": APPROXIMATE, "stddev": APPROXIMATE, "log_prob": APPROXIMATE},
    ),
    Named("Bernoulli", {"probs": PROBS[0]}, (0.0, 1.0, 1.0)),
    Named("Bernoulli", {"logits": LOGITS[0]}, (0.0, 1.0, 1.0), variant=" by logits"),
    Named("Geometric", {"probs": PROBS[0]}, (0.0, 3.0, 1.0)),
    Named("Geometric", {"logits": LOGITS[0]}, (0.0, 3.0, 1.0), variant=" by logits"),
    Named("Binomial", {"total_count": 5, "probs": PROBS[0]}, (0.0, 3.0, 5.0)),
    Named("Binomial", {"total_count": 5, "logits": LOGITS[0]}, (0.0, 3.0, 5.0), variant=" by logits"),
    Named("NegativeBinomial", {"total_count": (2.0, 3.5, 4.0), "probs": PROBS[0]}, (0.0, 3.0, 5.0)),
    Named("NegativeBinomial", {"total_count": 3, "logits": LOGITS[0]}, (0.0, 3.0, 5.0), variant=" by logits"),
    Named("Poisson", {"rate": POSITIVE[0]}, (0.0, 3.0, 5.0)),
    Named("Categorical", {"probs": SIMPLEX[0]}, (1.0, 2.0)),
    Named("Categorical", {"logits": SIMPLEX[0]}, (1.0, 2.0), variant=" by logits"),
    Named("OneHotCategorical", {"probs": SIMPLEX[0]}, ONE_HOT),
    Named("OneHotCategoricalStraightThrough", {"logits": SIMPLEX[0]}, ONE_HOT),
    Named(
        "Multinomial",
        {"total_count": 4, "probs": SIMPLEX[0]},
        ((1.0, 2.0, 1.0), (0.0, 0.0, 4.0)),
        unlike={"entropy": "PyTorch keeps probabilities from 0 and 1, and its gradient is one-sided at 1/2"},
    ),
    Named("RelaxedBernoulli", {"temperature": 0.7, "probs": PROBS[0]}, UNIT, True, 1e-14, 1 - 1e-14),
    Named("RelaxedOneHotCategorical", {"temperature": 0.7, "logits": SIMPLEX[0]}, ((0.2, 0.5, 0.3), (0.6, 0.1, 0.3))),
    Named("MultivariateNormal", {"loc": VECTORS, "covariance_matrix": MATRIX}, VECTORS[::-1]),
    Named("MultivariateNormal", {"loc": VECTORS, "precision_matrix": MATRIX}, VECTORS[::-1], variant=" by precision"),
    Named("MultivariateNormal", {"loc": VECTORS, "scale_tril": FACTOR}, VECTORS[::-1], variant=" by factor"),
    Named(
        "LowRankMultivariateNormal",
        {"loc": VECTORS, "cov_factor": (((0.5,), (1.0,)), ((2.0,), (0.1,))), "cov_diag": ((0.5, 0.2), (1.0, 2.0))},
        VECTORS[::-1],
    ),
]
