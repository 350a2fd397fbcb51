"""Optimisers that look at whole tensors (L-BFGS, Muon, Adafactor) and averages of weights, against PyTorch's."""

import copy
import pickle

import numpy
import pytest

import tensorx as tx
from nn_parity import array, assert_close, copy_weights, to_tx, torch

# L-BFGS ---------------------------------------------------------------------------------------------


def rosenbrock(x, y):
    return ((1 - x) ** 2).sum() + 10 * ((y - x**2) ** 2).sum()


def minimise(optimizer, parameters, steps):
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = rosenbrock(*parameters)
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
    return losses


STARTS = [[-1.2, 0.5, 2.0], [1.5, -0.3, 0.9]]
LBFGS = [
    {"lr": 0.05},
    {"lr": 0.05, "max_iter": 7, "history_size": 3},
    {"line_search_fn": "strong_wolfe"},
    {"lr": 0.5, "line_search_fn": "strong_wolfe", "max_iter": 5, "history_size": 2},
    {"line_search_fn": "strong_wolfe", "max_iter": 3, "max_eval": 4},
    {"lr": 1e-4, "line_search_fn": "strong_wolfe", "max_iter": 4},
    {"lr": 20.0, "line_search_fn": "strong_wolfe", "max_iter": 4},
]


@pytest.mark.parametrize("options", LBFGS)
def test_lbfgs(options, device):
    reference = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in STARTS]
    mine = [to_tx(weight).detach().to(device).requires_grad_() for weight in reference]
    steps = 5 if device == "cpu" else 2
    ours, theirs = tx.optim.LBFGS(mine, **options), torch.optim.LBFGS(reference, **options)
    numpy.testing.assert_allclose(minimise(ours, mine, steps), minimise(theirs, reference, steps), rtol=1e-6, atol=1e-9)
    for a, b in zip(mine, reference):
        assert_close(a.cpu(), b, 1e-6)
    (state,), (other,) = ours.state.values(), theirs.state.values()
    assert (state["func_evals"], state["n_iter"]) == (other["func_evals"], other["n_iter"])


def test_lbfgs_states_go_both_ways():
    options = {"line_search_fn": "strong_wolfe", "max_iter": 2}
    reference = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for start in STARTS]
    theirs = torch.optim.LBFGS(reference, **options)
    minimise(theirs, reference, 3)
    mine = [to_tx(weight) for weight in reference]
    ours = tx.optim.LBFGS(mine, **options)
    ours.load_state_dict(converted(theirs.state_dict(), torch.Tensor, to_tx))
    assert minimise(ours, mine, 2) == pytest.approx(minimise(theirs, reference, 2), rel=1e-9)
    other = [torch.tensor(array(weight), requires_grad=True) for weight in mine]
    back = torch.optim.LBFGS(other, **options)
    back.load_state_dict(converted(ours.state_dict(), tx.Tensor, lambda value: torch.tensor(array(value))))
    assert minimise(back, other, 2) == pytest.approx(minimise(ours, mine, 2), rel=1e-8, abs=1e-12)


def converted(value, kind, convert):
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, dict):
        return {key: converted(each, kind, convert) for key, each in value.items()}
    return [converted(each, kind, convert) for each in value] if isinstance(value, list) else value


def test_lbfgs_of_complex_numbers_and_missing_gradients():
    def run(library):
        z = library.tensor([1 + 2j, -0.5j], dtype=library.complex128, requires_grad=True)
        idle = library.zeros(2, dtype=library.float64, requires_grad=True)
        optimizer = library.optim.LBFGS([z, idle], lr=0.1, max_iter=5)

        def closure():
            optimizer.zero_grad()
            loss = ((z.real - 3) ** 2).sum() + (z.imag**4).sum()
            loss.backward()
            return loss

        for _ in range(3):
            optimizer.step(closure)
        return z.detach().numpy(), idle.detach().numpy()

    for a, b in zip(run(tx), run(torch)):
        numpy.testing.assert_allclose(a, b, rtol=1e-9)


def test_lbfgs_stops_at_once_in_a_minimum():
    weight = tx.nn.Parameter(tx.zeros(3))
    optimizer, calls = tx.optim.LBFGS([weight]), []

    def closure():
        calls.append(1)
        weight.grad = tx.zeros(3)
        return tx.tensor(0.0)

    assert optimizer.step(closure).item() == 0 and len(calls) == 1


@pytest.mark.parametrize("value", [numpy.nan, numpy.inf])
def test_lbfgs_ends_where_the_loss_is_no_number(value):
    weight = tx.nn.Parameter(tx.ones(2))
    optimizer = tx.optim.LBFGS([weight], line_search_fn="strong_wolfe")

    def closure():
        weight.grad = weight.detach().clone()
        return tx.tensor(value)

    optimizer.step(closure)


def test_lbfgs_errors():
    weight = tx.nn.Parameter(tx.ones(1))
    with pytest.raises(ValueError, match="per-parameter options"):
        tx.optim.LBFGS([{"params": [weight]}, {"params": [tx.nn.Parameter(tx.ones(1))]}])
    with pytest.raises(RuntimeError, match="only 'strong_wolfe'"):
        tx.optim.LBFGS([weight], line_search_fn="armijo").step(lambda: weight.sum())
    with pytest.raises(ValueError, match="Invalid learning rate"):
        tx.optim.LBFGS([weight], lr=-1)


# Adafactor and Muon -----------------------------------------------------------------------------------

MATRICES = [(3, 4), (6, 2), (5, 5)]
OTHERS = [(5,), (), (2, 3, 4), (7, 1)]
WHOLE = [
    ("Adafactor", {}, MATRICES + OTHERS),
    ("Adafactor", {"lr": 0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1, "maximize": True}, MATRICES + OTHERS),
    ("Adafactor", {"beta2_decay": -0.5}, MATRICES + OTHERS),
    ("Muon", {}, MATRICES),
    ("Muon", {"lr": 0.1, "nesterov": False, "weight_decay": 0.0, "adjust_lr_fn": "match_rms_adamw"}, MATRICES),
    ("Muon", {"lr": 0.1, "momentum": 0.5, "ns_steps": 3, "adjust_lr_fn": "original"}, MATRICES),
]


@pytest.mark.parametrize("name, options, shapes", WHOLE)
def test_steps_of_whole_tensors(name, options, shapes, device):
    generator = numpy.random.default_rng(3)
    reference = [torch.tensor(generator.normal(size=shape), requires_grad=True) for shape in shapes]
    mine = [to_tx(weight).detach().to(device).requires_grad_() for weight in reference]
    theirs, ours = (getattr(library.optim, name)(p, **options) for library, p in ((torch, reference), (tx, mine)))
    # Muon rounds to bfloat16 within, where sums in another order may round otherwise.
    tolerance = 0.02 if name == "Muon" else 1e-6
    steps = 8 if device == "cuda" else 20 if name == "Muon" else 50  # PyTorch's Muon and the emulated device are slow
    for step in range(steps):
        if step == steps // 2 and name == "Adafactor":  # in the middle, states are exchanged
            state = theirs.state_dict()
            ours = tx.optim.Adafactor(mine, **options)
            ours.load_state_dict(converted(state, torch.Tensor, to_tx))
            saved = converted(ours.state_dict(), tx.Tensor, lambda value: torch.tensor(array(value.cpu())))
            theirs.load_state_dict(saved)
        for a, b in zip(mine, reference):
            b.grad = torch.tensor(generator.normal(size=tuple(b.shape)))
            a.grad = to_tx(b.grad).to(device)
        ours.step()
        theirs.step()
    for a, b in zip(mine, reference):
        numpy.testing.assert_allclose(
            array(a.cpu()), array(b), rtol=tolerance, atol=tolerance * (50 * ours.defaults["lr"])
        )


def test_whole_tensors_that_are_empty():
    weight = tx.nn.Parameter(tx.zeros(0, 3))
    weight.grad = tx.zeros(0, 3)
    tx.optim.Adafactor([weight]).step()
    tx.optim.Muon([weight]).step()


@pytest.mark.parametrize("dtype", [tx.float16, tx.bfloat16])
@pytest.mark.parametrize("name", ["Adafactor", "Muon"])
def test_whole_tensors_in_half_precision(name, dtype):
    weight = tx.nn.Parameter(tx.ones(8, 4, dtype=dtype))
    optimizer = getattr(tx.optim, name)([weight], lr=0.02)
    for _ in range(3):
        weight.grad = tx.ones(8, 4, dtype=dtype)
        optimizer.step()
    assert weight.dtype is dtype and bool(((weight < 1) & (weight > 0.8)).all())


def test_muon_makes_the_step_orthogonal():
    tx.manual_seed(0)
    for shape in ((16, 4), (4, 16), (8, 8)):
        weight = tx.nn.Parameter(tx.zeros(shape))
        weight.grad = tx.randn(shape)
        tx.optim.Muon([weight], lr=1.0, weight_decay=0.0, adjust_lr_fn="match_rms_adamw").step()
        values = tx.linalg.svdvals(weight.detach() / (0.2 * 4 if 16 in shape else 0.2 * 8**0.5))
        assert 0.5 < values.min() and values.max() < 1.4


def test_whole_tensor_errors():
    matrix, vector = tx.nn.Parameter(tx.ones(2, 2)), tx.nn.Parameter(tx.ones(2))
    made = tx.nn.Parameter(tx.ones(2, 2, dtype=tx.complex64))
    for make, message in (
        (lambda: tx.optim.Muon([matrix], lr=tx.ones(2)), "Tensor lr must be 1-element"),
        (lambda: tx.optim.Adafactor([matrix], lr=tx.ones(2)), "Tensor lr must be 1-element"),
        (lambda: tx.optim.Muon([vector]), "only supports 2D parameters"),
        (lambda: tx.optim.Muon([matrix], lr=-1.0), "Learning rate should be >= 0"),
        (lambda: tx.optim.Muon([matrix], adjust_lr_fn="none"), "none is not supported"),
        (lambda: tx.optim.Adafactor([matrix], lr=-1.0), "Learning rate should be >= 0 but is: -1.0"),
        (lambda: tx.optim.Adafactor([matrix], beta2_decay=0.5), "beta2_decay should be <= 0"),
        (lambda: tx.optim.Adafactor([matrix], d=0.5), "threshold d should be >= 1"),
        (lambda: tx.optim.Adafactor([matrix], eps=(-1.0, 1.0)), "epsilon1 should be >= 0"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
    for optimizer in (tx.optim.Muon([made]), tx.optim.Adafactor([made])):
        made.grad = tx.ones(2, 2, dtype=tx.complex64)
        with pytest.raises(RuntimeError, match="complex"):
            optimizer.step()
    for optimizer in (tx.optim.Muon([matrix]), tx.optim.Adafactor([matrix])):
        matrix.grad = tx.eye(2).to_sparse()
        with pytest.raises(RuntimeError, match="sparse"):
            optimizer.step()


# Averages -----------------------------------------------------------------------------------------------


def networks():
    reference = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2))
    model = tx.nn.Sequential(tx.nn.Linear(3, 4), tx.nn.BatchNorm1d(4), tx.nn.Linear(4, 2))
    copy_weights(model, reference)
    return model, reference


AVERAGES = [
    lambda utils: {},
    lambda utils: {"use_buffers": True},
    lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.9)},
    lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.9), "use_buffers": True},
    lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    lambda utils: {"avg_fn": lambda averaged, current, count: averaged + current * count},
]


@pytest.mark.parametrize("options", AVERAGES)
def test_averages(options):
    model, reference = networks()
    mine = tx.optim.swa_utils.AveragedModel(model, **options(tx.optim.swa_utils))
    theirs = torch.optim.swa_utils.AveragedModel(reference, **options(torch.optim.swa_utils))
    generator = numpy.random.default_rng(1)
    for _ in range(4):
        for a, b in zip(model.parameters(), reference.parameters()):
            b.data = torch.tensor(generator.normal(size=tuple(b.shape)), dtype=torch.float32)
            a.data = to_tx(b.data)
        x = torch.tensor(generator.normal(size=(6, 3)), dtype=torch.float32)
        model(to_tx(x))
        reference(x)
        mine.update_parameters(model)
        theirs.update_parameters(reference)
    expected = theirs.state_dict()
    assert list(mine.state_dict()) == list(expected)
    for name, value in mine.state_dict().items():
        assert_close(value, expected[name], 1e-5)
    assert_close(mine(to_tx(x)), theirs(x), 1e-4)
    mine.load_state_dict(pickle.loads(pickle.dumps(copy.deepcopy(mine).state_dict())))


def test_average_on_another_device(device):
    model = tx.nn.Linear(2, 2)
    average = tx.optim.swa_utils.AveragedModel(model, device=device)
    for value in (1.0, 3.0):
        tx.nn.init.constant_(model.weight, value)
        average.update_parameters(model)
    assert average.module.weight.device.type == device and average.n_averaged.device.type == device
    assert average.module.weight.tolist() == [[2.0, 2.0]] * 2 and average.n_averaged == 2


def test_update_bn(device):
    model, reference = networks()
    model.to(device)
    batches = [torch.tensor(numpy.random.default_rng(i).normal(size=(5, 3)), dtype=torch.float32) for i in range(3)]
    model.eval()
    reference.eval()
    tx.optim.swa_utils.update_bn([to_tx(batch) for batch in batches], model, device)
    torch.optim.swa_utils.update_bn([[batch, "label"] for batch in batches], reference)
    for name, value in model.state_dict().items():
        assert_close(value.cpu(), reference.state_dict()[name], 1e-5)
    assert not model.training and model[1].momentum == 0.1
    tx.optim.swa_utils.update_bn([], tx.nn.Linear(1, 1))  # nothing to do


def test_average_errors():
    utils = tx.optim.swa_utils
    with pytest.raises(ValueError, match="Invalid decay value 1.5"):
        utils.get_ema_avg_fn(1.5)
    with pytest.raises(ValueError, match="Invalid decay value -0.5"):
        utils.get_ema_multi_avg_fn(-0.5)
    with pytest.raises(AssertionError, match="Only one of avg_fn"):
        utils.AveragedModel(
            tx.nn.Linear(1, 1), avg_fn=utils.get_swa_avg_fn(), multi_avg_fn=utils.get_swa_multi_avg_fn()
        )
