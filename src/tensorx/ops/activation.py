"""Activations as single ops, and their gradients as ops of their own so that they can be differentiated again.

`x_grad(g, saved)` is g times the derivative in one pass; its own derivative with respect to `saved` is composed of
other ops, since only second order needs it.
"""

from math import pi, sqrt

from .. import _C
from .arithmetic import where
from .define import in_place, op
from .elementwise import exp, sigmoid, tanh

__all__ = [
    "celu",
    "hardshrink",
    "relu",
    "relu_",
    "selu",
    "threshold",
]


@op(_C.relu_grad, broadcasts=True, method=False, g=lambda d, y: relu_grad(d, y))
def relu_grad(g, y):
    """The gradient of relu."""


@op(_C.relu, broadcasts=True, input=lambda g, out: relu_grad(g, out))
def relu(input):
    """max(input, 0); the gradient at 0 is 0.

    >>> import tensorx as tx
    >>> tx.relu(tx.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """


def _silu_second(d, g, x):
    s = sigmoid(x)
    return d * g * (s * (1 - s) * (2 + x * (1 - s * 2)))


@op(
    _C.silu_grad, broadcasts=True, method=False, g=lambda d, x: silu_grad(d, x), x=lambda d, g, x: _silu_second(d, g, x)
)
def silu_grad(g, x):
    """The gradient of silu."""


@op(_C.silu, broadcasts=True, method=False, input=lambda g, input: silu_grad(g, input))
def silu(input):
    """input * sigmoid(input), also called swish. Elfwing et al. 2017, arXiv:1702.03118."""


def _gelu_second(d, g, x):
    return d * g * (exp(x * x * -0.5) * ((2 - x * x) / sqrt(2 * pi)))


@op(
    _C.gelu_grad, broadcasts=True, method=False, g=lambda d, x: gelu_grad(d, x), x=lambda d, g, x: _gelu_second(d, g, x)
)
def gelu_grad(g, x):
    """The gradient of gelu."""


@op(_C.gelu, broadcasts=True, method=False, node_name="GeluBackward0", input=lambda g, input: gelu_grad(g, input))
def _gelu_exact(input):
    """gelu by the error function."""


_GELU_SCALE, _GELU_CUBE = sqrt(2 / pi), 0.044715


def _gelu_tanh_second(d, g, x):
    t = tanh((x + x * x * x * _GELU_CUBE) * _GELU_SCALE)
    slope, bend = (x * x * (3 * _GELU_CUBE) + 1) * _GELU_SCALE, x * (6 * _GELU_CUBE * _GELU_SCALE)
    sech = 1 - t * t
    return d * g * (sech * slope + x * sech * (bend - t * slope * slope * 2) * 0.5)


@op(
    _C.gelu_tanh_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x: gelu_tanh_grad(d, x),
    x=lambda d, g, x: _gelu_tanh_second(d, g, x),
)
def gelu_tanh_grad(g, x):
    """The gradient of gelu's tanh form."""


@op(
    _C.gelu_tanh,
    broadcasts=True,
    method=False,
    node_name="GeluBackward0",
    input=lambda g, input: gelu_tanh_grad(g, input),
)
def _gelu_tanh(input):
    """gelu by a tanh."""


def gelu(input, approximate="none"):
    """input * Phi(input), with Phi the normal distribution function; approximate="tanh" replaces it by a tanh.

    Hendrycks and Gimpel 2016, arXiv:1606.08415.
    """
    if approximate == "none":
        return _gelu_exact(input)
    if approximate == "tanh":
        return _gelu_tanh(input)
    raise RuntimeError(f"gelu(): approximate argument must be either none or tanh, got '{approximate}'")


def _mish_second(d, g, x):
    s, w = sigmoid(x), tanh(softplus(x))
    sech = 1 - w * w
    first = sech * s
    return d * g * (first * 2 + x * (sech * (s * (1 - s)) - w * first * s * 2))


@op(
    _C.mish_grad, broadcasts=True, method=False, g=lambda d, x: mish_grad(d, x), x=lambda d, g, x: _mish_second(d, g, x)
)
def mish_grad(g, x):
    """The gradient of mish."""


@op(_C.mish, broadcasts=True, method=False, input=lambda g, input: mish_grad(g, input))
def mish(input):
    """input * tanh(softplus(input)). Misra 2019, arXiv:1908.08681."""


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@op(
    _C.selu_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x: selu_grad(d, x),
    x=lambda d, g, x: where(x > 0, 0.0, d * g * (exp(x) * (_SELU_ALPHA * _SELU_SCALE))),
)
def selu_grad(g, x):
    """The gradient of selu."""


@op(_C.selu, broadcasts=True, method=False, node_name="EluBackward0", input=lambda g, input: selu_grad(g, input))
def selu(input):
    """Scaled elu whose constants keep mean 0 and variance 1. Klambauer et al. 2017, arXiv:1706.02515."""


def _logsigmoid_second(d, g, x):
    s = sigmoid(x)
    return d * g * (s * (s - 1))


@op(
    _C.logsigmoid_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x: logsigmoid_grad(d, x),
    x=lambda d, g, x: _logsigmoid_second(d, g, x),
)
def logsigmoid_grad(g, x):
    """The gradient of logsigmoid."""


@op(
    _C.logsigmoid,
    broadcasts=True,
    method=False,
    node_name="LogSigmoidBackward0",
    input=lambda g, input: logsigmoid_grad(g, input),
)
def logsigmoid(input):
    """log(sigmoid(input)), exact at both ends."""


@op(_C.hardsigmoid_grad, broadcasts=True, method=False, g=lambda d, x: hardsigmoid_grad(d, x))
def hardsigmoid_grad(g, x):
    """The gradient of hardsigmoid."""


@op(_C.hardsigmoid, broadcasts=True, method=False, input=lambda g, input: hardsigmoid_grad(g, input))
def hardsigmoid(input):
    """relu6(input + 3) / 6."""


@op(
    _C.hardswish_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x: hardswish_grad(d, x),
    x=lambda d, g, x: where((x > -3) & (x < 3), d * g / 3, 0.0),
)
def hardswish_grad(g, x):
    """The gradient of hardswish."""


@op(_C.hardswish, broadcasts=True, method=False, input=lambda g, input: hardswish_grad(g, input))
def hardswish(input):
    """input * relu6(input + 3) / 6. Howard et al. 2019, arXiv:1905.02244."""


@op(
    _C.leaky_relu_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x, slope: leaky_relu_grad(d, x, slope),
    slope=lambda d, g, x: where(x > 0, 0.0, d * g),
)
def leaky_relu_grad(g, x, slope):
    """The gradient of leaky_relu with respect to its input."""


@op(
    _C.leaky_relu,
    broadcasts=True,
    method=False,
    input=lambda g, input, negative_slope: leaky_relu_grad(g, input, negative_slope),
    negative_slope=lambda g, input: where(input > 0, 0.0, g * input),
)
def leaky_relu(input, negative_slope=0.01):
    """input where positive, else negative_slope * input; the slope may be a tensor that broadcasts."""


@op(
    _C.elu_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x, alpha: elu_grad(d, x, alpha),
    x=lambda d, g, x, alpha: where(x > 0, 0.0, d * g * (exp(x) * alpha)),
)
def elu_grad(g, x, alpha):
    """The gradient of elu."""


@op(_C.elu, broadcasts=True, method=False, input=lambda g, input, alpha: elu_grad(g, input, alpha))
def elu(input, alpha=1.0):
    """input where positive, else alpha * (exp(input) - 1). Clevert et al. 2015, arXiv:1511.07289."""


@op(
    _C.celu_grad,
    broadcasts=True,
    method=False,
    g=lambda d, x, alpha: celu_grad(d, x, alpha),
    x=lambda d, g, x, alpha: where(x > 0, 0.0, d * g * (exp(x / alpha) / alpha)),
)
def celu_grad(g, x, alpha):
    """The gradient of celu."""


@op(
    _C.celu,
    broadcasts=True,
    method=False,
    node_name="EluBackward0",
    input=lambda g, input, alpha: celu_grad(g, input, alpha),
)
def _celu(input, alpha):
    """celu with a checked alpha."""


def celu(input, alpha=1.0):
    """input where positive, else alpha * (exp(input / alpha) - 1). Barron 2017, arXiv:1704.07483."""
    if alpha == 0:
        raise RuntimeError("celu(): alpha must not be 0, it divides the input")
    return _celu(input, alpha)


@op(_C.hardshrink, broadcasts=True, input=lambda g, input, lambd: where((input >= -lambd) & (input <= lambd), 0.0, g))
def hardshrink(input, lambd=0.5):
    """input, and 0 where it lies in [-lambd, lambd]."""


@op(
    _C.softshrink,
    broadcasts=True,
    method=False,
    node_name="SoftshrinkBackward0",
    input=lambda g, input, lambd: where((input >= -lambd) & (input <= lambd), 0.0, g),
)
def _softshrink(input, lambd):
    """softshrink with a checked lambd."""


def softshrink(input, lambd=0.5):
    """input moved towards 0 by `lambd`, and 0 where it is nearer than that."""
    if lambd < 0:
        raise RuntimeError(f"softshrink(): lambd must be greater or equal to 0, got {lambd}")
    return _softshrink(input, lambd)


@op(_C.threshold, broadcasts=True, method=False, input=lambda g, input, threshold: where(input > threshold, g, 0.0))
def threshold(input, threshold, value):
    """input where it is above `threshold`, else `value`."""


def _softplus_slope(x, beta, threshold):
    scaled = x * beta
    return where(scaled > threshold, 1.0, sigmoid(scaled))


@op(
    _C.softplus,
    broadcasts=True,
    method=False,
    input=lambda g, input, beta, threshold: g * _softplus_slope(input, beta, threshold),
)
def softplus(input, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * input)) / beta; the input itself where beta * input is above `threshold`."""


@op(_C.softsign, broadcasts=True, method=False, input=lambda g, input: g / (input.abs() + 1).square())
def softsign(input):
    """input / (1 + |input|)."""


@op(_C.tanhshrink, broadcasts=True, method=False, input=lambda g, input: g * tanh(input).square())
def tanhshrink(input):
    """input - tanh(input)."""


relu_ = in_place(relu)
silu_ = in_place(silu, method=False)
mish_ = in_place(mish, method=False)
selu_ = in_place(selu, method=False)
hardsigmoid_ = in_place(hardsigmoid, method=False)
hardswish_ = in_place(hardswish, method=False)
leaky_relu_ = in_place(leaky_relu, method=False)
elu_ = in_place(elu, method=False)
celu_ = in_place(_celu, "celu_", method=False)
threshold_ = in_place(threshold, method=False)
