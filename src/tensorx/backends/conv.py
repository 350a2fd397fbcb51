"""Which algorithm computes a convolution, and its gradients.

>>> import tensorx as tx
>>> x, w = tx.randn(4, 8, 20, 20), tx.randn(8, 8, 3, 3)
>>> with tx.backends.conv.flags(benchmark=True):  # times each algorithm once per problem, and keeps the fastest
...     y = tx.nn.functional.conv2d(x, w, padding=1)
>>> choice = tx.backends.conv.cache()[-1]
>>> choice.problem.operation, choice.problem.weight, choice.algorithm in choice.seconds
('forward', (8, 8, 3, 3), True)

===============  ======================================================================================================
`direct`         register tiles over the input, with no copy of its patches; the gradient of the weight as dot products
`implicit_gemm`  a matrix product with the patches of the input, a few of which exist at a time
`winograd_2x2`   F(2x2, 3x3): 16 multiplications for 4 outputs, not 36. CPU, kernel 3x3, stride 1, dilation 1
`winograd_4x4`   F(4x4, 3x3): 36 for 16 outputs, not 144. As above; its errors are some ten times as large
`fft`            Fourier transforms of tiles. CPU, stride 1, a kernel that with its dilation covers at most 48 x 48
===============  ======================================================================================================

Every algorithm gives the same bits for any number of threads; two algorithms give different ones. The last three mix the
numbers of a tile: an infinity or NaN spreads to outputs beside those that PyTorch gives it to. So what is taken by
default, by the shape alone, is one of the first two, and the others are taken where `benchmark` or `algorithm` asks for
them.

Settings:

- `benchmark` (False): time the algorithms when a problem is first met, and take the fastest whenever it is met again. A
  choice is never changed, only `clear()` forgets it.
- `deterministic` (False): time nothing. With `benchmark`, choices that are known, say from a file, are used, and other
  problems get the default: so runs reproduce.
- `algorithm` (None): compute every convolution by this one. Where it cannot, RuntimeError says what it needs.
- `allow_tf32` (False): CUDA devices may round float32 to TF32, 10 bits of mantissa (3 digits), and multiply on tensor cores.
  Half types lose nothing by that, and always do.

They hold for all threads of the process. A problem is the operation, the shapes, stride, padding, dilation, groups, the
dtype of the arithmetic, the device with its instruction set, and the number of threads. Memory layout is no part of it:
the algorithms are given contiguous operands.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from typing import Any, NamedTuple

from .. import _C
from .settings import boolean, install

benchmark: bool  # settings, installed below
deterministic: bool
algorithm: str | None
allow_tf32: bool

_PASSES: tuple[str, ...] = _C.convolution_passes
_ALGORITHMS: tuple[str, ...] = _C.convolution_algorithms
_FORMAT, _VERSION = "tensorx convolution choices", 1


class Problem(NamedTuple):
    """What the time of a convolution depends on. One spatial dimension is two, the first of size 1."""

    operation: str  # "forward", "input_gradient" or "weight_gradient"
    dtype: str  # of the arithmetic: half types compute in float32
    device: str  # with the instruction set: "cpu avx2"; or the name of the GPU
    threads: int
    input: tuple[int, ...]  # (n, c, h, w), of the forward direction as all that follows
    weight: tuple[int, ...]  # (out, c / groups, kh, kw)
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


class Choice(NamedTuple):
    """The algorithm of a problem, and the seconds that each one took, of those that can compute it."""

    problem: Problem
    algorithm: str
    seconds: dict[str, float]


def algorithms() -> list[str]:
    """The names that `algorithm` takes.

    >>> import tensorx as tx
    >>> tx.backends.conv.algorithms()
    ['direct', 'implicit_gemm', 'winograd_2x2', 'winograd_4x4', 'fft']
    """
    return list(_ALGORITHMS[1:])


def cache() -> list[Choice]:
    """The choices made or loaded so far, sorted by problem.

    >>> import tensorx as tx
    >>> tx.backends.conv.clear()
    >>> tx.backends.conv.cache()
    []
    """
    return [_choice(*entry) for entry in _C.convolution_choices()]


def clear() -> None:
    """Forget all choices: with `benchmark`, problems are timed again when they are next met."""
    _C.clear_convolution_choices()


def save(path: str | PathLike[str]) -> None:
    """Write the choices to a file of JSON, for `load`.

    >>> import os, tempfile, tensorx as tx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "choices.json")
    ...     tx.backends.conv.save(path)
    ...     tx.backends.conv.load(path)  # nothing that was not known
    0
    """
    choices = [{**c.problem._asdict(), "algorithm": c.algorithm, "seconds": c.seconds} for c in cache()]
    text = json.dumps({"format": _FORMAT, "version": _VERSION, "choices": choices}, indent=1)
    with open(fspath(path), "w", encoding="utf-8") as file:
        file.write(text + "\n")


def load(path: str | PathLike[str]) -> int:
    """Add the choices of a file that `save` wrote, and return how many were new.

    A problem that has a choice keeps it, so that it does not change within a run. Choices for other devices, instruction
    sets or numbers of threads do no harm: they are choices of other problems. A file that is damaged, or not one of
    these, raises ValueError and adds nothing.
    """
    with open(fspath(path), encoding="utf-8") as file:
        try:
            content = json.load(file)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"backends.conv.load(): '{path}' is not a file of convolution choices: {error}") from None
    try:
        entries = _entries(content)
    except ValueError as error:
        raise ValueError(f"backends.conv.load(): '{path}': {error}") from None
    return sum(_C.add_convolution_choice(*entry) for entry in entries)


@contextmanager
def flags(
    benchmark: bool | None = None, deterministic: bool | None = None, algorithm: str | None = None
) -> Iterator[None]:
    """Other settings for a `with` block; those not given stay as they are.

    >>> import tensorx as tx
    >>> x, w = tx.ones(1, 1, 4, 4), tx.ones(1, 1, 3, 3)
    >>> with tx.backends.conv.flags(algorithm="winograd_2x2"):
    ...     y = tx.nn.functional.conv2d(x, w)
    >>> y
    tensor([[[[9., 9.],
              [9., 9.]]]])
    """
    before = _settings()
    try:
        if benchmark is not None:
            _set_benchmark(benchmark)
        if deterministic is not None:
            _set_deterministic(deterministic)
        if algorithm is not None:
            _set_algorithm(algorithm)
        yield
    finally:
        _C.set_convolution_settings(*before)


# ---- Settings


class _Settings(NamedTuple):
    benchmark: bool
    deterministic: bool
    forced: int  # the place of an algorithm; 0: none
    allow_tf32: bool


def _settings() -> _Settings:
    return _Settings(*_C.convolution_settings())


def _change(**values: Any) -> None:
    _C.set_convolution_settings(*_settings()._replace(**values))


def _set_benchmark(value: bool) -> None:
    _change(benchmark=boolean("backends.conv.benchmark", value))


def _set_deterministic(value: bool) -> None:
    _change(deterministic=boolean("backends.conv.deterministic", value))


def _set_allow_tf32(value: bool) -> None:
    _change(allow_tf32=boolean("backends.conv.allow_tf32", value))


def _algorithm() -> str | None:
    forced = _settings().forced
    return _ALGORITHMS[forced] if forced else None


def _set_algorithm(name: str | None) -> None:
    if name is not None and name not in algorithms():
        raise ValueError(f"backends.conv.algorithm is None or one of {', '.join(algorithms())}; got {name!r}")
    _change(forced=_ALGORITHMS.index(name) if name else 0)


install(
    __name__,
    benchmark=(lambda: _settings().benchmark, _set_benchmark),
    deterministic=(lambda: _settings().deterministic, _set_deterministic),
    algorithm=(_algorithm, _set_algorithm),
    allow_tf32=(lambda: _settings().allow_tf32, _set_allow_tf32),
)


# ---- Between choices and the plain values of the extension


def _choice(problem: tuple[Any, ...], algorithm: int, seconds: list[float]) -> Choice:
    operation, dtype, device, threads, shape = problem
    batch, channels, h, w, out_channels, kernel_h, kernel_w, *rest, groups = shape
    return Choice(
        Problem(
            _PASSES[operation],
            dtype,
            device,
            threads,
            (batch, channels, h, w),
            (out_channels, channels // groups, kernel_h, kernel_w),
            tuple(rest[0:2]),
            tuple(rest[2:4]),
            tuple(rest[4:6]),
            groups,
        ),
        _ALGORITHMS[algorithm],
        {_ALGORITHMS[i]: time for i, time in enumerate(seconds) if time >= 0},
    )


def _entries(content: object) -> list[tuple[Any, ...]]:
    """What a file holds, as the extension takes it; ValueError for anything else."""
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError("not a file of convolution choices")
    if type(content.get("version")) is not int or content["version"] != _VERSION:
        raise ValueError(f"version {content.get('version')!r} of the format, expected {_VERSION}")
    choices = content.get("choices")
    if not isinstance(choices, list):
        raise ValueError("'choices' is not a list")
    return [_entry(number, choice) for number, choice in enumerate(choices)]


def _entry(number: int, choice: object) -> tuple[Any, ...]:
    def check(good: bool, what: str) -> None:
        if not good:
            raise ValueError(f"choice {number} has {what}")

    def whole(value: object, least: int) -> bool:
        return type(value) is int and least <= value < 2**31

    fields = (*Problem._fields, "algorithm", "seconds")
    if not isinstance(choice, dict) or set(choice) != set(fields):
        raise ValueError(f"choice {number} is not an object of {', '.join(fields)}")
    for name, count, least in (
        ("input", 4, 1), ("weight", 4, 1), ("stride", 2, 1), ("padding", 2, 0), ("dilation", 2, 1),
    ):  # fmt: skip
        value = choice[name]
        check(isinstance(value, list) and len(value) == count, f"no {count} numbers as its {name}")
        check(all(whole(n, least) for n in value), f"a wrong {name}, {value}")
    batch, channels, h, w = choice["input"]
    out_channels, group_channels, *kernel = choice["weight"]
    groups = choice["groups"]
    check(whole(groups, 1) and channels == group_channels * groups, "groups that do not fit its channels")
    check(out_channels % groups == 0, "groups that do not fit its channels")
    check(whole(choice["threads"], 1), "a wrong number of threads")
    check(choice["operation"] in _PASSES, "an unknown operation")
    check(choice["dtype"] in ("float32", "float64"), "an unknown dtype")
    check(type(choice["device"]) is str, "a device that is no text")
    check(choice["algorithm"] in algorithms(), "an unknown algorithm")
    seconds = choice["seconds"]
    check(isinstance(seconds, dict) and set(seconds) <= set(algorithms()), "times of unknown algorithms")
    check(
        all(type(time) in (int, float) and math.isfinite(time) and time >= 0 for time in seconds.values()),
        "a time that is no positive number",
    )
    shape = (
        batch, channels, h, w, out_channels, *kernel, *choice["stride"], *choice["padding"], *choice["dilation"], groups,
    )  # fmt: skip
    problem = (_PASSES.index(choice["operation"]), choice["dtype"], choice["device"], choice["threads"], shape)
    algorithm = _ALGORITHMS.index(choice["algorithm"])
    needs = _C.convolution_needs(algorithm, *problem)
    check(not needs, f"the algorithm {choice['algorithm']}, which needs {needs}")
    return *problem, algorithm, [float(seconds.get(name, -1.0)) for name in _ALGORITHMS]
