"""Constraints: which values a parameter or a sample may have.

`check(value)` gives a boolean tensor, one element for each event: a constraint of event_dim 1 looks at whole vectors, one of
event_dim 2 at matrices. The constraints are instances in lower case (`positive`), or classes where a bound is needed
(`interval(0, 2)`).
"""

import tensorx as tx

__all__ = [
    "Constraint", "boolean", "dependent", "dependent_property", "greater_than", "greater_than_eq", "half_open_interval",
    "independent", "integer_interval", "interval", "is_dependent", "less_than", "lower_cholesky", "lower_triangular",
    "multinomial", "nonnegative", "nonnegative_integer", "one_hot", "positive", "positive_definite", "positive_integer",
    "positive_semidefinite", "real", "real_vector", "simplex", "square", "symmetric", "unit_interval",
]  # fmt: skip


class Constraint:
    """The base class: a set of values. `event_dim`: how many dimensions from the right make one value.

    >>> import tensorx as tx
    >>> from tensorx.distributions import constraints
    >>> constraints.positive.check(tx.tensor([1.0, -1.0]))
    tensor([ True, False])
    """

    is_discrete = False
    event_dim = 0

    def check(self, value):
        """True for each event of `value` that satisfies the constraint."""
        raise NotImplementedError(f"{type(self).__name__} has no check")

    def __repr__(self):
        bounds = ", ".join(f"{name}={value}" for name, value in vars(self).items())
        return f"{type(self).__name__.lstrip('_')}({bounds})"


class _Dependent(Constraint):
    """A constraint that depends on other parameters: an instance's property says which it is."""

    def __init__(self, *, is_discrete=False, event_dim=0):
        self.is_discrete, self.event_dim = is_discrete, event_dim

    def check(self, value):
        raise ValueError(
            "Cannot determine validity of a dependent constraint: ask an instance of the distribution for it"
        )


class dependent_property(property, _Dependent):
    """A property that is a constraint for each instance, and a `dependent` one on the class."""

    def __init__(self, function=None, *, is_discrete=False, event_dim=0):
        property.__init__(self, function)
        _Dependent.__init__(self, is_discrete=is_discrete, event_dim=event_dim)

    def __call__(self, function):
        """So that @dependent_property(is_discrete=True, event_dim=0) decorates."""
        return dependent_property(function, is_discrete=self.is_discrete, event_dim=self.event_dim)


def is_dependent(constraint):
    """True for a constraint that only an instance of the distribution knows."""
    return isinstance(constraint, _Dependent)


class independent(Constraint):
    """A constraint whose last `reinterpreted_batch_ndims` dimensions are taken as one event, valid where all of it is."""

    def __init__(self, base_constraint, reinterpreted_batch_ndims):
        self.base_constraint, self.reinterpreted_batch_ndims = base_constraint, reinterpreted_batch_ndims

    @property
    def is_discrete(self):
        """Whether the values are isolated points."""
        return self.base_constraint.is_discrete

    @property
    def event_dim(self):
        """How many dimensions make one value."""
        return self.base_constraint.event_dim + self.reinterpreted_batch_ndims

    def check(self, value):
        """True for each event all of whose elements satisfy the base constraint."""
        result, count = self.base_constraint.check(value), self.reinterpreted_batch_ndims
        if result.ndim < count:
            raise ValueError(f"Expected value.dim() >= {self.event_dim} but got {value.ndim}")
        return result.reshape(result.shape[: result.ndim - count] + (-1,)).all(-1) if count else result


# ---- numbers


class _Real(Constraint):
    def check(self, value):
        return value == value


class _Boolean(Constraint):
    is_discrete = True

    def check(self, value):
        return (value == 0) | (value == 1)


class greater_than(Constraint):
    """Numbers above a bound."""

    def __init__(self, lower_bound):
        self.lower_bound = lower_bound

    def check(self, value):
        """True where value > lower_bound."""
        return value > self.lower_bound


class greater_than_eq(Constraint):
    """Numbers not below a bound."""

    def __init__(self, lower_bound):
        self.lower_bound = lower_bound

    def check(self, value):
        """True where value >= lower_bound."""
        return value >= self.lower_bound


class less_than(Constraint):
    """Numbers below a bound."""

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, value):
        """True where value < upper_bound."""
        return value < self.upper_bound


class interval(Constraint):
    """Numbers from one bound to another, both included."""

    def __init__(self, lower_bound, upper_bound):
        self.lower_bound, self.upper_bound = lower_bound, upper_bound

    def check(self, value):
        """True where lower_bound <= value <= upper_bound."""
        return (value >= self.lower_bound) & (value <= self.upper_bound)


class half_open_interval(interval):
    """Numbers from one bound up to another, which is excluded."""

    def check(self, value):
        """True where lower_bound <= value < upper_bound."""
        return (value >= self.lower_bound) & (value < self.upper_bound)


class integer_interval(interval):
    """Integers from one bound to another, both included."""

    is_discrete = True

    def check(self, value):
        """True for integers in the interval."""
        return (value % 1 == 0) & super().check(value)


class _IntegerAbove(greater_than_eq):
    is_discrete = True

    def check(self, value):
        return (value % 1 == 0) & super().check(value)


# ---- vectors


class _OneHot(Constraint):
    is_discrete = True
    event_dim = 1

    def check(self, value):
        return ((value == 0) | (value == 1)).all(-1) & (value.sum(-1) == 1)


class _Simplex(Constraint):
    event_dim = 1

    def check(self, value):
        return (value >= 0).all(-1) & ((value.sum(-1) - 1).abs() < 1e-6)


class multinomial(Constraint):
    """Vectors of counts that add up to at most `upper_bound`."""

    is_discrete = True
    event_dim = 1

    def __init__(self, upper_bound):
        self.upper_bound = upper_bound

    def check(self, value):
        """True for vectors of counts with such a sum."""
        return (value >= 0).all(-1) & (value.sum(-1) <= self.upper_bound)


# ---- matrices


class _Square(Constraint):
    event_dim = 2

    def check(self, value):
        return tx.full(value.shape[:-2], value.shape[-2] == value.shape[-1], dtype=tx.bool, device=value.device)


class _LowerTriangular(Constraint):
    event_dim = 2

    def check(self, value):
        return (value.tril() == value).flatten(-2).all(-1)


class _LowerCholesky(_LowerTriangular):
    def check(self, value):
        return super().check(value) & (value.diagonal(dim1=-2, dim2=-1) > 0).all(-1)


class _Symmetric(_Square):
    def check(self, value):
        square = super().check(value)
        if not square.all().item():
            return square
        return (value - value.mT).abs().le(1e-6 * value.abs().clamp_min(1)).flatten(-2).all(-1)


class _PositiveSemidefinite(_Symmetric):
    def check(self, value):
        symmetric = super().check(value)
        return symmetric & (tx.linalg.eigvalsh(value) >= 0).all(-1) if symmetric.all().item() else symmetric


class _PositiveDefinite(_Symmetric):
    def check(self, value):
        symmetric = super().check(value)
        return symmetric & (tx.linalg.cholesky_ex(value)[1] == 0) if symmetric.all().item() else symmetric


dependent = _Dependent()
boolean = _Boolean()
real = _Real()
real_vector = independent(real, 1)
positive = greater_than(0.0)
nonnegative = greater_than_eq(0.0)
unit_interval = interval(0.0, 1.0)
nonnegative_integer = _IntegerAbove(0)
positive_integer = _IntegerAbove(1)
one_hot = _OneHot()
simplex = _Simplex()
square = _Square()
symmetric = _Symmetric()
lower_triangular = _LowerTriangular()
lower_cholesky = _LowerCholesky()
positive_semidefinite = _PositiveSemidefinite()
positive_definite = _PositiveDefinite()
