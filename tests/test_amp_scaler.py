"""GradScaler: its state step by step against PyTorch's, what it refuses, several optimisers, clipping and accumulation."""

import copy
import math
import pickle

import pytest

import tensorx as tx
from tensorx.amp import GradScaler

GOOD, INFINITE, NAN = 1.0, math.inf, math.nan


def made(device="cpu", value=1.0, **options):
    """A weight of one element, its optimiser and a scaler."""
    weight = tx.nn.Parameter(tx.full((2,), value, device=device))
    return weight, tx.optim.SGD([weight], lr=0.5), GradScaler(device, **options)


def iterate(weight, optimizer, scaler, factor):
    """One iteration of the loss sum(factor * weight)."""
    optimizer.zero_grad()
    scaler.scale((weight * factor).sum()).backward()
    scaler.step(optimizer)
    scaler.update()


# ---- against PyTorch

RUNS = {
    "growth": ({"growth_interval": 2}, [GOOD] * 5),
    "overflow": ({"growth_interval": 3}, [GOOD, GOOD, INFINITE, GOOD, GOOD, GOOD, GOOD]),
    "nan": ({"init_scale": 3.0, "backoff_factor": 0.3, "growth_factor": 1.7, "growth_interval": 1}, [GOOD, NAN, GOOD]),
    "largest": ({"init_scale": 2.0**126, "growth_interval": 1}, [1e-30, 1e-30, 1e-30]),
    "no power of two": ({"init_scale": 1e5 / 3, "backoff_factor": 0.7}, [0.1, INFINITE, 0.1, 0.1]),
    "again and again": ({}, [INFINITE] * 4 + [GOOD]),
}


@pytest.mark.parametrize("name", RUNS)
def test_the_state_is_pytorchs_step_by_step(name, device):
    torch = pytest.importorskip("torch")
    options, factors = RUNS[name]
    weight, optimizer, scaler = made(device, **options)
    their_weight = torch.nn.Parameter(torch.ones(2))
    their_optimizer, their_scaler = torch.optim.SGD([their_weight], lr=0.5), torch.amp.GradScaler("cpu", **options)
    for factor in factors:
        iterate(weight, optimizer, scaler, factor)
        iterate(their_weight, their_optimizer, their_scaler, factor)
        assert scaler.state_dict() == their_scaler.state_dict()
        assert weight.tolist() == their_weight.tolist()


# ---- without it


def test_an_overflow_skips_the_step_and_lowers_the_scale(device):
    weight, optimizer, scaler = made(device, init_scale=8.0, growth_interval=2)
    iterate(weight, optimizer, scaler, 1.0)
    assert weight.tolist() == [0.5, 0.5] and scaler.get_scale() == 8
    iterate(weight, optimizer, scaler, INFINITE)
    assert weight.tolist() == [0.5, 0.5] and scaler.get_scale() == 4
    iterate(weight, optimizer, scaler, 1.0)
    assert weight.tolist() == [0.0, 0.0] and scaler.get_scale() == 4
    iterate(weight, optimizer, scaler, 1.0)
    assert scaler.get_scale() == 8


def test_step_gives_what_the_optimiser_gives_or_none_if_skipped():
    class Telling(tx.optim.SGD):
        def step(self, word="stepped", *, mark="!"):
            super().step()
            return word + mark

    weight = tx.nn.Parameter(tx.ones(2))
    optimizer, scaler = Telling([weight], lr=0.1), GradScaler("cpu")
    for factor, expected in ((1.0, "yes?"), (INFINITE, None)):
        optimizer.zero_grad()
        scaler.scale((weight * factor).sum()).backward()
        assert scaler.step(optimizer, "yes", mark="?") == expected
        scaler.update()


def test_outputs_of_any_nesting_are_scaled(device):
    scaler = GradScaler(device, init_scale=4.0)
    one, half = tx.ones((), device=device), tx.ones((), dtype=tx.float16, device=device)
    scaled = scaler.scale([one, (half, [one])])
    assert type(scaled) is list and type(scaled[1]) is tuple
    assert (scaled[0].item(), scaled[1][0].item(), scaled[1][1][0].item()) == (4, 4, 4)
    assert scaled[1][0].dtype == tx.float16
    assert [x.item() for x in scaler.scale(x for x in (one, one))] == [4, 4]
    for wrong in (3.0, [one, None]):
        with pytest.raises(ValueError, match="must be a Tensor or an iterable of Tensors"):
            scaler.scale(wrong)


@pytest.mark.parametrize(
    ("wrong", "error", "match"),
    [
        (lambda s, o: (s.unscale_(o), s.unscale_(o)), RuntimeError, r"already been called on this optimizer"),
        (lambda s, o: (s.step(o), s.unscale_(o)), RuntimeError, r"after step\(\)"),
        (lambda s, o: (s.step(o), s.step(o)), RuntimeError, r"step\(\) has already been called"),
        (lambda s, o: s.update(), AssertionError, "No inf checks were recorded"),
        (lambda s, o: s.step(o, closure=lambda: 0), RuntimeError, "Closure"),
        (lambda s, o: (s.step(o), pickle.dumps(s)), AssertionError, "pickled"),
        (lambda s, o: s.update(tx.ones(2)), AssertionError, "1-element"),
        (lambda s, o: s.update(tx.ones((), requires_grad=True)), AssertionError, "requires_grad"),
        (lambda s, o: s.load_state_dict({}), RuntimeError, "empty"),
        (lambda s, o: (o.zero_grad(), s.step(o)), AssertionError, "No inf checks were recorded"),
    ],
)
def test_wrong_order(wrong, error, match):
    weight, optimizer, scaler = made()
    scaler.scale(weight.sum()).backward()
    with pytest.raises(error, match=match):
        wrong(scaler, optimizer)


@pytest.mark.parametrize("method", ["unscale_", "step", "update"])
def test_nothing_was_scaled(method):
    weight, optimizer, scaler = made()
    weight.sum().backward()
    with pytest.raises(AssertionError, match=f"Attempted {method}"):
        getattr(scaler, method)(*([] if method == "update" else [optimizer]))


def test_wrong_options():
    with pytest.raises(AssertionError, match="growth factor must be > 1"):
        GradScaler("cpu", growth_factor=1.0)
    with pytest.raises(AssertionError, match="backoff factor must be < 1"):
        GradScaler("cpu", backoff_factor=1.0)


def test_float16_gradients_are_refused(device):
    weight = tx.nn.Parameter(tx.ones(2, dtype=tx.float16, device=device))
    optimizer, scaler = tx.optim.SGD([weight], lr=0.1), GradScaler(device, init_scale=2.0)
    scaler.scale(weight.sum()).backward()
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(optimizer)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
def test_gradients_of_any_layout_are_unscaled_in_place(dtype, device):
    weight = tx.nn.Parameter(tx.zeros(4, 3, dtype=getattr(tx, dtype), device=device))
    more = tx.nn.Parameter(tx.zeros(0, device=device))
    weight.grad = tx.full((3, 4), 8.0, dtype=weight.dtype, device=device).t()
    more.grad = tx.zeros(0, device=device)
    before = weight.grad
    optimizer, scaler = tx.optim.SGD([weight, more], lr=0.1), GradScaler(device, init_scale=16.0)
    scaler.scale(tx.ones((), device=device))
    scaler.unscale_(optimizer)
    assert weight.grad is before and (weight.grad == 0.5).all()


def test_each_optimiser_is_skipped_by_its_own_gradients(device):
    (one, first, scaler), (two, second, _) = made(device), made(device)
    scaler.scale((one * INFINITE).sum() + two.sum()).backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert one.tolist() == [1, 1] and two.tolist() == [0.5, 0.5] and scaler.get_scale() == 2**15


def test_accumulated_gradients_are_clipped_as_without_scaling(device):
    weight, optimizer, scaler = made(device, init_scale=1024.0)
    plain, plain_optimizer, _ = made(device)
    for factor in (3.0, 5.0):
        scaler.scale((weight * factor).sum() / 2).backward()
        ((plain * factor).sum() / 2).backward()
    scaler.unscale_(optimizer)
    norms = [tx.nn.utils.clip_grad_norm_([x], 1.0).item() for x in (weight, plain)]
    assert norms[0] == norms[1] > 1 and tx.equal(weight.grad, plain.grad)
    scaler.step(optimizer)
    scaler.update()
    plain_optimizer.step()
    assert tx.equal(weight, plain)


def test_a_scaler_that_is_not_enabled_does_nothing():
    weight, optimizer, scaler = made(enabled=False)
    loss = weight.sum()
    assert scaler.scale(loss) is loss and scaler.get_scale() == 1 and not scaler.is_enabled()
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [0.5, 0.5] and scaler.state_dict() == {}
    scaler.load_state_dict({})


def test_saving_loading_and_copying():
    weight, optimizer, scaler = made(init_scale=32.0, growth_interval=5, growth_factor=3.0, backoff_factor=0.25)
    iterate(weight, optimizer, scaler, 1.0)
    for other in (pickle.loads(pickle.dumps(scaler)), copy.deepcopy(scaler)):
        assert other.state_dict() == scaler.state_dict()
    other = GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict() and other.state_dict()["_growth_tracker"] == 1


def test_setting_by_hand(device):
    _, _, scaler = made(device)
    scaler.set_growth_factor(4.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(7)
    options = scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()
    assert options == (4.0, 0.25, 7)
    scaler.scale(tx.ones((), device=device))
    scaler.update(128.0)
    assert scaler.get_scale() == 128
    scaler.update(tx.tensor([64.0], device=device))
    assert scaler.get_scale() == 64
