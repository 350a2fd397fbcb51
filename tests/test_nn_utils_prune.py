"""Pruning against PyTorch's: masks, values, gradients, names, errors."""

import importlib

import pytest

import tensorx as tx
from nn_parity import assert_close, check_buffers, to_tx, torch, twins
from tensorx import nn
from tensorx.nn.utils import prune


def reference_prune():
    return importlib.import_module("torch.nn.utils.prune")


def mask_of(shape):
    return torch.arange(float(torch.Size(shape).numel())).reshape(shape) % 3 != 0


# What is applied, in turn, to the weight (4, 3, 2, 2) of a convolution: (name, arguments)
METHODS = [
    [("identity", ())],
    [("l1_unstructured", (0.3,))],
    [("l1_unstructured", (7,))],
    [("l1_unstructured", (0,))],
    [("l1_unstructured", (1.0,))],
    [("ln_structured", (2, 2, 0))],
    [("ln_structured", (0.4, 1, 1))],
    [("ln_structured", (1, float("inf"), -1))],
    [("ln_structured", (1, -float("inf"), 0))],
    [("ln_structured", (0, 2, 0))],
    [("custom_from_mask", ("mask",))],
    [("l1_unstructured", (0.3,)), ("l1_unstructured", (0.5,))],
    [("l1_unstructured", (0.3,)), ("ln_structured", (2, 2, 0)), ("l1_unstructured", (3,))],
    [("ln_structured", (1, 2, 0)), ("ln_structured", (1, 2, 0)), ("ln_structured", (0.5, 2, -3))],
    [("custom_from_mask", ("mask",)), ("ln_structured", (1, 2, 1)), ("custom_from_mask", ("mask",)), ("identity", ())],
]


@pytest.mark.parametrize("steps", METHODS, ids=lambda steps: "-".join(name for name, _ in steps))
def test_methods(steps):
    layer, reference = twins(lambda nn: nn.Conv2d(3, 4, 2))
    for name, arguments in steps:
        theirs = [mask_of(reference.weight.shape) if a == "mask" else a for a in arguments]
        assert getattr(reference_prune(), name)(reference, "weight", *theirs) is reference
        assert getattr(prune, name)(layer, "weight", *map(to_tx, theirs)) is layer
        assert_close(layer.weight_mask, reference.weight_mask)
    assert list(layer.state_dict()) == list(reference.state_dict()) and prune.is_pruned(nn.Sequential(layer))
    x = torch.ones(1, 3, 4, 4, dtype=torch.float64)
    for module, given in ((layer, to_tx(x)), (reference, x)):
        module(given).pow(2).sum().backward()
    assert_close(layer(to_tx(x)), reference(x))
    assert_close(layer.weight_orig.grad, reference.weight_orig.grad)
    methods = [type(hook).__name__ for hook in layer._forward_pre_hooks.values()]
    assert methods == [type(hook).__name__ for hook in reference._forward_pre_hooks.values()] and len(methods) == 1
    kept = layer.weight_orig
    prune.remove(layer, "weight")
    reference_prune().remove(reference, "weight")
    assert list(layer.state_dict()) == list(reference.state_dict()) and layer.weight is kept
    assert_close(layer.weight, reference.weight)
    assert not prune.is_pruned(layer) and not layer._forward_pre_hooks


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("l1_unstructured", (5,)),
        ("ln_structured", (2, 2, 0)),
        ("ln_structured", (2, 1, -1)),
        ("ln_structured", (1, "fro", 0)),
    ],
)
def test_importance_scores(name, arguments):
    layer, reference = twins(lambda nn: nn.Linear(5, 4))
    scores = torch.linspace(-2, 30, 20, dtype=torch.float64).sin().reshape(4, 5)
    getattr(reference_prune(), name)(reference, "weight", *arguments, importance_scores=scores)
    getattr(prune, name)(layer, "weight", *arguments, importance_scores=to_tx(scores))
    assert_close(layer.weight, reference.weight)
    with pytest.raises(AssertionError, match="importance_scores should have the same shape"):
        prune.l1_unstructured(layer, "bias", 1, importance_scores=tx.ones(3))


@pytest.mark.parametrize("amount, count", [(7, 7), (0.25, 5), (0, 0), (20, 20)])
def test_random_unstructured(amount, count, device):
    tx.manual_seed(0)
    layer = prune.random_unstructured(nn.Linear(5, 4).to(device), "weight", amount)
    assert int((layer.weight_mask == 0).sum()) == count and layer.weight.device.type == device
    assert tx.equal(layer.weight == 0, layer.weight_mask == 0)


@pytest.mark.parametrize("amount, dim, rows, columns", [(2, 0, 2, 5), (0.4, 1, 4, 3), (0.4, -1, 4, 3), (0, 0, 4, 5)])
def test_random_structured(amount, dim, rows, columns, device):
    tx.manual_seed(0)
    layer = prune.random_structured(nn.Linear(5, 4).to(device), "weight", amount, dim)
    mask = layer.weight_mask
    assert int(mask.amax(1).sum()) == rows and int(mask.amax(0).sum()) == columns and int(mask.sum()) == rows * columns


def test_random_masks_differ_and_repeat():
    def draw(seed):
        tx.manual_seed(seed)
        return prune.random_unstructured(nn.Linear(50, 4), "weight", 0.5).weight_mask

    assert tx.equal(draw(1), draw(1)) and not tx.equal(draw(1), draw(2))


def test_global_unstructured():
    layer, reference = twins(lambda nn: nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)))
    for library, module in ((prune, layer), (reference_prune(), reference)):
        library.l1_unstructured(module[0], "weight", 3)
        pairs = [(module[0], "weight"), (module[1], "weight"), (module[0], "bias")]
        library.global_unstructured(pairs, library.L1Unstructured, amount=0.4)
    check_buffers(layer, reference, 1e-6)
    layer, reference = twins(lambda nn: nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3)))
    for library, module, ones in ((prune, layer, tx.ones), (reference_prune(), reference, torch.ones)):
        pairs = ((module[i], "weight") for i in range(2))
        scores = {(module[0], "weight"): ones(4, 5).double() * 100}
        library.global_unstructured(
            pairs if library is prune else list(pairs), library.L1Unstructured, scores, amount=6
        )
    check_buffers(layer, reference, 1e-6)
    assert int((layer[0].weight == 0).sum()) == 0
    with pytest.raises(TypeError, match="not an Iterable"):
        prune.global_unstructured(3, prune.L1Unstructured, amount=1)
    with pytest.raises(TypeError, match="must be of type dict"):
        prune.global_unstructured([], prune.L1Unstructured, importance_scores=[1], amount=1)
    with pytest.raises(TypeError, match='Only "unstructured"'):
        prune.global_unstructured([(layer[0], "weight")], prune.LnStructured, amount=1, n=2)


def test_state_loads_and_training_keeps_the_mask():
    layer = prune.l1_unstructured(nn.Linear(5, 4), "weight", 0.5)
    optimizer = tx.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(tx.ones(2, 5)).square().sum().backward()
        optimizer.step()
    assert tx.equal(layer.weight == 0, layer.weight_mask == 0)
    twin = prune.identity(nn.Linear(5, 4), "weight")
    twin.load_state_dict(layer.state_dict())
    x = tx.randn(2, 5)
    assert tx.equal(twin(x), layer(x))


def test_a_method_by_itself():
    method = prune.L1Unstructured(amount=2)
    t = tx.tensor([1.0, -4.0, 2.0, 3.0])
    assert method.prune(t).tolist() == [0, -4, 0, 3]
    assert method.prune(t, default_mask=tx.tensor([1.0, 1.0, 1.0, 0.0])).tolist() == [0, -4, 0, 0]
    assert method.prune(t, importance_scores=t.abs().flip(0)).tolist() == [1, 0, 2, 0]
    with pytest.raises(AssertionError, match="the same shape as tensor t"):
        method.prune(t, importance_scores=tx.ones(3))
    container = prune.PruningContainer()
    container._tensor_name = method._tensor_name = "weight"
    container.add_pruning_method(method)
    assert len(container) == 1 and container[0] is method and list(container) == [method]
    with pytest.raises(TypeError, match="is not a BasePruningMethod"):
        container.add_pruning_method(3)
    other = prune.Identity()
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="Found 'bias'"):
        container.add_pruning_method(other)
    with pytest.raises(AssertionError, match="has to be pruned"):
        prune.Identity().remove(nn.Linear(2, 2))


class Wrong(prune.BasePruningMethod):
    PRUNING_TYPE = "sideways"

    def compute_mask(self, t, default_mask):
        if default_mask.min() == 1:
            raise RuntimeError("nothing to go by")
        return default_mask


def test_errors_leave_the_module_alone():
    layer = nn.Linear(5, 4)
    for call, error, message in (
        (lambda: prune.l1_unstructured(layer, "weight", 21), ValueError, "should be smaller than the number"),
        (lambda: prune.l1_unstructured(layer, "weight", 1.5), ValueError, r"a float in the range \[0, 1\]"),
        (lambda: prune.l1_unstructured(layer, "weight", -1), ValueError, "non-negative integer"),
        (lambda: prune.l1_unstructured(layer, "weight", float("nan")), ValueError, "a float in the range"),
        (lambda: prune.l1_unstructured(layer, "weight", "much"), TypeError, "Invalid type for amount"),
        (lambda: prune.l1_unstructured(layer, "missing", 1), AttributeError, "missing"),
        (lambda: prune.random_structured(layer, "bias", 1, 0), ValueError, "multidimensional"),
        (lambda: prune.ln_structured(layer, "weight", 1, 2, 2), IndexError, "Invalid index 2"),
        (lambda: prune.ln_structured(layer, "weight", 1, 2, -3), IndexError, "Invalid index -3"),
        (lambda: prune.custom_from_mask(layer, "weight", tx.ones(3)), AssertionError, "shape"),
        (lambda: prune.remove(layer, "weight"), ValueError, "has to be pruned before"),
        (lambda: Wrong.apply(layer, "weight"), RuntimeError, "nothing to go by"),
    ):
        with pytest.raises(error, match=message):
            call()
    assert list(layer.state_dict()) == ["weight", "bias"] and not layer._forward_pre_hooks
    prune.l1_unstructured(layer, "weight", 1)
    with pytest.raises(ValueError, match="Unrecognized PRUNING_TYPE sideways"):
        Wrong.apply(layer, "weight")
    assert len(layer._forward_pre_hooks) == 1 and layer(tx.ones(1, 5)).shape == (1, 4)
    prune.remove(layer, "weight")


def test_every_public_name():
    theirs = {name for name in dir(reference_prune()) if not name.startswith("_")}
    assert theirs - set(dir(prune)) <= {"abstractmethod", "numbers", "torch"}
