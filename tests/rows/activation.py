"""Rows of the activations, as functions of nn.functional."""

import math

import numpy as np

from cases import Case
from rows.elementwise import each
from support import FLOATS, NUMBERS, call, t

F = "nn.functional."


def activation(name, reference, *parameters, low=-3.0, high=3.0, dtypes=FLOATS, **options):
    """`parameters`: further ways to call it, as (args, kwargs) after the input."""
    calls = [call(t(*shape, low=low, high=high)) for shape in [(3, 4), (), (0, 3), (37,)]]
    calls += [call(t(4, 5, low=low, high=high), *args, **kwargs) for args, kwargs in parameters]
    options = {"special": True, "lenient": True, **options}
    return Case(F + name, calls, reference, dtypes, large=call(t(3, 257, 301, low=low, high=high)), **options)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _gelu(x, approximate="none"):
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + each(math.erf)(x / math.sqrt(2)))


def _softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.log1p(np.exp(np.minimum(x * beta, threshold))) / beta)


def _selu(x):
    scale, alpha = 1.0507009873554805, 1.6732632423543772
    return scale * np.where(x > 0, x, alpha * np.expm1(x))


def _elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def _celu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x / alpha))


def _softmax(x, dim):
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def _log_softmax(x, dim):
    return np.log(_softmax(x, dim))


def _glu(x, dim=-1):
    a, b = np.split(x, 2, axis=dim)
    return a * _sigmoid(b)


def _prelu(x, w):
    w = w.reshape([-1 if d == 1 else 1 for d in range(x.ndim)]) if x.ndim > 1 else w
    return np.where(x > 0, x, w * x)


SOFTMAX = [call(t(3, 4), 1), call(t(3, 4), 0), call(t(2, 3, 4), -2), call(t(5), 0), call(t(3, 70), 1), call(t(1, 1), 1)]
BIG = call(t(300, 433), 1)

ROWS = [
    activation("relu", lambda x: np.where(x < 0, 0, x), dtypes=NUMBERS),
    activation("relu6", lambda x: np.clip(x, 0, 6), low=-3, high=9),
    activation("gelu", _gelu, ((), {"approximate": "tanh"}), special=False),
    activation("silu", lambda x: x * _sigmoid(x), special=False),
    activation("mish", lambda x: x * np.tanh(np.log1p(np.exp(x))), special=False),
    activation("selu", _selu),
    activation("elu", _elu, ((0.5,), {})),
    activation("celu", _celu, ((0.5,), {})),
    activation("leaky_relu", lambda x, slope=0.01: np.where(x > 0, x, slope * x), ((0.3,), {})),
    activation("hardtanh", lambda x, low=-1.0, high=1.0: np.clip(x, low, high), ((-2, 0.5), {})),
    activation(
        "hardsigmoid",
        lambda x: np.clip(x + 3, 0, 6) / 6,
        low=-5,
        high=5,
        tolerance={"float64": (1e-7, 1e-7)},
        why="torch's derivative has 1/6 in float32",
    ),
    activation("hardswish", lambda x: x * np.clip(x + 3, 0, 6) / 6, low=-5, high=5, special=False),
    activation("hardshrink", lambda x, limit=0.5: np.where(np.abs(x) <= limit, 0, x), ((1.0,), {})),
    activation(
        "softshrink",
        lambda x, limit=0.5: np.where(x > limit, x - limit, np.where(x < -limit, x + limit, x * 0)),
        ((1.0,), {}),
        special=False,
    ),
    activation("softplus", _softplus, ((2.0, 3.0), {}), special=False),
    activation("softsign", lambda x: x / (1 + np.abs(x)), special=False),
    activation("tanhshrink", lambda x: x - np.tanh(x), special=False),
    activation("logsigmoid", lambda x: np.log(_sigmoid(x)), special=False),
    activation("threshold", None, special=False),
    Case(F + "softmax", SOFTMAX, _softmax, FLOATS, large=BIG, errors=[(call(t(3), 1), IndexError, "")]),
    Case(F + "log_softmax", SOFTMAX, _log_softmax, FLOATS, large=BIG, errors=[(call(t(3), 1), IndexError, "")]),
    Case(F + "softmin", SOFTMAX, lambda x, dim: _softmax(-x, dim), FLOATS, lenient=True, large=BIG),
    Case(
        F + "glu",
        [call(t(3, 4)), call(t(4, 3), 0)],
        _glu,
        FLOATS,
        lenient=True,
        large=call(t(300, 434)),
        errors=[(call(t(3, 3)), RuntimeError, "")],
    ),
    Case(
        F + "prelu",
        [call(t(3, 4), t(4)), call(t(3, 4), t(1)), call(t(2, 3, 4), t(3))],
        _prelu,
        FLOATS,
        lenient=True,
        large=call(t(3, 257, 301), t(257)),
        errors=[(call(t(3, 4), t(3)), RuntimeError, "")],
    ),
]
threshold = next(c for c in ROWS if c.name == F + "threshold")
threshold.calls = [call(t(3, 4), 0.5, -1.0), call(t(0, 3), 0.5, 2.0), call(t(), 0.0, 1.0)]
threshold.large = call(t(3, 257, 301), 0.5, -1.0)
threshold.reference = lambda x, limit, value: np.where(x <= limit, value, x)
