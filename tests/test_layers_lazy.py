"""Lazy layers and uninitialized parameters, against PyTorch's."""

import copy
import io
import pickle
import warnings

import pytest

import tensorx as tx
from nn_parity import assert_close, check_module, copy_weights, draw, to_tx, torch

# (layer, arguments, keyword arguments, shape of the input)
LAZY = [
    ("LazyLinear", (3,), {}, (2, 5)),
    ("LazyLinear", (3,), {"bias": False}, (5,)),
    ("LazyConv1d", (4, 3), {"padding": 1}, (2, 6, 7)),
    ("LazyConv1d", (4, 3), {}, (6, 7)),
    ("LazyConv2d", (4, 3), {"groups": 2, "stride": 2}, (2, 6, 5, 7)),
    ("LazyConv3d", (4, 2), {"bias": False}, (1, 3, 3, 4, 4)),
    ("LazyConvTranspose1d", (4, 3), {"stride": 2, "output_padding": 1}, (2, 6, 7)),
    ("LazyConvTranspose2d", (4, 3), {"groups": 2}, (2, 6, 4, 5)),
    ("LazyConvTranspose3d", (4, 2), {}, (3, 2, 3, 3)),
    ("LazyBatchNorm1d", (), {}, (4, 3)),
    ("LazyBatchNorm1d", (), {"affine": False, "momentum": None}, (4, 3, 5)),
    ("LazyBatchNorm2d", (), {"bias": False}, (2, 3, 4, 5)),
    ("LazyBatchNorm3d", (), {"track_running_stats": False}, (2, 3, 2, 4, 5)),
    ("LazyInstanceNorm1d", (), {}, (2, 3, 5)),
    ("LazyInstanceNorm2d", (), {"affine": False}, (2, 3, 4, 5)),
    ("LazyInstanceNorm3d", (), {}, (2, 3, 2, 4, 5)),
]


def make(name, args, kwargs):
    return getattr(tx.nn, name)(*args, **kwargs).double(), getattr(torch.nn, name)(*args, **kwargs).double()


@pytest.mark.parametrize("name, args, kwargs, shape", LAZY)
def test_the_first_call_makes_an_ordinary_layer(name, args, kwargs, shape):
    layer, reference = make(name, args, kwargs)
    assert repr(layer) == repr(reference)
    assert list(layer.state_dict()) == list(reference.state_dict())
    parameters = list(layer.parameters())
    x = draw(*shape)
    reference(x), layer(to_tx(x))
    assert type(layer).__name__ == type(reference).__name__ == name.removeprefix("Lazy")
    assert all(mine is known for mine, known in zip(layer.parameters(), parameters, strict=True))
    assert not any(tx.nn.parameter.is_lazy(value) for value in layer.state_dict().values())
    copy_weights(layer, reference)
    check_module(layer, reference, [x])


@pytest.mark.parametrize("name, args, kwargs, shape", LAZY)
def test_no_warnings(name, args, kwargs, shape):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        getattr(tx.nn, name)(*args, **kwargs)(tx.zeros(shape))


@pytest.mark.parametrize("name, args, kwargs, shape", LAZY)
def test_initialisation(name, args, kwargs, shape):
    """The values have the distribution that those of the ordinary layer have: the same bits for the same seed."""
    lazy, x = getattr(tx.nn, name)(*args, **kwargs), tx.zeros(shape)
    tx.manual_seed(5)
    lazy.eval()(x)
    tx.manual_seed(5)
    if "Norm" in name:
        options = {"affine": True, "track_running_stats": True, **kwargs}
        channels = shape[1]
    else:
        options, channels = kwargs, shape[-1] if name == "LazyLinear" else shape[-int(name[-2]) - 1]
    plain = getattr(tx.nn, name.removeprefix("Lazy"))(channels, *args, **options)
    assert repr(plain) == repr(lazy)
    for mine, expected in zip(lazy.state_dict().values(), plain.state_dict().values(), strict=True):
        assert tx.equal(mine, expected)


@pytest.mark.parametrize("name, args, kwargs, shape", LAZY)
def test_a_real_state_dict_loads_before_the_first_call(name, args, kwargs, shape):
    trained, reference = make(name, args, kwargs)
    x = draw(*shape)
    reference(x)
    copy_weights(trained, reference)
    assert not trained.has_uninitialized_params()
    check_module_after_first_call(trained, reference, x)


def test_a_part_of_a_state_dict_stays():
    """What was not loaded is initialised by the first call; the rest keeps its values."""
    linear, norm = tx.nn.LazyLinear(2), tx.nn.LazyBatchNorm1d()
    linear.load_state_dict({"bias": tx.tensor([3.0, 4.0])}, strict=False)
    norm.load_state_dict({"weight": tx.full((5,), 2.0), "num_batches_tracked": tx.tensor(7)}, strict=False)
    linear(tx.zeros(1, 5)), norm.eval()(tx.zeros(2, 5))
    assert linear.bias.tolist() == [3.0, 4.0] and linear.weight.abs().sum().item() > 0
    assert norm.weight.tolist() == [2.0] * 5 and norm.bias.tolist() == [0.0] * 5
    assert norm.running_var.tolist() == [1.0] * 5 and norm.num_batches_tracked.item() == 7


def check_module_after_first_call(layer, reference, x):
    layer.eval(), reference.eval()
    assert_close(layer(to_tx(x)), reference(x), 1e-10)
    assert repr(layer) == repr(reference)


def test_copies_pickles_and_saved_files():
    model = tx.nn.Sequential(tx.nn.LazyConv2d(4, 3), tx.nn.LazyBatchNorm2d(), tx.nn.Flatten(), tx.nn.LazyLinear(2))
    x = tx.randn(2, 3, 5, 5)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert [repr(value) for value in twin.parameters()] == ["<UninitializedParameter>"] * 6
        assert all(a is not b for a, b in zip(twin.parameters(), model.parameters()))
        assert twin(x).shape == (2, 2)
    assert model[0].has_uninitialized_params()

    before = tx.nn.Sequential(tx.nn.LazyLinear(2))
    assert before.load_state_dict(tx.nn.Sequential(tx.nn.LazyLinear(2)).state_dict()).missing_keys == []
    assert before[0].has_uninitialized_params()
    file = io.BytesIO()
    trained = tx.nn.Sequential(tx.nn.LazyLinear(2))
    trained(tx.ones(1, 7))
    tx.save(trained.state_dict(), file)
    file.seek(0)
    before.load_state_dict(tx.load(file))
    assert tx.equal(before[0].weight, trained[0].weight)
    with pytest.raises(RuntimeError, match="the shape of an uninitialized parameter"):
        trained.load_state_dict(tx.nn.Sequential(tx.nn.LazyLinear(2)).state_dict())


def test_files_of_uninitialized_states():
    model = tx.nn.Sequential(tx.nn.LazyLinear(2), tx.nn.LazyBatchNorm1d())
    file = io.BytesIO()
    tx.save(model.state_dict(), file)
    theirs = io.BytesIO()
    torch.save(torch.nn.Sequential(torch.nn.LazyLinear(2), torch.nn.LazyBatchNorm1d()).state_dict(), theirs)
    for source in (file, theirs):
        source.seek(0)
        state = tx.load(source)
        assert {name: type(value) for name, value in state.items()} == {
            name: type(value) for name, value in model.state_dict().items()
        }
        model.load_state_dict(state)
        assert model[0].has_uninitialized_params()
    file.seek(0)
    read = torch.load(file, weights_only=False)
    assert isinstance(read["0.weight"], torch.nn.UninitializedParameter) and "1.running_mean" in read
    assert model(tx.ones(3, 4)).shape == (3, 2)


def test_moving_and_converting(device):
    layer = tx.nn.LazyBatchNorm1d(device=device, dtype=tx.float16).to(tx.float64)
    assert {value.dtype for value in layer.parameters()} == {tx.float64}
    assert {value.device.type for value in layer.buffers()} == {device}
    layer.requires_grad_(False)
    assert layer(tx.randn(4, 3, device=device, dtype=tx.float64)).dtype == tx.float64
    assert not layer.weight.requires_grad and layer.running_mean.shape == (3,)
    assert tx.nn.LazyLinear(2).to_empty(device=device)(tx.ones(2, 3, device=device)).device.type == device
    assert tx.nn.LazyLinear(2).to(device)(tx.ones(2, 3, device=device)).device.type == device


def test_an_optimiser_made_before_the_first_call():
    layer = tx.nn.LazyLinear(2)
    optimiser = tx.optim.SGD(layer.parameters(), lr=0.1)
    layer(tx.ones(1, 3)).sum().backward()
    before = layer.weight.detach().clone()
    optimiser.step()
    assert tx.allclose(layer.weight.detach(), before - 0.1)


@pytest.mark.parametrize("use", [
    lambda w: w + 1, lambda w: tx.ones(2) * w, lambda w: w.sum(), lambda w: w[0], lambda w: w.numpy(), lambda w: len(w),
    lambda w: tx.nn.init.ones_(w), lambda w: w.copy_(tx.ones(2)), lambda w: w.size(), lambda w: w.numel(),
])  # fmt: skip
def test_what_needs_values_is_refused(use):
    for value in (tx.nn.UninitializedParameter(), tx.nn.UninitializedBuffer()):
        with pytest.raises(ValueError, match="call the module with a batch"):
            use(value)


def test_the_shape_is_refused():
    for name in ("shape", "ndim", "T"):
        with pytest.raises(RuntimeError, match=f"Can't access the {name} of an uninitialized parameter"):
            getattr(tx.nn.UninitializedParameter(), name)


def test_materialize(device):
    weight = tx.nn.UninitializedParameter(requires_grad=False, device=device, dtype=tx.float64)
    weight.materialize((2, 3))
    assert type(weight) is tx.nn.Parameter and weight.shape == (2, 3) and weight.dtype == tx.float64
    assert weight.device.type == device and not weight.requires_grad
    buffer = tx.nn.UninitializedBuffer(persistent=False)
    buffer.materialize((4,), dtype=tx.int64)
    assert type(buffer) is tx.nn.Buffer and buffer.dtype == tx.int64 and not buffer.persistent


@pytest.mark.parametrize("name, args, shape, error, text", [
    ("LazyLinear", (3,), (), RuntimeError, "LazyLinear: expected input of shape"),
    ("LazyConv2d", (3, 2), (2, 3), RuntimeError, r"LazyConv2d, but got input of size: \[2, 3\]"),
    ("LazyConvTranspose1d", (4, 2, 1, 0, 0, 2), (1, 3, 5), ValueError, "LazyConvTranspose1d: in_channels must be divisible"),
    ("LazyBatchNorm2d", (), (2, 3), ValueError, "LazyBatchNorm2d: expected 4D input"),
])  # fmt: skip
def test_errors_of_the_first_call(name, args, shape, error, text):
    layer = getattr(tx.nn, name)(*args)
    with pytest.raises(error, match=text):
        layer(tx.zeros(shape))
    assert layer.has_uninitialized_params()  # and a right input still works


class Scale(tx.nn.modules.lazy.LazyModuleMixin, tx.nn.Module):
    """A lazy module of a user's: it keeps its class."""

    def __init__(self):
        super().__init__()
        self.factor, self.forgotten = tx.nn.UninitializedParameter(), None
        self.calls = 0

    def initialize_parameters(self, input, scale=1.0):
        self.calls += 1
        self.factor.materialize(input.shape[-1:])
        tx.nn.init.constant_(self.factor, scale)

    def forward(self, input, scale=1.0):
        return input * self.factor


def test_a_lazy_module_of_ones_own():
    layer = Scale()
    assert layer(tx.ones(2, 3), scale=2.0).tolist() == [[2.0] * 3] * 2
    assert layer(tx.ones(2, 3), scale=5.0).sum().item() == 12.0 and layer.calls == 1 and type(layer) is Scale
    layer = Scale()
    layer.register_parameter("other", tx.nn.UninitializedParameter())
    with pytest.raises(RuntimeError, match="has not been fully initialized"):
        layer(tx.ones(2, 3))
    with pytest.raises(NotImplementedError, match="initialize_parameters is not implemented"):
        tx.nn.modules.lazy.LazyModuleMixin()(1)
