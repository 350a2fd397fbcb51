"""Parametrizations, and the older hooks for spectral and weight norm, against PyTorch's."""

import copy
import pickle
import threading

import pytest

import tensorx as tx
from nn_parity import assert_close, check_buffers, check_gradients, compare_calls, draw, to_tx, torch, twins
from tensorx import nn
from tensorx.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.usefixtures("seeded")


def made(make, nn):
    """A layer of the table below, of one library's nn."""
    return make(nn, nn.utils.parametrizations, nn.utils)


# (id, how to make the parametrized layer of nn, parametrizations, utils; shape of its input)
LAYERS = [
    ("spectral_norm", lambda nn, p, u: p.spectral_norm(nn.Linear(4, 3)), (5, 4)),
    ("spectral_norm-conv", lambda nn, p, u: p.spectral_norm(nn.Conv2d(2, 3, 2), n_power_iterations=3), (2, 2, 4, 4)),
    ("spectral_norm-transposed", lambda nn, p, u: p.spectral_norm(nn.ConvTranspose1d(2, 3, 2)), (2, 2, 4)),
    ("spectral_norm-dim", lambda nn, p, u: p.spectral_norm(nn.Linear(4, 3), dim=1, eps=1e-3), (5, 4)),
    ("spectral_norm-vector", lambda nn, p, u: p.spectral_norm(nn.Linear(4, 3), "bias"), (5, 4)),
    ("weight_norm", lambda nn, p, u: p.weight_norm(nn.Linear(4, 3)), (5, 4)),
    ("weight_norm-dim", lambda nn, p, u: p.weight_norm(nn.Conv1d(2, 3, 2), dim=1), (2, 2, 4)),
    ("weight_norm-last", lambda nn, p, u: p.weight_norm(nn.Conv1d(2, 3, 2), dim=2), (2, 2, 4)),
    ("weight_norm-all", lambda nn, p, u: p.weight_norm(nn.Linear(4, 3), dim=None), (5, 4)),
    ("weight_norm-bias", lambda nn, p, u: p.weight_norm(nn.Linear(4, 3), "bias"), (5, 4)),
    ("orthogonal", lambda nn, p, u: p.orthogonal(nn.Linear(4, 4)), (5, 4)),
    ("orthogonal-tall", lambda nn, p, u: p.orthogonal(nn.Linear(3, 5)), (5, 3)),
    ("orthogonal-wide", lambda nn, p, u: p.orthogonal(nn.Linear(5, 3), orthogonal_map="cayley"), (5, 5)),
    ("orthogonal-exp", lambda nn, p, u: p.orthogonal(nn.Linear(5, 3), orthogonal_map="matrix_exp"), (5, 5)),
    (
        "orthogonal-plain",
        lambda nn, p, u: p.orthogonal(nn.Linear(5, 3), orthogonal_map="householder", use_trivialization=False),
        (5, 5),
    ),
    (
        "orthogonal-rotation",
        lambda nn, p, u: p.orthogonal(nn.Linear(3, 5), orthogonal_map="cayley", use_trivialization=False),
        (5, 3),
    ),
    ("both", lambda nn, p, u: p.spectral_norm(p.weight_norm(nn.Linear(4, 3))), (5, 4)),
    ("two names", lambda nn, p, u: p.weight_norm(p.spectral_norm(nn.Linear(4, 3)), "bias"), (5, 4)),
    ("hook spectral_norm", lambda nn, p, u: u.spectral_norm(nn.Linear(4, 3)), (5, 4)),
    ("hook spectral_norm-conv", lambda nn, p, u: u.spectral_norm(nn.ConvTranspose1d(2, 3, 2), "weight", 2), (2, 2, 4)),
    ("hook weight_norm", lambda nn, p, u: u.weight_norm(nn.Linear(4, 3)), (5, 4)),
    ("hook weight_norm-dim", lambda nn, p, u: u.weight_norm(nn.Conv1d(2, 3, 2), dim=2), (2, 2, 4)),
    ("hook weight_norm-all", lambda nn, p, u: u.weight_norm(nn.Linear(4, 3), dim=None), (5, 4)),
]
NAMES = [row[0] for row in LAYERS]


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name, make, shape", LAYERS, ids=NAMES)
def test_values_gradients_and_names(name, make, shape, training):
    layer, reference = twins(lambda nn: made(make, nn))
    assert list(layer.state_dict()) == list(reference.state_dict())
    assert [n for n, _ in layer.named_parameters()] == [n for n, _ in reference.named_parameters()]
    assert repr(layer) == repr(reference) and type(layer).__name__ == type(reference).__name__
    for module in (layer, reference):
        module.train(training)
    for seed in range(2):  # twice: power iteration moves on
        compare_calls(layer, reference, [draw(*shape, seed=seed)], 1e-8)
    check_gradients(layer, reference, 1e-8)
    check_buffers(layer, reference, 1e-8)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
@pytest.mark.parametrize("name, make, shape", LAYERS, ids=NAMES)
def test_on_a_device(name, make, shape, device):
    """Moved there, the layer computes what it did, and its gradients arrive."""
    layer = made(make, nn).eval()
    x = tx.randn(shape)
    expected = layer(x)
    moved = layer.to(device)
    result = moved(x.to(device))
    assert result.device.type == device and tx.allclose(result.cpu(), expected, atol=1e-5)
    result.sum().backward()
    assert any(parameter.grad is not None for parameter in moved.parameters())


@pytest.mark.parametrize("name, make, shape", [row for row in LAYERS if "hook" not in row[0]])
def test_copies_are_independent(name, make, shape):
    layer = made(make, nn).eval()
    tensor_name = next(iter(layer.parametrizations))
    x = tx.randn(shape)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert tx.equal(twin(x), layer(x)) and parametrize.is_parametrized(twin, tensor_name)
        parametrize.remove_parametrizations(twin, tensor_name)
        assert parametrize.is_parametrized(layer, tensor_name)  # the class is the copy's own
        assert tx.allclose(twin(x), layer(x))


def test_gradients_to_second_order():
    layer = parametrizations.spectral_norm(nn.Linear(3, 2)).double().eval()
    x = tx.randn(4, 3, dtype=tx.float64, requires_grad=True)
    original = layer.parametrizations.weight.original

    def call(x, weight):
        return tx.func.functional_call(layer, {"parametrizations.weight.original": weight}, (x,))

    assert tx.autograd.gradcheck(call, (x, original)) and tx.autograd.gradgradcheck(call, (x, original))


# The mechanism ------------------------------------------------------------------------------------


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).mT

    def right_inverse(self, x):
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x):
        return x * 2


class Halves(nn.Module):
    """Of two tensors."""

    def forward(self, a, b):
        return a + b

    def right_inverse(self, x):
        return x / 2, x / 2


def test_a_parametrized_tensor():
    layer = nn.Linear(3, 3)
    weight, before = layer.weight, layer.weight.detach().clone()
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert isinstance(layer, nn.Linear) and parametrize.type_before_parametrizations(layer) is nn.Linear
    assert layer.parametrizations.weight.original is weight  # an optimiser that has it goes on
    assert tx.equal(layer.weight, before.triu() + before.triu(1).T) and not layer.weight.is_leaf
    with pytest.raises(KeyError, match="already exists"):
        layer.weight = nn.Parameter(before)
    with pytest.raises(KeyError, match="already exists"):
        layer.register_buffer("weight", before)
    new = tx.arange(9.0).reshape(3, 3)
    layer.weight = new + new.T
    assert tx.equal(layer.weight, new + new.T) and tx.equal(weight, (new + new.T).triu())
    layer(tx.ones(2, 3)).sum().backward()
    assert tx.equal(weight.grad, weight.grad.triu()) and weight.grad.abs().sum() > 0
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is nn.Linear and layer.weight is weight and tx.equal(weight, new + new.T)
    assert not parametrize.is_parametrized(layer) and not hasattr(layer, "parametrizations")


def test_leaving_the_original():
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Doubled())
    original = layer.parametrizations.weight.original.detach().clone()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    assert tx.equal(layer.weight, original)
    parametrize.register_parametrization(layer, "weight", Halves())
    assert [n for n, _ in layer.parametrizations.weight.named_parameters()] == ["original0", "original1"]
    with pytest.raises(ValueError, match="in terms of a sequence of tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and tx.equal(layer.weight, original) and layer.weight.is_leaf


def test_several_in_order():
    layer = nn.Linear(3, 3, bias=True)
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "bias", Doubled())
    doubled = layer.parametrizations.weight.original * 2
    assert tx.equal(layer.weight, doubled.triu() + doubled.triu(1).T)
    with pytest.raises(RuntimeError, match="Doubled does not implement right_inverse"):
        layer.weight = tx.zeros(3, 3)
    parametrize.remove_parametrizations(layer, "weight")
    assert parametrize.is_parametrized(layer, "bias") and type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter)
    parametrize.remove_parametrizations(layer, "bias")
    assert type(layer) is nn.Linear


class Plus(nn.Module):
    def forward(self, x):
        return x + 1

    def right_inverse(self, x):
        return x - 1


class Times(nn.Module):
    def forward(self, x):
        return x * 4

    def right_inverse(self, x):
        return x / 4


def test_assignment_goes_through_the_inverses_from_last_to_first():
    layer = nn.Linear(3, 3)
    for made in (Plus(), Times()):
        parametrize.register_parametrization(layer, "weight", made)
    layer.weight = tx.full((3, 3), 12.0)
    assert tx.equal(layer.parametrizations.weight.original, tx.full((3, 3), 2.0))
    assert tx.equal(layer.weight, tx.full((3, 3), 12.0))


@pytest.mark.parametrize("apply", [parametrizations.spectral_norm, nn.utils.spectral_norm])
def test_two_calls_before_one_backward(apply):
    """As in a GAN: the second call's power iteration must not change what the first call's graph keeps."""
    layer, x = apply(nn.Linear(3, 3)), tx.ones(2, 3)
    (layer(x).sin() + layer(x * 2).sin()).sum().backward()
    assert layer.bias.grad is not None


def test_a_buffer_and_frozen_parameters():
    module = nn.Module()
    module.register_buffer("scale", tx.ones(2))
    parametrize.register_parametrization(module, "scale", Doubled())
    assert list(module.state_dict()) == ["parametrizations.scale.original"] and not list(module.parameters())
    parametrize.remove_parametrizations(module, "scale")
    assert module._buffers["scale"].tolist() == [2, 2]
    layer = nn.Linear(2, 2).requires_grad_(False)
    parametrize.register_parametrization(layer, "weight", Halves())
    assert not any(parameter.requires_grad for parameter in layer.parameters()) and not layer.weight.requires_grad


def test_training_mode_reaches_the_parametrization():
    layer = parametrizations.spectral_norm(nn.Linear(3, 3).eval())
    made = layer.parametrizations.weight[0]
    assert not made.training
    before = made._u.clone()
    layer.weight
    assert tx.equal(made._u, before)
    layer.train().weight
    assert made.training


def test_cached():
    layer = parametrizations.weight_norm(nn.Linear(3, 3))
    other = copy.deepcopy(layer)
    with parametrize.cached():
        first = layer.weight
        assert layer.weight is first and other.weight is not first
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
        seen = []
        thread = threading.Thread(target=lambda: seen.append(layer.weight))
        thread.start()
        thread.join()
        assert seen[0] is not first  # a thread has a cache of its own
        (layer(tx.ones(1, 3)) + layer(tx.ones(1, 3))).sum().backward()
    assert layer.weight is not first and layer.parametrizations.weight.original0.grad is not None


def test_transfer():
    first, second = parametrizations.weight_norm(nn.Linear(3, 3)), nn.Linear(3, 3)
    parametrize.register_parametrization(first, "bias", Doubled())
    assert parametrize.transfer_parametrizations_and_params(first, second) is second
    assert tx.equal(first.weight, second.weight) and tx.equal(first.bias, second.bias)
    assert second.parametrizations.bias.original is first.parametrizations.bias.original
    third = parametrize.transfer_parametrizations_and_params(first, nn.Module(), "bias")
    assert tx.equal(third.bias, first.bias) and not parametrize.is_parametrized(third, "weight")
    plain = nn.Linear(3, 3)
    assert parametrize.transfer_parametrizations_and_params(nn.Linear(3, 3), plain) is plain
    assert not parametrize.is_parametrized(plain)


class Returns(nn.Module):
    def __init__(self, forward=lambda x: x, back=None):
        super().__init__()
        self.result = forward
        if back is not None:
            self.right_inverse = back

    def forward(self, *tensors):
        return self.result(*tensors)


@pytest.mark.parametrize("prepare", [False, True], ids=["first", "second"])
@pytest.mark.parametrize(
    "made, message",
    [
        (Returns(lambda x: x.sum()), "may not change the shape"),
        (Returns(lambda x: x.double()), "may not change the dtype"),
        (Returns(lambda x: [x]), "must return a tensor"),
        (Returns(back=lambda x: x.double()), "dtype"),
        (Returns(back=lambda x: 3), "(must return a|a Sequence of tensors)"),
    ],
)
def test_what_does_not_fit_is_refused(made, message, prepare):
    layer = nn.Linear(3, 2)
    if prepare:
        parametrize.register_parametrization(layer, "weight", Doubled())
    state = list(layer.state_dict())
    with pytest.raises(ValueError, match=message):
        parametrize.register_parametrization(layer, "weight", made)
    assert list(layer.state_dict()) == state
    assert layer(tx.ones(1, 3)).shape == (1, 2)


def test_unsafe_permits_another_shape():
    layer = nn.Linear(3, 2)
    parametrize.register_parametrization(layer, "weight", Returns(lambda x: x[:1]), unsafe=True)
    assert layer.weight.shape == (1, 3)


def test_errors():
    layer = nn.Linear(3, 2)
    with pytest.raises(ValueError, match="does not have a parameter, a buffer, or a parametrized element"):
        parametrize.register_parametrization(layer, "missing", Doubled())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")
    with pytest.raises(ValueError, match="requires one or more modules"):
        parametrize.ParametrizationList([], layer.weight)
    for make, error, message in (
        (lambda: parametrizations.spectral_norm(layer, "missing"), ValueError, "no parameter or buffer with name"),
        (lambda: parametrizations.spectral_norm(layer, dim=2), IndexError, "Dimension out of range"),
        (lambda: parametrizations.spectral_norm(layer, n_power_iterations=0), ValueError, "to be positive"),
        (lambda: parametrizations.orthogonal(layer, "bias"), ValueError, "Expected a matrix"),
        (lambda: parametrizations.orthogonal(layer, orthogonal_map="givens"), ValueError, "has to be one of"),
        (lambda: nn.utils.spectral_norm(layer, n_power_iterations=0), ValueError, "to be positive"),
        (lambda: nn.utils.spectral_norm(nn.LazyLinear(2)), ValueError, "uninitialized; call the module once"),
        (lambda: nn.utils.remove_spectral_norm(layer), ValueError, "spectral_norm of 'weight' not found"),
        (lambda: nn.utils.remove_weight_norm(layer), ValueError, "weight_norm of 'weight' not found"),
    ):
        with pytest.raises(error, match=message):
            make()
    assert type(layer) is nn.Linear


# The three parametrizations -----------------------------------------------------------------------


@pytest.mark.parametrize("trivialized", [True, False])
@pytest.mark.parametrize("orthogonal_map", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(4, 4), (6, 3), (3, 6), (2, 5, 3)])
def test_orthogonal(shape, orthogonal_map, trivialized, device):
    module = nn.Module()
    module.weight = nn.Parameter(tx.randn(shape, dtype=tx.float64, device=device))
    parametrizations.orthogonal(module, "weight", orthogonal_map, use_trivialization=trivialized)

    def error(q):
        q = q if shape[-2] >= shape[-1] else q.mT
        return (q.mT @ q - tx.eye(q.shape[-1], dtype=q.dtype, device=device)).abs().max().item()

    assert error(module.weight) < 1e-12 and module.weight.shape == shape
    target = tx.linalg.qr(tx.randn(shape, dtype=tx.float64, device=device))[0]
    if shape[-2] < shape[-1]:
        target = tx.linalg.qr(tx.randn(shape, dtype=tx.float64, device=device).mT)[0].mT
    if trivialized or orthogonal_map == "householder":
        module.weight = target
        assert tx.allclose(module.weight, target, atol=1e-12)
    else:
        with pytest.raises(NotImplementedError, match="use_trivialization=False"):
            module.weight = target
    with pytest.raises((ValueError, NotImplementedError)):
        module.weight = target[..., :2]
    (module.weight * target.cos()).sum().backward()
    original = module.parametrizations.weight.original
    with tx.no_grad():  # a step of descent stays on the manifold
        original -= 0.3 * original.grad
    assert error(module.weight) < 1e-12


def test_complex_orthogonal():
    module = nn.Module()
    module.weight = nn.Parameter(tx.randn(3, 3, dtype=tx.complex128))
    parametrizations.orthogonal(module)
    q = module.weight
    assert tx.allclose(q.mH @ q, tx.eye(3, dtype=tx.complex128))
    with pytest.raises(ValueError, match="does not support complex"):
        other = nn.Module()
        other.weight = nn.Parameter(tx.randn(3, 3, dtype=tx.complex128))
        parametrizations.orthogonal(other, orthogonal_map="householder")


def test_spectral_norm_converges(device):
    layer = parametrizations.spectral_norm(nn.Conv2d(3, 5, 3)).to(device)
    for _ in range(200):
        layer.weight
    singular = tx.linalg.svdvals(layer.eval().weight.flatten(1).cpu())
    assert abs(singular[0].item() - 1) < 1e-4


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_removing_the_hooks():
    x = tx.randn(2, 4)
    for apply, remove in (
        (nn.utils.weight_norm, nn.utils.remove_weight_norm),
        (nn.utils.spectral_norm, nn.utils.remove_spectral_norm),
    ):
        layer = apply(nn.Linear(4, 3)).eval()
        with pytest.raises(RuntimeError, match="Cannot register two"):
            apply(layer)
        before = layer(x)
        remove(layer)
        assert list(layer.state_dict()) == ["bias", "weight"] and isinstance(layer.weight, nn.Parameter)
        assert tx.allclose(layer(x), before)
        assert not layer._forward_pre_hooks and not layer._state_dict_hooks and not layer._load_state_dict_pre_hooks


def test_old_weight_norm_warns_and_its_state_loads_as_a_parametrization():
    with pytest.warns(FutureWarning, match=r"parametrizations\.weight_norm"):
        older = nn.utils.weight_norm(nn.Linear(4, 3))
    layer = nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3)))
    assert str(layer.load_state_dict(nn.Sequential(older).state_dict())) == "<All keys matched successfully>"
    x = tx.randn(2, 4)
    assert tx.allclose(layer(x), older(x))


def test_old_spectral_norm_state():
    """Of version 0: with the weight, without v."""
    layer, reference = nn.utils.spectral_norm(nn.Linear(3, 4)), torch.nn.utils.spectral_norm(torch.nn.Linear(3, 4))
    state = reference.state_dict()
    assert layer.state_dict()._metadata == state._metadata
    x = torch.ones(1, 3)
    reference(x)
    state["weight"] = reference.weight.detach()
    del state["weight_v"], state._metadata[""]["spectral_norm"]
    ours = type(state)((name, to_tx(value)) for name, value in state.items())
    ours._metadata = copy.deepcopy(state._metadata)
    layer.load_state_dict(ours)
    reference.load_state_dict(state)
    assert_close(layer.weight_v, reference.weight_v, 1e-5)
    assert_close(layer.eval()(to_tx(x)), reference.eval()(x), 1e-5)
    del ours["weight_u"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: .*"weight_u"'):
        layer.load_state_dict(ours)
