"""Activations as modules: each applies the function of nn.functional that has its name, elementwise unless said."""

from __future__ import annotations

import warnings
from collections.abc import Callable

from ... import Tensor, dtype, empty
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


class _Activation(Module):
    """An activation that has an `inplace` option and nothing else."""

    function: Callable[..., Tensor]

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, inplace=self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class _PlainActivation(Module):
    """An activation without options."""

    function: Callable[..., Tensor]

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input)


class ReLU(_Activation):
    """max(x, 0).

    >>> import tensorx as tx
    >>> tx.nn.ReLU()(tx.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(F.relu)


class ReLU6(_Activation):
    """x limited to [0, 6].

    >>> import tensorx as tx
    >>> tx.nn.ReLU6()(tx.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """

    function = staticmethod(F.relu6)


class SiLU(_Activation):
    """x sigmoid(x), also called swish. Elfwing et al. 2017, arXiv:1702.03118.

    >>> import tensorx as tx
    >>> tx.nn.SiLU()(tx.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7311])
    """

    function = staticmethod(F.silu)


class Mish(_Activation):
    """x tanh(softplus(x)). Misra 2019, arXiv:1908.08681.

    >>> import tensorx as tx
    >>> tx.nn.Mish()(tx.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8651])
    """

    function = staticmethod(F.mish)


class SELU(_Activation):
    """Scaled elu whose constants keep mean 0 and variance 1. Klambauer et al. 2017, arXiv:1706.02515.

    >>> import tensorx as tx
    >>> tx.nn.SELU()(tx.tensor([-1.0, 1.0]))
    tensor([-1.1113,  1.0507])
    """

    function = staticmethod(F.selu)


class Hardswish(_Activation):
    """x relu6(x + 3) / 6. Howard et al. 2019, arXiv:1905.02244.

    >>> import tensorx as tx
    >>> tx.nn.Hardswish()(tx.tensor([-4.0, 3.0]))
    tensor([-0.,  3.])
    """

    function = staticmethod(F.hardswish)


class Hardsigmoid(_Activation):
    """relu6(x + 3) / 6.

    >>> import tensorx as tx
    >>> tx.nn.Hardsigmoid()(tx.tensor([-4.0, 0.0, 4.0]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    function = staticmethod(F.hardsigmoid)


class Sigmoid(_PlainActivation):
    """1 / (1 + exp(-x)).

    >>> import tensorx as tx
    >>> tx.nn.Sigmoid()(tx.tensor([0.0]))
    tensor([0.5000])
    """

    function = staticmethod(F.sigmoid)


class Tanh(_PlainActivation):
    """tanh(x).

    >>> import tensorx as tx
    >>> tx.nn.Tanh()(tx.tensor([0.0]))
    tensor([0.])
    """

    function = staticmethod(F.tanh)


class LogSigmoid(_PlainActivation):
    """log(sigmoid(x)), exact where sigmoid underflows.

    >>> import tensorx as tx
    >>> tx.nn.LogSigmoid()(tx.tensor([-1000.0]))
    tensor([-1000.])
    """

    function = staticmethod(F.logsigmoid)


class Softsign(_PlainActivation):
    """x / (1 + |x|).

    >>> import tensorx as tx
    >>> tx.nn.Softsign()(tx.tensor([1.0, -3.0]))
    tensor([ 0.5000, -0.7500])
    """

    function = staticmethod(F.softsign)


class Tanhshrink(_PlainActivation):
    """x - tanh(x).

    >>> import tensorx as tx
    >>> tx.nn.Tanhshrink()(tx.tensor([0.0]))
    tensor([0.])
    """

    function = staticmethod(F.tanhshrink)


class GELU(Module):
    """x Phi(x), Phi the normal distribution; `approximate="tanh"` uses a formula with tanh. Hendrycks and Gimpel 2016, arXiv:1606.08415.

    >>> import tensorx as tx
    >>> tx.nn.GELU()(tx.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        return F.gelu(input, approximate=self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class LeakyReLU(Module):
    """x where positive, else negative_slope x.

    >>> import tensorx as tx
    >>> tx.nn.LeakyReLU(0.1)(tx.tensor([-1.0, 2.0]))
    tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.leaky_relu(input, self.negative_slope, self.inplace)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where positive, else weight x: one learned slope, or `num_parameters` of them, one per channel (dimension 1).

    The slopes start at `init`. He et al. 2015, arXiv:1502.01852.

    >>> import tensorx as tx
    >>> tx.nn.PReLU()(tx.tensor([-1.0, 2.0])).detach()
    tensor([-0.2500,  2.0000])
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Device | None = None, dtype: dtype | None = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init.constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class RReLU(Module):
    """leaky_relu with slopes drawn from [lower, upper] in training, their mean in evaluation. Xu et al. 2015, arXiv:1505.00853.

    >>> import tensorx as tx
    >>> tx.nn.RReLU(0.1, 0.3).eval()(tx.tensor([-1.0, 2.0]))
    tensor([-0.2000,  2.0000])
    """

    def __init__(self, lower: float = 1.0 / 8, upper: float = 1.0 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class _WithAlpha(Module):
    function: Callable[..., Tensor]

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.alpha, self.inplace)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(_WithAlpha):
    """x where positive, else alpha (exp(x) - 1). Clevert et al. 2015, arXiv:1511.07289.

    >>> import tensorx as tx
    >>> tx.nn.ELU()(tx.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """

    function = staticmethod(F.elu)


class CELU(_WithAlpha):
    """x where positive, else alpha (exp(x / alpha) - 1). Barron 2017, arXiv:1704.07483.

    >>> import tensorx as tx
    >>> tx.nn.CELU(2.0)(tx.tensor([-2.0, 2.0]))
    tensor([-1.2642,  2.0000])
    """

    function = staticmethod(F.celu)


class Softplus(Module):
    """log(1 + exp(beta x)) / beta, and x itself where beta x exceeds `threshold`.

    >>> import tensorx as tx
    >>> tx.nn.Softplus()(tx.tensor([0.0, 30.0]))
    tensor([ 0.6931, 30.0000])
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardtanh(Module):
    """x limited to [min_val, max_val].

    >>> import tensorx as tx
    >>> tx.nn.Hardtanh(-2.0, 2.0)(tx.tensor([-5.0, 1.0, 5.0]))
    tensor([-2.,  1.,  2.])
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        if min_value is not None or max_value is not None:  # their old names
            warnings.warn(
                "min_value and max_value are deprecated: use min_val and max_val", FutureWarning, stacklevel=2
            )
            min_val = min_val if min_value is None else min_value
            max_val = max_val if max_value is None else max_value
        if min_val >= max_val:
            raise AssertionError(f"max_val must be larger than min_val, got {max_val} and {min_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class Threshold(Module):
    """x where above `threshold`, else `value`.

    >>> import tensorx as tx
    >>> tx.nn.Threshold(0.5, 20.0)(tx.tensor([0.0, 1.0]))
    tensor([20.,  1.])
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold, self.value, self.inplace = threshold, value, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class _Shrink(Module):
    function: Callable[..., Tensor]

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def forward(self, input: Tensor) -> Tensor:
        return self.function(input, self.lambd)

    def extra_repr(self) -> str:
        return str(self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by `lambd`, 0 where it is nearer than that.

    >>> import tensorx as tx
    >>> tx.nn.Softshrink()(tx.tensor([-2.0, 0.25, 2.0]))
    tensor([-1.5000,  0.0000,  1.5000])
    """

    function = staticmethod(F.softshrink)


class Hardshrink(_Shrink):
    """x, and 0 where it lies in [-lambd, lambd].

    >>> import tensorx as tx
    >>> tx.nn.Hardshrink()(tx.tensor([-2.0, 0.25, 2.0]))
    tensor([-2.,  0.,  2.])
    """

    function = staticmethod(F.hardshrink)


class GLU(Module):
    """a sigmoid(b), where a and b are the halves of x along `dim`: that dimension is halved. Dauphin et al. 2016, arXiv:1612.08083.

    >>> import tensorx as tx
    >>> tx.nn.GLU()(tx.zeros(4, 6)).shape
    tensorx.Size([4, 3])
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        return F.glu(input, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
