"""Optimisers against PyTorch's: 50 steps in every dtype, states interchanged, groups, errors, hooks, copies."""

import copy
import pickle
from importlib import import_module

import numpy
import pytest

import tensorx as tx
from nn_parity import array, assert_close, to_tx, torch
from optim_cases import OPTIMIZERS
from tensorx.optim.optimizer import HOST_NUMBERS

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
    if half:  # computed in float32, and parameters and states rounded in each step
        reference = [weight.detach().float().requires_grad_() for weight in reference]
    theirs = getattr(torch.optim, name)(reference, **options)
    ours = getattr(tx.optim, name)(mine, **options)
    generator = numpy.random.default_rng(7)
    for step in range(10 if half else 50):
        for i, (a, b) in enumerate(zip(mine, reference)):
            gradient = torch.tensor(generator.normal(size=tuple(b.shape))).to(dtype)
            skipped = i == 1 and step % 3 == 0
            b.grad = None if skipped else gradient.to(b.dtype)
            a.grad = None if skipped else to_tx_any(gradient)
        ours.step()
        theirs.step()
        if half:
            for b in reference:
                states = [value for key, value in theirs.state[b].items() if key not in HOST_NUMBERS]
                for x in (b.detach(), *states):
                    if x is not None:  # SGD has no momentum
                        x.copy_(x.to(dtype))
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
    tolerance = 1e-6 if name == "NAdam" else 1e-10  # whose mu_product PyTorch multiplies in float32
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
        assert_close(a, b, tolerance)
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
        assert_close(a, b, tolerance)


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
        ("Adadelta", {"rho": 1.5}, "Invalid rho value: 1.5"),
        ("Adadelta", {"rho": -0.5}, "Invalid rho value: -0.5"),
        ("Adadelta", {"eps": -0.5}, "Invalid epsilon value: -0.5"),
        ("Adagrad", {"lr_decay": -1}, "Invalid lr_decay value: -1"),
        ("Adagrad", {"initial_accumulator_value": -1}, "Invalid initial_accumulator_value value: -1"),
        ("Adamax", {"betas": (0.9, 1.0)}, "Invalid beta parameter at index 1"),
        ("ASGD", {"lr": -1}, "Invalid learning rate: -1"),
        ("NAdam", {"momentum_decay": -1}, "Invalid momentum_decay value: -1"),
        ("RAdam", {"weight_decay": -1}, "Invalid weight_decay value: -1"),
        ("RMSprop", {"alpha": -1}, "Invalid alpha value: -1"),
        ("RMSprop", {"momentum": -1}, "Invalid momentum value: -1"),
        ("Rprop", {"etas": (0.5, 0.9)}, "Invalid eta values: 0.5, 0.9"),
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


def test_hooks_of_all_optimizers():
    """In PyTorch's order: the common ones are outermost."""

    def run(library):
        weight, seen = library.nn.Parameter(library.ones(1)), []
        optimizer = library.optim.SGD([weight], lr=0.1)
        common = import_module(f"{library.__name__}.optim.optimizer")
        handles = [
            common.register_optimizer_step_pre_hook(lambda *arguments: seen.append("all before")),
            common.register_optimizer_step_post_hook(lambda *arguments: seen.append("all after")),
        ]
        optimizer.register_step_pre_hook(lambda *arguments: seen.append("before"))
        optimizer.register_step_post_hook(lambda *arguments: seen.append("after"))
        optimizer.step()
        for handle in handles:
            handle.remove()
        optimizer.step()
        return seen

    assert run(tx) == run(torch)


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
