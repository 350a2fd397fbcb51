"""Seeds drawn from a generator."""

from ... import empty, int64


def draw_seed(generator):
    """A random int64 from `generator`, or from the default one."""
    return int(empty((), dtype=int64).random_(generator=generator).item())
