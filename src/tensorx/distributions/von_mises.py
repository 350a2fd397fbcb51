"""The von Mises distribution of angles."""

from math import log, pi

import tensorx as tx

from . import constraints
from .distribution import Distribution
from .utils import broadcast_all, uniform_open

__all__ = ["VonMises"]


class VonMises(Distribution):
    """Angles in [-pi, pi) around `loc`, the closer the larger `concentration` is: the normal distribution of a circle.

    Samples are drawn by rejection (Best and Fisher, "Efficient simulation of the von Mises distribution", 1979); about two
    of three proposals are taken, so that a few rounds draw any number of samples.

    >>> import tensorx as tx
    >>> tx.distributions.VonMises(0.0, 1.0).log_prob(tx.tensor(0.0))
    tensor(-1.0738)
    """

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc, concentration, validate_args=None):
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self):
        """The circular mean."""
        return self.loc

    mode = mean

    @property
    def variance(self):
        """The circular variance: 1 minus the length of the mean direction."""
        return 1 - tx.special.i1e(self.concentration) / tx.special.i0e(self.concentration)

    def log_prob(self, value):
        self._check(value)
        # i0(k) = i0e(k) exp(k), which would overflow.
        spread = self.concentration * (tx.cos(value - self.loc) - 1)
        return spread - log(2 * pi) - tx.special.i0e(self.concentration).log()

    def sample(self, sample_shape=()):
        with tx.no_grad():
            shape = self._extended_shape(sample_shape)
            k = self.concentration.to(tx.float64).expand(shape)
            tau = 1 + (1 + 4 * k * k).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * k)
            # For small k the formula cancels: its series.
            r = tx.where(k < 1e-5, 1 / k + k, (1 + rho * rho) / (2 * rho))
            angle, done = tx.zeros_like(k), tx.zeros(shape, dtype=tx.bool, device=k.device)
            while not done.all().item():
                u, v, side = (uniform_open(shape, k) for _ in range(3))
                z = tx.cos(pi * u)
                f = (1 + r * z) / (r + z)
                c = k * (r - f)
                accept = (c * (2 - c) > v) | ((c / v).log() + 1 >= c)
                proposal = (side - 0.5).sign() * f.clamp(-1, 1).acos()
                angle = tx.where(accept & ~done, proposal, angle)
                done = done | accept
            return ((angle + pi + self.loc) % (2 * pi) - pi).to(self.loc.dtype)
