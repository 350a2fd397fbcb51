"""LayerNorm, GroupNorm, RMSNorm, and the normalisation by neighbouring channels."""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor, dtype, empty
from ...types import Device
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module


def _shape(normalized_shape):
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """(input - mean) / sqrt(var + eps) * weight + bias over the last dimensions. Ba et al. 2016, arXiv:1607.06450.

    `normalized_shape` is the size of the last dimension or the shape of the last ones; weight (1) and bias (0)
    have that shape. `elementwise_affine=False` leaves both out, `bias=False` the bias.

    >>> import tensorx as tx
    >>> tx.nn.LayerNorm(2)(tx.tensor([[1.0, 3.0]])).detach()
    tensor([[-1.0000,  1.0000]])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _shape(normalized_shape), eps, elementwise_affine
        for name, wanted in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(
                name, Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if wanted else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Channels (dimension 1) normalised in groups, per example. Wu and He 2018, arXiv:1803.08494.

    ValueError if `num_groups` does not divide `num_channels`.

    >>> import tensorx as tx
    >>> tx.nn.GroupNorm(3, 6)(tx.randn(2, 6, 5, 5)).shape
    tensorx.Size([2, 6, 5, 5])
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        for name, wanted in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name, Parameter(empty(num_channels, device=device, dtype=dtype)) if wanted else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.bias is not None}"


class RMSNorm(Module):
    """input / sqrt(mean(input^2) + eps) * weight over the last dimensions. Zhang and Sennrich 2019, arXiv:1910.07467.

    `eps=None` is the machine epsilon of the input's dtype.

    >>> import tensorx as tx
    >>> tx.nn.RMSNorm(4)(tx.ones(2, 4)).shape
    tensorx.Size([2, 4])
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps, self.elementwise_affine = _shape(normalized_shape), eps, elementwise_affine
        weight = Parameter(empty(self.normalized_shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class LocalResponseNorm(Module):
    """input / (k + alpha * mean of input^2 over `size` neighbouring channels)^beta for (N, C, ...).

    Krizhevsky et al. 2012.

    >>> import tensorx as tx
    >>> tx.nn.LocalResponseNorm(2, alpha=1.0, beta=1.0)(tx.ones(1, 3, 1)).flatten()
    tensor([0.6667, 0.5000, 0.5000])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(LocalResponseNorm):
    """The local response normalisation of Lua Torch, for (N, C, H, W): use LocalResponseNorm in new code.

    It differs from LocalResponseNorm where PyTorch's does: the window is of an odd size, and its running sum never
    drops the first channel.

    >>> import tensorx as tx
    >>> tx.nn.CrossMapLRN2d(3, alpha=3.0, beta=1.0)(tx.ones(1, 5, 1, 1)).flatten()
    tensor([0.3333, 0.2500, 0.2000, 0.2000, 0.2500])
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__(size, alpha, beta, k)

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 4:
            raise ValueError(
                f"CrossMapLRN2d: expected 4D input (got {input.dim()}D input, of shape {tuple(input.shape)})"
            )
        reach, squares = (self.size - 1) // 2, input.square()
        padded = F.pad(squares, (0, 0, 0, 0, reach, reach))
        sums = padded.unfold(1, 2 * reach + 1, 1).sum(-1)
        first = squares[:, :1].expand(-1, max(input.shape[1] - reach - 1, 0), -1, -1)
        sums = sums + F.pad(first, (0, 0, 0, 0, input.shape[1] - first.shape[1], 0))
        return input / (sums * (self.alpha / self.size) + self.k) ** self.beta
