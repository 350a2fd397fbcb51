"""utils.checkpoint: the same gradients bit for bit, less memory, the same random numbers, and errors that help."""

import gc

import pytest

import tensorx as tx
from support import bits
from tensorx import nn
from tensorx.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)


def make_model(device, dropout=0.0):
    tx.manual_seed(0)
    layers = [nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Dropout(dropout)) for _ in range(4)]
    return nn.Sequential(*layers).to(device)


def gradients(model, run):
    """The bits of the output and of every gradient, of the input's last."""
    model.zero_grad()
    device = next(model.parameters()).device
    tx.manual_seed(1)
    x = tx.randn(5, 6, device=device).requires_grad_()
    y = run(x)
    (y * y).sum().backward()
    return [bits(t) for t in (y, *(p.grad for p in model.parameters()), x.grad)]


WAYS = {
    "whole": lambda model, x: checkpoint(model, x),
    "each layer": lambda model, x: _each(model, x),
    "sequential, 2": lambda model, x: checkpoint_sequential(model, 2, x, use_reentrant=False),
    "sequential, 3": lambda model, x: checkpoint_sequential(list(model), 3, x),
    "sequential, 4": lambda model, x: checkpoint_sequential(model, 4, x, use_reentrant=True),
    "nested": lambda model, x: checkpoint(lambda x: checkpoint(model[1:], checkpoint(model[0], x)), x),
    "thrice nested": lambda model, x: checkpoint(lambda x: checkpoint(lambda x: checkpoint(model, x), x), x),
    "reentrant": lambda model, x: checkpoint(model, x, use_reentrant=True),
}


def _each(model, x):
    for layer in model:
        x = checkpoint(layer, x, use_reentrant=False)
    return x


@pytest.mark.parametrize("early_stop", [True, False])
@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("way", WAYS)
def test_same_bits(way, dropout, early_stop, device):
    model = make_model(device, dropout)
    expected = gradients(model, model)
    with set_checkpoint_early_stop(early_stop):
        assert gradients(model, lambda x: WAYS[way](model, x)) == expected


def count_runs(function):
    runs = []

    def counted(*args, **kwargs):
        runs.append(args)
        return function(*args, **kwargs)

    return counted, runs


def test_runs_once_more_and_not_at_all_without_recording():
    function, runs = count_runs(lambda x: x.sin().cos())
    x = tx.ones(3, requires_grad=True)
    checkpoint(function, x).sum().backward()
    assert len(runs) == 2
    with tx.no_grad():
        assert not checkpoint(function, x).requires_grad
    assert len(runs) == 3


def test_nested_checkpoints_run_no_more_than_they_must():
    inner, runs = count_runs(lambda x: x.sin().cos())
    x = tx.ones(3, requires_grad=True)
    checkpoint(lambda x: checkpoint(inner, x.exp()), x).sum().backward()
    assert len(runs) == 2  # the outer second run stops when the inner one's input is there


def test_early_stop_skips_what_nobody_wants():
    reached = []

    def function(x):
        y = x.sin()
        reached.append(y)
        return y + 1

    for early_stop, times in ((True, 1), (False, 2)):
        reached.clear()
        x = tx.ones(3, requires_grad=True)
        checkpoint(function, x, early_stop=early_stop).sum().backward()
        assert len(reached) == times


def test_arguments_of_every_kind():
    def function(x, scale, pair, *, shift, flag=None):
        assert flag == "yes" and pair[1] == 2
        return {"result": (x * scale + shift + pair[0]).sin() * x, "other": 7}

    made = []
    for run in (lambda f, *a, **k: f(*a, **k), checkpoint):
        x, shift, deep = (tx.full((3,), v, dtype=tx.float64, requires_grad=True) for v in (1.0, 2.0, 3.0))
        out = run(function, x, 2, (deep, 2), shift=shift, flag="yes")
        assert out["other"] == 7
        out["result"].sum().backward()
        made.append([bits(t.grad) for t in (x, shift, deep)])
    assert made[0] == made[1]


def test_closure_and_integer_arguments():
    table = tx.randn(5, 3, requires_grad=True)
    index = tx.tensor([1, 1, 4])
    checkpoint(lambda i: (table[i] ** 2).sum(), index).backward()
    expected = tx.autograd.grad((table[index] ** 2).sum(), table)[0]
    assert tx.equal(table.grad, expected)


def test_every_way_to_ask_for_gradients():
    function, runs = count_runs(lambda x: (x.sin() * x).cos())
    x = tx.tensor([0.3, -1.2], dtype=tx.float64, requires_grad=True)
    assert tx.autograd.gradcheck(lambda x: checkpoint(function, x), x)
    assert tx.autograd.gradgradcheck(lambda x: checkpoint(function, x), x)
    y = checkpoint(function, x).sum()
    runs.clear()
    first = tx.autograd.grad(y, x, retain_graph=True)[0]
    second = tx.autograd.grad(y, x)[0]
    assert len(runs) == 2 and bits(first) == bits(second)


def test_backward_within_the_function():
    def function(x):
        y = x.sin()
        z = y.cos()
        (g,) = tx.autograd.grad(z.sum(), x, retain_graph=True)
        return g * z * x

    x = tx.ones(3, dtype=tx.float64, requires_grad=True)
    (expected,) = tx.autograd.grad(function(x).sum(), x)
    (given,) = tx.autograd.grad(checkpoint(function, x).sum(), x)
    assert bits(given) == bits(expected)


def test_input_without_gradient_and_weight_with():
    w = tx.ones(3, requires_grad=True)
    checkpoint(lambda x: (x * w).exp(), tx.ones(3)).sum().backward()
    assert w.grad.isfinite().all()


def test_custom_functions_and_in_place():
    class Cube(tx.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            (again,) = ctx.saved_tensors  # opened twice: computed twice
            assert tx.equal(x, again)
            return 3 * x * x * g

    def function(x):
        y = Cube.apply(x) + 1
        y.mul_(2)
        y[0] = x.sum()
        return y.tanh()

    x = tx.tensor([0.1, 0.2, 0.3], requires_grad=True)
    (expected,) = tx.autograd.grad(function(x).sum(), x)
    (given,) = tx.autograd.grad(checkpoint(function, x).sum(), x)
    assert bits(given) == bits(expected)


def test_random_numbers(device):
    """Masks are the same on the second run, and the generators go on as if there had been none."""
    masks = []

    def function(x):
        mask = (tx.rand(100, device=device) < 0.5).float()
        masks.append(mask)
        return (x * mask).exp()

    x = tx.ones(100, device=device, requires_grad=True)
    tx.rand(1, device=device)
    for preserve in (True, False):
        masks.clear()
        y = checkpoint(function, x, preserve_rng_state=preserve).sum()
        state = tx.get_rng_state() if device == "cpu" else tx.cuda.get_rng_state()
        y.backward()
        after = tx.get_rng_state() if device == "cpu" else tx.cuda.get_rng_state()
        assert tx.equal(masks[0], masks[1]) is preserve
        assert tx.equal(state, after) is preserve


def test_contexts():
    seen = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            seen.append(self.name)

        def __exit__(self, *error):
            seen.append(f"end of {self.name}")

    x = tx.ones(3, requires_grad=True)
    y = checkpoint(lambda x: x.sin(), x, context_fn=lambda: (Note("first"), Note("second")))
    assert seen == ["first", "end of first"]
    y.sum().backward()
    assert seen[2:] == ["second", "end of second"]


# ---- errors


def changing(first, second):
    """A function that does one thing in its first run and another in its second."""
    runs = iter([first, second])
    return lambda x: next(runs)(x)


def test_other_tensors_in_the_second_run_are_refused():
    x = tx.ones(3, requires_grad=True)
    shapes = changing(lambda x: x.exp(), lambda x: x[:2].exp())
    with pytest.raises(CheckpointError, match=r"position 0[\s\S]*shape \[3\][\s\S]*shape \[2\]"):
        checkpoint(shapes, x).sum().backward()
    fewer = changing(lambda x: x.exp().exp(), lambda x: x.exp())
    with pytest.raises(CheckpointError, match=r"during forward: 2\n.*recomputation: 1"):
        checkpoint(fewer, x).sum().backward()
    more = changing(lambda x: x.exp(), lambda x: x.exp().exp())
    with pytest.raises(CheckpointError, match="different number"):
        checkpoint(more, x, early_stop=False).sum().backward()


def test_the_check_can_be_left_out():
    x = tx.ones(3, requires_grad=True)
    dtypes = changing(lambda x: x.exp(), lambda x: x.double().exp())
    with pytest.raises(RuntimeError, match="dtype float64") as caught:  # of the engine, which is not fooled
        checkpoint(dtypes, x, determinism_check="none").sum().backward()
    assert not isinstance(caught.value, CheckpointError)
    with pytest.raises(ValueError, match="determinism_check"):
        checkpoint(lambda x: x, x, determinism_check="maybe")


def test_debug_says_where():
    x = tx.ones(3, requires_grad=True)
    shapes = changing(lambda x: x.exp(), lambda x: x[:2].exp())
    with set_checkpoint_debug_enabled(True), pytest.raises(CheckpointError) as caught:
        checkpoint(shapes, x).sum().backward()
    assert "test_debug_says_where" in caught.value.__notes__[0] and "x[:2].exp()" in caught.value.__notes__[0]


def test_an_input_changed_in_between_is_refused():
    x = tx.ones(3, requires_grad=True)
    y = x * 2
    z = checkpoint(lambda y: y.exp(), y)
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


@pytest.mark.parametrize("when", [1, 2])
def test_exceptions_pass_through(when):
    runs = []

    def function(x):
        runs.append(x)
        y = x.exp()
        if len(runs) == when:
            raise KeyError("mine")
        return y.exp()

    x = tx.ones(3, requires_grad=True)
    with pytest.raises(KeyError, match="mine"):
        checkpoint(function, x).sum().backward()
    assert tx.is_grad_enabled()
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize("segments", [0, 5])
def test_segments(segments):
    with pytest.raises(ValueError, match="segments must be between 1 and 4"):
        checkpoint_sequential(make_model("cpu"), segments, tx.ones(2, 6))


def test_nothing_is_left_behind(device):
    model = make_model(device)

    def step():
        checkpoint_sequential(model, 2, tx.ones(5, 6, device=device)).sum().backward()
        model.zero_grad()

    def held():
        return tx.cuda.memory_allocated() if device == "cuda" else tx._C.memory_stats()["allocated"]

    step()
    gc.collect()
    gc.disable()
    try:
        before = held()
        step()
        assert held() <= before  # at once, not when the collector runs
    finally:
        gc.enable()
