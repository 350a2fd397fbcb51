"""Recurrent nets, their cells and packed sequences against PyTorch's: values, gradients, state, errors."""

import copy
import itertools

import numpy as np
import pytest

import nn_parity
import tensorx as tx
from concepts.memory_use import peak
from nn_parity import compare_modules, draw, flat, to_tx, torch
from tensorx import _C, nn
from tensorx.nn.utils import rnn as packing

torch_packing = torch.nn.utils.rnn
INPUTS, SIZE, STEPS, BATCH = 3, 5, 4, 3
LENGTHS = {"sorted": [4, 2, 2], "unsorted": [2, 4, 1]}


def build(name, options, device="cpu"):
    ours, theirs = nn_parity.build(name, (INPUTS, SIZE), options)
    return ours.to(device), theirs


def states(name, options, batch=(BATCH,)):
    """What hx is for this net: one tensor, or two for an LSTM."""
    count = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    h = draw(count, *batch, options.get("proj_size") or SIZE)
    return [h, draw(count, *batch, SIZE) + 1] if "LSTM" in name else [h]


def given(tensors):
    return tensors[0] if len(tensors) == 1 else tuple(tensors)


NETS = ["RNN", "GRU", "LSTM"]
OPTIONS = [
    {},
    {"bias": False},
    {"num_layers": 2},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True, "bias": False},
]
CASES = [
    *itertools.product(NETS, OPTIONS),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 2, "bias": False, "batch_first": True}),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize("with_state", [True, False])
def test_net(name, options, with_state, device):
    ours, theirs = build(name, options, device)
    shape = (BATCH, STEPS, INPUTS) if options.get("batch_first") else (STEPS, BATCH, INPUTS)
    first = states(name, options) if with_state else []
    compare_modules(
        ours,
        theirs,
        lambda _, net, t: net(t[0], *([given(t[1:])] if with_state else [])),
        [draw(*shape), *first],
        device,
    )


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
@pytest.mark.parametrize("order", list(LENGTHS))
def test_packed(name, options, order, device):
    ours, theirs = build(name, options, device)

    def call(library, net, tensors):
        rnn = library.nn.utils.rnn
        x, *first = tensors
        packed = rnn.pack_padded_sequence(x, LENGTHS[order], enforce_sorted=order == "sorted")
        output, last = net(packed, given(first))
        return (*rnn.pad_packed_sequence(output), last)

    compare_modules(ours, theirs, call, [draw(STEPS, BATCH, INPUTS), *states(name, options)], device)


@pytest.mark.parametrize("name", NETS)
def test_packed_without_state(name):
    ours, theirs = build(name, {"bidirectional": True})

    def call(library, net, tensors):
        return net(library.nn.utils.rnn.pack_sequence(tensors, enforce_sorted=False))[1]

    compare_modules(ours, theirs, call, [draw(2, INPUTS), draw(4, INPUTS), draw(3, INPUTS)], "cpu")


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("batch_first", [True, False])
def test_without_batch(name, batch_first):
    options = {"num_layers": 2, "batch_first": batch_first}
    ours, theirs = build(name, options)
    compare_modules(
        ours,
        theirs,
        lambda _, net, t: net(t[0], given(t[1:])),
        [draw(STEPS, INPUTS), *states(name, options, ())],
        "cpu",
    )


@pytest.mark.parametrize("name", NETS)
def test_empty_batch(name):
    net = getattr(nn, name)(INPUTS, SIZE, bidirectional=True)
    output, last = net(tx.zeros(STEPS, 0, INPUTS))
    assert output.shape == (STEPS, 0, 2 * SIZE) and flat(last)[0].shape == (2, 0, SIZE)
    output.sum().backward()
    assert net.weight_hh_l0.grad.abs().max() == 0


@pytest.mark.parametrize("name", NETS)
def test_gradients_of_the_output_or_the_state_alone(name):
    """A result that nobody uses counts as a gradient of zeros."""
    ours, theirs = build(name, {"num_layers": 2})
    for number in (0, 1):
        compare_modules(ours, theirs, lambda _, net, t: flat(net(t[0]))[number], [draw(STEPS, BATCH, INPUTS)], "cpu")


@pytest.mark.parametrize("name", NETS)
def test_inputs_that_are_not_contiguous(name):
    ours, theirs = build(name, {})
    x, h = draw(INPUTS, BATCH, STEPS), states(name, {}, ())
    compare_modules(
        ours,
        theirs,
        lambda _, net, t: net(t[0].permute(2, 1, 0), given([s.unsqueeze(1).expand(1, BATCH, SIZE) for s in t[1:]])),
        [x, *h],
        "cpu",
    )


@pytest.mark.parametrize(("name", "options"), [*((n, {}) for n in NETS), ("LSTM", {"proj_size": 1})], ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_second_order(name, options, reverse):
    """Of one direction of a packed batch, whose steps do not all have as many examples."""
    net = getattr(nn, name)(2, 2, bidirectional=True, **options).double()
    weights = {n: w for n, w in net.named_parameters() if n.endswith("_reverse") == reverse}
    first = [tx.randn(1, 2, options.get("proj_size", 2), dtype=tx.float64)]
    first += [tx.randn(1, 2, 2, dtype=tx.float64)] if name == "LSTM" else []

    def run(x, *rest):
        states = [tx.cat([s, s * 0][:: -1 if reverse else 1]) for s in rest[: len(first)]]
        packed = packing.PackedSequence(x, tx.tensor([2, 1]))
        output, last = tx.func.functional_call(net, dict(zip(weights, rest[len(first) :])), (packed, given(states)))
        width = output.data.shape[1] // 2
        return output.data[:, width:] if reverse else output.data[:, :width], *(s[int(reverse)] for s in flat(last))

    inputs = [tx.randn(3, 2, dtype=tx.float64), *first, *(w.detach() for w in weights.values())]
    inputs = [t.requires_grad_() for t in inputs]
    assert tx.autograd.gradcheck(run, inputs, fast_mode=True)
    assert tx.autograd.gradgradcheck(run, inputs, fast_mode=True)


@pytest.mark.parametrize("name", NETS)
def test_both_ways_to_the_gradient_agree(name, device):
    """The fused one and that by ops, which create_graph=True takes."""
    net = getattr(nn, name)(2, 3, bidirectional=True).double().to(device)
    output, last = net(tx.ones(3, 2, 2, dtype=tx.float64, device=device).requires_grad_())
    loss = output.square().sum() + sum(s.sum() for s in flat(last))
    fused = tx.autograd.grad(loss, list(net.parameters()), retain_graph=True)
    by_ops = tx.autograd.grad(loss, list(net.parameters()), create_graph=True)
    for a, b in zip(fused, by_ops):
        np.testing.assert_allclose(a.cpu(), b.detach().cpu(), 1e-12, 1e-12)


@pytest.mark.parametrize(("name", "options"), [*((n, {}) for n in NETS), ("LSTM", {"proj_size": 2})], ids=str)
@pytest.mark.parametrize("order", list(LENGTHS))
def test_without_gradient(name, options, order, device):
    """The same bits, though steps share their memory then."""
    net = getattr(nn, name)(INPUTS, SIZE, num_layers=2, bidirectional=True, **options).to(device)
    packed = packing.pack_padded_sequence(
        tx.randn(STEPS, BATCH, INPUTS, device=device), LENGTHS[order], enforce_sorted=order == "sorted"
    )
    expected, last = net(packed)
    with tx.no_grad():
        found, same = net(packed)
    for a, b in zip(flat([found.data, same]), flat([expected.data, last])):
        assert tx.equal(a, b) and not a.requires_grad


def test_memory_without_gradient(device):
    """Beside the output there is what the input contributes to the gates: 4 numbers for each of the output's."""
    net = nn.LSTM(4, 64, device=device)
    x = tx.zeros(200, 4, 4, device=device)
    nbytes = 200 * 4 * 64 * 4

    def run():
        with tx.no_grad():
            net(x)

    run()
    assert 0 < peak(device, run) < 6 * nbytes
    assert peak(device, lambda: net(x)) > 9 * nbytes


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("name", NETS)
def test_dtypes(name, dtype):
    ours, _ = build(name, {})
    x = to_tx(draw(STEPS, BATCH, INPUTS)).detach()
    expected = ours(x)[0]
    net = copy.deepcopy(ours).to(getattr(tx, dtype))
    output, last = net(x.to(getattr(tx, dtype)))
    assert output.dtype == getattr(tx, dtype) == flat(last)[0].dtype
    tolerance = 1e-5 if dtype == "float32" else 0.05
    np.testing.assert_allclose(output.detach().double().numpy(), expected.detach().numpy(), tolerance, tolerance)
    output.sum().backward()
    assert all(p.grad.dtype == p.dtype for p in net.parameters())


def test_nan_stays_in_its_example():
    x = tx.randn(STEPS, BATCH, INPUTS)
    x[1, 0, 0] = tx.nan
    for name in NETS:
        output = getattr(nn, name)(INPUTS, SIZE)(x)[0]
        assert output[1:, 0].isnan().all() and not output[:, 1:].isnan().any() and not output[0].isnan().any()


def test_dropout_between_layers():
    for p, train, changes in ((0.5, True, True), (0.5, False, False), (0.0, True, False)):
        net = nn.LSTM(INPUTS, SIZE, num_layers=2, dropout=p).train(train)
        x = tx.randn(STEPS, BATCH, INPUTS)
        assert tx.equal(net(x)[0], net(x)[0]) != changes
    net = nn.GRU(INPUTS, SIZE, num_layers=2, dropout=1.0)
    single = nn.GRU(SIZE, SIZE)
    single.load_state_dict({f"{n[:-1]}0": w for n, w in net.state_dict().items() if n.endswith("l1")})
    assert tx.equal(net(tx.randn(STEPS, BATCH, INPUTS))[0], single(tx.zeros(STEPS, BATCH, SIZE))[0])
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        nn.RNN(INPUTS, SIZE, dropout=0.5)


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_state_and_repr(name, options):
    ours, theirs = build(name, options)
    assert repr(ours) == repr(theirs)
    assert [(n, tuple(v.shape)) for n, v in ours.state_dict().items()] == [
        (n, tuple(v.shape)) for n, v in theirs.state_dict().items()
    ]
    assert [[tuple(w.shape) for w in ws] for ws in ours.all_weights] == [
        [tuple(w.shape) for w in ws] for ws in theirs.all_weights
    ]
    assert all(w.abs().max() <= SIZE**-0.5 for w in getattr(nn, name)(INPUTS, SIZE, **options).parameters())
    ours.flatten_parameters()
    assert repr(copy.deepcopy(ours)) == repr(ours)


@pytest.mark.parametrize("name", ["lstm", "gru", "rnn_tanh", "rnn_relu"])
def test_functions(name):
    """tx.lstm and its kind called directly, with a batch of one length and with a packed one."""
    net = {"lstm": "LSTM", "gru": "GRU"}.get(name, "RNN")
    options = {"nonlinearity": "relu"} if name == "rnn_relu" else {}
    ours, theirs = build(net, options | {"num_layers": 2})

    def padded(library, module, t):
        hx = tuple(t[1:]) if name == "lstm" else t[1]
        return getattr(library, name)(t[0], hx, list(module.parameters()), True, 2, 0.0, True, False, True)

    def packed(library, module, t):
        hx = tuple(t[1:]) if name == "lstm" else t[1]
        rows, sizes = t[0].flatten(0, 1), library.tensor([BATCH] * STEPS)
        return getattr(library, name)(rows, sizes, hx, list(module.parameters()), True, 2, 0.0, True, False)

    tensors = [draw(BATCH, STEPS, INPUTS), *states(net, {"num_layers": 2})]
    for call in (padded, packed):
        compare_modules(ours, theirs, call, tensors, "cpu")


# ---- cells

CELLS = [(f"{name}Cell", {"bias": bias}) for name in NETS for bias in (True, False)]
CELLS.append(("RNNCell", {"nonlinearity": "relu"}))


@pytest.mark.parametrize(("name", "options"), CELLS, ids=str)
@pytest.mark.parametrize("batch", [(BATCH,), ()], ids=str)
@pytest.mark.parametrize("with_state", [True, False])
def test_cell(name, options, batch, with_state, device):
    ours, theirs = build(name, options, device)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    first = [s[0] for s in states(name, {}, batch)] if with_state else []
    if with_state:
        first = [s.detach().requires_grad_() for s in first]
    compare_modules(
        ours,
        theirs,
        lambda _, cell, t: cell(t[0], *([given(t[1:])] if with_state else [])),
        [draw(*batch, INPUTS), *first],
        device,
    )


def test_a_cell_of_ones_own():
    """RNNCellBase gives weights of `num_chunks` gates, in PyTorch's order and of its sizes."""

    class Leaky(nn.RNNCellBase):
        def __init__(self):
            super().__init__(3, 4, bias=True, num_chunks=2)

    shapes = {name: tuple(value.shape) for name, value in Leaky().state_dict().items()}
    assert shapes == {"weight_ih": (8, 3), "weight_hh": (8, 4), "bias_ih": (8,), "bias_hh": (8,)}
    assert issubclass(nn.LSTMCell, nn.RNNCellBase)


def test_cells_make_the_net():
    for name in NETS:
        net, cell = getattr(nn, name)(INPUTS, SIZE), getattr(nn, f"{name}Cell")(INPUTS, SIZE)
        cell.load_state_dict({n.removesuffix("_l0"): w for n, w in net.state_dict().items()})
        x, state = tx.randn(STEPS, BATCH, INPUTS), None
        for step in x:
            state = cell(step, state)
        np.testing.assert_allclose(flat(state)[0].detach(), net(x)[0][-1].detach(), 1e-5, 1e-6)


# ---- packed and padded sequences


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("order", list(LENGTHS))
@pytest.mark.parametrize("rest", [(), (2,), (2, 3)], ids=str)
def test_pack_and_pad(batch_first, order, rest, device):
    x = torch.arange(STEPS * BATCH * int(np.prod(rest))).view(STEPS, BATCH, *rest).double().requires_grad_()
    x = x.transpose(0, 1) if batch_first else x
    mine = to_tx(x.detach()).to(device).requires_grad_()
    packed = [
        p.pack_padded_sequence(value, LENGTHS[order], batch_first, enforce_sorted=order == "sorted")
        for p, value in ((torch_packing, x), (packing, mine))
    ]
    for field in packing.PackedSequence._fields:
        a, b = getattr(packed[0], field), getattr(packed[1], field)
        assert (a is None) == (b is None) and (a is None or a.tolist() == b.tolist())
    assert packed[1].batch_sizes.device.type == "cpu"
    for total in (None, 6):
        a, n = torch_packing.pad_packed_sequence(packed[0], batch_first, -1.0, total)
        b, m = packing.pad_packed_sequence(packed[1], batch_first, -1.0, total)
        assert a.tolist() == b.tolist() and n.tolist() == m.tolist()
    (expected,) = torch.autograd.grad((a * a).sum(), x)
    (found,) = tx.autograd.grad((b * b).sum(), mine)
    assert expected.tolist() == found.tolist()
    back = packing.unpack_sequence(packed[1])
    assert [t.tolist() for t in back] == [t.tolist() for t in torch_packing.unpack_sequence(packed[0])]


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(batch_first, side):
    sequences = [draw(2, 3), draw(4, 3), torch.zeros(0, 3, dtype=torch.float64, requires_grad=True)]
    mine = [to_tx(s) for s in sequences]
    expected = torch_packing.pad_sequence(sequences, batch_first, 2.0, side)
    found = packing.pad_sequence(mine, batch_first, 2.0, side)
    assert found.tolist() == expected.tolist() and found.is_contiguous()
    grads = tx.autograd.grad((found * found).sum(), mine)
    for a, b in zip(grads, torch.autograd.grad((expected * expected).sum(), sequences)):
        assert a.tolist() == b.tolist()
    unpadded = packing.unpad_sequence(packing.pad_sequence(mine, batch_first), tx.tensor([2, 4, 0]), batch_first)
    assert [u.tolist() for u in unpadded] == [s.tolist() for s in mine]


def test_packed_sequence():
    packed = packing.pack_sequence([tx.tensor([1.0, 2.0]), tx.tensor([3.0, 4.0, 5.0])], enforce_sorted=False)
    assert packed.to(tx.float32) is packed and packed.cpu() is packed and not packed.is_cuda
    for name in ("double", "float", "half", "long", "int", "short", "char", "byte"):
        assert getattr(packed, name)().data.dtype == getattr(tx.zeros(0), name)().dtype
    data, sizes, indices, inverse = packed
    assert packing.PackedSequence((data, sizes), None, indices).unsorted_indices.tolist() == inverse.tolist()
    assert copy.deepcopy(packed).data.tolist() == data.tolist()
    assert packing.invert_permutation(None) is None
    if tx.cuda.is_available():
        moved = packed.cuda()
        assert moved.is_cuda and moved.sorted_indices.is_cuda and not moved.batch_sizes.is_cuda
        with pytest.raises(ValueError, match="batch_sizes should always be on CPU"):
            packing.PackedSequence(data, sizes.cuda())


# ---- errors

X = tx.zeros(STEPS, BATCH, INPUTS)


@pytest.mark.parametrize(
    ("make", "error", "text"),
    [
        (lambda: nn.LSTM(0, 1), ValueError, "input_size must be greater than zero"),
        (lambda: nn.LSTM(1, 0), ValueError, "hidden_size must be greater than zero"),
        (lambda: nn.LSTM(1, 1, 0), ValueError, "num_layers must be greater than zero"),
        (lambda: nn.LSTM(1.0, 1), TypeError, "input_size should be of type int"),
        (lambda: nn.LSTM(1, 1, bias=1), TypeError, "bias should be of type bool"),
        (lambda: nn.LSTM(1, 1, batch_first=0), TypeError, "batch_first should be of type bool"),
        (lambda: nn.LSTM(1, 1, 2, dropout=2), ValueError, "dropout should be a number in range"),
        (lambda: nn.LSTM(1, 2, proj_size=2), ValueError, "proj_size has to be smaller"),
        (lambda: nn.LSTM(1, 2, proj_size=-1), ValueError, "proj_size should be a positive integer"),
        (lambda: nn.GRU(1, 2, proj_size=1), ValueError, "only supported for LSTM"),
        (lambda: nn.RNN(1, 2, nonlinearity="sin"), ValueError, "Unknown nonlinearity 'sin'"),
        (lambda: nn.RNNBase("CNN", 1, 2), ValueError, "Unrecognized RNN mode: CNN"),
        (lambda: nn.GRU(INPUTS, SIZE)(X.double()), ValueError, "does not match weight dtype"),
        (lambda: nn.GRU(INPUTS, SIZE)(X[0, 0]), ValueError, "Expected input to be 2D or 3D, got 1D"),
        (lambda: nn.GRU(INPUTS + 1, SIZE)(X), RuntimeError, "Expected 4, got 3"),
        (lambda: nn.GRU(INPUTS, SIZE)(X[:0]), RuntimeError, "larger than 0"),
        (lambda: nn.GRU(INPUTS, SIZE)(X, tx.zeros(BATCH, SIZE)), RuntimeError, "hx should also be 3-D"),
        (lambda: nn.GRU(INPUTS, SIZE)(X[0], tx.zeros(1, 1, SIZE)), RuntimeError, "hx should also be 2-D"),
        (lambda: nn.LSTM(INPUTS, SIZE)(X, (tx.zeros(1, SIZE),) * 2), RuntimeError, "hx and cx should also be 3-D"),
        (lambda: nn.LSTM(INPUTS, SIZE)(X, tx.zeros(1, 1, SIZE)), TypeError, r"pair \(h, c\)"),
        (lambda: nn.GRU(INPUTS, SIZE)(X, (tx.zeros(1, 1, SIZE),) * 2), TypeError, "expected hx to be a Tensor"),
        (lambda: nn.LSTMCell(INPUTS, SIZE)(X[0], tx.zeros(BATCH, SIZE)), TypeError, r"pair \(h, c\)"),
        (lambda: nn.GRUCell(INPUTS, SIZE)(X), ValueError, "GRUCell: Expected input to be 1D or 2D, got 3D"),
        (lambda: nn.GRUCell(INPUTS, SIZE)(X[0], X), ValueError, "GRUCell: Expected hidden to be 1D or 2D, got 3D"),
        (lambda: nn.GRUCell(INPUTS + 1, SIZE)(X[0]), RuntimeError, "inconsistent input_size"),
        (lambda: nn.GRUCell(INPUTS, SIZE)(X[0], tx.zeros(BATCH, 2)), RuntimeError, "inconsistent hidden_size"),
        (lambda: nn.GRUCell(INPUTS, SIZE)(X[0], tx.zeros(2, SIZE)), RuntimeError, "doesn't match hidden0 batch size"),
        (lambda: nn.RNNCell(INPUTS, SIZE, nonlinearity="sin")(X[0]), RuntimeError, "Unknown nonlinearity: sin"),
        (lambda: tx.gru(X, X, [], True), TypeError, "batch_first"),
        (lambda: tx.gru(X, X, [], True, 1, 0.0, True, False, False), RuntimeError, "number of RNN parameters"),
        (lambda: packing.pack_padded_sequence(X, [4]), RuntimeError, r"to be equal to batch_size, but got 1"),
        (lambda: packing.pack_padded_sequence(X, [4, 4, 0]), RuntimeError, "greater than 0"),
        (lambda: packing.pack_padded_sequence(X, [5, 1, 1]), RuntimeError, "found length 5"),
        (lambda: packing.pack_padded_sequence(X, [1, 2, 3]), RuntimeError, "enforce_sorted=False"),
        (lambda: packing.pack_padded_sequence(X, tx.ones(3, 1)), RuntimeError, "should be a 1D CPU int64 tensor"),
        (lambda: packing.pack_padded_sequence(X[0, 0], [1]), IndexError, r"\(T, N, \*\)"),
        (lambda: packing.pack_padded_sequence(X[:0], [1]), RuntimeError, "Cannot pack empty tensors"),
        (lambda: packing.pad_sequence([]), RuntimeError, "empty list"),
        (lambda: packing.pad_sequence(3), RuntimeError, "Expected iterable"),
        (lambda: packing.pad_sequence([X], padding_side="top"), RuntimeError, "padding_side"),
        (lambda: packing.pad_sequence([X, X[0]]), RuntimeError, "number 1"),
        (lambda: packing.pad_sequence([tx.tensor(1)]), RuntimeError, "number 0"),
        (lambda: packing.unpad_sequence(X, [1, 2]), ValueError, "batch_first"),
        (lambda: packing.pad_packed_sequence(packing.pack_sequence([X]), total_length=2), ValueError, "total_length"),
    ],
)
def test_errors(make, error, text):
    with pytest.raises(error, match=text):
        make()


@pytest.mark.parametrize("sizes", [[2, 3], [], [3, 0], [4, 4]], ids=str)
def test_batch_sizes_that_do_not_fit(sizes):
    """A packed sequence made by hand from Python must not crash or read beyond its rows."""
    packed = packing.PackedSequence(tx.zeros(5, INPUTS), tx.tensor(sizes, dtype=tx.int64))
    with pytest.raises((RuntimeError, IndexError)):
        nn.GRU(INPUTS, SIZE)(packed)


# ---- the kernels of the gates


def gate_arrays(kind, dtype, device):
    """Inputs of a step of 3 examples and 5 features, as rows of wider arrays."""
    generator = np.random.default_rng(0)
    gates = {"lstm": 4, "gru": 3}[kind]
    wide = [generator.standard_normal((3, n * 5 + 2)) for n in (gates, gates, 1)]
    return [tx.tensor(w).to(getattr(tx, dtype)).to(device)[:, 1:-1] for w in wide]


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_gates_into_strided_memory(kind, dtype, device):
    """Rows apart, columns apart and half types give what contiguous arrays do."""
    x, hidden, state = gate_arrays(kind, dtype, device)
    outputs = (4, 1, 1) if kind == "lstm" else (4, 1)

    def run(*given):
        results = []
        for make in (lambda n: tx.zeros(3, n, device=device), lambda n: tx.zeros(n, 3, device=device).t()):
            out = [make(n * 5).to(given[0].dtype) for n in outputs]
            getattr(_C, f"{kind}_gates")(*given, *out)
            results.append([o.cpu().tolist() for o in out])
        assert results[0] == results[1]
        return results[0]

    assert run(x, hidden, state) == run(*(a.contiguous() for a in (x, hidden, state)))
    assert run(x, hidden, state) == run(*(a.t().contiguous().t() for a in (x, hidden, state)))


@pytest.mark.parametrize("size", [1, 3, 17, 300])
def test_gates_do_not_depend_on_the_device_or_the_rows_before(size, device):
    """Every element by itself, whatever its place in a register."""
    x, hidden, c = (tx.randn(20, n * size, dtype=tx.float64).to(device) for n in (4, 4, 1))
    out = [tx.zeros(20, n * size, dtype=tx.float64, device=device) for n in (4, 1, 1)]
    _C.lstm_gates(x, hidden, c, *out)
    i, f, g, o = (x + hidden).chunk(4, 1)
    after = f.sigmoid() * c + i.sigmoid() * g.tanh()
    for found, expected in zip(out[1:], (after, o.sigmoid() * after.tanh())):
        np.testing.assert_allclose(found.cpu(), expected.cpu(), 1e-13, 1e-14)


@pytest.mark.parametrize(
    "change",
    [
        {0: tx.zeros(3, 19)},
        {0: tx.zeros(2, 20)},
        {1: tx.zeros(3, 20, dtype=tx.float64)},
        {2: tx.zeros(3)},
        {2: tx.zeros(3, 5, dtype=tx.int64)},
        {3: tx.zeros(3, 5)},
        {5: tx.zeros(0, 5)},
    ],
)
def test_gates_refuse_what_does_not_fit(change):
    arguments = [tx.zeros(3, n * 5) for n in (4, 4, 1, 4, 1, 1)]
    for i, x in change.items():
        arguments[i] = x
    with pytest.raises(RuntimeError, match="lstm_gates"):
        _C.lstm_gates(*arguments)


@pytest.mark.parametrize("name", NETS)
def test_vmap(name):
    """Gradients of each example by itself, and Jacobians: within vmap the ops do it, without a warning."""
    net = getattr(nn, name)(2, 3, 2, bidirectional=True).double()
    weights = {n: w.detach() for n, w in net.named_parameters()}
    x = tx.randn(3, 4, 2, 2, dtype=tx.float64)

    def loss(weights, x):
        return tx.func.functional_call(net, weights, (x,))[0].square().sum()

    found = tx.vmap(tx.func.grad(loss), in_dims=(None, 0))(weights, x)
    for i in range(3):
        for n, expected in tx.func.grad(loss)(weights, x[i]).items():
            np.testing.assert_allclose(found[n][i], expected, 1e-10, 1e-12)
    by_rows, by_columns = (
        jacobian(lambda x: net(x)[0].sum((1, 2)))(x[0]).detach() for jacobian in (tx.func.jacrev, tx.func.jacfwd)
    )
    np.testing.assert_allclose(by_rows, by_columns, 1e-10, 1e-12)
