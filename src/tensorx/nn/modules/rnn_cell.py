"""The cells of recurrent nets: RNNCell, LSTMCell and GRUCell take one step."""

from __future__ import annotations

import math
from collections.abc import Callable

from ... import Tensor, dtype, empty, zeros
from ...ops.recurrent import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from ...types import Device
from .. import init
from ..parameter import Parameter
from .module import Module
from .rnn import check_pair


class RNNCellBase(Module):
    """What the cells share: weight_ih (gates * hidden_size, input_size), weight_hh (gates * hidden_size, hidden_size),
    bias_ih and bias_hh (gates * hidden_size), which start uniform in [-1/sqrt(hidden_size), 1/sqrt(hidden_size)].
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty(rows, input_size, device=device, dtype=dtype))
        self.weight_hh = Parameter(empty(rows, hidden_size, device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        bias = "" if self.bias else f", bias={self.bias}"
        return f"{self.input_size}, {self.hidden_size}{bias}"

    def _check_dimensions(self, **given):
        for what, x in given.items():
            if x is not None and x.dim() not in (1, 2):
                raise ValueError(f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {x.dim()}D instead")

    def _zeros(self, input):
        return zeros(*input.shape[:-1], self.hidden_size, dtype=input.dtype, device=input.device)

    def _weights(self):
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _step(self, function: Callable[..., Tensor], input: Tensor, hx: Tensor | None) -> Tensor:
        """The state after a step, of cells with one state tensor."""
        self._check_dimensions(input=input, hidden=hx)
        hx = self._zeros(input) if hx is None else hx
        if input.dim() == 2:
            return function(input, hx, *self._weights())
        return function(input.unsqueeze(0), hx.unsqueeze(0), *self._weights()).squeeze(0)


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu with nonlinearity="relu".

    x (N, input_size) and h (N, hidden_size), both with or without N; without h from zeros.

    >>> import tensorx as tx
    >>> tx.nn.RNNCell(10, 20)(tx.zeros(3, 10)).shape
    tensorx.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        nonlinearity = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(rnn_tanh_cell if self.nonlinearity == "tanh" else rnn_relu_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: x (N, input_size) and a pair (h, c), each (N, hidden_size), give (h', c').

    All with or without N.

    >>> import tensorx as tx
    >>> h, c = tx.nn.LSTMCell(10, 20)(tx.zeros(3, 10))
    >>> h.shape, c.shape
    (tensorx.Size([3, 20]), tensorx.Size([3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = (self._zeros(input),) * 2 if hx is None else check_pair("LSTMCell", hx)
        self._check_dimensions(**{"input": input, "hx[0]": h, "hx[1]": c})
        if input.dim() == 2:
            return lstm_cell(input, (h, c), *self._weights())
        h, c = lstm_cell(input.unsqueeze(0), (h.unsqueeze(0), c.unsqueeze(0)), *self._weights())
        return h.squeeze(0), c.squeeze(0)


class GRUCell(RNNCellBase):
    """One step of a GRU: x (N, input_size) and h (N, hidden_size) give h'; both with or without N.

    >>> import tensorx as tx
    >>> tx.nn.GRUCell(10, 20)(tx.zeros(3, 10)).shape
    tensorx.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step(gru_cell, input, hx)
