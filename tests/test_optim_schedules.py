"""Learning rate schedules against PyTorch's: 60 steps of each, resumed, chained, and with rates that are tensors."""

import pickle
import warnings

import numpy
import pytest

import tensorx as tx
from nn_parity import torch

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
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4}),
    ("CyclicLR", {"base_lr": [0.1, 0.2], "max_lr": 1.0, "step_size_up": 3, "step_size_down": 5, "mode": "triangular2"}),
    ("CyclicLR", {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 4, "mode": "exp_range", "gamma": 0.95}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 70}),
    (
        "OneCycleLR",
        {"max_lr": [1.0, 0.5], "epochs": 5, "steps_per_epoch": 14, "three_phase": True, "anneal_strategy": "linear"},
    ),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 70, "cycle_momentum": False, "pct_start": 0.5}),
]


def optimizers(name="SGD", rate=lambda library, value: value):
    options = {"momentum": 0.9} if name == "SGD" else {}
    return [
        getattr(library.optim, name)(
            [
                {"params": [library.nn.Parameter(library.zeros(1))]},
                {"params": [library.nn.Parameter(library.zeros(1))], "lr": rate(library, 0.2)},
            ],
            lr=rate(library, 0.4),
            **options,
        )
        for library in (tx, torch)
    ]


def scheduled(name, ours, theirs, **options):
    """The schedule of this name of both libraries, on its optimiser."""
    return [
        getattr(library.optim.lr_scheduler, name)(optimizer, **options)
        for library, optimizer in ((tx, ours), (torch, theirs))
    ]


def compare_rates(ours, theirs, mine, reference, steps=60):
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
    mine, reference = scheduled(name, ours, theirs, **options)
    compare_rates(ours, theirs, mine, reference)


@pytest.mark.parametrize("name, options", [row for row in SCHEDULES if row[0] not in ("LambdaLR", "MultiplicativeLR")])
def test_schedule_resumes(name, options):
    """Saved after four epochs and loaded into a new scheduler."""
    ours, theirs = optimizers()
    mine, reference = scheduled(name, ours, theirs, **options)
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
    mine, reference = scheduled(name, ours, theirs, **options)
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
    mine, reference = scheduled("ReduceLROnPlateau", ours, theirs, **options)
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


# Rates that are tensors -----------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", SCHEDULES)
def test_tensor_rates(name, options):
    """The tensor stays, with another value, and the schedule keeps copies."""
    ours, theirs = optimizers(rate=lambda library, value: library.tensor(value, dtype=library.float64))
    given = [group["lr"] for group in ours.param_groups]
    mine, reference = scheduled(name, ours, theirs, **options)
    compare_rates(ours, theirs, mine, reference, 25)
    assert all(group["lr"] is rate for group, rate in zip(ours.param_groups, given))
    assert all(last is not rate for last, rate in zip(mine.get_last_lr(), given))


# Cycles ---------------------------------------------------------------------------------------------


class Halving:
    """A scale function with an attribute to save."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, x):
        return self.factor**x


def test_cyclic_scale_functions():
    for function in (lambda x: 1 / (x + 1), Halving(0.5)):
        for mode in ("cycle", "iterations"):
            ours, theirs = optimizers()
            options = {"base_lr": 0.1, "max_lr": 1.0, "step_size_up": 5, "scale_fn": function, "scale_mode": mode}
            mine, reference = scheduled("CyclicLR", ours, theirs, **options)
            compare_rates(ours, theirs, mine, reference, 7)
            state = pickle.loads(pickle.dumps(mine.state_dict()))
            if isinstance(function, Halving):
                assert state["_scale_fn_custom"] == {"factor": 0.5}
                fresh = tx.optim.lr_scheduler.CyclicLR(ours, **{**options, "scale_fn": Halving(2.0)})
                fresh.load_state_dict(state)
                assert fresh.scale_fn(2) == 0.25


def test_cyclic_errors():
    optimizer = tx.optim.Adadelta([tx.nn.Parameter(tx.zeros(1))])
    with pytest.raises(ValueError, match="mode is invalid"):
        tx.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 1.0, mode="square")
    with pytest.raises(ValueError, match="must support momentum"):
        tx.optim.lr_scheduler.CyclicLR(optimizer, 0.1, 1.0)


def test_cycles_of_momentum_in_adam():
    ours, theirs = optimizers("Adam")
    options = {"base_lr": 0.1, "max_lr": [1.0, 0.5], "step_size_up": 4, "step_size_down": 2}
    mine, reference = scheduled("CyclicLR", ours, theirs, **options)
    compare_rates(ours, theirs, mine, reference)


# The end of training: SWALR ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"anneal_epochs": 0}, {"anneal_epochs": 7, "anneal_strategy": "linear"}])
def test_swalr(options):
    ours, theirs = optimizers()
    mine, reference = (
        library.optim.swa_utils.SWALR(optimizer, swa_lr=[0.05, 0.9], **options)
        for library, optimizer in ((tx, ours), (torch, theirs))
    )
    compare_rates(ours, theirs, mine, reference, 6)
    state = mine.state_dict()
    fresh = tx.optim.swa_utils.SWALR(ours, swa_lr=[0.05, 0.9], **options)
    ours.load_state_dict(ours.state_dict())
    fresh.load_state_dict(state)
    for group, other in zip(ours.param_groups, theirs.param_groups):
        group["lr"] = other["lr"]
    compare_rates(ours, theirs, fresh, reference, 10)


def test_swalr_errors():
    optimizer, _ = optimizers()
    with pytest.raises(ValueError, match="anneal_strategy"):
        tx.optim.swa_utils.SWALR(optimizer, 0.1, anneal_strategy="square")
    with pytest.raises(ValueError, match="anneal_epochs"):
        tx.optim.swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="swa_lr has 3 values"):
        tx.optim.swa_utils.SWALR(optimizer, [0.1, 0.2, 0.3])


# Resuming by last_epoch ------------------------------------------------------------------------------


@pytest.mark.parametrize("name, options", SCHEDULES)
def test_schedule_continues_from_an_epoch(name, options):
    """A new schedule with last_epoch, on an optimiser whose state has been loaded."""
    first = optimizers()
    for optimizer, schedule in zip(first, scheduled(name, *first, **options)):
        for _ in range(5):
            optimizer.step()
            schedule.step()
    ours, theirs = optimizers()
    for optimizer, saved in zip((ours, theirs), first):
        optimizer.load_state_dict(saved.state_dict())
    mine, reference = scheduled(name, ours, theirs, **options, last_epoch=4)
    compare_rates(ours, theirs, mine, reference, 20)
