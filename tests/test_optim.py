"""Optimisers and schedules against PyTorch's: 50 steps in float64, states interchanged, every schedule."""

import copy
import pickle
import warnings

import numpy
import pytest

import tensorx as tx
from nn_parity import array, assert_close, to_tx, torch

OPTIMIZERS = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05, "maximize": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.02, "momentum": 0.8, "nesterov": True, "maximize": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4, "weight_decay": 0.05}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.05, "amsgrad": True, "maximize": True, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.2, "amsgrad": True, "betas": (0.5, 0.9), "maximize": True}),
]
SHAPES = [(3, 4), (5,), (), (2, 3, 2), (0, 3), (1000,)]


def weights(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in SHAPES]


def take_steps(ours, theirs, mine, reference, steps, skip=None):
    """The same gradients for both; parameter `skip` has none in every third step."""
    generator = numpy.random.default_rng(7)
    for step in range(steps):
        for i, (a, b) in enumerate(zip(mine, reference)):
            gradient = torch.tensor(generator.normal(size=tuple(b.shape))).to(b.dtype)
            b.grad, a.grad = gradient, to_tx(gradient.clone())
            if i == skip and step % 3 == 0:
                a.grad = b.grad = None
        ours.step()
        theirs.step()


@pytest.mark.parametrize("name, options", OPTIMIZERS)
@pytest.mark.parametrize(
    "dtype, tolerance", [(torch.float64, 1e-6), (torch.float32, 1e-4), (torch.float16, 0.01), (torch.bfloat16, 0.1)]
)
def test_fifty_steps(name, options, dtype, tolerance):
    half = dtype in (torch.float16, torch.bfloat16)
    reference = weights(dtype)
    mine = [to_tx_any(weight) for weight in reference]
    # In half precision PyTorch's plain Adam squares and divides in that type; its fused one computes in float32, as we do.
    theirs = getattr(torch.optim, name)(reference, **options, fused=half and name != "SGD")
    ours = getattr(tx.optim, name)(mine, **options)
    generator = numpy.random.default_rng(7)
    for step in range(10 if half else 50):
        for i, (a, b) in enumerate(zip(mine, reference)):
            gradient = torch.tensor(generator.normal(size=tuple(b.shape))).to(dtype)
            skipped = i == 1 and step % 3 == 0
            b.grad = None if skipped else gradient
            a.grad = None if skipped else to_tx_any(gradient)
        ours.step()
        theirs.step()
    for a, b in zip(mine, reference):
        numpy.testing.assert_allclose(array(a.double()), array(b.double()), rtol=tolerance, atol=tolerance)


def to_tx_any(value):
    """Of any floating dtype: NumPy has no bfloat16."""
    names = {
        torch.float64: tx.float64,
        torch.float32: tx.float32,
        torch.float16: tx.float16,
        torch.bfloat16: tx.bfloat16,
    }
    return tx.tensor(value.detach().double().numpy().copy()).to(names[value.dtype]).requires_grad_(value.requires_grad)


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_state_goes_both_ways(name, options):
    """Three steps there, three here, three there: as nine in one place."""
    reference, mirror = weights(), weights()
    theirs, other = (getattr(torch.optim, name)(each, **options) for each in (reference, mirror))
    mine = [to_tx(weight) for weight in reference]
    ours = getattr(tx.optim, name)(mine, **options)
    take_steps(ours, theirs, mine, reference, 3, skip=1)
    state = theirs.state_dict()
    assert sorted(state["state"]) == sorted(ours.state_dict()["state"])
    for number, entries in state["state"].items():
        assert list(entries) == list(ours.state_dict()["state"][number])
    assert [sorted(group) for group in state["param_groups"]] == [
        sorted(group) for group in ours.state_dict()["param_groups"]
    ]

    fresh = getattr(tx.optim, name)(mine, **options)
    fresh.load_state_dict(
        {
            "state": {n: {k: to_tx(v) for k, v in entries.items()} for n, entries in state["state"].items()},
            "param_groups": state["param_groups"],
        }
    )
    take_steps(fresh, theirs, mine, reference, 3, skip=1)
    for a, b in zip(mine, reference):
        assert_close(a, b, 1e-10)
    with torch.no_grad():
        for a, b in zip(mine, mirror):
            b.copy_(torch.tensor(array(a)))
    saved = fresh.state_dict()
    other.load_state_dict(
        {
            "state": {
                n: {k: torch.tensor(array(v)) for k, v in entries.items()} for n, entries in saved["state"].items()
            },
            "param_groups": saved["param_groups"],
        }
    )
    take_steps(fresh, other, mine, mirror, 3, skip=1)
    for a, b in zip(mine, mirror):
        assert_close(a, b, 1e-10)


@pytest.mark.parametrize("name", ["SGD", "AdamW"])
def test_strided_parameters(name):
    """Transposed and sliced parameters, gradients of another layout: the same update."""
    base = tx.arange(24, dtype=tx.float64).reshape(4, 6)
    for view in (lambda t: t.t(), lambda t: t[:, ::2], lambda t: t[1]):
        dense, strided = view(base.clone()).contiguous(), view(base.clone())
        for gradient in (view(base), view(base).contiguous()):
            results = []
            for data in (dense.clone(), strided):
                weight = tx.nn.Parameter(data)
                optimizer = getattr(tx.optim, name)([weight], lr=0.1, **({"momentum": 0.9} if name == "SGD" else {}))
                for _ in range(3):
                    weight.grad = gradient
                    optimizer.step()
                results.append(weight.detach())
            assert tx.equal(results[0], results[1])
            strided = view(base.clone())


def test_large_parameters_are_updated_everywhere():
    """More elements than one thread takes at once."""
    weight = tx.nn.Parameter(tx.zeros(1_000_003))
    weight.grad = tx.ones(1_000_003)
    tx.optim.SGD([weight], lr=0.5).step()
    assert (weight == -0.5).all()
    tx.optim.Adam([weight], lr=0.5).step()
    assert tx.allclose(weight, tx.tensor(-1.0))


def test_steps_change_the_version():
    weight = tx.nn.Parameter(tx.ones(2))
    loss = (weight * weight).sum()
    weight.grad = tx.ones(2)
    tx.optim.SGD([weight], lr=0.1).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_closure():
    weight = tx.nn.Parameter(tx.tensor([2.0]))
    for optimizer in (tx.optim.SGD([weight], lr=0.1), tx.optim.Adam([weight])):

        def closure():
            optimizer.zero_grad()
            loss = (weight**2).sum()
            loss.backward()
            return loss

        with tx.no_grad():
            assert optimizer.step(closure).item() > 0  # gradients are recorded in the closure


def test_an_optimizer_of_ones_own():
    class SignDescent(tx.optim.Optimizer):
        @tx.no_grad()
        def step(self):
            for group in self.param_groups:
                for parameter in group["params"]:
                    parameter -= group["lr"] * parameter.grad.sign()

    weight = tx.nn.Parameter(tx.ones(2))
    optimizer, seen = SignDescent([weight], {"lr": 0.25}), []
    optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append(1))
    (weight * weight).sum().backward()
    optimizer.step()
    assert weight.tolist() == [0.75, 0.75] and weight.requires_grad and weight.is_leaf and seen == [1]


def test_zero_grad():
    weight = tx.nn.Parameter(tx.ones(2))
    optimizer = tx.optim.SGD([weight], lr=0.1)
    weight.grad = gradient = tx.ones(2)
    optimizer.zero_grad(set_to_none=False)
    assert weight.grad is gradient and gradient.tolist() == [0, 0]
    optimizer.zero_grad()
    assert weight.grad is None
    optimizer.step()  # no gradients: nothing happens
    assert weight.tolist() == [1, 1]


@pytest.mark.parametrize("name, options", OPTIMIZERS)
def test_repr(name, options):
    assert repr(getattr(tx.optim, name)([tx.zeros(1)], **options)) == repr(
        getattr(torch.optim, name)([torch.zeros(1)], **options)
    )


# Groups -------------------------------------------------------------------------------------------


def test_groups():
    a, b, c = (tx.nn.Parameter(tx.ones(1)) for _ in range(3))
    optimizer = tx.optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1, momentum=0.9)
    optimizer.add_param_group({"params": iter([c]), "momentum": 0.0})
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.5, 0.1]
    for weight in (a, b, c):
        weight.grad = tx.ones(1)
    optimizer.step()
    optimizer.step()
    assert tx.allclose(tx.cat([a, b, c]), tx.tensor([1 - 0.1 - 0.19, 1 - 0.5 - 0.95, 1 - 0.2]))
    named = tx.optim.SGD([("a", a), ("b", b)])
    assert named.param_groups[0]["param_names"] == ["a", "b"] and "param_names" in named.state_dict()["param_groups"][0]


def test_group_errors():
    a, b = tx.nn.Parameter(tx.ones(1)), tx.nn.Parameter(tx.ones(1))
    sgd = tx.optim.SGD
    for params, error, message in (
        (a, TypeError, "iterable of Tensors or dicts, but got a Tensor"),
        ([], ValueError, "empty parameter list"),
        ([3], TypeError, "one of the params is int"),
        ([a * 2], ValueError, "can't optimize a non-leaf Tensor"),
        ([{"params": {a}}], TypeError, "ordered collections"),
        ([("a", a), b], ValueError, "with/without names"),
        ([{"params": [a]}, {"params": [a]}], ValueError, "more than one parameter group"),
        ([{"params": [a]}, [b]], TypeError, "must be a dict"),
    ):
        with pytest.raises(error, match=message):
            sgd(params)
    with pytest.warns(UserWarning, match="duplicate"):
        sgd([a, a])
    with pytest.raises(ValueError, match="without names"):
        sgd([("a", a)]).add_param_group({"params": [b]})


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("SGD", {"lr": -1.0}, "Invalid learning rate: -1.0"),
        ("SGD", {"momentum": -1.0}, "Invalid momentum value"),
        ("SGD", {"weight_decay": -1.0}, "Invalid weight_decay value"),
        ("SGD", {"nesterov": True}, "Nesterov momentum requires"),
        ("SGD", {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "Nesterov momentum requires"),
        ("Adam", {"lr": -1.0}, "Invalid learning rate"),
        ("Adam", {"eps": -1.0}, "Invalid epsilon value"),
        ("Adam", {"betas": (1.0, 0.9)}, "Invalid beta parameter at index 0: 1.0"),
        ("AdamW", {"betas": (0.9, -0.1)}, "index 1: -0.1"),
        ("AdamW", {"weight_decay": -1.0}, "Invalid weight_decay value"),
    ],
)
def test_option_errors(name, options, message):
    for library in (tx, torch):
        with pytest.raises(ValueError, match=message):
            getattr(library.optim, name)([library.nn.Parameter(library.ones(1))], **options)


def test_states_that_do_not_fit():
    a, b = tx.nn.Parameter(tx.ones(1)), tx.nn.Parameter(tx.ones(2))
    state = tx.optim.Adam([a, b]).state_dict()
    with pytest.raises(ValueError, match="different number of parameter groups"):
        tx.optim.Adam([{"params": [a]}, {"params": [b]}]).load_state_dict(state)
    with pytest.raises(ValueError, match="doesn't match the size of optimizer's group"):
        tx.optim.Adam([a]).load_state_dict(state)
    source = tx.optim.Adam([a])
    a.grad = tx.ones(1)
    source.step()
    target = tx.optim.Adam([b])
    target.load_state_dict(source.state_dict())  # PyTorch looks at the shapes no earlier, either
    b.grad = tx.ones(2)
    with pytest.raises(RuntimeError, match=r"expected.*\[2\].*got.*\[1\]"):
        target.step()


def test_gradients_that_do_not_fit():
    weight = tx.nn.Parameter(tx.ones(2))
    for arguments in (
        ([weight], [tx.ones(3)]),
        ([weight], [tx.ones(2, dtype=tx.float64)]),
        ([weight], []),
        ([tx.ones(2, dtype=tx.int64)], [tx.ones(2, dtype=tx.int64)]),
    ):
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            tx._C.sgd_step(*arguments, [], 0.1, 0.0, 0.0, 0.0, False, False, False)
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        tx._C.adam_step(
            [weight],
            [tx.ones(2)],
            [tx.ones(2)],
            [tx.ones(2)],
            [],
            [tx.ones(3)],
            0.1,
            0.9,
            0.99,
            1e-8,
            0.0,
            False,
            False,
            False,
        )


# Hooks, copies ------------------------------------------------------------------------------------


def test_step_hooks():
    weight = tx.nn.Parameter(tx.ones(1))
    optimizer, seen = tx.optim.SGD([weight], lr=0.1), []
    before = optimizer.register_step_pre_hook(lambda opt, args, kwargs: seen.append(("before", opt is optimizer)))
    optimizer.register_step_post_hook(lambda opt, args, kwargs: seen.append("after"))
    optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == [("before", True), "after", "after"]
    calls = []
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: ((opt, lambda: calls.append(1)), {}))
    optimizer.step()
    assert calls == [1]
    optimizer.register_step_pre_hook(lambda opt, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        optimizer.step()


def test_state_hooks():
    optimizer, seen = tx.optim.SGD([tx.nn.Parameter(tx.ones(1))]), []
    optimizer.register_state_dict_pre_hook(lambda opt: seen.append("save"))
    optimizer.register_state_dict_post_hook(lambda opt, state: {**state, "extra": 1})
    optimizer.register_load_state_dict_pre_hook(lambda opt, state: {k: v for k, v in state.items() if k != "extra"})
    optimizer.register_load_state_dict_post_hook(lambda opt: seen.append("loaded"))
    state = optimizer.state_dict()
    assert state["extra"] == 1
    optimizer.load_state_dict(state)
    assert seen == ["save", "loaded"]


def test_copies():
    weight = tx.nn.Parameter(tx.ones(2))
    optimizer = tx.optim.Adam([weight], lr=0.1)
    weight.grad = tx.ones(2)
    optimizer.step()
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        other = twin.param_groups[0]["params"][0]
        assert other is not weight and twin.state[other]["step"].item() == 1
        other.grad = tx.ones(2)
        twin.step()
        assert twin.state[other]["step"].item() == 2 and optimizer.state[weight]["step"].item() == 1


# Schedules ----------------------------------------------------------------------------------------

SCHEDULES = [
    ("StepLR", {"step_size": 3, "gamma": 0.5}),
    ("MultiStepLR", {"milestones": [2, 5, 5, 9]}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.5, "total_iters": 3}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.1, "end_factor": 0.5, "total_iters": 7}),
    ("PolynomialLR", {"total_iters": 8, "power": 2.0}),
    ("LambdaLR", {"lr_lambda": lambda epoch: 0.9**epoch}),
    ("LambdaLR", {"lr_lambda": [lambda epoch: 1 / (epoch + 1), lambda epoch: 0.5]}),
    ("MultiplicativeLR", {"lr_lambda": lambda epoch: 0.95}),
    ("CosineAnnealingLR", {"T_max": 6}),
    ("CosineAnnealingLR", {"T_max": 20, "eta_min": 0.01}),
    ("CosineAnnealingWarmRestarts", {"T_0": 4}),
    ("CosineAnnealingWarmRestarts", {"T_0": 3, "T_mult": 2, "eta_min": 0.01}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30}),
    (
        "OneCycleLR",
        {"max_lr": [1.0, 0.5], "epochs": 5, "steps_per_epoch": 6, "three_phase": True, "anneal_strategy": "linear"},
    ),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 30, "cycle_momentum": False, "pct_start": 0.5}),
]


def optimizers(name="SGD"):
    options = {"lr": 0.4, "momentum": 0.9} if name == "SGD" else {"lr": 0.4}
    return [
        getattr(library.optim, name)(
            [
                {"params": [library.nn.Parameter(library.zeros(1))]},
                {"params": [library.nn.Parameter(library.zeros(1))], "lr": 0.2},
            ],
            **options,
        )
        for library in (tx, torch)
    ]


def compare_rates(ours, theirs, mine, reference, steps=25):
    for _ in range(steps):
        rates = [group["lr"] for group in ours.param_groups]
        numpy.testing.assert_allclose(rates, [group["lr"] for group in theirs.param_groups], rtol=1e-12, atol=1e-15)
        numpy.testing.assert_allclose(mine.get_last_lr(), reference.get_last_lr(), rtol=1e-12, atol=1e-15)
        for name in ("momentum", "betas"):
            if name in ours.param_groups[0]:
                numpy.testing.assert_allclose(ours.param_groups[1][name], theirs.param_groups[1][name], rtol=1e-12)
        ours.step()
        theirs.step()
        mine.step()
        reference.step()


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize("name, options", SCHEDULES)
def test_schedule(name, options, optimizer):
    ours, theirs = optimizers(optimizer)
    mine, reference = (
        getattr(tx.optim.lr_scheduler, name)(ours, **options),
        getattr(torch.optim.lr_scheduler, name)(theirs, **options),
    )
    compare_rates(ours, theirs, mine, reference)


@pytest.mark.parametrize("name, options", [row for row in SCHEDULES if row[0] not in ("LambdaLR", "MultiplicativeLR")])
def test_schedule_resumes(name, options):
    """Saved after four epochs and loaded into a new scheduler."""
    ours, theirs = optimizers()
    mine, reference = (
        getattr(tx.optim.lr_scheduler, name)(ours, **options),
        getattr(torch.optim.lr_scheduler, name)(theirs, **options),
    )
    compare_rates(ours, theirs, mine, reference, 4)
    state, optimizer_state = mine.state_dict(), ours.state_dict()
    assert "optimizer" not in state
    ours, _ = optimizers()
    mine = getattr(tx.optim.lr_scheduler, name)(ours, **options)
    ours.load_state_dict(optimizer_state)
    mine.load_state_dict(state)
    compare_rates(ours, theirs, mine, reference, 15)


@pytest.mark.parametrize(
    "name, options",
    [
        row
        for row in SCHEDULES
        if row[0]
        in ("StepLR", "MultiStepLR", "ExponentialLR", "LinearLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts")
    ],
)
def test_schedule_jumps_to_an_epoch(name, options):
    ours, theirs = optimizers()
    mine, reference = (
        getattr(tx.optim.lr_scheduler, name)(ours, **options),
        getattr(torch.optim.lr_scheduler, name)(theirs, **options),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for epoch in (3, 11, 7):
            mine.step(epoch)
            reference.step(epoch)
            numpy.testing.assert_allclose(mine.get_last_lr(), reference.get_last_lr(), rtol=1e-12)


def test_sequential_schedule():
    def build(library, optimizer):
        schedules = library.optim.lr_scheduler
        parts = [
            schedules.LinearLR(optimizer, total_iters=3),
            schedules.CosineAnnealingLR(optimizer, T_max=8),
            schedules.ExponentialLR(optimizer, 0.5),
        ]
        return schedules.SequentialLR(optimizer, parts, milestones=[4, 12])

    ours, theirs = optimizers()
    mine, reference = build(tx, ours), build(torch, theirs)
    compare_rates(ours, theirs, mine, reference, 6)
    state = mine.state_dict()
    fresh_optimizer, _ = optimizers()
    fresh = build(tx, fresh_optimizer)
    fresh_optimizer.load_state_dict(ours.state_dict())
    fresh.load_state_dict(state)
    compare_rates(fresh_optimizer, theirs, fresh, reference, 10)


def test_chained_schedule():
    ours, theirs = optimizers()

    def build(library, optimizer):
        schedules = library.optim.lr_scheduler
        return schedules.ChainedScheduler([schedules.ConstantLR(optimizer), schedules.ExponentialLR(optimizer, 0.9)])

    compare_rates(ours, theirs, build(tx, ours), build(torch, theirs))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "max", "threshold_mode": "abs", "threshold": 0.1},
        {"factor": 0.5, "patience": 2, "cooldown": 2, "min_lr": [0.1, 0.05]},
        {"mode": "max", "patience": 0},
    ],
)
def test_plateau(options):
    ours, theirs = optimizers()
    mine, reference = (
        tx.optim.lr_scheduler.ReduceLROnPlateau(ours, **options),
        torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options),
    )
    generator = numpy.random.default_rng(3)
    for i in range(60):
        metric = float(generator.normal() + (1 if i > 30 else 5 / (i + 1)))
        mine.step(metric)
        reference.step(metric)
        assert mine.get_last_lr() == pytest.approx(reference.get_last_lr(), rel=1e-12)
        assert mine.best == reference.best and mine.num_bad_epochs == reference.num_bad_epochs


def test_schedule_errors():
    schedules = tx.optim.lr_scheduler
    optimizer, _ = optimizers()
    other, _ = optimizers()
    for make, error, message in (
        (lambda: schedules.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda: schedules.StepLR(optimizer, 1, last_epoch=4), KeyError, "initial_lr"),
        (lambda: schedules.LambdaLR(optimizer, [abs]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda: schedules.ConstantLR(optimizer, factor=2.0), ValueError, "between 0 and 1"),
        (lambda: schedules.LinearLR(optimizer, start_factor=0.0), ValueError, "greater than 0"),
        (lambda: schedules.CosineAnnealingWarmRestarts(optimizer, 0), ValueError, "positive integer T_0"),
        (lambda: schedules.OneCycleLR(optimizer, 1.0), ValueError, "either total_steps OR"),
        (lambda: schedules.OneCycleLR(optimizer, 1.0, total_steps=-1), ValueError, "positive integer total_steps"),
        (
            lambda: schedules.OneCycleLR(optimizer, [1.0], total_steps=3),
            ValueError,
            "max_lr has 1 values, param_groups has 2",
        ),
        (lambda: schedules.ReduceLROnPlateau(optimizer, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda: schedules.ReduceLROnPlateau(optimizer, mode="up"), ValueError, "mode up is unknown"),
        (lambda: schedules.SequentialLR(optimizer, [], []), ValueError, "at least one scheduler"),
        (
            lambda: schedules.SequentialLR(optimizer, [schedules.ExponentialLR(other, 0.9)], []),
            ValueError,
            "same optimizer",
        ),
    ):
        with pytest.raises(error, match=message):
            make()


def test_schedule_before_optimizer_warns():
    optimizer, _ = optimizers()
    scheduler = tx.optim.lr_scheduler.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
