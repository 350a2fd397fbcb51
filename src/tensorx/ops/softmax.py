"""softmax and log_softmax, with gradients to any order."""

from .. import _C
from .define import op
from .reduce import sum


def _softmax_grad_wrt_result(v, grad, output, dim):
    return v * (grad - sum(grad * output, dim, True)) - grad * sum(v * output, dim, True)


@op(
    _C.softmax_grad,
    name="_softmax_grad",
    method=False,
    node_name="SoftmaxBackwardDataBackward0",
    grad=lambda g, output, dim: _softmax_grad(g, output, dim),
    output=lambda g, grad, output, dim: _softmax_grad_wrt_result(g, grad, output, dim),
)
def _softmax_grad(grad, output, dim):
    """output * (grad - sum(grad * output)) along dim: the gradient of softmax's input."""


@op(
    _C.log_softmax_grad,
    name="_log_softmax_grad",
    method=False,
    node_name="LogSoftmaxBackwardDataBackward0",
    grad=lambda g, output, dim: g - sum(g * output.exp(), dim, True),
    output=lambda g, grad, output, dim: -g * output.exp() * sum(grad, dim, True),
)
def _log_softmax_grad(grad, output, dim):
    """grad - exp(output) * sum(grad) along dim: the gradient of log_softmax's input."""


def _gradient(form):
    def rule(g, out, dim, input_dtype):
        result = form(g, out, dim)
        return result if result.dtype is input_dtype else result.to(input_dtype)

    return rule


@op(_C.softmax, input=_gradient(_softmax_grad))
def softmax(input, dim, dtype=None):
    """exp(input) / sum(exp(input)) along `dim`, without overflow.

    Args:
        dtype: what the input is cast to first, and the dtype of the result.

    >>> import tensorx as tx
    >>> tx.softmax(tx.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """


@op(_C.log_softmax, input=_gradient(_log_softmax_grad))
def log_softmax(input, dim, dtype=None):
    """log(softmax(input)) along `dim`, accurate where that is close to 0 or 1.

    >>> import tensorx as tx
    >>> tx.log_softmax(tx.tensor([0.0, 1000.0]), 0)
    tensor([-1000.,     0.])
    """
