"""Random numbers: generators, tensors of random values, in-place samplers.

Numbers come from Philox, a function of (seed, call, element): results are the same bits for any number of threads and
on any instruction set. `generator=` takes a `Generator`; without it the default generator is used, which
`manual_seed` seeds.
"""

from . import _C
from ._C import Generator, default_generator
from .creation import _finish, _into, _sizes
from .ops.define import function, in_place, op
from .ops.join import broadcast_tensors
from .ops.special import standard_gamma_grad

__all__ = [
    "Generator", "bernoulli", "binomial", "default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed",
    "multinomial", "normal", "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like",
    "randperm", "seed", "set_rng_state",
]  # fmt: skip


# ---- the default generator


def manual_seed(seed):
    """Seed the default generators of all devices (an int, or anything int() takes); returns the CPU's."""
    default_generator.manual_seed(seed)
    _C.seed_cuda_generators(default_generator.initial_seed())
    return default_generator


def seed():
    """Seed the default generators of all devices with a number that nobody can know, and return the number."""
    number = default_generator.seed()
    _C.seed_cuda_generators(number)
    return number


def initial_seed():
    """The seed of the default generator."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator, as a tensor of bytes."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Put the default generator into a state that `get_rng_state` gave."""
    default_generator.set_state(new_state)


class fork_rng:
    """Restore the state of the default generators at the end of a with block: the CPU's, and those of `devices` (numbers
    of CUDA devices; all that have drawn, by default).

    >>> import tensorx as tx
    >>> before = tx.get_rng_state()
    >>> with tx.random.fork_rng():
    ...     _ = tx.rand(3)
    >>> tx.get_rng_state().tolist() == before.tolist()
    True
    """

    def __init__(self, devices=None, enabled=True, device_type="cpu"):
        self.enabled, self.devices = enabled, devices

    def __enter__(self):
        self.state = get_rng_state()
        devices = range(_C.cuda_generator_count()) if self.devices is None else self.devices
        self.cuda = [(g, g.get_state()) for g in map(_C.cuda_generator, devices)]

    def __exit__(self, *error):
        if self.enabled:
            set_rng_state(self.state)
            for generator, state in self.cuda:
                generator.set_state(state)


# ---- new tensors


def rand(
    *sizes,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Numbers uniformly distributed on [0, 1).

    >>> import tensorx as tx
    >>> tx.rand(2, 3).shape
    tensorx.Size([2, 3])
    """
    return _drawn("rand", _C.rand, sizes, size, generator, out, dtype, device, requires_grad, pin_memory)


def randn(
    *sizes,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Numbers from the normal distribution of mean 0 and variance 1."""
    return _drawn("randn", _C.randn, sizes, size, generator, out, dtype, device, requires_grad, pin_memory)


def _drawn(name, draw, sizes, size, generator, out, dtype, device, requires_grad, pin_memory):
    if size is not None or not sizes:
        sizes = _sizes(name, sizes, size)
    if out is not None:
        out = _resized(out, sizes, dtype)
    made = (
        draw(sizes, dtype, device, generator) if out is None else _into(draw, sizes, dtype, device, generator, out=out)
    )
    return _finish(made, requires_grad, pin_memory) if requires_grad or pin_memory else made


def _resized(out, sizes, dtype):
    """`out`, made to have these sizes."""
    return _into(_C.empty, sizes, dtype, None, out=out)


def randint(
    low,
    high=None,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Integers uniformly distributed on [low, high); randint(high, size) starts at 0.

    >>> import tensorx as tx
    >>> tx.randint(3, 5, (4,)).ge(3).tolist()
    [True, True, True, True]
    """
    if size is None and isinstance(high, (tuple, list)):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None:
        raise TypeError('randint() missing 1 required positional arguments: "size"')
    if low >= high:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
    if out is not None:
        out = _resized(out, size, dtype)
    made = _into(_C.randint, low, high, size, dtype, device, generator, out=out)
    return _finish(made, requires_grad, pin_memory)


def randperm(
    n, *, generator=None, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """The integers 0 to n - 1 in random order."""
    made = _C.randperm(n, dtype if out is None else out.dtype, device, generator)
    if out is not None:
        made = _resized(out, (n,), dtype).copy_(made)
    return _finish(made, requires_grad, pin_memory)


def rand_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
    generator=None,
):
    """Uniform numbers on [0, 1) in the shape and dtype of another tensor."""
    made = _C.rand(input.shape, dtype or input.dtype, device or input.device, generator)
    return _finish(made, requires_grad, pin_memory)


def randn_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
    generator=None,
):
    """Normal numbers in the shape and dtype of another tensor."""
    made = _C.randn(input.shape, dtype or input.dtype, device or input.device, generator)
    return _finish(made, requires_grad, pin_memory)


def randint_like(
    input,
    low,
    high=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
    generator=None,
):
    """Integers on [low, high) in the shape and dtype of another tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(
        low,
        high,
        input.shape,
        dtype=dtype or input.dtype,
        device=device or input.device,
        generator=generator,
        requires_grad=requires_grad,
    )


def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal numbers; mean and std are numbers (with a size) or tensors, element by element."""
    tensors = [x for x in (mean, std) if isinstance(x, _C.TensorBase)]
    if not tensors:
        if size is None:
            raise TypeError("normal(): give a size, or a tensor as mean or std")
        made = randn(size, generator=generator, out=out, dtype=dtype, device=device).detach()
        return (
            _finish(_C.add(_C.mul(made, _checked_std(std)), mean, made), requires_grad, pin_memory)
            if out is None
            else _scale_into(out, mean, std)
        )
    if isinstance(std, _C.TensorBase) and std.numel() and not _C.ge(std, 0).all().item():
        raise RuntimeError("normal expects all elements of std >= 0.0")
    if not isinstance(std, _C.TensorBase):
        _checked_std(std)
    like = _C.add(*(x.detach() if isinstance(x, _C.TensorBase) else x for x in (mean, std)))
    made = _C.add(_C.mul(_C.randn(like.shape, like.dtype, like.device, generator), std), mean)
    return made if out is None else _resized(out, made.shape, None).copy_(made)


def _checked_std(std):
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return std


def _scale_into(out, mean, std):
    return _C.add(_C.mul(out, _checked_std(std), out), mean, out)


def poisson(input, generator=None):
    """For each element a number from the Poisson distribution with that rate."""
    return _poisson(input, generator)


@op(_C.poisson, method=False, node_name="PoissonBackward0", input=lambda g: g * 0)
def _poisson(input, generator):
    """The op behind poisson."""


def binomial(count, prob, generator=None):
    """For each element how many of `count` trials succeed, each with probability `prob`. Shapes broadcast.

    Args:
        count: a floating tensor of integers from 0 to 2**53. prob: a tensor of its dtype, from 0 to 1.

    Raises RuntimeError where either is out of its range.

    >>> import tensorx as tx
    >>> tx.binomial(tx.tensor([3.0, 9.0]), tx.tensor([0.0, 1.0]))
    tensor([0., 9.])
    """
    if count.dtype is not prob.dtype:
        raise RuntimeError(
            f"binomial(): expected count and prob of the same dtype, got {count.dtype} and {prob.dtype}; convert one"
        )
    return _binomial(*broadcast_tensors(count, prob), generator)


@op(_C.binomial, method=False, node_name="BinomialBackward0", count=lambda g: g * 0, prob=lambda g: g * 0)
def _binomial(count, prob, generator):
    """Of tensors of one shape."""


@op(
    _C.standard_gamma,
    method=False,
    node_name="StandardGammaBackward0",
    input=lambda g, input, out: g * standard_gamma_grad(input, out),
)
def _standard_gamma(input, generator):
    """For each element a number from the gamma distribution of that shape (and scale 1), never 0.

    By Marsaglia and Tsang's method. The gradient is that of the number at a fixed probability (implicit reparameterisation).
    """


@op(_C.bernoulli_by, method=False, node_name="BernoulliBackward0", input=lambda g: g * 0)
def _bernoulli(input, generator):
    """Each element by its own probability."""


@function
def bernoulli(input, p=None, *, generator=None, out=None):
    """1 with the probability that the element says (or with probability `p`), else 0.

    >>> import tensorx as tx
    >>> tx.bernoulli(tx.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    if p is not None:
        made = _C.bernoulli(input, p, generator)
    else:
        valid = _C.logical_and(_C.ge(input, 0), _C.le(input, 1))
        if input.numel() and _C.index_bounds(_C.cast(valid, _C.int64))[0] == 0:  # within vmap: of all examples
            raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got a probability outside [0, 1]")
        made = _bernoulli(input, generator)
    return made if out is None else _resized(out, made.shape, None).copy_(made)


@function
def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Indices drawn with the weights of `input` (n) or of each of its rows (m, n): shape (num_samples) or (m, num_samples).

    >>> import tensorx as tx
    >>> tx.multinomial(tx.tensor([0.0, 1.0]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    made = _C.multinomial(input, num_samples, replacement, generator)
    return made if out is None else _resized(out, made.shape, None).copy_(made)


# ---- in place: what was there is gone, and no gradient passes


def _uniform(input, from_=0, to=1, *, generator=None):
    """Fill with numbers uniformly distributed on [from, to)."""


def _normal(input, mean=0, std=1, *, generator=None):
    """Fill with normal numbers."""


def _exponential(input, lambd=1, *, generator=None):
    """Fill with numbers of the exponential distribution with rate `lambd`."""


def _bernoulli_number(input, p=0.5, *, generator=None):
    """Fill with 1, with probability p, and 0."""


def _random(input, from_=None, to=None, *, generator=None):
    """Fill with integers."""


def _sampler(name, forward, signature, method=True):
    return in_place(op(forward, method=False, name=name, input=lambda g: None)(signature), name + "_", method)


uniform_ = _sampler("uniform", _C.uniform, _uniform)
normal_ = _sampler("normal", _C.normal, _normal)
exponential_ = _sampler("exponential", _C.exponential, _exponential)
_bernoulli_number_ = _sampler("bernoulli", _C.bernoulli, _bernoulli_number, method=False)
_random_range_ = _sampler("random", _C.random_integers, _random, method=False)


@function
def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with 1, with probability p (a number, or a tensor with one for each element), and 0."""
    if isinstance(p, _C.TensorBase):
        return self.copy_(bernoulli(p.detach().expand(self.shape), generator=generator))
    return _bernoulli_number_(self, p, generator=generator)


@function
def random_(self, *bounds, generator=None, **named):
    """Fill with integers: random_(from, to) on [from, to), random_(to) on [0, to), random_() on all that the dtype holds."""
    low, high = named.get("from"), named.get("to")
    if len(bounds) == 2:
        low, high = bounds
    elif len(bounds) == 1:
        low, high = (low, bounds[0]) if low is None else (low, high)
    return _random_range_(self, low, high, generator=generator)


@function
def log_normal_(self, mean=1, std=2, *, generator=None):
    """Fill with exp of normal numbers of this mean and standard deviation."""
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    return self.normal_(mean, std, generator=generator).exp_()


@function
def cauchy_(self, median=0, sigma=1, *, generator=None):
    """Fill with numbers of the Cauchy distribution."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    return self.uniform_(-0.5, 0.5, generator=generator).mul_(3.141592653589793).tan_().mul_(sigma).add_(median)


@function
def geometric_(self, p, *, generator=None):
    """Fill with the number of trials of probability p up to the first success: 1, 2, ..."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    from math import log1p

    trials = _C.exponential(_C.empty(self.shape, _C.float64, self.device), -log1p(-p), generator)
    return self.copy_(_C.add(_C.floor(trials), 1))
