"""Recurrent nets as ops: all steps of one layer in one direction are one op, with its gradient written out.

What the inputs contribute to every gate is one matrix product, made before the op. Within it a step is one matrix product,
for the hidden state, and one pass over the gates. `rows` are the states of all steps one under the other, step by step, as
in a PackedSequence: a step that has fewer examples than the one before it has fewer rows.
"""

from .. import _C
from .activation import relu
from .define import composite, op
from .elementwise import tanh
from .join import cat, stack
from .matmul import linear
from .random_ops import dropout
from .recomputed import gradients_by_ops, needs_ops


class Steps:
    """The order in which the steps of a batch are taken. sizes: how many examples each step has, not increasing."""

    def __init__(self, sizes, reverse=False):
        self.sizes, self.reverse = sizes, reverse
        order = range(len(sizes))[:: -1 if reverse else 1]
        self.order = list(zip(order, [None, *order]))  # (step, the one taken before it)

    def before(self, states, first, step, previous):
        """What a step starts from: states after the previous one, and the `first` state of examples that had none."""
        size = self.sizes[step]
        if previous is None:
            return first[:size]
        known = self.sizes[previous]
        return states[previous][:size] if known >= size else cat([states[previous], first[known:size]])

    def before_each(self, states, first):
        """What `before` gives for every step."""
        found = [None] * len(self.sizes)
        for step, previous in self.order:
            found[step] = self.before(states, first, step, previous)
        return found

    def final(self, states):
        """The states after the last step of each example."""
        if self.reverse:
            return states[0].clone()
        ended = zip(states[::-1], [0, *self.sizes[:0:-1]])  # with how many examples there are in the step after
        return cat([states[after:] if after else states for states, after in ended if len(states) > after or not after])


# ---- cells: one step in a plain form, made of ops, and in a fused one with its gradient


class Elman:
    """h' = activation(x + hidden)."""

    gates, kept, apart = 1, (), False

    def __init__(self, activation, forward, gradient):
        self.activation, self.fused, self.gradient = activation, forward, gradient

    def plain(self, x, hidden, h, c):
        return self.activation(x + hidden), None

    def forward(self, x, hidden, h, c, out):
        self.fused(_C.add(x, hidden), out)

    def backward(self, grad, grad_c, h, c, out, grad_x, grad_hidden):
        self.gradient(grad, out, grad_x)


class Gru:
    """r, z = sigmoid(x + hidden); n = tanh(x + r * hidden); h' = (1 - z) * n + z * h. Cho et al. 2014, arXiv:1406.1078."""

    gates, kept, apart = 3, (4,), True  # kept: r, z, n and what r is multiplied with

    def plain(self, x, hidden, h, c):
        (xr, xz, xn), (hr, hz, hn) = x.chunk(3, -1), hidden.chunk(3, -1)
        r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
        n = (xn + r * hn).tanh()
        return n + z * (h - n), None

    def forward(self, x, hidden, h, c, out, kept):
        _C.gru_gates(x, hidden, h, kept, out)

    def backward(self, grad, grad_c, h, c, out, kept, grad_x, grad_hidden):
        _C.gru_gates_grad(kept, h, grad, grad_x, grad_hidden)
        return grad


class Lstm:
    """i, f, o = sigmoid(x + hidden), g = tanh(x + hidden); c' = f * c + i * g; h' = o * tanh(c'). Hochreiter et al. 1997."""

    gates, kept, apart = 4, (4, 1), False  # kept: i, f, g, o, and c'

    def plain(self, x, hidden, h, c):
        i, f, g, o = (x + hidden).chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c

    def forward(self, x, hidden, h, c, out, kept, cell):
        _C.lstm_gates(x, hidden, c, kept, cell, out)

    def backward(self, grad, grad_c, h, c, out, kept, cell, grad_x, grad_hidden):
        _C.lstm_gates_grad(kept, cell, c, grad, grad_c, grad_x)


def _run(cell, gates, weight, bias, projection, h, c, steps):
    """Every step by the fused forms. Returns (rows, last h, and last c if there is one, and what the gradient needs)."""
    inputs = (gates, weight, bias, projection, h, c)
    recorded = _C.is_grad_enabled() and any(x is not None and x.requires_grad for x in inputs)
    gates, h, c = gates.detach(), h.detach(), None if c is None else c.detach()
    size, sizes = gates.shape[1] // cell.gates, steps.sizes
    widths = [many * size for many in cell.kept] + ([] if projection is None else [size])  # h before it is projected
    # Without a gradient every step writes over what the one before it left, where it goes on with the same examples.
    kept = [gates.new_empty(gates.shape[0] if recorded else sizes[0], width) for width in widths]
    parts = [a.split(sizes) if recorded else [a[:n] for n in sizes] for a in kept]
    rows = gates.new_empty(gates.shape[0], h.shape[1])
    x, states = gates.split(sizes), rows.split(sizes)
    wide = states if projection is None else parts.pop()
    cells = parts[-1] if c is not None else None
    for step, previous in steps.order:
        before = steps.before(states, h, step, previous)
        before_c = None if c is None else steps.before(cells, c, step, previous)
        hidden = _C.linear(before, weight, bias)
        cell.forward(x[step], hidden, before, before_c, wide[step], *(part[step] for part in parts))
        if projection is not None:
            _C.linear(wide[step], projection, None, states[step])
    last = [steps.final(states)] if c is None else [steps.final(states), steps.final(cells)]
    return (rows, *last, *kept) if recorded else (rows, *last)


def _gradients(cell, needs, g, weight, bias, projection, h, c, steps, out):
    sizes, outputs = steps.sizes, 2 if c is None else 3
    rows, kept = out[0], out[outputs:]
    grad_x = rows.new_empty(rows.shape[0], weight.shape[0])
    grad_hidden = rows.new_empty(grad_x.shape) if cell.apart else grad_x
    grad_h, grad_c = g[1].clone(), None if c is None else g[2].clone()
    from_above, states, of_x, of_hidden, *parts = (a.split(sizes) for a in (g[0], rows, grad_x, grad_hidden, *kept))
    if projection is not None:
        parts.pop()
        grad_rows = rows.new_empty(rows.shape)
        of_rows = grad_rows.split(sizes)
    before = steps.before_each(states, h)
    before_c = [None] * len(sizes) if c is None else steps.before_each(parts[-1], c)
    for step, _ in reversed(steps.order):
        to_h = grad_h[: sizes[step]]
        to_c = None if c is None else grad_c[: sizes[step]]
        grad = _C.add(from_above[step], to_h)
        if projection is not None:
            of_rows[step].copy_(grad)
            grad = _C.mm(grad, projection)
        direct = cell.backward(
            grad,
            to_c,
            before[step],
            before_c[step],
            states[step],
            *(p[step] for p in parts),
            of_x[step],
            of_hidden[step],
        )
        _C.mm(of_hidden[step], weight, to_h)
        if direct is not None:
            to_h.add_(direct)
    return (
        grad_x if needs[0] else None,
        grad_hidden.t().mm(cat(before)) if needs[1] else None,
        grad_hidden.sum(0) if needs[2] else None,
        grad_rows.t().mm(kept[-1]) if needs[3] else None,
        grad_h,
        grad_c,
    )


def compose(cell, gates, weight, bias, projection, h, c, steps):
    """The same as `_run`, made of ops."""
    x = gates.split(steps.sizes)
    states, cells = [None] * len(x), [None] * len(x)
    for step, previous in steps.order:
        before = steps.before(states, h, step, previous)
        before_c = None if c is None else steps.before(cells, c, step, previous)
        state, cells[step] = cell.plain(x[step], linear(before, weight, bias), before, before_c)
        states[step] = state if projection is None else linear(state, projection)
    last = [steps.final(states)] if c is None else [steps.final(states), steps.final(cells)]
    return (cat(states), *last)


CELLS = {
    "_rnn_tanh": Elman(tanh, _C.tanh, _C.tanh_grad),
    "_rnn_relu": Elman(relu, _C.relu, _C.relu_grad),
    "_gru": Gru(),
    "_lstm": Lstm(),
}


def _layer(name):
    """The op of all steps of one layer in one direction."""
    cell = CELLS[name]

    def gradients(needs, g, gates, weight, bias, projection, h, c, steps, out):
        if needs_ops(g):
            inputs = (gates, weight, bias, projection, h, c)
            return gradients_by_ops(needs, g, inputs, lambda *inputs: compose(cell, *inputs, steps))
        return _gradients(cell, needs, g, weight, bias, projection, h, c, steps, out)

    @op(
        name=name,
        method=False,
        outputs=3 if name == "_lstm" else 2,
        joint=gradients,
        inputs=("gates", "weight", "bias", "projection", "h", "c"),
    )
    def layer(gates, weight, bias, projection, h, c, steps):
        """(rows, last h, and last c if there is one, and what the gradient needs)."""
        return _run(cell, gates, weight, bias, projection, h, c, steps)

    return layer


_rnn_tanh, _rnn_relu, _gru, _lstm = map(_layer, CELLS)


def _one_layer(layer, rows, weights, has_biases, h, c, steps):
    """(rows, last h, and last c if there is one) of one layer in one direction, from rows of inputs and its weights."""
    w_ih, w_hh, *rest = weights
    b_ih, b_hh = rest[:2] if has_biases else (None, None)
    projection = rest[-1] if len(rest) % 2 else None
    if layer is not _gru and b_ih is not None:  # the two biases are added to the same gates
        b_ih, b_hh = b_ih + b_hh, None
    return layer(linear(rows, w_ih, b_ih), w_hh, b_hh, projection, h, c, steps)[: 2 if c is None else 3]


# ---- PyTorch's functions: all layers and directions, and single steps


def _all_layers(op, input, *arguments):
    """(output, last h, and last c) of `op` in all layers, given what lstm and its kind are given."""
    name = op.name[1:]
    if len(arguments) != 8:
        raise TypeError(
            f"{name}() takes (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first) or "
            "(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional), by position; got "
            f"{len(arguments) + 1} arguments"
        )
    if isinstance(arguments[2], bool):
        batch_sizes = None
        hx, params, has_biases, num_layers, dropout_p, train, bidirectional, batch_first = arguments
    else:
        batch_sizes, hx, params, has_biases, num_layers, dropout_p, train, bidirectional = arguments
        batch_first = False
    directions = 2 if bidirectional else 1
    first = tuple(hx) if op is _lstm else (hx,)
    count = num_layers * directions
    each = len(params) // max(count, 1)
    if (
        count < 1
        or each * count != len(params)
        or each - (4 if has_biases else 2) not in ((0, 1) if op is _lstm else (0,))
    ):
        raise RuntimeError(
            f"{name}: got an incorrect number of RNN parameters: {len(params)} for num_layers={num_layers}, "
            f"has_biases={has_biases}, bidirectional={bidirectional}"
        )
    if batch_sizes is None:
        if input.dim() != 3:
            raise RuntimeError(f"{name}: expected input of 3 dimensions, got shape {tuple(input.shape)}")
        input = input.transpose(0, 1) if batch_first else input
        sizes, rows = [input.shape[1]] * input.shape[0], input.flatten(0, 1)
    else:
        sizes, rows = batch_sizes.tolist(), input
        if sorted(sizes, reverse=True) != sizes or not sizes or sizes[-1] < 1 or sum(sizes) != input.shape[0]:
            raise RuntimeError(
                f"{name}: expected batch_sizes that do not increase, are positive and add up to the {input.shape[0]} rows "
                f"of data, got {sizes}: make packed sequences by nn.utils.rnn.pack_sequence or pack_padded_sequence"
            )
    if not sizes:
        raise RuntimeError(f"{name}: Expected sequence length to be larger than 0 in RNN")
    for x, width in zip(
        first, (params[each - 1].shape[0] if each % 2 else params[1].shape[1], params[1].shape[0] // 4)
    ):
        if tuple(x.shape) != (count, sizes[0], width):
            raise RuntimeError(f"{name}: Expected hidden size {(count, sizes[0], width)}, got {list(x.shape)}")
    steps = [Steps(sizes, reverse) for reverse in (False, True)[:directions]]
    states = [x.unbind() for x in first]
    last = []
    for layer in range(num_layers):
        if layer and train and dropout_p > 0:
            rows = dropout(rows, dropout_p, True)
        outputs = []
        for direction in range(directions):
            k = layer * directions + direction
            h, c = (*(x[k] for x in states), None)[:2]
            output, *ended = _one_layer(op, rows, params[k * each : (k + 1) * each], has_biases, h, c, steps[direction])
            outputs.append(output)
            last.append(ended)
        rows = outputs[0] if directions == 1 else cat(outputs, 1)
    output = rows if batch_sizes is not None else rows.unflatten(0, (len(sizes), sizes[0]))
    return (output.transpose(0, 1) if batch_first else output, *(stack(x) for x in zip(*last)))


@composite
def lstm(input, *arguments):
    """What nn.LSTM computes: (output, last h, last c).

    lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first): input (T, N, in), or with
    batch_first (N, T, in); hx a pair (h, c), each (num_layers * directions, N, size); params the weights of every layer
    and direction in the order of `nn.LSTM.parameters()`.

    lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional): of a PackedSequence.

    >>> import tensorx as tx
    >>> net = tx.nn.LSTM(3, 4)
    >>> state = tx.zeros(1, 2, 4)
    >>> output, h, c = tx.lstm(
    ...     tx.ones(5, 2, 3), (state, state), list(net.parameters()), True, 1, 0.0, False, False, False
    ... )
    >>> output.shape, c.shape
    (tensorx.Size([5, 2, 4]), tensorx.Size([1, 2, 4]))
    """
    return _all_layers(_lstm, input, *arguments)


@composite
def gru(input, *arguments):
    """What nn.GRU computes: (output, last h). Arguments as those of `lstm`, with one tensor hx."""
    return _all_layers(_gru, input, *arguments)


@composite
def rnn_tanh(input, *arguments):
    """What nn.RNN computes: (output, last h). Arguments as those of `lstm`, with one tensor hx."""
    return _all_layers(_rnn_tanh, input, *arguments)


@composite
def rnn_relu(input, *arguments):
    """What nn.RNN(nonlinearity="relu") computes: (output, last h). Arguments as those of `lstm`, with one tensor hx."""
    return _all_layers(_rnn_relu, input, *arguments)


def _one_step(op, input, states, w_ih, w_hh, b_ih, b_hh):
    name, width = op.name[1:] + "_cell", w_hh.shape[1]
    if input.dim() != 2 or input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(
            f"{name}: input has inconsistent input_size: got {input.shape[-1:]} expected {w_ih.shape[1]}, in a tensor (N, "
            f"input_size), got shape {tuple(input.shape)}"
        )
    for i, x in enumerate(states):
        if x.dim() != 2 or x.shape[1] != width:
            raise RuntimeError(
                f"{name}: hidden{i} has inconsistent hidden_size: got shape {tuple(x.shape)}, expected (N, {width})"
            )
        if x.shape[0] != input.shape[0]:
            raise RuntimeError(
                f"{name}: Input batch size {input.shape[0]} doesn't match hidden{i} batch size {x.shape[0]}"
            )
    weights = [w_ih, w_hh] if b_ih is None else [w_ih, w_hh, b_ih, b_hh]
    h, c = (*states, None)[:2]
    return _one_layer(op, input, weights, b_ih is not None, h, c, Steps([input.shape[0]]))[1:]


@composite
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: input (N, in), hx a pair (h, c) of (N, size), w_ih (4 size, in), w_hh (4 size, size): (h', c').

    >>> import tensorx as tx
    >>> x, h = tx.ones(2, 3), tx.zeros(2, 4)
    >>> tx.lstm_cell(x, (h, h), tx.ones(16, 3), tx.ones(16, 4))[0].shape
    tensorx.Size([2, 4])
    """
    return _one_step(_lstm, input, tuple(hx), w_ih, w_hh, b_ih, b_hh)


@composite
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: input (N, in), hx (N, size), w_ih (3 size, in), w_hh (3 size, size) give h' (N, size)."""
    return _one_step(_gru, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an Elman net: tanh(input @ w_ih^T + b_ih + hx @ w_hh^T + b_hh)."""
    return _one_step(_rnn_tanh, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]


@composite
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an Elman net with relu: relu(input @ w_ih^T + b_ih + hx @ w_hh^T + b_hh)."""
    return _one_step(_rnn_relu, input, (hx,), w_ih, w_hh, b_ih, b_hh)[0]
