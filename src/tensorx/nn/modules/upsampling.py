"""Upsample and its kind: images of another size."""

from __future__ import annotations

from collections.abc import Sequence

from ... import Tensor
from .. import functional as F
from .module import Module


class Upsample(Module):
    """The input (N, C, ...) with its one to three last dimensions resized to `size`, or by `scale_factor`.

    mode: 'nearest', 'linear' (N, C, L), 'bilinear' or 'bicubic' (N, C, H, W), 'trilinear' (N, C, D, H, W), and the
    others of nn.functional.interpolate. With `align_corners` the centres of the corner elements keep their places.

    >>> import tensorx as tx
    >>> tx.nn.Upsample(scale_factor=2)(tx.tensor([[[1.0, 2.0]]]))
    tensor([[[1., 1., 2., 2.]]])
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        if isinstance(scale_factor, Sequence):
            self.scale_factor: float | tuple[float, ...] | None = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        if self.scale_factor is not None:
            return f"scale_factor={self.scale_factor!r}, mode={self.mode!r}"
        return f"size={self.size!r}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Upsample of (N, C, H, W) with mode 'nearest'.

    >>> import tensorx as tx
    >>> tx.nn.UpsamplingNearest2d(scale_factor=2)(tx.ones(1, 1, 2, 3)).shape
    tensorx.Size([1, 1, 4, 6])
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Upsample of (N, C, H, W) with mode 'bilinear' and align_corners.

    >>> import tensorx as tx
    >>> tx.nn.UpsamplingBilinear2d(size=(1, 3))(tx.tensor([[[[1.0, 2.0]]]]))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(
        self, size: int | Sequence[int] | None = None, scale_factor: float | Sequence[float] | None = None
    ) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
