"""Recurrent nets over sequences: RNN, LSTM and GRU. Their cells, which take one step, are in rnn_cell.py."""

from __future__ import annotations

import math
import warnings

import tensorx

from ... import Tensor, dtype, empty, zeros
from ...ops import recurrent
from ...types import Device
from .. import init
from ..parameter import Parameter
from ..utils.rnn import PackedSequence
from .module import Module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
_FUNCTIONS = {
    "LSTM": recurrent.lstm,
    "GRU": recurrent.gru,
    "RNN_TANH": recurrent.rnn_tanh,
    "RNN_RELU": recurrent.rnn_relu,
}


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights of every layer and direction, and the checks of what forward is given.

    For layer k: weight_ih_l{k} (gates * hidden_size, inputs), weight_hh_l{k} (gates * hidden_size, size), bias_ih_l{k}
    and bias_hh_l{k} (gates * hidden_size), with proj_size weight_hr_l{k} (proj_size, hidden_size); "_reverse" is
    appended for the second direction. All start uniform in [-1/sqrt(hidden_size), 1/sqrt(hidden_size)].
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not isinstance(dropout, (int, float)) or isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ValueError(
                f"{name}: dropout should be a number in range [0, 1] representing the probability of an element being "
                f"zeroed, got {dropout}"
            )
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
                f"greater than 1, but got dropout={dropout} and num_layers={num_layers}",
                stacklevel=3,
            )
        for what, flag in (("bias", bias), ("batch_first", batch_first)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name}: {what} should be of type bool, got: {type(flag).__name__}")
        for what, value in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(value, int):
                raise TypeError(f"{name}: {what} should be of type int, got: {type(value).__name__}")
        for what, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if value <= 0:
                raise ValueError(f"{name}: {what} must be greater than zero, got {value}")
        if proj_size < 0:
            raise ValueError(f"{name}: proj_size should be a positive integer or zero to disable projections")
        if proj_size >= hidden_size:
            raise ValueError(f"{name}: proj_size has to be smaller than hidden_size, got {proj_size} and {hidden_size}")
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode = mode
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._all_weights: list[list[str]] = []
        directions, size = 2 if bidirectional else 1, proj_size or hidden_size
        gates = _GATES[mode] * hidden_size
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[:directions]:
                shapes = {
                    "weight_ih": (gates, size * directions if layer else input_size),
                    "weight_hh": (gates, size),
                    **({"bias_ih": (gates,), "bias_hh": (gates,)} if bias else {}),
                    **({"weight_hr": (proj_size, hidden_size)} if proj_size else {}),
                }
                names = [f"{kind}_l{layer}{suffix}" for kind in shapes]
                for weight, shape in zip(names, shapes.values()):
                    self.register_parameter(weight, Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights, a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self):
        return [getattr(self, name) for names in self._all_weights for name in names]

    def flatten_parameters(self) -> None:
        """Nothing: the weights need no particular place in memory here."""

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        defaults = [
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0),
            ("bidirectional", False),
        ]  # fmt: skip
        parts += [f"{name}={getattr(self, name)}" for name, default in defaults if getattr(self, name) != default]
        return ", ".join(parts)

    # What forward is given ------------------------------------------------------------------------

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise unless `input` has the dtype, number of dimensions and features that this net takes."""
        weight = getattr(self, self._all_weights[0][0])
        if input.dtype != weight.dtype and not tensorx.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: model.to({input.dtype})"
            )
        expected = 2 if batch_sizes is not None else 3
        if input.dim() != expected:
            raise RuntimeError(f"input must have {expected} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """(layers * directions, batch, size) of h."""
        batch = input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])
        return self.num_layers * (2 if self.bidirectional else 1), batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raise unless `hx` has the expected shape."""
        if tuple(hx.shape) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise unless input and hidden state fit this net and each other."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        self._check_states((hidden,), (expected,), input, batch_sizes)

    def _check_states(self, states, expected, input, batch_sizes):
        for i, (state, shape) in enumerate(zip(states, expected)):
            place = f"[{i}]" if len(states) > 1 else ""
            message = f"Expected hidden{place} size {{}}, got {{}}"
            if batch_sizes is None:
                message += self._mixed_up(input, state, shape)
            self.check_hidden_size(state, shape, message)

    def _mixed_up(self, input, state, expected):
        """What to say when the hidden state would fit the input with its first two dimensions exchanged."""
        steps = input.size(1 if self.batch_first else 0)
        if steps == expected[1] or tuple(state.shape) != (expected[0], steps, expected[2]):
            return ""
        order = "(batch, steps, features)" if self.batch_first else "(steps, batch, features)"
        return (
            f". With batch_first={self.batch_first} an input of shape {tuple(input.shape)} is {order}, a batch of "
            f"{expected[1]}; the hidden state is for a batch of {steps}. If the input is meant the other way round, use "
            f"batch_first={not self.batch_first} or input.transpose(0, 1)"
        )

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The hidden state with its examples in another order."""
        if permutation is None:
            return hx
        return hx.index_select(1, permutation)

    # The computation ------------------------------------------------------------------------------

    def _first_states(self, input, batch_sizes):
        """Zeros to start from."""
        return zeros(self.get_expected_hidden_size(input, batch_sizes), dtype=input.dtype, device=input.device)

    def forward(self, input: Any, hx: Any = None) -> Any:
        function = _FUNCTIONS[self.mode]
        if hx is not None:
            self._check_kind(hx)
        options = (self._flat_weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        if isinstance(input, PackedSequence):
            data, batch_sizes, sorted_indices, unsorted_indices = input
            hx = self._first_states(data, batch_sizes) if hx is None else self.permute_hidden(hx, sorted_indices)
            self.check_forward_args(data, hx, batch_sizes)
            output, *last = function(data, batch_sizes, hx, *options)
            packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
            return packed, self.permute_hidden(self._as_given(last), unsorted_indices)
        if input.dim() not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.dim()}D instead")
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if hx is not None:
            hx = self._batched_states(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)
        if hx is None:
            hx = self._first_states(input, None)
        self.check_forward_args(input, hx, None)
        output, *last = function(input, hx, *options, self.batch_first)
        if batched:
            return output, self._as_given(last)
        return output.squeeze(batch_dim), self._as_given([x.squeeze(1) for x in last])

    def _check_kind(self, hx):
        """Raise unless hx is what this net has as its state: a tensor, or in an LSTM two."""
        if not isinstance(hx, Tensor):
            raise TypeError(f"{type(self).__name__}: expected hx to be a Tensor, got a {type(hx).__name__}")

    def _batched_states(self, hx, batched):
        """hx with a batch dimension, after a check of its dimensions."""
        if batched and hx.dim() != 3:
            raise RuntimeError(f"For batched 3-D input, hx should also be 3-D but got {hx.dim()}-D tensor")
        if not batched and hx.dim() != 2:
            raise RuntimeError(f"For unbatched 2-D input, hx should also be 2-D but got {hx.dim()}-D tensor")
        return hx if batched else hx.unsqueeze(1)

    def _as_given(self, last):
        """The last states in the form of hx."""
        return last[0]


class RNN(RNNBase):
    """Elman's net: h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or relu, in num_layers layers.

    Args:
        input_size, hidden_size: features of x and of h.
        num_layers: layers, each running over the output of the one before.
        nonlinearity: "tanh" or "relu".
        bias: with b_ih and b_hh.
        batch_first: input and output are (N, T, features), not (T, N, features). Hidden states are not affected.
        dropout: probability of dropping elements of what a layer gives to the next, in training.
        bidirectional: a second direction, from the last step to the first; outputs side by side.

    forward(input, hx=None): input (T, N, input_size), (T, input_size) or a PackedSequence; hx (num_layers * directions,
    N, hidden_size), by default zeros. Returns the output of the last layer (T, N, directions * hidden_size) and the
    last h.

    >>> import tensorx as tx
    >>> output, h = tx.nn.RNN(10, 20, num_layers=2)(tx.zeros(5, 3, 10))
    >>> output.shape, h.shape
    (tensorx.Size([5, 3, 20]), tensorx.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        proj_size: int = 0,
    ) -> None:
        _no_projection(proj_size)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """Gated recurrent units in num_layers layers. Cho et al. 2014, arXiv:1406.1078.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr), z likewise, n = tanh(W_in x + b_in + r * (W_hn h + b_hn)),
    h' = (1 - z) * n + z * h; the weights of r, z and n lie one under the other. Arguments, shapes and results as RNN's.

    >>> import tensorx as tx
    >>> output, h = tx.nn.GRU(10, 20, batch_first=True, bidirectional=True)(tx.zeros(3, 5, 10))
    >>> output.shape, h.shape
    (tensorx.Size([3, 5, 40]), tensorx.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Device | None = None,
        dtype: dtype | None = None,
        *,
        proj_size: int = 0,
    ) -> None:
        _no_projection(proj_size)
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )


def _no_projection(proj_size):
    if proj_size:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class LSTM(RNNBase):
    """Long short-term memory in num_layers layers. Hochreiter and Schmidhuber 1997.

    i, f, o = sigmoid(W x + b + W_h h + b_h), g = tanh(likewise), c' = f * c + i * g, h' = o * tanh(c'); the weights of
    i, f, g and o lie one under the other. With proj_size, h' = W_hr (o * tanh(c')) has that many features (Sak et al.
    2014, arXiv:1402.1128). Other arguments as RNN's; hx and the last states are pairs (h, c).

    >>> import tensorx as tx
    >>> output, (h, c) = tx.nn.LSTM(10, 20, proj_size=5)(tx.zeros(6, 3, 10))
    >>> output.shape, h.shape, c.shape
    (tensorx.Size([6, 3, 5]), tensorx.Size([1, 3, 5]), tensorx.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device | None = None,
        dtype: dtype | None = None,
    ) -> None:
        super().__init__(
            "LSTM",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
        )

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """(layers * directions, batch, hidden_size) of c."""
        return (*self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes), self.get_expected_cell_size(input, batch_sizes)
        self._check_states(hidden, expected, input, batch_sizes)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        return hx if permutation is None else tuple(x.index_select(1, permutation) for x in hx)

    def _first_states(self, input, batch_sizes):
        c = zeros(self.get_expected_cell_size(input, batch_sizes), dtype=input.dtype, device=input.device)
        return super()._first_states(input, batch_sizes), c

    def _check_kind(self, hx):
        check_pair("LSTM", hx)

    def _batched_states(self, hx, batched):
        h, c = hx
        dims = 3 if batched else 2
        if h.dim() != dims or c.dim() != dims:
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should also be {dims}-D but got "
                f"({h.dim()}-D, {c.dim()}-D) tensors"
            )
        return (h, c) if batched else (h.unsqueeze(1), c.unsqueeze(1))

    def _as_given(self, last):
        return tuple(last)


def check_pair(name, hx):
    """hx as (h, c)."""
    if not isinstance(hx, (tuple, list)) or len(hx) != 2:
        given = f"{len(hx)} values" if isinstance(hx, (tuple, list)) else f"a {type(hx).__name__}"
        raise TypeError(f"{name}: expected hx to be a pair (h, c), got {given}")
    return hx
